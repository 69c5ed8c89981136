"""Interferograms of two cities: ``python -m benchmarks.real_wue.insar --folder FOLDER``.

Checks the figures of the tests aloud, writes ``insar.png``, and exits with 1 when one fails.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

import geopandas as gpd
import matplotlib as mpl
import numpy as np
import pandas as pd
import rioxarray
import xarray as xr

import mineeco_xr as mx
from benchmarks.measure import table

mpl.use("Agg")

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
INCIDENCE = 39.7036
METRIC = "EPSG:32614"
SAMPLES = 450


def sydney(folder: Path) -> list[dict[str, object]]:
    """Compare rates with the files that PyRate's tests expect."""
    cumulative = np.load(folder / "linrate" / "tscuml_0.npy")
    names = {part for path in folder.glob("tif/*.tif") for part in path.stem[4:17].split("-")}
    dates = pd.to_datetime(sorted(names), format="%y%m%d")
    values = np.concatenate([np.zeros((*cumulative.shape[:2], 1)), cumulative], axis=2)
    series = xr.DataArray(
        np.moveaxis(values, 2, 0),
        dims=("time", "y", "x"),
        coords=mx.cube.grid_coords(
            mx.make_grid((0, 0, values.shape[1], values.shape[0]), crs=METRIC, resolution=1)
        )
        | {"time": dates},
        attrs={"units": "mm"},
    )
    found = mx.linear_rate(series, min_n=12)["rate"].values
    expected = np.load(folder / "linrate" / "linear_rate.npy")
    return [
        _row(
            "Sydney: largest difference of rates, mm/yr", np.nanmax(np.abs(found - expected)), 1e-6
        ),
        _row(
            "Sydney: pixels with another nodata",
            np.isnan(found).sum() - np.isnan(expected).sum(),
            0,
        ),
    ]


def _row(name: str, found: float, most: float) -> dict[str, object]:
    return {"check": name, "found": float(found), "at most": most, "holds": bool(found <= most)}


def _about(name: str, found: float, expected: float, within: float) -> dict[str, object]:
    holds = abs(found - expected) <= within
    return {"check": name, "found": float(found), "expected": expected, "holds": bool(holds)}


def _read(path: str | Path) -> xr.DataArray:
    return rioxarray.open_rasterio(path, masked=True).squeeze("band", drop=True)


def mexico(folder: Path) -> tuple[xr.Dataset, xr.DataArray, tuple[float, float]]:
    """Return the series, the vertical rate and the reference point."""
    paths = sorted(folder.glob("*_unw.tif"))
    phase = [_read(path) for path in paths]
    dates = [(layer.attrs["FIRST_DATE"], layer.attrs["SECOND_DATE"]) for layer in phase]
    coherence = mx.stack_pairs(
        [_read(str(path).replace("_eqa_unw", "_flat_eqa_cc")) for path in paths], dates
    )
    pairs = mx.stack_pairs(phase, dates).assign_attrs(units="rad").chunk({"y": 20, "x": 50})
    los = pairs.mine.phase_to_displacement(wavelength=phase[0].attrs["WAVELENGTH_METRES"])
    best = (coherence.min("pair").notnull() * coherence.mean("pair")).values
    row, column = np.unravel_index(int(np.nanargmax(best)), best.shape)
    point = float(los["x"][column]), float(los["y"][row])
    series = los.mine.displacement_series(coherence=coherence, reference_point=point).compute()
    rate = series["displacement"].mine.linear_rate()["rate"]
    return series, rate.mine.los_to_vertical(INCIDENCE), point


def checks(series: xr.Dataset, vertical: xr.DataArray) -> list[dict[str, object]]:
    """Compare with what ``subsidence.md`` states."""
    whole = series["status"] == 3
    pairs = series["pairs"].where(whole)
    closure = float(np.sqrt((series["closure"] ** 2 * pairs).sum() / pairs.sum()))
    los = vertical * np.cos(np.radians(INCIDENCE))
    return [
        _about("Mexico City: rank of 12", float(series["rank"].max()), 12, 0),
        _about("Mexico City: pixels of 6000", float(whole.sum()), 5487, 0),
        _about("Mexico City: closure, mm", closure, 1.42, 0.005),
        _about("Mexico City: line of sight, least, mm/yr", float(los.min()), -300, 1),
        _about("Mexico City: vertical, least, mm/yr", float(vertical.min()), -390, 1),
    ]


