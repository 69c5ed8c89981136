"""The closed form of rectangles against itself: derivatives, blocks, cut-off, pieces."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import erf

from mineeco_xr.kernels.subsidence_rectangle import PRODUCTS, Rectangles, superpose_rectangles


def rectangles(count, seed, pieces=1):
    rng = np.random.default_rng(seed)
    azimuth = rng.uniform(0, 2 * np.pi, count)
    azimuth[0] = np.pi / 2
    strike = np.round(np.column_stack([np.sin(azimuth), np.cos(azimuth)]), 15)
    rise = np.column_stack([-strike[:, 1], strike[:, 0]])
    length, width = rng.uniform(300, 900, count), rng.uniform(100, 300, count)
    cuts = np.linspace(-length / 2, length / 2, pieces + 1, axis=1)
    return Rectangles(
        rng.uniform(0, 1500, (count, 2)), strike, rise,
        np.column_stack([-width / 2, width / 2]), rng.uniform(100, 250, (count, 3)),
        np.arange(count + 1) * (pieces + 1), cuts.ravel(),
    )  # fmt: skip


def each_product(count):
    return np.broadcast_to(np.eye(len(PRODUCTS)), (count, len(PRODUCTS), len(PRODUCTS))).copy()


def brute_force(panels, y, x):
    """W of unit factors, cell by cell, without any cut-off; no panel lifts the ground."""
    total = np.zeros((y.size, x.size))
    east, north = np.meshgrid(x, y)
    for p in range(len(panels.origin)):
        dx, dy = east - panels.origin[p, 0], north - panels.origin[p, 1]
        s = dx * panels.strike[p, 0] + dy * panels.strike[p, 1]
        t = dx * panels.rise[p, 0] + dy * panels.rise[p, 1]
        r, low, high = panels.radius[p] / np.sqrt(np.pi)
        a, b = panels.cuts[panels.begin[p]], panels.cuts[panels.begin[p + 1] - 1]
        along = erf((s - a) / r) - erf((s - b) / r)
        across = erf((t - panels.edges[p, 0]) / low) - erf((t - panels.edges[p, 1]) / high)
        total += along * across.clip(0) / 4
    return total


@pytest.mark.parametrize(
    ("dtype", "cutoff", "off"), [("float64", 3.3, 1e-12), ("float32", 2.2, 3e-6)]
)
@pytest.mark.parametrize("down", [1, -1])
def test_equals_the_formula_in_every_cell(dtype, cutoff, off, down):
    panels, x = rectangles(6, 1), np.arange(0, 1500.0, 37.0)
    y = np.arange(0, 1500.0, 41.0)[::down]
    response = np.zeros((6, 1, 9))
    response[:, 0, 0] = 1.0
    ones = np.ones((1, 6))
    found = superpose_rectangles(panels, y, x, response, ones, cutoff=cutoff, dtype=dtype)[0, 0]
    np.testing.assert_allclose(found, brute_force(panels, y, x), rtol=0, atol=off)


def test_products_are_derivatives_of_each_other():
    panels, step = rectangles(1, 2), 0.01
    x, y = np.arange(400.0, 1100.0, 55.0), np.arange(400.0, 1100.0, 60.0)
    panels = panels._replace(strike=np.array([[1.0, 0.0]]), rise=np.array([[0.0, 1.0]]))

    def at(dx, dy):
        ones = np.ones((1, 1))
        out = superpose_rectangles(
            panels, y + dy, x + dx, each_product(1), ones, cutoff=9.0, dtype="float64"
        )[0]
        return dict(zip(PRODUCTS, out, strict=True))

    middle = at(0, 0)
    for of, along, across in (
        ("AB", "A'B", "AB'"), ("A'B", "A''B", "A'B'"), ("AB'", "A'B'", "AB''"),
        ("AD", "A'D", "AD'"),
    ):  # fmt: skip
        by_x = (at(step, 0)[of] - at(-step, 0)[of]) / (2 * step)
        by_y = (at(0, step)[of] - at(0, -step)[of]) / (2 * step)
        for found, name in ((by_x, along), (by_y, across)):
            scale = np.abs(middle[name]).max()
            np.testing.assert_allclose(middle[name], found, rtol=0, atol=3e-7 * scale, err_msg=name)


@given(seed=st.integers(0, 99), row=st.integers(1, 20), column=st.integers(1, 25))
def test_a_cell_does_not_know_its_block(seed, row, column):
    panels = rectangles(5, seed, pieces=3)
    x, y = np.arange(0, 1500.0, 57.0), np.arange(1500.0, 0, -71.0)
    weights = np.random.default_rng(seed).random((2, 15))
    for response in (each_product(5), each_product(5)[:, :1]):
        whole = superpose_rectangles(panels, y, x, response, weights, cutoff=2.2)
        for rows in (slice(0, row), slice(row, None)):
            for columns in (slice(0, column), slice(column, None)):
                part = superpose_rectangles(
                    panels, y[rows], x[columns], response, weights, cutoff=2.2
                )
                np.testing.assert_array_equal(part, whole[:, :, rows, columns])


@pytest.mark.parametrize("cutoff", [1.0, 1.5, 2.0, 2.2])
def test_what_is_cut_off_is_within_its_bound(cutoff):
    panels, x = rectangles(1, 3), np.arange(-500, 2500.0, 20.0)
    response = np.zeros((1, 1, 9))
    response[:, 0, 0] = 1.0
    found, exact = (
        superpose_rectangles(panels, x, x, response, np.ones((1, 1)), cutoff=c, dtype="float64")
        for c in (cutoff, 9.0)
    )
    bound = (1 - erf(np.sqrt(np.pi) * cutoff)) / 2
    lost = (exact - found).max()
    assert 0 < lost <= bound


@pytest.mark.parametrize("pieces", [2, 5, 9])
def test_pieces_sum_to_the_whole_and_each_counts_by_its_weight(pieces):
    whole, cut = rectangles(3, 4), rectangles(3, 4, pieces)
    x = np.arange(0, 1500.0, 60.0)
    response, steps = each_product(3), np.array([[1.0], [0.0], [0.25]])
    expected = superpose_rectangles(
        whole, x, x, response, steps * np.ones(3), cutoff=2.2, dtype="float64"
    )
    found = superpose_rectangles(
        cut, x, x, response, steps * np.ones(3 * pieces), cutoff=2.2, dtype="float64"
    )
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)
    single = np.zeros((1, 3 * pieces))
    single[0, pieces] = 1.0
    one = superpose_rectangles(cut, x, x, response[:, :1], single, cutoff=2.2, dtype="float64")
    first = cut._replace(
        origin=cut.origin[1:2], strike=cut.strike[1:2], rise=cut.rise[1:2], edges=cut.edges[1:2],
        radius=cut.radius[1:2], begin=np.array([0, 2]),
        cuts=cut.cuts[pieces + 1 : pieces + 3],
    )  # fmt: skip
    alone = superpose_rectangles(
        first, x, x, response[:1, :1], np.ones((1, 1)), cutoff=9.0, dtype="float64"
    )
    np.testing.assert_allclose(one, alone, rtol=0, atol=1e-7)


def test_no_panels_and_no_cells():
    none = Rectangles(*(np.empty((0, 2)),) * 4, np.empty((0, 3)), np.zeros(1, "int64"), np.empty(0))
    x = np.arange(3.0)
    out = superpose_rectangles(none, x, x, np.empty((0, 1, 9)), np.empty((2, 0)), cutoff=2.2)
    assert out.shape == (2, 1, 3, 3)
    assert not out.any()
    empty = superpose_rectangles(
        rectangles(1, 0), x[:0], x, np.ones((1, 1, 9)), np.ones((1, 1)), cutoff=2.2
    )
    assert empty.shape == (1, 1, 0, 3)
