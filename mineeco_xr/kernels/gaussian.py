"""The influence function of a point and its integral, in a form that compilers vectorise.

Distances are in main influence radii: ``g(u) = exp(-pi u^2)``, whose integral over all ``u`` is 1.
``math.exp`` and ``math.erf`` are calls that stop a loop from being vectorised; these are not.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

FARTHEST = 6.0
"""Influence radii beyond which the function is 0, and its integral one half, in float64."""


@njit(nogil=True, cache=True, error_model="numpy")
def influence(u):  # type: ignore[no-untyped-def]
    """Return ``exp(-pi u^2)`` to 1e-14.

    The exponential of a 64th of the exponent is a short series; six squarings give it back.
    """
    u = min(max(u, -FARTHEST), FARTHEST)
    v = u * u * (-math.pi / 64.0)
    e = v * (1.0 / 5040.0 + v * (1.0 / 40320.0 + v * (1.0 / 362880.0 + v / 3628800.0)))
    e = v * (1.0 / 6.0 + v * (1.0 / 24.0 + v * (1.0 / 120.0 + v * (1.0 / 720.0 + e))))
    e = 1.0 + v * (1.0 + v * (0.5 + e))
    e *= e
    e *= e
    e *= e
    e *= e
    e *= e
    e *= e
    return e


@njit(nogil=True, cache=True, error_model="numpy")
def influence_integral(u):  # type: ignore[no-untyped-def]
    """Return the integral of the function from 0 to ``u``, ``erf(sqrt(pi) u) / 2``, to 1e-13.

    ``exp(pi u^2) erfc(sqrt(pi) u)`` is a polynomial (a Chebyshev interpolant on 0 to 6) of
    ``1 / (1 + 0.8 u)``.
    """
    a = min(abs(u), FARTHEST)
    z = (29.0 / 12.0) / (1.0 + 0.8 * a) - 17.0 / 12.0
    p = 6.656455298070796e-08
    p = p * z - 2.0581628632498905e-07
    p = p * z - 3.647444524782865e-07
    p = p * z + 2.6702991741937404e-06
    p = p * z - 1.2992824818998843e-06
    p = p * z - 2.2772213907273914e-05
    p = p * z + 4.392694155500957e-05
    p = p * z + 0.000194433803363836
    p = p * z - 0.0006240691469701816
    p = p * z - 0.002539970050317179
    p = p * z + 0.006798201734063233
    p = p * z + 0.06436459956672963
    p = p * z + 0.20876574379881993
    p = p * z + 0.4115911684671949
    p = p * z + 0.3114278700789702
    half = 0.5 - 0.5 * influence(a) * p
    return half if u >= 0.0 else -half


@njit(nogil=True, cache=True, error_model="numpy")
def fill_influence(positions, centre, radius, order, out):  # type: ignore[no-untyped-def]
    """Set ``out`` to the function of the distances from a centre, per metre (to the order + 1).

    Parameters
    ----------
    positions : ndarray of float64, (n,)
        Coordinates, m.
    centre, radius : float
        Coordinate of the source and its main influence radius, m.
    order : int
        -1 for the integral, 0 for the function, 1 and 2 for its derivatives by the position.
    out : ndarray of float64, (n,)
        Set.
    """
    inverse = 1.0 / radius
    if order < 0:
        for i in range(positions.size):
            out[i] = influence_integral((positions[i] - centre) * inverse)
    elif order == 0:
        for i in range(positions.size):
            out[i] = inverse * influence((positions[i] - centre) * inverse)
    elif order == 1:
        scale = -2.0 * math.pi * inverse * inverse
        for i in range(positions.size):
            u = (positions[i] - centre) * inverse
            out[i] = scale * u * influence(u)
    else:
        scale = 2.0 * math.pi * inverse * inverse * inverse
        for i in range(positions.size):
            u = (positions[i] - centre) * inverse
            out[i] = scale * (2.0 * math.pi * u * u - 1.0) * influence(u)


@njit(nogil=True, cache=True, error_model="numpy")
def fill_shares(centres, inverses, weights, position, order, first, last, out):  # type: ignore[no-untyped-def]
    """Set ``out`` to weights times the functions of many sources at one position.

    Parameters
    ----------
    centres, inverses, weights : ndarray of float64, (n,)
        Coordinates of the sources, m, one over their main influence radii, and their weights.
    position : float
        Coordinate, m.
    order : int
        0 for the function, 1 and 2 for its derivatives by the position.
    first, last : int
        The sources to take.
    out : ndarray of float64, (n,)
        Set from ``first`` to ``last``.
    """
    a, b = np.uint64(first), np.uint64(last)
    if order == 0:
        for i in range(a, b):
            u = (position - centres[i]) * inverses[i]
            out[i] = weights[i] * inverses[i] * influence(u)
    elif order == 1:
        for i in range(a, b):
            u = (position - centres[i]) * inverses[i]
            scale = -2.0 * math.pi * inverses[i] * inverses[i]
            out[i] = weights[i] * scale * u * influence(u)
    else:
        for i in range(a, b):
            u = (position - centres[i]) * inverses[i]
            scale = 2.0 * math.pi * inverses[i] * inverses[i] * inverses[i]
            out[i] = weights[i] * scale * (2.0 * math.pi * u * u - 1.0) * influence(u)


def influence_at(u: np.ndarray, order: int = 0) -> np.ndarray:
    """Return the influence function, its integral or a derivative at distances.

    Parameters
    ----------
    u : ndarray
        Distances in main influence radii.
    order : int
        -1 for the integral from 0, 0 for the function, 1 or 2 for a derivative.

    Returns
    -------
    ndarray of float64
        Of the shape of ``u``.

    Examples
    --------
    >>> influence_at(np.array([0.5, 1.0]), -1).round(6)
    array([0.394954, 0.493906])
    """
    u = np.asarray(u, dtype=np.float64)
    out = np.empty(u.size)
    fill_influence(u.ravel(), 0.0, 1.0, order, out)
    return out.reshape(u.shape)
