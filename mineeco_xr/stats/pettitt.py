"""Year in which the level of a series changes: Pettitt's test of every cell."""

from __future__ import annotations

from functools import cache, lru_cache

import numpy as np
import pandas as pd
import xarray as xr

from mineeco_xr.chunks import pointwise
from mineeco_xr.cube.grid import geobox_of
from mineeco_xr.cube.nodata import as_float
from mineeco_xr.cube.provenance import finalize
from mineeco_xr.cube.time import decimal_years
from mineeco_xr.errors import ParameterError, SchemaError

MIN_YEARS = 10
EXACT_BELOW = 20
"""Shorter series get the exact p; the work doubles with each date more."""
SAMPLED_UP_TO = 60
"""Longer series get the approximation in any case."""
FEWEST_PERMUTATIONS = 100


def pettitt(
    data: xr.DataArray,
    *,
    permutations: int | None = None,
    min_n: int = MIN_YEARS,
    dim: str = "time",
) -> xr.Dataset:
    """Find the date at which the level of the series of every cell changes most.

    Parameters
    ----------
    data : xarray.DataArray
        Dims with ``time``, ``y`` and ``x`` in any order, float; NaN and infinities are gaps. Dates
        may be irregular: the test sees their order only.
    permutations : int, optional
        Of series of 20 to 60 valid dates: take p from this many random orders, at least 100, in
        place of Pettitt's approximation, which is cautious (see Notes).
    min_n : int
        Cells with fewer valid dates are nodata; at least 4. Default 10.
    dim : str
        Name of the time dim.

    Returns
    -------
    xarray.Dataset
        Dims ``(y, x)``, float64: ``year`` (of the first valid date after the change),
        ``last_year`` (of the last one before it; with a gap there, the change lies anywhere
        between), ``u`` (``U`` there: positive where the values fall, negative where they rise),
        ``k`` (its size), ``p``, ``mean_before`` and ``mean_after`` (units of the data) and ``n``
        (valid dates). A year is a whole number when all dates are on one day of the year, else it
        has the share of the year that had passed; of numeric dates it is the date. Lazy when the
        data are.

    Raises
    ------
    SchemaError
        If the time coordinate is missing, repeats a date, or has fewer than ``min_n`` dates.
    ParameterError
        If ``min_n`` is below 4, or ``permutations`` below 100.

    Notes
    -----
    Pointwise, with time whole: bit-identical for any chunking. ``U_t = sum_{i<=t} sum_j
    sign(y_i - y_j)``, ``K = max |U_t|``, the change after the first ``t`` that attains it (Pettitt
    1979). Equal to ``pyhomogeneity.pettitt_test``, whose ``cp`` is the date of ``last_year``.

    Below 20 dates p is exact for values without ties, all orders being as likely: the share of the
    orders with as large a K, counted over the sets of ranks that can come first. From 20 on it is
    ``2 exp(-6 K^2 / (n^3 + n^2))``, at most 1, or the share among ``permutations`` random orders
    that are the same for all cells, chunks and runs. The approximation is cautious: at its 0.05 the
    exact p is 0.015 for 19 dates, and with 10 dates it cannot go below 0.066. Ties make all of them
    cautious. The test always names a year; p says whether to believe it. It takes a steady trend
    for a change, in its middle.

    References
    ----------
    Pettitt, A. N. (1979). Journal of the Royal Statistical Society C 28, 126-135.

    Examples
    --------
    >>> import numpy as np, mineeco_xr as mx
    >>> from mineeco_xr.testing import with_grid
    >>> level = np.where(np.arange(2001, 2013) < 2008, 0.6, 0.3) + 0.01 * np.sin(np.arange(12))
    >>> found = pettitt(with_grid(level[:, None, None]))
    >>> found["year"].item(), found["last_year"].item(), round(found["p"].item(), 4)
    (2008.0, 2007.0, 0.0064)
    """
    if min_n < 4:
        raise ParameterError(f"min_n is {min_n}: a change of level needs at least 4 dates.")
    if permutations is not None and permutations < FEWEST_PERMUTATIONS:
        raise ParameterError(
            f"permutations is {permutations}: give at least {FEWEST_PERMUTATIONS}, such as 20000, "
            "or None for the approximation."
        )
    years = _decimal_calendar(data, dim)
    if years.size < min_n:
        raise SchemaError(
            f"{data.name or 'the raster'!r} has {years.size} dates and min_n is {min_n}: no cell "
            "could have a change point. Bring more dates, or lower min_n knowingly."
        )
    geobox_of(data)
    names = ("year", "last_year", "u", "k", "p", "mean_before", "mean_after", "n")
    layers = pointwise(
        _pettitt_block,
        as_float(data).transpose(dim, ...),
        dtype="float64",
        core_dim=dim,
        outputs=len(names),
        shared=_table(min_n, years.size, permutations),
        parameters={"years": years, "min_n": min_n},
    )
    result = xr.Dataset(dict(zip(names, layers, strict=True)))
    return _describe(result, data, permutations, min_n, dim)


