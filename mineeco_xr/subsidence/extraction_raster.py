"""Engine C: subsidence over a raster of mined thickness."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from mineeco_xr.chunks import halo
from mineeco_xr.cube.cells import cell_size
from mineeco_xr.cube.grid import geobox_of, require_same_grid
from mineeco_xr.cube.nodata import as_float
from mineeco_xr.cube.provenance import finalize
from mineeco_xr.cube.units import convert_units
from mineeco_xr.errors import ParameterError
from mineeco_xr.subsidence.outputs import OUTPUTS, compute_outputs, resolve_outputs
from mineeco_xr.subsidence.polygons import CUTOFF

ORDERS = {
    "W": (0, 0), "ix": (0, 1), "iy": (1, 0), "Kx": (0, 2), "Ky": (2, 0), "Kxy": (1, 1),
    "Ux": (0, 1), "Uy": (1, 0), "ex": (0, 2), "ey": (2, 0), "exy": (1, 1),
}  # fmt: skip
"""Order of the derivatives along columns and along rows; displacement and strain are ``b r`` times
tilt and curvature."""

LARGEST_REACH = 20_000
"""Cells: a radius beyond is rather one in another unit than one to sum over."""

LARGEST_Q = 1.2
"""Thick loose layers push the subsidence coefficient above 1, not farther."""


def subsidence_of_extraction(
    thickness: xr.DataArray,
    depth: xr.DataArray | float,
    *,
    q: xr.DataArray | float,
    tan_beta: xr.DataArray | float,
    b: xr.DataArray | float = 0.3,
    output: str | Sequence[str] = ("subsidence",),
    max_radius: float | None = None,
    cutoff: float = CUTOFF,
) -> xr.Dataset:
    """Return the subsidence over a raster of mined thickness, and its derivatives.

    Parameters
    ----------
    thickness : xarray.DataArray
        Thickness mined below each cell, m, at least 0; dims ``(y, x)`` with or without leading
        ones, whose rasters are taken one by one. Nodata (NaN or ``_FillValue``) is unknown, not
        unmined: ``thickness.fillna(0)`` where it means that.
    depth : xarray.DataArray or float
        Of the seam, m, above 0 where anything is mined.
    q : xarray.DataArray or float
        Subsidence coefficient, 0 to 1.2.
    tan_beta : xarray.DataArray or float
        Tangent of the main influence angle.
    b : xarray.DataArray or float
        Horizontal movement coefficient; for displacement and strain only.
    output : str or sequence of str
        ``"all"``, or names of layers as of :func:`mineeco_xr.subsidence`.
    max_radius : float, optional
        Largest main influence radius ``depth / tan_beta``, m. Needed where one of the two is a lazy
        raster, because blocks must know how far to look before anything is read.
    cutoff : float
        Influence radii beyond which a mined cell is not felt. Default 2.2.

    Returns
    -------
    xarray.Dataset
        One float32 variable an output, dims of ``thickness``. Subsidence is positive downwards, m;
        tilt and strain m/m, curvature 1/m, displacement m. NaN where ``thickness`` is nodata. Lazy
        when an input is.

    Raises
    ------
    GridMismatch
        If rasters are not on one grid, or it is not in metres.
    UnitError
        If thickness or depth are in no unit of length.
    ParameterError
        If a number is out of its range, an output is unknown, ``max_radius`` is missing, or, when
        computed, a raster is out of range or nodata where something is mined, or a radius exceeds
        ``max_radius``.

    Notes
    -----
    Each cell is a square panel: ``W = sum m q [E(x - x_c + h/2) - E(x - x_c - h/2)] [..y..]`` with
    ``E(u) = erf(sqrt(pi) u / r) / 2`` and ``r = H / tan(beta)`` of the mined cell ``c``. That is
    exact for the raster; that the raster has steps where a panel has an edge costs up to 0.64 m of
    12 m at 30 m cells and r = 150 m, and 16 times less with shares of cells covered, so that panels
    known as outlines go to ``subsidence`` instead. The seam is flat: ``cos(alpha)`` belongs into
    the thickness.

    Halo of ``cutoff r``: with one radius, weighted sums along rows and then columns; else each
    mined cell is added by itself, so that the cost goes with their number. Sums are float64 and in
    one order: bit-identical for any chunking. What is cut off of an edge is at most
    ``0.5 erfc(sqrt(pi) cutoff)`` of the largest subsidence, 1.7e-8 at 2.2.

    Examples
    --------
    >>> from mineeco_xr.testing import with_grid
    >>> mined = np.zeros((40, 40), dtype="float32")
    >>> mined[:, 20:] = 3.0
    >>> thickness = with_grid(mined, resolution=50, units="m")
    >>> found = subsidence_of_extraction(thickness, 400.0, q=0.8, tan_beta=2.0)
    >>> found["subsidence"].values[20, [5, 19, 20, 30]].round(2)
    array([0. , 0.9, 1.5, 2.4], dtype=float32)
    """
    names, _ = resolve_outputs(output)
    if not 0 < cutoff <= 6:
        raise ParameterError(f"cutoff is {cutoff}: expected influence radii above 0, at most 6.")
    grid = geobox_of(thickness)
    cell = cell_size(grid, "subsidence_of_extraction")
    given = {"depth": depth, "q": q, "tan_beta": tan_beta, "b": b}
    rasters = {name: v for name, v in given.items() if isinstance(v, xr.DataArray)}
    numbers = {name: _number(name, v) for name, v in given.items() if name not in rasters}
    require_same_grid({"thickness": thickness, **rasters})
    radius = _largest_radius(rasters, numbers, max_radius)
    depths = tuple(
        min(math.ceil(cutoff * radius / step), size - 1)
        for step, size in zip(cell, tuple(grid.shape), strict=True)
    )
    if max(depths) > LARGEST_REACH:
        raise ParameterError(
            f"the main influence radius is {radius:g} m, {max(depths)} cells within the cut-off; "
            f"expected {LARGEST_REACH} at most. Is depth in metres?"
        )
    layers = _layers(thickness, rasters)
    result = xr.Dataset()
    for name in names:
        used = [key for key in layers if key != "b" or _moves(name)]
        layer = halo(
            _output_window,
            *(layers[key] for key in used),
            depth=depths,
            dtype="float32",
            fill=math.nan,
            parameters={
                "output": name,
                "rasters": used[1:],
                "numbers": numbers,
                "cell": cell,
                "signs": (math.copysign(1, grid.affine.e), math.copysign(1, grid.affine.a)),
                "depths": depths,
                "largest": radius,
                "cutoff": float(cutoff),
            },
        )
        attrs = {"units": OUTPUTS[name].units, "long_name": OUTPUTS[name].long_name}
        result[name] = layer.assign_attrs(attrs)
    return finalize(
        result,
        function="subsidence_of_extraction",
        parameters={**numbers, "output": names, "max_radius": max_radius, "cutoff": cutoff},
        inputs={"thickness": thickness, **rasters},
    )


def _moves(output: str) -> bool:
    return any(component[0] in "Ue" for component in OUTPUTS[output].components)


def _number(name: str, value: Any) -> float:
    most = {"depth": math.inf, "q": LARGEST_Q, "tan_beta": math.inf, "b": math.inf}[name]
    number = float(value)
    if not 0 < number <= most or math.isinf(number):
        upper = "" if math.isinf(most) else f" and at most {most:g}"
        raise ParameterError(f"{name} is {value}: expected a number above 0{upper}.")
    return number


def _largest_radius(
    rasters: dict[str, xr.DataArray], numbers: dict[str, float], given: float | None
) -> float:
    if given is not None:
        if not 0 < given < math.inf:
            raise ParameterError(f"max_radius is {given}: expected metres, above 0.")
        return float(given)
    varying = {name: rasters[name] for name in ("depth", "tan_beta") if name in rasters}
    lazy = [name for name, raster in varying.items() if raster.chunks is not None]
    if lazy:
        raise ParameterError(
            f"{' and '.join(lazy)} is a lazy raster, so that the largest main influence radius is "
            "not known before it is read: give it as max_radius=, in metres, such as "
            "float(depth.max()) / tan_beta."
        )
    depth: Any = _as_metres(varying["depth"], "depth") if "depth" in varying else numbers["depth"]
    tangent: Any = as_float(varying["tan_beta"]) if "tan_beta" in varying else numbers["tan_beta"]
    with np.errstate(divide="ignore", invalid="ignore"):
        radius = np.asarray(depth / tangent)
    usable = radius[np.isfinite(radius) & (radius > 0)]
    return float(usable.max(initial=1e-9)) * (1 + 1e-6)


def _as_metres(data: xr.DataArray, name: str) -> xr.DataArray:
    return as_float(convert_units(data, "m", name=name))


def _layers(thickness: xr.DataArray, rasters: dict[str, xr.DataArray]) -> dict[str, xr.DataArray]:
    """Return all rasters as floats of one shape, the thickness first."""
    first = _as_metres(thickness, str(thickness.name or "thickness")).transpose(..., "y", "x")
    layers = {"thickness": first}
    for name, raster in rasters.items():
        values = _as_metres(raster, name) if name == "depth" else as_float(raster)
        extra = set(values.dims) - set(first.dims)
        if extra:
            raise ParameterError(
                f"{name} has the dims {tuple(map(str, raster.dims))} and thickness "
                f"{tuple(map(str, first.dims))}; expected none but its own. Select one of {extra}."
            )
        layers[name] = values.broadcast_like(first).transpose(*first.dims)
    return layers


def _output_window(
    thickness: np.ndarray,
    *windows: np.ndarray,
    output: str,
    rasters: list[str],
    numbers: dict[str, float],
    cell: tuple[float, float],
    signs: tuple[float, float],
    depths: tuple[int, int],
    largest: float,
    cutoff: float,
) -> np.ndarray:
    """Return one output over the inside of a window."""
    values: dict[str, Any] = {**numbers, **dict(zip(rasters, windows, strict=True))}
    mined = thickness > 0
    _require_range(thickness, values, mined)
    with np.errstate(divide="ignore", invalid="ignore"):
        radius: Any = np.float64(values["depth"]) / values["tan_beta"]
    found = float(np.max(np.where(mined, radius, 0.0), initial=0.0))
    if found > largest:
        raise ParameterError(
            f"a main influence radius is {found:g} m; expected at most max_radius, {largest:g} m. "
            "Give a larger max_radius."
        )
    maximum = np.where(mined, thickness, 0.0) * np.where(mined, values["q"], 0.0)
    inside = tuple(slice(d, s - d) for d, s in zip(depths, thickness.shape[-2:], strict=True))
    unknown = np.isnan(thickness[..., inside[0], inside[1]])
    components = OUTPUTS[output].components
    sums = np.empty((len(components), *unknown.shape), dtype=np.float32)
    for one, component in zip(sums, components, strict=True):
        volume, orders = maximum, ORDERS[component]
        if _moves(output):
            volume = volume * np.where(mined, values["b"] * radius, 0.0)
        # Rows and columns count along the axes of the array, derivatives go along the map's.
        sign = signs[0] ** orders[0] * signs[1] ** orders[1] * (2 if component == "exy" else 1)
        for index in np.ndindex(thickness.shape[:-2]):
            r = radius if np.ndim(radius) == 0 else radius[index]
            one[index] = sign * _influence(volume[index], r, cell, orders, depths, cutoff)
    rasters_of = sums.reshape(len(components), -1, *unknown.shape[-2:]).swapaxes(0, 1)
    out = compute_outputs([output], components, rasters_of)[0].reshape(unknown.shape)
    out[unknown] = np.nan
    return out


def _influence(
    volume: np.ndarray,
    radius: Any,
    cell: tuple[float, float],
    orders: tuple[int, int],
    depths: tuple[int, int],
    cutoff: float,
) -> np.ndarray:
    from mineeco_xr.kernels.subsidence_raster import (
        cell_taps,
        scattered_influence,
        separable_influence,
    )

    if np.ndim(radius):
        return scattered_influence(volume, radius, cell, orders, depths, cutoff)
    taps = [
        _cut(cell_taps(float(radius), step, order, cutoff), depth)
        for step, order, depth in zip(cell, orders, depths, strict=True)
    ]
    return separable_influence(volume, (taps[0], taps[1]), depths)


def _cut(taps: np.ndarray, depth: int) -> np.ndarray:
    """Drop what reaches beyond the raster from any cell of it."""
    beyond = max(0, taps.size // 2 - depth)
    return taps[beyond : taps.size - beyond]


def _require_range(thickness: np.ndarray, values: dict[str, Any], mined: np.ndarray) -> None:
    low = np.nanmin(thickness, initial=0.0)
    if low < 0 or np.isinf(thickness).any():
        raise ParameterError(
            f"thickness is {low if low < 0 else math.inf:g} m somewhere; expected 0 or more and "
            "finite. Mask what is not a thickness with thickness.where(thickness >= 0)."
        )
    for name, value in values.items():
        if np.ndim(value) == 0:
            continue
        here = value[mined]
        if not np.all(here > 0) or np.isinf(here).any():
            missing = int(np.isnan(here).sum())
            what = f"nodata in {missing} cells" if missing else f"{here.min():g} somewhere"
            raise ParameterError(
                f"{name} is {what} where something is mined; expected a number above 0. Fill it, "
                "or set the thickness to 0 there."
            )
        if name == "q" and here.max(initial=0.0) > LARGEST_Q:
            raise ParameterError(
                f"q is {here.max():g} somewhere; expected at most {LARGEST_Q}. Was it in percent?"
            )
