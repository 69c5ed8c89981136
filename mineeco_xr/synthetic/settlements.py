"""Roads, and settlements that grow along them: where it is built up, and since when."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mineeco_xr.kernels.polyline import nearest_segment
from mineeco_xr.synthetic.frame import Frame, draws, jitter
from mineeco_xr.synthetic.mining import Site
from mineeco_xr.synthetic.shapes import Blob, cells_in, make_blob

BASELINE = 2000
"""The history starts here: what is older stands as of this year."""
GROWN_UP = 2025
"""Year in which settlements reach their full outline."""
ROAD_HALF_WIDTH = {"motorway": 25.0, "first_class": 15.0, "local": 0.0}
"""Half width of the land that a road takes, m; local roads take none."""
ROAD_OPENED = {"motorway": 2007, "first_class": 1995, "local": 1990}
MOTORWAY_V = 0.365
HIGHWAY_U = 0.68
PLACES = (
    ("town", "town", (0.68, 0.455), 0.048, 0.55),
    ("village_1", "village", (0.10, 0.16), 0.013, 0.8),
    ("village_2", "village", (0.60, 0.83), 0.013, 0.8),
    ("village_3", "village", (0.93, 0.52), 0.012, 0.75),
    ("village_4", "village", (0.585, 0.09), 0.014, 0.8),
    ("mine_site", "industrial", (0.255, 0.53), 0.011, 0.0),
)
"""Name, kind, (u, v), radius in core sides, share of the final radius in the baseline year."""
VILLAGE_PITCH = 12_000.0
"""Beyond the core there is a village in about every square of this side, m."""


@dataclass(frozen=True, eq=False)
class Road:
    """A road: class and ``(n, 2)`` local points."""

    name: str
    kind: str
    points: np.ndarray


@dataclass(frozen=True)
class Settlement:
    """A settlement whose outline grows evenly from the baseline year on.

    Parameters
    ----------
    name, kind : str
        ``kind`` is town, village or industrial.
    outline : Blob
        The full outline, reached in ``GROWN_UP``.
    start : float
        Share of the full radius in the baseline year.
    """

    name: str
    kind: str
    outline: Blob
    start: float

    def scale(self, year: int) -> float:
        """Return the share of the full radius that is built at the end of a year."""
        passed = np.clip((year - BASELINE) / (GROWN_UP - BASELINE), 0, 1)
        return float(self.start + (1 - self.start) * passed)

    def built_year(self, position: np.ndarray) -> np.ndarray:
        """Return the first year in which a position is built up."""
        share = (position - self.start) / (1 - self.start)
        return BASELINE + np.ceil(np.clip(share, 0, None) * (GROWN_UP - BASELINE))


def draw_settlements(frame: Frame, seed: int, sites: tuple[Site, ...]) -> tuple[Settlement, ...]:
    """Draw the settlements of the core and, on a larger extent, villages clear of the mines."""
    places = [
        (name, kind, _moved(seed, name, at), radius, start)
        for name, kind, at, radius, start in PLACES
    ]
    low_u, high_u = frame.span_u()
    low_v, high_v = frame.span_v()
    pitch = max(VILLAGE_PITCH / frame.side, (high_u - low_u) / 24, (high_v - low_v) / 24)
    for row in range(int((high_v - low_v) // pitch)):
        for column in range(int((high_u - low_u) // pitch)):
            numbers = draws(seed, "village", row, column, count=3)
            u = low_u + (column + 0.2 + 0.6 * numbers[0]) * pitch
            v = low_v + (row + 0.2 + 0.6 * numbers[1]) * pitch
            if (0 < u < 1 and 0 < v < 1) or _near_mine(frame.place(u, v), sites):
                continue
            name = f"village_{len(places)}"
            places.append((name, "village", (u, v), 0.01 + 0.008 * numbers[2], 0.8))
    along_road = frame.heading(np.pi / 2)
    return tuple(
        Settlement(
            name,
            kind,
            make_blob(
                frame, frame.place(*at), radius, seed=seed, name=name,
                roughness=0.25, heading=along_road,
            ),
            start,
        )
        for name, kind, at, radius, start in places
    )  # fmt: skip


def _near_mine(at: tuple[float, float], sites: tuple[Site, ...]) -> bool:
    return any(
        np.hypot(at[0] - site.pit.x, at[1] - site.pit.y) < 1.5 * site.pit.reach for site in sites
    )


def _moved(seed: int, name: str, at: tuple[float, float]) -> tuple[float, float]:
    move = jitter(seed, name, amount=0.006)
    return (at[0] + float(move[0]), at[1] + float(move[1]))


def draw_roads(frame: Frame, seed: int, settlements: tuple[Settlement, ...]) -> tuple[Road, ...]:
    """Draw the motorway, two first-class roads, and local roads to the villages."""
    phases = draws(seed, "roads", count=4)
    mine = next(place.outline for place in settlements if place.name == "mine_site")

    def wiggle(t: np.ndarray, first: float, second: float) -> np.ndarray:
        return 0.006 * np.sin(2 * np.pi * (t / 0.8 + first)) + 0.002 * np.sin(
            2 * np.pi * (t / 0.3 + second)
        )

    u = np.linspace(*frame.span_u(), _vertices(frame.width, frame))
    motorway = _placed(frame, u, MOTORWAY_V + wiggle(u, phases[0], phases[1]))
    v = np.linspace(*frame.span_v(), _vertices(frame.height, frame))
    highway = _placed(frame, HIGHWAY_U + wiggle(v, phases[2], phases[3]), v)
    junction = motorway[np.argmin(np.hypot(*(motorway - (mine.x, mine.y)).T))]
    roads = [
        Road("motorway", "motorway", motorway),
        Road("highway", "first_class", highway),
        Road("mine_road", "first_class", np.array([junction, (mine.x, mine.y)])),
    ]
    trunk = np.concatenate([motorway, highway])
    for settlement in settlements:
        if settlement.kind == "village":
            at = np.array((settlement.outline.x, settlement.outline.y))
            nearest = trunk[np.argmin(np.hypot(*(trunk - at).T))]
            roads.append(Road(f"road_{settlement.name}", "local", np.array([at, nearest])))
    return tuple(roads)


def _vertices(length: float, frame: Frame) -> int:
    return int(np.ceil(length / max(frame.side / 80, length / 1000))) + 1


def _placed(frame: Frame, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.array([frame.place(*pair) for pair in zip(u, v, strict=True)])


def built_years(
    rows: slice,
    columns: slice,
    frame: Frame,
    settlements: tuple[Settlement, ...],
    roads: tuple[Road, ...],
) -> np.ndarray:
    """Return the year in which each cell of a window was built up.

    Parameters
    ----------
    rows, columns : slice
        Window in cells of the whole grid.
    frame : Frame
        The extent.
    settlements : tuple of Settlement
        Those built up from the baseline year on grow from it.
    roads : tuple of Road
        Each takes the cells whose centres lie within its half width.

    Returns
    -------
    numpy.ndarray
        uint16; the baseline year where it was built by then, 0 where it never is.
    """
    never = np.float64(9999)
    year = np.full((rows.stop - rows.start, columns.stop - columns.start), never)
    for settlement in settlements:
        found = cells_in(settlement.outline, frame, rows, columns)
        if found is not None:
            index, position, _, _ = found
            built = np.where(position < 1, settlement.built_year(position), never)
            year[index] = np.minimum(year[index], built)
    for kind, half_width in ROAD_HALF_WIDTH.items():
        lines = [road.points for road in roads if road.kind == kind]
        if half_width > 0 and lines:
            ends = np.concatenate([np.hstack([line[:-1], line[1:]]) for line in lines])
            # Half a cell at least, or a road would be a row of dots.
            reach = max(half_width, 0.5 * frame.resolution)
            distance, _, _ = nearest_segment(
                ends, rows, columns, corner=frame.corner, step=frame.step, reach=reach
            )
            opened = max(ROAD_OPENED[kind], BASELINE)
            year = np.where(np.isfinite(distance), np.minimum(year, opened), year)
    return np.where(year < never, year, 0).astype("uint16")
