"""Engine B where depth, thickness or dip make the radius vary: panels cut into units."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mineeco_xr.errors import ParameterError
from mineeco_xr.subsidence.polygons import TOLERANCE, Pieces, Rings, edges_of

Corners = float | Sequence[np.ndarray]
"""One number for a polygon, or one a corner, ring by ring as its corners stand."""


def unit_pieces(
    polygons: Sequence[Rings],
    depth: Sequence[Corners],
    thickness: Sequence[Corners],
    *,
    q: np.ndarray | float,
    tan_beta: np.ndarray | float,
    b: np.ndarray | float = 0.3,
    dip: np.ndarray | float = 0.0,
    dip_direction: np.ndarray | float = 0.0,
    theta0: np.ndarray | float = 90.0,
    names: Sequence[str] | None = None,
    tolerance: float = TOLERANCE,
) -> Pieces:
    """Prepare polygons whose influence radius varies from place to place.

    Parameters
    ----------
    polygons : sequence of sequence of ndarray
        Rings of each piece of the seam in map coordinates, m, as mined (in plan).
    depth : sequence of float or of sequences of ndarray
        Depth of the seam, m: of the centroid of the polygon, from where it follows the dip, or at
        each corner, between which it is interpolated by mean values.
    thickness : sequence of float or of sequences of ndarray
        Mined thickness ``m`` across the seam, m.
    q, tan_beta, b : float or ndarray, (pieces,)
        ``q``, the tangent of the main influence angle, and ``b``.
    dip : float or ndarray, (pieces,)
        ``alpha``, degrees from the horizontal, at least 0 and below 90.
    dip_direction : float or ndarray, (pieces,)
        Where the seam goes down, degrees clockwise from north.
    theta0 : float or ndarray, (pieces,)
        ``theta0``, degrees; the influence of a unit is shifted by ``H cot(theta0)`` down the dip.
    names : sequence of str, optional
        Of the pieces, for messages.
    tolerance : float
        Largest remainder of the quadrature of one part of a line, as a share of the largest
        subsidence.

    Returns
    -------
    Pieces
        For :func:`~mineeco_xr.subsidence.polygons.subside_block`.

    Raises
    ------
    ParameterError
        If the depth is not positive everywhere, or corners and their values differ in number.

    Notes
    -----
    Each unit has its radius ``r = H / tan(beta)``, acts ``H cot(theta0)`` down the dip, and weighs
    its plan area times ``m q cos(alpha)`` and ``sin(theta0 + alpha) / (sin(theta0) cos(alpha))``,
    by which the shift stretches the plan. Units are Gauss-Legendre nodes along lines through the
    polygon, as dense as the tolerance asks for with the least radius; more of them change nothing.

    Examples
    --------
    >>> square = np.array([[0.0, 0.0], [600.0, 0.0], [600.0, 600.0], [0.0, 600.0]])
    >>> corners = np.array([300.0, 300.0, 400.0, 400.0])
    >>> mined = unit_pieces([[square]], [[corners]], [3.0], q=0.8, tan_beta=2.0)
    >>> from mineeco_xr.subsidence.polygons import subside_block
    >>> edges = subside_block(mined, np.array([0.0, 600.0]), np.array([300.0]), ("W",))[0, 0]
    >>> bool(edges[0, 0] > 1.2 > edges[1, 0])
    True
    """
    count = len(polygons)
    parameters = [
        np.broadcast_to(np.asarray(value, dtype=np.float64), (count,))
        for value in (q, tan_beta, b, dip, dip_direction, theta0)
    ]
    factor, tangent, moved, _, _, _ = parameters
    alpha, azimuth, theta = (np.radians(value) for value in parameters[3:])
    down = np.column_stack([np.sin(azimuth), np.cos(azimuth)])
    cot = np.cos(theta) / np.sin(theta)
    stretch = np.sin(theta + alpha) / (np.sin(theta) * np.cos(alpha))
    parts = []
    for p, rings in enumerate(polygons):
        slope = np.tan(alpha[p]) * down[p]
        label = repr(names[p]) if names is not None else f"number {p}"
        place, area, height, seam = _units(
            rings, depth[p], thickness[p], slope, tangent[p] * stretch[p], label, tolerance
        )
        place = place + (height * cot[p])[:, None] * down[p]
        volume = area * stretch[p] * seam * factor[p] * np.cos(alpha[p])
        parts.append((place, height / tangent[p], volume, np.full(area.size, p)))
    place, radius, volume, piece = (
        np.concatenate([part[i] for part in parts]) if parts else np.empty((0, 2) if i == 0 else 0)
        for i in range(4)
    )
    return pieces_of_units(place, radius, volume, piece, moved, -cot[:, None] * down)


def pieces_of_units(
    place: np.ndarray,
    radius: np.ndarray,
    volume: np.ndarray,
    piece: np.ndarray,
    b: np.ndarray,
    lean: np.ndarray,
) -> Pieces:
    """Prepare units that are known one by one, such as those of a table.

    Parameters
    ----------
    place : ndarray of float64, (k, 2)
        Where each acts at the surface, m.
    radius : ndarray of float64, (k,)
        Main influence radius of each, m.
    volume : ndarray of float64, (k,)
        Of the subsidence that each causes, m3: plan area times ``m q cos(alpha)``.
    piece : ndarray of int64, (k,)
        To which piece each belongs, from 0.
    b : ndarray of float64, (pieces,)
        Horizontal movement coefficient ``b``.
    lean : ndarray of float64, (pieces, 2)
        ``cot(theta0)`` up the dip.

    Returns
    -------
    Pieces
        For :func:`~mineeco_xr.subsidence.polygons.subside_block`.
    """
    from mineeco_xr.kernels.subsidence_units import BASES, unit_nodes

    nodes = unit_nodes(place[:, 0], place[:, 1], radius, volume, piece)
    return Pieces(nodes, BASES, np.ones(len(b)), np.asarray(b), np.asarray(lean))


def seam_plane(rings: Rings, depth: Sequence[np.ndarray]) -> tuple[float, float, float]:
    """Fit a plane to the depths of a polygon's corners.

    Parameters
    ----------
    rings : sequence of ndarray, (n, 2)
        Corners, m.
    depth : sequence of ndarray, (n,)
        Their depth, m.

    Returns
    -------
    tuple of float
        Dip (degrees), dip direction (degrees clockwise from north), and the largest distance of a
        corner from the plane, m.

    Examples
    --------
    >>> square = np.array([[0.0, 0.0], [100.0, 0.0], [100.0, 100.0], [0.0, 100.0]])
    >>> dip, direction, off = seam_plane([square], [np.array([300.0, 310.0, 310.0, 300.0])])
    >>> round(dip, 2), round(direction, 2), round(off, 9)
    (5.71, 90.0, 0.0)
    """
    corners, depths = np.concatenate(list(rings)), np.concatenate(list(depth))
    centred = np.column_stack([corners - corners.mean(axis=0), np.ones(len(corners))])
    plane, *_ = np.linalg.lstsq(centred, depths, rcond=None)
    dip = float(np.degrees(np.arctan(np.hypot(plane[0], plane[1]))))
    direction = float(np.degrees(np.arctan2(plane[0], plane[1])) % 360.0)
    return dip, direction, float(np.abs(centred @ plane - depths).max())


def _units(
    rings: Rings,
    depth: Corners,
    thickness: Corners,
    slope: np.ndarray,
    tangent: float,
    label: str,
    tolerance: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return the units of one polygon: places, areas, depths and thicknesses."""
    from mineeco_xr.kernels.subsidence_units import area_nodes

    edges = edges_of(rings)
    centroid = _centroid(edges)
    at_corners = _depth_at(edges[:, :2], edges, rings, depth, slope, centroid, label)
    least = float(at_corners.min())
    if not least > 0:
        raise ParameterError(
            f"panel {label} has a depth of {least:g} m at a corner; expected more than 0 m "
            "everywhere. Correct the depth, or the dip and its direction."
        )
    x, y, area = area_nodes(edges, least / tangent, tolerance)
    place = np.column_stack([x, y])
    height = _depth_at(place, edges, rings, depth, slope, centroid, label)
    seam = (
        np.full(area.size, float(thickness))
        if isinstance(thickness, int | float | np.number)
        else _interpolated(place, edges, rings, thickness, "thickness", label)
    )
    return place, area, height, seam


