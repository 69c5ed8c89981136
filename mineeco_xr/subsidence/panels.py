"""Panels: what was mined where, how deep, how thick and when, checked and in one form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from mineeco_xr.errors import GridMismatch, SchemaError
from mineeco_xr.subsidence.checks import check_outlines, check_parameters
from mineeco_xr.subsidence.outlines import angle_between, rectangle_of, rectangle_outline
from mineeco_xr.subsidence.panel_table import read_panel_table
from mineeco_xr.subsidence.parameters import fill_parameters

AXIS = 10.0
"""Degrees by which a rectangle's sides may miss the strike before it counts as a polygon."""
FLAT = 0.05
"""Dip in degrees below which a seam is flat."""
PLANE = 0.01
"""Share of the depth by which a corner may be off the seam's plane."""


@dataclass(frozen=True, eq=False)
class Panels:
    """Panels in one form.

    Attributes
    ----------
    table : pandas.DataFrame
        One row a panel: ``name``, ``seam``, ``kind`` (``"rectangle"`` or ``"polygon"``),
        ``geometry`` (as mined, in plan), ``x``, ``y`` (middle of a rectangle), ``azimuth`` (of the
        strike), ``length`` (along it, m), ``width`` (up the dip, in plan, m), ``dip``,
        ``dip_direction``, ``depth`` (of the middle, m), ``thickness`` (m), ``q``, ``tan_beta``,
        ``tan_beta1``, ``tan_beta2`` (lower and upper edge), ``b``, ``theta0``, ``s1`` to ``s4`` (m;
        lower, upper, first and last edge along the strike), ``start``, ``end``, ``forward``
        (whether the face advances along ``azimuth``), and ``corners`` of a polygon that lies in no
        plane, x, y, depth and thickness, else None. Angles in degrees, azimuths clockwise from
        north.
    crs : CRS or None
        Reference system of the coordinates; None for that of the grid.
    """

    table: pd.DataFrame
    crs: Any = None

    def __len__(self) -> int:
        return len(self.table)

    def identity(self) -> list[Any]:
        """Return what tells two sets of panels apart."""
        plain = self.table.drop(columns=["geometry", "corners"])
        outlines = [outline.wkb_hex for outline in self.table["geometry"]]
        return [plain.to_csv(), outlines, [np.asarray(c).tolist() for c in self.table["corners"]]]


