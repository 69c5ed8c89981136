"""The strongest of all decayed threats at every cell, one strip of rows at a time.

``max_y r_y i(d_xy)`` is, level by level of the intensity ``r``, the weight of the distance to the
nearest cell of that level. The strongest come first, so that weaker ones are looked at only near
their cells and only where they may matter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numba import njit

from mineeco_xr.errors import ParameterError
from mineeco_xr.kernels.decay import weights
from mineeco_xr.kernels.distance import ABSENT, FEATURE, strip_distance

MOST_LEVELS = 256
"""Each costs a distance transform around its cells."""

SLAB = 2**16
"""Cells weighed at once, so that what stands between stays in the cache."""

Ends = Mapping[float, np.ndarray]
"""By level: a row of the raster for each column, or ``ABSENT``."""


@dataclass(frozen=True)
class Decay:
    """How threats decay on a grid.

    Attributes
    ----------
    kind, max_distance
        As in :func:`mineeco_xr.kernels.decay.weights`.
    reach : tuple of int
        Rows and columns beyond which no cell is felt.
    cell : tuple of float
        Height and width of a cell, metres.
    compared : tuple of float
        The same in numbers that compare exactly.
    """

    kind: str
    max_distance: float
    reach: tuple[int, int]
    cell: tuple[float, float]
    compared: tuple[float, float]


def levels_in(values: np.ndarray, label: str) -> np.ndarray:
    """Return the distinct intensities above 0, rising.

    Parameters
    ----------
    values : ndarray, float32
        Intensities; NaN is nodata.
    label : str
        Of the threat, for the message.

    Returns
    -------
    ndarray of float32, (n,)
        At most ``MOST_LEVELS``.

    Raises
    ------
    ParameterError
        If there are more.
    """
    found = some_levels_in(values)
    require_few(len(found), label)
    return found


def some_levels_in(values: np.ndarray) -> np.ndarray:
    """Return the distinct intensities above 0, rising, of which one too many is enough.

    Parameters
    ----------
    values : ndarray, float32
        Intensities; NaN is nodata.

    Returns
    -------
    ndarray of float32, (n,)
        At most ``MOST_LEVELS + 1``, and then not all.
    """
    return _distinct(np.ascontiguousarray(values).reshape(-1), MOST_LEVELS)


def require_few(count: int, label: str) -> None:
    """Refuse more levels than there is time for.

    Parameters
    ----------
    count : int
        Of distinct intensities.
    label : str
        Of the threat, for the message.

    Raises
    ------
    ParameterError
        If there are more than ``MOST_LEVELS``.
    """
    if count > MOST_LEVELS:
        raise ParameterError(
            f"{label} holds more than {MOST_LEVELS} distinct intensities within reach of each "
            f"other; expected {MOST_LEVELS} at most, for rule='strongest' measures distances to "
            "each. Round them to steps, as .round(2) does, or use rule='accumulate'."
        )


def ends_of(values: np.ndarray, levels: np.ndarray, top: int) -> tuple[Ends, Ends]:
    """Return the first and the last row of each level in each column.

    Parameters
    ----------
    values : ndarray of float32, (h, w)
        Intensities.
    levels : ndarray of float32
        Rising, all that occur.
    top : int
        Row of the raster that the strip begins with.

    Returns
    -------
    tuple of mapping
        First and last rows.
    """
    first, last = _level_ends(np.ascontiguousarray(values), levels, top)
    names = levels.tolist()
    return dict(zip(names, first, strict=True)), dict(zip(names, last, strict=True))


def strongest_threat(
    values: np.ndarray, levels: np.ndarray, top: int, above: Ends, below: Ends, decay: Decay
) -> np.ndarray:
    """Return the strongest decayed threat at every cell of a strip.

    Parameters
    ----------
    values : ndarray of float32, (h, w)
        Intensities; NaN is nodata.
    levels : ndarray of float32
        Rising, all that occur in the strip.
    top : int
        Row of the raster that the strip begins with.
    above, below : mapping
        By level: the nearest rows before and after the strip in each column.
    decay : Decay
        How threats decay.

    Returns
    -------
    ndarray of float32, (h, w)
        At least 0; NaN at nodata.
    """
    rows, columns = values.shape
    out = np.zeros((rows, columns), dtype=np.float32)
    out[np.isnan(values)] = np.nan
    first, last = ends_of(values, levels, top)
    none = np.full(columns, ABSENT, dtype=np.int32)
    for level in sorted({*first, *above, *below}, reverse=True):
        before, after = above.get(level, none), below.get(level, none)
        inside = (first.get(level, none), last.get(level, none))
        part = _within_reach(rows, top, (before, *inside, after), decay.reach)
        # Also False where all is nodata.
        if part is None or not (out[part] < level).any():
            continue
        mask = (values[part] == np.float32(level)).astype(np.uint8) * np.uint8(FEATURE)
        away = np.empty(mask.shape, dtype=np.float64)
        across = part[1]
        strip_distance(
            mask,
            top + part[0].start,
            before[across],
            after[across],
            decay.compared,
            decay.cell,
            np.inf,
            away,
        )
        _raise_to(out[part], away, level, decay)
    return out


def _within_reach(
    rows: int, top: int, ends: tuple[np.ndarray, ...], reach: tuple[int, int]
) -> tuple[slice, slice] | None:
    """Return the part of a strip that a level may be felt in, which holds all its columns."""
    found = np.stack(ends)
    present = found != ABSENT
    across = np.flatnonzero(present.any(axis=0))
    if across.size == 0:
        return None
    held = found[present]
    start = max(0, int(held.min()) - top - reach[0])
    stop = min(rows, int(held.max()) - top + reach[0] + 1)
    if start >= stop:
        return None
    left = max(0, int(across[0]) - reach[1])
    right = min(found.shape[1], int(across[-1]) + reach[1] + 1)
    return slice(start, stop), slice(left, right)


def _raise_to(out: np.ndarray, away: np.ndarray, level: float, decay: Decay) -> None:
    step = max(1, SLAB // out.shape[1])
    for start in range(0, out.shape[0], step):
        here = slice(start, start + step)
        felt = level * weights(away[here], decay.kind, decay.max_distance)
        # NaN stays; in float32, for what is compared is what is returned.
        np.maximum(out[here], felt.astype(np.float32), out=out[here])


@njit(nogil=True, cache=True)
def _distinct(values, most):  # type: ignore[no-untyped-def]
    """Return the distinct values above 0, rising; one more than ``most`` when there are more."""
    found = np.empty(most + 1, dtype=np.float32)
    count, before = 0, np.float32(0)
    for k in range(values.size):
        value = values[k]
        if not value > 0 or value == before:
            continue
        before = value
        place = np.searchsorted(found[:count], value)
        if place < count and found[place] == value:
            continue
        for later in range(count, place, -1):
            found[later] = found[later - 1]
        found[place] = value
        count += 1
        if count > most:
            break
    return found[:count].copy()


@njit(nogil=True, cache=True)
def _level_ends(values, levels, top):  # type: ignore[no-untyped-def]
    rows, columns = values.shape
    first = np.full((levels.size, columns), ABSENT, dtype=np.int32)
    last = np.full((levels.size, columns), ABSENT, dtype=np.int32)
    before, place = np.float32(0), 0
    for row in range(rows):
        for column in range(columns):
            value = values[row, column]
            if not value > 0:
                continue
            if value != before:
                before, place = value, np.searchsorted(levels, value)
            last[place, column] = top + row
            if first[place, column] == ABSENT:
                first[place, column] = top + row
    return first, last
