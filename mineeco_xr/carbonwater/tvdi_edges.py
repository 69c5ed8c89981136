"""Dry and wet edge of a scene in the space of NDVI and surface temperature."""

from __future__ import annotations

from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np
import xarray as xr

from mineeco_xr.carbonwater.tvdi_fit import MEANINGS, OF_BINS, SCALARS, Recipe, fit_edges
from mineeco_xr.chunks import Reduced, reduce_blocks
from mineeco_xr.chunks.reduced import constant
from mineeco_xr.chunks.reread import reread
from mineeco_xr.cube.grid import require_same_grid
from mineeco_xr.cube.nodata import as_float
from mineeco_xr.cube.provenance import finalize
from mineeco_xr.cube.time import require_same_times
from mineeco_xr.cube.units import parse_units, units_of
from mineeco_xr.errors import ParameterError, SchemaError, UnitError

POSITIONS = {"lower": 0.0, "middle": 0.5, "upper": 1.0}
TOP = 1.0


def tvdi_edges(
    ndvi: xr.DataArray,
    lst: xr.DataArray,
    *,
    bins: float = 0.01,
    start: float = 0.1,
    dry: str | float = "max",
    wet: str = "mean",
    wet_bins: int = 20,
    min_count: int = 2,
    min_range: float = 0.2,
    bin_position: str = "upper",
) -> xr.Dataset:
    """Fit the dry and the wet edge of every scene.

    Cells are put into bins of NDVI. The dry edge is the line of least squares through the hottest
    cell of each bin, from the bin with the highest of them onward, over bins whose hottest cell is
    warmer than the mean of all bins' coldest cells. The wet edge is the mean of the coldest cells
    of the bins with the highest NDVI, or a line through all of them (Sandholt et al. 2002).

    Parameters
    ----------
    ndvi : xarray.DataArray
        Normalised difference vegetation index, -1 to 1, dims ``(y, x)`` or one more, ``(time, y,
        x)``, each of whose entries is a scene with edges of its own.
    lst : xarray.DataArray
        Land surface temperature on the same grid and dates, K or degC.
    bins : float
        Width of a bin.
    start : float
        NDVI at which the first bin begins; below it is bare ground, water and shadow.
    dry : "max" or float
        The hottest cell of a bin, or a quantile of its cells, such as 0.98, with 1 less that for
        the coldest: robust against single wrong cells.
    wet : {"mean", "line"}
        A constant, or a line.
    wet_bins : int
        Bins of highest NDVI that make the constant.
    min_count : int
        Bins with fewer cells are dropped.
    min_range : float
        Least range of NDVI that the filled bins must span.
    bin_position : {"upper", "middle", "lower"}
        NDVI that stands for a bin in the fit. The default is that of pyTVDI; ``"middle"`` is
        unbiased and lowers the dry edge by half a bin times its slope, 0.4 K in its example.

    Returns
    -------
    xarray.Dataset
        By scene: ``dry_intercept``, ``dry_slope``, ``wet`` (at NDVI 0) and ``wet_slope`` in units
        of ``lst``, ``r`` and ``r2`` of the dry edge, ``n_bins`` on it, ``n_cells`` in bins,
        ``ndvi_min`` and ``ndvi_max``, and ``status``, a flag: other than 0 (``fitted``) all of
        the edges are NaN. By scene and ``bin``: ``bin_count``, ``bin_dry``, ``bin_wet`` and
        ``bin_on_dry_edge``, for a figure. Lazy when a layer is.

    Raises
    ------
    SchemaError
        If a scene has more than one dim beside ``y`` and ``x``, dates differ, or, when computed,
        if the numbers are no NDVI but digital numbers.
    GridMismatch, UnitError, ParameterError
        If grids differ, a unit is unknown, or a parameter is out of range.

    Warns
    -----
    MineecoWarning
        When computed, for each scene that is refused: NDVI of too narrow a range, fewer than 3
        bins on the dry edge, or a dry edge that does not fall.

    Notes
    -----
    Crosses chunks by a reduction a scene, of counts and extremes of bins, which is exact: the same
    bits for any chunking. A quantile is interpolated between neighbours in rank and exact as
    well; it takes three more passes (five for float64). The default recipe gives pyTVDI's edges
    of its example to all digits that it prints.

    References
    ----------
    Sandholt, I., Rasmussen, K., Andersen, J. (2002). Remote Sensing of Environment 79, 213-224.

    Examples
    --------
    >>> import numpy as np
    >>> from mineeco_xr.testing import with_grid
    >>> green = np.linspace(0.1, 0.8, 700, endpoint=False) * np.ones((40, 1))
    >>> dryness = np.linspace(0, 1, 40)[:, None]
    >>> hot = 300 + dryness * (40 - 40 * green)
    >>> edges = tvdi_edges(with_grid(green), with_grid(hot, units="K"), bin_position="lower")
    >>> edges["dry_intercept"].item(), edges["dry_slope"].item(), edges["wet"].item()
    (340.0..., -40.0..., 300.0)
    """
    recipe = _recipe(bins, start, dry, wet, wet_bins, min_count, min_range, bin_position)
    lead = lead_dim(ndvi, lst)
    require_same_grid({"ndvi": ndvi, "lst": lst})
    if lead is not None:
        require_same_times({"ndvi": ndvi, "lst": lst}, lead)
    units = units_of(lst, expected="K", name=str(lst.name or "lst"))
    if parse_units(units) not in ({"K": 1}, {"degC": 1}):
        raise UnitError(f"lst has units {units!r}; expected a temperature, 'K' or 'degC'.")
    layers = (as_float(ndvi), as_float(lst))
    passes = [layers]
    if recipe.quantile is not None:
        more = len(_first_digits(recipe, layers[1].dtype)["digits"]) - 1
        passes += [
            (reread(layers[0], ("tvdi", n)), reread(layers[1], ("tvdi", n))) for n in range(more)
        ]
    scenes = [{}] if lead is None else [{lead: n} for n in range(ndvi.sizes[lead])]
    label = str(ndvi.name or "ndvi")
    lazy = any(layer.chunks is not None for layer in layers)
    found = []
    for scene in scenes:
        own = [tuple(layer.isel(scene, drop=True) for layer in pair) for pair in passes]
        date = "" if lead is None or lead not in ndvi.coords else _shown(ndvi[lead].isel(scene))
        found.append(_small(_reduced(own, recipe, f"{label}{date}"), recipe, lazy))
    result = found[0] if lead is None else xr.concat(found, lead, join="exact")
    if lead is not None and lead in ndvi.coords:
        result = result.assign_coords({lead: ndvi[lead]})
    result = result.assign_coords(bin=recipe.positions)
    return _describe(
        result,
        units,
        {
            **{"bins": bins, "start": start, "dry": dry, "wet": wet, "wet_bins": wet_bins},
            **{"min_count": min_count, "min_range": min_range, "bin_position": bin_position},
        },
        {"ndvi": ndvi, "lst": lst},
    )


