"""The phases of one series: its lines, whether they rise or fall, and when the turns are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

LABELS = ("none", "decline", "stable", "recovery", "increase")
"""Meaning of the codes; 0 is no phase."""
NONE, DECLINE, STABLE, RECOVERY, INCREASE = range(len(LABELS))
PHASE_FIELDS = ("start", "end", "label", "slope", "p", "mean", "step", "step_p")
SERIES_FIELDS = ("phases", "decline_start", "recovery_start", "stable_start", "r2", "rmse", "bic")


MATERIAL_STEP = 10.0
"""What a jump, or a loss or a return in all, must be worth: years of the slope that is flat."""


@dataclass
class Fit:
    """Lines through a series.

    Attributes
    ----------
    first, last : ndarray of int64
        First and last date of each phase, as places among the valid dates; continuous phases
        share the date of a break.
    slope, slope_error : ndarray
        Units of the series a year, and standard errors.
    step, step_error : ndarray
        Jump from the end of the phase before, 0 for the first and where lines are continuous.
    level : ndarray, (phases, 2)
        Fitted values at both ends.
    squares : float
        Sum of squares of the residuals.
    parameters : int
        Coefficients of the lines, breaks not counted.
    """

    first: np.ndarray
    last: np.ndarray
    slope: np.ndarray
    slope_error: np.ndarray
    step: np.ndarray
    step_error: np.ndarray
    level: np.ndarray
    squares: float
    parameters: int


def fit_lines(value: np.ndarray, when: np.ndarray, vertices: np.ndarray, continuous: bool) -> Fit:
    """Fit lines between given vertices by least squares, with standard errors.

    The errors are those of the joint regression: one residual variance for all phases, so that a
    phase of three dates borrows the noise from the others.

    Parameters
    ----------
    value, when : ndarray, (n,)
        Valid values and their years.
    vertices : ndarray
        Years of the vertices, as :func:`mineeco_xr.kernels.piecewise.piecewise_lines` gives them.
    continuous : bool
        Whether lines share their vertices.

    Returns
    -------
    Fit
        The phases.
    """
    places = np.searchsorted(when, vertices)
    if continuous:
        first, last = places[:-1], places[1:]
        hats = np.eye(places.size)
        design = np.stack([np.interp(when, when[places], hat) for hat in hats], axis=1)
        ends = np.stack([hats[:-1], hats[1:]], axis=1)
    else:
        first, last = places[0::2], places[1::2]
        count = first.size
        design = np.zeros((when.size, 2 * count))
        ends = np.zeros((count, 2, 2 * count))
        for k, (a, b) in enumerate(zip(first, last, strict=True)):
            share = (when - when[a]) / (when[b] - when[a])
            design[a : b + 1, 2 * k] = 1 - share[a : b + 1]
            design[a : b + 1, 2 * k + 1] = share[a : b + 1]
            ends[k] = np.eye(2 * count)[2 * k : 2 * k + 2]
    centre = value.mean()
    solution = np.linalg.lstsq(design, value - centre, rcond=None)[0]
    rest = value - centre - design @ solution
    # What float32 cannot tell is no certainty.
    squares = float(rest @ rest)
    noise = max(squares, value.size * (1e-7 * np.abs(value).max()) ** 2)
    freedom = value.size - design.shape[1]
    spread = np.linalg.inv(design.T @ design) * (noise / freedom if freedom > 0 else np.nan)
    width = when[last] - when[first]
    slopes = (ends[:, 1] - ends[:, 0]) / width[:, None]
    steps = np.zeros_like(slopes)
    if not continuous:
        steps[1:] = ends[1:, 0] - ends[:-1, 1]
    return Fit(
        first,
        last,
        slopes @ solution,
        _errors(slopes, spread),
        steps @ solution,
        _errors(steps, spread),
        ends @ solution + centre,
        squares,
        design.shape[1],
    )


def _errors(contrasts: np.ndarray, spread: np.ndarray) -> np.ndarray:
    return np.sqrt(np.einsum("ij,jk,ik->i", contrasts, spread, contrasts))


def two_sided_p(estimate: np.ndarray, error: np.ndarray, freedom: int) -> np.ndarray:
    """Return p of Student's t; NaN without degrees of freedom or an error."""
    from scipy.special import stdtr

    if freedom < 1:
        return np.full(np.shape(estimate), np.nan)
    scaled = np.divide(np.abs(estimate), error, out=np.full(error.shape, np.nan), where=error > 0)
    return np.asarray(2 * stdtr(freedom, -scaled))


