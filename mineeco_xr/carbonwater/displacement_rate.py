"""From a series of displacement to rates: one for the whole series, or one for each year."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from mineeco_xr.chunks import pointwise
from mineeco_xr.cube.grid import geobox_of
from mineeco_xr.cube.nodata import as_float
from mineeco_xr.cube.provenance import finalize
from mineeco_xr.cube.time import require_increasing
from mineeco_xr.cube.units import per_year, units_of
from mineeco_xr.errors import ParameterError, SchemaError

YEAR_DAYS = 365.25
MIN_DATES = 3
METHODS = ("interpolate", "rate")


def linear_rate(series: xr.DataArray, *, min_n: int = MIN_DATES) -> xr.Dataset:
    """Fit a straight line to the series of every pixel by least squares.

    Parameters
    ----------
    series : xarray.DataArray
        Cumulative displacement, mm, dims with ``time`` (dates), ``y`` and ``x``; NaN are gaps.
    min_n : int
        Pixels with fewer dates are nodata; at least 3.

    Returns
    -------
    xarray.Dataset
        ``rate`` (mm yr-1), ``intercept`` (mm, of the line at the first date), ``error`` (standard
        error of the rate, mm yr-1), ``r_squared`` and ``n`` (dates). Lazy when the series is.

    Raises
    ------
    SchemaError
        If the dates are missing, not in order, or fewer than ``min_n``.
    ParameterError
        If ``min_n`` is below 3.

    Notes
    -----
    Time is days since the first date over 365.25, as in PyRate, whose ``linear_rate`` of the same
    series this equals to 1e-6 mm/yr (its files hold float32). The standard error takes residuals
    as independent, which those of a cumulative series are not: it is too small. For a rate that
    outliers cannot break, and a test of significance, use :func:`mineeco_xr.trend`.

    Pointwise, with ``time`` whole: bit-identical for any chunking.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from mineeco_xr.testing import with_grid
    >>> dates = pd.date_range("2018-01-06", periods=5, freq="12D")
    >>> sinking = -0.1 * np.arange(5.0)[:, None, None] * 12
    >>> linear_rate(with_grid(sinking, times=dates, units="mm"))["rate"].round(6).item()
    -36.525
    """
    if min_n < MIN_DATES:
        raise ParameterError(f"min_n is {min_n}: a line and its error need at least 3 dates.")
    dates = _dates_of(series)
    if dates.size < min_n:
        raise SchemaError(
            f"{series.name or 'the series'!r} has {dates.size} dates and min_n is {min_n}: bring "
            "more dates."
        )
    geobox_of(series)
    years = (dates - dates[0]) / np.timedelta64(1, "D") / YEAR_DAYS
    rate, intercept, r, error, count = pointwise(
        _line_block,
        as_float(series),
        dtype="float64",
        core_dim="time",
        outputs=5,
        parameters={"years": years, "min_n": min_n},
    )
    own = units_of(series, expected="mm", name=str(series.name or "series"))
    label = series.attrs.get("long_name", series.name or "displacement")
    sign = {key: series.attrs[key] for key in ("sign_convention",) if key in series.attrs}
    result = xr.Dataset(
        {
            "rate": rate.assign_attrs(units=per_year(own), long_name=f"rate of {label}", **sign),
            "intercept": intercept.assign_attrs(
                units=own, long_name=f"line of {label} at the first date"
            ),
            "error": error.assign_attrs(
                units=per_year(own), long_name="standard error of the rate"
            ),
            "r_squared": (r * r).assign_attrs(units="1", long_name="coefficient of determination"),
            "n": count.assign_attrs(units="1", long_name="dates with a value"),
        }
    )
    return finalize(
        result,
        function="linear_rate",
        parameters={"min_n": min_n},
        inputs={str(series.name or "series"): series},
    )


def annual_displacement(series: xr.DataArray, *, method: str = "interpolate") -> xr.DataArray:
    """Return what each year adds to a cumulative displacement.

    Parameters
    ----------
    series : xarray.DataArray
        As for :func:`linear_rate`.
    method : {"interpolate", "rate"}
        The displacement at the year's end less that at its beginning, each linear between the dates
        around it, for the years that lie within the dates; or the least-squares rate of the year's
        own dates, for years with at least three, which is steadier, and also serves years that
        are covered in part.

    Returns
    -------
    xarray.DataArray
        mm yr-1, dims ``(time, y, x)``, dated on the first of January of each year as yearly
        composites are. Lazy when the series is.

    Raises
    ------
    ParameterError
        If ``method`` is unknown.
    SchemaError
        If the dates are missing or not in order, or hold no such year.

    Notes
    -----
    A year's end is the first of January of the next one, 0:00. A date that is missing in a pixel
    makes the years nodata that lean on it (``"interpolate"``); nothing is extrapolated.

    Pointwise, with ``time`` whole: bit-identical for any chunking.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from mineeco_xr.testing import with_grid
    >>> dates = pd.to_datetime(["2018-01-01", "2018-07-01", "2019-03-01", "2020-01-01"])
    >>> sinking = np.array([0.0, -20.0, -30.0, -90.0])[:, None, None]
    >>> found = annual_displacement(with_grid(sinking, times=dates, units="mm"))
    >>> found["time"].dt.year.values, found.values.ravel().round(2)
    (array([2018, 2019]), array([-27.57, -62.43]))
    """
    if method not in METHODS:
        raise ParameterError(f"method is {method!r}: choose from {METHODS}.")
    dates = _dates_of(series)
    geobox_of(series)
    years, weights = (_between_ends if method == "interpolate" else _within)(dates)
    if not years.size:
        need = "no whole year" if method == "interpolate" else "no year with three dates"
        raise SchemaError(
            f"the dates {str(dates[0])[:10]} to {str(dates[-1])[:10]} hold {need}: take "
            f"{'method=' + repr('rate') + ' or ' if method == 'interpolate' else ''}linear_rate."
        )
    data = as_float(series)
    found = pointwise(
        _years_block if method == "interpolate" else _rates_block,
        data,
        dtype=data.dtype,
        core_dim="time",
        outputs=years.size,
        parameters={"weights": weights},
    )
    first = pd.to_datetime([f"{year}-01-01" for year in years]).values.astype("datetime64[ns]")
    time = xr.DataArray(first, dims="time", coords={"time": first}, name="time")
    result = xr.concat([found] if years.size == 1 else list(found), time)
    own = units_of(series, expected="mm", name=str(series.name or "series"))
    sign = {key: series.attrs[key] for key in ("sign_convention",) if key in series.attrs}
    return finalize(
        result,
        function="annual_displacement",
        parameters={"method": method},
        inputs={str(series.name or "series"): series},
        attrs={
            "units": per_year(own),
            "long_name": f"yearly {series.attrs.get('long_name', series.name or 'displacement')}",
            **sign,
        },
        name="annual_displacement",
    )


def _dates_of(series: xr.DataArray) -> np.ndarray:
    name = str(series.name or "series")
    if "time" not in series.dims or "time" not in series.coords:
        raise SchemaError(f"{name!r} has dims {series.dims} and no dates along 'time'.")
    values = series["time"].values
    if values.dtype.kind != "M":
        raise SchemaError(f"{name!r}: 'time' holds {values.dtype}, not dates.")
    if np.isnat(values).any():
        raise SchemaError(f"{name!r} has a date that is missing (NaT) along 'time'.")
    days = (values - values[0]) / np.timedelta64(1, "D")
    require_increasing(days, values, name, "time")
    return values.astype("datetime64[ns]")


def _line_block(block: np.ndarray, *, years: np.ndarray, min_n: int) -> np.ndarray:
    from mineeco_xr.kernels.least_squares import least_squares

    return least_squares(block, years, min_n)


def _between_ends(dates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return whole years, and the weights of the dates in what each adds."""
    days = pd.DatetimeIndex(dates)
    ends = pd.to_datetime([f"{y}-01-01" for y in range(days[0].year, days[-1].year + 2)])
    ends = ends[(ends >= days[0]) & (ends <= days[-1])]
    numbers = (dates - dates[0]) / np.timedelta64(1, "D")
    weights = np.zeros((len(ends), dates.size))
    for row, end in zip(weights, ends, strict=True):
        at = (end - days[0]) / pd.Timedelta(days=1)
        after = min(int(np.searchsorted(numbers, at)), dates.size - 1)
        if numbers[after] == at:
            row[after] = 1.0
            continue
        share = (at - numbers[after - 1]) / (numbers[after] - numbers[after - 1])
        row[after - 1], row[after] = 1.0 - share, share
    return ends[:-1].year.to_numpy(), np.diff(weights, axis=0)


def _years_block(block: np.ndarray, *, weights: np.ndarray) -> np.ndarray:
    out = np.zeros((len(weights), *block.shape[1:]))
    for year, row in zip(out, weights, strict=True):
        for k in np.flatnonzero(row):
            year += row[k] * np.where(np.isfinite(block[k]), block[k], np.nan)
    return out


def _within(dates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return years with three dates, and the decimal years of these, NaN for dates of others."""
    numbers = (dates - dates[0]) / np.timedelta64(1, "D") / YEAR_DAYS
    own = pd.DatetimeIndex(dates).year.to_numpy()
    years, count = np.unique(own, return_counts=True)
    years = years[count >= MIN_DATES]
    return years, np.where(own == years[:, None], numbers, np.nan)


def _rates_block(block: np.ndarray, *, weights: np.ndarray) -> np.ndarray:
    rates = []
    for row in weights:
        inside = np.isfinite(row)
        rates.append(_line_block(block[inside], years=row[inside], min_n=MIN_DATES)[0])
    return np.stack(rates)
