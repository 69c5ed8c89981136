"""Coarse carbon and water brought to the grid of a run, and how well that went."""

from __future__ import annotations

import pandas as pd
import xarray as xr

from mineeco_xr.carbonwater import apply_downscale, fit_downscale, mass_error, wue_spread
from mineeco_xr.carbonwater.downscale_model import DownscaleModel
from mineeco_xr.carbonwater.training import (
    check_aggregation,
    coarse_layer,
    predictor_layers,
    require_dates_match,
)
from mineeco_xr.cube import geobox_of
from mineeco_xr.errors import SchemaError
from mineeco_xr.workflows.wue_config import DownscaleSpec, WueCase, WueSpec

FLAGS = ("residual", "spread", "applicable", "outside_range", "source_fill")
"""What is kept of a downscaling beside its target, under the target's name."""


def trained_models(
    layers: xr.Dataset, coarse: xr.Dataset, case: WueCase
) -> dict[str, DownscaleModel]:
    """Train a model for carbon and one for water. Computes.

    Parameters
    ----------
    layers : xarray.Dataset
        The predictors.
    coarse : xarray.Dataset
        The products on their own grid.
    case : WueCase
        The configuration.

    Returns
    -------
    dict
        By target.
    """
    spec = case.downscale
    predictors = predictor_names(layers, case)
    return {
        target: fit_downscale(
            layers,
            coarse[target],
            target=target,
            predictors=predictors,
            model=spec.model,
            years=spec.years,
            cv=spec.cv,
            aggregation=_aggregation(predictors),
            block_cells=spec.block_cells,
            n_estimators=spec.n_estimators,
            min_samples_leaf=spec.min_samples_leaf,
            random_state=spec.random_state,
        )
        for target in (case.wue.npp, case.wue.et)
    }


def _aggregation(predictors: list[str]) -> dict[str, str]:
    return {"LST": "temperature"} if "LST" in predictors else {}


def require_trainable(layers: xr.Dataset, coarse: xr.Dataset, case: WueCase) -> None:
    """Check now what training would refuse only after the layers are written.

    Raises
    ------
    SchemaError, GridMismatch, UnitError
        If a predictor is no layer, dates of predictors and products differ, their grids do not
        meet, or the temperature is not in kelvin.
    """
    names = predictor_names(layers, case)
    predictors = predictor_layers(layers, names)
    check_aggregation(_aggregation(names), predictors)
    grid = geobox_of(predictors[names[0]])
    for target in (case.wue.npp, case.wue.et):
        require_dates_match(predictors, coarse_layer(coarse, target, grid))


def predictor_names(layers: xr.Dataset, case: WueCase) -> list[str]:
    """Return the predictors that a case names, or all that its bands give.

    Raises
    ------
    SchemaError
        If one is not among the layers.
    """
    if case.downscale.predictors is not None:
        wanted = list(case.downscale.predictors)
    else:
        assert case.bands is not None
        wanted = [*case.bands.indices, "LST", "TVDI"]
        wanted = [name for name in wanted if name in layers]
    missing = [name for name in wanted if name not in layers]
    if missing:
        raise SchemaError(
            f"downscale.predictors {missing} are no layers; there are {sorted(map(str, layers))}."
        )
    return wanted


def sharpened(
    layers: xr.Dataset,
    coarse: xr.Dataset,
    models: dict[str, DownscaleModel],
    spec: DownscaleSpec,
) -> xr.Dataset:
    """Return carbon and water on the grid of the layers, lazily, with their flags.

    Parameters
    ----------
    layers, coarse
        As for :func:`trained_models`.
    models : dict
        From there.
    spec : DownscaleSpec
        The rule of the residual.

    Returns
    -------
    xarray.Dataset
        For each target ``t``: ``t``, ``t_residual``, ``t_spread``, ``t_applicable``,
        ``t_outside_range`` and ``t_source_fill``.
    """
    parts: dict[str, xr.DataArray] = {}
    for target, model in models.items():
        made = apply_downscale(
            layers,
            model,
            coarse[target],
            residual=spec.residual,
            conserve=spec.conserve,
            extrapolation=spec.extrapolation,
        )
        parts[target] = made[model.target]
        parts |= {f"{target}_{flag}": made[flag] for flag in FLAGS if flag in made}
    return xr.Dataset(parts)


