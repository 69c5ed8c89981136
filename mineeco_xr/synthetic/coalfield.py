"""The synthetic coalfield: every layer of the four systems, with known truth."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from mineeco_xr.cube import finalize, grid_coords, make_grid, require_metres
from mineeco_xr.errors import ParameterError
from mineeco_xr.synthetic.attributes import ATTRIBUTES

if TYPE_CHECKING:
    import geopandas as gpd
    from odc.geo.geobox import GeoBox

    from mineeco_xr.synthetic.scene import Scene

ORIGIN = (416_400.0, 4_878_300.0)
"""Left and top of the default extent, near Shengli in UTM zone 50 N."""
DEFAULT_CHUNK = 1024
SMALLEST = 48
"""Fewest cells a side: below, the mine's parts are less than a cell wide."""


@dataclass(frozen=True, eq=False, repr=False)
class Coalfield:
    """A synthetic coalfield with its truth.

    Parameters
    ----------
    cube : xarray.Dataset
        What one would be given. ``(y, x)``: elevation (m, before mining), soil_depth (mm), clay
        and sand (percent), plant_available_water (1). ``(date, y, x)``: land_cover (classes, 0
        is nodata). ``(time, y, x)``, yearly: blue, green, red, nir, swir1, swir2 (reflectance)
        and thermal (K), NaN under clouds; precipitation and reference_evapotranspiration
        (mm yr-1), temperature (degC).
    truth : xarray.Dataset
        What one would like to know. ``(time, y, x)``: npp (gC m-2 yr-1), et (mm yr-1), wue
        (gC m-2 mm-1), vegetation_cover (1). ``(y, x)``: disturbance_year and restoration_year
        (uint16, 0 where none), which may lie outside ``years``.
    coarse : xarray.Dataset
        ``(time, y, x)`` on the sinusoidal grid of MODIS: npp, et, vegetation_cover and water,
        area-weighted means of the truth; NaN where a cell reaches beyond the extent.
    rivers, roads : geopandas.GeoDataFrame
        Lines; rivers run downstream and carry their bed elevation as z.
    settlements, mines, zones, panels, protected : geopandas.GeoDataFrame
        Polygons; settlements as of the last year. In ``zones`` the years are those of the mine.
    years : tuple of int
        Of the ``time`` dim.
    seed : int
        What it was drawn from.
    grid : odc.geo.geobox.GeoBox
        Of ``cube`` and ``truth``.
    """

    cube: xr.Dataset
    truth: xr.Dataset
    coarse: xr.Dataset
    rivers: gpd.GeoDataFrame
    roads: gpd.GeoDataFrame
    settlements: gpd.GeoDataFrame
    mines: gpd.GeoDataFrame
    zones: gpd.GeoDataFrame
    panels: gpd.GeoDataFrame
    protected: gpd.GeoDataFrame
    years: tuple[int, ...]
    seed: int
    grid: GeoBox

    def __repr__(self) -> str:
        rows, columns = self.grid.shape
        cell = f"{self.grid.affine.a:g} m"
        span = f"{self.years[0]}" if len(self.years) == 1 else f"{self.years[0]}-{self.years[-1]}"
        return f"Coalfield({rows} x {columns} cells of {cell}, {span}, seed {self.seed})"


def coalfield(
    size: int | tuple[int, int] = 512,
    *,
    resolution: float = 30.0,
    years: Iterable[int] = range(2001, 2025),
    seed: int = 0,
    chunks: int | tuple[int, int] | None = None,
    crs: Any = "EPSG:32650",
    origin: tuple[float, float] = ORIGIN,
    gaps: float = 0.01,
    land_cover_years: Iterable[int] | None = None,
) -> Coalfield:
    """Make a synthetic coalfield in semi-arid grassland, with known truth.

    An open pit with its dumps, a longwall mine, a town, villages, roads, rivers and a reserve
    are drawn from the seed and the extent; every layer follows from them by the formulas of
    ``docs/coalfield.md``. Random numbers are hashes of seed and cell, so that a layer does not
    depend on ``chunks``, nor a year on ``years``.

    Parameters
    ----------
    size : int or tuple of int
        Cells a side, or rows and columns; at least 48. Up to 18 km the layout grows with the
        extent, beyond that the country around it does, with further mines.
    resolution : float
        Cell size, m. Another resolution samples the same landscape, with other sensor noise.
    years : iterable of int
        Increasing years of the ``time`` dim. The history runs from 2000 to about 2025 whatever
        years are asked for: dumps from 2002, the pit from 2003, restoration from 2008 on.
    seed : int
        Another seed, another coalfield. Other than 0 it may also mirror the layout.
    chunks : int or tuple of int, optional
        Cells a side of the chunks; default 1024. The result is always lazy.
    crs : CRS-like
        A projected reference system in metres.
    origin : tuple of float
        Left and top of the extent in ``crs``.
    gaps : float
        Share of the cells of each year's bands under clouds, from 0 to 0.9.
    land_cover_years : iterable of int, optional
        Dates of the land cover; default four of ``years``, first and last among them.

    Returns
    -------
    Coalfield
        Lazy cubes, and vectors in memory.

    Raises
    ------
    ParameterError
        If a parameter is out of its range.
    GridMismatch
        If ``crs`` is not in metres.

    Notes
    -----
    Crosses chunks pointwise: every cell is made from its own position. A block holds as many
    years as fit in a million cells.

    Examples
    --------
    >>> field = coalfield(64, years=range(2001, 2004), seed=7)
    >>> field
    Coalfield(64 x 64 cells of 30 m, 2001-2003, seed 7)
    >>> dict(field.cube.sizes)
    {'y': 64, 'x': 64, 'date': 3, 'time': 3}
    >>> sorted(field.truth.data_vars)
    ['disturbance_year', 'et', 'npp', 'restoration_year', 'vegetation_cover', 'wue']
    >>> cover = field.truth.vegetation_cover.compute()
    >>> bool(((cover > 0) & (cover < 1)).all())
    True
    """
    from mineeco_xr.synthetic.scene import draw_scene

    shape = (size, size) if isinstance(size, int | np.integer) else (int(size[0]), int(size[1]))
    every = _checked_years("years", years)
    dates = _checked_years("land_cover_years", land_cover_years or _spread(every))
    _check(shape, resolution, gaps)
    left, top = origin
    bounds = (left, top - shape[0] * resolution, left + shape[1] * resolution, top)
    grid = make_grid(bounds, crs=crs, resolution=float(resolution))
    require_metres(grid, "coalfield")
    scene = draw_scene(shape, float(resolution), int(seed))
    parameters = {
        "size": shape,
        "resolution": resolution,
        "years": every,
        "seed": seed,
        "gaps": gaps,
        "land_cover_years": dates,
    }
    sides = _chunk_sides(chunks, shape)
    return _assemble(scene, grid, every, dates, sides, float(gaps), parameters)


