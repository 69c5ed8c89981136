"""Plateaus across chunks: distances to the drain, found from what the blocks tell of flat cells.

A plateau inside one block is that block's own affair. Of one that goes on in another block, a block
tells the runs of its flat cells and where it drains: as much as its outline, not its area. One task
joins them and lowers the distances block by block, the nearest first, until none changes on any
border; of a block it keeps the borders, and the distances inside only as far as memory is set aside
for them. What the blocks get back are the distances of their neighbours' border cells.
"""

from __future__ import annotations

import heapq
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np

from mineeco_xr.chunks import Place
from mineeco_xr.terrain.elevation import finite
from mineeco_xr.terrain.seams import Index, Lines, Sides, is_whole, sides_of

KEPT_BYTES = 2**29
"""Distances inside blocks that are kept between two visits; the others are found again."""


@dataclass(frozen=True)
class Crossing:
    """Of a block: its plateaus that go on in other blocks.

    Attributes
    ----------
    sides : tuple of ndarray
        Plateaus along the four sides of the block, from 1.
    runs : ndarray, (n, 2), int64
        First position and length of the runs of flat cells, positions in the flattened frame.
    drained : ndarray of bool
        Whether each plateau drains to a lower cell in this block.
    sources : ndarray of int64
        Positions of the cells beside an equally high one that drains.
    steps : ndarray of float64
        Their distances.
    outlets : ndarray of int64
        Positions of cells beside nodata or the edge of the raster.
    owners : ndarray of int32
        The outlets' plateaus.
    """

    sides: Sides
    runs: np.ndarray
    drained: np.ndarray
    sources: np.ndarray
    steps: np.ndarray
    outlets: np.ndarray
    owners: np.ndarray


@dataclass(frozen=True)
class Arrival:
    """What a block is told: positions in its flattened frame, and their distances.

    Attributes
    ----------
    cells : ndarray of int64
        Flat cells of neighbouring blocks, and own outlets of plateaus that drain nowhere else.
    distances : ndarray of float64
        Theirs.
    """

    cells: np.ndarray
    distances: np.ndarray


def crossing_plateaus(
    window: np.ndarray, *, place: Place, north: float, diagonal: float
) -> Crossing | None:
    """Describe the plateaus of a block that go on in others; None when there are none."""
    from mineeco_xr.kernels import plateau as kernels
    from mineeco_xr.kernels.flow_direction import steepest
    from mineeco_xr.kernels.plateau_border import label_crossing

    if is_whole(place):
        return None
    z = finite(window)
    codes = steepest(z, north, diagonal)
    labels, count = label_crossing(codes)
    if not count:
        return None
    cells, drains = kernels.flat_cells(z, codes)
    rim = kernels.RIM
    owners = np.pad(labels, rim).ravel()
    crossing = owners[cells] > 0
    cells, drains = cells[crossing], drains[crossing]
    ends = np.flatnonzero(np.diff(cells) != 1)
    starts = cells[np.concatenate([[0], ends + 1])]
    lengths = np.diff(np.concatenate([[-1], ends, [cells.size - 1]]))
    source = drains > 0
    drained = np.zeros(count + 1, bool)
    drained[owners[cells[source]]] = True
    outlets = cells[kernels.beside_nodata(codes, cells)]
    outlets = outlets[~drained[owners[outlets]]]
    return Crossing(
        sides=sides_of(labels),
        runs=np.stack([starts, lengths], axis=1),
        drained=drained,
        sources=cells[source],
        steps=kernels.first_steps(drains[source]),
        outlets=outlets,
        owners=owners[outlets],
    )


def solve_plateaus(
    records: Mapping[Index, Crossing | None], chunks: Any, *, north: float, diagonal: float
) -> dict[Index, Arrival | None]:
    """Return to each block the distances that reach it from outside."""
    known = {index: record for index, record in records.items() if record is not None}
    if not known:
        return dict.fromkeys(records)
    sweep = _Sweep(known, chunks)
    sweep.run()
    return {index: sweep.arrival(index) if index in known else None for index in records}


