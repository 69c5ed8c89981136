"""Published systems end to end: a checked configuration, a composition, a report."""

from mineeco_xr.workflows.demo import demo
from mineeco_xr.workflows.run import run_case

__all__ = ["demo", "run_case"]
