"""The open pits, their dumps, and the year in which each cell was dug away, dumped on, restored."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mineeco_xr.synthetic.frame import Frame, draws, jitter
from mineeco_xr.synthetic.shapes import Blob, cells_in, make_blob

PIT_YEARS = (2003, 2024)
"""First and last year in which the pit grows."""
INNER_SCALE = 0.6
"""The inner dump fills the pit's outline scaled by this."""
SCHEDULE = {
    "outer_dump_west": (2002, 2005, 2008, 2009),
    "outer_dump_north": (2004, 2008, 2011, 2012),
    "outer_dump_south": (2007, 2011, 2014, 2015),
    "inner_dump": (2011, 2015, 2018, 2019),
}
"""First and last year of disposal, first and last year of restoration."""
RECOVERY_YEARS = 2.0
"""Time constant of the return of vegetation, years."""
SITES_PITCH = 30_000.0
"""Beyond the core there is a mine in about every square of this side, m."""


@dataclass(frozen=True)
class Dump:
    """A dump: filled and later restored in sweeps across it.

    Parameters
    ----------
    name : str
        Of its zone.
    outline : Blob
        Its final extent; for an inner dump the scaled pit.
    schedule : tuple of int
        First and last year of disposal, first and last year of restoration.
    outward : bool
        Sweep outwards from the blob's point (inner dump) instead of along its heading.
    """

    name: str
    outline: Blob
    schedule: tuple[int, int, int, int]
    outward: bool

    def sweep(self, position: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return how late in a sweep each cell comes, from 0 to below 1."""
        blob = self.outline
        if self.outward:
            share = position**2
        else:
            along = (x - blob.x) * np.cos(blob.heading) + (y - blob.y) * np.sin(blob.heading)
            share = 0.5 + 0.5 * along / blob.reach
        return np.clip(share, 0.0, 1 - 1e-9)


@dataclass(frozen=True)
class Site:
    """An open pit with its dumps.

    Parameters
    ----------
    number : int
        1 is the mine of the core.
    pit : Blob
        The outline in the pit's last year.
    pit_years : tuple of int
        First and last year of its growth.
    dumps : tuple of Dump
        The inner one last.
    """

    number: int
    pit: Blob
    pit_years: tuple[int, int]
    dumps: tuple[Dump, ...]

    def pit_year(self, position: np.ndarray) -> np.ndarray:
        """Return the year in which the pit reaches a position; its area grows evenly."""
        first, last = self.pit_years
        return first + np.floor(position**2 * (last - first + 1))

    def pit_scale(self, year: int) -> float:
        """Return the scale of the pit's outline at the end of a year, 0 before it opens."""
        first, last = self.pit_years
        return float(np.sqrt(np.clip((year - first + 1) / (last - first + 1), 0, 1)))


def draw_sites(frame: Frame, seed: int) -> tuple[Site, ...]:
    """Draw the mine of the core and, on a larger extent, those around it."""
    sites = [_site(frame, seed, 1, (0.30, 0.66), 1.0, 0)]
    low_u, high_u = frame.span_u()
    low_v, high_v = frame.span_v()
    pitch = max(SITES_PITCH / frame.side, (high_u - low_u) / 16, (high_v - low_v) / 16)
    for row in range(int((high_v - low_v) // pitch)):
        for column in range(int((high_u - low_u) // pitch)):
            numbers = draws(seed, "site", row, column, count=4)
            u = low_u + (column + 0.3 + 0.4 * numbers[0]) * pitch
            v = low_v + (row + 0.3 + 0.4 * numbers[1]) * pitch
            # Clear of the core, of the main stem and motorway, and of the first-class road.
            if abs(v - 0.32) < 0.5 or abs(u - 0.68) < 0.4 or (-0.4 < u < 1.2 and -0.4 < v < 1.3):
                continue
            shift = int(numbers[3] * 7) - 3
            sites.append(
                _site(frame, seed, len(sites) + 1, (u, v), 0.6 + 0.4 * numbers[2], shift)
            )
    return tuple(sites)


def _site(
    frame: Frame,
    seed: int,
    number: int,
    at: tuple[float, float],
    size: float,
    shift: int,
) -> Site:
    """Lay out a pit and its dumps around the point ``at`` (u, v), years shifted by ``shift``."""

    def place(du: float, dv: float, name: str) -> tuple[float, float]:
        move = jitter(seed, "site", number, name, amount=0.006)
        return frame.place(at[0] + size * (du + move[0]), at[1] + size * (dv + move[1]))

    turn = float(jitter(seed, "site", number, "turn", amount=0.08, count=1)[0])
    heading = frame.heading(turn)
    pit = make_blob(
        frame, place(0, 0, "pit"), 0.12 * size, seed=seed, name=f"pit_{number}",
        roughness=0.08, lean=0.75, heading=heading,
    )  # fmt: skip
    upper, lower = ("north", "south") if frame.mirror[1] > 0 else ("south", "north")
    left = "west" if frame.mirror[0] > 0 else "east"
    suffix = "" if number == 1 else f"_{number}"
    dumps = []
    for role, side, offset, radius in (
        ("west", left, (-0.11, 0.02), 0.048),
        ("north", upper, (0.10, 0.215), 0.058),
        ("south", lower, (0.08, -0.195), 0.042),
    ):
        blob = make_blob(
            frame, place(*offset, role), radius * size, seed=seed,
            name=f"dump_{role}_{number}", heading=heading,
        )  # fmt: skip
        years = _shifted(SCHEDULE[f"outer_dump_{role}"], shift)
        dumps.append(Dump(f"outer_dump_{side}{suffix}", blob, years, outward=False))
    inner = Blob(
        pit.x, pit.y, pit.radius * INNER_SCALE, pit.lean, pit.heading, pit.waves, pit.phases
    )
    years = _shifted(SCHEDULE["inner_dump"], shift)
    dumps.append(Dump(f"inner_dump{suffix}", inner, years, outward=True))
    return Site(number, pit, (PIT_YEARS[0] + shift, PIT_YEARS[1] + shift), tuple(dumps))


def _shifted(years: tuple[int, int, int, int], shift: int) -> tuple[int, int, int, int]:
    a, b, c, d = years
    return (a + shift, b + shift, c + shift, d + shift)


def mining_years(
    rows: slice, columns: slice, frame: Frame, sites: tuple[Site, ...]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the years of digging, dumping and restoring of the cells of a window.

    Parameters
    ----------
    rows, columns : slice
        Window in cells of the whole grid.
    frame : Frame
        The extent.
    sites : tuple of Site
        All mines.

    Returns
    -------
    pit_year, dump_year, restoration_year : numpy.ndarray
        uint16, 0 where it never happens.
    """
    shape = (rows.stop - rows.start, columns.stop - columns.start)
    pit_year, dump_year, restoration_year = (np.zeros(shape, "uint16") for _ in range(3))
    for site in sites:
        found = cells_in(site.pit, frame, rows, columns)
        if found is not None:
            index, position, _, _ = found
            part = pit_year[index]
            part[position < 1] = site.pit_year(position)[position < 1]
        for dump in site.dumps:
            found = cells_in(dump.outline, frame, rows, columns)
            if found is None:
                continue
            index, position, x, y = found
            inside = position < 1
            share = dump.sweep(position, x, y)[inside]
            first, last, restored_first, restored_last = dump.schedule
            dump_year[index][inside] = first + np.floor(share * (last - first + 1))
            restoration_year[index][inside] = restored_first + np.floor(
                share * (restored_last - restored_first + 1)
            )
    return pit_year, dump_year, restoration_year
