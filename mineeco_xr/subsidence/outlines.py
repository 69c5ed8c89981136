"""Outlines of panels: which are rectangles, and how these lie."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

RIGHT_ANGLE = 1.0
"""Degrees by which a corner may miss the right angle."""
STRAIGHT = 0.5
"""Degrees by which the outline may turn at a point that is no corner."""


class Rectangle(NamedTuple):
    """A rectangle in plan.

    Parameters
    ----------
    x, y : float
        Its middle, m.
    azimuth : float
        Of its long side, degrees clockwise from north, 0 to below 180.
    length, width : float
        Long and short side, m.
    """

    x: float
    y: float
    azimuth: float
    length: float
    width: float


def rectangle_of(outline: Any) -> Rectangle | None:
    """Return the rectangle that a polygon is, or None.

    Parameters
    ----------
    outline : shapely.Polygon
        In metres.

    Returns
    -------
    Rectangle or None
        None with holes, or where there are not four right angles.

    Examples
    --------
    >>> import shapely
    >>> rectangle_of(shapely.box(0, 0, 900, 220))
    Rectangle(x=450.0, y=110.0, azimuth=90.0, length=900.0, width=220.0)
    >>> rectangle_of(shapely.Polygon([(0, 0), (900, 0), (900, 200), (0, 220)])) is None
    True
    """
    import shapely

    if outline.geom_type != "Polygon" or len(outline.interiors):
        return None
    points = shapely.get_coordinates(outline.exterior)[:-1]
    steps = np.roll(points, -1, axis=0) - points
    points = points[np.hypot(*steps.T) > 0]
    if len(points) < 4:
        return None
    steps = np.roll(points, -1, axis=0) - points
    before = np.roll(steps, 1, axis=0)
    cross = before[:, 0] * steps[:, 1] - before[:, 1] * steps[:, 0]
    turn = np.degrees(np.arctan2(cross, (before * steps).sum(axis=1)))
    corner = np.abs(turn) > STRAIGHT
    if corner.sum() != 4 or np.abs(np.abs(turn[corner]) - 90.0).max() > RIGHT_ANGLE:
        return None
    a, b, c, d = points[corner]
    first, second = ((b - a) + (c - d)) / 2, ((c - b) + (d - a)) / 2
    long, short = (first, second) if np.hypot(*first) >= np.hypot(*second) else (second, first)
    x, y = (a + b + c + d) / 4
    azimuth = float(np.degrees(np.arctan2(long[0], long[1])) % 180.0)
    return Rectangle(
        float(x), float(y), azimuth, float(np.hypot(*long)), float(np.hypot(*short))
    )  # fmt: skip


def rectangle_outline(
    x: float, y: float, azimuth: float, length: float, width: float, *, width_azimuth: float
) -> Any:
    """Return a rectangle as a polygon, its ``length`` along ``azimuth``.

    Examples
    --------
    >>> rectangle_outline(0, 0, 90, 40, 20, width_azimuth=0).bounds
    (-20.0, -10.0, 20.0, 10.0)
    """
    import shapely

    middle = np.array([x, y])
    along, across = (
        np.round([np.sin(np.radians(a)), np.cos(np.radians(a))], 15)
        for a in (azimuth, width_azimuth)
    )
    corners = [
        middle + i * along * length / 2 + j * across * width / 2
        for i, j in ((-1, -1), (1, -1), (1, 1), (-1, 1))
    ]
    return shapely.Polygon(corners)


def angle_between(one: float, other: float, *, period: float = 360.0) -> float:
    """Return the angle between two directions, degrees.

    Examples
    --------
    >>> angle_between(350, 5), angle_between(10, 185, period=180)
    (15.0, 5.0)
    """
    return float(abs((one - other + period / 2) % period - period / 2))
