"""Means, co-moments and a random sample of several rasters by zone, in one pass."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SLAB = 1 << 16
"""Cells taken together, so that a block is never copied whole."""
ALL_DATES = -1


@dataclass(frozen=True)
class Group:
    """What is known of the cells of a zone, at one date or at all.

    Attributes
    ----------
    count : int
        Cells in which all variables are valid.
    mean : ndarray, (v,)
        Of the variables.
    comoment : ndarray, (v, v)
        Sums of the products of departures from the means.
    sample : ndarray, (4 + v, s)
        The cells of the smallest random numbers, sorted: the number, row, column, date, values.
    """

    count: int
    mean: np.ndarray
    comoment: np.ndarray
    sample: np.ndarray


Groups = dict[tuple[int, int], Group]
"""By zone, its place in the table, and date, or :data:`ALL_DATES`."""


@dataclass(frozen=True)
class Plan:
    """How cells are grouped.

    Attributes
    ----------
    ids : tuple of ndarray
        For each layer of zones the ids in it, sorted; empty when there are no zones.
    positions : tuple of ndarray
        For each layer the zones' places in the table.
    pooled : bool
        All dates go together.
    sample : int
        Cells drawn of each group.
    seed : int
        Of the draw.
    """

    ids: tuple[np.ndarray, ...]
    positions: tuple[np.ndarray, ...]
    pooled: bool
    sample: int
    seed: int


def group_block(
    target: np.ndarray, rows: np.ndarray, columns: np.ndarray, *others: np.ndarray, shared: Plan
) -> Groups:
    """Group the cells of a block.

    Parameters
    ----------
    target : ndarray, (t, h, w)
        Gives the shape.
    rows, columns : ndarray
        Place of the block in the whole grid, broadcastable to it.
    *others : ndarray
        The other variables, broadcastable, and the layers of zones that the plan knows.
    shared : Plan
        How cells are grouped.

    Returns
    -------
    dict
        The groups that have a valid cell.
    """
    shape = target.shape if target.ndim == 3 else (1, *target.shape)
    zones = others[len(others) - len(shared.ids) :]
    blocks = [target, *others[: len(others) - len(shared.ids)]]
    variables = [np.broadcast_to(block, shape) for block in blocks]
    first = int(rows.flat[0]), int(columns.flat[0])
    found: Groups = {}
    cells_of = list(_cells_by_zone(zones, shared, shape[1:]))
    for time in range(shape[0]):
        keys = _random_cells(shared, time, first, shape[1:])
        layers = [variable[time].reshape(-1) for variable in variables]
        for zone, cells in cells_of:
            key = (zone, ALL_DATES if shared.pooled else time)
            for start in range(0, cells.size, SLAB):
                slab = cells[start : start + SLAB]
                group = _group_of(layers, keys, slab, (time, first, shape[2]), shared.sample)
                if group.count:
                    known = found.get(key)
                    found[key] = group if known is None else _join(known, group, shared.sample)
    return found


def _cells_by_zone(
    zones: tuple[np.ndarray, ...], plan: Plan, shape: tuple[int, ...]
) -> list[tuple[int, np.ndarray]]:
    """Return each zone of the block with its cells, as flat indices in order."""
    from mineeco_xr.kernels.zonal import locate_zones

    if not plan.ids:
        return [(0, np.arange(shape[0] * shape[1]))]
    found = []
    for raster, ids, positions in zip(zones, plan.ids, plan.positions, strict=True):
        index, present = locate_zones(np.ascontiguousarray(raster.reshape(shape)), ids)
        flat = index.reshape(-1)
        order = np.argsort(flat, kind="stable")
        ends = np.searchsorted(flat[order], np.arange(present.size + 1))
        for number, own in enumerate(present.tolist()):
            found.append((int(positions[own]), order[ends[number] : ends[number + 1]]))
    return found


def _random_cells(
    plan: Plan, time: int, first: tuple[int, int], shape: tuple[int, ...]
) -> np.ndarray | None:
    """Return a number for each cell: its own for all dates, or one for each date when pooled."""
    from mineeco_xr.kernels.hash import stream_key, uniform_cells

    if not plan.sample:
        return None
    key = stream_key(plan.seed, "correlation sample", time if plan.pooled else 0)
    window = (slice(start, start + size) for start, size in zip(first, shape, strict=True))
    return uniform_cells(key, *window).reshape(-1)


def _group_of(
    layers: list[np.ndarray],
    keys: np.ndarray | None,
    cells: np.ndarray,
    place: tuple[int, tuple[int, int], int],
    most: int,
) -> Group:
    values = np.stack([layer[cells] for layer in layers]).astype("float64")
    valid = np.isfinite(values).all(axis=0)
    values = values[:, valid]
    count, mean = values.shape[1], np.zeros(values.shape[0])
    if count:
        mean = values.mean(axis=1)
    apart = values - mean[:, None]
    sample = np.empty((4 + len(layers), 0))
    if keys is not None:
        cells = cells[valid]
        own = keys[cells]
        if own.size > most:
            chosen = np.flatnonzero(own <= np.partition(own, most - 1)[most - 1])
            cells, own, values = cells[chosen], own[chosen], values[:, chosen]
        time, (row, column), width = place
        at = (row + cells // width, column + cells % width, np.full(cells.size, time))
        sample = _smallest(np.vstack([own, *at, values]), most)
    return Group(count, mean, apart @ apart.T, sample)


def _smallest(sample: np.ndarray, most: int) -> np.ndarray:
    order = np.lexsort(sample[3::-1])
    return np.ascontiguousarray(sample[:, order[:most]])


def _join(left: Group, right: Group, most: int) -> Group:
    """Join groups that share no cell (Chan, Golub and LeVeque 1983)."""
    count = left.count + right.count
    apart = right.mean - left.mean
    mean = left.mean + apart * (right.count / count)
    between = np.outer(apart, apart) * (left.count * (right.count / count))
    sample = left.sample
    if most:
        sample = _smallest(np.concatenate([left.sample, right.sample], axis=1), most)
    return Group(count, mean, left.comoment + right.comoment + between, sample)


def merge_groups(parts: list[Groups], *, most: int) -> Groups:
    """Merge the groups of neighbouring blocks.

    Parameters
    ----------
    parts : list of dict
        From :func:`group_block`.
    most : int
        Cells drawn of each group.
    """
    merged = dict(parts[0])
    for part in parts[1:]:
        for key, group in part.items():
            merged[key] = _join(merged[key], group, most) if key in merged else group
    return merged


def correlation_of(group: Group) -> np.ndarray:
    """Return the correlation matrix of a group, NaN for variables that are constant."""
    spread = np.sqrt(np.diag(group.comoment))
    # A constant may seem to spread by rounding, which is below this share of its values.
    still = spread <= 1e-13 * np.sqrt(max(group.count, 1)) * np.abs(group.mean)
    spread = np.where(still, np.nan, spread)
    return group.comoment / np.outer(spread, spread)
