"""Flow of which each cell keeps a share."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import mineeco_xr as mx
from mineeco_xr.errors import GridMismatch, ParameterError, SchemaError, UnitError
from mineeco_xr.terrain import multiple
from mineeco_xr.testing import assert_chunk_invariant, assert_lazy, chunkings, rasters, with_grid

STEPS = [(0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1), (1, 0), (1, 1)]
METHODS = ("d8", "mfd")
NODATA = {"d8": 255, "mfd": 0}


def parts_of(direction):
    """For each valid cell, the cells that it flows into with the parts that they get."""
    method = "d8" if direction.dtype == "uint8" else "mfd"
    found = {}
    for cell, code in np.ndenumerate(direction):
        if code == NODATA[method]:
            continue
        shares = [int(code) >> 4 * k & 15 if method == "mfd" else int(code == k) for k in range(8)]
        found[cell] = {
            (cell[0] + step[0], cell[1] + step[1]): share / sum(shares)
            for step, share in zip(STEPS, shares, strict=True)
            if share
        }
    return found


def brute_retention(direction, weights, shares):
    """The three equations, from each cell upwards."""
    parts = parts_of(direction)
    usable = {c for c in parts if not np.isnan(weights[c]) and not np.isnan(shares[c])}
    givers = {cell: [g for g in usable if cell in parts[g]] for cell in usable}

    @cache
    def inflow(cell):
        return sum(parts[giver][cell] * outflow(giver) for giver in givers[cell])

    def outflow(cell):
        return (1 - shares[cell]) * inflow(cell) + weights[cell]

    out = np.full((2, *direction.shape), np.nan)
    for cell in usable:
        out[:, *cell] = outflow(cell), shares[cell] * inflow(cell)
    return out


def direction_of(heights, method):
    return mx.flow_direction(mx.fill_pits(with_grid(heights, units="m")), method)


def some_layers(shape, seed, nodata=0.05):
    """Weights, some 0, and shares, some 0 and some 1, both with nodata."""
    rng = np.random.default_rng(seed)
    weights, shares = rng.random(shape) ** 3, np.clip(rng.normal(0.3, 0.4, shape), 0, 1)
    weights[rng.random(shape) < 0.1] = 0
    weights[rng.random(shape) < nodata] = np.nan
    shares[rng.random(shape) < nodata] = np.nan
    return with_grid(weights, name="eroded", units="t"), with_grid(shares, name="kept", units="1")


def serpentine(shape):
    """A channel that falls along every second row and turns at the ends, between walls."""
    heights = np.full(shape, 1e4) + np.arange(shape[0])[:, None] + np.arange(shape[1])
    level = 0.0
    for row in range(0, shape[0], 2):
        ahead = row % 4 == 0
        for column in range(shape[1]) if ahead else reversed(range(shape[1])):
            heights[row, column] = level = level - 1
        if row + 1 < shape[0]:
            heights[row + 1, -1 if ahead else 0] = level = level - 1
    return heights


@st.composite
def terrains(draw, largest=12):
    """Real directions of one kind over random terrain, and a seed for layers."""
    direction = direction_of(draw(rasters(largest=largest)), draw(st.sampled_from(METHODS)))
    return direction, draw(st.integers(0, 2**32 - 1))


@settings(max_examples=25)
@given(case=terrains(), dtype=st.sampled_from(["float32", "float64"]))
def test_equals_brute_force_and_loses_nothing(case, dtype):
    direction, seed = case
    weights, shares = (layer.astype(dtype) for layer in some_layers(direction.shape, seed))
    found = mx.flow_retention(direction, weights, shares)
    codes, plain = direction.values, (weights.values.astype(float), shares.values.astype(float))
    expected = brute_retention(codes, *plain)
    np.testing.assert_allclose(found["outflow"], expected[0], rtol=1e-12)
    np.testing.assert_allclose(found["retained"], expected[1], rtol=1e-12)
    assert found["retained"].dtype == found["outflow"].dtype == "float64"
    parts, outflow = parts_of(codes), found["outflow"].values
    usable = ~np.isnan(outflow)
    gone = sum(
        part * outflow[cell]
        for cell in zip(*np.nonzero(usable), strict=True)
        for other, part in parts[cell].items()
        if other not in parts or not usable[other]
    )
    balance = gone + np.nansum(found["retained"])
    np.testing.assert_allclose(balance, plain[0][usable].sum(), rtol=1e-12, atol=1e-300)


@settings(max_examples=15)
@given(case=terrains(largest=16), data=st.data())
def test_any_chunks(case, data):
    direction, seed = case
    layers = some_layers(direction.shape, seed)
    chunks = data.draw(chunkings(direction.shape))
    if direction.attrs["flow_method"] == "d8":
        assert_chunk_invariant(mx.flow_retention, direction, *layers, chunks=chunks, relative=1e-12)
        return
    assert_chunk_invariant(mx.flow_retention, direction, *layers, chunks=chunks)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(multiple, "fits_in_memory", lambda cells: False)
        assert_chunk_invariant(mx.flow_retention, direction, *layers, chunks=chunks, lazy=False)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("chunks", [(1, -1), (-1, 1), (3, (4, 1, 4, 5)), ((2, 7, 4), 2)])
def test_a_winding_channel_crosses_borders_many_times(method, chunks, monkeypatch):
    monkeypatch.setattr(multiple, "fits_in_memory", lambda cells: False)
    direction = direction_of(serpentine((13, 14)), method)
    weights, shares = some_layers(direction.shape, 1, nodata=0)
    shares = shares * 0.05
    expected = brute_retention(direction.values, weights.values, shares.values)
    found = mx.flow_retention(
        direction.chunk(dict(zip("yx", chunks, strict=True))), weights, shares
    )
    np.testing.assert_allclose(found["outflow"], expected[0], rtol=1e-12)
    np.testing.assert_allclose(found["retained"], expected[1], rtol=1e-12)
    assert found["outflow"].values[-1, -1] > 10 * weights.values.max()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("chunks", [None, {"x": 1}, {"x": (7, 1, 32)}])
def test_a_straight_channel_has_a_closed_form(method, chunks):
    n, added, share = 40, 3.0, 0.2
    direction = direction_of(-np.arange(float(n))[None], method)
    layers = [with_grid(np.full((1, n), value)) for value in (added, share)]
    if chunks is not None:
        direction, *layers = (layer.chunk(chunks) for layer in (direction, *layers))
    found = mx.flow_retention(direction, *layers)
    above = np.arange(n)
    inflow = added * (1 - (1 - share) ** above) / share
    np.testing.assert_allclose(found["outflow"][0], inflow * (1 - share) + added, rtol=1e-13)
    np.testing.assert_allclose(found["retained"][0], inflow * share, rtol=1e-13)


@pytest.mark.parametrize("method", METHODS)
def test_keeping_nothing_is_accumulation_and_keeping_all_ends_it(method):
    direction = direction_of(np.random.default_rng(3).random((20, 25)), method)
    weights = some_layers(direction.shape, 4)[0].fillna(0.5)
    nothing = mx.flow_retention(direction, weights, xr.zeros_like(weights).assign_attrs(units="1"))
    accumulated = mx.flow_accumulation(direction, weights)
    np.testing.assert_allclose(nothing["outflow"], accumulated, rtol=1e-13)
    assert (nothing["retained"] == 0).all()
    everything = mx.flow_retention(direction, weights, xr.ones_like(weights).drop_attrs(deep=False))
    np.testing.assert_array_equal(everything["outflow"], weights)
    assert float(everything["retained"].sum()) <= float(weights.sum())


@pytest.mark.parametrize("chunks", [None, {"x": 1}, {"x": 3}])
@pytest.mark.parametrize("layer", ["direction", "weights", "retained"])
@pytest.mark.parametrize("method", METHODS)
def test_a_cell_of_nodata_hands_nothing_on(method, layer, chunks):
    east = np.full((1, 6), 0 if method == "d8" else 15, "uint8" if method == "d8" else "uint32")
    weights, shares = np.full((1, 6), 4, "int16"), np.full((1, 6), 0.5)
    {"direction": east, "weights": weights, "retained": shares}[layer][0, 2] = {
        "direction": NODATA[method], "weights": -9, "retained": np.nan,
    }[layer]  # fmt: skip
    layers = [with_grid(array) for array in (east, weights, shares)]
    layers[1].attrs["_FillValue"] = -9
    if chunks is not None:
        layers = [array.chunk(chunks) for array in layers]
    found = mx.flow_retention(*layers)
    np.testing.assert_array_equal(found["outflow"], [[4, 6, np.nan, 4, 6, 7]])
    np.testing.assert_array_equal(found["retained"], [[0, 2, np.nan, 0, 2, 3]])


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("chunks", [None, {"y": 2, "x": 3}])
def test_nothing_but_nodata(method, chunks):
    direction = direction_of(np.full((5, 6), np.nan), method)
    layers = [direction, *some_layers((5, 6), 0)]
    if chunks is not None:
        layers = [layer.chunk(chunks) for layer in layers]
    found = mx.flow_retention(*layers)
    assert np.isnan(found["outflow"]).all()
    assert np.isnan(found["retained"]).all()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("fits", [True, False])
def test_dates_dims_units_and_attributes(method, fits, monkeypatch):
    monkeypatch.setattr(multiple, "fits_in_memory", lambda cells: fits)
    heights = np.random.default_rng(5).random((2, 6, 7))
    direction = direction_of(heights, method)
    weights, shares = some_layers((6, 7), 6)
    percent = (100 * shares).assign_attrs(units="%")
    turned = direction.transpose("x", "y", "time").chunk({"time": 1, "y": 4, "x": 3})
    found = mx.flow_retention(turned, weights, percent)
    assert found["outflow"].dims == found["retained"].dims == ("x", "y", "time")
    assert found["retained"].chunksizes["x"] == (3, 3, 1)
    assert found["retained"].attrs["units"] == "t"
    assert found["outflow"].attrs["long_name"] == "eroded that leaves each cell"
    assert found["outflow"].attrs["flow_method"] == method
    assert "flow_retention(direction, weights, retained" in found.attrs["history"]
    for date in range(2):
        alone = mx.flow_retention(direction[date], weights, shares)
        for name in alone:
            both = found[name].isel(time=date).transpose("y", "x")
            np.testing.assert_allclose(both, alone[name], rtol=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_nothing_is_read_before_it_is_asked_for(method):
    direction = direction_of(np.random.default_rng(7).random((6, 7)), method)
    layers = [layer.chunk({"x": 3}) for layer in (direction, *some_layers((6, 7), 8))]
    assert_lazy(mx.flow_retention, *layers)
    assert_lazy(layers[0].mine.flow_retention, *layers[1:])


def test_two_rasters_take_the_memory_of_two(monkeypatch):
    asked = []
    monkeypatch.setattr(multiple, "fits_in_memory", lambda cells: asked.append(cells) or True)
    direction = direction_of(np.random.default_rng(7).random((6, 7)), "mfd").chunk({"x": 3})
    mx.flow_accumulation(direction)
    mx.flow_retention(direction, *some_layers((6, 7), 8))
    assert asked == [42, 84]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("chunks", [None, {"x": 2}])
def test_flow_in_a_circle_is_refused(method, chunks, monkeypatch):
    monkeypatch.setattr(multiple, "fits_in_memory", lambda cells: False)
    ring = np.array([[0, 0, 0, 6], [2, 255, 255, 6], [2, 4, 4, 4]], "uint8")
    if method == "mfd":
        ring = np.where(ring == 255, 0, np.uint32(15) << (4 * ring.astype("uint32") % 32))
    layers = [with_grid(ring), *some_layers((3, 4), 0, nodata=0)]
    if chunks is not None:
        layers = [layer.chunk(chunks) for layer in layers]
    with pytest.raises(SchemaError, match="circle"):
        mx.flow_retention(*layers).compute()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("chunks", [None, {"x": 2}])
def test_values_out_of_range_are_refused(method, chunks, monkeypatch):
    monkeypatch.setattr(multiple, "fits_in_memory", lambda cells: False)
    direction = direction_of(np.random.default_rng(9).random((4, 5)), method)
    good = with_grid(np.full((4, 5), 0.5))
    if chunks is not None:
        direction = direction.chunk(chunks)
    for value, message in ((-1.0, "go from -1 to 0.5; expected finite"), (np.inf, "0 to inf")):
        with pytest.raises(ParameterError, match=message):
            mx.flow_retention(direction, good.where(good.x > good.x[0], value), good).compute()
    for value, message in ((-0.1, "from -0.1 to 0.5; expected the share"), (1.5, "0 to 1.5")):
        with pytest.raises(ParameterError, match=message):
            mx.flow_retention(direction, good, good.where(good.x > good.x[0], value)).compute()


def test_layers_that_do_not_fit_are_refused():
    flow, layer = with_grid(np.zeros((2, 3), "uint8")), with_grid(np.zeros((2, 3)))
    coarse = with_grid(np.zeros((2, 3)), resolution=60)
    with pytest.raises(GridMismatch, match="retained"):
        mx.flow_retention(flow, layer, coarse)
    with pytest.raises(UnitError, match="'t'"):
        mx.flow_retention(flow, layer, layer.assign_attrs(units="t"))
    with pytest.raises(ParameterError, match="'dinf' is unknown"):
        mx.flow_retention(flow, layer, layer, method="dinf")
    with pytest.raises(SchemaError, match="code 16"):
        mx.flow_retention(with_grid(np.array([[0, 16, 0]], "uint8")), layer[:1], layer[:1])
    dates = with_grid(np.zeros((2, 2, 3)))
    with pytest.raises(GridMismatch, match="expected the same dates"):
        mx.flow_retention(flow, dates, dates.isel(time=[0]))


def test_parts_rounded_to_float32_differ_by_as_much():
    """The float32 parts of a flow do not add up to 1: InVEST's sediment drifts by this."""
    rng = np.random.default_rng(7)
    dem = with_grid(np.add.outer(np.arange(40.0), np.arange(40.0)) + rng.normal(0, 0.4, (40, 40)))
    direction = mx.flow_direction(mx.fill_pits(dem), "mfd")
    weights = with_grid(rng.uniform(0, 5, (40, 40)))
    kept = with_grid(np.zeros((40, 40)))
    exact = mx.flow_retention(direction, weights, kept)["outflow"].values
    rounded = mx.flow_retention(direction, weights, kept, convention="invest")["outflow"].values
    off = np.abs(rounded / exact - 1)
    assert 1e-9 < off.max() < 1e-6
    with pytest.raises(ParameterError, match="convention 'guide'"):
        mx.flow_retention(direction, weights, kept, convention="guide")
