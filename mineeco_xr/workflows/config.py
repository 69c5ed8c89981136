"""Configurations of runs, one model a kind."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from mineeco_xr.cube.manifest import GridSpec, LayerSpec, Manifest, Spec, load_toml, validated
from mineeco_xr.errors import ParameterError


class ZoneSpec(Spec):
    """Zones that are summarised.

    Attributes
    ----------
    path : str
        A vector file.
    layer : str, optional
        Layer of a file with several.
    name : str
        Column that names the zones.
    marks : tuple of str
        Columns with years that the series figure marks, such as the start of disposal.
    """

    path: str
    layer: str | None = None
    name: str = "name"
    marks: tuple[str, ...] = ()


class WueSpec(Spec):
    """Which variables make the ratio, and below what it means nothing.

    Attributes
    ----------
    npp, et : str
        Names of variables.
    et_min : float
        mm per period.
    npp_min : float
        gC m-2 per period.
    plausible : tuple of float
        Range in gC m-2 mm-1 in which the ratio of all carbon to all water must lie: outside it the
        units are wrong, and the run stops before any long computation.
    """

    npp: str = "npp"
    et: str = "et"
    et_min: Annotated[float, Field(gt=0)] = 20.0
    npp_min: float = 0.0
    plausible: tuple[float, float] = (0.02, 20.0)


class TrendSpec(Spec):
    """Trend of every cell and zone.

    Attributes
    ----------
    min_n : int
        Valid dates that a cell needs.
    alpha : float
        Level of significance.
    """

    min_n: Annotated[int, Field(ge=3)] = 10
    alpha: Annotated[float, Field(gt=0, lt=1)] = 0.05


class WueCase(Spec):
    """A run of ``kind = "wue"``.

    Attributes
    ----------
    kind : str
        ``"wue"``.
    title, subtitle : str
        Of the report.
    grid, variables, missing_dates
        As in a manifest; see :class:`mineeco_xr.cube.manifest.Manifest`.
    zones : ZoneSpec, optional
        Zones of the series.
    wue, trend
        Parameters of the steps.
    base : Path
        Folder that relative paths start from; that of the file.
    """

    kind: Literal["wue"]
    title: str = "Water-use efficiency"
    subtitle: str = ""
    grid: GridSpec
    variables: Annotated[dict[str, LayerSpec], Field(min_length=1)]
    missing_dates: Literal["error", "nodata"] = "error"
    zones: ZoneSpec | None = None
    wue: WueSpec = WueSpec()
    trend: TrendSpec = TrendSpec()
    base: Path = Path()

    @model_validator(mode="after")
    def _variables_exist(self) -> WueCase:
        for role in (self.wue.npp, self.wue.et):
            if role not in self.variables:
                raise ValueError(f"variable {role!r} is needed and is not in [variables]")
        return self

    def manifest(self) -> Manifest:
        """Return the part that says what to ingest."""
        return Manifest(
            grid=self.grid,
            variables=self.variables,
            missing_dates=self.missing_dates,
            base=self.base,
        )


KINDS = {"wue": WueCase}


def load_case(path: str | Path) -> WueCase:
    """Read and check the configuration of a run.

    Parameters
    ----------
    path : path-like
        A TOML file.

    Returns
    -------
    WueCase
        The checked configuration.

    Raises
    ------
    ParameterError
        If the kind is unknown, or a key or value is wrong; all faults are named.
    DataError
        If the file is absent.
    """
    path = Path(path)
    values = load_toml(path)
    kind = values.get("kind")
    if kind not in KINDS:
        raise ParameterError(f"{path}: kind is {kind!r}; write kind = one of {sorted(KINDS)}.")
    return validated(KINDS[kind], {"base": path.parent, **values}, source=str(path))
