"""Trend of every cell: Theil-Sen slope and Mann-Kendall test, or a least-squares line."""

from __future__ import annotations

from statistics import NormalDist
from typing import Any

import numpy as np
import xarray as xr

from mineeco_xr.chunks import pointwise
from mineeco_xr.cube.grid import geobox_of
from mineeco_xr.cube.nodata import as_float
from mineeco_xr.cube.provenance import finalize
from mineeco_xr.cube.time import decimal_years
from mineeco_xr.cube.units import per_year
from mineeco_xr.errors import ParameterError, SchemaError

MIN_YEARS = 10
METHODS = ("sen", "ols")
CORRECTIONS = (None, "hamed_rao", "yue_wang", "tfpw")
OF_SEN = ("slope", "intercept", "s", "z", "p", "tau", "n")
OF_OLS = ("slope", "intercept", "r", "p", "n")
LIMITS = ("slope_low", "slope_high")


def trend(
    data: xr.DataArray,
    *,
    method: str = "sen",
    correction: str | None = None,
    lags: int | None = None,
    alpha: float = 0.05,
    confidence: float | None = None,
    min_n: int = MIN_YEARS,
    dim: str = "time",
) -> xr.Dataset:
    """Fit a trend to the series of every cell.

    By default the slope is the median of all pairwise slopes (Theil 1950, Sen 1968), which up to
    29 % of outliers cannot break; its significance is that of the Mann-Kendall test with the
    variance corrected for ties and the continuity correction (Mann 1945, Kendall 1975).

    Parameters
    ----------
    data : xarray.DataArray
        Dims with ``time``, ``y`` and ``x`` in any order, float; NaN and infinities are gaps. Dates
        may be irregular.
    method : {"sen", "ols"}
        Theil-Sen with Mann-Kendall, or the least-squares line with the t test of its slope.
    correction : {None, "hamed_rao", "yue_wang", "tfpw"}
        Of the Mann-Kendall test, for series that remember their last values: the variance after
        Hamed and Rao (1998) or Yue and Wang (2004), or the test of the series without its
        first-order autocorrelation (trend-free pre-whitening, Yue et al. 2002). Slope and intercept
        are those of the series itself in any case. A lag is a step from one valid date to the next:
        a gap is the same as a date that is not there.
    lags : int, optional
        How many lags Hamed and Rao or Yue and Wang take into account; all when not given. Yue and
        Wang themselves took one, and over all of them their variance is far too small: give 1.
    alpha : float
        Level at which Hamed and Rao take an autocorrelation to be significant, between 0 and 1.
    confidence : float, optional
        Such as 0.95: also give the limits of the slope, after Sen (1968) with the variance for
        ties, or of Student's t for ``"ols"``. They hold for independent values, hence without
        ``correction``.
    min_n : int
        Cells with fewer valid dates are nodata; at least 3. Default 10: below that the test can
        hardly reach significance.
    dim : str
        Name of the time dim.

    Returns
    -------
    xarray.Dataset
        Dims ``(y, x)``, float64: ``slope`` (units of the data per year), ``intercept`` (value of
        the line at the first date: ``median(y) - slope * median(t)``), ``s``, ``z``, ``p``
        (two-sided), ``tau`` (``2 S / n (n - 1)``) and ``n`` (valid dates). With ``"tfpw"``, ``s``,
        ``z``, ``p`` and ``tau`` are those of the pre-whitened series, which has a value less. With
        ``"ols"``: ``slope``, ``intercept``, ``r``, ``p`` and ``n``. With ``confidence`` also
        ``slope_low`` and ``slope_high``. Lazy when the data are.

    Raises
    ------
    SchemaError
        If the time coordinate is missing, repeats a date, or has fewer than ``min_n`` dates.
    ParameterError
        If ``method`` or ``correction`` is unknown, options do not go together, ``lags``, ``alpha``
        or ``confidence`` is out of its range, or ``min_n`` is below 3.

    Notes
    -----
    Pointwise, with time whole: bit-identical for any chunking. With
    ``S = sum_{i<j} sign(y_j - y_i)`` and tie groups of size ``u``,
    ``var = [n (n-1) (2n+5) - sum u (u-1) (2u+5)] / 18``, ``Z = (S - sign(S)) / sqrt(var)``,
    ``p = erfc(|Z| / sqrt 2)``. Equal to ``pymannkendall.original_test`` and
    ``scipy.stats.theilslopes`` to 1e-12, with ``"ols"`` to ``scipy.stats.linregress``.

    With ``d_i = y_i - slope * t_i`` and autocorrelations ``r_k``, Hamed and Rao's ``var`` is
    multiplied by ``1 + 2 / (n (n-1) (n-2)) sum_k (n-k) (n-k-1) (n-k-2) r_k`` over the significant
    ``r_k`` of the ranks of ``d``; Yue and Wang's by ``1 + 2 sum_k (1 - k/n) r_k`` of ``d``; a
    factor that is not positive is left out. Trend-free pre-whitening tests
    ``d_i - r_1 d_{i-1} + slope * t_i``. Values of ``d`` that only rounding tells apart are equal:
    the pair that is the median slope always ties. Equal to PyMannKendall to 1e-9 wherever its own p
    does not hang on that rounding.

    References
    ----------
    Sen, P. K. (1968). Journal of the American Statistical Association 63, 1379-1389.
    Kendall, M. G. (1975). Rank Correlation Methods. Griffin, London.
    Hamed, K. H. and Rao, A. R. (1998). Journal of Hydrology 204, 182-196.
    Yue, S., Pilon, P., Phinney, B. and Cavadias, G. (2002). Hydrological Processes 16, 1807-1829.
    Yue, S. and Wang, C. (2004). Water Resources Management 18, 201-218.

    Examples
    --------
    >>> import numpy as np, mineeco_xr as mx
    >>> from mineeco_xr.testing import with_grid
    >>> years = np.arange(12.0)[:, None, None] * np.ones((12, 1, 2))
    >>> found = trend(with_grid(0.5 * years + 3, units="gC m-2 yr-1"))
    >>> found["slope"].values, found["slope"].attrs["units"]
    (array([[0.5, 0.5]]), 'gC m-2 yr-2')
    """
    _check_choice(method, correction, lags, alpha, confidence)
    if min_n < 3:
        raise ParameterError(f"min_n is {min_n}: a trend needs at least 3 dates.")
    years = decimal_years(data, dim)
    if years.size < min_n:
        raise SchemaError(
            f"{data.name or 'the raster'!r} has {years.size} dates and min_n is {min_n}: no cell "
            "could have a trend. Bring more dates, or lower min_n knowingly."
        )
    geobox_of(data)
    names = (OF_SEN if method == "sen" else OF_OLS) + (() if confidence is None else LIMITS)
    options: dict[str, Any] = {"years": years, "min_n": min_n, "confidence": confidence}
    if method == "sen":
        options |= {"correction": correction, "lags": lags, "alpha": alpha}
    layers = pointwise(
        _sen_block if method == "sen" else _ols_block,
        as_float(data).transpose(dim, ...),
        dtype="float64",
        core_dim=dim,
        outputs=len(names),
        parameters=options,
    )
    parameters = {"method": method, "correction": correction, "lags": lags, "alpha": alpha}
    parameters |= {"confidence": confidence, "min_n": min_n, "dim": dim}
    return _describe(xr.Dataset(dict(zip(names, layers, strict=True))), data, parameters)


