"""Measured movements of the ground: names and units of columns, and what each is a sum of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from mineeco_xr.cube.look_angle import require_incidences
from mineeco_xr.cube.units import unit_factor
from mineeco_xr.errors import GridMismatch, ParameterError, SchemaError
from mineeco_xr.subsidence.los import view_of
from mineeco_xr.subsidence.panel_table import ALIASES, as_numbers, column_name

COMPONENTS = ("W", "Ux", "Uy", "ix", "iy")
"""What an observation is a sum of: subsidence, displacement and tilt to the east and north."""
KINDS = {
    "subsidence": (1.0, 0.0, 0.0, 0.0, 0.0),
    "vertical": (-1.0, 0.0, 0.0, 0.0, 0.0),
    "displacement_x": (0.0, 1.0, 0.0, 0.0, 0.0),
    "displacement_y": (0.0, 0.0, 1.0, 0.0, 0.0),
    "tilt_x": (0.0, 0.0, 0.0, 1.0, 0.0),
    "tilt_y": (0.0, 0.0, 0.0, 0.0, 1.0),
    "horizontal": None,
    "los": None,
}
"""Factors of the components; those of the last two follow from angles."""
TABLE = "observations"
"""What messages call the table."""
TILTS = ("tilt_x", "tilt_y")
_ALIASES = {"point": "name", "mark": "name", "station": "name", "date": "time", "w": "subsidence"}
_ANGLES = {"los": ("incidence", "heading"), "horizontal": ("azimuth",)}


@dataclass(frozen=True, eq=False)
class Observations:
    """Observations in one form.

    Attributes
    ----------
    table : pandas.DataFrame
        One row an observation: ``name``, ``x``, ``y``, ``kind``, ``value`` and ``sigma`` (m, or
        m m-1 of tilts; ``sigma`` NaN where not given), ``time`` and ``since`` (NaT where not
        given).
    factors : ndarray of float64, (n, 5)
        Of ``COMPONENTS``.
    crs : CRS or None
        Reference system of ``x`` and ``y``.
    """

    table: pd.DataFrame
    factors: np.ndarray
    crs: Any = None

    @property
    def weighted(self) -> bool:
        """Whether every observation has its standard error."""
        return bool(self.table["sigma"].notna().all())

    def only(self, which: np.ndarray) -> Observations:
        """Return some of them."""
        return Observations(
            self.table[which].reset_index(drop=True), self.factors[which], self.crs
        )  # fmt: skip


def read_places(source: Any) -> tuple[pd.DataFrame, Any]:
    """Return a table with ``x``, ``y``, ``name`` and its other columns, and its reference system.

    Parameters
    ----------
    source : GeoDataFrame or DataFrame
        Points, or columns ``x`` and ``y``, or ``easting`` and ``northing``.

    Returns
    -------
    tuple
        Names of columns in lower case, without the units that end them; factors to metres of
        these in ``attrs["factors"]``.

    Raises
    ------
    SchemaError
        If there is no place, two columns mean the same, or a geometry is no point.
    """
    if not isinstance(source, pd.DataFrame):
        raise SchemaError(
            f"the points are a {type(source).__name__}: give a GeoDataFrame of points, or a "
            "DataFrame with x and y."
        )
    active = getattr(source, "_geometry_column_name", None)
    table: dict[str, Any] = {}
    factors: dict[str, float] = {}
    for column in source.columns:
        if column == active or column == "geometry":
            continue
        plain, factor = column_name(str(column))
        name = _ALIASES.get(plain, plain)
        name = ALIASES[name] if ALIASES.get(name) in ("x", "y", "name") else name
        if name in table:
            raise SchemaError(f"the points have two columns for {name!r}: remove one of them.")
        table[name] = source[column].to_numpy()
        if plain != str(column).strip().lower().replace(" ", "_"):
            factors[name] = factor
    crs = None
    if active is not None and active in source.columns:
        shapes = source.geometry
        other = shapes.geom_type != "Point"
        if other.any():
            raise SchemaError(
                f"row {shapes.index[other][0]} is a {shapes.geom_type[other].iloc[0]}; expected "
                "points. Call .centroid, or give x and y."
            )
        table |= {"x": shapes.x.to_numpy(), "y": shapes.y.to_numpy()}
        crs = source.crs
    if not {"x", "y"} <= set(table):
        raise SchemaError(
            f"the points have columns {list(map(str, source.columns))}; expected x (east) and y "
            "(north), or a geometry of points."
        )
    frame = pd.DataFrame(table)
    for axis in ("x", "y"):
        frame[axis] = as_numbers(frame[axis], axis, TABLE)
    if "name" not in frame:
        numbered = isinstance(source.index, pd.RangeIndex)
        frame["name"] = [str(i + 1) for i in range(len(frame))] if numbered else source.index
    frame["name"] = frame["name"].astype(str)
    lost = ~np.isfinite(frame[["x", "y"]]).all(axis=1)
    if lost.any():
        raise SchemaError(f"point {frame['name'][lost].iloc[0]!r} has no coordinates.")
    frame.attrs = {"factors": factors}
    return frame, crs


def bring_to(frame: pd.DataFrame, crs: Any, target: Any) -> tuple[pd.DataFrame, Any]:
    """Bring points to the reference system of the panels.

    Parameters
    ----------
    frame : pandas.DataFrame
        With ``x`` and ``y``.
    crs, target : CRS or None
        Their own reference system and the one wanted; None where unknown.

    Returns
    -------
    tuple
        The points and their reference system, in metres or unknown.

    Raises
    ------
    GridMismatch
        If they are in degrees and the panels do not say where to bring them.
    """
    from pyproj import CRS, Transformer

    if crs is None:
        return frame, target
    own = CRS.from_user_input(crs)
    if target is None:
        if own.is_geographic:
            raise GridMismatch(
                f"the points are in {own.name}, in degrees, and the panels name no reference "
                "system: bring the points to that of the panels with to_crs(...)."
            )
        return frame, own
    if own == target:
        return frame, target
    x, y = Transformer.from_crs(own, target, always_xy=True).transform(frame["x"], frame["y"])
    return frame.assign(x=x, y=y), target


def read_observations(
    source: Any,
    *,
    kind: str | None = None,
    units: str | None = None,
    sigma: float | Mapping[str, float] | None = None,
    incidence: float | None = None,
    heading: float | None = None,
    looking: str = "right",
) -> Observations:
    """Read observations.

    Parameters
    ----------
    source : GeoDataFrame or DataFrame
        As for :func:`mineeco_xr.invert_subsidence`.
    kind, units, sigma, incidence, heading, looking
        As for :func:`mineeco_xr.invert_subsidence`.

    Returns
    -------
    Observations
        Without those that have no value.

    Raises
    ------
    SchemaError
        If there is no column with values, or angles are missing.
    ParameterError
        If a kind is unknown, or a sigma or an angle is out of its range; the message names the
        observation.
    UnitError
        If ``units`` are of no length.
    """
    frame, crs = read_places(source)
    length = unit_factor(str(units or source.attrs.get("units", "m")), "m", name="units")
    parts = _long_parts(frame, kind, length, sigma)
    table = pd.concat(parts, ignore_index=True)
    table = table[np.isfinite(table["value"])].reset_index(drop=True)
    if table.empty:
        raise SchemaError("no observation has a value.")
    wrong = table["sigma"].notna() & ~(table["sigma"] > 0)
    if wrong.any():
        row = table[wrong].iloc[0]
        raise ParameterError(f"observation {row['name']!r} has sigma {row['sigma']:g}: expected "
                             "a positive standard error.")  # fmt: skip
    some = table["sigma"].isna()
    if some.any() and not some.all():
        row = table[some].iloc[0]
        raise ParameterError(
            f"observation {row['name']!r} ({row['kind']}) has no sigma, but others have: give all "
            "of them their standard error, or none."
        )
    if some.all() and table["kind"].isin(TILTS).nunique() > 1:
        raise ParameterError("tilts and displacements together need sigma: say which counts what.")
    given = {"incidence": incidence, "heading": heading}
    factors = _factors(table, given, looking)
    for name in ("time", "since"):
        if name not in table:
            table[name] = pd.NaT
    if table["since"].notna().any() and table["time"].isna().any():
        raise SchemaError("observations have 'since' but lack 'time': give the later date too.")
    columns = ["name", "x", "y", "kind", "value", "sigma", "time", "since"]
    return Observations(table[columns], factors, crs)


def _long_parts(
    frame: pd.DataFrame, kind: str | None, length: float, sigma: Any
) -> list[pd.DataFrame]:
    """Return one table a kind, values in metres."""
    units = frame.attrs["factors"]
    if "value" in frame:
        kinds = frame["kind"] if "kind" in frame else pd.Series(kind or "subsidence", frame.index)
        columns = [(str(k), "value", "sigma", kinds == k) for k in pd.unique(kinds)]
    else:
        every = pd.Series(True, frame.index)
        names = [name for name in KINDS if name in frame and kind in (None, name)]
        columns = [(name, name, f"{name}_sigma", every) for name in names]
        if len(columns) == 1 and f"{names[0]}_sigma" not in frame:
            columns = [(names[0], names[0], "sigma", every)]
    unknown = [k for k in (kind, *(c[0] for c in columns)) if k is not None and k not in KINDS]
    if unknown:
        raise ParameterError(f"kind is {unknown[0]!r}: choose from {sorted(KINDS)}.")
    if not columns:
        raise SchemaError(
            f"the observations have columns {list(frame.columns)}: expected one or more of "
            f"{sorted(KINDS)}, or 'value' with kind=."
        )
    if isinstance(sigma, Mapping) and not set(sigma) <= {c[0] for c in columns}:
        raise ParameterError(
            f"sigma is given for {sorted(sigma)}: there are observations of "
            f"{sorted(c[0] for c in columns)}."
        )
    parts = []
    for name, column, error, rows in columns:
        plain = 1.0 if name in TILTS else length
        factor = units.get(column, plain)
        part = frame[rows].assign(kind=name)
        part["value"] = as_numbers(part[column], column, TABLE) * factor
        if error in frame:
            part["sigma"] = as_numbers(part[error], error, TABLE) * units.get(error, factor)
        else:
            one = sigma.get(name) if isinstance(sigma, Mapping) else sigma
            part["sigma"] = np.nan if one is None else float(one) * plain
        parts.append(part)
    return parts


def _factors(table: pd.DataFrame, given: Mapping[str, Any], looking: str) -> np.ndarray:
    factors = np.zeros((len(table), len(COMPONENTS)))
    for kind, rows in table.groupby("kind").groups.items():
        at = np.asarray(rows)
        fixed = KINDS[str(kind)]
        if fixed is not None:
            factors[at] = fixed
            continue
        angles = {}
        for name in _ANGLES[str(kind)]:
            one = given.get(name)
            values = (
                as_numbers(table[name], name, TABLE)[at] if name in table else pd.Series(one, at)
            )
            angles[name] = values.to_numpy("float64")
            lost = np.isnan(angles[name])
            if lost.any():
                raise SchemaError(
                    f"observation {table['name'][at[lost][0]]!r} of kind {kind!r} has no {name}: "
                    f"give a column {name!r}" + (f", or {name}=." if name in given else ".")
                )
        if kind == "horizontal":
            azimuth = np.radians(angles["azimuth"])
            factors[at, 1], factors[at, 2] = np.sin(azimuth), np.cos(azimuth)
        else:
            require_incidences(angles["incidence"])
            slant, view = np.radians(angles["incidence"]), view_of(angles["heading"], looking)
            factors[at, 0] = -np.cos(slant)
            factors[at, 1], factors[at, 2] = (np.sin(slant) * part for part in view)
    return factors
