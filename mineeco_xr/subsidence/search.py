"""The search for parameters within their bounds, and what linear theory says of its end."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from mineeco_xr.errors import MineecoWarning
from mineeco_xr.subsidence.fit_checks import check_seen
from mineeco_xr.subsidence.fitted import SubsidenceFit, with_parameters
from mineeco_xr.subsidence.free_parameters import Free
from mineeco_xr.subsidence.observations import TILTS, Observations
from mineeco_xr.subsidence.panels import Panels
from mineeco_xr.subsidence.remedies import bound_warnings, trade_off_warnings
from mineeco_xr.subsidence.starts import latin_hypercube
from mineeco_xr.subsidence.uncertainty import (
    condition_of,
    correlation_of,
    covariance_of,
    trade_offs,
)

UNIT = 1e-3
"""What counts one where no standard error is given, m."""
TOLERANCE = 1e-12
AGREES = 1e-4
"""Share of the least cost by which that of a start may be greater and still agree."""
AT_BOUND = 1e-4
"""Share of the range between the bounds within which a parameter is on one of them."""
UNSURE = 0.1
"""Of the step of a parameter; a greater standard error makes a trade-off worth a warning: 0.01 of
``q``, 0.03 of ``tan_beta``, 0.005 of ``b``, 0.3 degrees of ``theta0``, 1 m of an offset."""


def search(
    seen: Observations,
    mined: Panels,
    free: Free,
    held: dict[str, float],
    predict: Callable[[np.ndarray], np.ndarray],
    loss: str,
    starts: int,
    seed: int,
) -> SubsidenceFit:
    """Search from many starts, and say what was found and how surely.

    Parameters
    ----------
    seen : Observations
        What was observed.
    mined : Panels
        The panels as they were given.
    free : Free
        What to look for.
    held : dict of str to float
        What is held.
    predict : callable
        From values of the free parameters to what would be observed.
    loss, starts, seed
        As for :func:`mineeco_xr.invert_subsidence`.

    Returns
    -------
    SubsidenceFit
    """
    from scipy.optimize import least_squares

    observed = seen.table["value"].to_numpy("float64")
    sigma = seen.table["sigma"].to_numpy("float64") if seen.weighted else np.full(
        len(observed), UNIT)  # fmt: skip
    belief = [free.names.index(name) for name in free.priors]
    means, sds = np.array([*free.priors.values()]).reshape(-1, 2).T

    def misfit(values: np.ndarray) -> np.ndarray:
        data = (predict(values) - observed) / sigma
        return np.concatenate([data, (values[belief] - means) / sds])

    options: dict[str, Any] = {
        "bounds": (free.low, free.high), "x_scale": free.steps, "method": "trf",
        "loss": _robust(observed.size) if loss == "soft_l1" else "linear",
        "ftol": TOLERANCE, "xtol": TOLERANCE, "gtol": TOLERANCE, "max_nfev": 200,
    }  # fmt: skip
    check_seen(predict, seen, free)
    found = [
        least_squares(misfit, place, **options)
        for place in latin_hypercube(free.low, free.high, starts, seed)
    ]
    best = min(found, key=lambda one: one.cost)
    best = min(best, least_squares(misfit, best.x, jac="3-point", **options),
               key=lambda one: one.cost)  # fmt: skip
    degrees = observed.size + len(belief) - len(free.names)
    variance = 2.0 * best.cost / degrees if degrees else np.nan
    jacobian = best.jac
    covariance = covariance_of(jacobian, 1.0 if seen.weighted else variance)
    errors = np.sqrt(np.diag(covariance))
    weak = tuple(trade_offs(jacobian, free.names, ~(errors <= UNSURE * free.steps)))
    span = free.high - free.low
    on = np.minimum(best.x - free.low, free.high - best.x) <= AT_BOUND * span
    ended = () if best.status > 0 else (
        f"the search ended after {best.nfev} evaluations without coming to rest: narrow the "
        "bounds, or give priors.",)  # fmt: skip
    said = (*ended, *trade_off_warnings(weak), *bound_warnings(best.x, on, free))
    for text in said:
        warnings.warn(text, MineecoWarning, stacklevel=4)
    names = list(free.names)
    values = held | dict(zip(names, best.x.tolist(), strict=True))
    table = pd.DataFrame(
        {
            "value": best.x, "sd": errors, "low": free.low,
            "high": free.high, "at_bound": on,
            "prior_mean": [free.priors.get(name, (np.nan, np.nan))[0] for name in names],
            "prior_sd": [free.priors.get(name, (np.nan, np.nan))[1] for name in names],
        },
        index=pd.Index(names, name="parameter"),
    )  # fmt: skip
    residuals = _residuals(seen, predict(best.x), sigma)
    lengths = ~seen.table["kind"].isin(TILTS).to_numpy()
    ends = pd.DataFrame([one.x for one in found], columns=names)
    cost = np.array([one.cost for one in found])
    return SubsidenceFit(
        parameters=table,
        covariance=pd.DataFrame(covariance, index=names, columns=names),
        correlation=pd.DataFrame(
            correlation_of(covariance_of(jacobian)), index=names, columns=names
        ),
        residuals=residuals,
        vv=float(1e6 * (residuals["residual"].to_numpy()[lengths] ** 2).sum()),
        cost=float(best.cost),
        variance_factor=float(variance),
        condition=condition_of(jacobian),
        trade_offs=weak,
        starts=ends.assign(
            cost=cost,
            evaluations=[one.nfev for one in found],
            agrees=cost <= best.cost * (1 + AGREES) + observed.size * AGREES**2,
        ),
        warnings=said,
        panels=with_parameters(mined, values),
        values=values,
    )


def _residuals(seen: Observations, computed: np.ndarray, sigma: np.ndarray) -> pd.DataFrame:
    dated = [name for name in ("time", "since") if seen.table[name].notna().any()]
    table = seen.table[["name", "x", "y", "kind", *dated]].copy()
    table["observed"], table["computed"] = seen.table["value"], computed
    table["residual"] = table["observed"] - computed
    table["standardised"] = table["residual"] / sigma if seen.weighted else np.nan
    return table


def _robust(count: int) -> Callable[[np.ndarray], np.ndarray]:
    """Return a loss that is soft for observations and square for the priors after them."""

    def soften(square: np.ndarray) -> np.ndarray:
        out = np.stack([square, np.ones_like(square), np.zeros_like(square)])
        root = np.sqrt(1.0 + square[:count])
        out[:, :count] = 2.0 * (root - 1.0), 1.0 / root, -0.5 / root**3
        return out

    return soften
