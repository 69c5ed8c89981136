"""Water over sunken ground: by the water table, and by the terrain that is left."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from mineeco_xr.chunks import pointwise
from mineeco_xr.cube.grid import require_same_grid
from mineeco_xr.cube.nodata import as_float
from mineeco_xr.cube.provenance import finalize
from mineeco_xr.cube.units import convert_units, unit_factor, units_of
from mineeco_xr.errors import ParameterError, SchemaError
from mineeco_xr.subsidence.levels import NODATA, layer_of_ground
from mineeco_xr.terrain import fill_pits

SURFACES = ("groundwater", "spill", "lower")


def water_depth(
    subsidence: xr.DataArray | xr.Dataset, water_table: float | xr.DataArray
) -> xr.DataArray:
    """Return how deep water stands where the ground has sunk below the water table.

    Parameters
    ----------
    subsidence : DataArray or Dataset
        Positive downwards, a length by its ``units``; of a Dataset its variable ``subsidence``.
    water_table : float or DataArray
        Depth to the water below the ground before mining, m, or a length by its ``units``.

    Returns
    -------
    xarray.DataArray
        m, 0 where the ground is dry, NaN where either is nodata. Lazy when the inputs are.

    Raises
    ------
    UnitError, GridMismatch
        If units or grids do not fit.
    ParameterError
        If the depth is no number.

    Notes
    -----
    ``max(0, W - D)``: the water table stays where it was. It takes no account of where water runs
    off, see :func:`ponding`, nor of rain. Pointwise: bit-identical for any chunking.

    Examples
    --------
    >>> from mineeco_xr.testing import with_grid
    >>> sunk = with_grid(np.array([[0.5, 2.0, 3.5]]), units="m")
    >>> water_depth(sunk, 1.5).values
    array([[0. , 0.5, 2. ]])
    """
    sunk, table = _inputs(subsidence, water_table)
    result = _over(_depth_block, sunk, table, dtype=sunk.dtype)
    return finalize(
        result,
        function="water_depth",
        parameters={} if isinstance(table, xr.DataArray) else {"water_table": table},
        inputs=_named(sunk, table),
        attrs={"units": "m", "long_name": "depth of water"},
        name="water_depth",
    )


def waterlogging(
    subsidence: xr.DataArray | xr.Dataset,
    wet: float | xr.DataArray,
    dry: float | xr.DataArray,
) -> xr.DataArray:
    """Classify sunken ground by whether water stands on it in the wet season only, or always.

    Parameters
    ----------
    subsidence : DataArray or Dataset
        As for :func:`water_depth`.
    wet, dry : float or DataArray
        Depth to the water before mining in the wet season and in the dry one, m.

    Returns
    -------
    xarray.DataArray
        uint8: 0 land, 1 seasonal water (``W > wet``), 2 perennial water (``W > dry``);
        ``_FillValue`` 255. Lazy when the inputs are.

    Raises
    ------
    ParameterError
        If the water is higher in the dry season.

    Notes
    -----
    Pointwise: bit-identical for any chunking.

    Examples
    --------
    >>> from mineeco_xr.testing import with_grid
    >>> waterlogging(with_grid(np.array([[0.5, 2.0, 3.5]]), units="m"), 1.0, 3.0).values
    array([[0, 1, 2]], dtype=uint8)
    """
    sunk, high = _inputs(subsidence, wet)
    low = water_table_of(dry, sunk)
    if isinstance(high, float) and isinstance(low, float) and high > low:
        raise ParameterError(
            f"the water is {high:g} m below the ground in the wet season and {low:g} m in the dry "
            "one: exchange wet and dry."
        )
    seasonal = _over(_wet_block, sunk, high, dtype="uint8")
    perennial = _over(_wet_block, sunk, low, dtype="uint8")
    classes = pointwise(_season_block, seasonal, perennial, dtype="uint8").transpose(*sunk.dims)
    return finalize(
        classes,
        function="waterlogging",
        parameters={
            name: value for name, value in (("wet", high), ("dry", low)) if isinstance(value, float)
        },
        inputs=_named(sunk, high),
        attrs={
            "units": "1",
            "long_name": "water over sunken ground",
            "_FillValue": NODATA,
            "flag_values": np.arange(3, dtype="uint8"),
            "flag_meanings": "land seasonal_water perennial_water",
            "flag_colors": "#F3F0E4 #8FC1E3 #1F5FA8",
        },
        name="waterlogging",
    )


def ponding(
    subsidence: xr.DataArray | xr.Dataset,
    dem: xr.DataArray,
    water_table: float | xr.DataArray | None = None,
    *,
    surface: str | None = None,
) -> xr.Dataset:
    """Find the ponds on the terrain that subsidence leaves.

    Parameters
    ----------
    subsidence : DataArray or Dataset
        Positive downwards, a length by its ``units``; of a Dataset its variable ``subsidence``.
    dem : xarray.DataArray
        Elevation before mining, dims ``(y, x)``, m, or a length by its ``units``.
    water_table : float or DataArray, optional
        Depth to the water below the ground before mining, m.
    surface : {"lower", "groundwater", "spill"}, optional
        Where water stands to: ``"spill"``, to the brim of each closed depression; or
        ``"groundwater"``, to where the water table was; or the lower of the two, cell by cell:
        what is fed by groundwater runs over at the brim. Default ``"lower"``, and ``"spill"``
        without a water table.

    Returns
    -------
    xarray.Dataset
        ``terrain`` (elevation after mining), ``water_depth`` and ``added_depth`` (by how much
        deeper the water is than before mining), all m. NaN where an input is nodata. Lazy when the
        inputs are.

    Raises
    ------
    ParameterError
        If ``surface`` is unknown or needs a water table.
    GridMismatch, UnitError
        If grids or units do not fit.

    Notes
    -----
    ``Z' = Z - W``; depressions of Z' are filled by :func:`mineeco_xr.fill_pits`. Water leaves over
    the edge of the raster and into nodata, so that a bowl that the edge cuts holds none: let the
    grid reach beyond what has sunk. Rivers and lakes that are no depression of the DEM are not
    ponds. The DEM's own noise makes shallow pits, which ``added_depth`` leaves out as far as they
    were there before.

    Crosses chunks by stitching; bit-identical for any chunking.

    Examples
    --------
    >>> from mineeco_xr.testing import with_grid
    >>> flat = with_grid(np.full((3, 5), 34.0), units="m", name="dem")
    >>> sunk = with_grid(np.array([[0.0, 0, 0, 0, 0], [0, 1, 3, 1, 0], [0] * 5]), units="m")
    >>> ponds = ponding(sunk, flat, 1.5)
    >>> ponds["terrain"].values[1], ponds["water_depth"].values[1]
    (array([34., 33., 31., 33., 34.]), array([0. , 0. , 1.5, 0. , 0. ]))
    """
    chosen = surface or ("spill" if water_table is None else "lower")
    if chosen not in SURFACES:
        raise ParameterError(f"surface is {surface!r}: choose from {SURFACES}.")
    if water_table is None and chosen != "spill":
        raise ParameterError(
            f"surface={chosen!r} needs the water_table: give its depth below the ground before "
            "mining, in m."
        )
    sunk, table = _inputs(subsidence, 0.0 if water_table is None else water_table)
    before = _metres(dem, "dem")
    if set(before.dims) != {"y", "x"}:
        raise SchemaError(f"dem has dims {tuple(dem.dims)}: give one elevation with dims (y, x).")
    require_same_grid({"subsidence": sunk, "dem": before})
    kind = np.result_type(sunk.dtype, before.dtype)
    terrain = pointwise(_sink_block, before, sunk, dtype=kind).transpose(*sunk.dims)
    terrain = terrain.assign_attrs(units="m").rename("terrain")
    layers = [terrain, before, sunk]
    if chosen != "groundwater":
        layers += [fill_pits(terrain), fill_pits(before)]
    if isinstance(table, xr.DataArray):
        layers.append(table)
    depth, added = pointwise(
        _pond_block,
        *layers,
        dtype=kind,
        outputs=2,
        parameters={"surface": chosen, "table": table if isinstance(table, float) else None},
    )
    names = {"terrain": "elevation after mining", "water_depth": "depth of water",
             "added_depth": "depth of water added by subsidence"}  # fmt: skip
    found = zip(names, (terrain, depth, added), strict=True)
    result = xr.Dataset({name: layer.transpose(*sunk.dims) for name, layer in found})
    for name, label in names.items():
        result[name].attrs = {"units": "m", "long_name": label}
    return finalize(
        result,
        function="ponding",
        parameters={
            "surface": chosen,
            **({"water_table": table} if isinstance(table, float) else {}),
        },
        inputs={**_named(sunk, table), "dem": dem},
    )


def water_table_of(
    water_table: float | xr.DataArray | None, like: xr.DataArray
) -> float | xr.DataArray:
    """Return the depth to the water in m, checked.

    Raises
    ------
    ParameterError
        If it is no number.
    GridMismatch, UnitError
        If it is a raster on another grid, or no length.
    """
    if isinstance(water_table, xr.DataArray):
        require_same_grid({"subsidence": like, "water_table": water_table})
        return _metres(water_table, "water_table")
    try:
        depth = float(water_table)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        depth = float("nan")
    if not np.isfinite(depth):
        raise ParameterError(
            f"water_table is {water_table!r}: give the depth to the water below the ground in m, "
            "a number or a raster."
        )
    return depth


def _inputs(
    subsidence: xr.DataArray | xr.Dataset, water_table: float | xr.DataArray
) -> tuple[xr.DataArray, float | xr.DataArray]:
    sunk = _metres(layer_of_ground(subsidence, "subsidence"), "subsidence")
    return sunk, water_table_of(water_table, sunk)


def _metres(data: xr.DataArray, name: str) -> xr.DataArray:
    label = str(data.name or name)
    if unit_factor(units_of(data, expected="m", name=label), "m", name=repr(label)) == 1.0:
        return as_float(data)
    return as_float(convert_units(data, "m", name=label))


def _named(sunk: xr.DataArray, table: Any) -> dict[str, xr.DataArray]:
    extra = {"water_table": table} if isinstance(table, xr.DataArray) else {}
    return {str(sunk.name or "subsidence"): sunk, **extra}


def _over(function: Any, sunk: xr.DataArray, table: Any, *, dtype: Any) -> xr.DataArray:
    """Apply a function of the subsidence and the water table, a number or a raster."""
    if isinstance(table, float):
        made = pointwise(function, sunk, dtype=dtype, parameters={"table": table})
    else:
        made = pointwise(function, sunk, table, dtype=dtype)
    return made.transpose(*sunk.dims)


def _depth_block(sunk: np.ndarray, table: Any) -> np.ndarray:
    return np.maximum(sunk - table, 0)


def _wet_block(sunk: np.ndarray, table: Any) -> np.ndarray:
    above = sunk - table
    with np.errstate(invalid="ignore"):
        return np.where(np.isfinite(above), (above > 0).astype("uint8"), NODATA)


def _season_block(seasonal: np.ndarray, perennial: np.ndarray) -> np.ndarray:
    missing = (seasonal == NODATA) | (perennial == NODATA)
    # Perennial water stands in the wet season too, wherever two rasters should disagree.
    return np.where(missing, NODATA, np.where(perennial == 1, np.uint8(2), seasonal))


def _sink_block(before: np.ndarray, sunk: np.ndarray) -> np.ndarray:
    return before - sunk


def _pond_block(
    terrain: np.ndarray,
    before: np.ndarray,
    sunk: np.ndarray,
    *others: np.ndarray,
    surface: str,
    table: float | None,
) -> tuple[np.ndarray, np.ndarray]:
    depth: Any = None
    earlier: Any = None
    if surface != "groundwater":
        filled, filled_before = others[:2]
        depth, earlier = filled - terrain, filled_before - before
    if surface != "spill":
        level = table if table is not None else others[-1]
        by_table, at_first = np.maximum(sunk - level, 0), np.maximum(-np.asarray(level), 0)
        if surface == "groundwater":
            depth, earlier = by_table, at_first
        else:
            depth, earlier = np.minimum(depth, by_table), np.minimum(earlier, at_first)
    depth = np.where(np.isfinite(terrain), depth, np.nan)
    return depth, np.maximum(depth - earlier, 0)
