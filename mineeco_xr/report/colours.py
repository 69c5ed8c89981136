"""Colours of a quantity: perceptual scales, centred at zero where both signs matter."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from mineeco_xr.errors import ParameterError
from mineeco_xr.report.style import NODATA

DIVERGING = "BrBG"
ROBUST_SHARE = 2.0
"""Per cent of the cells that a robust scale leaves out at either end."""

# Beginnings of words, and the map that readers expect for them.
_SEQUENTIAL = (
    (r"npp|gpp|ndvi|evi\b|biomass|wue|water use|productiv|vegetation|habitat", "YlGn"),
    (r"precip|rain|evapo|aeti|water yield|soil moisture|discharge", "YlGnBu"),
    (r"risk|stress|vulnerab|threat|sediment|erosion|degradation|sensitiv", "YlOrBr"),
    (r"elevation|height|altitude|dem\b", "cividis"),
)


def colour_map(name: Any) -> Any:
    """Return a colour map whose nodata colour is the neutral grey of all maps.

    Parameters
    ----------
    name : str or matplotlib.colors.Colormap
        As Matplotlib knows it.

    Returns
    -------
    matplotlib.colors.Colormap
        A copy.

    Raises
    ------
    ParameterError
        If Matplotlib has no map of that name.
    """
    import matplotlib

    try:
        found = matplotlib.colormaps[name] if isinstance(name, str) else name
    except KeyError as error:
        raise ParameterError(
            f"cmap is {name!r}, which Matplotlib does not have: try 'viridis', 'YlGn' or 'BrBG'."
        ) from error
    return found.with_extremes(bad=NODATA)


def sequential_name(data: xr.DataArray) -> str:
    """Choose the sequential colour map that suits what a raster measures.

    Parameters
    ----------
    data : xarray.DataArray
        Judged by its name, ``long_name`` and ``standard_name``.

    Returns
    -------
    str
        Name of a perceptual map; ``"viridis"`` when nothing is known.
    """
    keys = ("long_name", "standard_name")
    text = " ".join([str(data.name or ""), *(str(data.attrs.get(key, "")) for key in keys)])
    text = text.lower().replace("_", " ")
    found = (name for words, name in _SEQUENTIAL if re.search(rf"\b({words})", text))
    return next(found, "viridis")


@dataclass(frozen=True)
class Scale:
    """Limits and colour map of a quantity.

    Parameters
    ----------
    low, high : float
        Values at the ends of the colour bar.
    cmap : str or Colormap
        Colour map.
    extend : {"neither", "min", "max", "both"}
        At which ends values lie outside the limits.
    """

    low: float
    high: float
    cmap: Any
    extend: str


def value_scale(
    data: xr.DataArray,
    values: np.ndarray,
    *,
    cmap: Any = None,
    robust: bool = True,
    diverging: bool | None = None,
    limits: tuple[float, float] | None = None,
) -> Scale:
    """Choose limits and colours for a quantity.

    Parameters
    ----------
    data : xarray.DataArray
        Says what is measured.
    values : numpy.ndarray
        The valid values, at least one.
    cmap : str or Colormap, optional
        Default: suits the quantity.
    robust : bool
        Limits from the 2nd to the 98th percentile instead of the extremes.
    diverging : bool, optional
        Centre the scale at zero; default when both signs are well represented.
    limits : tuple of float, optional
        Fixed limits.

    Returns
    -------
    Scale
        Never of zero width.
    """
    least, most = float(values.min()), float(values.max())
    if limits is not None:
        low, high = limits
    elif robust:
        ends = np.percentile(values.astype("float64"), [ROBUST_SHARE, 100 - ROBUST_SHARE])
        low, high = float(ends[0]), float(ends[1])
        if low == high:
            low, high = least, most
    else:
        low, high = least, most
    if diverging is None:
        diverging = limits is None and low < 0 < high and min(-low, high) >= 0.1 * max(-low, high)
    if diverging and limits is None:
        high = max(abs(low), abs(high))
        low = -high
    if low == high:
        pad = abs(low) * 0.05 or 0.5
        low, high = low - pad, high + pad
    below, above = least < low, most > high
    extend = {(0, 0): "neither", (1, 0): "min", (0, 1): "max", (1, 1): "both"}[below, above]
    return Scale(low, high, cmap or (DIVERGING if diverging else sequential_name(data)), extend)
