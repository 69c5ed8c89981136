"""The way of sediment over a terrain: routing, delivery to streams, deposition on the way."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from mineeco_xr.chunks import halo, pointwise, reduce_blocks
from mineeco_xr.chunks.cellwise import cellwise
from mineeco_xr.cube.cells import cell_size
from mineeco_xr.cube.grid import GRID_TOLERANCE, geobox_of
from mineeco_xr.cube.nodata import as_float, feature_fill_value_of, fill_value_of
from mineeco_xr.cube.units import convert_units
from mineeco_xr.cube.vectors import burn, on_grid
from mineeco_xr.errors import GridMismatch, ParameterError, SchemaError
from mineeco_xr.services.class_values import ClassValues
from mineeco_xr.services.invest_box import invest_corner
from mineeco_xr.services.parameters import ModelParameters, values_of
from mineeco_xr.services.threats import chunk_sides
from mineeco_xr.services.watersheds import read_watersheds
from mineeco_xr.stats.zones import require_inside
from mineeco_xr.terrain import (
    downstream_distance,
    fill_pits,
    flow_accumulation,
    flow_direction,
    flow_retention,
    slope,
    streams,
)
from mineeco_xr.terrain.multiple import is_one_task
from mineeco_xr.terrain.multiple_layers import accumulate_layers
from mineeco_xr.terrain.routing import as_codes, flow_method, on_directions

if TYPE_CHECKING:
    import geopandas as gpd

LEAST_COVER = 0.001
"""Of the cover factor in the index of connectivity."""

SUMS = 3
"""Of the cells above a cell: their number, their cover, their slope."""

SLOPES = (0.005, 1.0)
"""Least and largest slope, rise over run, in the index (Cavalli et al. 2013)."""


@dataclass(frozen=True)
class Routed:
    """A terrain with its water.

    Attributes
    ----------
    slope : xarray.DataArray
        Percent, of the filled terrain.
    direction, streams : xarray.DataArray
        As the functions of ``mineeco_xr.terrain`` make them.
    sums : tuple of xarray.DataArray
        Over what drains through each cell: the cells, the cover factor, the slope.
    step : xarray.DataArray
        ``1 / (W S)``, the weight of a step down to the stream.
    at_once : bool
        Whether it was computed in strips.
    """

    slope: xr.DataArray
    direction: xr.DataArray
    streams: xr.DataArray
    sums: tuple[xr.DataArray, ...]
    step: xr.DataArray
    at_once: bool


def side_of(dem: xr.DataArray) -> float:
    """Return the side of a square cell, m.

    Raises
    ------
    GridMismatch
        If cells are not square.
    """
    height, width = cell_size(geobox_of(dem), "sediment")
    if abs(height / width - 1.0) > GRID_TOLERANCE:
        raise GridMismatch(
            f"cells are {width:g} m wide and {height:g} m high; sediment needs square ones. Warp "
            "the layers onto a square grid with .mine.warp."
        )
    return width


def route(
    dem: xr.DataArray,
    lulc: xr.DataArray,
    parameters: ModelParameters,
    *,
    threshold: float,
    method: str,
    drainage: xr.DataArray | None,
    watersheds: gpd.GeoDataFrame | str | None,
    convention: str,
) -> Routed:
    """Fill the terrain where all inputs are valid and route water over it."""
    side_of(dem)
    if threshold > dem.sizes["y"] * dem.sizes["x"]:
        raise ParameterError(
            f"threshold is {threshold:g} cells and the grid has {dem.sizes['y'] * dem.sizes['x']}: "
            "no cell can be a stream. Choose a smaller one."
        )
    valid = _valid_terrain(dem, lulc, parameters, drainage, watersheds)
    at_once = method == "mfd" and valid.chunks is not None and not is_one_task(valid, SUMS)
    if at_once:
        # Strips read block by block, and for each all checks would be made again.
        parameters = parameters.checked()
        valid = _valid_terrain(dem, lulc, parameters, drainage, watersheds)
    filled = fill_pits(valid)
    invest, corner = convention == "invest", (0, 0)
    if invest and watersheds is not None:
        corner = invest_corner(watersheds, dem)
    direction = flow_direction(
        filled, method, convention="invest" if invest else "elevations", corner=corner
    )
    steepness = slope(filled)
    if at_once:
        # Or the whole terrain would be filled and directed for each strip.
        held = xr.Dataset({"slope": steepness, "direction": direction}).persist()
        steepness, direction = held["slope"], held["direction"]
    cover, steep, step = _by_class(
        _factors_block, ("usle_c",), lulc, parameters, steepness, outputs=3
    )
    sums = _sums(direction, cover, steep)
    found = streams(
        sums[0].assign_attrs(flow_method=method),
        threshold,
        direction if method == "mfd" else None,
        convention="invest" if invest else "complete",
        corner=corner,
    )
    if drainage is not None:
        attrs = found.attrs
        found = pointwise(_add_drainage, found, drainage, dtype="uint8").assign_attrs(attrs)
    return Routed(steepness, direction, found, sums, step, at_once)


def _by_class(
    function: Callable[..., Any],
    columns: Sequence[str],
    lulc: xr.DataArray,
    parameters: ModelParameters,
    *before: xr.DataArray,
    outputs: int = 1,
) -> Any:
    """Apply a function of some parameters alone: others may have dates that the result has not."""
    layers = {key: layer for key, layer in parameters.layers.items() if key in columns}
    return cellwise(
        function,
        *before,
        lulc,
        *layers.values(),
        dtype="float32",
        outputs=outputs,
        shared=parameters.shared,
        parameters={"names": tuple(layers)},
    )


def _sums(
    direction: xr.DataArray, cover: xr.DataArray, steep: xr.DataArray
) -> tuple[xr.DataArray, ...]:
    """Return the cells, the cover and the slopes that drain through each cell."""
    if flow_method(direction) == "mfd" and set(cover.dims) == set(direction.dims):
        layers = on_directions(as_codes(direction, "mfd"), direction, cover=cover, steep=steep)
        return accumulate_layers(layers[0], [None, *layers[1:]])
    of_factors = (
        flow_accumulation(direction, weights=factor.assign_attrs(units="1"))
        for factor in (cover, steep)
    )
    return (flow_accumulation(direction), *of_factors)


def _valid_terrain(
    dem: xr.DataArray,
    lulc: xr.DataArray,
    parameters: ModelParameters,
    drainage: xr.DataArray | None,
    watersheds: gpd.GeoDataFrame | str | None,
) -> xr.DataArray:
    """Return the terrain where every layer has a value, after all layers were checked."""
    heights = convert_units(as_float(dem), "m", name=str(dem.name or "dem"))
    # A number for each date is nodata for a date or for none, which moves no water.
    layers = {key: v for key, v in parameters.layers.items() if "y" in v.dims}
    if drainage is not None:
        # A code of 0 says that no drain is there, not that nothing is known.
        coded = feature_fill_value_of(drainage) is not None
        layers["drainage"] = as_float(drainage) if coded else drainage
    if watersheds is not None:
        layers["inside"] = _inside(watersheds, dem)
    may_lack = lulc.dtype.kind == "f" or fill_value_of(lulc) is not None
    classes = [lulc] if may_lack else []
    masked = pointwise(
        _mask_block,
        heights,
        *classes,
        *layers.values(),
        dtype=heights.dtype,
        shared=parameters.shared,
        parameters={"has_classes": may_lack},
    )
    return masked.transpose(..., "y", "x").rename(dem.name or "dem").assign_attrs(units="m")


def _inside(watersheds: gpd.GeoDataFrame | str, dem: xr.DataArray) -> xr.DataArray:
    """Return 1 where a watershed is and NaN elsewhere, float32."""
    frame, grid = read_watersheds(watersheds), geobox_of(dem)
    placed = on_grid(frame, grid, name="watersheds")
    require_inside(placed, frame.index.to_numpy(), grid, name="watersheds of rows")
    ones, chunks = np.ones(len(frame)), chunk_sides(dem)
    return burn(placed, grid, values=ones, fill=np.nan, dtype="float32", chunks=chunks)


def _mask_block(
    heights: np.ndarray, *layers: np.ndarray, shared: ClassValues, has_classes: bool
) -> np.ndarray:
    valid = shared.valid(layers[0]) if has_classes else np.ones((1, 1), dtype=bool)
    for layer in layers[1:] if has_classes else layers:
        valid = valid & np.isfinite(layer)
    return np.where(valid, heights, heights.dtype.type(np.nan))


def _add_drainage(found: np.ndarray, drainage: np.ndarray) -> np.ndarray:
    return np.where((drainage == 1) & (found != 255), np.uint8(1), found)


def delivery(
    routed: Routed,
    lulc: xr.DataArray,
    parameters: ModelParameters,
    *,
    length: str,
    settings: Mapping[str, float],
) -> tuple[xr.DataArray, ...]:
    """Return RKLS, ``C P``, LS, index of connectivity and delivery ratio, float32."""
    rain_and_soil = {
        key: layer
        for key, layer in parameters.layers.items()
        if key in ("erosivity", "erodibility")
    }
    some = reduce_blocks(
        _summarise_streams, _merge_streams, routed.streams, routed.sums[0],
        finish=_require_streams,
    )  # fmt: skip
    checked = parameters.after(some)
    if routed.at_once:
        checked = checked.checked()
    way = downstream_distance(
        routed.direction,
        routed.streams,
        weights=routed.step.assign_attrs(units="1"),
        convention=length,
    )
    rkls, ls, ic, sdr = cellwise(
        _delivery_block, routed.slope, *routed.sums, way, routed.streams, lulc,
        *rain_and_soil.values(), dtype="float32", outputs=4,
        shared=checked.shared,
        parameters={"names": tuple(rain_and_soil), "side": side_of(routed.slope),
                    "settings": dict(settings)},
    )  # fmt: skip
    cp = _by_class(_practice_block, ("usle_c", "usle_p"), lulc, checked)
    return rkls, cp, ls, ic, sdr


def _factors_block(
    slope_percent: np.ndarray,
    classes: np.ndarray,
    *layers: np.ndarray,
    shared: ClassValues,
    names: tuple[str, ...],
) -> tuple[np.ndarray, ...]:
    """Return the cover factor and the slope as bounded for the index, and ``1 / (W S)``."""
    found = dict(zip(names, layers, strict=True))
    cover = np.maximum(values_of(shared, classes, found, "usle_c"), np.float32(LEAST_COVER))
    steep = np.clip(slope_percent / np.float32(100), np.float32(SLOPES[0]), np.float32(SLOPES[1]))
    return cover, steep, 1 / (cover * steep)


def _practice_block(
    classes: np.ndarray, *layers: np.ndarray, shared: ClassValues, names: tuple[str, ...]
) -> np.ndarray:
    found = dict(zip(names, layers, strict=True))
    return values_of(shared, classes, found, "usle_c") * values_of(shared, classes, found, "usle_p")


def _delivery_block(
    slope_percent: np.ndarray,
    accumulation: np.ndarray,
    cover: np.ndarray,
    steepness: np.ndarray,
    way: np.ndarray,
    stream: np.ndarray,
    classes: np.ndarray,
    *layers: np.ndarray,
    shared: ClassValues,
    names: tuple[str, ...],
    side: float,
    settings: Mapping[str, float],
) -> tuple[np.ndarray, ...]:
    from mineeco_xr.kernels.erosion import delivery_ratio, rkls_and_connectivity

    found = dict(zip(names, layers, strict=True))
    rain, soil = (values_of(shared, classes, found, key) for key in ("erosivity", "erodibility"))
    inputs = (slope_percent, accumulation, cover, steepness, way, stream, rain, soil)
    shape = np.broadcast_shapes(*(layer.shape for layer in inputs))
    types = ("f4", "f8", "f8", "f8", "f8", "u1", "f4", "f4")
    # numba compiles anew for what cannot be written, as broadcast arrays cannot.
    ready: Any = [
        np.require(
            layer if layer.shape == shape else np.broadcast_to(layer, shape), kind, ["C", "W"]
        ).ravel()
        for layer, kind in zip(inputs, types, strict=True)
    ]
    ls, rkls, ic = rkls_and_connectivity(*ready, cell=side, l_max=settings["l_max"])
    sdr = delivery_ratio(
        ic,
        ready[5],
        settings["borselli_k"],
        settings["borselli_ic0"],
        settings["sdr_max"],
    )
    return tuple(layer.reshape(shape) for layer in (rkls, ls, ic, sdr))


Found = tuple[int, float]


def _summarise_streams(found: np.ndarray, sums: np.ndarray, *, shared: Any) -> Found:
    return int(np.count_nonzero(found == 1)), float(np.fmax.reduce(sums, axis=None, initial=0.0))


def _merge_streams(parts: list[Found]) -> Found:
    return sum(part[0] for part in parts), max(part[1] for part in parts)


def _require_streams(found: Found, shared: Any) -> Found:
    if not found[1]:
        raise SchemaError(
            "no cell has an elevation and all other inputs, so that the DEM has no outlet: check "
            "that the layers, and the watersheds, overlap and what their nodata codes are."
        )
    if not found[0]:
        raise ParameterError(
            f"no cell is a stream: at most {found[1]:g} cells drain through one. Choose a smaller "
            "threshold, or give the streams as drainage=."
        )
    return found


def deposition(
    direction: xr.DataArray, left: xr.DataArray, sdr: xr.DataArray, *, convention: str
) -> xr.DataArray:
    """Return the sediment from upslope that each cell traps, float32."""
    codes, ratio = xr.broadcast(direction, sdr)
    share = halo(
        _trapped_window,
        codes.transpose(..., "y", "x"),
        ratio.transpose(..., "y", "x"),
        depth=1,
        dtype="float64",
        fill=(0 if codes.dtype == np.uint32 else 255, np.nan),
    )
    made = flow_retention(
        direction,
        left.assign_attrs(units="t ha-1 yr-1"),
        share,
        convention="invest" if convention == "invest" else "exact",
    )
    return made["retained"].astype("float32")


def _trapped_window(directions: np.ndarray, sdr: np.ndarray) -> np.ndarray:
    from mineeco_xr.kernels.erosion import trapped_share

    lead = sdr.shape[:-2]
    out = [trapped_share(directions[i], sdr[i]) for i in np.ndindex(*lead)]
    return np.stack(out).reshape(*lead, sdr.shape[-2] - 2, sdr.shape[-1] - 2)
