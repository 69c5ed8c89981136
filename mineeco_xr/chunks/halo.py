"""Halo: every output cell needs its neighbours up to a given depth."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import xarray as xr

from mineeco_xr.chunks.align import aligned
from mineeco_xr.errors import ParameterError

BLOCK_PER_DEPTH = 4
"""A chunk is at least this many depths wide, so that halo work stays below the block's own."""


def halo(
    function: Callable[..., np.ndarray],
    *arrays: xr.DataArray,
    depth: int,
    dtype: Any,
    fill: float | None = None,
    parameters: Mapping[str, Any] | None = None,
) -> xr.DataArray:
    """Apply ``function`` to blocks that reach ``depth`` cells beyond their own border.

    Parameters
    ----------
    function : callable
        A plain module-level function ``function(*windows, **parameters)``. A window has ``depth``
        cells more on each of its four sides than the block that the function returns.
    *arrays : xarray.DataArray
        On one grid, dims ending in ``(y, x)``.
    depth : int
        Cells needed on each side, at least 1; it may exceed the chunks and even the raster.
    dtype : dtype
        Of the result.
    fill : float, optional
        What stands outside the raster. Default NaN for floats; integers must name theirs.
    parameters : mapping, optional
        Further keyword arguments.

    Returns
    -------
    xarray.DataArray
        Dims, coordinates and chunks as the first array's (chunks that are small against the depth
        are joined first), without attributes.

    Raises
    ------
    ParameterError
        If ``depth`` is below 1, or an integer array comes without ``fill``.
    """
    if depth < 1:
        raise ParameterError(f"depth is {depth}: a halo needs at least 1 cell.")
    arrays = aligned(arrays)
    fills = [_fill_value(array, fill) for array in arrays]
    call = partial(function, **dict(parameters or {}))
    first = arrays[0]
    if all(array.chunks is None for array in arrays):
        result = call(*(_pad(a.values, depth, v) for a, v in zip(arrays, fills, strict=True)))
        return xr.DataArray(np.asarray(result, dtype=dtype), dims=first.dims, coords=first.coords)
    return first.copy(data=_overlapped(call, arrays, fills, depth, dtype)).drop_attrs(deep=False)


def _overlapped(
    call: Callable[..., np.ndarray],
    arrays: tuple[xr.DataArray, ...],
    fills: list[float],
    depth: int,
    dtype: Any,
) -> Any:
    import dask.array as da

    blocks = _unified(arrays, depth)
    axes = (blocks[0].ndim - 2, blocks[0].ndim - 1)
    # A dim in one chunk has no neighbour: it is padded in the task, for free. Dask pads the rest.
    across = {axis: depth for axis in axes if blocks[0].numblocks[axis] > 1}
    whole = tuple(axis for axis in axes if axis not in across)
    windows = [
        da.overlap.overlap(block, depth=across, boundary=dict.fromkeys(across, value))
        if across
        else block
        for block, value in zip(blocks, fills, strict=True)
    ]
    return da.map_blocks(
        _padded_call,
        *windows,
        call=call,
        fills=fills,
        depth=depth,
        axes=whole,
        dtype=dtype,
        chunks=blocks[0].chunks,
        meta=np.empty((0,) * blocks[0].ndim, dtype=dtype),
    )


def _unified(arrays: tuple[xr.DataArray, ...], depth: int) -> list[Any]:
    """Give all arrays the chunks of the first lazy one, none too small for the depth."""
    import dask.array as da

    leader = next(array for array in arrays if array.chunks is not None)
    assert leader.chunks is not None
    chunks = list(leader.chunks)
    for axis in (-2, -1):
        chunks[axis] = _join_small(chunks[axis], BLOCK_PER_DEPTH * depth)
    return [
        da.from_array(array.values, chunks=tuple(chunks))
        if array.chunks is None
        else array.data.rechunk(tuple(chunks))
        for array in arrays
    ]


def _join_small(sizes: tuple[int, ...], least: int) -> tuple[int, ...]:
    joined: list[int] = []
    pending = 0
    for size in sizes:
        pending += size
        if pending >= least:
            joined.append(pending)
            pending = 0
    if pending:
        if joined:
            joined[-1] += pending
        else:
            joined.append(pending)
    return tuple(joined)


def _fill_value(array: xr.DataArray, fill: float | None) -> float:
    if fill is not None:
        return fill
    if np.issubdtype(array.dtype, np.floating):
        return float("nan")
    raise ParameterError(
        f"{array.name or 'the raster'} is {array.dtype}: say with fill= what stands outside it."
    )


def _pad(block: np.ndarray, depth: int, fill: float, axes: tuple[int, ...] = (-2, -1)) -> Any:
    width = [(0, 0)] * block.ndim
    for axis in axes:
        width[axis] = (depth, depth)
    return np.pad(block, width, constant_values=fill)


def _padded_call(
    *windows: np.ndarray,
    call: Callable[..., np.ndarray],
    fills: list[float],
    depth: int,
    axes: tuple[int, ...],
) -> np.ndarray:
    padded = (_pad(window, depth, fill, axes) for window, fill in zip(windows, fills, strict=True))
    return call(*(np.ascontiguousarray(window) for window in padded))
