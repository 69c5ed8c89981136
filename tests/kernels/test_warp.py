"""Resampling kernels against brute force with shapely."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from mineeco_xr.errors import DataError
from mineeco_xr.kernels import warp


def rotated_corners(rows, columns, angle, scale, origin):
    """Corners of a target grid turned and scaled against the source."""
    r, c = np.meshgrid(np.arange(rows + 1.0), np.arange(columns + 1.0), indexing="ij")
    cosine, sine = np.cos(angle) * scale, np.sin(angle) * scale
    return origin[0] + c * cosine - r * sine, origin[1] + c * sine + r * cosine


def overlaps(xs, ys, i, j, shape):
    quad = shapely.Polygon(
        [(xs[i, j], ys[i, j]), (xs[i, j + 1], ys[i, j + 1]),
         (xs[i + 1, j + 1], ys[i + 1, j + 1]), (xs[i + 1, j], ys[i + 1, j])]
    )  # fmt: skip
    rows, columns = np.indices(shape)
    boxes = shapely.box(columns, rows, columns + 1, rows + 1)
    return shapely.area(shapely.intersection(boxes, quad)), quad.area


@given(
    angle=st.floats(-3, 3),
    scale=st.floats(0.3, 4),
    seed=st.integers(0, 1000),
    share=st.sampled_from([0.0, 0.6]),
)
def test_area_weights_equal_shapely(angle, scale, seed, share):
    rng = np.random.default_rng(seed)
    source = rng.normal(10, 3, (1, 9, 11))
    source[0][rng.random((9, 11)) < 0.2] = np.nan
    xs, ys = rotated_corners(3, 4, angle, scale, rng.uniform(0, 6, 2))
    mean, total = (
        warp.overlap_reduce(source, (0, 0), xs, ys, how=how, nodata=np.nan, min_valid=share)
        for how in (warp.MEAN, warp.SUM)
    )
    for i in range(3):
        for j in range(4):
            weights, area = overlaps(xs, ys, i, j, (9, 11))
            weights[np.isnan(source[0])] = 0
            covered = weights.sum()
            if abs(covered - share * area) < 1e-4 * area:
                continue
            if covered <= share * area:
                assert np.isnan(mean[0, i, j])
                continue
            expected = (weights * np.nan_to_num(source[0])).sum()
            assert total[0, i, j] == pytest.approx(expected, rel=1e-5, abs=1e-6)
            assert mean[0, i, j] == pytest.approx(expected / covered, rel=1e-4)


@given(angle=st.floats(-3, 3), scale=st.floats(0.3, 2), seed=st.integers(0, 1000))
def test_sums_are_conserved_under_rotation(angle, scale, seed):
    """A target that covers the source wholly receives all of it."""
    source = np.random.default_rng(seed).uniform(1, 5, (1, 6, 7))
    size = int(30 / scale)
    xs, ys = rotated_corners(size, size, angle, scale, (0.0, 0.0))
    xs, ys = xs - xs.mean() + 3.5, ys - ys.mean() + 3.0
    found = warp.overlap_reduce(source, (0, 0), xs, ys, how=warp.SUM, nodata=np.nan)
    assert np.nansum(found) == pytest.approx(source.sum(), rel=1e-6)


def test_mode_takes_the_largest_area_and_the_smallest_of_equals():
    source = np.array([[[3, 3, 1, 2], [5, 4, 2, 1]]], dtype="uint8")
    xs, ys = np.meshgrid([0.0, 2.0, 4.0], [0.0, 2.0])
    found = warp.overlap_reduce(source, (0, 0), xs, ys, how=warp.MODE, nodata=0)
    assert found[0, 0].tolist() == [3, 1]


def test_mode_leaves_nodata_out():
    source = np.array([[[0, 0, 0, 7]]], dtype="uint8")
    xs, ys = np.meshgrid([0.0, 4.0], [0.0, 1.0])
    found = warp.overlap_reduce(source, (0, 0), xs, ys, how=warp.MODE, nodata=0)
    assert found[0, 0, 0] == 7


def test_bilinear_of_a_plane_is_the_plane():
    rows, columns = np.indices((6, 8))
    source = (2.0 * columns + 3.0 * rows)[None]
    x, y = np.meshgrid(np.linspace(0.5, 7.5, 15), np.linspace(0.5, 5.5, 11))
    found = warp.sample_bilinear(source, (0, 0), x, y)
    np.testing.assert_allclose(found[0], 2 * (x - 0.5) + 3 * (y - 0.5), atol=1e-12)


def test_bilinear_neither_grows_nor_shrinks_nodata():
    source = np.array([[[1.0, np.nan, 3.0]]])
    x, y = np.array([[0.9, 1.1, 1.9, 2.1]]), np.full((1, 4), 0.5)
    found = warp.sample_bilinear(source, (0, 0), x, y)[0, 0]
    np.testing.assert_array_equal(found, [1.0, np.nan, np.nan, 3.0])


def test_points_outside_and_undefined_are_nodata():
    source = np.ones((1, 2, 2))
    x, y = np.array([[-0.1, 0.5, np.inf, 2.0]]), np.full((1, 4), 0.5)
    for found in (
        warp.sample_nearest(source, (0, 0), x, y, np.nan),
        warp.sample_bilinear(source, (0, 0), x, y),
    ):
        np.testing.assert_array_equal(found[0, 0], [np.nan, 1.0, np.nan, np.nan])


def test_window_does_not_matter():
    rng = np.random.default_rng(2)
    source = rng.normal(size=(2, 40, 50))
    xs, ys = rotated_corners(5, 6, 0.3, 2.2, (20.0, 10.0))
    whole = warp.overlap_reduce(source, (0, 0), xs, ys, how=warp.MEAN, nodata=np.nan)
    cut = warp.overlap_reduce(
        np.ascontiguousarray(source[:, 8:, 12:]), (8, 12), xs, ys, how=warp.MEAN, nodata=np.nan
    )
    np.testing.assert_array_equal(whole, cut)


def test_a_mode_of_numbers_that_are_no_classes_is_refused():
    source = np.arange(900, dtype="int32").reshape(1, 30, 30)
    xs, ys = np.meshgrid([0.0, 30.0], [0.0, 30.0])
    with pytest.raises(DataError, match="more than 512"):
        warp.overlap_reduce(source, (0, 0), xs, ys, how=warp.MODE, nodata=-1)
