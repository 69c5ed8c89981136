"""Cells that a quality band marks as fill, cloud, shadow or snow become nodata."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from mineeco_xr.chunks import pointwise
from mineeco_xr.cube.grid import layer_of, require_same_grid
from mineeco_xr.cube.nodata import fill_value_of
from mineeco_xr.cube.provenance import finalize
from mineeco_xr.cube.time import require_same_times
from mineeco_xr.errors import ParameterError, SchemaError
from mineeco_xr.tables import read_table

QA_PIXEL, QA_RADSAT = "QA_PIXEL", "QA_RADSAT"


def mask_qa(
    cube: xr.Dataset,
    qa: str = QA_PIXEL,
    *,
    bits: Sequence[str] | None = None,
    radsat: str | None = None,
) -> xr.Dataset:
    """Make nodata of the cells that Landsat's quality band marks.

    Parameters
    ----------
    cube : xarray.Dataset
        Bands and the quality band, on one grid and the same dates.
    qa : str
        Variable with the stored integers of QA_PIXEL.
    bits : sequence of str, optional
        What is masked: ``fill``, ``dilated_cloud``, ``cirrus``, ``cloud``, ``cloud_shadow``,
        ``snow`` and ``water``. Default all but water.
    radsat : str, optional
        Variable with QA_RADSAT; where it is not 0 a band is saturated or a terrain hides the
        ground, and all bands are masked.

    Returns
    -------
    xarray.Dataset
        All bands with NaN, or their ``_FillValue``, where one of the bits is set; quality bands
        as they were. Lazy when the cube is.

    Raises
    ------
    SchemaError
        If a quality band is missing, holds no integers or lacks the dates of the bands; or if a
        band of integers has no ``_FillValue`` to write.
    ParameterError
        If a bit is unknown.

    Notes
    -----
    Pointwise: bit-identical for any chunking. The bits are
    ``mineeco_xr/tables/landsat_qa_pixel.csv``: 0 fill, 1 dilated cloud, 2 cirrus, 3 cloud,
    4 shadow, 5 snow, 7 water. Variables whose name begins with ``QA_`` or ``qa_`` are never
    masked.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> from mineeco_xr.testing import with_grid
    >>> red = with_grid(np.array([[0.1, 0.2, 0.3]], dtype="float32"))
    >>> qa = with_grid(np.array([[21824, 22280, 21952]], dtype="uint16"))  # clear, cloud, water
    >>> mask_qa(xr.Dataset({"red": red, "QA_PIXEL": qa}))["red"].values
    array([[0.1, nan, 0.3]], dtype=float32)
    """
    wanted = _mask_of(bits)
    quality = {name: _quality(cube, name) for name in (qa, radsat) if name is not None}
    bands = [
        str(name)
        for name in cube.data_vars
        if {"y", "x"} <= set(cube[name].dims)
        and name not in quality
        and not str(name).lower().startswith("qa_")
    ]
    if not bands:
        raise SchemaError(f"the cube has no band beside {list(quality)}.")
    layers = {name: layer_of(cube, name) for name in bands}
    require_same_grid({**quality, **layers})
    require_same_times({**quality, **layers})
    masked = {name: _masked(layer, quality, wanted) for name, layer in layers.items()}
    return finalize(
        cube.assign(masked),
        function="mask_qa",
        parameters={"qa": qa, "bits": bits, "radsat": radsat},
        inputs={**layers, **quality},
    )


def _mask_of(bits: Sequence[str] | None) -> int:
    table = read_table("landsat_qa_pixel")
    allowed = table[table["name"] != "clear"].set_index("name")
    if bits is None:
        bits = list(allowed.index[allowed["masked"] == 1])
    bits = [bits] if isinstance(bits, str) else list(bits)
    unknown = [bit for bit in bits if bit not in allowed.index]
    if unknown or not bits:
        raise ParameterError(
            f"bits {unknown or bits} are unknown: choose from {allowed.index.tolist()}, which name "
            "what is masked."
        )
    return sum(1 << int(allowed.loc[bit, "bit"]) for bit in bits)


def _quality(cube: xr.Dataset, name: str) -> xr.DataArray:
    if name not in cube.data_vars:
        raise SchemaError(
            f"the cube has no variable {name!r}; it has {sorted(map(str, cube.data_vars))}. Name "
            "the quality band with qa='...'."
        )
    found = layer_of(cube, name)
    if found.dtype.kind not in "ui":
        raise SchemaError(
            f"{name!r} holds {found.dtype}; expected the stored integers, whose bits are read. "
            "Open it without masking."
        )
    return found


def _masked(layer: xr.DataArray, quality: dict[str, xr.DataArray], wanted: int) -> xr.DataArray:
    name = str(layer.name)
    lacking = [
        str(q.name)
        for q in quality.values()
        if set(q.dims) - {"y", "x"} != set(layer.dims) - {"y", "x"}
    ]
    if lacking:
        raise SchemaError(
            f"{lacking} and {name!r} have different dims, {[q.dims for q in quality.values()]} and "
            f"{layer.dims}: a quality band is of its own date."
        )
    fill = fill_value_of(layer)
    if layer.dtype.kind != "f" and fill is None:
        raise SchemaError(
            f"{name!r} holds {layer.dtype} and names no nodata value: scale it first "
            "(scale_landsat), or set attrs['_FillValue']."
        )
    result = pointwise(
        _mask_block,
        layer,
        *quality.values(),
        dtype=layer.dtype,
        parameters={"wanted": wanted, "fill": np.nan if layer.dtype.kind == "f" else fill},
    )
    return result.transpose(*layer.dims).assign_attrs(layer.attrs).rename(layer.name)


def _mask_block(block: np.ndarray, *quality: np.ndarray, wanted: int, fill: float) -> np.ndarray:
    hidden = (quality[0] & quality[0].dtype.type(wanted)) != 0
    for saturated in quality[1:]:
        hidden |= saturated != 0
    return np.where(hidden, block.dtype.type(fill), block)
