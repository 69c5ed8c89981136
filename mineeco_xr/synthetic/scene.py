"""Everything that is drawn before a cell is made: where things lie, in local metres."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mineeco_xr.synthetic.frame import Frame, make_frame
from mineeco_xr.synthetic.landcover import QUARRY, REFERENCE, RESERVE
from mineeco_xr.synthetic.longwall import Panel, district_outline, draw_panels
from mineeco_xr.synthetic.mining import Site, draw_sites, mining_years
from mineeco_xr.synthetic.rivers import River, draw_rivers
from mineeco_xr.synthetic.settlements import (
    Road,
    Settlement,
    built_years,
    draw_roads,
    draw_settlements,
)
from mineeco_xr.synthetic.shapes import Blob, cells_in, make_blob

HISTORY = ("pit_year", "dump_year", "restoration_year", "built_year", "place")
"""The layers of the history stack."""
REFERENCE_RADIUS = 0.04


@dataclass(frozen=True, eq=False)
class Scene:
    """All objects of a coalfield, drawn from its extent and seed."""

    frame: Frame
    seed: int
    sites: tuple[Site, ...]
    rivers: tuple[River, ...]
    settlements: tuple[Settlement, ...]
    roads: tuple[Road, ...]
    panels: tuple[Panel, ...]
    quarry: Blob
    metal_mine: Blob
    reserve: Blob
    reference: Blob


def draw_scene(shape: tuple[int, int], resolution: float, seed: int) -> Scene:
    """Draw the scene of a grid."""
    frame = make_frame(shape, resolution, seed)
    sites = draw_sites(frame, seed)
    rivers = draw_rivers(frame, seed, _mined_land(sites))
    settlements = draw_settlements(frame, seed, sites)
    roads = draw_roads(frame, seed, settlements)
    panels = draw_panels(frame, seed)
    quarry = make_blob(frame, frame.place(0.40, 0.10), 0.012, seed=seed, name="quarry")
    metal_mine = make_blob(frame, frame.place(0.055, 0.44), 0.02, seed=seed, name="metal_mine")
    reserve = make_blob(
        frame, frame.place(0.86, 0.82), 0.10, seed=seed, name="reserve", roughness=0.2
    )
    busy = [
        _mined_land(sites),
        *(_line(river.points) for river in rivers),
        *(_line(road.points) for road in roads),
        *(_polygon(place.outline.outline()) for place in settlements),
        *(_polygon(blob.outline()) for blob in (quarry, metal_mine, reserve)),
        _polygon(district_outline(frame, panels)),
    ]
    reference = _quietest(frame, seed, busy)
    return Scene(
        frame, seed, sites, rivers, settlements, roads, panels, quarry, metal_mine, reserve,
        reference,
    )  # fmt: skip


def _line(points: np.ndarray) -> Any:
    from shapely import LineString

    return LineString(points)


def _polygon(points: np.ndarray) -> Any:
    from shapely import Polygon

    return Polygon(points)


def _mined_land(sites: tuple[Site, ...]) -> Any:
    from shapely import union_all

    blobs = [site.pit for site in sites] + [dump.outline for site in sites for dump in site.dumps]
    return union_all([_polygon(blob.outline(1.1)) for blob in blobs])


def _quietest(frame: Frame, seed: int, busy: list[Any]) -> Blob:
    """Place the undisturbed reference where everything else is farthest away, in the core."""
    from shapely import STRtree, distance, points

    u, v = np.meshgrid(np.linspace(0.06, 0.94, 45), np.linspace(0.06, 0.94, 45))
    candidates = np.array([frame.place(*pair) for pair in zip(u.flat, v.flat, strict=True)])
    spots = points(candidates)
    tree = STRtree(busy)
    nearest = tree.nearest(spots)
    clearance = distance(spots, tree.geometries.take(nearest))
    at = candidates[int(np.argmax(clearance))]
    radius = min(REFERENCE_RADIUS, 0.8 * float(clearance.max()) / frame.side)
    return make_blob(frame, (float(at[0]), float(at[1])), radius, seed=seed, name="reference")


def history_block(rows: slice, columns: slice, *, scene: Scene) -> np.ndarray:
    """Make the history stack of a window.

    Parameters
    ----------
    rows, columns : slice
        Window in cells of the whole grid.
    scene : Scene
        All objects.

    Returns
    -------
    numpy.ndarray
        ``(len(HISTORY), rows, columns)``, uint16: four years, 0 for never, and the place mask.
    """
    frame = scene.frame
    built = built_years(rows, columns, frame, scene.settlements, scene.roads)
    place = np.zeros_like(built)
    for blob, bit in (
        (scene.reserve, RESERVE),
        (scene.reference, REFERENCE),
        (scene.quarry, QUARRY),
    ):
        found = cells_in(blob, frame, rows, columns)
        if found is not None:
            index, position, _, _ = found
            place[index] |= np.where(position < 1, np.uint16(bit), np.uint16(0))
    return np.stack([*mining_years(rows, columns, frame, scene.sites), built, place])
