"""Repeated mining: ground that has moved before moves more."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import pandas as pd

from mineeco_xr.errors import MineecoWarning, ParameterError
from mineeco_xr.subsidence.checks import OVERLAP
from mineeco_xr.tables import read_table

TIMES = ("first", "second", "third", "later")


def increases(repeated: str | Sequence[float]) -> np.ndarray:
    """Return by how much ``q`` grows at the first, second, third and any later repetition.

    Parameters
    ----------
    repeated : str or sequence of float
        A class of overburden of ``tables/repeated_mining.csv``, or one to four numbers, the last of
        which stands for all later ones.

    Returns
    -------
    ndarray, (4,)
        Shares of ``q``.

    Raises
    ------
    ParameterError
        If the class is unknown or a number is negative.

    Examples
    --------
    >>> increases("medium").tolist(), increases([0.2, 0.1]).tolist()
    ([0.2, 0.1, 0.05, 0.0], [0.2, 0.1, 0.1, 0.1])
    """
    if isinstance(repeated, str):
        table = read_table("repeated_mining").set_index("overburden")
        if repeated not in table.index:
            raise ParameterError(
                f"repeated is {repeated!r}: choose from {table.index.tolist()}, or give the "
                "increases of q as numbers."
            )
        return table.loc[repeated, list(TIMES)].to_numpy("float64")
    values = np.atleast_1d(np.asarray(repeated, dtype="float64"))
    if not 1 <= values.size <= len(TIMES) or not (values >= 0).all():
        raise ParameterError(f"repeated is {repeated}: give one to four numbers from 0 on.")
    return np.pad(values, (0, len(TIMES) - values.size), mode="edge")


def repeat_mining(table: pd.DataFrame, repeated: str | Sequence[float]) -> pd.DataFrame:
    """Return panels whose ``q`` has grown where the ground was mined under before.

    Parameters
    ----------
    table : pandas.DataFrame
        Of :class:`~mineeco_xr.subsidence.panels.Panels`, with ``start``.
    repeated : str or sequence of float
        As for :func:`increases`.

    Returns
    -------
    pandas.DataFrame
        ``q (1 + a f)``: ``f`` is the share of the panel that older panels cover, and ``a`` stands
        for how many of them there are. Never so much that a panel sinks by more than its thickness.

    Raises
    ------
    ParameterError
        If a panel has no date.

    Warns
    -----
    MineecoWarning
        Naming panels whose subsidence was capped at their thickness.
    """
    import shapely

    growth = increases(repeated)
    start = table["start"].fillna(table["end"])
    if start.isna().any():
        raise ParameterError(
            f"panel {table['name'][start.isna()].iloc[0]!r} has no date: repeated mining needs to "
            "know which panel came first. Give start."
        )
    outlines = table["geometry"].to_numpy()
    order = np.argsort(start.to_numpy(), kind="stable")
    rank = np.empty(len(order), dtype=int)
    rank[order] = np.arange(len(order))
    first, second = shapely.STRtree(outlines).query(outlines, predicate="intersects")
    older = rank[first] > rank[second]
    first, second = first[older], second[older]
    common = shapely.intersection(outlines[first], outlines[second])
    counts = shapely.area(common) > OVERLAP * shapely.area(outlines[first])
    q = table["q"].to_numpy("float64").copy()
    for row in np.unique(first[counts]):
        parts = common[counts & (first == row)]
        covered = shapely.area(shapely.union_all(parts)) / shapely.area(outlines[row])
        q[row] *= 1.0 + growth[min(len(parts), len(growth)) - 1] * min(covered, 1.0)
    most = np.maximum(1.0 / np.cos(np.radians(table["dip"])), table["q"])
    capped = q > most
    if capped.any():
        names = ", ".join(map(repr, table["name"][capped].tolist()[:5]))
        warnings.warn(
            f"panels {names} would sink by more than their thickness after repeated mining: capped "
            "at it.",
            MineecoWarning,
            stacklevel=4,
        )
    return table.assign(q=np.minimum(q, most))
