"""Pointwise over layers of which some have dates and others not, in any order."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import xarray as xr

from mineeco_xr.chunks.pointwise import pointwise


def cellwise(function: Callable[..., Any], *layers: xr.DataArray, **options: Any) -> Any:
    """Apply ``function`` as ``pointwise`` does, with the dates first in its results.

    Parameters
    ----------
    function : callable
        Plain module-level function; it gets the blocks in the order of ``layers``. What it
        returns may lack dims that only some layers have.
    *layers : xarray.DataArray
        With or without a dim before ``(y, x)``; numbers for each date have that dim alone.
    **options
        Of ``pointwise``.

    Returns
    -------
    xarray.DataArray or tuple of xarray.DataArray
        Dims ``(..., y, x)``.
    """
    order = sorted(range(len(layers)), key=lambda n: (-_lead(layers[n]), -layers[n].ndim))
    call = partial(_call, function, tuple(order))
    ready = (layers[n].transpose(..., "y", "x", missing_dims="ignore") for n in order)
    return pointwise(call, *ready, **options)


def _lead(layer: xr.DataArray) -> int:
    return sum(dim not in ("y", "x") for dim in layer.dims)


def _call(
    function: Callable[..., Any], order: tuple[int, ...], *blocks: np.ndarray, **parameters: Any
) -> Any:
    given = dict(zip(order, blocks, strict=True))
    shape = np.broadcast_shapes(*(block.shape for block in blocks))
    made = function(*(given[n] for n in range(len(order))), **parameters)
    if isinstance(made, tuple):
        return tuple(np.broadcast_to(part, shape) for part in made)
    whole = (*made.shape[: max(made.ndim - len(shape), 0)], *shape)
    return made if made.shape == whole else np.broadcast_to(made, whole).copy()
