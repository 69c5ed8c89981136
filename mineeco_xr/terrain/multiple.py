"""Many receivers a cell: the whole raster in one task where it fits, else blocks in strips."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import xarray as xr

from mineeco_xr.chunks import active_client, pointwise

CELL_BYTES = 20
"""What a cell takes when the whole raster is one task: direction, weight, sum and state."""
MEMORY_SHARE = 0.6


def fits_in_memory(cells: int) -> bool:
    """Say whether so many cells fit into one task, on the smallest worker or this machine."""
    client = active_client()
    limits = []
    if client is not None:
        workers = client.scheduler_info()["workers"].values()
        limits = [worker["memory_limit"] for worker in workers if worker["memory_limit"]]
    if not limits:
        import psutil  # type: ignore[import-untyped]

        limits = [psutil.virtual_memory().total]
    return bool(cells * CELL_BYTES <= MEMORY_SHARE * min(limits))


def is_one_task(raster: xr.DataArray, outputs: int = 1) -> bool:
    """Say whether a lazy raster is routed as a whole, lazily, or in strips, at once."""
    return bool(
        all(n == 1 for n in raster.data.numblocks[-2:])
        or fits_in_memory(raster.sizes["y"] * raster.sizes["x"] * outputs)
    )


def along_flow(
    whole: Callable[..., np.ndarray],
    in_blocks: Callable[..., Any] | None,
    layers: Sequence[xr.DataArray],
    fills: Sequence[float | None],
    *,
    dtype: Any,
    parameters: Mapping[str, Any],
    outputs: int = 1,
) -> Any:
    """Compute along a flow that divides.

    Parameters
    ----------
    whole : callable
        Plain module-level ``whole(*windows, **parameters)``: the cells of a raster from windows
        with one cell more on each side; several ``outputs`` along a first axis.
    in_blocks : callable
        ``in_blocks(*layers, **parameters)`` for one raster, dims ``(y, x)``, that does not fit,
        returns what this function does; None when there is no such way.
    layers : sequence of xarray.DataArray
        All with the same dims ``(..., y, x)``.
    fills : sequence of float or None
        What stands outside the raster in each; ``whole`` gets a layer with None as it is, without
        the cells around it.
    dtype : dtype
        Of the result.
    parameters : mapping
        Of both functions.
    outputs : int
        How many rasters there are; each takes the memory of one.

    Returns
    -------
    xarray.DataArray or tuple of xarray.DataArray
        Chunks of the first layer that has some.
    """
    first = next((layer for layer in layers if layer.chunks is not None), None)
    lead = [dim for dim in layers[0].dims if dim not in ("y", "x")]
    if first is None or in_blocks is None or is_one_task(first, outputs):
        one = {**dict.fromkeys(lead, 1), "y": -1, "x": -1}
        ready = [layer if layer.chunks is None else layer.chunk(one) for layer in layers]
        call = partial(_padded, whole, tuple(fills), outputs)
        found = pointwise(call, *ready, dtype=dtype, outputs=outputs, parameters=dict(parameters))
        results = [part.transpose(*layers[0].dims) for part in _as_tuple(found)]
        if first is not None:
            results = [part.chunk(dict(first.chunksizes)) for part in results]
    elif not lead:
        return in_blocks(*layers, **parameters)
    else:
        slices = [
            along_flow(whole, in_blocks, [layer.isel({lead[0]: n}) for layer in layers], fills,
                       dtype=dtype, parameters=parameters, outputs=outputs)
            for n in range(layers[0].sizes[lead[0]])
        ]  # fmt: skip
        dim = layers[0][lead[0]] if lead[0] in layers[0].coords else lead[0]
        of_each = zip(*map(_as_tuple, slices), strict=True)
        results = [xr.concat(list(parts), dim=dim) for parts in of_each]
    return results[0] if outputs == 1 else tuple(results)


def _as_tuple(found: Any) -> tuple[xr.DataArray, ...]:
    return found if isinstance(found, tuple) else (found,)


def _padded(
    whole: Callable[..., np.ndarray],
    fills: tuple[float | None, ...],
    outputs: int,
    *blocks: np.ndarray,
    **parameters: Any,
) -> np.ndarray:
    parts = [
        whole(*(_framed(b[n], fill) for b, fill in zip(blocks, fills, strict=True)), **parameters)
        for n in np.ndindex(*blocks[0].shape[:-2])
    ]
    # One raster, the usual case, is not copied.
    stacked = parts[0][None] if len(parts) == 1 else np.stack(parts)
    if outputs > 1:
        stacked = np.moveaxis(stacked, 1, 0)
    return stacked.reshape((*((outputs,) if outputs > 1 else ()), *blocks[0].shape))


def _framed(raster: np.ndarray, fill: float | None) -> np.ndarray:
    return raster if fill is None else np.pad(raster, 1, constant_values=fill)
