"""Strips: neighbouring blocks that one worker takes in, one after another, and then keeps.

Whatever crosses a border within a strip is settled in the worker's own memory, without a message.
When two strips have taken in all their blocks, the smaller hands what it still holds to the
larger, until one strip is left. So what each block costs is a task or two, however often anything
crosses its border.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any, Protocol

from mineeco_xr.chunks.progress import progress_bar
from mineeco_xr.chunks.run import active_client, thread_count

Key = Any
MEMORY_SHARE = 0.25
"""Of the memory for one thread: what a strip may hold; the rest is for the block in work."""


class Strip(Protocol):
    """What takes in blocks. Must be picklable; changed in place.

    A call that is repeated, as Dask may do, must change nothing: a block that is in is not taken
    in again, nor a part, and ``give`` of a number gives the same again, even after later ones.
    """

    def enter(self, key: Key, *inputs: Any) -> None:
        """Take in a block, and settle what can be."""

    def give(self, number: int) -> Any:
        """Return the next part of what the strip holds, of bounded size; None after the last."""

    def take(self, part: Any) -> None:
        """Take in a part of another strip; None says that no more comes: settle what can be."""

    def weight(self) -> int:
        """Return about how many bytes the strip would give."""

    def answer(self) -> Any:
        """Return what is wanted in the end."""


def join_strips(
    make: Callable[..., Strip],
    blocks: Mapping[Key, tuple[Any, ...]],
    *,
    parameters: Mapping[str, Any] | None = None,
    description: str = "strips",
    progress: bool | None = None,
) -> Any:
    """Let strips take in blocks, join them to one, and return its answer. Computes.

    Parameters
    ----------
    make : callable
        Plain module-level ``make(budget, parameters)`` returns an empty :class:`Strip` that
        keeps at most about ``budget`` bytes in memory.
    blocks : mapping
        For each key the lazy or plain inputs of ``enter``. Keys that follow each other come into
        the same strip, which should make them neighbours.
    parameters : mapping, optional
        Second argument of ``make``.
    description : str
        For the progress line.
    progress : bool, optional
        Show it; default when the error stream is a terminal.

    Returns
    -------
    object
        The answer of the strip that took in everything.

    Notes
    -----
    One strip for each thread of the active distributed client, or else for each thread that Dask
    is told to use. A strip stays on its worker; when that one is lost, Dask makes it again from
    its blocks.
    """
    client = active_client()
    crew = _Threads() if client is None else _Cluster(client)
    keys = list(blocks)
    count = min(len(crew.budgets), len(keys))
    cuts = [len(keys) * n // count for n in range(count + 1)]
    parts = [keys[start:end] for start, end in itertools.pairwise(cuts)]
    with ExitStack() as stack:
        stack.callback(crew.close)
        advance = stack.enter_context(progress_bar(description, len(keys), show=progress))
        pool = stack.enter_context(ThreadPoolExecutor(count))
        work = _Work(crew, pool, make, blocks, dict(parameters or {}), advance)
        try:
            place, strip = work.strip_of(parts, 0)
            return crew.result(crew.call(place, _answer, strip))
        except BaseException as error:
            raise work.fail(error) from None


class _Work:
    """Fills and joins strips; a thread of this process for each waits for its tasks."""

    def __init__(
        self,
        crew: Any,
        pool: ThreadPoolExecutor,
        make: Callable[..., Strip],
        blocks: Mapping[Key, tuple[Any, ...]],
        parameters: dict[str, Any],
        advance: Callable[[int], None],
    ) -> None:
        self.crew, self.pool, self.make, self.blocks = crew, pool, make, blocks
        self.parameters, self.advance = parameters, advance
        self.failure: BaseException | None = None

    def fail(self, error: BaseException) -> BaseException:
        """Stop all threads, and return the error that came first."""
        self.failure = self.failure or error
        self.crew.close()
        return self.failure

    def strip_of(self, parts: Sequence[Sequence[Key]], place: int) -> tuple[int, Any]:
        """Return a strip that has taken in all blocks, and where it is."""
        if len(parts) == 1:
            return place, self._filled(parts[0], place)
        half = len(parts) // 2
        beside = self.pool.submit(self.strip_of, parts[half:], place + half)
        first = self.strip_of(parts[:half], place)
        return self._joined(first, beside.result())

    def _call(self, place: int, function: Callable[..., Any], *arguments: Any) -> Any:
        if self.failure is not None:
            raise self.failure
        try:
            return self.crew.call(place, function, *arguments)
        except Exception as error:
            raise self.fail(error) from None

    def _filled(self, keys: Sequence[Key], place: int) -> Any:
        strip = self._call(place, self.make, self.crew.budgets[place], self.parameters)
        for key in keys:
            strip = self._call(place, _enter, strip, key, *self.blocks[key])
            self.advance(1)
        return strip

    def _joined(self, *both: tuple[int, Any]) -> tuple[int, Any]:
        weights = [self.crew.result(self._call(place, _weight, strip)) for place, strip in both]
        (source, giver), (place, taker) = both if weights[0] < weights[1] else both[::-1]
        number, more = 0, True
        while more:
            part = self._call(source, _give, giver, number)
            taker, more = self._call(place, _take, taker, part), self._call(source, _is_more, part)
            more, number = self.crew.result(more), number + 1
        return place, taker


def _enter(strip: Strip, key: Key, *inputs: Any) -> Strip:
    strip.enter(key, *inputs)
    return strip


def _weight(strip: Strip) -> int:
    return strip.weight()


def _give(strip: Strip, number: int) -> Any:
    return strip.give(number)


def _is_more(part: Any) -> bool:
    return part is not None


def _take(strip: Strip, part: Any) -> Strip:
    strip.take(part)
    return strip


def _answer(strip: Strip) -> Any:
    return strip.answer()


class _Threads:
    """Threads of this process: what is called for a strip runs in the thread that asks for it."""

    def __init__(self) -> None:
        count = thread_count()
        self.budgets = [int(MEMORY_SHARE * _machine_memory() / count)] * count

    def call(self, place: int, function: Callable[..., Any], *arguments: Any) -> Any:
        ready = (
            item.compute(scheduler="synchronous") if _is_lazy(item) else item for item in arguments
        )
        return function(*ready)

    def result(self, value: Any) -> Any:
        return value

    def close(self) -> None:
        pass


class _Cluster:
    """The workers of a distributed client, one place for each of their threads."""

    def __init__(self, client: Any) -> None:
        if not client.nthreads():
            client.wait_for_workers(1)
        self.client = client
        self.workers: list[str] = []
        self.budgets: list[int] = []
        self.pending: set[Any] = set()
        for address, worker in client.scheduler_info(n_workers=-1)["workers"].items():
            threads = worker["nthreads"]
            memory = (worker["memory_limit"] or _machine_memory()) / threads
            self.workers += [address] * threads
            self.budgets += [int(MEMORY_SHARE * memory)] * threads

    def call(self, place: int, function: Callable[..., Any], *arguments: Any) -> Any:
        """Return the future of a call, when it has ended: what it returns stays on its worker."""
        from distributed import wait

        here = {"workers": [self.workers[place]], "allow_other_workers": True}
        ready = [
            self.client.compute(item, **here) if _is_lazy(item) else item for item in arguments
        ]
        future = self.client.submit(function, *ready, **here, pure=False)
        self.pending.add(future)
        try:
            wait(future)
        finally:
            self.pending.discard(future)
        if future.status != "finished":
            future.result()
        return future

    def result(self, future: Any) -> Any:
        return future.result()

    def close(self) -> None:
        self.client.cancel(list(self.pending))


def _is_lazy(item: Any) -> bool:
    return hasattr(item, "__dask_graph__")


def _machine_memory() -> int:
    import psutil  # type: ignore[import-untyped]

    return int(psutil.virtual_memory().total)
