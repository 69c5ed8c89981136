"""Patches: connected cells of one class, numbered the same for any chunking."""

from __future__ import annotations

from collections.abc import Collection, Set
from typing import Any

import numpy as np
import xarray as xr

from mineeco_xr.chunks import Place, stitch
from mineeco_xr.cube.grid import geobox_of
from mineeco_xr.cube.nodata import fill_value_of
from mineeco_xr.cube.provenance import finalize
from mineeco_xr.errors import ParameterError
from mineeco_xr.spatial.seams import (
    BlockNumbers,
    BlockPatches,
    describe_block,
    final_numbers,
    number_patches,
)

CONNECTIVITIES = (4, 8)


def label(
    data: xr.DataArray,
    *,
    connectivity: int = 8,
    classes: float | Collection[float] | None = None,
    background: float | None = None,
) -> xr.DataArray:
    """Give each patch of a mask or of a map of classes a number.

    Parameters
    ----------
    data : xarray.DataArray
        Dims ``(y, x)``, or with leading dims whose rasters are numbered one by one. A mask (bool)
        has patches of ``True``; integers and floats have patches of cells of equal value. NaN, or
        ``_FillValue``, belongs to no patch; 0 is a class like others unless it is that.
    connectivity : {8, 4}
        Whether cells that share only a corner are connected.
    classes : float or sequence of float, optional
        The only value or values whose patches count.
    background : float, optional
        A value whose cells belong to no patch, such as 0.

    Returns
    -------
    xarray.DataArray
        int32, dims of ``data``: patches are 1, 2, ... in the order of their first cells along the
        rows, and 0 (``_FillValue``) is no patch. Lazy when the data are.

    Raises
    ------
    ParameterError
        If ``connectivity`` is neither 4 nor 8, ``classes`` are empty, or, when it is computed,
        there are more patches than int32 can number, or a class is the smallest int64 or 2**63.

    Notes
    -----
    Crosses chunks by stitching, in memory bounded by blocks: each block is labelled by itself and
    tells only of the patches that reach its border, and how many others begin in each of its rows;
    what meets at the borders is joined once for all. Bit-identical for any chunking, and equal to
    ``skimage.measure.label``. Labelling is by union-find in one pass (Rosenfeld and Pfaltz 1966;
    Wu, Otoo and Suzuki 2009).

    References
    ----------
    Wu, K., Otoo, E. and Suzuki, K. (2009). Optimizing two-pass connected-component labeling
    algorithms. Pattern Analysis and Applications 12, 117-135.

    Examples
    --------
    >>> import numpy as np
    >>> from mineeco_xr.testing import with_grid
    >>> mined = with_grid(np.array([[1, 0, 0, 1], [0, 1, 0, 1]], bool), name="mined")
    >>> label(mined).values
    array([[1, 0, 0, 2],
           [0, 1, 0, 2]], dtype=int32)
    >>> label(mined, connectivity=4).max().item()
    3
    """
    if connectivity not in CONNECTIVITIES:
        raise ParameterError(f"connectivity is {connectivity}: choose from {CONNECTIVITIES}.")
    exact = data.dtype.kind in "iu"
    chosen = None if classes is None else _chosen(classes, exact)
    geobox_of(data)
    result = stitch(
        _local,
        _solve,
        _finish,
        data.transpose(..., "y", "x"),
        dtype="int32",
        parameters={
            "connectivity": connectivity,
            "fill": fill_value_of(data),
            "background": None if background is None else _number(background, exact),
            "classes": chosen,
        },
    ).transpose(*data.dims)
    if data.chunks is not None:
        result = result.chunk(dict(data.chunksizes))
    return finalize(
        result,
        function="label",
        parameters={"connectivity": connectivity, "classes": chosen, "background": background},
        inputs={str(data.name or "data"): data},
        attrs={
            "units": "1",
            "long_name": f"patch of {data.attrs.get('long_name', data.name or 'value')}",
            "_FillValue": np.int32(0),
        },
        name=f"{data.name or 'value'}_patch",
    )


def _chosen(classes: float | Collection[float], exact: bool) -> tuple[float, ...]:
    """Return one class or several as numbers."""
    several: Any = classes
    if np.ndim(several) == 0 and not isinstance(several, Set):
        several = (several,)
    if not len(several):
        raise ParameterError("classes are empty: name some, or leave the argument out for all.")
    try:
        return tuple(_number(value, exact) for value in several)
    except (TypeError, ValueError) as error:
        raise ParameterError(f"classes are {classes!r}: give a number or several.") from error


def _number(value: float, exact: bool) -> float:
    """Return a class; as an integer in a raster of them: floats lose digits of large ones."""
    return float(value) if not exact or float(value) % 1 else int(value)


def _labelled(
    block: np.ndarray, place: Place, connectivity: int, values: dict[str, Any]
) -> tuple[np.ndarray, np.ndarray, BlockPatches]:
    """Label a block and tell which patches reach a border behind which the raster goes on."""
    from mineeco_xr.kernels.label import class_codes, label_cells

    codes = class_codes(block, **values)
    labels, numbers, first = label_cells(codes, connectivity)
    lines = {
        "top": (labels[0], place.rows.start > 0),
        "bottom": (labels[-1], place.rows.stop < place.shape[0]),
        "left": (labels[:, 0], place.columns.start > 0),
        "right": (labels[:, -1], place.columns.stop < place.shape[1]),
    }
    edges = {side: numbers[line] for side, (line, inside) in lines.items() if inside}
    return labels, numbers, describe_block(codes, first, edges)


def _local(block: np.ndarray, *, place: Place, connectivity: int, **values: Any) -> BlockPatches:
    return _labelled(block, place, connectivity, values)[2].record()


def _solve(
    records: dict[Any, BlockPatches], chunks: Any, *, connectivity: int, **_: Any
) -> dict[Any, BlockNumbers]:
    return number_patches(records, chunks, diagonal=connectivity == 8)


def _finish(
    block: np.ndarray, *, answer: BlockNumbers, place: Place, connectivity: int, **values: Any
) -> np.ndarray:
    from mineeco_xr.kernels.label import relabel

    labels, numbers, found = _labelled(block, place, connectivity, values)
    return relabel(labels, final_numbers(found, answer)[numbers])
