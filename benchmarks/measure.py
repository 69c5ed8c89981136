"""Measuring: best times, peak memory of a process tree, the machine's own limits."""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np


def best_of(
    function: Callable[[], Any], repeats: int = 3, *, clock: Callable[[], float] = time.perf_counter
) -> float:
    """Return the least seconds of a few calls, after one that is not counted.

    With ``time.thread_time`` or ``time.process_time`` as the clock what others do on the machine
    counts less.
    """
    function()
    times = []
    for _ in range(repeats):
        begin = clock()
        function()
        times.append(clock() - begin)
    return min(times)


@dataclass
class Memory:
    """Largest resident sizes seen, in bytes.

    Attributes
    ----------
    total : int
        Of the process and all its children together.
    processes : dict of int to int
        Of each process.
    """

    total: int = 0
    processes: dict[int, int] = field(default_factory=dict)

    def largest_child(self) -> float:
        """Return the largest child in MiB."""
        children = [size for pid, size in self.processes.items() if pid != os.getpid()]
        return max(children, default=0) / 2**20


@contextmanager
def peak_memory(interval: float = 0.1) -> Iterator[Memory]:
    """Watch this process and its children while the block runs."""
    import psutil

    found, stop = Memory(), threading.Event()
    me = psutil.Process()

    def watch() -> None:
        while not stop.is_set():
            total = 0
            for process in [me, *me.children(recursive=True)]:
                try:
                    size = process.memory_info().rss
                except psutil.Error:
                    continue
                total += size
                found.processes[process.pid] = max(found.processes.get(process.pid, 0), size)
            found.total = max(found.total, total)
            stop.wait(interval)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        stop.set()
        thread.join()


def copy_bandwidth(threads: int = 1, size: int = 2**27) -> float:
    """Return bytes read and written a second when float32 arrays are copied."""
    from concurrent.futures import ThreadPoolExecutor

    pairs = [
        (np.ones(size // 4, "float32"), np.empty(size // 4, "float32")) for _ in range(threads)
    ]

    def copy() -> None:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(lambda pair: np.copyto(pair[1], pair[0]), pairs))

    return 2 * size * threads / best_of(copy, 5)


def division_rate(size: int = 2**12) -> float:
    """Return float64 divisions a second of one thread on data in its cache."""
    above, below, out = np.ones(size), np.full(size, 1.5), np.empty(size)

    def divide() -> None:
        for _ in range(2000):
            np.divide(above, below, out=out)

    return 2000 * size / best_of(divide)


def disk_bandwidth(folder: Path | None = None, size: int = 2**30) -> tuple[float, float]:
    """Return bytes a second written (with fsync) and read back after the cache was dropped."""
    block = np.random.default_rng(0).bytes(2**24)
    with tempfile.TemporaryDirectory(dir=folder) as place:
        path = Path(place) / "block"
        begin = time.perf_counter()
        with path.open("wb") as file:
            for _ in range(size // len(block)):
                file.write(block)
            file.flush()
            os.fsync(file.fileno())
        write = size / (time.perf_counter() - begin)
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            begin = time.perf_counter()
            while file.read(2**24):
                pass
        read = size / (time.perf_counter() - begin)
    return write, read


def table(title: str, rows: list[dict[str, Any]]) -> None:
    """Print rows as a table."""
    from rich.console import Console
    from rich.table import Table

    shown = Table(title=title, title_justify="left")
    for column in rows[0]:
        shown.add_column(column, justify="left" if column == next(iter(rows[0])) else "right")
    for row in rows:
        shown.add_row(*(f"{v:.4g}" if isinstance(v, float) else str(v) for v in row.values()))
    Console(width=130).print(shown)
