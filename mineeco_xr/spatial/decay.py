"""Distance decay: how much of the threats around it a cell feels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr

from mineeco_xr.chunks import halo, pointwise
from mineeco_xr.cube.cells import cell_size
from mineeco_xr.cube.grid import geobox_of
from mineeco_xr.cube.nodata import feature_fill_value_of
from mineeco_xr.cube.provenance import finalize
from mineeco_xr.errors import ParameterError
from mineeco_xr.spatial.distance import distance
from mineeco_xr.spatial.strongest import strongest
from mineeco_xr.spatial.threats import Threat, intensity, threats_of

RULES = {
    "accumulate": "summed with distance decay",
    "nearest": "decayed by distance",
    "strongest": "strongest decayed by distance",
}
"""What the long name says of each."""

WIDE_BLOCK = 8
"""Radii a block is wide where memory allows: margins are work done twice."""

LARGEST_BLOCK = 4096
"""Cells a side beyond which blocks are not joined for the margins' sake."""

LEAST_BLOCKS = 4
"""Blocks along the longer side that such joining leaves, for as many workers."""

LARGEST_REACH = 20_000
"""Cells: a distance beyond is rather one in another unit than one to sum over."""

NODATA = 255


def decay(
    data: xr.DataArray,
    max_distance: float | Sequence[float] | Mapping[Any, float],
    kind: str | Sequence[str] | Mapping[Any, str] = "exponential",
    rule: str = "accumulate",
    *,
    normalised: bool = False,
    dim: str = "threat",
) -> xr.DataArray:
    """Return how strongly threats are felt at every cell, less with distance.

    Parameters
    ----------
    data : xarray.DataArray
        Intensity of the threat, 0 (none) to 1 (full), or any number from 0 to 1e20; bool, integer
        or float. Dims ``(y, x)``, or with leading dims whose rasters are taken one
        by one, ``threat`` among them.
    max_distance : float, sequence or mapping
        Where a threat ceases, m. One number, or one a threat: in the order of the dim ``threat``,
        or by its coordinate. ``"accumulate"`` reaches 20,000 cells at most.
    kind : str, sequence or mapping
        ``"linear"``, ``"exponential"`` or ``"legacy_exponential"`` (see Notes), one or one a
        threat.
    rule : str
        ``"accumulate"`` adds up all cells around; ``"strongest"`` takes the one cell whose effect
        is the largest; ``"nearest"`` takes the nearest cell above 0 and its distance alone, as
        InVEST does since 3.13, which does not look at the intensity.
    normalised : bool
        Divide by the sum of the weights, as InVEST 3.3 to 3.12 did: a weighted mean, at most 1
        where the intensity is. For ``"accumulate"`` only.
    dim : str
        Name of the dim of threats.

    Returns
    -------
    xarray.DataArray
        Dims of ``data``, float32, units "1", at least 0; NaN where ``data`` is nodata (NaN, or
        ``_FillValue``). Lazy when the data are.

    Raises
    ------
    GridMismatch
        If the grid is not in metres.
    ParameterError
        If a distance is not positive or reaches too far, a kind or rule is unknown, or distances or
        kinds do not fit the threats; when computed, if an intensity is negative or infinite, or
        more than 256 distinct ones meet ``"strongest"``.

    Notes
    -----
    With ``d`` the distance of two cells' centres and ``m`` the maximum distance, what is left is
    ``i(d) = 1 - d/m`` (linear) or ``exp(-2.99 d/m)`` (exponential), and 0 beyond ``m``: equation 3
    of Xu et al. (2023, Land 12:933), whose sum over all cells ``y`` of ``r_y i(d_xy)`` is
    ``"accumulate"``. The sum grows with the number of cells within reach, so that it depends on
    their size. ``"legacy_exponential"`` is ``exp(-d/m)`` up to ``5 m``, which InVEST 3.3 to 3.12
    used with ``normalised``; its shift by a third of a cell where ``m`` is no whole number of
    cells is not repeated.

    ``"strongest"`` is ``max_y r_y i(d_xy)``. Where intensities are 0 and 1 it is ``"nearest"``,
    bit by bit; where they differ, a weak cell nearby does not hide a strong one behind it, and more
    or stronger threats never make less of it. Each distinct intensity costs a distance transform
    around its cells, so that at most 256 may lie within reach of one block: round to steps.

    Nodata and what lies outside the raster threaten nothing, and a raster without a threat gives
    0: InVEST invents a distance for it.

    ``"accumulate"`` crosses chunks by a halo of the reach; blocks are joined to 4 times the reach,
    and to 8 times where the raster is large. Each block takes the cheaper of two ways, sums around
    runs of equal cells (exact to float32 rounding) or Fourier transforms; results agree to 1e-6 of
    the largest of each raster for any chunking, and where the transform is taken, cells out of
    reach may hold some 1e-7 of it. A raster of a series comes out the same as alone. The transforms
    are those of ``scipy.fft``, whose global backend may be replaced.
    ``"nearest"`` and ``"strongest"`` cross as :func:`distance` does, by a halo of up to 512 cells
    and by stitching beyond, and are bit-identical for any chunking. Intensities are float32.

    Examples
    --------
    >>> import numpy as np
    >>> from mineeco_xr.testing import with_grid
    >>> mines = with_grid(np.array([[1.0, 0, 0, 0, 1]]), resolution=100)
    >>> decay(mines, 400, "linear").values
    array([[1., 1., 1., 1., 1.]], dtype=float32)
    >>> decay(mines, 400, "linear", rule="nearest").values
    array([[1.  , 0.75, 0.5 , 0.75, 1.  ]], dtype=float32)
    >>> mine_and_track = with_grid(np.array([[1, 0, 0.25, 0, 0]]), resolution=100)
    >>> decay(mine_and_track, 400, "linear", rule="strongest").values
    array([[1.   , 0.75 , 0.5  , 0.25 , 0.125]], dtype=float32)
    """
    if rule not in RULES:
        raise ParameterError(f"rule {rule!r} is unknown: choose from {tuple(RULES)}.")
    if normalised and rule != "accumulate":
        raise ParameterError(
            f"normalised=True divides a sum by that of its weights, and rule={rule!r} takes no "
            "sum: leave it out, or use rule='accumulate'."
        )
    threats = threats_of(data, max_distance, kind, dim)
    cell = cell_size(geobox_of(data), "decay")
    if rule == "nearest" or (rule == "strongest" and data.dtype.kind == "b"):
        result = _by_threat(data, threats, dim, _nearest, cell=cell)
    elif rule == "strongest":
        result = _by_threat(data, threats, dim, strongest, cell=cell)
    else:
        for threat in threats:
            _require_reach(threat, cell)
        block = max(_wide_block(threat, cell, data) for threat in threats)
        result = _by_threat(
            data, threats, dim, _accumulated, cell=cell, normalised=normalised, block=block
        )
    result = result.transpose(*data.dims)
    if data.chunks is not None:
        result = result.chunk({side: data.chunksizes[side] for side in ("y", "x")})
    label = data.attrs.get("long_name", data.name or "threat")
    return finalize(
        result,
        function="decay",
        parameters={
            "max_distance": max_distance,
            "kind": kind,
            "rule": rule,
            "normalised": normalised,
            "dim": dim,
        },
        inputs={str(data.name or "data"): data},
        attrs={"units": "1", "long_name": f"{label}, {RULES[rule]}"},
        name=f"{data.name or 'threat'}_decay",
    )


