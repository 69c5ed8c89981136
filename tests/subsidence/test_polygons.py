"""Polygons of one radius: Owen's T, closed forms of rectangles, published values, identities."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.special import erf, owens_t

from mineeco_xr.subsidence.polygons import COMPONENTS, CUTOFF, polygon_pieces, subside_block

L_SHAPE = np.array([(0, 0), (900, 0), (900, 250), (400, 250), (400, 700), (0, 700)], float)
TRIANGLE = np.array([(0, 0), (700, 120), (250, 600)], float)
EXACT = {"cutoff": 6.0, "dtype": "float64"}
X, Y = np.arange(-600, 1600, 97.0), np.arange(1500, -700, -83.0)


def by_owens_t(rings, x, y, radius):
    """Return W/W0 of a polygon, outline anticlockwise and holes clockwise, exactly."""
    total = np.zeros(np.broadcast(x, y).shape)
    for ring in rings:
        for (x0, y0), (x1, y1) in zip(ring, np.roll(ring, -1, axis=0), strict=True):
            length = np.hypot(x1 - x0, y1 - y0)
            ux, uy = (x1 - x0) / length, (y1 - y0) / length
            away = (x0 - x) * uy - (y0 - y) * ux
            away = np.where(away == 0, 1e-300, away)
            t0 = (x0 - x) * ux + (y0 - y) * uy
            h, a0, a1 = np.abs(away) * np.sqrt(2 * np.pi) / radius, t0 / np.abs(away), 0.0
            a1 = (t0 + length) / np.abs(away)
            angle = (np.arctan(a1) - np.arctan(a0)) / (2 * np.pi)
            total += np.sign(away) * (angle - owens_t(h, a1) + owens_t(h, a0))
    return total


def rectangle(x, y, length, width, radius):
    """Return all derivatives of W/W0 of a rectangle from the origin, by the closed form."""

    def axis(t, size):
        def g(t):
            return np.exp(-np.pi * (t / radius) ** 2) / radius

        def slope(t):
            return -2 * np.pi * t / radius**2 * g(t)

        p = np.sqrt(np.pi) / radius
        return (
            (erf(p * t) - erf(p * (t - size))) / 2,
            g(t) - g(t - size),
            slope(t) - slope(t - size),
        )

    (a, a1, a2), (b, b1, b2) = axis(x[None, :], length), axis(y[:, None], width)
    return {"W": b * a, "ix": b * a1, "iy": b1 * a, "Kx": b * a2, "Ky": b2 * a, "Kxy": b1 * a1}


def turned(ring, angle):
    return ring @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])


def star(rng, corners):
    angle = np.linspace(0, 2 * np.pi, corners, endpoint=False) + rng.uniform(0, 0.4, corners)
    away = rng.uniform(150, 900, corners)
    return np.column_stack([away * np.cos(angle), away * np.sin(angle)]) + 400


@pytest.mark.parametrize(
    ("ring", "values"),
    [
        (L_SHAPE, {(0, 0): 0.2499978412252831, (450, 0): 0.49148947097675516,
                   (400, 250): 0.7372065302239909, (200, 350): 0.931784782451115,
                   (1000, 500): 0.0023361185988942795, (-150, 300): 0.08932230639906498}),
        (TRIANGLE, {(300, 200): 0.8515779826264493, (0, 0): 0.1601459347801188,
                    (-100, 500): 0.005250200631397514, (800, 300): 0.024358961203164654}),
    ],
    ids=["L", "triangle"],
)  # fmt: skip
@pytest.mark.parametrize("order", [1, -1])
def test_published_values(ring, values, order):
    """Values of ``dblquad``, and of two rectangles for the L."""
    pieces = polygon_pieces([[ring[::order]]], 280.0, 1.0, tolerance=1e-10)
    for (x, y), expected in values.items():
        found = subside_block(pieces, np.array([y], float), np.array([x], float), **EXACT)
        assert abs(found.item() - expected) < 1e-10


@settings(max_examples=15)
@given(seed=st.integers(0, 9999), corners=st.integers(3, 9), exponent=st.integers(4, 11))
def test_equals_owens_t(seed, corners, exponent):
    rng = np.random.default_rng(seed)
    ring, hole = star(rng, corners), (star(rng, 5) - 400) * 0.15 + 400
    assume(shapely.Polygon(ring, [hole]).is_valid)
    radius, tolerance = rng.uniform(120, 500), 10.0**-exponent
    pieces = polygon_pieces(
        [[ring, hole[:: rng.choice([1, -1])]]], radius, 2.0, tolerance=tolerance
    )
    found = subside_block(pieces, Y, X, **EXACT)[0, 0]
    expected = 2 * by_owens_t([ring, hole[::-1]], X[None, :], Y[:, None], radius)
    np.testing.assert_allclose(found, expected, rtol=0, atol=2 * 5 * tolerance + 1e-12)


@pytest.mark.parametrize("tolerance", [1e-6, 1e-8, 1e-11])
def test_derivatives_of_a_rectangle(tolerance):
    ring = np.array([[0.0, 0.0], [900.0, 0.0], [900.0, 220.0], [0.0, 220.0]])
    pieces = polygon_pieces([[ring]], 280.0, 1.0, tolerance=tolerance)
    names = ("W", "ix", "iy", "Kx", "Ky", "Kxy")
    found = dict(zip(names, subside_block(pieces, Y, X, names, **EXACT)[0], strict=True))
    for name, expected in rectangle(X, Y, 900.0, 220.0, 280.0).items():
        scale = 280.0 ** -(len(name) - 1 if name[0] == "i" else 0 if name == "W" else 2)
        np.testing.assert_allclose(
            found[name], expected, rtol=0, atol=(30 * tolerance + 1e-12) * scale, err_msg=name
        )


@settings(max_examples=8)
@given(seed=st.integers(0, 9999), angle=st.floats(0, 6.28))
def test_rotated_rectangles_give_rotated_tensors(seed, angle):
    rng = np.random.default_rng(seed)
    length, width, radius = rng.uniform(200, 2000), rng.uniform(80, 400), rng.uniform(150, 500)
    ring = np.array([[0.0, 0.0], [length, 0.0], [length, width], [0.0, width]])
    pieces = polygon_pieces([[turned(ring, angle)]], radius, 1.0, tolerance=1e-11)
    along, up = rng.uniform(-300, length + 300), rng.uniform(-300, width + 300)
    own = {k: v.item() for k, v in
           rectangle(np.array([along]), np.array([up]), length, width, radius).items()}  # fmt: skip
    x, y = turned(np.array([[along, up]]), angle)[0]
    names = ("W", "ix", "iy", "Kx", "Ky", "Kxy")
    found = subside_block(pieces, np.array([y]), np.array([x]), names, **EXACT)[0, :, 0, 0]
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    tilt = turn @ [own["ix"], own["iy"]]
    tensor = turn @ [[own["Kx"], own["Kxy"]], [own["Kxy"], own["Ky"]]] @ turn.T
    expected = [own["W"], *tilt, tensor[0, 0], tensor[1, 1], tensor[0, 1]]
    scales = np.array([1, radius, radius, radius**2, radius**2, radius**2])
    np.testing.assert_allclose(found * scales, np.array(expected) * scales, rtol=0, atol=1e-9)


def test_displacement_and_strain_are_of_one_vector_field():
    """``U = b r grad W + lean W``, and strain its derivatives, by central differences."""
    lean = np.array([[0.1, -0.2]])
    pieces = polygon_pieces([[TRIANGLE]], 280.0, 3.0, 0.25, lean=lean, tolerance=1e-12)
    w, ix, iy, ux, uy = subside_block(pieces, Y, X, ("W", "ix", "iy", "Ux", "Uy"), **EXACT)[0]
    np.testing.assert_allclose(ux, 0.25 * 280 * ix + 0.1 * w, atol=1e-14)
    np.testing.assert_allclose(uy, 0.25 * 280 * iy - 0.2 * w, atol=1e-14)
    h = 0.1
    ex, ey, exy = subside_block(pieces, Y, X, ("ex", "ey", "exy"), **EXACT)[0]
    east = [subside_block(pieces, Y, X + s * h, ("Ux", "Uy"), **EXACT)[0] for s in (1, -1)]
    north = [subside_block(pieces, Y + s * h, X, ("Ux", "Uy"), **EXACT)[0] for s in (1, -1)]
    by_x, by_y = ((a - b) / (2 * h) for a, b in (east, north))
    for found, expected in ((ex, by_x[0]), (ey, by_y[1]), (exy, by_x[1] + by_y[0])):
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6 * np.abs(expected).max())


def test_textbook_maxima_of_a_long_edge():
    """``i = W0/r``, ``K = 1.52 W0/r2`` at 0.4 r, ``U = b W0``: the semi-infinite extraction."""
    ring = np.array([[0.0, -5000.0], [5000.0, -5000.0], [5000.0, 5000.0], [0.0, 5000.0]])
    pieces = polygon_pieces([[ring]], 250.0, 4.0, 0.3, tolerance=1e-11)
    x = np.array([-100.0, 0.0, 250 / np.sqrt(2 * np.pi), 2500.0])
    w, i, k, u, e = subside_block(
        pieces, np.zeros(1), x, ("W", "ix", "Kx", "Ux", "ex"), **EXACT
    )[0, :, 0]  # fmt: skip
    np.testing.assert_allclose(w[[0, 1, 3]], [0.6320582600974878, 2.0, 4.0], atol=1e-9)
    np.testing.assert_allclose(i[[0, 1]], [9.678761004228335e-3, 16e-3], atol=1e-11)
    np.testing.assert_allclose(u[[0, 1]], [0.7259070753171252, 1.2], atol=1e-9)
    np.testing.assert_allclose(k[2], -1.520346901066281 * 4 / 250**2, rtol=1e-9)
    np.testing.assert_allclose(e[2], -1.520346901066281 * 0.3 * 4 / 250, rtol=1e-9)


def test_volume_is_kept():
    step = 20.0
    x, y = np.arange(-1200, 2200, step), np.arange(-1200, 2000, step)
    ring, hole = L_SHAPE, np.array([[50.0, 50.0], [150.0, 60.0], [100.0, 140.0]])
    pieces = polygon_pieces([[ring, hole]], 280.0, 2.5, tolerance=1e-10)
    found = subside_block(pieces, y, x, **EXACT).sum() * step**2
    area = 900 * 250 + 400 * 450 - 0.5 * abs(100 * 90 - 50 * 10)
    np.testing.assert_allclose(found, 2.5 * area, rtol=1e-9)


def test_parts_and_holes_sum_to_the_whole():
    rng = np.random.default_rng(3)
    ring, hole = star(rng, 7), L_SHAPE * 0.2 + 350
    whole, filled = (polygon_pieces([rings], 300.0, 2.0) for rings in ([ring, hole], [ring]))
    core = polygon_pieces([[hole]], 300.0, 2.0)
    parts = polygon_pieces([[L_SHAPE[[0, 1, 2, 3]]], [L_SHAPE[[0, 3, 4, 5]]]], 300.0, 2.0)
    for one, *others in ((filled, whole, core), (polygon_pieces([[L_SHAPE]], 300.0, 2.0), parts)):
        total = sum(subside_block(other, Y, X, COMPONENTS, **EXACT) for other in others)
        expected = subside_block(one, Y, X, COMPONENTS, **EXACT)
        scale = np.abs(expected).max(axis=(0, 2, 3))[None, :, None, None]
        np.testing.assert_allclose(total / scale, expected / scale, rtol=0, atol=1e-6)


def test_steps_weigh_the_pieces():
    pieces = polygon_pieces([[L_SHAPE], [TRIANGLE + 300]], [200.0, 280.0], [2.0, 3.0], [0.2, 0.4])
    factors = np.array([[0.0, 0.0], [0.5, 0.0], [1.0, 0.25]])
    found = subside_block(pieces, Y, X, ("W", "Ux"), factors, **EXACT)
    alone = [
        subside_block(polygon_pieces([[ring]], r, w, b), Y, X, ("W", "Ux"), **EXACT)[0]
        for ring, r, w, b in ((L_SHAPE, 200.0, 2.0, 0.2), (TRIANGLE + 300, 280.0, 3.0, 0.4))
    ]
    expected = np.einsum("tp,pcyx->tcyx", factors, alone)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize(("cutoff", "bound"), [(1.0, 6.1e-3), (1.5, 8.5e-5), (2.2, 1.7e-8 + 2e-8)])
def test_the_cut_off_costs_no_more_than_its_bound(cutoff, bound):
    pieces = polygon_pieces([[TRIANGLE]], 150.0, 1.0, tolerance=1e-11)
    cut = subside_block(pieces, Y, X, cutoff=cutoff, dtype="float64")
    difference = np.abs(cut - subside_block(pieces, Y, X, **EXACT)).max()
    assert difference <= len(TRIANGLE) * bound


@settings(max_examples=15)
@given(seed=st.integers(0, 9999), dtype=st.sampled_from(["float32", "float64"]), data=st.data())
def test_a_cell_has_the_same_bits_in_any_block(seed, dtype, data):
    rng = np.random.default_rng(seed)
    pieces = polygon_pieces(
        [[star(rng, 6) + shift] for shift in (0, 300, -250)], rng.uniform(60, 400, 3), 3.0
    )
    whole = subside_block(pieces, Y, X, COMPONENTS, cutoff=CUTOFF, dtype=dtype)
    cuts = [
        np.unique([0, size, *data.draw(st.lists(st.integers(0, size), max_size=3))])
        for size in (Y.size, X.size)
    ]
    rows = [
        np.concatenate(
            [subside_block(pieces, Y[i:j], X[k:n], COMPONENTS, dtype=dtype)
             for k, n in zip(cuts[1], cuts[1][1:], strict=False)], axis=-1
        )
        for i, j in zip(cuts[0], cuts[0][1:], strict=False)
    ]  # fmt: skip
    np.testing.assert_array_equal(np.concatenate(rows, axis=-2), whole)


def test_far_north_and_east_is_as_good_as_near_the_origin():
    far = np.array([500_000.0, 4_000_000.0])
    near = subside_block(polygon_pieces([[TRIANGLE]], 280.0, 8.0), Y, X, **EXACT)
    pieces = polygon_pieces([[TRIANGLE + far]], 280.0, 8.0)
    found = subside_block(pieces, Y + far[1], X + far[0], **EXACT)
    np.testing.assert_allclose(found, near, rtol=0, atol=1e-10)


def test_subsidence_is_never_negative():
    pieces = polygon_pieces([[TRIANGLE]], 150.0, 8.0)
    for how in ({}, {"dtype": "float64"}, EXACT):
        assert subside_block(pieces, Y, X, **how).min() >= 0
