"""Training a downscaling: a model of the coarse product, validated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from mineeco_xr.carbonwater.aggregate import MIN_SHARE, require_share
from mineeco_xr.carbonwater.downscale_model import (
    DownscaleModel,
    Settings,
    accuracy_table,
    train,
)
from mineeco_xr.carbonwater.estimators import model_name, new_estimator
from mineeco_xr.carbonwater.training import (
    FEWEST_CELLS,
    FEWEST_PER_PREDICTOR,
    check_aggregation,
    coarse_layer,
    predictor_layers,
    require_dates_match,
    training_sample,
)
from mineeco_xr.carbonwater.validation import SCHEMES
from mineeco_xr.cube.grid import geobox_of
from mineeco_xr.errors import ParameterError, SchemaError

if TYPE_CHECKING:
    import pandas as pd

YEARS = ("pooled", "each")


def fit_downscale(
    cube: xr.Dataset,
    coarse: xr.DataArray | xr.Dataset,
    *,
    target: str | None = None,
    predictors: Sequence[str] | None = None,
    model: Any = "forest",
    years: str = "pooled",
    aggregation: Mapping[str, str] | None = None,
    weights: str | None = None,
    min_share: float = MIN_SHARE,
    minimum: float | None = 0.0,
    cv: Sequence[str] = SCHEMES,
    folds: int = 5,
    block_cells: int = 10,
    n_estimators: int = 200,
    max_features: Any = 1 / 3,
    min_samples_leaf: int = 3,
    max_training: int = 50_000,
    random_state: int = 0,
) -> DownscaleModel:
    """Train a downscaling and validate it, to be applied later, or to other dates.

    Parameters
    ----------
    cube, coarse, target, predictors, model
        As for :func:`downscale`.
    years : {"pooled", "each"}
        One model of all dates together, or one for each date.
    aggregation : mapping of str to str, optional
        ``{"lst": "temperature"}`` averages a predictor in K as of radiation, by its fourth power.
    weights : "homogeneity", optional
        Weight coarse cells by how little the predictors vary inside them (Gao et al. 2012).
    min_share : float
        Share of a coarse cell that fine cells, valid in all predictors, must cover.
    minimum : float, optional
        Least value of the target; None for none.
    cv : sequence of str
        Of ``"random"`` (coarse cells dealt one by one; neighbours are alike, so it flatters),
        ``"block"`` (squares of coarse cells) and ``"year"`` (one date left out; passed over when
        there is but one date, or a model for each).
    folds : int
        Of the first two.
    block_cells : int
        Side of the squares in coarse cells.
    n_estimators, max_features, min_samples_leaf
        Of the forest.
    max_training : int
        Coarse cells at most to train on, drawn from the seed.
    random_state : int
        The seed.

    Returns
    -------
    DownscaleModel
        With ``accuracy`` and ``importance``.

    Raises
    ------
    SchemaError, GridMismatch, ParameterError
        As :func:`downscale`.

    Notes
    -----
    Computes. A model is fitted once for the result and once for each fold. Averages are exact and
    rounded to float32, and cells are taken by date, row and column, so that any chunking trains the
    identical model.

    Examples
    --------
    >>> import mineeco_xr as mx
    >>> field = mx.coalfield(64, years=[2010, 2011], gaps=0)
    >>> fine = field.cube.mine.indices(["NDVI", "NDWI_GAO"])
    >>> coarse = mx.aggregate_to(field.truth["npp"], mx.make_grid(
    ...     field.grid.boundingbox.bbox, crs=field.grid.crs, resolution=240))
    >>> model = mx.fit_downscale(fine, coarse, model="ridge", cv=["random"])
    >>> model.accuracy["validation"].tolist(), model.training_cells
    (['training', 'random'], 128)
    """
    schemes = (cv,) if isinstance(cv, str) else tuple(cv)
    _check(years, weights, schemes, folds, block_cells, max_training, n_estimators)
    require_share(min_share)
    estimator = new_estimator(
        model,
        n_estimators=n_estimators,
        max_features=max_features,
        min_samples_leaf=min_samples_leaf,
        seed=random_state,
    )
    layers = predictor_layers(cube, predictors)
    source = coarse_layer(coarse, target, geobox_of(next(iter(layers.values()))))
    rules = check_aggregation(aggregation, layers)
    require_dates_match(layers, source)
    each = years == "each" and source.dates is not None
    if each or source.dates is None or source.dates.size < 2:
        schemes = tuple(scheme for scheme in schemes if scheme != "year")
    settings = Settings(
        predictors=tuple(layers),
        aggregation=rules,
        model=model_name(model),
        years="each" if each else "pooled",
        weights=weights,
        min_share=min_share,
        minimum=-np.inf if minimum is None else float(minimum),
        cv=schemes,
        folds=folds,
        block_cells=block_cells,
        max_training=max_training,
        random_state=random_state,
    )
    sample = training_sample(
        layers, source, rules, min_share=min_share, homogeneity=weights is not None
    )
    samples = [sample]
    if each:
        assert source.dates is not None
        samples = [
            sample.chosen(np.flatnonzero(sample.date == date)) for date in range(source.dates.size)
        ]
        _require_each(samples, source.dates, len(layers))
    models = tuple(train(part, estimator, settings) for part in samples)
    return DownscaleModel(
        target=source.name,
        units=source.units,
        long_name=source.long_name,
        accuracy=accuracy_table(models),
        importance=_importance(models, list(layers)),
        training_cells=sum(len(part.rows[settings.model, "training"][0]) for part in models),
        fill_cells=sample.fill,
        dates=source.dates,
        settings=settings,
        models=models,
    )


def _importance(models: Sequence[Any], names: list[str]) -> pd.Series:
    import pandas as pd

    mean = np.mean([model.importance for model in models], axis=0)
    return pd.Series(mean, index=names, name="importance").sort_values(ascending=False)


def _require_each(samples: Sequence[Any], dates: np.ndarray, predictors: int) -> None:
    needed = max(FEWEST_CELLS, FEWEST_PER_PREDICTOR * predictors)
    few = {
        str(date)[:10]: part.target.size
        for date, part in zip(dates, samples, strict=True)
        if part.target.size < needed
    }
    if few:
        raise SchemaError(
            f"years='each' and the dates {few} have fewer than {needed} training cells: use "
            "years='pooled', or leave them out."
        )


def _check(
    years: str,
    weights: str | None,
    cv: tuple[str, ...],
    folds: int,
    block_cells: int,
    max_training: int,
    n_estimators: int,
) -> None:
    if years not in YEARS:
        raise ParameterError(f"years is {years!r}: choose one of {YEARS}.")
    if weights not in (None, "homogeneity"):
        raise ParameterError(f"weights is {weights!r}: give 'homogeneity' or None.")
    unknown = [scheme for scheme in cv if scheme not in SCHEMES]
    if unknown:
        raise ParameterError(f"cv names {unknown}: choose from {SCHEMES}.")
    least = {"folds": (folds, 2), "block_cells": (block_cells, 1),
             "max_training": (max_training, 30), "n_estimators": (n_estimators, 1)}  # fmt: skip
    for name, (value, low) in least.items():
        if value < low:
            raise ParameterError(f"{name} is {value}: give at least {low}.")
