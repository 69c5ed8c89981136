"""Range normalisation: values to the share of the way from the least to the largest."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from mineeco_xr.chunks import pointwise
from mineeco_xr.chunks.reread import reread
from mineeco_xr.cube.provenance import finalize
from mineeco_xr.errors import ParameterError
from mineeco_xr.stats.scene import extremes, moments_of, scene_of, small_array

DIRECTIONS = ("positive", "negative")


def normalise(
    data: xr.DataArray,
    *,
    direction: str = "positive",
    limits: tuple[float, float] | None = None,
    by: str | None = None,
) -> xr.DataArray:
    """Scale a raster to 0..1 by its least and largest value.

    Parameters
    ----------
    data : xarray.DataArray
        Dims with ``y`` and ``x``; NaN, infinities and ``_FillValue`` of integers are nodata.
    direction : {"positive", "negative"}
        ``(v - min) / (max - min)``, or ``(max - v) / (max - min)`` for what does harm as it grows.
    limits : tuple of float, optional
        ``(min, max)`` to be used in place of the data's own; values beyond them give 0 or 1.
    by : str, optional
        A dim, such as ``"time"``, each of whose entries is scaled by extremes of its own. By
        default all cells of all dates share theirs, so that dates can be compared.

    Returns
    -------
    xarray.DataArray
        Dims as ``data``, dimensionless, float32 (float64 where the data are wider). 0 wherever all
        values are equal. Lazy when the data are.

    Raises
    ------
    ParameterError
        If ``direction`` is unknown or ``limits`` do not ascend.
    SchemaError
        If ``by`` is no dim of the raster.

    Notes
    -----
    Crosses chunks by a reduction for the extremes, then pointwise: equal bits for any chunking.
    Lazy data are read once for each of the two.

    Examples
    --------
    >>> import numpy as np
    >>> from mineeco_xr.testing import with_grid
    >>> normalise(with_grid(np.array([[2.0, 4.0, 10.0]])), direction="negative").values
    array([[1.  , 0.75, 0.  ]])
    """
    if direction not in DIRECTIONS:
        raise ParameterError(f"direction {direction!r} is unknown: choose from {DIRECTIONS}.")
    if limits is not None:
        limits = _ascending(limits)
    scene = scene_of(data, by)
    if limits is None:
        found = moments_of(scene, by)
        ends = small_array(found, extremes, scene, by, dim="bound", size=2)
    else:
        ends = xr.DataArray(np.array(limits, dtype="float64"), dims="bound")
    result = pointwise(
        _scale_block,
        reread(scene) if limits is None else scene,
        ends,
        dtype=scene.dtype,
        core_dim="bound",
        parameters={"negative": direction == "negative"},
    ).transpose(*data.dims)
    label = data.attrs.get("long_name", data.name or "value")
    return finalize(
        result,
        function="normalise",
        parameters={"direction": direction, "limits": limits, "by": by},
        inputs={str(data.name or "data"): data},
        attrs={"units": "1", "long_name": f"normalised {label}"},
        name=f"{data.name or 'value'}_normalised",
    )


def _ascending(limits: Any) -> tuple[float, float]:
    try:
        low, high = (float(limit) for limit in limits)
    except (TypeError, ValueError):
        low, high = np.nan, np.nan
    if isinstance(limits, str) or not -np.inf < low < high < np.inf:
        raise ParameterError(
            f"limits are {limits!r}: give two numbers that ascend, such as limits=(0, 100)."
        )
    return low, high


def _scale_block(block: np.ndarray, ends: np.ndarray, *, negative: bool) -> np.ndarray:
    low, high = ends[0], ends[1]
    values = np.where(np.isfinite(block), block, np.nan).astype("float64", copy=False)
    distance = high - values if negative else values - low
    width = high - low
    return np.clip(distance / np.where(width > 0, width, 1.0), 0.0, 1.0)