def _decimal_calendar(data: xr.DataArray, dim: str) -> np.ndarray:
    """Return the dates as years of the calendar, whole ones when all are on one day of the year.

    Raises
    ------
    SchemaError
        If the coordinate is missing, has gaps, or is not strictly increasing.
    """
    since_first = decimal_years(data, dim)
    first = data[dim].values[0] if since_first.size else 0
    if not isinstance(first, np.datetime64):
        return since_first + float(first)
    date = pd.Timestamp(first)
    same_day = bool((since_first == np.round(since_first)).all())
    share = 0.0 if same_day else (date.day_of_year - 1) / (366 if date.is_leap_year else 365)
    return since_first + (date.year + share)


def _table(min_n: int, longest: int, permutations: int | None) -> np.ndarray:
    """Return p by n and K, up to the longest series that does not get the approximation."""
    last = min(longest, EXACT_BELOW - 1 if permutations is None else SAMPLED_UP_TO)
    table = np.ones((last + 1, last * last // 4 + 1))
    for n in range(min_n, last + 1):
        tail = _exact(n) if n < EXACT_BELOW else _sampled(n, int(permutations or 0))
        table[n, : tail.size] = tail
    return table


@cache
def _exact(n: int) -> np.ndarray:
    from mineeco_xr.kernels.pettitt import exact_p

    return exact_p(n)


@lru_cache(maxsize=64)
def _sampled(n: int, permutations: int) -> np.ndarray:
    """Return p by K from random orders, the observed one among them."""
    rank = np.random.default_rng(n).random((permutations, n)).argsort(axis=1) + 1
    u = 2 * rank.cumsum(axis=1) - np.arange(1, n + 1) * (n + 1)
    counts = np.bincount(np.abs(u).max(axis=1), minlength=n * n // 4 + 1)
    return (counts[::-1].cumsum()[::-1] + 1) / (permutations + 1)


def _pettitt_block(
    block: np.ndarray, *, shared: np.ndarray, years: np.ndarray, min_n: int
) -> np.ndarray:
    from mineeco_xr.kernels.pettitt import pettitt_test

    last, first, u, p, before, after, n = pettitt_test(block, min_n, shared)
    dates = np.append(years, np.nan)
    positions = [np.where(np.isnan(row), years.size, row).astype(int) for row in (first, last)]
    return np.stack([*(dates[at] for at in positions), u, np.abs(u), p, before, after, n])


def _describe(
    result: xr.Dataset, data: xr.DataArray, permutations: int | None, min_n: int, dim: str
) -> xr.Dataset:
    label = data.attrs.get("long_name", data.name or "value")
    own = str(data.attrs.get("units", "1"))
    described = {
        "year": ("1", f"year of the first date after the change of {label}"),
        "last_year": ("1", f"year of the last date before the change of {label}"),
        "u": ("1", "Pettitt's U at the change"),
        "k": ("1", "Pettitt's K, the largest size of U"),
        "p": ("1", "p of Pettitt's test"),
        "mean_before": (own, f"mean {label} before the change"),
        "mean_after": (own, f"mean {label} after the change"),
        "n": ("1", "valid dates"),
    }
    for name, (units, text) in described.items():
        result[name].attrs = {"units": units, "long_name": text}
    return finalize(
        result,
        function="pettitt",
        parameters={"permutations": permutations, "min_n": min_n, "dim": dim},
        inputs={str(data.name or "data"): data},
        attrs={"variable": str(data.name or "")},
    )
