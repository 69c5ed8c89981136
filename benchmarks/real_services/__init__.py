"""The services on real landscapes: a coal-mining catchment before and after, a basin over 38 years.

``python -m benchmarks.real_services mud_river --folder FOLDER`` and ``... amapa ...`` print tables
and write figures; with ``--invest-python`` natcap.invest runs on the same rasters and every cell is
compared. The data are not part of the project: ``../shared/data`` or ``MINEECO_DATA``.
"""
