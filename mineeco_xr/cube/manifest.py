"""What to ingest: a checked description of sources, units and resampling."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from mineeco_xr.errors import DataError, ParameterError

Resampling = Literal["nearest", "bilinear", "average", "sum", "mode"]


class Spec(BaseModel):
    """Base of every part of a configuration: unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _known_crs(text: str | None) -> str | None:
    """Check that pyproj knows a reference system."""
    if text is not None:
        from pyproj import CRS
        from pyproj.exceptions import CRSError

        try:
            CRS.from_user_input(text)
        except CRSError as error:
            raise ValueError(f"{text!r} is no known reference system ({error})") from None
    return text


KnownCrs = Annotated[str | None, AfterValidator(_known_crs)]


class GridSpec(Spec):
    """The target grid: that of a variable, or a reference system, cell size and bounds.

    Attributes
    ----------
    like : str, optional
        Name of the variable whose own grid is taken.
    crs : str, optional
        Reference system, such as ``"EPSG:32650"``.
    resolution : float, optional
        Cell size in units of ``crs``.
    bounds : tuple of float, optional
        Left, bottom, right, top in units of ``crs``.
    """

    like: str | None = None
    crs: KnownCrs = None
    resolution: Annotated[float, Field(gt=0)] | None = None
    bounds: tuple[float, float, float, float] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> GridSpec:
        explicit = (self.crs, self.resolution, self.bounds)
        if self.like is None and any(part is None for part in explicit):
            raise ValueError("give either like, or all of crs, resolution and bounds")
        if self.like is not None and any(part is not None for part in explicit):
            raise ValueError("give like, or crs, resolution and bounds, but not both")
        return self


class LayerSpec(Spec):
    """One variable of the cube and where it comes from.

    Attributes
    ----------
    path : str or list of str
        File, folder of GeoTIFFs, glob pattern, or a list of them; NetCDF and Zarr too.
    variable : str, optional
        Variable of a NetCDF or Zarr source; default the name of the layer.
    band : int or str, optional
        Band of a GeoTIFF, from 1 or by description.
    bands : {"time"}, optional
        The bands of one GeoTIFF are dates, read from their descriptions.
    date_pattern : str, optional
        Where the date stands in file or band names; see ``parse_date``.
    static : bool
        A single file without a date.
    product, layer : str, optional
        A MODIS product (``MOD17A3HGF``, ``MOD16A3GF``) and its layer: scale, fills and units are
        known.
    scale, offset : float, optional
        Value = stored number x scale + offset; in place of what the file says of itself.
    fill_values : list of float
        Stored numbers that mean nodata, beside the file's own.
    valid_range : tuple of float, optional
        Stored numbers outside it are nodata.
    units, long_name, standard_name : str, optional
        Attributes. Units that contradict the file's own are an error.
    crs : str, optional
        Reference system of a source that names none.
    resampling : str, optional
        How the layer is brought onto the grid; needed when its own grid differs.
    classes : mapping, optional
        Code to meaning of a class raster.
    """

    path: str | list[str]
    variable: str | None = None
    band: int | str | None = None
    bands: Literal["time"] | None = None
    date_pattern: str | None = None
    static: bool = False
    product: str | None = None
    layer: str | None = None
    scale: float | None = None
    offset: float | None = None
    fill_values: list[float] = []
    valid_range: tuple[float, float] | None = None
    units: str | None = None
    long_name: str | None = None
    standard_name: str | None = None
    crs: KnownCrs = None
    resampling: Resampling | None = None
    classes: dict[int, str] | None = None

    @model_validator(mode="after")
    def _consistent(self) -> LayerSpec:
        if self.product and (self.scale is not None or self.offset is not None):
            raise ValueError("product knows its own scale and offset; leave them out")
        if self.classes and (self.scale is not None or self.resampling in ("bilinear", "average")):
            raise ValueError("classes can be neither scaled nor averaged")
        return self


class Manifest(Spec):
    """The sources of a cube.

    Attributes
    ----------
    grid : GridSpec
        The target grid.
    variables : dict of str to LayerSpec
        The layers by name.
    missing_dates : {"error", "nodata"}
        What to do when variables have different dates.
    base : Path
        Folder that relative paths start from.
    """

    grid: GridSpec
    variables: Annotated[dict[str, LayerSpec], Field(min_length=1)]
    missing_dates: Literal["error", "nodata"] = "error"
    base: Path = Path()

    @model_validator(mode="after")
    def _known_like(self) -> Manifest:
        if self.grid.like is not None and self.grid.like not in self.variables:
            raise ValueError(f"grid.like is {self.grid.like!r}, which is no variable")
        return self


Model = TypeVar("Model", bound=BaseModel)


def load_toml(path: str | Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises
    ------
    DataError
        If the file is absent.
    ParameterError
        If it is not valid TOML, with the place.
    """
    path = Path(path)
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"configuration {path} does not exist.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ParameterError(f"configuration {path} is not valid TOML: {error}.") from error


def validated(model: type[Model], values: Mapping[str, Any], *, source: str) -> Model:
    """Check a configuration and say all that is wrong with it in one error.

    Parameters
    ----------
    model : type
        A pydantic model.
    values : mapping
        The configuration.
    source : str
        Its file, for the message.

    Returns
    -------
    BaseModel
        The checked model.

    Raises
    ------
    ParameterError
        With a line a fault; unknown keys get the nearest known ones.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        lines = [_fault(model, fault) for fault in error.errors()]
        raise ParameterError(f"{source}: " + "; ".join(lines)) from None


def _fault(model: type[BaseModel], fault: Any) -> str:
    where = ".".join(str(part) for part in fault["loc"]) or "configuration"
    if fault["type"] == "extra_forbidden":
        near = difflib.get_close_matches(str(fault["loc"][-1]), sorted(_all_keys(model)), n=1)
        return f"unknown key {where!r}" + (f" (did you mean {near[0]!r}?)" if near else "")
    return f"{where}: {str(fault['msg']).removeprefix('Value error, ')}"


def _all_keys(model: type[BaseModel]) -> set[str]:
    """Every key of a model and of the models inside it."""
    keys: set[str] = set()
    pending, seen = [model], set()
    while pending:
        current = pending.pop()
        if current in seen:
            continue
        seen.add(current)
        keys |= set(current.model_fields)
        for field in current.model_fields.values():
            pending += _models_in(field.annotation)
    return keys


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for part in getattr(annotation, "__args__", ()) for found in _models_in(part)]
