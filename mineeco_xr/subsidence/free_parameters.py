"""Parameters that an inversion may look for: names, bounds, and the columns that they set."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from mineeco_xr.errors import ParameterError
from mineeco_xr.subsidence.panel_table import ALIASES
from mineeco_xr.subsidence.panels import FLAT

COLUMNS = {
    "q": ("q",),
    "tan_beta": ("tan_beta", "tan_beta1", "tan_beta2"),
    "b": ("b",),
    "theta0": ("theta0",),
    "k": ("theta0",),
    "s1": ("s1",),
    "s2": ("s2",),
    "s3": ("s3",),
    "s4": ("s4",),
    "offset": ("s1", "s2", "s3", "s4"),
    "offset_dip": ("s1", "s2"),
    "offset_strike": ("s3", "s4"),
}
"""Columns of the panels that each parameter sets; ``k`` through ``theta0 = 90 - k alpha``."""
STEPS = {"q": 0.1, "tan_beta": 0.3, "b": 0.05, "theta0": 3.0, "k": 0.2}
"""What change of each is alike in size; 10 m of offsets."""
LIMITS = {
    "q": (0.0, 1.5), "tan_beta": (0.1, 10.0), "b": (0.0, 1.0), "theta0": (30.0, 90.0),
    "k": (0.0, 2.0),
}  # fmt: skip
"""Beyond which nothing is a bound."""
BOUNDS = {
    "q": (0.01, 1.2), "tan_beta": (1.0, 4.0), "b": (0.0, 0.6), "theta0": (60.0, 90.0),
    "k": (0.0, 1.0),
}  # fmt: skip
"""Where none are given."""


@dataclass(frozen=True)
class Free:
    """Parameters to look for, and where.

    Attributes
    ----------
    names : tuple of str
        Keys of ``COLUMNS``.
    low, high : ndarray of float64
        Bounds.
    priors : dict of str to tuple
        Mean and standard deviation of some.
    """

    names: tuple[str, ...]
    low: np.ndarray
    high: np.ndarray
    priors: dict[str, tuple[float, float]]

    @property
    def steps(self) -> np.ndarray:
        """Changes that are alike in size."""
        return np.array([STEPS.get(name, 10.0) for name in self.names])


def canonical(names: Iterable[str], what: str) -> list[str]:
    """Return names of parameters as ``COLUMNS`` has them.

    Raises
    ------
    ParameterError
        If one is unknown, stands twice, or sets what another sets.

    Examples
    --------
    >>> canonical(["q", "tanb", "S1"], "parameters")
    ['q', 'tan_beta', 's1']
    """
    found: list[str] = []
    for given in names:
        name = str(given).strip().lower()
        name = name if name in COLUMNS else ALIASES.get(name, name)
        if name not in COLUMNS:
            raise ParameterError(f"{what} has {given!r}: choose from {list(COLUMNS)}.")
        clash = [other for other in found if set(COLUMNS[other]) & set(COLUMNS[name])]
        if clash:
            raise ParameterError(
                f"{what} has {given!r} and {clash[0]!r}, which both set "
                f"{sorted(set(COLUMNS[name]) & set(COLUMNS[clash[0]]))}: leave one out."
            )
        found.append(name)
    return found


def by_canonical_name(given: Mapping[str, Any] | None, what: str) -> dict[str, Any]:
    """Return a mapping with canonical names as keys."""
    return dict(zip(canonical(given or {}, what), (given or {}).values(), strict=True))


def apply_parameters(table: pd.DataFrame, values: Mapping[str, float]) -> pd.DataFrame:
    """Return panels with other parameters, unchecked.

    Parameters
    ----------
    table : pandas.DataFrame
        Of :class:`~mineeco_xr.subsidence.panels.Panels`.
    values : mapping
        By names of ``COLUMNS``.

    Returns
    -------
    pandas.DataFrame

    Examples
    --------
    >>> table = pd.DataFrame({"theta0": [90.0, 90.0], "dip": [0.0, 10.0]})
    >>> apply_parameters(table, {"k": 0.6})["theta0"].tolist()
    [90.0, 84.0]
    """
    new: dict[str, Any] = {}
    for name, value in values.items():
        number = 90.0 - value * table["dip"] if name == "k" else float(value)
        new |= dict.fromkeys(COLUMNS[name], number)
    return table.assign(**new)


def free_parameters(
    table: pd.DataFrame,
    parameters: Iterable[str] | None,
    fixed: Mapping[str, float],
    bounds: Mapping[str, Any] | None,
    priors: Mapping[str, Any] | None,
    *,
    horizontal: bool,
) -> Free:
    """Say which parameters to look for, checked.

    Parameters
    ----------
    table : pandas.DataFrame
        Of :class:`~mineeco_xr.subsidence.panels.Panels`.
    parameters : iterable of str, optional
        Default all that are not fixed and that can be seen.
    fixed : mapping
        By names of ``COLUMNS``.
    bounds, priors : mapping, optional
        Pairs: lower and upper bound; mean and standard deviation.
    horizontal : bool
        Whether horizontal movement is seen.

    Returns
    -------
    Free

    Raises
    ------
    ParameterError
        Naming the parameter.
    """
    square = bool((table["kind"] == "rectangle").all())
    if parameters is None:
        sides = ("s1", "s2", "s3", "s4") if square else ("offset",)
        seen = ["q", "tan_beta", *(["b"] if horizontal else [])]
        seen += ["theta0"] if (table["dip"] > FLAT).any() else []
        held = {column for name in fixed for column in COLUMNS[name]}
        names = [name for name in (*seen, *sides) if not held & set(COLUMNS[name])]
    else:
        names = canonical([parameters] if isinstance(parameters, str) else parameters, "parameters")
        canonical([*names, *fixed], "parameters and fixed")
    if not names:
        raise ParameterError("no parameter is left to look for: all are fixed.")
    apart = [name for name in names if name[0] in "so" and name != "offset"]
    if apart and not square:
        raise ParameterError(
            f"parameters has {apart[0]!r}, but panel "
            f"{table['name'][table['kind'] != 'rectangle'].iloc[0]!r} is no rectangle along the "
            "strike: choose 'offset', one for all edges."
        )
    limits, beliefs = by_canonical_name(bounds, "bounds"), by_canonical_name(priors, "priors")
    for what, given in (("bounds", limits), ("priors", beliefs)):
        other = [name for name in given if name not in names]
        if other:
            raise ParameterError(f"{what} has {other[0]!r}, but the parameters are {names}.")
    ends = np.array([_bounds(name, limits.get(name), table, names) for name in names])
    for name, pair in beliefs.items():
        beliefs[name] = _prior(name, pair, *ends[names.index(name)])
    free = Free(tuple(names), ends[:, 0].copy(), ends[:, 1].copy(), beliefs)
    _check_panels(table, free, fixed, limits)
    return free


def _pair(name: str, given: Any, what: str, parts: str) -> tuple[float, float]:
    try:
        first, second = (float(part) for part in given)
    except (TypeError, ValueError):
        raise ParameterError(f"{what} of {name!r} is {given!r}: give {parts}.") from None
    return first, second


def _bounds(name: str, given: Any, table: pd.DataFrame, names: list[str]) -> tuple[float, float]:
    if given is None:
        return BOUNDS.get(name) or _offset_bounds(name, table)
    low, high = _pair(name, given, "the bound", "lower and upper")
    if not low < high:
        raise ParameterError(
            f"the bounds of {name!r} are ({low:g}, {high:g}): the lower must be below the upper. "
            f"To hold it, use fixed={{{name!r}: {low:g}}}."
        )
    least, most = LIMITS.get(name, (-np.inf, np.inf))
    if low < least or high > most:
        raise ParameterError(
            f"the bounds of {name!r} are ({low:g}, {high:g}): expected within {least:g} to "
            f"{most:g}."
        )
    return low, high


def _offset_bounds(name: str, table: pd.DataFrame) -> tuple[float, float]:
    """Return offsets from a tenth of the depth outwards to 0.4 of it, and of the panel, inwards."""
    import shapely

    depth = float(table["depth"].min())
    sides = [np.sqrt(shapely.area(table["geometry"].to_numpy()))]
    rectangles = table[table["kind"] == "rectangle"]
    if len(rectangles):
        slope = rectangles["width"] / np.cos(np.radians(rectangles["dip"]))
        sides = [
            part.to_numpy("float64")
            for part, edges in ((slope, ("s1", "s2")), (rectangles["length"], ("s3", "s4")))
            if set(COLUMNS[name]) & set(edges)
        ]
    return -0.1 * depth, 0.4 * min(depth, *(float(np.min(side)) for side in sides))


def _prior(name: str, given: Any, low: float, high: float) -> tuple[float, float]:
    mean, sd = _pair(name, given, "the prior", "mean and standard deviation")
    if not (sd > 0 and np.isfinite(sd)):
        raise ParameterError(f"the prior of {name!r} has the standard deviation {sd:g}: expected "
                             "a positive one.")  # fmt: skip
    if not low <= mean <= high:
        raise ParameterError(
            f"the prior of {name!r} has the mean {mean:g}, beyond its bounds of {low:g} to "
            f"{high:g}: widen bounds={{{name!r}: ...}}."
        )
    return mean, sd


def _check_panels(
    table: pd.DataFrame, free: Free, fixed: Mapping[str, float], limits: Mapping[str, Any]
) -> None:
    """Refuse bounds of offsets between which a panel vanishes or comes to the ground."""
    widest, least = (
        apply_parameters(table, {**fixed, **dict(zip(free.names, ends, strict=True))})
        for ends in (free.low, free.high)
    )
    slope = table["width"] / np.cos(np.radians(table["dip"]))
    remedy = "lower the upper bound of the offsets" if set(limits) else "give bounds of the offsets"
    flat = table["kind"] == "rectangle"
    for side, edges in ((table["length"], ("s3", "s4")), (slope, ("s1", "s2"))):
        gone = flat & (side - least[list(edges)].sum(axis=1) <= 0)
        if gone.any():
            raise ParameterError(
                f"panel {table['name'][gone].iloc[0]!r} is {side[gone].iloc[0]:g} m wide: nothing "
                f"is left of it with {edges[0]} = {least[edges[0]][gone].iloc[0]:g} and {edges[1]} "
                f"= {least[edges[1]][gone].iloc[0]:g} m; {remedy}."
            )
    rise = (slope / 2 - widest["s2"]) * np.sin(np.radians(table["dip"]))
    open_ = flat & (table["depth"] <= rise)
    if open_.any():
        raise ParameterError(
            f"panel {table['name'][open_].iloc[0]!r} comes to the ground with s2 = "
            f"{widest['s2'][open_].iloc[0]:g} m: raise its lower bound."
        )
