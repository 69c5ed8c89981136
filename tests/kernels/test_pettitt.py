"""Pettitt's test against ranks and against all orders of short series."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import rankdata

from mineeco_xr.kernels.pettitt import OUTPUTS, exact_p, pettitt_test

NO_TABLE = np.ones((1, 1))
NILE = (
    "1120 1160 963 1210 1160 1160 813 1230 1370 1140 995 935 1110 994 1020 960 1180 799 958 1140 "
    "1100 1210 1150 1250 1260 1220 1030 1100 774 840 874 694 940 833 701 916 692 1020 1050 969 "
    "831 726 456 824 702 1120 1100 832 764 821 768 845 864 862 698 845 744 796 1040 759 781 865 "
    "845 944 984 897 822 1010 771 676 649 846 812 742 801 1040 860 874 848 890 744 749 838 1050 "
    "918 986 797 923 975 815 1020 906 901 1170 912 746 919 718 714 740"
)
"""Flow of the Nile at Aswan, 1871 to 1970 (Cobb 1978)."""


@settings(max_examples=20)
@given(
    kind=st.sampled_from(["noise", "ties", "constant"]),
    length=st.integers(2, 40),
    gaps=st.sampled_from([0.0, 0.3]),
    seed=st.integers(0, 10_000),
)
def test_equals_the_sum_of_ranks(kind, length, gaps, seed):
    rng = np.random.default_rng(seed)
    values = {
        "noise": rng.normal(size=(length, 9)),
        "ties": rng.integers(0, 4, (length, 9)).astype(float),
        "constant": np.full((length, 9), 3.0),
    }[kind]
    values[rng.random(values.shape) < gaps] = np.nan
    found = dict(zip(OUTPUTS, pettitt_test(values, 4, NO_TABLE), strict=True))
    for i in range(9):
        place = np.flatnonzero(np.isfinite(values[:, i]))
        own, n = values[place, i], place.size
        assert found["n"][i] == n
        if n < 4:
            assert np.isnan(found["u"][i])
            assert np.isnan(found["last"][i])
            continue
        u = (2 * rankdata(own).cumsum() - np.arange(1, n + 1) * (n + 1))[:-1]
        at = np.abs(u).argmax()
        assert found["u"][i] == u[at]
        assert (found["last"][i], found["first"][i]) == (place[at], place[at + 1])
        p = min(1.0, 2 * np.exp(-6 * u[at] ** 2 / (n**3 + n**2)))
        assert found["p"][i] == pytest.approx(p, rel=1e-12)
        assert found["mean_before"][i] == pytest.approx(own[: at + 1].mean(), rel=1e-12)
        assert found["mean_after"][i] == pytest.approx(own[at + 1 :].mean(), rel=1e-12)


@pytest.mark.parametrize("n", [2, 3, 4, 5, 6, 7])
def test_exact_p_counts_all_orders(n):
    orders = np.array(list(permutations(range(1, n + 1))))
    largest = np.abs(2 * orders.cumsum(axis=1) - np.arange(1, n + 1) * (n + 1)).max(axis=1)
    found = exact_p(n)
    expected = [(largest >= k).mean() for k in range(n * n // 4 + 1)]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize("n", [9, 14, 19])
def test_exact_p_of_the_largest_k(n):
    """Only two sets of ranks reach it: the lowest or the highest half (or either half, odd n)."""
    from math import comb

    share = (2 if n % 2 == 0 else 4) / comb(n, n // 2)
    both = 0 if n % 2 == 0 else 2 / (comb(n, n // 2) * (n // 2 + 1))
    assert exact_p(n)[-1] == pytest.approx(share - both, rel=1e-9)


@pytest.mark.parametrize("n", [12, 17])
def test_exact_p_agrees_with_random_orders(n):
    rank = np.random.default_rng(n).random((40_000, n)).argsort(axis=1) + 1
    largest = np.abs(2 * rank.cumsum(axis=1) - np.arange(1, n + 1) * (n + 1)).max(axis=1)
    found = exact_p(n)
    share = np.array([(largest >= k).mean() for k in range(found.size)])
    np.testing.assert_allclose(found, share, rtol=0, atol=5 * 0.5 / np.sqrt(40_000))


def test_table_holds_up_to_its_length():
    values = np.random.default_rng(0).normal(size=(12, 5))
    values[10:, :2] = np.nan
    table = np.ones((12, 37))
    table[10, : 10 * 10 // 4 + 1] = exact_p(10)
    found = dict(zip(OUTPUTS, pettitt_test(values, 4, table), strict=True))
    for i in range(2):
        assert found["p"][i] == exact_p(10)[int(abs(found["u"][i]))]
    u = found["u"][2:]
    approximation = np.minimum(1, 2 * np.exp(-6 * u**2 / (12**3 + 12**2)))
    np.testing.assert_allclose(found["p"][2:], approximation, rtol=1e-12)


def test_the_nile_falls_after_1898():
    flow = np.array(NILE.split(), dtype="float32")[:, None]
    found = dict(zip(OUTPUTS, pettitt_test(flow, 4, NO_TABLE)[:, 0], strict=True))
    assert flow.size == 100
    assert 1871 + found["last"] == 1898
    assert found["mean_before"] == pytest.approx(1097.75, abs=0.01)
    assert found["mean_after"] == pytest.approx(849.97, abs=0.01)
    assert found["u"] > 0
    assert found["p"] < 1e-6
