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


ZONE_YEARS = (
    "disturbance_start",
    "disturbance_end",
    "disposal_start",
    "disposal_end",
    "restoration_start",
    "restoration_end",
    "stable_start",
)


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
    """Return the rivers: name, order, and lines with the bed's elevation as z, source first."""
    return mapper.frame(
        [
            {
                "name": river.name,
                "order": river.order,
                "geometry": mapper.line(river.points, river.bed),
            }
            for river in scene.rivers
        ]
    )


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
    rows: list[dict[str, Any]] = []
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
    rows: list[dict[str, Any]] = []

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
    """Return pits, dumps and the reference: zone_id, name, kind and the years of their history.

    ``disturbance_start`` and ``disturbance_end`` are the first and last year in which vegetation
    is lost, ``disposal_start`` and ``disposal_end`` those of dumping (of digging, in the pit),
    ``restoration_start`` and ``restoration_end`` those of planting, and ``stable_start`` the year
    by which 95 % of the return is over; 0 where there is none.
    """
    rows: list[dict[str, Any]] = []
    for site in scene.sites:
        rows.append(_pit_zone(site, mapper))
        rows.extend(_dump_zone(site, dump, mapper) for dump in site.dumps)
    rows.append(
        {
            "name": "reference",
            "kind": "reference",
            "geometry": mapper.polygon(scene.reference.outline()),
        }
    )
    never = dict.fromkeys(ZONE_YEARS, 0)
    return mapper.frame([{"zone_id": number + 1} | never | row for number, row in enumerate(rows)])[
        ["zone_id", "name", "kind", *ZONE_YEARS, "geometry"]
    ]


def _pit_zone(site: Site, mapper: Mapper) -> dict[str, Any]:
    """Return the pit without its inner dump, so that zones do not overlap."""
    inner = mapper.polygon(site.dumps[-1].outline.outline())
    first, last = site.pit_zone_years()
    return {
        "name": "pit" if site.number == 1 else f"pit_{site.number}",
        "kind": "pit",
        "disturbance_start": first,
        "disturbance_end": last,
        "disposal_start": first,
        "disposal_end": last,
        "geometry": mapper.polygon(site.pit.outline()).difference(inner),
    }


def _dump_zone(site: Site, dump: Dump, mapper: Mapper) -> dict[str, Any]:
    first, last = site.inner_zone_years() if dump.inner else dump.schedule[:2]
    years = (first, last, *dump.schedule, dump.schedule[3] + int(np.ceil(3 * RECOVERY_YEARS)))
    return {
        "name": dump.name,
        "kind": "inner_dump" if dump.inner else "outer_dump",
        **dict(zip(ZONE_YEARS, years, strict=True)),
        "geometry": mapper.polygon(dump.outline.outline()),
    }


def panels_frame(scene: Scene, mapper: Mapper, mine_id: int) -> gpd.GeoDataFrame:
    """Return the longwall panels with the parameters of the probability integral method.

    Lengths (in plan), depth, thickness and inflection offset in m, angles in degrees, dates as
    datetime64.
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
                "strike_length": panel.length,
                "dip_length": panel.width,
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
