"""What a block of a flow that divides keeps while it waits for its neighbours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

DENSE_SHARE = 0.5
"""Of a window's cells: when more can still change, it is kept as it is."""


@dataclass
class State:
    """What is known of a block in work: windows of one cell more on each side.

    Attributes
    ----------
    packed : ndarray, (h + 2, w + 2), uint32
        Packed weights.
    values : ndarray, (h + 2, w + 2) or (h + 2, w + 2, n)
        The results so far.
    pending : ndarray, (h + 2, w + 2), optional
        What the kernel keeps beside them; negative is final.
    rest : dict
        Further inputs of the kernel.

    Notes
    -----
    While a block waits, only cells that can still change, and the cells beside them, are kept.
    Elsewhere the block comes back with 0, and -1 in ``pending``.
    """

    packed: np.ndarray
    values: np.ndarray
    pending: np.ndarray | None = None
    rest: dict[str, Any] = field(default_factory=dict)

    def __sizeof__(self) -> int:
        return sum(array.nbytes for _, array in self.windows())

    def windows(self) -> Iterator[tuple[str, np.ndarray]]:
        """Give all arrays that have a value for each cell, by name."""
        for name, item in {**self.rest, **vars(self)}.items():
            if isinstance(item, np.ndarray) and item.shape[:2] == self.packed.shape:
                yield name, item


@dataclass(frozen=True)
class Flow:
    """A computation along a flow, as plain module-level functions.

    Attributes
    ----------
    begin : callable
        ``begin(packed, *windows, given, **parameters)`` returns the first :class:`State`.
    advance : callable
        ``advance(state, arrived)`` computes in place what can be; ``arrived`` are flat positions of
        cells around the block whose values became final, None in the first call.
    final, waits : callable
        ``final(state, cells)``: whether values of some cells, flat positions, are final;
        ``waits``: whether they still wait for others, which is an error in the end.
    downstream : bool
        Whether values are handed on with the flow, or against it.
    opens : callable, optional
        ``opens(state, cells)``: whether they can still change; default ``waits``.
    """

    begin: Callable[..., State]
    advance: Callable[[State, np.ndarray | None], None]
    final: Callable[[State, Any], np.ndarray]
    waits: Callable[[State, Any], np.ndarray]
    downstream: bool
    opens: Callable[[State, Any], np.ndarray] | None = None

    def can_change(self, state: State, cells: Any) -> np.ndarray:
        """Say which cells can still change."""
        return (self.opens or self.waits)(state, cells)


@dataclass(frozen=True)
class Frozen:
    """Cells of a block that can still change, and those beside them.

    Attributes
    ----------
    shape : tuple of int
        Of the windows.
    cells : ndarray of int32
        Flat positions.
    windows : dict
        Values of those cells, by the name of their array.
    rest : dict
        What has no value for each cell.
    """

    shape: tuple[int, int]
    cells: np.ndarray
    windows: dict[str, np.ndarray]
    rest: dict[str, Any]

    def __sizeof__(self) -> int:
        return self.cells.nbytes + sum(array.nbytes for array in self.windows.values())


def freeze(flow: Flow, state: State) -> Frozen | State:
    """Return what must be kept of a block."""
    rows, columns = state.packed.shape
    mask = np.zeros(state.packed.shape, dtype=bool)
    mask.ravel()[:] = flow.can_change(state, slice(None))
    mask[1:] |= mask[:-1].copy()
    mask[:-1] |= mask[1:].copy()
    mask[:, 1:] |= mask[:, :-1].copy()
    mask[:, :-1] |= mask[:, 1:].copy()
    mask[[0, 1, -2, -1]] = True
    mask[:, [0, 1, -2, -1]] = True
    cells = np.flatnonzero(mask)
    if cells.size > DENSE_SHARE * mask.size:
        return state
    kept = {name: cells_of(array)[cells] for name, array in state.windows()}
    rest = {name: item for name, item in state.rest.items() if name not in kept}
    return Frozen((rows, columns), cells.astype(np.int32), kept, rest)


def thaw(frozen: Frozen | State) -> State:
    """Return a block as it was where it can still change."""
    if isinstance(frozen, State):
        return frozen
    windows = {}
    for name, values in frozen.windows.items():
        windows[name] = np.zeros((*frozen.shape, *values.shape[1:]), dtype=values.dtype)
        if name == "pending":
            windows[name].fill(-1)
        cells_of(windows[name])[frozen.cells] = values
    own = {name: windows.pop(name, None) for name in ("packed", "values", "pending")}
    return State(**own, rest=frozen.rest | windows)  # type: ignore[arg-type]


def cells_of(window: np.ndarray) -> np.ndarray:
    """Return the cells of a window as one axis."""
    return window.reshape(-1, *window.shape[2:])