def _active_outlets(
    known: Mapping[Index, Crossing], chunks: Any
) -> tuple[Lines, dict[Index, np.ndarray]]:
    """Return which plateau stands along the seams, and the outlets of those without a drain."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    offset, total = {}, 0
    sides: dict[Index, Sides] = {}
    for index in np.ndindex(len(chunks[0]), len(chunks[1])):
        height, width = chunks[0][index[0]], chunks[1][index[1]]
        offset[index] = total
        if index in known:
            moved = [np.where(side > 0, side + total, 0) for side in known[index].sides]
            total += known[index].drained.size - 1
        else:
            moved = [np.zeros(size, np.int64) for size in (width, width, height, height)]
        sides[index] = (moved[0], moved[1], moved[2], moved[3])
    lines = Lines.of(sides, (len(chunks[0]), len(chunks[1])))
    near, far = lines.touching()
    both = (near > 0) & (far > 0)
    graph = coo_array(
        (np.ones(both.sum(), bool), (near[both], far[both])), shape=(total + 1, total + 1)
    )
    _, group = connected_components(graph, directed=False)
    drained = np.zeros(group.max() + 1, bool)
    for index, record in known.items():
        local = np.flatnonzero(record.drained)
        drained[group[local + offset[index]]] = True
    outlets = {
        index: record.outlets[~drained[group[record.owners + offset[index]]]]
        for index, record in known.items()
    }
    return lines, outlets


class _Sweep:
    """Lowers distances block by block until no border changes."""

    def __init__(self, known: Mapping[Index, Crossing], chunks: Any) -> None:
        from mineeco_xr.kernels.plateau import RIM

        self.known, self.chunks, self.rim = known, chunks, RIM
        self.starts = [np.cumsum([0, *sizes]).tolist() for sizes in chunks]
        lines, self.outlets = _active_outlets(known, chunks)
        self.lines = Lines(
            *(
                [np.where(line > 0, np.inf, -1.0) for line in side]
                for side in (lines.top, lines.bottom, lines.left, lines.right)
            )
        )
        largest = (max(chunks[0]) + 2 * RIM) * (max(chunks[1]) + 2 * RIM)
        self.scratch = np.full(largest, -1.0)
        self.kept: OrderedDict[Index, np.ndarray] = OrderedDict()
        self.bytes = 0

    def run(self) -> None:
        """Visit blocks until no border changes, those with the least pending distance first.

        Distances within half a block count as equal and are taken in turn, so that many small
        plateaus are done in a few visits and a large one as a wave.
        """
        width = max(1.0, min(max(sizes) for sizes in self.chunks) / 2)
        pending = {
            index: 0.0
            for index, record in self.known.items()
            if record.sources.size or self.outlets[index].size
        }
        turn = count()
        heap = [(0, next(turn), index) for index in sorted(pending)]
        while heap:
            wave, _, index = heapq.heappop(heap)
            if index not in pending or pending[index] // width < wave:
                continue
            del pending[index]
            for neighbour, lowest in self._visit(index):
                before = pending.get(neighbour, np.inf)
                if neighbour not in self.known or lowest >= before:
                    continue
                pending[neighbour] = lowest
                if before == np.inf or lowest // width < before // width:
                    heapq.heappush(heap, (int(lowest // width), next(turn), neighbour))

    def arrival(self, index: Index) -> Arrival:
        """Return what a block needs to know to find its own distances."""
        outlets = self.outlets[index]
        cells, distances = self._ring(index)
        return Arrival(
            np.concatenate([cells, outlets]), np.concatenate([distances, np.zeros(outlets.size)])
        )

    def _visit(self, index: Index) -> list[tuple[Index, float]]:
        from mineeco_xr.kernels import plateau_border as runs
        from mineeco_xr.kernels.plateau import lower, spread

        record, frame = self.known[index], self.scratch
        height, width = self._shape(index)
        stride = width + 2 * self.rim
        ring, distances = self._ring(index)
        inside = self.kept.pop(index, None)
        if inside is None:
            inside = np.empty(int(record.runs[:, 1].sum()))
            runs.fill_runs(record.runs, frame, np.inf)
            frame[record.sources] = record.steps
            frame[self.outlets[index]] = 0.0
            frame[ring] = distances
            spread(frame, stride, runs.expand_runs(record.runs))
        else:
            self.bytes -= inside.nbytes
            runs.copy_runs(record.runs, frame, inside, True)
            frame[ring] = distances
            lower(frame, stride, ring)
        runs.copy_runs(record.runs, frame, inside, False)
        self._keep(index, inside)
        used = (height + 2 * self.rim) * stride
        block = frame[:used].reshape(-1, stride)[self.rim : -self.rim, self.rim : -self.rim]
        changed = self._publish(index, sides_of(block))
        runs.fill_runs(record.runs, frame, -1.0)
        frame[ring] = -1.0
        return changed

    def _keep(self, index: Index, inside: np.ndarray) -> None:
        self.kept[index] = inside
        self.bytes += inside.nbytes
        while self.bytes > KEPT_BYTES:
            _, oldest = self.kept.popitem(last=False)
            self.bytes -= oldest.nbytes

    def _publish(self, index: Index, sides: Sides) -> list[tuple[Index, float]]:
        """Write a block's borders, and say which neighbours see lower ones than before."""
        i, j = index
        changed = []
        steps = ((-1, 0), (1, 0), (0, -1), (0, 1))
        for side, old, (down, right) in zip(sides, self._own(index), steps, strict=True):
            lower = side < old
            if not lower.any():
                continue
            changed.append(((i + down, j + right), float(side[lower].min())))
            for end, turn in ((0, -1), (-1, 1)):
                if lower[end]:
                    corner = (i + (down or turn), j + (right or turn))
                    changed.append((corner, float(side[end])))
            old[lower] = side[lower]
        return changed

    def _own(self, index: Index) -> Sides:
        (top, bottom), (left, right) = self._extent(index)
        i, j = index
        lines = self.lines
        return (
            lines.top[i][left:right],
            lines.bottom[i][left:right],
            lines.left[j][top:bottom],
            lines.right[j][top:bottom],
        )

    def _ring(self, index: Index) -> tuple[np.ndarray, np.ndarray]:
        """Return the reached flat cells around a block: positions in its frame, and distances."""
        cells, values = [np.empty(0, np.int64)], [np.empty(0)]
        for line, first, step in self._around(index):
            reached = np.flatnonzero((line >= 0) & (line < np.inf))
            cells.append(first + reached * step)
            values.append(line[reached])
        return np.concatenate(cells), np.concatenate(values)

    def _around(self, index: Index) -> Iterator[tuple[np.ndarray, int, int]]:
        """Yield the neighbours' sides, the position of their first cell, and the step to the next.

        The corners are in both the lines across and the lines down.
        """
        i, j = index
        (top, bottom), (left, right) = self._extent(index)
        rows, columns = self.starts[0][-1], self.starts[1][-1]
        stride = right - left + 2 * self.rim
        before = self.rim - 1
        a, b = max(0, left - 1), min(columns, right + 1)
        if i > 0:
            yield self.lines.bottom[i - 1][a:b], before * stride + a - left + self.rim, 1
        if i + 1 < len(self.chunks[0]):
            after = (bottom - top + self.rim) * stride
            yield self.lines.top[i + 1][a:b], after + a - left + self.rim, 1
        a, b = max(0, top - 1), min(rows, bottom + 1)
        first = (a - top + self.rim) * stride
        if j > 0:
            yield self.lines.right[j - 1][a:b], first + before, stride
        if j + 1 < len(self.chunks[1]):
            yield self.lines.left[j + 1][a:b], first + right - left + self.rim, stride

    def _extent(self, index: Index) -> tuple[tuple[int, int], tuple[int, int]]:
        down, across = self.starts
        i, j = index
        return (down[i], down[i + 1]), (across[j], across[j + 1])

    def _shape(self, index: Index) -> tuple[int, int]:
        return self.chunks[0][index[0]], self.chunks[1][index[1]]
