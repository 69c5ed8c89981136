"""Engine B: mined polygons on the cells of a block, prepared once and summed block by block."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from mineeco_xr.kernels.influence_sum import Nodes

COMPONENTS = ("W", "ix", "iy", "Kx", "Ky", "Kxy", "Ux", "Uy", "ex", "ey", "exy")
"""Subsidence, tilt, curvature, horizontal displacement and strain along the map's axes."""

CUTOFF = 2.2
"""Influence radii beyond which a panel is passed over: 1.7e-8 of its largest subsidence an edge."""

TOLERANCE = 1e-8
"""Of the quadrature of one part of an edge, as a share of the largest subsidence."""

Rings = Sequence[np.ndarray]
"""Corners of a polygon, ``(n, 2)`` each: its outline and then its holes, in any direction."""


@dataclass(frozen=True)
class Pieces:
    """Pieces of mining, ready to be summed: what a block needs, and nothing of the map.

    Parameters
    ----------
    nodes : Nodes
        Their quadrature nodes.
    bases : dict of str to tuple
        What each sum over the nodes takes.
    maximum : ndarray of float64, (pieces,)
        What the sums are multiplied by: the largest subsidence, m, where nodes have no size.
    movement : ndarray of float64, (pieces,)
        ``b r``, m, or ``b`` where the nodes carry their radius.
    lean : ndarray of float64, (pieces, 2)
        ``cot(theta0)`` times the unit vector up the dip, ``x`` and ``y``.
    """

    nodes: Nodes
    bases: dict[str, tuple[int, int, int]]
    maximum: np.ndarray
    movement: np.ndarray
    lean: np.ndarray


def polygon_pieces(
    polygons: Sequence[Rings],
    radius: np.ndarray | float,
    maximum: np.ndarray | float,
    b: np.ndarray | float = 0.3,
    *,
    lean: np.ndarray | None = None,
    tolerance: float = TOLERANCE,
) -> Pieces:
    """Prepare polygons of one influence radius each.

    Parameters
    ----------
    polygons : sequence of sequence of ndarray
        Rings of each piece in map coordinates, m, where it acts at the surface.
    radius : float or ndarray, (pieces,)
        Main influence radius ``r``, m.
    maximum : float or ndarray, (pieces,)
        Largest subsidence ``m q cos(alpha)``, m.
    b : float or ndarray, (pieces,)
        Horizontal movement coefficient.
    lean : ndarray, (pieces, 2), optional
        ``cot(theta0)`` up the dip; default none, a flat seam.
    tolerance : float
        Largest remainder of the quadrature of a part of an edge, as a share of ``maximum``; each
        decade costs some 6 % more nodes.

    Returns
    -------
    Pieces
        For :func:`subside_block`.

    Notes
    -----
    Tilt, curvature, displacement and strain converge with the subsidence: within 30 times the
    tolerance of their own scale, ``maximum / r`` and ``maximum / r^2``.

    Examples
    --------
    >>> square = np.array([[0.0, 0.0], [2000.0, 0.0], [2000.0, 2000.0], [0.0, 2000.0]])
    >>> mined = polygon_pieces([[square]], radius=200.0, maximum=4.0)
    >>> middle_and_edge = np.array([1000.0, 2000.0])
    >>> subside_block(mined, middle_and_edge, middle_and_edge)[0, 0].round(6)
    array([[4., 2.],
           [2., 1.]], dtype=float32)
    """
    from mineeco_xr.kernels.subsidence_polygon import BASES, boundary_nodes

    count = len(polygons)
    radii = _per_piece(radius, count)
    edges = [edges_of(rings) for rings in polygons]
    panel = np.repeat(np.arange(count), [len(part) for part in edges])
    nodes = boundary_nodes(
        np.concatenate(edges) if edges else np.empty((0, 4)), panel, radii, tolerance
    )
    leans = np.zeros((count, 2)) if lean is None else np.asarray(lean, dtype=np.float64)
    return Pieces(nodes, BASES, _per_piece(maximum, count), _per_piece(b, count) * radii, leans)