def read_panels(source: Any, *, crs: Any = None) -> Panels:
    """Read panels from a table, a file or a GeoDataFrame.

    Parameters
    ----------
    source : GeoDataFrame, DataFrame, str, Path or Panels
        One row a panel, with its place in one of these ways: polygons (a GeoDataFrame, or a vector
        file); ``x``, ``y`` of the middle (or points), ``length`` along the strike, ``width`` in the
        seam's plane and ``azimuth``; corners in columns ``x1, y1, x2, y2, ...``; or corners one a
        row, ``x`` and ``y``, under one ``name``. Corners may each have a depth and a thickness.

        Further columns, case does not matter: ``depth`` (m, of the panel's middle), ``thickness``
        (m; ``thickness_mm`` for millimetres), ``q``, ``tan_beta``, ``b``; ``dip`` and
        ``dip_direction`` (degrees, fitted to the corners' depths where missing; without a
        ``dip_direction`` the seam dips to the right of ``azimuth``), ``theta0`` (default
        ``90 - 0.6 dip``), ``s1`` to ``s4`` or one ``offset`` (m, default 0), ``start`` and ``end``
        (dates or years), ``advance`` (azimuth in which the face moves), ``seam``, ``name``,
        ``overburden`` (``hard``, ``medium`` or ``soft``, for parameters that are not given).
        The usual symbols are known too: ``H``, ``m``, ``alpha``, ``tanb``, ``theta``, ``D1``,
        ``D3``; any column may name its unit, as in ``m (mm)`` or ``H_m``.
    crs : CRS-like, optional
        Projected reference system in metres to bring the panels to; and that of a table's
        coordinates, when it has none of its own.

    Returns
    -------
    Panels
        Checked.

    Raises
    ------
    GridMismatch
        If the coordinates are degrees.
    SchemaError
        If a column that is needed is missing or holds no number or date.
    ParameterError
        If a value is out of its range, an outline crosses itself, or two panels of one seam overlap
        at one time; the message names the panel.

    Notes
    -----
    ``x`` is east and ``y`` is north. Sheets with X to the north, as Chinese geodesy has it, name
    their columns ``northing`` and ``easting``.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({
    ...     "name": ["1301"], "x": [500.0], "y": [800.0], "length": [900], "width": [220],
    ...     "azimuth": [90], "H": [420], "m (mm)": [3500], "q": [0.8], "tanb": [2.0], "b": [0.3],
    ... })
    >>> read_panels(table).table[["kind", "depth", "thickness", "theta0"]].values.tolist()
    [['rectangle', 420.0, 3.5, 90.0]]
    """
    if isinstance(source, Panels):
        if source.crs is None or crs is None:
            return source
        if source.crs == _projected(crs):
            return source
        raise GridMismatch(
            f"the panels are in {source.crs.to_string()}, the grid is in {crs}: read them with "
            "read_panels(..., crs=) of the grid."
        )
    source = panels_from_file(source)
    own = getattr(source, "crs", None) if "geometry" in getattr(source, "columns", ()) else None
    target = None if crs is None else _projected(crs)
    if own is not None and target is not None:
        source = source.to_crs(target)
    elif own is not None:
        target = _projected(own)
    table = read_panel_table(source)
    if table.empty:
        raise SchemaError("the table of panels has no rows: give one a panel.")
    placed = [_placed(row) for _, row in table.iterrows()]
    table = fill_parameters(pd.DataFrame(placed).astype({"forward": bool}))
    check_parameters(table)
    check_outlines(table)
    return Panels(table.drop(columns=["overburden", "advance"]), target)


def panels_from_file(source: Any) -> Any:
    """Read a vector file; a CSV file, and what is no path, is returned as it is."""
    from pathlib import Path

    if isinstance(source, str | Path) and Path(source).suffix.lower() not in (".csv", ".txt", ""):
        from mineeco_xr.cube.vectors import read_vectors

        return read_vectors(source)
    return source


def _projected(crs: Any) -> Any:
    from pyproj import CRS

    found = CRS.from_user_input(getattr(crs, "proj", crs))
    if found.is_geographic or found.axis_info[0].unit_name not in ("metre", "meter", "m"):
        raise GridMismatch(
            f"panels are measured in metres, but {found.name} has {found.axis_info[0].unit_name}s: "
            "bring them to a projected system with to_crs(...), or name one with crs=."
        )
    return found


def _placed(row: pd.Series) -> dict[str, Any]:
    """Return a row with its outline, and its rectangle along the strike where it is one."""
    panel: dict[str, Any] = row.to_dict()
    outline, corners = _outline(panel)
    panel |= {"geometry": outline, "corners": None, "kind": "polygon", "forward": True}
    if corners is not None:
        _from_corners(panel, corners)
    panel["dip"] = 0.0 if np.isnan(panel["dip"]) else panel["dip"]
    rectangle = None if panel["corners"] is not None else rectangle_of(outline)
    if rectangle is not None:
        panel |= {"x": rectangle.x, "y": rectangle.y}
    long = rectangle.azimuth if rectangle is not None else _longest(outline)
    strike = _strike(panel, long)
    advance = strike if np.isnan(panel["advance"]) else panel["advance"]
    if rectangle is not None:
        sides = (rectangle.length, rectangle.width)
        axes = [rectangle.azimuth + turn for turn in (0.0, 90.0, 180.0, 270.0)]
        nearest = int(np.argmin([angle_between(axis, strike) for axis in axes]))
        if angle_between(axes[nearest], strike) <= AXIS:
            strike = axes[nearest] % 360.0
            panel |= {"length": sides[nearest % 2], "width": sides[1 - nearest % 2]}
            panel |= {"kind": "rectangle"}
    right = np.isnan(panel["dip_direction"]) or (
        angle_between(panel["dip_direction"], strike + 90.0) < 90.0
    )
    if panel["kind"] == "rectangle" or np.isnan(panel["dip_direction"]):
        panel["dip_direction"] = (strike + (90.0 if right else -90.0)) % 360.0
    panel |= {"azimuth": strike, "forward": angle_between(advance, strike) <= 90.0}
    return panel


