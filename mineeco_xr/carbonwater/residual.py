"""The residual of a downscaled raster: found on the coarse grid, spread over the fine one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mineeco_xr.carbonwater.cell_sums import CellSums, whole_window
from mineeco_xr.carbonwater.coarse_grid import Places, places_of, share_of_cells

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

RULES = ("bilinear", "block", "none")
USED, FILL, OUTSIDE, UNSEEN = range(4)
PARENT_CODES = {
    USED: "coarse_value_used",
    FILL: "coarse_fill",
    OUTSIDE: "outside_coarse",
    UNSEEN: "too_few_valid_cells",
}
"""What became of the coarse cell that a fine one lies in."""
MOST_ROUNDS = 100
TOLERANCE = 1e-7
"""Share of the largest residual at which back-projection ends."""
_RING = [(i, j) for i in range(3) for j in range(3)]


@dataclass(frozen=True)
class Rule:
    """How a residual is spread.

    Attributes
    ----------
    residual : str
        One of ``RULES``.
    conserve : bool
        Whether coarse means must come out.
    minimum : float
        Least value of the target, -inf for none.
    min_share : float
        Of a coarse cell that must be predicted.
    """

    residual: str
    conserve: bool
    minimum: float
    min_share: float


@dataclass(frozen=True)
class Correction:
    """What each coarse cell adds to its fine ones.

    The corrected value is ``minimum + ratio (prediction - minimum) + smooth B(field) + offset``,
    with bilinear interpolation ``B`` between the centres of coarse cells.

    Attributes
    ----------
    field : ndarray, (t, h + 2, w + 2)
        With a ring of one cell.
    offset, ratio : ndarray, (t, h, w)
        A step and a factor of each cell.
    smooth : ndarray, (t, h, w)
        Share of the field that a cell takes.
    parent : ndarray, (t, h, w), uint8
        ``PARENT_CODES``.
    """

    field: np.ndarray
    offset: np.ndarray
    ratio: np.ndarray
    smooth: np.ndarray
    parent: np.ndarray


def correction_of(
    sums: CellSums, coarse: np.ndarray, *, grids: tuple[GeoBox, GeoBox], rule: Rule
) -> Correction:
    """Make the correction of a prediction from its sums over coarse cells.

    Parameters
    ----------
    sums : CellSums
        Of the prediction, one layer, with the stencil when coarse means are to be conserved.
    coarse : ndarray, (t, h, w)
        The coarse raster, NaN where fill.
    grids : tuple of GeoBox
        Fine and coarse grid.
    rule : Rule
        How the residual is spread.

    Returns
    -------
    Correction
        One for all dates.
    """
    whole = whole_window(sums, grids[1])
    share = share_of_cells(whole.number, whole.total, *grids)
    seen = (whole.number > 0) & (share >= rule.min_share)
    given = np.isfinite(coarse)
    mean, low = whole.mean(), whole.lows[:, 0]
    residual = np.where(given & seen, coarse - mean, np.nan)
    parent = np.where(given, np.where(seen, USED, UNSEEN), FILL).astype("uint8")
    offset, ratio = np.zeros(residual.shape), np.ones(residual.shape)
    smooth = np.zeros(residual.shape)
    field = np.zeros((residual.shape[0], residual.shape[1] + 2, residual.shape[2] + 2))
    if rule.residual == "block":
        offset = np.where(np.isfinite(residual), residual, 0.0)
    elif rule.residual == "bilinear":
        # Seen by too few fine cells, a coarse cell still lies between others that were seen.
        smooth = given.astype("float64")
        for date, values in enumerate(residual):
            if rule.conserve:
                counts = whole.number[date], whole.stencil[date]
                field[date], offset[date] = back_projected(values, *counts)
            else:
                field[date] = filled(values)
    if rule.conserve or rule.residual == "block":
        _keep_above(rule.minimum, residual, mean, coarse, low, field, offset, ratio, smooth)
    return Correction(field, offset, ratio, smooth, parent)


def uncorrected(coarse: np.ndarray) -> Correction:
    """Return the correction that changes nothing.

    Parameters
    ----------
    coarse : ndarray, (t, h, w)
        The coarse raster, NaN where fill.

    Returns
    -------
    Correction
        With its fill cells.
    """
    dates, rows, columns = coarse.shape
    nothing = np.zeros(coarse.shape)
    parent = np.where(np.isfinite(coarse), USED, FILL).astype("uint8")
    field = np.zeros((dates, rows + 2, columns + 2))
    return Correction(field, nothing, np.ones(coarse.shape), nothing, parent)


def _keep_above(
    minimum: float,
    residual: np.ndarray,
    mean: np.ndarray,
    coarse: np.ndarray,
    low: np.ndarray,
    field: np.ndarray,
    offset: np.ndarray,
    ratio: np.ndarray,
    smooth: np.ndarray,
) -> None:
    """Keep cells from falling below the minimum, since clipping them would add to their mean.

    Where the field alone would, it is blended with the step of the cell as far as it must; where
    the step would too, ``minimum + (p - minimum) (c - minimum) / (mean(p) - minimum)`` has the mean
    ``c`` as well.
    """
    if not np.isfinite(minimum):
        return
    inside = np.where(smooth > 0, _least_inside(field), 0.0) + offset
    risky = np.isfinite(residual) & (low + inside < minimum)
    scaled = risky & (low + residual < minimum) & (mean > minimum)
    with np.errstate(invalid="ignore", divide="ignore"):
        # Both the field and the step have the residual as their mean, and so has any blend.
        blend = np.clip((low + residual - minimum) / (residual - inside), 0.0, 1.0)
        factor = (np.maximum(coarse, minimum) - minimum) / (mean - minimum)
    blended = risky & ~scaled & (smooth > 0)
    smooth[blended] = blend[blended]
    offset[blended] = (blend * offset + (1 - blend) * residual)[blended]
    smooth[scaled], offset[scaled], ratio[scaled] = 0.0, 0.0, factor[scaled]


def _least_inside(field: np.ndarray) -> np.ndarray:
    """Return the least value that bilinear interpolation takes inside each cell.

    It is bilinear on each quarter of a cell, and so least at a corner of one: a centre, the middle
    of an edge, or a corner of the cell.
    """
    ring = _ring(field)
    own = ring[4]
    least = own
    for across in (3, 5):
        least = np.minimum(least, (own + ring[across]) / 2)
        for down in (1, 7):
            least = np.minimum(least, (own + ring[down]) / 2)
            corner = ring[across] + ring[down] + ring[down + across - 4]
            least = np.minimum(least, (own + corner) / 4)
    return least


def _ring(field: np.ndarray) -> np.ndarray:
    """Return a field's cells and their eight neighbours as nine layers, less its outer ring."""
    rows, columns = field.shape[-2] - 2, field.shape[-1] - 2
    return np.stack([field[..., i : i + rows, j : j + columns] for i, j in _RING])


