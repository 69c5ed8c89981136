"""The raster itself on its axes, with the colour bar or the legend that explains it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from mineeco_xr.report.classes import ClassScheme
from mineeco_xr.report.colours import Scale, colour_map
from mineeco_xr.report.frame import map_aspect
from mineeco_xr.report.overview import bounds_of
from mineeco_xr.report.style import HAIRLINE, INK, LABEL_SIZE, MUTED, NODATA, NOTE_SIZE, TICK_SIZE

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

BAR_INCHES = 0.15
"""Thickness of a colour bar."""


def map_inches(view: GeoBox, widest: float, tallest: float) -> tuple[float, float]:
    """Return the size of a map on paper.

    Parameters
    ----------
    view : odc.geo.geobox.GeoBox
        What the map shows.
    widest, tallest : float
        Inches at most.

    Returns
    -------
    tuple of float
        Width and height in inches, in the proportions of the ground.
    """
    box = view.boundingbox
    ratio = (box.top - box.bottom) / (box.right - box.left) * map_aspect(view)
    width = min(widest, tallest / ratio)
    return float(width), float(width * ratio)


def draw_quantity(axes: Any, thin: xr.DataArray, values: Any, scale: Scale) -> Any:
    """Draw a quantity in colours.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        The axes.
    thin : xarray.DataArray
        The overview, north up.
    values : numpy.ma.MaskedArray
        Its values.
    scale : Scale
        Limits and colours.

    Returns
    -------
    matplotlib.image.AxesImage
        What a colour bar is made of.
    """
    axes.set_facecolor(NODATA)
    return axes.imshow(
        values, extent=_extent(thin), vmin=scale.low, vmax=scale.high,
        cmap=colour_map(scale.cmap), interpolation="nearest", zorder=1,
    )  # fmt: skip


def draw_classes(axes: Any, thin: xr.DataArray, values: Any, scheme: ClassScheme) -> Any:
    """Draw classes in their colours.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        The axes.
    thin : xarray.DataArray
        The overview, north up.
    values : numpy.ma.MaskedArray
        Its codes.
    scheme : ClassScheme
        The classes.

    Returns
    -------
    matplotlib.image.AxesImage
        The picture.
    """
    from matplotlib.colors import ListedColormap

    axes.set_facecolor(NODATA)
    codes = np.asarray(scheme.values)
    ranks = np.searchsorted(codes, values.filled(codes[0] if codes.size else 0))
    ranks = np.ma.masked_array(ranks, mask=np.ma.getmaskarray(values))
    colours = ListedColormap(list(scheme.colours) or [NODATA]).with_extremes(bad=NODATA)
    return axes.imshow(
        ranks, extent=_extent(thin), vmin=-0.5, vmax=max(codes.size, 1) - 0.5, cmap=colours,
        interpolation="nearest", zorder=1,
    )  # fmt: skip


def _extent(thin: xr.DataArray) -> tuple[float, float, float, float]:
    left, bottom, right, top = bounds_of(thin)
    return left, right, bottom, top


def bar_axes(axes: Any, inches: tuple[float, float]) -> tuple[Any, str]:
    """Make room for the colour bar of a map: beside it, or under a map that is a strip.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        The map.
    inches : tuple of float
        Its width and height on paper.

    Returns
    -------
    axes : matplotlib.axes.Axes
        Tied to the map, so that the bar is as long as the map however that is laid out.
    orientation : {"vertical", "horizontal"}
        Of the bar.
    """
    width, height = inches
    if is_strip(inches):
        place = (0.0, -1.0 / height, min(1.0, 3.5 / width), BAR_INCHES / height)
        return axes.inset_axes(place), "horizontal"
    return axes.inset_axes((1 + 0.13 / width, 0.0, BAR_INCHES / width, 1.0)), "vertical"


def is_strip(inches: tuple[float, float]) -> bool:
    """Tell whether a map is too low for a colour bar at its side.

    Parameters
    ----------
    inches : tuple of float
        Its width and height on paper.

    Returns
    -------
    bool
        True below an inch.
    """
    return inches[1] < 1.0


def colour_bar(figure: Any, image: Any, axes: Any, label: str, scale: Scale, **place: Any) -> Any:
    """Draw a colour bar with its label.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        The figure.
    image : matplotlib.image.AxesImage
        What it explains.
    axes : array of matplotlib.axes.Axes or None
        Beside which it stands; None where ``place`` has ``cax``.
    label : str
        What the colours show, with units.
    scale : Scale
        Says which ends are pointed.
    **place
        Further arguments of ``Figure.colorbar``.

    Returns
    -------
    matplotlib.colorbar.Colorbar
        The bar.
    """
    from matplotlib.ticker import MaxNLocator, ScalarFormatter

    formatter = ScalarFormatter(useMathText=True)
    formatter.set_powerlimits((-3, 5))
    bar = figure.colorbar(image, ax=axes, extend=scale.extend, extendfrac=0.035, **place)
    axis = bar.ax.xaxis if bar.orientation == "horizontal" else bar.ax.yaxis
    axis.set_major_locator(MaxNLocator(nbins=8, steps=[1, 2, 2.5, 5, 10]))
    axis.set_major_formatter(formatter)
    bar.outline.set(edgecolor=HAIRLINE, linewidth=0.6)
    bar.ax.tick_params(
        labelsize=TICK_SIZE, labelcolor=INK, color=HAIRLINE, width=0.6, length=3, which="major"
    )
    axis.get_offset_text().set(fontsize=TICK_SIZE, color=INK)
    bar.set_label(label, fontsize=LABEL_SIZE, color=INK)
    return bar


def patch_key(label: str, colour: str) -> Any:
    """Return a legend entry for an area of one colour.

    Parameters
    ----------
    label : str
        Its text.
    colour : str
        Its colour.

    Returns
    -------
    matplotlib.patches.Patch
        The entry.
    """
    from matplotlib.patches import Patch

    return Patch(facecolor=colour, edgecolor=HAIRLINE, linewidth=0.5, label=label)


def stipple_key(label: str) -> Any:
    """Return a legend entry for a stippled area.

    Parameters
    ----------
    label : str
        Its text.

    Returns
    -------
    matplotlib.patches.Patch
        The entry.
    """
    from matplotlib.patches import Patch

    return Patch(facecolor="white", edgecolor=INK, linewidth=0.4, hatch="....", label=label)


def line_key(label: str) -> Any:
    """Return a legend entry for an outline.

    Parameters
    ----------
    label : str
        Its text.

    Returns
    -------
    matplotlib.lines.Line2D
        The entry.
    """
    from matplotlib.lines import Line2D

    return Line2D([], [], color=INK, linewidth=1.1, label=label)


def legend_beside(axes: Any, scheme: ClassScheme, further: Sequence[Any], title: str) -> None:
    """Explain classes in a legend right of a map.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        The map.
    scheme : ClassScheme
        The classes.
    further : sequence of artists
        Entries after them.
    title : str
        What the classes are.
    """
    entries = [patch_key(*pair) for pair in zip(scheme.labels, scheme.colours, strict=True)]
    legend = axes.legend(
        handles=[*entries, *further], loc="upper left", bbox_to_anchor=(1.02, 1.0),
        borderaxespad=0, frameon=False, fontsize=TICK_SIZE, labelcolor=INK, title=title or None,
        title_fontsize=LABEL_SIZE, alignment="left", handlelength=1.4, handleheight=1.1,
        labelspacing=0.45,
    )  # fmt: skip
    legend.get_title().set_color(INK)


def explain_below(
    axes: Any, keys: Sequence[Any], note: str | None, *, below: float = 0.0, columns: int = 4
) -> None:
    """Explain what lies on a map in a line of keys under it, and a note under that.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        The map.
    keys : sequence of artists
        Entries; no legend is drawn without any.
    note : str or None
        Small text.
    below : float
        Inches to leave free, beside the room of ticks.
    columns : int
        Entries in a line.
    """
    drop = below + (0.5 if axes.get_xlabel() else 0.36)
    if note:
        lines = 0 if not keys else -(-len(keys) // columns)
        axes.text(
            0.0, 0.0, note, transform=_below(axes, drop + 0.2 * lines + 0.02 * bool(keys)),
            ha="left", va="top", fontsize=NOTE_SIZE, color=MUTED, linespacing=1.35,
        )  # fmt: skip
    if keys:
        axes.legend(
            handles=list(keys), loc="upper left", bbox_to_anchor=(0.0, 0.0), frameon=False,
            bbox_transform=_below(axes, drop), borderaxespad=0, borderpad=0, fontsize=TICK_SIZE,
            labelcolor=INK, ncols=min(columns, len(keys)), handlelength=1.6, columnspacing=1.6,
        )  # fmt: skip


def _below(axes: Any, inches: float) -> Any:
    from matplotlib.transforms import ScaledTranslation

    down = ScaledTranslation(0, -inches, axes.figure.dpi_scale_trans)
    return axes.transAxes + down
