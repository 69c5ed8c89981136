"""A forest fire of 2005 in yearly Landsat composites: its year by three methods, and the recovery.

``python -m benchmarks.real_wue.recovery`` prints tables and, with ``--folder``, writes the recovery
curve as a figure. The exit code is 1 when the most frequent year of NDVI inside the polygon is not
2005 with ``segments`` and with ``maxdrop``.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

import mineeco_xr as mx
from benchmarks.measure import table

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
BANDS = {"red": 3, "nir": 4, "swir2": 6}
METHODS = ("segments", "maxdrop", "landtrendr")
FIRE = 2005
ANOMALOUS = 2011
"""The composite of this year looks anomalous: NDVI of the whole scene falls and comes back."""


def scene(folder: Path) -> tuple[xr.Dataset, np.ndarray]:
    """Return NDVI and NBR in memory, and which cells lie in the polygon."""
    cube = mx.ingest(
        {
            "grid": {"like": "red"},
            "variables": {
                name: {"path": "2*.tif", "band": band, "units": "1"} for name, band in BANDS.items()
            },
        },
        base=folder,
    ).compute()
    fire = mx.read_vectors(folder / "wildfire_516.gpkg")
    inside = mx.burn(fire, cube.mine.grid).values > 0
    found = {"ndvi": _normalised(cube["nir"], cube["red"])}
    found["nbr"] = _normalised(cube["nir"], cube["swir2"])
    return xr.Dataset({name: layer.rename(name) for name, layer in found.items()}), inside


def _normalised(one: xr.DataArray, other: xr.DataArray) -> xr.DataArray:
    return ((one - other) / (one + other)).assign_attrs(units="1")


def years_of(index: xr.DataArray, inside: np.ndarray) -> dict[str, np.ndarray]:
    """Return the year of the greatest loss of each cell inside, by method."""
    return {
        method: mx.disturbance(index, method=method)["year"].values[inside].astype(int)
        for method in METHODS
    }


def most_frequent(years: np.ndarray, without: tuple[int, ...] = ()) -> tuple[int, float]:
    """Return the most frequent year, and its share of all cells."""
    codes, counts = np.unique(years[(years > 0) & ~np.isin(years, without)], return_counts=True)
    return int(codes[counts.argmax()]), float(counts.max() / years.size)


def agreement(name: str, years: dict[str, np.ndarray]) -> list[dict[str, Any]]:
    """Return how often each method gives the year of the fire, and agrees with ``segments``."""
    first = years["segments"]
    rows = []
    for method, own in years.items():
        both = (own > 0) & (first > 0)
        year, share = most_frequent(own)
        rows.append(
            {
                "index": name,
                "method": method,
                "most frequent": year,
                "share of cells": f"{share:.0%}",
                f"{FIRE} or {FIRE + 1}": f"{np.isin(own, (FIRE, FIRE + 1)).mean():.0%}",
                f"{ANOMALOUS}": f"{(own == ANOMALOUS).mean():.0%}",
                "no loss": f"{(own == 0).mean():.0%}",
                "as segments": f"{(own == first)[both].mean():.0%}",
                "within a year": f"{(abs(own - first) <= 1)[both].mean():.0%}",
                "earlier by (median)": float(np.median((first - own)[both])),
            }
        )
    return rows


def where_landtrendr_differs(index: xr.DataArray, inside: np.ndarray) -> list[dict[str, Any]]:
    """Return what LandTrendr makes of the cells that ``segments`` dates to the fire."""
    found = {method: mx.disturbance(index, method=method) for method in ("segments", "landtrendr")}
    fire = inside & np.isin(found["segments"]["year"], (FIRE, FIRE + 1))
    own = found["landtrendr"]["year"].values[fire].astype(int)
    rows = []
    for label, chosen in (
        ("none", own == 0),
        (f"before {FIRE - 1}", (own > 0) & (own < FIRE - 1)),
        (f"{FIRE - 1} to {FIRE + 2}", (own >= FIRE - 1) & (own <= FIRE + 2)),
        (f"after {FIRE + 2}", own > FIRE + 2),
    ):
        spans = found["landtrendr"]["duration"].values[fire][chosen]
        rows.append(
            {
                "index": index.name,
                "LandTrendr's year": label,
                "share of the cells": f"{chosen.mean():.0%}",
                "its duration (median, yr)": float(np.median(spans))
                if (own[chosen] > 0).any()
                else "",
            }
        )
    return rows


def curve(index: xr.DataArray, inside: np.ndarray) -> list[dict[str, Any]]:
    """Return the mean inside by year, as a share of the way from 2006 back to the years before."""
    mean = index.where(inside).mean(("y", "x")).values
    years = index["time"].dt.year.values
    before, start = mean[np.isin(years, (FIRE - 2, FIRE - 1))].mean(), mean[years == FIRE + 1][0]
    return [
        {"year": int(year), "mean": f"{value:.3f}",
         "regained": f"{(value - start) / (before - start):.0%}" if year > FIRE else ""}
        for year, value in zip(years, mean, strict=True)
    ]  # fmt: skip


def measures(index: xr.DataArray, inside: np.ndarray) -> list[dict[str, Any]]:
    """Return quartiles of the measures of recovery, from the known dates and the detected ones."""
    runs = {
        "known dates": mx.recovery(index, FIRE, start=FIRE + 1),
        "segments": mx.recovery(index, mx.disturbance(index, years=(FIRE, FIRE + 1))),
    }
    rows = []
    for label, found in runs.items():
        for name in ("delta_ir", "r80p", "y2r", "rri", "recovered", "years_left"):
            values = found[name].values[inside]
            valid = values[np.isfinite(values)]
            low, middle, high = np.quantile(valid, (0.25, 0.5, 0.75))
            rows.append(
                {"index": index.name, "years from": label, "measure": name,
                 "cells": f"{valid.size / values.size:.0%}", "quartiles":
                 f"{low:.2f}  {middle:.2f}  {high:.2f}"}
            )  # fmt: skip
    return rows


def draw(rows: dict[str, list[dict[str, Any]]], folder: Path) -> Path:
    """Write the recovery curves as a figure."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 3.5), layout="constrained")
    for name, curve_rows in rows.items():
        years = [row["year"] for row in curve_rows]
        axes.plot(years, [float(row["mean"]) for row in curve_rows], marker="o", label=name.upper())
    axes.axvline(FIRE, color="0.6", linestyle="--")
    axes.annotate("fire", (FIRE, axes.get_ylim()[1]), va="top", ha="right")
    axes.set(ylabel="mean inside the fire", xlabel="year")
    axes.legend(frameon=False)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "recovery_curve.png"
    figure.savefig(path, dpi=120)
    plt.close(figure)
    return path