def _check_choice(
    method: str,
    correction: str | None,
    lags: int | None,
    alpha: float,
    confidence: float | None,
) -> None:
    if method not in METHODS:
        raise ParameterError(f"trend method {method!r} is unknown: choose from {METHODS}.")
    if correction not in CORRECTIONS:
        raise ParameterError(
            f"trend correction {correction!r} is unknown: choose from {CORRECTIONS}."
        )
    if correction is not None and method != "sen":
        raise ParameterError(
            f"correction {correction!r} is one of the Mann-Kendall test: leave it out, or take "
            "method='sen'."
        )
    if lags is not None and (correction not in CORRECTIONS[1:3] or lags < 1):
        raise ParameterError(
            f"lags is {lags} and correction is {correction!r}: give at least 1, with "
            "correction='hamed_rao' or 'yue_wang'."
        )
    if not 0 < alpha < 1:
        raise ParameterError(f"alpha is {alpha}: give a level between 0 and 1, such as 0.05.")
    if confidence is not None and not 0 < confidence < 1:
        raise ParameterError(
            f"confidence is {confidence}: give a share between 0 and 1, such as 0.95."
        )
    if confidence is not None and correction is not None:
        raise ParameterError(
            f"the limits of the slope hold for independent values, and correction is "
            f"{correction!r}: leave out one of confidence and correction."
        )


