"""Many receivers a cell: the whole raster in one task where it fits, else blocks in rounds."""

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


def along_flow(
    whole: Callable[..., np.ndarray],
    blockwise: Callable[..., xr.DataArray] | None,
    layers: Sequence[xr.DataArray],
    fills: Sequence[float],
    *,
    dtype: Any,
    parameters: Mapping[str, Any],
) -> xr.DataArray:
    """Compute along a flow that divides.

    Parameters
    ----------
    whole : callable
        Plain module-level ``whole(*windows, **parameters)``: the cells of a raster from windows
        with one cell more on each side.
    blockwise : callable
        ``blockwise(*layers, **parameters)`` for one raster, dims ``(y, x)``, that does not fit;
        None when there is no such way.
    layers : sequence of xarray.DataArray
        All with the same dims ``(..., y, x)``.
    fills : sequence of float
        What stands outside the raster in each.
    dtype : dtype
        Of the result.
    parameters : mapping
        Of both functions.

    Returns
    -------
    xarray.DataArray
        Chunks of the first layer that has some.
    """
    first = next((layer for layer in layers if layer.chunks is not None), None)
    lead = [dim for dim in layers[0].dims if dim not in ("y", "x")]
    shape = layers[0].shape[-2:]
    if (
        first is None
        or blockwise is None
        or all(n == 1 for n in first.data.numblocks[-2:])
        or fits_in_memory(shape[0] * shape[1])
    ):
        one = {**dict.fromkeys(lead, 1), "y": -1, "x": -1}
        ready = [layer if layer.chunks is None else layer.chunk(one) for layer in layers]
        call = partial(_padded, whole, tuple(fills))
        result = pointwise(call, *ready, dtype=dtype, parameters=dict(parameters))
        result = result.transpose(*layers[0].dims)
        return result if first is None else result.chunk(dict(first.chunksizes))
    if not lead:
        return blockwise(*layers, **parameters)
    parts = [
        along_flow(whole, blockwise, [layer.isel({lead[0]: n}) for layer in layers], fills,
                   dtype=dtype, parameters=parameters)
        for n in range(layers[0].sizes[lead[0]])
    ]  # fmt: skip
    return xr.concat(parts, dim=layers[0][lead[0]] if lead[0] in layers[0].coords else lead[0])


def _padded(
    whole: Callable[..., np.ndarray],
    fills: tuple[float, ...],
    *blocks: np.ndarray,
    **parameters: Any,
) -> np.ndarray:
    lead = blocks[0].shape[:-2]
    parts = [
        whole(
            *(np.pad(b[index], 1, constant_values=f) for b, f in zip(blocks, fills, strict=True)),
            **parameters,
        )
        for index in np.ndindex(*lead)
    ]
    return np.stack(parts).reshape(blocks[0].shape)
