"""Classes of change: direction and significance of a trend in one map."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from mineeco_xr.chunks import pointwise
from mineeco_xr.chunks.reread import reread
from mineeco_xr.cube.grid import require_same_grid
from mineeco_xr.cube.provenance import finalize
from mineeco_xr.errors import ParameterError, SchemaError
from mineeco_xr.stats.false_discovery import LEVELS, discovery_cuts
from mineeco_xr.stats.scene import small_array

NODATA = np.uint8(0)
MEANINGS = (
    *("highly_significant_decrease", "significant_decrease", "decrease_not_significant"),
    *("no_change",),
    *("increase_not_significant", "significant_increase", "highly_significant_increase"),
)
"""Of the codes 1 to 7."""
UNCHANGED = 4
SMALLEST_P = 1e-300


def trend_classes(
    result: xr.Dataset, *, alpha: Sequence[float] = (0.05, 0.01), fdr: bool = False
) -> xr.DataArray:
    """Classify a trend by its direction and its significance.

    Parameters
    ----------
    result : xarray.Dataset
        From :func:`trend`: ``slope`` and ``p`` with dims ``(y, x)``, and ``s`` where it is there.
    alpha : sequence of two floats
        Levels below which p is significant and highly significant, the larger one first.
    fdr : bool
        Lower each level so that, of all cells called significant at it, at most that share is
        expected to be so by chance (Benjamini and Hochberg 1995), over the valid cells of the
        scene. The levels must then be among 0.10, 0.05 and 0.01.

    Returns
    -------
    xarray.DataArray
        Dims ``(y, x)``, uint8 with ``flag_meanings``: 1 highly significant, 2 significant and 3
        not significant decrease, 4 no change, 5 not significant, 6 significant and 7 highly
        significant increase; ``_FillValue`` 0 where slope or p is missing. Lazy when the trend is.

    Raises
    ------
    SchemaError
        If ``slope`` or ``p`` is missing.
    ParameterError
        If ``alpha`` is not two levels that fall, or with ``fdr`` another one than those above.

    Notes
    -----
    The direction is the sign of the slope; where that is 0, as in series of few different values,
    the sign of Mann-Kendall's ``s``, which can be significant there. Significant is ``p < alpha``,
    with ``fdr`` p up to and including the cut. Pointwise, and with ``fdr`` a reduction before it,
    whose counts and cut are exact: bit-identical for any chunking. Lazy trends are then computed
    three times, for counts, cut and classes: write a large one first.

    References
    ----------
    Benjamini, Y. and Hochberg, Y. (1995). Journal of the Royal Statistical Society B 57, 289-300.

    Examples
    --------
    >>> import numpy as np, mineeco_xr as mx
    >>> from mineeco_xr.testing import with_grid
    >>> years = np.arange(12.0)[:, None, None]
    >>> wave = np.array([3.0, -3, 2, -2, 1, -1, 1, -1, 2, -2, 3, -3])[:, None, None]
    >>> series = np.concatenate([years, -years, wave, years * 0], axis=2)
    >>> classes = trend_classes(mx.trend(with_grid(series)))
    >>> classes.values, classes.attrs["flag_meanings"].split()[6]
    (array([[7, 1, 3, 4]], dtype=uint8), 'highly_significant_increase')
    """
    levels = _levels(alpha, fdr)
    lacking = [name for name in ("slope", "p") if name not in result]
    if lacking:
        raise SchemaError(
            f"the trend lacks {lacking}; it has {sorted(map(str, result.data_vars))}. Give the "
            "result of trend()."
        )
    slope, p = result["slope"], result["p"]
    # A least-squares slope of 0 has no other sign to go by.
    score = result.get("s", slope)
    require_same_grid({"slope": slope, "p": p, "s": score})
    if fdr:
        classes = _by_discoveries(slope, score, p, levels)
    else:
        parameters = {"levels": np.array(levels)}
        classes = pointwise(
            _class_block, slope, score, p, dtype="uint8", parameters=parameters
        ).transpose(*p.dims)
    label = result.attrs.get("variable") or "value"
    rule = ", false discovery rate controlled" if fdr else ""
    return finalize(
        classes,
        function="trend_classes",
        parameters={"alpha": list(levels), "fdr": fdr},
        inputs={"slope": slope, "p": p},
        attrs={
            "units": "1",
            "long_name": f"change of {label} by direction and significance{rule}",
            "_FillValue": NODATA,
            "flag_values": np.arange(1, 8, dtype="uint8"),
            "flag_meanings": " ".join(MEANINGS),
        },
        name="trend_class",
    )


def _levels(alpha: Sequence[float], fdr: bool) -> tuple[float, float]:
    levels = tuple(float(level) for level in np.atleast_1d(np.asarray(alpha, dtype=float)))
    if len(levels) != 2 or not 1 > levels[0] > levels[1] > 0:
        raise ParameterError(
            f"alpha is {alpha}: give two levels between 0 and 1, the larger first, such as "
            "(0.05, 0.01)."
        )
    if fdr and not set(levels) <= set(LEVELS):
        raise ParameterError(f"alpha is {alpha}: with fdr=True choose two of {LEVELS}.")
    return levels[0], levels[1]


def _by_discoveries(
    slope: xr.DataArray, score: xr.DataArray, p: xr.DataArray, levels: tuple[float, float]
) -> xr.DataArray:
    scene = p.where(slope.notnull())
    first, second = (
        pointwise(_deviate_block, layer, dtype="float64") for layer in (scene, reread(scene))
    )
    cuts = small_array(
        discovery_cuts(first, second, False), np.asarray, scene, None, dim="level", size=len(LEVELS)
    )
    layers = (reread(layer, 2) for layer in (slope, score, p))
    return pointwise(
        _discovery_block,
        *layers,
        cuts,
        dtype="uint8",
        core_dim="level",
        parameters={"places": [LEVELS.index(level) for level in levels]},
    ).transpose(*p.dims)


def _deviate_block(p: np.ndarray) -> np.ndarray:
    """Return the size of the normal deviate of a two-sided p; of p = 0 too it is a number."""
    from scipy.special import ndtri

    return -ndtri(np.maximum(p, SMALLEST_P) / 2)


def _class_block(
    slope: np.ndarray, score: np.ndarray, p: np.ndarray, *, levels: np.ndarray
) -> np.ndarray:
    return _codes(slope, score, p, [p < level for level in levels])


def _discovery_block(
    slope: np.ndarray, score: np.ndarray, p: np.ndarray, cuts: np.ndarray, *, places: list[int]
) -> np.ndarray:
    size, least = _deviate_block(p), cuts.ravel()
    return _codes(slope, score, p, [size >= least[place] for place in places])


def _codes(
    slope: np.ndarray, score: np.ndarray, p: np.ndarray, passed: list[np.ndarray]
) -> np.ndarray:
    valid = ~(np.isnan(slope) | np.isnan(p))
    direction = np.where(valid, np.sign(np.where(slope == 0, score, slope)), 0).astype(int)
    degree = 1 + passed[0].astype(int) + passed[1]
    return np.where(valid, UNCHANGED + direction * degree, NODATA)
