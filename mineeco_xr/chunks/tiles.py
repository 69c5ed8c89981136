"""Tiles: the blocks of rasters with a halo and their place, for stitching and for rounds."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from mineeco_xr.chunks.solution import boxed
from mineeco_xr.errors import ParameterError

Index = tuple[int, int]
Chunks = tuple[tuple[int, ...], tuple[int, ...]]


@dataclass(frozen=True)
class Place:
    """Where a block lies in its raster.

    Attributes
    ----------
    index : tuple of int
        Number of the block, down and across.
    rows, columns : slice
        Cells of the whole raster that the block covers, its halo not counted.
    shape : tuple of int
        Rows and columns of the whole raster.
    """

    index: Index
    rows: slice
    columns: slice
    shape: tuple[int, int]


@dataclass(frozen=True)
class Halo:
    """How far blocks see beyond their border, and what stands outside the raster.

    Attributes
    ----------
    depth : int
        Cells on each side.
    fills : tuple of float
        One for each array.
    """

    depth: int
    fills: tuple[float, ...]


def halo_of(
    arrays: Sequence[xr.DataArray], depth: int, fill: float | Sequence[float] | None
) -> Halo:
    """Check a halo's depth against the chunks and give each array its fill.

    Raises
    ------
    ParameterError
        If ``depth`` exceeds a chunk, or an integer raster comes without ``fill``.
    """
    smallest = min(
        (min(sizes) for a in arrays if a.chunks is not None for sizes in a.chunks[-2:]),
        default=depth,
    )
    if not 0 <= depth <= max(1, smallest):
        raise ParameterError(f"depth is {depth}: chunks are as small as {smallest} cells.")
    if isinstance(fill, Sequence):
        return Halo(depth, tuple(fill))
    if fill is None and depth and any(array.dtype.kind != "f" for array in arrays):
        raise ParameterError("say with fill= what stands outside an integer raster.")
    return Halo(depth, (math.nan if fill is None else fill,) * len(arrays))


def unified(arrays: Sequence[xr.DataArray]) -> list[Any]:
    """Return the Dask arrays of all rasters with the chunks of the first lazy one."""
    import dask.array as da

    chunks = next(array.chunks for array in arrays if array.chunks is not None)
    return [
        da.from_array(array.values, chunks=chunks)
        if array.chunks is None
        else array.data.rechunk(chunks)
        for array in arrays
    ]


def padded(blocks: Sequence[np.ndarray], halo: Halo) -> list[np.ndarray]:
    """Return whole rasters with what stands outside them."""
    if not halo.depth:
        return [np.ascontiguousarray(block) for block in blocks]
    return [
        np.pad(block, halo.depth, constant_values=fill)
        for block, fill in zip(blocks, halo.fills, strict=True)
    ]


def windows(blocks: Sequence[Any], halo: Halo) -> list[Any]:
    """Return Dask arrays whose blocks overlap by the halo."""
    import dask.array as da

    if not halo.depth:
        return list(blocks)
    depth = {0: halo.depth, 1: halo.depth}
    return [
        da.overlap.overlap(block, depth=depth, boundary={0: fill, 1: fill})
        for block, fill in zip(blocks, halo.fills, strict=True)
    ]


def whole(shape: tuple[int, int]) -> Place:
    """Return the place of a raster that is one block."""
    return Place((0, 0), slice(0, shape[0]), slice(0, shape[1]), shape)


def tile_inputs(
    *arrays: xr.DataArray, depth: int = 0, fill: float | Sequence[float] | None = None
) -> dict[Index, tuple[Any, ...]]:
    """Return the haloed windows of every block, lazy ones as Delayed, to be read one by one.

    Parameters
    ----------
    *arrays : xarray.DataArray
        On one grid, dims ``(y, x)``.
    depth : int
        Cells seen beyond a block's border; at most the smallest chunk.
    fill : float or sequence of float, optional
        What stands outside the raster.

    Returns
    -------
    dict
        Windows of all arrays by block index.
    """
    import dask

    halo = halo_of(arrays, depth, fill)
    if all(array.chunks is None for array in arrays):
        return {(0, 0): tuple(padded([array.values for array in arrays], halo))}
    layers = windows(unified(arrays), halo)
    # Futures of a distributed client, where an array is held, are not in what is optimized.
    graphs = [
        dict(layer.__dask_graph__()) | dict(fast.__dask_graph__())
        for layer, fast in zip(layers, dask.optimize(*layers), strict=True)
    ]
    return {
        index: tuple(
            _one_block(graph, (layer.name, *index))
            for graph, layer in zip(graphs, layers, strict=True)
        )
        for index in np.ndindex(*layers[0].numblocks)
    }


def _one_block(graph: dict[Any, Any], key: tuple[Any, ...]) -> Any:
    """Return a block as Delayed with what it needs alone: a run must not search the whole graph."""
    from dask.delayed import Delayed
    from dask.optimization import cull

    own, _ = cull(graph, [key])
    return Delayed(key, own)


def finish_tiles(
    finish: Callable[..., Mapping[str, np.ndarray]],
    answers: Mapping[Index, Any],
    *arrays: xr.DataArray,
    dtypes: Mapping[str, Any],
    depth: int = 0,
    fill: float | Sequence[float] | None = None,
    parameters: Mapping[str, Any] | None = None,
) -> dict[str, xr.DataArray]:
    """Make rasters block by block from what each block was answered.

    Parameters
    ----------
    finish : callable
        Plain module-level ``finish(*windows, answer, place, **parameters)``: blocks by name.
    answers : mapping
        One small object a block, by index.
    *arrays : xarray.DataArray
        On one grid, dims ``(y, x)``.
    dtypes : mapping of str to dtype
        Names and dtypes of the results.
    depth, fill
        As for :func:`tile_inputs`.
    parameters : mapping, optional
        Further keyword arguments.

    Returns
    -------
    dict of str to DataArray
        Without attributes. Lazy when an array is; computed together they share the work.
    """
    halo, first = halo_of(arrays, depth, fill), arrays[0]
    given = dict(parameters or {})
    shape: tuple[int, int] = first.shape  # type: ignore[assignment]
    if all(array.chunks is None for array in arrays):
        blocks = padded([array.values for array in arrays], halo)
        made = finish(*blocks, answer=answers[0, 0], place=whole(shape), **given)
        data = {name: np.asarray(made[name], dtype=dtype) for name, dtype in dtypes.items()}
    else:
        data = _finished(finish, answers, unified(arrays), halo, dict(dtypes), given)
    return {
        name: first.copy(data=part).drop_attrs(deep=False).rename(None)
        for name, part in data.items()
    }


def _finished(
    finish: Callable[..., Any],
    answers: Mapping[Index, Any],
    layers: list[Any],
    halo: Halo,
    dtypes: dict[str, Any],
    parameters: dict[str, Any],
) -> dict[str, Any]:
    import dask.array as da

    shape, chunks = layers[0].shape, layers[0].chunks
    places = place_axes(shape, chunks)
    inputs: list[Any] = [answer_array(answers, chunks), ("y", "x")]
    inputs += [places[0], ("y",), places[1], ("x",)]
    for window in windows(layers, halo):
        inputs += [window, ("y", "x")]
    boxes = da.blockwise(
        _finish_box,
        ("y", "x"),
        *inputs,
        finish=finish,
        shape=shape,
        starts=starts_of(chunks),
        parameters=parameters,
        adjust_chunks={"y": chunks[0], "x": chunks[1]},
        align_arrays=False,
        dtype=object,
        meta=np.empty((0, 0), dtype=object),
    )
    return {
        name: da.map_blocks(
            _pick, boxes, name_of=name, block_dtype=np.dtype(dtype), dtype=dtype,
            meta=np.empty((0, 0), dtype=dtype),
        )
        for name, dtype in dtypes.items()
    }  # fmt: skip


def join_small(sizes: tuple[int, ...], least: int) -> tuple[int, ...]:
    """Return chunk sizes with neighbours joined until each has at least ``least`` cells.

    Examples
    --------
    >>> join_small((2, 2, 2, 5, 1), 4)
    (4, 8)
    """
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


def answer_array(answers: Mapping[Index, Any], chunks: Chunks) -> Any:
    """Return a Dask array with one answer a block, so that each task gets its own alone."""
    import dask.array as da

    shape = len(chunks[0]), len(chunks[1])
    boxes = np.empty(shape, dtype=object)
    for index in np.ndindex(*shape):
        boxes[index] = answers[index]
    return da.from_array(boxes, chunks=1)


def place_axes(shape: tuple[int, int], chunks: Chunks) -> list[Any]:
    """Return the numbers of the rows and of the columns, cut as the blocks are."""
    import dask.array as da

    return [da.arange(size, chunks=sizes) for size, sizes in zip(shape, chunks, strict=True)]


def starts_of(chunks: Chunks) -> tuple[dict[int, int], dict[int, int]]:
    """Return the number of each block by its first row, and by its first column."""
    down, across = chunks
    return _numbers(down), _numbers(across)


def _numbers(sizes: tuple[int, ...]) -> dict[int, int]:
    starts = np.cumsum([0, *sizes[:-1]]).tolist()
    return {start: number for number, start in enumerate(starts)}


def place_of(rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int], starts: Any) -> Place:
    """Return the place of the block that covers some rows and columns."""
    top, left = int(rows[0]), int(columns[0])
    return Place(
        (starts[0][top], starts[1][left]),
        slice(top, top + rows.size),
        slice(left, left + columns.size),
        shape,
    )


def _finish_box(
    answer: np.ndarray,
    rows: np.ndarray,
    columns: np.ndarray,
    *blocks: np.ndarray,
    finish: Callable[..., Any],
    shape: tuple[int, int],
    starts: Any,
    parameters: dict[str, Any],
) -> np.ndarray:
    ready = (np.ascontiguousarray(block) for block in blocks)
    place = place_of(rows, columns, shape, starts)
    return boxed(finish(*ready, answer=answer.item(), place=place, **parameters), 2)


def _pick(box: np.ndarray, *, name_of: str, block_dtype: np.dtype) -> np.ndarray:
    return np.asarray(box.item()[name_of], dtype=block_dtype)
