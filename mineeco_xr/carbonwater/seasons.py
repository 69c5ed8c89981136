"""Seasons: which dates make which year's composite."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from mineeco_xr.cube.time import decimal_years
from mineeco_xr.errors import ParameterError, SchemaError

FREQUENCIES = ("YS", "MS")


@dataclass(frozen=True)
class Season:
    """The dates of one composite.

    Attributes
    ----------
    label : numpy.datetime64
        First day of the year or month.
    positions : ndarray of int
        Of its dates along ``time``.
    days : ndarray of int
        Their days of the year.
    """

    label: np.datetime64
    positions: np.ndarray
    days: np.ndarray


def seasons_of(
    data: xr.DataArray, freq: str, season: tuple[int, int] | None, missing: str
) -> list[Season]:
    """Return the seasons between the first and the last date of a raster.

    Parameters
    ----------
    data : xarray.DataArray
        With dates along ``time``.
    freq : {"YS", "MS"}
        A year, or a month.
    season : tuple of int or None
        As of :func:`mineeco_xr.carbonwater.composite.composite`.
    missing : {"error", "nodata"}
        Whether a season without a date is an error.

    Returns
    -------
    list of Season
        In order; some may have no dates.

    Raises
    ------
    ParameterError
        If ``freq`` or ``season`` is out of range.
    SchemaError
        If the dates are no dates, repeat, or leave a season empty.
    """
    if freq not in FREQUENCIES:
        raise ParameterError(f"freq is {freq!r}: choose from {FREQUENCIES}.")
    by_day = _checked(season)
    decimal_years(data)
    if not np.issubdtype(data["time"].dtype, np.datetime64):
        raise SchemaError(
            f"'time' of {data.name or 'the raster'!r} holds {data['time'].dtype}; a season needs "
            "dates: assign them."
        )
    dates = pd.DatetimeIndex(data["time"].values)
    year, inside = _placed(dates, season, by_day)
    if freq == "YS":
        keys = 12 * year
        wanted = np.arange(keys.min(), keys.max() + 1, 12)
    else:
        keys = np.asarray(12 * dates.year + dates.month - 1)
        span = pd.date_range(dates[0].normalize(), dates[-1].normalize(), freq="D")
        wanted = np.unique((12 * span.year + span.month - 1)[_placed(span, season, by_day)[1]])
    found = []
    for key in wanted.tolist():
        positions = np.flatnonzero(inside & (keys == key))
        label = np.datetime64(f"{key // 12:04d}-{key % 12 + 1:02d}-01", "ns")
        found.append(Season(label, positions, np.asarray(dates.day_of_year)[positions]))
    empty = [
        str(each.label)[: 4 if freq == "YS" else 7] for each in found if not each.positions.size
    ]
    if empty and missing == "error":
        raise SchemaError(
            f"{data.name or 'the raster'!r} has no date of {', '.join(empty)} in the season "
            f"{season}: bring scenes, drop the other dates of these years, or keep them as nodata "
            "with missing='nodata'."
        )
    return found


def _placed(
    dates: pd.DatetimeIndex, season: tuple[int, int] | None, by_day: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Return the year to which the season of each date counts, and whether it is in the season."""
    year = np.asarray(dates.year)
    if season is None:
        return year, np.ones(dates.size, dtype=bool)
    place = np.asarray(dates.day_of_year if by_day else dates.month)
    first, last = season
    if first <= last:
        return year, (place >= first) & (place <= last)
    return year + (place >= first), (place >= first) | (place <= last)


def _checked(season: tuple[int, int] | None) -> bool:
    """Return whether a season is in days of the year and not in months."""
    if season is None:
        return False
    whole = len(season) == 2 and all(isinstance(end, int | np.integer) for end in season)
    if not whole or min(season) < 1 or max(season) > 366:
        raise ParameterError(
            f"season is {season!r}: give the first and the last month (6, 9), or the first and "
            "the last day of the year (152, 273)."
        )
    return max(season) > 12
