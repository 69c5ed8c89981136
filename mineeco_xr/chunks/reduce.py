"""Reduce: block partials, merged by a tree whose order is that of the blocks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import xarray as xr

from mineeco_xr.chunks.align import aligned
from mineeco_xr.chunks.pointwise import whole_along
from mineeco_xr.chunks.reduced import Reduced, shared_box
from mineeco_xr.chunks.solution import boxed, solved_once

SPLIT_EVERY = 16
"""About how many partials one merge takes."""


def reduce_blocks(
    partial: Callable[..., Any],
    merge: Callable[[list[Any]], Any],
    *arrays: xr.DataArray,
    finish: Callable[..., Any] | None = None,
    shared: Any = None,
    parameters: Mapping[str, Any] | None = None,
) -> Reduced:
    """Reduce rasters to one small object: a table, a histogram, a pair of extrema.

    Parameters
    ----------
    partial : callable
        Plain module-level function ``partial(*blocks, shared, **parameters)`` on NumPy blocks.
    merge : callable
        ``merge(list of partials)``, associative; neighbours in space come together, in order.
    *arrays : xarray.DataArray
        Broadcastable against the first, coordinates equal. A leading dim is kept whole.
    finish : callable, optional
        ``finish(merged, shared)``, run once.
    shared : object, optional
        Handed to every partial; may be the :class:`Reduced` result of an earlier reduction.
    parameters : mapping, optional
        Further keyword arguments of ``partial``.

    Returns
    -------
    Reduced
        The finished object, lazy. The order of merging depends on the chunks alone, never on the
        scheduler.

    Examples
    --------
    >>> import numpy as np
    >>> from mineeco_xr.testing import with_grid
    >>> def largest(block, *, shared):
    ...     return block.max()
    >>> raster = with_grid(np.arange(12.0).reshape(3, 4)).chunk({"x": 2})
    >>> float(reduce_blocks(largest, max, raster).compute())
    11.0
    """
    lead = [dim for dim in arrays[0].dims if dim not in ("y", "x")]
    for dim in lead:
        arrays = tuple(whole_along(array, str(dim)) for array in arrays)
    common = shared_box(shared)
    merged = gathered(_partials(partial, arrays, common, dict(parameters or {})), merge)
    if finish is None:
        return Reduced(merged)
    return Reduced(solved_once(finish, merged, common))


def gathered(boxes: Any, merge: Callable[[list[Any]], Any]) -> Any:
    """Merge an array of boxed objects by a tree, neighbours first, to an array without dims.

    Parameters
    ----------
    boxes : dask.array.Array
        One object a block, as :func:`boxed` makes them.
    merge : callable
        ``merge(list of objects)``, associative.

    Returns
    -------
    dask.array.Array
        Without dims, lazy.
    """
    import dask.array as da

    return da.reduction(
        boxes,
        chunk=_keep,
        combine=_merger(merge),
        aggregate=_merger(merge, drop=True),
        concatenate=False,
        split_every=SPLIT_EVERY,
        dtype=object,
        meta=np.empty((), dtype=object),
    )


def _partials(
    partial: Callable[..., Any],
    arrays: tuple[xr.DataArray, ...],
    common: Any,
    parameters: dict[str, Any],
) -> Any:
    import dask.array as da

    layers = aligned(arrays)
    dims = layers[0].dims
    pairs: list[Any] = []
    for layer in layers:
        lazy = da.from_array(layer.values, chunks=-1) if layer.chunks is None else layer.data
        pairs += [lazy, layer.dims]
    _, cut = da.core.unify_chunks(*pairs, warn=False)
    missing = tuple(tuple(i for i, d in enumerate(dims) if d not in x.dims) for x in layers)
    return da.blockwise(
        _boxed_partial,
        dims,
        common,
        (),
        *(item for data, layer in zip(cut, layers, strict=True) for item in (data, layer.dims)),
        partial=partial,
        missing=missing,
        parameters=parameters,
        adjust_chunks=dict.fromkeys(dims, 1),
        align_arrays=False,
        dtype=object,
        meta=np.empty((0,) * len(dims), dtype=object),
    )


def _boxed_partial(
    common: np.ndarray,
    *blocks: np.ndarray,
    partial: Callable[..., Any],
    missing: tuple[tuple[int, ...], ...],
    parameters: dict[str, Any],
) -> np.ndarray:
    ready = [
        np.expand_dims(np.ascontiguousarray(block), axes)
        for block, axes in zip(blocks, missing, strict=True)
    ]
    return boxed(partial(*ready, shared=common.item(), **parameters), ready[0].ndim)


def _keep(box: np.ndarray, axis: Any, keepdims: bool) -> np.ndarray:
    return box


def _merger(merge: Callable[[list[Any]], Any], *, drop: bool = False) -> Callable[..., np.ndarray]:
    from functools import partial

    return partial(_merge_boxes, merge, drop)


def _merge_boxes(
    merge: Callable[[list[Any]], Any], drop: bool, boxes: Any, axis: Any, keepdims: bool
) -> np.ndarray:
    flat: list[np.ndarray] = []
    pending = [boxes]
    while pending:
        item = pending.pop()
        if isinstance(item, list):
            pending += reversed(item)
        else:
            flat.append(item)
    value = flat[0].item() if len(flat) == 1 else merge([box.item() for box in flat])
    return boxed(value, 0 if drop else flat[0].ndim)
