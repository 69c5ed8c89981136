"""The two ways of summing a kernel around cells: against each other and against SciPy."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.fft import fft2
from scipy.signal import convolve2d, fftconvolve

from mineeco_xr.kernels import convolve as convolving
from mineeco_xr.kernels import overlap_save
from mineeco_xr.kernels.convolve import SymmetricKernel, convolve, make_plan
from mineeco_xr.kernels.scatter import count_runs, longest_run, running_sums


def random_kernel(rng, r, s):
    quarter = rng.random((r + 1, s + 1))
    quarter[rng.random(quarter.shape) < 0.3] = 0
    return SymmetricKernel(("random", rng.integers(2**60)), quarter)


def whole(quarter):
    right = np.concatenate([quarter[:, :0:-1], quarter], axis=1)
    return np.concatenate([right[:0:-1], right])


def clumps(rng, shape, share):
    """Runs of all lengths with levels that touch, and cells of their own."""
    values = np.where(rng.random(shape) < share, rng.random(shape), 0)
    layer, row = rng.integers(shape[0]), rng.integers(shape[1])
    values[layer, row, shape[2] // 4 :] = 0.5
    values[:, shape[1] // 2 :, shape[2] // 3 : shape[2] // 2] = 0.75
    return values.astype("f4")


@pytest.mark.parametrize("way", ["scatter", "fourier", "auto"])
@given(
    seed=st.integers(0, 2**32 - 1), r=st.integers(0, 6), s=st.integers(0, 6),
    layers=st.integers(1, 3), share=st.sampled_from([0.0, 0.02, 0.5]),
)  # fmt: skip
def test_equals_the_sum_written_out(way, seed, r, s, layers, share):
    rng = np.random.default_rng(seed)
    shape = (layers, rng.integers(1, 30) + 2 * r, rng.integers(1, 90) + 2 * s)
    values, kernel = clumps(rng, shape, share), random_kernel(rng, r, s)
    values[rng.random(shape) < 0.05] = np.nan
    found = convolve(values, kernel, way=way)
    expected = np.stack(
        [convolve2d(np.nan_to_num(v).astype("f8"), whole(kernel.quarter), "valid") for v in values]
    )
    scale = expected.max(initial=0)
    tolerance = 1e-6 * scale if way != "scatter" else 1e-7 * expected + 1e-12
    assert (np.abs(found - expected) <= tolerance).all()
    assert (found >= 0).all()
    if way == "scatter":
        np.testing.assert_array_equal(found > 0, expected > 1e-9)


def test_ways_agree_on_many_tiles(monkeypatch):
    """Tiles without sources, with few and with many; the last ones overlap their neighbours."""
    monkeypatch.setattr(convolving, "LEAST_TILE", 20)
    monkeypatch.setattr(convolving, "LARGEST_TRANSFORM", 1500)
    make_plan.cache_clear()
    rng = np.random.default_rng(5)
    values = np.zeros((4, 79, 96), "f4")
    values[0, 5:15, 8:30] = 1
    values[1] = rng.random((79, 96)) < 0.3
    values[3, 50:, 20:50] = rng.random((29, 30))
    kernel = random_kernel(rng, 4, 3)
    found = {way: convolve(values, kernel, way=way) for way in convolving.WAYS}
    plan = make_plan((71, 90), (4, 3))
    ways = [convolving._sorted_tiles(values, layer, kernel, plan, "auto") for layer in range(4)]
    make_plan.cache_clear()
    assert len(plan.corners) >= 6
    assert 71 % plan.tile[0]
    assert {layer for layer, (few, _) in enumerate(ways) if few} >= {0, 3}
    assert {layer for layer, (_, many) in enumerate(ways) if many} == {1, 3}
    expected = [convolve2d(v.astype("f8"), whole(kernel.quarter), "valid") for v in values]
    for way in convolving.WAYS:
        np.testing.assert_allclose(found[way], expected, rtol=0, atol=1e-6 * np.max(expected))
    assert not found["auto"][2].any()


@pytest.mark.parametrize("way", ["fourier", "auto"])
@given(
    seed=st.integers(0, 2**32 - 1),
    factors=st.lists(st.sampled_from([1e-9, 1e-4, 1.0, 1e3, 1e7]), min_size=2, max_size=4),
    share=st.sampled_from([0.02, 0.9]),
)  # fmt: skip
def test_layers_of_any_magnitude_leave_each_other_alone(way, seed, factors, share):
    rng = np.random.default_rng(seed)
    kernel = random_kernel(rng, 5, 4)
    values = np.where(rng.random((len(factors), 45, 38)) < share, rng.random(), 0)
    values = (values * np.array(factors)[:, None, None]).astype("f4")
    found = convolve(values, kernel, way=way)
    for layer, own in zip(found, values, strict=True):
        np.testing.assert_array_equal(layer, convolve(own[None], kernel, way=way)[0])
        expected = convolve2d(own.astype("f8"), whole(kernel.quarter), "valid")
        np.testing.assert_allclose(layer, expected, rtol=0, atol=1e-6 * expected.max())


@pytest.mark.parametrize("stripes", [1, 5, 8])
def test_what_all_cells_share_does_not_round(stripes):
    """Without the mean taken out it is 6e-7 of the maximum, and twice that between two chunkings.

    Stripes, because the mean is that of some rows.
    """
    rng = np.random.default_rng(9)
    values = rng.random((1, 700, 700)) * (np.arange(700) % stripes == 0)[:, None]
    values = values.astype("f4")
    across = np.hypot(*np.mgrid[:51, :51]) / 50
    kernel = SymmetricKernel("shared mean", np.where(across <= 1, np.exp(-2.99 * across), 0))
    assert kernel.weight == pytest.approx(whole(kernel.quarter).sum(), rel=1e-12)
    expected = fftconvolve(values[0].astype("f8"), whole(kernel.quarter), "valid")
    error = np.abs(convolve(values, kernel, way="fourier")[0] - expected).max()
    assert error < 4.5e-7 * expected.max()


def test_tiles_of_any_magnitude_keep_to_the_maximum_of_their_layer(monkeypatch):
    monkeypatch.setattr(convolving, "LEAST_TILE", 20)
    monkeypatch.setattr(convolving, "LARGEST_TRANSFORM", 1500)
    make_plan.cache_clear()
    rng = np.random.default_rng(6)
    kernel = random_kernel(rng, 4, 4)
    values = rng.random((2, 108, 128)).astype("f4")
    values[0] *= np.kron(10.0 ** rng.integers(-6, 7, (4, 4)), np.ones((27, 32))).astype("f4")
    found = convolve(values, kernel, way="fourier")
    tiles = len(make_plan((100, 120), (4, 4)).corners)
    make_plan.cache_clear()
    assert tiles >= 6
    for layer, own in zip(found, values, strict=True):
        expected = convolve2d(own.astype("f8"), whole(kernel.quarter), "valid")
        np.testing.assert_allclose(layer, expected, rtol=0, atol=1e-6 * expected.max())


@pytest.mark.parametrize("radius", [0, 40, 200])
@pytest.mark.parametrize("size", [1, 2, 200, 900])
def test_a_window_is_cut_into_pairs_that_cover_it(size, radius):
    plan = make_plan((size, size), (radius, radius))
    covered = np.zeros((size, size), bool)
    for top, left in plan.corners:
        covered[top : top + plan.tile[0], left : left + plan.tile[1]] = True
    assert covered.all()
    assert len(plan.corners) % 2 == 0 or size < 200


@pytest.mark.parametrize(
    ("few", "many", "expected"),
    [
        ([], [3.0, 5.0, 1.5], ([1.5], [3.0, 5.0])),
        ([0.2], [3.0, 5.0, 1.5], ([0.2, 1.5], [3.0, 5.0])),
        ([0.2, 0.9], [3.0, 1.5, 1.9], ([0.2], [3.0, 1.5, 1.9, 0.9])),
        ([], [9.0], ([], [9.0])),
    ],
)
def test_a_tile_is_not_transformed_alone_at_the_price_of_two(few, many, expected):
    def tiles(costs):
        return [convolving._Tile((0, 0, 0), 1, cost) for cost in costs]

    scattered, transformed = tiles(few), tiles(many)
    convolving._even_out(scattered, transformed, 1.0)
    assert ([t.seconds for t in scattered], [t.seconds for t in transformed]) == expected


def test_transform_sizes():
    for size in range(1, 6001):
        found = overlap_save.transform_size(size)
        assert size <= found <= (2 if size < 64 else 1.12) * size
        assert found % 2 == 0
        assert found % 512
        for factor in (2, 3, 5):
            while found % factor == 0:
                found //= factor
        assert found == 1


def test_spectrum_is_that_of_the_whole_kernel():
    rng = np.random.default_rng(2)
    quarter = rng.random((3, 5))
    image = np.zeros((12, 20))
    image[:5, :9] = whole(quarter)
    full = fft2(np.roll(image, (-2, -4), (0, 1)))
    assert np.abs(full.imag).max() < 1e-12
    found = overlap_save.spectrum("spectrum test", quarter, (12, 20))
    np.testing.assert_allclose(found, full.real[:7, :11], atol=1e-5)
    assert overlap_save.spectrum("spectrum test", quarter, (12, 20)) is found


def test_spectra_are_bounded(monkeypatch):
    monkeypatch.setattr(overlap_save, "SPECTRA_BYTES", 4 * 31 * 31 * 3)
    for name in "abcde":
        overlap_save.spectrum(("bounded", name), np.ones((2, 2)), (60, 60))
    kept = [key[0] for key in overlap_save._SPECTRA]
    assert kept == [("bounded", name) for name in "cde"]


def test_threads_share_spectra_and_work_space():
    rng = np.random.default_rng(3)
    values = rng.random((6, 120, 130)).astype("f4")
    kernel = random_kernel(rng, 9, 9)
    alone = [convolve(v[None], kernel, way="fourier") for v in values]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda v: convolve(v[None], kernel, way="fourier"), values))
    np.testing.assert_array_equal(together, alone)
    held = sum(space.nbytes for space in overlap_save._SCRATCH)
    assert 0 < held <= overlap_save.SCRATCH_BYTES


def test_runs_are_counted():
    values = np.array([[[0, 1, 1, 0.5, 0, 2], [np.nan, 3, np.nan, 3, 3, 0]]], "f4")
    assert count_runs(values, (0, 0, 0, 2, 6), np.inf) == (5, 7)
    assert count_runs(values, (0, 0, 2, 2, 3), np.inf) == (3, 4)
    assert count_runs(values, (0, 0, 0, 2, 6), 2) == (3, 4)


def test_running_sums_of_a_row_without_weights():
    quarter = np.array([[1.0, 0.5, 0.25], [0.5, 0.0, 0.0], [0.0, 0.0, 0.0]])
    sums, reach = running_sums(quarter)
    assert reach.tolist() == [2, 0, -1]
    centre = sums.shape[1] // 2
    assert sums[0, centre - 3 : centre + 4].tolist() == [0, 0.25, 0.75, 1.75, 2.25, 2.5, 2.5]
    assert sums[1, [0, centre - 1, centre, -1]].tolist() == [0, 0, 0.5, 0.5]
    assert sums.shape[1] == 2 * (2 + longest_run(2) + 1)