def run(data: Path, folder: Path | None) -> bool:
    """Print the tables; return whether the fire is found."""
    indices, inside = scene(data / "recovery_landsat")
    print(f"{inside.sum():,} cells inside the fire of {FIRE}")
    found = {name: years_of(indices[name], inside) for name in indices}
    table("year of the greatest loss", [r for n, y in found.items() for r in agreement(n, y)])
    rows = [r for name in indices for r in where_landtrendr_differs(indices[name], inside)]
    table(f"cells that segments dates to {FIRE} or {FIRE + 1}", rows)
    curves = {str(name): curve(indices[name], inside) for name in indices}
    for name, curve_rows in curves.items():
        table(f"recovery curve, {name}", curve_rows)
    table("measures of recovery", [r for name in indices for r in measures(indices[name], inside)])
    if folder is not None:
        print(draw(curves, folder))
    modes = {method: most_frequent(found["ndvi"][method])[0] for method in METHODS[:2]}
    print(f"most frequent year of NDVI: {modes}; expected {FIRE}")
    return set(modes.values()) == {FIRE}


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("MINEECO_DATA", DATA)))
    parser.add_argument("--folder", type=Path, default=None, help="where to write the figure")
    given = parser.parse_args()
    sys.exit(not run(given.data, given.folder))


if __name__ == "__main__":
    main()
