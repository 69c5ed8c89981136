"""What panels do at scattered points, in float64, again and again with other parameters.

The same geometry and the same products as on a grid (engines A and B), for pairs of a point and a
panel that can be within reach of each other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from mineeco_xr.errors import SchemaError
from mineeco_xr.subsidence.polygons import Pieces, component_response
from mineeco_xr.subsidence.rectangles import RectanglePieces, rectangle_pieces
from mineeco_xr.subsidence.slices import polygon_slices
from mineeco_xr.subsidence.time_functions import share_by, time_parameters, years_of

CUTOFF = 3.3
"""Influence radii; what lies beyond an edge is at most 1e-16 of the greatest subsidence."""
_ROOT_PI = float(np.sqrt(np.pi))
_BATCH = 2**18


class Pairs:
    """Points and the panels that can reach them.

    Parameters
    ----------
    x, y : ndarray of float64, (n,)
        The points, m.
    tables : sequence of DataFrame
        Panels, of :class:`~mineeco_xr.subsidence.panels.Panels`, with parameters at the ends of
        what they may be; what is reached with any of them, or between them, is kept.
    form : {"textbook", "textbook_edges", "units"}
        As for :func:`mineeco_xr.subsidence`.
    """

    def __init__(
        self, x: np.ndarray, y: np.ndarray, tables: Sequence[pd.DataFrame], form: str = "textbook"
    ) -> None:
        self.x, self.y, self.form = x, y, form
        flat = (tables[0]["kind"] == "rectangle").to_numpy()
        self.rectangles, self.polygons = np.flatnonzero(flat), np.flatnonzero(~flat)
        near = _near(x, y, tables)
        self.reached = np.zeros(x.size, dtype=bool)
        counts = []
        points = []
        for row in range(len(tables[0])):
            found = near(row)
            self.reached[found] = True
            counts.append(found.size)
            points.append(found)
        self._begin = np.concatenate([[0], np.cumsum(counts)])
        self._points = np.concatenate(points) if points else np.empty(0, dtype="int64")

    def of_row(self, row: int) -> np.ndarray:
        """Return the points that a panel can reach."""
        return np.asarray(self._points[self._begin[row] : self._begin[row + 1]])

    def of_pieces(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return point and piece of each pair, for pieces of given panels."""
        counts = self._begin[rows + 1] - self._begin[rows]
        piece = np.repeat(np.arange(rows.size), counts)
        begin = np.cumsum(counts) - counts
        number = np.arange(piece.size) - begin[piece]
        return self._points[self._begin[rows][piece] + number], piece


def _near(x: np.ndarray, y: np.ndarray, tables: Sequence[pd.DataFrame]) -> Any:
    """Return a function that finds the points within reach of a panel."""
    import shapely

    reach, shift = (
        np.max([part(table) for table in tables], axis=0) for part in (_reach, _shift)
    )  # fmt: skip
    grown = np.max([_growth(table) for table in tables], axis=0)
    outlines = tables[0]["geometry"].to_numpy()
    tree = shapely.STRtree(shapely.points(x, y))

    def near(row: int) -> np.ndarray:
        apart = reach[row] + shift[row] + grown[row]
        return np.sort(tree.query(outlines[row], predicate="dwithin", distance=apart))

    return near


def _deepest(table: pd.DataFrame) -> np.ndarray:
    import shapely

    outlines = table["geometry"].to_numpy()
    side = np.hypot(*(shapely.bounds(outlines)[:, 2:] - shapely.bounds(outlines)[:, :2]).T)
    rise = (side / 2 + _growth(table)) * np.tan(np.radians(table["dip"].to_numpy("float64")))
    return np.asarray(table["depth"].to_numpy("float64") + rise)


def _reach(table: pd.DataFrame) -> np.ndarray:
    tangent = table[["tan_beta", "tan_beta1", "tan_beta2"]].min(axis=1).to_numpy("float64")
    return np.asarray(CUTOFF * _deepest(table) / tangent)


def _shift(table: pd.DataFrame) -> np.ndarray:
    return np.asarray(_deepest(table) / np.tan(np.radians(table["theta0"].to_numpy("float64"))))


def _growth(table: pd.DataFrame) -> np.ndarray:
    """Return by how much negative offsets make a panel larger."""
    return np.maximum(0.0, -table[["s1", "s2", "s3", "s4"]].min(axis=1).to_numpy("float64"))


