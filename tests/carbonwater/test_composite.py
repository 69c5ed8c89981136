"""Composites against NumPy, date by date."""

from __future__ import annotations

import importlib
import warnings

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from mineeco_xr.carbonwater.composite import composite
from mineeco_xr.errors import GridMismatch, ParameterError, SchemaError
from mineeco_xr.testing import assert_lazy, chunkings, rasters, with_grid

SHAPE = (7, 9)
DATES = pd.to_datetime(
    ["2001-05-31", "2001-06-01", "2001-07-10", "2001-08-20", "2001-09-30", "2001-10-01",
     "2002-06-15", "2002-07-15", "2002-12-31", "2003-08-08"]
)  # fmt: skip
BANDS = ("red", "nir", "thermal")


def cube(values, dates=DATES):
    """Three bands of one drawn raster, with gaps of their own."""
    return xr.Dataset(
        {
            name: with_grid(np.roll(values, shift, axis=-1), times=dates, name=name, units="1")
            for shift, name in enumerate(BANDS)
        }
    )


def years(ds, first=6, last=9):
    for year in (2001, 2002, 2003):
        inside = (
            (ds.time.dt.year == year) & (ds.time.dt.month >= first) & (ds.time.dt.month <= last)
        )
        yield ds.isel(time=np.flatnonzero(inside))


def oracle(ds, how):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        function = {"median": np.nanmedian, "mean": np.nanmean, "max": np.nanmax, "min": np.nanmin}
        return {
            name: np.stack([function[how](part[name].values, axis=0) for part in years(ds)])
            for name in ds
        }


def medoid_oracle(part):
    """The date of the real spectrum nearest to the medians, pixel by pixel."""
    bands = np.stack([part[name].values.astype("f8") for name in BANDS])
    date = np.full(SHAPE, -1)
    for i, j in np.ndindex(SHAPE):
        whole = np.flatnonzero(~np.isnan(bands[:, :, i, j]).any(axis=0))
        if whole.size:
            spectra = bands[:, whole, i, j]
            middle = np.median(spectra, axis=1).astype("f4").astype("f8")
            date[i, j] = whole[((spectra - middle[:, None]) ** 2).sum(axis=0).argmin()]
    return date


@settings(max_examples=8)
@given(
    values=rasters(times=len(DATES), shape=SHAPE, nodata_share=0.4),
    how=st.sampled_from(["median", "mean", "max", "min"]),
)
def test_each_variable_equals_numpy(values, how):
    ds = cube(values)
    found = composite(ds, how=how)
    for name, expected in oracle(ds, how).items():
        np.testing.assert_allclose(found[name], expected, rtol=1e-6 if how == "mean" else 0)
    clear = np.stack(
        [np.isfinite(part.to_array()).any("variable").sum("time") for part in years(ds)]
    )
    np.testing.assert_array_equal(found["clear_count"], clear)
    assert found["clear_count"].dtype == "uint16"
    assert [str(t)[:10] for t in found.time.values] == ["2001-01-01", "2002-01-01", "2003-01-01"]


@settings(max_examples=6)
@given(values=rasters(times=len(DATES), shape=SHAPE, nodata_share=0.3))
def test_medoid_equals_a_loop_and_keeps_real_spectra(values):
    ds = cube(values)
    found = composite(ds, how="medoid")
    for number, part in enumerate(years(ds)):
        date = medoid_oracle(part)
        day = np.where(date < 0, 0, part.time.dt.dayofyear.values[date])
        np.testing.assert_array_equal(found["composite_day"][number], day)
        for name in BANDS:
            kept = np.take_along_axis(part[name].values, np.maximum(date, 0)[None], axis=0)[0]
            np.testing.assert_array_equal(found[name][number], np.where(date < 0, np.nan, kept))


def test_the_date_of_the_largest_index_is_kept_for_all_bands():
    rng = np.random.default_rng(3)
    ds = cube(rng.random((len(DATES), *SHAPE)).astype("f4"))
    ds["red"][2, 0, 0] = np.nan
    ds["nir"][:, 1, 1] = np.nan
    found = composite(ds, how="max_index", index="nir")
    part = next(iter(years(ds)))
    best = part["nir"].fillna(-1).argmax("time")
    np.testing.assert_array_equal(
        found["red"][0].where(ds["nir"][0].notnull()),
        part["red"].isel(time=best).where(ds["nir"][0].notnull()),
    )
    assert np.isnan(found["red"][:, 1, 1]).all()
    assert (found["composite_day"][:, 1, 1] == 0).all()
    assert found["composite_day"].attrs["_FillValue"] == 0
    # The index alone chooses the date; a band without a value on it has none.
    ds["nir"][2, 0, 0] = 2
    assert np.isnan(composite(ds, how="max_index", index="nir")["red"][0, 0, 0])


@settings(max_examples=8)
@given(
    values=rasters(times=len(DATES), shape=SHAPE, nodata_share=0.4),
    data=st.data(),
    how=st.sampled_from(
        ["median", "mean", "medoid", {"red": "max", "nir": "medoid", "thermal": "medoid"}]
    ),
)
def test_any_chunking_gives_the_same_bits(values, data, how):
    ds = cube(values)
    chunks = {**data.draw(chunkings(SHAPE)), "time": data.draw(st.sampled_from([1, 3, 10]))}
    built = assert_lazy(composite, ds.chunk(chunks), how=how, min_clear=2)
    assert all(part.chunks is not None for part in built.data_vars.values())
    xr.testing.assert_identical(
        built.compute().drop_attrs(), composite(ds, how=how, min_clear=2).drop_attrs()
    )


