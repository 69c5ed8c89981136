"""Blocks of a flow that divides, kept by one worker until all that crosses them is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from mineeco_xr.chunks import Shelf
from mineeco_xr.terrain.drainage import Index
from mineeco_xr.terrain.flow_mesh import Mesh, border_cells, crossed, framed
from mineeco_xr.terrain.flow_state import Flow, State, cells_of, freeze, thaw

PART_BYTES = 2**26
"""About how much one strip hands to another at a time."""


@dataclass
class Border:
    """What is known of a block's border.

    Attributes
    ----------
    final : ndarray of bool, (p,)
        Whether a border cell is final.
    values : ndarray, (p,) or (p, n)
        Of those that are.
    heard : ndarray of bool, (q,)
        Whether the block has been told of a cell around it.
    needs : dict
        By neighbour, which cells around the block it waits for: their positions there, and on the
        neighbour's border.
    waits : bool
        Whether a border cell waits.
    """

    final: np.ndarray
    values: np.ndarray
    heard: np.ndarray
    needs: dict[Index, tuple[np.ndarray, np.ndarray]]
    waits: bool = False


class FlowStrip:
    """A :class:`mineeco_xr.chunks.strips.Strip` of a flow.

    Parameters
    ----------
    budget : int
        Bytes to keep in memory.
    flow : Flow
        What is computed.
    mesh : Mesh
        Of all blocks.
    options : dict
        Of ``flow.begin``.
    """

    def __init__(self, budget: int, *, flow: Flow, mesh: Mesh, options: dict[str, Any]) -> None:
        self.flow, self.mesh, self.options = flow, mesh, options
        self.borders: dict[Index, Border] = {}
        self.listeners: dict[Index, list[Index]] = {}
        self.inbox: dict[Index, list[tuple[np.ndarray, np.ndarray]]] = {}
        self.shelf = Shelf(budget, partial(freeze, flow), thaw)
        self.open: set[Index] = set()
        self.parts: list[list[Index]] = []

    def __sizeof__(self) -> int:
        return self.shelf.__sizeof__()

    def enter(
        self, key: Index, rings: Sequence[np.ndarray], given: Any, *blocks: np.ndarray
    ) -> None:
        """Take in a block with what stands around it in each layer."""
        if key in self.borders:
            return
        windows = map(framed, blocks, rings)
        state = self.flow.begin(*windows, given=given, **self.options)
        self.flow.advance(state, None)
        own, around = border_cells(self.mesh.shape(key))
        values = np.zeros((own.size, *state.values.shape[2:]), dtype=state.values.dtype)
        border = Border(
            np.zeros(own.size, bool), values, np.zeros(around.size, bool), self._needs(key, state)
        )
        self._register(key, border)
        self.open.add(key)
        self._keep(key, state)
        for owner in border.needs:
            self._tell(owner, key)
        self._settle()

    def _needs(self, key: Index, state: State) -> dict[Index, tuple[np.ndarray, np.ndarray]]:
        numbers = self.mesh.around(key)
        own = state.packed.ravel()[border_cells(self.mesh.shape(key))[1]]
        wanted = crossed(state.packed, self.flow.downstream) & (own != 0)
        needs = {}
        for owner in self.mesh.neighbours(key):
            part = self.mesh.part(owner)
            mine = np.flatnonzero(wanted & (numbers >= part.start) & (numbers < part.stop))
            if mine.size:
                needs[owner] = mine.astype(np.int32), (numbers[mine] - part.start).astype(np.int32)
        return needs

    def _register(self, key: Index, border: Border) -> None:
        self.borders[key] = border
        for owner in border.needs:
            self.listeners.setdefault(owner, []).append(key)

    def _keep(self, key: Index, state: State) -> None:
        """Take down what has become final on a border, and tell those who wait for it."""
        border = self.borders[key]
        own, _ = border_cells(self.mesh.shape(key))
        fresh = np.flatnonzero(self.flow.final(state, own) & ~border.final)
        border.final[fresh] = True
        border.values[fresh] = cells_of(state.values)[own[fresh]]
        border.waits = bool(self.flow.waits(state, own).any())
        still = border.waits if self.flow.opens is None else self.flow.opens(state, own).any()
        if still:
            self.shelf.put(key, state)
        else:
            # All that enters does so through a border cell.
            self.open.discard(key)
            self.inbox.pop(key, None)
        if fresh.size:
            for other in self.listeners.get(key, ()):
                self._tell(key, other)

    def _tell(self, owner: Index, key: Index) -> None:
        """Tell a block what is final on the border of another."""
        if key not in self.open or owner not in self.borders:
            return
        border, source = self.borders[key], self.borders[owner]
        ring, beyond = border.needs[owner]
        new = source.final[beyond] & ~border.heard[ring]
        if new.any():
            border.heard[ring[new]] = True
            self.inbox.setdefault(key, []).append((ring[new], source.values[beyond[new]]))

    def _settle(self) -> None:
        """Run blocks until no message waits, those first that are in memory."""
        while self.inbox:
            held = self.shelf.held
            key = next((key for key in self.inbox if key in held), None)
            if key is None:
                key = max(self.inbox, key=lambda key: sum(m[0].size for m in self.inbox[key]))
            messages = self.inbox.pop(key)
            state = self.shelf.take(key)
            _, around = border_cells(self.mesh.shape(key))
            arrived = around[np.concatenate([ring for ring, _ in messages])]
            cells_of(state.values)[arrived] = np.concatenate([values for _, values in messages])
            self.flow.advance(state, arrived)
            self._keep(key, state)

    def weight(self) -> int:
        """Return how many blocks can still change."""
        return len(self.open)

    def give(self, number: int) -> Any:
        """Return borders and what can still change of some blocks."""
        if number < len(self.parts):
            return [(key, self.borders[key], self.shelf.frozen(key)) for key in self.parts[number]]
        given = {key for part in self.parts for key in part}
        part: list[tuple[Index, Border, Any]] = []
        size = 0
        for key, border in self.borders.items():
            if key not in given and size < PART_BYTES:
                frozen = self.shelf.frozen(key)
                part.append((key, border, frozen))
                size += border.values.nbytes + (0 if frozen is None else frozen.__sizeof__())
        if not part:
            return None
        self.parts.append([key for key, _, _ in part])
        return part

    def take(self, part: Any) -> None:
        """Take in what another strip gives."""
        for key, border, frozen in part or ():
            if key in self.borders:
                continue
            self._register(key, border)
            if frozen is not None:
                self.open.add(key)
                self.shelf.put_frozen(key, frozen)
            for owner in border.needs:
                self._tell(owner, key)
            for other in self.listeners.get(key, ()):
                self._tell(key, other)
        if part is None:
            self._settle()

    def answer(self) -> dict[Index, Border]:
        """Return what is known of all borders."""
        return {
            key: Border(border.final, border.values, border.heard, {}, border.waits)
            for key, border in self.borders.items()
        }


def make_strip(budget: int, parameters: dict[str, Any]) -> FlowStrip:
    """Return a strip without blocks."""
    return FlowStrip(budget, **parameters)
