"""Subsidence over polygons, inclined seams and rasters of thickness: ours, SciPy, and floors.

Peers are what a user would write: Owen's T edge by edge in a window around each panel (exact),
error functions in a window where the panel is a rectangle (exact), point units of a tenth of the
depth as the Windows programs sum them, and SciPy's Gaussian filter of a burned raster. All run in
one thread, and times are of the processor.

Targets: polygons at least 100 times as fast as Owen's T and equal to 1e-7 of the largest
subsidence; the product at half of NumPy's rate for float64 matrices or more.
"""

from __future__ import annotations

import time
from functools import partial

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.special import erf, owens_t
from threadpoolctl import threadpool_limits

from benchmarks.measure import best_of, table
from mineeco_xr.kernels.subsidence_raster import (
    cell_taps,
    reach_of,
    scattered_influence,
    separable_influence,
)
from mineeco_xr.subsidence.polygons import CUTOFF, polygon_pieces, subside_block
from mineeco_xr.subsidence.units import unit_pieces

SIDE, STEP, PANELS, SAMPLE = 2000, 30.0, 1000, 25

seconds_of = partial(best_of, clock=time.process_time)


class Job:
    """Rotated rectangles of random size and depth, as the speed target of the issue has them."""

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        self.length, self.width = rng.uniform(600, 2500, PANELS), rng.uniform(120, 260, PANELS)
        self.angle = rng.uniform(0, np.pi, PANELS)
        self.middle = rng.uniform(3000, SIDE * STEP - 3000, (PANELS, 2))
        self.depth, self.tan_beta = rng.uniform(400, 1000, PANELS), rng.uniform(1.6, 2.2, PANELS)
        self.radius = self.depth / self.tan_beta
        unit = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]])
        self.rings = [
            (unit * [length, width]) @ self.turn(p) + self.middle[p]
            for p, (length, width) in enumerate(zip(self.length, self.width, strict=True))
        ]
        self.x = (np.arange(SIDE) + 0.5) * STEP
        self.y = self.x[::-1].copy()

    def turn(self, p: int) -> np.ndarray:
        """Return the matrix that turns a panel's own axes into those of the map."""
        cos, sin = np.cos(self.angle[p]), np.sin(self.angle[p])
        return np.array([[cos, sin], [-sin, cos]])

    def window(self, p: int) -> tuple[slice, slice]:
        """Return the rows and columns within the cut-off of a panel's bounds."""
        low = self.rings[p].min(axis=0) - CUTOFF * self.radius[p]
        high = self.rings[p].max(axis=0) + CUTOFF * self.radius[p]
        first, last = (low / STEP).astype(int), (high / STEP).astype(int) + 1
        return slice(SIDE - last[1], SIDE - first[1]), slice(max(0, first[0]), last[0])

    def cells(self) -> int:
        """Return the cells of all windows."""
        return sum(self.x[c].size * self.y[r].size for r, c in map(self.window, range(PANELS)))

    def by_owens_t(self, p: int) -> np.ndarray:
        """Return a panel's subsidence in its window, edge by edge."""
        rows, columns = self.window(p)
        x, y = self.x[columns][None, :], self.y[rows][:, None]
        total = np.zeros((y.size, x.size))
        ring = self.rings[p]
        for (x0, y0), (x1, y1) in zip(ring, np.roll(ring, -1, axis=0), strict=True):
            length = np.hypot(x1 - x0, y1 - y0)
            ux, uy = (x1 - x0) / length, (y1 - y0) / length
            away = (x0 - x) * uy - (y0 - y) * ux
            t = (x0 - x) * ux + (y0 - y) * uy
            h = np.abs(away) * np.sqrt(2 * np.pi) / self.radius[p]
            a, b = t / np.abs(away), (t + length) / np.abs(away)
            angle = (np.arctan(b) - np.arctan(a)) / (2 * np.pi)
            total += np.sign(away) * (angle - owens_t(h, b) + owens_t(h, a))
        return total

    def by_erf(self, p: int) -> np.ndarray:
        """Return a panel's subsidence in its window by the closed form of a rectangle."""
        rows, columns = self.window(p)
        dx, dy = (
            self.x[columns][None, :] - self.middle[p, 0],
            self.y[rows][:, None] - self.middle[p, 1],
        )
        turn, q = self.turn(p), np.sqrt(np.pi) / self.radius[p]
        out = np.ones((dy.size, dx.size))
        for axis, size in enumerate((self.length[p], self.width[p])):
            t = dx * turn[axis, 0] + dy * turn[axis, 1]
            out *= (erf(q * (t + size / 2)) - erf(q * (t - size / 2))) / 2
        return out

    def by_points(self, p: int) -> np.ndarray:
        """Return a panel's subsidence in its window by point units of a tenth of the depth."""
        rows, columns = self.window(p)
        counts = [int(np.ceil(s / (0.1 * self.depth[p]))) for s in (self.length[p], self.width[p])]
        u, v = (
            ((np.arange(n) + 0.5) / n - 0.5) * s
            for n, s in zip(counts, (self.length[p], self.width[p]), strict=True)
        )
        places = np.stack(np.meshgrid(u, v), axis=-1).reshape(-1, 2) @ self.turn(p) + self.middle[p]
        weight = self.length[p] * self.width[p] / len(places) / self.radius[p] ** 2
        total = np.zeros((self.y[rows].size, self.x[columns].size))
        for x, y in places:
            away = (self.x[columns][None, :] - x) ** 2 + (self.y[rows][:, None] - y) ** 2
            total += weight * np.exp(-np.pi / self.radius[p] ** 2 * away)
        return total