def test_blocks_are_cut_when_many_dates_meet(monkeypatch):
    module = importlib.import_module("mineeco_xr.carbonwater.composite")
    monkeypatch.setattr(module, "BLOCK_BYTES", 200)
    ds = cube(np.random.default_rng(0).random((len(DATES), *SHAPE)).astype("f4"))
    lazy = composite(ds.chunk({"time": 1}))
    assert max(lazy["red"].chunksizes["y"]) < SHAPE[0]
    xr.testing.assert_equal(lazy.compute(), composite(ds))


def test_min_clear_counts_by_variable():
    values = np.ones((4, 1, 2), "f4")
    values[1:, 0, 0] = np.nan
    ds = cube(values, DATES[1:5])
    found = composite(ds, min_clear=2)
    assert np.isnan(found["red"][0, 0, 0])
    assert found["red"][0, 0, 1] == 1
    np.testing.assert_array_equal(found["nir"][0, 0], [1, np.nan])
    assert found["clear_count"].values.tolist() == [[[4, 4]]]
    assert (composite(ds[["red"]], min_clear=5)["clear_count"][0] == [[1, 4]]).all()


def test_seasons_by_months_days_and_across_the_new_year():
    values = np.arange(10, dtype="f4")[:, None, None] * np.ones((10, 1, 1), "f4")
    ds = cube(values)[["red"]]
    assert composite(ds, how="max", season=(152, 273))["red"].values.ravel().tolist() == [4, 7, 9]
    assert composite(ds, how="max", season=None)["red"].values.ravel().tolist() == [5, 8, 9]
    summer = composite(ds, how="max", season=(12, 6), missing="nodata")
    assert [str(t)[:4] for t in summer.time.values] == ["2001", "2002", "2003"]
    np.testing.assert_array_equal(summer["red"].values.ravel(), [1, 6, 8])
    months = composite(ds, freq="MS", how="max", season=(6, 7), missing="nodata")
    assert [str(t)[:7] for t in months.time.values] == [
        f"{year}-{month}" for year in (2001, 2002, 2003) for month in ("06", "07")
    ]
    np.testing.assert_array_equal(months["red"].values.ravel(), [1, 2, 6, 7, np.nan, np.nan])
    assert months["clear_count"].values.ravel().tolist() == [1, 1, 1, 1, 0, 0]


def test_a_year_without_a_date_is_an_error_or_flagged():
    ds = cube(np.ones((10, *SHAPE), "f4"))
    with pytest.raises(SchemaError, match=r"no date of 2002, 2003 in the season \(9, 10\)"):
        composite(ds, season=(9, 10))
    for given_ in (ds, ds.chunk({"y": 3})):
        found = composite(given_, season=(9, 10), how="medoid", missing="nodata")
        assert (found["clear_count"] == xr.DataArray([2, 0, 0], dims="time")).all()
        assert np.isnan(found["red"][1:]).all()
        assert (found["composite_day"][1:] == 0).all()
        assert found["red"].dtype == "float32"
        assert found.mine.grid == ds.mine.grid
    hidden = ds.where(ds.time.dt.year != 2002)
    flagged = composite(hidden)
    assert (flagged["clear_count"][1] == 0).all()
    assert np.isnan(flagged["red"][1]).all()


def test_integers_classes_and_what_is_left_out():
    ds = cube(np.ones((10, *SHAPE), "f4"))
    ds["stored"] = ds["red"].astype("int16").assign_attrs(_FillValue=1)
    ds["QA_PIXEL"] = ds["red"].astype("uint16")
    ds["fill_class"] = ds["red"].astype("uint8").assign_attrs(flag_values=[1])
    ds["height"] = ds["red"][0].drop_vars("time")
    found = composite(ds)
    assert set(found) == {*BANDS, "stored", "clear_count"}
    assert np.isnan(found["stored"]).all()
    assert found["red"].attrs["units"] == "1"
    assert found["red"].attrs["cell_methods"] == "time: median"


def test_bad_input():
    ds = cube(np.ones((10, *SHAPE), "f4"))
    for match, options in (
        (r"how has \['mode'\]", {"how": "mode"}),
        ("min_clear is 0", {"min_clear": 0}),
        ("freq is 'D'", {"freq": "D"}),
        ("missing is 'skip'", {"missing": "skip"}),
        ("first and the last month", {"season": (0, 9)}),
        ("choose one of them", {"how": {"red": "medoid", "nir": "max_index"}}),
        ("no variable is made by 'max_index'", {"index": "red"}),
    ):
        with pytest.raises(ParameterError, match=match):
            composite(ds, **options)
    with pytest.raises(SchemaError, match="'NDVI' or 'ndvi'"):
        composite(ds, how="max_index")
    with pytest.raises(SchemaError, match=r"no variable \['green'\]"):
        composite(ds, how={"green": "max"})
    with pytest.raises(SchemaError, match="needs dates"):
        composite(ds.isel(time=0, drop=True))
    with pytest.raises(SchemaError, match="stands twice"):
        composite(ds.isel(time=[0, 0, 1]))
    with pytest.raises(SchemaError, match="a season needs dates"):
        composite(ds.assign_coords(time=np.arange(10.0)))
    with pytest.raises(GridMismatch):
        composite(ds.drop_vars("spatial_ref"))