def _strike(panel: dict[str, Any], long: float) -> float:
    """Return the azimuth of the strike: as given, else square to the dip, else the long side."""
    if not np.isnan(panel["azimuth"]):
        return float(panel["azimuth"])
    if panel["dip"] < FLAT:
        return long if np.isnan(panel["advance"]) else float(panel["advance"])
    if np.isnan(panel["dip_direction"]):
        raise SchemaError(
            f"panel {panel['name']!r} dips by {panel['dip']:g} degrees, but not where to: give "
            "dip_direction, or azimuth with the dip on its right."
        )
    return float(panel["dip_direction"]) - 90.0


def _outline(panel: dict[str, Any]) -> tuple[Any, np.ndarray | None]:
    import shapely

    geometry, corners = panel["geometry"], panel["corners"]
    if corners is not None:
        if len(corners) < 3:
            raise SchemaError(f"panel {panel['name']!r} has {len(corners)} corners; expected 3 on.")
        return shapely.Polygon(corners[:, :2]), corners
    if geometry is not None and geometry.geom_type == "Point":
        panel |= {"x": geometry.x, "y": geometry.y}
    elif geometry is not None:
        if geometry.geom_type == "MultiPolygon" and len(geometry.geoms) == 1:
            return geometry.geoms[0], None
        if geometry.geom_type != "Polygon" or geometry.is_empty:
            raise SchemaError(
                f"panel {panel['name']!r} is a {geometry.geom_type}; expected one polygon. Call "
                "explode() to give each part a row of its own."
            )
        return geometry, None
    if panel["dip"] > FLAT and np.isnan(panel["azimuth"]):
        panel["azimuth"] = _strike(panel, np.nan)
    lacking = [n for n in ("x", "y", "length", "width", "azimuth") if np.isnan(panel[n])]
    if lacking:
        raise SchemaError(
            f"panel {panel['name']!r} lacks {lacking}: give a polygon, corners, or the middle with "
            "length, width and azimuth."
        )
    dip = 0.0 if np.isnan(panel["dip"]) else panel["dip"]
    plan = panel["width"] * float(np.cos(np.radians(dip)))
    x, y, azimuth, length = (float(panel[n]) for n in ("x", "y", "azimuth", "length"))
    return rectangle_outline(x, y, azimuth, length, plan, width_azimuth=azimuth + 90.0), None


def _from_corners(panel: dict[str, Any], corners: np.ndarray) -> None:
    """Take depth, thickness and dip from the corners where they say it."""
    from mineeco_xr.subsidence.polygons import edges_of
    from mineeco_xr.subsidence.units import seam_plane

    depth, thickness = corners[:, 2], corners[:, 3]
    if np.isfinite(thickness).all():
        panel["thickness"] = float(thickness.mean())
    if not np.isfinite(depth).all():
        return
    dip, direction, off = seam_plane([corners[:, :2]], [depth])
    edges = edges_of([corners[:, :2]])
    middle = edges[:, :2].mean(axis=0)
    centroid = panel["geometry"].centroid
    slope = np.tan(np.radians(dip)) * np.array(
        [np.sin(np.radians(direction)), np.cos(np.radians(direction))]
    )
    panel["depth"] = float(depth.mean() + (np.array([centroid.x, centroid.y]) - middle) @ slope)
    if np.isnan(panel["dip"]) and dip >= FLAT:
        panel |= {"dip": dip, "dip_direction": direction}
    uneven = np.isfinite(thickness).all() and np.ptp(thickness) > PLANE * thickness.mean()
    if off > PLANE * depth.mean() or uneven:
        panel["corners"] = corners


def _longest(outline: Any) -> float:
    """Return the azimuth of the long side of the least rectangle around an outline."""
    rectangle = rectangle_of(outline.minimum_rotated_rectangle)
    return 0.0 if rectangle is None else rectangle.azimuth
