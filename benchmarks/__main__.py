"""Run the short benchmarks one after the other, each in a process of its own."""

from __future__ import annotations

import subprocess
import sys

SHORT = (
    ["benchmarks.machine"],
    ["benchmarks.import_time"],
    ["benchmarks.graphs"],
    ["benchmarks.peers.trend"],
    ["benchmarks.peers.zonal"],
    ["benchmarks.peers.warp"],
    ["benchmarks.peers.distance"],
    ["benchmarks.peers.decay"],
    ["benchmarks.peers.label"],
    ["benchmarks.peers.terrain"],
    ["benchmarks.peers.flow"],
    ["benchmarks.peers.cost"],
    ["benchmarks.peers.natural_breaks"],
    ["benchmarks.peers.hot_spots"],
    ["benchmarks.peers.forest"],
    ["benchmarks.conventions"],
    ["benchmarks.cube", "--side", "2048"],
)


def main() -> None:
    """Run them all; the first that fails ends the run."""
    for command in SHORT:
        print(f"\n== python -m {' '.join(command)}", flush=True)
        subprocess.run([sys.executable, "-m", *command], check=True)


if __name__ == "__main__":
    main()
