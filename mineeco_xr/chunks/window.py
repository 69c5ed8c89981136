"""Window: every output block needs one window of the source, whose place is known beforehand.

This is the halo's relative for resampling, where the neighbourhood of a block lies elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

Window = tuple[int, int, int, int]
"""First row, end row, first column, end column, in cells of the source."""


def from_windows(
    function: Callable[..., np.ndarray],
    source: Any,
    windows: Callable[[slice, slice], Window | None],
    chunks: tuple[tuple[int, ...], tuple[int, ...]],
    *,
    dtype: Any,
    fill: float,
    parameters: Mapping[str, Any] | None = None,
) -> Any:
    """Build an array block by block from windows of a source.

    Parameters
    ----------
    function : callable
        Plain module-level ``function(window, place, rows, columns, **parameters)``: the cut out
        source, its ``Window``, and the output block's two slices; returns the block.
    source : dask.array.Array
        Last two axes are rows and columns; leading axes keep their chunks.
    windows : callable
        Gives the window that an output block (two slices) needs, or ``None`` when it needs none.
    chunks : tuple of tuple of int
        Chunks of the output's last two axes.
    dtype : dtype
        Of the result.
    fill : float
        Value of blocks without a window.
    parameters : mapping, optional
        Further keyword arguments of ``function``.

    Returns
    -------
    dask.array.Array
        Lazy; the source is read window by window.
    """
    import dask.array as da

    lead = source.chunks[:-2]
    grid = []
    for rows in _slices(chunks[0]):
        line = []
        for columns in _slices(chunks[1]):
            size = (rows.stop - rows.start, columns.stop - columns.start)
            place = windows(rows, columns)
            if place is None:
                shape = (*source.shape[:-2], *size)
                line.append(da.full(shape, fill, dtype=dtype, chunks=(*lead, *size)))
                continue
            cut = source[..., place[0] : place[1], place[2] : place[3]]
            line.append(
                da.map_blocks(
                    function,
                    cut.rechunk({cut.ndim - 2: -1, cut.ndim - 1: -1}),
                    place=place,
                    rows=rows,
                    columns=columns,
                    **(parameters or {}),
                    dtype=dtype,
                    chunks=(*lead, (size[0],), (size[1],)),
                    meta=np.empty((0,) * cut.ndim, dtype=dtype),
                )
            )
        grid.append(line)
    return da.block(grid)


def _slices(sizes: tuple[int, ...]) -> list[slice]:
    ends = np.cumsum(sizes).tolist()
    return [slice(end - size, end) for end, size in zip(ends, sizes, strict=True)]
