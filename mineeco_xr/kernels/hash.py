"""Random numbers without state: a hash of (key, row, column), and noise made from it.

A cell's number depends on its position in the whole grid alone, so that any block can be made
without its neighbours and every chunking gives the same bits.
"""

from __future__ import annotations

import math
from hashlib import blake2b
from typing import Any

import numpy as np
from numba import njit

_ROW_STEP = np.uint64(0x9E3779B97F4A7C15)
_COLUMN_STEP = np.uint64(0xD1B54A32D192ED03)
_FIRST_FACTOR = np.uint64(0xBF58476D1CE4E5B9)
_SECOND_FACTOR = np.uint64(0x94D049BB133111EB)
_SHIFTS = (np.uint64(30), np.uint64(27), np.uint64(31))
_HALF = np.uint64(32)
_LOW = np.uint64(0xFFFFFFFF)
_INTO_UNIT = 2.0**-32


def stream_key(seed: int, *names: object) -> np.uint64:
    """Return the key of a named stream of random numbers.

    Parameters
    ----------
    seed : int
        The user's seed.
    *names : str or int
        What the numbers are for, such as ``"terrain", 3``; other names give other numbers.

    Returns
    -------
    numpy.uint64
        For the functions of this module.

    Examples
    --------
    >>> bool(stream_key(0, "terrain") == stream_key(0, "terrain") != stream_key(1, "terrain"))
    True
    """
    text = "/".join([str(int(seed)), *(str(name) for name in names)])
    return np.uint64(int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little"))


@njit(nogil=True, cache=True)
def _mix(value):  # type: ignore[no-untyped-def]
    """Scramble 64 bits (the finaliser of splitmix64)."""
    value = (value ^ (value >> _SHIFTS[0])) * _FIRST_FACTOR
    value = (value ^ (value >> _SHIFTS[1])) * _SECOND_FACTOR
    return value ^ (value >> _SHIFTS[2])


@njit(nogil=True, cache=True)
def _row_hash(key, row):  # type: ignore[no-untyped-def]
    return _mix(key + np.uint64(row) * _ROW_STEP)


@njit(nogil=True, cache=True)
def _cell_hash(row_hash, column):  # type: ignore[no-untyped-def]
    return _mix(row_hash + np.uint64(column) * _COLUMN_STEP)


@njit(nogil=True, cache=True)
def _fill_uniform(key, first_row, first_column, out):  # type: ignore[no-untyped-def]
    for i in range(out.shape[0]):
        row_hash = _row_hash(key, first_row + i)
        for j in range(out.shape[1]):
            value = _cell_hash(row_hash, first_column + j)
            out[i, j] = float(value >> _HALF) * _INTO_UNIT


@njit(nogil=True, cache=True)
def _fill_triangular(key, first_row, first_column, out):  # type: ignore[no-untyped-def]
    for i in range(out.shape[0]):
        row_hash = _row_hash(key, first_row + i)
        for j in range(out.shape[1]):
            value = _cell_hash(row_hash, first_column + j)
            # The two halves of one hash are two independent uniform numbers.
            out[i, j] = (float(value >> _HALF) + float(value & _LOW)) * _INTO_UNIT - 1.0


@njit(nogil=True, cache=True)
def _slope_at(key, row, column):  # type: ignore[no-untyped-def]
    """Return the unit gradient at a lattice point."""
    value = _cell_hash(_row_hash(key, row), column)
    angle = 2.0 * math.pi * float(value >> _HALF) * _INTO_UNIT
    return math.cos(angle), math.sin(angle)


@njit(nogil=True, cache=True)
def _fade(t):  # type: ignore[no-untyped-def]
    return t * t * t * (t * (t * 6.0 - 15.0) + 10.0)


@njit(nogil=True, cache=True)
def _add_gradient_noise(key, first_row, first_column, step, weight, out):  # type: ignore[no-untyped-def]
    """Add one octave of Perlin noise whose lattice has ``1 / step`` cells a side."""
    for i in range(out.shape[0]):
        y = (first_row + i + 0.5) * step
        lattice_row = math.floor(y)
        fy = y - lattice_row
        v = _fade(fy)
        last = np.int64(-1) << 62
        ax = ay = bx = by = cx = cy = dx = dy = 0.0
        for j in range(out.shape[1]):
            x = (first_column + j + 0.5) * step
            lattice_column = np.int64(math.floor(x))
            if lattice_column != last:
                # Neighbouring cells share a lattice square: its corners are hashed once.
                last = lattice_column
                ax, ay = _slope_at(key, lattice_row, lattice_column)
                bx, by = _slope_at(key, lattice_row, lattice_column + 1)
                cx, cy = _slope_at(key, lattice_row + 1, lattice_column)
                dx, dy = _slope_at(key, lattice_row + 1, lattice_column + 1)
            fx = x - lattice_column
            u = _fade(fx)
            a = ax * fx + ay * fy
            b = bx * (fx - 1.0) + by * fy
            c = cx * fx + cy * (fy - 1.0)
            d = dx * (fx - 1.0) + dy * (fy - 1.0)
            top = a + u * (b - a)
            out[i, j] += weight * (top + v * (c + u * (d - c) - top))


def _block(rows: slice, columns: slice, dtype: Any) -> np.ndarray:
    return np.zeros((rows.stop - rows.start, columns.stop - columns.start), dtype=dtype)


def uniform_cells(key: np.uint64, rows: slice, columns: slice) -> np.ndarray:
    """Return one uniform number in [0, 1) for each cell of a window.

    Parameters
    ----------
    key : numpy.uint64
        From :func:`stream_key`.
    rows, columns : slice
        Window in cells of the whole grid; negative starts are allowed.

    Returns
    -------
    numpy.ndarray
        float64, equal for a cell in whatever window it lies.

    Examples
    --------
    >>> key = stream_key(0, "example")
    >>> whole = uniform_cells(key, slice(0, 4), slice(0, 4))
    >>> bool(whole[2, 3] == uniform_cells(key, slice(2, 3), slice(3, 4))[0, 0])
    True
    """
    out = _block(rows, columns, "float64")
    _fill_uniform(key, rows.start, columns.start, out)
    return out


def triangular_cells(key: np.uint64, rows: slice, columns: slice) -> np.ndarray:
    """Return one number in (-1, 1) for each cell, with a triangular density around 0.

    Parameters
    ----------
    key : numpy.uint64
        From :func:`stream_key`.
    rows, columns : slice
        Window in cells of the whole grid.

    Returns
    -------
    numpy.ndarray
        float32, mean 0, standard deviation ``1 / sqrt(6)``.
    """
    out = _block(rows, columns, "float32")
    _fill_triangular(key, rows.start, columns.start, out)
    return out


def gradient_noise(
    key: np.uint64,
    rows: slice,
    columns: slice,
    *,
    wavelength: float,
    octaves: int = 1,
    gain: float = 0.5,
) -> np.ndarray:
    """Return smooth noise: octaves of Perlin noise, each of half the wavelength of the last.

    ``n = sum_k gain^k p_k(2^k x / wavelength) / sqrt(sum_k gain^2k)``, divided by the standard
    deviation of one octave, 0.25, and by 3, so that nearly all values lie in [-1, 1].

    Parameters
    ----------
    key : numpy.uint64
        From :func:`stream_key`.
    rows, columns : slice
        Window in cells of the whole grid.
    wavelength : float
        Side of a lattice square of the first octave, in cells.
    octaves : int
        How many octaves.
    gain : float
        Amplitude of an octave relative to the one before.

    Returns
    -------
    numpy.ndarray
        float32, mean 0, standard deviation about 1/3, clipped to [-1, 1].
    """
    out = _block(rows, columns, "float64")
    norm = math.sqrt(sum(gain ** (2 * octave) for octave in range(octaves))) * 0.25 * 3.0
    for octave in range(octaves):
        octave_key = np.uint64(key ^ stream_key(octave, "octave"))
        weight = gain**octave / norm
        step = 2.0**octave / wavelength
        _add_gradient_noise(octave_key, rows.start, columns.start, step, weight, out)
    return np.clip(out, -1.0, 1.0).astype("float32")
