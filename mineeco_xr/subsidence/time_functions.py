"""How much of its subsidence a place has seen, a time after what lies below it was mined."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from mineeco_xr.errors import ParameterError

FINISHED = 0.98
"""Share of the subsidence that has come at the end of the rule's duration."""
DAYS_A_YEAR = 365.25
NODES = 8
"""Gauss-Legendre nodes over the time in which a piece is mined."""


def duration(depth: Any) -> Any:
    """Return how long the ground moves after mining, years.

    Parameters
    ----------
    depth : float or ndarray
        Mining depth H, m.

    Returns
    -------
    float or ndarray
        2.5 H days down to 400 m, ``1000 exp(1 - 400 / H)`` days below.

    Examples
    --------
    >>> round(duration(300.0) * 365.25), round(duration(600.0) * 365.25)
    (750, 1396)
    """
    deep = 1000.0 * np.exp(1.0 - 400.0 / np.maximum(depth, 1.0))
    days = np.where(np.asarray(depth) <= 400.0, 2.5 * np.asarray(depth), deep)
    return days[()] / DAYS_A_YEAR


def _knothe(t: Any, c: Any) -> Any:
    return -np.expm1(-c * t)


def _weibull(t: Any, c: Any, k: Any) -> Any:
    return -np.expm1(-c * t**k)


def _normal(t: Any, c: Any, n: Any) -> Any:
    return (-np.expm1(-c * t)) ** n


def _logistic(t: Any, c: Any, a: Any) -> Any:
    # Shifted and stretched, to be 0 at the beginning.
    falling = np.exp(-c * t)
    return (1.0 - falling) / (1.0 + a * falling)


def _mmf(t: Any, w: Any, k: Any) -> Any:
    return t**k / (w + t**k)


def _knothe_rate(end: Any) -> Any:
    return -np.log1p(-FINISHED) / end


def _weibull_rate(end: Any, k: Any) -> Any:
    return -np.log1p(-FINISHED) / end**k


def _normal_rate(end: Any, n: Any) -> Any:
    return -np.log1p(-(FINISHED ** (1.0 / n))) / end


def _logistic_rate(end: Any, a: Any) -> Any:
    return np.log((1.0 + a * FINISHED) / (1.0 - FINISHED)) / end


def _mmf_rate(end: Any, k: Any) -> Any:
    return end**k * (1.0 / FINISHED - 1.0)


FUNCTIONS: dict[str, tuple[Callable[..., Any], Callable[..., Any], str, str | None]] = {
    "knothe": (_knothe, _knothe_rate, "c", None),
    "weibull": (_weibull, _weibull_rate, "c", "k"),
    "normal": (_normal, _normal_rate, "c", "n"),
    "logistic": (_logistic, _logistic_rate, "c", "a"),
    "mmf": (_mmf, _mmf_rate, "w", "k"),
}
"""Each with what gives its rate a duration, the name of the rate, and that of its shape."""


def time_parameters(
    function: str | None, depth: np.ndarray, given: Mapping[str, Any] | None
) -> dict[str, np.ndarray]:
    """Return the parameters of a time function for each panel.

    Parameters
    ----------
    function : str or None
        One of ``FUNCTIONS``; None for subsidence that comes at once.
    depth : ndarray
        Mining depth of each panel, m.
    given : mapping, optional
        Numbers, or one for each panel; rates are a year.

    Returns
    -------
    dict of str to ndarray
        By name; a rate that is not given makes 98 % of the subsidence come within
        :func:`duration`.

    Raises
    ------
    ParameterError
        If the function or a parameter is unknown, missing or not positive.
    """
    given = dict(given or {})
    if function is None:
        if given:
            raise ParameterError(f"time_parameters are {sorted(given)}, but time_function is None.")
        return {}
    if function not in FUNCTIONS:
        raise ParameterError(
            f"time_function is {function!r}: choose from {sorted(FUNCTIONS)}, or None."
        )
    _, rate_of, rate, shape = FUNCTIONS[function]
    names = [rate] if shape is None else [rate, shape]
    unknown = sorted(set(given) - set(names))
    if unknown:
        raise ParameterError(f"time_parameters has {unknown}: {function!r} takes {names}.")
    if shape is not None and shape not in given:
        raise ParameterError(
            f"time_function {function!r} needs time_parameters={{{shape!r}: ...}}, its shape."
        )
    values = {}
    for name, value in given.items():
        values[name] = np.broadcast_to(np.asarray(value, dtype="float64"), depth.shape)
        if not (values[name] > 0).all():
            raise ParameterError(f"time_parameters: {name} is {value}; expected a positive number.")
    if rate not in values:
        shapes = () if shape is None else (values[shape],)
        values[rate] = np.asarray(rate_of(duration(depth), *shapes))
    return {name: values[name] for name in names}


def years_of(dates: Any) -> np.ndarray:
    """Return dates as years since the beginning of 2000, of 365.25 days."""
    days = np.asarray(dates, dtype="datetime64[ns]") - np.datetime64("2000-01-01")
    return np.asarray(days / np.timedelta64(1, "D") / DAYS_A_YEAR)


def share_by(
    function: str | None,
    parameters: Mapping[str, np.ndarray],
    begin: np.ndarray,
    end: np.ndarray,
    dates: np.ndarray,
) -> np.ndarray:
    """Return the share of each piece's subsidence that has come by each date.

    Parameters
    ----------
    function : str or None
        As for :func:`time_parameters`.
    parameters : mapping of str to ndarray, (pieces,)
        Its parameters.
    begin, end : ndarray of float64, (pieces,)
        When each was mined, evenly from begin to end, years.
    dates : ndarray of float64, (steps,)
        Years.

    Returns
    -------
    ndarray, (steps, pieces)
        From 0, before ``begin``, towards 1; it never falls.

    Notes
    -----
    ``(1 / (end - begin)) int f(t - tau) dtau`` over the time mined until ``t``.

    Examples
    --------
    >>> year = np.array([0.0]), np.array([1.0])
    >>> share_by(None, {}, *year, np.array([-1.0, 0.5, 2.0]))[:, 0].tolist()
    [0.0, 0.5, 1.0]
    """
    since = np.asarray(dates)[:, None] - begin
    length = end - begin
    mined = np.clip(since, 0.0, length)
    done = np.divide(mined, length, out=(since >= 0).astype("float64"), where=length > 0)
    if function is None:
        return done
    compute = FUNCTIONS[function][0]
    places, weights = np.polynomial.legendre.leggauss(NODES)
    total = np.zeros(since.shape)
    for place, weight in zip((places + 1.0) / 2.0, weights / 2.0, strict=True):
        elapsed = np.maximum(since - place * mined, 0.0)
        total += weight * compute(elapsed, **parameters)
    return np.asarray(done * total)
