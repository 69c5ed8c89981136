"""Which kind of flow direction a raster holds, brought into the form that the kernels read."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from mineeco_xr.chunks import pointwise
from mineeco_xr.cube.grid import require_same_grid
from mineeco_xr.cube.nodata import as_float, code_in, fill_value_of
from mineeco_xr.errors import GridMismatch, ParameterError, SchemaError

METHODS = {"d8": (np.dtype("uint8"), 255), "mfd": (np.dtype("uint32"), 0)}
"""Type and nodata code of the directions of each kind."""


def flow_method(direction: xr.DataArray, method: str | None = None) -> str:
    """Return whether directions are ``"d8"`` or ``"mfd"``.

    Parameters
    ----------
    direction : xarray.DataArray
        From ``flow_direction``.
    method : {"d8", "mfd"}, optional
        What it is said to be; default by its type, in memory or as stored.

    Returns
    -------
    str
        The kind.

    Raises
    ------
    ParameterError
        If it is neither, cannot be told, or is said to be what its type or origin denies.
    """
    if method is not None:
        if method not in METHODS:
            raise ParameterError(
                f"flow method {method!r} is unknown: choose from {tuple(METHODS)}."
            )
        other = next(name for name in METHODS if name != method)
        made = direction.attrs.get("flow_method", method)
        if direction.dtype == METHODS[other][0] or made != method:
            raise ParameterError(
                f"{direction.name or 'the flow direction'!r} is {direction.dtype} of method "
                f"{other!r}, not {method!r}: leave method= out."
            )
        return method
    stored = direction.encoding.get("dtype", direction.dtype)
    for kind in (direction.dtype, np.dtype(stored)):
        for name, (dtype, _) in METHODS.items():
            if kind == dtype:
                return name
    raise ParameterError(
        f"{direction.name or 'the flow direction'!r} is {direction.dtype}; expected uint8 (one "
        "receiver) or uint32 (several), as mineeco_xr.flow_direction makes them. Say method='d8' "
        "or 'mfd' if it is one of them in another type."
    )


def as_codes(direction: xr.DataArray, method: str) -> xr.DataArray:
    """Return directions in the type and with the nodata code of their kind, dims (..., y, x)."""
    dtype, nodata = METHODS[method]
    fill = fill_value_of(direction)
    codes = direction.transpose(..., "y", "x")
    if direction.dtype == dtype and (fill is None or fill == nodata):
        return codes.drop_attrs(deep=False)
    return pointwise(
        _recode, codes, dtype=dtype, parameters={"fill": fill, "nodata": nodata}
    ).transpose(*codes.dims)


def _recode(block: np.ndarray, *, fill: float | None, nodata: int) -> np.ndarray:
    absent = np.isnan(block) if block.dtype.kind == "f" else np.zeros(block.shape, dtype=bool)
    code = None if fill is None else code_in(fill, block.dtype)
    if code is not None:
        absent |= block == code
    values = block[~absent]
    highest = 7 if nodata == METHODS["d8"][1] else np.iinfo("uint32").max
    if values.size and not (
        values.min() >= 0 and values.max() <= highest and np.array_equal(values, np.floor(values))
    ):
        raise SchemaError(
            f"flow directions hold values from {values.min()} to {values.max()}; expected whole "
            f"codes from 0 to {highest}, as mineeco_xr.flow_direction makes them."
        )
    return np.where(absent, nodata, block)


def on_directions(
    codes: xr.DataArray, direction: xr.DataArray, **layers: xr.DataArray | None
) -> tuple[xr.DataArray, ...]:
    """Return directions and layers on one grid with the same dims; absent layers are left out.

    Raises
    ------
    GridMismatch
        If a layer is not on the grid of the directions, or has other dates.
    """
    given = {name: layer for name, layer in layers.items() if layer is not None}
    require_same_grid({"direction": direction, **given})
    place = {dim: codes[dim] for dim in ("y", "x")}
    ready = [codes, *(layer.assign_coords(place) for layer in given.values())]
    plain = [layer.drop_vars("spatial_ref", errors="ignore") for layer in ready]
    try:
        spread = xr.broadcast(*xr.align(*plain, join="exact", copy=False))
    except xr.AlignmentError as error:
        raise GridMismatch(
            f"direction and {', '.join(given)} differ along a dim ({error}); expected the same "
            "dates in all that have some: select those with .sel(time=...)."
        ) from error
    mapping = {"spatial_ref": codes["spatial_ref"]} if "spatial_ref" in codes.coords else {}
    return tuple(layer.transpose(..., "y", "x").assign_coords(mapping) for layer in spread)


def as_weights(weights: xr.DataArray | None) -> xr.DataArray | None:
    """Return weights as floats with NaN as nodata; each task makes its own of them float64."""
    return None if weights is None else as_float(weights)


def plain_weights(weights: np.ndarray, function: str) -> np.ndarray:
    """Return weights as a fresh array of float64, nodata as 0.

    Raises
    ------
    ParameterError
        If a weight is negative.
    """
    lowest = np.fmin.reduce(weights, axis=None, initial=0.0)
    if lowest < 0:
        raise ParameterError(
            f"weights of {function} go down to {lowest:.6g}; expected 0 or more. Negative weights "
            "have no meaning along a flow: clip them, or run their positive and negative parts."
        )
    own = weights.astype("float64")
    return np.nan_to_num(own, copy=False, nan=0.0, posinf=np.inf)


def is_stream(streams: np.ndarray, fill: float | None) -> np.ndarray:
    """Return where a raster of streams has one."""
    found = streams != 0
    if streams.dtype.kind == "f":
        found &= ~np.isnan(streams)
    return found if fill is None else found & (streams != fill)


def label_of(data: xr.DataArray, default: str) -> str:
    """Return what a raster is called in a text."""
    return str(data.attrs.get("long_name", data.name or default))


def nodata_attrs(dtype: Any, nodata: int) -> dict[str, Any]:
    """Return the attributes that make a code mean nodata."""
    return {"_FillValue": np.dtype(dtype).type(nodata)}
