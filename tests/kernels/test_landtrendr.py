"""LandTrendr against a slow second writing of its steps, closed forms, and what is known of it."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from mineeco_xr.kernels import landtrendr as module
from mineeco_xr.kernels.landtrendr import landtrendr
from mineeco_xr.kernels.landtrendr_vertices import damp_spikes

TIE, EXACT = 1e-9, 1e-12
DEFAULTS = dict(landtrendr.__kwdefaults__)
PAPER = (6, 0.9, 3, True, 0.25, 0.05, 0.75, 6)


def first_largest(numbers) -> int:
    """Return the first that none exceeds by more than rounding, going left to right."""
    best = 0
    for i, number in enumerate(numbers):
        if number > numbers[best] + TIE * abs(numbers[best]) + EXACT:
            best = i
    return best


def despiked(y, threshold):
    y = y.copy()
    while True:
        near = np.maximum(abs(y[1:-1] - y[:-2]), abs(y[1:-1] - y[2:]))
        share = 1 - abs(y[:-2] - y[2:]) / np.where(near > 0, near, np.inf)
        share[near == 0] = 0
        if len(share) == 0 or share.max() <= threshold:
            return y
        i = first_largest(share) + 1
        y[i] += share[i - 1] * ((y[i - 1] + y[i + 1]) / 2 - y[i])


def split_of(x, y, first, last):
    """Return the mean squared error of a line and the date of its largest residual."""
    if last - first < 2:
        return 0.0, None
    part = slice(first, last + 1)
    slope, intercept = np.polyfit(x[part] - x[first], y[part], 1)
    residual = abs(y[part] - intercept - slope * (x[part] - x[first]))
    inner = list(range(first + 1, last))
    if last == len(x) - 1 and not y[-1] > y[-2] + TIE:
        inner.remove(last - 1)
    if not inner or (residual**2).sum() <= EXACT:
        return 0.0, None
    return (residual**2).mean(), inner[first_largest(residual[1:][: len(inner)])]


def turns(x, y, vertices):
    found = []
    for before, at, after in zip(vertices, vertices[1:], vertices[2:], strict=False):
        angles = [np.arctan2(y[j] - y[i], x[j] - x[i]) for i, j in ((before, at), (at, after))]
        found.append(abs(angles[1] - angles[0]) * (1 + max(0, 2 * (y[after] - y[at]))))
    return found


def vertices_of(x, y, options):
    vertices = [0, len(x) - 1]
    most = options["max_segments"] + 1
    while len(vertices) < min(most + options["vertex_count_overshoot"], len(x) - 2):
        splits = [split_of(x, y, i, j) for i, j in pairwise(vertices)]
        worst = first_largest([error for error, _ in splits])
        if splits[worst][1] is None:
            break
        vertices = sorted([*vertices, splits[worst][1]])
    while len(vertices) > most:
        del vertices[1 + first_largest([-turn for turn in turns(x, y, vertices)])]
    return vertices


def fit_in_order(x, y, vertices):
    first, last = vertices[:2]
    line = np.polyfit(x[first : last + 1], y[first : last + 1], 1)
    fit = [np.polyval(line, x[first]), np.polyval(line, x[last])]
    for first, last in pairwise(vertices[1:]):
        away, rise = x[first : last + 1] - x[first], y[first : last + 1] - fit[-1]
        slopes = [rise[-1] / away[-1], np.linalg.lstsq(away[:, None], rise, rcond=None)[0][0]]
        error = [((rise - slope * away) ** 2).sum() for slope in slopes]
        fit.append(fit[-1] + slopes[int(np.argmin(error))] * away[-1])
    return np.array(fit)


def fit_together(x, y, vertices):
    hats = np.array([np.interp(x, x[vertices], row) for row in np.eye(len(vertices))]).T
    return np.linalg.lstsq(hats, y, rcond=None)[0]


def too_fast(x, fit, vertices, span, options):
    """Return the segment of the fastest barred recovery, or None."""
    years, gain = np.diff(x[vertices]) * span, -np.diff(fit)
    rate = gain / years / max(np.ptp(fit), 1e-300)
    barred = rate > options["recovery_threshold"] * (1 + TIE)
    if options["prevent_one_year_recovery"]:
        barred |= years <= 1 + TIE
    barred &= gain > TIE
    return first_largest(np.where(barred, rate, 0)) if barred.any() else None


def p_of(x, y, fit, vertices):
    total = ((y - y.mean()) ** 2).sum()
    residual = max(((y - np.interp(x, x[vertices], fit)) ** 2).sum(), EXACT * total)
    above = 2 * len(vertices) - 2
    below = len(x) - above - 1
    if below <= 0:
        return 1.0
    return stats.f.sf((total - residual) / above / (residual / below), above, below)


def chosen(models, options):
    """Return the largest model near the least p that breaks no rule, or None."""
    models = list(models)
    while models:
        bound = (2 - options["best_model_proportion"]) * min(p for _, _, p, _ in models)
        near = [model for model in models if model[2] <= min(bound * (1 + TIE), 1)]
        best = max(near, key=lambda model: len(model[0]))
        if best[3] is None:
            return best
        models = [model for model in models if model is not best]
    return None


def second_writing(values, years, **changed):
    """The eight steps, one series at a time."""
    options = DEFAULTS | changed
    size = options["max_segments"] + 1
    result = np.full(2 + 2 * size, np.nan)
    result[0] = 0
    valid = np.isfinite(values)
    given_values, years = values[valid].astype(float), years[valid]
    if len(years) < options["min_obs"]:
        return result
    y = despiked(given_values, options["spike_threshold"])
    low, unit, span = y.min(), np.ptp(y), years[-1] - years[0]
    x = (years - years[0]) / span
    best = None
    if unit > 0:
        y = (y - low) / unit
        vertices, models = vertices_of(x, y, options), []
        while len(vertices) >= 2:
            fit = fit_in_order(x, y, vertices)
            fast = too_fast(x, fit, vertices, span, options)
            models.append((list(vertices), fit, p_of(x, y, fit, vertices), fast))
            without = [vertices[:i] + vertices[i + 1 :] for i in range(1, len(vertices) - 1)]
            if not without:
                break
            if fast is not None:
                vertices = without[min(fast + 1, len(vertices) - 2) - 1]
                continue
            errors = []
            for i in range(1, len(vertices) - 1):
                trace = np.interp(x, np.delete(x[vertices], i), np.delete(fit, i))
                errors.append(((y - trace) ** 2).sum())
            base = ((y - np.interp(x, x[vertices], fit)) ** 2).sum()
            vertices = without[first_largest([base - error for error in errors])]
        best = chosen(models, options)
        if best is None or best[2] > options["pval"]:
            again = []
            for vertices, _, _, _ in models:
                fit = fit_together(x, y, vertices)
                fast = too_fast(x, fit, vertices, span, options)
                again.append((vertices, fit, p_of(x, y, fit, vertices), fast))
            best = chosen(again, options)
            if best is not None and best[2] > options["pval"]:
                best = None
    else:
        y, unit = y - low, 1.0
    vertices, fit = best[:2] if best else ([0, len(x) - 1], np.full(2, y.mean()))
    fit = low + unit * fit
    trace = np.interp(years, years[vertices], fit)
    result[:2] = len(vertices), np.sqrt(((given_values - trace) ** 2).mean())
    result[2 : 2 + len(vertices)] = years[vertices]
    result[2 + size : 2 + size + len(vertices)] = fit
    return result


def series(kind: str, length: int, count: int, gaps: float, seed: int) -> np.ndarray:
    """Return series oriented so that a loss is an increase."""
    rng = np.random.default_rng(seed)
    t, when = np.arange(length)[:, None], rng.integers(2, max(length - 2, 3), count)
    size, noise = rng.uniform(0.1, 0.4, count), rng.choice([0.005, 0.02, 0.05], count)
    after = np.clip(t - when, 0, None)
    values = {
        "clearing": size * (t >= when) * np.clip(1 - after / 15, 0.3, 1),
        "decline": size * np.clip(after / rng.integers(2, 7, count), 0, 1),
        "recovery": -size * np.clip(after / rng.integers(1, 12, count), 0, 1),
        "spikes": size * (rng.random((length, count)) < 0.1),
        "walk": rng.normal(0, 0.05, (length, count)).cumsum(axis=0),
        "noise": np.zeros((length, count)),
    }.get(kind)
    if kind == "ties":
        values = rng.integers(0, 4, (length, count)).astype(float)
    elif kind == "steps":
        values = (t >= when) * 1.0 - 0.5 * (t >= when + 3)
    elif kind == "constant":
        values = np.full((length, count), 0.1)
    else:
        values = values + rng.normal(0, 1, (length, count)) * noise
    values[rng.random(values.shape) < gaps] = np.nan
    return values


KINDS = ["clearing", "decline", "recovery", "spikes", "walk", "noise", "ties", "steps", "constant"]


def assert_equals_second_writing(values, years, **options):
    found = landtrendr(values, years, **options)
    expected = np.array([second_writing(column, years, **options) for column in values.T]).T
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-8)


def test_defaults_are_the_published_ones():
    assert tuple(DEFAULTS.values()) == PAPER


@pytest.mark.parametrize("gaps", [0.0, 0.2])
@pytest.mark.parametrize("kind", KINDS)
def test_equals_a_second_writing(kind, gaps):
    assert_equals_second_writing(series(kind, 24, 40, gaps, 1), np.arange(2000.0, 2024))


@given(
    kind=st.sampled_from(KINDS),
    length=st.integers(3, 40),
    gaps=st.sampled_from([0.0, 0.3]),
    seed=st.integers(0, 10_000),
    options=st.fixed_dictionaries(
        {},
        optional={
            "max_segments": st.integers(1, 9),
            "spike_threshold": st.sampled_from([0.5, 0.75, 1.0]),
            "vertex_count_overshoot": st.integers(0, 4),
            "prevent_one_year_recovery": st.just(False),
            "recovery_threshold": st.sampled_from([0.1, 0.5, 1.0]),
            "pval": st.sampled_from([0.01, 0.2, 1.0]),
            "best_model_proportion": st.sampled_from([0.1, 0.5, 1.0]),
            "min_obs": st.integers(3, 12),
        },
    ),
)
def test_equals_a_second_writing_with_any_parameters(kind, length, gaps, seed, options):
    rng = np.random.default_rng(seed)
    years = np.sort(rng.choice(np.arange(1980.0, 2030, 0.5), length, replace=False))
    assert_equals_second_writing(series(kind, length, 8, gaps, seed), years, **options)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("bends", "values"),
    [
        ([2000, 2010, 2011, 2023], [0.2, 0.2, 0.6, 0.6]),
        ([2000, 2005, 2008, 2023], [0.1, 0.2, 0.9, 0.3]),
        ([2000, 2012, 2023], [0.5, 0.4, 0.8]),
        ([2000, 2006, 2012, 2018, 2023], [0.0, 0.6, 0.2, 0.9, 0.5]),
        ([2000, 2023], [0.3, 0.7]),
    ],
)
def test_exact_lines_come_back(bends, values, dtype):
    years = np.arange(2000.0, 2024)
    exact = np.interp(years, bends, values).astype(dtype)
    found = landtrendr(exact[:, None], years)[:, 0]
    assert found[0] == len(bends)
    assert found[2 : 2 + len(bends)].tolist() == bends
    np.testing.assert_allclose(found[9 : 9 + len(bends)], values, atol=1e-6)
    assert found[1] < 1e-6
    assert np.isnan(found[2 + len(bends) : 9]).all()


def test_constant_and_empty_series():
    years = np.arange(2000.0, 2024)
    values = np.full((24, 3), 0.1)
    values[:2, 1] = values[20:, 1] = np.nan
    values[5:, 2] = np.nan
    found = landtrendr(values, years)
    assert found[0].tolist() == [2, 2, 0]
    assert found[1, :2].tolist() == [0, 0]
    assert found[2:4, :2].T.tolist() == [[2000, 2023], [2002, 2019]]
    assert (found[9:11, :2] == 0.1).all()
    assert np.isnan(found[1:, 2]).all()


def test_one_large_spike_is_damped_and_not_a_vertex():
    years = np.arange(2000.0, 2024)
    values = np.interp(years, [2000, 2023], [0.2, 0.4])
    values += np.random.default_rng(0).normal(0, 0.02, 24)
    values[8] += 5.0
    found = landtrendr(values[:, None], years)[:, 0]
    assert found[0] == 2
    np.testing.assert_allclose(found[9:11], [0.2, 0.4], atol=0.03)
    assert found[1] == pytest.approx(5 / np.sqrt(24), rel=0.01)


def test_damping_of_a_spike_by_hand():
    """Its share is 1 - 0.5 / 10, so it keeps a twentieth of its distance to the mean, 0.25."""
    spike = np.array([0.0, 0.0, 10.0, 0.5, 0.5])
    damped = spike.copy()
    damp_spikes(damped, 5, 0.9)
    np.testing.assert_allclose(damped, [0, 0, 0.25 + 9.75 / 20, 0.5, 0.5])
    untouched = spike.copy()
    damp_spikes(untouched, 5, 0.95)
    assert (untouched == spike).all()


@given(
    kind=st.sampled_from(KINDS[:-1]),
    seed=st.integers(0, 10_000),
    factor=st.sampled_from([1e-4, 0.3, 7.0, 1e4]),
    shift=st.sampled_from([0.0, -3.0, 1e3]),
)
def test_units_do_not_matter(kind, seed, factor, shift):
    years = np.arange(2000.0, 2024)
    values = series(kind, 24, 20, 0.1, seed)
    plain = landtrendr(values, years)
    found = landtrendr(factor * values + shift * factor, years)
    np.testing.assert_array_equal(found[0], plain[0])
    np.testing.assert_array_equal(found[2:9], plain[2:9])
    np.testing.assert_allclose(found[9:], factor * (plain[9:] + shift), atol=1e-8 * factor)
    np.testing.assert_allclose(found[1], factor * plain[1], atol=1e-8 * factor)


def test_any_order_and_any_blocks_give_the_same_bits(monkeypatch):
    years = np.arange(2000.0, 2024)
    parts = [series(kind, 24, 20, 0.1, 3) for kind in KINDS]
    values = np.concatenate(parts, axis=1).astype("float32").reshape(24, 12, 15)
    values[:, 3, 4] = np.nan
    whole = landtrendr(values, years)
    assert whole.shape == (16, 12, 15)
    order = np.random.default_rng(0).permutation(180)
    mixed = landtrendr(values.reshape(24, -1)[:, order], years)
    np.testing.assert_array_equal(mixed, whole.reshape(16, -1)[:, order])
    np.testing.assert_array_equal(landtrendr(values[:, 5:6, ::2], years), whole[:, 5:6, ::2])
    monkeypatch.setattr(module, "_SLAB", 7)
    np.testing.assert_array_equal(landtrendr(values, years), whole)
    assert landtrendr(values[:, :0], years).shape == (16, 0, 15)


def test_rules_hold():
    years = np.arange(2000.0, 2024)
    values = np.concatenate([series(kind, 24, 60, 0.1, 5) for kind in KINDS], axis=1)
    found = landtrendr(values, years, max_segments=4)
    assert found.shape[0] == 12
    assert found[0].max() == 5
    gap, gain = np.diff(found[2:7], axis=0), -np.diff(found[7:], axis=0)
    extent = np.nanmax(found[7:], axis=0) - np.nanmin(found[7:], axis=0)
    recovering = gain > 1e-6
    assert recovering.sum() > 50
    assert gap[recovering].min() > 1
    rates = (gain / gap / np.where(extent > 0, extent, 1))[recovering]
    assert rates.max() <= 0.25 * (1 + 1e-6)
    loose = landtrendr(values, years, prevent_one_year_recovery=False, recovery_threshold=9.0)
    assert np.diff(loose[2:9], axis=0)[-np.diff(loose[9:], axis=0) > 1e-6].min() == 1


def test_a_record_of_nothing_but_fast_recovery_is_flat():
    years = np.arange(2000.0, 2003, 0.5)
    falling = np.array([1.0, 0.8, 0.6, 0.4, 0.2, 0.0])[:, None]
    found = landtrendr(falling, years)[:, 0]
    np.testing.assert_allclose(found[[0, 2, 3, 9, 10]], [2, 2000, 2002.5, 0.5, 0.5])
    assert found[1] == pytest.approx(falling.std())
    believed = landtrendr(falling, years, recovery_threshold=0.4)[:, 0]
    np.testing.assert_allclose(believed[[0, 9, 10]], [2, 1, 0], atol=1e-12)


def simulated(noise: float, count: int, seed: int = 0):
    """Single-year clearing, half of it followed by eight years of partial regrowth."""
    rng = np.random.default_rng(seed)
    years = np.arange(2000.0, 2024)
    when, size = rng.integers(2003, 2021, count), rng.uniform(0.15, 0.35, count)
    since = np.clip(years[:, None] - when, 0, None)
    left = np.where(np.arange(count) % 2, np.clip(1 - 0.6 * since / 8, 0.4, 1), 1.0)
    return years, when, (years[:, None] >= when) * size * left + rng.normal(0, noise, (24, count))


def first_year_of_greatest_loss(found):
    year, fit = found[2:9], found[9:]
    start = np.nanargmax(np.diff(fit, axis=0), axis=0)
    return np.take_along_axis(year, start[None], axis=0)[0] + 1


@pytest.mark.parametrize(
    ("noise", "share", "unfiltered"), [(0.01, 0.82, 0.88), (0.02, 0.57, 0.61), (0.04, 0.33, 0.34)]
)
def test_single_year_clearing_is_dated_badly_as_known(noise, share, unfiltered):
    years, when, values = simulated(noise, 1500)
    found = landtrendr(values, years)
    assert np.mean(first_year_of_greatest_loss(found) == when) == pytest.approx(share, abs=0.06)
    filters = {"prevent_one_year_recovery": False, "recovery_threshold": 1.0}
    found = landtrendr(values, years, spike_threshold=1.0, **filters)
    assert np.mean(first_year_of_greatest_loss(found) == when) == pytest.approx(
        unfiltered, abs=0.06
    )


def test_noise_alone_seldom_shows_a_loss():
    values = np.random.default_rng(2).normal(0.75, 0.02, (24, 1000))
    found = landtrendr(values, np.arange(2000.0, 2024))
    losses = np.nanmax(np.diff(found[9:], axis=0), axis=0) > 0.01
    assert losses.mean() == pytest.approx(0.07, abs=0.03)
