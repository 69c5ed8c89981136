"""From observed movement to the parameters of the probability integral method."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from mineeco_xr.errors import ParameterError
from mineeco_xr.subsidence.fit_checks import (
    check_counts,
    check_metres,
    check_movement,
    check_reached,
    fill_panels,
)
from mineeco_xr.subsidence.fitted import SubsidenceFit
from mineeco_xr.subsidence.forward import as_dates
from mineeco_xr.subsidence.free_parameters import (
    apply_parameters,
    by_canonical_name,
    free_parameters,
)
from mineeco_xr.subsidence.observations import (
    COMPONENTS,
    Observations,
    bring_to,
    read_observations,
)
from mineeco_xr.subsidence.panels import read_panels
from mineeco_xr.subsidence.points import Pairs, ground_at, shares_at
from mineeco_xr.subsidence.rectangles import FORMS
from mineeco_xr.subsidence.search import search
from mineeco_xr.subsidence.slices import slice_counts

LOSSES = ("linear", "soft_l1")


def invert_subsidence(
    observations: Any,
    panels: Any,
    *,
    parameters: Iterable[str] | None = None,
    fixed: Mapping[str, float] | None = None,
    bounds: Mapping[str, tuple[float, float]] | None = None,
    priors: Mapping[str, tuple[float, float]] | None = None,
    kind: str | None = None,
    units: str | None = None,
    sigma: float | Mapping[str, float] | None = None,
    incidence: float | None = None,
    heading: float | None = None,
    looking: str = "right",
    loss: str = "linear",
    starts: int = 8,
    seed: int = 0,
    form: str = "textbook",
    time_function: str | None = "knothe",
    time_parameters: Mapping[str, Any] | None = None,
    slices: int | str = "auto",
    outside: str = "raise",
) -> SubsidenceFit:
    """Find the parameters of the probability integral method that fit observed movement best.

    Parameters
    ----------
    observations : GeoDataFrame or DataFrame
        Points, or ``x`` and ``y``, with a column for each kind that was observed: ``subsidence``
        (positive downwards), ``vertical`` (positive upwards), ``los`` (positive toward the
        satellite; with ``incidence`` and ``heading``), ``displacement_x``, ``displacement_y``
        (toward east and north), ``horizontal`` (toward ``azimuth``), ``tilt_x``, ``tilt_y``; and
        ``<kind>_sigma``, its standard error. Or ``value``, ``kind`` and ``sigma``, one row an
        observation. A column may name its unit, as in ``subsidence_mm``. Empty values are passed
        over. Further ``name``, ``time`` (date, or year, by which it came) and ``since`` (the
        earlier date from which it is measured).
    panels : GeoDataFrame, DataFrame, str, Path or Panels
        As for :func:`mineeco_xr.read_panels`, in the reference system of the points or with their
        own. What is looked for need not be given.
    parameters : iterable of str, optional
        Among ``q``, ``tan_beta``, ``b``, ``theta0`` or ``k`` (for ``theta0 = 90 - k dip``), ``s1``
        to ``s4``, ``offset_dip`` (one for ``s1`` and ``s2``), ``offset_strike`` (``s3`` and
        ``s4``), ``offset`` (all four). One number for all panels. Default ``q``, ``tan_beta``,
        ``s1`` to ``s4``, ``theta0`` where the seam dips, and ``b`` where horizontal movement is
        seen.
    fixed : mapping, optional
        Numbers for parameters that are held; others stay as the panels have them.
    bounds : mapping, optional
        Lower and upper; default ``q`` 0.01 to 1.2, ``tan_beta`` 1 to 4, ``b`` 0 to 0.6, ``theta0``
        60 to 90, ``k`` 0 to 1, offsets from -0.1 of the depth to 0.4 of it and of the panel.
    priors : mapping, optional
        Mean and standard deviation of what is known of a parameter otherwise; needs ``sigma``.
    kind : str, optional
        What a column ``value`` holds, default ``"subsidence"``; or the one kind to use of several.
    units : str, optional
        Of lengths in columns that do not name theirs; default ``observations.attrs["units"]``,
        else ``"m"``.
    sigma : float or mapping, optional
        Standard error, in these units, where there is no column. Without any, all count alike and
        the scatter of the residuals says how sure the parameters are.
    incidence, heading, looking
        Of ``los``, as for :func:`mineeco_xr.los_displacement`, where there are no columns.
    loss : {"linear", "soft_l1"}
        Least squares, or a loss that grows linearly beyond one standard error, for gross errors;
        needs ``sigma``.
    starts : int
        Searches, from a Latin hypercube between the bounds.
    seed : int
        Of the starts.
    form, time_function, time_parameters, slices
        As for :func:`mineeco_xr.subsidence`.
    outside : {"raise", "ignore"}
        What to do with observations that no panel reaches whatever the parameters.

    Returns
    -------
    SubsidenceFit
        Parameters with their standard errors, residuals, and :class:`Panels` that have them.

    Raises
    ------
    SchemaError
        If a column is missing.
    ParameterError
        If a parameter, a bound or a prior does not do, or is not seen by any observation; if there
        are fewer observations than parameters, or one is out of reach: the message names it.
    UnitError
        If the observations are far greater than what was mined, as millimetres taken for metres.
    GridMismatch
        If the reference systems do not fit.

    Warns
    -----
    MineecoWarning
        If parameters trade off (correlation beyond 0.95, or condition index beyond 30) and are
        unsure by more than 0.01 (``q``), 0.03 (``tan_beta``), 0.005 (``b``), 0.3 degrees or 1 m; or
        if they end on a bound.

    Notes
    -----
    Makes ``sum rho(((d - f(p)) / sigma)^2) + sum ((p - mean) / sd)^2`` least within the bounds, by
    a trust-region reflective search (``scipy.optimize.least_squares``). Computes at once; the
    observations are a table in memory. Errors of the observations count as independent, which those
    of neighbouring radar pixels are not: thin them out, or the standard errors are too small.

    References
    ----------
    Belsley, D. A., Kuh, E. and Welsch, R. E. (1980). Regression Diagnostics. Wiley, New York.

    Examples
    --------
    >>> import mineeco_xr as mx
    >>> mine = pd.DataFrame({
    ...     "x": [0.0], "y": [0.0], "length": [800.0], "width": [400.0], "azimuth": [90.0],
    ...     "depth": [300.0], "thickness": [3.0], "q": [0.8], "tan_beta": [2.0], "offset": [15.0],
    ... })
    >>> line = pd.DataFrame({"x": np.linspace(-700, 700, 30), "y": np.linspace(-400, 400, 30)})
    >>> levelled = mx.subsidence_at(line, mine)
    >>> found = mx.invert_subsidence(
    ...     levelled, mine, parameters=["q", "tan_beta", "offset"], starts=2
    ... )
    >>> found.parameters["value"].round(4).to_dict()
    {'q': 0.8, 'tan_beta': 2.0, 'offset': 15.0}
    """
    _check_options(loss, starts, form, outside)
    seen = read_observations(
        observations, kind=kind, units=units, sigma=sigma, incidence=incidence, heading=heading,
        looking=looking,
    )  # fmt: skip
    held = by_canonical_name(fixed, "fixed")
    wanted = None if parameters is None else [*parameters]
    mined = read_panels(fill_panels(panels, wanted, held))
    frame, crs = bring_to(seen.table, seen.crs, mined.crs)
    seen, mined = Observations(frame, seen.factors, crs), replace(mined, crs=crs)
    check_metres(seen, mined.table)
    table = apply_parameters(mined.table, held)
    horizontal = bool(seen.factors[:, 1:3].any())
    free = free_parameters(table, wanted, held, bounds, priors, horizontal=horizontal)
    check_movement(table, free, horizontal)
    table = table.fillna({"b": 0.0})
    for name, needs in (("loss", loss != "linear"), ("priors", bool(free.priors))):
        if needs and not seen.weighted:
            raise ParameterError(
                f"{name} needs the standard error of the observations: give sigma=, or a column."
            )
    ends = [
        apply_parameters(table, dict(zip(free.names, np.where(up, free.high, free.low),
                                         strict=True)))
        for up in _corners(free.names)
    ]  # fmt: skip
    pairs = Pairs(frame["x"].to_numpy(), frame["y"].to_numpy(), ends, form)
    near = check_reached(pairs.reached, seen, outside)
    if not near.all():
        seen = seen.only(near)
        pairs = Pairs(seen.table["x"].to_numpy(), seen.table["y"].to_numpy(), ends, form)
    check_counts(seen, free)
    predict = _predictor(
        seen, pairs, table, free.names, time_function, time_parameters, slices
    )  # fmt: skip
    return search(seen, mined, free, held, predict, loss, starts, seed)


def _check_options(loss: str, starts: int, form: str, outside: str) -> None:
    if loss not in LOSSES:
        raise ParameterError(f"loss is {loss!r}: choose from {LOSSES}.")
    if form not in FORMS:
        raise ParameterError(f"form is {form!r}: choose from {FORMS}.")
    if outside not in ("raise", "ignore"):
        raise ParameterError(f"outside is {outside!r}: choose 'raise' or 'ignore'.")
    if not (isinstance(starts, int | np.integer) and starts >= 1):
        raise ParameterError(f"starts is {starts!r}: give a number from 1 on, such as 8.")


def _corners(names: tuple[str, ...]) -> list[np.ndarray]:
    """Say which parameters to take at their upper bound, so that panels reach farthest."""
    far = np.array([name == "k" for name in names])
    return [far, np.array([name == "theta0" for name in names])]


def _predictor(
    seen: Observations,
    pairs: Pairs,
    table: pd.DataFrame,
    names: tuple[str, ...],
    function: str | None,
    given: Mapping[str, Any] | None,
    slices: int | str,
) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function from parameters to what would be observed."""
    used = [c for c in range(len(COMPONENTS)) if seen.factors[:, c].any()]
    components, factors = [COMPONENTS[c] for c in used], seen.factors[:, used]
    counts, shares = np.ones(len(table), dtype="int64"), None
    if seen.table["time"].notna().any():
        if seen.table["time"].isna().any():
            row = seen.table[seen.table["time"].isna()].iloc[0]
            raise ParameterError(f"observation {row['name']!r} has no time, but others have.")
        counts = slice_counts(table, slices)
        time, since = (_instants(seen.table[name]) for name in ("time", "since"))
        early = since >= time
        if early.any():
            raise ParameterError(
                f"observation {seen.table['name'][early].iloc[0]!r} has a time that is not after "
                "its since: exchange them."
            )
        shares = shares_at(table, function, given, time, since)

    def predict(values: np.ndarray) -> np.ndarray:
        tried = apply_parameters(table, dict(zip(names, values, strict=True)))
        ground = ground_at(pairs, tried, components, counts, shares)
        return np.asarray((ground * factors).sum(axis=1))

    return predict


def _instants(values: pd.Series) -> np.ndarray:
    """Return dates, a year as its last day, NaT where there is none."""
    out = np.full(len(values), np.datetime64("NaT"), dtype="datetime64[ns]")
    known = values.notna().to_numpy()
    if known.any():
        present = values[known]
        if pd.api.types.is_numeric_dtype(present):
            present = present.astype("int64")
        distinct, at = np.unique(present.to_numpy(), return_inverse=True)
        out[known] = as_dates(distinct)[at]
    return out
