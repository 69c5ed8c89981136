"""Maps of trends, with where they are significant and how much of the area that is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import xarray as xr

from mineeco_xr.cube import cell_area, require_same_grid
from mineeco_xr.errors import ParameterError, SchemaError
from mineeco_xr.report.maps import map_figure
from mineeco_xr.report.overview import overview


class TrendShares(NamedTuple):
    """How much of the area changes significantly: shares of the area that has a trend."""

    increase: float
    decrease: float
    area: float
    """Area with a trend, m2."""

    def sentence(self, alpha: float) -> str:
        """Return the shares in words.

        Parameters
        ----------
        alpha : float
            Level of significance.

        Returns
        -------
        str
            For a caption.
        """
        if not self.area:
            return "No cell has a trend."
        return (
            f"Significant (p < {alpha:g}): increase on {self.increase:.1%}, decrease on "
            f"{self.decrease:.1%} of the area with a trend."
        ).replace("%", " %")


def trend_shares(
    trend: xr.Dataset, alpha: float = 0.05, *, slope: str = "slope", p: str = "p"
) -> TrendShares:
    """Measure where a trend is significant.

    Parameters
    ----------
    trend : xarray.Dataset
        Dims ``(y, x)``, with the slope and its p value.
    alpha : float
        Level of significance, between 0 and 1.
    slope, p : str
        Names of the two variables.

    Returns
    -------
    TrendShares
        Shares of the area whose slope and p are both known; cells weigh by their true area.

    Raises
    ------
    SchemaError
        If a variable is missing.
    ParameterError
        If ``alpha`` is out of its range.

    Notes
    -----
    Counts the cells of each row, exactly and lazily, then weighs the rows.
    """
    import dask

    _check(trend, alpha, slope, p)
    grid = require_same_grid({slope: trend[slope], p: trend[p]})
    return _shares(grid, dask.compute(*_row_counts(trend[slope], trend[p], alpha)))


def _row_counts(slope: xr.DataArray, p: xr.DataArray, alpha: float) -> list[xr.DataArray]:
    """Count the cells that rise, that fall and that are known, in each row."""
    known = slope.notnull() & p.notnull()
    significant = known & (p < alpha)
    masks = (significant & (slope > 0), significant & (slope < 0), known)
    return [mask.sum("x") for mask in masks]


def _shares(grid: Any, rows: Sequence[xr.DataArray]) -> TrendShares:
    area = cell_area(grid).values
    up, down, total = (float((row.values * area).sum()) for row in rows)
    return TrendShares(up / total, down / total, total) if total else TrendShares(0.0, 0.0, 0.0)


def trend_figure(
    trend: xr.Dataset,
    alpha: float = 0.05,
    *,
    slope: str = "slope",
    p: str = "p",
    label: str | None = None,
    **options: Any,
) -> Any:
    """Draw a trend, centred at zero and stippled where it is significant.

    Parameters
    ----------
    trend : xarray.Dataset
        Dims ``(y, x)``, with the slope (its ``units`` such as ``"gC m-2 mm-1 yr-1"``) and its
        p value.
    alpha : float
        Level of significance, between 0 and 1.
    slope, p : str
        Names of the two variables.
    label : str, optional
        What changes; default the slope's ``long_name``, else ``"Trend"``.
    **options
        Further arguments of :func:`map_figure`.

    Returns
    -------
    matplotlib.figure.Figure
        With a legend of the stipple, and the shares of significant increase and decrease in
        the line under the map.

    Raises
    ------
    SchemaError
        If a variable is missing.
    ParameterError
        If ``alpha`` is out of its range.
    GridMismatch
        If the two are not on one grid.
    """
    import dask

    _check(trend, alpha, slope, p)
    grid = require_same_grid({slope: trend[slope], p: trend[p]})
    most = options.get("most", 1200)
    # Together, so that a lazy trend is computed once.
    thin, stipple, *rows = dask.compute(
        overview(trend[slope], most),
        overview(trend[p] < alpha, most),
        *_row_counts(trend[slope], trend[p], alpha),
    )
    options = {
        "diverging": True,
        "hatch": stipple,
        "hatch_label": f"p < {alpha:g}",
        "note": _shares(grid, rows).sentence(alpha),
        **options,
    }
    shown = label or trend[slope].attrs.get("long_name") or "Trend"
    return map_figure(thin, label=shown, **options)


def _check(trend: xr.Dataset, alpha: float, slope: str, p: str) -> None:
    missing = [name for name in (slope, p) if name not in trend.data_vars]
    if missing:
        raise SchemaError(
            f"the trend lacks {missing}; it has {list(trend.data_vars)}: give their names as "
            "slope= and p=."
        )
    if not 0 < alpha < 1:
        raise ParameterError(f"alpha is {alpha}: give a level between 0 and 1, such as 0.05.")