def lead_dim(ndvi: xr.DataArray, lst: xr.DataArray) -> str | None:
    """Return the dim of scenes, or None.

    Raises
    ------
    SchemaError
        If there are several, or only one layer has it.
    """
    found = [[str(dim) for dim in layer.dims if dim not in ("y", "x")] for layer in (ndvi, lst)]
    if found[0] != found[1] or len(found[0]) > 1:
        raise SchemaError(
            f"ndvi has dims {ndvi.dims} and lst {lst.dims}; expected (y, x), or one and the same "
            "dim of scenes more, such as (time, y, x): NDVI and temperature are of one moment."
        )
    return found[0][0] if found[0] else None


def _recipe(
    bins: float,
    start: float,
    dry: str | float,
    wet: str,
    wet_bins: int,
    min_count: int,
    min_range: float,
    bin_position: str,
) -> Recipe:
    if not -1 <= start < TOP:
        raise ParameterError(f"start is {start!r}: give an NDVI from -1 to below 1.")
    if not 1e-4 <= bins <= (TOP - start) / 3:
        raise ParameterError(f"bins is {bins!r}: give a width of NDVI, such as 0.01.")
    number = isinstance(dry, int | float) and not isinstance(dry, bool)
    if dry != "max" and not (number and 0.5 < float(dry) <= 1):
        raise ParameterError(f"dry is {dry!r}: 'max', or a quantile above 0.5, such as 0.98.")
    for name, value, choices in (
        ("wet", wet, ("mean", "line")),
        ("bin_position", bin_position, tuple(POSITIONS)),
    ):
        if value not in choices:
            raise ParameterError(f"{name} is {value!r}: choose from {choices}.")
    for name, count in (("wet_bins", wet_bins), ("min_count", min_count)):
        if not isinstance(count, int | np.integer) or count < 1:
            raise ParameterError(f"{name} is {count!r}: give a whole number, at least 1.")
    if not 0 <= min_range <= TOP - start:
        raise ParameterError(f"min_range is {min_range!r}: give a range of NDVI, 0 to 1.")
    size = int(np.ceil((TOP - start) / bins - 1e-9))
    edges = start + bins * np.arange(size + 1)
    return Recipe(
        edges=edges,
        positions=edges[:-1] + POSITIONS[bin_position] * bins,
        quantile=None if dry == "max" or float(dry) == 1 else float(dry),
        wet=wet,
        wet_bins=int(wet_bins),
        min_count=int(min_count),
        min_range=float(min_range),
    )


