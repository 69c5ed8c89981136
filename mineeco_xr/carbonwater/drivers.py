"""Drivers: what a target goes with over time, over space, or over all cells and years."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from mineeco_xr.carbonwater.driver_table import FIELDS, Question, driver_table
from mineeco_xr.chunks import Reduced, reduce_blocks
from mineeco_xr.cube.grid import geobox_of, require_same_grid
from mineeco_xr.cube.nodata import as_float
from mineeco_xr.cube.provenance import finalize
from mineeco_xr.cube.time import decimal_years, require_same_times
from mineeco_xr.errors import ParameterError, SchemaError
from mineeco_xr.stats.comoments import Plan, group_block, merge_groups
from mineeco_xr.stats.series_correlation import DETRENDS, MIN_DATES, by_name
from mineeco_xr.stats.zones import ZoneLayer, zone_layers

if TYPE_CHECKING:
    import geopandas as gpd
    from odc.geo.geobox import GeoBox

METHODS = ("pearson", "partial")
WAYS = ("time", "space", "pooled")
SAMPLE = 1000
LONG_NAMES = {
    "r": "correlation",
    "n": "dates or cells on which all are valid",
    "n_effective": "effective number of independent ones",
    "p": "two-sided p, by the effective number",
    "p_independent": "two-sided p as if all were independent",
    "q": "p adjusted for the false discovery rate of the table",
}


def drivers(
    target: xr.DataArray,
    factors: xr.Dataset | Mapping[str, xr.DataArray],
    zones: gpd.GeoDataFrame | xr.DataArray | None = None,
    *,
    method: str = "pearson",
    over: str = "time",
    name: str | None = None,
    detrend: str | None = None,
    min_n: int = MIN_DATES,
    sample: int = SAMPLE,
    seed: int = 0,
    dim: str = "time",
) -> xr.Dataset:
    """Tabulate how a target correlates with its possible drivers, and how surely.

    Parameters
    ----------
    target : xarray.DataArray
        Such as water-use efficiency: dims ``(time, y, x)``, or ``(y, x)`` over space. NaN,
        infinities and ``_FillValue`` of integers are nodata. Units do not matter, and are noted.
    factors : Dataset or mapping of str to DataArray
        The drivers, on the grid and dates of the target; each may lack ``time`` (a slope), or
        ``y`` and ``x`` (the rain of a station), where it still varies.
    zones : geopandas.GeoDataFrame or xarray.DataArray, optional
        As for :func:`mineeco_xr.zonal`; by default the whole scene is one.
    method : {"pearson", "partial"}
        Pearson's r, or the partial correlation with all other factors held fixed.
    over : {"time", "space", "pooled"}
        What r runs over: the yearly means of a zone; the cells of a zone, for each date; or all
        cells of all dates together.
    name : str, optional
        Column that names the zones.
    detrend : {None, "linear", "difference"}
        Over time only; as for :func:`mineeco_xr.pearson`.
    min_n : int
        Fewest dates (over time) or cells; a row with fewer is nodata. Default 10.
    sample : int
        Cells drawn of each zone (and date) to measure how far values go on being alike; at least
        50.
    seed : int
        Of the draw.
    dim : str
        Name of the time dim.

    Returns
    -------
    xarray.Dataset
        Dims ``(factor,)``, with ``zone`` when there are zones and ``time`` over space; float64:
        ``r``, ``n``, ``n_effective``, ``p`` (two-sided, by the effective number),
        ``p_independent`` (by ``n``) and ``q`` (``p`` adjusted after Benjamini and Hochberg over the
        whole table). The coordinate ``factor_units`` notes units. A cell or date counts when all
        factors are valid there, so that rows compare. Lazy when an input is.

    Raises
    ------
    GridMismatch
        If grids differ, or a zone lies outside.
    SchemaError
        If there are no factors, or dims or dates do not fit.
    ParameterError
        If a choice is unknown, or ``min_n`` or ``sample`` too small.

    Notes
    -----
    Neighbouring cells and successive years are not independent, and ``p_independent`` is far too
    small. Over cells the effective number is that of Dutilleul (1993),
    ``M = 1 + tr(B Sx) tr(B Sy) / tr(B Sx B Sy)``, with autocorrelations by class of distance (and
    of time, when pooled) from the pairs of a random sample; over time it is
    ``n (1 - a b) / (1 + a b)`` with autocorrelations ``a`` and ``b`` at lag one (Bartlett 1935). It
    is never more than ``n``; ``p`` has ``M - 2 - k`` degrees of freedom, ``k`` held fixed, and is
    nodata where none is left. Partial correlations take the autocorrelation of what the others
    leave. Crosses chunks by a reduction to co-moments (Chan, Golub and LeVeque 1983), one pass;
    cells are drawn by a hash of their place: equal to 1e-12 for any chunking. Cells are not
    weighted by area.

    References
    ----------
    Dutilleul, P. (1993). Biometrics 49, 305-314.
    Clifford, P., Richardson, S. and Hemon, D. (1989). Biometrics 45, 123-134.
    Bartlett, M. S. (1935). Journal of the Royal Statistical Society 98, 536-543.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> from mineeco_xr.testing import with_grid
    >>> rng = np.random.default_rng(0)
    >>> cover, noise = (with_grid(rng.normal(size=(12, 20, 20))) for _ in range(2))
    >>> table = drivers(cover + noise, {"cover": cover, "noise": 0 * cover}, over="pooled")
    >>> table["r"].round(2).values, int(table["n"][0])
    (array([0.71,  nan]), 4800)
    """
    layers = named_layers(target, factors)
    _check_choices(method, over, detrend, sample)
    _check_size(len(layers) - 1, method, detrend, min_n)
    years = _check_layers(layers, over, dim, min_n, detrend)
    grid = geobox_of(target)
    labels, zone_rasters = (
        (None, []) if zones is None else zone_layers(zones, target, grid, name=name)
    )
    question = Question(
        factors=len(layers) - 1,
        zones=1 if labels is None else len(labels),
        years=years,
        over=over,
        partial=method == "partial",
        min_n=min_n,
        detrend=detrend,
        cell=_cell(grid),
    )
    reduced = _reduced(layers, zone_rasters, question, (sample, seed), dim)
    result = _as_dataset(reduced, question, labels, layers, dim)
    if all(layer.chunks is None for layer in layers.values()):
        result = result.compute()
    return finalize(
        result,
        function="drivers",
        parameters={
            "method": method,
            "over": over,
            "name": name,
            "detrend": detrend,
            "min_n": min_n,
            "sample": sample,
            "seed": seed,
            "dim": dim,
        },
        inputs=layers,
        attrs={
            "variable": str(target.name or "target"),
            "variable_units": str(target.attrs.get("units", "")),
        },
    )


def named_layers(
    target: xr.DataArray, factors: xr.Dataset | Mapping[str, xr.DataArray]
) -> dict[str, xr.DataArray]:
    """Return the target and its factors by name, the target first."""
    if isinstance(factors, xr.Dataset | Mapping):
        named = by_name(factors)
    else:
        raise ParameterError(
            f"factors are a {type(factors).__name__}: give a Dataset, or a mapping of names to "
            "DataArrays."
        )
    wrong = [name for name, layer in named.items() if not isinstance(layer, xr.DataArray)]
    if wrong or not named:
        raise SchemaError(f"factors {wrong or 'are none'}: give at least one DataArray by name.")
    return {_target_name(target, named): target, **named}


def _target_name(target: xr.DataArray, factors: Mapping[str, Any]) -> str:
    own = str(target.name or "target")
    return own if own not in factors else f"{own} (target)"


def _check_choices(method: str, over: str, detrend: str | None, sample: int) -> None:
    for label, value, known in (
        ("method", method, METHODS),
        ("over", over, WAYS),
        ("detrend", detrend, DETRENDS),
    ):
        if value not in known:
            raise ParameterError(f"{label} is {value!r}: choose from {known}.")
    if detrend is not None and over != "time":
        raise ParameterError(
            f"detrend is {detrend!r} and over is {over!r}: it is for series. Take differences "
            "yourself, such as target.diff('time') and factors.diff('time')."
        )
    if sample < 50:
        raise ParameterError(f"sample is {sample}: draw at least 50 cells.")


def _check_size(factors: int, method: str, detrend: str | None, min_n: int) -> None:
    if method == "partial" and factors < 2:
        raise ParameterError("method 'partial' holds other factors fixed: give at least two.")
    least = 3 + (factors - 1 if method == "partial" else 0) + (detrend == "linear")
    if min_n < least:
        raise ParameterError(
            f"min_n is {min_n}: with {least - 3} variables held fixed a test needs at least "
            f"{least}."
        )


def _check_layers(
    layers: Mapping[str, xr.DataArray], over: str, dim: str, min_n: int, detrend: str | None
) -> np.ndarray:
    """Check dims, grids and dates; return the dates in years."""
    target, *factors = layers
    dims = set(layers[target].dims)
    if dims != {dim, "y", "x"} and not (over == "space" and dims == {"y", "x"}):
        raise SchemaError(
            f"{target!r} has dims {layers[target].dims} where ({dim!r}, 'y', 'x') were expected "
            f"over {over}."
        )
    needed = {"time": {dim}, "space": {"y", "x"}, "pooled": set()}[over]
    for name in factors:
        own = set(layers[name].dims)
        if not own <= dims or len(own & {"y", "x"}) == 1 or not own or not needed <= own:
            raise SchemaError(
                f"factor {name!r} has dims {layers[name].dims}: over {over} it must have "
                f"{sorted(needed) or 'some'} of {tuple(layers[target].dims)}, y and x together."
            )
    require_same_grid({name: layer for name, layer in layers.items() if "y" in layer.dims})
    require_same_times(layers, dim)
    years = decimal_years(layers[target], dim) if dim in dims else np.zeros(1)
    steps = years.size - (detrend == "difference")
    if over == "time" and steps < min_n:
        raise SchemaError(
            f"{target!r} has {years.size} dates and min_n is {min_n}: bring more dates, or lower "
            "min_n knowingly."
        )
    return years


def _cell(grid: GeoBox) -> tuple[float, float]:
    """Return width and height of a cell in one unit; of the middle row on a geographic grid."""
    width, height = abs(float(grid.affine.a)), abs(float(grid.affine.e))
    if grid.crs is not None and grid.crs.geographic:
        middle = grid.affine.f + grid.affine.e * grid.shape[0] / 2
        width *= float(np.cos(np.radians(middle)))
    return width, height


def _reduced(
    layers: Mapping[str, xr.DataArray],
    zone_rasters: list[ZoneLayer],
    question: Question,
    draw: tuple[int, int],
    dim: str,
) -> Reduced:
    target, *others = (
        as_float(layer)
        .transpose(*(d for d in (dim, "y", "x") if d in layer.dims))
        .drop_vars("spatial_ref", errors="ignore")
        for layer in layers.values()
    )
    at = {d: xr.DataArray(np.arange(target.sizes[d]), dims=d) for d in ("y", "x")}
    places = [
        layer.raster.drop_vars("spatial_ref", errors="ignore").transpose("y", "x")
        for layer in zone_rasters
    ]
    size, seed = draw
    plan = Plan(
        ids=tuple(layer.ids for layer in zone_rasters),
        positions=tuple(layer.positions for layer in zone_rasters),
        pooled=question.over == "pooled",
        sample=0 if question.over == "time" else size,
        seed=seed,
    )
    return reduce_blocks(
        group_block,
        partial(merge_groups, most=plan.sample),
        target,
        *at.values(),
        *others,
        *places,
        finish=partial(driver_table, question=question),
        shared=plan,
    )


def _as_dataset(
    reduced: Reduced,
    question: Question,
    labels: np.ndarray | None,
    layers: Mapping[str, xr.DataArray],
    dim: str,
) -> xr.Dataset:
    target, *factors = layers
    shape = (len(FIELDS), question.factors, question.zones, question.dates)
    found = xr.DataArray(
        reduced.to_array(np.asarray, shape, "float64"), dims=("field", "factor", "zone", dim)
    )
    units = [str(layers[name].attrs.get("units", "")) for name in factors]
    coords: dict[str, Any] = {"factor": factors, "factor_units": ("factor", units)}
    if labels is None:
        found = found.isel(zone=0)
    else:
        coords["zone"] = labels
    if question.over == "space" and dim in layers[target].dims:
        coords[dim] = layers[target][dim].variable
    else:
        found = found.isel({dim: 0})
    found = found.assign_coords(coords)
    result = xr.Dataset({name: found.isel(field=i) for i, name in enumerate(FIELDS)})
    for name, layer in result.data_vars.items():
        layer.attrs = {"units": "1", "long_name": LONG_NAMES[str(name)]}
    return result
