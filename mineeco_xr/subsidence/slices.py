"""Panels as polygons, cut into slices by the advance of the face."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from mineeco_xr.errors import ParameterError
from mineeco_xr.subsidence.polygons import TOLERANCE, Pieces, polygon_pieces
from mineeco_xr.subsidence.units import unit_pieces

LONGEST = 0.5
"""Influence radii that a slice may be long."""
MOST = 64
"""Slices of one panel, unless more are asked for."""


def slice_counts(table: pd.DataFrame, slices: int | str) -> np.ndarray:
    """Return how many slices to cut each panel into.

    Parameters
    ----------
    table : pandas.DataFrame
        Of :class:`~mineeco_xr.subsidence.panels.Panels`.
    slices : int or "auto"
        A number for all, or so many that a slice is at most half an influence radius long, up to
        64; a panel mined in one day is not cut.

    Returns
    -------
    ndarray of int

    Raises
    ------
    ParameterError
        If it is neither.
    """
    if slices == "auto":
        radius = table["depth"] / table["tan_beta"]
        wanted = np.ceil(_advance(table) / (LONGEST * radius))
        counts = np.clip(wanted, 1, MOST).to_numpy("int64")
    elif isinstance(slices, int | np.integer) and slices >= 1:
        counts = np.full(len(table), int(slices))
    else:
        raise ParameterError(f"slices is {slices!r}: give a number from 1 on, or 'auto'.")
    instant = ~(table["end"] > table["start"]).to_numpy()
    counts[instant | table["corners"].notna().to_numpy()] = 1
    return counts


def _advance(table: pd.DataFrame) -> pd.Series:
    """Return how far the face of each panel advances, m."""
    import shapely

    lengths = table["length"].to_numpy("float64").copy()
    for row in np.flatnonzero((table["kind"] == "polygon").to_numpy()):
        along = _rotated(table["geometry"].iloc[row], table["azimuth"].iloc[row])
        west, _, east, _ = shapely.bounds(along)
        lengths[row] = east - west
    return pd.Series(lengths, index=table.index)


def polygon_slices(
    table: pd.DataFrame, slices: np.ndarray, tolerance: float = TOLERANCE
) -> list[tuple[Pieces, np.ndarray, np.ndarray]]:
    """Prepare panels that are no rectangles.

    Parameters
    ----------
    table : pandas.DataFrame
        Polygons of :class:`~mineeco_xr.subsidence.panels.Panels`.
    slices : ndarray of int
        Slices of each.
    tolerance : float
        Largest error of the quadrature, as a share of the greatest subsidence.

    Returns
    -------
    list of tuple
        Flat panels and inclined or uneven ones apart: pieces for
        :func:`~mineeco_xr.subsidence.polygons.subside_block`, the row of each piece's panel, and
        begin and end of its mining as shares of its panel's.
    """
    uneven = (table["dip"].to_numpy() > 0) | table["corners"].notna().to_numpy()
    engines = []
    for which, prepare in ((~uneven, _flat_pieces), (uneven, _uneven_pieces)):
        cut = [
            (row, outline, share)
            for row in np.flatnonzero(which)
            for outline, share in _slices_of(table.iloc[row], int(slices[row]))
        ]
        if cut:
            rows = np.array([row for row, _, _ in cut])
            shares = np.array([share for _, _, share in cut])
            panels = table.iloc[rows]
            outlines = [outline for _, outline, _ in cut]
            engines.append((prepare(panels, outlines, tolerance), rows, shares))
    return engines


def _slices_of(panel: pd.Series, count: int) -> list[tuple[Any, tuple[float, float]]]:
    import shapely

    outline = panel["geometry"]
    if panel["s1"] != 0 and panel["corners"] is None:
        outline = outline.buffer(-panel["s1"], join_style="mitre", mitre_limit=10.0)
        if outline.is_empty:
            raise ParameterError(
                f"panel {panel['name']!r}: nothing is left within the inflection offset of "
                f"{panel['s1']:g} m; expected a smaller one."
            )
    if count == 1:
        return [(part, (0.0, 1.0)) for part in shapely.get_parts(outline)]
    along = _rotated(outline, panel["azimuth"])
    west, south, east, north = along.bounds
    cuts = np.linspace(west, east, count + 1)
    pieces = []
    for number in range(count):
        share = (number if panel["forward"] else count - 1 - number) / count
        part = shapely.intersection(
            along, shapely.box(cuts[number], south, cuts[number + 1], north)
        )
        pieces += [
            (_rotated(polygon, panel["azimuth"], back=True), (share, share + 1 / count))
            for polygon in shapely.get_parts(part)
            if polygon.geom_type == "Polygon" and polygon.area > 0
        ]
    return pieces


def _rotated(outline: Any, azimuth: float, *, back: bool = False) -> Any:
    """Turn an outline so that an azimuth points to the east, or back."""
    import shapely

    angle = np.radians(azimuth)
    turn = np.array([[np.sin(angle), -np.cos(angle)], [np.cos(angle), np.sin(angle)]])
    return shapely.transform(outline, lambda xy: xy @ (turn.T if back else turn))


def _rings(outline: Any) -> list[np.ndarray]:
    import shapely

    return [shapely.get_coordinates(ring)[:-1] for ring in (outline.exterior, *outline.interiors)]


def _flat_pieces(panels: pd.DataFrame, outlines: list[Any], tolerance: float) -> Pieces:
    return polygon_pieces(
        [_rings(outline) for outline in outlines],
        (panels["depth"] / panels["tan_beta"]).to_numpy("float64"),
        (panels["thickness"] * panels["q"]).to_numpy("float64"),
        panels["b"].fillna(0.0).to_numpy("float64"),
        tolerance=tolerance,
    )


def _uneven_pieces(panels: pd.DataFrame, outlines: list[Any], tolerance: float) -> Pieces:
    depth: list[Any] = []
    thickness: list[Any] = []
    for (_, panel), outline in zip(panels.iterrows(), outlines, strict=True):
        corners = panel["corners"]
        if corners is None:
            angle = np.radians(panel["dip_direction"])
            down = np.tan(np.radians(panel["dip"])) * np.array([np.sin(angle), np.cos(angle)])
            whole, part = panel["geometry"].centroid, outline.centroid
            depth.append(panel["depth"] + down @ (part.x - whole.x, part.y - whole.y))
            thickness.append(panel["thickness"])
        else:
            depth.append([corners[:, 2]] if np.isfinite(corners[:, 2]).all() else panel["depth"])
            even = not np.isfinite(corners[:, 3]).all()
            thickness.append(panel["thickness"] if even else [corners[:, 3]])
    return unit_pieces(
        [_rings(outline) for outline in outlines],
        depth,
        thickness,
        q=panels["q"].to_numpy("float64"),
        tan_beta=panels["tan_beta"].to_numpy("float64"),
        b=panels["b"].fillna(0.0).to_numpy("float64"),
        dip=panels["dip"].to_numpy("float64"),
        dip_direction=panels["dip_direction"].to_numpy("float64"),
        theta0=panels["theta0"].to_numpy("float64"),
        names=panels["name"].tolist(),
        tolerance=tolerance,
    )