def _shown(date: xr.DataArray) -> str:
    text = str(date.values)
    return f" of {text[:10] if np.issubdtype(date.dtype, np.datetime64) else text}"


def _reduced(passes: list[tuple[xr.DataArray, ...]], recipe: Recipe, label: str) -> Reduced:
    """Return the fit of one scene, not computed yet."""
    if recipe.quantile is None:
        return reduce_blocks(
            _partial_extremes,
            _merge_extremes,
            *passes[0],
            finish=partial(_finish_extremes, recipe=recipe, label=label),
            parameters={"edges": recipe.edges},
        )
    state: Any = _first_digits(recipe, passes[0][1].dtype)
    for number, pair in enumerate(passes):
        state = reduce_blocks(
            _partial_digits,
            _merge_digits,
            *pair,
            finish=partial(
                _finish_digits,
                recipe=recipe,
                label=label,
                last=number == len(passes) - 1,
                dtype=str(pair[1].dtype),
            ),
            shared=state,
            parameters={"edges": recipe.edges, "extremes": number == 0},
        )
    assert isinstance(state, Reduced)
    return state


Extremes = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def _partial_extremes(
    ndvi: np.ndarray, lst: np.ndarray, *, shared: Any, edges: np.ndarray
) -> Extremes:
    from mineeco_xr.kernels.bins import bin_extremes

    return bin_extremes(ndvi, lst, edges)


def _merge_extremes(parts: list[Extremes]) -> Extremes:
    counts, low, high, ends = (np.stack(each) for each in zip(*parts, strict=True))
    return (
        counts.sum(axis=0),
        low.min(axis=0),
        high.max(axis=0),
        np.array([ends[:, 0].min(), ends[:, 1].max()]),
    )


def _finish_extremes(merged: Extremes, shared: Any, *, recipe: Recipe, label: str) -> Any:
    return fit_edges(*merged, recipe, label)


def _first_digits(recipe: Recipe, dtype: np.dtype) -> dict[str, Any]:
    from mineeco_xr.stats.quantile import first_state

    assert recipe.quantile is not None
    share = Fraction(recipe.quantile).limit_denominator(10**6)
    number = np.arange(recipe.positions.size)
    state = first_state([number, number], dtype, 1)
    over, under = share.numerator, share.denominator
    return {**state, "shares": {0: (under - over, under), 1: (over, under)}}


def _partial_digits(
    ndvi: np.ndarray, lst: np.ndarray, *, shared: Any, edges: np.ndarray, extremes: bool
) -> Any:
    from mineeco_xr.kernels import zonal
    from mineeco_xr.kernels.bins import bin_extremes, bin_numbers

    index, cube = bin_numbers(ndvi, edges), lst[None]
    keys, valid = zonal.ordered_keys(cube), np.isfinite(cube)
    bits = shared["digits"][0]
    counts: list[Any] = []
    for number, prefixes in enumerate(shared["prefixes"]):
        if number and shared["ranks"][number] is None:
            counts.append(counts[0])  # no digit is known: both quantiles count the same
            continue
        counts.append(
            zonal.digit_counts(keys, valid, index, prefixes, shared["shift"] - bits, bits)
        )
    return counts, bin_extremes(ndvi, lst, edges) if extremes else None


