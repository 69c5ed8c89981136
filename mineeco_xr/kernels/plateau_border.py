"""Plateaus that go on in other blocks, and the runs of cells by which blocks tell of them.

Positions are those in a flattened frame, as in ``plateau``.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from mineeco_xr.kernels.flow_direction import FLAT, offsets
from mineeco_xr.kernels.plateau import RIM, longer


def border_cells(shape: tuple[int, int]) -> np.ndarray:
    """Return the positions in the flattened frame of a block's own outermost cells."""
    height, width = shape
    stride = width + 2 * RIM
    rows, columns = np.arange(height) * stride, np.arange(width)
    last = (height - 1) * stride
    sides = [columns, last + columns, rows, rows + width - 1]
    return np.concatenate(sides) + RIM * stride + RIM


@njit(nogil=True, cache=True)
def expand_runs(runs):  # type: ignore[no-untyped-def]
    """Return all positions of runs.

    Parameters
    ----------
    runs : ndarray, (n, 2), int64
        First positions and lengths.

    Returns
    -------
    ndarray of int64
        Positions.
    """
    total = 0
    for number in range(runs.shape[0]):
        total += runs[number, 1]
    out = np.empty(total, np.int64)
    at = 0
    for number in range(runs.shape[0]):
        for step in range(runs[number, 1]):
            out[at + step] = runs[number, 0] + step
        at += runs[number, 1]
    return out


@njit(nogil=True, cache=True)
def copy_runs(runs, frame, values, into_frame):  # type: ignore[no-untyped-def]
    """Copy the values of runs into a flattened frame, or out of it.

    Parameters
    ----------
    runs : ndarray, (n, 2), int64
        First positions and lengths.
    frame, values : ndarray of float64
        The frame, and the values of all runs one after the other.
    into_frame : bool
        Which of the two is written.
    """
    at = 0
    for number in range(runs.shape[0]):
        start, length = runs[number, 0], runs[number, 1]
        for step in range(length):
            if into_frame:
                frame[start + step] = values[at + step]
            else:
                values[at + step] = frame[start + step]
        at += length


@njit(nogil=True, cache=True)
def fill_runs(runs, frame, value):  # type: ignore[no-untyped-def]
    """Set the cells of runs in a flattened frame to one value.

    Parameters
    ----------
    runs : ndarray, (n, 2), int64
        First positions and lengths.
    frame : ndarray of float64
        The frame.
    value : float
        The value.
    """
    for number in range(runs.shape[0]):
        for cell in range(runs[number, 0], runs[number, 0] + runs[number, 1]):
            frame[cell] = value


def label_crossing(codes: np.ndarray) -> tuple[np.ndarray, int]:
    """Label the plateaus of a block that go on in a neighbouring block.

    Parameters
    ----------
    codes : ndarray, (h + 4, w + 4), uint8
        From ``flow_direction.steepest``.

    Returns
    -------
    labels : ndarray, (h, w), int32
        From 1; 0 elsewhere.
    count : int
        Number of such plateaus.
    """
    labels = np.full(codes.shape, -1, np.int32)
    own = labels[RIM:-RIM, RIM:-RIM]
    own[...] = 0
    starts = border_cells(own.shape)
    starts = starts[codes.ravel()[starts] == FLAT]
    count = _label_crossing(codes.ravel(), labels.ravel(), starts, offsets(codes.shape[1]))
    return own, count


@njit(nogil=True, cache=True)
def _label_crossing(codes, labels, starts, around):  # type: ignore[no-untyped-def]
    count, stack = 0, np.empty(1024, np.int64)
    for start in starts:
        crossing = False
        for direction in range(8):
            other = start + around[direction]
            crossing |= labels[other] < 0 and codes[other] == FLAT
        if labels[start] > 0 or not crossing:
            continue
        count += 1
        labels[start] = count
        stack[0], size = start, 1
        while size:
            size -= 1
            cell = stack[size]
            for direction in range(8):
                other = cell + around[direction]
                if labels[other] != 0 or codes[other] != FLAT:
                    continue
                labels[other] = count
                if size == stack.size:
                    stack = longer(stack)
                stack[size] = other
                size += 1
    return count
