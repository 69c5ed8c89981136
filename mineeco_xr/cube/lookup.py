"""Where the cells of one grid lie in another: coordinates, and the windows that hold them."""

from __future__ import annotations

import math
import threading
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from mineeco_xr.chunks.window import Window

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

WINDOW_BYTES = 64 * 2**20
"""What the source cells under one target block may weigh, a date."""
_PROBES = 17


def affordable_chunks(
    target: GeoBox,
    source: GeoBox,
    wanted: tuple[tuple[int, ...], tuple[int, ...]],
    itemsize: int,
    margin: int,
) -> tuple[tuple[tuple[int, ...], tuple[int, ...]], int]:
    """Return target chunks whose windows of the source are small, and dates to take at once.

    Onto coarser cells a block of the target covers many times its own cells in the source.
    """
    side = max(max(sizes, default=1) for sizes in wanted)
    limit = WINDOW_BYTES // itemsize
    middle = [size // 2 for size in target.shape]
    while side > 1:
        block = [slice(m, min(m + side, n)) for m, n in zip(middle, target.shape, strict=True)]
        window = source_window(block[0], block[1], target, source, margin)
        if window is None or (window[1] - window[0]) * (window[3] - window[2]) <= limit:
            break
        side = max(1, side // 2)
    else:
        window = None
    cells = 1 if window is None else (window[1] - window[0]) * (window[3] - window[2])
    rows, columns = (
        tuple(min(side, size - at) for size in sizes for at in range(0, size, side))
        for sizes in wanted
    )
    return (rows, columns), max(1, 2 * limit // max(cells, 1))


def source_coordinates(
    columns: np.ndarray, rows: np.ndarray, target: GeoBox, source: GeoBox
) -> tuple[np.ndarray, np.ndarray]:
    """Return where points of the target grid lie in the source grid.

    Parameters
    ----------
    columns, rows : ndarray of float64
        Points in cells of the target, the first cell from 0 to 1.
    target, source : odc.geo.geobox.GeoBox
        The grids.

    Returns
    -------
    tuple of ndarray
        Columns and rows in cells of the source; not finite where the transformation is undefined.
    """
    x, y = _apply(target.affine, columns, rows)
    if target.crs != source.crs:
        x, y = _transformer(target, source).transform(x, y)
    return _apply(~source.affine, np.asarray(x), np.asarray(y))


def _apply(affine: Any, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return affine.a * x + affine.b * y + affine.c, affine.d * x + affine.e * y + affine.f


def _transformer(target: GeoBox, source: GeoBox) -> Any:
    # A transformer belongs to the thread that made it; making one takes milliseconds.
    return _cached_transformer(target.crs.to_wkt(), source.crs.to_wkt(), threading.get_ident())


@lru_cache(maxsize=64)
def _cached_transformer(target: str, source: str, thread: int) -> Any:
    from pyproj import Transformer

    return Transformer.from_crs(target, source, always_xy=True)


def source_window(
    rows: slice, columns: slice, target: GeoBox, source: GeoBox, margin: int = 0
) -> Window | None:
    """Bound the source cells under a target block by its densely sampled border.

    Parameters
    ----------
    rows, columns : slice
        The block, in cells of the target.
    target, source : odc.geo.geobox.GeoBox
        The grids.
    margin : int
        Cells of the source to add on each side.

    Returns
    -------
    tuple of int or None
        First and end row, first and end column; ``None`` when the two do not meet.

    Notes
    -----
    A transformation without poles in the block maps its border around its interior; a few inner
    probes and a margin guard what the samples may miss, and each block checks itself again.
    """
    place = (rows.start, rows.stop, columns.start, columns.stop)
    return _cached_window(place, target, source, margin)


@lru_cache(maxsize=16_384)
def _cached_window(
    place: tuple[int, int, int, int], target: GeoBox, source: GeoBox, margin: int
) -> Window | None:
    """Stacks ask for the same windows for every date and band."""
    x, y = _probe_points(slice(*place[:2]), slice(*place[2:]))
    column, row = source_coordinates(x, y, target, source)
    finite = np.isfinite(column) & np.isfinite(row)
    height, width = source.shape
    if not finite.any():
        return None
    if not finite.all():
        return 0, height, 0, width
    first_row = max(0, math.floor(row.min()) - margin)
    end_row = min(height, math.ceil(row.max()) + margin)
    first_column = max(0, math.floor(column.min()) - margin)
    end_column = min(width, math.ceil(column.max()) + margin)
    if first_row >= end_row or first_column >= end_column:
        return None
    return first_row, end_row, first_column, end_column


def _probe_points(rows: slice, columns: slice) -> tuple[np.ndarray, np.ndarray]:
    r = np.arange(rows.start, rows.stop + 1, dtype="float64")
    c = np.arange(columns.start, columns.stop + 1, dtype="float64")
    inner_r, inner_c = np.meshgrid(
        np.linspace(r[0], r[-1], _PROBES), np.linspace(c[0], c[-1], _PROBES), indexing="ij"
    )
    x = np.concatenate([c, c, np.full(r.size, c[0]), np.full(r.size, c[-1]), inner_c.ravel()])
    y = np.concatenate([np.full(c.size, r[0]), np.full(c.size, r[-1]), r, r, inner_r.ravel()])
    return x, y
