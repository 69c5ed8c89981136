"""Mines beside Nansi Lake with real outlines and assumed seams: ``mineeco run`` to a report.

``python -m benchmarks.real_subsidence.nansi OUT`` reads the outlines from ``../shared/data/gem``
or ``MINEECO_DATA`` and writes panels, case and report below OUT. See ``assumptions``.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from benchmarks.real_subsidence import assumptions as a
from mineeco_xr.workflows import run_case

DATA = Path(os.environ.get("MINEECO_DATA", "../shared/data"))


def mines() -> gpd.GeoDataFrame:
    """Return the outlines with depth (m), output (Mt a year) and opening year."""
    outlines = gpd.read_file(DATA / "gem" / "coal_mine_boundaries.gpkg", layer="boundaries")
    sheet = pd.read_csv(DATA / "gem" / "global_coal_mine_tracker_july2022_min.csv")
    facts = sheet.set_index("Mine IDs")[
        ["Mine Name", "Mine Depth (m)", "Coal Output (Annual, Mt)", "Opening Year"]
    ]
    found = outlines.merge(facts, left_on="GEM Mine ID", right_index=True, suffixes=("_map", ""))
    found["name"] = found["Mine Name"].str.removesuffix(" Coal Mine")
    found = found[found["name"].isin(a.MINES)].rename(
        columns={
            "Mine Depth (m)": "depth",
            "Coal Output (Annual, Mt)": "output",
            "Opening Year": "opened",
        }
    )
    numbers = ["depth", "output", "opened"]
    found[numbers] = found[numbers].apply(pd.to_numeric)
    found = found[["name", *numbers, "geometry"]]
    return found.sort_values("name").to_crs(a.CRS).reset_index(drop=True)


def panels_of(mine: pd.Series, layout: a.Layout = a.LAYOUT) -> pd.DataFrame:
    """Lay panels inside a mine and mine them one after another, from the middle outwards."""
    turn = np.radians(layout.azimuth)
    along = np.array([np.sin(turn), np.cos(turn)])
    across = np.array([along[1], -along[0]])
    middle = np.array(mine.geometry.centroid.coords[0])
    kept = mine.geometry.buffer(-layout.inset)
    reach = int(np.hypot(*np.ptp(np.array(kept.bounds).reshape(2, 2), axis=0)) / layout.width) + 1
    steps = (layout.length + layout.gate, layout.width + layout.pillar)
    places = []
    for i in range(-reach, reach + 1):
        for j in range(-reach, reach + 1):
            centre = middle + i * steps[0] * along + j * steps[1] * across
            ends = [
                centre + s * layout.length / 2 * along + t * layout.width / 2 * across
                for s, t in ((-1, -1), (1, -1), (1, 1), (-1, 1))
            ]
            if kept.contains(shapely.Polygon(ends)):
                places.append((float(np.hypot(*(centre - middle))), *centre))
    places.sort()
    coal = layout.length * layout.width * a.THICKNESS * a.DENSITY * a.RECOVERY
    days = 365.25 * coal / (mine.output * 1e6)
    first = max(pd.Timestamp(a.FIRST_DATE), pd.Timestamp(f"{int(mine.opened)}-01-01"))
    rows = []
    for number, (_, x, y) in enumerate(places):
        start = first + pd.Timedelta(days=days * number)
        if start.year > a.DATES[-1]:
            break
        rows.append(
            {
                "name": f"{mine['name']} {number + 1:03d}", "x": x, "y": y,
                "length": layout.length, "width": layout.width, "azimuth": layout.azimuth,
                "depth": mine.depth, "thickness": a.THICKNESS, **a.OVERBURDEN,
                "start": start.date(), "end": (start + pd.Timedelta(days=days)).date(),
            }
        )  # fmt: skip
    return pd.DataFrame(rows)


def write_case(found: gpd.GeoDataFrame, folder: Path) -> Path:
    """Write panels, mines, lines and the configuration."""
    folder.mkdir(parents=True, exist_ok=True)
    pd.concat([panels_of(row) for _, row in found.iterrows()]).to_csv(
        folder / "panels.csv", index=False, float_format="%.2f"
    )
    found.to_file(folder / "mines.gpkg", layer="mines", driver="GPKG")
    lines = []
    for shape in found.geometry:
        left, _, right, _ = shape.bounds
        y = shape.centroid.y
        lines.append(shapely.LineString([(left - 1000, y), (right + 1000, y)]))
    named = gpd.GeoDataFrame(
        {"name": [f"{name}, west to east" for name in found["name"]]}, geometry=lines, crs=a.CRS
    )
    named.to_file(folder / "lines.gpkg", layer="lines", driver="GPKG")
    left, bottom, right, top = found.total_bounds + np.array([-1, -1, 1, 1]) * a.MARGIN
    cell = a.RESOLUTION
    bounds = [np.floor(left / cell) * cell, np.floor(bottom / cell) * cell,
              np.ceil(right / cell) * cell, np.ceil(top / cell) * cell]  # fmt: skip
    case = folder / "nansi.toml"
    case.write_text(
        f"""kind = "subsidence"
title = "Four mines beside Nansi Lake"
subtitle = "Real outlines (GEM), assumed panels and parameters: no statement about these mines"
dates = {list(a.DATES)}

[grid]
crs = "{a.CRS}"
resolution = {cell}
bounds = {[float(edge) for edge in bounds]}

[panels]
path = "panels.csv"

[method]
output = ["tilt", "strain_max"]

[water]
table = {a.WATER_TABLE["wet"]}
dry_season = {a.WATER_TABLE["dry"]}

[mines]
path = "mines.gpkg"

[profiles]
path = "lines.gpkg"
""",
        encoding="utf-8",
    )
    return case


def main() -> None:
    """Run the case and say what came out."""
    if len(sys.argv) != 2:
        raise SystemExit("usage: python -m benchmarks.real_subsidence.nansi OUT")
    out = Path(sys.argv[1])
    case = write_case(mines(), out / "inputs")
    folder = run_case(case, out, overwrite=True)
    print(json.dumps(folder.seconds, indent=2))
    print(pd.read_csv(out / "tables" / "mine_years.csv").tail(8).to_string(index=False))


if __name__ == "__main__":
    main()
