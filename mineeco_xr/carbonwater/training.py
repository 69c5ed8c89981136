"""What a downscaling learns from: predictors averaged over coarse cells, beside their values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from mineeco_xr.carbonwater.aggregate import require_dates, require_kelvin
from mineeco_xr.carbonwater.cell_sums import CellSums, sum_over_cells, whole_window
from mineeco_xr.carbonwater.coarse_grid import covering_window, date_batches, share_of_cells
from mineeco_xr.chunks import pointwise
from mineeco_xr.cube.grid import geobox_of, layer_of, require_same_grid
from mineeco_xr.cube.nodata import as_float
from mineeco_xr.cube.time import require_same_times
from mineeco_xr.cube.units import units_of
from mineeco_xr.errors import GridMismatch, ParameterError, SchemaError

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

FEWEST_CELLS = 30
FEWEST_PER_PREDICTOR = 5
HOMOGENEOUS_QUANTILE = 0.8
AGGREGATIONS = {"mean": 1, "temperature": 4}


@dataclass(frozen=True)
class Sample:
    """Training cells, in the order of dates, rows and columns.

    Attributes
    ----------
    features : ndarray, (n, p), float32
        Means of the predictors.
    target : ndarray, (n,), float64
        Values of the coarse raster.
    weights : ndarray, (n,), optional
        Weights by homogeneity.
    date, row, column : ndarray, (n,), int64
        Where they lie.
    fill : int
        Coarse cells that the predictors cover and that have no value.
    """

    features: np.ndarray
    target: np.ndarray
    weights: np.ndarray | None
    date: np.ndarray
    row: np.ndarray
    column: np.ndarray
    fill: int

    def chosen(self, at: np.ndarray) -> Sample:
        """Return some of the cells."""
        weights = None if self.weights is None else self.weights[at]
        places = self.date[at], self.row[at], self.column[at]
        return Sample(self.features[at], self.target[at], weights, *places, self.fill)


@dataclass(frozen=True)
class Coarse:
    """The coarse raster where the predictors lie.

    Attributes
    ----------
    values : DataArray
        Dims ``(time, y, x)`` or ``(y, x)``, float, lazy or not.
    grid : GeoBox
        Of ``values``.
    name, units, long_name : str
        Of the target.
    """

    values: xr.DataArray
    grid: GeoBox
    name: str
    units: str
    long_name: str

    @property
    def dates(self) -> np.ndarray | None:
        """The dates, None without a time dim."""
        return self.values["time"].values if "time" in self.values.dims else None


def coarse_layer(coarse: xr.DataArray | xr.Dataset, target: str | None, fine: GeoBox) -> Coarse:
    """Check the coarse raster and cut it to the fine grid.

    Raises
    ------
    SchemaError
        If it is no raster, the target is not among the variables, or has further dims.
    GridMismatch
        If the grids do not meet.
    """
    if not isinstance(coarse, xr.Dataset | xr.DataArray):
        raise SchemaError(
            f"coarse is {coarse!r}: give the product itself, on its own grid, and its variable by "
            "name: cube.mine.downscale(products, target='npp', predictors=[...])."
        )
    if isinstance(coarse, xr.Dataset):
        held = [
            str(name) for name, layer in coarse.data_vars.items() if {"y", "x"} <= set(layer.dims)
        ]
        if target is None and len(held) == 1:
            target = held[0]
        if target not in held:
            raise SchemaError(
                f"the coarse cube has no variable {target!r}; it has {held}. Name one with "
                "target='...'."
            )
        coarse = layer_of(coarse, target)
    name = str(target or coarse.name or "target")
    require_dates(coarse, name)
    units = units_of(coarse, expected="1", name=name)
    grid = geobox_of(coarse)
    rows, columns = covering_window(fine, grid, name)
    cut = as_float(coarse).transpose(..., "y", "x").isel(y=rows, x=columns)
    long_name = str(coarse.attrs.get("long_name", name))
    return Coarse(cut, grid[rows, columns], name, units, long_name)


def predictor_layers(cube: xr.Dataset, names: Sequence[str] | None) -> dict[str, xr.DataArray]:
    """Return the predictors by name, checked, NaN their only nodata.

    Raises
    ------
    SchemaError
        If a predictor is missing or has dims beside time, y and x.
    GridMismatch
        If they are not on one grid.
    """
    held = [
        str(name)
        for name, layer in cube.data_vars.items()
        if {"y", "x"} <= set(layer.dims) and layer.dtype.kind in "fiu"
    ]
    chosen = list(held if names is None else ([names] if isinstance(names, str) else names))
    lacking = [name for name in chosen if name not in held]
    if lacking or not chosen:
        raise SchemaError(
            f"the cube lacks the predictors {lacking}; it has {held}. Add them, or name others "
            "with predictors=[...]."
        )
    if len(set(chosen)) < len(chosen):
        raise ParameterError(f"predictors are {chosen}: name each once.")
    layers = {name: layer_of(cube, name) for name in chosen}
    for name, layer in layers.items():
        require_dates(layer, name)
    require_same_grid(layers)
    require_same_times(layers)
    return {name: as_float(layer) for name, layer in layers.items()}


def require_dates_match(predictors: Mapping[str, xr.DataArray], coarse: Coarse) -> None:
    """Refuse predictors and coarse raster of different dates.

    Raises
    ------
    SchemaError
        Naming them.
    """
    if coarse.dates is None:
        dated = [name for name, layer in predictors.items() if "time" in layer.dims]
        if dated:
            raise SchemaError(
                f"the predictors {dated} have dates and {coarse.name!r} has none: select the date "
                "it belongs to with cube.sel(time=...), or give it a time dim."
            )
        return
    require_same_times({coarse.name: coarse.values, **predictors})


def training_sample(
    predictors: Mapping[str, xr.DataArray],
    coarse: Coarse,
    aggregation: Mapping[str, str],
    *,
    min_share: float,
    homogeneity: bool,
) -> Sample:
    """Average the predictors over the coarse cells and set the coarse values beside them.

    Parameters
    ----------
    predictors : mapping of str to DataArray
        From :func:`predictor_layers`.
    coarse : Coarse
        From :func:`coarse_layer`.
    aggregation : mapping of str to str
        ``"temperature"`` for predictors that are averaged as of radiation.
    min_share : float
        Of a coarse cell that cells valid in all predictors must cover.
    homogeneity : bool
        Weight cells by it.

    Returns
    -------
    Sample
        In memory: this computes.

    Raises
    ------
    GridMismatch, ParameterError
        If the predictors cover no coarse cell, too few have a value, or a predictor is constant.
    """
    layers = [as_float32(layer) for layer in predictors.values()]
    powers = [AGGREGATIONS[aggregation.get(name, "mean")] for name in predictors]
    fine = geobox_of(layers[0])
    dated = any("time" in layer.dims for layer in layers)
    dates = 1 if coarse.dates is None else coarse.dates.size
    cells = coarse.grid.shape[0] * coarse.grid.shape[1]
    finish = partial(
        _table, fine=fine, coarse=coarse.grid, powers=tuple(powers), homogeneity=homogeneity
    )
    tables = []
    fields = len(layers) * (9 if homogeneity else 3) + 2
    for batch in date_batches(dates if dated else 1, cells, fields):
        chosen = [layer.isel(time=batch) if "time" in layer.dims else layer for layer in layers]
        tables.append(
            sum_over_cells(
                chosen, fine, coarse.grid, powers=powers, squares=homogeneity, finish=finish
            ).compute()
        )
    features, share, variation = (np.concatenate(part) for part in zip(*tables, strict=True))
    if not dated:
        features, share, variation = (
            np.repeat(part, dates, axis=0) for part in (features, share, variation)
        )
    values = coarse.values.values.reshape(share.shape).astype("float64")
    return _sampled(features, share, variation, values, predictors, coarse, min_share, homogeneity)


def as_float32(layer: xr.DataArray) -> xr.DataArray:
    """Return a predictor as a forest sees it: rounded to float32."""
    if layer.dtype == np.float32:
        return layer
    return pointwise(_narrowed, layer, dtype="float32").rename(layer.name)


def _narrowed(block: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        return block.astype("float32")


def _table(
    sums: CellSums,
    _: None,
    *,
    fine: GeoBox,
    coarse: GeoBox,
    powers: tuple[int, ...],
    homogeneity: bool,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return means of the predictors, covered share, and mean coefficient of variation."""
    whole = whole_window(sums, coarse)
    share = share_of_cells(whole.number, whole.total, fine, coarse)
    share = np.where(whole.number > 0, share, 0.0)
    count = len(powers)
    means = [
        whole.mean(k) if p == 1 else np.sqrt(np.sqrt(whole.mean(k))) for k, p in enumerate(powers)
    ]
    features = np.stack(means, axis=-1).astype("float32")
    variation = np.zeros(share.shape)
    if homogeneity:
        for k in range(count):
            mean = whole.mean(count + k)
            variance = np.maximum(0.0, whole.mean(2 * count + k) - mean**2)
            with np.errstate(divide="ignore", invalid="ignore"):
                variation += np.sqrt(variance) / np.abs(mean) / count
    return features, share, variation


