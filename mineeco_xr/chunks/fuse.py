"""Fuse: all that one block of the output needs, and nobody else, becomes one task.

Dask fuses chains but not diamonds, such as a ratio that is both stored and passed on to a trend; a
cluster may then compute the two ends on different workers and send blocks between them. Here what
belongs to one group of keys alone is run inside one task, and what several groups share, such as a
source chunk, a table or a trained model, stays a task of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

Keys = Sequence[Hashable]


class _Hidden:
    """Carries a value past Dask, which would look for tasks inside it."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __reduce__(self) -> Any:
        return _Hidden, (self.value,)


def fused_tasks(
    function: Callable[..., Any],
    arrays: Sequence[Any],
    groups: Sequence[tuple[tuple[Any, ...], Keys]],
) -> list[Any]:
    """Return one Delayed task a group, which computes the group's keys and hands them on.

    Parameters
    ----------
    function : callable
        Plain module-level function ``function(*arguments, values)``; ``values`` are the computed
        blocks in the order of the group's keys.
    arrays : sequence of dask.array.Array
        Whose keys the groups name.
    groups : sequence of (arguments, keys)
        One a task.

    Returns
    -------
    list of dask.delayed.Delayed
        In the order of the groups.
    """
    from uuid import uuid4

    import dask
    from dask.delayed import Delayed
    from dask.highlevelgraph import HighLevelGraph

    graph = _optimised_together(arrays)
    needs = {key: dask.core.get_dependencies(graph, key) for key in graph}
    owner = _owners(needs, [keys for _, keys in groups])
    # What several groups need is one layer, and not in a list among the arguments, for each key of
    # which Dask would search it whole.
    layer = f"common-{uuid4().hex}"
    shared_keys = {key: graph[key] for key, number in owner.items() if number == -1}
    common = HighLevelGraph({layer: shared_keys}, {layer: set()})
    run = dask.delayed(_run_group, pure=False)
    tasks = []
    for number, (arguments, keys) in enumerate(groups):
        private, shared = _split(needs, keys, owner, number)
        inner = _Hidden({key: graph[key] for key in private})
        given = (Delayed(key, common, layer=layer) for key in shared)
        tasks.append(run(function, arguments, inner, _Hidden(list(keys)), _Hidden(shared), *given))
    return tasks


def _optimised_together(arrays: Sequence[Any]) -> dict[Hashable, Any]:
    """Optimise one graph for all arrays; ``dask.optimize`` would do it for each by itself."""
    from dask.array.optimization import optimize
    from dask.core import flatten
    from dask.highlevelgraph import HighLevelGraph

    merged = HighLevelGraph.merge(*(array.__dask_graph__() for array in arrays))
    keys = list(flatten([array.__dask_keys__() for array in arrays]))
    return dict(optimize(merged, keys))


def _owners(needs: dict[Hashable, set], groups: list[Keys]) -> dict[Hashable, int]:
    """Return the only group that needs each key, or -1 where several do.

    A key that a shared key needs is shared as well: its result is computed for all.
    """
    owner: dict[Hashable, int] = {}
    for number, keys in enumerate(groups):
        pending, seen = list(keys), set()
        while pending:
            key = pending.pop()
            if key in seen:
                continue
            seen.add(key)
            if owner.get(key) == -1:
                continue
            owner[key] = number if owner.get(key, number) == number else -1
            pending += needs[key]
            if owner[key] == -1:
                _share(key, needs, owner)
    return owner


def _share(key: Hashable, needs: dict[Hashable, set], owner: dict[Hashable, int]) -> None:
    pending = list(needs[key])
    while pending:
        below = pending.pop()
        if owner.get(below) != -1:
            owner[below] = -1
            pending += needs[below]


def _split(
    needs: dict[Hashable, set], keys: Keys, owner: dict[Hashable, int], number: int
) -> tuple[set[Hashable], list[Hashable]]:
    private: set[Hashable] = set()
    shared: dict[Hashable, None] = {}
    pending = list(keys)
    while pending:
        key = pending.pop()
        if owner[key] != number:
            shared[key] = None
        elif key not in private:
            private.add(key)
            pending += needs[key]
    return private, list(shared)


def _run_group(
    function: Callable[..., Any],
    arguments: tuple[Any, ...],
    inner: _Hidden,
    keys: _Hidden,
    shared: _Hidden,
    *given: Any,
) -> Any:
    import dask

    graph = dict(inner.value)
    graph |= {
        key: (_reveal, _Hidden(value)) for key, value in zip(shared.value, given, strict=True)
    }
    return function(*arguments, list(dask.get(graph, keys.value)))


def _reveal(hidden: _Hidden) -> Any:
    return hidden.value
