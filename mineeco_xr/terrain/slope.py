"""Slope of a terrain."""

from __future__ import annotations

import numpy as np
import xarray as xr

from mineeco_xr.chunks import halo
from mineeco_xr.cube.grid import geobox_of, require_metres
from mineeco_xr.cube.nodata import as_float
from mineeco_xr.cube.provenance import finalize
from mineeco_xr.cube.units import unit_factor, units_of
from mineeco_xr.errors import ParameterError
from mineeco_xr.terrain.elevation import finite

UNITS = {"percent": "%", "degree": "degree", "ratio": "1"}


def slope(dem: xr.DataArray, *, units: str = "percent") -> xr.DataArray:
    """Return the steepness of a terrain.

    Parameters
    ----------
    dem : xarray.DataArray
        Elevations in metres or, with ``attrs["units"]``, any unit of length; dims ending in
        ``(y, x)``. NaN, infinities and ``_FillValue`` are nodata. For routing take the filled ones.
    units : {"percent", "degree", "ratio"}
        Of the result: 100 times rise over run, the angle, or rise over run.

    Returns
    -------
    xarray.DataArray
        Same dims, float32, NaN at nodata. Lazy when the elevations are.

    Raises
    ------
    ParameterError
        If ``units`` is unknown.
    GridMismatch
        If the grid is not in metres.
    UnitError
        If the elevations are not in a unit of length.

    Notes
    -----
    Crosses chunks by a halo of one cell, bit-identical for any chunking. Horn (1981): with cells
    ``a b c``, ``d e f``, ``g h i``, ``dz/dx = ((c + 2 f + i) - (a + 2 d + g)) / (8 dx)``, the same
    down, and the length of both. At the edge and beside nodata, where other tools have a gap, the
    known differences are taken with their weights as InVEST does
    (``pygeoprocessing.calculate_slope``, equal bit by bit): half a difference where only one side
    is known, the diagonal times sqrt(2) on an outer row that has nothing else.

    References
    ----------
    Horn, B. K. P. (1981). Proceedings of the IEEE 69, 14-47.

    Examples
    --------
    >>> import numpy as np
    >>> from mineeco_xr.testing import with_grid
    >>> plane = np.arange(4.0) * 30 * np.ones((3, 1))
    >>> slope(with_grid(plane, units="m")).values
    array([[100., 100., 100., 100.],
           [100., 100., 100., 100.],
           [100., 100., 100., 100.]], dtype=float32)
    """
    if units not in UNITS:
        raise ParameterError(f"slope units {units!r} are unknown: choose from {tuple(UNITS)}.")
    grid = geobox_of(dem)
    require_metres(grid, "slope")
    name = str(dem.name or "the elevation")
    factor = unit_factor(units_of(dem, expected="m", name=name), "m", name=repr(name))
    result = halo(
        _slope_block,
        as_float(dem).transpose(..., "y", "x"),
        depth=1,
        dtype="float32",
        parameters={
            "dx": abs(grid.affine.a),
            "dy": abs(grid.affine.e),
            "factor": factor,
            "units": units,
        },
    )
    return finalize(
        result.transpose(*dem.dims),
        function="slope",
        parameters={"units": units},
        inputs={str(dem.name or "dem"): dem},
        attrs={"units": UNITS[units], "long_name": "slope"},
        name="slope",
    )


def _slope_block(
    window: np.ndarray, *, dx: float, dy: float, factor: float, units: str
) -> np.ndarray:
    from mineeco_xr.kernels.slope import gradient

    lead, (height, width) = window.shape[:-2], window.shape[-2:]
    out = np.empty((*lead, height - 2, width - 2), "float32")
    for index in np.ndindex(*lead):
        steep = gradient(finite(window[index]), dx, dy)
        if factor != 1.0:
            steep *= factor
        if units == "degree":
            out[index] = np.degrees(np.arctan(steep))
        else:
            out[index] = 100.0 * steep if units == "percent" else steep
    return out
