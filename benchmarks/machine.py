"""What this machine can do at best: the limits beside which our figures stand."""

from __future__ import annotations

import os
from pathlib import Path

from benchmarks.measure import copy_bandwidth, disk_bandwidth, table


def main() -> None:
    """Measure memory and disk."""
    write, read = disk_bandwidth(Path.cwd())
    cores = os.cpu_count() or 1
    table(
        "machine",
        [
            {"what": "cores", "value": cores},
            {"what": "copy, 1 thread (GB/s)", "value": copy_bandwidth(1) / 1e9},
            {"what": f"copy, {cores} threads (GB/s)", "value": copy_bandwidth(cores) / 1e9},
            {"what": "disk write with fsync (MB/s)", "value": write / 1e6},
            {"what": "disk read, cold (MB/s)", "value": read / 1e6},
        ],
    )


if __name__ == "__main__":
    main()
