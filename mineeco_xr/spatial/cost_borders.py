"""What the tiles of a cost distance tell each other: the labels along their borders."""

from __future__ import annotations

from collections.abc import Mapping
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


def set_ring(label: np.ndarray, owner: np.ndarray, ring: Mapping[Index, Strip]) -> None:
    """Write what neighbours show into the ring of a tile, each on its side."""
    place = {-1: slice(0, 1), 0: slice(1, -1), 1: slice(-1, None)}
    for side, strip in ring.items():
        cut = place[side[0]], place[side[1]]
        label[cut], owner[cut] = strip.label, strip.owner


def urgency(
    mine: Strip, theirs: Strip | None, half: np.ndarray, side: Index, most: float
) -> tuple[float, bool]:
    """Return the least label of my strip that can improve the strip it faces; infinity if none.

    Also say whether a label of the other strip is met from a larger owner, which its own may hide.

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
    tuple of float and bool
    """
    if theirs is None:
        return float(mine.label.min()), False
    label, owner, value = (array.ravel() for array in (mine.label, mine.owner, mine.resistance))
    other, other_owner, other_value = (
        array.ravel() for array in (theirs.label, theirs.owner, theirs.resistance)
    )
    least, doubt = np.inf, False
    for number, step in enumerate(STEPS):
        if not _towards(step, side):
            continue
        shift = 0 if 0 not in side else (step[1] if side[1] == 0 else step[0])
        here, there = _shifted(label.size, shift)
        new = label[here] + half[number] * (
            value[here].astype("float64") + other_value[there].astype("float64")
        )
        with np.errstate(invalid="ignore"):
            # What is not reached cannot improve anything: infinity equals infinity.
            given = (new <= most) & np.isfinite(new)
            equal = given & (new == other[there])
            better = (given & (new < other[there])) | (equal & (owner[here] < other_owner[there]))
        doubt |= bool((equal & (owner[here] > other_owner[there])).any())
        if better.any():
            least = min(least, float(label[here][better].min()))
    return least, doubt


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
