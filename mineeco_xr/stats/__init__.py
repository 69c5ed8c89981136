"""Statistics that every domain uses: zones, trends, classes, hot spots, weights, forests."""

from mineeco_xr.stats.ahp import ahp
from mineeco_xr.stats.classify import classify
from mineeco_xr.stats.forest import evaluate_forest
from mineeco_xr.stats.hot_spots import hot_spots
from mineeco_xr.stats.hurst import hurst
from mineeco_xr.stats.natural_breaks import natural_breaks
from mineeco_xr.stats.normalise import normalise
from mineeco_xr.stats.partial_correlation import partial_correlation
from mineeco_xr.stats.pca_weights import pca_weights
from mineeco_xr.stats.pearson import pearson
from mineeco_xr.stats.pettitt import pettitt
from mineeco_xr.stats.phases import phase_table, phases
from mineeco_xr.stats.trend import trend
from mineeco_xr.stats.trend_classes import trend_classes
from mineeco_xr.stats.variation import variation
from mineeco_xr.stats.zonal import zonal

__all__ = [
    "ahp",
    "classify",
    "evaluate_forest",
    "hot_spots",
    "hurst",
    "natural_breaks",
    "normalise",
    "partial_correlation",
    "pca_weights",
    "pearson",
    "pettitt",
    "phase_table",
    "phases",
    "trend",
    "trend_classes",
    "variation",
    "zonal",
]
