"""Pearson correlation of two series in every cell."""

from __future__ import annotations

import xarray as xr

from mineeco_xr.cube.provenance import finalize
from mineeco_xr.stats.series_correlation import (
    MIN_DATES,
    as_result,
    check_series,
    correlated,
    described,
    named,
)


def pearson(
    data: xr.DataArray,
    other: xr.DataArray,
    *,
    dim: str = "time",
    min_n: int = MIN_DATES,
    detrend: str | None = None,
    fdr: bool = False,
) -> xr.Dataset:
    """Correlate the series of every cell with another series.

    Parameters
    ----------
    data : xarray.DataArray
        Dims with ``time``, ``y`` and ``x`` in any order; NaN, infinities and the ``_FillValue`` of
        integers are gaps. Any units.
    other : xarray.DataArray
        On the same dates; on the same grid, or one series ``(time,)`` for all cells, such as the
        rain of a station.
    dim : str
        Name of the time dim.
    min_n : int
        Cells with fewer dates on which both are valid are nodata; at least 3, default 10.
    detrend : {None, "linear", "difference"}
        ``"linear"`` takes a straight line off both series, over their common dates: then only what
        departs from the trends is correlated. ``"difference"`` correlates the steps between
        neighbouring dates of the axis; a gap costs the steps on both its sides.
    fdr : bool
        Also tell what is significant when the false discovery rate over all cells is controlled.

    Returns
    -------
    xarray.Dataset
        Dims ``(y, x)``: ``r``, ``p`` (two-sided, of no correlation) and ``n`` (common dates, or
        common differences), float64. ``r`` is nodata where a series is constant. With ``fdr``
        ``significance`` (uint8; 1 not significant, 2, 3 and 4 at a false discovery rate of 0.10,
        0.05 and 0.01; ``_FillValue`` 0). Lazy when an input is.

    Raises
    ------
    SchemaError
        If dims are wrong, dates differ, repeat or are fewer than ``min_n``.
    GridMismatch
        If the grids differ.
    ParameterError
        If ``detrend`` is unknown, or ``min_n`` too small for a test.

    Notes
    -----
    ``p = I_{1 - r^2}((n - 2) / 2, 1 / 2)``, that of ``t = r sqrt((n - 2) / (1 - r^2))`` with
    ``n - 2`` degrees of freedom; one fewer with ``detrend="linear"``, which is the partial
    correlation with time held fixed. It takes the dates as independent: where both series remember
    the year before, as ``n`` tells too much, it comes out too small. Pointwise, with time whole:
    bit-identical for any chunking. Equal to ``scipy.stats.pearsonr`` to 1e-12. ``significance``
    is that of Benjamini and Hochberg (1995); it reads lazy data twice more, to collect and to
    compare.

    References
    ----------
    Benjamini, Y. and Hochberg, Y. (1995). Journal of the Royal Statistical Society B 57, 289-300.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> from mineeco_xr.testing import with_grid
    >>> rng = np.random.default_rng(0)
    >>> rain = with_grid(rng.normal(300, 50, (24, 1, 2)), name="rain", units="mm yr-1")
    >>> noise = np.stack([rng.normal(0, 10, (24, 1)), rng.normal(0, 100, (24, 1))], axis=-1)
    >>> npp = (rain + noise).rename("npp")
    >>> found = pearson(npp, rain)
    >>> found["r"].values.round(2), (found["p"] < 0.05).values
    (array([[0.97, 0.28]]), array([[ True, False]]))
    """
    layers = {"data": data, "other": other}
    check_series(layers, dim=dim, min_n=min_n, fixed=0, detrend=detrend)
    found = correlated(layers, factors=1, given=False, dim=dim, min_n=min_n, detrend=detrend)
    names = [str(layer.name or role) for role, layer in layers.items()]
    what = f"Pearson correlation of {names[0]} and {names[1]}"
    return finalize(
        as_result(found, what=what, detrend=detrend, fdr=fdr),
        function="pearson",
        parameters={"dim": dim, "min_n": min_n, "detrend": detrend, "fdr": fdr},
        inputs=named(layers),
        attrs=described(layers),
    )
