"""Disturbance of rasters: years, choices, limits, patches, and real data."""

from __future__ import annotations

import json

import numpy as np
import pytest
import scipy.ndimage
from hypothesis import given, settings
from hypothesis import strategies as st

import mineeco_xr as mx
from mineeco_xr.carbonwater.event_patches import drop_small_patches
from mineeco_xr.errors import GridMismatch, ParameterError, SchemaError
from mineeco_xr.testing import assert_chunk_invariant, chunkings, rasters, with_grid

SHAPE = (9, 11)
METHODS = ("segments", "landtrendr", "maxdrop")


def clearings(noise=0.01, seed=0, years=24, shape=(20, 30)):
    """Return NDVI with one sudden loss a cell, and the first year of it."""
    rng = np.random.default_rng(seed)
    first = rng.integers(2005, 2021, shape)
    calendar = np.arange(2001, 2001 + years)[:, None, None]
    size = rng.uniform(0.15, 0.35, shape)
    ndvi = 0.7 - size * (calendar >= first) + rng.normal(0, noise, (years, *shape))
    return with_grid(ndvi.astype("float32"), name="ndvi", units="1"), first, size


@settings(max_examples=8)
@given(values=rasters(times=12, shape=SHAPE), data=st.data())
@pytest.mark.parametrize("method", METHODS)
def test_any_chunking_gives_the_same_bits(method, values, data):
    chunks = {**data.draw(chunkings(SHAPE)), "time": data.draw(st.sampled_from([1, 5, 12]))}
    options = {
        "which": data.draw(st.sampled_from(["greatest", "latest", "all"])),
        "loss": data.draw(st.sampled_from(["decrease", "increase"])),
        "min_patch": 1,
    }
    if options["which"] != "all":
        options["min_patch"] = data.draw(st.sampled_from([1, 2, 5]))
    assert_chunk_invariant(
        mx.disturbance,
        with_grid(values),
        chunks=chunks,
        method=method,
        min_magnitude=1.0,
        **options,
    )


@pytest.mark.parametrize(("method", "exact"), [("segments", 0.99), ("maxdrop", 0.99)])
def test_sudden_losses_are_dated(method, exact):
    ndvi, first, size = clearings()
    found = mx.disturbance(ndvi, method=method)
    assert (found["year"] == first).mean() > exact
    error = np.abs(found["magnitude"] - size) / size
    assert float(error.median()) < (0.04 if method == "segments" else 0.06)
    np.testing.assert_allclose(
        found["pre_value"] - found["post_value"], found["magnitude"], atol=1e-6
    )
    np.testing.assert_allclose(found["rate"] * found["duration"], found["magnitude"], rtol=1e-5)
    np.testing.assert_allclose(found["snr"] * found["rmse"], found["magnitude"], rtol=1e-5)


def test_landtrendr_dates_them_worse():
    ndvi, first, _ = clearings(noise=0.02)
    exact = {m: float((mx.disturbance(ndvi, method=m)["year"] == first).mean()) for m in METHODS}
    assert exact["segments"] > 0.97
    assert 0.3 < exact["landtrendr"] < exact["segments"]


@pytest.mark.parametrize("method", METHODS)
def test_a_rise_is_the_mirror_of_a_fall(method):
    ndvi, _, _ = clearings(shape=(5, 6))
    fall = mx.disturbance(ndvi, method=method)
    rise = mx.disturbance(-ndvi.assign_attrs(units="1"), method=method, loss="increase")
    for name in ("year", "end_year", "magnitude", "duration", "events", "rate"):
        np.testing.assert_array_equal(rise[name], fall[name], err_msg=name)
    np.testing.assert_array_equal(rise["pre_value"], -fall["pre_value"])


