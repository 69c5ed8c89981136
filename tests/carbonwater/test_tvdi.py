"""TVDI and its edges: a brute-force fit, pyTVDI's own example, and scenes that must be refused."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import rioxarray
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from mineeco_xr.carbonwater.tvdi import tvdi
from mineeco_xr.carbonwater.tvdi_edges import tvdi_edges
from mineeco_xr.errors import GridMismatch, MineecoWarning, ParameterError, SchemaError, UnitError
from mineeco_xr.testing import assert_chunk_invariant, assert_lazy, chunkings, with_grid

SHAPE = (30, 40)


def scene(seed=0, shape=SHAPE, times=None, dtype="float32", gaps=0.1):
    """A triangle with noise and gaps, its NDVI on bounds of bins as well."""
    rng = np.random.default_rng(seed)
    full = shape if times is None else (times, *shape)
    ndvi = rng.uniform(-0.1, 0.85, full)
    ndvi[rng.random(full) < 0.2] = 0.25
    lst = 300 + rng.random(full) * (45 - 40 * ndvi) + rng.normal(0, 0.2, full)
    ndvi[rng.random(full) < gaps] = np.nan
    lst[rng.random(full) < gaps] = np.nan
    ndvi[..., 0, :] = np.nan
    layers = (ndvi.astype(dtype), lst.astype(dtype))
    return tuple(
        with_grid(values, name=name, units=units)
        for values, name, units in zip(layers, ("ndvi", "lst"), ("1", "K"), strict=True)
    )


def brute_force(ndvi, lst, *, quantile=None, wet="mean", wet_bins=20, min_count=2, shift=1):
    """The recipe in words: bins, extremes, from the highest on, above the mean minimum, a line."""
    n, t = ndvi.values.ravel().astype("f8"), lst.values.ravel().astype("f8")
    position, high, low = [], [], []
    for k in range(90):
        inside = (n >= 0.1 + 0.01 * k) & (n < 0.1 + 0.01 * (k + 1)) & np.isfinite(t)
        if inside.sum() < min_count:
            continue
        position.append(0.1 + 0.01 * (k + shift))
        high.append(t[inside].max() if quantile is None else np.quantile(t[inside], quantile))
        low.append(t[inside].min() if quantile is None else np.quantile(t[inside], 1 - quantile))
    position, high, low = map(np.array, (position, high, low))
    used = (np.arange(high.size) >= high.argmax()) & (high > low.mean())
    slope, intercept = np.polyfit(position[used], high[used], 1)
    wet_slope, wet_intercept = np.polyfit(position, low, 1)
    floor = (low[-wet_bins:].mean(), 0) if wet == "mean" else (wet_intercept, wet_slope)
    r = np.corrcoef(position[used], high[used])[0, 1]
    return {"dry_intercept": intercept, "dry_slope": slope, "wet": floor[0],
            "wet_slope": floor[1], "r": r, "r2": r**2, "n_bins": used.sum()}  # fmt: skip


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, {}),
        ({"wet": "line", "min_count": 5}, {"wet": "line", "min_count": 5}),
        ({"dry": 0.95, "wet_bins": 7}, {"quantile": 0.95, "wet_bins": 7}),
        ({"bin_position": "middle"}, {"shift": 0.5}),
    ],
)
def test_edges_equal_the_recipe(seed, options, words):
    dtype = "float32" if seed else "float64"
    ndvi, lst = scene(seed, dtype=dtype)
    found = tvdi_edges(ndvi, lst, **options)
    assert found["status"] == 0
    for name, expected in brute_force(ndvi, lst, **words).items():
        assert found[name].item() == pytest.approx(expected, rel=1e-9, abs=1e-9), name
    n = ndvi.values[np.isfinite(ndvi.values) & np.isfinite(lst.values)]
    assert found["n_cells"] == (n.astype("f8") >= 0.1).sum()
    assert found["bin_count"].sum() == found["n_cells"]
    assert found["bin_on_dry_edge"].sum() == found["n_bins"]


@settings(max_examples=5)
@given(data=st.data(), seed=st.integers(0, 99), dry=st.sampled_from(["max", 0.9]))
def test_any_chunking_gives_the_same_bits(data, seed, dry):
    ndvi, lst = scene(seed, shape=(16, 20), times=2)
    options = {"dry": dry, "bins": 0.05}
    chunks = {**data.draw(chunkings((16, 20))), "time": data.draw(st.sampled_from([1, 2]))}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MineecoWarning)
        assert_chunk_invariant(tvdi_edges, ndvi, lst, chunks=chunks, **options)
        assert_chunk_invariant(tvdi, ndvi[0], lst[0], chunks=chunks, bins=0.05)


def test_layers_may_be_chunked_in_different_ways_and_lazy_alone():
    ndvi, lst = scene(times=3)
    expected = tvdi(ndvi, lst)
    for pair in (
        (ndvi.chunk({"time": 1, "y": 7}), lst.chunk({"time": 2, "x": 11})),
        (ndvi, lst.chunk({"x": 11})),
        (ndvi.chunk({"x": 11}), lst),
    ):
        built = assert_lazy(tvdi, *pair)
        assert built.chunks is not None
        np.testing.assert_array_equal(built.compute(), expected)


def test_every_date_has_edges_of_its_own():
    ndvi, lst = scene(times=2)
    together, alone = tvdi_edges(ndvi, lst), tvdi_edges(ndvi[1], lst[1])
    for name in alone.data_vars:
        np.testing.assert_array_equal(together[name][1], alone[name], err_msg=name)
    assert together["dry_slope"].dims == ("time",)
    np.testing.assert_array_equal(tvdi(ndvi, lst)[1], tvdi(ndvi[1], lst[1]))
    np.testing.assert_array_equal(
        tvdi(ndvi, lst, edges=alone)[0],
        tvdi(ndvi[0], lst[0], edges=alone),
    )


def test_the_index_is_its_formula():
    ndvi, lst = scene(dtype="float64")
    edges = tvdi_edges(ndvi, lst)
    a, b, wet = (edges[name].item() for name in ("dry_intercept", "dry_slope", "wet"))
    expected = ((lst - wet) / (a + b * ndvi - wet)).where(ndvi >= 0.1)
    np.testing.assert_allclose(tvdi(ndvi, lst, clip=False), expected, rtol=1e-12)
    np.testing.assert_allclose(tvdi(ndvi, lst), expected.clip(0, 1), rtol=1e-12)
    crossed = edges.assign(wet=edges["wet"] * 0 + a + b * 0.5)
    kept = tvdi(ndvi, lst, edges=crossed, crossed="nodata")
    assert kept.where(ndvi > 0.5).isnull().all()
    assert kept.where((ndvi < 0.49) & expected.notnull(), 0).notnull().all()
    assert tvdi(ndvi, lst, edges=crossed).where(ndvi > 0.51).notnull().any()


def test_scenes_that_have_no_edges_are_flagged():
    ndvi, lst = scene(times=5, dtype="float64")
    ndvi[0], lst[1] = np.nan, np.nan
    ndvi[2] = ndvi[2] * 0.1 + 0.2
    lst[3] = 300 + 30 * np.random.default_rng(0).random(SHAPE) * ndvi[3]
    for pair in ((ndvi, lst), (ndvi.chunk({"y": 7}), lst.chunk({"y": 7}))):
        with pytest.warns(MineecoWarning) as caught:
            edges = tvdi_edges(*pair).compute()
        texts = [str(w.message) for w in caught if issubclass(w.category, MineecoWarning)]
        assert edges["status"].values.tolist() == [1, 1, 2, 3, 0]
        assert len(texts) == 4
        narrow = "ndvi of 2003-01-01 has no TVDI: narrow ndvi range"
        assert any(narrow in text for text in texts)
        assert np.isnan(edges["dry_slope"][:4]).all()
        assert np.isfinite(edges["dry_slope"][4])
        with pytest.warns(MineecoWarning):
            index = tvdi(*pair).compute()
        assert np.isnan(index[:4]).all()
        assert np.isfinite(index[4]).any()
    meanings = edges["status"].attrs["flag_meanings"].split()
    assert meanings[2] == "narrow_ndvi_range"


def test_a_rising_dry_edge_is_refused():
    green = np.linspace(0.1, 0.8, 100) * np.ones((50, 1))
    lst = 300 + np.linspace(0, 1, 50)[:, None] * 20 - 5 * (green > 0.11) + 4 * green
    with pytest.warns(MineecoWarning, match="dry edge not falling"):
        edges = tvdi_edges(with_grid(green), with_grid(lst, units="K"))
    assert edges["status"] == 4
    assert np.isnan(edges["wet"])


def test_digital_numbers_fail_when_pixels_are_read_and_before_any_cell():
    ndvi, lst = scene()
    for wrong in ((ndvi * 10000), ndvi.fillna(-9999.0), (ndvi.fillna(0) * 1e4).astype("int16")):
        built = assert_lazy(tvdi, wrong.chunk({"y": 5}), lst.chunk({"y": 5}))
        with pytest.raises(SchemaError, match="digital numbers"):
            built.isel(y=[0], x=[0]).compute()


def test_bad_input():
    ndvi, lst = scene(times=2)
    for match, options in (
        ("start is 1", {"start": 1.0}),
        ("bins is 0", {"bins": 0}),
        ("dry is 'highest'", {"dry": "highest"}),
        ("dry is 0.2", {"dry": 0.2}),
        ("wet is 'median'", {"wet": "median"}),
        ("bin_position is 'left'", {"bin_position": "left"}),
        ("wet_bins is 0", {"wet_bins": 0}),
        ("min_count is 1.5", {"min_count": 1.5}),
        ("min_range is 2", {"min_range": 2}),
    ):
        with pytest.raises(ParameterError, match=match):
            tvdi_edges(ndvi, lst, **options)
    with pytest.raises(ParameterError, match="crossed is 'zero'"):
        tvdi(ndvi, lst, crossed="zero")
    with pytest.raises(ParameterError, match=r"\['bins'\] and edges"):
        tvdi(ndvi, lst, edges=tvdi_edges(ndvi, lst), bins=0.02)
    with pytest.raises(SchemaError, match="one and the same dim"):
        tvdi(ndvi, lst[0])
    with pytest.raises(SchemaError, match="different dates"):
        tvdi(ndvi, lst.assign_coords(time=lst.time + np.timedelta64(1, "D")))
    edges = tvdi_edges(ndvi, lst)
    with pytest.raises(SchemaError, match="different dates"):
        tvdi(ndvi, lst, edges=edges.isel(time=[1, 0]))
    with pytest.raises(SchemaError, match="select the scene"):
        tvdi(ndvi[0], lst[0], edges=edges)
    with pytest.raises(SchemaError, match=r"lacks \['wet_slope'\]"):
        tvdi(ndvi, lst, edges=edges.drop_vars("wet_slope"))
    with pytest.raises(GridMismatch):
        tvdi(ndvi, lst.assign_coords(x=lst.x + 15))
    with pytest.warns(MineecoWarning, match="no units"):
        tvdi_edges(ndvi[0], lst[0].drop_attrs(deep=False))
    with pytest.raises(UnitError):
        tvdi_edges(ndvi[0], lst[0].assign_attrs(units="mm"))


@pytest.mark.data("tvdi")
@pytest.mark.parametrize("chunks", [None, {"y": 100, "x": 37}])
def test_equals_pytvdi_on_its_own_example(data_dir, chunks):
    ndvi, lst, reference = (
        rioxarray.open_rasterio(data_dir / "tvdi" / f"{name}_example{end}.tif")[0].drop_attrs(
            deep=False
        )
        for name, end in (("NDVI", ""), ("LST", ""), ("NDVI", "_TVDI"))
    )
    lst = lst.assign_attrs(units="K")
    if chunks:
        ndvi, lst = ndvi.chunk(chunks), lst.chunk(chunks)
    edges = tvdi_edges(ndvi, lst).compute()
    # As the file NDVI_example_TVDI_line_equations.txt prints them.
    for name, expected in (
        ("dry_intercept", 357.69673489741643),
        ("dry_slope", -88.20000243645904),
        ("wet", 299.3644088745117),
        ("r", -0.978146361384),
        ("n_bins", 46.0),
    ):
        assert edges[name].item() == pytest.approx(expected, rel=1e-11), name
    found = tvdi(ndvi, lst)
    expected = xr.where(reference == -1, np.nan, reference.clip(0, 1))
    np.testing.assert_array_equal(found[:-1, :-1], expected[:-1, :-1])
    assert reference[-1].isin([-1, 0]).all()
    assert (reference[:, -1] == 0).all()