def points_of(vertical: xr.DataArray) -> gpd.GeoDataFrame:
    """Return the pixels with a rate as points in metres."""
    rows, columns = np.nonzero(vertical.notnull().values)
    return gpd.GeoDataFrame(
        {"rate": vertical.values[rows, columns]},
        geometry=gpd.points_from_xy(vertical["x"].values[columns], vertical["y"].values[rows]),
        crs=4326,
    ).to_crs(METRIC)


def picture(
    series: xr.Dataset,
    vertical: xr.DataArray,
    point: tuple[float, float],
    sample: gpd.GeoDataFrame,
    filled: xr.Dataset,
    path: Path,
) -> None:
    """Draw the rate, the closure, a few series, and the map from samples."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, 2, figsize=(11, 7.2), layout="constrained")
    scale = {"cmap": "inferno", "vmin": -400, "vmax": 0}
    left, bottom, right, top = mx.cube.geobox_of(vertical).boundingbox.bbox
    shown = axes[0, 0].imshow(vertical, extent=(left, right, bottom, top), aspect="auto", **scale)
    axes[0, 0].plot(*point, "c^")
    axes[0, 0].set_title("vertical rate, mm/yr; triangle: reference", loc="left", fontsize=10)
    figure.colorbar(shown, ax=axes[0, 0])
    shown = axes[0, 1].imshow(series["closure"], extent=(left, right, bottom, top), aspect="auto")
    axes[0, 1].set_title("closure, mm; white: pairs do not connect", loc="left", fontsize=10)
    figure.colorbar(shown, ax=axes[0, 1])
    rates = vertical.values[np.isfinite(vertical.values)]
    for share in (0.0, 0.25, 0.5, 0.75):
        at = np.nanargmin(np.abs(vertical.values - np.quantile(rates, share)))
        row, column = np.unravel_index(at, vertical.shape)
        values = series["displacement"][:, row, column] / np.cos(np.radians(INCIDENCE))
        axes[1, 0].plot(
            series["time"], values, ".-", label=f"{vertical.values[row, column]:.0f} mm/yr"
        )
    axes[1, 0].legend(frameon=False, fontsize=8)
    axes[1, 0].tick_params(axis="x", rotation=30)
    axes[1, 0].set_title("vertical displacement, mm", loc="left", fontsize=10)
    box = mx.cube.geobox_of(filled).boundingbox.bbox
    left, bottom, right, top = (edge / 1000 for edge in box)
    shown = axes[1, 1].imshow(
        filled["value"].where(filled["far"] == 0), extent=(left, right, bottom, top), **scale
    )
    axes[1, 1].plot(sample.geometry.x / 1000, sample.geometry.y / 1000, "c.", markersize=2)
    axes[1, 1].set_title(f"IDW of {len(sample)} samples; km", loc="left", fontsize=10)
    figure.colorbar(shown, ax=axes[1, 1])
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main() -> None:
    """Run both places."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "real-wue")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("MINEECO_DATA", DATA)))
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    oracle = sydney(given.data / "insar" / "sydney")
    series, vertical, point = mexico(given.data / "insar" / "mexico" / "geotiffs")
    figures = checks(series, vertical)
    table("rates against PyRate's", oracle)
    table("Mexico City, 30 pairs", figures)
    points = points_of(vertical)
    order = np.random.default_rng(0).permutation(len(points))
    sample, others = points.iloc[order[:SAMPLES]], points.iloc[order[SAMPLES:]]
    errors = mx.idw_error(sample, "rate")
    left, bottom, right, top = points.total_bounds
    grid = mx.make_grid((left, bottom, right, top), crs=METRIC, resolution=75)
    filled = mx.idw(grid, sample, "rate", distance=True, units="mm yr-1", chunks=64).compute()
    held_out = []
    for power, neighbours in zip(errors["power"], errors["neighbours"], strict=True):
        whole = mx.idw(
            grid, sample, "rate", power=power, neighbours=int(neighbours), units="mm yr-1"
        )
        there = whole.sel(
            x=xr.DataArray(others.geometry.x.values),
            y=xr.DataArray(others.geometry.y.values),
            method="nearest",
        )
        held_out.append(float(np.sqrt(((there.values - others["rate"].values) ** 2).mean())))
    rows = errors.assign(held_out=held_out).to_dict("records")
    table(f"IDW of {SAMPLES} samples: error left out, and at {len(others)} others", rows)
    picture(series, vertical, point, sample, filled, given.folder / "insar.png")
    print(f"wrote {given.folder / 'insar.png'}")
    sys.exit(not all(row["holds"] for row in (*oracle, *figures)))


if __name__ == "__main__":
    main()
