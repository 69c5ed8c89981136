"""Corrections for autocorrelation against PyMannKendall, and against their own definitions."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pymannkendall
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import rankdata

from mineeco_xr.kernels.autocorrelation import CORRECTIONS, corrected_mann_kendall
from mineeco_xr.kernels.trend import OUTPUTS, sen_mann_kendall

BOUND = NormalDist().inv_cdf(0.975)
PEERS = {
    "hamed_rao": pymannkendall.hamed_rao_modification_test,
    "yue_wang": pymannkendall.yue_wang_modification_test,
    "tfpw": pymannkendall.trend_free_pre_whitening_modification_test,
}


def red_noise(length: int, count: int, memory: float, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(length, count))
    for t in range(1, length):
        values[t] += memory * values[t - 1]
    return values + np.linspace(-0.1, 0.1, count) * np.arange(length)[:, None]


def corrected(values, correction, times=None, bound=BOUND, lags=None):
    times = np.arange(float(len(values))) if times is None else times
    fitted = sen_mann_kendall(values, times, 3)
    found = corrected_mann_kendall(values, times, fitted, correction, bound, lags)
    return dict(zip(OUTPUTS, found, strict=True))


@settings(max_examples=12)
@given(
    length=st.integers(5, 45),
    memory=st.sampled_from([-0.5, 0.0, 0.6]),
    seed=st.integers(0, 10_000),
)
@pytest.mark.parametrize("correction", ["yue_wang", "tfpw"])
def test_equals_pymannkendall(correction, length, memory, seed):
    values = red_noise(length, 8, memory, seed)
    found = corrected(values, correction)
    for i in range(8):
        peer = PEERS[correction](values[:, i])
        assert found["s"][i] == peer.s
        assert found["tau"][i] == pytest.approx(peer.Tau, rel=1e-12, abs=1e-15)
        assert found["z"][i] == pytest.approx(peer.z, rel=1e-9, abs=1e-9)
        assert found["p"][i] == pytest.approx(peer.p, abs=1e-9)
        assert found["slope"][i] == pytest.approx(peer.slope, rel=1e-12, abs=1e-12)
        assert found["intercept"][i] == pytest.approx(peer.intercept, rel=1e-9, abs=1e-9)


@pytest.mark.filterwarnings("ignore:invalid value encountered in sqrt:RuntimeWarning")
@pytest.mark.parametrize("length", [10, 15, 24, 31])
@pytest.mark.parametrize("memory", [0.0, 0.6])
def test_hamed_rao_equals_pymannkendall_where_it_stands_still(length, memory):
    """Its ranks hang on rounding: then it has several answers, and ours is close to one of them."""
    values = red_noise(length, 60, memory, length)
    found = corrected(values, "hamed_rao")
    rng = np.random.default_rng(0)
    equal, negative = 0, 0
    for i in range(60):
        jitters = [np.zeros(length), *rng.normal(scale=1e-13, size=(8, length))]
        answers = np.array([PEERS["hamed_rao"](values[:, i] + jitter).p for jitter in jitters])
        if np.isnan(answers).any():
            negative += 1
            assert 0 <= found["p"][i] <= 1
            continue
        apart = np.abs(answers - found["p"][i])
        if np.ptp(answers) < 1e-9:
            equal += 1
            assert apart[0] < 1e-9
        assert apart.min() < 0.05
    # The median of an odd number of slopes is one of them, whose pair then ties.
    assert equal > (40 if length * (length - 1) // 2 % 2 == 0 else 15)
    assert negative < 6


@pytest.mark.filterwarnings("ignore:invalid value encountered in sqrt:RuntimeWarning")
@pytest.mark.parametrize("correction", ["hamed_rao", "yue_wang"])
@pytest.mark.parametrize("lags", [1, 3])
def test_some_lags_equal_pymannkendall(correction, lags):
    """Twenty values have an even number of slopes, hence no pair that rounding could part."""
    values = red_noise(20, 60, 0.4, 8)
    found = corrected(values, correction, lags=lags)
    plain = sen_mann_kendall(values, np.arange(20.0), 3)
    peers = np.array([PEERS[correction](series, lag=lags).z for series in values.T])
    expected = np.where(np.isnan(peers), plain[3], peers)
    np.testing.assert_allclose(found["z"], expected, rtol=1e-9, atol=1e-12)
    assert np.abs(found["z"] - corrected(values, correction)["z"]).max() > 0.1


def factor_of(ranks: np.ndarray, bound: float) -> float:
    """Hamed and Rao's factor, term by term."""
    n = ranks.size
    rest = ranks - ranks.mean()
    total = 0.0
    for k in range(1, n):
        r = (rest[k:] * rest[:-k]).sum() / (rest**2).sum()
        if abs(r) > bound / np.sqrt(n):
            total += (n - k) * (n - k - 1) * (n - k - 2) * r
    return 1 + 2 / (n * (n - 1) * (n - 2)) * total


