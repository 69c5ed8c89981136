"""Losses against a loop in Python."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mineeco_xr.kernels.events import FIELDS, loss_events, year_steps
from mineeco_xr.kernels.piecewise import piecewise_lines

ANY = np.array([[-np.inf, np.inf]] * 5)
YEARS = np.arange(16.0)


def limits(**pairs):
    found = ANY.copy()
    for row, pair in pairs.items():
        found[("year", "magnitude", "duration", "pre_value", "snr").index(row)] = pair
    return found


def losses(segments, values, years, sign, join):
    """Return all losses of one series as tuples in the order of FIELDS."""
    count, half = int(segments[0]), (segments.size - 2) // 2
    when, fitted = segments[2 : 2 + count], segments[2 + half : 2 + half + count]
    rates = sign * -np.diff(fitted) / np.diff(when)
    found, k = [], 0
    while k < count - 1:
        if rates[k] <= 0:
            k += 1
            continue
        end = k + 1
        while end < count - 1 and rates[end] > 0:
            pair = sorted(rates[end - 1 : end + 1])
            if pair[0] < join * pair[1]:
                break
            end += 1
        valid = years[np.isfinite(values)]
        magnitude = sign * (fitted[k] - fitted[end])
        span = when[end] - when[k]
        first = valid[valid > when[k]][0]
        found.append((first, when[end], magnitude, span, fitted[k], fitted[end], magnitude / span,
                      magnitude / segments[1]))  # fmt: skip
        k = end
    return found


@given(seed=st.integers(0, 10**6), join=st.sampled_from([0.25, 0.5, 2.0]), falls=st.booleans())
def test_every_loss_is_found(seed, join, falls):
    rng = np.random.default_rng(seed)
    values = rng.normal(0, 0.2, (16, 6)).cumsum(axis=0)
    values[rng.random(values.shape) < 0.15] = np.nan
    for segments in (piecewise_lines(values, YEARS), year_steps(values, YEARS)):
        found, summary = loss_events(
            segments, values, YEARS, YEARS + 2001, loss_is_decrease=falls, limits=ANY,
            join_rate=join, which="all",
        )  # fmt: skip
        for i in range(6):
            if segments[0, i] == 0:
                assert np.isnan(summary[0, i])
                continue
            expected = losses(segments[:, i], values[:, i], YEARS, 1 if falls else -1, join)
            assert summary[0, i] == len(expected)
            assert np.isnan(found[:, len(expected) :, i]).all()
            for event, row in zip(expected, found[:, :, i].T, strict=False):
                np.testing.assert_allclose(row[2:], event[2:], rtol=1e-9)
                np.testing.assert_array_equal(row[:2], np.array(event[:2]) + 2001)


@pytest.mark.parametrize(
    ("which", "year"),
    [("greatest", 2009), ("first", 2003), ("latest", 2014), ("longest", 2003), ("fastest", 2009)],
)
def test_one_is_chosen(which, year):
    y = np.r_[1.0, 1.0, 0.9, 0.8, 0.7, 1.0, 1.0, 1.0, 0.3, 0.3, 0.9, 0.9, 0.9, 0.5, 0.5, 0.5]
    steps = year_steps(y[:, None], YEARS)
    args = {"loss_is_decrease": True, "limits": ANY, "join_rate": 0.5}
    found, summary = loss_events(steps, y[:, None], YEARS, YEARS + 2001, which=which, **args)
    assert found[0, 0, 0] == year
    assert summary[0, 0] == 3
    assert found.shape == (len(FIELDS), 1, 1)


def test_limits_come_before_the_choice():
    y = np.r_[1.0, 1.0, 0.3, 0.9, 0.9, 0.9, 0.5, np.full(9, 0.5)]
    steps = year_steps(y[:, None], YEARS)

    def year(**pairs):
        found, summary = loss_events(
            steps, y[:, None], YEARS, YEARS + 2001, loss_is_decrease=True, limits=limits(**pairs),
            join_rate=2.0, which="greatest",
        )  # fmt: skip
        return found[0, 0, 0], summary[0, 0]

    assert year() == (2003, 2)
    assert year(year=(2004, 2010)) == (2007, 1)
    assert year(pre_value=(0.0, 0.95)) == (2007, 1)
    assert year(magnitude=(0.5, np.inf)) == (2003, 1)
    assert year(magnitude=(0.05, 0.5)) == (2007, 1)
    assert np.isnan(year(duration=(2, 9))[0])
    assert year(duration=(2, 9))[1] == 0


def test_a_spike_is_damped_and_a_step_is_not():
    y = np.r_[np.full(6, 0.8), 0.2, np.full(5, 0.8), np.full(4, 0.5)]
    damped = year_steps(y[:, None], YEARS, spike_threshold=0.9)[2 + 16 :, 0]
    np.testing.assert_allclose(damped, np.r_[np.full(12, 0.8), np.full(4, 0.5)])
    kept = year_steps(y[:, None], YEARS)[:, 0]
    np.testing.assert_array_equal(kept[2 + 16 :], y)
    steps = np.sort(np.diff(y) ** 2)[:-1]
    assert kept[1] == pytest.approx(np.sqrt(steps.mean() / 2))
