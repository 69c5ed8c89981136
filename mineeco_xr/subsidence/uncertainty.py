"""How well observations fix parameters, and which of them they cannot tell apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

CORRELATED = 0.95
"""Correlation from which on two parameters trade off."""
CONDITION = 30.0
"""Condition index from which on parameters trade off (Belsley, Kuh and Welsch 1980)."""
SHARE = 0.5
"""Share of its variance that a parameter must have in a bad direction to be part of it."""
FLOOR = 1e-10
"""Least singular value, of the greatest, that counts; below it a parameter is not fixed at all."""
LOST = 1e-7
"""Singular value, of the greatest, below which differences cannot tell it from zero."""


class TradeOff(NamedTuple):
    """Parameters of which only a combination is fixed.

    Parameters
    ----------
    names : tuple of str
        The parameters.
    correlation : float
        That of the two that are most alike.
    condition : float
        How much worse their worst combination is fixed than the best of all.
    """

    names: tuple[str, ...]
    correlation: float
    condition: float


def covariance_of(jacobian: np.ndarray, variance: float = 1.0) -> np.ndarray:
    """Return the covariance of parameters by linear theory, ``variance (J'J)^-1``.

    Parameters
    ----------
    jacobian : ndarray of float64, (observations, parameters)
        Derivatives of the weighted residuals.
    variance : float
        Of an observation of unit weight.

    Returns
    -------
    ndarray of float64, (parameters, parameters)
        Very large, not infinite, for combinations that nothing fixes.

    Examples
    --------
    >>> covariance_of(np.array([[2.0, 0.0], [0.0, 1.0], [0.0, 1.0]])).round(9).tolist()
    [[0.25, 0.0], [0.0, 0.5]]
    """
    scale, values, directions = _decomposed(jacobian)
    root = directions / np.maximum(values, FLOOR * values.max())[:, None]
    return np.asarray(variance * (root.T @ root) / np.outer(scale, scale))


def correlation_of(covariance: np.ndarray) -> np.ndarray:
    """Return the correlation that belongs to a covariance.

    Examples
    --------
    >>> correlation_of(np.array([[4.0, 1.0], [1.0, 1.0]])).tolist()
    [[1.0, 0.5], [0.5, 1.0]]
    """
    sd = np.sqrt(np.diag(covariance))
    found = np.clip(covariance / np.outer(sd, sd), -1.0, 1.0)
    np.fill_diagonal(found, 1.0)
    return np.asarray(found)


def condition_of(jacobian: np.ndarray) -> float:
    """Return the condition number of derivatives, each parameter's scaled to length one.

    Examples
    --------
    >>> condition_of(np.array([[100.0, 0.0], [0.0, 1.0]]))
    1.0
    """
    _, values, _ = _decomposed(jacobian)
    return float(values.max() / max(values.min(), FLOOR * values.max()))


def trade_offs(
    jacobian: np.ndarray, names: Sequence[str], unsure: np.ndarray | None = None
) -> list[TradeOff]:
    """Find parameters that the observations cannot tell apart.

    Parameters
    ----------
    jacobian : ndarray of float64, (observations, parameters)
        Derivatives of the weighted residuals, priors among them.
    names : sequence of str
        The parameters.
    unsure : ndarray of bool, (parameters,), optional
        Those whose standard error is too large to be let pass: parameters that trade off, but that
        so many observations fix that it does no harm, are left out. Default all.

    Returns
    -------
    list of TradeOff
        The worst first; none shares a parameter with another.

    Notes
    -----
    Two parameters whose correlation is beyond 0.95; and those that have more than half of their
    variance in directions whose condition index is beyond 30 (Belsley, Kuh and Welsch 1980), which
    also finds three that trade off where no two of them do.

    Examples
    --------
    >>> wide = np.array([[1.0, 1.0, 0.0], [1.0, 1.001, 0.0], [0.0, 0.0, 1.0]])
    >>> trade_offs(wide, ["q", "s1", "b"])[0].names
    ('q', 's1')
    """
    if len(names) < 2:
        return []
    _, values, directions = _decomposed(jacobian)
    correlation = correlation_of(covariance_of(jacobian))
    parts = (directions / np.maximum(values, FLOOR * values.max())[:, None]) ** 2
    parts /= parts.sum(axis=0)
    index = values.max() / np.maximum(values, FLOOR * values.max())
    weak = index > CONDITION
    involved = parts[weak].sum(axis=0) > SHARE
    linked = np.abs(correlation) > CORRELATED
    for one in np.flatnonzero(weak):
        mine = involved & (parts[one] >= parts[weak].max(axis=0)) & (parts[one] > 0.1)
        linked |= np.outer(mine, mine)
    if unsure is not None:
        # Of a direction that nothing fixes at all, standard errors say nothing.
        lost = values <= LOST * values.max()
        kept = np.asarray(unsure) | (parts[lost].sum(axis=0) > 0.1)
        linked &= np.outer(kept, kept)
    found = []
    for group in _groups(linked):
        own = np.abs(correlation[np.ix_(group, group)] - np.eye(len(group)))
        first, second = np.unravel_index(int(own.argmax()), own.shape)
        condition = condition_of(np.asarray(jacobian)[:, group])
        if own.max() > CORRELATED or condition > CONDITION:
            most = float(correlation[group[first], group[second]])
            found.append(TradeOff(tuple(names[i] for i in group), most, condition))
    return sorted(found, key=lambda one: -one.condition)


def _groups(linked: np.ndarray) -> list[list[int]]:
    """Return the connected sets of two and more."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    count, label = connected_components(csr_array(linked), directed=False)
    groups = [np.flatnonzero(label == one).tolist() for one in range(count)]
    return [group for group in groups if len(group) > 1]


def _decomposed(jacobian: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the lengths of the columns, and singular values and directions without these."""
    scale = np.sqrt((jacobian**2).sum(axis=0))
    scale = np.where(scale > 0, scale, 1.0)
    _, values, directions = np.linalg.svd(jacobian / scale, full_matrices=False)
    if values.size < jacobian.shape[1]:
        _, values_, directions = np.linalg.svd(jacobian / scale, full_matrices=True)
        values = np.zeros(jacobian.shape[1])
        values[: values_.size] = values_
    return scale, values, directions
