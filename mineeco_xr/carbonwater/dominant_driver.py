"""The dominant driver of every cell: the factor that its series goes with most."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr

from mineeco_xr.carbonwater.drivers import METHODS, named_layers
from mineeco_xr.chunks import pointwise
from mineeco_xr.chunks.reread import reread
from mineeco_xr.cube.provenance import finalize
from mineeco_xr.errors import ParameterError
from mineeco_xr.stats.correlation_significance import cuts_of, normal_deviate
from mineeco_xr.stats.false_discovery import LEVELS
from mineeco_xr.stats.series_correlation import MIN_DATES, check_series, correlated

NODATA, NONE = 0, 1
MOST_FACTORS = 254


def dominant_driver(
    target: xr.DataArray,
    factors: xr.Dataset | Mapping[str, xr.DataArray],
    *,
    method: str = "pearson",
    alpha: float = 0.05,
    fdr: bool = False,
    detrend: str | None = None,
    min_n: int = MIN_DATES,
    dim: str = "time",
) -> xr.Dataset:
    """Map which factor the series of each cell correlates with most, and how.

    Parameters
    ----------
    target : xarray.DataArray
        Such as water-use efficiency: dims with ``time``, ``y`` and ``x``. NaN, infinities and the
        ``_FillValue`` of integers are gaps. Any units.
    factors : Dataset or mapping of str to DataArray
        At least two, on the dates of the target, on its grid or one series ``(time,)`` each.
    method : {"pearson", "partial"}
        Pearson's r, or the partial correlation with all other factors held fixed.
    alpha : float
        Only factors of a smaller or equal p count.
    fdr : bool
        Take ``alpha`` as the false discovery rate of each factor over all cells; it must be 0.10,
        0.05 or 0.01 then.
    detrend : {None, "linear", "difference"}
        As for :func:`mineeco_xr.pearson`.
    min_n : int
        Cells with fewer dates on which all are valid are nodata. Default 10.
    dim : str
        Name of the time dim.

    Returns
    -------
    xarray.Dataset
        Dims ``(y, x)``: ``driver`` (uint8: 0 nodata, 1 none significant, then the factors in their
        order, named in ``flag_meanings``) and ``r`` (float64; of that factor, nodata where there is
        none). Of equal ``|r|`` the first factor counts. A factor that is constant in a cell does
        not count there. Lazy when an input is.

    Raises
    ------
    SchemaError
        If dims are wrong, dates differ, repeat or are fewer than ``min_n``.
    GridMismatch
        If the grids differ.
    ParameterError
        If a choice is unknown, or there are fewer than two factors.

    Notes
    -----
    All factors are compared over the same dates. Pointwise, with time whole: bit-identical for any
    chunking. With ``k`` factors a cell where none matters has up to ``k`` chances of ``alpha``;
    ``fdr=True`` guards against the many cells, not against these few. It reads lazy data twice
    more.

    Examples
    --------
    >>> import numpy as np
    >>> from mineeco_xr.testing import with_grid
    >>> rng = np.random.default_rng(0)
    >>> rain, warmth = (with_grid(rng.normal(size=(24, 1, 3))) for _ in range(2))
    >>> npp = rain * [3, 0, 0] - warmth * [0, 3, 0] + rng.normal(size=(24, 1, 3))
    >>> found = dominant_driver(npp, {"rain": rain, "warmth": warmth})
    >>> found["driver"].values, found["driver"].attrs["flag_meanings"]
    (array([[2, 3, 1]], dtype=uint8), 'none_significant rain warmth')
    >>> found["r"].values.round(1)
    array([[ 1. , -0.9,  nan]])
    """
    layers = named_layers(target, factors)
    _, *names = layers
    if method not in METHODS:
        raise ParameterError(f"method is {method!r}: choose from {METHODS}.")
    if not 2 <= len(names) <= MOST_FACTORS:
        raise ParameterError(
            f"there are {len(names)} factors, {names[:4]}: give 2 to {MOST_FACTORS} to choose from."
        )
    if not 0 < alpha < 1 or (fdr and alpha not in LEVELS):
        raise ParameterError(
            f"alpha is {alpha}: give a share between 0 and 1, with fdr=True one of {LEVELS}."
        )
    fixed = len(names) - 1 if method == "partial" else 0
    check_series(layers, dim=dim, min_n=min_n, fixed=fixed, detrend=detrend)
    found = correlated(
        layers,
        factors=len(names),
        given=method == "partial",
        dim=dim,
        min_n=min_n,
        detrend=detrend,
    )
    result = _chosen(found, len(names), alpha, fdr)
    return finalize(
        _described(result, str(target.name or "target"), names, method),
        function="dominant_driver",
        parameters={
            "method": method,
            "alpha": alpha,
            "fdr": fdr,
            "detrend": detrend,
            "min_n": min_n,
            "dim": dim,
        },
        inputs=layers,
        attrs={"variable": str(target.name or "target")},
    )


def _chosen(found: tuple[xr.DataArray, ...], factors: int, alpha: float, fdr: bool) -> xr.Dataset:
    layers = tuple(layer.transpose("y", "x") for layer in found)
    shared = None
    if fdr:
        stacked = xr.concat(layers[factors : 2 * factors], "factor")
        shared = cuts_of(stacked)
        # Another pass: the first one's blocks are not held until the cuts are known.
        layers = tuple(reread(layer, 3) for layer in layers)
        deviates = tuple(normal_deviate(layer) for layer in layers[factors : 2 * factors])
        layers = (*layers[:factors], *deviates)
    parts = pointwise(
        _choose_block,
        *layers[: 2 * factors],
        dtype="float64",
        outputs=2,
        shared=shared,
        parameters={"alpha": alpha, "level": LEVELS.index(alpha) if fdr else 0},
    )
    driver = pointwise(_code_block, parts[0], dtype="uint8")
    return xr.Dataset({"driver": driver, "r": parts[1]})


def _choose_block(
    *blocks: np.ndarray, alpha: float, level: int, shared: np.ndarray | None = None
) -> np.ndarray:
    """Return the code of the strongest significant factor, and its r."""
    factors = len(blocks) // 2
    code = np.full(blocks[0].shape, float(NODATA))
    best = np.zeros(blocks[0].shape)
    for number, (r, test) in enumerate(zip(blocks[:factors], blocks[factors:], strict=True)):
        code[np.isfinite(r) & (code == NODATA)] = NONE
        passed = test <= alpha if shared is None else test >= shared[number, level]
        stronger = passed & (np.abs(r) > np.abs(best))
        code[stronger] = number + NONE + 1
        best[stronger] = r[stronger]
    best[code <= NONE] = np.nan
    return np.stack([code, best])


def _code_block(code: np.ndarray) -> np.ndarray:
    return code.astype("uint8")


def _described(result: xr.Dataset, target: str, names: list[str], method: str) -> xr.Dataset:
    kind = {"pearson": "Pearson", "partial": "partial"}[method]
    meanings = ["none_significant", *("_".join(name.split()) for name in names)]
    result["driver"].attrs = {
        "units": "1",
        "long_name": f"dominant driver of {target}, by {kind} correlation",
        "_FillValue": np.uint8(NODATA),
        "flag_values": np.arange(NONE, len(meanings) + NONE, dtype="uint8"),
        "flag_meanings": " ".join(meanings),
    }
    result["r"].attrs = {
        "units": "1",
        "long_name": f"{kind} correlation of {target} with its dominant driver",
    }
    return result
