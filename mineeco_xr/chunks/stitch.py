"""Stitch: blocks are solved with open borders, the borders globally, and the blocks finished."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from mineeco_xr.chunks.align import aligned
from mineeco_xr.chunks.reduce import gathered
from mineeco_xr.chunks.reread import read_again
from mineeco_xr.chunks.solution import boxed, solved_once
from mineeco_xr.chunks.tiles import (
    Chunks,
    Halo,
    Index,
    halo_of,
    join_small,
    padded,
    place_axes,
    place_of,
    starts_of,
    unified,
    whole,
    windows,
)
from mineeco_xr.errors import ParameterError

SMALLEST_BLOCK = 256
"""Cells a side; smaller chunks are joined: the record of a thin block is as large as the block."""


def stitch(
    local: Callable[..., Any],
    solve: Callable[..., Mapping[Index, Any]],
    finish: Callable[..., Any],
    *arrays: xr.DataArray,
    dtype: Any,
    depth: int = 0,
    fill: float | Sequence[float] | None = None,
    outputs: int = 1,
    parameters: Mapping[str, Any] | None = None,
) -> Any:
    """Solve a problem of the whole raster in three stages, exactly for any chunking.

    Parameters
    ----------
    local : callable
        Plain module-level ``local(*blocks, place, **parameters)``: what a block has to say about
        its borders, a small picklable object.
    solve : callable
        ``solve(records, chunks, **parameters)``, run once: takes the records by block index and
        the sizes of the chunks, returns each block's answer by index.
    finish : callable
        ``finish(*blocks, answer, place, **parameters)``: the finished block, or a tuple of
        ``outputs`` blocks.
    *arrays : xarray.DataArray
        On one grid, dims ending in ``(y, x)``; with leading dims each slice is a raster of its own.
    dtype : dtype
        Of the results.
    depth : int
        Cells that ``local`` and ``finish`` see beyond the block on each side; at most the
        smallest chunk.
    fill : float or sequence of float, optional
        What stands outside the raster, one for all arrays or one each. Default NaN.
    outputs : int
        How many blocks ``finish`` returns.
    parameters : mapping, optional
        Further keyword arguments of all three.

    Returns
    -------
    xarray.DataArray or tuple of xarray.DataArray
        Dims, coordinates and chunks of the first array, without attributes; lazy when any array
        is. The source is computed once for the first and again for the last stage, so that memory
        is bounded by blocks.

    Raises
    ------
    ParameterError
        If the last two dims are not ``(y, x)`` or ``depth`` exceeds a chunk.

    Examples
    --------
    Number the cells above zero, wherever the chunk borders are:

    >>> import numpy as np
    >>> from mineeco_xr.testing import with_grid
    >>> def count(block, place):
    ...     return int((block > 0).sum())
    >>> def offsets(records, chunks):
    ...     return dict(zip(sorted(records), np.cumsum([0, *map(records.get, sorted(records))])))
    >>> def number(block, answer, place):
    ...     return np.where(block > 0, answer + np.cumsum(block > 0).reshape(block.shape), 0)
    >>> raster = with_grid(np.array([[1, 0, 1, 1]])).chunk({"x": 2})
    >>> stitch(count, offsets, number, raster, dtype="int64").compute().values
    array([[1, 0, 2, 3]])
    """
    arrays = aligned(arrays)
    first = arrays[0]
    if first.dims[-2:] != ("y", "x") or any(array.dims != first.dims for array in arrays):
        raise ParameterError(
            f"rasters have dims {[array.dims for array in arrays]}: transpose all to (..., y, x)."
        )
    halo = halo_of(arrays, depth, fill)
    task = _Task(local, solve, finish, halo, outputs, np.dtype(dtype), parameters or {})
    lazy = any(array.chunks is not None for array in arrays)
    layers = unified(arrays) if lazy else [array.values for array in arrays]
    stages = _lazily if lazy else _at_once
    data = _by_slice(lambda *parts: stages(task, parts), layers, lazy, outputs)
    results = tuple(first.copy(data=part).drop_attrs(deep=False).rename(None) for part in data)
    return results[0] if outputs == 1 else results


@dataclass(frozen=True)
class _Task:
    local: Callable[..., Any]
    solve: Callable[..., Mapping[Index, Any]]
    finish: Callable[..., Any]
    halo: Halo
    outputs: int
    dtype: np.dtype
    parameters: Mapping[str, Any]


def _by_slice(
    run: Callable[..., tuple[Any, ...]], layers: list[Any], lazy: bool, outputs: int
) -> tuple[Any, ...]:
    """Run each 2-D slice of the leading dims by itself and stack the results."""
    lead = layers[0].shape[:-2]
    if not lead:
        return run(*layers)
    import dask.array as da

    module: Any = da if lazy else np
    parts = [run(*(layer[index] for layer in layers)) for index in np.ndindex(*lead)]
    stacked = []
    for number in range(outputs):
        rasters = module.stack([part[number] for part in parts])
        stacked.append(rasters.reshape(*lead, *layers[0].shape[-2:]))
    return tuple(stacked)


def _at_once(task: _Task, blocks: Sequence[np.ndarray]) -> tuple[Any, ...]:
    shape = blocks[0].shape
    place, ready = whole(shape), padded(blocks, task.halo)
    record = task.local(*ready, place=place, **task.parameters)
    answers = task.solve({(0, 0): record}, ((shape[0],), (shape[1],)), **task.parameters)
    done = task.finish(*ready, answer=answers[0, 0], place=place, **task.parameters)
    parts = (done,) if task.outputs == 1 else done
    return tuple(np.asarray(part, dtype=task.dtype) for part in parts)


def _lazily(task: _Task, blocks: Sequence[Any]) -> tuple[Any, ...]:
    given = blocks[0].chunks
    joined = tuple(join_small(sizes, min(SMALLEST_BLOCK, sum(sizes))) for sizes in given)
    blocks = [block.rechunk(joined) for block in blocks]
    chunks, shape = blocks[0].chunks, blocks[0].shape
    places = place_axes(shape, chunks)
    once = windows(blocks, task.halo)
    records = _blockwise(_local_block, places, once, task, shape, dtype=object, one=True)
    merged = gathered(records, _joined)
    solution = solved_once(
        _solve, merged, solve=task.solve, chunks=chunks, parameters=dict(task.parameters)
    )
    again = windows([read_again(block) for block in blocks], task.halo)
    data = _blockwise(_finish_block, places, again, task, shape, dtype=task.dtype, given=solution)
    parts = (data,) if task.outputs == 1 else tuple(data[i] for i in range(task.outputs))
    return tuple(part.rechunk(given) for part in parts)


def _blockwise(
    call: Callable[..., Any],
    places: list[Any],
    layers: list[Any],
    task: _Task,
    shape: tuple[int, int],
    *,
    dtype: Any,
    one: bool = False,
    given: Any = None,
) -> Any:
    import dask.array as da

    several = not one and task.outputs > 1
    index = ("outputs", "y", "x") if several else ("y", "x")
    inputs: list[Any] = [] if given is None else [given, ()]
    inputs += [places[0], ("y",), places[1], ("x",)]
    for layer in layers:
        inputs += [layer, ("y", "x")]
    chunks: Chunks = (places[0].chunks[0], places[1].chunks[0])
    sizes = [(1,) * len(axis) for axis in chunks] if one else chunks
    return da.blockwise(
        call,
        index,
        *inputs,
        task=task,
        shape=shape,
        starts=starts_of(chunks),
        new_axes={"outputs": task.outputs} if several else None,
        adjust_chunks=dict(zip(("y", "x"), sizes, strict=True)),
        align_arrays=False,
        dtype=dtype,
        meta=np.empty((0,) * len(index), dtype=dtype),
    )


def _local_block(
    rows: np.ndarray, columns: np.ndarray, *blocks: np.ndarray, task: _Task, shape: Any, starts: Any
) -> np.ndarray:
    place = place_of(rows, columns, shape, starts)
    ready = (np.ascontiguousarray(block) for block in blocks)
    record = task.local(*ready, place=place, **task.parameters)
    return boxed([(place.index, record)], 2)


def _joined(parts: list[list[Any]]) -> list[Any]:
    return [item for part in parts for item in part]


def _solve(
    records: list[Any], *, solve: Callable[..., Any], chunks: Chunks, parameters: dict[str, Any]
) -> Any:
    return solve(dict(records), chunks, **parameters)


def _finish_block(
    solution: np.ndarray,
    rows: np.ndarray,
    columns: np.ndarray,
    *blocks: np.ndarray,
    task: _Task,
    shape: Any,
    starts: Any,
) -> np.ndarray:
    place = place_of(rows, columns, shape, starts)
    ready = (np.ascontiguousarray(block) for block in blocks)
    answer = solution.item()[place.index]
    done = task.finish(*ready, answer=answer, place=place, **task.parameters)
    if task.outputs > 1:
        return np.stack([np.asarray(part, dtype=task.dtype) for part in done])
    return np.asarray(done, dtype=task.dtype)