def with_wue_spread(sharp: xr.Dataset, spec: WueSpec) -> xr.Dataset:
    """Add what the spreads of carbon and water make of their ratio, where a forest gave them.

    Parameters
    ----------
    sharp : xarray.Dataset
        From :func:`sharpened`.
    spec : WueSpec
        Names and limits.

    Returns
    -------
    xarray.Dataset
        With ``wue_spread``, or as it was.
    """
    spreads = [f"{target}_spread" for target in (spec.npp, spec.et)]
    if not all(name in sharp for name in spreads):
        return sharp
    layers = [sharp[name] for name in (spec.npp, spec.et, *spreads)]
    found = wue_spread(*layers, et_min=spec.et_min, npp_min=spec.npp_min)
    return sharp.assign(wue_spread=found.astype("float32", keep_attrs=True))


def accuracy_tables(models: dict[str, DownscaleModel]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return how well each target is predicted, and what its predictors matter.

    Parameters
    ----------
    models : dict
        By target.

    Returns
    -------
    tuple of pandas.DataFrame
        target, model, validation, n, r2, rmse, mae, bias and so on; predictor and its importance
        for each target.
    """
    accuracy = pd.concat(
        [model.accuracy.assign(target=target) for target, model in models.items()],
        ignore_index=True,
    )
    accuracy = accuracy[["target", *(c for c in accuracy.columns if c != "target")]]
    importance = pd.DataFrame({target: model.importance for target, model in models.items()})
    return accuracy, importance.rename_axis("predictor").reset_index()


def mass_table(cube: xr.Dataset, coarse: xr.Dataset, targets: list[str]) -> pd.DataFrame:
    """Return by how much downscaled means miss the coarse values, before and after the residual.

    Parameters
    ----------
    cube : xarray.Dataset
        The stored cube.
    coarse : xarray.Dataset
        The products.
    targets : list of str
        Variables of both.

    Returns
    -------
    pandas.DataFrame
        target, stage, rms, largest, bias, relative (over all dates) and n.
    """
    rows = []
    for target in targets:
        pair = xr.Dataset({target: cube[target], "residual": cube[f"{target}_residual"]})
        found = mass_error(pair, coarse[target], target=target).compute()
        for stage in found["stage"].values.tolist():
            part = found.sel(stage=stage)
            cells = part["n"]
            mean_square = (part["rms"] ** 2 * cells).sum() / cells.sum()
            rows.append(
                {
                    "target": target,
                    "stage": stage,
                    "rms": float(mean_square**0.5),
                    "largest": float(part["largest"].max()),
                    "bias": float((part["bias"] * cells).sum() / cells.sum()),
                    "relative": float(part["relative"].max()),
                    "n": int(cells.sum()),
                }
            )
    return pd.DataFrame(rows)


def flag_notes(cube: xr.Dataset, targets: list[str]) -> list[str]:
    """Say what share of the cells stands on no coarse value or on unseen predictors.

    Parameters
    ----------
    cube : xarray.Dataset
        The stored cube.
    targets : list of str
        The downscaled variables.

    Returns
    -------
    list of str
        Sentences for the report.
    """
    notes = []
    for target in targets:
        fill, valid = cube[f"{target}_source_fill"], cube[target].notnull()
        counts = xr.Dataset(
            {
                "cells": valid.sum(),
                "fill": (valid & (fill > 0)).sum(),
                "outside": (valid & (cube[f"{target}_outside_range"] == 1)).sum(),
                "strange": (valid & (cube[f"{target}_applicable"] == 0)).sum(),
            }
        ).compute()
        cells = max(int(counts["cells"]), 1)
        notes += [
            f"{100 * float(counts[kind]) / cells:.1f} % of the downscaled {target} {text}"
            for kind, text in _flag_texts(target).items()
            if counts[kind]
        ]
    return notes


def _flag_texts(target: str) -> dict[str, str]:
    return {
        "fill": (
            "stand on no coarse value: the product is fill there, often on the pit itself. They "
            f"hold the bare prediction and are marked in {target}_source_fill."
        ),
        "outside": (
            "have a predictor beyond all that the model was trained on; they are marked in "
            f"{target}_outside_range."
        ),
        "strange": (
            "have predictors together unlike any that the model was trained on; they are marked "
            f"by 0 in {target}_applicable."
        ),
    }