def test_slow_declines_begin_with_their_first_loss():
    calendar = np.arange(2001, 2025)
    slow = np.interp(calendar, [2001, 2008, 2014, 2024], [0.8, 0.8, 0.2, 0.2])
    found = mx.disturbance(with_grid(slow[:, None, None], name="ndvi"))
    assert found["year"].item() == 2009
    assert found["end_year"].item() == 2014
    assert found["duration"].item() == 6
    assert found["rate"].item() == pytest.approx(0.1)


def test_the_first_valid_date_that_sees_the_loss():
    y = np.r_[np.full(8, 0.8), np.full(16, 0.2)][:, None, None].repeat(2, 2)
    y[8:10, 0, 1] = np.nan
    found = mx.disturbance(with_grid(y, name="ndvi"))
    assert found["year"].values.tolist() == [[2009, 2011]]
    assert found["duration"].values.tolist() == [[1, 3]]


def test_two_losses_and_which_one():
    y = np.r_[np.full(6, 0.8), np.full(6, 0.5), np.full(6, 0.8), np.full(6, 0.3)]
    ndvi = with_grid(y[:, None, None], name="ndvi")
    every = mx.disturbance(ndvi, which="all")
    assert every["year"].squeeze().values.tolist() == [2007, 2019, 0, 0, 0, 0, 0]
    assert every["year"].dims == ("event", "y", "x")
    assert every["events"].item() == 2
    years = {w: mx.disturbance(ndvi, which=w)["year"].item() for w in ("greatest", "first")}
    assert years == {"greatest": 2019, "first": 2007}
    within = mx.disturbance(ndvi, years=(2003, 2015))
    assert (within["year"].item(), within["events"].item()) == (2007, 1)
    assert mx.disturbance(ndvi, min_magnitude=0.4)["events"].item() == 1


def test_nodata_and_no_event():
    y = np.full((12, 1, 3), 0.5, "float32")
    y[6:, 0, 0] = 0.1
    y[5:, 0, 2] = np.nan
    found = mx.disturbance(with_grid(y, name="ndvi"))
    assert found["events"].values.tolist() == [[1, 0, 255]]
    assert found["year"].values.tolist() == [[2007, 0, 0]]
    assert found["year"].attrs["_FillValue"] == 0
    assert found["year"].dtype == "uint16"
    assert found["magnitude"].isnull().values.tolist() == [[False, True, True]]
    assert found["rmse"].isnull().values.tolist() == [[False, False, True]]
    codes = (np.nan_to_num(y, nan=-1) * 1000).astype("int16")
    scaled = with_grid(codes, name="ndvi").assign_attrs(_FillValue=-1000)
    again = mx.disturbance(scaled, min_magnitude=100)
    np.testing.assert_array_equal(again["events"], found["events"])
    np.testing.assert_allclose(again["magnitude"], found["magnitude"] * 1000, rtol=1e-5)


@settings(max_examples=12)
@given(data=st.data(), least=st.integers(2, 6), seed=st.integers(0, 1000))
def test_small_patches_against_scipy(data, least, seed):
    year = np.random.default_rng(seed).integers(0, 3, SHAPE).astype("uint16") * 2000
    events = with_grid(year, name="year").to_dataset()
    expected = np.zeros(SHAPE, bool)
    for code in (2000, 4000):
        patch, _ = scipy.ndimage.label(year == code, np.ones((3, 3)))
        expected |= (np.bincount(patch.ravel()) >= least)[patch] & (patch > 0)
    for layers in (events, events.chunk(data.draw(chunkings(SHAPE)))):
        found = drop_small_patches(layers, least, keep=())["year"]
        np.testing.assert_array_equal(found, np.where(expected, year, 0))


def test_what_was_asked_is_written_down():
    ndvi, _, _ = clearings(shape=(2, 2))
    found = ndvi.mine.disturbance(max_breaks=2, min_patch=2)
    record = json.loads(found.attrs["mineeco"])["parameters"]
    assert record["max_breaks"] == 2
    assert record["min_magnitude"] == 0.1
    assert found["rate"].attrs["units"] == "yr-1"
    assert found["magnitude"].attrs["units"] == "1"


