"""Run a case from its configuration."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mineeco_xr.errors import ParameterError
from mineeco_xr.workflows.config import KINDS, load_case
from mineeco_xr.workflows.output import RunFolder


def run_case(
    path: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    resume: bool = True,
    overwrite: bool = False,
    say: Callable[[str], None] = print,
) -> RunFolder:
    """Run the case that a TOML file describes.

    Parameters
    ----------
    path : path-like
        The configuration; see :mod:`mineeco_xr.workflows.config`.
    out : path-like
        Folder of the outputs: ``cube.zarr``, ``tables``, ``maps``, ``figures``, ``vectors``,
        ``report.html`` and ``run.json``.
    resume : bool
        Go on with an interrupted run.
    overwrite : bool
        Replace the cube of another run in the same folder.
    say : callable
        Takes lines for the terminal.

    Returns
    -------
    RunFolder
        Where everything is.

    Raises
    ------
    MineecoError
        With what is wrong and what mends it; checks that need no pixels come first.
    """
    case = load_case(Path(path))
    folder = RunFolder(Path(out), say)
    module, function = KINDS[case.kind].runner.split(":")
    run = getattr(importlib.import_module(f"mineeco_xr.workflows.{module}"), function)
    run(case, folder, resume=resume, overwrite=overwrite)
    return folder


@contextmanager
def cluster(
    scheduler: str | None = None, workers: int | None = None, memory: str = "2GiB"
) -> Iterator[Any]:
    """Use a running scheduler, start local workers, or neither.

    Parameters
    ----------
    scheduler : str, optional
        Address of a running scheduler.
    workers : int, optional
        Processes to start here, one thread each.
    memory : str
        Limit of each.

    Yields
    ------
    distributed.Client or None
        ``None`` when threads of this process do the work.
    """
    if scheduler is not None and workers is not None:
        raise ParameterError("give a scheduler's address or a number of workers, not both.")
    if scheduler is None and workers is None:
        yield None
        return
    from distributed import Client, LocalCluster

    from mineeco_xr.kernels.warmup import warmup

    if scheduler is not None:
        with Client(scheduler) as client:
            yield client
        return
    warmup()
    with (
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            memory_limit=memory,
            dashboard_address=":0",
        ) as local,
        Client(local) as client,
    ):
        yield client
