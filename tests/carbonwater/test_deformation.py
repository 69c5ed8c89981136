"""From pairs of dates to series of displacement."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import mineeco_xr as mx
from mineeco_xr.carbonwater.deformation import INCOMPLETE
from mineeco_xr.errors import DataError, GridMismatch, ParameterError, SchemaError, UnitError
from mineeco_xr.testing import assert_chunk_invariant, assert_lazy, chunkings, with_grid

SHAPE = (7, 9)
EPOCHS = pd.date_range("2018-01-06", periods=6, freq="12D")
LINKS = [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (0, 2), (1, 3), (2, 4), (3, 5)]


def stack(values, units="mm", name="displacement"):
    dates = [(EPOCHS[i], EPOCHS[j]) for i, j in LINKS[: len(values)]]
    return mx.stack_pairs([with_grid(v, units=units) for v in values], dates, name=name)


def bowl(seed=0, noise=0.0):
    """Return a sinking bowl at the epochs, and its pairs."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    depth = 40 * np.exp(-((x - 4) ** 2 + (y - 3) ** 2) / 8)
    series = -depth * np.linspace(0, 1, len(EPOCHS))[:, None, None] ** 2
    pairs = np.array([series[j] - series[i] for i, j in LINKS])
    return series, pairs + rng.normal(0, noise, pairs.shape) if noise else pairs


@settings(max_examples=8)
@given(data=st.data(), seed=st.integers(0, 1000), incomplete=st.sampled_from(INCOMPLETE))
def test_any_chunking_gives_the_same_bits(data, seed, incomplete):
    rng = np.random.default_rng(seed)
    _, values = bowl(seed, noise=2.0)
    coherence = rng.random(values.shape)
    coherence[:, :2, :2] = 1.0
    coherence[:, 5] = np.nan
    pairs = stack(values.astype("float32"))
    chunks = {**data.draw(chunkings(SHAPE, most=3)), "pair": data.draw(st.sampled_from([1, 4, 9]))}
    x, y = float(pairs.x[0]), float(pairs.y[0])

    def series(pairs, coherence, mask):
        return mx.displacement_series(
            pairs, coherence=coherence, mask=mask, wavelength=0.0555, reference_point=(x, y),
            incomplete=incomplete,
        )  # fmt: skip

    layers = (
        stack(coherence, units="1", name="coherence"),
        with_grid(np.eye(7, 9) == 1, name="pond"),
    )
    assert_chunk_invariant(series, pairs, *layers, chunks=chunks)


def test_a_known_series_comes_back():
    series, values = bowl()
    found = mx.displacement_series(stack(values))
    np.testing.assert_allclose(found["displacement"], series, atol=1e-11)
    np.testing.assert_array_equal(found["time"], EPOCHS)
    assert (found["status"] == 3).all()
    assert (found["rank"] == 5).all()
    assert (found["pairs"] == 9).all()
    np.testing.assert_allclose(found["closure"], 0, atol=1e-11)
    assert found["displacement"].attrs["units"] == "mm"
    signed = stack(values).assign_attrs(sign_convention="positive up")
    rate = mx.displacement_series(signed, wavelength=0.0555)["displacement"].mine.linear_rate()
    assert rate["rate"].attrs["sign_convention"] == "positive up"
    metres = mx.displacement_series(stack(values / 1000, units="m"))
    np.testing.assert_allclose(metres["displacement"], series, atol=1e-11)


def test_what_is_left_out():
    _, values = bowl()
    coherence = np.ones_like(values)
    coherence[:, 1, 1] = 0.29
    coherence[5:, 1, 2] = np.nan
    coherence[[0, 5], 1, 3] = 0.1
    pond = np.zeros(SHAPE, bool)
    pond[2] = True
    found = mx.displacement_series(
        stack(values), coherence=stack(coherence, units="1"), mask=with_grid(pond)
    )
    assert found["status"][1, :5].values.tolist() == [3, 0, 3, 1, 3]
    assert found["pairs"][1, :5].values.tolist() == [9, 0, 5, 7, 9]
    assert found["rank"][1, :5].values.tolist() == [5, 0, 5, 4, 5]
    assert (found["status"][2] == 0).all()
    gone = np.isnan(found["displacement"]).all("time")
    np.testing.assert_array_equal(gone, found["status"] < 3)
    np.testing.assert_array_equal(np.isnan(found["closure"]), gone)
    assert found["status"].attrs["flag_meanings"] == "no_pairs disconnected minimum_norm complete"
    bridged = mx.displacement_series(
        stack(values), coherence=stack(coherence, units="1"), incomplete="minimum_norm"
    )
    assert bridged["status"][1, :5].values.tolist() == [3, 0, 3, 2, 3]
    # Nothing joins the first date: the least velocities leave it where the second is.
    assert bridged["displacement"][1, 1, 3] == 0


def test_half_a_fringe_between_neighbours_is_left_out():
    values = np.zeros((9, *SHAPE))
    values[0, 3, 4:] = 13.9
    values[1, 3, 4:] = 13.8
    values[2, 5, 5] = np.nan
    found = mx.displacement_series(stack(values), wavelength=0.0555)
    lacking = 9 - found["pairs"].values.astype(int)
    expected = np.zeros(SHAPE, int)
    expected[3, 3:] = expected[[2, 4], 4:] = 1
    expected[5, 5] = 1
    np.testing.assert_array_equal(lacking, expected)