def compare_polygons(job: Job) -> list[dict[str, object]]:
    """Return rows for polygons and units, and the peers on a sample of panels."""
    cells = job.cells()
    rings = [[ring] for ring in job.rings]
    sample = range(SAMPLE)
    sample_cells = sum(job.by_erf(p).size for p in sample)
    rows: list[dict[str, object]] = []

    def row(name: str, seconds: float, of: int, error: float, prepared: float = 0.0) -> None:
        rows.append(
            {
                "way": name,
                "ns a window cell": seconds / of * 1e9,
                "million a second": of / seconds / 1e6,
                "prepared (us a panel)": prepared / PANELS * 1e6,
                "difference / W0": f"{error:.1e}",
            }
        )

    for name, tolerance in (
        ("polygons, 1e-6", 1e-6),
        ("polygons, 1e-8", 1e-8),
        ("units, 1e-8", 1e-8),
    ):
        units = name.startswith("units")

        def prepare(units: bool = units, tolerance: float = tolerance) -> object:
            if units:
                return unit_pieces(
                    rings, list(job.depth), [1.0] * PANELS, q=1.0, tan_beta=job.tan_beta,
                    tolerance=tolerance,
                )  # fmt: skip
            return polygon_pieces(rings, job.radius, 1.0, tolerance=tolerance)

        pieces = prepare()
        error = 0.0
        for p in sample:
            factors = np.zeros((1, PANELS))
            factors[0, p] = 1.0
            r, c = job.window(p)
            found = subside_block(pieces, job.y[r], job.x[c], ("W",), factors)[0, 0]
            error = max(error, float(np.abs(found - job.by_erf(p)).max()))
        seconds = seconds_of(lambda pieces=pieces: subside_block(pieces, job.y, job.x))
        row(name, seconds, cells, error, seconds_of(prepare, 1))
    exact = [job.by_erf(p) for p in sample]
    peers = {
        "erf in windows (rectangles)": job.by_erf,
        "Owen's T in windows": job.by_owens_t,
        "point units of 0.1 H": job.by_points,
    }
    for name, way in peers.items():
        found = [way(p) for p in sample]
        error = max(float(np.abs(a - b).max()) for a, b in zip(found, exact, strict=True))
        seconds = seconds_of(lambda way=way: [way(p) for p in sample], 1)
        row(name, seconds, sample_cells, error)
    return rows


