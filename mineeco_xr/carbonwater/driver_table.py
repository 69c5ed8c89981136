"""The numbers of a table of drivers: correlations of groups of cells, and what they are worth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mineeco_xr.stats.comoments import ALL_DATES, Group, Groups, Plan, correlation_of
from mineeco_xr.stats.effective_size import (
    distance_classes,
    dutilleul_sizes,
    lag_classes,
    lag_one_size,
)

FIELDS = ("r", "n", "n_effective", "p", "p_independent", "q")
R, N, N_EFFECTIVE, P, P_INDEPENDENT, Q = range(len(FIELDS))


@dataclass(frozen=True)
class Question:
    """What the table is asked.

    Attributes
    ----------
    factors, zones : int
        How many there are.
    years : ndarray
        The dates.
    over : {"time", "space", "pooled"}
        What r runs over.
    partial : bool
        Whether the other factors are held fixed.
    min_n : int
        Fewest dates or cells.
    detrend : str or None
        As for ``pearson``; over time only.
    cell : tuple of float
        Width and height of a cell, in any unit of length.
    """

    factors: int
    zones: int
    years: np.ndarray
    over: str
    partial: bool
    min_n: int
    detrend: str | None
    cell: tuple[float, float]

    @property
    def dates(self) -> int:
        """How many tables there are, one a date or one in all."""
        return self.years.size if self.over == "space" else 1


def driver_table(groups: Groups, shared: Plan, *, question: Question) -> np.ndarray:
    """Return :data:`FIELDS` of each factor, zone and date.

    Parameters
    ----------
    groups : dict
        What is known of the cells of each zone.
    shared : Plan
        How they were grouped.
    question : Question
        What is asked.

    Returns
    -------
    ndarray, (6, factors, zones, dates)
        NaN where there is nothing to tell; n is 0 there.
    """
    out = np.full((len(FIELDS), question.factors, question.zones, question.dates), np.nan)
    out[N] = 0.0
    if question.over == "time":
        _over_time(groups, question, out[..., 0])
    else:
        for (zone, date), group in groups.items():
            _over_cells(group, question, out[:, :, zone, 0 if date == ALL_DATES else date])
    out[Q] = _adjusted(out[P])
    return out


def _over_time(groups: Groups, question: Question, out: np.ndarray) -> None:
    from mineeco_xr.kernels.correlation import correlate_series

    series = np.full((question.factors + 1, question.years.size, question.zones), np.nan)
    for (zone, date), group in groups.items():
        series[:, date, zone] = group.mean
    # Means of equal values differ by rounding: such a series is constant.
    spread, size = np.nanstd(_filled(series), axis=1), np.nanmax(np.abs(_filled(series)), axis=1)
    series[np.broadcast_to((spread <= 1e-13 * size)[:, None], series.shape)] = np.nan
    linear = question.detrend == "linear"
    steps = question.detrend == "difference"
    held = [*series, question.years[:, None]] if linear else list(series)
    found = correlate_series(
        held,
        factors=question.factors,
        given=question.partial,
        min_n=question.min_n,
        difference=steps,
    )
    out[R], out[N] = found[: question.factors], found[-1]
    moved = np.diff(series, axis=1) if steps else series
    for factor, zone in zip(*np.nonzero(np.isfinite(out[R])), strict=True):
        fixed = [
            moved[other, :, zone]
            for other in range(1, question.factors + 1)
            if question.partial and other != factor + 1
        ]
        fixed += [question.years] if linear else []
        pair = _residuals(moved[[0, factor + 1], :, zone], fixed, moved[:, :, zone])
        out[N_EFFECTIVE, factor, zone] = lag_one_size(*pair)
        _test(out[:, factor, zone], len(fixed))


def _filled(series: np.ndarray) -> np.ndarray:
    """Return series with 0 in place of those without any value, which would warn."""
    return np.where(np.isfinite(series).any(axis=1, keepdims=True), series, 0.0)


def _residuals(pair: np.ndarray, fixed: list[np.ndarray], every: np.ndarray) -> np.ndarray:
    """Return what a regression on the fixed series leaves of a pair, NaN where any has a gap."""
    use = np.isfinite(every).all(axis=0)
    base = np.column_stack([np.ones(use.sum()), *(one[use] for one in fixed)])
    left = np.full(pair.shape, np.nan)
    left[:, use] = pair[:, use] - (base @ np.linalg.lstsq(base, pair[:, use].T, rcond=None)[0]).T
    return left


def _over_cells(group: Group, question: Question, out: np.ndarray) -> None:
    out[N] = group.count
    if group.count < question.min_n:
        return
    matrix = correlation_of(group)
    values = (group.sample[4:] - group.mean[:, None]) / np.sqrt(
        np.where(np.diag(group.comoment) > 0, np.diag(group.comoment), 1.0) / group.count
    )[:, None]
    rows, pairs = [], []
    for factor in range(1, question.factors + 1):
        fixed = [
            other
            for other in range(1, question.factors + 1)
            if question.partial and other != factor
        ]
        found = _partial(matrix, (0, factor), fixed)
        if found is None:
            continue
        out[R, factor - 1], shares = found
        rows += list(values[[0, factor]] - shares.T @ values[fixed])
        pairs.append((factor, (len(rows) - 2, len(rows) - 1)))
    if not pairs:
        return
    row, column, date = group.sample[1:4]
    width, height = question.cell
    places = np.stack([column * width, row * height, question.years[date.astype(int)]])
    sizes = dutilleul_sizes(
        np.array(rows),
        [pair for _, pair in pairs],
        places,
        size=group.count,
        far=distance_classes(places[:2], min(width, height)),
        late=lag_classes(question.years if question.over == "pooled" else question.years[:1]),
    )
    for (factor, _), size in zip(pairs, sizes, strict=True):
        out[N_EFFECTIVE, factor - 1] = size
        _test(out[:, factor - 1], question.factors - 1 if question.partial else 0)


def _partial(
    matrix: np.ndarray, pair: tuple[int, int], fixed: list[int]
) -> tuple[float, np.ndarray] | None:
    """Return the partial correlation of a pair, and the shares of the fixed variables in it."""
    from mineeco_xr.kernels.correlation import COLLINEAR

    own, others = matrix[np.ix_(pair, pair)], matrix[np.ix_(fixed, fixed)]
    if not np.isfinite(matrix[np.ix_([*pair, *fixed], [*pair, *fixed])]).all():
        return None
    if fixed and np.linalg.eigvalsh(others)[0] <= COLLINEAR:
        return None
    between = matrix[np.ix_(fixed, pair)]
    shares = np.linalg.solve(others, between) if fixed else np.zeros((0, 2))
    left = own - between.T @ shares
    if min(left[0, 0], left[1, 1]) <= COLLINEAR:
        return None
    r = left[0, 1] / (np.sqrt(left[0, 0]) * np.sqrt(left[1, 1]))
    return float(np.clip(r, -1.0, 1.0)), shares


def _test(out: np.ndarray, fixed: int) -> None:
    """Set both probabilities of a row."""
    out[P] = _two_sided(out[R], out[N_EFFECTIVE] - 2 - fixed)
    out[P_INDEPENDENT] = _two_sided(out[R], out[N] - 2 - fixed)


def _two_sided(r: float, freedom: float) -> float:
    from mineeco_xr.kernels.incomplete_beta import regularized_incomplete_beta

    if not freedom > 0:
        return np.nan
    return float(regularized_incomplete_beta(freedom / 2, 0.5, (1 - abs(r)) * (1 + abs(r))))


def _adjusted(p: np.ndarray) -> np.ndarray:
    """Return p adjusted after Benjamini and Hochberg, over the whole table."""
    q = np.full(p.shape, np.nan)
    tests = p[np.isfinite(p)]
    order = np.argsort(-tests, kind="stable")
    ranks = np.arange(tests.size, 0, -1)
    raised = np.minimum.accumulate(np.minimum(tests[order] * tests.size / ranks, 1.0))
    adjusted = np.empty_like(tests)
    adjusted[order] = raised
    q[np.isfinite(p)] = adjusted
    return q
