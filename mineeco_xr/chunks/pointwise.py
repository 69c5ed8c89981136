"""Pointwise: every output cell needs the same cell of the inputs, with one dim kept whole."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import xarray as xr

from mineeco_xr.chunks.align import aligned
from mineeco_xr.chunks.reduced import shared_box
from mineeco_xr.errors import ParameterError

BLOCK_BYTES = 64 * 2**20
"""What a block may weigh after a dim was made whole; keeps about 12 live blocks below 1 GiB."""


def pointwise(
    function: Callable[..., Any],
    *arrays: xr.DataArray,
    dtype: Any,
    core_dim: str | None = None,
    outputs: int = 1,
    shared: Any = None,
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
    shared : object, optional
        Handed to every block as the keyword ``shared``; may be the :class:`Reduced` result of a
        reduction, which is then computed before any block: a check of the pixels, or a scale.
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
    if core_dim is not None and not any(core_dim in array.dims for array in arrays):
        raise ParameterError(f"no layer has the dim {core_dim!r}: {[a.dims for a in arrays]}.")
    arrays = aligned(arrays)
    if core_dim is not None:
        arrays = tuple(_core_first(whole_along(array, core_dim), core_dim) for array in arrays)
    dims = tuple(dict.fromkeys(dim for array in arrays for dim in array.dims))
    if core_dim in dims:
        dims = (core_dim, *(dim for dim in dims if dim != core_dim))
    kept = tuple(dim for dim in dims if dim != core_dim)
    layers = [array.transpose(*(dim for dim in dims if dim in array.dims)) for array in arrays]
    missing = tuple(_missing_axes(layer.dims, dims, core_dim) for layer in layers)
    box = None if shared is None else shared_box(shared)
    call = partial(
        _call_block,
        function,
        dict(parameters or {}),
        missing,
        outputs,
        np.dtype(dtype),
        box is not None,
    )
    if all(array.chunks is None for array in arrays):
        first = () if box is None else (box.compute(),)
        data = call(*first, *(layer.values for layer in layers))
    else:
        data = _blocked(call, box, layers, kept, outputs, np.dtype(dtype))
    coords = _merged_coords(arrays, kept)
    parts = [data] if outputs == 1 else [data[i] for i in range(outputs)]
    results = tuple(xr.DataArray(part, dims=kept, coords=coords).rename(None) for part in parts)
    return results[0] if outputs == 1 else results


def _core_first(array: xr.DataArray, core_dim: str) -> xr.DataArray:
    return array.transpose(core_dim, ...) if core_dim in array.dims else array


def _missing_axes(
    own: tuple[Any, ...], dims: tuple[Any, ...], core_dim: str | None
) -> tuple[int, ...]:
    """Return where a block needs axes of length one to broadcast against the others.

    Leading ones go without saying. An array that lacks the core dim gets no axis for it: its
    blocks look like the outputs'.
    """
    wanted = [dim for dim in dims if dim in own or dim != core_dim]
    while wanted and wanted[0] not in own:
        wanted.pop(0)
    return tuple(axis for axis, dim in enumerate(wanted) if dim not in own)


def _blocked(
    call: Callable[..., np.ndarray],
    box: Any,
    layers: list[xr.DataArray],
    kept: tuple[Any, ...],
    outputs: int,
    dtype: np.dtype,
) -> Any:
    import dask.array as da

    pairs: list[Any] = []
    for layer in layers:
        lazy = da.from_array(layer.values, chunks=-1) if layer.chunks is None else layer.data
        pairs += [lazy, layer.dims]
    # One static block may feed the blocks of all dates: more chunks than before are wanted here.
    _, cut = da.core.unify_chunks(*pairs, warn=False)
    first = "outputs"
    index = kept if outputs == 1 else (first, *kept)
    return da.blockwise(
        call,
        index,
        *(() if box is None else (box, ())),
        *(item for data, layer in zip(cut, layers, strict=True) for item in (data, layer.dims)),
        new_axes=None if outputs == 1 else {first: outputs},
        concatenate=True,
        align_arrays=False,
        dtype=dtype,
        meta=np.empty((0,) * len(index), dtype=dtype),
    )


def _call_block(
    function: Callable[..., Any],
    parameters: dict[str, Any],
    missing: tuple[tuple[int, ...], ...],
    outputs: int,
    dtype: np.dtype,
    takes_shared: bool,
    *blocks: np.ndarray,
) -> np.ndarray:
    if takes_shared:
        parameters = {**parameters, "shared": blocks[0].item()}
        blocks = blocks[1:]
    ready = (
        np.expand_dims(np.ascontiguousarray(block), axes)
        for block, axes in zip(blocks, missing, strict=True)
    )
    result = function(*ready, **parameters)
    if outputs > 1 and isinstance(result, tuple):
        return np.stack([np.asarray(part, dtype=dtype) for part in result])
    return np.asarray(result, dtype=dtype)


def _merged_coords(arrays: tuple[xr.DataArray, ...], kept: tuple[Any, ...]) -> dict[Any, Any]:
    """Coordinates of the inputs that fit the output, attributes and all; the first one's win."""
    merged: dict[Any, Any] = {}
    for array in reversed(arrays):
        merged |= {name: c for name, c in array.coords.items() if set(c.dims) <= set(kept)}
    return merged


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
    from dask.base import tokenize

    # A name that later passes keep: Dask does not rename what a task refers to by a keyword.
    return delayed(parameters, name=f"shared-{tokenize(parameters)}", traverse=False)


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