def ground_at(
    pairs: Pairs,
    table: pd.DataFrame,
    components: Sequence[str],
    slices: np.ndarray,
    shares: Shares | None = None,
) -> np.ndarray:
    """Return components at points.

    Parameters
    ----------
    pairs : Pairs
        The points and what reaches them.
    table : pandas.DataFrame
        The panels with the parameters to use.
    components : sequence of str
        As of :func:`mineeco_xr.subsidence.polygons.subside_block`.
    slices : ndarray of int, (panels,)
        Pieces to cut each panel into.
    shares : Shares, optional
        What has come by each point's date; default the final subsidence.

    Returns
    -------
    ndarray of float64, (points, components)
    """
    out = np.zeros((pairs.x.size, len(components)))
    rows = pairs.rectangles
    if rows.size:
        pieces = rectangle_pieces(table.iloc[rows], form=pairs.form, slices=slices[rows])
        point, piece = pairs.of_pieces(rows[pieces.row])
        part_of = None
        if shares is not None:
            part_of = shares.of_pieces(rows[pieces.row], pieces.share)[shares.step[point], piece]
        for begin in range(0, point.size, _BATCH):
            part = slice(begin, begin + _BATCH)
            share = None if part_of is None else part_of[part]
            _add_rectangles(out, pairs, pieces, point[part], piece[part], components, share)
    rows = pairs.polygons
    if rows.size:
        for polygons, of, parts in polygon_slices(table.iloc[rows], slices[rows]):
            came = None if shares is None else shares.of_pieces(rows[of], parts)
            for group, number in enumerate(polygons.nodes.piece):
                at = pairs.of_row(rows[of[number]])
                share = None if shares is None or came is None else came[shares.step[at], number]
                _add_group(out, pairs, polygons, group, at, components, share)
    return out


def _add_rectangles(
    out: np.ndarray,
    pairs: Pairs,
    pieces: RectanglePieces,
    point: np.ndarray,
    piece: np.ndarray,
    components: Sequence[str],
    share: np.ndarray | None,
) -> None:
    shapes = pieces.rectangles
    count = np.diff(shapes.begin) - 1
    own = np.repeat(np.arange(count.size), count)
    cut = np.arange(own.size) + own
    panel, first = own[piece], cut[piece]
    east, north = pairs.x[point] - shapes.origin[panel, 0], pairs.y[point] - shapes.origin[panel, 1]
    s = east * shapes.strike[panel, 0] + north * shapes.strike[panel, 1]
    t = east * shapes.rise[panel, 0] + north * shapes.rise[panel, 1]
    r, low, high = shapes.radius[panel].T
    ends = (s - shapes.cuts[first], s - shapes.cuts[first + 1])
    edges = (t - shapes.edges[panel, 0], t - shapes.edges[panel, 1])
    response = np.stack([pieces.response[name] for name in components], axis=1)
    products = _products(ends, edges, (r, low, high), np.asarray(response.any(axis=(0, 1))))
    for c in range(len(components)):
        value = np.zeros(point.size)
        for q, product in products.items():
            value += response[panel, c, q] * product
        if share is not None:
            value *= share
        out[:, c] += np.bincount(point, value, minlength=out.shape[0])


def _products(
    ends: tuple[np.ndarray, np.ndarray],
    edges: tuple[np.ndarray, np.ndarray],
    radii: tuple[np.ndarray, np.ndarray, np.ndarray],
    wanted: np.ndarray,
) -> dict[int, np.ndarray]:
    """Return those of the engine's ``PRODUCTS`` that are wanted, by their place."""
    from scipy.special import erf

    from mineeco_xr.kernels.subsidence_rectangle import PRODUCTS

    r, low, high = radii
    near, far = ends[0] / r, ends[1] / r
    foot, head = edges[0] / low, edges[1] / high
    # Not below zero where rounding, or a far larger lower radius, would have it so.
    profiles = {
        "A": 0.5 * np.maximum(erf(_ROOT_PI * near) - erf(_ROOT_PI * far), 0.0),
        "B": 0.5 * np.maximum(erf(_ROOT_PI * foot) - erf(_ROOT_PI * head), 0.0),
    }
    if wanted[1:].any():
        rise, fall = np.exp(-np.pi * near**2), np.exp(-np.pi * far**2)
        lower, upper = np.exp(-np.pi * foot**2), np.exp(-np.pi * head**2)
        bend = -2.0 * np.pi
        profiles |= {
            "A'": (rise - fall) / r,
            "A''": bend * (near * rise - far * fall) / r**2,
            "B'": lower / low - upper / high,
            "B''": bend * (foot * lower / low**2 - head * upper / high**2),
            "D": lower - upper,
            "D'": bend * (foot * lower / low - head * upper / high),
        }
    found = {}
    for q in np.flatnonzero(wanted):
        at = max(PRODUCTS[q].find("B"), PRODUCTS[q].find("D"))
        found[int(q)] = profiles[PRODUCTS[q][:at]] * profiles[PRODUCTS[q][at:]]
    return found