def _sen_block(
    block: np.ndarray,
    *,
    years: np.ndarray,
    min_n: int,
    correction: str | None,
    lags: int | None,
    alpha: float,
    confidence: float | None,
) -> np.ndarray:
    from mineeco_xr.kernels.trend import sen_mann_kendall

    found = sen_mann_kendall(block, years, min_n)
    if correction is not None:
        from mineeco_xr.kernels.autocorrelation import corrected_mann_kendall

        bound = NormalDist().inv_cdf(1 - alpha / 2)
        found = corrected_mann_kendall(block, years, found, correction, bound, lags)
    if confidence is None:
        return found
    from mineeco_xr.kernels.slope_limits import sen_limits

    quantile = NormalDist().inv_cdf((1 + confidence) / 2)
    return np.concatenate([found, sen_limits(block, years, min_n, quantile)])


def _ols_block(
    block: np.ndarray, *, years: np.ndarray, min_n: int, confidence: float | None
) -> np.ndarray:
    from scipy.special import stdtr, stdtrit

    from mineeco_xr.kernels.least_squares import least_squares

    slope, intercept, r, error, n = least_squares(block, years, min_n)
    freedom = np.maximum(n - 2, 1)
    with np.errstate(divide="ignore"):
        t = np.abs(r) * np.sqrt(freedom / ((1 - r) * (1 + r)))
    rows = [slope, intercept, r, 2 * stdtr(freedom, -t), n]
    if confidence is not None:
        quantile = stdtrit(np.arange(1.0, years.size), (1 + confidence) / 2)
        reach = quantile[freedom.astype(int) - 1] * error
        rows += [slope - reach, slope + reach]
    return np.stack(rows)


def _describe(result: xr.Dataset, data: xr.DataArray, parameters: dict[str, Any]) -> xr.Dataset:
    label = data.attrs.get("long_name", data.name or "value")
    own = str(data.attrs.get("units", "1"))
    line, test = {
        "sen": ("Theil-Sen", "the Mann-Kendall test"),
        "ols": ("least-squares", "the t test of the slope"),
    }[parameters["method"]]
    by = {
        None: "",
        "hamed_rao": ", variance after Hamed and Rao",
        "yue_wang": ", variance after Yue and Wang",
        "tfpw": " after trend-free pre-whitening",
    }[parameters["correction"]]
    whitened = by if parameters["correction"] == "tfpw" else ""
    share = f"{parameters['confidence'] or 0:.0%} confidence"
    described = {
        "slope": (per_year(own), f"{line} slope of {label}"),
        "intercept": (own, f"{line} line of {label} at the first date"),
        "s": ("1", f"Mann-Kendall S{whitened}"),
        "z": ("1", f"Mann-Kendall Z{by}"),
        "p": ("1", f"two-sided p of {test}{by}"),
        "tau": ("1", f"Kendall tau of value and time{whitened}"),
        "r": ("1", f"Pearson correlation of {label} and time"),
        "n": ("1", "valid dates"),
        "slope_low": (per_year(own), f"lower limit of the {line} slope of {label}, {share}"),
        "slope_high": (per_year(own), f"upper limit of the {line} slope of {label}, {share}"),
    }
    for name, layer in result.data_vars.items():
        units, text = described[str(name)]
        layer.attrs = {"units": units, "long_name": text}
    return finalize(
        result,
        function="trend",
        parameters=parameters,
        inputs={str(data.name or "data"): data},
        attrs={"variable": str(data.name or "")},
    )
