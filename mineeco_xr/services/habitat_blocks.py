"""What one block of a habitat needs: its layers by name, taken date by date to the kernels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mineeco_xr.services.class_values import ClassValues

LANDUSE = "lulc"
SUITABILITY = "habitat"
BEFORE = "before"
DEGRADATION = "degradation"

SLAB_ROWS = 256
"""Rows whose access is looked up at once, so that it weighs little beside the block."""

Blocks = dict[str, np.ndarray]


def degradation_only(
    *blocks: np.ndarray,
    shared: ClassValues,
    names: Sequence[str],
    weights: Mapping[str, float],
    per_threat: bool,
    shares: np.ndarray | None = None,
) -> np.ndarray:
    """Return the degradation by threats, or with that by each of them, stacked.

    Parameters
    ----------
    *blocks : ndarray
        Dims ``(y, x)`` or ``(time, y, x)``.
    shared : ClassValues
        The table of sensitivities.
    names : sequence of str
        Of the blocks: ``lulc``, ``access``, columns of the table that are rasters, ``felt`` before
        the name of each threat, and ``before``, the degradation by other threats.
    weights : mapping
        By threat.
    per_threat : bool
        Whether to return that by each threat.
    shares : ndarray of float32, optional
        What the numbers of ``access`` stand for.

    Returns
    -------
    ndarray of float32
        Dims of the blocks, or one more before them; NaN where the land use is nodata.
    """
    layers = dict(zip(names, blocks, strict=True))
    out = _empty(blocks, 1 + (len(weights) if per_threat else 0))
    if BEFORE in layers:
        out[0] = layers[BEFORE]
    _degrade(layers, _places(shared, layers[LANDUSE]), shared, weights, shares, out)
    return out if per_threat else out[0]


def quality_only(
    *blocks: np.ndarray,
    shared: Any,
    names: Sequence[str],
    scaling: float,
    half_saturation: float | None,
) -> np.ndarray:
    """Return the quality of a degradation.

    Parameters
    ----------
    *blocks : ndarray
        The degradation by all threats, the land use, and perhaps the suitability.
    shared : ClassValues or tuple
        The table of sensitivities; with the degradation that halves the quality where that is no
        parameter.
    names : sequence of str
        Of the blocks.
    scaling : float
        Exponent.
    half_saturation : float, optional
        The degradation that halves the quality.

    Returns
    -------
    ndarray of float32
        Dims of the blocks.
    """
    out = _empty(blocks, 1)[0]
    table, half = shared if half_saturation is None else (shared, half_saturation)
    layers = dict(zip(names, blocks, strict=True))
    places = _places(table, layers[LANDUSE])
    _judge(layers, places, table, half, scaling, out)
    return out


def largest(block: np.ndarray, *, shared: Any) -> float:
    """Return the largest number of a block, 0 when all is nodata."""
    return float(np.fmax.reduce(block, axis=None, initial=0.0))


def largest_of(parts: list[float]) -> float:
    """Return the largest of all blocks'."""
    return max(parts)


def half_of_largest(found: float, shared: ClassValues) -> tuple[ClassValues, float]:
    """Return the table, and half of the largest degradation."""
    return shared, found / 2.0


def _empty(blocks: Sequence[np.ndarray], count: int) -> np.ndarray:
    return np.zeros((count, *np.broadcast_shapes(*(b.shape for b in blocks))), dtype=np.float32)


def _degrade(
    layers: Blocks,
    places: np.ndarray,
    table: ClassValues,
    weights: Mapping[str, float],
    shares: np.ndarray | None,
    out: np.ndarray,
) -> None:
    """Set the first layer of ``out`` to the sum over threats, and any others to its terms."""
    from mineeco_xr.kernels.habitat import NONE, Values, add_degradation

    access = layers.get("access", NONE)
    for number, (threat, weight) in enumerate(weights.items()):
        felt = layers[f"felt {threat}"]
        terms = out[1 + number] if len(out) > 1 else NONE
        for index in np.ndindex(*out.shape[1:-2]):
            sensitivity = _values(layers, table, threat, index)
            for top in range(0, out.shape[-2], SLAB_ROWS):
                rows = slice(top, top + SLAB_ROWS)
                add_degradation(
                    _at(places, index)[rows],
                    _at(felt, index)[rows],
                    Values(sensitivity.numbers, sensitivity.raster[rows]),
                    weight,
                    _allowed(_at(access, index)[rows], shares),
                    out[0][index][rows],
                    _at(terms, index)[rows],
                )
    if any(threat in layers for threat in weights):
        _mask(table, layers[LANDUSE], out)


def _allowed(access: np.ndarray, shares: np.ndarray | None) -> np.ndarray:
    return _floats(access) if shares is None else shares[access]


def _judge(
    layers: Blocks,
    places: np.ndarray,
    table: ClassValues,
    half_saturation: float,
    scaling: float,
    out: np.ndarray,
) -> None:
    from mineeco_xr.kernels.habitat import habitat_quality

    for index in np.ndindex(*out.shape[:-2]):
        habitat_quality(
            _at(places, index),
            _at(layers[DEGRADATION], index),
            _values(layers, table, SUITABILITY, index),
            half_saturation,
            scaling,
            out[index],
        )
    if SUITABILITY in layers:
        _mask(table, layers[LANDUSE], out)


def _places(table: ClassValues, classes: np.ndarray) -> np.ndarray:
    """Return where the numbers of classes stand, in one of two types, for the kernels' sake."""
    if not table.columns:
        return np.zeros(classes.shape, dtype=np.uint16)
    positions = table.positions(classes)
    entries = next(iter(table.columns.values())).size
    few = positions.dtype.itemsize <= 2 or entries <= np.iinfo(np.uint16).max + 1
    return np.ascontiguousarray(positions, dtype=np.uint16 if few else np.int32)


def _values(layers: Blocks, table: ClassValues, column: str, index: tuple[int, ...]) -> Any:
    from mineeco_xr.kernels.habitat import NO_NUMBERS, Values

    if column in layers:
        # Numbers for each date have no rows and columns, which the kernels do not look for.
        shape = layers[LANDUSE].shape[-2:]
        return Values(NO_NUMBERS, _floats(np.broadcast_to(_at(layers[column], index), shape)))
    return Values(table.columns[column])


def _at(block: np.ndarray, index: tuple[int, ...]) -> np.ndarray:
    """Return the layer of a date; a block without dates, or with one, has the same for all."""
    return block if block.ndim == 2 else block[0 if block.shape[0] == 1 else index[0]]


def _floats(block: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(block, dtype=np.float32)


def _mask(table: ClassValues, classes: np.ndarray, out: np.ndarray) -> None:
    """Set nodata of the land use, which rasters in place of its table do not know of."""
    known = table.valid(classes)
    if not known.all():
        np.copyto(out, np.nan, where=~known)
