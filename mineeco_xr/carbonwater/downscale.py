"""Downscaling: coarse products brought to the resolution of what explains them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from mineeco_xr.carbonwater.downscale_fit import fit_downscale
from mineeco_xr.carbonwater.downscale_model import DownscaleModel
from mineeco_xr.carbonwater.downscaled import Options, downscaled
from mineeco_xr.carbonwater.residual import RULES
from mineeco_xr.carbonwater.training import coarse_layer, predictor_layers, require_dates_match
from mineeco_xr.cube.grid import geobox_of
from mineeco_xr.cube.provenance import finalize
from mineeco_xr.errors import ParameterError

EXTRAPOLATIONS = ("linear", "model")


def downscale(
    cube: xr.Dataset,
    coarse: xr.DataArray | xr.Dataset,
    *,
    target: str | None = None,
    predictors: Sequence[str] | None = None,
    model: Any = "forest",
    residual: str = "bilinear",
    conserve: bool = False,
    applicability: bool = True,
    spread: bool = True,
    extrapolation: str = "linear",
    **training: Any,
) -> xr.Dataset:
    """Bring a coarse product to the grid of predictors that explain it.

    A model learns the product from the predictors averaged over its cells, and is then asked at
    every fine cell; what its own averages leave unexplained is spread over the fine cells.

    Parameters
    ----------
    cube : xarray.Dataset
        The predictors, dims ``(time, y, x)`` or ``(y, x)``, on one grid, such as NDVI, EVI, NDWI,
        LST and TVDI of 30 m.
    coarse : xarray.DataArray or xarray.Dataset
        The product, such as NPP or ET of MODIS, in any reference system, with the dates of the
        predictors; NaN where fill. Take a margin around the mine: a mine of 40 km2 has some 170
        cells of MODIS, and a model wants thousands.
    target : str, optional
        The variable of ``coarse``.
    predictors : sequence of str, optional
        Variables of ``cube``; default all that have numbers, y and x.
    model : {"forest", "ridge"} or scikit-learn regressor
        What learns. A ridge is always fitted beside it and reported.
    residual : {"bilinear", "block", "none"}
        How ``coarse - aggregate(prediction)`` is spread: between the centres of coarse cells, which
        leaves no seams; kept per coarse cell, so that its cells have the mean of the coarse one; or
        not at all.
    conserve : bool
        With ``"bilinear"``: solve for the field whose interpolation gives every coarse cell its
        mean.
    applicability : bool
        Also give ``dissimilarity`` and ``applicable``.
    spread : bool
        Also give the standard deviation of a forest's trees.
    extrapolation : {"linear", "model"}
        Where a predictor lies beyond all training cells a forest stays at its edge, and bare
        ground, which the coarse product leaves out, keeps the carbon of thin grass.
        ``"linear"`` goes on from the edge along the ridge; ``"model"`` leaves the model alone.
    **training
        Further arguments of :func:`fit_downscale`: ``years``, ``aggregation``, ``weights``,
        ``min_share``, ``minimum``, ``cv``, ``folds``, ``block_cells``, ``n_estimators``,
        ``max_features``, ``min_samples_leaf``, ``max_training``, ``random_state``.

    Returns
    -------
    xarray.Dataset
        On the grid of ``cube``, dims of the coarse product, float32: the target in its units;
        ``residual``, what was added to the prediction; ``spread``; ``dissimilarity`` (1).
        As uint8: ``applicable``, ``outside_range`` (a predictor beyond all training cells), and
        ``source_fill`` (0: the coarse value was used; 1: it is fill, and the cell holds the bare
        prediction; 2: outside the coarse raster, likewise; 3: too few fine cells of the coarse one
        were valid). Attributes hold accuracy and importance.

    Raises
    ------
    SchemaError
        If a variable is missing or the dates differ.
    GridMismatch
        If the predictors do not cover the coarse cells, or are not on one grid.
    ParameterError
        If a parameter is out of range, cells to train on are too few, or a predictor is constant.

    Notes
    -----
    Training computes: it averages the predictors over the coarse cells, in one reading. The result
    is lazy when the predictors are; its blocks are predicted twice, once for the residual, so that
    no more than blocks and the coarse raster are held. Crosses chunks by an exact reduction and
    pointwise: bit-identical for any chunking.

    Examples
    --------
    >>> import mineeco_xr as mx
    >>> field = mx.coalfield(64, years=[2010, 2011], gaps=0)
    >>> fine = field.cube.mine.indices(["NDVI", "NDWI_GAO"])
    >>> coarse = mx.aggregate_to(field.truth["npp"], mx.make_grid(
    ...     field.grid.boundingbox.bbox, crs=field.grid.crs, resolution=240))
    >>> sharp = mx.downscale(fine, coarse, n_estimators=20, cv=["random"])
    >>> sharp["npp"].attrs["units"], dict(sharp["npp"].sizes)
    ('gC m-2 yr-1', {'time': 2, 'y': 64, 'x': 64})
    """
    trained = fit_downscale(
        cube, coarse, target=target, predictors=predictors, model=model, **training
    )
    return apply_downscale(
        cube,
        trained,
        coarse,
        residual=residual,
        conserve=conserve,
        applicability=applicability,
        spread=spread,
        extrapolation=extrapolation,
    )


def apply_downscale(
    cube: xr.Dataset,
    model: DownscaleModel,
    coarse: xr.DataArray | xr.Dataset | None = None,
    *,
    residual: str = "bilinear",
    conserve: bool = False,
    applicability: bool = True,
    spread: bool = True,
    extrapolation: str = "linear",
) -> xr.Dataset:
    """Apply a trained downscaling to predictors, of the dates it was trained on or others.

    Parameters
    ----------
    cube : xarray.Dataset
        With the predictors of the model.
    model : DownscaleModel
        From :func:`fit_downscale`.
    coarse : xarray.DataArray or xarray.Dataset, optional
        The product at the dates of ``cube``, for the residual. Without it there is none, and all
        cells hold the bare prediction.
    residual, conserve, applicability, spread, extrapolation
        As for :func:`downscale`.

    Returns
    -------
    xarray.Dataset
        As of :func:`downscale`; lazy when the predictors are.

    Raises
    ------
    SchemaError, GridMismatch, ParameterError
        As :func:`downscale`; also if the model has one forest a date and a date is none of them, or
        ``coarse`` is in other units than the model's target.

    Notes
    -----
    As of :func:`downscale`; computes nothing while it is built, unless the predictors are in
    memory.

    Examples
    --------
    >>> import mineeco_xr as mx
    >>> field = mx.coalfield(64, years=[2010, 2011], gaps=0)
    >>> fine = field.cube.mine.indices(["NDVI", "NDWI_GAO"])
    >>> coarse = mx.aggregate_to(field.truth["npp"], mx.make_grid(
    ...     field.grid.boundingbox.bbox, crs=field.grid.crs, resolution=240))
    >>> model = mx.fit_downscale(fine.isel(time=[0]), coarse.isel(time=[0]), model="ridge")
    Traceback (most recent call last):
    ...
    mineeco_xr.errors.ParameterError: all training cells lie in one block of 10 x 10 coarse cells...
    >>> model = mx.fit_downscale(fine.isel(time=[0]), coarse.isel(time=[0]), model="ridge",
    ...                          block_cells=3)
    >>> later = mx.apply_downscale(fine.isel(time=[1]), model, coarse.isel(time=[1]))
    >>> sorted(later.data_vars)
    ['applicable', 'dissimilarity', 'npp', 'outside_range', 'residual', 'source_fill']
    """
    if residual not in RULES:
        raise ParameterError(f"residual is {residual!r}: choose one of {RULES}.")
    if extrapolation not in EXTRAPOLATIONS:
        raise ParameterError(f"extrapolation is {extrapolation!r}: choose one of {EXTRAPOLATIONS}.")
    if conserve and residual == "none":
        raise ParameterError("conserve=True needs a residual: choose 'bilinear' or 'block'.")
    if coarse is None:
        residual, conserve = "none", False
    layers = predictor_layers(cube, model.settings.predictors)
    source = None
    if coarse is not None:
        fine = geobox_of(next(iter(layers.values())))
        source = coarse_layer(
            coarse, model.target if isinstance(coarse, xr.Dataset) else None, fine
        )
        if source.units != model.units:
            raise ParameterError(
                f"{source.name!r} is in {source.units!r} and the model was trained in "
                f"{model.units!r}: bring it there with mineeco_xr.convert_units."
            )
        require_dates_match(layers, source)
    options = Options(residual, conserve, applicability, spread, extrapolation)
    result = downscaled(layers, model, source, options)
    inputs: dict[str, Any] = {name: cube[name] for name in layers}
    if source is not None:
        inputs[f"coarse {source.name}"] = source.values
    return finalize(
        result,
        function="apply_downscale",
        parameters={
            "model": model_parameters(model),
            "residual": residual,
            "conserve": conserve,
            "coarse": None if source is None else source.name,
        },
        inputs=inputs,
        attrs=model_attributes(model),
    )


def model_parameters(model: DownscaleModel) -> dict[str, Any]:
    """Return how a model was trained, for the record."""
    found = dict(vars(model.settings))
    if not np.isfinite(model.settings.minimum):
        found["minimum"] = None
    return found


def model_attributes(model: DownscaleModel) -> dict[str, Any]:
    """Return accuracy, importance and counts as attributes that any file format can hold."""
    found: dict[str, Any] = {"target": model.target, "model": model.settings.model}
    for row in model.accuracy.to_dict("records"):
        prefix = "" if row["model"] == model.settings.model else f"{row['model']}_"
        for measure in ("r2", "rmse", "bias"):
            found[f"{prefix}{measure}_{row['validation']}"] = float(row[measure])
    found["accuracy"] = json.dumps(model.accuracy.to_dict("records"))
    found["importance"] = json.dumps({name: float(v) for name, v in model.importance.items()})
    found["training_cells"] = model.training_cells
    found["fill_cells"] = model.fill_cells
    return found