def _add_group(
    out: np.ndarray,
    pairs: Pairs,
    pieces: Pieces,
    group: int,
    at: np.ndarray,
    components: Sequence[str],
    share: np.ndarray | None,
) -> None:
    """Add one group of quadrature nodes: sums over nodes of a row's and a column's function."""
    nodes = pieces.nodes
    own = slice(nodes.start[group], nodes.start[group + 1])
    names, response = component_response(pieces, components)
    least_x, most_x, least_y, most_y, radius = nodes.bounds[group]
    reach = CUTOFF * radius
    x, y = pairs.x[at], pairs.y[at]
    near = (x > least_x - reach) & (x < most_x + reach)
    near &= (y > least_y - reach) & (y < most_y + reach)
    if not near.any():
        return
    at, share = at[near], None if share is None else share[near]
    columns = _functions(pairs.x[at], nodes.x[own], nodes.radius[own])
    rows = _functions(pairs.y[at], nodes.y[own], nodes.radius[own])
    sums = np.empty((at.size, len(names)))
    for i, name in enumerate(names):
        weight, order_y, order_x = pieces.bases[name]
        sums[:, i] = (rows(order_y) * columns(order_x)) @ nodes.weights[weight, own]
    values = sums @ response[nodes.piece[group]].T
    if share is not None:
        values *= share[:, None]
    out[at] += values


def _functions(place: np.ndarray, centre: np.ndarray, radius: np.ndarray) -> Any:
    """Return the influence function, its integral and derivatives by their order."""
    from scipy.special import erf

    u = (place[:, None] - centre) / radius
    known: dict[int, np.ndarray] = {}

    def of(order: int) -> np.ndarray:
        if order not in known:
            if order < 0:
                known[order] = 0.5 * erf(_ROOT_PI * u)
            else:
                bell = np.exp(-np.pi * u * u) / radius
                scale = {0: 1.0, 1: -2.0 * np.pi * u / radius,
                         2: 2.0 * np.pi * (2.0 * np.pi * u * u - 1.0) / radius**2}  # fmt: skip
                known[order] = bell * scale[order]
        return known[order]

    return of


@dataclass(frozen=True)
class Shares:
    """What has come of each piece of mining at each point by its date.

    Parameters
    ----------
    step : ndarray of int64, (n,)
        Which of the distinct dates is that of a point.
    of_pieces : callable
        ``of_pieces(rows, parts)``: the share of each piece by each of these dates,
        ``(dates, pieces)``, for pieces that are given parts of given panels.
    """

    step: np.ndarray
    of_pieces: Callable[[np.ndarray, np.ndarray], np.ndarray]


def shares_at(
    table: pd.DataFrame,
    function: str | None,
    given: Mapping[str, Any] | None,
    time: np.ndarray,
    since: np.ndarray,
) -> Shares:
    """Return what has come by the dates of points.

    Parameters
    ----------
    table : pandas.DataFrame
        Panels with ``start`` and ``end``.
    function, given
        Time function and its parameters, as for :func:`mineeco_xr.subsidence`.
    time, since : ndarray of datetime64[ns], (n,)
        Date of each point, and the earlier one from which it is measured; NaT there for before all
        mining.

    Returns
    -------
    Shares

    Raises
    ------
    SchemaError
        If a panel has no date.
    """
    start, end = table["start"].fillna(table["end"]), table["end"].fillna(table["start"])
    if start.isna().any():
        raise SchemaError(
            f"panel {table['name'][start.isna()].iloc[0]!r} has no date: add start and end, or "
            "leave the dates of the points out."
        )
    first, last = years_of(start), years_of(end)
    values = time_parameters(function, table["depth"].to_numpy("float64"), given)
    both = np.column_stack([np.asarray(part, "datetime64[ns]") for part in (time, since)])
    distinct, step = np.unique(both.view("int64"), axis=0, return_inverse=True)
    late, early = distinct.view("datetime64[ns]").T
    undone = np.isnat(early)

    def of_pieces(rows: np.ndarray, parts: np.ndarray) -> np.ndarray:
        length = last[rows] - first[rows]
        begin, end = (first[rows] + parts[:, i] * length for i in (0, 1))
        own = {name: value[rows] for name, value in values.items()}
        old = share_by(function, own, begin, end, years_of(np.where(undone, late, early)))
        old[undone] = 0.0
        return np.asarray(share_by(function, own, begin, end, years_of(late)) - old)

    return Shares(step.ravel(), of_pieces)
