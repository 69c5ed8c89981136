"""Natural breaks: the classes of least spread, from counts that any chunking adds up to."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import xarray as xr

from mineeco_xr.chunks import Reduced, reduce_blocks
from mineeco_xr.chunks.reread import reread
from mineeco_xr.cube.provenance import finalize
from mineeco_xr.errors import ParameterError
from mineeco_xr.stats.scene import groups_of, scene_of, small_array

BINS = 65536
MOST_CLASSES = 254
SEARCHED = 2
"""Coarse bins on either side of a coarse break that are cut finely."""


def natural_breaks(
    data: xr.DataArray, k: int = 5, *, bins: int = BINS, by: str | None = None
) -> xr.DataArray:
    """Return the upper bounds of the ``k`` classes with the least spread within them.

    Parameters
    ----------
    data : xarray.DataArray
        Dims with ``y`` and ``x``; NaN, infinities and ``_FillValue`` of integers are nodata.
    k : int
        Number of classes, 2 to 254.
    bins : int
        Up to how many distinct values the solution is exact; with more, about how many bins stand
        for them. At least ``max(k, 256)``.
    by : str, optional
        A dim, such as ``"time"``, each of whose entries gets breaks of its own. By default all
        dates share theirs, so that their classes can be compared.

    Returns
    -------
    xarray.DataArray
        Dims ``(class,)`` or ``(class, by)``, float64, in units of the data: the largest value of
        each class, which belongs to it. Coordinates: ``count`` and ``mean`` of each class;
        ``goodness`` of variance fit, 1 less the share of the sum of squares that is left within
        classes; ``goodness_bound``, how much better the goodness of the best of all solutions can
        be; ``exact``, whether there was a count for each distinct value. NaN without any valid
        cell. Lazy when the data are.

    Raises
    ------
    ParameterError
        If ``k`` or ``bins`` is out of range, or, when it is computed, if there are fewer distinct
        values than classes.
    SchemaError
        If ``by`` is no dim of the raster.

    Notes
    -----
    Minimises ``sum_c sum_{i in c} (v_i - mean_c)^2`` by dynamic programming (Fisher 1958; Jenks
    1977), in ``O(k m log m)`` for ``m`` distinct values or bins. Crosses chunks by two reductions,
    each of which reads lazy data once. The first counts the distinct values or, when there are more
    than ``bins``, fixed bins of 1/128 of a power of two; the second cuts these again: half of the
    bins go to where the first breaks were, half to where many values share a wide bin. Counts and
    sums are integers: equal bits for any chunking. Memory is bounded by the bins. With bins of
    ``n_b`` values and width ``w_b`` the sum of squares exceeds the least by at most
    ``2 max(n_b w_b) (max - min)``; the bound adds ``sum n_b w_b^2 / 4`` for what the spread
    within bins does to the goodness.

    References
    ----------
    Fisher, W. D. (1958). Journal of the American Statistical Association 53, 789-798.
    Jenks, G. F. (1977). Optimal data classification for choropleth maps. University of Kansas.

    Examples
    --------
    >>> import numpy as np
    >>> from mineeco_xr.testing import with_grid
    >>> found = natural_breaks(with_grid(np.array([[1.0, 2.0, 2.0, 9.0, 11.0, 30.0]])), k=3)
    >>> found.values, found["count"].values, bool(found["exact"])
    (array([ 2., 11., 30.]), array([3, 2, 1]), True)
    """
    require_classes(k)
    scene = scene_of(data, by)
    solved = solve_breaks(scene, k, bins, by)
    shaped = partial(small_array, solved, data=scene, by=by)
    result = shaped(partial(_field, name="breaks"), dim="class", size=k)
    result = result.assign_coords(
        {
            "class": np.arange(1, k + 1),
            "count": shaped(partial(_field, name="count"), dim="class", size=k, dtype="int64"),
            "mean": shaped(partial(_field, name="mean"), dim="class", size=k),
            "goodness": shaped(partial(_field, name="goodness")),
            "goodness_bound": shaped(partial(_field, name="bound")),
            "exact": shaped(partial(_field, name="exact"), dtype="bool"),
        }
    )
    units = {"units": data.attrs["units"]} if "units" in data.attrs else {}
    label = data.attrs.get("long_name", data.name or "value")
    for name, own, text in (
        ("count", {"units": "1"}, "cells of each class"),
        ("mean", units, f"mean {label} of each class"),
        ("goodness", {"units": "1"}, "goodness of variance fit"),
        ("goodness_bound", {"units": "1"}, "most that the goodness can be improved"),
        ("exact", {}, "whether each distinct value was counted"),
    ):
        result[name].attrs = {**own, "long_name": text}
    return finalize(
        result,
        function="natural_breaks",
        parameters={"k": k, "bins": bins, "by": by},
        inputs={str(data.name or "data"): data},
        attrs={**units, "long_name": f"upper bounds of natural classes of {label}"},
        name=f"{data.name or 'value'}_breaks",
    )


def require_classes(k: int) -> None:
    """Refuse a number of classes that a map of bytes cannot hold."""
    if not (isinstance(k, int | np.integer) and 2 <= k <= MOST_CLASSES):
        raise ParameterError(f"k is {k!r}: give a whole number of classes, 2 to {MOST_CLASSES}.")


def solve_breaks(scene: xr.DataArray, k: int, bins: int, by: str | None) -> Reduced:
    """Return the solution of each group: a list of dicts, lazy.

    Parameters
    ----------
    scene : xarray.DataArray
        From :func:`mineeco_xr.stats.scene.scene_of`.
    k, bins, by
        As of :func:`natural_breaks`.

    Returns
    -------
    Reduced
        ``breaks``, ``count``, ``mean``, ``goodness``, ``bound`` and ``exact`` of each group.
    """
    if not (isinstance(bins, int | np.integer) and bins >= max(k, 256)):
        raise ParameterError(
            f"bins is {bins!r}: {k} classes need a whole number, at least {max(k, 256)}."
        )
    name = str(scene.name or "the raster")
    grouped = by is not None
    first = reduce_blocks(
        _partial_first,
        partial(_merge_first, bins=bins),
        scene,
        finish=partial(_finish_first, k=k, bins=bins, name=name),
        parameters={"bins": bins, "grouped": grouped},
    )
    return reduce_blocks(
        _partial_second,
        _merge_second,
        reread(scene),
        finish=partial(_finish_second, k=k, name=name),
        shared=first,
        parameters={"grouped": grouped},
    )


def bounds_of(solved: list[dict[str, Any]]) -> np.ndarray:
    """Return the breaks of each group, (groups, k)."""
    return _field(solved, name="breaks")


def _field(solved: list[dict[str, Any]], *, name: str) -> np.ndarray:
    return np.array([group[name] for group in solved])


def _partial_first(block: np.ndarray, *, shared: None, bins: int, grouped: bool) -> list[Any]:
    from mineeco_xr.kernels import histogram

    rows = groups_of(block, grouped)
    return [
        histogram.distinct_counts(row, bins) or histogram.coarse_counts(row)  # None: too many
        for row in rows
    ]


def _merge_first(parts: list[list[Any]], *, bins: int) -> list[Any]:
    return [_merge_group(list(group), bins) for group in zip(*parts, strict=True)]


def _merge_group(parts: list[Any], bins: int) -> Any:
    from mineeco_xr.kernels import histogram

    if all(isinstance(part, histogram.Distinct) for part in parts):
        together = histogram.merge_distinct(parts, bins)
        if together is not None:
            return together
    return histogram.merge_coarse(
        [
            histogram.coarse_of_distinct(part) if isinstance(part, histogram.Distinct) else part
            for part in parts
        ]
    )


def _finish_first(merged: list[Any], shared: None, *, k: int, bins: int, name: str) -> list[Any]:
    """Return the solution of groups with few distinct values, the layout of fine bins of others."""
    from mineeco_xr.kernels.histogram import Distinct

    return [
        _solution(group.values, group.counts, group.values, k, name)
        if isinstance(group, Distinct)
        else _layout(group, k, bins)
        for group in merged
    ]


def _layout(coarse: Any, k: int, bins: int) -> Any:
    from mineeco_xr.kernels.histogram import cut_bins
    from mineeco_xr.kernels.jenks import optimal_classes

    width = coarse.high - coarse.low
    shares = np.sqrt(coarse.counts * width)
    searched = np.zeros(width.size, dtype=bool)
    if width.size > k:
        ends, _ = optimal_classes((coarse.low + coarse.high) / 2, coarse.counts, k)
        for end in ends[:-1]:
            searched[max(0, end + 1 - SEARCHED) : end + 1 + SEARCHED] = True
    searched &= width > 0
    parts = np.ones(width.size, dtype=np.int64)
    spread = bins // 2 if searched.any() else bins
    if shares.sum() > 0:
        parts += (spread * (shares / shares.sum())).astype(np.int64)
    if searched.any():
        parts[searched] += (bins - spread) // int(searched.sum())
    return cut_bins(coarse, parts)


def _partial_second(block: np.ndarray, *, shared: list[Any], grouped: bool) -> list[Any]:
    from mineeco_xr.kernels import histogram

    return [
        histogram.fine_counts(row, state) if isinstance(state, histogram.Layout) else None
        for row, state in zip(groups_of(block, grouped), shared, strict=True)
    ]


def _merge_second(parts: list[list[Any]]) -> list[Any]:
    merged: list[Any] = []
    for group in zip(*parts, strict=True):
        if group[0] is None:
            merged.append(None)
            continue
        counts, top = group[0][0].copy(), group[0][1].copy()
        for more, higher in group[1:]:
            counts += more
            np.maximum(top, higher, out=top)
        merged.append((counts, top))
    return merged


def _finish_second(merged: list[Any], shared: list[Any], *, k: int, name: str) -> list[Any]:
    return [
        state if found is None else _binned_solution(found, state, k, name)
        for found, state in zip(merged, shared, strict=True)
    ]


def _binned_solution(found: Any, layout: Any, k: int, name: str) -> dict[str, Any]:
    from mineeco_xr.kernels.histogram import fine_means

    counts, top = found
    used = counts[:, 0] > 0
    if used.sum() < k:
        raise ParameterError(
            f"k is {k}, but {name} falls into only {used.sum()} of {used.size} bins: its values "
            "lie in clusters too narrow for them. Raise bins, or subtract an offset first."
        )
    number, values = counts[used, 0], fine_means(counts, layout)[used]
    solution = _solution(values, number, top[used], k, name)
    occupied = np.flatnonzero(layout.first >= 0)
    occupied = occupied[np.argsort(layout.first[occupied])]
    scale = np.repeat(layout.scale[occupied], layout.parts[occupied])[used]
    width = np.divide(1.0, scale, out=np.zeros(scale.size), where=scale > 0)
    total = (number * (values - np.average(values, weights=number)) ** 2).sum()
    excess = 2 * (number * width).max() * (values[-1] - values[0] + width[[0, -1]].sum())
    inside = (number * width**2).sum() / 4
    return {**solution, "bound": (excess + inside) / total, "exact": False}


def _solution(
    values: np.ndarray, counts: np.ndarray, top: np.ndarray, k: int, name: str
) -> dict[str, Any]:
    from mineeco_xr.kernels.jenks import optimal_classes

    if values.size == 0:
        gap = np.full(k, np.nan)
        return {"breaks": gap, "mean": gap, "count": np.zeros(k, dtype=np.int64),
                "goodness": np.nan, "bound": 0.0, "exact": True}  # fmt: skip
    if values.size < k:
        raise ParameterError(
            f"k is {k}, but {name} has only {values.size} distinct value"
            f"{'s' * (values.size > 1)}: ask for fewer classes, or give breaks."
        )
    ends, within = optimal_classes(values, counts, k)
    starts = np.concatenate([[0], ends[:-1] + 1])
    number = np.add.reduceat(counts, starts)
    total = (counts * (values - np.average(values, weights=counts)) ** 2).sum()
    return {
        "breaks": top[ends],
        "mean": np.add.reduceat(values * counts, starts) / number,
        "count": number,
        "goodness": 1 - within / total,
        "bound": 0.0,
        "exact": True,
    }