def _sampled(
    features: np.ndarray,
    share: np.ndarray,
    variation: np.ndarray,
    values: np.ndarray,
    predictors: Mapping[str, xr.DataArray],
    coarse: Coarse,
    min_share: float,
    homogeneity: bool,
) -> Sample:
    covered = (share > 0) & (share >= min_share)
    if not covered.any():
        raise GridMismatch(
            f"the predictors do not cover the cells of {coarse.name!r}: at best {share.max():.2f} "
            f"of one is valid in all of {list(predictors)} and min_share is {min_share}. Bring "
            "predictors with fewer gaps or a wider extent, or lower min_share."
        )
    used = covered & np.isfinite(values)
    needed = max(FEWEST_CELLS, FEWEST_PER_PREDICTOR * len(predictors))
    fill = int((covered & ~used).sum())
    if used.sum() < needed:
        raise ParameterError(
            f"{int(used.sum())} coarse cells of {coarse.name!r} can train ({fill} more are "
            f"covered but fill) and {len(predictors)} predictors need {needed}: widen the region "
            "around the mine, bring more dates, or use fewer predictors."
        )
    date, row, column = np.nonzero(used)
    chosen = features[used]
    _require_variation(chosen, list(predictors))
    weights = _homogeneity_weights(variation[used]) if homogeneity else None
    return Sample(chosen, values[used], weights, date, row, column, fill)


