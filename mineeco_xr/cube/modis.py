"""Stored numbers of the yearly MODIS carbon and water products, decoded."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from mineeco_xr.chunks import pointwise
from mineeco_xr.cube.nodata import fill_value_of
from mineeco_xr.cube.provenance import finalize
from mineeco_xr.errors import ParameterError, SchemaError
from mineeco_xr.tables import read_table

DEFAULT_LAYERS = {"MOD17A3HGF": "Npp_500m", "MOD16A3GF": "ET_500m"}
SCALE_MARK = "scale_applied"


def decode_modis(data: xr.DataArray, product: str, *, layer: str | None = None) -> xr.Dataset:
    """Turn the stored numbers of MOD17A3HGF or MOD16A3GF into NPP or ET.

    Parameters
    ----------
    data : xarray.DataArray
        Stored numbers, not yet scaled; integers, or floats as some services deliver them.
    product : {"MOD17A3HGF", "MOD16A3GF"}
        With or without a version such as ``".061"``.
    layer : str, optional
        Default ``Npp_500m`` and ``ET_500m``; also ``Gpp_500m``, ``PET_500m`` and the quality
        layers ``Npp_QC_500m`` and ``ET_QC_500m``.

    Returns
    -------
    xarray.Dataset
        ``npp`` (gC m-2 yr-1), ``et`` (mm yr-1), ``gpp``, ``pet``, or ``npp_qc`` and ``et_qc`` (the
        percentage of growing-season inputs that were filled in), float32 with NaN for fill and for
        numbers outside the valid range, and ``npp_fill_class`` and so on (uint8): 0 where there is
        a value, else the land class that the product gives instead of one. A pit or fresh dump is
        often ``barren`` and so has no value at all; the class tells.

    Raises
    ------
    ParameterError
        If the product or layer is unknown.
    SchemaError
        If the numbers were scaled before (``attrs["scale_applied"]``), so that they are never
        scaled twice; if integers are of 16 bits or fewer and of another type than the layer's; or,
        when pixels are read, if they are another product's: numbers that the layer's type cannot
        hold, or fill codes of a signed product (32761 to 32767) in ET, where they would be more
        than 3276 mm.

    Notes
    -----
    Pointwise. MOD17A3HGF stores int16 with scale 0.0001 kgC m-2 yr-1 and fills 32761 to 32767;
    MOD16A3GF stores uint16 with scale 0.1 mm yr-1 and fills 65529 to 65535. The table is
    ``mineeco_xr/tables/modis_layers.csv``.

    Examples
    --------
    >>> import numpy as np
    >>> from mineeco_xr.testing import with_grid
    >>> stored = with_grid(np.array([[4000, 32765]], dtype="int16"))
    >>> found = decode_modis(stored, "MOD17A3HGF")
    >>> found["npp"].values, found["npp_fill_class"].values
    (array([[400.,  nan]], dtype=float32), array([[0, 5]], dtype=uint8))
    """
    row = layer_row(product, layer)
    if SCALE_MARK in data.attrs:
        raise SchemaError(
            f"{data.name or 'the raster'!r} was scaled before (attrs[{SCALE_MARK!r}] = "
            f"{data.attrs[SCALE_MARK]!r}): use it as it is."
        )
    parameters = {"product": product, "layer": row["layer"]}
    _require_type(data, row)
    codes = {key: float(row[key]) for key in ("valid_min", "valid_max", "fill_min", "fill_max")}
    limits = np.iinfo(row["dtype"])
    values = pointwise(
        _decode_block,
        data,
        dtype="float32",
        parameters={
            **codes,
            "scale": float(row["scale"]),
            "label": f"{row['product']} {row['layer']}",
            "holds": (float(limits.min), float(limits.max)),
            "foreign": (float(row["foreign_min"]), float(row["foreign_max"])),
            "own_fill": fill_value_of(data),
        },
    )
    classes = pointwise(_fill_class_block, data, dtype="uint8", parameters=codes)
    meanings = read_table("modis_fill_classes")
    result = xr.Dataset(
        {
            row["name"]: values.assign_attrs(
                {
                    "units": row["units"],
                    "long_name": row["long_name"],
                    SCALE_MARK: str(row["scale"]),
                    "source": f"{product} {row['layer']}",
                }
            ),
            f"{row['name']}_fill_class": classes.assign_attrs(
                _FillValue=np.uint8(255),
                flag_values=np.array([0, *meanings["flag"]], dtype="uint8"),
                flag_meanings=" ".join(["value", *meanings["meaning"]]),
                long_name=f"why {row['long_name']} has no value",
            ),
        }
    )
    return finalize(result, function="decode_modis", parameters=parameters, inputs={"data": data})


def layer_row(product: str, layer: str | None) -> dict:
    """Return what the table says of a layer.

    Raises
    ------
    ParameterError
        If the product or layer is unknown.
    """
    table = read_table("modis_layers")
    short = product.split(".")[0].upper()
    known = sorted(table["product"].unique())
    if short not in known:
        raise ParameterError(f"product {product!r} is unknown: choose from {known}.")
    wanted = layer or DEFAULT_LAYERS[short]
    rows = table[(table["product"] == short) & (table["layer"] == wanted)]
    if rows.empty:
        layers = table.loc[table["product"] == short, "layer"].tolist()
        raise ParameterError(f"{short} has no layer {wanted!r}: choose from {layers}.")
    return rows.iloc[0].to_dict()


def _decode_block(
    block: np.ndarray,
    *,
    scale: float,
    valid_min: float,
    valid_max: float,
    fill_min: float,
    fill_max: float,
    label: str,
    holds: tuple[float, float],
    foreign: tuple[float, float],
    own_fill: float | None,
) -> np.ndarray:
    stored = block.astype("float64")
    _require_own(stored, label, holds, foreign, own_fill)
    with np.errstate(invalid="ignore"):
        valid = (stored >= valid_min) & (stored <= valid_max)
    return np.where(valid, stored * scale, np.nan).astype("float32")


def _require_type(data: xr.DataArray, row: dict) -> None:
    """Refuse integers as narrow as the product's that are of another type."""
    own, expected = data.dtype, np.dtype(row["dtype"])
    if own.kind not in "iuf":
        raise SchemaError(f"{data.name or 'the raster'!r} holds {own}; expected {expected}.")
    if (
        own.kind in "iu"
        and own.itemsize <= 2
        and (own.kind, own.itemsize)
        != (
            expected.kind,
            expected.itemsize,
        )
    ):
        raise SchemaError(
            f"{data.name or 'the raster'!r} holds {own}, but {row['product']} {row['layer']} is "
            f"stored as {expected}: it is another product or layer, or was converted so that its "
            "fill codes changed. Name the product it is, or bring the original file."
        )


