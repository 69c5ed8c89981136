"""Sums over nodes by brute force, and the same bits in any block."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mineeco_xr.kernels.gaussian import influence_at
from mineeco_xr.kernels.influence_sum import group_nodes, influence_sum

BASES = np.array([[0, 0, 0], [1, 0, 1], [0, 2, 0], [1, 1, 1]])


def random_nodes(rng, count):
    x, y = rng.uniform(-400, 1400, (2, count))
    radius, weights = rng.uniform(60, 300, count), rng.normal(0, 1e5, (2, count))
    group = np.sort(rng.integers(0, 4, count))
    return group_nodes(x, y, radius, weights, group, group // 2)


def brute_force(nodes, y, x, response, factors):
    out = np.zeros((len(factors), response.shape[1], y.size, x.size))
    piece = np.repeat(nodes.piece, np.diff(nodes.start))
    for k in range(nodes.x.size):
        r, p = nodes.radius[k], piece[k]
        for b, (row, order_y, order_x) in enumerate(BASES):
            down = influence_at((y - nodes.y[k]) / r, order_y) / r ** (order_y + 1)
            across = influence_at((x - nodes.x[k]) / r, order_x) / r ** (order_x + 1)
            one = nodes.weights[row, k] * np.outer(down, across)
            out += factors[:, p, None, None, None] * response[p, :, b, None, None] * one
    return out


@settings(max_examples=15)
@given(seed=st.integers(0, 9999), count=st.integers(1, 40), flips=st.booleans())
def test_equals_brute_force(seed, count, flips):
    rng = np.random.default_rng(seed)
    nodes = random_nodes(rng, count)
    y, x = np.arange(-200, 1200, 70.0)[:: -1 if flips else 1], np.arange(-300, 1200, 45.0)
    response, factors = rng.normal(size=(2, 3, 4)), rng.random((2, 2))
    factors[0, 1] = 0.0
    expected = brute_force(nodes, y, x, response, factors)
    found = influence_sum(nodes, y, x, BASES, response, factors, cutoff=6, dtype="float64")
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-11 * np.abs(expected).max())
    single = influence_sum(nodes, y, x, BASES, response, factors, cutoff=6)
    assert single.dtype == "float32"
    np.testing.assert_allclose(single, expected, rtol=0, atol=1e-6 * np.abs(expected).max())


@settings(max_examples=20)
@given(
    seed=st.integers(0, 9999),
    dtype=st.sampled_from(["float32", "float64"]),
    cutoff=st.sampled_from([0.7, 2.2, 6.0]),
    data=st.data(),
)
def test_a_cell_has_the_same_bits_in_any_block(seed, dtype, cutoff, data):
    rng = np.random.default_rng(seed)
    nodes = random_nodes(rng, 25)
    y, x = np.arange(1000, -400, -37.0), np.arange(-300, 1500, 31.0)
    response, factors = rng.normal(size=(2, 3, 4)), rng.random((2, 2))
    how = {"cutoff": cutoff, "dtype": dtype}
    whole = influence_sum(nodes, y, x, BASES, response, factors, **how)
    rows, columns = (sorted(data.draw(st.lists(st.integers(0, axis.size), min_size=2, max_size=2)))
                     for axis in (y, x))  # fmt: skip
    part = influence_sum(
        nodes, y[slice(*rows)], x[slice(*columns)], BASES, response, factors, **how
    )
    np.testing.assert_array_equal(part, whole[:, :, slice(*rows), slice(*columns)])


@pytest.mark.parametrize(("away", "felt"), [(2.19, True), (2.21, False)])
def test_the_cut_off(away, felt):
    one = np.ones(1)
    nodes = group_nodes(0 * one, 0 * one, 100 * one, np.ones((1, 1)), np.zeros(1), np.zeros(1))
    for y, x in ((100 * away, 0.0), (0.0, -100 * away)):
        found = influence_sum(
            nodes, y * one, x * one, BASES[:1], np.ones((1, 1, 1)), np.ones((1, 1)), cutoff=2.2,
            dtype="float64",
        )  # fmt: skip
        assert (found.item() > 0) == felt


def test_no_nodes_and_no_cells():
    none = group_nodes(*np.empty((3, 0)), np.empty((1, 0)), np.empty(0), np.empty(0))
    how = {"bases": BASES[:1], "response": np.empty((0, 1, 1)), "time_factors": np.empty((1, 0))}
    assert (influence_sum(none, np.arange(3.0), np.arange(2.0), **how, cutoff=2.2) == 0).all()
    some = random_nodes(np.random.default_rng(0), 5)
    how |= {"response": np.ones((2, 1, 1)), "time_factors": np.ones((1, 2))}
    found = influence_sum(some, np.empty(0), np.arange(2.0), **how, cutoff=2.2)
    assert found.shape == (1, 1, 0, 2)
