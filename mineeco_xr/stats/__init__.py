"""Statistics that every domain uses: zones, trends, variation."""

from mineeco_xr.stats.trend import trend
from mineeco_xr.stats.variation import variation
from mineeco_xr.stats.zonal import zonal

__all__ = ["trend", "variation", "zonal"]
