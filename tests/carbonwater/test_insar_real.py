"""Real interferograms: Sydney's rates to the digit, and Mexico City from pairs to a map."""

from __future__ import annotations

from functools import lru_cache

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rioxarray
from scipy.spatial import cKDTree

import mineeco_xr as mx
from mineeco_xr.kernels.inverse_distance import weigh_points
from mineeco_xr.testing import with_grid

pytestmark = pytest.mark.data("insar")


def read(path):
    return rioxarray.open_rasterio(path, masked=True).squeeze("band", drop=True)


@pytest.fixture
def mexico(data_dir):
    return read_pairs(data_dir / "insar" / "mexico" / "geotiffs")


@lru_cache(maxsize=1)
def read_pairs(folder):
    paths = sorted(folder.glob("*_unw.tif"))
    phase = [read(path) for path in paths]
    dates = [(layer.attrs["FIRST_DATE"], layer.attrs["SECOND_DATE"]) for layer in phase]
    coherence = [read(str(path).replace("_eqa_unw", "_flat_eqa_cc")) for path in paths]
    pairs = mx.stack_pairs(phase, dates).assign_attrs(units="rad")
    los = mx.phase_to_displacement(pairs, wavelength=phase[0].attrs["WAVELENGTH_METRES"])
    return los, mx.stack_pairs(coherence, dates, name="coherence")


@pytest.fixture
def mexico_series(mexico):
    los, coherence = mexico
    best = coherence.min("pair").notnull() * coherence.mean("pair")
    row, column = np.unravel_index(int(np.nanargmax(best)), best.shape)
    point = float(los.x[column]), float(los.y[row])
    return mx.displacement_series(los, coherence=coherence, reference_point=point)


def test_rates_of_sydney(data_dir):
    folder = data_dir / "insar" / "sydney"
    cumulative = np.load(folder / "linrate" / "tscuml_0.npy")
    names = {part for path in folder.glob("tif/*.tif") for part in path.stem[4:17].split("-")}
    dates = pd.to_datetime(sorted(names), format="%y%m%d")
    zero = np.zeros((*cumulative.shape[:2], 1))
    series = np.moveaxis(np.concatenate([zero, cumulative], axis=2), 2, 0)
    found = mx.linear_rate(with_grid(series, times=dates, units="mm"), min_n=12)
    for name, peer, tolerance in (
        ("rate", "linear_rate", 1e-6),
        ("intercept", "linear_intercept", 5e-7),
        ("error", "linear_error", 5e-7),
        ("r_squared", "linear_rsquared", 1e-6),
    ):
        expected = np.load(folder / "linrate" / f"{peer}.npy")
        np.testing.assert_allclose(found[name], expected, rtol=0, atol=tolerance)
    assert np.isfinite(found["rate"]).sum() == 2683


def test_series_of_mexico(mexico_series):
    found = mexico_series
    whole = found["status"] == 3
    assert found.sizes["time"] == 13
    assert found["rank"].max() == 12
    assert whole.sum() == 5487
    pairs = found["pairs"].where(whole)
    closure = np.sqrt((found["closure"] ** 2 * pairs).sum() / pairs.sum())
    assert closure.item() == pytest.approx(1.42, abs=0.005)


def test_rates_of_mexico(mexico_series):
    rate = mexico_series["displacement"].mine.linear_rate()["rate"]
    assert rate.min().item() == pytest.approx(-300, abs=1)
    assert 0 < rate.max().item() < 10
    vertical = rate.mine.los_to_vertical(39.7036)
    assert vertical.min().item() == pytest.approx(-390, abs=1)
    assert vertical.std().item() == pytest.approx(102, abs=0.5)


def test_a_tile_is_inverted_as_numpy_does(mexico):
    los, coherence = mexico
    part = {"y": slice(20, 30), "x": slice(40, 52)}
    found = mx.displacement_series(los.isel(part), coherence=coherence.isel(part))
    epochs = found["time"].values
    first, second = (np.searchsorted(epochs, los[key].values) for key in ("reference", "secondary"))
    design = np.zeros((30, 13))
    design[np.arange(30), second], design[np.arange(30), first] = 1, -1
    known = (coherence.isel(part) >= 0.3).values & np.isfinite(los.isel(part).values)
    assert not known.all()
    for i, j in np.ndindex(10, 12):
        use = known[:, i, j]
        if np.linalg.matrix_rank(design[use][:, 1:]) < 12:
            assert found["status"][i, j] < 3
            continue
        values = los.isel(part).values[use, i, j].astype("float64")
        expected = np.linalg.lstsq(design[use][:, 1:], values, rcond=None)[0]
        np.testing.assert_allclose(found["displacement"][1:, i, j], expected, atol=1e-4)


def test_idw_of_mexico_prefers_near_points(mexico_series):
    vertical = mexico_series["displacement"].mine.linear_rate()["rate"].mine.los_to_vertical(39.7)
    rows, columns = np.nonzero(vertical.notnull().values)
    values = vertical.values[rows, columns]
    points = gpd.GeoDataFrame(
        {"rate": values},
        geometry=gpd.points_from_xy(vertical["x"].values[columns], vertical["y"].values[rows]),
        crs=4326,
    ).to_crs(32614)
    order = np.random.default_rng(0).permutation(len(points))
    sample, held_out = order[:450], order[450:1584]
    table = mx.idw_error(points.iloc[sample], "rate").set_index(["power", "neighbours"])["rmse"]
    table = table.unstack()
    assert (table.diff().iloc[1:] < 0).all().all()
    assert (table.loc[:2].diff(axis=1).iloc[:, 1:] > 0).all().all()
    # With the third power far points count for little, whatever their number.
    assert np.ptp(table.loc[3]) < 1
    # The held-out error has the size of the one that the samples foretell.
    places = np.column_stack([points.geometry.x, points.geometry.y])
    for power in (1.0, 2.0, 3.0):
        found = [
            weigh_points(
                places[sample], values[sample][:, None], *places[i][:, None], power=power,
                neighbours=12, radius=np.inf,
            )[0].item()
            for i in held_out
        ]  # fmt: skip
        far, near = cKDTree(places[sample]).query(places[held_out], k=12)
        expected = (far**-power * values[sample][near]).sum(1) / (far**-power).sum(1)
        np.testing.assert_allclose(found, expected, rtol=1e-6)
        rmse = np.sqrt(((found - values[held_out]) ** 2).mean())
        assert rmse == pytest.approx(table.loc[power, 12], rel=0.3)
