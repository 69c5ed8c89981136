"""Layers in memory beside lazy ones: made lazy, so that building computes no check."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import xarray as xr


def lazy_together(
    layers: Mapping[str, xr.DataArray], others: Iterable[Any] = ()
) -> dict[str, xr.DataArray]:
    """Return layers that are all lazy if one is, or one of the others.

    Parameters
    ----------
    layers : mapping of str to DataArray
        On one grid.
    others : iterable
        What else the model is given; only rasters matter.

    Returns
    -------
    dict of str to DataArray
        Those in memory are cut like the first lazy raster; all are as they were if none is lazy.
    """
    rasters = [*layers.values(), *(o for o in others if isinstance(o, xr.DataArray))]
    lazy = [raster for raster in rasters if raster.chunks is not None]
    if not lazy:
        return dict(layers)
    sides = next((r.chunksizes for r in lazy if {"y", "x"} <= set(r.dims)), {})
    return {
        name: layer
        if layer.chunks is not None
        else layer.chunk({dim: sides[dim] for dim in ("y", "x") if dim in sides})
        for name, layer in layers.items()
    }
