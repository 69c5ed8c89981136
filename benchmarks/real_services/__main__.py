"""Run a landscape: ``python -m benchmarks.real_services mud_river --folder FOLDER``.

``overview`` draws the figure of the docs from the tables of both landscapes. The exit code is 1
when a check fails or a layer differs from InVEST's by more than its tolerance.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from benchmarks.real_services import amapa, figures, mud_river

PLACES = {"mud_river": mud_river.run, "amapa": amapa.run}
DATA = Path(__file__).resolve().parents[3] / "shared" / "data"


def main() -> None:
    """Run the landscape named on the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("place", choices=(*PLACES, "overview"))
    parser.add_argument(
        "--folder", type=Path, default=Path(tempfile.gettempdir()) / "real-services"
    )
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("MINEECO_DATA", DATA)))
    parser.add_argument("--invest-python", default=None, help="interpreter with natcap.invest")
    given = parser.parse_args()
    if given.place == "overview":
        figures.overview(given.folder)
        return
    folder = (given.folder / given.place).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    sys.exit(not PLACES[given.place](given.data / given.place, folder, given.invest_python))


if __name__ == "__main__":
    main()
