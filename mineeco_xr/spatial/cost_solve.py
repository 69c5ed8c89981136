"""The solve of a cost distance: tiles exchange their borders until none improves another."""

from __future__ import annotations

from collections.abc import Sequence
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

SOURCES_AT_ONCE = 4
"""How many single-source solves share one run of rounds, so that small rasters fill all threads."""

Ring = dict[Index, Strip]


def check_pixels(resistance: xr.DataArray, sources: xr.DataArray) -> np.ndarray:
    """Read both rasters once and return the numbers of the sources, in order.

    Raises
    ------
    ParameterError
        If a resistance is not positive, there is no source, or a source lies on walls alone.
    """
    found = reduce_blocks(_look, _merge_looks, resistance, sources).compute()
    name = resistance.name or "resistance"
    if found["wrong"]:
        raise ParameterError(
            f"{name!r} has {found['wrong']} cells of {found['least']:g} and less: resistances must "
            "be positive. Set walls to NaN, and raise free cells to the least cost of a step."
        )
    everything = np.union1d(found["open"], found["walled"])
    if everything.size == 0:
        raise ParameterError(
            f"{sources.name or 'sources'!r} has no source: give cells other than 0, or features "
            "whose cells lie on the grid."
        )
    if everything[0] < 0 or everything[-1] >= 2**31 - 1:
        raise ParameterError(
            f"{sources.name or 'sources'!r} numbers its sources {everything[0]} to "
            f"{everything[-1]}: number them from 1 to 2147483646."
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
    return {
        "wrong": int(wrong.sum()),
        "least": float(resistance[wrong].max()) if wrong.any() else -np.inf,
        "open": np.unique(sources[some & passable]),
        "walled": np.unique(sources[some & ~passable]),
    }


def _merge_looks(parts: list[dict[str, Any]]) -> dict[str, Any]:
    return {
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
            description="cost distance",
            progress=progress,
        )
        solved |= {number: exchange.rings(number) for number in group}
    return solved


class _Exchange:
    """Keeps the border strips of all tiles and says which neighbours a changed one concerns."""

    def __init__(self, tiles: set[Index], half: np.ndarray, most: float) -> None:
        self.tiles, self.half, self.most = tiles, half, most
        self.shown: dict[tuple[Index, int], dict[Index, Strip]] = {}

    def route(
        self, key: tuple[Index, int], reply: dict[Index, Strip] | None
    ) -> dict[tuple[Index, int], tuple[float, Any]]:
        if reply is None:
            return {}
        (i, j), number = key
        self.shown[key] = reply
        messages = {}
        for side, mine in reply.items():
            neighbour = (i + side[0], j + side[1])
            if neighbour not in self.tiles:
                continue
            facing = (-side[0], -side[1])
            theirs = self.shown.get((neighbour, number), {}).get(facing)
            due = urgency(mine, theirs, self.half, side, self.most)
            if np.isfinite(due):
                messages[neighbour, number] = due, {facing: mine}
        return messages

    def rings(self, number: int) -> dict[Index, Ring]:
        rings: dict[Index, Ring] = {}
        for i, j in self.tiles:
            ring = {}
            for side in SIDES:
                shown = self.shown.get(((i + side[0], j + side[1]), number))
                if shown is not None:
                    ring[side] = shown[-side[0], -side[1]]
            rings[i, j] = ring
        return rings


def _run_tile(
    state: tuple[np.ndarray, np.ndarray] | None,
    messages: list[Ring],
    resistance: np.ndarray,
    sources: np.ndarray,
    number: int,
    *,
    half: np.ndarray,
    most: float,
) -> tuple[Any, dict[Index, Strip] | None]:
    """Lower the labels of one tile by what its neighbours told it."""
    from mineeco_xr.kernels.cost import settle_tile

    if state is None:
        label, owner = empty_labels(resistance.shape)
        seeds = seed(label, owner, resistance, sources, number)
    else:
        label, owner = state[0].copy(), state[1].copy()
        seeds = np.empty(0, dtype="int64")
    for message in messages:
        for side, strip in message.items():
            set_ring(label, owner, side, strip)
    changed = settle_tile(resistance, label, owner, seeds, half, most)
    if changed:
        return (label, owner), strips_of(resistance, label, owner)
    # Where nothing arrived yet, nothing is kept; the neighbours learn the border's resistance.
    return state, strips_of(resistance, label, owner) if state is None else None


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

    label, owner = empty_labels(resistance.shape)
    seeds = seed(label, owner, resistance, sources, number)
    for side, strip in answer.items():
        set_ring(label, owner, side, strip)
    settle_tile(resistance, label, owner, seeds, half, most)
    inside = label[1:-1, 1:-1]
    reached = np.isfinite(inside)
    return {
        "cost_distance": np.where(reached, inside, np.nan),
        "allocation": np.where(reached, owner[1:-1, 1:-1], 0),
        "back_link": back_links(resistance, label, owner, half),
    }
