"""Exact Euclidean distance to features, and which feature is nearest, for any chunking."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import xarray as xr

from mineeco_xr.chunks import Place, halo, pointwise, stitch
from mineeco_xr.cube.cells import cell_size
from mineeco_xr.cube.grid import geobox_of
from mineeco_xr.cube.nodata import code_in, feature_fill_value_of
from mineeco_xr.cube.provenance import finalize
from mineeco_xr.errors import ParameterError

STRIP_BYTES = 64 * 2**20
"""What a strip of whole rows may weigh as float64."""

LARGEST_HALO = 512
"""Cells; a limit farther than this is cheaper by carrying rows than by overlapping blocks."""

LARGEST_RATIO = 100
"""Cells whose sides are in the ratio of two integers up to this compare without rounding."""

ROUNDING = 1e-9
"""Relative: coordinates of cells are rounded by about this, and so are their sides."""


def distance(
    data: xr.DataArray, *, max_distance: float | None = None, dtype: Any = "float64"
) -> xr.DataArray:
    """Return the distance of every cell's centre to that of the nearest feature cell.

    Parameters
    ----------
    data : xarray.DataArray
        Dims with ``y`` and ``x``; the rasters of further dims are taken one by one. Feature cells
        are those that are neither zero nor nodata (NaN, or a ``_FillValue`` other than zero); bool,
        integer or float.
    max_distance : float, optional
        Metres; cells farther away get infinity, as those of a raster without any feature do.
    dtype : dtype
        ``"float64"`` or ``"float32"``.

    Returns
    -------
    xarray.DataArray
        Metres, dims of ``data``; 0 on features, NaN at nodata. Lazy when the data are.

    Raises
    ------
    GridMismatch
        If the grid is not in metres.
    ParameterError
        If ``max_distance`` is not positive or the dtype is no float.

    Notes
    -----
    The separable exact transform of Meijster, Roerdink and Hesselink (2000): nearest feature in
    each column, then the lower envelope of parabolas along each row, in float64 (float32 is that
    result rounded). It equals ``scipy.ndimage.distance_transform_edt`` with ``sampling``, but
    for a raster without a feature, where SciPy measures to a point that does not exist.

    Crosses chunks by stitching rows of whole width, or by a halo when ``max_distance`` is at most
    512 cells. Bit-identical for any chunking.

    Examples
    --------
    >>> import numpy as np
    >>> from mineeco_xr.testing import with_grid
    >>> distance(with_grid(np.array([[0, 0, 1, 0]]), resolution=30)).values
    array([[60., 30.,  0., 30.]])
    """
    if np.dtype(dtype) not in (np.float64, np.float32):
        raise ParameterError(f"dtype is {dtype}: distances are float64 or float32.")
    limit = _limit(max_distance)
    cell = cell_size(geobox_of(data), "distance")
    mask = pointwise(
        _mask_block, data, dtype="uint8", parameters={"fill": feature_fill_value_of(data)}
    ).transpose(..., "y", "x")
    weights = comparable(cell)
    measures = {"weights": weights, "cell": cell, "limit": limit}
    depth = math.ceil(limit / min(cell)) if math.isfinite(limit) else LARGEST_HALO + 1
    # Where squares are rounded, which of two features wins may depend on the window.
    if depth <= LARGEST_HALO and all(side.is_integer() for side in weights):
        result = halo(
            _window_distance,
            mask,
            depth=depth,
            dtype=dtype,
            fill=0,
            parameters={**measures, "depth": depth, "dtype": str(np.dtype(dtype))},
        )
    else:
        result = stitch(
            _column_ends,
            _carry,
            _strip_distance,
            strips(mask),
            dtype=dtype,
            parameters={**measures, "dtype": str(np.dtype(dtype))},
        )
    return finalize(
        _chunked_like(result, data),
        function="distance",
        parameters={"max_distance": max_distance, "dtype": str(np.dtype(dtype))},
        inputs={str(data.name or "data"): data},
        attrs={"units": "m", "long_name": f"distance to {data.name or 'features'}"},
        name=f"{data.name or 'feature'}_distance",
    )


def allocation(data: xr.DataArray, *, max_distance: float | None = None) -> xr.DataArray:
    """Return for every cell the value of the nearest feature cell.

    Parameters
    ----------
    data : xarray.DataArray
        As for :func:`distance`; the values of its feature cells are handed out, such as the
        numbers of patches.
    max_distance : float, optional
        Metres; cells farther from any feature get nodata.

    Returns
    -------
    xarray.DataArray
        Dims and dtype of ``data``. Cells that are nodata, or without a feature within
        ``max_distance``, hold ``_FillValue`` (integers: that of ``data``, else 0; floats: NaN).

    Raises
    ------
    GridMismatch
        If the grid is not in metres.
    ParameterError
        If ``max_distance`` is not positive.

    Notes
    -----
    As :func:`distance`. Of features at equal distance the one in the leftmost column wins, then
    the upper one, whatever the chunks.

    Examples
    --------
    >>> import numpy as np
    >>> from mineeco_xr.testing import with_grid
    >>> allocation(with_grid(np.array([[0, 7, 0, 0, 0, 9]]))).values
    array([[7, 7, 7, 7, 9, 9]])
    """
    limit = _limit(max_distance)
    cell = cell_size(geobox_of(data), "allocation")
    fill = feature_fill_value_of(data)
    empty = math.nan if data.dtype.kind == "f" else (0 if fill is None else fill)
    result = stitch(
        _column_values,
        _carry,
        _strip_allocation,
        strips(data.transpose(..., "y", "x")),
        dtype=data.dtype,
        parameters={
            "weights": comparable(cell),
            "cell": cell,
            "limit": limit,
            "fill": fill,
            "empty": empty,
        },
    )
    attrs: dict[str, Any] = {"units": data.attrs.get("units", "1")}
    attrs |= {"long_name": f"nearest of {data.name or 'features'}"}
    if data.dtype.kind in "iu":
        attrs["_FillValue"] = data.dtype.type(empty)
    attrs |= {key: data.attrs[key] for key in ("flag_values", "flag_meanings") if key in data.attrs}
    return finalize(
        _chunked_like(result, data),
        function="allocation",
        parameters={"max_distance": max_distance},
        inputs={str(data.name or "data"): data},
        attrs=attrs,
        name=f"{data.name or 'feature'}_allocation",
    )


def _limit(max_distance: Any) -> float:
    if max_distance is None:
        return math.inf
    if not isinstance(max_distance, int | float | np.number) or not max_distance > 0:
        raise ParameterError(f"max_distance is {max_distance!r}: give a positive length in metres.")
    return float(max_distance) * (1 + ROUNDING)


def comparable(cell: tuple[float, float]) -> tuple[float, float]:
    """Return the sides of a cell in small integers of equal ratio, or as they are when none fit.

    Squares of such integers add up exactly in float64, so that ties are ties.

    Examples
    --------
    >>> comparable((20.0, 30.0)), comparable((0.3, 0.3))
    ((2.0, 3.0), (1.0, 1.0))
    """
    ratio = Fraction(cell[0] / cell[1]).limit_denominator(LARGEST_RATIO)
    sides = float(ratio.numerator), float(ratio.denominator)
    fits = math.isclose(sides[0] * cell[1], sides[1] * cell[0], rel_tol=ROUNDING)
    return sides if fits and ratio.numerator <= LARGEST_RATIO else cell


def strips(data: xr.DataArray) -> xr.DataArray:
    """Cut chunks into strips of whole rows that are small enough."""
    if data.chunks is None:
        return data
    most = max(1, STRIP_BYTES // (8 * data.sizes["x"]))
    rows: list[int] = []
    for size in data.chunksizes["y"]:
        parts = math.ceil(size / most)
        rows += [size * (k + 1) // parts - size * k // parts for k in range(parts)]
    return data.chunk({"y": tuple(rows), "x": -1})


def _chunked_like(result: xr.DataArray, data: xr.DataArray) -> xr.DataArray:
    result = result.transpose(*data.dims)
    return result if data.chunks is None else result.chunk(dict(data.chunksizes))


def _mask_block(block: np.ndarray, *, fill: float | None) -> np.ndarray:
    from mineeco_xr.kernels.distance import FEATURE, NODATA

    mask = (block != 0).astype("uint8") * np.uint8(FEATURE)
    code = None if fill is None else code_in(fill, block.dtype)
    if code is not None:
        mask[block == code] = NODATA
    if block.dtype.kind == "f":
        mask[np.isnan(block)] = NODATA
    return mask


Ends = dict[str, np.ndarray]


def _column_ends(mask: np.ndarray, *, place: Place, **_: Any) -> Ends:
    from mineeco_xr.kernels.distance import column_ends

    first, last = column_ends(mask, place.rows.start)
    return {"first": first, "last": last}


def _column_values(block: np.ndarray, *, place: Place, fill: float | None, **_: Any) -> Ends:
    """Also hand on the values of the outermost features, which other strips may need."""
    ends = _column_ends(_mask_block(block, fill=fill), place=place)
    columns, top = np.arange(block.shape[1]), place.rows.start
    values = {
        f"{name}_value": block[np.maximum(ends[name] - top, 0), columns]
        for name in ("first", "last")
    }
    return ends | values


def _carry(records: dict[tuple[int, int], Ends], chunks: Any, **_: Any) -> dict[Any, Any]:
    """Carry the last feature of each column down and the first one up, past every strip."""
    strips = len(chunks[0])
    answers: dict[tuple[int, int], Ends] = {(i, 0): {} for i in range(strips)}
    for name, end, order in (
        ("above", "last", range(strips)),
        ("below", "first", range(strips - 1, -1, -1)),
    ):
        carried = {key: np.zeros_like(records[0, 0][key]) for key in records[0, 0]}
        rows = np.full_like(records[0, 0][end], -1)
        values = carried.get(f"{end}_value")
        for i in order:
            answers[i, 0][name] = rows
            record = records[i, 0]
            found = record[end] >= 0
            rows = np.where(found, record[end], rows)
            if values is not None:
                answers[i, 0][f"{name}_value"] = values
                values = np.where(found, record[f"{end}_value"], values)
    return answers


def _strip_distance(
    mask: np.ndarray, *, answer: Ends, place: Place, dtype: str, **measures: Any
) -> np.ndarray:
    from mineeco_xr.kernels.distance import strip_distance

    out = np.empty(mask.shape, dtype=dtype)
    top = place.rows.start
    strip_distance(mask, top, answer["above"], answer["below"], **measures, out=out)
    return out


def _strip_allocation(
    block: np.ndarray,
    *,
    answer: Ends,
    place: Place,
    fill: float | None,
    empty: float,
    **measures: Any,
) -> np.ndarray:
    from mineeco_xr.kernels.distance import ABSENT, NODATA, strip_sites

    mask, top, bottom = _mask_block(block, fill=fill), place.rows.start, place.rows.stop
    rows, columns = strip_sites(mask, top, answer["above"], answer["below"], **measures)
    within = (rows >= top) & (rows < bottom)
    out = block[np.where(within, rows - top, 0), columns]
    for outside, name in ((rows < top, "above_value"), (rows >= bottom, "below_value")):
        out[outside] = answer[name][columns[outside]]
    out[(rows == ABSENT) | (mask == NODATA)] = empty
    return out


def _window_distance(window: np.ndarray, *, depth: int, dtype: str, **measures: Any) -> np.ndarray:
    from mineeco_xr.kernels.distance import ABSENT, strip_distance

    none = np.full(window.shape[-1], ABSENT, dtype="int32")
    lead = window.shape[:-2]
    out = np.empty(window.shape, dtype=dtype)
    for index in np.ndindex(*lead):
        strip_distance(window[index], 0, none, none, **measures, out=out[index])
    return out[..., depth:-depth, depth:-depth]
