"""Parameters of the probability integral method that a class of overburden stands for."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mineeco_xr.errors import ParameterError
from mineeco_xr.tables import read_table

PROPAGATION = 0.6
"""``k`` of ``theta0 = 90 - k alpha`` where no ``theta0``, ``k`` or overburden is given."""


def overburden_parameters(overburden: str) -> dict[str, float]:
    """Return the middle of each range of a class of overburden.

    Parameters
    ----------
    overburden : {"hard", "medium", "soft"}
        Uniaxial strength above 60 MPa, 30 to 60 MPa, or less.

    Returns
    -------
    dict of str to float
        ``q``, ``b``, ``tan_beta``, ``offset_ratio`` (inflection offset over depth) and ``k`` (of
        ``theta0 = 90 - k alpha``).

    Raises
    ------
    ParameterError
        If the class is unknown.

    Notes
    -----
    ``tables/overburden_classes.csv``; measured parameters of the mine are always better.

    Examples
    --------
    >>> overburden_parameters("medium")["tan_beta"]
    2.16
    """
    table = read_table("overburden_classes").set_index("overburden")
    name = str(overburden).strip().lower()
    if name not in table.index:
        raise ParameterError(
            f"overburden is {overburden!r}: choose from {table.index.tolist()}, or give q, b and "
            "tan_beta themselves."
        )
    row = table.loc[name]
    names = {"q": "q", "b": "b", "tan_beta": "tan_beta", "offset": "offset_ratio", "k": "k"}
    return {
        new: round(float(row[f"{old}_min"] + row[f"{old}_max"]) / 2, 12)
        for old, new in names.items()
    }


def fill_parameters(table: pd.DataFrame) -> pd.DataFrame:
    """Fill missing ``q``, ``b``, ``tan_beta``, offsets and ``theta0`` of a table of panels.

    Parameters
    ----------
    table : pandas.DataFrame
        With the columns of :class:`~mineeco_xr.subsidence.panels.Panels`, NaN where not given, and
        perhaps ``overburden``, ``k``, ``offset`` and ``offset_ratio``.

    Returns
    -------
    pandas.DataFrame
        ``q``, ``b`` and ``tan_beta`` stay NaN where there is no overburden either.
    """
    filled = table.copy()
    for name in ("k", "offset", "offset_ratio"):
        if name not in filled:
            filled[name] = np.nan
    given = filled["overburden"].dropna().unique() if "overburden" in filled else []
    for overburden in given:
        rows = filled["overburden"] == overburden
        values = overburden_parameters(overburden)
        if filled.loc[rows, ["offset", "s1", "s2", "s3", "s4"]].notna().any(axis=None):
            # An offset that is given stands for all edges that lack one.
            values.pop("offset_ratio")
        for name, value in values.items():
            filled.loc[rows, name] = filled.loc[rows, name].fillna(value)
    filled["offset"] = filled["offset"].fillna(filled["offset_ratio"] * filled["depth"]).fillna(0.0)
    for name in ("s1", "s2", "s3", "s4"):
        filled[name] = filled[name].fillna(filled["offset"])
    for name in ("tan_beta1", "tan_beta2"):
        filled[name] = filled[name].fillna(filled["tan_beta"])
    k = filled["k"].fillna(PROPAGATION)
    filled["theta0"] = filled["theta0"].fillna(90.0 - k * filled["dip"])
    return filled.drop(columns=["k", "offset", "offset_ratio"])