def test_the_reference_is_the_median_of_trusted_pixels():
    _, values = bowl()
    offsets = np.arange(9.0) ** 2
    shifted = values + offsets[:, None, None]
    shifted[:, 0, 0] = 500.0
    shifted[:, 1, 1] = np.nan
    pairs = stack(shifted)
    at = float(pairs.x[0]), float(pairs.y[0])
    found = mx.displacement_series(pairs, reference_point=at)
    seen = np.stack([values[:, 0, 1], values[:, 1, 0], np.full(9, 500.0) - offsets])
    middle = np.median(seen, axis=0)
    expected = mx.displacement_series(stack(values - middle[:, None, None]))
    good = found["displacement"][:, 2:, 2:]
    np.testing.assert_allclose(good, expected["displacement"][:, 2:, 2:], atol=1e-9)
    point = mx.displacement_series(pairs, reference_point=at, reference_size=1)
    np.testing.assert_allclose(point["displacement"][:, 0, 0], 0, atol=1e-9)


def test_a_reference_without_trusted_pixels():
    _, values = bowl()
    values[4, 0, 0] = np.nan
    pairs = stack(values).chunk({"y": 2})
    at = float(pairs.x[0]), float(pairs.y[0])
    lazy = assert_lazy(mx.displacement_series, pairs, reference_point=at, reference_size=1)
    with pytest.raises(DataError, match=r"1 pairs have no trusted pixel .*2018-02-23/2018-03-07"):
        lazy.compute()
    with pytest.raises(GridMismatch, match=r"reference point .* lies outside the grid"):
        mx.displacement_series(pairs, reference_point=(0, 0))
    with pytest.raises(ParameterError, match="reference_size is 4: give an odd number"):
        mx.displacement_series(pairs, reference_point=at, reference_size=4)


def test_bad_pairs():
    one = with_grid(np.zeros(SHAPE), units="mm")
    for dates, message in (
        ([("2018-01-06", "2018-01-18")] * 2, "2018-01-06/2018-01-18 stands twice"),
        ([("2018-01-18", "2018-01-06"), ("2018-01-18", "2018-01-30")],
         "2018-01-18/2018-01-06 runs backwards: swap its dates"),
        ([("2018-01-06", "2018-01-06"), ("2018-01-18", "2018-01-30")], "joins a date to itself"),
        ([("2018-01-06", None), ("2018-01-18", "2018-01-30")], "lacks a date"),
        ([("2018-01-06", "soon"), ("2018-01-18", "2018-01-30")], "cannot be read"),
        ([("2018-01-06", "2018-01-18")], "2 layers and 1 pairs of dates"),
    ):  # fmt: skip
        with pytest.raises(SchemaError, match=message):
            mx.stack_pairs([one, one], dates)
    with pytest.raises(GridMismatch, match="not on the grid of '0/1'"):
        mx.stack_pairs([one, one[1:]], [(0, 1), (1, 2)])
    apart = mx.stack_pairs([one, one], [("2018-01-06", "2018-01-18"), ("2018-02-11", "2018-02-23")])
    groups = "2 groups of dates .* 2018-01-06, 2018-01-18; 2018-02-11, 2018-02-23"
    with pytest.raises(SchemaError, match=groups):
        mx.displacement_series(apart)
    assert (mx.displacement_series(apart, incomplete="minimum_norm")["status"] == 2).all()


def test_bad_input():
    _, values = bowl()
    pairs = stack(values)
    with pytest.raises(UnitError, match=r"in 'rad', .* phase_to_displacement"):
        mx.displacement_series(pairs.assign_attrs(units="rad"))
    with pytest.raises(SchemaError, match="no coordinate 'secondary' along 'pair'"):
        mx.displacement_series(pairs.drop_vars("secondary"))
    with pytest.raises(SchemaError, match="no 'pair': stack the interferograms"):
        mx.displacement_series(pairs[0])
    with pytest.raises(SchemaError, match="'reference' holds int64, not dates"):
        mx.displacement_series(pairs.assign_coords(reference=("pair", np.arange(9))))
    with pytest.raises(ParameterError, match=r"wavelength is 55.5: give it in metres"):
        mx.displacement_series(pairs, wavelength=55.5)
    with pytest.raises(ParameterError, match="min_coherence is 30"):
        mx.displacement_series(pairs, coherence=pairs, min_coherence=30)
    with pytest.raises(ParameterError, match="incomplete is 'drop'"):
        mx.displacement_series(pairs, incomplete="drop")
    with pytest.raises(SchemaError, match="has 8 pairs and the stack 9"):
        mx.displacement_series(pairs, coherence=pairs[:8])
    with pytest.raises(
        SchemaError, match=r"holds the pair .* where the stack holds 2018-01-06/2018-01-18"
    ):
        mx.displacement_series(pairs, coherence=pairs[::-1])
    with pytest.raises(GridMismatch, match=r"'coherence' has 6 cells|'coherence' is shifted"):
        mx.displacement_series(pairs, coherence=pairs[:, 1:])
    with pytest.raises(SchemaError, match="must have those of the pairs"):
        mx.displacement_series(pairs, coherence=with_grid(np.ones(SHAPE)))
    assert isinstance(pairs.mine.displacement_series(), xr.Dataset)
