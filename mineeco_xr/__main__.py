"""Run the command line with ``python -m mineeco_xr``."""

from mineeco_xr.cli import main

main()
