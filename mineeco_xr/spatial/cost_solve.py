"""The solve of a cost distance: tiles exchange their borders until none improves another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import xarray as xr

from mineeco_xr.chunks import Place, reduce_blocks, rounds, tile_inputs
from mineeco_xr.errors import ParameterError
from mineeco_xr.spatial.cost_borders import (
    SIDES,
    Index,
    Strip,
    empty_labels,
    set_ring,
    strips_of,
    urgency,
)

ALL = 0
"""In place of one source's number: all sources at once."""

LARGEST_RATIO = 1e9
"""Of the dearest to the cheapest cell: beyond, cheap steps vanish in the sum of dear ones."""

SOURCES_AT_ONCE = 4
"""How many single-source solves share one run of rounds, so that small rasters fill all threads."""

Ring = dict[Index, Strip]


def check_pixels(resistance: xr.DataArray, sources: xr.DataArray) -> np.ndarray:
    """Read both rasters once and return the numbers of the sources, in order.

    Raises
    ------
    ParameterError
        If a resistance is not positive, their range is too wide, there is no source, or a source
        lies on walls alone.
    """
    found = reduce_blocks(_look, _merge_looks, resistance, sources).compute()
    name = resistance.name or "resistance"
    if found["wrong"]:
        raise ParameterError(
            f"{name!r} has {found['wrong']} cells of {found['least']:g} and less: resistances must "
            "be positive. Set walls to NaN, and raise free cells to the least cost of a step."
        )
    if found["highest"] > LARGEST_RATIO * found["lowest"]:
        raise ParameterError(
            f"{name!r} spans {found['lowest']:g} to {found['highest']:g}, more than a factor of "
            f"{LARGEST_RATIO:g}: cheap steps would vanish in rounding. Set walls to NaN."
        )
    everything = np.union1d(found["open"], found["walled"])
    if everything.size == 0:
        raise ParameterError(
            f"{sources.name or 'sources'!r} has no source: give cells other than 0, or features "
            "whose cells lie on the grid."
        )
    walled = np.setdiff1d(found["walled"], found["open"])
    if walled.size:
        raise ParameterError(
            f"sources {walled[:5].tolist()} lie on nodata of {name!r} alone: move them onto cells "
            "with a resistance."
        )
    return np.asarray(found["open"])


def _look(resistance: np.ndarray, sources: np.ndarray, *, shared: Any) -> dict[str, Any]:
    wrong = resistance <= 0
    some = sources != 0
    passable = np.isfinite(resistance)
    free = resistance[passable]
    return {
        "lowest": float(free.min(initial=np.inf)),
        "highest": float(free.max(initial=0.0)),
        "wrong": int(wrong.sum()),
        "least": float(resistance[wrong].max()) if wrong.any() else -np.inf,
        "open": np.unique(sources[some & passable]),
        "walled": np.unique(sources[some & ~passable]),
    }


def _merge_looks(parts: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "lowest": min(part["lowest"] for part in parts),
        "highest": max(part["highest"] for part in parts),
        "wrong": sum(part["wrong"] for part in parts),
        "least": max(part["least"] for part in parts),
        "open": np.unique(np.concatenate([part["open"] for part in parts])),
        "walled": np.unique(np.concatenate([part["walled"] for part in parts])),
    }


def solve_borders(
    resistance: xr.DataArray,
    sources: xr.DataArray,
    numbers: Sequence[int],
    half: np.ndarray,
    most: float,
    *,
    progress: bool | None,
) -> dict[int, dict[Index, Ring]]:
    """Solve for each of ``numbers`` and return the converged ring of every tile.

    Parameters
    ----------
    resistance, sources : xarray.DataArray
        On one grid and in equal chunks; walls are NaN, no source is 0.
    numbers : sequence of int
        Sources to solve for one by one; ``ALL`` means all at once.
    half : ndarray
        From ``kernels.cost.half_steps``.
    most : float
        Labels above are not given.
    progress : bool, optional
        Show it.

    Returns
    -------
    dict
        For each number, by block index, what the eight neighbours show.
    """
    inputs = tile_inputs(resistance, sources, depth=1, fill=(np.nan, 0))
    if len(inputs) == 1:
        return {number: {(0, 0): {}} for number in numbers}
    solved: dict[int, dict[Index, Ring]] = {}
    for begin in range(0, len(numbers), SOURCES_AT_ONCE):
        group = numbers[begin : begin + SOURCES_AT_ONCE]
        exchange = _Exchange(set(inputs), half, most)
        blocks = {
            (index, number): (*windows, number)
            for number in group
            for index, windows in inputs.items()
        }
        rounds(
            _run_tile,
            blocks,
            {key: (0.0, {}) for key in blocks},
            exchange.route,
            parameters={"half": half, "most": most},
            again=False,
            description="cost distance",
            progress=progress,
        )
        rounds(
            _settle_owners,
            blocks,
            {key: (0.0, exchange.ring(key)) for key in sorted(exchange.doubts)},
            exchange.route_owners,
            parameters={"half": half, "most": most},
            description="allocation",
            progress=progress,
        )
        solved |= {number: exchange.rings(number) for number in group}
    return solved


Key = tuple[Index, int]


