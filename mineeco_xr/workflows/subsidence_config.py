"""Configuration of a subsidence run."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from mineeco_xr.cube.manifest import GridSpec, LayerSpec, Manifest, Spec

Output = Literal[
    "tilt",
    "displacement",
    "strain_max",
    "strain_min",
    "tilt_x",
    "tilt_y",
    "curvature_x",
    "curvature_y",
    "curvature_xy",
    "displacement_x",
    "displacement_y",
    "strain_x",
    "strain_y",
    "strain_xy",
]


RESERVED = ("level", "subsidence", "water", "water_depth")
"""Layers that every run makes, or those with water."""


class PanelSpec(Spec):
    """The panels that were mined, or will be.

    Attributes
    ----------
    path : str
        A vector file, or a CSV file in the reference system of the grid.
    layer : str, optional
        Layer of a file with several.
    columns : mapping of str to str
        Columns of the file, and what ``mineeco_xr.read_panels`` calls them.
    defaults : mapping of str to number or str
        Values of columns that the file lacks, or leaves empty: ``{q = 0.8, tan_beta = 2.0}``.
    outside : {"raise", "ignore"}
        What to do with panels that do not reach the grid.
    """

    path: str
    layer: str | None = None
    columns: Annotated[dict[str, str], Field(default_factory=dict)]
    defaults: Annotated[dict[str, float | str], Field(default_factory=dict)]
    outside: Literal["raise", "ignore"] = "raise"


class MethodSpec(Spec):
    """How subsidence is predicted; see ``mineeco_xr.subsidence``.

    Attributes
    ----------
    output : tuple of str
        What to map for the last date beside the subsidence, such as ``"tilt"``.
    method, form, slices, repeated, cutoff, time_function, time_parameters
        As of ``mineeco_xr.subsidence``; ``time_function = "none"`` for subsidence at once.
    """

    output: tuple[Output, ...] = ()
    method: Literal["auto", "rectangles", "polygons"] = "auto"
    form: Literal["textbook", "textbook_edges", "units"] = "textbook"
    slices: Annotated[int, Field(ge=1)] | Literal["auto"] = "auto"
    repeated: Literal["hard", "medium"] | tuple[float, ...] | None = None
    cutoff: Annotated[float, Field(ge=1)] | None = None
    time_function: Literal["knothe", "weibull", "normal", "logistic", "mmf", "none"] = "knothe"
    time_parameters: dict[str, float] = Field(default_factory=dict)

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of ``mineeco_xr.subsidence`` that do not depend on the output."""
        values = self.model_dump(exclude={"output"})
        if self.time_function == "none":
            values["time_function"] = None
        return {**values, "time_parameters": self.time_parameters or None}


class LevelSpec(Spec):
    """Levels of subsidence.

    Attributes
    ----------
    bounds : tuple of float
        Lower bounds, ascending.
    units : str
        Of the bounds.
    labels : tuple of str, optional
        Their names; default mild, moderate and severe for three.
    """

    bounds: Annotated[tuple[float, ...], Field(min_length=1)] = (10.0, 1000.0, 3000.0)
    units: str = "mm"
    labels: tuple[str, ...] | None = None


class WaterSpec(Spec):
    """Water over sunken ground.

    Attributes
    ----------
    table : float or str, optional
        Depth to the water below the ground before mining, m, or the variable that holds it.
    dry_season : float or str, optional
        The same in the dry season: tells seasonal from perennial water, without a DEM.
    dem : str, optional
        Variable with the elevation before mining: ponds are then those of the terrain.
    surface : str, optional
        With a DEM; see ``mineeco_xr.ponding``.
    minimum_depth : float
        m of water from which a cell counts as water.
    """

    table: float | str | None = None
    dry_season: float | str | None = None
    dem: str | None = None
    surface: Literal["lower", "groundwater", "spill"] | None = None
    minimum_depth: Annotated[float, Field(ge=0)] = 0.1

    @model_validator(mode="after")
    def _known_water(self) -> WaterSpec:
        if self.table is None and self.dem is None:
            raise ValueError("give table, the depth to the water, or dem, or both")
        if self.dry_season is not None and (self.table is None or self.dem is not None):
            raise ValueError("dry_season needs table, and goes without dem")
        if self.surface is not None and self.dem is None:
            raise ValueError("surface needs dem")
        if self.surface in ("lower", "groundwater") and self.table is None:
            raise ValueError(f"surface = {self.surface!r} needs table")
        return self

    def variables(self) -> list[str]:
        """Return the names of variables that it needs."""
        parts = (self.table, self.dry_season, self.dem)
        return [part for part in parts if isinstance(part, str)]


class OutlineSpec(Spec):
    """Mines, or lines of profiles.

    Attributes
    ----------
    path : str
        A vector file.
    layer : str, optional
        Layer of a file with several.
    name : str
        Column that names them.
    """

    path: str
    layer: str | None = None
    name: str = "name"


class SubsidenceCase(Spec):
    """A run of ``kind = "subsidence"``.

    Attributes
    ----------
    kind : str
        ``"subsidence"``.
    title, subtitle : str
        Of the report.
    grid : GridSpec
        The grid, projected in metres.
    variables : mapping of str to LayerSpec
        Land use, water table, elevation: what the other parts name.
    panels : PanelSpec
        What was mined.
    dates : tuple of int, str or date
        Years, which mean their last day, or dates such as ``"2015-06-30"``, ascending.
    method, levels, water
        Parameters; without ``water`` there is no water.
    land_use : str, optional
        Variable of classes; with dates, the map that holds at each.
    mines, profiles : OutlineSpec, optional
        What to sum up, and along which lines to draw.
    store_float : bool
        Keep the subsidence of all dates, not only that of the last one.
    base : Path
        Folder that relative paths start from; that of the file.
    """

    kind: Literal["subsidence"]
    title: str = "Mining subsidence"
    subtitle: str = ""
    grid: GridSpec
    variables: Annotated[dict[str, LayerSpec], Field(default_factory=dict)]
    panels: PanelSpec
    dates: Annotated[tuple[int | str | date, ...], Field(min_length=1)]
    method: MethodSpec = MethodSpec()
    levels: LevelSpec = LevelSpec()
    land_use: str | None = None
    water: WaterSpec | None = None
    mines: OutlineSpec | None = None
    profiles: OutlineSpec | None = None
    store_float: bool = False
    base: Path = Path()

    @model_validator(mode="after")
    def _variables_exist(self) -> SubsidenceCase:
        needed = [] if self.water is None else self.water.variables()
        needed += [] if self.land_use is None else [self.land_use]
        for name in needed:
            if name not in self.variables:
                raise ValueError(f"variable {name!r} is needed and is not in [variables]")
        unused = sorted(set(self.variables) - {*needed, self.grid.like})
        if unused:
            raise ValueError(
                f"nothing names the variables {unused}: name them in land_use or [water], or "
                "leave them out"
            )
        if self.grid.like is not None and self.grid.like not in self.variables:
            raise ValueError(f"grid.like is {self.grid.like!r}, which is no variable")
        if self.land_use in {*RESERVED, *self.method.output}:
            raise ValueError(f"the run makes {self.land_use!r} itself: rename the land use")
        if len({isinstance(day, int) for day in self.dates}) > 1:
            raise ValueError("dates are years or dates, not both")
        return self

    def manifest(self) -> Manifest:
        """Return the part that says what to ingest onto the grid."""
        return Manifest(grid=self.grid, variables=self.variables, base=self.base)
