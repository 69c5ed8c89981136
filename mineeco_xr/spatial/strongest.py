"""The strongest of all decayed threats: by a halo of the reach, or by stitching strips of rows."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from mineeco_xr.chunks import Place, halo, stitch
from mineeco_xr.cube.nodata import feature_fill_value_of
from mineeco_xr.spatial.distance import LARGEST_HALO, comparable, strips
from mineeco_xr.spatial.threats import Threat, intensity

if TYPE_CHECKING:
    from mineeco_xr.kernels.strongest import Decay, Ends

SLAB_ROWS = 256
"""Rows of a window that are worked on at a time: their distances take little memory."""

FARTHEST = 2**29
"""Cells: more than any raster has, and still a number of rows."""


def strongest(data: xr.DataArray, threat: Threat, *, cell: tuple[float, float]) -> xr.DataArray:
    """Return ``max_y r_y i(d_xy)`` of a layer of threats.

    Parameters
    ----------
    data : xarray.DataArray
        Intensities, dims with ``y`` and ``x``.
    threat : Threat
        How it decays.
    cell : tuple of float
        Height and width of a cell, metres.

    Returns
    -------
    xarray.DataArray
        Dims ending in ``(y, x)``, float32, without attributes.

    Notes
    -----
    Near reaches cross chunks by a halo, far ones, whose margins would outweigh the blocks, by
    stitching; as in ``distance``, stitching also takes cells whose squares are rounded, for which
    of two features then wins may depend on the window.
    """
    from mineeco_xr.kernels.decay import REACHES, ROUNDING
    from mineeco_xr.kernels.strongest import Decay

    reach = threat.max_distance * REACHES[threat.kind] * (1.0 + 2.0 * ROUNDING)
    rows, columns = (math.floor(min(reach / side, FARTHEST)) for side in cell)
    compared = comparable(cell)
    raw = (data.astype("uint8") if data.dtype.kind == "b" else data).transpose(..., "y", "x")
    parameters: dict[str, Any] = {
        "decay": Decay(threat.kind, threat.max_distance, (rows, columns), cell, compared),
        "label": threat.name,
        "code": feature_fill_value_of(data),
    }
    if max(rows, columns) <= LARGEST_HALO and all(side.is_integer() for side in compared):
        depths = min(rows, data.sizes["y"] - 1), min(columns, data.sizes["x"] - 1)
        return halo(
            _strongest_window,
            raw,
            depth=depths,
            dtype="float32",
            fill=0,
            parameters={**parameters, "depths": depths},
        )
    return stitch(
        _ends, _carry, _strongest_strip, strips(raw), dtype="float32", parameters=parameters
    )


def _strongest_window(
    window: np.ndarray, *, depths: tuple[int, int], decay: Decay, label: str, code: float | None
) -> np.ndarray:

    r, s = depths
    end, width = window.shape[-2] - r, window.shape[-1]
    out = np.empty((*window.shape[:-2], end - r, width - 2 * s), dtype=np.float32)
    for index in np.ndindex(*window.shape[:-2]):
        layer = window[index]
        slabs = _slabs(r, end, layer.shape[0])
        records = {
            (i, 0): _slab_ends(layer[rows], rows.start, label, code) for i, rows in enumerate(slabs)
        }
        answers = _carry(records, (slabs,), label=label)
        for i, rows in enumerate(slabs):
            if r <= rows.start < end:
                felt = _felt_in_strip(layer[rows], answers[i, 0], rows.start, decay, label, code)
                out[index][rows.start - r : rows.stop - r] = felt[:, s : width - s]
    return out


def _slabs(top: int, bottom: int, rows: int) -> list[slice]:
    """Cut the rows of a window into slabs, its margins apart."""
    cuts = [*range(top, bottom, SLAB_ROWS), bottom]
    edges = [0, *cuts, rows]
    return [slice(a, b) for a, b in itertools.pairwise(edges) if a < b]


def _slab_ends(block: np.ndarray, top: int, label: str, code: float | None) -> tuple[Ends, Ends]:
    from mineeco_xr.kernels.strongest import ends_of, levels_in

    values = _intensities(block, label, code)
    return ends_of(values, levels_in(values, label), top)


def _felt_in_strip(
    block: np.ndarray,
    around: list[Ends],
    top: int,
    decay: Decay,
    label: str,
    code: float | None,
) -> np.ndarray:
    from mineeco_xr.kernels.strongest import levels_in, strongest_threat

    values = intensity(block, code)
    above, below = around
    return strongest_threat(values, levels_in(values, label), top, above, below, decay)


def _intensities(block: np.ndarray, label: str, code: float | None) -> np.ndarray:
    from mineeco_xr.kernels.decay import require_intensity

    values = intensity(block, code)
    require_intensity(values, label)
    return values


def _ends(
    block: np.ndarray, *, place: Place, decay: Decay, label: str, code: float | None
) -> tuple[Ends, Ends]:
    return _slab_ends(block, place.rows.start, label, code)


def _carry(
    records: dict[tuple[int, int], tuple[Ends, Ends]], chunks: Any, *, label: str, **_: Any
) -> dict[Any, Any]:
    """Carry the last row of each level down and the first one up, past every strip.

    What a strip does not change is the same array in the answers of both its neighbours.
    """
    from mineeco_xr.kernels.strongest import require_few

    require_few(len(set().union(*(first for first, _ in records.values()))), label)
    strip_count = len(chunks[0])
    answers: dict[tuple[int, int], list[Ends]] = {(i, 0): [] for i in range(strip_count)}
    for end, order in ((1, range(strip_count)), (0, range(strip_count - 1, -1, -1))):
        carried: dict[float, np.ndarray] = {}
        for i in order:
            answers[i, 0].append(dict(carried))
            for level, rows in records[i, 0][end].items():
                before = carried.get(level)
                carried[level] = rows if before is None else np.where(rows >= 0, rows, before)
    return answers


def _strongest_strip(
    block: np.ndarray,
    *,
    answer: list[Ends],
    place: Place,
    decay: Decay,
    label: str,
    code: float | None,
) -> np.ndarray:
    return _felt_in_strip(block, answer, place.rows.start, decay, label, code)