def product_rates() -> dict[str, object]:
    """Return the rate of our product of nodes and profiles beside that of NumPy's matrices."""
    from numba import njit

    from mineeco_xr.kernels.influence_sum import _product

    @njit
    def repeat(times, share, profiles, sums):  # type: ignore[no-untyped-def]
        for _ in range(times):
            _product(share, profiles, 0, 0, 56, 0, 96, sums, 0)

    rng = np.random.default_rng(0)
    share, profiles, sums = rng.random(64), rng.random((1, 64, 96)), np.zeros((1, 96))
    ours = 2 * 56 * 96 * 20_000 / seconds_of(lambda: repeat(20_000, share, profiles, sums)) / 1e9
    a, b = rng.random((512, 512)), rng.random((512, 512))
    peer = 2 * 512**3 / seconds_of(lambda: a @ b) / 1e9
    return {"ours (GFLOP/s)": ours, "NumPy matrices (GFLOP/s)": peer, "share": ours / peer}


def compare_rasters() -> list[dict[str, object]]:
    """Return rows for rasters of thickness of one radius and of many."""
    rng = np.random.default_rng(0)
    radius, side = 300.0, 1024
    depth = reach_of(radius, STEP, CUTOFF)
    taps = cell_taps(radius, STEP, 0, CUTOFF)
    wide = side + 2 * depth
    rows: list[dict[str, object]] = []
    for name, share in (("all mined", 1.0), ("a tenth mined", 0.1)):
        values = np.zeros((wide, wide))
        values[: int(wide * share)] = 3.0
        seconds = seconds_of(lambda v=values: separable_influence(v, (taps, taps), (depth, depth)))
        peer = seconds_of(
            lambda v=values: gaussian_filter(
                v, radius / np.sqrt(2 * np.pi) / STEP, truncate=CUTOFF * np.sqrt(2 * np.pi)
            ),
            1,
        )
        rows.append(
            {
                "raster": f"one radius, {name}",
                "ours": f"{seconds / side**2 * 1e9:.3g} ns a cell",
                "SciPy's gaussian_filter": f"{peer / wide**2 * 1e9:.3g} ns a cell",
                "ratio": peer / wide**2 / (seconds / side**2),
            }
        )
    radii = rng.uniform(0.8, 1, values.shape) * radius
    mined = int(np.count_nonzero(values))
    seconds = seconds_of(
        lambda: scattered_influence(values, radii, (STEP, STEP), (0, 0), (depth, depth), CUTOFF)
    )
    axis = (np.arange(2 * depth + 1) - depth) * STEP

    def one_by_one() -> None:
        out = np.zeros((wide, wide))
        for i, j in zip(
            *(k[:300] for k in np.nonzero(values[depth:-depth, depth:-depth])), strict=True
        ):
            r = radii[i + depth, j + depth]
            e = erf(np.sqrt(np.pi) / r * np.append(axis - STEP / 2, axis[-1] + STEP / 2)) / 2
            t = np.diff(e)
            out[i : i + t.size, j : j + t.size] += 3.0 * np.outer(t, t)

    peer = seconds_of(one_by_one, 1) / 300
    rows.append(
        {
            "raster": "a radius a cell",
            "ours": f"{seconds / mined * 1e9:.3g} ns a mined cell",
            "SciPy's gaussian_filter": f"{peer * 1e9:.3g} ns (outer products)",
            "ratio": peer / (seconds / mined),
        }
    )
    return rows


def main() -> None:
    """Print all tables."""
    with threadpool_limits(1):
        title = f"{PANELS} rotated panels on {SIDE} x {SIDE} cells of {STEP:g} m, one thread"
        table(title, compare_polygons(Job()))
        table("products, float64", [product_rates()])
        table("rasters of thickness, r = 300 m", compare_rasters())


if __name__ == "__main__":
    main()
