"""The fine rasters of a trained downscaling: prediction, residual, limits, flags."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from mineeco_xr.carbonwater.applicability import (
    applicable_block,
    beyond_block,
    dissimilarity_block,
    range_block,
)
from mineeco_xr.carbonwater.cell_sums import CellSums, sum_over_cells
from mineeco_xr.carbonwater.coarse_grid import date_batches, grid_positions
from mineeco_xr.carbonwater.downscale_model import DownscaleModel, Trained
from mineeco_xr.carbonwater.estimators import predicted_layers
from mineeco_xr.carbonwater.residual import (
    OUTSIDE,
    PARENT_CODES,
    Correction,
    Rule,
    correct_block,
    correction_of,
    uncorrected,
)
from mineeco_xr.chunks import pointwise
from mineeco_xr.chunks.cellwise import cellwise
from mineeco_xr.chunks.reduced import constant
from mineeco_xr.chunks.reread import reread
from mineeco_xr.cube.grid import geobox_of
from mineeco_xr.errors import SchemaError

if TYPE_CHECKING:
    from mineeco_xr.carbonwater.training import Coarse
    from mineeco_xr.chunks import Reduced

FIELDS = 30
"""Numbers held a coarse cell and date while the residual is found."""


@dataclass(frozen=True)
class Options:
    """What is asked of a trained downscaling.

    Attributes
    ----------
    residual : str
        How the residual is spread.
    conserve : bool
        Whether coarse means come out.
    applicability, spread : bool
        Whether these are given.
    extrapolation : str
        How the model goes beyond what it was trained on.
    """

    residual: str
    conserve: bool
    applicability: bool
    spread: bool
    extrapolation: str


def downscaled(
    layers: Mapping[str, xr.DataArray],
    model: DownscaleModel,
    coarse: Coarse | None,
    options: Options,
) -> xr.Dataset:
    """Return the fine rasters, dims ``(time, y, x)`` or ``(y, x)``.

    Parameters
    ----------
    layers : mapping of str to DataArray
        Predictors.
    model : DownscaleModel
        Trained.
    coarse : Coarse, optional
        The product at the same dates.
    options : Options
        What is asked for.

    Returns
    -------
    xarray.Dataset
        Attributes on its variables, none of its own.
    """
    layers = _dated(layers, coarse)
    dates = next((layer["time"] for layer in layers.values() if "time" in layer.dims), None)
    parts = []
    for batch, trained in _batches(dates, model, coarse):
        chosen = {
            name: layer.isel(time=batch) if "time" in layer.dims else layer
            for name, layer in layers.items()
        }
        own = None if coarse is None else _coarse_values(coarse, batch)
        parts.append(_batch(chosen, trained, model, coarse, own, options))
    result = parts[0] if len(parts) == 1 else xr.concat(parts, "time")
    return _described(result, model, options)


def _dated(layers: Mapping[str, xr.DataArray], coarse: Coarse | None) -> dict[str, xr.DataArray]:
    """Give predictors without dates those of the coarse raster."""
    found = dict(layers)
    static = not any("time" in layer.dims for layer in found.values())
    if static and coarse is not None and coarse.dates is not None:
        name = next(iter(found))
        found[name] = found[name].expand_dims(time=coarse.values["time"])
    return found


def _batches(
    dates: xr.DataArray | None, model: DownscaleModel, coarse: Coarse | None
) -> list[tuple[slice, Trained]]:
    count = 1 if dates is None else dates.size
    if len(model.models) > 1 or model.settings.years == "each":
        if dates is None or model.dates is None:
            raise SchemaError("the model has one forest a date and the predictors have no dates.")
        known = {date: number for number, date in enumerate(model.dates.tolist())}
        lacking = [str(d)[:10] for d in dates.values if d.item() not in known] if count else []
        found = [known.get(date) for date in dates.values.tolist()]
        if None in found:
            raise SchemaError(
                f"the model has one forest a date and none for {lacking}: train with "
                "years='pooled' to apply it to other dates."
            )
        return [(slice(i, i + 1), model.models[n or 0]) for i, n in enumerate(found)]
    cells = 1 if coarse is None else coarse.grid.shape[0] * coarse.grid.shape[1]
    return [(batch, model.models[0]) for batch in date_batches(count, cells, FIELDS)]


def _coarse_values(coarse: Coarse, batch: slice) -> xr.DataArray:
    values = coarse.values if coarse.dates is None else coarse.values.isel(time=batch)
    return values.drop_vars("spatial_ref", errors="ignore")


def _batch(
    layers: dict[str, xr.DataArray],
    trained: Trained,
    model: DownscaleModel,
    coarse: Coarse | None,
    values: xr.DataArray | None,
    options: Options,
) -> xr.Dataset:
    minimum = model.settings.minimum
    mean, spread = predicted_layers(layers, trained.estimator, spread=options.spread)
    beyond = _beyond(layers, trained, options)
    prediction = _bounded(mean, beyond, minimum)
    found: dict[str, xr.DataArray] = {}
    if coarse is None or values is None:
        found[model.target] = prediction
        found["residual"] = _like(prediction, 0.0, "float32")
        found["source_fill"] = _like(prediction, OUTSIDE, "uint8", nodata=OUTSIDE)
    else:
        alone = prediction
        if spread is not None and prediction.chunks is not None:
            # A second pass reads the mean alone: the spread costs more.
            mean = predicted_layers(layers, trained.estimator, spread=False)[0]
            alone = _bounded(mean, beyond, minimum)
        corrected = _corrected(prediction, alone, coarse, values, options, model)
        found[model.target], found["residual"], parent = corrected
        found["source_fill"] = pointwise(_as_codes, parent, dtype="uint8")
    if spread is not None:
        found["spread"] = pointwise(_narrow, spread.drop_attrs(deep=False), dtype="float32")
    seen = trained.applicability
    if options.applicability:
        distance = cellwise(dissimilarity_block, *layers.values(), dtype="float32", shared=seen)
        found["dissimilarity"] = distance
        found["applicable"] = pointwise(
            applicable_block, distance, dtype="uint8", parameters={"threshold": seen.threshold}
        )
    limits = {"low": seen.low, "high": seen.high}
    found["outside_range"] = cellwise(
        range_block, *layers.values(), dtype="uint8", parameters=limits
    )
    return xr.Dataset(found)


def _beyond(
    layers: dict[str, xr.DataArray], trained: Trained, options: Options
) -> xr.DataArray | None:
    """Return what is added beyond the training range: along the ridge, from its edge."""
    if options.extrapolation == "model" or trained.estimator is trained.ridge:
        return None
    seen = trained.applicability
    parameters = {"low": seen.low, "high": seen.high, "slopes": trained.ridge.slopes}
    return cellwise(beyond_block, *layers.values(), dtype="float64", parameters=parameters)


def _bounded(mean: xr.DataArray, beyond: xr.DataArray | None, minimum: float) -> xr.DataArray:
    parts = [mean.drop_attrs(deep=False), *([] if beyond is None else [beyond])]
    return pointwise(_bounded_block, *parts, dtype="float32", parameters={"minimum": minimum})


def _bounded_block(
    block: np.ndarray, beyond: np.ndarray | float = 0.0, *, minimum: float
) -> np.ndarray:
    return np.maximum(block + beyond, minimum)


def _narrow(block: np.ndarray) -> np.ndarray:
    return block.astype("float32")


def _as_codes(block: np.ndarray) -> np.ndarray:
    return block.astype("uint8")


def _like(data: xr.DataArray, value: float, dtype: str, nodata: float = np.nan) -> xr.DataArray:
    parameters = {"value": value, "nodata": nodata}
    return pointwise(_constant, data, dtype=dtype, parameters=parameters)


def _constant(block: np.ndarray, *, value: float, nodata: float) -> np.ndarray:
    return np.where(np.isfinite(block), value, nodata)


def _corrected(
    prediction: xr.DataArray,
    alone: xr.DataArray,
    coarse: Coarse,
    values: xr.DataArray,
    options: Options,
    model: DownscaleModel,
) -> tuple[xr.DataArray, xr.DataArray, xr.DataArray]:
    fine = geobox_of(prediction)
    grids = fine, coarse.grid
    minimum = model.settings.minimum
    rule = Rule(options.residual, options.conserve, minimum, model.settings.min_share)
    found = _correction(alone, values, grids, rule)
    parts = pointwise(
        correct_block,
        prediction,
        *grid_positions(prediction),
        *_date_numbers(prediction),
        dtype="float32",
        outputs=3,
        shared=found,
        parameters={"grids": grids, "minimum": minimum},
    )
    dims = prediction.dims
    value, residual, parent = (part.transpose(*dims) for part in parts)
    return value, residual, parent


def _date_numbers(data: xr.DataArray) -> list[xr.DataArray]:
    if "time" not in data.dims:
        return []
    numbers = np.arange(data.sizes["time"], dtype="float64")
    return [xr.DataArray(numbers, dims="time", coords={"time": data["time"]})]


def _correction(
    prediction: xr.DataArray, values: xr.DataArray, grids: tuple, rule: Rule
) -> Reduced | Correction:
    if rule.residual == "none":
        return constant(uncorrected(_dated_values(values.values)))
    finish = partial(_finish, grids=grids, rule=rule)
    stencil = rule.residual == "bilinear" and rule.conserve
    reduced = sum_over_cells(
        [reread(prediction, "residual")],
        *grids,
        stencil=stencil,
        finish=finish,
        shared=values.values,
    )
    return reduced if prediction.chunks is not None else constant(reduced.compute())


def _finish(sums: CellSums, values: np.ndarray, *, grids: tuple, rule: Rule) -> Correction:
    return correction_of(sums, _dated_values(values), grids=grids, rule=rule)


def _dated_values(values: np.ndarray) -> np.ndarray:
    return np.asarray(values, dtype="float64").reshape(-1, *values.shape[-2:])


def _described(result: xr.Dataset, model: DownscaleModel, options: Options) -> xr.Dataset:
    dims = [dim for dim in ("time", "y", "x") if dim in result.dims]
    result = result.transpose(*dims)
    label = model.long_name
    texts = {
        model.target: (model.units, label),
        "residual": (model.units, f"residual added to the prediction of {label}"),
        "spread": (model.units, f"standard deviation of the trees' predictions of {label}"),
        "dissimilarity": ("1", "dissimilarity of the predictors from the training cells"),
    }
    for name, (units, text) in texts.items():
        if name in result:
            result[name].attrs = {"units": units, "long_name": text}
    flags = {
        "applicable": ("predictors within the area of applicability", ("no", "yes")),
        "outside_range": ("a predictor beyond the training cells", ("no", "yes")),
        "source_fill": ("what became of the coarse cell", tuple(PARENT_CODES.values())),
    }
    for name, (text, meanings) in flags.items():
        if name in result:
            result[name].attrs = {
                "units": "1",
                "long_name": text,
                "_FillValue": np.uint8(255),
                "flag_values": np.arange(len(meanings), dtype="uint8"),
                "flag_meanings": " ".join(meanings),
            }
    if "dissimilarity" in result and len(model.models) == 1:
        threshold = model.models[0].applicability.threshold
        result["dissimilarity"].attrs["threshold"] = threshold
    return result
