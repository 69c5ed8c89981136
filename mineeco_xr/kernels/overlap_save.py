"""Convolve tiles with a symmetric kernel by complex Fourier transforms, two tiles at a time.

The kernel is symmetric about both axes, so its spectrum is real: of a tile that is put in the real
part and another in the imaginary part, ``ifft2(fft2(a + i b) * S)`` holds both results, exactly.
Tiles come with margins as wide as the kernel (overlap-save), so nothing wraps around. The spectrum
is kept by its quarter, which is the type I cosine transform of the kernel's quarter.

Rounding grows with the sums. A tile is transformed less its mean, whose share, the mean times the
sum of the kernel, is known.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from functools import cache

import numpy as np
from numba import njit

SPECTRA_BYTES = 192 * 2**20
"""What the spectra kept by one process may weigh together."""

MEAN_STEP = 3.0 + 5.0**0.5
"""A mean is taken of one row in so many; no pattern of rows keeps step with an irrational one."""

SCRATCH_BYTES = 256 * 2**20
"""What the work space kept by one process between calls may weigh together."""

_SPECTRA: OrderedDict[Hashable, np.ndarray] = OrderedDict()
_SPECTRA_LOCK = threading.Lock()
_SCRATCH: list[np.ndarray] = []
_SCRATCH_LOCK = threading.Lock()


def transform_size(least: int) -> int:
    """Return the next even size of factors 2, 3 and 5 that is not a multiple of 512.

    Rows of such a multiple fall on the same lines of the cache when columns are transformed, which
    then takes 1.6 times as long.

    Parameters
    ----------
    least : int
        Cells needed.

    Returns
    -------
    int
        At least ``least``.

    Examples
    --------
    >>> transform_size(2048), transform_size(4762)
    (2160, 4800)
    """
    sizes = _sizes()
    return sizes[bisect_left(sizes, least)]


@cache
def _sizes(largest: int = 2**24) -> list[int]:
    found = {2**a * 3**b * 5**c for a in range(1, 9) for b in range(16) for c in range(11)}
    return sorted(size for size in found if size <= largest)


def spectrum(key: Hashable, quarter: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return the quarter of a kernel's real spectrum, from memory when it was wanted before.

    Parameters
    ----------
    key : hashable
        Identifies the kernel.
    quarter : ndarray, (r + 1, s + 1), float64
        Weights at offsets of 0 to ``r`` rows and 0 to ``s`` columns.
    shape : tuple of int
        Even sizes of the transform.

    Returns
    -------
    ndarray, (rows / 2 + 1, columns / 2 + 1), float32
        For frequencies 0 to half the size; the rest follows by symmetry.
    """
    from scipy.fft import dct

    full_key = (key, shape)
    # The lock is held while computing: threads that start together want the same spectrum.
    with _SPECTRA_LOCK:
        found = _SPECTRA.get(full_key)
        if found is not None:
            _SPECTRA.move_to_end(full_key)
            return found
        half = (shape[0] // 2 + 1, shape[1] // 2 + 1)
        padded = np.zeros((quarter.shape[0], half[1]))
        padded[:, : quarter.shape[1]] = quarter
        columns = np.zeros(half)
        columns[: quarter.shape[0]] = dct(padded, type=1, axis=1)
        found = dct(columns, type=1, axis=0, overwrite_x=True).astype(np.float32)
        _SPECTRA[full_key] = found
        while len(_SPECTRA) > 1 and sum(s.nbytes for s in _SPECTRA.values()) > SPECTRA_BYTES:
            _SPECTRA.popitem(last=False)
        return found


@contextmanager
def _scratch(shape: tuple[int, int]) -> Iterator[np.ndarray]:
    """Lend a complex64 work space; fresh memory costs more than a third of a transform."""
    cells = shape[0] * shape[1]
    with _SCRATCH_LOCK:
        fitting = [i for i, space in enumerate(_SCRATCH) if space.size >= cells]
        best = min(fitting, key=lambda i: _SCRATCH[i].size, default=None)
        space = np.empty(cells, np.complex64) if best is None else _SCRATCH.pop(best)
    try:
        yield space[:cells].reshape(shape)
    finally:
        with _SCRATCH_LOCK:
            _SCRATCH.append(space)
            while _SCRATCH and sum(s.nbytes for s in _SCRATCH) > SCRATCH_BYTES:
                _SCRATCH.pop(0)


def convolve_pair(
    values: np.ndarray,
    corners: list[tuple[int, int, int]],
    tile: tuple[int, int],
    quarter_spectrum: np.ndarray,
    radii: tuple[int, int],
    weight: float,
    out: np.ndarray,
) -> None:
    """Convolve one tile or two, and write them.

    Parameters
    ----------
    values : ndarray, (layers, h, w), float32, C order
        Not negative; NaN counts as nothing.
    corners : list of (layer, row, column)
        One or two tiles, where they begin in ``out``; their windows begin there in ``values``.
    tile : tuple of int
        Rows and columns of a tile, without margins.
    quarter_spectrum : ndarray, float32
        As :func:`spectrum` gives it.
    radii : tuple of int
        Radii of the kernel, which are the margins.
    weight : float
        Sum of the whole kernel.
    out : ndarray, (layers, h - 2 r, w - 2 s), float32
        Written in place, at least 0.
    """
    from scipy.fft import fft2, ifft

    shape = (2 * (quarter_spectrum.shape[0] - 1), 2 * (quarter_spectrum.shape[1] - 1))
    window = (tile[0] + 2 * radii[0], tile[1] + 2 * radii[1])
    means = (_mean(values, corners[0], window), _mean(values, corners[-1], window))
    with _scratch(shape) as work:
        _pack(values, corners[0], corners[-1], window, means, work.view(np.float32))
        product = fft2(work, overwrite_x=True)
        _multiply(product, quarter_spectrum)
        product = ifft(product, axis=0, overwrite_x=True)
        # Rows of the margins are never looked at: their share of the last pass is spared.
        rows = product[radii[0] : radii[0] + tile[0]]
        kept = np.ascontiguousarray(ifft(rows, axis=1, overwrite_x=True)).view(np.float32)
        shares = (float(means[0]) * weight, float(means[1]) * weight)
        _unpack(kept, radii[1], corners[0], corners[-1], tile, shares, out)


@njit(nogil=True, cache=True)
def _mean(values, corner, window):  # type: ignore[no-untyped-def]
    rows, columns = window
    count = max(1, int(rows / MEAN_STEP))
    total = 0.0
    for k in range(count):
        i = corner[1] + int(k * MEAN_STEP)
        line = values[corner[0], i, corner[2] : corner[2] + columns]
        for j in range(columns):
            total += float(line[j]) if line[j] > 0 else 0.0
    return np.float32(total / (count * columns))


@njit(nogil=True, cache=True)
def _pack(values, first, second, window, means, work):  # type: ignore[no-untyped-def]
    rows, columns = window
    zero = np.float32(0.0)
    for i in range(rows):
        a = values[first[0], first[1] + i, first[2] : first[2] + columns]
        b = values[second[0], second[1] + i, second[2] : second[2] + columns]
        line = work[i, : 2 * columns]
        for j in range(columns):
            line[2 * j] = (a[j] if a[j] > 0 else zero) - means[0]
            line[2 * j + 1] = (b[j] if b[j] > 0 else zero) - means[1]
        work[i, 2 * columns :] = 0.0
    work[rows:] = 0.0


@njit(nogil=True, cache=True)
def _multiply(product, quarter):  # type: ignore[no-untyped-def]
    rows, columns = product.shape
    half = columns // 2 + 1
    for i in range(rows):
        line, real = product[i], quarter[min(i, rows - i)]
        for j in range(half):
            line[j] *= real[j]
        back = real[1 : columns - half + 1][::-1]
        rest = line[half:]
        for j in range(rest.size):
            rest[j] *= back[j]


@njit(nogil=True, cache=True)
def _unpack(kept, margin, first, second, tile, shares, out):  # type: ignore[no-untyped-def]
    rows, columns = tile
    zero = 0.0
    for i in range(rows):
        line = kept[i, 2 * margin : 2 * (margin + columns)]
        a = out[first[0], first[1] + i, first[2] : first[2] + columns]
        b = out[second[0], second[1] + i, second[2] : second[2] + columns]
        for j in range(columns):
            # Rounding leaves tiny negatives far from any source. A lone tile is both parts.
            real, imaginary = line[2 * j] + shares[0], line[2 * j + 1] + shares[1]
            b[j] = imaginary if imaginary > 0 else zero
            a[j] = real if real > 0 else zero
