"""Configuration of a carbon and water run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from mineeco_xr.cube.manifest import GridSpec, LayerSpec, Manifest, Spec


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
    reference : str, optional
        Name of a zone that was never disturbed, whose weather is taken out of the others' phases;
        default the ring.
    ring : tuple of float, optional
        Inner and outer distance in metres from all zones but the reference: the land between is
        undisturbed, and the zones are compared with it.
    """

    path: str
    layer: str | None = None
    name: str = "name"
    marks: tuple[str, ...] = ()
    reference: str | None = None
    ring: tuple[Annotated[float, Field(ge=0)], Annotated[float, Field(gt=0)]] | None = None

    @model_validator(mode="after")
    def _ring_has_width(self) -> ZoneSpec:
        if self.ring is not None and not self.ring[0] < self.ring[1]:
            raise ValueError("ring goes from a smaller to a larger distance, in metres")
        return self


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
    correction : str, optional
        Of the Mann-Kendall test for autocorrelation; see ``mineeco_xr.trend``.
    """

    min_n: Annotated[int, Field(ge=3)] = 10
    alpha: Annotated[float, Field(gt=0, lt=1)] = 0.05
    correction: Literal["hamed_rao", "yue_wang", "tfpw"] | None = None


class BandsSpec(Spec):
    """How bands become the yearly layers that explain carbon and water.

    Attributes
    ----------
    sensor : str, optional
        Landsat's, when the bands are stored numbers of collection 2, level 2.
    qa : str, optional
        Variable with QA_PIXEL: cells that it marks as cloud, shadow, snow or fill are nodata.
    season : tuple of int, optional
        First and last month of a composite of scenes; without it the bands are yearly already.
    how : str
        Of the composite.
    missing : {"error", "nodata"}
        What to do with a year without a scene in the season.
    indices : tuple of str
        Spectral indices by name.
    thermal : str, optional
        Variable with the land surface temperature, K; with ``sensor`` its stored numbers.
    tvdi : bool
        Whether to make the temperature vegetation dryness index, of each scene, from NDVI and
        ``thermal``; default yes, so that a case without them must say no.
    """

    sensor: Literal["TM", "ETM", "OLI"] | None = None
    qa: str | None = None
    season: tuple[int, int] | None = None
    how: Literal["median", "mean", "max", "medoid"] = "median"
    missing: Literal["error", "nodata"] = "error"
    indices: Annotated[tuple[str, ...], Field(min_length=1)] = ("NDVI", "EVI", "NDWI_GAO")
    thermal: str | None = None
    tvdi: bool = True

    @model_validator(mode="after")
    def _tvdi_has_layers(self) -> BandsSpec:
        if self.tvdi and (self.thermal is None or "NDVI" not in self.indices):
            raise ValueError("tvdi needs thermal, and NDVI among the indices; or set tvdi = false")
        return self


class DownscaleSpec(Spec):
    """How coarse products are brought to the grid; see ``mineeco_xr.downscale``.

    Attributes
    ----------
    predictors : tuple of str, optional
        Layers; default all that the bands give.
    model, residual, conserve, extrapolation, years, cv, block_cells, n_estimators,
    min_samples_leaf, random_state
        As of ``mineeco_xr.downscale`` and ``mineeco_xr.fit_downscale``.
    """

    predictors: tuple[str, ...] | None = None
    model: Literal["forest", "ridge"] = "forest"
    residual: Literal["bilinear", "block", "none"] = "bilinear"
    conserve: bool = False
    extrapolation: Literal["linear", "model"] = "linear"
    years: Literal["pooled", "each"] = "pooled"
    cv: tuple[Literal["random", "block", "year"], ...] = ("random", "block", "year")
    block_cells: Annotated[int, Field(ge=1)] = 10
    n_estimators: Annotated[int, Field(ge=1)] = 200
    min_samples_leaf: Annotated[int, Field(ge=1)] = 3
    random_state: int = 0


class DisturbanceSpec(Spec):
    """Disturbance and recovery of a yearly layer.

    Attributes
    ----------
    variable : str
        Such as ``"NDVI"``.
    method : str
        What gives the year; the report tells where the others in ``compare`` disagree.
    compare : tuple of str
        Other methods.
    min_magnitude : float, optional
        Least loss, units of the variable.
    min_patch : int
        Cells of a patch at least.
    """

    variable: str = "NDVI"
    method: Literal["segments", "landtrendr", "maxdrop"] = "segments"
    compare: tuple[Literal["segments", "landtrendr", "maxdrop"], ...] = ("landtrendr",)
    min_magnitude: Annotated[float, Field(gt=0)] | None = None
    min_patch: Annotated[int, Field(ge=1)] = 1


class DeformationSpec(Spec):
    """Points of deformation, interpolated onto the grid by inverse distance.

    Attributes
    ----------
    path : str
        A vector file of points; columns named by year, such as ``2005`` or ``d_2005``.
    layer : str, optional
        Layer of a file with several.
    prefix : str
        Of the columns, before the year.
    units : str
        Of the values.
    power, neighbours, radius
        As of ``mineeco_xr.idw``.
    """

    path: str
    layer: str | None = None
    prefix: str = ""
    units: str = "mm"
    power: Annotated[float, Field(gt=0)] = 2.0
    neighbours: Annotated[int, Field(ge=1)] = 12
    radius: Annotated[float, Field(gt=0)] | None = None


class DriverSpec(Spec):
    """What the efficiency may follow.

    Attributes
    ----------
    factors : tuple of str
        Yearly layers: variables, indices, ``deformation``.
    method : {"pearson", "partial"}
        Plain correlation, or with the other factors held fixed.
    detrend : str, optional
        ``"linear"`` or ``"difference"``: trends correlate with trends.
    """

    factors: Annotated[tuple[str, ...], Field(min_length=2)]
    method: Literal["pearson", "partial"] = "pearson"
    detrend: Literal["linear", "difference"] | None = None


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
    coarse : mapping of str to LayerSpec
        Carbon and water on their own coarse grid, to be downscaled; else they are variables.
    bands, downscale
        How the layers are made that explain the coarse products, and how they do.
    zones : ZoneSpec, optional
        Zones of the series.
    wue, trend, disturbance, deformation, drivers
        Parameters of the steps; the last three steps are left out without theirs.
    base : Path
        Folder that relative paths start from; that of the file.
    """

    kind: Literal["wue"]
    title: str = "Water-use efficiency"
    subtitle: str = ""
    grid: GridSpec
    variables: Annotated[dict[str, LayerSpec], Field(min_length=1)]
    missing_dates: Literal["error", "nodata"] = "error"
    coarse: Annotated[dict[str, LayerSpec], Field(default_factory=dict)]
    bands: BandsSpec | None = None
    downscale: DownscaleSpec = DownscaleSpec()
    zones: ZoneSpec | None = None
    wue: WueSpec = WueSpec()
    trend: TrendSpec = TrendSpec()
    disturbance: DisturbanceSpec | None = None
    deformation: DeformationSpec | None = None
    drivers: DriverSpec | None = None
    base: Path = Path()

    @model_validator(mode="after")
    def _variables_exist(self) -> WueCase:
        place = "[coarse]" if self.coarse else "[variables]"
        for role in (self.wue.npp, self.wue.et):
            if role not in (self.coarse or self.variables):
                raise ValueError(f"variable {role!r} is needed and is not in {place}")
        twice = sorted(set(self.coarse) & set(self.variables))
        if twice:
            raise ValueError(f"{twice} are in [coarse] and in [variables]: rename one of each")
        if self.coarse and self.bands is None and self.downscale.predictors is None:
            raise ValueError("[coarse] is downscaled: give [bands], or downscale.predictors")
        return self

    def manifest(self) -> Manifest:
        """Return the part that says what to ingest onto the grid."""
        return Manifest(
            grid=self.grid,
            variables=self.variables,
            missing_dates=self.missing_dates,
            base=self.base,
        )

    def coarse_manifest(self) -> Manifest:
        """Return what to ingest onto the grid that the coarse carbon has itself."""
        return Manifest(
            grid=GridSpec(like=self.wue.npp),
            variables=self.coarse,
            missing_dates=self.missing_dates,
            base=self.base,
        )
