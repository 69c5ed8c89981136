"""Nodata: stored codes that mean no value, turned into NaN before any arithmetic."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from mineeco_xr.chunks import pointwise
from mineeco_xr.errors import SchemaError


def fill_value_of(data: xr.DataArray) -> float | None:
    """Return the code that means nodata, or None; NaN counts as none, and bool has no code.

    xarray keeps attributes through comparisons, so that a mask may carry the code of its classes.

    Examples
    --------
    >>> import xarray as xr
    >>> fill_value_of(xr.DataArray([1, 255], dims="x", attrs={"_FillValue": 255}))
    255.0
    """
    found = data.attrs.get("_FillValue", data.encoding.get("_FillValue"))
    if found is None or data.dtype.kind == "b" or np.isnan(found):
        return None
    return float(found)


def feature_fill_value_of(data: xr.DataArray) -> float | None:
    """Return the code that means nodata in a raster of features, whose 0 means no feature.

    Examples
    --------
    >>> import xarray as xr
    >>> feature_fill_value_of(xr.DataArray([1, 0], dims="x", attrs={"_FillValue": 0})) is None
    True
    """
    return fill_value_of(data) or None


def code_in(code: float, dtype: np.dtype) -> Any:
    """Return a code in a type, or None where the type cannot hold it and so never does.

    Examples
    --------
    >>> code_in(65535, np.dtype("int16")) is None
    True
    """
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        if not limits.min <= code <= limits.max or code != int(code):
            return None
        return dtype.type(int(code))
    with np.errstate(over="ignore"):
        return dtype.type(code)


def as_float(data: xr.DataArray) -> xr.DataArray:
    """Return a raster as floats in which NaN is the only nodata.

    Parameters
    ----------
    data : xarray.DataArray
        Floats or integers; ``_FillValue`` in attributes or encoding is masked.

    Returns
    -------
    xarray.DataArray
        float32 or float64: integers of up to 16 bits become float32, others float64. The same
        object when nothing has to change. Attributes are kept, less ``_FillValue``.

    Raises
    ------
    SchemaError
        If the values are no real numbers.
    """
    if data.dtype.kind not in "biuf":
        raise SchemaError(
            f"{data.name or 'the raster'!r} holds {data.dtype}; expected real numbers. Convert it "
            "with .astype(...) if its values are meant as such."
        )
    fill = fill_value_of(data)
    native = data.dtype.isnative
    if data.dtype.kind == "f" and fill is None and data.dtype.itemsize > 2 and native:
        return data
    result = pointwise(
        _mask_block, data, dtype=_float_kind(data.dtype), parameters={"fill": fill}
    ).transpose(*data.dims)
    attrs = {key: value for key, value in data.attrs.items() if key != "_FillValue"}
    return result.assign_attrs(attrs).rename(data.name)


def _float_kind(dtype: np.dtype) -> str:
    small = dtype.itemsize <= 2 or (dtype.kind == "f" and dtype.itemsize == 4)
    return "float32" if small else "float64"


def _mask_block(block: np.ndarray, *, fill: float | None) -> np.ndarray:
    values = block.astype(_float_kind(block.dtype))
    code = None if fill is None else code_in(fill, block.dtype)
    if code is not None:
        values[block == code] = np.nan
    return values
