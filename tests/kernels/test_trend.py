"""The trend kernel against PyMannKendall and SciPy, which we did not write."""

from __future__ import annotations

import numpy as np
import pymannkendall
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import theilslopes

from mineeco_xr.kernels.trend import OUTPUTS, sen_mann_kendall


def series(kind: str, length: int, count: int, gaps: float, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    values = {
        "noise": rng.normal(size=(length, count)),
        "ties": rng.integers(0, 3, (length, count)).astype(float),
        "constant": np.full((length, count), 4.0),
        "large": rng.normal(size=(length, count)).cumsum(axis=0) * 1e7 + 1e9,
        "steps": np.repeat(rng.normal(size=(1, count)), length, axis=0).round(1)
        + (np.arange(length)[:, None] > length // 2),
    }[kind]
    values[rng.random(values.shape) < gaps] = np.nan
    return values


@given(
    kind=st.sampled_from(["noise", "ties", "constant", "large", "steps"]),
    length=st.integers(3, 40),
    count=st.integers(1, 20),
    gaps=st.sampled_from([0.0, 0.3]),
    seed=st.integers(0, 10_000),
)
def test_equals_peers(kind, length, count, gaps, seed):
    values = series(kind, length, count, gaps, seed)
    years = np.arange(length, dtype=float)
    found = dict(zip(OUTPUTS, sen_mann_kendall(values, years, 3), strict=True))
    for i in range(count):
        valid = np.isfinite(values[:, i])
        assert found["n"][i] == valid.sum()
        if valid.sum() < 3:
            assert np.isnan(found["slope"][i])
            assert np.isnan(found["p"][i])
            continue
        peer = pymannkendall.original_test(values[:, i])
        slope, intercept, _, _ = theilslopes(values[valid, i], years[valid])
        assert found["s"][i] == peer.s
        assert found["slope"][i] == pytest.approx(slope, rel=1e-12, abs=1e-300)
        assert found["intercept"][i] == pytest.approx(intercept, rel=1e-12)
        assert found["z"][i] == pytest.approx(peer.z, rel=1e-12, abs=1e-15)
        assert found["p"][i] == pytest.approx(peer.p, abs=1e-12)
        assert found["tau"][i] == pytest.approx(peer.Tau, rel=1e-12, abs=1e-15)


def test_irregular_dates():
    rng = np.random.default_rng(0)
    years = np.sort(rng.choice(np.arange(0, 60, 0.25), 24, replace=False))
    values = rng.normal(size=(24, 11))
    found = sen_mann_kendall(values, years, 3)
    for i in range(11):
        slope, intercept, _, _ = theilslopes(values[:, i], years)
        assert found[0, i] == pytest.approx(slope, rel=1e-12)
        assert found[1, i] == pytest.approx(intercept, rel=1e-12)


def test_single_precision_is_not_rounded_again():
    values = np.random.default_rng(0).normal(size=(24, 50)).astype("float32")
    years = np.arange(24.0)
    np.testing.assert_array_equal(
        sen_mann_kendall(values, years, 3), sen_mann_kendall(values.astype("float64"), years, 3)
    )


def test_neighbours_do_not_matter():
    """A series has one result whatever stands beside it."""
    values = series("ties", 20, 17, 0.2, 3)
    years = np.arange(20.0)
    whole = sen_mann_kendall(values, years, 5)
    for i in range(17):
        alone = sen_mann_kendall(values[:, i : i + 1], years, 5)[:, 0]
        np.testing.assert_array_equal(alone, whole[:, i])


def test_infinities_are_gaps():
    values = np.arange(10.0)[:, None].copy()
    values[3] = np.inf
    found = sen_mann_kendall(values, np.arange(10.0), 3)
    assert found[6, 0] == 9
    assert found[0, 0] == 1.0
