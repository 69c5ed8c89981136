"""Progress on the terminal, or none."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress_bar(
    description: str, total: int, *, done: int = 0, show: bool | None = None
) -> Iterator[Callable[[int], None]]:
    """Show how many of ``total`` steps are done, and yield the function that advances it.

    Parameters
    ----------
    description : str
        What is being done.
    total : int
        Number of steps.
    done : int
        Steps done before.
    show : bool, optional
        Default: when the error stream is a terminal.

    Yields
    ------
    callable
        ``advance(count)``.
    """
    if show is None:
        show = sys.stderr.isatty()
    if not show or total <= done:
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(description, total=total, completed=done)
        yield lambda count: bar.update(task, advance=count)


@contextmanager
def count_runs(description: str, *, show: bool | None = None) -> Iterator[Callable[[int], None]]:
    """Show how many runs are done and how many wait, where their number is not known beforehand.

    Parameters
    ----------
    description : str
        What is being done.
    show : bool, optional
        Default: when the error stream is a terminal.

    Yields
    ------
    callable
        ``tell(waiting)``, called after each run.
    """
    if show is None:
        show = sys.stderr.isatty()
    if not show:
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    text = "{task.description}: {task.completed:.0f} runs, {task.fields[waiting]} wait"
    columns = (SpinnerColumn(), TextColumn(text), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as shown:
        task = shown.add_task(description, total=None, waiting=0)
        yield lambda waiting: shown.update(task, advance=1, waiting=waiting)