def _assemble(
    scene: Scene,
    grid: GeoBox,
    years: tuple[int, ...],
    dates: tuple[int, ...],
    sides: tuple[int, int],
    gaps: float,
    parameters: Mapping[str, Any],
) -> Coalfield:
    from mineeco_xr.synthetic import vectors
    from mineeco_xr.synthetic.layers import make_layers
    from mineeco_xr.synthetic.modis import coarsen, modis_grid

    coords = grid_coords(grid)
    layers = make_layers(scene, coords, years, dates, sides, gaps)
    cube, truth, fine = (_described(part, coords) for part in layers)
    fine |= {name: truth[name] for name in ("npp", "et", "vegetation_cover")}
    target = modis_grid(tuple(grid.boundingbox), grid.crs)
    coarse = coarsen(fine, target, min(sides))
    mapper = vectors.Mapper(grid.boundingbox.left, grid.boundingbox.bottom, grid.crs.proj)
    mines = vectors.mines_frame(scene, mapper)
    longwall = int(mines.loc[mines.name == "longwall_mine", "mine_id"].iloc[0])

    def dataset(layers: dict[str, xr.DataArray]) -> xr.Dataset:
        return finalize(xr.Dataset(layers), function="coalfield", parameters=parameters, inputs={})

    return Coalfield(
        cube=dataset(cube),
        truth=dataset(truth),
        coarse=dataset(coarse),
        rivers=vectors.rivers_frame(scene, mapper),
        roads=vectors.roads_frame(scene, mapper),
        settlements=vectors.settlements_frame(scene, mapper, years[-1]),
        mines=mines,
        zones=vectors.zones_frame(scene, mapper),
        panels=vectors.panels_frame(scene, mapper, longwall),
        protected=vectors.protected_frame(scene, mapper),
        years=years,
        seed=scene.seed,
        grid=grid,
    )


def _described(
    layers: dict[str, xr.DataArray], coords: Mapping[str, xr.DataArray]
) -> dict[str, xr.DataArray]:
    """Give layers their names, attributes and the coordinates of the grid."""
    named = {name: layer.assign_coords(coords).rename(name) for name, layer in layers.items()}
    for name, layer in named.items():
        layer.attrs = dict(ATTRIBUTES[name])
        for dim in {"time", "date"} & set(layer.dims):
            layer[dim].attrs = {"standard_name": "time", "long_name": "first day of the year"}
    return named


def _checked_years(name: str, years: Iterable[int]) -> tuple[int, ...]:
    found = tuple(int(year) for year in years)
    if not found or any(b <= a for a, b in pairwise(found)):
        raise ParameterError(f"{name} are {found}: give one or more increasing years.")
    if found[0] < 1700 or found[-1] > 2200:
        raise ParameterError(f"{name} reach from {found[0]} to {found[-1]}: give 1700 to 2200.")
    return found


def _spread(years: tuple[int, ...]) -> tuple[int, ...]:
    places = np.linspace(0, len(years) - 1, min(4, len(years)))
    return tuple(years[int(place)] for place in np.round(places))


def _check(shape: tuple[int, int], resolution: float, gaps: float) -> None:
    if min(shape) < SMALLEST:
        raise ParameterError(f"size is {shape}: give at least {SMALLEST} cells a side.")
    if not resolution > 0:
        raise ParameterError(f"resolution is {resolution}: give a positive cell size in metres.")
    if not 0 <= gaps <= 0.9:
        raise ParameterError(f"gaps is {gaps}: give a share from 0 to 0.9.")


def _chunk_sides(chunks: int | tuple[int, int] | None, shape: tuple[int, int]) -> tuple[int, int]:
    sides = DEFAULT_CHUNK if chunks is None else chunks
    rows, columns = (sides, sides) if isinstance(sides, int | np.integer) else sides
    if min(rows, columns) < 1:
        raise ParameterError(f"chunks is {chunks}: give one or more cells a side.")
    return (min(int(rows), shape[0]), min(int(columns), shape[1]))
