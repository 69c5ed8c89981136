"""Times on an axis: dates or whole years, shown as years."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from mineeco_xr.errors import SchemaError


def is_dated(times: pd.Series) -> bool:
    """Tell dates from whole years.

    Parameters
    ----------
    times : pandas.Series
        Of datetimes, text of dates, or numbers.

    Returns
    -------
    bool
        False for numbers.
    """
    return not pd.api.types.is_numeric_dtype(times)


def to_dates(times: pd.Series) -> pd.DatetimeIndex:
    """Read dates.

    Parameters
    ----------
    times : pandas.Series
        Datetimes, or text of ISO dates.

    Returns
    -------
    pandas.DatetimeIndex
        The dates.

    Raises
    ------
    SchemaError
        If they cannot be read.
    """
    try:
        return pd.DatetimeIndex(pd.to_datetime(times, format="ISO8601"))
    except (ValueError, TypeError) as error:
        raise SchemaError(
            f"times such as {times.iloc[0]!r} are neither dates nor years."
        ) from error


def time_numbers(times: pd.Series) -> np.ndarray:
    """Return times as numbers of an axis: days for dates, years for years.

    Parameters
    ----------
    times : pandas.Series
        Dates or numbers.

    Returns
    -------
    numpy.ndarray
        Days since 1970 as Matplotlib counts them, or the numbers as they are.

    Raises
    ------
    SchemaError
        If text cannot be read as dates.
    """
    if not is_dated(times):
        return np.asarray(times, dtype="float64")
    from matplotlib.dates import date2num

    return np.asarray(date2num(to_dates(times).to_numpy()), dtype="float64")


def mark_number(date: Any, *, dated: bool) -> float:
    """Return one date as a number of an axis, whichever way it is given.

    Parameters
    ----------
    date : datetime-like, str or number
        A date, or a year as a number.
    dated : bool
        Whether the axis counts days; otherwise years.

    Returns
    -------
    float
        A whole year stands for its first day.
    """
    if isinstance(date, int | float | np.integer | np.floating):
        date = pd.Timestamp(year=int(date), month=1, day=1) if dated else float(date)
    series = pd.Series([date])
    numbers = time_numbers(series) if dated else decimal_years(series)
    return float(numbers[0])


def decimal_years(times: pd.Series) -> np.ndarray:
    """Return times as decimal years.

    Parameters
    ----------
    times : pandas.Series
        Dates or numbers.

    Returns
    -------
    numpy.ndarray
        Such as 2004.5 for 2 July 2004.

    Examples
    --------
    >>> decimal_years(pd.Series(pd.to_datetime(["2003-01-01", "2004-07-02"])))
    array([2003. , 2004.5])
    """
    if not is_dated(times):
        return np.asarray(times, dtype="float64")
    dates = to_dates(times)
    length = np.where(dates.is_leap_year, 366.0, 365.0)
    hours = np.asarray(dates.hour) / 24
    years = np.asarray(dates.year, dtype="float64")
    return years + (np.asarray(dates.day_of_year) - 1 + hours) / length


def year_axis(axes: Any, numbers: np.ndarray, *, dated: bool, inches: float) -> None:
    """Label the lower axis with years, or with months where all lie in a year or two.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        The axes.
    numbers : numpy.ndarray
        Times as :func:`time_numbers` gives them.
    dated : bool
        Whether they are days.
    inches : float
        Length of the axis, which says how many labels have room.
    """
    from matplotlib import dates
    from matplotlib.ticker import MaxNLocator, StrMethodFormatter

    room = max(2, int(inches / 0.48))
    if not dated:
        axes.xaxis.set_major_locator(MaxNLocator(nbins=room, integer=True, steps=[1, 2, 5, 10]))
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:.0f}"))
        return
    span = float(numbers.max() - numbers.min()) / 365.25
    if span < 2.5:
        locator = dates.AutoDateLocator(minticks=2, maxticks=max(3, room))
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator))
        return
    step = next((s for s in (1, 2, 5, 10, 20) if span / s <= room), 50)
    axes.xaxis.set_major_locator(dates.YearLocator(step))
    axes.xaxis.set_major_formatter(dates.DateFormatter("%Y"))
