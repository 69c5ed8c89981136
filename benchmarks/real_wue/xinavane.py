"""Real maps of 100 m averaged to 1 km, downscaled again, and compared with themselves.

``python -m benchmarks.real_wue.xinavane`` reads the seasons of an irrigated estate (WaPOR level 2)
from ``../shared/data`` or ``MINEECO_DATA``. Predictors are what the other seasons say: the mean and
standard deviation of NPP and ET over them, and the map of the season before (of the second season
for the first).
"""

from __future__ import annotations

import os
from itertools import product
from pathlib import Path

import numpy as np
import xarray as xr

import mineeco_xr as mx
from benchmarks.measure import table

FACTOR = 10
DATA = Path(os.environ.get("MINEECO_DATA", "../shared/data"))
RULES = (("none", False), ("bilinear", False), ("bilinear", True), ("block", False))


def seasons() -> xr.Dataset:
    """Return NPP and ET of all seasons, in memory."""
    path = next((DATA / "xinavane").glob("*.nc"))
    return xr.open_dataset(path).set_coords("spatial_ref")[["npp", "aeti"]].load()


def other_seasons(maps: xr.Dataset) -> xr.Dataset:
    """Return for each season what the others say of its cells."""
    layers = {}
    for name in ("npp", "aeti"):
        data = maps[name]
        means, spreads, beside = [], [], []
        for season in range(data.sizes["time"]):
            others = data.isel(time=[i for i in range(data.sizes["time"]) if i != season])
            means.append(others.mean("time"))
            spreads.append(others.std("time"))
            beside.append(data.isel(time=season - 1 if season else 1).drop_vars("time"))
        for kind, stack in (("mean", means), ("std", spreads), ("beside", beside)):
            layers[f"{name}_{kind}"] = xr.concat(stack, data["time"]).transpose("time", "y", "x")
    return xr.Dataset(layers).assign_coords(spatial_ref=maps["spatial_ref"])


def coarse_grid(maps: xr.Dataset) -> object:
    """Return the grid of cells of so many fine ones."""
    grid = mx.cube.geobox_of(maps["npp"])
    rows, columns = (size // FACTOR * FACTOR for size in grid.shape)
    return grid[:rows, :columns].zoom_out(FACTOR)


def measured(found: xr.DataArray, truth: xr.DataArray, kept: np.ndarray) -> dict[str, float]:
    """Return RMSE and R2 of all seasons, and the mean R2 within one season."""
    error = np.where(kept, found.values - truth.values, np.nan)
    centred = np.where(kept, (truth - truth.mean()).values, np.nan)
    within = np.where(kept, truth.values, np.nan)
    within = within - np.nanmean(within, axis=(1, 2), keepdims=True)
    share = np.nansum(error**2, axis=(1, 2)) / np.nansum(within**2, axis=(1, 2))
    return {
        "RMSE": float(np.sqrt(np.nanmean(error**2))),
        "R2": float(1 - np.nansum(error**2) / np.nansum(centred**2)),
        "R2 within a season": float(1 - share.mean()),
    }


def compare(maps: xr.Dataset, target: str) -> list[dict[str, object]]:
    """Downscale one variable by all models and rules; return the rows of the table."""
    truth, predictors, grid = maps[target], other_seasons(maps), coarse_grid(maps)
    coarse = mx.aggregate_to(truth, grid)
    smooth = mx.warp(coarse, truth, resampling="bilinear")
    kept = np.isfinite(smooth.values) & np.isfinite(truth.values)
    rows: list[dict[str, object]] = [
        {"model": "interpolation", "years": "", "residual": "", **measured(smooth, truth, kept)}
    ]
    for model, years in product(("ridge", "forest"), ("pooled", "each")):
        trained = mx.fit_downscale(
            predictors,
            coarse,
            model=model,
            years=years,
            n_estimators=100,
            cv=["random", "block"],
            block_cells=5,
        )
        for residual, conserve in RULES:
            found = trained.apply(
                predictors,
                coarse,
                residual=residual,
                conserve=conserve,
                applicability=False,
                spread=False,
            )
            rule = f"{residual}, conserved" if conserve else residual
            whole = kept & np.isfinite(found[target].values)
            rows.append({"model": model, "years": years, "residual": rule,
                         **measured(found[target], truth, whole)})  # fmt: skip
        print(trained.accuracy.round(3).to_string(index=False))
    return rows


def main() -> None:
    """Print the table of each variable."""
    maps = seasons()
    for target in ("npp", "aeti"):
        table(f"Xinavane, {target}, 10 seasons, {FACTOR} x coarser and back", compare(maps, target))


if __name__ == "__main__":
    main()