def edges_of(rings: Rings) -> np.ndarray:
    """Return the edges of a polygon, its outline anticlockwise and its holes clockwise."""
    from mineeco_xr.kernels.subsidence_polygon import ring_edges

    return np.concatenate([ring_edges(ring, hole=i > 0) for i, ring in enumerate(rings)])


def subside_block(
    pieces: Pieces,
    y: np.ndarray,
    x: np.ndarray,
    components: Sequence[str] = ("W",),
    time_factors: np.ndarray | None = None,
    *,
    cutoff: float = CUTOFF,
    dtype: str = "float32",
) -> np.ndarray:
    """Return what pieces of mining do to the cells of a block.

    Parameters
    ----------
    pieces : Pieces
        As :func:`polygon_pieces` or :func:`~mineeco_xr.subsidence.units.unit_pieces` made them;
        those out of reach cost nothing.
    y, x : ndarray of float64, (ny,) and (nx,)
        Coordinates of the cells' centres, m, ascending or descending.
    components : sequence of str
        Among ``COMPONENTS``, along the map's axes: ``W`` (m), ``ix`` and ``iy`` (m/m), ``Kx``,
        ``Ky`` and ``Kxy`` (1/m), ``Ux`` and ``Uy`` (m, toward the goaf), ``ex``, ``ey`` (m/m) and
        ``exy``, the shear ``dUx/dy + dUy/dx``.
    time_factors : ndarray, (steps, pieces), optional
        The share of each piece's subsidence that has come by each step; default all, in one step.
    cutoff : float
        Influence radii beyond which a piece is passed over.
    dtype : str
        float32 or float64.

    Returns
    -------
    ndarray, (steps, components, ny, nx)
        The same bits for a cell whatever the block; 0 where nothing is mined within the cut-off.

    Notes
    -----
    With ``W`` the subsidence, ``i`` its gradient and ``K`` its second derivatives, ``U = b r i +
    lean W`` and the strain is the derivative of ``U``. Pieces are added component by component, as
    vectors and tensors are; directions and principal values are to be taken of the sum.
    """
    from mineeco_xr.kernels.influence_sum import influence_sum

    count = pieces.maximum.size
    if time_factors is None:
        time_factors = np.ones((1, count))
    names, response = component_response(pieces, components)
    return influence_sum(
        pieces.nodes,
        y,
        x,
        np.array([pieces.bases[name] for name in names], dtype=np.int64).reshape(-1, 3),
        response,
        time_factors,
        cutoff=cutoff,
        dtype=dtype,
    )


def component_response(pieces: Pieces, components: Sequence[str]) -> tuple[list[str], np.ndarray]:
    """Return the sums that are needed, and how each piece's components are made of them."""
    one = np.ones(pieces.maximum.size)
    east, north = pieces.lean.T
    moved = "r " if "r ix" in pieces.bases else ""
    recipes: dict[str, dict[str, np.ndarray]] = {
        name: {name: one} for name in ("W", "ix", "iy", "Kx", "Ky", "Kxy")
    }
    recipes |= {
        "Ux": {f"{moved}ix": pieces.movement, "W": east},
        "Uy": {f"{moved}iy": pieces.movement, "W": north},
        "ex": {f"{moved}Kx": pieces.movement, "ix": east},
        "ey": {f"{moved}Ky": pieces.movement, "iy": north},
        "exy": {f"{moved}Kxy": 2.0 * pieces.movement, "iy": east, "ix": north},
    }
    used = {
        component: {base: factor for base, factor in recipes[component].items() if factor.any()}
        for component in components
    }
    names = [name for name in pieces.bases if any(name in recipe for recipe in used.values())]
    response = np.zeros((one.size, len(components), len(names)))
    for c, component in enumerate(components):
        for base, factor in used[component].items():
            response[:, c, names.index(base)] += factor * pieces.maximum
    return names, response


def _per_piece(value: np.ndarray | float, count: int) -> np.ndarray:
    return np.broadcast_to(np.asarray(value, dtype=np.float64), (count,)).copy()
