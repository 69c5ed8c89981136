"""Run a model of natcap.invest: ``python -m benchmarks.real_services.execute MODULE ARGUMENTS``.

By the interpreter that has it; the arguments are those of its ``execute``, as JSON in a file.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path


def main() -> None:
    """Run the model named on the command line."""
    from osgeo import gdal

    gdal.UseExceptions()
    importlib.import_module(sys.argv[1]).execute(json.loads(Path(sys.argv[2]).read_text()))


if __name__ == "__main__":
    main()
