"""Quadrature nodes keep the promise of their tolerance, with few of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import erf

from mineeco_xr.kernels.gauss_legendre import fewest_nodes, line_nodes, longest_intervals


@settings(max_examples=25)
@given(
    lengths=st.lists(st.floats(0, 20), min_size=1, max_size=6),
    start=st.floats(-3, 3),
    exponent=st.integers(2, 13),
)
def test_integrals_of_the_gaussian(lengths, start, exponent):
    lengths, tolerance = np.array(lengths), 10.0**-exponent
    line, place, weight = line_nodes(lengths, tolerance)
    t = start + place * lengths[line]
    found = np.bincount(line, weight * np.exp(-np.pi * t * t), lengths.size) * lengths
    ends = erf(np.sqrt(np.pi) * np.array([np.full(lengths.size, start), start + lengths])) / 2
    parts = fewest_nodes(lengths, tolerance)[0]
    assert (np.abs(found - np.diff(ends, axis=0)[0]) <= parts * tolerance + 1e-14).all()
    assert (np.bincount(line, minlength=lengths.size) > 0).all()


@pytest.mark.parametrize(("tolerance", "most"), [(1e-4, 3.6), (1e-8, 5.2), (1e-11, 6.5)])
def test_nodes_are_few(tolerance, most):
    """Nodes an influence radius of a long line; eight nodes on each give 1e-11."""
    parts, orders = fewest_nodes(np.array([100.0]), tolerance)
    assert parts[0] * orders[0] / 100 < most


def test_longer_parts_for_more_nodes():
    assert (np.diff(longest_intervals(1e-9)) > 0).all()
    assert (longest_intervals(1e-6) > longest_intervals(1e-9)).all()


def test_places_are_in_order_within_a_line():
    line, place, _ = line_nodes(np.array([5.0, 0.0, 2.0]), 1e-6)
    for number in range(3):
        own = place[line == number]
        assert ((own > 0) & (own < 1)).all()
        assert (np.diff(own) > 0).all()
