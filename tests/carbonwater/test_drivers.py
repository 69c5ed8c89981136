"""The table of drivers."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage, stats

import mineeco_xr as mx
from mineeco_xr.errors import GridMismatch, ParameterError, SchemaError
from mineeco_xr.testing import assert_chunk_invariant, chunkings, rasters, with_grid

SHAPE = (9, 11)


def noise(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def layers(times=12, shape=SHAPE, seed=0):
    return [with_grid(noise(times, *shape, seed=seed + i)) for i in range(3)]


@settings(max_examples=15)
@given(
    values=st.tuples(*(rasters(times=12, shape=SHAPE) for _ in range(3))),
    over=st.sampled_from(["time", "space", "pooled"]),
    method=st.sampled_from(["pearson", "partial"]),
    data=st.data(),
)
def test_any_chunking_gives_the_same_table(values, over, method, data):
    chunks = {**data.draw(chunkings(SHAPE)), "time": data.draw(st.sampled_from([1, 5, 12]))}
    zones = np.zeros(SHAPE, "uint8")
    zones[:5, :4], zones[5:, 2:] = 1, 2
    raster = with_grid(zones).assign_attrs(flag_values=np.array([1, 2], "uint8"))

    def table(target, first, second, places):
        found = mx.drivers(
            target, {"first": first, "second": second}, places, over=over, method=method, sample=50
        )
        # Of probabilities the absolute difference counts: next to 1, r has few digits of 1 - r^2.
        return found.assign({name: 1 + found[name] for name in ("p", "p_independent", "q")})

    # A little noise: where nothing varies, what seems to would be rounding.
    tables = [with_grid(one + noise(*one.shape, seed=i)) for i, one in enumerate(values)]
    assert_chunk_invariant(table, *tables, raster, chunks=chunks, relative=1e-12)


def test_over_time_correlates_the_means_of_zones():
    target, first, second = layers()
    target = target + first
    target[3, 2, 2] = np.nan
    zones = np.zeros(SHAPE, "int32")
    zones[:4], zones[6:, :5] = 4, 9
    table = mx.drivers(target, {"first": first, "second": second}, with_grid(zones))
    assert table["r"].dims == ("factor", "zone")
    assert table["zone"].values.tolist() == [4, 9]
    held = {name: layer.where(target.notnull()) for name, layer in
            {"first": first, "second": second}.items()}  # fmt: skip
    for zone in (4, 9):
        inside = xr.DataArray(zones == zone, dims=("y", "x"), coords={"y": target.y, "x": target.x})
        mean = target.where(inside).mean(("y", "x")).values
        for name, layer in held.items():
            own = layer.where(inside).mean(("y", "x")).values
            expected = stats.pearsonr(mean, own)
            row = table.sel(zone=zone, factor=name)
            assert row["r"].item() == pytest.approx(expected.statistic, abs=1e-12)
            assert row["p_independent"].item() == pytest.approx(expected.pvalue, abs=1e-12)
            assert row["n"].item() == 12


@pytest.mark.parametrize("over", ["space", "pooled"])
def test_over_cells_equals_scipy(over):
    target, first, second = layers()
    target = target + 0.5 * first
    first[2, 3, 4] = np.nan
    table = mx.drivers(target, {"first": first, "second": second}, over=over)
    use = np.isfinite(first.values)
    for date in range(12) if over == "space" else [slice(None)]:
        for name, layer in (("first", first), ("second", second)):
            chosen = use[date]
            expected = stats.pearsonr(target.values[date][chosen], layer.values[date][chosen])
            row = table.sel(factor=name)
            row = row.isel(time=date) if over == "space" else row
            assert row["r"].item() == pytest.approx(expected.statistic, abs=1e-12)
            assert row["p_independent"].item() == pytest.approx(expected.pvalue, abs=1e-12)
            assert row["n"].item() == chosen.sum()
            assert row["n_effective"].item() <= chosen.sum()


@pytest.mark.parametrize("over", ["time", "pooled"])
def test_partial_equals_the_correlation_of_residuals(over):
    target, first, second = layers(times=20, shape=(4, 5))
    second = second + first
    target = target + 2 * first
    table = mx.drivers(target, {"first": first, "second": second}, over=over, method="partial")
    flat = [
        layer.mean(("y", "x")).values if over == "time" else layer.values.ravel()
        for layer in (target, second, first)
    ]
    base = np.column_stack([np.ones(flat[0].size), flat[2]])
    left, right = (v - base @ np.linalg.lstsq(base, v, rcond=None)[0] for v in flat[:2])
    r = stats.pearsonr(left, right).statistic
    row = table.sel(factor="second")
    assert row["r"].item() == pytest.approx(r, abs=1e-12)
    freedom = flat[0].size - 3
    p = 2 * stats.t.sf(abs(r) * np.sqrt(freedom / (1 - r * r)), freedom)
    assert row["p_independent"].item() == pytest.approx(p, abs=1e-12)


def test_linear_detrending_over_time():
    years = np.arange(20.0)[:, None, None]
    target, first, _ = layers(times=20, shape=(3, 3))
    table = mx.drivers(target + years, {"first": first - years}, detrend="linear")
    single = mx.pearson(
        (target + years).mean(("y", "x")) * xr.ones_like(target),
        (first - years).mean(("y", "x")),
        detrend="linear",
    )
    assert table["r"].item() == pytest.approx(single["r"][0, 0].item(), abs=1e-12)
    assert table["p_independent"].item() == pytest.approx(single["p"][0, 0].item(), abs=1e-12)
    steps = mx.drivers(target + years, {"first": first - years}, detrend="difference")
    assert steps["n"].item() == 19


def test_the_table_is_adjusted_as_a_whole():
    target, first, second = layers()
    table = mx.drivers(target + 0.2 * first, {"first": first, "second": second}, over="space")
    expected = stats.false_discovery_control(table["p"].values.ravel())
    np.testing.assert_allclose(table["q"].values.ravel(), expected, rtol=1e-12)


def test_smooth_fields_are_worth_few_cells():
    rng = np.random.default_rng(0)
    smooth = [
        ndimage.gaussian_filter(rng.normal(size=(6, 60, 60)), (0, 5, 5), mode="wrap")
        for _ in range(2)
    ]
    table = mx.drivers(with_grid(smooth[0]), {"other": with_grid(smooth[1])}, over="space")
    rough = mx.drivers(*layers(6, (60, 60))[:1], {"a": layers(6, (60, 60))[1]}, over="space")
    assert float(table["n_effective"].max()) < 150
    assert float(rough["n_effective"].min()) > 2000
    assert float((table["p_independent"] < 0.05).mean()) > 0.5
    # A lasting pattern does not gain by being looked at every year.
    lasting = [np.broadcast_to(one[:1], one.shape) + 0.05 * noise(*one.shape) for one in smooth]
    pooled = mx.drivers(with_grid(lasting[0]), {"other": with_grid(lasting[1])}, over="pooled")
    assert pooled["n_effective"].item() < 200
    assert pooled["n"].item() == 21600


def test_layers_without_time_or_without_place():
    target, first, _ = layers()
    slope = first.isel(time=0, drop=True)
    rain = xr.DataArray(noise(12, seed=9), dims="time", coords={"time": target["time"]})
    factors = {"slope": slope, "rain": rain}
    found = mx.drivers(target.chunk({"x": 4}), factors, over="pooled").compute()
    full = {name: layer.broadcast_like(target) for name, layer in factors.items()}
    full = {name: with_grid(layer.transpose("time", "y", "x").values) for name, layer in
            full.items()}  # fmt: skip
    expected = mx.drivers(target, full, over="pooled")
    for name in ("r", "n", "n_effective", "p"):
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-12)
    flat = mx.drivers(target[0].drop_vars("time"), {"slope": slope}, over="space")
    assert flat["r"].dims == ("factor",)
    assert mx.drivers(target, {"rain": rain})["n"].item() == 12


def test_polygons_that_overlap_and_what_is_nodata():
    target, first, _ = layers(12, (10, 10))
    first[:, :, 5:] = np.nan
    flat = 0 * target + 0.1
    left, top = 500_000.0, 4_800_000.0
    boxes = {"mine": (0, 0, 10, 10), "dump": (0, 0, 5, 5), "far": (6, 0, 10, 10)}
    zones = gpd.GeoDataFrame(
        {"name": list(boxes)},
        geometry=[
            shapely.box(left + a * 30, top - d * 30, left + c * 30, top - b * 30)
            for a, b, c, d in boxes.values()
        ],
        crs="EPSG:32650",
    )
    for over in ("time", "pooled"):
        table = mx.drivers(target + first, {"first": first}, zones, over=over, name="name")
        assert table["zone"].values.tolist() == ["mine", "dump", "far"]
        cells = [12, 12, 0] if over == "time" else [600, 300, 0]
        assert table["n"].values.ravel().tolist() == cells
        assert np.isnan(table["r"].sel(zone="far")).all()
        still = mx.drivers(target, {"flat": flat}, zones, over=over)
        for name in ("r", "p", "q", "n_effective"):
            assert np.isnan(still[name]).all()


def test_a_factor_that_others_explain_is_nodata():
    target, first, _ = layers()
    for over in ("time", "space", "pooled"):
        table = mx.drivers(
            target, {"a": first, "b": 2 * first + 1, "c": -first}, method="partial", over=over
        )
        assert np.isnan(table["r"]).all()
        assert (table["n"] > 0).all()


def test_planted_drivers_are_told_apart():
    rng = np.random.default_rng(5)
    rain, own = rng.normal(size=(2, 24, 20, 20))
    warmth = 0.8 * rain + 0.6 * rng.normal(size=rain.shape)
    target = with_grid(rain + own)
    factors = xr.Dataset({"rain": with_grid(rain), "warmth": with_grid(warmth)})
    plain = target.mine.drivers(factors, over="pooled")
    partial = target.mine.drivers(factors, over="pooled", method="partial")
    np.testing.assert_allclose(plain["r"], [np.sqrt(0.5), 0.8 * np.sqrt(0.5)], atol=0.03)
    expected = 0.6 * np.sqrt(0.5) / np.sqrt(1 - 0.32)
    np.testing.assert_allclose(partial["r"], [expected, 0], atol=0.03)
    assert partial["q"].sel(factor="rain") < 1e-6


def test_the_coalfield_has_the_drivers_one_would_expect():
    field = mx.coalfield(96, years=range(2001, 2017))
    cover = field.cube.mine.indices(["NDVI"])["NDVI"]
    factors = {"ndvi": cover, "precipitation": field.cube["precipitation"]}
    table = field.truth["wue"].mine.drivers(factors, field.zones, name="name").compute()
    assert (table["r"].sel(factor="ndvi") > 0.7).all()
    assert table["factor_units"].sel(factor="precipitation") == "mm yr-1"
    # The pit was dug and filled once: its years are no 16 independent trials.
    assert table["n_effective"].sel(factor="ndvi", zone="pit") < 8
    pooled = field.truth["wue"].mine.drivers(factors, over="pooled").compute()
    assert pooled["r"].sel(factor="ndvi") > 0.5
    assert pooled["n_effective"].sel(factor="ndvi") < 0.05 * pooled["n"].sel(factor="ndvi")


def test_bad_input():
    target, first, second = layers()
    with pytest.raises(ParameterError, match="over is 'years'"):
        mx.drivers(target, {"first": first}, over="years")
    with pytest.raises(ParameterError, match="method is 'spearman'"):
        mx.drivers(target, {"first": first}, method="spearman")
    with pytest.raises(ParameterError, match=r"target.diff\('time'\)"):
        mx.drivers(target, {"first": first}, over="pooled", detrend="difference")
    with pytest.raises(ParameterError, match="at least two"):
        mx.drivers(target, {"first": first}, method="partial")
    with pytest.raises(ParameterError, match="at least 4"):
        mx.drivers(target, {"a": first, "b": second}, method="partial", min_n=3)
    with pytest.raises(ParameterError, match="at least 50"):
        mx.drivers(target, {"first": first}, sample=10)
    with pytest.raises(ParameterError, match="factors are a list"):
        mx.drivers(target, [first])
    with pytest.raises(SchemaError, match="at least one DataArray by name"):
        mx.drivers(target, {})
    with pytest.raises(SchemaError, match=r"over time it must have \['time'\]"):
        mx.drivers(target, {"slope": first.isel(time=0, drop=True)})
    with pytest.raises(SchemaError, match="over space it must have"):
        mx.drivers(target, {"rain": first[:, 0, 0].drop_vars(["y", "x"])}, over="space")
    with pytest.raises(SchemaError, match="expected over pooled"):
        mx.drivers(target[0], {"first": first[0]}, over="pooled")
    with pytest.raises(SchemaError, match="12 dates and min_n is 13"):
        mx.drivers(target, {"first": first}, min_n=13)
    with pytest.raises(SchemaError, match="different dates"):
        mx.drivers(target, {"first": first[1:]})
    with pytest.raises(GridMismatch, match="'first' is shifted"):
        mx.drivers(target, {"first": first.assign_coords(x=first["x"] + 30)})
