"""Habitat quality: how suitable a land use is as a habitat, less what threats around take of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from mineeco_xr.chunks import Reduced, reduce_blocks
from mineeco_xr.chunks.cellwise import cellwise
from mineeco_xr.chunks.reduced import constant
from mineeco_xr.chunks.reread import reread
from mineeco_xr.cube.cells import cell_size
from mineeco_xr.cube.grid import geobox_of
from mineeco_xr.cube.provenance import finalize
from mineeco_xr.errors import ParameterError, SchemaError
from mineeco_xr.services.access import access_layer
from mineeco_xr.services.class_table import CODE, read_csv
from mineeco_xr.services.habitat_blocks import (
    BEFORE,
    DEGRADATION,
    LANDUSE,
    degradation_only,
    half_of_largest,
    largest,
    largest_of,
    quality_only,
)
from mineeco_xr.services.lazy import lazy_together
from mineeco_xr.services.lead import require_one_lead, undated
from mineeco_xr.services.parameters import class_parameters
from mineeco_xr.services.phantom import with_phantom
from mineeco_xr.services.threat_table import HabitatThreat, read_threat_table, require_reach
from mineeco_xr.services.threats import (
    intensity_check,
    level_check,
    threat_intensity,
    threat_rasters,
)
from mineeco_xr.spatial.decay import decay

if TYPE_CHECKING:
    import geopandas as gpd

    Threats = Mapping[str, xr.DataArray | gpd.GeoDataFrame] | xr.Dataset | xr.DataArray | None

TABLE = "the sensitivity table"
SUITABILITY = "habitat"
CONVENTIONS = ("corrected", "invest")
RULES: dict[str, dict[str, Any]] = {
    "nearest": {"rule": "strongest"},
    "accumulate": {"rule": "accumulate", "normalised": True},
    "sum": {"rule": "accumulate"},
    "convolution": {"rule": "accumulate", "normalised": True},
}
"""What each is of :func:`decay`."""

LONG_NAMES = {
    "habitat_quality": "habitat quality",
    "degradation": "habitat degradation",
    "threat_degradation": "habitat degradation by each threat",
}

Layers = dict[str, xr.DataArray]


def habitat_quality(
    lulc: xr.DataArray,
    threats: Threats = None,
    *,
    threat_table: Any,
    sensitivity: Any = None,
    half_saturation: float | str = 0.05,
    rule: str = "nearest",
    access: Any = None,
    suitability: xr.DataArray | float | None = None,
    sensitivity_to: Mapping[str, xr.DataArray | float] | None = None,
    scaling: float = 2.5,
    per_threat: bool = False,
    convention: str = "corrected",
) -> xr.Dataset:
    """Return habitat quality and degradation, the model of InVEST.

    Parameters
    ----------
    lulc : xarray.DataArray
        Land-use classes, dims ``(y, x)`` or ``(time, y, x)``; NaN and ``_FillValue`` are nodata.
    threats : mapping, Dataset, DataArray or None
        By the names of the table, of any case: intensities from 0 to 1 on the grid of ``lulc``,
        dims ``(y, x)`` or ``(time, y, x)``, whose nodata is no threat, or GeoDataFrames, which are
        burned as 1. A Dataset may hold other variables too; a DataArray has the dim ``threat``.
        None reads the rasters that ``cur_path`` of the table names (see :func:`read_threats`).
    threat_table : str, Path or pandas.DataFrame
        One row a threat, as InVEST's: ``threat``, ``max_dist`` (metres; or ``max_distance_km``),
        ``weight``, ``decay`` (``"linear"`` or ``"exponential"``).
    sensitivity : str, Path or pandas.DataFrame, optional
        One row a class, as InVEST's: ``lucode``, ``habitat`` (or ``suitability``), and a column for
        each threat; all from 0 to 1.
    half_saturation : float or "half_max"
        Degradation that halves the quality; ``"half_max"`` is half of the largest degradation of
        the whole cube, all its dates, as InVEST's guide advises.
    rule : str
        How threats add up over distance (see Notes): ``"nearest"``, ``"accumulate"``, ``"sum"`` or
        ``"convolution"``.
    access : DataArray, GeoDataFrame, str or Path, optional
        Share of the threats that acts, 0 (protected) to 1: a raster, or polygons with a column
        ``access``. 1 where nothing is said.
    suitability : DataArray or float, optional
        In place of the column ``habitat``.
    sensitivity_to : mapping, optional
        Rasters or numbers in place of the columns of threats, by their names.
    scaling : float
        Exponent z.
    per_threat : bool
        Also return what each threat adds.
    convention : str
        ``"invest"`` repeats InVEST 3.20 where ``"corrected"`` does not (see Notes); for the rule
        ``"nearest"``.

    Returns
    -------
    xarray.Dataset
        ``habitat_quality`` and ``degradation``, and ``threat_degradation`` with the dim
        ``threat`` when asked for; float32, units "1", NaN where ``lulc`` is nodata. Lazy when the
        inputs are; with ``time`` when any of them has it.

    Raises
    ------
    SchemaError
        If a column, a threat's raster or its row is missing, a class or a threat stands twice, or
        dates differ; when computed, if a class has no row.
    ParameterError
        If a number or a word is out of its range, or a distance is less than a cell; when computed,
        if an intensity or another raster is out of 0 to 1, with the count of such cells, or a
        threat has more than 256 distinct intensities on a date, for the rule ``"nearest"``.
    GridMismatch
        If a raster is on another grid, or the grid is not in metres.

    Notes
    -----
    ``D = sum_r i_r S_jr beta w_r / sum w`` and ``Q = H_j (1 - D^z / (D^z + k^z))`` (Xu et al. 2023,
    Land 12:933, eq. 2 and 3; the ``k^2`` that Feng et al. 2024 print is taken for a misprint),
    with ``i(d) = 1 - d/m`` or ``exp(-2.99 d/m)`` up to the distance ``m``, and of the cells y:

    - ``"nearest"``: ``max_y r_y i(d_xy)``, the threat felt strongest, which is the nearest where
      all are 1, as in InVEST since 3.13. InVEST itself does not look at the intensity r: a cell of
      0.25 threatens like one of 1. It also invents a threat for a raster without any, at a
      distance of all rows and columns. ``convention="invest"`` repeats both.
    - ``"accumulate"``: the sum of all, divided by that of the weights i, so that D stays within 1.
    - ``"sum"``: the sum of all as printed, which grows with the number of cells within reach.
    - ``"convolution"``: InVEST 3.3 to 3.12: as ``"accumulate"``, but ``exp(-d/m)`` up to ``5 m``.

    They differ by orders of magnitude in D, and ``half_saturation`` with them.

    Distances are between the centres of cells, whatever their sides; threats beyond the raster are
    not known, so that cells near its border look too good.

    Codes, and the rasters' ranges, are checked in a pass over the inputs before any block is
    computed. What is felt of a threat crosses chunks as :func:`decay` does, by a halo or by
    stitching, the rest is pointwise: bit-identical for any chunking with ``"nearest"``, within 1e-6
    of the largest otherwise. ``"half_max"`` computes the degradation twice: a first pass finds
    its largest value, by reduction, and nothing is held between the two.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from mineeco_xr.testing import with_grid
    >>> lulc = with_grid(np.array([[1, 1, 1, 2]], dtype="uint8"), resolution=100)
    >>> mine = with_grid(np.array([[0, 0, 0, 1]], dtype="uint8"), resolution=100)
    >>> table = pd.DataFrame({"threat": ["mine"], "max_dist": 400, "weight": 1, "decay": "linear"})
    >>> classes = pd.DataFrame({"lucode": [1, 2], "habitat": [1, 0], "mine": [0.8, 0]})
    >>> found = habitat_quality(
    ...     lulc, {"mine": mine}, threat_table=table, sensitivity=classes, half_saturation=0.4
    ... )
    >>> found["degradation"].values.round(2)
    array([[0.2, 0.4, 0.6, 0. ]], dtype=float32)
    >>> found["habitat_quality"].values.round(2)
    array([[0.85, 0.5 , 0.27, 0.  ]], dtype=float32)
    """
    _require_words(rule, convention, half_saturation, scaling)
    rows = read_threat_table(threat_table)
    cell = cell_size(geobox_of(lulc), "habitat_quality")
    require_reach(rows, cell)
    lulc = lulc.transpose(..., "y", "x")
    rasters = threat_rasters(threats, threat_table, rows, lulc)
    given = _replaced(rows, suitability, sensitivity_to)
    rasters = lazy_together({LANDUSE: lulc, **rasters}, [*given.values(), access])
    lulc = rasters.pop(LANDUSE)
    columns = [SUITABILITY, *(threat.column for threat in rows)]
    needed = class_parameters(
        lulc,
        _sensitivities(sensitivity),
        columns,
        name=TABLE,
        given=given,
        ranges=dict.fromkeys(columns, (0.0, 1.0)),
    )
    checks = [intensity_check(raster, name) for name, raster in rasters.items()]
    if RULES[rule]["rule"] == "strongest" and convention != "invest":
        checks += [level_check(raster, name) for name, raster in rasters.items()]
    layers: Layers = {column: reread(layer, "cells") for column, layer in needed.layers.items()}
    allowed = None if access is None else access_layer(access, lulc)
    if allowed is not None:
        layers["access"] = allowed.layer
        checks.append(allowed.check)
    named = {f"threat {name!r}": raster for name, raster in rasters.items()}
    require_one_lead({LANDUSE: lulc, **named, **layers})
    shared = needed.after(*(check for check in checks if check is not None)).shared
    if all(array.chunks is None for array in (lulc, *rasters.values(), *layers.values())):
        shared = constant(shared.compute())
    layers |= {
        f"felt {threat.column}": _felt(rasters[threat.name], threat, shared, rule, convention, cell)
        for threat in rows
    }
    layers = {name: undated(_chunked_like(layer, lulc)) for name, layer in layers.items()}
    layers[LANDUSE] = reread(lulc, "cells")
    shares = None if allowed is None else allowed.shares
    parts = _degraded(layers, shared, rows, half_saturation, scaling, per_threat, shares)
    inputs = {str(lulc.name or "lulc"): lulc, **rasters}
    inputs |= {name: v for name, v in given.items() if isinstance(v, xr.DataArray)}
    return finalize(
        xr.Dataset(
            {
                name: part.assign_attrs(units="1", long_name=LONG_NAMES[name])
                for name, part in parts.items()
            }
        ),
        function="habitat_quality",
        parameters={
            "threats": {t.name: [t.max_distance, t.weight, t.decay] for t in rows},
            "half_saturation": half_saturation,
            "rule": rule,
            "scaling": scaling,
            "per_threat": per_threat,
            "convention": convention,
        },
        inputs=inputs if "access" not in layers else {**inputs, "access": layers["access"]},
    )


def _require_words(rule: str, convention: str, half_saturation: Any, scaling: Any) -> None:
    if rule not in RULES:
        raise ParameterError(f"rule {rule!r} is unknown: choose from {tuple(RULES)}.")
    if convention not in CONVENTIONS:
        raise ParameterError(f"convention {convention!r} is unknown: choose from {CONVENTIONS}.")
    if convention == "invest" and rule != "nearest":
        raise ParameterError(
            f"convention='invest' repeats InVEST 3.20, which has no rule {rule!r}: leave it out, "
            "or use rule='nearest'."
        )
    for name, value in {"half_saturation": half_saturation, "scaling": scaling}.items():
        if name == "half_saturation" and isinstance(value, str) and value == "half_max":
            continue
        number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
        if not number or not 0 < value < np.inf:
            more = ", or 'half_max'" if name == "half_saturation" else ""
            raise ParameterError(f"{name} is {value!r}; expected a positive number{more}.")


def _sensitivities(table: Any) -> pd.DataFrame | None:
    if table is None:
        return None
    frame = read_csv(table, name=TABLE)
    if SUITABILITY not in frame.columns and "suitability" in frame.columns:
        frame = frame.rename(columns={"suitability": SUITABILITY})
    return frame


def _replaced(
    threats: list[HabitatThreat], suitability: Any, sensitivity_to: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return what stands in place of columns of the table of sensitivities."""
    columns = {threat.column: threat.name for threat in threats}
    taken = sorted({SUITABILITY, "suitability", CODE, "access", LANDUSE} & set(columns))
    if taken:
        raise SchemaError(
            f"threats are named {taken}, as other columns or layers are: name them otherwise."
        )
    given = {str(name).strip().lower(): value for name, value in (sensitivity_to or {}).items()}
    unknown = sorted(set(given) - set(columns))
    if unknown:
        raise ParameterError(
            f"sensitivity_to names {unknown}; the threats are {list(columns.values())}. Name one "
            "of these."
        )
    return {SUITABILITY: suitability, **given}


