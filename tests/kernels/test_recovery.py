"""Measures of recovery against ten lines of NumPy a series."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mineeco_xr.kernels.recovery import FIELDS, recovery_measures


def expected(y, calendar, disturbed, start, target, share, window, pre_years, trend_years):
    at = {int(c): v for c, v in zip(calendar, y, strict=True) if np.isfinite(v)}
    before = [at[d] for d in range(int(disturbed) - pre_years, int(disturbed)) if d in at]
    pre = np.mean(before) if before else np.nan
    first, after = at.get(start, np.nan), at.get(start + window, np.nan)
    ends = [at[d] for d in (start + window - 1, start + window) if d in at]
    goal = {c: pre if target is None else g
            for c, g in zip(calendar, np.broadcast_to(target, y.shape), strict=True)}  # fmt: skip
    last = max(at, default=0)
    reached = [c for c in at if c >= start and goal[c] > 0 and at[c] >= share * goal[c]]
    found = dict.fromkeys(FIELDS, np.nan)
    found |= {"start_year": start, "pre_value": pre, "start_value": first}
    found |= {"delta_ir": after - first, "yryr": (after - first) / window}
    if start + window in at and goal[start + window] > 0:
        found["r80p"] = after / (share * goal[start + window])
    if reached:
        found |= {"recovered_year": min(reached), "y2r": min(reached) - start}
    if ends and pre > first:
        found["rri"] = (max(ends) - first) / (pre - first)
    if last > start:
        found["target"] = goal[last]
        if goal[last] > first:
            found["recovered"] = (at[last] - first) / (goal[last] - first)
        tail = [c for c in at if c >= max(start, last - trend_years + 1)]
        if len(tail) >= 3 and goal[last] > 0:
            slope, level = np.polyfit(np.array(tail) - last, [at[c] for c in tail], 1)
            missing = share * goal[last] - level
            found["years_left"] = 0 if missing <= 0 else missing / slope if slope > 0 else np.nan
    return [found[name] for name in FIELDS]


@given(seed=st.integers(0, 10**6), kind=st.sampled_from(["pre", "number", "series", "raster"]))
def test_equals_numpy(seed, kind):
    rng = np.random.default_rng(seed)
    calendar = np.sort(rng.choice(np.arange(2000, 2024), 18, replace=False))
    y = rng.normal(0.5, 0.2, (18, 8)).astype("float32")
    y[rng.random(y.shape) < 0.15] = np.nan
    disturbed = rng.integers(1999, 2024, 8).astype("float64")
    start = disturbed + rng.integers(0, 3, 8)
    disturbed[0], start[1] = np.nan, 0
    shapes = {"pre": None, "number": (1, 1), "series": (18, 1), "raster": (1, 8)}
    shape = shapes[kind]
    target = None if shape is None else rng.normal(0.4, 0.3, shape)
    how = {"share": 0.8, "window": 4, "pre_years": 2, "trend_years": 6}
    found = recovery_measures(y, calendar, disturbed, start, target, **how)
    assert np.isnan(found[:, :2]).all()
    for i in range(2, 8):
        goal = None if target is None else np.broadcast_to(target, y.shape)[:, i]
        right = expected(
            y[:, i].astype("float64"), calendar, disturbed[i], int(start[i]), goal, **how
        )
        np.testing.assert_allclose(found[:, i], right, rtol=1e-6, atol=1e-9)
