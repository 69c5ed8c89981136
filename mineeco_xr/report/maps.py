"""Maps of one raster: a quantity or classes, with outlines, stipple, scale bar and legend."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from mineeco_xr.cube import geobox_of
from mineeco_xr.errors import ParameterError
from mineeco_xr.report.classes import ClassScheme, class_scheme
from mineeco_xr.report.colours import Scale, value_scale
from mineeco_xr.report.frame import frame_map
from mineeco_xr.report.overlays import add_stipple, add_zones
from mineeco_xr.report.overview import (
    is_discrete,
    north_up,
    overview,
    valid_values,
    valid_view,
)
from mineeco_xr.report.picture import (
    bar_axes,
    colour_bar,
    draw_classes,
    draw_quantity,
    explain_below,
    is_strip,
    legend_beside,
    line_key,
    map_inches,
    patch_key,
    stipple_key,
)
from mineeco_xr.report.scalebar import add_scale_bar
from mineeco_xr.report.style import (
    LABEL_SIZE,
    MUTED,
    NODATA,
    NOTE_SIZE,
    WIDTH,
    data_label,
    new_figure,
    set_title,
    wrapped,
)

if TYPE_CHECKING:
    import geopandas as gpd

TALLEST = 7.0
"""Most inches that a map is high, so that it fits a page with its caption."""
SMALLEST = 0.8
"""Inches a side below which a map has no room for a scale bar."""


def map_figure(
    data: xr.DataArray,
    *,
    title: str | None = None,
    label: str | None = None,
    cmap: Any = None,
    robust: bool = True,
    diverging: bool | None = None,
    limits: tuple[float, float] | None = None,
    classes: Mapping[int, Any] | None = None,
    zones: gpd.GeoDataFrame | None = None,
    zone_names: str | None = None,
    zones_label: str | None = None,
    hatch: xr.DataArray | None = None,
    hatch_label: str | None = None,
    note: str | None = None,
    scale_bar: bool = True,
    crop: bool = True,
    most: int = 1200,
    width: float = WIDTH,
) -> Any:
    """Draw a map of a raster, fit for print.

    Parameters
    ----------
    data : xarray.DataArray
        Dims ``(y, x)``, on a projected or geographic grid. Integers with ``flag_values`` and
        ``flag_meanings``, booleans, and integers of few values are drawn as classes.
    title : str, optional
        Over the map.
    label : str, optional
        What the colours show, without unit; default ``attrs["long_name"]`` or the name. The
        unit comes from ``attrs["units"]``.
    cmap : str or Colormap, optional
        Default: a perceptual map that suits the quantity.
    robust : bool
        Let the colours span the 2nd to the 98th percentile; pointed ends of the colour bar say
        where values lie outside.
    diverging : bool, optional
        Centre the colours at zero; by default when both signs are well represented.
    limits : tuple of float, optional
        Ends of the colour bar, in units of ``data``.
    classes : mapping of int to str or (str, str), optional
        Labels of the codes, or labels and colours, in place of the attributes.
    zones : geopandas.GeoDataFrame, optional
        Outlines to draw, in any reference system.
    zone_names : str, optional
        Column of ``zones`` whose text is written on the map.
    zones_label : str, optional
        Names the outlines in the legend.
    hatch : xarray.DataArray, optional
        Boolean, dims ``(y, x)``, in the same reference system: stippled where true.
    hatch_label : str, optional
        Says in the legend what the stipple means.
    note : str, optional
        Small text under the map.
    scale_bar : bool
        Draw a scale bar and a north arrow, in the corner that has least data.
    crop : bool
        Leave out margins without data; turn it off for maps that are to be compared.
    most : int
        Cells a side that are drawn at most; see :func:`overview`.
    width : float
        Of the figure, in inches.

    Returns
    -------
    matplotlib.figure.Figure
        On the Agg canvas, unknown to pyplot; write it with :func:`save_figure`.

    Raises
    ------
    GridMismatch
        If the raster has no grid, or the zones have no reference system.
    ParameterError
        If the raster is not two-dimensional, or ``hatch`` is not boolean.

    Examples
    --------
    >>> import mineeco_xr as mx
    >>> grid = mx.make_grid((0, 0, 3000, 1500), crs="EPSG:32650", resolution=30)
    >>> slope = mx.cube.full(grid, 4.0, name="slope").assign_attrs(units="degrees")
    >>> map_figure(slope).axes[0].child_axes[0].get_ylabel()
    'Slope (°)'
    """
    planes = {"data": data} if hatch is None else {"data": data, "hatch": hatch}
    _require_planes(planes)
    data = north_up(data)
    thin, stipple = _computed(data, hatch, most)
    values = valid_values(thin)
    scheme = _scheme(data, values, classes, cmap)

    missing = np.ma.getmaskarray(values)
    view, valid = (geobox_of(data), ~missing) if not crop else valid_view(data, thin, ~missing)
    inches = map_inches(view, width - 1.75, TALLEST)
    height = inches[1] + 0.9 * is_strip(inches) + 0.75 + 0.3 * bool(title) + 0.3 * bool(note)
    figure = new_figure(max(inches[0] + 1.75, 3.2), max(height, 1.8), layout="compressed")
    axes = figure.add_subplot()
    if scheme is not None:
        image = draw_classes(axes, thin, values, scheme)
    elif values.count():
        scale = value_scale(
            data, values.compressed(),
            cmap=cmap, robust=robust, diverging=diverging, limits=limits,
        )  # fmt: skip
        image = draw_quantity(axes, thin, values, scale)
        shown = wrapped(data_label(data, label), max(inches[1], 1.8))
        room, orientation = bar_axes(axes, inches)
        colour_bar(figure, image, None, shown, scale, cax=room, orientation=orientation)
    else:
        image = draw_quantity(axes, thin, values, Scale(0.0, 1.0, "viridis", "neither"))
        axes.text(
            0.5, 0.5, "no valid cells", transform=axes.transAxes, ha="center", va="center",
            fontsize=LABEL_SIZE, color=MUTED,
        )  # fmt: skip
    frame_map(axes, view)
    set_title(axes, title, max(inches[0] + 1.2, 2.6))

    keys: list[Any] = []
    if stipple is not None:
        add_stipple(axes, stipple, image, inches)
        if hatch_label:
            keys.append(stipple_key(hatch_label))
    if zones is not None:
        add_zones(axes, data, zones, names=zone_names)
        if zones_label:
            keys.append(line_key(zones_label))
    if not valid.all():
        keys.append(patch_key("no data", NODATA))
    if scale_bar and min(inches) > SMALLEST:
        add_scale_bar(axes, view, valid)
    if scheme is not None:
        legend_beside(axes, scheme, keys, wrapped(data_label(data, label), 1.7))
        keys = []
    under = wrapped(note, max(inches[0], 2.6), NOTE_SIZE) if note else None
    explain_below(axes, keys, under, below=0.9 * is_strip(inches))
    return figure


def _require_planes(planes: Mapping[str, xr.DataArray]) -> None:
    for name, plane in planes.items():
        if set(plane.dims) != {"y", "x"}:
            raise ParameterError(
                f"{name} has dims {tuple(plane.dims)}, a map needs (y, x): select one with "
                ".isel, or draw them all with panel_figure."
            )
    hatch = planes.get("hatch")
    if hatch is not None and hatch.dtype.kind != "b":
        raise ParameterError(f"hatch is {hatch.dtype}, not boolean: compare it with something.")


def _computed(
    data: xr.DataArray, hatch: xr.DataArray | None, most: int
) -> tuple[xr.DataArray, xr.DataArray | None]:
    """Thin both and compute them together, so that what they share is read once."""
    import dask

    lazy = [overview(data, most).transpose("y", "x")]
    if hatch is not None:
        lazy.append(overview(north_up(hatch), most).transpose("y", "x"))
    thin, *others = dask.compute(*lazy)
    return thin, others[0] if others else None


def _scheme(
    data: xr.DataArray, values: Any, classes: Mapping[int, Any] | None, cmap: Any
) -> ClassScheme | None:
    if classes is None and not is_discrete(data):
        return None
    return class_scheme(data, np.unique(values.compressed()), classes, cmap)
