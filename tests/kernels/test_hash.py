import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mineeco_xr.kernels.hash import gradient_noise, stream_key, triangular_cells, uniform_cells

KEY = stream_key(5, "test")
WHOLE = (slice(-20, 60), slice(-7, 90))


def smooth(key, rows, columns):
    return gradient_noise(key, rows, columns, wavelength=13.7, octaves=3, gain=0.6)


@pytest.mark.parametrize("function", [uniform_cells, triangular_cells, smooth])
@given(
    top=st.integers(-20, 59),
    left=st.integers(-7, 89),
    height=st.integers(1, 80),
    width=st.integers(1, 97),
)
def test_a_window_equals_its_part_of_the_whole(function, top, left, height, width):
    rows = slice(top, min(top + height, 60))
    columns = slice(left, min(left + width, 90))
    whole = function(KEY, *WHOLE)
    part = function(KEY, rows, columns)
    expected = whole[rows.start + 20 : rows.stop + 20, columns.start + 7 : columns.stop + 7]
    np.testing.assert_array_equal(part, expected)


def test_uniform_numbers_are_uniform_and_uncorrelated():
    values = uniform_cells(KEY, slice(0, 400), slice(0, 400))
    counts, _ = np.histogram(values, bins=20, range=(0, 1))
    assert values.min() >= 0
    assert values.max() < 1
    chi_square = ((counts - 8000) ** 2 / 8000).sum()
    assert chi_square < 44, "a chi-square of 19 degrees exceeds 44 once in a thousand"
    for a, b in ((values[:, 1:], values[:, :-1]), (values[1:], values[:-1])):
        assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 0.01


def test_triangular_numbers_have_their_spread():
    values = triangular_cells(KEY, slice(0, 300), slice(0, 300))
    assert abs(values.mean()) < 0.005
    assert abs(values.std() * np.sqrt(6) - 1) < 0.01
    assert np.abs(values).max() <= 1


def test_streams_differ():
    window = (slice(0, 30), slice(0, 30))
    first = uniform_cells(stream_key(0, "a"), *window)
    for other in (stream_key(1, "a"), stream_key(0, "b"), stream_key(0, "a", 1)):
        correlation = np.corrcoef(first.ravel(), uniform_cells(other, *window).ravel())[0, 1]
        assert abs(correlation) < 0.15


def plain_hash(key, row, column):
    """Return the hash in integers without bounds, cut to 64 bits."""

    def mix(value):
        value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) % 2**64
        value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) % 2**64
        return value ^ (value >> 31)

    row_hash = mix((key + row * 0x9E3779B97F4A7C15) % 2**64)
    return mix((row_hash + column * 0xD1B54A32D192ED03) % 2**64)


@given(st.integers(0, 2**64 - 1), st.integers(-(10**6), 10**6), st.integers(-(10**6), 10**6))
def test_numbers_are_those_of_plain_arithmetic(key, row, column):
    window = (np.uint64(key), slice(row, row + 1), slice(column, column + 1))
    value = plain_hash(key, row, column)
    assert uniform_cells(*window)[0, 0] == (value >> 32) / 2**32
    expected = np.float32(((value >> 32) + value % 2**32) / 2**32 - 1)
    assert triangular_cells(*window)[0, 0] == expected


def test_keys_are_the_same_on_every_machine():
    assert int(stream_key(0, "terrain")) == 10950569678707064079


def test_gradient_noise_is_smooth_bounded_and_zero_on_its_lattice():
    values = gradient_noise(KEY, slice(0, 200), slice(0, 200), wavelength=50.0)
    assert np.abs(values).max() <= 1
    assert 0.2 < values.std() < 0.45
    assert np.abs(np.diff(values, axis=0)).max() < 0.12
    on_lattice = gradient_noise(KEY, slice(0, 9), slice(0, 9), wavelength=0.5)
    np.testing.assert_array_equal(on_lattice, 0)
