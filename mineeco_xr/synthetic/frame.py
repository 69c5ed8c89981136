"""Where things lie: the extent in metres, and the core square in which the mine is laid out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mineeco_xr.kernels.hash import stream_key, uniform_cells

LARGEST_CORE = 18_000.0
"""Side of the core square at most, in metres; larger extents repeat mines around it."""


@dataclass(frozen=True)
class Frame:
    """The extent of a coalfield in local metres, x to the east and y to the north.

    The core is a square in the middle, as large as the extent allows. The layout is written
    once in core coordinates u and v from 0 to 1, and mirrored by the seed.

    Parameters
    ----------
    width, height : float
        Extent, m.
    resolution : float
        Cell size, m.
    mirror : tuple of float
        1 or -1 for u and v.
    """

    width: float
    height: float
    resolution: float
    mirror: tuple[float, float]

    @property
    def side(self) -> float:
        """Side of the core square, m: the unit of every length of the layout."""
        return min(self.width, self.height, LARGEST_CORE)

    @property
    def corner(self) -> tuple[float, float]:
        """Local x and y of the upper left corner of the grid."""
        return (0.0, self.height)

    @property
    def step(self) -> tuple[float, float]:
        """Cell size in x and y, north up."""
        return (self.resolution, -self.resolution)

    def place(self, u: float, v: float) -> tuple[float, float]:
        """Return local x and y of a point in core coordinates."""
        x = self.width / 2 + self.mirror[0] * (u - 0.5) * self.side
        y = self.height / 2 + self.mirror[1] * (v - 0.5) * self.side
        return (x, y)

    def heading(self, angle: float) -> float:
        """Return a direction of the layout, in radians from u towards v, as one on the map."""
        return float(np.arctan2(self.mirror[1] * np.sin(angle), self.mirror[0] * np.cos(angle)))

    def span_u(self) -> tuple[float, float]:
        """Return u at the two ends of the extent, upstream first."""
        half = self.width / self.side / 2
        return (0.5 - half, 0.5 + half)

    def span_v(self) -> tuple[float, float]:
        """Return v at the two ends of the extent, lower first."""
        half = self.height / self.side / 2
        return (0.5 - half, 0.5 + half)

    def cell_x(self, columns: slice) -> np.ndarray:
        """Return local x of the cell centres of some columns."""
        return (np.arange(columns.start, columns.stop) + 0.5) * self.resolution

    def cell_y(self, rows: slice) -> np.ndarray:
        """Return local y of the cell centres of some rows."""
        return self.height - (np.arange(rows.start, rows.stop) + 0.5) * self.resolution


def make_frame(shape: tuple[int, int], resolution: float, seed: int) -> Frame:
    """Return the frame of a grid, mirrored by the seed (seed 0 is not)."""
    east, north = draws(seed, "mirror", count=2)
    mirror = (
        (1.0, 1.0) if seed == 0 else (1.0 if east < 0.5 else -1.0, 1.0 if north < 0.5 else -1.0)
    )
    return Frame(shape[1] * resolution, shape[0] * resolution, resolution, mirror)


def draws(seed: int, *names: object, count: int) -> np.ndarray:
    """Return ``count`` uniform numbers in [0, 1) of a named stream."""
    return uniform_cells(stream_key(seed, *names), slice(0, 1), slice(0, count))[0]


def jitter(seed: int, *names: object, amount: float, count: int = 2) -> np.ndarray:
    """Return ``count`` uniform numbers in [-amount, amount) of a named stream."""
    return (2 * draws(seed, *names, count=count) - 1) * amount
