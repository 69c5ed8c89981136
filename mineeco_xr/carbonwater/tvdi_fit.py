"""The edges of the triangle of temperature and vegetation, fitted to what each NDVI bin holds."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from mineeco_xr.errors import MineecoWarning, SchemaError

FITTED, NO_CELLS, NARROW, FEW_BINS, RISING = range(5)
MEANINGS = ("fitted", "no_cells", "narrow_ndvi_range", "too_few_bins", "dry_edge_not_falling")
FEWEST_POINTS = 3
LARGEST_NDVI = 2.0
"""Beyond it a number is no NDVI but a digital number."""
SCALARS = (
    *("dry_intercept", "dry_slope", "wet", "wet_slope", "r", "r2"),
    *("n_bins", "n_cells", "ndvi_min", "ndvi_max", "status"),
)
OF_BINS = ("bin_count", "bin_dry", "bin_wet", "bin_on_dry_edge")


@dataclass(frozen=True)
class Recipe:
    """How edges are fitted; the parameters of ``tvdi_edges``.

    Attributes
    ----------
    edges : ndarray
        Bounds of the bins.
    positions : ndarray
        NDVI that stands for each bin.
    quantile : float or None
        Of the dry points; None for the highest.
    wet : str
        ``"mean"`` or ``"line"``.
    wet_bins : int
        How many bins of highest NDVI make the mean.
    min_count : int
        Fewest cells of a bin.
    min_range : float
        Least range of NDVI.
    """

    edges: np.ndarray
    positions: np.ndarray
    quantile: float | None
    wet: str
    wet_bins: int
    min_count: int
    min_range: float


def fit_edges(
    counts: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    ends: np.ndarray,
    recipe: Recipe,
    label: str,
) -> dict[str, Any]:
    """Fit both edges to the bins of one date.

    Parameters
    ----------
    counts, low, high : ndarray
        Cells, wet and dry temperature of each bin.
    ends : ndarray, (2,)
        Least and largest NDVI.
    recipe : Recipe
        The parameters.
    label : str
        Of the scene, for messages.

    Returns
    -------
    dict
        :data:`SCALARS` as floats and :data:`OF_BINS` as arrays; NaN where the fit is refused.

    Raises
    ------
    SchemaError
        If the numbers are no NDVI.
    """
    if ends[1] > LARGEST_NDVI or ends[0] < -LARGEST_NDVI:
        raise SchemaError(
            f"{label} has NDVI from {ends[0]:.6g} to {ends[1]:.6g}, which are digital numbers or "
            "nodata codes: scale it to -1..1, and set its attrs['_FillValue'] or use NaN."
        )
    kept = np.flatnonzero(counts >= max(recipe.min_count, 1))
    found: dict[str, Any] = dict.fromkeys(SCALARS, np.nan)
    some = ends[0] <= ends[1]
    found |= {
        "n_bins": 0.0,
        "n_cells": float(counts.sum()),
        "ndvi_min": ends[0] if some else np.nan,
        "ndvi_max": ends[1] if some else np.nan,
        "bin_count": counts.astype("float64"),
        "bin_dry": np.where(counts > 0, high, np.nan),
        "bin_wet": np.where(counts > 0, low, np.nan),
        "bin_on_dry_edge": np.zeros(counts.size),
    }
    status = NO_CELLS
    if kept.size:
        span = recipe.edges[kept[-1] + 1] - recipe.edges[kept[0]]
        # Half a millionth of a bin, so that rounding of the bounds does not decide.
        status = NARROW if span < recipe.min_range - 1e-6 else _fit(found, kept, low, high, recipe)
    if status != FITTED:
        found |= dict.fromkeys(SCALARS[:6], np.nan)
        warnings.warn(
            f"{label} has no TVDI: {MEANINGS[status].replace('_', ' ')} (NDVI of filled bins "
            f"{_span_text(recipe, kept)}, {int(found['n_bins'])} bins on the dry edge).",
            MineecoWarning,
            stacklevel=2,
        )
    return {**found, "status": float(status)}


def _fit(
    found: dict[str, Any], kept: np.ndarray, low: np.ndarray, high: np.ndarray, recipe: Recipe
) -> int:
    hottest = kept[high[kept].argmax()]
    dry = kept[(kept >= hottest) & (high[kept] > low[kept].mean())]
    found["n_bins"] = float(dry.size)
    found["bin_on_dry_edge"][dry] = 1.0
    if dry.size < FEWEST_POINTS:
        return FEW_BINS
    intercept, slope, r = _line(recipe.positions[dry], high[dry])
    if recipe.wet == "mean":
        wet, wet_slope = low[kept[-recipe.wet_bins :]].mean(), 0.0
    else:
        wet, wet_slope, _ = _line(recipe.positions[kept], low[kept])
    fitted = (intercept, slope, wet, wet_slope, r, r * r)
    found |= dict(zip(SCALARS[:6], map(float, fitted), strict=True))
    return FITTED if slope < 0 else RISING


def _line(x: np.ndarray, y: np.ndarray) -> tuple[float, float, float]:
    """Return intercept, slope and correlation of least squares."""
    dx, dy = x - x.mean(), y - y.mean()
    slope = float((dx * dy).sum() / (dx * dx).sum())
    spread = float(np.sqrt((dx * dx).sum() * (dy * dy).sum()))
    r = float((dx * dy).sum()) / spread if spread > 0 else np.nan
    return float(y.mean() - slope * x.mean()), slope, r


def _span_text(recipe: Recipe, kept: np.ndarray) -> str:
    if not kept.size:
        return "none"
    return f"{recipe.edges[kept[0]]:.2f} to {recipe.edges[kept[-1] + 1]:.2f}"
