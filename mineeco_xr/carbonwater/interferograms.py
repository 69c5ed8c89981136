"""Interferogram pairs: their network of dates, and which of their pixels can be trusted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from mineeco_xr.chunks import Reduced, halo, pointwise, reduce_blocks
from mineeco_xr.cube.grid import geobox_of, require_same_grid
from mineeco_xr.cube.nodata import as_float
from mineeco_xr.errors import DataError, GridMismatch, ParameterError, SchemaError

DATES = ("reference", "secondary")


@dataclass(frozen=True)
class Network:
    """The dates that pairs connect.

    Attributes
    ----------
    epochs : ndarray, (e,), datetime64[ns]
        In order.
    first, second : ndarray, (p,), int64
        Numbers of the reference and secondary epochs of the pairs.
    """

    epochs: np.ndarray
    first: np.ndarray
    second: np.ndarray

    def parts(self) -> list[np.ndarray]:
        """Return the epochs of each connected part."""
        from scipy.sparse import coo_matrix
        from scipy.sparse.csgraph import connected_components

        links = coo_matrix(
            (np.ones(self.first.size), (self.first, self.second)), shape=(self.epochs.size,) * 2
        )
        count, labels = connected_components(links, directed=False)
        return [self.epochs[labels == label] for label in range(count)]

    def label(self, pair: int) -> str:
        """Return a pair's dates as text."""
        return "/".join(str(self.epochs[at])[:10] for at in (self.first[pair], self.second[pair]))


def stack_pairs(
    layers: Sequence[xr.DataArray], dates: Sequence[tuple[Any, Any]], *, name: str = "phase"
) -> xr.DataArray:
    """Stack the rasters of pairs along the dim ``pair``.

    Parameters
    ----------
    layers : sequence of DataArray
        One raster ``(y, x)`` a pair, on one grid.
    dates : sequence of tuple
        Reference and secondary date of each.
    name : str
        Of the result.

    Returns
    -------
    xarray.DataArray
        Dims ``(pair, y, x)``, coordinates ``reference`` and ``secondary`` along ``pair``, units of
        the first layer. Lazy when the layers are.

    Raises
    ------
    SchemaError
        If the numbers differ, or a date repeats, is reversed or cannot be read.
    GridMismatch
        If the layers are not on one grid.

    Examples
    --------
    >>> import numpy as np
    >>> from mineeco_xr.testing import with_grid
    >>> one = with_grid(np.zeros((2, 3)), units="rad")
    >>> dates = [("2018-01-06", "2018-01-18"), ("2018-01-18", "2018-01-30")]
    >>> pairs = stack_pairs([one, one], dates)
    >>> pairs.dims, pairs["secondary"].dt.day.values
    (('pair', 'y', 'x'), array([18, 30]))
    """
    if not len(layers) or len(layers) != len(dates):
        raise SchemaError(f"{len(layers)} layers and {len(dates)} pairs of dates: give one each.")
    require_same_grid({f"{start}/{end}": x for x, (start, end) in zip(layers, dates, strict=True)})
    try:
        days = [
            pd.to_datetime([pair[i] for pair in dates], format="ISO8601").values for i in (0, 1)
        ]
    except (ValueError, TypeError) as error:
        raise SchemaError(f"the dates of the pairs cannot be read: {error}") from error
    stacked = xr.concat(
        [as_float(layer).rename(name) for layer in layers],
        "pair",
        coords="minimal",
        compat="override",
        join="override",
        combine_attrs="drop",
    ).assign_coords({key: ("pair", day) for key, day in zip(DATES, days, strict=True)})
    units = {"units": layers[0].attrs["units"]} if "units" in layers[0].attrs else {}
    stacked = stacked.transpose("pair", "y", "x").assign_attrs(units)
    network_of(stacked)
    return stacked


def network_of(pairs: xr.DataArray) -> Network:
    """Return the network of dates of a stack of pairs.

    Parameters
    ----------
    pairs : xarray.DataArray
        With the dim ``pair`` and the coordinates ``reference`` and ``secondary`` along it.

    Returns
    -------
    Network

    Raises
    ------
    SchemaError
        If the dim or a coordinate is missing, or a pair is reversed, empty or given twice.
    """
    name = pairs.name or "the stack"
    if "pair" not in pairs.dims:
        raise SchemaError(
            f"{name!r} has dims {pairs.dims} and no 'pair': stack the interferograms with "
            "mineeco_xr.stack_pairs."
        )
    days = []
    for key in DATES:
        if key not in pairs.coords or pairs[key].dims != ("pair",):
            raise SchemaError(
                f"{name!r} has no coordinate {key!r} along 'pair': assign the dates of the pairs, "
                "assign_coords(reference=('pair', ...), secondary=('pair', ...))."
            )
        if pairs[key].dtype.kind != "M":
            raise SchemaError(f"{name!r}: {key!r} holds {pairs[key].dtype}, not dates.")
        # Chunks along 'pair' cut the dates too; these few are read at once, the pixels are not.
        dates = pairs[key].compute(scheduler="synchronous").values
        days.append(dates.astype("datetime64[ns]"))
    reference, secondary = days
    text = [f"{str(a)[:10]}/{str(b)[:10]}" for a, b in zip(reference, secondary, strict=True)]
    if not text:
        raise SchemaError(f"{name!r} has no pairs.")
    missing = np.isnat(reference) | np.isnat(secondary)
    if missing.any():
        raise SchemaError(f"{name!r}: pair {int(np.argmax(missing))} lacks a date (NaT).")
    wrong = np.flatnonzero(secondary <= reference)
    if wrong.size:
        same = reference[wrong[0]] == secondary[wrong[0]]
        raise SchemaError(
            f"{name!r}: the pair {text[wrong[0]]} "
            + (
                "joins a date to itself."
                if same
                else "runs backwards: swap its dates and change its sign."
            )
        )
    twice = pd.Index(text).duplicated()
    if twice.any():
        raise SchemaError(
            f"{name!r}: the pair {text[int(np.argmax(twice))]} stands twice: keep one, and one "
            "track in a stack."
        )
    epochs = np.unique(np.concatenate(days))
    return Network(epochs, np.searchsorted(epochs, reference), np.searchsorted(epochs, secondary))


