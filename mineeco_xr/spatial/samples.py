"""Sample points: places in metres and values, checked, by date."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mineeco_xr.errors import GridMismatch, ParameterError, SchemaError

if TYPE_CHECKING:
    import geopandas as gpd


@dataclass(frozen=True)
class Samples:
    """Values of points on some dates.

    Attributes
    ----------
    places : ndarray, (n, 2), float64
        ``x, y``.
    values : ndarray, (n, t), float64
        NaN where a point has no value on a date.
    dates : ndarray, (t,), datetime64[ns], optional
        None for values without a date, of which there is one column.
    """

    places: np.ndarray
    values: np.ndarray
    dates: np.ndarray | None

    def groups(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return sets of points, and the columns of the dates on which just these have values."""
        known = np.isfinite(self.values)
        sets: dict[bytes, list[int]] = {}
        for column in range(known.shape[1]):
            sets.setdefault(known[:, column].tobytes(), []).append(column)
        return [
            (np.flatnonzero(known[:, columns[0]]), np.array(columns)) for columns in sets.values()
        ]


def samples_of(
    points: gpd.GeoDataFrame,
    column: str | Sequence[str],
    dates: str | Sequence[Any] | None = None,
    *,
    crs: Any = None,
) -> Samples:
    """Read the places and values of points.

    Parameters
    ----------
    points : geopandas.GeoDataFrame
        Of single points, with a reference system.
    column : str or sequence of str
        Column of values, or one for each date.
    dates : str or sequence of dates, optional
        Column of dates of a long table, or one date for each column of values.
    crs : CRS-like, optional
        Projected, in metres; default that of the points.

    Returns
    -------
    Samples
        In the order of the table; dates increase.

    Raises
    ------
    GridMismatch
        If the points have no reference system, or places are not in metres.
    SchemaError
        If there is no point with a value, a geometry is not a single point, or a column is missing
        or holds no numbers.
    ParameterError
        If columns and dates do not go together.
    """
    import shapely

    if getattr(points, "crs", None) is None:
        raise GridMismatch("points have no reference system: set one with set_crs.")
    placed = points if crs is None or points.crs == crs else points.to_crs(crs)
    unit = None if placed.crs.is_geographic else placed.crs.axis_info[0].unit_name
    if unit not in {"metre", "meter", "m"}:
        raise GridMismatch(
            f"points are in {placed.crs.name}, and distances need metres: bring them into a "
            "projected reference system with to_crs."
        )
    geometry = np.asarray(placed.geometry.values, dtype=object)
    places = np.column_stack([shapely.get_x(geometry), shapely.get_y(geometry)])
    wrong = ~np.isfinite(places).all(axis=1)
    if wrong.any():
        raise SchemaError(
            f"{int(wrong.sum())} of {len(points)} points have no single place, the first in row "
            f"{points.index[wrong][0]!r}: drop missing geometries, and explode() multi-points."
        )
    values, days = _values_of(points, column, dates)
    if dates is not None and isinstance(dates, str):
        places, values, days = _wide(places, values, days)
    values = np.where(np.isfinite(values), values, np.nan)
    empty = np.flatnonzero(np.isnan(values).all(axis=0)) if len(values) else [0]
    if len(empty):
        on = "" if days is None or not len(days) else f" on {str(days[empty[0]])[:10]}"
        raise SchemaError(f"no point has a value of {column!r}{on}: give at least one.")
    return Samples(places, values, days)


def _values_of(
    points: gpd.GeoDataFrame, column: str | Sequence[str], dates: str | Sequence[Any] | None
) -> tuple[np.ndarray, np.ndarray | None]:
    columns = [column] if isinstance(column, str) else list(column)
    wanted = [*columns, *([dates] if isinstance(dates, str) else [])]
    missing = [name for name in wanted if name not in points.columns]
    if missing:
        raise SchemaError(
            f"points have no column {missing[0]!r}; there are "
            f"{sorted(map(str, points.columns.drop(points.geometry.name)))}."
        )
    for name in columns:
        if not pd.api.types.is_numeric_dtype(points[name].dtype):
            raise SchemaError(f"column {name!r} holds {points[name].dtype}: give numbers.")
    values = points[columns].to_numpy(dtype="float64", na_value=np.nan)
    if dates is None:
        if not isinstance(column, str):
            raise ParameterError(
                f"{len(columns)} columns and no dates: name one column, or give a date for each."
            )
        return values, None
    if isinstance(dates, str):
        if len(columns) > 1:
            raise ParameterError(
                f"a long table has its values in one column and its dates in {dates!r}; "
                f"{columns} are {len(columns)}."
            )
        return values, _days(points[dates], dates)
    days = _days(list(dates), "dates")
    if len(days) != len(columns):
        raise ParameterError(f"{len(columns)} columns and {len(days)} dates: give a date for each.")
    order = np.argsort(days)
    twice = np.flatnonzero(np.diff(days[order]) == np.timedelta64(0))
    if twice.size:
        raise SchemaError(f"the date {str(days[order][twice[0]])[:10]} stands twice.")
    return values[:, order], days[order]


def _days(given: Any, name: str) -> np.ndarray:
    try:
        found = pd.DatetimeIndex(pd.to_datetime(given))
    except (ValueError, TypeError) as error:
        raise SchemaError(f"{name!r} cannot be read as dates: {error}") from error
    if found.hasnans:
        raise SchemaError(f"{name!r} has {int(found.isna().sum())} missing dates: drop their rows.")
    return np.asarray(found.values, dtype="datetime64[ns]")


def _wide(
    places: np.ndarray, values: np.ndarray, days: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give every place one row and every date a column.

    Raises
    ------
    SchemaError
        If a place has two values on a date.
    """
    spots, row = np.unique(places, axis=0, return_inverse=True)
    dates, column = np.unique(np.asarray(days), return_inverse=True)
    row = row.reshape(-1)
    cell = row * dates.size + column
    known = np.isfinite(values[:, 0])
    count = np.bincount(cell[known], minlength=len(spots) * dates.size)
    if (count > 1).any():
        spot, date = divmod(int(count.argmax()), dates.size)
        raise SchemaError(
            f"the point at {tuple(spots[spot].tolist())} has {int(count.max())} values on "
            f"{str(dates[date])[:10]}: keep one."
        )
    table = np.full(len(spots) * dates.size, np.nan)
    table[cell[known]] = values[known, 0]
    return spots, table.reshape(len(spots), dates.size), dates
