"""Decision forests on rasters: scikit-learn trains them, this predicts, bit by bit the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from mineeco_xr.chunks import pointwise
from mineeco_xr.cube.grid import geobox_of, layer_of, require_same_grid
from mineeco_xr.cube.nodata import as_float
from mineeco_xr.cube.provenance import finalize
from mineeco_xr.errors import ParameterError, SchemaError
from mineeco_xr.stats.forest_outputs import Plan, forest_block, label_block

if TYPE_CHECKING:
    from mineeco_xr.kernels.forest import PackedForest

OF_REGRESSORS = ("mean", "spread", "quantiles")
OF_CLASSIFIERS = ("class", "probability", "entropy")
FEATURE_DIMS = ("feature", "band", "variable")


def evaluate_forest(
    predictors: xr.Dataset | xr.DataArray,
    forest: Any,
    *,
    output: Sequence[str] | None = None,
    quantiles: Sequence[float] | None = None,
    missing: str = "nodata",
    name: str = "target",
    units: str = "1",
) -> xr.Dataset:
    """Predict every cell with a forest that scikit-learn has trained.

    Parameters
    ----------
    predictors : xarray.Dataset or xarray.DataArray
        The variables that the forest was trained on, found by their names when it knows them
        (``feature_names_in_``), else taken in their order. Dims of ``(time, y, x)``; a variable
        that lacks some of them, such as a slope among yearly indices, holds for all of them. A
        DataArray has its predictors along a dim ``feature``, ``band`` or ``variable``. NaN,
        infinities and the ``_FillValue`` of integers are nodata.
    forest : scikit-learn estimator
        Fitted ``RandomForestRegressor``, ``RandomForestClassifier``, ``ExtraTreesRegressor`` or
        ``ExtraTreesClassifier`` with one output.
    output : sequence of str, optional
        Of a regressor: ``"mean"`` (the default; its prediction), ``"spread"`` (standard deviation
        of the trees' predictions, as a population) and ``"quantiles"``. Of a classifier:
        ``"class"`` (the default; the label of the greatest probability, the first of equals),
        ``"probability"`` and ``"entropy"`` (Shannon's, of the probabilities, in nats).
    quantiles : sequence of float, optional
        Between 0 and 1, each once; asks for ``"quantiles"``: quantiles of the predictions of the
        trees, linear between them. They tell how far the trees agree; they are not the conditional
        quantiles of a quantile regression forest (Meinshausen 2006), which are wider.
    missing : {"nodata", "forest"}
        A cell where a predictor is nodata is nodata, or is predicted by the rule for missing values
        that the trees have learnt. Infinities are nodata either way.
    name, units : str
        What a regressor predicts, for the attributes.

    Returns
    -------
    xarray.Dataset
        The outputs on the grid of the predictors, float64: ``quantiles`` with a dim ``quantile``,
        ``probability`` with a dim ``label``. ``class`` holds the labels as integers with
        ``_FillValue``; labels that are no integers become codes from 1 on, named in
        ``flag_meanings``. Lazy when a predictor is.

    Raises
    ------
    SchemaError
        If a predictor is missing, or their number is not the forest's.
    ParameterError
        If the forest is of another kind, not fitted or has several outputs, an output or
        ``missing`` is unknown, or a quantile is out of range or given twice.
    GridMismatch
        If the predictors are not on one grid.

    Notes
    -----
    Pointwise: bit-identical for any chunking. Predictors become float32, as in scikit-learn, and
    the trees are summed in their order: ``mean`` and ``probability`` equal ``predict`` and
    ``predict_proba`` with ``n_jobs=1`` bit by bit (with more jobs scikit-learn's own order varies).
    The packed forest is one node of the graph, shared by all blocks.

    References
    ----------
    Breiman, L. (2001). Random forests. Machine Learning 45, 5-32.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> from sklearn.ensemble import RandomForestRegressor
    >>> from mineeco_xr.testing import with_grid
    >>> ndvi = with_grid(np.array([[0.1, 0.8, np.nan]]), name="ndvi")
    >>> trained = RandomForestRegressor(5, bootstrap=False).fit([[0.2], [0.7]], [100.0, 300.0])
    >>> evaluate_forest(ndvi.to_dataset(), trained, name="npp")["mean"].values
    array([[100., 300.,  nan]])
    """
    levels = None if quantiles is None else tuple(float(level) for level in quantiles)
    wanted = _wanted_outputs(forest, output, levels)
    if missing not in ("nodata", "forest"):
        raise ParameterError(f"missing is {missing!r}: choose 'nodata' or 'forest'.")
    layers, core_dim = _feature_layers(predictors, forest)
    plan = Plan(wanted, levels or (), len(forest.classes_) if _is_classifier(forest) else 0)
    parts = _evaluate(layers, core_dim, _packed(forest, missing == "forest"), plan)
    result = _assembled(parts, plan, forest)
    return _described(result, predictors, forest, missing, name, units)


def _is_classifier(forest: Any) -> bool:
    return hasattr(forest, "predict_proba")


def _wanted_outputs(
    forest: Any, output: Sequence[str] | None, quantiles: Sequence[float] | None
) -> tuple[str, ...]:
    _require_forest(forest)
    kind = "classifier" if _is_classifier(forest) else "regressor"
    known = OF_CLASSIFIERS if kind == "classifier" else OF_REGRESSORS
    wanted = list(dict.fromkeys([output] if isinstance(output, str) else output or known[:1]))
    if quantiles is not None and "quantiles" not in wanted:
        wanted.append("quantiles")
    unknown = [item for item in wanted if item not in known]
    if unknown:
        raise ParameterError(f"outputs {unknown} of a {kind}: choose from {known}.")
    if "quantiles" in wanted and (
        not quantiles or not all(0 <= quantile <= 1 for quantile in quantiles)
    ):
        raise ParameterError(f"quantiles are {quantiles}: give some between 0 and 1.")
    if quantiles is not None and len(set(quantiles)) < len(quantiles):
        raise ParameterError(f"quantiles are {quantiles}: give each once.")
    return tuple(wanted)


def _require_forest(forest: Any) -> None:
    from sklearn.ensemble import (
        ExtraTreesClassifier,
        ExtraTreesRegressor,
        RandomForestClassifier,
        RandomForestRegressor,
    )

    kinds = (
        *(ExtraTreesClassifier, ExtraTreesRegressor),
        *(RandomForestClassifier, RandomForestRegressor),
    )
    if not isinstance(forest, kinds):
        names = ", ".join(kind.__name__ for kind in kinds)
        raise ParameterError(f"forest is a {type(forest).__name__}: train one of {names}.")
    if not hasattr(forest, "estimators_"):
        raise ParameterError(f"the {type(forest).__name__} is not fitted: call its fit() first.")
    if forest.n_outputs_ > 1:
        raise ParameterError(
            f"the forest has {forest.n_outputs_} outputs and one is expected: train one forest for "
            "each target."
        )


def _packed(forest: Any, missing: bool) -> PackedForest:
    from mineeco_xr.kernels.forest import pack_forest

    trees = [estimator.tree_ for estimator in forest.estimators_]
    try:
        return pack_forest(trees, int(forest.n_features_in_), missing=missing)
    except OverflowError as error:
        raise ParameterError(str(error)) from error


def _feature_layers(
    predictors: xr.Dataset | xr.DataArray, forest: Any
) -> tuple[list[xr.DataArray], str | None]:
    """Return the predictors in the forest's order, and the dim along which one array has them."""
    names = [str(name) for name in getattr(forest, "feature_names_in_", [])]
    count = int(forest.n_features_in_)
    if isinstance(predictors, xr.DataArray):
        return _stacked_layer(predictors, names, count)
    held = [str(name) for name, layer in predictors.data_vars.items() if layer.ndim]
    _require_features(held, names, count)
    layers = [layer_of(predictors, name) for name in names or held]
    for layer in layers:
        _require_dims(layer)
    on_grid = {str(layer.name): layer for layer in layers if {"y", "x"} & set(layer.dims)}
    if not on_grid:
        raise SchemaError(f"no predictor of {names or held} has the dims 'y' and 'x'.")
    require_same_grid(on_grid)
    return [as_float(layer) for layer in layers], None


def _stacked_layer(
    data: xr.DataArray, names: list[str], count: int
) -> tuple[list[xr.DataArray], str]:
    dims = [str(dim) for dim in data.dims if dim in FEATURE_DIMS]
    if len(dims) != 1:
        raise SchemaError(
            f"{data.name or 'the raster'!r} has dims {data.dims}: its predictors must lie along "
            f"one dim named {' or '.join(map(repr, FEATURE_DIMS))}."
        )
    dim = dims[0]
    labels = data[dim].values.tolist() if dim in data.coords else []
    if names and labels and all(isinstance(label, str) for label in labels):
        _require_features(labels, names, count)
        data = data.sel({dim: names})
    else:
        _require_features([str(i) for i in range(data.sizes[dim])], [], count)
    _require_dims(data.isel({dim: 0}))
    geobox_of(data)
    return [as_float(data)], dim


def _require_features(held: Sequence[str], names: Sequence[str], count: int) -> None:
    lacking = [name for name in names if name not in held]
    if lacking:
        raise SchemaError(
            f"the predictors lack {lacking}, which the forest was trained on; there are "
            f"{sorted(held)}. Add them, or rename those that go by another name."
        )
    if not names and len(held) != count:
        raise SchemaError(
            f"there are {len(held)} predictors and the forest was trained on {count}, without "
            "names: select those it was trained on, in their order."
        )


def _require_dims(layer: xr.DataArray) -> None:
    extra = [dim for dim in layer.dims if dim not in ("time", "y", "x")]
    if extra:
        raise SchemaError(
            f"predictor {layer.name!r} has dims {layer.dims}: select one of {extra} first."
        )


def _evaluate(
    layers: list[xr.DataArray], core_dim: str | None, forest: PackedForest, plan: Plan
) -> list[xr.DataArray]:
    # The first array rules the order of dims: let it be one that has them all.
    order = sorted(range(len(layers)), key=lambda i: -layers[i].ndim)
    found = pointwise(
        forest_block,
        *(layers[i] for i in order),
        _forest_layer(forest, lazy=any(layer.chunks is not None for layer in layers)),
        dtype="float64",
        core_dim=core_dim,
        outputs=plan.layers,
        parameters={"plan": plan, "order": order, "stacked": core_dim is not None},
    )
    parts = [found] if plan.layers == 1 else list(found)
    dims = [dim for dim in ("time", "y", "x") if dim in parts[0].dims]
    return [part.transpose(*dims) for part in parts]


def _forest_layer(forest: PackedForest, *, lazy: bool) -> xr.DataArray:
    """Put the forest into a layer without dims, so that all blocks share it as one graph node."""
    box = np.empty((), dtype=object)
    box[()] = forest
    if not lazy:
        return xr.DataArray(box)
    import dask.array as da
    from dask.base import tokenize

    return xr.DataArray(
        da.from_array(box, chunks=(), asarray=False, name=f"forest-{tokenize(forest)}")
    )


def _assembled(parts: list[xr.DataArray], plan: Plan, forest: Any) -> xr.Dataset:
    variables: dict[str, xr.DataArray] = {}
    rest = iter(parts)
    for output in plan.wanted:
        own = [next(rest) for _ in range(plan.width(output))]
        if output == "quantiles":
            variables[output] = xr.concat(own, _dim("quantile", np.array(plan.quantiles)))
        elif output == "probability":
            variables[output] = xr.concat(own, _dim("label", np.asarray(forest.classes_)))
        elif output == "class":
            variables[output] = _class_map(own[0], np.asarray(forest.classes_))
        else:
            variables[output] = own[0]
    return xr.Dataset(variables)


def _dim(name: str, values: np.ndarray) -> xr.DataArray:
    return xr.DataArray(values, dims=name, coords={name: values}, name=name)


def _class_map(positions: xr.DataArray, classes: np.ndarray) -> xr.DataArray:
    attrs: dict[str, Any] = {"long_name": "class that the forest predicts"}
    if classes.dtype.kind in "iu":
        codes, fill, dtype = _smallest_type(classes)
    else:
        codes, fill, dtype = _smallest_type(np.arange(1, classes.size + 1))
        attrs["flag_meanings"] = " ".join("_".join(str(label).split()) for label in classes)
    codes = codes.astype(dtype)
    found = pointwise(
        label_block, positions, dtype=dtype, parameters={"codes": codes, "fill": fill}
    )
    return found.assign_attrs(**attrs, flag_values=codes, _FillValue=dtype.type(fill))


def _smallest_type(codes: np.ndarray) -> tuple[np.ndarray, int, np.dtype]:
    """Return codes, a fill value that is none of them, and the least type that holds both.

    The fill value is 0 when that is free, and else the largest or the smallest of the type.
    """
    held = {int(code) for code in codes}
    for kind in ("uint8", "uint16", "int16", "int32", "int64", "uint64"):
        limits = np.iinfo(kind)
        free = [fill for fill in (0, int(limits.max), int(limits.min)) if fill not in held]
        if free and limits.min <= min(held) and max(held) <= limits.max:
            return codes, free[0], np.dtype(kind)
    raise ParameterError(f"class labels {sorted(held)} fit no integer type: renumber them.")


def _described(
    result: xr.Dataset,
    predictors: xr.Dataset | xr.DataArray,
    forest: Any,
    missing: str,
    name: str,
    units: str,
) -> xr.Dataset:
    described = {
        "mean": (units, f"mean of the trees' predictions of {name}"),
        "spread": (units, f"standard deviation of the trees' predictions of {name}"),
        "quantiles": (units, f"quantile of the trees' predictions of {name}"),
        "class": ("1", "class that the forest predicts"),
        "probability": ("1", "mean of the trees' class shares"),
        "entropy": ("1", "Shannon entropy of the class probabilities, in nats"),
    }
    for output, layer in result.data_vars.items():
        own, text = described[str(output)]
        layer.attrs = {**layer.attrs, "units": own, "long_name": text}
    for dim in ("quantile", "label"):
        if dim in result.dims:
            result[dim].attrs = {"long_name": f"{dim} of the forest", "units": "1"}
    if isinstance(predictors, xr.Dataset):
        inputs = {str(key): value for key, value in predictors.data_vars.items() if value.ndim}
    else:
        inputs = {str(predictors.name or "predictors"): predictors}
    return finalize(
        result,
        function="evaluate_forest",
        parameters={
            "forest": f"{type(forest).__name__}({len(forest.estimators_)} trees)",
            "output": list(map(str, result.data_vars)),
            "missing": missing,
            "name": name,
        },
        inputs=inputs,
        attrs={"variable": name},
    )
