"""What a forest says of the cells of one block: mean, spread and quantiles, or class and doubt."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from mineeco_xr.kernels.forest import PackedForest

TREE_VALUES_PER_BATCH = 2**20
"""Values of single trees held at once, where their spread or quantiles are asked for."""


@dataclass(frozen=True)
class Plan:
    """What a block has to give, in order.

    Attributes
    ----------
    wanted : tuple of str
        Outputs.
    quantiles : tuple of float
        Of the trees' predictions.
    classes : int
        Number of classes, 0 of a regressor.
    """

    wanted: tuple[str, ...]
    quantiles: tuple[float, ...]
    classes: int

    def width(self, output: str) -> int:
        """Return how many layers an output takes."""
        return {"quantiles": len(self.quantiles), "probability": self.classes}.get(output, 1)

    @property
    def layers(self) -> int:
        """Number of layers of all outputs."""
        return sum(self.width(output) for output in self.wanted)


def forest_block(
    *blocks: np.ndarray, plan: Plan, order: Sequence[int], stacked: bool
) -> tuple[np.ndarray, ...] | np.ndarray:
    """Predict the cells of a block.

    Parameters
    ----------
    *blocks : ndarray
        The predictors, broadcastable, or with ``stacked`` one array with the predictors first;
        last the packed forest in an array of one element.
    plan : Plan
        What to give.
    order : sequence of int
        Which feature of the forest each block is.
    stacked : bool
        See ``blocks``.

    Returns
    -------
    ndarray or tuple of ndarray
        As many as the plan has layers.
    """
    *layers, box = blocks
    forest: PackedForest = box.flat[0]
    features = list(layers[0]) if stacked else [layers[i] for i in np.argsort(order)]
    shape = np.broadcast_shapes(*(feature.shape for feature in features))
    features = [np.broadcast_to(feature, shape) for feature in features]
    out = np.full((plan.layers, *shape), np.nan)
    flat = out.reshape(plan.layers, -1, shape[-2] * shape[-1])
    for number, index in enumerate(np.ndindex(shape[:-2])):
        _predict_slice([f[index].ravel() for f in features], forest, plan, flat[:, number])
    return out[0] if plan.layers == 1 else tuple(out)


def _predict_slice(
    features: list[np.ndarray], forest: PackedForest, plan: Plan, out: np.ndarray
) -> None:
    from mineeco_xr.kernels.forest import batch_size, sample_keys

    size = batch_size(forest)
    if {"spread", "quantiles"} & set(plan.wanted):
        size = min(size, max(256, TREE_VALUES_PER_BATCH // forest.trees))
    predict = _classified if plan.classes else _regressed
    for start in range(0, out.shape[1], size):
        samples = _float32_columns([feature[start : start + size] for feature in features])
        usable = ~np.isinf(samples) if forest.missing else np.isfinite(samples)
        cells = np.flatnonzero(usable.all(axis=1))
        if cells.size:
            keys = sample_keys(samples[cells], forest)
            out[:, start + cells] = np.concatenate(list(predict(forest, keys, plan)))


def _float32_columns(features: list[np.ndarray]) -> np.ndarray:
    # What overflows float32 becomes an infinity, and so nodata.
    with np.errstate(over="ignore"):
        return np.stack([feature.astype(np.float32) for feature in features], axis=1)


def _regressed(forest: PackedForest, keys: np.ndarray, plan: Plan) -> Iterator[np.ndarray]:
    from mineeco_xr.kernels.forest import forest_mean, tree_values

    if plan.wanted == ("mean",):
        yield forest_mean(forest, keys).T
        return
    values = tree_values(forest, keys)
    # NumPy's own sums change their order with the number of cells: here tree follows tree.
    mean = np.zeros(keys.shape[0])
    for tree in values:
        mean += tree
    mean /= forest.trees
    for output in plan.wanted:
        if output == "mean":
            yield mean[None]
        elif output == "spread":
            squares = np.zeros_like(mean)
            for tree in values:
                squares += (tree - mean) ** 2
            yield np.sqrt(squares / forest.trees)[None]
        else:
            yield np.quantile(values, plan.quantiles, axis=0)


def _classified(forest: PackedForest, keys: np.ndarray, plan: Plan) -> Iterator[np.ndarray]:
    from mineeco_xr.kernels.forest import forest_mean

    shares = np.ascontiguousarray(forest_mean(forest, keys).T)
    for output in plan.wanted:
        if output == "probability":
            yield shares
        elif output == "class":
            yield shares.argmax(axis=0)[None].astype(np.float64)
        else:
            entropy = np.zeros(shares.shape[1])
            for share in shares:
                entropy -= share * np.log(np.where(share > 0, share, 1.0))
            yield np.maximum(entropy, 0.0)[None]


def label_block(block: np.ndarray, *, codes: np.ndarray, fill: int) -> np.ndarray:
    """Turn positions of classes into their codes.

    Parameters
    ----------
    block : ndarray, float64
        Positions; NaN is nodata.
    codes : ndarray
        The code of each class.
    fill : int
        The code of nodata.

    Returns
    -------
    ndarray
        Of the type of ``codes``.
    """
    valid = np.isfinite(block)
    return np.where(valid, codes[np.where(valid, block, 0).astype(np.intp)], codes.dtype.type(fill))
