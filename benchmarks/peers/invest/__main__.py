"""Measure and compare: ``python -m benchmarks.peers.invest --side 1000 --models all``.

Both sides run as whole processes from start to exit: InVEST from GeoTIFF to GeoTIFF, ours from Zarr
to Zarr, with numba's cache warm. The exit code is 1 when a run fails or a layer differs by more
than its tolerance.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.measure import table
from benchmarks.peers.invest.compare import compare
from benchmarks.peers.invest.inputs import make_inputs
from benchmarks.peers.invest.parameters import ALGORITHMS, CASES, MODELS, default_case
from benchmarks.peers.invest.process import Measured, measured

ROOT = Path(__file__).resolve().parents[3]
SIDES = {"invest": "benchmarks.peers.invest.run_invest", "ours": "benchmarks.peers.invest.run_ours"}
INTERPRETER = "MINEECO_INVEST_PYTHON"
COMPILE = "from mineeco_xr.kernels.warmup import warmup; warmup()"
ENVIRONMENT = {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": "32000000",
    "MALLOC_TRIM_THRESHOLD_": "128000000",
    "PYTHONDONTWRITEBYTECODE": "",
}
"""Of both sides: one heap for all threads leaves fewer holes, and what a block leaves there serves
the next one without new pages; a checkout keeps its bytecode, as an installed package does."""
WARM = 300
"""Side of the run that fills numba's cache."""


class Bench:
    """The runs of one case."""

    def __init__(self, given: argparse.Namespace) -> None:
        self.given = given
        self.folder: Path = given.folder.resolve()
        self.case: str = given.case or default_case(given.side)
        self.inputs = make_inputs(self.folder, given.side, self.case)
        self.pythons = {"invest": given.invest_python, "ours": given.python}

    def out(self, who: str, model: str) -> Path:
        """Return where a side writes."""
        return self.folder / "out" / f"{self.inputs.name}-{self.given.algorithm}" / who / model

    def run(self, who: str, model: str, inputs: Path, out: Path) -> Measured:
        """Run a model once, into an empty folder: both sides would reuse finished work."""
        shutil.rmtree(out, ignore_errors=True)
        out.parent.mkdir(parents=True, exist_ok=True)
        script = ["-m", SIDES[who], model, str(inputs), str(out)]
        command = [self.pythons[who], *script, "--algorithm", self.given.algorithm]
        log = out.parent / f"{model}.log"
        os.sync()  # what the run before wrote does not go to the disk in this one's time
        found = measured(command, where=ROOT, log=log, environment=ENVIRONMENT)
        if found.code:
            print(f"{who} {model} failed with code {found.code}; the end of {log}:")
            print("\n".join(log.read_text(errors="replace").splitlines()[-15:]), flush=True)
        return found

    def warm(self, model: str) -> Measured:
        """Compile all kernels, then what else a model needs by a run that is not counted."""
        subprocess.run([self.pythons["ours"], "-c", COMPILE], cwd=ROOT, check=True)
        small = make_inputs(self.folder, WARM, self.case)
        return self.run("ours", model, small, self.folder / "out" / "warm" / "ours" / model)

    def best(self, who: str, model: str) -> Measured:
        """Return the fastest of the repeated runs."""
        if who == "ours" and (first := self.warm(model)).code:
            return first
        runs = []
        for _ in range(self.given.repeat):
            runs.append(self.run(who, model, self.inputs, self.out(who, model)))
            if runs[-1].code:
                return runs[-1]
        return min(runs, key=lambda run: run.seconds)

    def row(self, model: str) -> dict[str, Any]:
        """Run a model of both sides and return a row of the table."""
        found: dict[str, Measured] = {}
        for who in self.given.who:
            found[who] = self.best(who, model)
            print(f"{who} {model}: {found[who]}", flush=True)
        failed = " ".join(who for who, run in found.items() if run.code)
        row: dict[str, Any] = {"model": model}
        for title, field in (("s", "seconds"), ("MiB", "peak"), ("cpu s", "processor")):
            for who in ("ours", "invest"):
                row[f"{who} {title}"] = getattr(found[who], field) if who in found else ""
            if len(found) == 2 and not failed and title != "cpu s":
                ratio = getattr(found["invest"], field) / getattr(found["ours"], field)
                row[f"ratio {title}"] = ratio
        return row | {"failed": failed}

    def agrees(self, model: str, failed: str) -> bool:
        """Compare what both sides of a model wrote; of sediment also its routing by itself."""
        algorithm, good = self.given.algorithm, not failed
        theirs = self.out("invest", model)
        if model == "sediment" and "invest" not in failed:
            routing = self.out("ours", "routing")
            code = self.run("ours", "routing", self.inputs, routing).code
            good &= code == 0 and compare("routing", theirs, routing, algorithm)
        return good and compare(model, theirs, self.out("ours", model), algorithm)


def parsed() -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--side", type=int, default=1000)
    parser.add_argument("--case", choices=CASES, default=None)
    parser.add_argument("--models", default="all", help="all, or names with commas")
    parser.add_argument("--algorithm", choices=ALGORITHMS, default="mfd")
    parser.add_argument("--repeat", type=int, default=1, help="runs of each; the fastest counts")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "invest-peer")
    parser.add_argument("--python", default=sys.executable, help="interpreter that has mineeco_xr")
    parser.add_argument("--invest-python", default=os.environ.get(INTERPRETER, sys.executable))
    parser.add_argument("--who", default="invest,ours", help="one side only, or both")
    given = parser.parse_args()
    given.models = list(MODELS) if given.models == "all" else given.models.split(",")
    given.who = given.who.split(",")
    unknown = [*(set(given.models) - set(MODELS)), *(set(given.who) - set(SIDES))]
    if unknown:
        parser.error(f"unknown: {', '.join(unknown)}")
    if "invest" in given.who and not _has_invest(given.invest_python):
        parser.error(
            f"{given.invest_python} has no natcap.invest: name one that has with --invest-python "
            f"or {INTERPRETER}, or run --who ours"
        )
    return given


def _has_invest(python: str) -> bool:
    probe = "import importlib.util, sys; sys.exit(not importlib.util.find_spec('natcap.invest'))"
    return subprocess.run([python, "-c", probe], capture_output=True).returncode == 0


def main() -> None:
    """Measure, then compare."""
    given = parsed()
    bench = Bench(given)
    rows = [bench.row(model) for model in given.models]
    table(f"{bench.inputs.name}, {given.algorithm}, best of {given.repeat}", rows)
    good = all(not row["failed"] for row in rows)
    if len(given.who) == 2:
        for row in rows:
            good &= bench.agrees(row["model"], row["failed"])
    sys.exit(not good)


if __name__ == "__main__":
    main()
