"""Stored numbers of a layer, as a manifest and the files themselves explain them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from mineeco_xr.chunks import pointwise
from mineeco_xr.cube.modis import decode_modis
from mineeco_xr.cube.nodata import code_in, fill_value_of
from mineeco_xr.cube.units import parse_units
from mineeco_xr.errors import SchemaError, UnitError

if TYPE_CHECKING:
    from mineeco_xr.cube.manifest import LayerSpec


FLAGS = ("flag_values", "flag_meanings")


def resampling_of(key: str, name: str, spec: LayerSpec) -> str:
    """Return how a decoded variable is resampled; flags beside the layer keep their codes."""
    wanted = spec.resampling or "nearest"
    return wanted if key == name or wanted == "mode" else "nearest"


def codes_to_change(
    name: str, own: Mapping[str, Any], first: Mapping[str, Any], classes: Mapping[int, str]
) -> tuple[Any, Any] | None:
    """Return a file's nodata code and that of the stack's first file, when they differ.

    Raises
    ------
    SchemaError
        If the first file's code is a class, or missing.
    """
    code, wanted = own.get("_FillValue"), first.get("_FillValue")
    if code is None or code == wanted:
        return None
    if wanted is None or int(wanted) in classes:
        raise SchemaError(
            f"classes {name!r}: one file's nodata code is {code}, the first file's {wanted}: give "
            "all of them one code."
        )
    return code, wanted


def recode_block(block: np.ndarray, *, own: Any, first: Any) -> np.ndarray:
    """Write one code in place of another."""
    return np.where(block == own, first, block)


def decoded(name: str, spec: LayerSpec, data: xr.DataArray, origin: str) -> dict[str, xr.DataArray]:
    """Turn stored numbers into values, with units.

    Parameters
    ----------
    name : str
        Name of the layer.
    spec : LayerSpec
        Its description.
    data : xarray.DataArray
        Stored numbers, lazy or not, with the attributes that the file gives them.
    origin : str
        Where they come from, for messages.

    Returns
    -------
    dict of str to DataArray
        The layer, and ``<name>_fill_class`` of a MODIS product.

    Raises
    ------
    UnitError
        If the units given contradict the file's.
    """
    if spec.product is not None:
        found = decode_modis(data, spec.product, layer=spec.layer)
        value, flag = found.data_vars
        return {name: found[value].rename(name), f"{name}_fill_class": found[flag]}
    own = fill_value_of(data)
    fills = sorted({*spec.fill_values, *([] if own is None else [own])})
    units = _agreed_units(name, spec, data, origin)
    # What the manifest says replaces what the file says of its own scaling.
    scale = data.attrs.get("scale_factor", 1.0) if spec.scale is None else spec.scale
    offset = data.attrs.get("add_offset", 0.0) if spec.offset is None else spec.offset
    keep_classes = (
        data.dtype.kind in "iu"
        and (scale, offset) == (1.0, 0.0)
        and spec.valid_range is None
        and (
            spec.classes is not None
            or "flag_values" in data.attrs
            or (units is None and spec.resampling in ("nearest", "mode", None))
        )
    )
    if keep_classes:
        result = data.copy() if len(fills) <= 1 else data.where(~data.isin(fills), fills[0])
        result.attrs = {"_FillValue": data.dtype.type(fills[0])} if fills else {}
    elif fills or spec.valid_range or (scale, offset) != (1.0, 0.0):
        result = pointwise(
            _decode_block,
            data,
            dtype="float64" if data.dtype == np.float64 else "float32",
            parameters={
                "fills": tuple(fills),
                "valid_range": spec.valid_range,
                "scale": scale,
                "offset": offset,
            },
        )
    else:
        result = data if data.dtype.kind == "f" else data.astype("float32")
    names = ("long_name", "standard_name", *(FLAGS if keep_classes else ()))
    kept = {k: v for k, v in data.attrs.items() if k in names}
    return {name: result.assign_attrs(kept | ({"units": units} if units else {})).rename(name)}


def _agreed_units(name: str, spec: LayerSpec, data: xr.DataArray, origin: str) -> str | None:
    own = data.attrs.get("units")
    if spec.units is None or own is None:
        return spec.units or own
    if parse_units(str(own)) != parse_units(spec.units):
        raise UnitError(
            f"variable {name!r}: {origin} says its units are {own!r} and the manifest says "
            f"{spec.units!r}. Leave units out to take the file's (they are converted where "
            "needed), or correct the file."
        )
    return spec.units


def _decode_block(
    block: np.ndarray,
    *,
    fills: tuple[float, ...],
    valid_range: tuple[float, float] | None,
    scale: float,
    offset: float,
) -> np.ndarray:
    kind = np.float64 if block.dtype == np.float64 else np.float32
    codes = [code for code in map(partial(code_in, dtype=block.dtype), fills) if code is not None]
    valid = ~np.isin(block, codes)
    if valid_range is not None:
        with np.errstate(invalid="ignore"):
            valid &= (block >= valid_range[0]) & (block <= valid_range[1])
    values = block if scale == 1.0 and offset == 0.0 else block.astype("float64") * scale + offset
    return np.where(valid, values, np.nan).astype(kind)
