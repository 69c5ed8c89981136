"""The error of inverse-distance weighting, each point left out in turn."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from mineeco_xr.errors import ParameterError, SchemaError
from mineeco_xr.spatial.idw import require_weights
from mineeco_xr.spatial.samples import samples_of

if TYPE_CHECKING:
    import geopandas as gpd

POWERS = (1.0, 2.0, 3.0)
NEIGHBOURS = (8, 12, 24)
PAIRS_AT_ONCE = 2_000_000
TIES = 1e-9
"""As in ``kernels/inverse_distance.py``."""


def idw_error(
    points: gpd.GeoDataFrame,
    column: str,
    *,
    powers: Sequence[float] = POWERS,
    neighbours: Sequence[int | None] = NEIGHBOURS,
    radius: float | None = None,
) -> pd.DataFrame:
    """Return how well each point is foretold by the others, to choose the power and neighbours.

    Parameters
    ----------
    points : geopandas.GeoDataFrame
        At least two single points with values, in a projected reference system in metres.
    column : str
        Column of values; points without one are left out.
    powers : sequence of float
        Exponents to try.
    neighbours : sequence of int or None
        Numbers of neighbours to try; ``None`` for all.
    radius : float, optional
        As for :func:`mineeco_xr.idw`.

    Returns
    -------
    pandas.DataFrame
        A row for each pair of ``power`` and ``neighbours``: ``count`` (points that have another
        within the radius), ``rmse``, ``mae`` and ``bias`` (mean of estimate less value), in the
        units of the values.

    Raises
    ------
    GridMismatch
        If the points have no reference system in metres.
    SchemaError
        If there are fewer than two points with values, or the column is missing.
    ParameterError
        If a power, number or the radius is not positive.

    Notes
    -----
    The estimate at a point is what :func:`mineeco_xr.idw` gives there without it. The error holds
    for places as far from the points as they are from each other; where points cluster it is too
    small for the gaps between clusters.

    Examples
    --------
    >>> import geopandas as gpd
    >>> wells = gpd.GeoDataFrame(
    ...     {"sinking": [0.0, 10.0, 20.0]},
    ...     geometry=gpd.points_from_xy([0, 10, 20], [0, 0, 0]),
    ...     crs="EPSG:32650",
    ... )
    >>> idw_error(wells, "sinking", powers=[1], neighbours=[1])[["rmse", "bias"]].round(3)
        rmse  bias
    0  8.165   0.0
    """
    if not len(powers) or not len(neighbours):
        raise ParameterError("give at least one power and one number of neighbours.")
    for power in powers:
        for number in neighbours:
            require_weights(power, number, radius)
    samples = samples_of(points, column)
    known = np.isfinite(samples.values[:, 0])
    places, values = samples.places[known], samples.values[known, 0]
    if len(values) < 2:
        raise SchemaError(f"only one point has a value of {column!r}: give at least two.")
    kept = {number: min(number or len(values) - 1, len(values) - 1) for number in neighbours}
    estimates = {
        (power, number): np.full(len(values), np.nan) for number in kept for power in powers
    }
    for rows, owner, others, squares, ranked in _candidates(places, max(kept.values()), radius):
        for number, k in kept.items():
            limit = ranked[:, k - 1]
            if radius is not None:
                limit = np.minimum(limit, radius**2)
            use = squares <= limit[owner] * (1 + TIES)
            near = owner[use], values[others[use]], squares[use]
            for power in powers:
                estimates[power, number][rows] = _estimates(*near, len(limit), power)
    return pd.DataFrame(
        [
            {"power": power, "neighbours": number, **_errors(estimates[power, number] - values)}
            for power in powers
            for number in kept
        ]
    )


def _candidates(
    places: np.ndarray, k: int, radius: float | None
) -> Iterator[tuple[slice, np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
    """Give batches of points with the others that may count for them.

    Each is the batch's rows; of every pair the point (from the batch's first), the other and their
    squared distance; and the squared distances to the ``k`` nearest others, in their order.
    """
    from scipy.spatial import cKDTree

    tree, count = cKDTree(places), len(places)
    batch = max(1, PAIRS_AT_ONCE // (k + 1))
    for begin in range(0, count, batch):
        rows = slice(begin, min(begin + batch, count))
        # A point is its own nearest, or as near as those on its very place.
        ranked = tree.query(places[rows], k=k + 1)[0][:, 1:]
        reach = ranked[:, -1] if radius is None else np.minimum(ranked[:, -1], radius)
        lists = tree.query_ball_point(places[rows], reach * (1 + 1e-6), return_sorted=True)
        sizes = np.fromiter(map(len, lists), dtype="int64", count=len(lists))
        owner = np.repeat(np.arange(len(lists)), sizes)
        others = np.concatenate(lists).astype("int64")
        apart = others != owner + begin
        owner, others = owner[apart], others[apart]
        squares = ((places[others] - places[owner + begin]) ** 2).sum(axis=1)
        yield rows, owner, others, squares, ranked**2


def _estimates(
    owner: np.ndarray, values: np.ndarray, squares: np.ndarray, count: int, power: float
) -> np.ndarray:
    nearest = np.full(count, math.inf)
    np.minimum.at(nearest, owner, squares)
    least = nearest[owner]
    with np.errstate(invalid="ignore"):
        ratio = np.where(least > 0, least / squares, (squares == 0).astype(float))
        weights = ratio ** (power / 2)
        return np.bincount(owner, weights * values, count) / np.bincount(owner, weights, count)


def _errors(differences: np.ndarray) -> dict[str, float]:
    found = differences[np.isfinite(differences)]
    if not found.size:
        return {"count": 0, "rmse": math.nan, "mae": math.nan, "bias": math.nan}
    return {
        "count": int(found.size),
        "rmse": float(np.sqrt((found**2).mean())),
        "mae": float(np.abs(found).mean()),
        "bias": float(found.mean()),
    }
