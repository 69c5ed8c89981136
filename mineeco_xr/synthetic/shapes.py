"""Blobs: star-shaped outlines with a rough edge, the shape of pits, dumps, towns and reserves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mineeco_xr.synthetic.frame import Frame, draws

WAVES = (2, 3, 5, 7)
"""How many times each wave of the rough edge goes round."""
OUTLINE_POINTS = 720


@dataclass(frozen=True)
class Blob:
    """A region seen from a point: its edge lies at the distance ``edge(theta)``.

    ``edge(theta) = radius (lean cos psi + sqrt(1 - lean^2 sin^2 psi))
    (1 + sum_k a_k cos(k psi + phase_k))`` with ``psi = theta - heading`` and k = 2, 3, 5, 7:
    a circle whose centre lies ``lean * radius`` ahead of the point, made rough. The *position*
    of a cell is its distance over the edge's in its direction: below 1 inside. Scaling a blob
    keeps it inside itself, so that growth never gives a cell back.

    Parameters
    ----------
    x, y : float
        The point, local m.
    radius : float
        Of the circle, m.
    lean : float
        From 0, the point is the centre, to below 1, it is near the edge.
    heading : float
        Direction of the lean, radians from east to north.
    waves, phases : tuple of float
        Amplitude and phase of each wave of the edge.
    """

    x: float
    y: float
    radius: float
    lean: float
    heading: float
    waves: tuple[float, ...]
    phases: tuple[float, ...]

    @property
    def reach(self) -> float:
        """A bound on the distance of the edge from the point, m."""
        return self.radius * (1 + self.lean) * (1 + sum(abs(wave) for wave in self.waves))

    def edge(self, theta: np.ndarray) -> np.ndarray:
        """Return the distance of the edge in the directions ``theta``, m."""
        psi = theta - self.heading
        ahead = self.lean * np.cos(psi)
        circle = ahead + np.sqrt(1 - self.lean**2 + ahead**2)
        rough = np.ones_like(psi)
        for count, wave, phase in zip(WAVES, self.waves, self.phases, strict=True):
            rough += wave * np.cos(count * psi + phase)
        return self.radius * circle * rough

    def position(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the distance from the point over the edge's, 0 at the point, 1 on the edge."""
        dx, dy = np.broadcast_arrays(x - self.x, y - self.y)
        dx, dy = np.ascontiguousarray(dx), np.ascontiguousarray(dy)
        return np.hypot(dx, dy) / self.edge(np.arctan2(dy, dx))

    def outline(self, scale: float = 1.0) -> np.ndarray:
        """Return the edge as ``(OUTLINE_POINTS, 2)`` local coordinates."""
        theta = np.linspace(0, 2 * np.pi, OUTLINE_POINTS, endpoint=False)
        distance = scale * self.edge(theta)
        return np.column_stack(
            [self.x + distance * np.cos(theta), self.y + distance * np.sin(theta)]
        )


def make_blob(
    frame: Frame,
    at: tuple[float, float],
    radius: float,
    *,
    seed: int,
    name: str,
    roughness: float = 0.1,
    lean: float = 0.0,
    heading: float = 0.0,
) -> Blob:
    """Draw a blob.

    Parameters
    ----------
    frame : Frame
        The extent.
    at : tuple of float
        Local x and y of its point.
    radius : float
        In core sides.
    seed : int
        The user's seed.
    name : str
        Of its stream of random numbers.
    roughness : float
        Largest relative departure of the edge from the circle.
    lean, heading : float
        See :class:`Blob`; the heading is one on the map.

    Returns
    -------
    Blob
        Its waves share the roughness in seeded parts.
    """
    numbers = draws(seed, "blob", name, count=2 * len(WAVES))
    shares = 0.3 + numbers[: len(WAVES)]
    waves = roughness * shares / shares.sum()
    phases = 2 * np.pi * numbers[len(WAVES) :]
    return Blob(at[0], at[1], radius * frame.side, lean, heading, _plain(waves), _plain(phases))


def _plain(values: np.ndarray) -> tuple[float, ...]:
    return tuple(float(value) for value in values)


def window_of(blob: Blob, frame: Frame, rows: slice, columns: slice) -> tuple[slice, slice] | None:
    """Return the part of a window that a blob can touch, in cells of the whole grid."""
    reach = blob.reach + frame.resolution
    top = int(np.floor((frame.height - blob.y - reach) / frame.resolution))
    bottom = int(np.ceil((frame.height - blob.y + reach) / frame.resolution))
    left = int(np.floor((blob.x - reach) / frame.resolution))
    right = int(np.ceil((blob.x + reach) / frame.resolution))
    part_rows = slice(max(rows.start, top), min(rows.stop, bottom))
    part_columns = slice(max(columns.start, left), min(columns.stop, right))
    if part_rows.start >= part_rows.stop or part_columns.start >= part_columns.stop:
        return None
    return part_rows, part_columns


def cells_in(
    blob: Blob, frame: Frame, rows: slice, columns: slice
) -> tuple[Any, np.ndarray, np.ndarray, np.ndarray] | None:
    """Return where in a block a blob's cells can be, with their position, x and y.

    Returns
    -------
    tuple or None
        An index into the block, then the position and local coordinates (rows by columns, one
        column, one row) of the cells that it selects; None where the blob is elsewhere.
    """
    part = window_of(blob, frame, rows, columns)
    if part is None:
        return None
    x = frame.cell_x(part[1])[None, :]
    y = frame.cell_y(part[0])[:, None]
    index = (
        slice(part[0].start - rows.start, part[0].stop - rows.start),
        slice(part[1].start - columns.start, part[1].stop - columns.start),
    )
    return index, blob.position(x, y), x, y
