"""Rounds: blocks run again and again until nothing crosses a border any more.

Each block keeps a state where it is worked on. A run takes the messages that wait for the block
and returns a reply; the caller turns the reply into messages for other blocks. Only blocks with
waiting messages run, the most urgent first, and the solve ends when no message is left: never
after a number of sweeps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from typing import Any

from mineeco_xr.chunks.progress import count_runs
from mineeco_xr.chunks.run import active_client, thread_count
from mineeco_xr.chunks.shelf import Shelf

Key = Any
"""Hashable: what a block is known by."""
Messages = Mapping[Key, tuple[float, Any]]
"""For each block that must run: how urgent it is (least first) and what it is told."""

RESIDENT_BYTES = 2**29
"""States above this many bytes together wait in a temporary folder. A cluster spills by itself."""


def rounds(
    step: Callable[..., tuple[Any, Any]],
    blocks: Mapping[Key, tuple[Any, ...]],
    first: Messages,
    route: Callable[[Key, Any], Messages],
    *,
    parameters: Mapping[str, Any] | None = None,
    again: bool = True,
    description: str = "rounds",
    progress: bool | None = None,
) -> None:
    """Run blocks until no message waits. Computes; returns nothing: ``route`` keeps what matters.

    Parameters
    ----------
    step : callable
        Plain module-level ``step(state, messages, *blocks, **parameters)``, which returns the new
        state (None at first; any picklable object, not changed in place) and a small reply.
    blocks : mapping
        For each key the lazy or plain inputs that ``step`` gets.
    first : mapping
        Messages to begin with.
    route : callable
        ``route(key, reply)``, called in this process, one reply at a time; returns the messages
        that follow. It must come to an end: messages only for what improves.
    parameters : mapping, optional
        Further keyword arguments of ``step``.
    again : bool
        Read the inputs for every run; otherwise ``step`` gets them only while its state is None.
    description : str
        For the progress line.
    progress : bool, optional
        Show it; default when the error stream is a terminal.

    Notes
    -----
    On the active distributed client, or else on as many threads as Dask is told to use
    (``scheduler="synchronous"`` means one). Memory holds the states in work; further ones spill
    to disk. When the solve is interrupted, tasks are cancelled and temporary files removed.
    """
    waiting: dict[Key, tuple[float, list[Any]]] = {}
    running: set[Key] = set()
    _post(waiting, first)
    with ExitStack() as stack:
        tell = stack.enter_context(count_runs(description, show=progress))
        work = _Work(step, dict(blocks), dict(parameters or {}), again)
        crew = stack.enter_context(_crew(work))
        while waiting or running:
            while len(running) < crew.size:
                ready = [key for key in waiting if key not in running]
                if not ready:
                    break
                key = min(ready, key=lambda key: waiting[key][0])
                crew.start(key, waiting.pop(key)[1])
                running.add(key)
            key, reply = crew.next_reply()
            running.discard(key)
            _post(waiting, route(key, reply))
            tell(len(waiting) + len(running))


def _post(waiting: dict[Key, tuple[float, list[Any]]], messages: Messages) -> None:
    for key, (urgency, message) in messages.items():
        known, earlier = waiting.get(key, (urgency, []))
        waiting[key] = min(known, urgency), [*earlier, message]


@dataclass(frozen=True)
class _Work:
    step: Callable[..., tuple[Any, Any]]
    blocks: dict[Key, tuple[Any, ...]]
    parameters: dict[str, Any]
    again: bool

    def inputs(self, key: Key, *, fresh: bool) -> tuple[Any, ...]:
        return self.blocks[key] if fresh or self.again else ()


def _crew(work: _Work) -> Any:
    client = active_client()
    return _Threads(work) if client is None else _Cluster(client, work)


class _Threads(AbstractContextManager["_Threads"]):
    """A pool of threads in this process, with states in memory or in a temporary folder."""

    def __init__(self, work: _Work) -> None:
        from concurrent.futures import ThreadPoolExecutor

        self.work, self.size = work, thread_count()
        self.states = Shelf(RESIDENT_BYTES)
        self.pool = ThreadPoolExecutor(self.size)
        self.runs: dict[Any, Key] = {}

    def __exit__(self, *_: Any) -> None:
        self.pool.shutdown(wait=True, cancel_futures=True)
        self.states.close()

    def start(self, key: Key, messages: list[Any]) -> None:
        state = self.states.take(key)
        inputs = self.work.inputs(key, fresh=state is None)
        self.runs[self.pool.submit(self._run, state, messages, inputs)] = key

    def _run(self, state: Any, messages: list[Any], inputs: tuple[Any, ...]) -> tuple[Any, Any]:
        import dask

        ready = dask.compute(*inputs, scheduler="synchronous")
        return self.work.step(state, messages, *ready, **self.work.parameters)

    def next_reply(self) -> tuple[Key, Any]:
        from concurrent.futures import FIRST_COMPLETED, wait

        done, _ = wait(self.runs, return_when=FIRST_COMPLETED)
        future = done.pop()
        key = self.runs.pop(future)
        state, reply = future.result()
        self.states.put(key, state)
        return key, reply


class _Cluster(AbstractContextManager["_Cluster"]):
    """The workers of a distributed client; a state stays on the worker that made it."""

    def __init__(self, client: Any, work: _Work) -> None:
        from distributed import as_completed

        self.client, self.work = client, work
        self.size = max(1, sum(client.nthreads().values()))
        self.states: dict[Key, Any] = {}
        self.runs: dict[Any, Key] = {}
        self.empty: set[Key] = set(work.blocks)
        self.arrivals = as_completed()

    def __exit__(self, *_: Any) -> None:
        self.client.cancel([*self.states.values(), *self.runs])
        self.states.clear()
        self.runs.clear()

    def start(self, key: Key, messages: list[Any]) -> None:
        inputs = [
            self.client.compute(block) if hasattr(block, "__dask_graph__") else block
            for block in self.work.inputs(key, fresh=key in self.empty)
        ]
        pair = self.client.submit(
            _run_step, self.work.step, self.states.get(key), messages, inputs,
            self.work.parameters, pure=False,
        )  # fmt: skip
        reply = self.client.submit(_reply_of, pair, pure=False)
        self.states[key] = pair
        self.runs[reply] = key
        self.arrivals.add(reply)

    def next_reply(self) -> tuple[Key, Any]:
        future = next(self.arrivals)
        key = self.runs.pop(future)
        stateless, reply = future.result()
        if not stateless:
            self.empty.discard(key)
        return key, reply


def _run_step(
    step: Any, earlier: Any, messages: list[Any], inputs: list[Any], parameters: dict[str, Any]
) -> tuple[Any, Any]:
    state = None if earlier is None else earlier[0]
    return step(state, messages, *inputs, **parameters)


def _reply_of(pair: tuple[Any, Any]) -> tuple[bool, Any]:
    return pair[0] is None, pair[1]
