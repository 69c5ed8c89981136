"""Signs of pairwise differences: the core of rank tests, in vector passes without sorting."""

from __future__ import annotations

from numba import njit


@njit(nogil=True, cache=True)
def centred_ranks(value, n, tolerance, out):  # type: ignore[no-untyped-def]
    """Write twice each value's rank less the mean rank: the smaller values less the larger ones.

    ``2 R_i - (n + 1) = sum_j sign(y_i - y_j)`` with mean ranks of ties; whole numbers whose sum is
    zero.

    Parameters
    ----------
    value : ndarray, (n or more,), float64
        The values.
    n : int
        How many of them count.
    tolerance : float
        Values at most this far apart are equal.
    out : ndarray, (n or more,), float64
        Gets the ranks.
    """
    for i in range(n):
        low, high = value[i] - tolerance, value[i] + tolerance
        count = 0
        for j in range(n):
            count += (1 if value[j] < low else 0) - (1 if value[j] > high else 0)
        out[i] = count


@njit(nogil=True, cache=True)
def kendall_score(value, n, tolerance):  # type: ignore[no-untyped-def]
    """Return Mann-Kendall's S, ``sum_{i<j} sign(y_j - y_i)``.

    Parameters
    ----------
    value : ndarray, (n or more,), float64
        The values in the order of time.
    n : int
        How many of them count.
    tolerance : float
        Values at most this far apart are equal.

    Returns
    -------
    int
        Rises less falls.
    """
    score = 0
    for i in range(n - 1):
        low, high = value[i] - tolerance, value[i] + tolerance
        for j in range(i + 1, n):
            score += (1 if value[j] > high else 0) - (1 if value[j] < low else 0)
    return score
