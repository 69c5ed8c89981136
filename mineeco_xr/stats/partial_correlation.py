"""Partial correlation of two series in every cell, others held fixed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import xarray as xr

from mineeco_xr.cube.provenance import finalize
from mineeco_xr.errors import ParameterError
from mineeco_xr.stats.series_correlation import (
    MIN_DATES,
    as_result,
    by_name,
    check_series,
    correlated,
    described,
    named,
)


def partial_correlation(
    data: xr.DataArray,
    other: xr.DataArray,
    given: xr.DataArray | xr.Dataset | Sequence[xr.DataArray] | Mapping[str, xr.DataArray],
    *,
    dim: str = "time",
    min_n: int = MIN_DATES,
    detrend: str | None = None,
    fdr: bool = False,
) -> xr.Dataset:
    """Correlate the series of every cell with another series, with others held fixed.

    It is the correlation of what is left of both when a linear regression on the others has taken
    its share: of production with rain at equal temperature.

    Parameters
    ----------
    data : xarray.DataArray
        As for :func:`mineeco_xr.pearson`.
    other : xarray.DataArray
        As there.
    given : DataArray, Dataset, sequence or mapping of DataArray
        What is held fixed, at least one; each on the dates of ``data``, on its grid or one series
        ``(time,)``.
    dim : str
        Name of the time dim.
    min_n : int
        Cells with fewer dates on which all are valid are nodata; at least 3 and one more for each
        variable held fixed. Default 10.
    detrend : {None, "linear", "difference"}
        As for :func:`mineeco_xr.pearson`; ``"linear"`` holds time fixed too.
    fdr : bool
        As for :func:`mineeco_xr.pearson`.

    Returns
    -------
    xarray.Dataset
        Dims ``(y, x)``: ``r``, ``p`` and ``n`` (dates on which all are valid), float64, and with
        ``fdr`` ``significance``, as for :func:`mineeco_xr.pearson`. ``r`` is nodata where a series
        is constant, or but for 1e-10 of its variance a combination of those held fixed.

    Raises
    ------
    SchemaError
        If dims are wrong, dates differ, repeat or are fewer than ``min_n``.
    GridMismatch
        If the grids differ.
    ParameterError
        If nothing is held fixed, ``detrend`` is unknown, or ``min_n`` too small for a test.

    Notes
    -----
    ``r = -P_ij / sqrt(P_ii P_jj)`` with the inverse ``P`` of the correlation matrix of all
    variables, tested with ``n - 2 - k`` degrees of freedom, where ``k`` are held fixed. Pointwise,
    with time whole: bit-identical for any chunking. Equal to the correlation of the residuals of
    least squares to 1e-12, and less by as much as the variables held fixed are near to combinations
    of each other.

    Examples
    --------
    >>> import numpy as np
    >>> from mineeco_xr.testing import with_grid
    >>> rng = np.random.default_rng(0)
    >>> warmth = with_grid(rng.normal(size=(40, 1, 1)), name="warmth")
    >>> rain = (warmth + 0.5 * rng.normal(size=(40, 1, 1))).rename("rain")
    >>> npp = (warmth + 0.5 * rng.normal(size=(40, 1, 1))).rename("npp")
    >>> npp.mine.pearson(rain)["r"].values.round(2)
    array([[0.73]])
    >>> found = partial_correlation(npp, rain, given=[warmth])
    >>> found["r"].values.round(2), found["p"].values.round(2)
    (array([[0.06]]), array([[0.72]]))
    """
    held = _held(given)
    layers = {"data": data, "other": other, **held}
    check_series(layers, dim=dim, min_n=min_n, fixed=len(held), detrend=detrend)
    found = correlated(layers, factors=1, given=False, dim=dim, min_n=min_n, detrend=detrend)
    inputs = named(layers)
    names = [str(layer.name or role) for role, layer in layers.items()]
    fixed = ", ".join(names[2:])
    what = f"partial correlation of {names[0]} and {names[1]} given {fixed}"
    return finalize(
        as_result(found, what=what, detrend=detrend, fdr=fdr),
        function="partial_correlation",
        parameters={
            "given": names[2:],
            "dim": dim,
            "min_n": min_n,
            "detrend": detrend,
            "fdr": fdr,
        },
        inputs=inputs,
        attrs={**described(layers), "given": fixed},
    )


def _held(
    given: xr.DataArray | xr.Dataset | Sequence[xr.DataArray] | Mapping[str, xr.DataArray],
) -> dict[str, xr.DataArray]:
    if isinstance(given, xr.Dataset | Mapping):
        found = by_name(given)
    else:
        several = [given] if isinstance(given, xr.DataArray) else list(given)
        found = {f"given[{i}]": layer for i, layer in enumerate(several)}
    wrong = [name for name, layer in found.items() if not isinstance(layer, xr.DataArray)]
    if wrong or not found:
        raise ParameterError(
            f"given is {given!r}: it needs at least one DataArray to hold fixed. Without any, use "
            "pearson."
        )
    return found
