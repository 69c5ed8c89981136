"""Sum a symmetric kernel around runs of equal cells: the exact way, and the fast one for few runs.

A run of cells ``x0..x1`` of one row adds ``v (C(x - x0) - C(x - x1 - 1))`` to the cells ``x`` of a
row near it, where ``C`` is the running sum of that row of the kernel: the cost of a solid pit is
that of its rows, not of its cells. Beyond the kernel's reach nothing is added: zeros are exact.
"""

from __future__ import annotations

import numpy as np
from numba import njit

Window = tuple[int, int, int, int, int]
"""Layer, first row and column, rows and columns of a tile with its margins."""

SHORT_RUN = 64
"""Longer runs may be cut, where the kernel is narrow."""

TAP_SECONDS, LINE_SECONDS = 0.17e-9, 25e-9
"""Of a cell of a run's row, and of such a row; measured."""


def longest_run(radius: int) -> int:
    """Return how many cells of a run are added at once, for a kernel of a radius in columns."""
    return max(radius + 1, SHORT_RUN)


def running_sums(quarter: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the running sums of a kernel's rows, and how far each row reaches.

    Parameters
    ----------
    quarter : ndarray, (r + 1, s + 1), float64
        Weights at offsets of 0 to ``r`` rows and 0 to ``s`` columns.

    Returns
    -------
    sums : ndarray, (r + 1, n), float64
        ``sums[i, n // 2 + j]`` is the sum up to the column offset ``j``: zeros, the running sum,
        and the total, so that the difference for a whole run is taken in one loop.
    reach : ndarray, (r + 1,), int64
        Largest column offset with a weight, -1 where the row has none.
    """
    radius = quarter.shape[1] - 1
    longest = longest_run(radius)
    rows = np.concatenate([quarter[:, :0:-1], quarter], axis=1)
    sums = np.zeros((rows.shape[0], 2 * (radius + longest + 1)))
    inner = sums[:, longest + 1 : longest + 1 + rows.shape[1]]
    np.cumsum(rows, axis=1, out=inner)
    sums[:, longest + 1 + rows.shape[1] :] = inner[:, -1:]
    reach = radius - np.argmax(quarter[:, ::-1] > 0, axis=1)
    return sums, np.where(quarter.any(axis=1), reach, -1)


def count_runs(values: np.ndarray, window: Window, enough: float) -> tuple[int, int]:
    """Count the runs of equal positive values along the rows of a window.

    Parameters
    ----------
    values : ndarray, (layers, h, w), float32
        NaN counts as nothing.
    window : tuple of int
        Where to look.
    enough : float
        Counting ends where there are more runs than this.

    Returns
    -------
    runs, cells : int
        Runs, and cells in them.
    """
    runs, cells = _count(values, *window, float(enough))
    return int(runs), int(cells)


@njit(nogil=True, cache=True)
def _count(values, layer, top, left, rows, columns, enough):  # type: ignore[no-untyped-def]
    runs, cells = 0, 0
    for i in range(rows):
        row = values[layer, top + i, left : left + columns]
        before, here = row[: columns - 1], row[1:]
        # Narrow counters let the loop run on vectors.
        row_runs, row_cells = np.int32(row[0] > 0), np.int32(row[0] > 0)
        for j in range(here.size):
            row_runs += np.int32((here[j] > 0) & (here[j] != before[j]))
            row_cells += np.int32(here[j] > 0)
        runs += int(row_runs)
        cells += int(row_cells)
        if runs > enough:
            break
    return runs, cells


def scatter(
    values: np.ndarray,
    window: Window,
    room: int,
    kernel_sums: tuple[np.ndarray, np.ndarray],
    out: np.ndarray,
) -> None:
    """Write the kernel sums of a tile, added up in float64.

    Parameters
    ----------
    values : ndarray, (layers, h, w), float32
        Not negative; NaN counts as nothing.
    window : tuple of int
        The tile with margins as wide as the kernel's radii.
    room : int
        At least the number of runs, long ones cut.
    kernel_sums : tuple
        As :func:`running_sums` gives them.
    out : ndarray, (h - 2 r, w - 2 s), float32
        Written in place.
    """
    sums, reach = kernel_sums
    margin = (window[4] - out.shape[1]) // 2
    longest = longest_run(margin)
    first = np.empty(window[3] + 1, dtype=np.int64)
    ends = np.empty((room, 2), dtype=np.int64)
    levels = np.empty(room, dtype=np.float64)
    _find(values, *window, longest, margin, first, ends, levels)
    _scatter(np.flatnonzero(np.diff(first)), first, ends, levels, sums, reach, out)


@njit(nogil=True, cache=True)
def _find(values, layer, top, left, rows, columns, longest, margin, first, ends, levels):  # type: ignore[no-untyped-def]
    found = 0
    for i in range(rows):
        first[i] = found
        row = values[layer, top + i, left : left + columns]
        last, begin = np.float32(0.0), 0
        for j in range(columns):
            value = row[j]
            if value > 0:
                if value != last or j - begin == longest:
                    # In columns of the tile, those of the window less the margin.
                    ends[found, 0] = j - margin
                    levels[found] = value
                    found += 1
                    begin = j
                ends[found - 1, 1] = j - margin
            last = value
    first[rows] = found


@njit(nogil=True, cache=True)
def _scatter(sources, first, ends, levels, sums, reach, out):  # type: ignore[no-untyped-def]
    radius = sums.shape[0] - 1
    line = np.empty(out.shape[1])
    begin = 0
    for y in range(out.shape[0]):
        line[:] = 0.0
        while begin < sources.size and sources[begin] < y:
            begin += 1
        for number in range(begin, sources.size):
            source = sources[number]
            if source > y + 2 * radius:
                break
            offset = abs(source - y - radius)
            if reach[offset] < 0:
                continue
            for run in range(first[source], first[source + 1]):
                _add_run(line, sums, offset, levels[run], ends[run, 0], ends[run, 1], reach[offset])
        row = out[y]
        for x in range(row.size):
            row[x] = line[x]


@njit(nogil=True, cache=True)
def _add_run(line, sums, offset, level, x0, x1, width):  # type: ignore[no-untyped-def]
    # Unsigned positions spare the test for negative ones, which keeps a loop from vectors.
    zero, row = sums.shape[1] // 2, np.uint64(offset)
    for x in range(max(0, x0 - width), min(line.size, x1 + width + 1)):
        until_x1 = sums[row, np.uint64(zero - x1 - 1 + x)]
        line[np.uint64(x)] += level * (sums[row, np.uint64(zero - x0 + x)] - until_x1)


def scatter_seconds(runs: int, cells: int, radii: tuple[int, int]) -> float:
    """Estimate the time of :func:`scatter`, were nothing of a kernel to fall outside the tile.

    Parameters
    ----------
    runs, cells : int
        As counted.
    radii : tuple of int
        Of the kernel, rows and columns.

    Returns
    -------
    float
        Seconds: the taps of a disc and the run's own length, on each of its rows.
    """
    pieces = runs + cells // longest_run(radii[1])
    taps = pieces * np.pi / 2 * radii[1] + cells
    return float((2 * radii[0] + 1) * (TAP_SECONDS * taps + LINE_SECONDS * pieces))