def describe_series(
    value: np.ndarray,
    when: np.ndarray,
    calendar: np.ndarray,
    vertices: np.ndarray,
    *,
    continuous: bool,
    alpha: float,
    flat: float | None,
    flat_share: float,
    settled: float,
) -> tuple[dict[str, Any], dict[str, float]]:
    """Return the fields of the phases of one series, and of the series itself."""
    fit = fit_lines(value, when, vertices, continuous)
    n = value.size
    breaks = fit.first.size - 1
    p = two_sided_p(fit.slope, fit.slope_error, n - fit.parameters)
    step_p = two_sided_p(fit.step, fit.step_error, n - fit.parameters)
    level = flat_share * float(np.ptp(value)) if flat is None else flat
    turns = (p < alpha) & (np.abs(fit.slope) >= level)
    jumps = (step_p < alpha) & (np.abs(fit.step) >= MATERIAL_STEP * level)
    moves = np.where(turns, np.sign(fit.slope), 0).astype(int)
    leaps = np.where(jumps, np.sign(fit.step), 0).astype(int)
    label = _labels(moves, leaps)
    total = float(((value - value.mean()) ** 2).sum())
    noise = max(fit.squares, n * (1e-7 * np.abs(value).max()) ** 2, 1e-300)
    material = MATERIAL_STEP * level
    years = turning_years(value, calendar, fit, moves, leaps, settled, material)
    phases = {
        "start": calendar[fit.first],
        "end": calendar[fit.last],
        "label": label,
        "slope": fit.slope,
        "p": p,
        "mean": [value[a : b + 1].mean() for a, b in zip(fit.first, fit.last, strict=True)],
        "step": fit.step,
        "step_p": step_p,
    }
    series = {
        "phases": breaks + 1,
        **dict(zip(SERIES_FIELDS[1:4], years, strict=True)),
        "r2": 1 - fit.squares / total if total > 0 else np.nan,
        "rmse": np.sqrt(fit.squares / n),
        "bic": n * np.log(noise / n) + (fit.parameters + breaks) * np.log(n),
    }
    return phases, series


def _labels(moves: np.ndarray, leaps: np.ndarray) -> np.ndarray:
    """Return codes: a rise is a recovery after a fall, otherwise an increase."""
    fallen = False
    codes = np.full(moves.size, STABLE)
    for k, (move, leap) in enumerate(zip(moves, leaps, strict=True)):
        fallen = fallen or leap < 0
        if move > 0:
            codes[k] = RECOVERY if fallen else INCREASE
        elif move < 0:
            codes[k] = DECLINE
            fallen = True
    return codes


def turning_years(
    value: np.ndarray,
    calendar: np.ndarray,
    fit: Fit,
    moves: np.ndarray,
    leaps: np.ndarray,
    settled: float,
    material: float,
) -> tuple[float, float, float]:
    """Return the first years of loss, of recovery and of stability; 0 where there is none.

    A break is where one line becomes worse than two, which is up to a year or two after a slow
    start and before a slow end. So the turns are read from the series: the loss begins with the
    first date that is below the level before by more than ``1 - settled`` of what is lost in all,
    the recovery in the same way, and stability with the first date that has come ``settled`` of the
    way from the lowest level to the median of the stable phase. Losses and returns of less than
    ``material`` in all are passed over.
    """
    down = _first_run(fit, moves, leaps, -1, 0, material)
    if down is None:
        return 0.0, 0.0, 0.0
    lost = _onset(value, fit, moves, down, -1, settled)
    # A sudden loss and the return from it may be one phase: a fall to a line that rises.
    sudden = moves[down[0]] > 0
    up = _first_run(fit, moves, leaps, 1, down[0] if sudden else down[1], material)
    if up is None:
        return float(calendar[lost]), 0.0, 0.0
    begun = _onset(value, fit, moves, up, 1, settled, within=sudden)
    calm = up[0] if moves[up[0]] == 0 else up[1]
    if calm >= moves.size or moves[calm] != 0:
        return float(calendar[lost]), float(calendar[begun]), 0.0
    end = calm
    while end + 1 < moves.size and moves[end + 1] == 0 and leaps[end + 1] == 0:
        end += 1
    goal = np.median(value[fit.first[calm] : fit.last[end] + 1])
    low = value[lost : begun + 1].min()
    there = np.flatnonzero(value[begun:] >= low + settled * (goal - low))
    at = max(fit.first[calm], begun + there[0] if there.size else 0)
    return float(calendar[lost]), float(calendar[begun]), float(calendar[at])


def _first_run(
    fit: Fit, moves: np.ndarray, leaps: np.ndarray, sign: int, since: int, material: float
) -> tuple[int, int] | None:
    """Return the first run of phases that move or leap one way and far, and the phase after it."""
    for k in range(since, moves.size):
        if moves[k] == sign or leaps[k] == sign:
            end = k + 1
            while end < moves.size and moves[end - 1] == sign and moves[end] == sign:
                end += 1
            before = fit.level[k - 1, 1] if leaps[k] == sign else fit.level[k, 0]
            after = fit.level[end - 1, 1] if moves[end - 1] == sign else fit.level[k, 0]
            if sign * (after - before) >= material:
                return k, end
    return None


def _onset(
    value: np.ndarray,
    fit: Fit,
    moves: np.ndarray,
    run: tuple[int, int],
    sign: int,
    settled: float,
    within: bool = False,
) -> int:
    """Return the first date of a run that has left the level before it, or its own first one."""
    k, end = run
    first, last = int(fit.first[k]), int(fit.last[end - 1])
    if k == 0 or within:
        level = value[first]
    elif moves[k - 1] == 0:
        level = np.median(value[fit.first[k - 1] : fit.last[k - 1] + 1])
    else:
        level = fit.level[k - 1, 1]
    away = sign * (value[first : last + 1] - level)
    if away.max() <= 0:
        return first
    return first + int(np.argmax(away > (1 - settled) * away.max()))