def gradient_within(pairs: xr.DataArray, limit: float) -> xr.DataArray:
    """Say where unwrapping can be trusted: differences between neighbours below a limit.

    Parameters
    ----------
    pairs : xarray.DataArray
        Displacement, dims ending in ``(y, x)``.
    limit : float
        In units of the pairs, a quarter of the wavelength: half a fringe between neighbours.

    Returns
    -------
    xarray.DataArray
        bool; a pixel whose difference to one of its four neighbours reaches the limit is False.
        Lazy when the pairs are.
    """
    return halo(_gradient_window, pairs, depth=1, dtype="bool", parameters={"limit": limit})


def _gradient_window(window: np.ndarray, *, limit: float) -> np.ndarray:
    inner = window[..., 1:-1, 1:-1]
    within = np.ones(inner.shape, dtype=bool)
    with np.errstate(invalid="ignore"):
        for neighbour in (
            window[..., :-2, 1:-1],
            window[..., 2:, 1:-1],
            window[..., 1:-1, :-2],
            window[..., 1:-1, 2:],
        ):
            # Nodata beside a pixel says nothing against it.
            within &= ~(np.abs(inner - neighbour) >= limit)
    return within


def trusted(pairs: xr.DataArray, *tests: tuple[xr.DataArray, float | None]) -> xr.DataArray:
    """Return pairs with nodata where a test fails.

    Parameters
    ----------
    pairs : xarray.DataArray
        float.
    *tests : tuple
        A layer on the grid, with or without ``pair``, and its least value; ``None`` for a mask
        whose true cells are left out.

    Returns
    -------
    xarray.DataArray
        Lazy when an input is.
    """
    if not tests:
        return pairs
    return pointwise(
        _trusted_block,
        pairs,
        *(layer for layer, _ in tests),
        dtype=pairs.dtype,
        parameters={"least": tuple(least for _, least in tests)},
    ).transpose(*pairs.dims)


def _trusted_block(
    pairs: np.ndarray, *layers: np.ndarray, least: tuple[float | None, ...]
) -> np.ndarray:
    keep = np.isfinite(pairs)
    with np.errstate(invalid="ignore"):
        for layer, value in zip(layers, least, strict=True):
            keep = keep & ((layer == 0) if value is None else (layer >= value))
    return np.where(keep, pairs, np.nan)


def reference_offsets(
    pairs: xr.DataArray, network: Network, point: tuple[float, float], size: int
) -> Reduced:
    """Return the median of each pair about a point, lazily: what is taken off the pair.

    Parameters
    ----------
    pairs : xarray.DataArray
        With nodata where a pair is not to be trusted.
    network : Network
        Their dates.
    point : tuple of float
        ``x, y`` in the grid's coordinates.
    size : int
        Cells a side of the window around the point's cell, odd.

    Returns
    -------
    Reduced
        Of an array, one value a pair.

    Raises
    ------
    GridMismatch
        If the point lies outside the grid.
    ParameterError
        If ``size`` is not odd and positive.
    DataError
        When it is computed: if a pair has no value in the window.
    """
    if size < 1 or size % 2 == 0:
        raise ParameterError(f"reference_size is {size}: give an odd number of cells, such as 3.")
    grid = geobox_of(pairs)
    inverse, (x, y) = ~grid.affine, point
    column = math.floor(inverse.a * x + inverse.b * y + inverse.c)
    row = math.floor(inverse.d * x + inverse.e * y + inverse.f)
    if not (0 <= row < grid.shape[0] and 0 <= column < grid.shape[1]):
        left, bottom, right, top = grid.boundingbox.bbox
        raise GridMismatch(
            f"the reference point {tuple(point)} lies outside the grid, which spans x {left:g} to "
            f"{right:g} and y {bottom:g} to {top:g}: give it in the grid's coordinates."
        )
    half = size // 2
    rows = slice(max(0, row - half), row + half + 1)
    columns = slice(max(0, column - half), column + half + 1)
    window = pairs.isel(y=rows, x=columns).transpose("pair", "y", "x")
    names = tuple(network.label(pair) for pair in range(network.first.size))
    return reduce_blocks(
        _window_values, _join_values, window, finish=_medians, shared=(names, tuple(point))
    )


def _window_values(block: np.ndarray, *, shared: Any) -> np.ndarray:
    return block.reshape(block.shape[0], -1)


def _join_values(parts: list[np.ndarray]) -> np.ndarray:
    return np.concatenate(parts, axis=1)


def _medians(values: np.ndarray, shared: Any) -> np.ndarray:
    names, point = shared
    empty = ~np.isfinite(values).any(axis=1)
    if empty.any():
        lacking = [name for name, none in zip(names, empty, strict=True) if none]
        more = ", ..." if len(lacking) > 4 else ""
        raise DataError(
            f"{len(lacking)} pairs have no trusted pixel at the reference point {point}: "
            f"{', '.join(lacking[:4])}{more}. Take a coherent place, a larger reference_size, or "
            "leave these pairs out."
        )
    return np.nanmedian(values.astype("float64"), axis=1)
