"""Units of varying depth: sums of point units, the textbook form, planes, and bad input."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import erf

from mineeco_xr.errors import ParameterError
from mineeco_xr.subsidence.polygons import COMPONENTS, polygon_pieces, subside_block
from mineeco_xr.subsidence.units import pieces_of_units, seam_plane, unit_pieces

EXACT = {"cutoff": 6.0, "dtype": "float64"}
PANEL = np.array([[0.0, 0.0], [800.0, 0.0], [800.0, 200.0], [0.0, 200.0]])
TRIANGLE = np.array([(0, 0), (700, 120), (250, 600)], float)
X, Y = np.arange(-500, 1400, 90.0), np.arange(900, -600, -75.0)


def by_point_units(x0, y0, size, height, *, tan_beta, dip, down, theta0, volume):
    """Return W by spec 1.5 with many units, each a point: ``sum w / r2 exp(-pi d2 / r2)``."""
    alpha, theta = np.radians([dip, theta0])
    shift = height / np.tan(theta)
    r = height / tan_beta
    weight = size * np.sin(theta + alpha) / (np.sin(theta) * np.cos(alpha)) * volume / r**2
    x1, y1 = x0 + shift * down[0], y0 + shift * down[1]
    total = np.zeros((Y.size, X.size))
    for k in range(x0.size):
        away = (X[None, :] - x1[k]) ** 2 + (Y[:, None] - y1[k]) ** 2
        total += weight[k] * np.exp(-np.pi * away / r[k] ** 2)
    return total


@settings(max_examples=6)
@given(dip=st.floats(0, 40), azimuth=st.floats(0, 360), seed=st.integers(0, 99))
def test_equals_point_units(dip, azimuth, seed):
    """Midpoint units of 10 m are within their own error, which is theirs: it falls with h^2."""
    rng = np.random.default_rng(seed)
    depth, tan_beta, theta0 = rng.uniform(500, 700), rng.uniform(1.5, 2.2), 90 - 0.6 * dip
    down = np.array([np.sin(np.radians(azimuth)), np.cos(np.radians(azimuth))])
    pieces = unit_pieces(
        [[PANEL]], [depth], [3.0], q=0.8, tan_beta=tan_beta, dip=dip, dip_direction=azimuth,
        theta0=theta0,
    )  # fmt: skip
    x0, y0 = (a.ravel() for a in np.meshgrid(np.arange(5, 800, 10.0), np.arange(5, 200, 10.0)))
    height = depth + np.tan(np.radians(dip)) * ((x0 - 400) * down[0] + (y0 - 100) * down[1])
    expected = by_point_units(
        x0, y0, 100.0, height, tan_beta=tan_beta, dip=dip, down=down, theta0=theta0,
        volume=3.0 * 0.8 * np.cos(np.radians(dip)),
    )  # fmt: skip
    found = subside_block(pieces, Y, X, **EXACT)[0, 0]
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-3 * expected.max())


def test_a_flat_seam_is_a_polygon_of_one_radius():
    hole = TRIANGLE * 0.2 + 250
    flat = unit_pieces([[TRIANGLE, hole]], [560.0], [2.5], q=0.8, tan_beta=2.0, tolerance=1e-10)
    polygon = polygon_pieces([[TRIANGLE, hole]], 280.0, 2.0, tolerance=1e-10)
    found, expected = (subside_block(p, Y, X, COMPONENTS, **EXACT)[0] for p in (flat, polygon))
    scale = np.abs(expected).max(axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(found / scale, expected / scale, rtol=0, atol=3e-9)


@pytest.mark.parametrize(
    ("dip", "difference"), [(5, 1.0), (10, 2.0), (15, 3.0), (25, 4.8), (45, 7.8)]
)
def test_difference_from_the_textbook_form(dip, difference):
    """Percent of the largest subsidence; H 600 m, tan(beta) 2, k 0.6, panel 600 x 200 m, S 30 m."""
    depth, offset, alpha, theta = 600.0, 30.0, np.radians(dip), np.radians(90 - 0.6 * dip)
    low = depth + 100 * np.sin(alpha)
    h1, h2 = low - offset * np.sin(alpha), low - (200 - offset) * np.sin(alpha)
    r, r1, r2 = depth / 2, h1 / 2, h2 / 2
    length, rise = 540.0, 140 * np.sin(theta + alpha) / np.sin(theta)
    x, y = np.arange(-900, 1500, 25.0), np.arange(-900, 1200, 25.0)
    along, up = x, y + h1 / np.tan(theta)
    p = np.sqrt(np.pi)
    c_x = 0.5 * (erf(p * along / r) - erf(p * (along - length) / r))
    c_y = 0.5 * (erf(p * up / r1) - erf(p * (up - rise) / r2))
    textbook = np.cos(alpha) * np.outer(c_y, c_x)
    wide = 140 * np.cos(alpha)
    ring = np.array([[0.0, 0.0], [length, 0.0], [length, wide], [0.0, wide]])
    pieces = unit_pieces(
        [[ring]], [depth], [1.0], q=1.0, tan_beta=2.0, dip=dip, dip_direction=180.0,
        theta0=90 - 0.6 * dip,
    )  # fmt: skip
    units = subside_block(pieces, y, x, **EXACT)[0, 0]
    assert abs(100 * np.abs(units - textbook).max() / textbook.max() - difference) < 0.15
    assert abs(units.max() / textbook.max() - 1) < 0.008


def test_corner_depths_of_a_plane_are_the_dip():
    slope = np.tan(np.radians(12.0)) * np.array([np.sin(np.radians(70)), np.cos(np.radians(70))])
    ring, hole = TRIANGLE, TRIANGLE[::-1] * 0.3 + 200
    edge = np.array([(0, 0), (700, 120), (250, 600)], float).mean(axis=0)
    depths = [600 + (part - edge) @ slope for part in (ring, hole)]
    how = {"q": 0.8, "tan_beta": 2.0, "dip": 12.0, "dip_direction": 70.0, "theta0": 83.0}
    corners = unit_pieces([[ring, hole]], [depths], [3.0], **how)
    dip, direction, off = seam_plane([ring, hole], depths)
    assert (round(dip, 6), round(direction, 6)) == (12.0, 70.0)
    assert off < 1e-9
    area, part = 0.5 * 700 * 600 - 0.5 * 120 * 250, 0.09
    middle = (edge - part * (edge * 0.3 + 200)) / (1 - part)
    assert area > 0
    plane = unit_pieces([[ring, hole]], [600 + (middle - edge) @ slope], [3.0], **how)
    found, expected = (subside_block(p, Y, X, COMPONENTS, **EXACT)[0] for p in (corners, plane))
    scale = np.abs(expected).max(axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(found / scale, expected / scale, rtol=0, atol=1e-6)


def test_volume_and_thickness():
    """Thickness rising from 2 to 4 m is 3 m on average; the shift stretches the plan."""
    step, dip, theta = 30.0, 20.0, 78.0
    x, y = np.arange(-1500, 2400, step), np.arange(-1500, 1800, step)
    thickness = [np.array([2.0, 4.0, 4.0, 2.0])]
    pieces = unit_pieces(
        [[PANEL]], [500.0], [thickness], q=0.7, tan_beta=1.8, dip=dip, dip_direction=90.0,
        theta0=theta,
    )  # fmt: skip
    found = subside_block(pieces, y, x, **EXACT).sum() * step**2
    a, t = np.radians([dip, theta])
    expected = 800 * 200 * 3.0 * 0.7 * np.cos(a) * np.sin(t + a) / (np.sin(t) * np.cos(a))
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_displacement_and_strain_are_of_one_vector_field():
    pieces = unit_pieces(
        [[TRIANGLE]], [500.0], [3.0], q=0.8, tan_beta=2.0, b=0.25, dip=15.0, dip_direction=60.0,
        theta0=81.0,
    )  # fmt: skip
    h = 0.1
    tilt = subside_block(pieces, Y, X, ("ix", "iy", "ex", "ey", "exy"), **EXACT)[0]
    names = ("W", "Ux", "Uy")
    east = [subside_block(pieces, Y, X + s * h, names, **EXACT)[0] for s in (1, -1)]
    north = [subside_block(pieces, Y + s * h, X, names, **EXACT)[0] for s in (1, -1)]
    by_x, by_y = ((a - b) / (2 * h) for a, b in (east, north))
    expected = by_x[0], by_y[0], by_x[1], by_y[2], by_x[2] + by_y[1]
    for one, other in zip(tilt, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-6 * np.abs(other).max())


def test_up_dip_is_where_the_ground_moves_over_the_middle():
    """The seam falls to the east: subsidence is shifted east, and the middle moves west."""
    ring = PANEL * [0.1, 1.0] + [360.0, 0.0]
    pieces = unit_pieces(
        [[ring]], [500.0], [3.0], q=0.8, tan_beta=2.0, dip=20.0, dip_direction=90.0, theta0=78.0
    )
    x, y = np.arange(0.0, 1000.0, 5.0), np.array([100.0])
    w, tilt, u = subside_block(pieces, y, x, ("W", "ix", "Ux"), **EXACT)[0, :, 0]
    deepest = int(np.argmax(w))
    assert 480 < x[deepest] < 400 + 500 / np.tan(np.radians(78.0))
    assert abs(tilt[deepest]) < 1e-4
    assert u[deepest] < 0


@settings(max_examples=10)
@given(seed=st.integers(0, 9999), data=st.data())
def test_a_cell_has_the_same_bits_in_any_block(seed, data):
    rng = np.random.default_rng(seed)
    pieces = unit_pieces(
        [[TRIANGLE], [PANEL + 100]], [450.0, 600.0], [3.0, 2.0], q=0.8, tan_beta=[1.6, 2.2],
        dip=[0.0, 25.0], dip_direction=rng.uniform(0, 360, 2), theta0=[90.0, 75.0],
    )  # fmt: skip
    whole = subside_block(pieces, Y, X, COMPONENTS)
    i, j = sorted(data.draw(st.tuples(st.integers(0, Y.size), st.integers(0, Y.size))))
    k, n = sorted(data.draw(st.tuples(st.integers(0, X.size), st.integers(0, X.size))))
    part = subside_block(pieces, Y[i:j], X[k:n], COMPONENTS)
    np.testing.assert_array_equal(part, whole[:, :, i:j, k:n])
    alone = unit_pieces([[TRIANGLE]], [450.0], [3.0], q=0.8, tan_beta=1.6)
    first = subside_block(pieces, Y, X, ("W",), np.array([[1.0, 0.0]]))
    np.testing.assert_array_equal(first, subside_block(alone, Y, X))


def test_units_of_a_table():
    place, one = np.array([[100.0, 50.0]]), np.ones(1)
    pieces = pieces_of_units(place, 200 * one, 5e4 * one, np.zeros(1), 0.3 * one, np.zeros((1, 2)))
    found = subside_block(pieces, np.array([50.0]), np.array([100.0, 200.0]), **EXACT)[0, 0, 0]
    np.testing.assert_allclose(found, 5e4 / 200**2 * np.exp(-np.pi * np.array([0, 0.25])))


def test_bad_input():
    how = {"q": 0.8, "tan_beta": 2.0}
    with pytest.raises(ParameterError, match="'north 3' has a depth of -"):
        unit_pieces([[PANEL]], [50.0], [3.0], dip=30, dip_direction=90, names=["north 3"], **how)
    with pytest.raises(
        ParameterError, match=r"number 0 has rings of \[4\] corners and depth at \[3\]"
    ):
        unit_pieces([[PANEL]], [[np.full(3, 400.0)]], [3.0], **how)
    with pytest.raises(ParameterError, match="thickness at"):
        unit_pieces([[PANEL]], [400.0], [[np.full(3, 4.0)]], **how)


def test_interpolated_depth_stays_between_those_of_the_corners():
    """A bay between two long arms, where mean value weights are negative."""
    ring = np.array([[0, 0], [1000, 0], [1000, 900], [950, 900], [500, 20], [50, 900], [0, 900]])
    depths = [np.array([300.0, 300, 900, 900, 300, 300, 300])]
    pieces = unit_pieces([[ring]], [depths], [3.0], q=0.8, tan_beta=2.0)
    assert pieces.nodes.radius.min() >= 150
    assert pieces.nodes.radius.max() <= 450