def test_bad_input():
    ndvi, _, _ = clearings(shape=(2, 3))
    with pytest.raises(SchemaError, match="has 5 dates and min_obs is 6"):
        mx.disturbance(ndvi.isel(time=slice(5)))
    with pytest.raises(ParameterError, match="'cold' is unknown"):
        mx.disturbance(ndvi, method="cold")
    with pytest.raises(ParameterError, match=r"'segments' has no parameter \['max_segments'\]"):
        mx.disturbance(ndvi, max_segments=4)
    with pytest.raises(ParameterError, match="min_length is 1"):
        mx.disturbance(ndvi, min_length=1)
    with pytest.raises(ParameterError, match="spike_threshold is 2"):
        mx.disturbance(ndvi, method="maxdrop", spike_threshold=2)
    with pytest.raises(ParameterError, match="loss is 'down'"):
        mx.disturbance(ndvi, loss="down")
    with pytest.raises(ParameterError, match="which is 'newest'"):
        mx.disturbance(ndvi, which="newest")
    with pytest.raises(ParameterError, match="min_patch is 4 and which is 'all'"):
        mx.disturbance(ndvi, which="all", min_patch=4)
    with pytest.raises(ParameterError, match="name the smallest loss"):
        mx.disturbance(ndvi.assign_attrs(units="gC m-2 yr-1"))
    with pytest.raises(ParameterError, match="min_magnitude is 0"):
        mx.disturbance(ndvi, min_magnitude=0)
    with pytest.raises(ParameterError, match=r"years is \(2010, 2005\)"):
        mx.disturbance(ndvi, years=(2010, 2005))
    with pytest.raises(ParameterError, match="min_snr is -1"):
        mx.disturbance(ndvi, min_snr=-1)
    with pytest.raises(ParameterError, match="join_rate is 0"):
        mx.disturbance(ndvi, join_rate=0)
    with pytest.raises(ParameterError, match="min_obs is 2"):
        mx.disturbance(ndvi, min_obs=2)
    with pytest.raises(SchemaError, match="stands twice"):
        mx.disturbance(ndvi.isel(time=[*range(24), 23]))
    with pytest.raises(GridMismatch, match="no coordinate reference"):
        mx.disturbance(ndvi.drop_vars("spatial_ref"))


def test_the_planted_years_of_the_coalfield():
    field = mx.coalfield(96)
    ndvi = field.cube.mine.indices(["ndvi"])["ndvi"].compute()
    truth = field.truth["disturbance_year"].compute()
    seen = (truth > 2001) & (truth < 2025)
    for method in ("segments", "maxdrop"):
        year = mx.disturbance(ndvi, method=method)["year"].astype(int)
        assert float((abs(year - truth) <= 1).where(seen).mean()) > 0.95
    at_the_end = mx.disturbance(ndvi, min_length=2)["year"]
    assert float((at_the_end == truth).where(seen).mean()) > 0.95


@pytest.mark.data("recovery_landsat")
def test_a_real_fire(data_dir):
    folder = data_dir / "recovery_landsat"
    bands = {"red": 3, "nir": 4}
    cube = mx.ingest(
        {
            "grid": {"like": "red"},
            "variables": {n: {"path": "*.tif", "band": b, "units": "1"} for n, b in bands.items()},
        },
        base=folder,
    )
    fire = mx.read_vectors(folder / "wildfire_516.gpkg")
    ndvi = cube.mine.indices(["ndvi"])["ndvi"]
    inside = mx.burn(fire, cube.mine.grid).values > 0
    for method in ("segments", "maxdrop"):
        year = mx.disturbance(ndvi, method=method)["year"].values[inside]
        codes, counts = np.unique(year[year > 0], return_counts=True)
        assert codes[counts.argmax()] == 2005, method
