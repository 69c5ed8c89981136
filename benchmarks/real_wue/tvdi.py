"""TVDI of real scenes: pyTVDI's example to its own digits, and both dates of Pennsylvania.

``python -m benchmarks.real_wue.tvdi --folder FOLDER --data DIR`` prints the edges and writes a
figure a scene. The exit code is 1 when the example's edges or pixels are not pyTVDI's.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import warnings
from pathlib import Path

import matplotlib as mpl
import numpy as np
import rioxarray
import xarray as xr

import mineeco_xr as mx
from benchmarks.measure import table
from benchmarks.real_wue import landsat
from mineeco_xr.errors import MineecoWarning

mpl.use("Agg")

REFERENCE = {"dry_intercept": 357.69673489741643, "dry_slope": -88.20000243645904,
             "wet": 299.3644088745117, "n_bins": 46.0}  # fmt: skip
"""As pyTVDI prints them."""
RECIPES = {
    "hottest cells": {},
    "middle of bins": {"bin_position": "middle"},
    "98 % quantile, 10 cells": {"dry": 0.98, "min_count": 10},
    "99 % quantile, 10 cells": {"dry": 0.99, "min_count": 10},
    "sloping wet edge": {"dry": 0.98, "min_count": 10, "wet": "line"},
}


def example(folder: Path) -> tuple[xr.Dataset, bool]:
    """Return pyTVDI's example scene, and whether edges and pixels are its own."""
    layers = {
        name: rioxarray.open_rasterio(folder / file)[0].drop_vars("band").drop_attrs(deep=False)
        for name, file in (
            ("ndvi", "NDVI_example.tif"),
            ("lst", "LST_example.tif"),
            ("reference", "NDVI_example_TVDI.tif"),
        )
    }
    layers["lst"].attrs["units"] = "K"
    reference = layers.pop("reference")
    # The files' coordinates differ by rounding, which a Dataset would take for other cells.
    cube = xr.Dataset(dict(zip(layers, xr.align(*layers.values(), join="override"), strict=True)))
    reference = reference.assign_coords(cube.coords)
    edges, found = cube.mine.tvdi_edges(), cube.mine.tvdi()
    same = all(np.isclose(edges[k], v, rtol=1e-10, atol=0) for k, v in REFERENCE.items())
    expected = reference.where(reference != -1).clip(0, 1)
    inside = {"y": slice(-1), "x": slice(-1)}
    differ = (found != expected) & ~(found.isnull() & expected.isnull())
    print(
        f"pyTVDI's example: edges {'equal' if same else 'DIFFER'} to ten digits; "
        f"{int(differ[inside].sum())} of {expected[inside].size} pixels differ, beside "
        f"{int(differ.sum() - differ[inside].sum())} of its empty last row and column"
    )
    return cube, same and not differ[inside].any()


def edges_of(name: str, cube: xr.Dataset) -> list[dict[str, object]]:
    """Return a row for each recipe."""
    rows = []
    for recipe, options in RECIPES.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", MineecoWarning)
            edges = cube.mine.tvdi_edges(**options)
            index = cube.mine.tvdi(clip=False, **options)
        meanings = edges["status"].attrs["flag_meanings"].split()
        rows.append(
            {
                "scene": name,
                "recipe": recipe,
                "status": meanings[int(edges["status"])],
                "dry edge at 0 (K)": float(edges["dry_intercept"]),
                "slope (K)": float(edges["dry_slope"]),
                "wet (K)": float(edges["wet"]),
                "r2": float(edges["r2"]),
                "bins": int(edges["n_bins"]),
                "median TVDI": float(index.median()),
                "outside 0..1 (%)": float(((index < 0) | (index > 1)).mean() * 100),
            }
        )
    return rows


def figure(name: str, cube: xr.Dataset, folder: Path) -> None:
    """Write the scatter of a scene with its edges, and its map."""
    import matplotlib.pyplot as plt

    shown, (axes, other) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    ndvi, lst = (cube[layer].values.ravel() for layer in ("ndvi", "lst"))
    valid = np.isfinite(ndvi) & np.isfinite(lst)
    axes.hexbin(ndvi[valid], lst[valid], gridsize=150, bins="log", cmap="Greys", linewidths=0)
    x = np.array([0.1, max(0.2, ndvi[valid].max())])
    for label, options, colour in (
        ("hottest cells", {}, "#b2182b"),
        ("98 % quantile", RECIPES["98 % quantile, 10 cells"], "#2166ac"),
    ):
        edges = cube.mine.tvdi_edges(**options)
        if int(edges["status"]):
            continue
        on = edges["bin_on_dry_edge"].values == 1
        axes.plot(edges["bin"][on], edges["bin_dry"][on], ".", color=colour, ms=3)
        dry = float(edges["dry_intercept"]) + float(edges["dry_slope"]) * x
        axes.plot(x, dry, color=colour, label=f"{label}: r2 {float(edges['r2']):.2f}")
        axes.plot(x, float(edges["wet"]) + 0 * x, color=colour, ls="--")
    axes.set(xlabel="NDVI", ylabel="temperature, K", title=f"{name}: dry and wet edge")
    axes.legend(fontsize=8)
    found = cube.mine.tvdi(**RECIPES["98 % quantile, 10 cells"])
    image = other.imshow(found.values, cmap="RdYlBu_r", vmin=0, vmax=1)
    other.set_title("TVDI, 98 % quantile")
    other.set_axis_off()
    shown.colorbar(image, ax=other, shrink=0.8)
    shown.savefig(folder / f"tvdi_{name}.png", dpi=110)
    plt.close(shown)


def main() -> None:
    """Fit, compare and draw."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "real-wue")
    data = Path(os.environ.get("MINEECO_DATA", landsat.DATA))
    parser.add_argument("--data", type=Path, default=data)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    first, equal = example(given.data / "tvdi")
    scenes = {"pytvdi": first}
    for name, date in landsat.DATES.items():
        scenes[name] = landsat.scene(given.data / landsat.FOLDER, date)
    table("edges", [row for name, cube in scenes.items() for row in edges_of(name, cube)])
    for name, cube in scenes.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", MineecoWarning)
            figure(name, cube, given.folder)
    print(f"figures in {given.folder}")
    print(f"mineeco_xr {mx.__version__}")
    sys.exit(not equal)


if __name__ == "__main__":
    main()
