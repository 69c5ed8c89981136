"""Classes by computed and by given bounds."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import mineeco_xr as mx
from mineeco_xr.errors import ParameterError
from mineeco_xr.testing import assert_chunk_invariant, assert_lazy, chunkings, rasters, with_grid

SHAPE = (9, 11)
METHODS = ["natural_breaks", "quantile", "equal_interval", "standard_deviation"]


@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=12)
@given(values=rasters(times=2, shape=SHAPE), data=st.data(), by=st.sampled_from([None, "time"]))
def test_any_chunking_gives_the_same_bits(method, values, data, by):
    groups = [values] if by is None else list(values)
    if method == "natural_breaks":
        assume(all(np.unique(g[np.isfinite(g)]).size >= 3 for g in groups))
    chunks = {**data.draw(chunkings(SHAPE)), "time": data.draw(st.sampled_from([1, 2]))}
    raster = with_grid(values)
    assert_chunk_invariant(mx.classify, raster, chunks=chunks, method=method, k=3, by=by)
    found = mx.classify(raster, method, 3, by=by)
    np.testing.assert_array_equal(found == 0, ~np.isfinite(values))
    assert int(found.max()) <= 3


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@given(values=rasters(shape=SHAPE, dtype="float64"), k=st.integers(2, 6), lazy=st.booleans())
def test_bounds_are_those_of_numpy(dtype, values, k, lazy):
    values = values.astype(dtype)
    cells = values[np.isfinite(values)].astype("float64")
    assume(cells.size)
    raster = with_grid(values)
    expected = {
        "quantile": np.quantile(cells, np.arange(1, k + 1) / k),
        "equal_interval": np.linspace(cells.min(), cells.max(), k + 1)[1:],
        "standard_deviation": cells.mean() + cells.std() * (np.arange(1, k + 1) - k / 2),
    }
    for method, bounds in expected.items():
        found = mx.classify(raster, method, k)
        inner = found.attrs["breaks"][:-1]
        np.testing.assert_allclose(inner, bounds[:-1], rtol=1e-12, atol=1e-12)
        codes = np.where(np.isfinite(values), np.searchsorted(inner, values) + 1, 0)
        np.testing.assert_array_equal(found, codes)
        if lazy:
            built = assert_lazy(mx.classify, raster.chunk({"x": 4}), method, k)
            np.testing.assert_array_equal(built.compute(), codes)


def test_natural_breaks_of_one_date_classify_another():
    rng = np.random.default_rng(0)
    series = with_grid(rng.normal(size=(2, 20, 20)).astype("float32"))
    first = mx.natural_breaks(series.isel(time=0), 4)
    both = mx.classify(series.isel(time=0), k=4)
    np.testing.assert_array_equal(mx.classify(series.isel(time=0), breaks=first), both)
    first[-1] = np.inf
    second = mx.classify(series.isel(time=1), breaks=first)
    expected = np.searchsorted(first.values, series[1].values) + 1
    np.testing.assert_array_equal(second, expected)


def test_breaks_of_each_date_and_lazy_breaks():
    values = np.random.default_rng(0).normal(size=(3, 20, 20))
    values[1] = np.nan
    series = with_grid(values)
    each = mx.natural_breaks(series, 4, by="time")
    expected = mx.classify(series, k=4, by="time")
    np.testing.assert_array_equal(mx.classify(series, breaks=each), expected)
    lazy = series.chunk({"y": 7, "time": 1})
    built = assert_lazy(lambda d: mx.classify(d, breaks=mx.natural_breaks(d, 4, by="time")), lazy)
    np.testing.assert_array_equal(built.compute(), expected)
    other = mx.classify(with_grid(np.ones((3, 20, 20))), breaks=each)
    assert (other[1] == 0).all(), "a date without bounds has no classes"
    assert (other[[0, 2]] > 0).all()


def test_attributes_name_the_classes():
    raster = with_grid(np.array([[1.0, 2.0, 3.0, np.nan]]), name="risk", units="t")
    found = mx.classify(raster, breaks=[1, 2, 3], labels=["low", "rather low", "high"])
    assert found.values.tolist() == [[1, 2, 3, 0]]
    assert found.dtype == "uint8"
    assert found.name == "risk_class"
    assert found.attrs["_FillValue"] == 0
    assert found.attrs["flag_values"].tolist() == [1, 2, 3]
    assert found.attrs["flag_meanings"] == "low rather_low high"
    assert found.attrs["breaks"] == [1, 2, 3]
    assert found.attrs["units"] == "1"
    assert mx.classify(raster, "quantile", 2).attrs["flag_meanings"] == "class_1 class_2"


def test_a_map_of_classes_is_written_and_read(tmp_path):
    raster = with_grid(np.arange(12.0).reshape(3, 4), name="risk")
    path = xr.Dataset({"risk": mx.classify(raster, k=3)}).mine.write(tmp_path / "c.zarr")
    back = mx.open_cube(path)["risk"]
    np.testing.assert_array_equal(back, mx.classify(raster, k=3))


def test_values_above_the_last_break_are_said_not_dropped():
    raster = with_grid(np.array([[1.0, 5.0, np.nan]]), name="risk")
    with pytest.raises(ParameterError, match="risk has values up to 5, above the last break of 4"):
        mx.classify(raster, breaks=[2, 4])
    lazy = mx.classify(raster.chunk({"x": 1}), breaks=[2, 4])
    with pytest.raises(ParameterError, match=r"end the breaks with numpy\.inf"):
        lazy.compute()
    assert mx.classify(raster, breaks=[2, np.inf]).values.tolist() == [[1, 2, 0]]


@pytest.mark.parametrize(
    ("build", "times"),
    [
        (lambda d: mx.normalise(d), 2),
        (lambda d: mx.normalise(d, limits=(0, 1)), 1),
        (lambda d: mx.natural_breaks(d, 3), 2),
        (lambda d: mx.classify(d, k=3), 3),
        (lambda d: mx.classify(d, "quantile", 3), 3),
        (lambda d: mx.classify(d, "equal_interval", 3), 2),
        (lambda d: mx.hot_spots(d, 30), 2),
        (lambda d: mx.hot_spots(d, 30, correction="fdr"), 4),
    ],
)
def test_blocks_are_read_anew_by_each_pass_and_no_more(build, times):
    """What two passes share would be held from the first to the second."""
    reads = []

    def read(block, block_info=None):
        reads.append(block_info[0]["chunk-location"])
        return block

    raster = with_grid(np.random.default_rng(0).normal(size=(8, 12)).astype("float32"))
    lazy = raster.chunk({"y": 4, "x": 4})
    source = lazy.copy(data=lazy.data.map_blocks(read, dtype="float32", meta=lazy.data._meta))
    build(source).compute()
    counts = [reads.count(place) for place in np.ndindex(2, 3)]
    assert counts == [times] * 6


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_a_bound_belongs_to_its_class_in_the_dtype_of_the_data(dtype):
    raster = with_grid(np.array([[0.1, 0.2, 0.05]], dtype=dtype))
    for data in (raster, raster.chunk({"x": 1})):
        assert mx.classify(data, breaks=[0.1, 0.3]).values.tolist() == [[1, 2, 1]]
        assert mx.classify(data, breaks=[0.1, 0.2]).values.tolist() == [[1, 2, 1]]
        assert mx.classify(data, breaks=[0.1, 1e300]).values.tolist() == [[1, 2, 1]]


def test_bounds_that_only_float64_tells_apart():
    values = np.array([[0.1, 0.2]])
    breaks = [0.1, 0.1 + 1e-12, 0.3]
    assert mx.classify(with_grid(values), breaks=breaks).values.tolist() == [[1, 3]]
    for given_breaks in (breaks, xr.DataArray(breaks, dims="class")):
        with pytest.raises(ParameterError, match=r"as float32 .*must ascend"):
            mx.classify(with_grid(values.astype("float32")), breaks=given_breaks)
    whole = with_grid(np.array([[9, 10]], dtype="int16"))
    assert mx.classify(whole, breaks=[10 - 1e-9, 11]).values.tolist() == [[1, 2]]


def test_bad_input():
    raster = with_grid(np.array([[1.0, 2.0, 3.0]]))
    for breaks in ([2, 1], [1, 1], [1, np.nan], [np.nan, np.nan]):
        with pytest.raises(ParameterError, match="must ascend"):
            mx.classify(raster, breaks=breaks)
    with pytest.raises(ParameterError, match="2 to 254 upper bounds"):
        mx.classify(raster, breaks=[1])
    with pytest.raises(ParameterError, match="2 to 254 upper bounds"):
        mx.classify(raster, breaks=xr.DataArray([1, 2], dims="level"))
    with pytest.raises(ParameterError, match="'jenks' is unknown"):
        mx.classify(raster, "jenks")
    for breaks in ([[0.1, 1]], "ab", [[1], [2, 3]], 5, ["low", "high"], [None, "x"]):
        with pytest.raises(ParameterError, match="give one list of 2 to 254 upper bounds"):
            mx.classify(raster, breaks=breaks)
    with pytest.raises(ParameterError, match="dtype <U1: give 2 to 254"):
        mx.classify(raster, breaks=xr.DataArray(["a", "b"], dims="class"))
    with pytest.raises(ParameterError, match="needs breaks"):
        mx.classify(raster, "manual")
    with pytest.raises(ParameterError, match="2 labels for 3 classes"):
        mx.classify(raster, k=3, labels=["low", "high"])
    with pytest.raises(ParameterError, match="k is 4, but layer has only 3 distinct"):
        mx.classify(raster, k=4)
