"""The yearly layers of a carbon and water run: what explains the coarse products, and the drivers.

Nothing here computes; what is wrong with files, dates and units is said while it is built.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

import numpy as np
import xarray as xr

from mineeco_xr.carbonwater import composite, indices, mask_qa, scale_landsat, tvdi
from mineeco_xr.cube import geobox_of, ingest, read_vectors
from mineeco_xr.cube.calendar import calendar_years
from mineeco_xr.cube.time import require_same_times
from mineeco_xr.errors import SchemaError
from mineeco_xr.spatial import idw
from mineeco_xr.workflows.wue_config import BandsSpec, DeformationSpec, WueCase

if TYPE_CHECKING:
    import geopandas as gpd

BANDS = ("blue", "green", "red", "nir", "swir1", "swir2")


def yearly_layers(case: WueCase) -> xr.Dataset:
    """Return the layers of a case on its grid, a date a year.

    Parameters
    ----------
    case : WueCase
        The configuration.

    Returns
    -------
    xarray.Dataset
        Its variables; instead of bands their indices, surface temperature ``LST`` and ``TVDI``;
        ``deformation`` when points are given.

    Raises
    ------
    DataError, SchemaError, GridMismatch, UnitError
        If a file, band, date, grid or unit is wrong.
    """
    if case.bands is None:
        layers = ingest(case.manifest())
    else:
        bands, others = _bands_and_others(case, case.bands)
        yearly = vegetation_layers(bands, case.bands)
        layers = joined(one_a_year(others), yearly, missing_dates=case.missing_dates)
    if case.deformation is not None:
        points = _points(case, case.deformation)
        moved = yearly_deformation(points, layers, case.deformation)
        layers = joined(layers, moved.to_dataset())
    return layers


def _points(case: WueCase, spec: DeformationSpec) -> gpd.GeoDataFrame:
    return read_vectors(case.base / spec.path, layer=spec.layer)


def point_notes(case: WueCase, layers: xr.Dataset) -> list[str]:
    """Say how many points of deformation lie outside the grid."""
    if case.deformation is None:
        return []
    points, grid = _points(case, case.deformation), geobox_of(layers)
    box = grid.boundingbox
    inside = len(points.to_crs(grid.crs).cx[box.left : box.right, box.bottom : box.top])
    if inside == len(points):
        return []
    return [
        f"{len(points) - inside} of {len(points)} points of deformation lie outside the grid; they "
        "inform the cells near them."
    ]


def joined(first: xr.Dataset, second: xr.Dataset, missing_dates: str = "error") -> xr.Dataset:
    """Return the layers of two cubes on one grid.

    Parameters
    ----------
    first, second : xarray.Dataset
        With layers of different names.
    missing_dates : {"error", "nodata"}
        Whether dates that only one of them has are an error.

    Raises
    ------
    SchemaError
        If a name is in both, or dates differ.
    """
    if not first.data_vars:
        return second
    twice = sorted({str(n) for n in first.data_vars} & {str(n) for n in second.data_vars})
    if twice:
        raise SchemaError(f"the run makes {twice} itself: rename these variables.")
    if missing_dates == "error":
        require_same_times({str(n): v for cube in (first, second) for n, v in cube.items()})
    how: Literal["exact", "outer"] = "exact" if missing_dates == "error" else "outer"
    return xr.merge([first, second], join=how, compat="override", combine_attrs="override")


def _bands_and_others(case: WueCase, spec: BandsSpec) -> tuple[xr.Dataset, xr.Dataset]:
    """Ingest the bands and the other variables apart, for scenes have more dates than years."""
    manifest = case.manifest()
    used = _bands_of(manifest.variables, spec)
    groups = [used, [name for name in manifest.variables if name not in used]]
    parts = [xr.Dataset(), xr.Dataset()]
    grid = None
    # First those among which is the variable whose grid is taken.
    for place in sorted((0, 1), key=lambda i: manifest.grid.like not in groups[i]):
        if groups[place]:
            chosen = {name: manifest.variables[name] for name in groups[place]}
            parts[place] = ingest(manifest.model_copy(update={"variables": chosen}), grid=grid)
            grid = geobox_of(parts[place])
    return parts[0], parts[1]


def _bands_of(names: Iterable[str], spec: BandsSpec) -> list[str]:
    extra = [name for name in (spec.thermal, spec.qa) if name is not None]
    missing = [name for name in extra if name not in names]
    if missing:
        raise SchemaError(
            f"[bands] names {missing}, and [variables] have {sorted(names)}: add them, or leave "
            "thermal and qa out."
        )
    stored = re.compile(r"(SR|ST)_B\d+|(QA|qa)_\w+")
    used = [name for name in names if name in BANDS or name in extra or stored.fullmatch(name)]
    if not set(used) - set(extra):
        raise SchemaError(
            f"[variables] have {sorted(names)} and no band: name them {list(BANDS)}, or as "
            "Landsat does ('SR_B4'), or leave [bands] out."
        )
    return used


def vegetation_layers(bands: xr.Dataset, spec: BandsSpec) -> xr.Dataset:
    """Turn bands into yearly indices, surface temperature and dryness.

    Parameters
    ----------
    bands : xarray.Dataset
        Reflectance, or stored numbers when ``spec`` names a sensor; one date a year, or scenes
        when it names a season.
    spec : BandsSpec
        How.

    Returns
    -------
    xarray.Dataset
        The indices, ``LST`` and ``TVDI``; of scenes also ``clear_count``.
    """
    thermal = spec.thermal
    if spec.sensor is not None:
        bands = scale_landsat(bands, spec.sensor)
        thermal = "thermal" if thermal is not None else None
    if spec.qa is not None:
        quality = bands[spec.qa]
        if quality.dtype.kind == "f":
            # A file that names a nodata code is read as floats; code 1 is fill.
            bands = bands.assign({spec.qa: quality.fillna(1).astype("uint16")})
        bands = mask_qa(bands, spec.qa)
    found = indices(bands, spec.indices)
    layers = {str(name): found[name] for name in spec.indices}
    if thermal is not None:
        layers["LST"] = bands[thermal]
    if spec.tvdi:
        # Of each scene, for its edges are those of a day; only then composites.
        layers["TVDI"] = tvdi(layers["NDVI"], layers["LST"])
    made = xr.Dataset(layers)
    if spec.season is None:
        return one_a_year(made)
    return composite(made, season=spec.season, how=spec.how, missing=spec.missing)


def one_a_year(layers: xr.Dataset) -> xr.Dataset:
    """Put every date on the first of January, as composites and yearly products have it.

    Raises
    ------
    SchemaError
        If a year has two dates.
    """
    if "time" not in layers.dims:
        return layers
    years = calendar_years(layers["time"])
    if np.unique(years).size < years.size:
        known, counts = np.unique(years, return_counts=True)
        twice = known[counts > 1].tolist()
        raise SchemaError(
            f"{sorted(map(str, layers))} have several dates in {twice[:5]}: of bands name a season "
            "in [bands], so that the scenes of a year become one composite; of others bring "
            "yearly ones."
        )
    dates = [np.datetime64(f"{year:04d}-01-01", "ns") for year in years]
    return layers.assign_coords(time=("time", dates, layers["time"].attrs))


def yearly_deformation(
    points: gpd.GeoDataFrame, layers: xr.Dataset, spec: DeformationSpec
) -> xr.DataArray:
    """Interpolate the columns of points that are years of the layers; other years are nodata.

    Parameters
    ----------
    points : geopandas.GeoDataFrame
        With a column a year.
    layers : xarray.Dataset
        Give grid, chunks and years.
    spec : DeformationSpec
        Names and weights.

    Returns
    -------
    xarray.DataArray
        Dims ``(time, y, x)``.

    Raises
    ------
    SchemaError
        If no column is a year of the layers.
    """
    columns = [f"{spec.prefix}{year}" for year in calendar_years(layers["time"])]
    found = [i for i, name in enumerate(columns) if name in points.columns]
    if not found:
        raise SchemaError(
            f"{spec.path} has no column of {columns[0]!r} to {columns[-1]!r}; there "
            f"are {sorted(map(str, points.columns))}. Name the prefix before the year."
        )
    dates = list(layers["time"].values[found])
    made = idw(
        layers,
        points,
        [columns[i] for i in found],
        dates=dates,
        power=spec.power,
        neighbours=spec.neighbours,
        radius=spec.radius,
        units=spec.units,
    )
    assert isinstance(made, xr.DataArray)
    return made.reindex(time=layers["time"]).rename("deformation")
