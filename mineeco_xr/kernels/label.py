"""Connected components of equal class in one block, numbered by the order of their first cells.

One pass gives every cell a provisional label and joins labels that meet (union-find; Rosenfeld and
Pfaltz 1966, with the decision tree of Wu, Otoo and Suzuki 2009: a cell looks at no neighbour whose
label the ones already seen imply). Labels are made in the order of the cells and joined to the
smaller one, so that the root of a component is the label of its first cell.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from mineeco_xr.errors import ParameterError


def class_codes(
    block: Any,
    *,
    fill: float | None = None,
    background: float | None = None,
    classes: tuple[float, ...] | None = None,
) -> np.ndarray:
    """Turn a raster of classes into integers of which the smallest means no patch.

    Parameters
    ----------
    block : ndarray, (h, w)
        bool (``False`` is no patch), integers or floats (NaN is no patch).
    fill, background : float, optional
        Values that are no patch.
    classes : tuple of float, optional
        The only values that are patches.

    Returns
    -------
    ndarray, (h, w), int32 or int64
        Equal where the values are.

    Raises
    ------
    ParameterError
        If a patch would have the code of none, as the smallest int64 and 2**63 have.
    """
    if block.dtype.kind == "b" and classes is None and background is None:
        return np.where(block, np.int32(1), np.iinfo(np.int32).min)
    outside = ~block if block.dtype.kind == "b" else np.zeros(block.shape, dtype=bool)
    if block.dtype.kind == "f":
        wide = np.float64 if block.dtype.itemsize > 4 else np.float32
        outside = np.isnan(block)
        # Adding zero turns -0.0 into 0.0: equal numbers must have equal bits.
        codes: Any = (block.astype(wide) + wide(0)).view(
            np.int64 if wide is np.float64 else np.int32
        )
    else:
        codes = block.astype(np.int32 if block.dtype.itemsize <= 2 else np.int64)
    # Plain integers are compared exactly, where floats would lose the last digits of large ones.
    exact = block.dtype.kind in "iu"
    for value in (fill, background):
        if value is not None and not (exact and value % 1):
            outside |= block == (int(value) if exact else value)
    if classes is not None:
        wanted = list(classes)
        if exact:
            limits = np.iinfo(block.dtype)
            held = [value for value in wanted if limits.min <= value <= limits.max]
            wanted = [int(value) for value in held if not value % 1]
        outside |= ~np.isin(block, np.asarray(wanted, dtype=block.dtype))
    none = np.iinfo(codes.dtype).min
    if exact and block.dtype.itemsize == codes.dtype.itemsize:
        _require_free(block, (codes == none) & ~outside)
    np.copyto(codes, none, where=outside)
    return codes


def _require_free(block: np.ndarray, taken: np.ndarray) -> None:
    if taken.any():
        raise ParameterError(
            f"the raster to be labelled holds the class {block[taken][0]}, which stands for no "
            "patch inside; expected other integers. Name it as background or _FillValue if it is "
            "none, or give that class another number."
        )


def label_cells(codes: np.ndarray, connectivity: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Label the components of a block.

    Parameters
    ----------
    codes : ndarray, (h, w), int32 or int64
        From :func:`class_codes`.
    connectivity : {4, 8}
        Whether cells that share only a corner are one component.

    Returns
    -------
    labels : ndarray, (h, w), int32
        Provisional label of each cell; 0 for none.
    numbers : ndarray, int32
        Component of each provisional label, from 1 on; 0 for none.
    first : ndarray, (components,), int64
        First cell of each component, counted along the rows; ascending.
    """
    labels = np.empty(codes.shape, dtype=np.int32)
    parent = np.empty(codes.size + 1, dtype=np.int32)
    first = np.empty(codes.size + 1, dtype=np.int64)
    none = np.full(codes.shape[1], np.iinfo(codes.dtype).min, dtype=codes.dtype)
    used = _scan(codes, none, connectivity == 8, labels, parent, first)
    found = _number(parent, first, used)
    return labels, parent[:used].copy(), first[:found].copy()


@njit(nogil=True, cache=True)
def _root(parent, label):  # type: ignore[no-untyped-def]
    while parent[label] != label:
        parent[label] = parent[parent[label]]
        label = parent[label]
    return label


@njit(nogil=True, cache=True)
def _join(parent, one, other):  # type: ignore[no-untyped-def]
    one, other = _root(parent, one), _root(parent, other)
    if one < other:
        parent[other] = one
        return one
    parent[one] = other
    return other


@njit(nogil=True, cache=True)
def _scan(codes, none, diagonal, labels, parent, first):  # type: ignore[no-untyped-def]
    height, width = codes.shape
    outside = none[0]
    parent[0] = 0
    used = 1
    above = none
    above_labels = labels[0]
    for i in range(height):
        row, row_labels = codes[i], labels[i]
        left, up_left, up = outside, outside, above[0]
        label = np.int32(0)
        for j in range(width):
            code = row[j]
            up_right = above[j + 1] if j + 1 < width else outside
            if code == outside:
                label = np.int32(0)
            elif code == up:
                # What lies beside the cell above is joined to it already, unless only a corner
                # would have done so.
                if not diagonal and code == left and code != up_left:
                    label = _join(parent, label, above_labels[j])
                else:
                    label = above_labels[j]
            elif code == left:
                if diagonal and code == up_right:
                    label = _join(parent, label, above_labels[j + 1])
            elif diagonal and code == up_left:
                label = above_labels[j - 1]
                if code == up_right:
                    label = _join(parent, label, above_labels[j + 1])
            elif diagonal and code == up_right:
                label = above_labels[j + 1]
            else:
                label = np.int32(used)
                parent[used] = used
                first[used] = np.int64(i) * width + j
                used += 1
            row_labels[j] = label
            left, up_left, up = code, up, up_right
        above, above_labels = row, row_labels
    return used


@njit(nogil=True, cache=True)
def _number(parent, first, used):  # type: ignore[no-untyped-def]
    """Replace parents by component numbers and gather the components' first cells."""
    found = 0
    for label in range(1, used):
        if parent[label] == label:
            first[found] = first[label]
            found += 1
            parent[label] = found
        else:
            # A parent is smaller than its child: it has its number already.
            parent[label] = parent[parent[label]]
    return found


def relabel(labels: np.ndarray, names: np.ndarray) -> np.ndarray:
    """Replace provisional labels, in place.

    Parameters
    ----------
    labels : ndarray, (h, w), int32
        From :func:`label_cells`.
    names : ndarray, int32
        What stands for each.

    Returns
    -------
    ndarray, (h, w), int32
        The same array.
    """
    _replace(labels, names)
    return labels


@njit(nogil=True, cache=True)
def _replace(labels, names):  # type: ignore[no-untyped-def]
    for i in range(labels.shape[0]):
        for j in range(labels.shape[1]):
            labels[i, j] = names[labels[i, j]]
