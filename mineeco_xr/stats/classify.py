"""Classes of a raster by upper bounds: natural, equal in count or width, or given."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from mineeco_xr.chunks import pointwise
from mineeco_xr.chunks.reread import reread
from mineeco_xr.cube.provenance import finalize
from mineeco_xr.errors import ParameterError
from mineeco_xr.stats import class_bounds
from mineeco_xr.stats.natural_breaks import (
    BINS,
    MOST_CLASSES,
    bounds_of,
    require_classes,
    solve_breaks,
)
from mineeco_xr.stats.scene import groups_of, scene_of, small_array

METHODS = ("natural_breaks", "quantile", "equal_interval", "standard_deviation", "manual")


def classify(
    data: xr.DataArray,
    method: str = "natural_breaks",
    k: int = 5,
    *,
    breaks: Sequence[float] | xr.DataArray | None = None,
    labels: Sequence[str] | None = None,
    by: str | None = None,
) -> xr.DataArray:
    """Divide a raster into classes 1 to ``k``, the lowest values first.

    Parameters
    ----------
    data : xarray.DataArray
        Dims with ``y`` and ``x``; NaN, infinities and ``_FillValue`` of integers are nodata.
    method : {"natural_breaks", "quantile", "equal_interval", "standard_deviation", "manual"}
        Least spread within classes, see :func:`mineeco_xr.natural_breaks`; bounds at the quantiles
        ``i / k``; ``k`` equal parts of the range; bounds one standard deviation apart, at
        ``mean + (i - k / 2) std`` for ``i = 1 ... k - 1`` (for ``k=5`` at -1.5, -0.5, 0.5 and 1.5
        deviations, the middle class about the mean; for ``k=6`` at -2 ... 2); or ``breaks``.
    k : int
        Number of classes, 2 to 254; with ``breaks`` it is their number.
    breaks : sequence of float or xarray.DataArray, optional
        Ascending upper bounds of the classes, such as the result of ``natural_breaks`` on another
        raster; with them ``method`` is ``"manual"``. The last is the bound of the last class: make
        it infinite to take in all that is larger. They are rounded to the dtype of floating-point
        data, so that a float32 value of 0.1 belongs to the bound 0.1.
    labels : sequence of str, optional
        Names of the classes for ``flag_meanings``; default ``class_1`` and on.
    by : str, optional
        A dim, such as ``"time"``, each of whose entries gets bounds of its own. By default all
        dates share theirs, so that their classes can be compared.

    Returns
    -------
    xarray.DataArray
        Dims as ``data``, uint8: 1 to ``k``, 0 for nodata (``_FillValue``), with ``flag_values`` and
        ``flag_meanings``; ``breaks`` in the attributes when the data are in memory and there is one
        set of them. Lazy when the data are.

    Raises
    ------
    ParameterError
        If a parameter is out of range or ``breaks`` do not ascend; when computed, if values lie
        above the last of given ``breaks``, or there are fewer distinct values than natural classes.
    SchemaError
        If ``by`` is no dim of the raster.

    Notes
    -----
    A bound belongs to its class. Crosses chunks by reductions for the bounds, then pointwise: equal
    bits for any chunking. Lazy data are read once more than for the bounds: three times in all for
    natural breaks and for quantiles of float32, five for quantiles of float64, twice for the other
    computed bounds. Quantiles are those of ``numpy.quantile`` (linear), by counting; many equal
    values leave classes empty. The standard deviation is that of a population.

    Examples
    --------
    >>> import numpy as np
    >>> from mineeco_xr.testing import with_grid
    >>> risk = with_grid(np.array([[0.1, 0.2, 0.5, np.nan, 0.9]]))
    >>> classify(risk, breaks=[0.2, 0.8, np.inf], labels=["low", "medium", "high"]).values
    array([[1, 1, 2, 0, 3]], dtype=uint8)
    """
    method, k, by, given = _checked(method, k, by, breaks, data.dtype)
    if labels is not None and len(labels) != k:
        raise ParameterError(f"there are {len(labels)} labels for {k} classes: give {k}.")
    scene = scene_of(data, by)
    bounds, passes = _bounds(scene, method, k, by) if given is None else (given, 0)
    result = pointwise(
        _class_block,
        reread(scene, passes),
        bounds.drop_vars([name for name in bounds.coords if name not in data.dims]),
        dtype="uint8",
        core_dim="class",
        parameters={"name": str(data.name or "the raster")},
    ).transpose(*data.dims)
    names = [f"class_{i}" for i in range(1, k + 1)] if labels is None else labels
    label = data.attrs.get("long_name", data.name or "value")
    attrs = {
        "units": "1",
        "long_name": f"class of {label}",
        "_FillValue": np.uint8(0),
        "flag_values": np.arange(1, k + 1, dtype="uint8"),
        "flag_meanings": " ".join("_".join(str(name).split()) for name in names),
    }
    if bounds.chunks is None and bounds.ndim == 1:
        attrs["breaks"] = bounds.values.tolist()
    return finalize(
        result,
        function="classify",
        parameters={
            "method": method,
            "k": k,
            "breaks": attrs.get("breaks") if method == "manual" else None,
            "labels": labels,
            "by": by,
        },
        inputs={str(data.name or "data"): data},
        attrs=attrs,
        name=f"{data.name or 'value'}_class",
    )


def _checked(
    method: str,
    k: int,
    by: str | None,
    breaks: Sequence[float] | xr.DataArray | None,
    dtype: np.dtype,
) -> tuple[str, int, str | None, xr.DataArray | None]:
    if method not in METHODS:
        raise ParameterError(f"class method {method!r} is unknown: choose from {METHODS}.")
    if breaks is None:
        if method == "manual":
            raise ParameterError("method='manual' needs breaks=[...], upper bounds that ascend.")
        require_classes(k)
        return method, k, by, None
    if not isinstance(breaks, xr.DataArray):
        breaks = _array_of(breaks)
    others = [str(dim) for dim in breaks.dims if dim != "class"]
    size = breaks.sizes.get("class", 0)
    if not 2 <= size <= MOST_CLASSES or len(others) > 1 or breaks.dtype.kind not in "fiu":
        raise ParameterError(
            f"breaks have dims {dict(breaks.sizes)} and dtype {breaks.dtype}: give 2 to "
            f"{MOST_CLASSES} upper bounds, or a DataArray with a dim 'class' as "
            "natural_breaks makes it."
        )
    bounds = _rounded(breaks, dtype)
    if bounds.chunks is None:
        steps = np.diff(bounds.transpose("class", ...).values, axis=0)
        empty = bounds.isnull().all("class").values  # a date without any valid cell
        if not ((steps > 0).all(axis=0) | (empty if others else False)).all():
            raise ParameterError(
                f"breaks are {breaks.values.tolist()}, as {dtype} {bounds.values.tolist()}: they "
                "must ascend. Give them from the lowest, each once, at least a digit of the data "
                "apart."
            )
    return "manual", size, others[0] if others else None, bounds


def _array_of(breaks: Sequence[float]) -> xr.DataArray:
    try:
        values = np.asarray(breaks, dtype="float64")
    except (TypeError, ValueError):
        values = np.empty(())
    if values.ndim != 1:
        raise ParameterError(
            f"breaks are {breaks!r}: give one list of 2 to {MOST_CLASSES} upper bounds that "
            "ascend, such as [0.2, 0.8, numpy.inf]."
        )
    return xr.DataArray(values, dims="class")


def _rounded(breaks: xr.DataArray, dtype: np.dtype) -> xr.DataArray:
    """Return bounds as floating-point data would hold them; integers need none of it."""
    if dtype.kind != "f":
        return breaks.astype("float64")
    with np.errstate(over="ignore"):  # beyond the dtype is beyond all values: infinite
        return breaks.astype(dtype).astype("float64")


def _bounds(scene: xr.DataArray, method: str, k: int, by: str | None) -> tuple[xr.DataArray, int]:
    """Return the bounds, and how often they read the data."""
    if method == "quantile":
        return class_bounds.quantiles(scene, k, by)
    if method == "equal_interval":
        return class_bounds.equal_interval(scene, k, by), 1
    if method == "standard_deviation":
        return class_bounds.standard_deviation(scene, k, by), 1
    solved = solve_breaks(scene, k, BINS, by)
    return small_array(solved, bounds_of, scene, by, dim="class", size=k), 2


def _class_block(block: np.ndarray, bounds: np.ndarray, *, name: str) -> np.ndarray:
    from mineeco_xr.kernels.classify import class_codes

    k = bounds.shape[0]
    rows = bounds.reshape(k, -1).T
    codes = class_codes(groups_of(block, rows.shape[0] > 1), rows)
    codes[np.isnan(rows).any(axis=1)] = 0
    if (codes > k).any():
        above = float(block.max(where=np.isfinite(block), initial=-np.inf))
        raise ParameterError(
            f"{name} has values up to {above:g}, above the last break of {bounds[-1].max():g}: end "
            "the breaks with numpy.inf to put them into the last class."
        )
    return codes.reshape(block.shape)
