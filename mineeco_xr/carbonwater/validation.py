"""How well a model foretells coarse cells that it has not seen: folds, measures, importance."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from mineeco_xr.errors import ParameterError

SCHEMES = ("random", "block", "year")
MEASURES = ("r2", "rmse", "mae", "bias", "rrmse", "n")
REPEATS = 3
"""Shuffles of each predictor from which its importance is averaged."""

Predict = Callable[[np.ndarray], np.ndarray]
Fit = Callable[[np.ndarray, np.ndarray, np.ndarray | None], Predict]


def measures(predicted: np.ndarray, observed: np.ndarray) -> dict[str, float]:
    """Return the measures of a prediction.

    Parameters
    ----------
    predicted, observed : ndarray, (n,)
        Pairs in which either is not finite are left out.

    Returns
    -------
    dict of str to float
        ``r2`` (``1 - SSE / SST``), ``rmse``, ``mae``, ``bias`` (mean of predicted less observed),
        ``rrmse`` (``rmse`` over the mean of the observed) and ``n``.

    Examples
    --------
    >>> measures(np.array([1.0, 2.0, 4.0]), np.array([1.0, 2.0, 3.0]))["r2"]
    0.5
    """
    kept = np.isfinite(predicted) & np.isfinite(observed)
    if not kept.any():
        return {**dict.fromkeys(MEASURES, float("nan")), "n": 0}
    observed = observed[kept]
    error = predicted[kept] - observed
    mean = observed.mean()
    spread = ((observed - mean) ** 2).sum()
    rmse = float(np.sqrt((error**2).mean()))
    return {
        "r2": float(1 - (error**2).sum() / spread) if spread > 0 else float("nan"),
        "rmse": rmse,
        "mae": float(np.abs(error).mean()),
        "bias": float(error.mean()),
        "rrmse": rmse / abs(float(mean)) if mean else float("nan"),
        "n": int(kept.sum()),
    }


def folds_of(
    scheme: str,
    row: np.ndarray,
    column: np.ndarray,
    date: np.ndarray,
    *,
    folds: int,
    block_cells: int,
    seed: int,
) -> np.ndarray:
    """Deal training cells into folds.

    Parameters
    ----------
    scheme : {"random", "block", "year"}
        Each cell by itself; squares of ``block_cells`` coarse cells a side, with all their dates;
        or each date.
    row, column, date : ndarray, (n,)
        Of the training cells.
    folds : int
        Number of folds; dates have one each.
    block_cells : int
        See ``scheme``.
    seed : int
        What chance depends on.

    Returns
    -------
    ndarray, (n,), int64
        Fold of each cell.

    Raises
    ------
    ParameterError
        If there are fewer than two things to deal.
    """
    rng = np.random.default_rng(seed)
    if scheme == "random":
        groups = np.arange(row.size)
    elif scheme == "block":
        squares = np.stack([row // block_cells, column // block_cells])
        _, groups = np.unique(squares, axis=1, return_inverse=True)
    else:
        _, groups = np.unique(date, return_inverse=True)
        folds = int(groups.max()) + 1
    count = int(groups.max()) + 1
    if count < 2:
        raise ParameterError(_too_few(scheme, block_cells))
    dealt = rng.permutation(count) % min(folds, count) if scheme != "year" else np.arange(count)
    return np.asarray(dealt[groups.ravel()])


def _too_few(scheme: str, block_cells: int) -> str:
    if scheme == "block":
        return (
            f"all training cells lie in one block of {block_cells} x {block_cells} coarse cells: "
            "lower block_cells, widen the region, or leave 'block' out of cv."
        )
    if scheme == "year":
        return "cv has 'year' and there is one date: leave it out, or bring more dates."
    return "there is one training cell: widen the region."


def cross_validated(
    fit: Fit,
    features: np.ndarray,
    target: np.ndarray,
    weights: np.ndarray | None,
    folds: np.ndarray,
    *,
    shuffled: bool = False,
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """Predict every training cell with a model that has not seen its fold.

    Parameters
    ----------
    fit : callable
        ``fit(features, target, weights)`` returning a function that predicts.
    features : ndarray, (n, p), float32
        Predictors.
    target : ndarray, (n,), float64
        What is predicted.
    weights : ndarray, (n,), optional
        Of the cells.
    folds : ndarray, (n,)
        From :func:`folds_of`.
    shuffled : bool
        Also measure importance: by how much the mean squared error of unseen cells grows, as a
        share of the variance of the target, when a predictor is shuffled among them.
    seed : int
        Of the shuffles.

    Returns
    -------
    predicted : ndarray, (n,)
        The predictions.
    importance : ndarray, (p,)
        0 unless asked for.
    """
    rng = np.random.default_rng(seed)
    predicted = np.full(target.size, np.nan)
    excess = np.zeros(features.shape[1])
    for fold in np.unique(folds):
        test = np.flatnonzero(folds == fold)
        train = np.flatnonzero(folds != fold)
        own = None if weights is None else weights[train]
        predict = fit(features[train], target[train], own)
        predicted[test] = predict(features[test])
        if shuffled:
            before = ((predicted[test] - target[test]) ** 2).sum()
            excess += _excess(predict, features[test], target[test], rng) - before
    spread = ((target - target.mean()) ** 2).sum()
    return predicted, excess / spread if spread > 0 else excess


def _excess(predict: Predict, features: np.ndarray, target: np.ndarray, rng: Any) -> np.ndarray:
    squares = np.zeros(features.shape[1])
    for column in range(features.shape[1]):
        for _ in range(REPEATS):
            mixed = features.copy()
            mixed[:, column] = mixed[rng.permutation(target.size), column]
            squares[column] += ((predict(mixed) - target) ** 2).sum() / REPEATS
    return squares
