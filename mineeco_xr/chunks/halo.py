"""Halo: every output cell needs its neighbours up to a given depth."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import xarray as xr

from mineeco_xr.chunks.align import aligned
from mineeco_xr.chunks.tiles import join_small
from mineeco_xr.errors import ParameterError

BLOCK_PER_DEPTH = 4
"""A chunk is at least this many depths wide, so that halo work stays below the block's own."""

WINDOW_BYTES = 256 * 2**20
"""What a window may weigh; leading dims are cut to it, never the raster."""


def halo(
    function: Callable[..., np.ndarray],
    *arrays: xr.DataArray,
    depth: int | tuple[int, int],
    dtype: Any,
    fill: float | Sequence[float] | None = None,
    block: int = 0,
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
    depth : int or tuple of int
        Cells needed on each side, at least 1, or above and beside, at least 0; they may exceed the
        chunks and even the raster.
    dtype : dtype
        Of the result.
    fill : float or sequence of float, optional
        What stands outside the raster, one for all arrays or one each. Default NaN for floats;
        integers must name theirs.
    block : int
        Cells a side that a chunk has at least, for work that gains from large blocks; chunks are
        four depths wide in any case, where the raster is.
    parameters : mapping, optional
        Further keyword arguments.

    Returns
    -------
    xarray.DataArray
        Dims, coordinates and chunks as the first array's (chunks that are small against the depth
        are joined first, and many layers of large ones are taken apart), without attributes.

    Raises
    ------
    ParameterError
        If ``depth`` is below 1, dims do not end in ``(y, x)``, or an integer array comes without
        ``fill``.
    """
    depths = depth if isinstance(depth, tuple) else (depth, depth)
    if min(depths) < (0 if isinstance(depth, tuple) else 1):
        raise ParameterError(f"depth is {depth}: a halo needs at least 1 cell.")
    arrays = aligned(arrays)
    if any(array.dims[-2:] != ("y", "x") for array in arrays):
        raise ParameterError(
            f"rasters have dims {[array.dims for array in arrays]}: transpose all to (..., y, x)."
        )
    given = list(fill) if isinstance(fill, Sequence) else [fill] * len(arrays)
    fills = [_fill_value(array, value) for array, value in zip(arrays, given, strict=True)]
    call = partial(function, **dict(parameters or {}))
    first = arrays[0]
    if all(array.chunks is None for array in arrays):
        result = call(*(_pad(a.values, depths, v) for a, v in zip(arrays, fills, strict=True)))
        return xr.DataArray(np.asarray(result, dtype=dtype), dims=first.dims, coords=first.coords)
    return first.copy(data=_overlapped(call, arrays, fills, depths, block, dtype)).drop_attrs(
        deep=False
    )


def _overlapped(
    call: Callable[..., np.ndarray],
    arrays: tuple[xr.DataArray, ...],
    fills: list[float],
    depths: tuple[int, int],
    block: int,
    dtype: Any,
) -> Any:
    import dask.array as da

    itemsize = max(np.dtype(dtype).itemsize, *(array.dtype.itemsize for array in arrays))
    blocks = _unified(arrays, depths, block, itemsize)
    axes = (blocks[0].ndim - 2, blocks[0].ndim - 1)
    # A dim in one chunk has no neighbour: it is padded in the task, for free. Dask pads the rest.
    across = {
        axis: depth
        for axis, depth in zip(axes, depths, strict=True)
        if blocks[0].numblocks[axis] > 1 and depth
    }
    whole = tuple(axis for axis in axes if axis not in across)
    windows = [
        da.overlap.overlap(data, depth=across, boundary=dict.fromkeys(across, value))
        if across
        else data
        for data, value in zip(blocks, fills, strict=True)
    ]
    return da.map_blocks(
        _padded_call,
        *windows,
        call=call,
        fills=fills,
        depths=depths,
        axes=whole,
        dtype=dtype,
        chunks=blocks[0].chunks,
        meta=np.empty((0,) * blocks[0].ndim, dtype=dtype),
    )


def _unified(
    arrays: tuple[xr.DataArray, ...], depths: tuple[int, int], block: int, itemsize: int
) -> list[Any]:
    """Give all arrays the chunks of the first lazy one, none too small for the depth."""
    import dask.array as da

    leader = next(array for array in arrays if array.chunks is not None)
    assert leader.chunks is not None
    chunks = list(leader.chunks)
    layer = itemsize
    for axis, depth in zip((-2, -1), depths, strict=True):
        chunks[axis] = join_small(chunks[axis], max(block, BLOCK_PER_DEPTH * depth))
        layer *= max(chunks[axis]) + 2 * depth
    layers = max(1, WINDOW_BYTES // layer)
    for axis in range(leader.ndim - 3, -1, -1):
        chunks[axis] = _cut_large(chunks[axis], layers)
        layers = max(1, layers // max(chunks[axis]))
    return [
        da.from_array(array.values, chunks=tuple(chunks))
        if array.chunks is None
        else array.data.rechunk(tuple(chunks))
        for array in arrays
    ]


def _cut_large(sizes: tuple[int, ...], most: int) -> tuple[int, ...]:
    return tuple(min(most, size - i) for size in sizes for i in range(0, size, most))


def _fill_value(array: xr.DataArray, fill: float | None) -> float:
    if fill is not None:
        return fill
    if np.issubdtype(array.dtype, np.floating):
        return float("nan")
    raise ParameterError(
        f"{array.name or 'the raster'} is {array.dtype}: say with fill= what stands outside it."
    )


def _pad(
    block: np.ndarray, depths: tuple[int, int], fill: float, axes: tuple[int, ...] = (-2, -1)
) -> Any:
    width = [(0, 0)] * block.ndim
    for axis in axes:
        # Counted from the end: -2 are the rows.
        width[axis] = (depths[axis % block.ndim - block.ndim + 2],) * 2
    return np.pad(block, width, constant_values=fill)


def _padded_call(
    *windows: np.ndarray,
    call: Callable[..., np.ndarray],
    fills: list[float],
    depths: tuple[int, int],
    axes: tuple[int, ...],
) -> np.ndarray:
    padded = (_pad(window, depths, fill, axes) for window, fill in zip(windows, fills, strict=True))
    return call(*(np.ascontiguousarray(window) for window in padded))
