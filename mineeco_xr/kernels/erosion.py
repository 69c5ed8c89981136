"""Soil loss and its delivery, cell by cell: LS factor, index of connectivity, what is trapped.

The rules are those of InVEST's sediment delivery ratio model, 3.20: LS after Desmet and Govers
(1996) with the square root of the contributing area, the index of connectivity after Borselli et
al. (2008), the delivery ratio after Vigiak et al. (2012).
"""

from __future__ import annotations

import numpy as np
from numba import njit

from mineeco_xr.kernels.flow_direction import COLUMNS, ROWS

UNIT_PLOT = 22.13
"""Length of the plot that LS is relative to, m."""


def rkls_and_connectivity(
    slope: np.ndarray,
    accumulation: np.ndarray,
    cover: np.ndarray,
    steepness: np.ndarray,
    way: np.ndarray,
    stream: np.ndarray,
    erosivity: np.ndarray,
    erodibility: np.ndarray,
    *,
    cell: float,
    l_max: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return potential soil loss and how well a cell is connected to a stream.

    Parameters
    ----------
    slope : ndarray, (n,), float32
        Percent; NaN is nodata.
    accumulation : ndarray, (n,), float64
        Cells that drain through, the own one among them.
    cover, steepness : ndarray, (n,), float64
        Sums of the cover factor and of the slope, as bounded for the index, of these cells.
    way : ndarray, (n,), float64
        Weighted length of the way to a stream, NaN where there is none.
    stream : ndarray, (n,), uint8
        1 on streams.
    erosivity, erodibility : ndarray, (n,), float32
        R and K.
    cell : float
        Side of a cell, m.
    l_max : float
        Largest slope length factor.

    Returns
    -------
    ls, rkls, ic : ndarray, (n,), float32
        NaN is nodata; ``rkls`` and ``ic`` are nodata on streams.
    """
    ls, rkls, ic = (np.empty(slope.size, dtype=np.float32) for _ in range(3))
    inputs = (slope, accumulation, cover, steepness, way, stream, erosivity, erodibility)
    _rkls_and_connectivity(*inputs, float(cell), float(l_max), ls, rkls, ic)
    return ls, rkls, ic


@njit(nogil=True, cache=True)
def _rkls_and_connectivity(  # type: ignore[no-untyped-def]
    slope, accumulation, cover, steepness, way, stream, erosivity, erodibility,
    cell, l_max, ls, rkls, ic,
):  # fmt: skip
    area = cell * cell
    for i in range(slope.size):
        n = accumulation[i]
        length = _ls_factor(slope[i], n, cell, l_max)
        ls[i] = length
        rkls[i] = np.nan
        if stream[i] == 0:
            rkls[i] = length * np.float64(erosivity[i]) * np.float64(erodibility[i])
        up = (cover[i] / n) * (steepness[i] / n) * np.sqrt(n * area)
        ic[i] = np.nan
        if up != 0.0 and way[i] != 0.0:
            ic[i] = np.log10(up / way[i])


@njit(nogil=True, cache=True)
def _ls_factor(percent, accumulation, cell, l_max):  # type: ignore[no-untyped-def]
    tangent = np.float64(percent) / 100.0
    cosine = 1.0 / np.sqrt(1.0 + tangent * tangent)
    sine = tangent * cosine
    if percent > 9.0:
        beta = (sine / 0.0896) / (3.0 * sine**0.8 + 0.56)
        m = beta / (1.0 + beta)
    elif percent > 5.0:
        m = 0.5
    elif percent > 3.5:
        m = 0.4
    elif percent > 1.0:
        m = 0.3
    else:
        m = 0.2
    area = cell * cell
    above = np.sqrt((accumulation - 1.0) * area)
    gain = (above + area) ** (m + 1.0) - above ** (m + 1.0)
    length = gain / (cell * cell * (cell * (sine + cosine) * UNIT_PLOT) ** m)
    length = min(length, l_max)
    steep = 10.8 * sine + 0.03 if percent < 9.0 else 16.8 * sine - 0.5
    return length * steep


def delivery_ratio(
    ic: np.ndarray, stream: np.ndarray, borselli_k: float, borselli_ic0: float, sdr_max: float
) -> np.ndarray:
    """Return the share of the soil loss that reaches a stream, 1 on streams.

    In float32 as InVEST: deposition hangs on the difference of neighbours, which a last bit
    changes.

    Parameters
    ----------
    ic : ndarray, float32
        Index of connectivity.
    stream : ndarray, uint8
        1 on streams.
    borselli_k, borselli_ic0, sdr_max : float
        Parameters of the model.

    Returns
    -------
    ndarray, float32
        NaN where the index is, but on streams.
    """
    # What overflows has a ratio of 0.
    with np.errstate(over="ignore"):
        ratio = sdr_max / (1 + np.exp((borselli_ic0 - ic) / borselli_k))
    ratio[stream == 1] = 1
    return ratio


def trapped_share(directions: np.ndarray, sdr: np.ndarray) -> np.ndarray:
    """Return which share of the sediment that enters a cell stays there.

    ``(sum_k SDR_k p_ik - SDR_i) / (1 - SDR_i)`` over the receivers ``k`` of cell ``i``, at least
    0, and 1 where ``SDR_i`` is 1.

    Parameters
    ----------
    directions : ndarray, (h + 2, w + 2), uint8 or uint32
        Of one receiver (255 nodata), or packed shares of several (0 nodata).
    sdr : ndarray, (h + 2, w + 2), float32
        Delivery ratio; a receiver where it is nodata adds nothing.

    Returns
    -------
    ndarray, (h, w), float64
        NaN where the delivery ratio is nodata.
    """
    out = np.full((sdr.shape[0] - 2, sdr.shape[1] - 2), np.nan)
    if directions.dtype == np.uint8:
        _trapped_d8(directions, sdr, out)
    else:
        _trapped_mfd(directions, sdr, out)
    return out


@njit(nogil=True, cache=True)
def _trapped_d8(codes, sdr, out):  # type: ignore[no-untyped-def]
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            code = codes[i + 1, j + 1]
            own = np.float64(sdr[i + 1, j + 1])
            if code < 8 and own == own:
                below = sdr[i + 1 + ROWS[code], j + 1 + COLUMNS[code]]
                out[i, j] = _trapped(own, _delivered(below))


@njit(nogil=True, cache=True)
def _trapped_mfd(packed, sdr, out):  # type: ignore[no-untyped-def]
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            code = packed[i + 1, j + 1]
            own = np.float64(sdr[i + 1, j + 1])
            if code == 0 or own != own:
                continue
            total, shares = 0.0, 0
            for k in range(8):
                share = (code >> np.uint32(4 * k)) & np.uint32(15)
                if share:
                    shares += share
                    below = sdr[i + 1 + ROWS[k], j + 1 + COLUMNS[k]]
                    total += share * _delivered(below)
            out[i, j] = _trapped(own, total / shares)


@njit(nogil=True, cache=True)
def _delivered(below):  # type: ignore[no-untyped-def]
    if below != below:
        return 0.0
    return 1.0 if below == 0.0 else np.float64(below)


@njit(nogil=True, cache=True)
def _trapped(own, below):  # type: ignore[no-untyped-def]
    if own == 1.0:
        return 1.0
    return max(below - own, 0.0) / (1.0 - own)
