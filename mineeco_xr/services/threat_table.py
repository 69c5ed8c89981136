"""The table of threats to habitat, as InVEST has it: how far, how much and in which way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from mineeco_xr.errors import ParameterError, SchemaError
from mineeco_xr.services.class_table import read_csv

TABLE = "the table of threats"
DECAYS = ("exponential", "linear")
DISTANCES = {"max_dist": 1.0, "max_distance_km": 1000.0}
"""Columns that may hold the distance, and what one of their units is in metres."""


@dataclass(frozen=True)
class HabitatThreat:
    """One row of the table.

    Attributes
    ----------
    name : str
        As the table writes it.
    max_distance : float
        Where the threat ceases, metres.
    weight : float
        Its share of the weights of all threats.
    decay : str
        ``"exponential"`` or ``"linear"``.
    """

    name: str
    max_distance: float
    weight: float
    decay: str

    @property
    def column(self) -> str:
        """Name of its column in a table of sensitivities: their case does not matter."""
        return self.name.lower()


def read_threat_table(table: Any) -> list[HabitatThreat]:
    """Read the table of threats.

    Parameters
    ----------
    table : str, Path or pandas.DataFrame
        InVEST's columns ``threat``, ``max_dist`` (metres), ``weight`` and ``decay``, of any case;
        ``max_distance_km`` may stand in the place of ``max_dist``. Other columns do not matter.

    Returns
    -------
    list of HabitatThreat
        In the order of the rows.

    Raises
    ------
    DataError
        If the file is absent or is no CSV.
    SchemaError
        If a column is missing, a threat stands twice, or a cell holds no number.
    ParameterError
        If a distance is not positive, a weight is negative or all are 0, or a decay is unknown.

    Examples
    --------
    >>> import mineeco_xr as mx
    >>> read_threat_table(mx.tables.read_table("yellow_river_habitat_threats"))[1].max_distance
    8000.0
    """
    frame = named_rows(table)
    given = [column for column in DISTANCES if column in frame.columns]
    if len(given) != 1:
        raise SchemaError(
            f"{TABLE} has {'both' if given else 'neither'} of the columns {list(DISTANCES)}; it "
            f"has {['threat', *frame.columns]}. Give one: max_dist in metres."
        )
    distances = _numbers(frame, given[0]) * DISTANCES[given[0]]
    weights = _numbers(frame, "weight")
    if (distances <= 0).any():
        at = int(np.flatnonzero(distances <= 0)[0])
        raise ParameterError(
            f"{TABLE}: {given[0]} of {frame.index[at]!r} is {distances[at]:g} m; expected a "
            "positive length. Give the distance at which the threat ceases."
        )
    if (weights < 0).any() or weights.sum() <= 0:
        raise ParameterError(
            f"{TABLE}: the weights are {weights.tolist()}; expected none below 0 and a sum above "
            "0, by which they are divided. Correct them."
        )
    decays = [str(text).strip().lower() for text in _column(frame, "decay")]
    unknown = sorted(set(decays) - set(DECAYS))
    if unknown:
        raise ParameterError(f"{TABLE}: decay {unknown} is unknown: choose from {DECAYS}.")
    shares = weights / weights.sum()
    return [
        HabitatThreat(*row)
        for row in zip(frame.index, distances.tolist(), shares.tolist(), decays, strict=True)
    ]


def named_rows(table: Any) -> pd.DataFrame:
    """Return the table by the names of the threats, without looking at its other columns.

    Parameters
    ----------
    table : str, Path or pandas.DataFrame
        With a column ``threat``.

    Returns
    -------
    pandas.DataFrame
        Lower-case columns.

    Raises
    ------
    SchemaError
        If the column is missing, there is no row, or a threat stands twice.
    """
    frame = read_csv(table, name=TABLE)
    names = pd.Index([str(name).strip() for name in _column(frame, "threat")])
    lower = names.str.lower()
    if names.size == 0:
        raise SchemaError(f"{TABLE} has no row: give one for each threat.")
    if lower.has_duplicates:
        raise SchemaError(
            f"{TABLE} has two rows of {sorted(set(lower[lower.duplicated()]))}: keep one of each."
        )
    return frame.drop(columns="threat").set_axis(names, axis=0)


def _column(frame: pd.DataFrame, column: str) -> pd.Series:
    if column not in frame.columns:
        raise SchemaError(
            f"{TABLE} has no column {column!r}; it has {list(frame.columns)}. Add it."
        )
    return frame[column]


def _numbers(frame: pd.DataFrame, column: str) -> np.ndarray:
    numbers = pd.to_numeric(_column(frame, column), errors="coerce").to_numpy("float64")
    bad = ~np.isfinite(numbers)
    if bad.any():
        at = int(np.flatnonzero(bad)[0])
        raise SchemaError(
            f"{TABLE}: {column} of {frame.index[at]!r} is {frame[column].iloc[at]!r}; expected a "
            "number."
        )
    return numbers


def require_reach(threats: list[HabitatThreat], cell: tuple[float, float]) -> None:
    """Refuse distances that look like kilometres.

    Parameters
    ----------
    threats : list of HabitatThreat
        From the table.
    cell : tuple of float
        Height and width of a cell, metres.

    Raises
    ------
    ParameterError
        If a threat would never leave its own cell.
    """
    short = {t.name: t.max_distance for t in threats if t.max_distance < min(cell)}
    if short:
        raise ParameterError(
            f"{TABLE}: max_dist {short} is less than one cell of {min(cell):g} m, so that such a "
            "threat would never leave its cell; expected metres. InVEST took kilometres before "
            "3.15: multiply by 1000, or name the column max_distance_km."
        )
