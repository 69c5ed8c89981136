"""Rivers: a main stem across the extent, tributaries, and beds that fall to the outlet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mineeco_xr.synthetic.frame import Frame, draws, jitter

STEM_V = 0.27
"""Where the main stem runs, core coordinate v."""
STEM_WAVES = ((0.028, 0.55), (0.012, 0.21), (0.004, 0.09))
"""Amplitude and length of its meanders, core sides; their sum bounds its departure."""
OUTLET_ELEVATION = 960.0
STEM_SLOPE = 0.0016
LAKE_SLOPE = 0.0001
LAKE_SPAN = (0.78, 0.96)
"""Where the main stem widens to a lake, core coordinate u."""
LAKE_HALF_WIDTH = 0.026
HALF_WIDTHS = {1: 0.0009, 2: 0.0014, 3: 0.0026}
"""Half width by order, core sides."""
TRIBUTARIES = (
    ((0.12, STEM_V), (0.075, 0.95)),
    ((0.74, STEM_V), (0.93, 0.98)),
    ((0.28, STEM_V), (0.20, 0.02)),
    ((0.54, STEM_V), (0.49, 0.02)),
    ((0.94, STEM_V), (0.95, 0.03)),
)
"""Mouth and source of the tributaries of the core, (u, v); the mouth is moved to the stem."""


@dataclass(frozen=True)
class Valley:
    """The smooth surface into which the rivers are cut, local metres.

    ``floor(x, y) = outlet + slope * (distance to the outlet along u) + bank
    + rise (1 - exp(-|y - y_stem| / breadth))``.
    """

    frame: Frame

    @property
    def bank(self) -> float:
        """Height of the plain above the main stem's bed, m."""
        return 0.00026 * self.frame.side

    def floor(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the elevation of the surface, m."""
        frame = self.frame
        along = frame.width - x if frame.mirror[0] > 0 else x
        away = np.abs(y - frame.place(0, STEM_V)[1])
        rise = 0.0072 * frame.side * (1 - np.exp(-away / (0.6 * frame.side)))
        return OUTLET_ELEVATION + STEM_SLOPE * along + self.bank + rise


@dataclass(frozen=True)
class River:
    """One river from its source to its mouth.

    Parameters
    ----------
    name : str
        Unique.
    order : int
        Strahler order at the mouth.
    points : numpy.ndarray
        ``(n, 2)`` local m, source first.
    bed : numpy.ndarray
        ``(n,)`` m, falling.
    half_width : numpy.ndarray
        ``(n,)`` m.
    """

    name: str
    order: int
    points: np.ndarray
    bed: np.ndarray
    half_width: np.ndarray


def draw_rivers(frame: Frame, seed: int, obstacles: Any) -> tuple[River, ...]:
    """Draw all rivers.

    Parameters
    ----------
    frame : Frame
        The extent.
    seed : int
        The user's seed.
    obstacles : shapely geometry
        Local polygons that tributaries keep out of.

    Returns
    -------
    tuple of River
        The main stem first.
    """
    stem = _main_stem(frame, seed)
    rivers = [stem]
    for number, (mouth, source) in enumerate(_tributary_ends(frame, seed)):
        name = f"tributary_{number + 1}"
        river = _tributary(frame, seed, stem, mouth, source, name, obstacles)
        if river is None:
            continue
        branches = _branches(frame, seed, river, obstacles)
        order = 2 if branches else 1
        rivers.append(_with_order(frame, river, order))
        rivers.extend(branches)
    return tuple(rivers)


def stem_v(u: np.ndarray, seed: int) -> np.ndarray:
    """Return v of the main stem at u, core coordinates."""
    phases = draws(seed, "stem", count=len(STEM_WAVES))
    v = np.full(np.shape(u), STEM_V)
    for (amplitude, length), phase in zip(STEM_WAVES, phases, strict=True):
        v = v + amplitude * np.sin(2 * np.pi * (u / length + phase))
    return v


def _spacing(frame: Frame) -> float:
    """Return the distance between vertices, m: fine enough for meanders, bounded in number."""
    return max(frame.side / 160, max(frame.width, frame.height) / 2000)


def _main_stem(frame: Frame, seed: int) -> River:
    start, end = frame.span_u()
    count = int(np.ceil(frame.width / _spacing(frame))) + 1
    u = np.linspace(start, end, count)
    points = np.array([frame.place(*pair) for pair in zip(u, stem_v(u, seed), strict=True)])
    # The stem never turns back, so a slope along u makes the bed fall all the way.
    middle = (u[1:] + u[:-1]) / 2
    in_lake = (middle > LAKE_SPAN[0]) & (middle < LAKE_SPAN[1])
    falls = np.where(in_lake, LAKE_SLOPE, STEM_SLOPE) * np.diff(u) * frame.side
    bed = OUTLET_ELEVATION + np.append(np.cumsum(falls[::-1])[::-1], 0.0)
    within = np.clip((u - LAKE_SPAN[0]) / (LAKE_SPAN[1] - LAKE_SPAN[0]), 0, 1)
    half_width = HALF_WIDTHS[3] + LAKE_HALF_WIDTH * np.sin(np.pi * within) ** 2
    return River("main_stem", 3, points, bed, half_width * frame.side)


def _tributary_ends(
    frame: Frame, seed: int
) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    """Return mouth and source of every tributary: the core's, then those beyond it."""
    low, high = frame.span_v()
    ends = []
    for number, (mouth, source) in enumerate(TRIBUTARIES):
        shift = jitter(seed, "tributary", number, amount=0.008)
        stretch = ((high - STEM_V) / (1 - STEM_V), (STEM_V - low) / STEM_V)[source[1] < STEM_V]
        far = (source[0] + shift[0], STEM_V + (source[1] - STEM_V) * stretch)
        ends.append(((mouth[0] + shift[1], mouth[1]), far))
    start, end = frame.span_u()
    pitch = max(0.3, (end - start) / 24)
    for side in (-1, 1):
        edge, reach = (start, -start) if side < 0 else (end, end - 1)
        for step in range(int(reach // pitch)):
            numbers = draws(seed, "far tributary", side, step, count=3)
            u = edge - side * pitch * (step + 0.4 + 0.3 * numbers[0])
            up = (step % 2 == 0) == (numbers[1] < 0.8)
            length = (0.6 + 0.35 * numbers[2]) * ((high - STEM_V) if up else (STEM_V - low))
            ends.append(
                ((u, STEM_V), (u + 0.3 * (numbers[1] - 0.5), STEM_V + (length if up else -length)))
            )
    return ends


def _tributary(
    frame: Frame,
    seed: int,
    parent: River,
    mouth: tuple[float, float],
    source: tuple[float, float],
    name: str,
    obstacles: Any,
) -> River | None:
    at = np.array(frame.place(*mouth))
    joint = int(np.argmin(np.hypot(*(parent.points - at).T)))
    return _reach(frame, seed, parent, joint, np.array(frame.place(*source)), name, obstacles)


def _reach(
    frame: Frame,
    seed: int,
    parent: River,
    joint: int,
    source: np.ndarray,
    name: str,
    obstacles: Any,
) -> River | None:
    """Draw a winding river from ``source`` to the vertex ``joint`` of its parent."""
    from shapely import LineString

    mouth = parent.points[joint]
    length = float(np.hypot(*(mouth - source)))
    if length < 0.1 * frame.side:
        return None
    count = int(np.ceil(length / _spacing(frame))) + 1
    t = np.linspace(0, 1, count)
    phases = draws(seed, name, count=3)
    winding = np.zeros(count)
    for part, (amplitude, wave) in enumerate(((0.014, 0.31), (0.006, 0.13), (0.003, 0.06))):
        winding += amplitude * np.sin(2 * np.pi * (t * length / (wave * frame.side) + phases[part]))
    winding *= frame.side * np.minimum(1, np.minimum(t / 0.05, (1 - t) / 0.15))
    along = (mouth - source) / length
    across = np.array([-along[1], along[0]])
    points = source + t[:, None] * (mouth - source) + winding[:, None] * across
    if LineString(points).intersects(obstacles):
        return None
    bed = _falling_bed(Valley(frame), points, float(parent.bed[joint]))
    return _with_order(frame, River(name, 1, points, bed, np.empty(0)), 1)


def _falling_bed(valley: Valley, points: np.ndarray, mouth: float) -> np.ndarray:
    """Cut a bed below the valley's surface that falls by at least 0.2 per mille."""
    surface = valley.floor(points[:, 0], points[:, 1]) - valley.bank
    wanted = mouth + 0.85 * (surface - mouth)
    steps = np.hypot(*np.diff(points, axis=0).T)
    upstream = np.append(0.0, np.cumsum(steps[::-1])) * 2e-4
    rising = np.maximum.accumulate(np.append(mouth, wanted[::-1][1:]) - upstream)
    return (rising + upstream)[::-1]


def _branches(frame: Frame, seed: int, river: River, obstacles: Any) -> list[River]:
    """Draw the tributaries of a tributary, on alternate sides."""
    steps = np.hypot(*np.diff(river.points, axis=0).T)
    length = float(steps.sum())
    pitch = max(0.35 * frame.side, length / 12)
    branches = []
    for number in range(int((length - 0.25 * frame.side) // pitch)):
        name = f"{river.name}_branch_{number + 1}"
        numbers = draws(seed, name, "ends", count=2)
        joint = int(np.searchsorted(np.cumsum(steps), 0.3 * frame.side + number * pitch))
        if joint + 1 >= len(river.points):
            break
        downstream = river.points[joint + 1] - river.points[joint]
        side = 1 if number % 2 == 0 else -1
        turn = np.arctan2(-downstream[1], -downstream[0]) + side * (0.9 + 0.3 * numbers[0])
        far = (0.2 + 0.12 * numbers[1]) * frame.side
        source = river.points[joint] + far * np.array([np.cos(turn), np.sin(turn)])
        margin = 0.03 * frame.side
        source = np.clip(source, margin, np.array([frame.width, frame.height]) - margin)
        branch = _reach(frame, seed, river, joint, source, name, obstacles)
        if branch is not None:
            branches.append(branch)
    return branches


def _with_order(frame: Frame, river: River, order: int) -> River:
    # A river grows from half its width at the source to all of it at the mouth.
    width = HALF_WIDTHS[order] * frame.side * np.linspace(0.5, 1, len(river.points))
    return River(river.name, order, river.points, river.bed, width)


@dataclass(frozen=True)
class Segments:
    """All rivers as segments, for :func:`mineeco_xr.kernels.polyline.nearest_segment`.

    Parameters
    ----------
    ends : numpy.ndarray
        ``(n, 4)`` local m.
    bed, half_width : numpy.ndarray
        ``(n, 2)`` m at the start and the end of each.
    """

    ends: np.ndarray
    bed: np.ndarray
    half_width: np.ndarray


def segments_of(rivers: tuple[River, ...]) -> Segments:
    """Cut rivers into segments."""

    def pairs(values: list[np.ndarray]) -> np.ndarray:
        return np.concatenate([np.column_stack([v[:-1], v[1:]]) for v in values])

    return Segments(
        pairs([river.points for river in rivers]),
        pairs([river.bed for river in rivers]),
        pairs([river.half_width for river in rivers]),
    )
