"""Rescaled ranges by their definition."""

from __future__ import annotations

import numpy as np
import pytest

from mineeco_xr.kernels.rescaled_range import expected_range, hurst_exponent


def rescaled(window: np.ndarray) -> float:
    sums = np.append(0.0, (window - window.mean()).cumsum())
    return np.ptp(sums) / window.std()


def exponent(series: np.ndarray, expected: np.ndarray) -> float:
    windows = sorted({series.size // parts for parts in range(1, series.size // 6 + 1)})
    found = [
        np.mean([rescaled(part) for part in series[: len(series) // w * w].reshape(-1, w)])
        for w in windows
    ]
    return 0.5 + np.polyfit(np.log(windows), np.log(found / expected[windows]), 1)[0]


@pytest.mark.parametrize("length", [12, 25, 60])
def test_equals_the_definition(length):
    values = np.random.default_rng(length).normal(size=(length, 20)).cumsum(axis=0)
    expected = expected_range(length)
    found, n = hurst_exponent(values, 12, expected)
    assert (n == length).all()
    for i in range(20):
        assert found[i] == pytest.approx(exponent(values[:, i], expected), rel=1e-9)


def test_gaps_close_up_and_constants_are_nodata():
    values = np.random.default_rng(0).normal(size=(40, 3))
    gaps = np.full((50, 5), np.nan)
    gaps[5:45, :3] = values
    gaps[:, 3] = 0.1
    gaps[:10, 4] = 1.0
    expected = expected_range(50)
    found, n = hurst_exponent(gaps, 12, expected)
    np.testing.assert_array_equal(found[:3], hurst_exponent(values, 12, expected)[0])
    assert np.isnan(found[3:]).all()
    assert n.tolist() == [40, 40, 40, 50, 10]


@pytest.mark.parametrize("window", [6, 12, 30])
def test_expected_range_is_that_of_normal_values(window):
    values = np.random.default_rng(window).normal(size=(20_000, window))
    sums = np.cumsum(values - values.mean(axis=1, keepdims=True), axis=1)
    ranges = sums.max(axis=1).clip(0) - sums.min(axis=1).clip(max=0)
    simulated = ranges / values.std(axis=1)
    spread = simulated.std() / np.sqrt(20_000)
    assert expected_range(window)[window] == pytest.approx(simulated.mean(), abs=5 * spread)