def filled(values: np.ndarray) -> np.ndarray:
    """Return a field with a ring around it, in which cells beside valid ones have their mean.

    Parameters
    ----------
    values : ndarray, (h, w)
        NaN where there is none.

    Returns
    -------
    ndarray, (h + 2, w + 2)
        Valid cells as they are; others the mean of the valid ones among their eight neighbours, or
        0 without any. So the four centres around any place in a valid cell have a value that came
        from valid cells alone.
    """
    padded = np.pad(values, 2, constant_values=np.nan)
    valid = np.isfinite(padded)
    around = _ring(np.where(valid, padded, 0.0)).sum(axis=0)
    number = _ring(valid.astype("float64")).sum(axis=0)
    own = np.pad(values, 1, constant_values=np.nan)
    return np.where(np.isfinite(own), own, around / np.maximum(number, 1.0))


def back_projected(
    residual: np.ndarray, number: np.ndarray, stencil: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Find the field whose interpolation has the residual as its mean in every coarse cell.

    Parameters
    ----------
    residual : ndarray, (h, w)
        NaN where there is none.
    number : ndarray, (h, w)
        Predicted fine cells.
    stencil : ndarray, (9, h, w)
        Sums of their bilinear weights.

    Returns
    -------
    field : ndarray, (h + 2, w + 2)
        The field.
    offset : ndarray, (h, w)
        What is still missing in each cell, a step of the size of rounding.

    Notes
    -----
    Repeats ``field += residual - mean of its interpolation``, which shrinks the error by a quarter
    or more a round where fine cells fill their coarse ones, and is given up when it grows.
    """
    from mineeco_xr.kernels.coarse import PARTS

    valid = np.isfinite(residual)
    weights = stencil / (np.maximum(number, 1.0) * float(PARTS) ** 2)
    field = residual.copy()
    best, missing, least = filled(field), np.zeros_like(residual), np.inf
    limit = TOLERANCE * np.max(np.abs(residual), where=valid, initial=0.0)
    for _ in range(MOST_ROUNDS):
        spread = filled(field)
        left = residual - (weights * _ring(spread)).sum(axis=0)
        error = float(np.max(np.abs(left), where=valid, initial=0.0))
        if error < least:
            best, missing, least = spread, np.where(valid, left, 0.0), error
        if error <= limit or error > 2 * least:
            break
        field = field + left
    return best, missing


def correct_block(
    prediction: np.ndarray,
    rows: np.ndarray,
    columns: np.ndarray,
    *dates: np.ndarray,
    shared: Correction,
    grids: tuple[GeoBox, GeoBox],
    minimum: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Correct a block of the prediction.

    Parameters
    ----------
    prediction : ndarray, (t, h, w) or (h, w)
        NaN where there is none.
    rows, columns : ndarray
        Places of the block in the fine grid.
    *dates : ndarray
        Which of the dates of the correction the block holds; none without a time dim.
    shared : Correction
        Of all dates.
    grids : tuple of GeoBox
        Fine and coarse grid.
    minimum : float
        Least value.

    Returns
    -------
    value, residual, parent : ndarray
        The corrected values, what was added to the prediction, and what became of the coarse cell.
    """
    places = places_of(rows, columns, *grids)
    cube = prediction.reshape(-1, *prediction.shape[-2:])
    out = tuple(np.empty(cube.shape, dtype="float32") for _ in range(3))
    numbers = dates[0].ravel().astype("int64") if dates else [0]
    for own, (number, layer) in enumerate(zip(numbers, cube, strict=True)):
        before = layer.ravel().astype("float64")
        value, parent = _corrected(before, places, shared, number, minimum)
        for whole, part in zip(out, (value, value - before, parent), strict=True):
            whole[own] = part.reshape(layer.shape)
    found = tuple(part.reshape(prediction.shape) for part in out)
    return found[0], found[1], found[2]


def _corrected(
    before: np.ndarray, places: Places, correction: Correction, date: int, minimum: float
) -> tuple[np.ndarray, np.ndarray]:
    from mineeco_xr.kernels.coarse import spread_bilinear

    held = places.row >= 0
    at = np.where(held, places.row, 0), np.where(held, places.column, 0)
    parent = np.where(held, correction.parent[date][at], OUTSIDE)
    value = before
    if correction.smooth[date].any():
        field = np.ascontiguousarray(correction.field[date])
        smooth = spread_bilinear(places.row, places.column, places.across, places.down, field)
        value = value + np.where(held, correction.smooth[date][at] * smooth, 0.0)
    ratio = np.where(held, correction.ratio[date][at], 1.0)
    floor = minimum if np.isfinite(minimum) else 0.0
    value = np.where(ratio != 1.0, floor + ratio * (value - floor), value)
    value = value + np.where(held, correction.offset[date][at], 0.0)
    return np.maximum(value, minimum), parent
