"""A cube in words: what it has and what can be done with it."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence

import numpy as np
import xarray as xr

from mineeco_xr.cube.grid import geobox_of
from mineeco_xr.errors import GridMismatch

LINE = 88
"""Columns of the longest line of names."""


def describe(data: xr.DataArray | xr.Dataset, methods: Sequence[str] = ()) -> str:
    """Return a short text about a raster or cube; reads no pixels.

    Parameters
    ----------
    data : xarray.DataArray or xarray.Dataset
        Lazy or not.
    methods : sequence of str
        What can be done with it.

    Returns
    -------
    str
        Grid, dates, variables with units, and the methods.

    Examples
    --------
    >>> import numpy as np
    >>> from mineeco_xr.testing import with_grid
    >>> print(describe(with_grid(np.zeros((2, 3, 4), "float32"), name="npp", units="gC m-2 yr-1")))
    raster of mineeco_xr
      grid    3 x 4 cells of 30 m, EPSG:32650
      time    2001-01-01 to 2002-01-01, 2 dates
      npp     (time, y, x) float32, gC m-2 yr-1
    """
    kind = "cube" if isinstance(data, xr.Dataset) else "raster"
    lines = [("grid", _grid_text(data))]
    if "time" in data.coords and data["time"].ndim == 1:
        dates = data["time"].values
        count = f"{dates.size} date{'s' if dates.size != 1 else ''}"
        lines.append(("time", f"{str(dates[0])[:10]} to {str(dates[-1])[:10]}, {count}"))
    variables = data.data_vars if isinstance(data, xr.Dataset) else {data.name or "values": data}
    lines += [
        (str(name), _variable_text(v))
        for name, v in variables.items()
        if not {"crs_wkt", "spatial_ref"} & set(v.attrs)
    ]
    width = max(6, *(len(label) for label, _ in lines))
    text = [f"{kind} of mineeco_xr", *(f"  {label:<{width}}  {value}" for label, value in lines)]
    if methods:
        indent = " " * (width + 4)
        names = ", ".join(f"{name}()" for name in methods)
        text += textwrap.wrap(
            names, LINE, initial_indent=f"  {'can':<{width}}  ", subsequent_indent=indent
        )
    return "\n".join(text)


def _grid_text(data: xr.DataArray | xr.Dataset) -> str:
    try:
        grid = geobox_of(data)
    except GridMismatch as error:
        return f"none: {error}"
    rows, columns = grid.shape
    cell = " x ".join(f"{abs(step):.6g}" for step in dict.fromkeys([grid.affine.a, -grid.affine.e]))
    crs = f"EPSG:{grid.crs.epsg}" if grid.crs.epsg else grid.crs.proj.name
    return f"{rows} x {columns} cells of {cell} {_length_unit(grid.crs)}, {crs}"


def _length_unit(crs: object) -> str:
    unit = str(crs.proj.axis_info[0].unit_name)  # type: ignore[attr-defined]
    return {"metre": "m", "degree": "degrees"}.get(unit, unit)


def _variable_text(variable: xr.DataArray) -> str:
    parts = [f"({', '.join(map(str, variable.dims))}) {variable.dtype}"]
    if "units" in variable.attrs:
        parts.append(str(variable.attrs["units"]))
    if "flag_meanings" in variable.attrs:
        parts.append(f"{np.atleast_1d(variable.attrs['flag_values']).size} classes")
    if variable.chunks is not None:
        blocks = math.prod(len(sizes) for sizes in variable.chunks)
        parts.append(f"lazy, {blocks} block{'s' if blocks != 1 else ''}")
    return ", ".join(parts)
