"""Coefficient of variation of every cell over time."""

from __future__ import annotations

import numpy as np
import xarray as xr

from mineeco_xr.chunks import pointwise
from mineeco_xr.cube.grid import geobox_of
from mineeco_xr.cube.nodata import as_float
from mineeco_xr.cube.provenance import finalize
from mineeco_xr.errors import ParameterError, SchemaError


def variation(data: xr.DataArray, *, min_n: int = 3, dim: str = "time") -> xr.DataArray:
    """Return the coefficient of variation over time.

    Parameters
    ----------
    data : xarray.DataArray
        Dims with ``time``, ``y`` and ``x``; NaN is a gap.
    min_n : int
        Cells with fewer valid dates are nodata; at least 2.
    dim : str
        Name of the time dim.

    Returns
    -------
    xarray.DataArray
        Dims ``(y, x)``, float64, dimensionless: the sample standard deviation (``n - 1``) over the
        mean; NaN where the mean is zero. Lazy when the data are.

    Raises
    ------
    SchemaError
        If the time dim is missing.
    ParameterError
        If ``min_n`` is below 2.

    Notes
    -----
    Pointwise, with time whole: bit-identical for any chunking. It is negative where the mean is,
    and says little where the mean is near zero.

    Examples
    --------
    >>> import numpy as np
    >>> from mineeco_xr.testing import with_grid
    >>> series = np.array([1.0, 2.0, 3.0])[:, None, None]
    >>> variation(with_grid(series)).values
    array([[0.5]])
    """
    if min_n < 2:
        raise ParameterError(f"min_n is {min_n}: a spread needs at least 2 dates.")
    if dim not in data.dims:
        raise SchemaError(f"{data.name or 'the raster'!r} has no dim {dim!r}, only {data.dims}.")
    geobox_of(data)
    result = pointwise(
        _variation_block,
        as_float(data).transpose(dim, ...),
        dtype="float64",
        core_dim=dim,
        parameters={"min_n": min_n},
    )
    label = data.attrs.get("long_name", data.name or "value")
    return finalize(
        result,
        function="variation",
        parameters={"min_n": min_n, "dim": dim},
        inputs={str(data.name or "data"): data},
        attrs={"units": "1", "long_name": f"coefficient of variation of {label}"},
        name=f"{data.name or 'value'}_variation",
    )


def _variation_block(block: np.ndarray, *, min_n: int) -> np.ndarray:
    from mineeco_xr.kernels.variation import coefficient_of_variation

    return coefficient_of_variation(block, min_n)
