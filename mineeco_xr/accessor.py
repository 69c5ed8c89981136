"""``.mine`` on DataArray and Dataset: a thin face, one line a method."""

from __future__ import annotations

import functools
import importlib
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import xarray as xr

_ROLE_NOTE = "    As a method, {} name variables of the cube, or are arrays in their place.\n"


class forward:
    """A method that is a function of the library with the accessor's object as first argument.

    Parameters
    ----------
    target : str
        ``"module:function"``; imported when the method is first looked at.
    roles : sequence of str
        For a Dataset: leading arguments of the function that are variables of the cube. Each
        becomes a keyword of the method that names the variable, by default its own name.
    by_name : bool
        The roles are given by keyword only, so that positions are left to what comes after them.
    """

    def __init__(self, target: str, *, roles: Sequence[str] = (), by_name: bool = False) -> None:
        self.target, self.roles, self.by_name = target, tuple(roles), by_name

    def function(self) -> Callable[..., Any]:
        """Import the function."""
        module, name = self.target.split(":")
        return getattr(importlib.import_module(module), name)

    def __get__(self, accessor: Any, owner: type | None = None) -> Any:
        function = self.function()
        if accessor is None:
            return function
        roles, data = self.roles, accessor._data
        placed = () if self.by_name else roles

        @functools.wraps(function)
        def method(*args: Any, **kwargs: Any) -> Any:
            if not roles:
                return function(data, *args, **kwargs)
            names = dict(zip(placed, args, strict=False)) | {
                role: kwargs.pop(role) for role in roles if role in kwargs
            }
            layers = [pick(data, names.get(role, role), role) for role in roles]
            return function(*layers, *args[len(placed) :], **kwargs)

        method.__signature__ = _signature(function, roles, self.by_name)  # type: ignore[attr-defined]
        if roles:
            method.__doc__ = f"{function.__doc__}\n{_ROLE_NOTE.format(' and '.join(roles))}"
        return method


def _signature(
    function: Callable[..., Any], roles: tuple[str, ...], by_name: bool
) -> inspect.Signature:
    """Return the function's signature without its data, the roles as names of variables."""
    parameters = list(inspect.signature(function).parameters.values())
    names = [
        inspect.Parameter(role, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=role)
        for role in roles
    ]
    rest = parameters[len(roles) or 1 :]
    if by_name:
        first = [p for p in rest if p.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]
        named = [name.replace(kind=inspect.Parameter.KEYWORD_ONLY) for name in names]
        return inspect.Signature([*first, *named, *(p for p in rest if p not in first)])
    if names:
        rest = [
            p.replace(kind=inspect.Parameter.KEYWORD_ONLY)
            if p.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
            else p
            for p in rest
        ]
    return inspect.Signature([*names, *rest])


def pick(data: xr.Dataset, name: Any, role: str) -> xr.DataArray | int | float:
    """Return a variable of a cube, or an array or a number given in its place, with its grid.

    Raises
    ------
    SchemaError
        If the cube has no such variable.
    """
    from mineeco_xr.cube.grid import layer_of
    from mineeco_xr.errors import SchemaError

    if isinstance(name, xr.DataArray | int | float):
        return name
    if name not in data.data_vars:
        raise SchemaError(
            f"the cube has no variable {name!r} for {role!r}; it has "
            f"{sorted(map(str, data.data_vars))}. Name the one you mean with {role}='...'."
        )
    return layer_of(data, name)


_CUBE, _STATS, _WATER = "mineeco_xr.cube", "mineeco_xr.stats", "mineeco_xr.carbonwater"
_SPATIAL, _TERRAIN = "mineeco_xr.spatial", "mineeco_xr.terrain"
_SERVICES, _SUBSIDENCE = "mineeco_xr.services", "mineeco_xr.subsidence"


class _Face:
    def __init__(self, data: Any) -> None:
        self._data = data

    @property
    def grid(self) -> Any:
        """The grid, an odc-geo GeoBox."""
        from mineeco_xr.cube import geobox_of

        return geobox_of(self._data)

    def cell_area(self) -> xr.DataArray:
        """Area of the cells of each row, m2."""
        from mineeco_xr.cube import cell_area

        return cell_area(self.grid)

    def __repr__(self) -> str:
        from mineeco_xr.cube.describe import describe

        return describe(self._data, methods(type(self)))


def methods(face: type) -> list[str]:
    """Return the names of an accessor's methods."""
    return sorted(
        name
        for base in face.__mro__
        for name, value in vars(base).items()
        if isinstance(value, forward)
    )


