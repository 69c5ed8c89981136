"""The lazy graph: two static stacks, and the yearly layers that follow from them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import xarray as xr

from mineeco_xr.chunks import generate, pointwise
from mineeco_xr.synthetic import bands, climate, landcover, soil, terrain
from mineeco_xr.synthetic.attributes import BANDS
from mineeco_xr.synthetic.productivity import productivity
from mineeco_xr.synthetic.rivers import segments_of
from mineeco_xr.synthetic.scene import HISTORY, Scene, history_block
from mineeco_xr.synthetic.vegetation import vegetation

BLOCK_CELLS = 2**20
"""Cells times years of a block at most: its years are cut so, its cells are the user's."""

Layers = dict[str, xr.DataArray]


def make_layers(
    scene: Scene,
    coords: dict[str, xr.DataArray],
    years: Sequence[int],
    dates: Sequence[int],
    sides: tuple[int, int],
    gaps: float,
) -> tuple[Layers, Layers, Layers]:
    """Build all layers without computing any.

    Parameters
    ----------
    scene : Scene
        All objects.
    coords : dict of str to DataArray
        Of the grid.
    years, dates : sequence of int
        Of the yearly layers and of the land cover.
    sides : tuple of int
        Rows and columns of a chunk.
    gaps : float
        Share of cells under clouds.

    Returns
    -------
    cube, truth, extra : dict of str to DataArray
        Without attributes; extra has water, 1 on water, which only the coarse grid needs.
    """
    static = _static(scene, coords, sides)
    time = _axis("time", years, sides)
    rain_anomaly, heat_anomaly = (
        _along(time, climate.anomalies(scene.seed, name, years)) for name in ("rain", "heat")
    )
    land_class = _land_class(scene, static, time)
    weather = _float32(
        climate.climate,
        time,
        rain_anomaly,
        heat_anomaly,
        static["elevation"],
        static["rain"],
        outputs=3,
    )
    grown = _float32(
        vegetation,
        time,
        rain_anomaly,
        land_class,
        *(static[name] for name in ("restoration_year", "moisture", "texture")),
        outputs=2,
    )
    fluxes = _float32(productivity, *grown, *weather, outputs=3)
    seen = _float32(
        bands.observe,
        time,
        *_places(coords, sides),
        land_class,
        *grown,
        weather[1],
        static["clay"],
        outputs=len(BANDS) + 1,
        parameters={"seed": scene.seed, "gaps": gaps},
    )
    cube, truth = _still_layers(static)
    cube["land_cover"] = _land_class(scene, static, _axis("date", dates, sides))
    cube |= _named((*BANDS, "thermal"), seen)
    cube |= _named(("precipitation", "temperature", "reference_evapotranspiration"), weather)
    truth |= _named(("npp", "et", "wue"), fluxes) | {"vegetation_cover": grown[0]}
    return cube, truth, {"water": _float32(_is_water, land_class)}


def _named(names: Sequence[str], layers: Sequence[xr.DataArray]) -> Layers:
    return dict(zip(names, layers, strict=True))


def _static(scene: Scene, coords: dict[str, xr.DataArray], sides: tuple[int, int]) -> Layers:
    """Return the layers of both static stacks, each stack one task a chunk."""
    segments = segments_of(scene.rivers)
    nature = generate(
        terrain.terrain_block,
        coords,
        dtype="float32",
        chunks=sides,
        leading={"field": np.array(terrain.FIELDS)},
        parameters={"frame": scene.frame, "segments": segments, "seed": scene.seed},
    )
    history = generate(
        history_block,
        coords,
        dtype="uint16",
        chunks=sides,
        leading={"field": np.array(HISTORY)},
        parameters={"scene": scene},
    )
    return {
        name: stack.isel(field=place, drop=True)
        for names, stack in ((terrain.FIELDS, nature), (HISTORY, history))
        for place, name in enumerate(names)
    }


def _still_layers(static: Layers) -> tuple[Layers, Layers]:
    ground = _float32(
        soil.soil, *(static[name] for name in ("clay", "moisture", "relief")), outputs=4
    )
    lost = pointwise(
        landcover.disturbed,
        *(static[name] for name in ("pit_year", "dump_year", "built_year", "bank_distance")),
        dtype="uint16",
    )
    cube = {"elevation": static["elevation"]}
    cube |= _named(("soil_depth", "clay", "sand", "plant_available_water"), ground)
    return cube, {"disturbance_year": lost, "restoration_year": static["restoration_year"]}


def _land_class(scene: Scene, static: Layers, time: xr.DataArray) -> xr.DataArray:
    names = (*HISTORY, "bank_distance", "river_distance", "moisture", "relief", "wood", "parcel")
    result: xr.DataArray = pointwise(
        landcover.classify,
        time,
        *(static[name] for name in names),
        dtype="uint8",
        parameters={"near": 0.05 * scene.frame.side},
    )
    return result


def _axis(dim: str, years: Sequence[int], sides: tuple[int, int]) -> xr.DataArray:
    """Return years along a dim of dates, cut so that a block stays small."""
    dates = np.array([f"{year:04d}-01-01" for year in years], dtype="datetime64[ns]")
    axis = xr.DataArray(np.array(years, dtype="float32"), dims=dim, coords={dim: dates})
    return axis.chunk({dim: max(1, min(len(years), BLOCK_CELLS // (sides[0] * sides[1])))})


def _along(time: xr.DataArray, values: np.ndarray) -> xr.DataArray:
    return time.copy(data=values.astype("float32")).chunk(time.chunksizes)


def _places(coords: dict[str, xr.DataArray], sides: tuple[int, int]) -> list[xr.DataArray]:
    """Return row and column numbers as lazy layers of one dim each."""
    return [
        xr.DataArray(np.arange(coords[dim].size), dims=dim, coords={dim: coords[dim]}).chunk(
            {dim: side}
        )
        for dim, side in zip(("y", "x"), sides, strict=True)
    ]


def _float32(function: Any, *layers: xr.DataArray, **options: Any) -> Any:
    return pointwise(partial(_single, function), *layers, dtype="float32", **options)


def _single(function: Any, *blocks: np.ndarray, **parameters: Any) -> Any:
    """Call a formula and give its results as float32, whatever NumPy's promotion made of them."""
    results = function(*blocks, **parameters)
    if isinstance(results, tuple):
        return tuple(np.asarray(result, dtype="float32") for result in results)
    return np.asarray(results, dtype="float32")


def _is_water(land_class: np.ndarray) -> np.ndarray:
    return land_class == 4
