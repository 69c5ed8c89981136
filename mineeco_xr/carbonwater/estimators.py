"""The models of a downscaling: made, fitted on a table, and put to work on rasters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from mineeco_xr.carbonwater.applicability import feature_rows
from mineeco_xr.carbonwater.validation import Fit, Predict
from mineeco_xr.chunks.cellwise import cellwise
from mineeco_xr.errors import ParameterError

MODELS = ("forest", "ridge")
RIDGE_PENALTY = 1.0


class Ridge:
    """Least squares with a penalty, on standardised predictors.

    Parameters
    ----------
    features : ndarray, (n, p)
        Predictors.
    target : ndarray, (n,)
        What is predicted.
    weights : ndarray, (n,), optional
        Of the rows.
    """

    def __init__(
        self, features: np.ndarray, target: np.ndarray, weights: np.ndarray | None
    ) -> None:
        from sklearn.linear_model import Ridge as Estimator

        table = features.astype("float64")
        centre, scale = table.mean(axis=0), table.std(axis=0)
        scale = np.where(scale > 0, scale, 1.0)
        fitted = Estimator(alpha=RIDGE_PENALTY).fit((table - centre) / scale, target, weights)
        self.slopes = np.asarray(fitted.coef_ / scale)
        self.intercept = float(fitted.intercept_ - (self.slopes * centre).sum())

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Return predictions, the terms added one by one: equal bits for any number of rows."""
        out = np.full(features.shape[0], self.intercept)
        for slope, column in zip(self.slopes, features.T, strict=True):
            out += slope * column.astype("float64")
        return out


def new_estimator(
    model: Any,
    *,
    n_estimators: int,
    max_features: Any,
    min_samples_leaf: int,
    seed: int,
) -> Any:
    """Return the estimator that is asked for, not fitted, or None for the ridge.

    Raises
    ------
    ParameterError
        If ``model`` is unknown.
    """
    if isinstance(model, str):
        if model == "ridge":
            return None
        if model == "forest":
            from sklearn.ensemble import RandomForestRegressor

            return RandomForestRegressor(
                n_estimators,
                max_features=max_features,
                min_samples_leaf=min_samples_leaf,
                random_state=seed,
            )
    elif hasattr(model, "fit") and hasattr(model, "predict"):
        from sklearn.base import clone

        return clone(model)
    raise ParameterError(
        f"model is {model!r}: choose from {MODELS}, or give a scikit-learn regressor."
    )


def model_name(model: Any) -> str:
    """Return the name of a model in tables."""
    return model if isinstance(model, str) else type(model).__name__


def is_forest(estimator: Any) -> bool:
    """Whether the trees of an estimator are evaluated by the library itself."""
    from sklearn.ensemble import ExtraTreesRegressor, RandomForestRegressor

    return isinstance(estimator, RandomForestRegressor | ExtraTreesRegressor)


def fitter(estimator: Any) -> Fit:
    """Return a function that fits a copy of an estimator and gives its prediction."""

    def fit(features: np.ndarray, target: np.ndarray, weights: np.ndarray | None) -> Predict:
        return fitted(estimator, features, target, weights).predict

    return fit


def fitted(
    estimator: Any,
    features: np.ndarray,
    target: np.ndarray,
    weights: np.ndarray | None,
    names: Sequence[str] | None = None,
) -> Any:
    """Fit a copy of an estimator, trees on all threads; it predicts on one, in the trees' order.

    Parameters
    ----------
    estimator : scikit-learn regressor or None
        None for :class:`Ridge`.
    features, target, weights : ndarray
        The table.
    names : sequence of str, optional
        Of the predictors, for forests.

    Returns
    -------
    object
        With a method ``predict``.
    """
    if estimator is None:
        return Ridge(features, target, weights)
    from sklearn.base import clone

    own = clone(estimator)
    table: Any = features
    if is_forest(own):
        from mineeco_xr.chunks.run import thread_count

        jobs, own.n_jobs = own.n_jobs, own.n_jobs or thread_count()
        if names is not None:
            import pandas as pd

            table = pd.DataFrame(features, columns=list(names))
        own.fit(table, target, sample_weight=weights)
        own.n_jobs = jobs if jobs == 1 else 1
        return own
    if weights is None:
        return own.fit(features.astype("float64"), target)
    return own.fit(features.astype("float64"), target, sample_weight=weights)


def out_of_bag(forest: Any, features: np.ndarray) -> np.ndarray:
    """Predict each training cell with the trees that have not seen it; NaN where all have."""
    total, number = np.zeros(features.shape[0]), np.zeros(features.shape[0])
    for tree, drawn in zip(forest.estimators_, forest.estimators_samples_, strict=True):
        unseen = np.ones(features.shape[0], dtype=bool)
        unseen[drawn] = False
        if unseen.any():
            total[unseen] += tree.predict(features[unseen])
            number[unseen] += 1
    return np.divide(total, number, out=np.full(total.size, np.nan), where=number > 0)


def predicted_layers(
    layers: Mapping[str, xr.DataArray], estimator: Any, *, spread: bool
) -> tuple[xr.DataArray, xr.DataArray | None]:
    """Predict rasters.

    Parameters
    ----------
    layers : mapping of str to DataArray
        Predictors, in the order of training.
    estimator : object
        Fitted.
    spread : bool
        Also return the standard deviation of a forest's trees.

    Returns
    -------
    tuple of DataArray
        Prediction and spread, float64; None for a spread that there is not.
    """
    if is_forest(estimator):
        from mineeco_xr.stats.forest import evaluate_forest

        wanted = ["mean", "spread"] if spread else ["mean"]
        found = evaluate_forest(xr.Dataset(dict(layers)), estimator, output=wanted)
        return found["mean"], found["spread"] if spread else None
    return cellwise(
        _predict_block, *layers.values(), dtype="float64", shared=_Boxed(estimator)
    ), None


class _Boxed:
    """An estimator under a name that does not change with its address."""

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator

    def __dask_tokenize__(self) -> tuple[str, bytes]:
        import pickle

        return type(self.estimator).__name__, pickle.dumps(self.estimator)


def _predict_block(*blocks: np.ndarray, shared: _Boxed) -> np.ndarray:
    features, shape = feature_rows(blocks)
    out = np.full(features.shape[0], np.nan)
    valid = np.isfinite(features).all(axis=1)
    if valid.any():
        out[valid] = shared.estimator.predict(features[valid])
    return out.reshape(shape)