@xr.register_dataarray_accessor("mine")  # type: ignore[no-untyped-call]
class MineDataArray(_Face):
    """What can be done with one raster, as methods of ``DataArray.mine``."""

    aggregate_to = forward(f"{_WATER}:aggregate_to")
    allocation = forward(f"{_SPATIAL}:allocation")
    annual_displacement = forward(f"{_WATER}:annual_displacement")
    basins = forward(f"{_TERRAIN}:basins")
    brightness_temperature = forward(f"{_WATER}:brightness_temperature")
    carbon_sequestration = forward(f"{_SERVICES}:carbon_sequestration")
    carbon_totals = forward(f"{_SERVICES}:carbon_totals")
    carbon_value = forward(f"{_SERVICES}:carbon_value")
    classify = forward(f"{_STATS}:classify")
    convert_units = forward(f"{_CUBE}:convert_units")
    cost_distance = forward(f"{_SPATIAL}:cost_distance")
    decay = forward(f"{_SPATIAL}:decay")
    decode_modis = forward(f"{_CUBE}:decode_modis")
    decompose_los = forward(f"{_WATER}:decompose_los")
    displacement_series = forward(f"{_WATER}:displacement_series")
    distance = forward(f"{_SPATIAL}:distance")
    disturbance = forward(f"{_WATER}:disturbance")
    dominant_driver = forward(f"{_WATER}:dominant_driver")
    downstream_distance = forward(f"{_TERRAIN}:downstream_distance")
    drivers = forward(f"{_WATER}:drivers")
    evaluate_forest = forward(f"{_STATS}:evaluate_forest")
    fill_pits = forward(f"{_TERRAIN}:fill_pits")
    flow_accumulation = forward(f"{_TERRAIN}:flow_accumulation")
    flow_direction = forward(f"{_TERRAIN}:flow_direction")
    flow_retention = forward(f"{_TERRAIN}:flow_retention")
    habitat_quality = forward(f"{_SERVICES}:habitat_quality")
    habitat_rarity = forward(f"{_SERVICES}:habitat_rarity")
    habitat_rarity_table = forward(f"{_SERVICES}:habitat_rarity_table")
    hot_spots = forward(f"{_STATS}:hot_spots")
    hurst = forward(f"{_STATS}:hurst")
    idw = forward(f"{_SPATIAL}:idw")
    label = forward(f"{_SPATIAL}:label")
    level_areas = forward(f"{_SUBSIDENCE}:level_areas")
    linear_rate = forward(f"{_WATER}:linear_rate")
    los_to_vertical = forward(f"{_WATER}:los_to_vertical")
    mine_table = forward(f"{_SUBSIDENCE}:mine_table")
    natural_breaks = forward(f"{_STATS}:natural_breaks")
    normalise = forward(f"{_STATS}:normalise")
    partial_correlation = forward(f"{_STATS}:partial_correlation")
    patches = forward(f"{_SPATIAL}:patches")
    pearson = forward(f"{_STATS}:pearson")
    pettitt = forward(f"{_STATS}:pettitt")
    phase_to_displacement = forward(f"{_WATER}:phase_to_displacement")
    phases = forward(f"{_STATS}:phases")
    ponding = forward(f"{_SUBSIDENCE}:ponding")
    profile = forward(f"{_SUBSIDENCE}:profile")
    recovery = forward(f"{_WATER}:recovery")
    slope = forward(f"{_TERRAIN}:slope")
    streams = forward(f"{_TERRAIN}:streams")
    subsidence_levels = forward(f"{_SUBSIDENCE}:subsidence_levels")
    subsidence_of_extraction = forward(f"{_SUBSIDENCE}:subsidence_of_extraction")
    trend = forward(f"{_STATS}:trend")
    variation = forward(f"{_STATS}:variation")
    warp = forward(f"{_CUBE}:warp")
    water_depth = forward(f"{_SUBSIDENCE}:water_depth")
    waterlogging = forward(f"{_SUBSIDENCE}:waterlogging")
    zonal = forward(f"{_STATS}:zonal")


@xr.register_dataset_accessor("mine")  # type: ignore[no-untyped-call]
class MineDataset(_Face):
    """What can be done with a cube, as methods of ``Dataset.mine``."""

    apply_downscale = forward(f"{_WATER}:apply_downscale")
    carbon = forward(f"{_SERVICES}:carbon", roles=("lulc",), by_name=True)
    carbon_totals = forward(f"{_SERVICES}:carbon_totals")
    composite = forward(f"{_WATER}:composite")
    damage_grades = forward(f"{_SUBSIDENCE}:damage_grades")
    downscale = forward(f"{_WATER}:downscale")
    evaluate_forest = forward(f"{_STATS}:evaluate_forest")
    fit_downscale = forward(f"{_WATER}:fit_downscale")
    habitat_quality = forward(f"{_SERVICES}:habitat_quality", roles=("lulc",), by_name=True)
    in_direction = forward(f"{_SUBSIDENCE}:in_direction")
    indices = forward(f"{_WATER}:indices")
    least_cost_paths = forward(f"{_SPATIAL}:least_cost_paths")
    los_displacement = forward(f"{_SUBSIDENCE}:los_displacement")
    mask_qa = forward(f"{_WATER}:mask_qa")
    mass_error = forward(f"{_WATER}:mass_error")
    pca_weights = forward(f"{_STATS}:pca_weights")
    phase_table = forward(f"{_STATS}:phase_table")
    ponding = forward(f"{_SUBSIDENCE}:ponding")
    scale_landsat = forward(f"{_WATER}:scale_landsat")
    sediment = forward(
        f"{_SERVICES}:sediment", roles=("dem", "lulc", "erosivity", "erodibility"), by_name=True
    )
    sediment_totals = forward(f"{_SERVICES}:sediment_totals")
    subsidence_levels = forward(f"{_SUBSIDENCE}:subsidence_levels")
    trend_classes = forward(f"{_STATS}:trend_classes")
    tvdi = forward(f"{_WATER}:tvdi", roles=("ndvi", "lst"))
    tvdi_edges = forward(f"{_WATER}:tvdi_edges", roles=("ndvi", "lst"))
    water_depth = forward(f"{_SUBSIDENCE}:water_depth")
    water_yield = forward(
        f"{_SERVICES}:water_yield",
        roles=(
            *("lulc", "precipitation", "evapotranspiration"),
            *("soil_depth", "available_water"),
        ),
    )
    water_yield_totals = forward(f"{_SERVICES}:water_yield_totals")
    waterlogging = forward(f"{_SUBSIDENCE}:waterlogging")
    write = forward(f"{_CUBE}:write_cube")
    wue = forward(f"{_WATER}:wue", roles=("npp", "et"))
    wue_spread = forward(f"{_WATER}:wue_spread", roles=("npp", "et", "npp_spread", "et_spread"))
    wue_zonal = forward(f"{_WATER}:wue_zonal", roles=("npp", "et"), by_name=True)
