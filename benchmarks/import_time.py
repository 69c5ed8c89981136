"""How long ``import mineeco_xr`` takes in a fresh interpreter; at most 1.2 s."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

from benchmarks.measure import table

LIMIT = 1.2


def seconds(statement: str, repeats: int = 7) -> float:
    """Return the median seconds of a statement in fresh interpreters, start-up taken off."""

    def run(code: str) -> float:
        begin = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True)
        return time.perf_counter() - begin

    run(statement)
    empty = statistics.median(run("pass") for _ in range(repeats))
    return statistics.median(run(statement) for _ in range(repeats)) - empty


def main() -> None:
    """Measure the package, what it needs, and its first uses."""
    statements = {
        "import mineeco_xr": LIMIT,
        "import xarray, dask.array": None,
        "import mineeco_xr; mineeco_xr.wue": None,
        "import mineeco_xr; mineeco_xr.trend": None,
        "import mineeco_xr.cli": None,
    }
    rows = [
        {"statement": text, "seconds": seconds(text), "limit": limit or ""}
        for text, limit in statements.items()
    ]
    table("import time", rows)


if __name__ == "__main__":
    main()
