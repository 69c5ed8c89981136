"""Where a model may be believed: the area of applicability, and the range it was trained in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

PAIRS_FROM = 2000
"""Training cells at most between which the mean distance is taken."""


class Applicability:
    """The predictors that a model has seen, and how far from them it may go.

    The dissimilarity of a cell is its distance to the nearest training cell, in standard deviations
    of the predictors times their importance, over the mean distance between training cells. The
    threshold is the greatest dissimilarity of a training cell to those of other folds, less
    outliers above ``Q75 + 1.5 IQR`` (Meyer and Pebesma 2021, Methods in Ecology and Evolution 12,
    1620-1633).

    Parameters
    ----------
    features : ndarray, (n, p)
        Predictors of the training cells.
    importance : ndarray, (p,)
        Of the predictors; negative ones count as 0, and all as equal when none is positive.
    folds : ndarray, (n,)
        Fold of each training cell in the cross-validation.
    seed : int
        For the choice among very many training cells.

    Examples
    --------
    >>> seen = Applicability(np.array([[0.0], [1.0], [2.0], [3.0]]), np.ones(1), np.arange(4) % 2)
    >>> seen.dissimilarity(np.array([[1.0], [4.0]])).round(2).tolist()
    [0.0, 0.6]
    """

    def __init__(
        self, features: np.ndarray, importance: np.ndarray, folds: np.ndarray, seed: int = 0
    ) -> None:
        features = np.asarray(features, dtype="float64")
        weight = np.maximum(np.asarray(importance, dtype="float64"), 0.0)
        weight = weight / weight.max() if weight.max(initial=0.0) > 0 else np.ones(weight.size)
        self.low, self.high = features.min(axis=0), features.max(axis=0)
        self.centre = features.mean(axis=0)
        self.scale = weight / features.std(axis=0, ddof=1)
        self.points = self._scaled(features)
        self.mean_distance = _mean_distance(self.points, seed)
        self.threshold = self._threshold(np.asarray(folds))
        self._tree: Any = None

    def _scaled(self, features: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray((features - self.centre) * self.scale)

    def _threshold(self, folds: np.ndarray) -> float:
        from scipy.spatial import cKDTree

        nearest = np.empty(folds.size)
        for fold in np.unique(folds):
            own = folds == fold
            nearest[own] = cKDTree(self.points[~own]).query(self.points[own])[0]
        found = nearest / self.mean_distance
        low, high = np.quantile(found, [0.25, 0.75])
        return float(found[found <= high + 1.5 * (high - low)].max())

    def dissimilarity(self, features: np.ndarray) -> np.ndarray:
        """Return the dissimilarity of cells from the training cells.

        Parameters
        ----------
        features : ndarray, (n, p)
            Finite.

        Returns
        -------
        ndarray, (n,), float64
        """
        from scipy.spatial import cKDTree

        if self._tree is None:
            self._tree = cKDTree(self.points)
        return np.asarray(self._tree.query(self._scaled(features))[0] / self.mean_distance)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_tree": None}

    def __dask_tokenize__(self) -> tuple[Any, ...]:
        from dask.base import normalize_token

        return ("Applicability", *map(normalize_token, (self.points, self.centre, self.scale)))


def _mean_distance(points: np.ndarray, seed: int) -> float:
    from scipy.spatial.distance import pdist

    if points.shape[0] > PAIRS_FROM:
        chosen = np.random.default_rng(seed).choice(points.shape[0], PAIRS_FROM, replace=False)
        points = points[np.sort(chosen)]
    found = float(pdist(points).mean())
    return found if found > 0 else 1.0


def dissimilarity_block(*blocks: np.ndarray, shared: Applicability) -> np.ndarray:
    """Return the dissimilarity of the cells of a block, NaN where a predictor is nodata.

    Parameters
    ----------
    *blocks : ndarray
        Predictors, broadcastable.
    shared : Applicability
        What they are compared with.

    Returns
    -------
    ndarray, float32
    """
    features, shape = feature_rows(blocks)
    out = np.full(features.shape[0], np.nan, dtype="float32")
    valid = np.isfinite(features).all(axis=1)
    if valid.any():
        out[valid] = shared.dissimilarity(features[valid])
    return out.reshape(shape)


def applicable_block(dissimilarity: np.ndarray, *, threshold: float) -> np.ndarray:
    """Return 1 where a dissimilarity is at most the threshold, 0 elsewhere, 255 for nodata."""
    flags = (dissimilarity <= np.float32(threshold)).astype("uint8")
    return np.where(np.isfinite(dissimilarity), flags, np.uint8(255))


def range_block(*blocks: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Return 1 where a predictor lies outside its range, 0 elsewhere, 255 for nodata."""
    features, shape = feature_rows(blocks)
    valid = np.isfinite(features).all(axis=1)
    outside = ((features < low) | (features > high)).any(axis=1)
    return np.where(valid, outside.astype("uint8"), np.uint8(255)).reshape(shape)


def beyond_block(
    *blocks: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    slopes: np.ndarray,
) -> np.ndarray:
    """Return what a linear model adds from the edge of the ranges to each cell."""
    features, shape = feature_rows(blocks)
    out = np.zeros(features.shape[0])
    for column, low_, high_, slope in zip(features.T, low, high, slopes, strict=True):
        out += slope * (column - np.clip(column, low_, high_))
    return out.reshape(shape)


def feature_rows(blocks: Sequence[np.ndarray]) -> tuple[np.ndarray, tuple[int, ...]]:
    """Return predictors as rows of float64, rounded to float32 as a forest sees them.

    Parameters
    ----------
    blocks : sequence of ndarray
        A predictor each; broadcastable.

    Returns
    -------
    features : ndarray, (n, p)
        A row a cell.
    shape : tuple of int
        Of the block.
    """
    shape = np.broadcast_shapes(*(block.shape for block in blocks))
    out = np.empty((int(np.prod(shape)), len(blocks)))
    with np.errstate(over="ignore"):  # what overflows float32 becomes an infinity, and so nodata
        for column, block in enumerate(blocks):
            out[:, column] = np.broadcast_to(block, shape).ravel().astype("float32")
    return out, shape
