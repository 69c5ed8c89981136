"""Habitat rarity against counts written out, InVEST's regression value, and other chunks."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from mineeco_xr.errors import GridMismatch, ParameterError, SchemaError
from mineeco_xr.services.rarity import habitat_rarity, habitat_rarity_table
from mineeco_xr.testing import assert_chunk_invariant, assert_lazy, chunkings, rasters, with_grid


def coded(values, dtype, nodata):
    codes = np.where(np.isnan(values), nodata, np.floor(np.abs(np.nan_to_num(values)) / 25))
    found = with_grid(codes.astype(dtype), name="lulc")
    return found if np.isnan(nodata) else found.assign_attrs(_FillValue=nodata)


def by_hand(lulc, baseline, lulc_nodata, nodata):
    known = (baseline != nodata) & ~np.isnan(baseline)
    out = np.full(lulc.shape, np.nan)
    for code in np.unique(lulc[~np.isnan(lulc) & (lulc != lulc_nodata)]):
        here = (lulc == code) & known
        now, before = here.sum(), ((baseline == code) & known).sum()
        out[here] = 1 - now / (now + before) if before else 0
    return out.astype("float32")


KINDS = [
    ("uint8", 255, "int16", -1),
    ("int32", -9, "uint8", 9),
    ("float32", np.nan, "float64", np.nan),
]


@given(data=st.data(), kinds=st.sampled_from(KINDS))
def test_rarity_is_counted_for_any_chunks(data, kinds):
    noise = data.draw(rasters(largest=12))
    lulc = coded(noise, *kinds[:2])
    baseline = coded(data.draw(rasters(shape=noise.shape)), *kinds[2:])
    found = habitat_rarity(lulc, baseline)
    expected = by_hand(lulc.values.astype("f8"), baseline.values.astype("f8"), kinds[1], kinds[3])
    np.testing.assert_array_equal(found, expected)
    assert_chunk_invariant(habitat_rarity, lulc, baseline, chunks=data.draw(chunkings(noise.shape)))


@pytest.mark.parametrize("later", [2, 3])
def test_regression_value_of_invest(later):
    baseline = np.ones((100, 100), dtype="int8")
    lulc = baseline.copy()
    lulc[50:] = later
    found = habitat_rarity(with_grid(lulc, resolution=1), with_grid(baseline, resolution=1))
    np.testing.assert_allclose(found.sum(dtype="f8"), 3333.3335, atol=1e-3)
    assert found.attrs["units"] == "1"


def test_each_date_is_counted_by_itself():
    before = with_grid(np.array([[1, 1, 2, 2, 255]], dtype="uint8")).assign_attrs(_FillValue=255)
    now = np.array([[[1, 1, 1, 2, 7]], [[2, 2, 2, 3, 3]]], dtype="uint8")
    cube = with_grid(now, name="lulc")
    expected = [[[0.4, 0.4, 0.4, 2 / 3, np.nan]], [[0.4, 0.4, 0.4, 0, np.nan]]]
    for chunks in (None, {"time": 1, "x": 2}, {"x": 3}):
        layers = [a if chunks is None else a.chunk(
            {d: n for d, n in chunks.items() if d in a.dims}) for a in (cube, before)]  # fmt: skip
        np.testing.assert_allclose(habitat_rarity(*layers), expected, rtol=1e-6)
        table = habitat_rarity_table(*layers)
        assert table.index.names == ["time", "lucode"]
        assert table["rarity_value"].round(3).tolist() == [0.4, 0.667, 0.4, 0]
        assert table.index.get_level_values("time")[-1] == pd.Timestamp("2002-01-01")
    alone = habitat_rarity_table(cube.isel(time=0), before)
    pd.testing.assert_frame_equal(alone, table.loc[pd.Timestamp("2001-01-01")])


def test_building_reads_nothing():
    maps = [with_grid(np.ones((2, 5, 6), dtype="uint8")), with_grid(np.ones((5, 6), "uint8"))]
    found = assert_lazy(habitat_rarity, *(a.chunk({"y": 2, "x": 4}) for a in maps))
    assert (found == 0.5).all()
    assert habitat_rarity(*maps).chunks is None


def test_all_nodata_is_nodata():
    empty = with_grid(np.zeros((3, 4), dtype="uint8")).assign_attrs(_FillValue=0)
    full = with_grid(np.ones((3, 4), dtype="uint8"))
    for pair in ((empty, full), (full, empty), (empty, empty)):
        assert np.isnan(habitat_rarity(*(a.chunk(2) for a in pair)).values).all()
        assert habitat_rarity_table(*pair).empty


def test_maps_must_fit():
    lulc = with_grid(np.ones((3, 4), dtype="uint8"), name="lulc")
    with pytest.raises(GridMismatch, match="'baseline'"):
        habitat_rarity(lulc, lulc.isel(x=slice(1, None)))
    degrees = with_grid(lulc.values, crs="EPSG:4326", resolution=0.01, origin=(100, 40))
    with pytest.raises(GridMismatch, match="metre"):
        habitat_rarity(degrees, degrees)
    with pytest.raises(SchemaError, match="holds bool"):
        habitat_rarity(lulc, lulc == 1)
    with pytest.raises(ParameterError, match="'baseline' has dims"):
        habitat_rarity(lulc, xr.concat([lulc, lulc], "time"))


def test_codes_are_whole_numbers():
    whole, broken = (with_grid(np.array([[1, second, 2]], dtype="float32")) for second in (1, 1.5))
    for pair in ((whole, broken), (broken, whole)):
        with pytest.raises(SchemaError, match=r"hold 1\.5; expected class codes as whole numbers"):
            assert_lazy(habitat_rarity, *(a.chunk(2) for a in pair)).compute()
        with pytest.raises(SchemaError, match=r"hold 1\.5"):
            habitat_rarity_table(*pair)
