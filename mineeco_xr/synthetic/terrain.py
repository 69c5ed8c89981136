"""What is there before mining: terrain, river distance, moisture and the noises of nature."""

from __future__ import annotations

from typing import Any

import numpy as np

from mineeco_xr.kernels.hash import gradient_noise, stream_key, uniform_cells
from mineeco_xr.kernels.polyline import nearest_segment
from mineeco_xr.synthetic.frame import Frame
from mineeco_xr.synthetic.rivers import Segments, Valley

FIELDS = (
    "elevation",
    "river_distance",
    "bank_distance",
    "moisture",
    "relief",
    "wood",
    "texture",
    "rain",
    "clay",
    "parcel",
)
"""The layers of the static stack; all but the first four are noises in [-1, 1] or [0, 1]."""
NOISES = {
    "relief": (0.18, 6, 0.5),
    "wet": (0.10, 3, 0.5),
    "wood": (0.06, 4, 0.6),
    "texture": (0.012, 3, 0.6),
    "rain": (0.60, 2, 0.5),
    "clay": (0.15, 4, 0.5),
}
"""Wavelength of the first octave in core sides, octaves, gain."""
PARCEL = (240.0, 360.0)
"""Height and width of a field, m."""


def terrain_block(
    rows: slice, columns: slice, *, frame: Frame, segments: Segments, seed: int
) -> np.ndarray:
    """Make the static stack of a window.

    Parameters
    ----------
    rows, columns : slice
        Window in cells of the whole grid.
    frame : Frame
        The extent.
    segments : Segments
        All rivers.
    seed : int
        The user's seed.

    Returns
    -------
    numpy.ndarray
        ``(len(FIELDS), rows, columns)``, float32.
    """
    shape = (rows.stop - rows.start, columns.stop - columns.start)
    stack = np.empty((len(FIELDS), *shape), dtype="float32")
    layer = dict(zip(FIELDS, stack, strict=True))
    for name in NOISES:
        if name in layer:
            layer[name][:] = _noise(name, rows, columns, frame, seed)
    relief = (1 + layer["relief"].astype("float64")) / 2
    distance, bed, bank = _rivers(rows, columns, frame, segments, layer["clay"])
    layer["river_distance"][:] = distance
    layer["bank_distance"][:] = bank
    layer["elevation"][:] = _elevation(rows, columns, frame, relief, bed, bank)
    wet = (1 + _noise("wet", rows, columns, frame, seed)) / 2
    layer["moisture"][:] = _moisture(distance, relief, wet, frame)
    layer["relief"][:] = relief
    layer["wood"][:] = (1 + layer["wood"]) / 2
    layer["parcel"][:] = _parcels(rows, columns, frame, seed)
    return stack


def _noise(name: str, rows: slice, columns: slice, frame: Frame, seed: int) -> Any:
    wavelength, octaves, gain = NOISES[name]
    cells = wavelength * frame.side / frame.resolution
    key = stream_key(seed, name)
    return gradient_noise(key, rows, columns, wavelength=cells, octaves=octaves, gain=gain)


def _rivers(
    rows: slice, columns: slice, frame: Frame, segments: Segments, rough: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return distance to the centre line, bed of its nearest point, and distance to the bank."""
    distance, index, fraction = nearest_segment(
        segments.ends, rows, columns, corner=frame.corner, step=frame.step
    )
    bed, half_width = (
        table[index, 0] + fraction * (table[index, 1] - table[index, 0])
        for table in (segments.bed, segments.half_width)
    )
    bank = distance - half_width * (1 + 0.35 * rough)
    # Cells within 0.71 cells of a line touch each other and drain as one, however narrow it is.
    on_line = distance <= 0.71 * frame.resolution
    return distance, bed, np.where(on_line, np.minimum(bank, 0), bank)


def _elevation(
    rows: slice,
    columns: slice,
    frame: Frame,
    relief: np.ndarray,
    bed: np.ndarray,
    bank: np.ndarray,
) -> np.ndarray:
    """Return ``bed + max(surface - bed, 0.5) (1 - exp(-(bank / breadth)^1.5))``.

    The surface is the valley's floor plus the relief noise; the hills are damped towards the
    rivers, and nothing lies below the bed.
    """
    x, y = frame.cell_x(columns)[None, :], frame.cell_y(rows)[:, None]
    surface = Valley(frame).floor(x, y) + 0.004 * frame.side * relief
    away = np.maximum(bank, 0) / (0.035 * frame.side)
    return bed + np.maximum(surface - bed, 0.5) * (1 - np.exp(-away * np.sqrt(away)))


def _moisture(
    distance: np.ndarray, relief: np.ndarray, wet: np.ndarray, frame: Frame
) -> np.ndarray:
    near = np.exp(-distance / (0.06 * frame.side))
    return np.clip(0.42 * near + 0.45 * (1 - relief) + 0.45 * wet - 0.10, 0, 1)


def _parcels(rows: slice, columns: slice, frame: Frame, seed: int) -> np.ndarray:
    """Return one uniform number for each field, fields being rectangles of the grid."""
    row = np.floor((frame.height - frame.cell_y(rows)) / PARCEL[0]).astype(int)
    column = np.floor(frame.cell_x(columns) / PARCEL[1]).astype(int)
    fields = uniform_cells(
        stream_key(seed, "parcel"),
        slice(int(row[0]), int(row[-1]) + 1),
        slice(int(column[0]), int(column[-1]) + 1),
    )
    return fields[np.ix_(row - row[0], column - column[0])]