def _merge_digits(parts: list[Any]) -> Any:
    counts = [sum(layer[1:], start=layer[0]) for layer in zip(*(p[0] for p in parts), strict=True)]
    ends = [part[1] for part in parts]
    return counts, None if ends[0] is None else _merge_extremes(ends)


def _finish_digits(
    merged: Any, shared: Any, *, recipe: Recipe, label: str, last: bool, dtype: str
) -> Any:
    from mineeco_xr.kernels import zonal
    from mineeco_xr.stats.quantile import next_state

    counts, extremes = merged
    extremes = shared.get("extremes") if extremes is None else extremes
    present = np.arange(recipe.positions.size)
    merged_counts = [(present, each) for each in counts]
    state = {**next_state(merged_counts, shared), "extremes": extremes, "shares": shared["shares"]}
    if not last:
        return state
    total, low, high, ends = extremes
    values = []
    for number, own in enumerate((low, high)):
        below, above = zonal.from_ordered_keys(state["prefixes"][number][:, 0], np.dtype(dtype))
        part, parts = state["shares"][number]
        rest = np.maximum(total - 1, 0) * part % parts / parts
        with np.errstate(invalid="ignore"):
            values.append(np.where(total > 0, below + (above - below) * rest, own))
    return fit_edges(total, values[0], values[1], ends, recipe, label)


def _small(reduced: Reduced, recipe: Recipe, lazy: bool) -> xr.Dataset:
    """Return the fit of one scene as variables without and with the dim ``bin``."""
    if not lazy:
        reduced = constant(reduced.compute())
    size = recipe.positions.size
    scalars = reduced.to_array(_scalars_of, (len(SCALARS),), "float64")
    table = reduced.to_array(_bins_of, (len(OF_BINS), size), "float64")
    if not lazy:
        scalars, table = scalars.compute(), table.compute()
    return xr.Dataset(
        {
            **{name: ((), scalars[n]) for n, name in enumerate(SCALARS)},
            **{name: (("bin",), table[n]) for n, name in enumerate(OF_BINS)},
        }
    )


def _scalars_of(fit: dict[str, Any]) -> np.ndarray:
    return np.array([fit[name] for name in SCALARS])


def _bins_of(fit: dict[str, Any]) -> np.ndarray:
    return np.stack([fit[name] for name in OF_BINS])


def _describe(
    result: xr.Dataset, units: str, parameters: dict[str, Any], inputs: dict[str, xr.DataArray]
) -> xr.Dataset:
    texts = {
        "dry_intercept": (units, "dry edge at NDVI 0"),
        "dry_slope": (units, "slope of the dry edge, per unit of NDVI"),
        "wet": (units, "wet edge at NDVI 0"),
        "wet_slope": (units, "slope of the wet edge, per unit of NDVI"),
        "r": ("1", "correlation of NDVI and temperature along the dry edge"),
        "r2": ("1", "coefficient of determination of the dry edge"),
        "n_bins": ("1", "bins on the dry edge"),
        "n_cells": ("1", "cells in bins"),
        "ndvi_min": ("1", "least NDVI"),
        "ndvi_max": ("1", "largest NDVI"),
        "bin_count": ("1", "cells of the bin"),
        "bin_dry": (units, "dry temperature of the bin"),
        "bin_wet": (units, "wet temperature of the bin"),
    }
    for name in ("status", "bin_on_dry_edge"):
        result[name] = result[name].astype("uint8")
    for name, (unit, text) in texts.items():
        result[name].attrs = {"units": unit, "long_name": text}
    flags = {"status": MEANINGS, "bin_on_dry_edge": ("no", "yes")}
    for name, meanings in flags.items():
        result[name].attrs = {
            "flag_values": np.arange(len(meanings), dtype="uint8"),
            "flag_meanings": " ".join(meanings),
            "long_name": "whether the edges are fitted" if name == "status" else "on the dry edge",
        }
    result["bin"].attrs = {"units": "1", "long_name": "NDVI of the bin"}
    return finalize(result, function="tvdi_edges", parameters=parameters, inputs=inputs)
