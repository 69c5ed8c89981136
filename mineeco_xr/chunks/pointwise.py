"""Pointwise: every output cell needs the same cell of the inputs, with one dim kept whole."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import xarray as xr

BLOCK_BYTES = 64 * 2**20
"""What a block may weigh after a dim was made whole; keeps about 12 live blocks below 1 GiB."""


def pointwise(
    function: Callable[..., Any],
    *arrays: xr.DataArray,
    dtype: Any,
    core_dim: str | None = None,
    outputs: int = 1,
    parameters: Mapping[str, Any] | None = None,
) -> Any:
    """Apply ``function`` to the blocks of ``arrays``, lazily when they are lazy.

    Parameters
    ----------
    function : callable
        A plain module-level function ``function(*blocks, **parameters)`` on NumPy arrays, never
        a numba dispatcher. With ``core_dim`` the blocks come with that dim first and whole, and
        the outputs lack it.
    *arrays : xarray.DataArray
        On one grid; coordinates must be equal.
    dtype : dtype
        Of the outputs.
    core_dim : str, optional
        Dim that the function needs whole, such as ``"time"``; it is rechunked if it must be.
    outputs : int
        How many arrays the function returns.
    parameters : mapping, optional
        Further keyword arguments.

    Returns
    -------
    xarray.DataArray or tuple of xarray.DataArray
        Without attributes: the caller sets them with ``finalize``.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> a = xr.DataArray(np.arange(4.0), dims="x").chunk(2)
    >>> pointwise(np.sqrt, a, dtype="float64").compute().values
    array([0.        , 1.        , 1.41421356, 1.73205081])
    """
    if core_dim is not None:
        arrays = tuple(whole_along(array, core_dim) for array in arrays)
    call = partial(_core_first, function, core_dim is not None, dict(parameters or {}))
    core = [[core_dim] if core_dim in array.dims else [] for array in arrays]
    result = xr.apply_ufunc(
        call,
        *arrays,
        input_core_dims=core,
        output_core_dims=[[]] * outputs,
        dask="parallelized",
        output_dtypes=[np.dtype(dtype)] * outputs,
        join="exact",
        keep_attrs=False,
    )
    if outputs == 1:
        return _with_coords(result, arrays)
    return tuple(_with_coords(part, arrays) for part in result)


def _with_coords(result: xr.DataArray, arrays: tuple[xr.DataArray, ...]) -> xr.DataArray:
    """Give the coordinates their attributes back, the reference system among them."""
    attrs = {name: coord.attrs for array in reversed(arrays) for name, coord in array.coords.items()}
    for name, coord in result.coords.items():
        coord.attrs = dict(attrs.get(name, {}))
    return result


def _core_first(
    function: Callable[..., Any], has_core: bool, parameters: dict[str, Any], *blocks: Any
) -> Any:
    if has_core:
        blocks = tuple(np.moveaxis(block, -1, 0) for block in blocks)
    return function(*(np.ascontiguousarray(block) for block in blocks), **parameters)


def whole_along(array: xr.DataArray, dim: str) -> xr.DataArray:
    """Return ``array`` with ``dim`` in one chunk, its other dims cut so that blocks stay small.

    Parameters
    ----------
    array : xarray.DataArray
        Lazy or not; an array without ``dim``, or in memory, is returned as it is.
    dim : str
        The dim to make whole.

    Returns
    -------
    xarray.DataArray
        The same values.
    """
    if array.chunks is None or dim not in array.dims or len(array.chunksizes[dim]) == 1:
        return array
    others = [other for other in array.dims if other != dim]
    largest = {other: max(array.chunksizes[other]) for other in others}
    cells = math.prod(largest.values())
    allowed = BLOCK_BYTES // (array.dtype.itemsize * array.sizes[dim])
    parts = math.ceil(math.sqrt(max(1, cells / max(1, allowed))))
    chunks: dict[Any, int] = {other: max(1, math.ceil(largest[other] / parts)) for other in others}
    return array.chunk({**chunks, dim: -1} if parts > 1 else {dim: -1})


def generate(
    function: Callable[..., np.ndarray],
    coords: Mapping[str, xr.DataArray],
    *,
    dtype: Any,
    chunks: int | tuple[int, int] | None = 2048,
    parameters: Mapping[str, Any] | None = None,
    leading: Mapping[str, Sequence[Any] | np.ndarray] | None = None,
) -> xr.DataArray:
    """Make a raster from the positions of its cells, one independent task a block.

    Parameters
    ----------
    function : callable
        ``function(rows, columns, **parameters)`` with two ``slice`` objects in cells of the whole
        grid, returning the block, with the leading dim first when there is one.
    coords : mapping of str to DataArray
        ``y`` and ``x``, and any scalar ones, as ``grid_coords(grid)`` gives them.
    dtype : dtype
        Of the result.
    chunks : int, tuple of int or None
        Cells a side of a chunk; ``None`` computes at once, in memory.
    parameters : mapping, optional
        Further keyword arguments. Large objects are sent once, not with every block.
    leading : mapping, optional
        One dim before ``(y, x)`` and its coordinate, such as ``{"time": dates}``.

    Returns
    -------
    xarray.DataArray
        Dims ``(y, x)`` or ``(leading, y, x)``.

    Examples
    --------
    >>> import mineeco_xr as mx
    >>> grid = mx.make_grid((0, 0, 4, 3), crs="EPSG:32650", resolution=1)
    >>> def checker(rows, columns):
    ...     return np.add.outer(np.r_[rows], np.r_[columns]) % 2
    >>> generate(checker, mx.cube.grid_coords(grid), dtype="uint8", chunks=2).values
    array([[0, 1, 0, 1],
           [1, 0, 1, 0],
           [0, 1, 0, 1]], dtype=uint8)
    """
    import dask.array as da

    shape = (coords["y"].size, coords["x"].size)
    parameters = dict(parameters or {})
    head = {name: np.asarray(values) for name, values in (leading or {}).items()}
    head_shape = tuple(values.size for values in head.values())
    dims = (*head, "y", "x")
    if chunks is None:
        data = function(slice(0, shape[0]), slice(0, shape[1]), **parameters)
        return xr.DataArray(np.asarray(data, dtype=dtype), dims=dims, coords={**head, **coords})
    sides = chunks if isinstance(chunks, tuple) else (chunks, chunks)
    rows, columns = (da.arange(size, chunks=side) for size, side in zip(shape, sides, strict=True))
    data = da.map_blocks(
        _generate_block,
        rows[:, None],
        columns[None, :],
        function=function,
        parameters=_shared(parameters),
        block_dtype=np.dtype(dtype),
        new_axis=list(range(len(head))) or None,
        chunks=(*((size,) for size in head_shape), *rows.chunks, *columns.chunks),
        dtype=dtype,
        meta=np.empty((0,) * len(dims), dtype=dtype),
    )
    return xr.DataArray(data, dims=dims, coords={**head, **coords}, name=None).rename(None)


def _shared(parameters: dict[str, Any]) -> Any:
    """Wrap parameters as one graph node, so that a long table is not copied into every task."""
    from dask import delayed

    return delayed(parameters, pure=True, traverse=False)


def _generate_block(
    rows: np.ndarray,
    columns: np.ndarray,
    *,
    function: Callable[..., np.ndarray],
    parameters: dict[str, Any],
    block_dtype: np.dtype,
) -> np.ndarray:
    window = (
        slice(int(rows.flat[0]), int(rows.flat[-1]) + 1),
        slice(int(columns.flat[0]), int(columns.flat[-1]) + 1),
    )
    return np.ascontiguousarray(function(*window, **parameters), dtype=block_dtype)
