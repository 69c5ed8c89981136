"""The same bits from a cluster of processes as from one thread."""

from __future__ import annotations

import importlib

import dask
import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
import xarray as xr

import mineeco_xr as mx
from mineeco_xr.errors import ParameterError
from mineeco_xr.testing import with_grid


@pytest.fixture(scope="module")
def client():
    from distributed import Client, LocalCluster

    with (
        LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0"
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client


def cube():
    rng = np.random.default_rng(0)
    npp = rng.normal(500, 90, (12, 60, 70)).astype("float32")
    npp[:, :9, 30:40] = np.nan
    et = rng.uniform(200, 700, npp.shape).astype("float32")
    return xr.Dataset(
        {
            "npp": with_grid(npp, name="npp", units="gC m-2 yr-1"),
            "et": with_grid(et, name="et", units="mm yr-1"),
        }
    )


def results(ds):
    wue = ds.mine.wue()
    zones = gpd.GeoDataFrame(
        {"name": ["a", "b"]},
        geometry=[shapely.box(500_100, 4_798_600, 501_500, 4_799_900),
                  shapely.Point(501_000, 4_799_000).buffer(700)],
        crs="EPSG:32650",
    )  # fmt: skip
    grid = mx.make_grid((500_000, 4_798_200, 502_000, 4_800_000), crs="EPSG:32650", resolution=77)
    return {
        "trend": wue.mine.trend(),
        "variation": wue.mine.variation().to_dataset(name="v"),
        "zonal": wue.mine.zonal(zones, name="name"),
        "coarse": wue.mine.warp(grid, resampling="average", chunks=11).to_dataset(name="c"),
    }


@pytest.mark.cluster
def test_processes_give_the_same_bits_as_one_thread(client):
    chunks = {"time": 5, "y": 23, "x": 31}
    with dask.config.set(scheduler="synchronous"):
        expected = {name: found.compute() for name, found in results(cube().chunk(chunks)).items()}
    with dask.config.set(scheduler=client.get):
        for name, found in results(cube().chunk(chunks)).items():
            xr.testing.assert_identical(found.compute().drop_attrs(), expected[name].drop_attrs())


@pytest.mark.cluster
def test_a_cube_is_written_by_processes(client, tmp_path):
    lazy = cube().chunk({"time": 5, "y": 23, "x": 31})
    lazy["wue"] = lazy.mine.wue()
    with dask.config.set(scheduler=client.get):
        path = mx.write_cube(lazy, tmp_path / "a.zarr", chunk=16)
    xr.testing.assert_equal(mx.open_cube(path).compute(), lazy.compute())


def landscape():
    rng = np.random.default_rng(3)
    dem = with_grid(rng.normal(100, 9, (60, 70)).round().astype("float32"), name="dem", units="m")
    patches = with_grid((rng.random((60, 70)) < 0.03).astype("uint8"), name="patches")
    resistance = with_grid(rng.uniform(1, 5, (60, 70)), name="resistance")
    resistance[20:22, :60] = np.nan
    return dem, patches, resistance


def forest(dem, resistance):
    from sklearn.ensemble import RandomForestRegressor

    table = np.column_stack([dem.values.ravel(), resistance.values.ravel()])
    table = pd.DataFrame(table, columns=["dem", "resistance"]).dropna()
    return RandomForestRegressor(5, random_state=0).fit(table, table.sum(axis=1))


def spatial_results(chunks):
    whole = landscape()
    dem, patches, resistance = (layer.chunk(chunks) for layer in whole)
    labels, filled = patches.mine.label(background=0), dem.mine.fill_pits()
    d8, mfd = filled.mine.flow_direction("d8"), filled.mine.flow_direction("mfd")
    sums = d8.mine.flow_accumulation()
    predictors = xr.Dataset({"dem": dem, "resistance": resistance.drop_attrs()})
    results = {
        "distance": patches.mine.distance(),
        "allocation": patches.mine.allocation(),
        "nearest decay": patches.mine.decay(300.0, "linear", "nearest"),
        "labels": labels,
        "patches": labels.mine.patches(),
        "filled": filled,
        "slope": dem.mine.slope(),
        "d8": d8,
        "mfd": mfd,
        "d8 sums": sums,
        "mfd sums": mfd.mine.flow_accumulation(),
        "basins": d8.mine.basins(),
        "way down": d8.mine.downstream_distance(sums > 20),
        "streams": mfd.mine.flow_accumulation().mine.streams(20.0, mfd, trace=0.7),
        "cost": resistance.mine.cost_distance(patches),
        "normalised": dem.mine.normalise(),
        "classes": dem.mine.classify("natural_breaks", k=4),
        "quantiles": dem.mine.classify("quantile", k=4),
        "hot": dem.mine.hot_spots(70.0, correction="fdr"),
        "forest": predictors.mine.evaluate_forest(forest(whole[0], whole[2])),
        "weights": predictors.mine.pca_weights(),
    }
    return {name: found.reset_coords(drop=True) for name, found in results.items()}


@pytest.mark.cluster
def test_stitched_and_settled_rasters_have_the_same_bits_from_processes(client):
    with dask.config.set(scheduler="synchronous"):
        expected = spatial_results({"y": 60, "x": 70})
        expected = {name: found.compute() for name, found in expected.items()}
    with dask.config.set(scheduler=client.get):
        for name, found in spatial_results({"y": 23, "x": 31}).items():
            same = xr.testing.assert_allclose if name == "weights" else xr.testing.assert_identical
            same(found.compute().drop_attrs(), expected[name].drop_attrs())


def dividing(mfd):
    from mineeco_xr.terrain.multiple_layers import accumulate_layers

    sums = mfd.mine.flow_accumulation()
    counts, doubled = accumulate_layers(mfd, [None, xr.full_like(mfd, 2.0, "float64")])
    streams = sums.mine.streams(20.0, mfd, trace=0.7)
    way = mfd.mine.downstream_distance(streams)
    return {"sums": sums, "counts": counts, "doubled": doubled, "streams": streams, "way": way}


@pytest.mark.cluster
def test_dividing_flow_in_blocks_has_the_same_bits_from_processes(client, monkeypatch):
    """As when the raster is too large for one worker."""
    multiple = importlib.import_module("mineeco_xr.terrain.multiple")
    with dask.config.set(scheduler="synchronous"):
        mfd = landscape()[0].mine.fill_pits().mine.flow_direction("mfd")
        expected = dividing(mfd)
    monkeypatch.setattr(multiple, "fits_in_memory", lambda *_: False)
    with dask.config.set(scheduler=client.get):
        for name, found in dividing(mfd.chunk({"y": 23, "x": 31})).items():
            np.testing.assert_array_equal(found.compute(), expected[name], err_msg=name)
        held = mfd.chunk({"y": 23, "x": 31}).persist()
        np.testing.assert_array_equal(held.mine.flow_accumulation(), expected["counts"])
        negative = xr.full_like(mfd, -1.0, "float64").chunk({"y": 23})
        with pytest.raises(ParameterError, match="expected 0 or more"):
            mfd.chunk({"y": 23}).mine.flow_accumulation(negative)


@pytest.mark.cluster
def test_decay_by_transforms_agrees_from_processes(client):
    _, patches, _ = landscape()
    expected = patches.mine.decay(300.0).values
    with dask.config.set(scheduler=client.get):
        found = patches.chunk({"y": 23, "x": 31}).mine.decay(300.0).values
    np.testing.assert_allclose(found, expected, atol=1e-6 * expected.max())


def services(dem, lulc, mines):
    """All four services, lazily or in memory as the inputs are."""
    table = pd.DataFrame(
        {"lucode": [1, 2], "usle_c": [0.01, 0.3], "usle_p": [1.0, 0.8], "habitat": [1.0, 0.2],
         "mine": [0.8, 0.1], "lulc_veg": [1, 0], "root_depth": [900, 1], "kc": [0.9, 0.5],
         "c_above": [60, 2], "c_below": [20, 1], "c_soil": [90, 30], "c_dead": [5, 0]}
    )  # fmt: skip
    threats = pd.DataFrame({"threat": ["mine"], "max_dist": 400, "weight": 1, "decay": "linear"})
    climate = {"precipitation": 600.0, "evapotranspiration": 900.0, "soil_depth": 700.0,
               "available_water": 0.2}  # fmt: skip
    units = {"precipitation": "mm yr-1", "evapotranspiration": "mm yr-1", "soil_depth": "mm",
             "available_water": "1"}  # fmt: skip
    layers = {
        name: xr.full_like(dem, value, dtype="f4").assign_attrs(units=units[name])
        for name, value in climate.items()
    }
    found = {
        "habitat": mx.habitat_quality(
            lulc, {"mine": mines}, threat_table=threats, sensitivity=table,
            half_saturation="half_max",
        ),
        "water": mx.water_yield(lulc, **layers, biophysical=table, seasonality=5),
        "carbon": mx.carbon(lulc, table),
    }  # fmt: skip
    for method in ("d8", "mfd"):
        found[method] = mx.sediment(
            dem, lulc, 1500.0, 0.03, table, threshold=20, method=method
        )[["usle", "sediment_export", "sediment_deposition"]]  # fmt: skip
    return found


def test_services_are_the_same_from_processes(client):
    rng = np.random.default_rng(5)
    slope = np.add.outer(np.arange(60.0), 2 * np.arange(64.0))
    dem = with_grid(slope + rng.normal(0, 3, slope.shape), name="dem", units="m")
    lulc = with_grid(rng.integers(1, 3, slope.shape).astype("u1"), name="lulc")
    mines = with_grid((rng.random(slope.shape) < 0.01).astype("u1"), name="mine")
    layers = (dem, lulc, mines)
    with dask.config.set(scheduler="synchronous"):
        expected = services(*layers)
    with dask.config.set(scheduler=client.get):
        for name, made in services(*(layer.chunk({"y": 31, "x": 33}) for layer in layers)).items():
            found = made.compute()
            for variable in found.data_vars:
                np.testing.assert_allclose(
                    found[variable],
                    expected[name][variable],
                    rtol=2e-6,
                    err_msg=f"{name} {variable}",
                )
