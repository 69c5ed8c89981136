"""Chunk invariance as a reusable test: what every public raster function must pass.

Needs hypothesis, which the library itself does not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import xarray as xr
from hypothesis import strategies as st


@st.composite
def chunkings(draw: st.DrawFn, shape: tuple[int, int], *, most: int = 5) -> dict[str, Any]:
    """Draw uneven chunks for dims ``(y, x)``, one-cell ones among them.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns.
    most : int
        At most this many chunks a dim.

    Returns
    -------
    dict
        For ``DataArray.chunk``.
    """
    chunks: dict[str, Any] = {}
    for dim, size in zip(("y", "x"), shape, strict=True):
        cuts = draw(
            st.lists(st.integers(1, size - 1), max_size=most - 1, unique=True)
            if size > 1
            else st.just([])
        )
        chunks[dim] = tuple(np.diff([0, *sorted(cuts), size]).tolist())
    return chunks


@st.composite
def rasters(
    draw: st.DrawFn,
    *,
    times: int | None = None,
    shape: tuple[int, int] | None = None,
    largest: int = 24,
    dtype: str = "float32",
    nodata_share: float = 0.15,
) -> np.ndarray:
    """Draw a raster with ties, features that cross any chunk border, and nodata in clumps.

    Parameters
    ----------
    times : int, optional
        Length of a leading time dim.
    shape : tuple of int, optional
        Rows and columns; drawn up to ``largest`` a side when not given.
    largest : int
        Largest drawn side.
    dtype : str
        Floats get NaN as nodata; integers get none.
    nodata_share : float
        Share of nodata cells, on borders too.

    Returns
    -------
    numpy.ndarray
        Dims ``(y, x)`` or ``(time, y, x)``.
    """
    rows, columns = shape or (draw(st.integers(1, largest)), draw(st.integers(1, largest)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    full = (rows, columns) if times is None else (times, rows, columns)
    kind = draw(st.sampled_from(["noise", "ties", "smooth", "constant"]))
    if kind == "noise":
        values = rng.normal(100, 30, full)
    elif kind == "ties":
        values = rng.integers(0, 4, full).astype(float)
    elif kind == "smooth":
        values = np.add.outer(np.sin(np.arange(rows) / 3), np.cos(np.arange(columns) / 4))
        values = np.broadcast_to(values, full) * 50 + rng.normal(0, 1, full)
    else:
        values = np.full(full, 7.0)
    values = values.astype(dtype)
    if np.issubdtype(values.dtype, np.floating):
        values[rng.random(full) < nodata_share] = np.nan
        if draw(st.booleans()):
            values[..., 0, :] = np.nan
        if draw(st.booleans()):
            values[..., :, columns // 2] = np.nan
    return values


def with_grid(
    values: np.ndarray,
    *,
    crs: Any = "EPSG:32650",
    resolution: float | tuple[float, float] = 30.0,
    origin: tuple[float, float] = (500_000.0, 4_800_000.0),
    times: Any = None,
    name: str = "layer",
    units: str | None = None,
) -> xr.DataArray:
    """Put an array on a grid.

    Parameters
    ----------
    values : numpy.ndarray
        Dims ``(y, x)`` or ``(time, y, x)``.
    crs : CRS-like
        Reference system.
    resolution : float or tuple of float
        Cell size, one number or ``(x, y)``.
    origin : tuple of float
        Left and top.
    times : array-like of datetime64, optional
        Default the first of January of 2001 and on.
    name, units : str
        Of the result.

    Returns
    -------
    xarray.DataArray
        In memory.
    """
    import pandas as pd

    from mineeco_xr.cube import grid_coords, make_grid

    rows, columns = values.shape[-2:]
    left, top = origin
    wide, tall = resolution if isinstance(resolution, tuple) else (resolution, resolution)
    bounds = (left, top - rows * tall, left + columns * wide, top)
    coords: dict[str, Any] = dict(
        grid_coords(make_grid(bounds, crs=crs, resolution=resolution)).items()
    )
    dims: tuple[str, ...] = ("y", "x")
    if values.ndim == 3:
        dims = ("time", *dims)
        count = values.shape[0]
        coords["time"] = (
            pd.date_range("2001-01-01", periods=count, freq="YS") if times is None else times
        )
    attrs = {} if units is None else {"units": units}
    return xr.DataArray(values, dims=dims, coords=coords, name=name, attrs=attrs)


def assert_lazy(function: Callable[..., Any], *arrays: Any, **parameters: Any) -> Any:
    """Call a function on lazy inputs under a scheduler that refuses to compute.

    Parameters
    ----------
    function : callable
        Called with ``arrays`` and ``parameters``.
    *arrays : DataArray or Dataset
        Chunked inputs.
    **parameters
        Further arguments.

    Returns
    -------
    object
        The lazy result.

    Raises
    ------
    AssertionError
        If building the result reads a pixel.
    """
    import dask

    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError(f"{function.__name__} computed while it was being built")

    with dask.config.set(scheduler=refuse):
        return function(*arrays, **parameters)


def assert_chunk_invariant(
    function: Callable[..., Any],
    *arrays: xr.DataArray,
    chunks: Mapping[str, Any],
    relative: float = 0.0,
    lazy: bool = True,
    **parameters: Any,
) -> None:
    """Check that a function gives the same result in memory and for given chunks.

    Parameters
    ----------
    function : callable
        Returns a DataArray or a Dataset.
    *arrays : xarray.DataArray
        In memory, dims ending in ``(y, x)``.
    chunks : mapping
        As drawn by :func:`chunkings`.
    relative : float
        0 asks for equal bits; otherwise the relative difference allowed.
    lazy : bool
        Also check that building the result computes nothing.
    **parameters
        Further arguments of the function.

    Raises
    ------
    AssertionError
        If a value, the nodata mask, a dtype, the dims or the units differ.
    """
    expected = function(*arrays, **parameters)
    chunked = [
        array.chunk({dim: sizes for dim, sizes in chunks.items() if dim in array.dims})
        for array in arrays
    ]
    if lazy:
        built = assert_lazy(function, *chunked, **parameters)
    else:
        built = function(*chunked, **parameters)
    found = built.compute(scheduler="synchronous")
    for name, left, right in _pairs(found, expected):
        assert left.dtype == right.dtype, f"{name}: dtype {left.dtype} and {right.dtype}"
        assert left.dims == right.dims, f"{name}: dims {left.dims} and {right.dims}"
        assert left.attrs.get("units") == right.attrs.get("units"), f"{name}: units differ"
        if relative == 0 or left.dtype.kind not in "iufc":
            np.testing.assert_array_equal(left.values, right.values, err_msg=str(name))
        else:
            scale = np.nanmax(np.abs(right.values), initial=0.0)
            np.testing.assert_allclose(
                left.values, right.values, rtol=relative, atol=relative * scale, err_msg=str(name)
            )


def _pairs(found: Any, expected: Any) -> list[tuple[Any, xr.DataArray, xr.DataArray]]:
    if isinstance(expected, xr.DataArray):
        return [(expected.name, found, expected)]
    assert set(found.variables) == set(expected.variables)
    return [(name, found[name], expected[name]) for name in expected.variables]