class _Exchange:
    """Keeps the border strips of all tiles and says which neighbours a changed one concerns."""

    def __init__(self, tiles: set[Index], half: np.ndarray, most: float) -> None:
        self.tiles, self.half, self.most = tiles, half, most
        self.shown: dict[Key, Ring] = {}
        self.doubts: set[Key] = set()

    def neighbours(self, key: Key) -> Iterator[tuple[Index, Key]]:
        """Yield the side and the key of every neighbour of a tile."""
        (i, j), number = key
        for a, b in SIDES:
            if (i + a, j + b) in self.tiles:
                yield (a, b), ((i + a, j + b), number)

    def route(self, key: Key, reply: tuple[Ring | None, bool]) -> dict[Key, tuple[float, Any]]:
        """Tell neighbours what improves their labels."""
        strips, doubt = reply
        if doubt:
            self.doubts.add(key)
        if strips is None:
            return {}
        self.shown[key] = strips
        messages = {}
        for side, neighbour in self.neighbours(key):
            facing = (-side[0], -side[1])
            theirs = self.shown.get(neighbour, {}).get(facing)
            due, doubt = urgency(strips[side], theirs, self.half, side, self.most)
            if doubt:
                self.doubts.add(neighbour)
            if np.isfinite(due):
                messages[neighbour] = due, {facing: strips[side]}
        return messages

    def route_owners(self, key: Key, strips: Ring) -> dict[Key, tuple[float, Any]]:
        """Tell neighbours of owners that changed along the common border."""
        before, self.shown[key] = self.shown[key], strips
        return {
            neighbour: (0.0, self.ring(neighbour))
            for side, neighbour in self.neighbours(key)
            if not np.array_equal(before[side].owner, strips[side].owner)
        }

    def ring(self, key: Key) -> Ring:
        """Return what the neighbours of a tile show it."""
        return {
            side: self.shown[neighbour][-side[0], -side[1]]
            for side, neighbour in self.neighbours(key)
            if neighbour in self.shown
        }

    def rings(self, number: int) -> dict[Index, Ring]:
        """Return the rings of all tiles."""
        return {index: self.ring((index, number)) for index in self.tiles}


State = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Labels, owners and resistance of a tile and its ring."""


def _run_tile(
    state: State | None,
    messages: list[Ring],
    *inputs: Any,
    half: np.ndarray,
    most: float,
) -> tuple[State, tuple[Ring | None, bool]]:
    """Lower the labels of one tile by what its neighbours told it."""
    from mineeco_xr.kernels.cost import settle_tile

    fresh = state is None
    if state is None:
        label, owner, resistance, seeds = _begin(*inputs)
    else:
        label, owner, resistance = state[0].copy(), state[1].copy(), state[2]
        seeds = np.empty(0, dtype="int64")
    for message in messages:
        set_ring(label, owner, message)
    changed, doubt = settle_tile(resistance, label, owner, seeds, half, most)
    # In its first run a tile shows its resistance even when nothing reached it yet.
    strips = strips_of(resistance, label, owner) if changed or fresh else None
    return (label, owner, resistance), (strips, doubt and not fresh)


def _settle_owners(
    state: None,
    messages: list[Ring],
    *inputs: Any,
    half: np.ndarray,
    most: float,
) -> tuple[None, Ring]:
    """Solve a tile anew from its latest ring, whose labels are final: owners then are as well."""
    from mineeco_xr.kernels.cost import settle_tile

    label, owner, resistance, seeds = _begin(*inputs)
    set_ring(label, owner, messages[-1])
    settle_tile(resistance, label, owner, seeds, half, most)
    return None, strips_of(resistance, label, owner)


def _begin(
    resistance: np.ndarray, sources: np.ndarray, number: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    label, owner = empty_labels(resistance.shape)
    return label, owner, resistance, seed(label, owner, resistance, sources, number)


def seed(
    label: np.ndarray,
    owner: np.ndarray,
    resistance: np.ndarray,
    sources: np.ndarray,
    number: int,
) -> np.ndarray:
    """Set the sources inside the ring to zero cost; return their flat numbers."""
    chosen = sources != 0 if number == ALL else sources == number
    chosen = chosen & np.isfinite(resistance)
    chosen[[0, -1]] = False
    chosen[:, [0, -1]] = False
    label[chosen] = 0.0
    owner[chosen] = sources[chosen]
    return np.flatnonzero(chosen)


def finish_tile(
    resistance: np.ndarray,
    sources: np.ndarray,
    *,
    answer: Ring,
    place: Place,
    number: int,
    half: np.ndarray,
    most: float,
) -> dict[str, np.ndarray]:
    """Solve one tile whose ring is final: its cost, allocation and back links."""
    from mineeco_xr.kernels.cost import back_links, settle_tile

    label, owner, _, seeds = _begin(resistance, sources, number)
    set_ring(label, owner, answer)
    settle_tile(resistance, label, owner, seeds, half, most)
    inside = label[1:-1, 1:-1]
    reached = np.isfinite(inside)
    return {
        "cost_distance": np.where(reached, inside, np.nan),
        "allocation": np.where(reached, owner[1:-1, 1:-1], 0),
        "back_link": back_links(resistance, label, owner, half),
    }
