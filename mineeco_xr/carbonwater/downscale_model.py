"""A trained downscaling: models by date or for all dates, their accuracy, their limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mineeco_xr.carbonwater.applicability import Applicability
from mineeco_xr.carbonwater.estimators import Ridge, fitted, fitter, is_forest, out_of_bag
from mineeco_xr.carbonwater.training import Sample
from mineeco_xr.carbonwater.validation import MEASURES, cross_validated, folds_of, measures

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Settings:
    """How a downscaling is trained.

    Attributes
    ----------
    predictors : tuple of str
        Their names, in order.
    aggregation : dict of str to str
        Rules of those that are not plain means.
    model : str
        Name of the model.
    years : {"pooled", "each"}
        One model for all dates, or one for each.
    weights : str, optional
        ``"homogeneity"`` or None.
    min_share : float
        Of a coarse cell that valid fine ones must cover.
    minimum : float
        Least value of the target, -inf for none.
    cv : tuple of str
        Cross-validations.
    folds, block_cells, max_training, random_state : int
        See :func:`mineeco_xr.fit_downscale`.
    """

    predictors: tuple[str, ...]
    aggregation: Mapping[str, str]
    model: str
    years: str
    weights: str | None
    min_share: float
    minimum: float
    cv: tuple[str, ...]
    folds: int
    block_cells: int
    max_training: int
    random_state: int


@dataclass(frozen=True)
class Trained:
    """One model.

    Attributes
    ----------
    estimator : object
        Fitted; has ``predict``.
    ridge : Ridge
        The baseline on the same cells.
    applicability : Applicability
        What it has seen.
    importance : ndarray, (p,)
        Of the predictors.
    rows : dict
        ``(model, validation)`` to predicted and observed.
    """

    estimator: Any
    ridge: Ridge
    applicability: Applicability
    importance: np.ndarray
    rows: dict[tuple[str, str], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True, eq=False, repr=False)
class DownscaleModel:
    """A downscaling that has been trained, to be applied to any dates and rasters.

    Made by :func:`mineeco_xr.fit_downscale`; put to work by :func:`mineeco_xr.apply_downscale` or
    its own :meth:`apply`.

    Attributes
    ----------
    target, units, long_name : str
        What is predicted.
    accuracy : pandas.DataFrame
        Measures by model (the one asked for, and always the ridge) and validation.
    importance : pandas.Series
        By predictor: the growth of the squared error of unseen cells, as a share of the target's
        variance, when the predictor is shuffled.
    training_cells, fill_cells : int
        Coarse cells trained on, and coarse cells that the predictors cover but that are fill.
    dates : ndarray, optional
        Dates trained on, None without a time dim.
    settings : Settings
        How it was trained.
    models : tuple of Trained
        One, or one a date.
    """

    target: str
    units: str
    long_name: str
    accuracy: pd.DataFrame
    importance: pd.Series
    training_cells: int
    fill_cells: int
    dates: np.ndarray | None
    settings: Settings
    models: tuple[Trained, ...]

    def __repr__(self) -> str:
        shown = ", ".join(self.settings.predictors)
        quality = "; ".join(
            f"r2 {row.r2:.3f} ({row.validation})"
            for row in self.accuracy.itertuples()
            if row.model == self.settings.model and row.validation in self.settings.cv
        )
        text = f"DownscaleModel({self.target} from {shown}: {self.settings.model}"
        return f"{text}, {self.training_cells} cells{'; ' if quality else ''}{quality})"

    def apply(self, cube: Any, coarse: Any = None, **options: Any) -> Any:
        """Apply the model; see :func:`mineeco_xr.apply_downscale`."""
        from mineeco_xr.carbonwater.downscale import apply_downscale

        return apply_downscale(cube, self, coarse, **options)


def train(sample: Sample, estimator: Any, settings: Settings, *, scored: bool = True) -> Trained:
    """Fit a model and its baseline and validate both.

    Parameters
    ----------
    sample : Sample
        Training cells.
    estimator : scikit-learn regressor or None
        Not fitted; None for the ridge itself.
    settings : Settings
        How.
    scored : bool
        Whether cross-validations run.

    Returns
    -------
    Trained
    """
    sample = _limited(sample, settings)
    table = sample.features, sample.target, sample.weights
    model = fitted(estimator, *table, names=settings.predictors)
    ridge = model if estimator is None else Ridge(*table)
    kinds = {settings.model: (estimator, model), "ridge": (None, ridge)}
    rows: dict[tuple[str, str], tuple[np.ndarray, np.ndarray]] = {}
    for name, (_, own) in kinds.items():
        plain = _plain(own, sample.features)
        rows[name, "training"] = plain, sample.target
    if estimator is not None and is_forest(model) and model.bootstrap:
        rows[settings.model, "oob"] = out_of_bag(model, sample.features), sample.target
    folds, importance = None, None
    # Importance is measured where it is honest: on blocks that were left out, if there are any.
    best = next((s for s in ("block", "year", "random") if s in settings.cv), None)
    for scheme in settings.cv if scored else ():
        own_folds = _folds(scheme, sample, settings)
        if scheme == best:
            folds = own_folds
        for name, (unfitted, _) in kinds.items():
            measured = scheme == best and name == settings.model
            found, excess = cross_validated(
                fitter(unfitted),
                *table,
                own_folds,
                shuffled=measured,
                seed=settings.random_state,
            )
            rows[name, scheme] = found, sample.target
            importance = excess if measured else importance
    if folds is None or importance is None:
        folds = _folds("random", sample, settings)
        importance = cross_validated(
            fitter(estimator), *table, folds, shuffled=True, seed=settings.random_state
        )[1]
    seen = Applicability(sample.features, importance, folds, settings.random_state)
    return Trained(model, ridge, seen, importance, rows)


def _plain(model: Any, features: np.ndarray) -> np.ndarray:
    if hasattr(model, "feature_names_in_"):
        import pandas as pd

        return np.asarray(model.predict(pd.DataFrame(features, columns=model.feature_names_in_)))
    return np.asarray(model.predict(features))


def _folds(scheme: str, sample: Sample, settings: Settings) -> np.ndarray:
    return folds_of(
        scheme,
        sample.row,
        sample.column,
        sample.date,
        folds=settings.folds,
        block_cells=settings.block_cells,
        seed=settings.random_state,
    )


def _limited(sample: Sample, settings: Settings) -> Sample:
    """Return at most so many training cells, drawn from the seed, in their order."""
    if sample.target.size <= settings.max_training:
        return sample
    rng = np.random.default_rng(settings.random_state)
    drawn = rng.choice(sample.target.size, settings.max_training, replace=False)
    return sample.chosen(np.sort(drawn))


def accuracy_table(models: Sequence[Trained]) -> pd.DataFrame:
    """Return the measures of all models together, a row for each model and validation."""
    import pandas as pd

    kinds = dict.fromkeys(key for model in models for key in model.rows)
    table = []
    for name, validation in kinds:
        pairs = [model.rows[name, validation] for model in models]
        predicted, observed = (np.concatenate(part) for part in zip(*pairs, strict=True))
        table.append({"model": name, "validation": validation, **measures(predicted, observed)})
    return pd.DataFrame(table, columns=["model", "validation", *MEASURES])