def _require_reach(threat: Threat, cell: tuple[float, float]) -> None:
    from mineeco_xr.kernels.decay import REACHES

    reach = threat.max_distance * REACHES[threat.kind] / min(cell)
    if reach > LARGEST_REACH:
        of = f" of {threat.name!r}" if threat.name else ""
        longest = LARGEST_REACH * min(cell) / REACHES[threat.kind]
        raise ParameterError(
            f"max_distance{of} is {threat.max_distance:g} m, so that a threat of kind "
            f"{threat.kind!r} reaches {reach:.3g} cells of {min(cell):g} m; expected "
            f"{LARGEST_REACH} cells at most, {longest:g} m. Was it meant in another unit than "
            "metres? Else take a coarser grid, or a rule that reaches any distance: 'strongest' or "
            "'nearest'."
        )


def _by_threat(
    data: xr.DataArray,
    threats: list[Threat],
    dim: str,
    function: Callable[..., xr.DataArray],
    **parameters: Any,
) -> xr.DataArray:
    """Apply a function threat by threat, or once where all threats decay alike."""
    first = threats[0]
    if all((t.kind, t.max_distance) == (first.kind, first.max_distance) for t in threats):
        name = str(data.name or "the raster")
        return function(data, replace(first, name=name), **parameters)
    parts = [
        function(data.isel({dim: [i]}), threat, **parameters) for i, threat in enumerate(threats)
    ]
    return xr.concat(parts, dim, join="exact", coords="minimal", compat="override")


