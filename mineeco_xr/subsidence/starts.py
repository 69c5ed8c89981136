"""Where an inversion starts, so that it does not end in a side valley unnoticed."""

from __future__ import annotations

import numpy as np


def latin_hypercube(low: np.ndarray, high: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Return points spread evenly between bounds.

    Parameters
    ----------
    low, high : ndarray of float64, (n,)
        Bounds.
    count : int
        How many; each of as many equal parts of a parameter's range holds one.
    seed : int
        Of the random numbers.

    Returns
    -------
    ndarray of float64, (count, n)

    Examples
    --------
    >>> places = latin_hypercube(np.zeros(2), np.ones(2), 4, seed=0)
    >>> sorted((4 * places[:, 0]).astype(int).tolist())
    [0, 1, 2, 3]
    """
    from scipy.stats import qmc

    places = qmc.LatinHypercube(low.size, seed=np.random.default_rng(seed)).random(count)
    return np.asarray(low + places * (high - low))
