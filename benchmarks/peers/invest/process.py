"""A command as a process of its own: seconds, peak memory of its tree, processor seconds."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

SAMPLE, FAMILY = 0.02, 25
"""Seconds between samples of memory; every so many samples the children are looked up."""


@dataclass(frozen=True)
class Measured:
    """What a command took.

    Attributes
    ----------
    seconds : float
        From start to exit.
    processor : float
        User and system seconds, children included.
    peak : float
        Largest resident size of the process and its children together, MiB.
    code : int
        Exit code.
    """

    seconds: float
    processor: float
    peak: float
    code: int


class _Watch(threading.Thread):
    """Sample the resident size of a process tree until told to stop."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.pid, self.peak, self.stop = pid, 0, threading.Event()

    def run(self) -> None:
        """Sample; looking for children costs more than reading sizes, so it is done seldom."""
        import psutil

        count = 0
        try:
            family = [psutil.Process(self.pid)]
        except psutil.Error:
            return
        while not self.stop.is_set():
            total = 0
            for process in family:
                try:
                    total += process.memory_info().rss
                except psutil.Error:
                    continue
            self.peak = max(self.peak, total)
            count += 1
            if count % FAMILY == 0:
                try:
                    family = [family[0], *family[0].children(recursive=True)]
                except psutil.Error:
                    return
            self.stop.wait(SAMPLE)


def measured(
    command: Sequence[str], *, where: Path, log: Path, environment: Mapping[str, str]
) -> Measured:
    """Run a command in a folder with more in its environment, its output in a log file."""
    with log.open("wb") as file:
        begin = time.perf_counter()
        given = {**os.environ, **environment}
        process = subprocess.Popen(
            command, cwd=where, stdout=file, stderr=subprocess.STDOUT, env=given
        )
        watch = _Watch(process.pid)
        watch.start()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    watch.stop.set()
    watch.join()
    used = usage.ru_utime + usage.ru_stime
    return Measured(seconds, used, watch.peak / 2**20, process.returncode)
