"""Brightness temperature from the stored numbers of a level-1 thermal band."""

from __future__ import annotations

import numpy as np
import xarray as xr

from mineeco_xr.chunks import pointwise
from mineeco_xr.cube.grid import geobox_of
from mineeco_xr.cube.modis import SCALE_MARK
from mineeco_xr.cube.nodata import as_float
from mineeco_xr.cube.provenance import finalize
from mineeco_xr.errors import ParameterError, SchemaError
from mineeco_xr.tables import read_table


def brightness_temperature(
    data: xr.DataArray, sensor: str, *, gain: float | None = None, bias: float | None = None
) -> xr.DataArray:
    """Return the temperature of a black body that would shine as a level-1 thermal band does.

    Level-2 products carry surface temperature itself: see :func:`scale_landsat`. This is for
    scenes that have only stored numbers; emissivity and the air are not corrected for, which moves
    all temperatures but hardly the shape of the triangle that TVDI is made from.

    Parameters
    ----------
    data : xarray.DataArray
        Stored numbers; 0, NaN and ``_FillValue`` are nodata.
    sensor : {"TM5", "ETM_LOW", "ETM_HIGH", "TIRS"}
        Landsat 5 band 6, Landsat 7 bands 61 (low gain) and 62 (high gain), Landsat 8 band 10.
    gain, bias : float, optional
        Radiance a number and at number 0, W m-2 sr-1 um-1, of the scene's own metadata; default
        those of the sensor.

    Returns
    -------
    xarray.DataArray
        K; float32 for stored numbers of up to 16 bits. Lazy when the data are.

    Raises
    ------
    ParameterError
        If the sensor is unknown or the gain is not positive.
    SchemaError
        If the band was scaled before.

    Notes
    -----
    ``L = gain DN + bias``, ``T = K2 / ln(K1 / L + 1)`` (Chander, Markham and Helder 2009, Remote
    Sensing of Environment 113, 893-903); the constants are
    ``mineeco_xr/tables/landsat_thermal.csv``. Pointwise: bit-identical for any chunking.

    Examples
    --------
    >>> import numpy as np
    >>> from mineeco_xr.testing import with_grid
    >>> stored = with_grid(np.array([[131, 0]], dtype="uint8"))
    >>> brightness_temperature(stored, "ETM_LOW").values.round(1)
    array([[295.,  nan]], dtype=float32)
    """
    table = read_table("landsat_thermal").set_index("sensor")
    if sensor not in table.index:
        raise ParameterError(f"sensor {sensor!r} is unknown: choose from {table.index.tolist()}.")
    if SCALE_MARK in data.attrs or data.attrs.get("units") == "K":
        raise SchemaError(f"{str(data.name or 'the band')!r} was scaled before: use it as it is.")
    row = table.loc[sensor]
    gain = float(row["gain"] if gain is None else gain)
    bias = float(row["bias"] if bias is None else bias)
    if not gain > 0:
        raise ParameterError(f"gain is {gain}: radiance grows with the stored number.")
    geobox_of(data)
    layer = as_float(data)
    result = pointwise(
        _temperature_block,
        layer,
        dtype=layer.dtype,
        parameters={"gain": gain, "bias": bias, "k1": float(row["k1"]), "k2": float(row["k2"])},
    )
    return finalize(
        result.transpose(*data.dims),
        function="brightness_temperature",
        parameters={"sensor": sensor, "gain": gain, "bias": bias},
        inputs={str(data.name or "data"): data},
        attrs={
            "units": "K",
            "long_name": "brightness temperature",
            "standard_name": "brightness_temperature",
            SCALE_MARK: f"{gain} * DN + {bias}",
        },
        name="brightness_temperature",
    )


def _temperature_block(
    block: np.ndarray, *, gain: float, bias: float, k1: float, k2: float
) -> np.ndarray:
    radiance = block.astype("float64") * gain + bias
    with np.errstate(invalid="ignore", divide="ignore"):
        temperature = k2 / np.log(k1 / radiance + 1)
        valid = (radiance > 0) & (block > 0)
    return np.where(valid, temperature, np.nan)
