import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from mineeco_xr.kernels.polyline import nearest_segment

PLACE = {"corner": (1000.0, 5000.0), "step": (10.0, -10.0)}


def centres(rows, columns):
    x = 1000.0 + (np.arange(columns.start, columns.stop) + 0.5) * 10
    y = 5000.0 - (np.arange(rows.start, rows.stop) + 0.5) * 10
    return np.meshgrid(x, y)


def spiral(count=150):
    t = np.linspace(0, 8 * np.pi, count)
    points = np.column_stack([1400 + 12 * t * np.cos(t), 4600 + 12 * t * np.sin(t)])
    return np.hstack([points[:-1], points[1:]])


def test_distances_are_those_of_shapely():
    window = (slice(0, 90), slice(0, 75))
    segments = spiral()
    distance, index, fraction = nearest_segment(segments, *window, **PLACE)
    lines = shapely.linestrings(segments.reshape(-1, 2, 2))
    x, y = centres(*window)
    expected = shapely.distance(shapely.union_all(lines), shapely.points(x, y))
    np.testing.assert_allclose(distance, expected, atol=1e-9)
    chosen = segments[index]
    foot_x = chosen[..., 0] + fraction * (chosen[..., 2] - chosen[..., 0])
    foot_y = chosen[..., 1] + fraction * (chosen[..., 3] - chosen[..., 1])
    np.testing.assert_allclose(np.hypot(x - foot_x, y - foot_y), distance, atol=1e-9)


@given(
    top=st.integers(0, 79),
    left=st.integers(0, 79),
    height=st.integers(1, 70),
    width=st.integers(1, 70),
    reach=st.sampled_from([np.inf, 35.0]),
)
def test_a_window_equals_its_part_of_the_whole(top, left, height, width, reach):
    rows, columns = slice(top, min(top + height, 80)), slice(left, min(left + width, 80))
    whole = nearest_segment(spiral(), slice(0, 80), slice(0, 80), reach=reach, **PLACE)
    part = nearest_segment(spiral(), rows, columns, reach=reach, **PLACE)
    for found, expected in zip(part, whole, strict=True):
        np.testing.assert_array_equal(found, expected[rows, columns])


def test_the_first_of_equally_near_segments_is_taken():
    segments = np.array([[1000.0, 4900.0, 1000.0, 5100.0], [1020.0, 4900.0, 1020.0, 5100.0]])
    _, index, _ = nearest_segment(segments, slice(0, 3), slice(0, 2), **PLACE)
    # The middle of the two lines falls on no cell centre; the first column is nearer to the first.
    np.testing.assert_array_equal(index, [[0, 1]] * 3)
    _, index, _ = nearest_segment(segments[[0, 0]], slice(0, 3), slice(0, 2), **PLACE)
    np.testing.assert_array_equal(index, 0)


def test_cells_out_of_reach_have_no_segment():
    segment = np.array([[1005.0, 4995.0, 1005.0, 4995.0]])
    distance, index, _ = nearest_segment(segment, slice(0, 1), slice(0, 4), reach=20.0, **PLACE)
    np.testing.assert_array_equal(distance, [[0.0, 10.0, np.inf, np.inf]])
    np.testing.assert_array_equal(index, [[0, 0, -1, -1]])


@pytest.mark.parametrize("segments", [np.empty((0, 4)), np.empty(0)])
def test_no_segments_at_all(segments):
    distance, index, _ = nearest_segment(segments, slice(0, 2), slice(0, 2), **PLACE)
    assert np.isinf(distance).all()
    assert (index == -1).all()
