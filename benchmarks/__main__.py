"""Run the short benchmarks one after the other, each in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec

NEEDS = {
    "benchmarks.peers.pettitt": ("pyhomogeneity",),
    "benchmarks.peers.pearson": ("xskillscore",),
    "benchmarks.peers.segments": ("ruptures", "spectral_recovery"),
}
"""Peers without which a module has nothing to compare; they come with the extra ``bench``."""
SHORT = (
    ["benchmarks.machine"],
    ["benchmarks.import_time"],
    ["benchmarks.graphs"],
    ["benchmarks.peers.trend"],
    ["benchmarks.peers.pettitt"],
    ["benchmarks.peers.pearson"],
    ["benchmarks.peers.landtrendr"],
    ["benchmarks.peers.segments"],
    ["benchmarks.peers.idw"],
    ["benchmarks.peers.downscale"],
    ["benchmarks.peers.subsidence"],
    ["benchmarks.peers.subsidence_polygon"],
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
        missing = [name for name in NEEDS.get(command[0], ()) if find_spec(name) is None]
        if missing:
            print(f"left out: {', '.join(missing)} is not installed (pip install -e '.[bench]')")
            continue
        subprocess.run([sys.executable, "-m", *command], check=True)


if __name__ == "__main__":
    main()