def _require_variation(features: np.ndarray, names: Sequence[str]) -> None:
    constant = [
        name for name, column in zip(names, features.T, strict=True) if column.min() == column.max()
    ]
    if constant:
        raise ParameterError(
            f"the predictors {constant} are constant over all training cells and tell nothing: "
            "leave them out of predictors=[...]."
        )


def _homogeneity_weights(variation: np.ndarray) -> np.ndarray:
    """Weight cells after Gao et al. (2012): by 1 / CV from 0 to 1, halved where the CV is high."""
    with np.errstate(divide="ignore", invalid="ignore"):
        inverse = 1.0 / variation
    known = np.isfinite(inverse)
    if not known.any() or inverse[known].min() == inverse[known].max():
        return np.ones(variation.size)
    low, high = inverse[known].min(), inverse[known].max()
    inverse = np.where(known, inverse, np.where(variation == 0, high, low))
    weights = (inverse - low) / (high - low)
    limit = np.quantile(variation[known], HOMOGENEOUS_QUANTILE)
    weights = np.where(variation > limit, weights / 2, weights)
    # A weight of 0 would drop the least homogeneous cell altogether.
    return np.maximum(weights, 1e-3)


def check_aggregation(
    aggregation: Mapping[str, str] | None, predictors: Mapping[str, xr.DataArray]
) -> dict[str, str]:
    """Return the rule of each predictor that has one, checked.

    Raises
    ------
    ParameterError
        If a predictor or a rule is unknown.
    """
    rules = dict(aggregation or {})
    unknown = [name for name in rules if name not in predictors]
    wrong = [rule for rule in rules.values() if rule not in AGGREGATIONS]
    if unknown or wrong:
        raise ParameterError(
            f"aggregation names {unknown or wrong}: give predictors {list(predictors)} one of "
            f"{tuple(AGGREGATIONS)}."
        )
    for name, rule in rules.items():
        if rule == "temperature":
            require_kelvin(predictors[name], name)
    return rules
