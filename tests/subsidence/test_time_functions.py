"""How subsidence comes with time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

from mineeco_xr.subsidence.time_functions import FUNCTIONS, duration, share_by, time_parameters

SHAPES = {"weibull": {"k": 1.4}, "normal": {"n": 2.0}, "logistic": {"a": 9.0}, "mmf": {"k": 2.0}}


def test_the_rule_of_durations():
    days = duration(np.array([200.0, 300.0, 400.0, 600.0])) * 365.25
    np.testing.assert_allclose(days, [500, 750, 1000, 1000 * np.exp(1 - 2 / 3)])
    c = time_parameters("knothe", np.array([300.0, 600.0]), None)["c"]
    np.testing.assert_allclose(c, [1.905, 1.024], atol=1e-3)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_98_percent_have_come_by_then(name):
    depth = np.array([150.0, 400.0, 900.0])
    values = time_parameters(name, depth, SHAPES.get(name))
    for i, end in enumerate(duration(depth)):
        own = {key: value[i : i + 1] for key, value in values.items()}
        share = share_by(name, own, np.zeros(1), np.zeros(1), np.array([0.0, end, 1e6]))[:, 0]
        np.testing.assert_allclose(share, [0.0, 0.98, 1.0], atol=1e-5)


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("date", [0.3, 1.0, 2.5])
def test_equals_the_integral_over_the_time_of_mining(name, date):
    values = time_parameters(name, np.array([400.0]), SHAPES.get(name))
    numbers = {key: value.item() for key, value in values.items()}
    expected, _ = quad(lambda tau: FUNCTIONS[name][0](date - tau, **numbers), 0, min(date, 1.0))
    found = share_by(name, values, np.zeros(1), np.ones(1), np.array([date])).item()
    assert found == pytest.approx(expected, abs=2e-5)


@given(
    name=st.sampled_from([*FUNCTIONS, None]), begin=st.floats(0, 3), length=st.floats(0, 4),
    depth=st.floats(50, 1200),
)  # fmt: skip
def test_shares_rise_from_nothing_towards_the_whole(name, begin, length, depth):
    values = time_parameters(name, np.array([depth]), SHAPES.get(name))
    dates = np.linspace(-1, 30, 200)
    share = share_by(name, values, np.array([begin]), np.array([begin + length]), dates)[:, 0]
    assert (np.diff(share) >= -1e-15).all()
    assert not share[dates < begin].any()
    assert share.max() <= 1.0 + 1e-12