def _felt(
    raster: xr.DataArray,
    threat: HabitatThreat,
    checked: Reduced,
    rule: str,
    convention: str,
    cell: tuple[float, float],
) -> xr.DataArray:
    """Return what is felt of a threat at each cell."""
    invest = convention == "invest"
    intensity = threat_intensity(raster, checked, present=invest).rename(threat.name)
    legacy = "legacy_" if rule == "convolution" and threat.decay == "exponential" else ""
    felt = decay(intensity, threat.max_distance, f"{legacy}{threat.decay}", **RULES[rule])
    return with_phantom(felt, intensity, threat, cell[1]) if invest else felt


def _chunked_like(layer: xr.DataArray, lulc: xr.DataArray) -> xr.DataArray:
    if layer.chunks is None or lulc.chunks is None:
        return layer
    return layer.chunk({dim: lulc.chunksizes[dim] for dim in ("y", "x") if dim in layer.dims})


def _degraded(
    layers: Layers,
    shared: Reduced,
    threats: list[HabitatThreat],
    half_saturation: float | str,
    scaling: float,
    per_threat: bool,
    shares: np.ndarray | None,
) -> dict[str, xr.DataArray]:
    own: list[xr.DataArray] = []
    if per_threat:
        degradation, *own = _degradation(layers, shared, threats, shares, per_threat=True)
    else:
        # One after the other: what is felt of all threats at once is the larger part of the memory.
        for number, threat in enumerate(threats):
            before = {BEFORE: degradation} if number else {}
            degradation = _degradation({**layers, **before}, shared, [threat], shares)
    parts = {
        "habitat_quality": _quality(layers, degradation, shared, half_saturation, scaling),
        "degradation": degradation,
    }
    if per_threat:
        # Objects, which Zarr stores as strings of any length: of a fixed one it warns.
        names = pd.Index([threat.name for threat in threats], dtype=object, name="threat")
        parts["threat_degradation"] = xr.concat(
            own, names, join="exact", coords="minimal", compat="override"
        )
    return parts


