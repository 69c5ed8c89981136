"""Room for labels: moved apart where they would touch, no further than needed."""

from __future__ import annotations

from collections.abc import Sequence


def spread_apart(wanted: Sequence[float], sizes: Sequence[float]) -> list[float]:
    """Move labels as little as keeps them from touching.

    Parameters
    ----------
    wanted : sequence of float
        Where each label's middle would stand.
    sizes : sequence of float
        Height of each.

    Returns
    -------
    list of float
        Where each stands, in the given order; the order of heights is kept.

    Examples
    --------
    >>> spread_apart([0.5, 0.5], [0.2, 0.2])
    [0.4, 0.6]
    """
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    # Pool adjacent labels that touch into groups, each centred on its members' wishes.
    groups: list[tuple[float, float, list[int]]] = []
    for i in order:
        middle, size, members = wanted[i], sizes[i], [i]
        while groups and groups[-1][0] + groups[-1][1] / 2 > middle - size / 2:
            _, other_size, others = groups.pop()
            members = others + members
            size += other_size
            middle = sum(wanted[m] for m in members) / len(members)
        groups.append((middle, size, members))
    places = [0.0] * len(wanted)
    for middle, size, members in groups:
        edge = middle - size / 2
        for m in members:
            places[m] = round(edge + sizes[m] / 2, 12)
            edge += sizes[m]
    return places
