"""The scene's objects as GeoDataFrames in the grid's reference system."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mineeco_xr.synthetic.longwall import DIP, district_outline
from mineeco_xr.synthetic.mining import RECOVERY_YEARS, Dump, Site
from mineeco_xr.synthetic.scene import Scene
from mineeco_xr.synthetic.settlements import BASELINE, GROWN_UP, ROAD_OPENED

if TYPE_CHECKING:
    import geopandas as gpd


class Mapper:
    """Turns local metres into map coordinates and rows into GeoDataFrames.

    Parameters
    ----------
    left, bottom : float
        Map coordinates of the lower left corner of the extent.
    crs : Any
        Reference system.
    """

    def __init__(self, left: float, bottom: float, crs: Any) -> None:
        self.offset = np.array((left, bottom))
        self.crs = crs

    def line(self, points: np.ndarray, heights: np.ndarray | None = None) -> Any:
        """Return a line, with heights when they are given."""
        from shapely import LineString

        moved = points + self.offset
        return LineString(moved if heights is None else np.column_stack([moved, heights]))

    def polygon(self, points: np.ndarray) -> Any:
        """Return a polygon."""
        from shapely import Polygon

        return Polygon(points + self.offset)

    def frame(self, rows: list[dict[str, Any]]) -> gpd.GeoDataFrame:
        """Return rows with a ``geometry`` as a GeoDataFrame."""
        import geopandas as gpd

        return gpd.GeoDataFrame(rows, geometry="geometry", crs=self.crs)


def rivers_frame(scene: Scene, mapper: Mapper) -> gpd.GeoDataFrame:
    """Return the rivers: name, order, length (m), and lines with bed elevation, source first."""
    rows = []
    for river in scene.rivers:
        line = mapper.line(river.points, river.bed)
        rows.append(
            {"name": river.name, "order": river.order, "length": line.length, "geometry": line}
        )
    return mapper.frame(rows)


def roads_frame(scene: Scene, mapper: Mapper) -> gpd.GeoDataFrame:
    """Return the roads: name, class, opened (year)."""
    return mapper.frame(
        [
            {
                "name": road.name,
                "class": road.kind,
                "opened": ROAD_OPENED[road.kind],
                "geometry": mapper.line(road.points),
            }
            for road in scene.roads
        ]
    )


def settlements_frame(scene: Scene, mapper: Mapper, year: int) -> gpd.GeoDataFrame:
    """Return the settlements of a year: name, kind, growth (m yr-1 of the radius)."""
    rows = []
    for place in scene.settlements:
        scale = place.scale(year)
        if scale > 0:
            growth = place.outline.radius * (1 - place.start) / (GROWN_UP - BASELINE)
            rows.append(
                {
                    "name": place.name,
                    "kind": place.kind,
                    "growth": growth,
                    "geometry": mapper.polygon(place.outline.outline(scale)),
                }
            )
    return mapper.frame(rows)


def mines_frame(scene: Scene, mapper: Mapper) -> gpd.GeoDataFrame:
    """Return pits and permits: mine_id, name, mineral, mine_type, mineral_group, method, state."""
    rows = []

    def add(
        name: str, mineral: tuple[str, str, str], method: str, state: str, outline: np.ndarray
    ) -> None:
        keys = ("mineral", "mine_type", "mineral_group")
        rows.append(
            {
                "mine_id": len(rows) + 1,
                "name": name,
                **dict(zip(keys, mineral, strict=True)),
                "method": method,
                "state": state,
                "geometry": mapper.polygon(outline),
            }
        )

    coal = ("coal", "coal", "energy")
    for site in scene.sites:
        add(f"open_pit_{site.number}", coal, "open_pit", "producing", site.pit.outline())
    district = district_outline(scene.frame, scene.panels)
    add("longwall_mine", coal, "underground", "producing", district)
    stone = ("limestone", "building_material", "non_metal")
    add("quarry", stone, "open_pit", "abandoned", scene.quarry.outline())
    iron = ("iron", "metal", "metal")
    add("iron_mine", iron, "underground", "producing", scene.metal_mine.outline())
    return mapper.frame(rows)


def zones_frame(scene: Scene, mapper: Mapper) -> gpd.GeoDataFrame:
    """Return pit, dumps and reference: name, kind and their years.

    ``disposal_start`` and ``disposal_end`` are the first and last year in which land is lost
    (for the pit: dug away), ``restoration_start`` and ``restoration_end`` those in which it is
    planted, ``stable_start`` the year by which 95 % of the return is over; 0 where there is none.
    """
    rows: list[dict[str, Any]] = []

    def add(name: str, kind: str, years: tuple[int, int, int, int], geometry: Any) -> None:
        stable = years[3] + int(np.ceil(3 * RECOVERY_YEARS)) if years[3] else 0
        rows.append(
            {
                "zone_id": len(rows) + 1,
                "name": name,
                "kind": kind,
                "disposal_start": years[0],
                "disposal_end": years[1],
                "restoration_start": years[2],
                "restoration_end": years[3],
                "stable_start": stable,
                "geometry": geometry,
            }
        )

    for site in scene.sites:
        add(*_pit_zone(site, mapper))
        for dump in site.dumps:
            kind = "inner_dump" if dump.outward else "outer_dump"
            add(dump.name, kind, dump.schedule, mapper.polygon(dump.outline.outline()))
    reference = mapper.polygon(scene.reference.outline())
    add("reference", "reference", (0, 0, 0, 0), reference)
    return mapper.frame(rows)


def _pit_zone(site: Site, mapper: Mapper) -> tuple[str, str, tuple[int, int, int, int], Any]:
    """Return the pit without its inner dump, so that zones do not overlap."""
    inner: Dump = site.dumps[-1]
    whole = mapper.polygon(site.pit.outline())
    name = "pit" if site.number == 1 else f"pit_{site.number}"
    years = (*site.pit_years, 0, 0)
    return name, "pit", years, whole.difference(mapper.polygon(inner.outline.outline()))


def panels_frame(scene: Scene, mapper: Mapper, mine_id: int) -> gpd.GeoDataFrame:
    """Return the longwall panels with the parameters of the probability integral method.

    Lengths, depth, thickness and inflection offset in m, angles in degrees, dates as datetime64.
    ``propagation_angle = 90 - 0.6 dip``; the seam dips to the right of ``azimuth``.
    """
    return mapper.frame(
        [
            {
                "panel_id": panel.number,
                "mine_id": mine_id,
                "thickness": panel.thickness,
                "depth": panel.depth,
                "dip": DIP,
                "azimuth": panel.azimuth,
                "length": panel.length,
                "width": panel.width,
                "start": panel.start.astype("datetime64[ns]"),
                "end": panel.end.astype("datetime64[ns]"),
                "subsidence_factor": 0.78,
                "tan_beta": 2.0,
                "movement_factor": 0.3,
                "propagation_angle": 90 - 0.6 * DIP,
                "inflection_offset": 0.05 * panel.depth,
                "geometry": mapper.polygon(panel.corners),
            }
            for panel in scene.panels
        ]
    )


def protected_frame(scene: Scene, mapper: Mapper) -> gpd.GeoDataFrame:
    """Return the nature reserve: name, kind."""
    outline = mapper.polygon(scene.reserve.outline())
    return mapper.frame(
        [{"name": "river_head_reserve", "kind": "nature_reserve", "geometry": outline}]
    )
