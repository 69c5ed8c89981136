"""What the tiles of a cost distance tell each other: the labels along their borders."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mineeco_xr.kernels.cost import NO_OWNER, STEPS

Index = tuple[int, int]

SIDES: dict[Index, tuple[Any, Any]] = {
    (a, b): (
        {-1: slice(0, 1), 0: slice(None), 1: slice(-1, None)}[a],
        {-1: slice(0, 1), 0: slice(None), 1: slice(-1, None)}[b],
    )
    for a, b in STEPS
}
"""The cells of a block that lie along its border towards each of the eight neighbours."""


@dataclass
class Strip:
    """Labels, owners and resistance of cells along one side, at most 2-D with one side of 1.

    Attributes
    ----------
    label, owner, resistance : ndarray
        Of one shape.
    """

    label: np.ndarray
    owner: np.ndarray
    resistance: np.ndarray


def strips_of(resistance: np.ndarray, label: np.ndarray, owner: np.ndarray) -> dict[Index, Strip]:
    """Return what a tile (arrays with their ring) shows each of its neighbours."""
    inner = tuple(array[1:-1, 1:-1] for array in (label, owner, resistance))
    return {side: Strip(*(array[cut].copy() for array in inner)) for side, cut in SIDES.items()}


def set_ring(label: np.ndarray, owner: np.ndarray, side: Index, strip: Strip) -> None:
    """Write a neighbour's strip into the ring of a tile, on the side where the neighbour lies."""
    place = {-1: slice(0, 1), 0: slice(1, -1), 1: slice(-1, None)}
    cut = place[side[0]], place[side[1]]
    label[cut], owner[cut] = strip.label, strip.owner


def urgency(mine: Strip, theirs: Strip | None, half: np.ndarray, side: Index, most: float) -> float:
    """Return the least label of my strip that can improve the strip it faces; infinity if none.

    Parameters
    ----------
    mine : Strip
        Changed labels, towards ``side``.
    theirs : Strip or None
        What the neighbour showed last; None when it never ran.
    half : ndarray
        Half the length of each of ``STEPS``; NaN for those not taken.
    side : tuple of int
        Where the neighbour lies.
    most : float
        Labels above are not given.

    Returns
    -------
    float
    """
    if theirs is None:
        return float(mine.label.min())
    label, owner, value = (array.ravel() for array in (mine.label, mine.owner, mine.resistance))
    other, other_owner, other_value = (
        array.ravel() for array in (theirs.label, theirs.owner, theirs.resistance)
    )
    least = np.inf
    for number, step in enumerate(STEPS):
        if not _towards(step, side):
            continue
        shift = 0 if 0 not in side else (step[1] if side[1] == 0 else step[0])
        here, there = _shifted(label.size, shift)
        new = label[here] + half[number] * (
            value[here].astype("float64") + other_value[there].astype("float64")
        )
        with np.errstate(invalid="ignore"):
            better = (new < other[there]) | (
                (new == other[there]) & (owner[here] < other_owner[there])
            )
            better &= new <= most
        # What is not reached cannot improve anything: infinity equals infinity.
        better &= np.isfinite(new)
        if better.any():
            least = min(least, float(label[here][better].min()))
    return least


def _towards(step: Index, side: Index) -> bool:
    return all(b == 0 or a == b for a, b in zip(step, side, strict=True))


def _shifted(size: int, shift: int) -> tuple[slice, slice]:
    return (
        slice(max(0, -shift), size - max(0, shift)),
        slice(max(0, shift), size - max(0, -shift)),
    )


def empty_labels(shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return labels and owners of a tile with its ring about which nothing is known."""
    return np.full(shape, np.inf), np.full(shape, NO_OWNER, dtype="int32")