def _depth_at(
    place: np.ndarray,
    edges: np.ndarray,
    rings: Rings,
    depth: Corners,
    slope: np.ndarray,
    centroid: np.ndarray,
    label: str,
) -> np.ndarray:
    if isinstance(depth, int | float | np.number):
        return np.asarray(depth + (place - centroid) @ slope)
    return _interpolated(place, edges, rings, depth, "depth", label)


def _interpolated(
    place: np.ndarray,
    edges: np.ndarray,
    rings: Rings,
    values: Sequence[np.ndarray],
    what: str,
    label: str,
) -> np.ndarray:
    """Interpolate values at corners, which are first put in the order of the edges."""
    from mineeco_xr.kernels.subsidence_units import mean_value_interpolation

    if [len(v) for v in values] != [len(ring) for ring in rings]:
        raise ParameterError(
            f"panel {label} has rings of {[len(ring) for ring in rings]} corners and {what} at "
            f"{[len(v) for v in values]}; give one number a corner, or one for the panel."
        )
    known = {
        tuple(corner): float(value)
        for ring, own in zip(rings, values, strict=True)
        for corner, value in zip(np.asarray(ring, dtype=np.float64).tolist(), own, strict=True)
    }
    ordered = np.array([[known[tuple(corner)]] for corner in edges[:, :2].tolist()])
    between = mean_value_interpolation(place, edges, ordered)[:, 0]
    # Weights may be negative in the bays of a concave outline, and overshoot.
    return np.clip(between, ordered.min(), ordered.max())


def _centroid(edges: np.ndarray) -> np.ndarray:
    origin = edges[0, :2]
    a, b = edges[:, :2] - origin, edges[:, 2:] - origin
    cross = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
    return np.asarray(origin + ((a + b) * cross[:, None]).sum(axis=0) / (3.0 * cross.sum()))
