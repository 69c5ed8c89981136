"""What an inversion says of parameters that trade off or end on a bound, and what helps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mineeco_xr.subsidence.free_parameters import Free
from mineeco_xr.subsidence.parameters import PROPAGATION
from mineeco_xr.subsidence.uncertainty import TradeOff


def trade_off_warnings(found: Sequence[TradeOff]) -> list[str]:
    """Return a text for each set of parameters that cannot be told apart."""
    texts = []
    for one in found:
        remedies = []
        if "theta0" in one.names:
            remedies.append(f"fixed={{'k': {PROPAGATION}}} (theta0 = 90 - {PROPAGATION} dip)")
        for pair, both in ((("s1", "s2"), "offset_dip"), (("s3", "s4"), "offset_strike")):
            if set(pair) <= set(one.names):
                remedies.append(f"{both!r} in place of {pair[0]} and {pair[1]}")
        first = "theta0" if "theta0" in one.names else one.names[0]
        remedies.append(f"a prior, as in priors={{{first!r}: (mean, standard deviation)}}")
        if "theta0" not in one.names:
            remedies.append(f"to hold one by fixed={{{first!r}: ...}}")
        texts.append(
            f"{_listed(one.names)} trade off (correlation up to {abs(one.correlation):.2f}, "
            f"condition number {one.condition:.3g}): the observations fix a combination of them "
            f"alone. What helps: {'; or '.join(remedies)}."
        )
    return texts


def bound_warnings(values: np.ndarray, on: np.ndarray, free: Free) -> list[str]:
    """Return a text for each parameter on a bound."""
    texts = []
    for i in np.flatnonzero(on):
        name = free.names[i]
        upper = values[i] - free.low[i] > free.high[i] - values[i]
        bound = free.high[i] if upper else free.low[i]
        texts.append(
            f"{name} is on its {'upper' if upper else 'lower'} bound of {bound:g}: widen "
            f"bounds={{{name!r}: (...)}} if it may lie beyond, else hold it by "
            f"fixed={{{name!r}: {bound:g}}}; standard errors take no notice of bounds."
        )
    return texts


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:-1]) + f" and {names[-1]}"