def _degradation(
    layers: Layers,
    shared: Reduced,
    threats: list[HabitatThreat],
    shares: np.ndarray | None,
    *,
    per_threat: bool = False,
) -> Any:
    columns = [threat.column for threat in threats]
    wanted = {LANDUSE, "access", BEFORE, *columns, *(f"felt {column}" for column in columns)}
    names = [name for name in layers if name in wanted]
    return cellwise(
        degradation_only,
        *(layers[name] for name in names),
        dtype="float32",
        outputs=1 + (len(threats) if per_threat else 0),
        shared=shared,
        parameters={
            "names": tuple(names),
            "weights": {threat.column: threat.weight for threat in threats},
            "per_threat": per_threat,
            "shares": shares,
        },
    )


def _quality(
    layers: Layers,
    degradation: xr.DataArray,
    shared: Reduced,
    half_saturation: float | str,
    scaling: float,
) -> xr.DataArray:
    if half_saturation == "half_max":
        shared = reduce_blocks(
            largest,
            largest_of,
            reread(degradation, "half_max"),
            finish=half_of_largest,
            shared=shared,
        )
    layers = {**layers, DEGRADATION: degradation}
    names = [name for name in (DEGRADATION, LANDUSE, SUITABILITY) if name in layers]
    return cellwise(
        quality_only,
        *(layers[name] for name in names),
        dtype="float32",
        shared=shared,
        parameters={
            "names": tuple(names),
            "scaling": scaling,
            "half_saturation": None if half_saturation == "half_max" else half_saturation,
        },
    )
