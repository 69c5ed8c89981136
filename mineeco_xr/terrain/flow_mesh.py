"""The border cells of all blocks, and which of them lie around a block."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from mineeco_xr.kernels.perimeter import perimeter_cells
from mineeco_xr.terrain.drainage import Chunks, Index, border_number, chunk_edges


@dataclass(frozen=True)
class Mesh:
    """How the border cells of all blocks are numbered: block by block, row by row.

    Attributes
    ----------
    chunks : tuple
        Sizes of the blocks, down and across.
    starts : ndarray of int64
        Number of the first border cell of each block, and of all.
    """

    chunks: Chunks
    starts: np.ndarray

    @classmethod
    def of(cls, chunks: Chunks) -> Mesh:
        """Return the mesh of some blocks."""
        sizes = [
            border_cells((rows, columns))[0].size for rows in chunks[0] for columns in chunks[1]
        ]
        return cls(chunks, np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64))

    def shape(self, key: Index) -> tuple[int, int]:
        """Return the rows and columns of a block."""
        return self.chunks[0][key[0]], self.chunks[1][key[1]]

    def part(self, key: Index) -> slice:
        """Return where a block's border cells stand."""
        number = key[0] * len(self.chunks[1]) + key[1]
        return slice(int(self.starts[number]), int(self.starts[number + 1]))

    def around(self, key: Index) -> np.ndarray:
        """Return which border cells of other blocks lie around a block, -1 outside the raster."""
        tops, lefts = chunk_edges(self.chunks)
        height, width = self.shape(key)
        row, column = np.divmod(perimeter_cells((height + 2, width + 2)), width + 2)
        return border_number(
            row + tops[key[0]] - 1, column + lefts[key[1]] - 1, self.starts, self.chunks
        )

    def neighbours(self, key: Index) -> list[Index]:
        """Return the blocks around a block."""
        rows, columns = len(self.chunks[0]), len(self.chunks[1])
        near = [(key[0] + i, key[1] + j) for i in (-1, 0, 1) for j in (-1, 0, 1) if i or j]
        return [(i, j) for i, j in near if 0 <= i < rows and 0 <= j < columns]


@lru_cache(maxsize=64)
def border_cells(shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return the border cells of a block and the cells around it, as positions in its window."""
    height, width = shape
    inner = perimeter_cells(shape)
    own = (inner // width + 1) * (width + 2) + inner % width + 1
    return own, perimeter_cells((height + 2, width + 2))


def framed(block: np.ndarray, ring: np.ndarray) -> np.ndarray:
    """Return a block with the cells around it."""
    window = np.empty((block.shape[0] + 2, block.shape[1] + 2), dtype=block.dtype)
    window[1:-1, 1:-1] = block
    window.ravel()[border_cells(block.shape)[1]] = ring
    return window


def crossed(packed: np.ndarray, downstream: bool) -> np.ndarray:
    """Return for which cells around a block flow crosses its border.

    Parameters
    ----------
    packed : ndarray, (h + 2, w + 2), uint32
        Packed weights; none but the cells on both sides of the border matter.
    downstream : bool
        Whether flow into the block counts, or flow out of it.

    Returns
    -------
    ndarray of bool, (q,)
        In the order of ``perimeter_cells``.
    """
    from mineeco_xr.kernels.flow_direction import COLUMNS, ROWS

    height, width = packed.shape[0] - 2, packed.shape[1] - 2
    row, column = np.divmod(border_cells((height, width))[1], width + 2)
    own = packed[row, column]
    found = np.zeros(row.size, dtype=bool)
    for k in range(8):
        i, j = row + ROWS[k], column + COLUMNS[k]
        inside = (i > 0) & (i <= height) & (j > 0) & (j <= width)
        other = packed[np.where(inside, i, 0), np.where(inside, j, 0)]
        back = np.uint32(4 * ((k + 4) & 7))
        code = own >> np.uint32(4 * k) if downstream else other >> back
        found |= inside & (code & np.uint32(15) != 0)
    return found
