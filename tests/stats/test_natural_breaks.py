"""Natural breaks: exact on few values, as good as exact on many."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import mineeco_xr as mx
from mineeco_xr.errors import ParameterError, SchemaError
from mineeco_xr.kernels.jenks import optimal_classes
from mineeco_xr.testing import assert_lazy, chunkings, rasters, with_grid

SHAPE = (21, 24)


def table(data, k, **options):
    return mx.natural_breaks(data, k, **options).reset_coords().drop_attrs()


def left_within(values, breaks):
    """Sum of squares within classes of upper bounds that belong to them."""
    classes = np.searchsorted(breaks, values)
    parts = [values[classes == c] for c in range(len(breaks))]
    return sum(((part - part.mean()) ** 2).sum() for part in parts if part.size)


@pytest.mark.parametrize("by", [None, "time"])
@settings(max_examples=12)
@given(values=rasters(times=2, shape=SHAPE), data=st.data(), bins=st.sampled_from([256, 65536]))
def test_any_chunking_gives_the_same_bits(by, values, data, bins):
    """With 256 bins the same rasters take the way of many values."""
    groups = [values] if by is None else list(values)
    distinct = [np.unique(group[np.isfinite(group)]).size for group in groups]
    assume(all(size == 0 or size >= 3 for size in distinct))
    chunks = {**data.draw(chunkings(SHAPE)), "time": data.draw(st.sampled_from([1, 2]))}
    raster = with_grid(values)
    expected = table(raster, 3, bins=bins, by=by)
    found = assert_lazy(table, raster.chunk(chunks), 3, bins=bins, by=by).compute()
    xr.testing.assert_identical(found, expected)
    exact = [size <= bins for size in distinct]
    assert np.atleast_1d(expected["exact"]).tolist() == exact


@given(values=rasters(shape=SHAPE, dtype="float64"), k=st.integers(2, 7))
def test_equals_the_optimum_over_distinct_values(values, k):
    cells = values[np.isfinite(values)]
    distinct, counts = np.unique(cells, return_counts=True)
    assume(distinct.size >= k)
    found = mx.natural_breaks(with_grid(values), k)
    ends, within = optimal_classes(distinct, counts, k)
    np.testing.assert_array_equal(found, distinct[ends])
    classes = np.searchsorted(found.values, cells)
    np.testing.assert_array_equal(found["count"], np.bincount(classes, minlength=k))
    means = [cells[classes == c].mean() for c in range(k)]
    np.testing.assert_allclose(found["mean"], means, rtol=1e-12)
    total = ((cells - cells.mean()) ** 2).sum()
    assert float(found["goodness"]) == pytest.approx(1 - within / total, abs=1e-12)


SCENES = {
    "normal": lambda rng, n: rng.normal(10, 3, n),
    "heavy tail": lambda rng, n: rng.lognormal(0, 3, n),
    "narrow": lambda rng, n: rng.uniform(1000, 1004, n),
    "outliers": lambda rng, n: np.where(rng.random(n) < 1e-4, 1e6, rng.normal(0, 1, n)),
    "both signs": lambda rng, n: rng.normal(0, 1, n) ** 3,
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("scene", SCENES)
def test_many_values_are_within_the_stated_bound_of_the_optimum(scene, dtype):
    values = SCENES[scene](np.random.default_rng(3), (250, 400)).astype(dtype)
    found = mx.natural_breaks(with_grid(values).chunk({"y": 60, "x": 170}), 5).compute()
    cells = values.ravel().astype("float64")
    distinct, counts = np.unique(cells, return_counts=True)
    assert bool(found["exact"]) == (distinct.size <= 65536)
    _, least = optimal_classes(distinct, counts, 5)
    total = ((cells - cells.mean()) ** 2).sum()
    excess = left_within(cells, found.values) - least
    assert -1e-9 * total <= excess
    assert excess <= 1e-6 * least
    assert excess / total <= float(found["goodness_bound"]) + 1e-12
    assert float(found["goodness_bound"]) < 1e-4
    assert float(found["goodness"]) == pytest.approx(1 - least / total, abs=1e-6)


@settings(max_examples=15)
@given(seed=st.integers(0, 999))
def test_few_bins_stay_within_their_bound(seed):
    rng = np.random.default_rng(seed)
    values = rng.gamma(rng.uniform(0.3, 3), size=(40, 50))
    found = mx.natural_breaks(with_grid(values), 4, bins=256)
    cells = np.sort(values.ravel())
    total = ((cells - cells.mean()) ** 2).sum()
    excess = left_within(cells, found.values) - optimal_classes(cells, np.ones(cells.size), 4)[1]
    assert -1e-9 * total <= excess <= float(found["goodness_bound"]) * total


def test_integers_nodata_and_units():
    codes = with_grid(np.array([[1, 1, 2, 9, 9, 255]], "uint8"), units="mm")
    found = mx.natural_breaks(codes.assign_attrs(_FillValue=255), 2)
    assert found.values.tolist() == [2, 9]
    assert found.attrs["units"] == found["mean"].attrs["units"] == "mm"
    empty = mx.natural_breaks(with_grid(np.full((2, 2), np.nan)), 3)
    assert empty.isnull().all()
    assert (empty["count"] == 0).all()


def test_bad_input():
    raster = with_grid(np.array([[1.0, 2.0, 2.0, 3.0]]), name="risk")
    with pytest.raises(ParameterError, match="k is 5, but risk has only 3 distinct values"):
        mx.natural_breaks(raster, 5)
    lazy = mx.natural_breaks(raster.chunk({"x": 2}), 5)
    with pytest.raises(ParameterError, match="only 3 distinct values"):
        lazy.compute()
    for k in (1, 0, 255, 2.5):
        with pytest.raises(ParameterError, match="whole number of classes"):
            mx.natural_breaks(raster, k)
    for bins in (100, 300.5, 300.0, "300", None):
        with pytest.raises(ParameterError, match="a whole number, at least 256"):
            mx.natural_breaks(raster, 3, bins=bins)
    with pytest.raises(SchemaError, match="by='time'"):
        mx.natural_breaks(raster, 3, by="time")


def test_clusters_too_narrow_for_the_bins_are_said():
    near = 1 + np.arange(300) * 2.0**-50
    values = np.append(near, 1 + 2.0**-8)
    with pytest.raises(ParameterError, match=r"falls into only \d of"):
        mx.natural_breaks(with_grid(values[None]), 254, bins=256)