def _wide_block(threat: Threat, cell: tuple[float, float], data: xr.DataArray) -> int:
    depth = max(_depths(threat, cell, data))
    side = max(data.sizes["y"], data.sizes["x"])
    return min(WIDE_BLOCK * depth, LARGEST_BLOCK, side // LEAST_BLOCKS)


def _depths(threat: Threat, cell: tuple[float, float], data: xr.DataArray) -> tuple[int, int]:
    """Return the reach in cells, no farther than the raster is large."""
    from mineeco_xr.kernels.decay import radii

    rows, columns = radii(threat.kind, threat.max_distance, cell)
    return min(rows, data.sizes["y"] - 1), min(columns, data.sizes["x"] - 1)


def _accumulated(
    data: xr.DataArray,
    threat: Threat,
    *,
    cell: tuple[float, float],
    normalised: bool,
    block: int,
) -> xr.DataArray:
    depths = _depths(threat, cell, data)
    raw = data.astype("uint8") if data.dtype.kind == "b" else data
    return halo(
        _accumulate_window,
        raw.transpose(..., "y", "x"),
        depth=depths,
        dtype="float32",
        fill=0,
        block=block,
        parameters={
            "threat": threat,
            "cell": cell,
            "depths": depths,
            "normalised": normalised,
            "code": feature_fill_value_of(data),
        },
    )


def _accumulate_window(
    window: np.ndarray,
    *,
    threat: Threat,
    cell: tuple[float, float],
    depths: tuple[int, int],
    normalised: bool,
    code: float | None,
) -> np.ndarray:
    from mineeco_xr.kernels.decay import accumulate, decay_kernel

    kernel = decay_kernel(threat.kind, threat.max_distance, cell, depths, normalised)
    return accumulate(intensity(window, code), kernel, label=threat.name)


def _nearest(data: xr.DataArray, threat: Threat, *, cell: tuple[float, float]) -> xr.DataArray:
    from mineeco_xr.kernels.decay import REACHES, ROUNDING

    present = pointwise(
        _present_block,
        data,
        dtype="uint8",
        parameters={"code": feature_fill_value_of(data), "label": threat.name},
    ).transpose(*data.dims)
    reach = threat.max_distance * REACHES[threat.kind] * (1.0 + 2.0 * ROUNDING)
    away = distance(present.assign_attrs(_FillValue=np.uint8(NODATA)), max_distance=reach)
    return pointwise(_weigh_block, away, dtype="float32", parameters={"threat": threat}).transpose(
        *data.dims
    )


def _present_block(block: np.ndarray, *, code: float | None, label: str) -> np.ndarray:
    from mineeco_xr.kernels.decay import require_intensity

    values = intensity(block, code)
    require_intensity(values, label)
    return np.where(np.isnan(values), NODATA, values > 0).astype(np.uint8)


def _weigh_block(away: np.ndarray, *, threat: Threat) -> np.ndarray:
    from mineeco_xr.kernels.decay import weights

    return weights(away, threat.kind, threat.max_distance).astype(np.float32)
