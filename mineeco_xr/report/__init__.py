"""Figures for a paper, rasters for a GIS, and one self-contained HTML page a run.

Matplotlib and rasterio load when a figure is drawn or a file written, not before; figures are
unknown to pyplot and leave its state and the user's style alone.
"""

from mineeco_xr.report.cog import write_cog
from mineeco_xr.report.distribution import histogram_figure
from mineeco_xr.report.maps import map_figure
from mineeco_xr.report.overview import overview
from mineeco_xr.report.page import Report
from mineeco_xr.report.panels import panel_figure
from mineeco_xr.report.profiles import profile_figure
from mineeco_xr.report.section import Section
from mineeco_xr.report.series import series_figure
from mineeco_xr.report.stacked import stacked_figure
from mineeco_xr.report.style import figure_png, pretty_units, save_figure
from mineeco_xr.report.trends import TrendShares, trend_figure, trend_shares

__all__ = [
    "Report",
    "Section",
    "TrendShares",
    "figure_png",
    "histogram_figure",
    "map_figure",
    "overview",
    "panel_figure",
    "pretty_units",
    "profile_figure",
    "save_figure",
    "series_figure",
    "stacked_figure",
    "trend_figure",
    "trend_shares",
    "write_cog",
]
