"""Compare our results with InVEST's, layer by layer, and fail beyond the tolerances.

``python -m benchmarks.peers.invest.compare MODEL INVEST_OUT OURS_OUT [--algorithm d8]``
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

import mineeco_xr as mx
from benchmarks.measure import table
from benchmarks.peers.invest.layers import (
    CUBE_FILE,
    FLOOR,
    LAYERS,
    MASKED,
    TOTALS,
    TOTALS_FILE,
    Layer,
    Totals,
)
from benchmarks.peers.invest.parameters import ALGORITHMS


def _theirs(path: Path) -> tuple[np.ndarray, np.ndarray, tuple[float, float]]:
    """Return values, where they are valid, and the upper left corner of a GeoTIFF."""
    import rasterio

    with rasterio.open(path) as file:
        values, gap, bounds = file.read(1), file.nodata, file.bounds
    valid = values != np.array(gap).astype(values.dtype)
    if values.dtype.kind == "f":
        valid &= ~np.isnan(values)
    return values, valid, (bounds.left, bounds.top)


def _ours(raster: xr.DataArray) -> tuple[np.ndarray, np.ndarray]:
    """Return values and where they are valid."""
    values = raster.values
    if values.dtype.kind == "f":
        return values, ~np.isnan(values)
    gap = raster.attrs.get("_FillValue")
    return values, np.ones(values.shape, bool) if gap is None else values != gap


def _window(raster: xr.DataArray, corner: tuple[float, float], shape: tuple) -> tuple[slice, ...]:
    """Return where a raster with that corner lies in ours; it must be on our grid."""
    x, y = raster["x"].values, raster["y"].values
    step = x[1] - x[0]
    place = (y[0] + step / 2 - corner[1]) / step, (corner[0] - x[0] + step / 2) / step
    whole = [round(value) for value in place]
    if max(abs(a - b) for a, b in zip(place, whole, strict=True)) > 1e-6:
        raise ValueError(f"InVEST's corner {corner} is not on our grid")
    return tuple(slice(i, i + n) for i, n in zip(whole, shape, strict=True))


def _differences(layer: Layer, ours: np.ndarray, theirs: np.ndarray) -> dict[str, Any]:
    """Compare values that are valid on both sides."""
    if theirs.dtype.kind in "iu":
        # InVEST packs shares of flow in int32, we in uint32.
        bits = 8 * theirs.dtype.itemsize
        ours, theirs = (v.astype("int64") & (2**bits - 1) for v in (ours, theirs))
        other = int((ours != theirs).sum())
        return {"differ": other, "absolute": "", "relative": "", "beyond": other}
    ours = ours.astype(theirs.dtype)
    a, b = ours.astype("float64"), theirs.astype("float64")
    with np.errstate(invalid="ignore"):
        gap = np.abs(a - b)
    size = np.abs(b)
    floor = FLOOR * size.max(initial=0)
    relative = gap / np.maximum(size, floor or 1)
    beyond = gap if layer.kind == "absolute" else relative
    wrong = ours != theirs
    if layer.kind != "exact":
        # Not "above": what is infinite on one side only has no difference.
        wrong &= ~(beyond <= layer.tolerance)
    return {
        "differ": int((ours != theirs).sum()),
        "absolute": float(gap.max(initial=0)),
        "relative": float(relative.max(initial=0)),
        "beyond": int(wrong.sum()),
    }


def compare_layer(layer: Layer, cube: xr.Dataset, folder: Path, *, masked: bool) -> dict[str, Any]:
    """Return a row of the report."""
    row: dict[str, Any] = {"layer": layer.ours, "rule": f"{layer.kind} {layer.tolerance:g}"}
    if layer.ours not in cube:
        return row | {"cells": "missing", "beyond": -1}
    theirs, valid, corner = _theirs(folder / layer.theirs)
    mine, known = _ours(cube[layer.ours])
    window = _window(cube[layer.ours], corner, theirs.shape)
    outside = int(known.sum()) - int(known[window].sum()) if masked else 0
    mine, known = mine[window], known[window]
    both = known & valid
    row |= {"cells": int(both.sum()), "other masks": int((known != valid).sum()) + outside}
    return row | _differences(layer, mine[both], theirs[both])


def compare_totals(totals: Totals, ours: Path, folder: Path) -> list[dict[str, Any]]:
    """Return a row for each column of a table of totals."""
    import geopandas as gpd
    import pandas as pd

    path = folder / totals.theirs
    theirs = pd.read_csv(path) if path.suffix == ".csv" else pd.DataFrame(gpd.read_file(path))
    theirs = theirs.set_index(totals.key)
    found = pd.read_csv(ours / TOTALS_FILE).set_index(totals.key)
    rows = []
    for mine, name in totals.columns.items():
        row: dict[str, Any] = {"layer": f"total {mine}", "rule": f"relative {totals.tolerance:g}"}
        if mine not in found or set(found.index) != set(theirs.index):
            rows.append(row | {"cells": "missing", "beyond": -1})
            continue
        b = theirs[name].to_numpy("float64")
        a = found.loc[theirs.index, mine].to_numpy("float64")
        gap = np.abs(a - b)
        relative = gap / np.maximum(np.abs(b), 1e-300)
        rows.append(
            row
            | {
                "cells": b.size,
                "other masks": 0,
                "differ": int((a != b).sum()),
                "absolute": float(gap.max()),
                "relative": float(np.where(gap == 0, 0, relative).max()),
                # Not "above": NaN on either side is a failure.
                "beyond": int((~(gap <= totals.tolerance * np.abs(b))).sum()),
            }
        )
    return rows


def compare(model: str, folder: Path, ours: Path, algorithm: str = "mfd") -> bool:
    """Print the comparison of a model and return whether all of it is within the tolerances."""
    cube = mx.open_cube(ours / CUBE_FILE)
    masked = model in MASKED
    rows = [compare_layer(layer, cube, folder, masked=masked) for layer in LAYERS[model]]
    if model in TOTALS:
        rows += _totals_of(model, ours, folder)
    for row in rows:
        row["verdict"] = "ok" if _passes(row) else "FAIL"
    columns = list(dict.fromkeys(name for row in rows for name in row))
    title = f"{model}, {algorithm}" if masked else model
    table(title, [{column: row.get(column, "") for column in columns} for row in rows])
    return all(row["verdict"] != "FAIL" for row in rows)


def _totals_of(model: str, ours: Path, folder: Path) -> list[dict[str, Any]]:
    if (ours / TOTALS_FILE).exists():
        return compare_totals(TOTALS[model], ours, folder)
    return [{"layer": "totals", "rule": "", "cells": "missing", "beyond": -1}]


def _passes(row: dict[str, Any]) -> bool:
    return row["beyond"] == 0 and row["cells"] > 0 and row["other masks"] == 0


def main() -> None:
    """Compare the results named on the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("model", choices=LAYERS)
    parser.add_argument("invest", type=Path)
    parser.add_argument("ours", type=Path)
    parser.add_argument("--algorithm", choices=ALGORITHMS, default="mfd")
    given = parser.parse_args()
    sys.exit(not compare(given.model, given.invest, given.ours, given.algorithm))


if __name__ == "__main__":
    main()
