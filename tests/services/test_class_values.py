"""Classes to numbers: every type of codes, far apart or not, nodata, and unknown ones."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mineeco_xr.chunks import pointwise
from mineeco_xr.errors import SchemaError
from mineeco_xr.services.class_values import WIDEST, ClassValues, class_values
from mineeco_xr.testing import assert_chunk_invariant, assert_lazy, chunkings, with_grid

SHAPE = (9, 7)


def frame(codes, values=None):
    index = pd.Index(np.sort(codes), dtype="int64", name="lucode")
    numbers = np.arange(len(codes)) + 0.1 if values is None else values
    return pd.DataFrame(
        {"kc": np.asarray(numbers, "f8"), "twice": np.asarray(numbers) * 2.0}, index
    )


def look_up(classes, table, column="kc"):
    shared = class_values(classes, table, name="the table")
    found = pointwise(_of, classes, dtype="float32", shared=shared, parameters={"column": column})
    return found.transpose(*classes.dims)


def _of(block, *, shared, column):
    return shared.of(block, column)


CODES = {
    "uint8": [0, 3, 254],
    "int8": [-128, -5, 0, 127],
    "uint16": [0, 7, 65534],
    "int16": [-32768, -9, 0, 4, 32767],
    "int32": [-70_000, 0, 5, 2**22 - 70_001],
    "int64": [-(2**40), -1, 0, 17, 2**40],
    "uint32": [0, 1, 2**32 - 2],
    "uint64": [0, 5, 1000],
    "float32": [-3, 0, 9, 1000],
    "float64": [-3, 0, 9, 2**50],
}
NODATA = {"uint8": 255, "int8": 126, "uint16": 65535, "int16": -9999, "int32": -1, "int64": -9999,
          "uint32": 2**32 - 1, "uint64": 9, "float32": -9999, "float64": -9999}  # fmt: skip


@pytest.mark.parametrize("dtype", sorted(CODES))
@pytest.mark.parametrize("extra", [[], [300, 2**45, -(2**45)]], ids=["own", "more in the table"])
def test_every_type_of_codes(dtype, extra):
    codes = CODES[dtype]
    rng = np.random.default_rng(2)
    values = rng.choice([*codes, NODATA[dtype]], SHAPE).astype(dtype)
    table = frame([*codes, *extra])
    expected = table["kc"].reindex(values.ravel().astype("f8")).to_numpy("f4").reshape(SHAPE)
    if dtype.startswith("f"):
        values[2, 3] = expected[2, 3] = np.nan
    raster = with_grid(values, name="lulc").assign_attrs(_FillValue=NODATA[dtype])
    for classes in (raster, raster.chunk(4)):
        np.testing.assert_array_equal(look_up(classes, table), expected)
        np.testing.assert_array_equal(look_up(classes, table, "twice"), expected * np.float32(2))
    assert np.isnan(expected).any()


@settings(max_examples=20)
@given(seed=st.integers(0, 2**32 - 1), dtype=st.sampled_from(sorted(CODES)), data=st.data())
def test_any_chunking_gives_the_same(seed, dtype, data):
    codes = [*CODES[dtype], NODATA[dtype]]
    values = np.random.default_rng(seed).choice(codes, SHAPE).astype(dtype)
    gap = data.draw(st.sampled_from([slice(0, 0), slice(3, 6), slice(None)]))
    values[gap] = NODATA[dtype]
    raster = with_grid(values).assign_attrs(_FillValue=NODATA[dtype])
    chunks = data.draw(chunkings(SHAPE))
    assert_chunk_invariant(look_up, raster, chunks=chunks, table=frame(CODES[dtype]))


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int16", "int32", "int64", "uint32", "float32"])
def test_unknown_codes_are_counted(dtype):
    values = np.full(SHAPE, 3, dtype)
    low, high = (0, 100) if dtype.startswith("u") else (-100, 100)
    values[0, :2], values[5, 5] = low, high
    values[8, 6] = 99  # nodata
    raster = with_grid(values, name="cover").assign_attrs(_FillValue=99)
    for classes in (raster, raster.chunk(3)):
        message = rf"cover has classes without a row in the table: {low} \(2 cells\), {high} \(1 "
        with pytest.raises(SchemaError, match=message):
            look_up(classes, frame([3, 7])).compute()
    assert look_up(raster, frame([3, low, high])).notnull().sum() == values.size - 1


def test_the_whole_range_of_small_integers():
    for dtype in ("int8", "int16", "uint16"):
        limits = np.iinfo(dtype)
        raster = with_grid(np.array([[limits.min, limits.max, 1, 1]], dtype))
        with pytest.raises(SchemaError, match=rf"{limits.min} \(1 cells\), {limits.max} \(1 cells"):
            look_up(raster, frame([1]))


def test_of_many_unknown_codes_ten_are_shown():
    raster = with_grid(np.arange(30, dtype="int16").reshape(5, 6))
    with pytest.raises(SchemaError, match=r"9 \(1 cells\), 10 \(1 cells\) and 19 more\. Add a row"):
        look_up(raster, frame([0]))


def test_floats_between_the_codes_and_infinite_ones():
    raster = with_grid(np.array([[1.0, 1.5, np.nan]]))
    with pytest.raises(SchemaError, match=r"1\.5 \(1 cells\)"):
        look_up(raster, frame([1, 2]))
    found = look_up(with_grid(np.array([[1.0, np.inf, -np.inf]])), frame([1, 2]))
    np.testing.assert_array_equal(found, np.float32([[0.1, np.nan, np.nan]]))


def test_the_code_of_nodata_stays_nodata_though_the_table_has_it():
    for dtype in ("uint8", "int32"):
        raster = with_grid(np.array([[0, 1]], dtype)).assign_attrs(_FillValue=0)
        np.testing.assert_array_equal(look_up(raster, frame([0, 1])), np.float32([[np.nan, 1.1]]))
        encoded = with_grid(np.array([[0, 1]], dtype))
        encoded.encoding["_FillValue"] = 0
        np.testing.assert_array_equal(look_up(encoded, frame([0, 1])), np.float32([[np.nan, 1.1]]))


def test_no_class_at_all():
    raster = with_grid(np.full(SHAPE, 255, "uint8")).assign_attrs(_FillValue=255)
    assert look_up(raster.chunk(2), frame([1])).isnull().all()
    assert look_up(with_grid(np.full(SHAPE, np.nan)), frame([1])).isnull().all()
    coded = with_grid(np.full(SHAPE, -1, "int32")).assign_attrs(_FillValue=-1)
    assert look_up(coded, frame([-1])).isnull().all()


def test_codes_far_apart_need_little_memory():
    ready = ClassValues.of_table(
        np.array([-1, WIDEST]), {"kc": np.array([1.0, 2.0])}, np.dtype("int64"), None
    )
    assert ready.columns["kc"].size == 3
    near = ClassValues.of_table(
        np.array([5, 9]), {"kc": np.array([1.0, 2.0])}, np.dtype("int64"), None
    )
    assert near.columns["kc"].size == 6


def test_dates_and_other_orders_of_dims():
    values = np.random.default_rng(1).choice([1, 2, 9], (3, *SHAPE)).astype("u1")
    cube = with_grid(values).assign_attrs(_FillValue=9)
    expected = np.select([values == 1, values == 2], [0.1, 1.1], np.nan).astype("f4")
    for chunked in (cube, cube.chunk({"time": 1, "y": 2}), cube.transpose("y", "x", "time")):
        found = assert_lazy(look_up, chunked, frame([1, 2])) if chunked.chunks else look_up(
            chunked, frame([1, 2])
        )  # fmt: skip
        np.testing.assert_array_equal(found.transpose("time", "y", "x"), expected)


def test_the_check_comes_before_any_block():
    seen = []

    def watched(block, *, shared):
        seen.append(block.shape)
        return shared.of(block, "kc")

    values = np.ones((40, 40), "u1")
    values[-1, -1] = 7
    raster = with_grid(values, name="lulc").chunk(10)
    shared = class_values(raster, frame([1]), name="the table")
    found = assert_lazy(pointwise, watched, raster, dtype="float32", shared=shared)
    with pytest.raises(SchemaError, match=r"lulc has classes .* 7 \(1 cells\)"):
        found.compute()
    assert not seen
    with pytest.raises(SchemaError):
        found[:5, :5].compute()
    assert not seen


def test_classes_are_numbers():
    raster = with_grid(np.ones((2, 2), dtype=bool), name="mask")
    with pytest.raises(SchemaError, match="'mask' holds bool; expected class codes"):
        class_values(raster, frame([1]), name="the table")
