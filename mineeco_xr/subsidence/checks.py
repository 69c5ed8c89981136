"""What panels must be, checked before anything is computed; messages name the panel."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mineeco_xr.errors import MineecoWarning, ParameterError, SchemaError

if TYPE_CHECKING:
    from mineeco_xr.subsidence.panels import Panels

STEEP = 45.0
"""Dip in degrees above which the method is used beyond its ground."""
OVERLAP = 0.01
"""Share of the smaller of two panels that an overlap must exceed to be one."""
RANGES = {
    "depth": (0.0, np.inf, "m below the ground; give it as a positive number"),
    "thickness": (0.0, np.inf, "m; give the mined thickness as a positive number"),
    "q": (0.0, 1.2, "; the subsidence factor is a share of the mined thickness"),
    "tan_beta": (0.0, np.inf, "; usual are 1.2 to 3.5"),
    "tan_beta1": (0.0, np.inf, "; usual are 1.2 to 3.5"),
    "tan_beta2": (0.0, np.inf, "; usual are 1.2 to 3.5"),
    "theta0": (0.0, 90.0, "degrees"),
}
"""Above the first, up to the second."""


def check_parameters(table: pd.DataFrame) -> None:
    """Check names, numbers and dates of panels.

    Raises
    ------
    SchemaError
        If a name stands twice or a number is missing.
    ParameterError
        If a number is out of its range or the dates are reversed.
    """
    twice = table["name"][table["name"].duplicated()]
    if len(twice):
        raise SchemaError(f"panel {twice.iloc[0]!r} stands twice: give each a name of its own.")
    for column, (low, high, hint) in RANGES.items():
        values = table[column]
        if values.isna().any():
            remedy = " or overburden" if column in ("q", "tan_beta") else ""
            raise SchemaError(
                f"panel {table['name'][values.isna()].iloc[0]!r} has no {column}: add a column "
                f"{column!r}{remedy}."
            )
        _refuse(table, column, ~((values > low) & (values <= high) & np.isfinite(values)),
                f"expected above {low:g}" + (f", up to {high:g}" if high < np.inf else "")
                + f" {hint}".replace(" ;", ";"))  # fmt: skip
    _refuse(table, "dip", ~((table["dip"] >= 0) & (table["dip"] < 90)), "expected 0 to 90 degrees")
    _refuse(table, "b", (table["b"] < 0) | (table["b"] > 1), "expected 0 to 1")
    early = table["end"] < table["start"]
    if early.any():
        row = table[early].iloc[0]
        raise ParameterError(
            f"panel {row['name']!r} ends on {row['end']:%Y-%m-%d}, before it starts on "
            f"{row['start']:%Y-%m-%d}: exchange the dates."
        )
    _say(table, table["q"] > 1, "q above 1: the ground sinks by more than was mined, as thick "
         "loose layers have it")  # fmt: skip
    _say(table, table["dip"] > STEEP, f"a dip above {STEEP:g} degrees, for which the method is "
         "not made")  # fmt: skip
    _check_lengths(table)


def _check_lengths(table: pd.DataFrame) -> None:
    sides = table["kind"] == "rectangle"
    slope = table["width"] / np.cos(np.radians(table["dip"]))
    left = np.minimum(
        table["length"] - table["s3"] - table["s4"], slope - table["s1"] - table["s2"]
    )
    _refuse(table, "length", sides & ~(left > 0), "nothing is left between the inflection "
            "offsets s1 to s4; expected a panel wider than their sum")  # fmt: skip
    rise = slope / 2 * np.sin(np.radians(table["dip"]))
    _refuse(table, "depth", sides & ~(table["depth"] > rise), "the seam comes to the ground at "
            "its upper edge; correct the depth or the dip")  # fmt: skip
    uneven = table[["s1", "s2", "s3", "s4"]].nunique(axis=1) > 1
    _refuse(table, "s1", ~sides & uneven, "it differs from s2, s3 or s4, but the panel is no "
            "rectangle along the strike; expected one offset for all edges")  # fmt: skip


def _refuse(table: pd.DataFrame, column: str, wrong: pd.Series, expected: str) -> None:
    if wrong.any():
        row = table[wrong].iloc[0]
        raise ParameterError(f"panel {row['name']!r} has {column} = {row[column]:g}: {expected}.")


def _say(table: pd.DataFrame, which: pd.Series, what: str) -> None:
    if which.any():
        names = table["name"][which].tolist()
        listed = ", ".join(map(repr, names[:5])) + (", ..." if len(names) > 5 else "")
        warnings.warn(f"panels {listed} have {what}.", MineecoWarning, stacklevel=5)


def check_outlines(table: pd.DataFrame) -> None:
    """Refuse outlines that cross themselves, and overlaps in one seam at one time.

    Raises
    ------
    ParameterError
        Naming the panel, or both.
    """
    import shapely

    outlines = table["geometry"].to_numpy()
    for name, outline in zip(table["name"], outlines, strict=True):
        if not outline.is_valid or outline.area == 0:
            reason = shapely.is_valid_reason(outline) if outline.area else "no area"
            raise ParameterError(
                f"the outline of panel {name!r} crosses itself or is empty ({reason}): correct the "
                "order of its corners, or repair it with make_valid()."
            )
    first, second = shapely.STRtree(outlines).query(outlines, predicate="intersects")
    seam = table["seam"].fillna("").to_numpy()
    start = table["start"].fillna(table["end"]).to_numpy("datetime64[ns]")
    end = table["end"].fillna(table["start"]).to_numpy("datetime64[ns]")
    undated = np.isnat(start)
    keep = (first < second) & (seam[first] == seam[second])
    first, second = first[keep], second[keep]
    together = (start[first] <= end[second]) & (start[second] <= end[first])
    both = together | undated[first] | undated[second]
    first, second = first[both], second[both]
    area = shapely.area(shapely.intersection(outlines[first], outlines[second]))
    least = np.minimum(shapely.area(outlines[first]), shapely.area(outlines[second]))
    wrong = np.flatnonzero(area > OVERLAP * least)
    if wrong.size:
        a, b = table["name"].iloc[[first[wrong[0]], second[wrong[0]]]]
        raise ParameterError(
            f"panels {a!r} and {b!r} overlap by {area[wrong[0]]:.0f} m2 in one seam at one time: "
            "correct an outline, name the seams in a column 'seam', or give start and end."
        )


def check_reach(panels: Panels, grid: Any, cutoff: float, outside: str) -> Panels:
    """Refuse, or leave out, panels that do not reach the grid.

    Parameters
    ----------
    panels : Panels
        In the grid's reference system.
    grid : odc.geo.geobox.GeoBox
        The grid.
    cutoff : float
        Influence radii that a panel reaches.
    outside : {"raise", "ignore"}
        What to do.

    Returns
    -------
    Panels
        Those that reach it.

    Raises
    ------
    ParameterError
        Naming the first of those that do not.
    """
    import shapely

    from mineeco_xr.subsidence.panels import Panels

    table = panels.table
    tangent = table[["tan_beta", "tan_beta1", "tan_beta2"]].min(axis=1)
    width = np.sqrt(shapely.area(shapely.minimum_rotated_rectangle(table["geometry"].to_numpy())))
    deepest = table["depth"] + width * np.tan(np.radians(table["dip"]))
    shift = deepest / np.tan(np.radians(table["theta0"]))
    reach = (cutoff * deepest / tangent + shift).to_numpy()
    apart = shapely.distance(table["geometry"].to_numpy(), shapely.box(*grid.boundingbox.bbox))
    away = apart > reach
    if not away.any() or outside == "ignore":
        return Panels(table[~away].reset_index(drop=True), panels.crs)
    at = int(np.flatnonzero(away)[0])
    raise ParameterError(
        f"panel {table['name'].iloc[at]!r} lies {apart[at]:.0f} m outside the grid and reaches "
        f"{reach[at]:.0f} m: check the order of its coordinates (x is east, y is north) and its "
        "reference system, or pass outside='ignore'."
    )
