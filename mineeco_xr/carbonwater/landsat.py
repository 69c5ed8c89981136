"""Landsat collection 2, level 2: stored numbers become reflectance and surface temperature."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr

from mineeco_xr.chunks import pointwise
from mineeco_xr.cube.grid import layer_of, require_same_grid
from mineeco_xr.cube.modis import SCALE_MARK
from mineeco_xr.cube.provenance import finalize
from mineeco_xr.errors import ParameterError, SchemaError
from mineeco_xr.tables import read_table

SENSORS = ("TM", "ETM", "OLI")
THERMAL = "thermal"
SCALED_MAX = {"reflectance": 2.0, "temperature": 400.0}
"""Floats up to here, 0 aside, are reflectance or kelvin already, for no valid number is so low."""


def scale_landsat(
    cube: xr.Dataset, sensor: str | None = None, *, rename: Mapping[str, str] | None = None
) -> xr.Dataset:
    """Turn the stored numbers of Landsat collection 2, level 2, into reflectance and temperature.

    Parameters
    ----------
    cube : xarray.Dataset
        Stored numbers (uint16, or floats as some services deliver them) on one grid, dims
        ``(y, x)`` or ``(time, y, x)``, named as the product names them, ``SR_B1`` ... ``ST_B10``,
        or already ``blue`` ... ``thermal``. Other variables, such as ``QA_PIXEL``, are passed on.
    sensor : {"TM", "ETM", "OLI"}, optional
        Landsat 4 and 5, 7, 8 and 9. By default known from the bands that are there.
    rename : mapping, optional
        Band name to the variable that holds it, such as ``{"nir": "nir08"}``.

    Returns
    -------
    xarray.Dataset
        ``blue``, ``green``, ``red``, ``nir``, ``swir1``, ``swir2`` (reflectance, 0 to 1) and
        ``thermal`` (K), as far as the cube has them, float32, NaN at the fill value 0 and outside
        the valid range; and the other variables as they were. Lazy when the cube is.

    Raises
    ------
    SchemaError
        If the cube has no such band; if a band was scaled before (``attrs["scale_applied"]``); or,
        when floats are computed, if they are reflectance or kelvin already.
    ParameterError
        If the sensor is unknown, or cannot be told from the bands.

    Notes
    -----
    Pointwise: bit-identical for any chunking. Reflectance is ``DN * 0.0000275 - 0.2``, valid from
    7273 to 43636, which is 0 to 1; surface temperature is ``DN * 0.00341802 + 149`` K, valid from
    293. Bands and numbers are ``mineeco_xr/tables/landsat_bands.csv`` and
    ``landsat_scaling.csv``, after the product guides of the USGS. ETM+ and OLI are not harmonised.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> from mineeco_xr.testing import with_grid
    >>> names = {"SR_B4": 18639, "ST_B10": 44947}
    >>> stored = {k: with_grid(np.array([[v, 0]], dtype="uint16")) for k, v in names.items()}
    >>> found = scale_landsat(xr.Dataset(stored))
    >>> found["red"].values.round(3), found["thermal"].values.round(1)
    (array([[0.313,   nan]], dtype=float32), array([[302.6,   nan]], dtype=float32))
    """
    held = _bands_of(cube, sensor, dict(rename or {}))
    layers = {name: layer_of(cube, variable) for name, variable in held.items()}
    for name, layer in layers.items():
        _require_stored(name, layer)
    require_same_grid({held[name]: layer for name, layer in layers.items()})
    scaling = read_table("landsat_scaling").set_index("quantity")
    scaled: dict[str, xr.DataArray] = {}
    for name, layer in layers.items():
        quantity = "temperature" if name == THERMAL else "reflectance"
        row = scaling.loc[quantity].to_dict()
        values = pointwise(
            _scale_block,
            layer,
            dtype="float32",
            parameters={
                "name": str(layer.name),
                "scaled_max": SCALED_MAX[quantity],
                **{key: float(row[key]) for key in ("scale", "offset", "valid_min", "valid_max")},
            },
        ).transpose(*layer.dims)
        text = row["long_name"] if name == THERMAL else f"{row['long_name']}, {name}"
        scaled[name] = values.rename(name).assign_attrs(
            {
                "units": str(row["units"]),
                "long_name": text,
                "standard_name": row["standard_name"],
                SCALE_MARK: f"{row['scale']} * DN + {row['offset']}",
            }
        )
    others = {str(name): cube[name] for name in cube.data_vars if name not in held.values()}
    clash = sorted(set(others) & set(scaled))
    if clash:
        raise SchemaError(
            f"the cube has {clash} beside {[held[name] for name in clash]}: drop one of each."
        )
    return finalize(
        xr.Dataset({**scaled, **others}),
        function="scale_landsat",
        parameters={"sensor": sensor, "bands": held},
        inputs={str(layer.name): layer for layer in layers.values()},
    )


def _bands_of(cube: xr.Dataset, sensor: str | None, rename: dict[str, str]) -> dict[str, str]:
    """Return which variable holds each band."""
    if sensor is not None and sensor not in SENSORS:
        raise ParameterError(
            f"sensor {sensor!r} is unknown: 'TM' for Landsat 4 and 5, 'ETM' for 7, 'OLI' for 8 "
            "and 9."
        )
    table = read_table("landsat_bands")
    names = list(dict.fromkeys(table["name"]))
    unknown = sorted(set(rename) - set(names))
    if unknown:
        raise ParameterError(f"rename has {unknown}: the bands are {names}.")
    absent = [variable for variable in rename.values() if variable not in cube]
    if absent:
        raise SchemaError(
            f"rename names {absent}, which the cube lacks; it has {sorted(map(str, cube))}."
        )
    held = {name: name for name in names if name in cube.data_vars}
    stored = {str(name) for name in cube.data_vars} & set(table["stored"])
    if stored - set(rename.values()):
        sensor = sensor or _sensor_of(stored)
        own = table[table["sensor"] == sensor]
        held |= {
            name: variable
            for variable, name in zip(own["stored"], own["name"], strict=True)
            if variable in stored
        }
    held |= rename
    if not held:
        raise SchemaError(
            f"the cube has no Landsat band: {sorted(map(str, cube.data_vars))}; expected "
            f"{sorted(set(table['stored']))} or {names}. Name them with rename={{'nir': '...'}}."
        )
    return {name: held[name] for name in names if name in held}


def _sensor_of(stored: set[str]) -> str:
    if {"ST_B10", "SR_B6"} & stored:
        return "OLI"
    if {"ST_B6", "SR_B1"} & stored:
        # SR_B1 of OLI is coastal aerosol; a cube that has it has SR_B6 as well, as a rule.
        return "TM"
    raise ParameterError(
        f"the bands {sorted(stored)} may be of any sensor: say sensor='TM' (Landsat 4 and 5), "
        "'ETM' (7) or 'OLI' (8 and 9)."
    )


def _require_stored(name: str, layer: xr.DataArray) -> None:
    kelvin = layer.dtype.kind == "f" and layer.attrs.get("units") in ("K", "kelvin")
    if SCALE_MARK in layer.attrs or kelvin:
        found = layer.attrs.get(SCALE_MARK, f"units {layer.attrs.get('units')!r}")
        raise SchemaError(
            f"band {str(layer.name)!r} ({name}) was scaled before ({found}): use it as it is."
        )
    if layer.dtype.kind not in "uif":
        raise SchemaError(f"band {str(layer.name)!r} holds {layer.dtype}; expected numbers.")


def _scale_block(
    block: np.ndarray,
    *,
    name: str,
    scale: float,
    offset: float,
    valid_min: float,
    valid_max: float,
    scaled_max: float,
) -> np.ndarray:
    if block.dtype.kind == "f":
        _require_unscaled(block, name, scaled_max)
    with np.errstate(invalid="ignore"):
        valid = (block >= valid_min) & (block <= valid_max)
    values = block.astype("float64") * scale + offset
    return np.where(valid, values, np.nan).astype("float32")


def _require_unscaled(block: np.ndarray, name: str, scaled_max: float) -> None:
    with np.errstate(invalid="ignore"):
        scaled = (np.abs(block) <= scaled_max) & (block != 0)
    count = int(np.count_nonzero(scaled))
    if count:
        found = block[scaled]
        raise SchemaError(
            f"band {name!r} has {count} cells from {found.min():.6g} to {found.max():.6g}, where "
            "the product's stored numbers are in the thousands: it was scaled before. Use it as it "
            "is."
        )
