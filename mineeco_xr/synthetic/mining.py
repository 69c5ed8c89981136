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
SITES_PITCH = 14_000.0
"""Beyond the core there is a mine in about every other square of this side, m."""


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
    inner : bool
        Whether it fills the pit: then it is swept from the blob's point outwards, else along its
        heading.
    """

    name: str
    outline: Blob
    schedule: tuple[int, int, int, int]
    inner: bool

    def sweep(self, position: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return how late in a sweep each cell comes, from 0 to below 1."""
        blob = self.outline
        if self.inner:
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

    def pit_zone_years(self) -> tuple[int, int]:
        """Return the first and last year in which the pit takes land outside its inner dump."""
        return int(self.pit_year(np.array(INNER_SCALE))), self.pit_years[1]

    def inner_zone_years(self) -> tuple[int, int]:
        """Return the first and last year in which the pit takes the land of its inner dump."""
        return self.pit_years[0], self.pit_zone_years()[0]


def draw_sites(frame: Frame, seed: int) -> tuple[Site, ...]:
    """Draw the mine of the core and, on a larger extent, smaller ones around it."""
    sites = [_site(frame, seed, 1, (0.30, 0.66), 1.0, 0)]
    low_u, high_u = frame.span_u()
    low_v, high_v = frame.span_v()
    pitch = max(SITES_PITCH / frame.side, (high_u - low_u) / 32, (high_v - low_v) / 32)
    for row in range(int((high_v - low_v) // pitch)):
        for column in range(int((high_u - low_u) // pitch)):
            numbers = draws(seed, "site", row, column, count=5)
            u = low_u + (column + 0.35 + 0.3 * numbers[0]) * pitch
            v = low_v + (row + 0.35 + 0.3 * numbers[1]) * pitch
            if numbers[4] < 0.5 and _is_free(u, v, frame):
                size = 0.4 + 0.3 * numbers[2]
                shift = int(numbers[3] * 7) - 3
                sites.append(_site(frame, seed, len(sites) + 1, (u, v), size, shift))
    return tuple(sites)


def _is_free(u: float, v: float, frame: Frame) -> bool:
    """Say whether a further mine at (u, v) is clear of the core, its trunk roads and its river."""
    low_u, high_u = frame.span_u()
    low_v, high_v = frame.span_v()
    inside = low_u + 0.25 < u < high_u - 0.25 and low_v + 0.25 < v < high_v - 0.25
    off_core = not (-0.3 < u < 1.2 and -0.3 < v < 1.3)
    return inside and off_core and abs(v - 0.32) > 0.3 and abs(u - 0.68) > 0.3


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
        roughness=0.12, lean=0.75, heading=heading,
    )  # fmt: skip
    upper, lower = ("north", "south") if frame.mirror[1] > 0 else ("south", "north")
    left = "west" if frame.mirror[0] > 0 else "east"
    suffix = "" if number == 1 else f"_{number}"
    dumps = []
    for role, side, offset, radius in (
        ("west", left, (-0.10, 0.02), 0.045),
        ("north", upper, (0.10, 0.215), 0.058),
        ("south", lower, (0.08, -0.195), 0.042),
    ):
        blob = make_blob(
            frame, place(*offset, role), radius * size, seed=seed,
            name=f"dump_{role}_{number}", roughness=0.24, heading=heading,
        )  # fmt: skip
        years = _shifted(SCHEDULE[f"outer_dump_{role}"], shift)
        dumps.append(Dump(f"outer_dump_{side}{suffix}", blob, years, inner=False))
    inner = Blob(
        pit.x, pit.y, pit.radius * INNER_SCALE, pit.lean, pit.heading, pit.waves, pit.phases
    )
    years = _shifted(SCHEDULE["inner_dump"], shift)
    dumps.append(Dump(f"inner_dump{suffix}", inner, years, inner=True))
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
