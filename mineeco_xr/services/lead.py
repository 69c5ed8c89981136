"""The dim before rows and columns, such as time, that not every layer of a model has."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr

from mineeco_xr.cube.time import require_same_times
from mineeco_xr.errors import ParameterError


def lead_dims(data: xr.DataArray) -> list[str]:
    """Return the dims beside ``y`` and ``x``."""
    return [str(dim) for dim in data.dims if dim not in ("y", "x")]


def lead_numbers(data: xr.DataArray) -> list[xr.DataArray]:
    """Return a counter along each dim beside ``y`` and ``x``, so that a block knows its dates.

    Parameters
    ----------
    data : xarray.DataArray
        Any raster.

    Returns
    -------
    list of DataArray
        Further arrays for ``pointwise``: 0, 1, 2 and so on.
    """
    return [
        xr.DataArray(np.arange(data.sizes[dim]), dims=dim, coords={dim: data[dim]})
        for dim in lead_dims(data)
    ]


def undated(data: xr.DataArray) -> xr.DataArray:
    """Return a layer without the date it was selected at: the land use says of when a result is.

    Parameters
    ----------
    data : xarray.DataArray
        Any raster.

    Returns
    -------
    xarray.DataArray
        Without scalar coordinates, but that of the reference system.
    """
    scalars = [name for name, c in data.coords.items() if not c.dims and name != "spatial_ref"]
    return data.drop_vars(scalars)


def require_one_lead(layers: Mapping[str, xr.DataArray]) -> None:
    """Refuse layers with different dims beside ``y`` and ``x``, or with other dates along it.

    Parameters
    ----------
    layers : mapping of str to DataArray
        Names for the message, and the layers.

    Raises
    ------
    ParameterError
        If there are several such dims.
    SchemaError
        If dates differ.
    """
    leads = {dim for layer in layers.values() for dim in lead_dims(layer)}
    if len(leads) > 1:
        raise ParameterError(
            f"the layers have the dims {sorted(leads)} beside y and x; expected one, such as "
            "'time'. Select along the others with .isel(...)."
        )
    require_same_leads(layers)


def require_same_leads(layers: Mapping[str, xr.DataArray]) -> None:
    """Refuse layers with other dates, or whatever the dims beside ``y`` and ``x`` are.

    Parameters
    ----------
    layers : mapping of str to DataArray
        Names for the message, and the layers.

    Raises
    ------
    SchemaError
        If coordinates differ along a dim that several have.
    """
    for lead in dict.fromkeys(dim for layer in layers.values() for dim in lead_dims(layer)):
        require_same_times(layers, lead)
