"""Run many independent tasks with progress, on whichever scheduler is active."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import Any


def run_tasks(tasks: Sequence[Any], *, done: Callable[[int], None] | None = None) -> None:
    """Compute Delayed tasks whose effects are what counts, in the order given where it matters.

    Parameters
    ----------
    tasks : sequence of dask.delayed.Delayed
        Tasks that write; their results are dropped.
    done : callable, optional
        Called with 1 after each finished task, from the calling process.

    Notes
    -----
    On a distributed client the futures are released as they finish, so that neither the client
    nor the workers keep results. A failed task raises its own exception; tasks that were
    finished by then stay finished.
    """
    if not tasks:
        return
    tell = done or (lambda _: None)
    client = active_client()
    if client is None:
        _run_local(tasks, tell)
    else:
        _run_distributed(client, tasks, tell)


def active_client() -> Any:
    """Return the distributed client in use, or None; distributed is not imported for it.

    As for Dask itself, a scheduler that is set by name comes before a client that exists.
    """
    import dask

    distributed = sys.modules.get("distributed")
    if distributed is None:
        return None
    chosen = dask.config.get("scheduler", None)
    owner = getattr(chosen, "__self__", None)
    if isinstance(owner, distributed.Client):
        return owner
    if chosen not in (None, "distributed", "dask.distributed"):
        return None
    try:
        return distributed.default_client()
    except ValueError:
        return None


def thread_count() -> int:
    """Return on how many threads of this process Dask is told to compute."""
    import dask

    if dask.config.get("scheduler", None) in ("synchronous", "sync", "single-threaded"):
        return 1
    return int(dask.config.get("num_workers", None) or os.cpu_count() or 1)


def _run_local(tasks: Sequence[Any], tell: Callable[[int], None]) -> None:
    import dask
    from dask import threaded
    from dask.callbacks import Callback

    keys = {task.key for task in tasks}

    def after(key: Any, *_: Any) -> None:
        if key in keys:
            tell(1)

    # By name, or by none, Dask would import distributed first to look for a client.
    chosen = dask.config.get("scheduler", None) or threaded.get
    with Callback(posttask=after):
        dask.compute(*tasks, scheduler=chosen)


def _run_distributed(client: Any, tasks: Sequence[Any], tell: Callable[[int], None]) -> None:
    from distributed import as_completed

    futures = client.compute(list(tasks))
    try:
        for future in as_completed(futures):
            future.result()
            future.release()
            tell(1)
    except BaseException:
        client.cancel(futures)
        raise
