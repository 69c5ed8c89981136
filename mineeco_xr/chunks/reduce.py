"""Reduce: block partials, merged by a tree whose order is that of the blocks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import xarray as xr

from mineeco_xr.chunks.pointwise import whole_along

SPLIT_EVERY = 8
"""How many partials one merge takes."""


def reduce_blocks(
    partial: Callable[..., Any],
    merge: Callable[[list[Any]], Any],
    *arrays: xr.DataArray,
    finish: Callable[..., Any] | None = None,
    shared: Any = None,
    parameters: Mapping[str, Any] | None = None,
) -> Any:
    """Reduce rasters to one small object: a table, a histogram, a pair of extrema.

    Parameters
    ----------
    partial : callable
        Plain module-level function ``partial(*blocks, shared, **parameters)`` on NumPy blocks.
    merge : callable
        ``merge(list of partials)``, associative; it gets them in the order of the blocks.
    *arrays : xarray.DataArray
        Broadcastable against the first, coordinates equal. A leading dim is kept whole.
    finish : callable, optional
        ``finish(merged, shared)``, run once.
    shared : object, optional
        Handed to every partial; may be the Delayed result of an earlier reduction.
    parameters : mapping, optional
        Further keyword arguments of ``partial``.

    Returns
    -------
    dask.delayed.Delayed
        The finished object. The order of merging depends on the chunks alone, never on the
        scheduler.
    """
    from dask import delayed

    lead = [dim for dim in arrays[0].dims if dim not in ("y", "x")]
    for dim in lead:
        arrays = tuple(whole_along(array, str(dim)) for array in arrays)
    level = _partials(partial, arrays, shared, dict(parameters or {}))
    merging = delayed(merge, pure=True)
    while len(level) > 1:
        level = [merging(level[i : i + SPLIT_EVERY]) for i in range(0, len(level), SPLIT_EVERY)]
    return level[0] if finish is None else delayed(finish, pure=True)(level[0], shared)


def _partials(
    partial: Callable[..., Any],
    arrays: tuple[xr.DataArray, ...],
    shared: Any,
    parameters: dict[str, Any],
) -> list[Any]:
    import dask.array as da
    from dask import delayed

    lazy = [_as_dask(array) for array in xr.align(*arrays, join="exact", copy=False)]
    dims = arrays[0].dims
    aligned = _common_chunks(lazy, [array.dims for array in arrays], dims)
    blocks = da.map_blocks(
        _boxed_partial,
        *aligned,
        partial=partial,
        shared=shared if hasattr(shared, "dask") else delayed(shared, pure=True, traverse=False),
        parameters=parameters,
        dtype=object,
        chunks=tuple((1,) * count for count in aligned[0].numblocks),
        meta=np.empty((0,) * len(dims), dtype=object),
    )
    unbox = delayed(_unbox, pure=True)
    return [unbox(block) for block in blocks.to_delayed(optimize_graph=False).ravel()]


def _as_dask(array: xr.DataArray) -> Any:
    import dask.array as da

    return da.from_array(array.values, chunks=-1) if array.chunks is None else array.data


def _common_chunks(lazy: list[Any], dims: list[tuple[Any, ...]], order: tuple[Any, ...]) -> Any:
    """Expand every array to the dims of the first, and cut all at the same places."""
    import dask.array as da

    indices = [[order.index(dim) for dim in names] for names in dims]
    pairs = [item for pair in zip(lazy, indices, strict=True) for item in pair]
    _, cut = da.core.unify_chunks(*pairs, warn=False)
    expanded = []
    for data, index in zip(cut, indices, strict=True):
        selector = tuple(slice(None) if axis in index else None for axis in range(len(order)))
        expanded.append(data[selector])
    return expanded


def _boxed_partial(
    *blocks: np.ndarray,
    partial: Callable[..., Any],
    shared: Any,
    parameters: dict[str, Any],
) -> np.ndarray:
    box = np.empty((1,) * blocks[0].ndim, dtype=object)
    box.flat[0] = partial(
        *(np.ascontiguousarray(block) for block in blocks), shared=shared, **parameters
    )
    return box


def _unbox(box: np.ndarray) -> Any:
    return box.flat[0]
