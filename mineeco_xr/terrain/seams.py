"""Seams: the cells on both sides of all block borders, as lines across the whole raster."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from mineeco_xr.chunks import Place

Index = tuple[int, int]
Sides = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def is_whole(place: Place) -> bool:
    """Say whether a block is the whole raster, so that nothing crosses its borders."""
    return (place.rows.stop - place.rows.start, place.columns.stop - place.columns.start) == (
        place.shape
    )


def ends_of_raster(place: Place) -> tuple[bool, bool, bool, bool]:
    """Say whether the raster ends at the top, bottom, left and right of a block."""
    return (
        place.rows.start == 0,
        place.rows.stop == place.shape[0],
        place.columns.start == 0,
        place.columns.stop == place.shape[1],
    )


def sides_of(block: np.ndarray) -> Sides:
    """Return copies of the first and last row and the first and last column of a block."""
    return block[0].copy(), block[-1].copy(), block[:, 0].copy(), block[:, -1].copy()


@dataclass(frozen=True)
class Lines:
    """What the blocks have along their sides, joined to lines as long as the raster.

    Attributes
    ----------
    top, bottom : list of ndarray
        First and last row of each row of blocks.
    left, right : list of ndarray
        First and last column of each column of blocks.
    """

    top: list[np.ndarray]
    bottom: list[np.ndarray]
    left: list[np.ndarray]
    right: list[np.ndarray]

    @classmethod
    def of(cls, sides: Mapping[Index, Sides], blocks: tuple[int, int]) -> Lines:
        """Join the sides of ``blocks`` rows and columns of blocks."""
        rows, columns = blocks
        return cls(
            *(
                [np.concatenate([sides[i, j][side] for j in range(columns)]) for i in range(rows)]
                for side in (0, 1)
            ),
            *(
                [np.concatenate([sides[i, j][side] for i in range(rows)]) for j in range(columns)]
                for side in (2, 3)
            ),
        )

    def pairs(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield all pairs of cells that touch across a seam, by edge or by corner.

        The order is the same for all lines of one shape; a pair across a corner of four blocks
        comes twice.
        """
        for near, far in (*_between(self.bottom, self.top), *_between(self.right, self.left)):
            yield near, far
            yield near[1:], far[:-1]
            yield near[:-1], far[1:]

    def touching(self) -> tuple[np.ndarray, np.ndarray]:
        """Return all pairs at once."""
        pairs = list(self.pairs())
        return np.concatenate([a for a, _ in pairs]), np.concatenate([b for _, b in pairs])


def _between(
    last: list[np.ndarray], first: list[np.ndarray]
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    return zip(last[:-1], first[1:], strict=True)
