"""LS, connectivity and delivery: InVEST's printed values, closed forms, and limits."""

import numpy as np
import pytest

from mineeco_xr.kernels.erosion import delivery_ratio, rkls_and_connectivity, trapped_share


def run(slope, accumulation, *, cover=None, steep=None, way=None, stream=None, l_max=25.0):
    n = len(slope)
    acc = np.asarray(accumulation, "f8")
    given = [
        np.asarray(slope, "f4"),
        acc,
        acc * 0.1 if cover is None else np.asarray(cover, "f8"),
        acc * 0.2 if steep is None else np.asarray(steep, "f8"),
        np.ones(n) if way is None else np.asarray(way, "f8"),
        np.zeros(n, "u1") if stream is None else np.asarray(stream, "u1"),
        np.full(n, 100, "f4"),
        np.full(n, 0.5, "f4"),
    ]
    ls, rkls, ic = rkls_and_connectivity(*given, cell=30.0, l_max=l_max)
    return ls, rkls, ic, delivery_ratio(ic, given[5], 2.0, 0.5, 0.8)


def test_ls_equals_the_values_of_invests_own_test():
    ls, rkls, _, _ = run([1.5, 4, 8, 10, 15], [100, 100, 100, 100, 1e7])
    known = [0.253996, 0.657229, 1.345856, 1.776729, 49.802994]
    np.testing.assert_allclose(ls, known, rtol=2e-6)
    np.testing.assert_allclose(rkls, 50 * np.array(known), rtol=2e-6)


@pytest.mark.parametrize(
    ("percent", "exponent"), [(0.5, 0.2), (1.0, 0.2), (2, 0.3), (3.5, 0.3), (5, 0.4), (9, 0.5)]
)
def test_slope_length_of_a_headwater_has_a_closed_form(percent, exponent):
    """Without cells above: D^(2m+2) / (D^(m+2) x^m 22.13^m) = (D / (22.13 x))^m, times S."""
    ls, *_ = run([percent], [1.0], l_max=1e9)
    angle = np.arctan(percent / 100)
    steep = 10.8 * np.sin(angle) + 0.03 if percent < 9 else 16.8 * np.sin(angle) - 0.5
    expected = (30 / (22.13 * (np.sin(angle) + np.cos(angle)))) ** exponent * steep
    assert ls[0] == pytest.approx(expected, rel=1e-6)


def test_connectivity_and_delivery_follow_their_formulas():
    _, _, ic, sdr = run([10.0, 10], [4.0, 4], way=[50.0, 1e-12], cover=[0.8, 4], steep=[1.2, 4])
    up = 0.2 * 0.3 * np.sqrt(4 * 900)
    assert ic[0] == pytest.approx(np.log10(up / 50), rel=1e-6)
    assert sdr[0] == pytest.approx(0.8 / (1 + np.exp((0.5 - np.log10(up / 50)) / 2)), rel=1e-6)
    assert 0.79 < sdr[1] < 0.8


def test_streams_deliver_all_and_lose_nothing():
    _, rkls, ic, sdr = run([10.0, 10], [4.0, 4], way=[0, 5], stream=[1, 0])
    assert np.isnan(rkls[0])
    assert np.isnan(ic[0])
    assert sdr[0] == 1
    assert rkls[1] > 0
    assert sdr[1] < 0.8


def test_without_a_way_to_a_stream_there_is_a_loss_but_no_delivery():
    _, rkls, ic, sdr = run([10.0], [4.0], way=[np.nan])
    assert rkls[0] > 0
    assert np.isnan(ic[0])
    assert np.isnan(sdr[0])


def window(rows, fill):
    return np.pad(np.asarray(rows), 1, constant_values=fill)


def test_trapped_share_of_one_receiver():
    codes = window(np.array([[0, 0, 0, 255]], "u1"), 255)
    sdr = window(np.array([[0.2, 0.6, 0.5, 0.3]], "f4"), np.nan)
    share = trapped_share(codes, sdr)
    np.testing.assert_allclose(share[0, :2], [(0.6 - 0.2) / 0.8, 0.0], rtol=1e-6)
    assert share[0, 2] == 0.0
    assert np.isnan(share[0, 3])


def test_trapped_share_weighs_receivers_and_counts_undefined_ones_as_nothing():
    packed = np.array([[0, 1 + (3 << 24), 0], [0, 1, 0]], "u4")
    sdr = np.array([[0.1, 0.2, 0.9], [0.1, 0.4, np.nan]], "f4")
    share = trapped_share(window(packed, 0), window(sdr, np.nan))
    below = (1 * 0.9 + 3 * 0.4) / 4
    assert share[0, 1] == pytest.approx((below - 0.2) / 0.8, rel=1e-6)
    assert share[1, 1] == 0.0
    assert np.isnan(share[0, 0])


def test_streams_trap_all_that_enters_and_a_ratio_of_zero_counts_as_a_stream():
    codes = window(np.array([[0, 0, 0]], "u1"), 255)
    sdr = window(np.array([[0.5, 0.0, 1.0]], "f4"), np.nan)
    np.testing.assert_array_equal(trapped_share(codes, sdr), [[1.0, 1.0, 1.0]])
