"""Trend of every cell: Theil-Sen slope and Mann-Kendall test."""

from __future__ import annotations

import numpy as np
import xarray as xr

from mineeco_xr.chunks import pointwise
from mineeco_xr.cube.grid import geobox_of
from mineeco_xr.cube.nodata import as_float
from mineeco_xr.cube.provenance import finalize
from mineeco_xr.cube.time import decimal_years
from mineeco_xr.cube.units import format_units, parse_units
from mineeco_xr.errors import ParameterError, SchemaError

MIN_YEARS = 10
METHODS = ("sen",)


def trend(
    data: xr.DataArray, *, method: str = "sen", min_n: int = MIN_YEARS, dim: str = "time"
) -> xr.Dataset:
    """Fit a monotone trend to the series of every cell.

    The slope is the median of all pairwise slopes (Theil 1950, Sen 1968), which up to 29 % of
    outliers cannot break; its significance is that of the Mann-Kendall test with the variance
    corrected for ties and the continuity correction (Mann 1945, Kendall 1975).

    Parameters
    ----------
    data : xarray.DataArray
        Dims with ``time``, ``y`` and ``x`` in any order, float; NaN and infinities are gaps. Dates
        may be irregular.
    method : {"sen"}
        Theil-Sen with Mann-Kendall.
    min_n : int
        Cells with fewer valid dates are nodata; at least 3. Default 10: below that the test can
        hardly reach significance.
    dim : str
        Name of the time dim.

    Returns
    -------
    xarray.Dataset
        Dims ``(y, x)``, float64: ``slope`` (units of the data per year), ``intercept`` (value at
        the first date: ``median(y) - slope * median(t)``), ``s``, ``z``, ``p`` (two-sided), ``tau``
        (``2 S / n (n - 1)``) and ``n`` (valid dates). Lazy when the data are.

    Raises
    ------
    SchemaError
        If the time coordinate is missing, repeats a date, or has fewer than ``min_n`` dates.
    ParameterError
        If ``method`` is unknown or ``min_n`` is below 3.

    Notes
    -----
    Pointwise, with time whole: bit-identical for any chunking. With
    ``S = sum_{i<j} sign(y_j - y_i)`` and tie groups of size ``u``,
    ``var = [n (n-1) (2n+5) - sum u (u-1) (2u+5)] / 18``, ``Z = (S - sign(S)) / sqrt(var)``,
    ``p = erfc(|Z| / sqrt 2)``. Equal to ``pymannkendall.original_test`` and
    ``scipy.stats.theilslopes`` to 1e-12.

    References
    ----------
    Sen, P. K. (1968). Journal of the American Statistical Association 63, 1379-1389.
    Kendall, M. G. (1975). Rank Correlation Methods. Griffin, London.

    Examples
    --------
    >>> import numpy as np, mineeco_xr as mx
    >>> from mineeco_xr.testing import with_grid
    >>> years = np.arange(12.0)[:, None, None] * np.ones((12, 1, 2))
    >>> found = trend(with_grid(0.5 * years + 3, units="gC m-2 yr-1"))
    >>> found["slope"].values, found["slope"].attrs["units"]
    (array([[0.5, 0.5]]), 'gC m-2 yr-2')
    """
    if method not in METHODS:
        raise ParameterError(f"trend method {method!r} is unknown: choose from {METHODS}.")
    if min_n < 3:
        raise ParameterError(f"min_n is {min_n}: a trend needs at least 3 dates.")
    years = decimal_years(data, dim)
    if years.size < min_n:
        raise SchemaError(
            f"{data.name or 'the raster'!r} has {years.size} dates and min_n is {min_n}: no cell "
            "could have a trend. Bring more dates, or lower min_n knowingly."
        )
    geobox_of(data)
    return _describe(_fit(data, years, min_n, dim), data, method, min_n, dim)


def _fit(data: xr.DataArray, years: np.ndarray, min_n: int, dim: str) -> xr.Dataset:
    from mineeco_xr.kernels.trend import OUTPUTS

    layers = pointwise(
        _trend_block,
        as_float(data).transpose(dim, ...),
        dtype="float64",
        core_dim=dim,
        outputs=len(OUTPUTS),
        parameters={"years": years, "min_n": min_n},
    )
    return xr.Dataset(dict(zip(OUTPUTS, layers, strict=True)))


def _trend_block(block: np.ndarray, *, years: np.ndarray, min_n: int) -> np.ndarray:
    from mineeco_xr.kernels.trend import sen_mann_kendall

    return sen_mann_kendall(block, years, min_n)


def _describe(
    result: xr.Dataset, data: xr.DataArray, method: str, min_n: int, dim: str
) -> xr.Dataset:
    label = data.attrs.get("long_name", data.name or "value")
    own = str(data.attrs.get("units", "1"))
    factors = parse_units(own)
    factors["yr"] = factors.get("yr", 0) - 1
    per_year = format_units({unit: exponent for unit, exponent in factors.items() if exponent})
    described = {
        "slope": (per_year, f"Theil-Sen slope of {label}"),
        "intercept": (own, f"Theil-Sen line of {label} at the first date"),
        "s": ("1", "Mann-Kendall S"),
        "z": ("1", "Mann-Kendall Z"),
        "p": ("1", "two-sided p of the Mann-Kendall test"),
        "tau": ("1", "Kendall tau of value and time"),
        "n": ("1", "valid dates"),
    }
    for name, (units, text) in described.items():
        result[name].attrs = {"units": units, "long_name": text}
    return finalize(
        result,
        function="trend",
        parameters={"method": method, "min_n": min_n, "dim": dim},
        inputs={str(data.name or "data"): data},
        attrs={"variable": str(data.name or "")},
    )