def _require_own(
    stored: np.ndarray,
    label: str,
    holds: tuple[float, float],
    foreign: tuple[float, float],
    own_fill: float | None,
) -> None:
    """Refuse numbers that only another product can have."""
    with np.errstate(invalid="ignore"):
        wrong: Any = (stored < holds[0]) | (stored > holds[1])
        if not np.isnan(foreign[0]):
            wrong |= (stored >= foreign[0]) & (stored <= foreign[1])
    if not wrong.any():
        return
    wrong &= np.isfinite(stored)
    if own_fill is not None:
        wrong &= stored != own_fill
    found = stored[wrong]
    if found.size:
        raise SchemaError(
            f"{label}: {found.size} cells of one block from {found.min():g} to {found.max():g} are "
            f"no numbers of this layer, which holds {holds[0]:g} to {holds[1]:g}"
            + ("" if np.isnan(foreign[0]) else f" without {foreign[0]:g} to {foreign[1]:g}")
            + ": these are the fill codes of another product, or scaled values. Check product= and "
            "layer=, or name the nodata code in attrs['_FillValue']."
        )


def _fill_class_block(
    block: np.ndarray, *, valid_min: float, valid_max: float, fill_min: float, fill_max: float
) -> np.ndarray:
    stored = block.astype("float64")
    with np.errstate(invalid="ignore"):
        valid = (stored >= valid_min) & (stored <= valid_max)
        named = (stored >= fill_min) & (stored <= fill_max)
    classes = np.where(named, stored - fill_min + 1, fill_max - fill_min + 1)
    return np.where(valid, 0, classes).astype("uint8")