def test_hamed_rao_by_its_definition():
    """Ranks are of values rounded to ten digits: the definition without ties of rounding."""
    values, times = red_noise(21, 40, 0.7, 5), np.arange(21.0)
    plain = dict(zip(OUTPUTS, sen_mann_kendall(values, times, 3), strict=True))
    found = corrected(values, "hamed_rao", bound=1.0)
    factors = []
    for i in range(40):
        ranks = rankdata((values[:, i] - plain["slope"][i] * times).round(10))
        factor = factor_of(ranks, 1.0)
        factors.append(factor)
        expected = plain["z"][i] / np.sqrt(factor if factor > 0 else 1.0)
        assert found["z"][i] == pytest.approx(expected, rel=1e-12, abs=1e-15)
    assert min(factors) <= 0 < 1 < max(factors)


@pytest.mark.parametrize("correction", CORRECTIONS)
def test_a_gap_is_a_date_that_is_not_there(correction):
    values = red_noise(30, 7, 0.5, 1)
    times = np.arange(30.0)
    kept = np.setdiff1d(np.arange(30), [0, 4, 5, 17, 29])
    gaps = np.full_like(values, np.nan)
    gaps[kept] = values[kept]
    with_gaps, without = (
        corrected(gaps, correction, times),
        corrected(values[kept], correction, times[kept]),
    )
    for name in OUTPUTS:
        np.testing.assert_array_equal(with_gaps[name], without[name])


@pytest.mark.parametrize("correction", CORRECTIONS)
def test_what_only_rounding_tells_apart_is_equal(correction):
    """Multiples of a tenth are off by rounding; the same series in whole numbers is exact."""
    rng = np.random.default_rng(3)
    whole = rng.integers(0, 12, (23, 200)).astype(float)
    exact, rounded = corrected(whole, correction), corrected(whole * 0.1, correction)
    np.testing.assert_array_equal(exact["s"], rounded["s"])
    np.testing.assert_allclose(exact["p"], rounded["p"], atol=1e-9)


@pytest.mark.parametrize("correction", CORRECTIONS)
def test_lines_constants_and_short_series(correction):
    values = np.full((12, 4), np.nan)
    values[:, 0] = 0.1 * np.arange(12) + 7
    values[:, 1] = 0.3
    values[:2, 2] = 1.0
    values[[1, 5, 9], 3] = 1.0, 3.0, 4.0
    found = corrected(values, correction)
    n = 11 if correction == "tfpw" else 12
    assert found["s"][0] == n * (n - 1) / 2
    z = (n * (n - 1) / 2 - 1) / np.sqrt(n * (n - 1) * (2 * n + 5) / 18)
    assert found["z"][0] == pytest.approx(z, rel=1e-12)
    assert (found["s"][1], found["z"][1], found["p"][1]) == (0, 0, 1)
    assert np.isnan([found[name][2] for name in ("slope", "z", "p", "tau")]).all()
    assert found["n"][2] == 2
    assert 0 <= found["p"][3] <= 1


@pytest.mark.parametrize("correction", CORRECTIONS)
def test_single_precision_many_slabs_and_neighbours(correction, monkeypatch):
    values = red_noise(20, 33, 0.5, 2).astype("float32")
    whole = corrected(values.astype("float64"), correction)
    monkeypatch.setattr("mineeco_xr.kernels.slabs.SLAB_VALUES", 20)
    sliced = corrected(values, correction)
    for name in OUTPUTS:
        np.testing.assert_array_equal(whole[name], sliced[name])
