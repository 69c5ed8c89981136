"""Hurst exponent of every cell: whether its series persists or turns back."""

from __future__ import annotations

import warnings

import numpy as np
import xarray as xr

from mineeco_xr.chunks import pointwise
from mineeco_xr.cube.grid import geobox_of
from mineeco_xr.cube.nodata import as_float
from mineeco_xr.cube.provenance import finalize
from mineeco_xr.cube.time import decimal_years
from mineeco_xr.errors import MineecoWarning, ParameterError, SchemaError

ENOUGH_DATES = 100


def hurst(data: xr.DataArray, *, min_n: int = 20, dim: str = "time") -> xr.Dataset:
    """Estimate the Hurst exponent of the series of every cell by the rescaled range.

    Above 0.5 a rise tends to be followed by a rise (the series persists), below it by a fall.

    Parameters
    ----------
    data : xarray.DataArray
        Dims with ``time``, ``y`` and ``x`` in any order, float; NaN and infinities are gaps, over
        which the series closes up. The dates are taken as equally spaced.
    min_n : int
        Cells with fewer valid dates are nodata; at least 12.
    dim : str
        Name of the time dim.

    Returns
    -------
    xarray.Dataset
        Dims ``(y, x)``, float64: ``hurst`` and ``n`` (valid dates). Constant series are nodata.
        Lazy when the data are.

    Raises
    ------
    SchemaError
        If the time coordinate is missing, repeats a date, or has fewer than ``min_n`` dates.
    ParameterError
        If ``min_n`` is below 12.

    Warns
    -----
    MineecoWarning
        If there are fewer than 100 dates: of independent values, 95 % of the estimates then lie
        in a range of 0.3 or more (24 dates: 0.16 to 0.83).

    Notes
    -----
    Pointwise, with time whole: bit-identical for any chunking. For windows of ``n / m`` values,
    ``m = 1, 2, ...`` down to 6 values, the mean over the windows of the range of the summed
    deviations over the standard deviation, ``R/S``, is compared with its expectation ``E`` for
    independent normal values (Anis and Lloyd 1976). The exponent is 0.5 plus the least-squares
    slope of ``ln(R/S / E)`` on the logarithm of the window (Weron 2002). A trend makes it larger.
    Short windows draw it to 0.5: fractional noise of 0.8 gives 0.70 with 400 dates, 0.64 with 24.

    References
    ----------
    Anis, A. A. and Lloyd, E. H. (1976). Biometrika 63, 111-116.
    Weron, R. (2002). Physica A 312, 285-299.

    Examples
    --------
    >>> import numpy as np, mineeco_xr as mx
    >>> from mineeco_xr.testing import with_grid
    >>> steps = np.random.default_rng(0).normal(size=(400, 1, 1))
    >>> both = np.concatenate([steps, steps.cumsum(axis=0)], axis=2)
    >>> hurst(with_grid(both, times=np.arange(400.0)))["hurst"].values.round(2)
    array([[0.47, 0.92]])
    """
    from mineeco_xr.kernels.rescaled_range import SHORTEST_WINDOW

    fewest = 2 * SHORTEST_WINDOW
    if min_n < fewest:
        raise ParameterError(f"min_n is {min_n}: the rescaled range needs at least {fewest} dates.")
    count = decimal_years(data, dim).size
    label = data.name or "the raster"
    if count < min_n:
        raise SchemaError(
            f"{label!r} has {count} dates and min_n is {min_n}: no cell could have a Hurst "
            "exponent. Bring more dates, or lower min_n knowingly."
        )
    if count < ENOUGH_DATES:
        warnings.warn(
            f"{label!r} has {count} dates: below {ENOUGH_DATES} a Hurst exponent says little. "
            "Bring a denser series, or test persistence by trend(correction='hamed_rao').",
            MineecoWarning,
            stacklevel=2,
        )
    geobox_of(data)
    exponent, n = pointwise(
        _hurst_block,
        as_float(data).transpose(dim, ...),
        dtype="float64",
        core_dim=dim,
        outputs=2,
        parameters={"min_n": min_n},
    )
    result = xr.Dataset({"hurst": exponent, "n": n})
    name = data.attrs.get("long_name", data.name or "value")
    result["hurst"].attrs = {"units": "1", "long_name": f"Hurst exponent of {name}"}
    result["n"].attrs = {"units": "1", "long_name": "valid dates"}
    return finalize(
        result,
        function="hurst",
        parameters={"min_n": min_n, "dim": dim},
        inputs={str(data.name or "data"): data},
        attrs={"variable": str(data.name or "")},
    )


def _hurst_block(block: np.ndarray, *, min_n: int) -> np.ndarray:
    from mineeco_xr.kernels.rescaled_range import expected_range, hurst_exponent

    return hurst_exponent(block, min_n, expected_range(block.shape[0]))
