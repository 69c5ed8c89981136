"""A scale bar of true ground length, and the north arrow beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mineeco_xr.errors import GridMismatch
from mineeco_xr.report.style import INK, NOTE_SIZE, round_below

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

SCALE_BAR_SHARE = 0.3
"""Longest scale bar, as a share of the width of the map."""


class ScaleBar(NamedTuple):
    """A scale bar: its length on the ground, on the map, and in words."""

    metres: float
    map_units: float
    label: str


def ground_per_unit(grid: GeoBox) -> float:
    """Return the metres on the ground of one map unit eastwards at the centre of a grid.

    Parameters
    ----------
    grid : odc.geo.geobox.GeoBox
        Projected or geographic.

    Returns
    -------
    float
        On the ellipsoid of the reference system, so that it is true at the centre latitude of
        a geographic grid and free of the scale of a projection.
    """
    from pyproj import Transformer

    crs = grid.crs.proj if grid.crs is not None else None
    if crs is None:
        raise GridMismatch("the grid has no coordinate reference system: a map needs one.")
    box = grid.boundingbox
    x, y = (box.left + box.right) / 2, (box.bottom + box.top) / 2
    half = abs(box.right - box.left) * 5e-4
    if crs.geodetic_crs is None:
        return float(crs.axis_info[0].unit_conversion_factor)
    to_degrees = Transformer.from_crs(crs, crs.geodetic_crs, always_xy=True)
    longitudes, latitudes = to_degrees.transform([x - half, x + half], [y, y])
    geod = crs.get_geod()
    if geod is None or not np.isfinite([longitudes, latitudes]).all():
        return float(crs.axis_info[0].unit_conversion_factor)
    metres = geod.inv(longitudes[0], latitudes[0], longitudes[1], latitudes[1])[2]
    return float(metres / (2 * half))


def scale_bar_for(grid: GeoBox) -> ScaleBar:
    """Return a scale bar of a round length that suits the width of a grid.

    Parameters
    ----------
    grid : odc.geo.geobox.GeoBox
        Projected or geographic.

    Returns
    -------
    ScaleBar
        1, 2 or 5 times a power of ten metres, at most three tenths of the width.
    """
    per_unit = ground_per_unit(grid)
    width = abs(grid.boundingbox.right - grid.boundingbox.left) * per_unit
    metres = round_below(SCALE_BAR_SHARE * width)
    label = f"{metres / 1000:g} km" if metres >= 1000 else f"{metres:g} m"
    return ScaleBar(metres, metres / per_unit, label)


def add_scale_bar(axes: Any, view: GeoBox, valid: np.ndarray | None = None) -> None:
    """Draw a scale bar and a north arrow in the corner that hides least data.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        A framed map.
    view : odc.geo.geobox.GeoBox
        What the map shows.
    valid : numpy.ndarray, optional
        Booleans of the picture, first row in the north.
    """
    from matplotlib.offsetbox import AnchoredOffsetbox, DrawingArea, HPacker, VPacker
    from matplotlib.patches import Polygon
    from matplotlib.text import Text

    bar = scale_bar_for(view)
    arrow = DrawingArea(9, 19)
    arrow.add_artist(Polygon([(4.5, 11), (1.2, 0), (4.5, 2.6)], closed=True,
                             facecolor=INK, edgecolor=INK, linewidth=0.6))  # fmt: skip
    arrow.add_artist(Polygon([(4.5, 11), (7.8, 0), (4.5, 2.6)], closed=True,
                             facecolor="white", edgecolor=INK, linewidth=0.6))  # fmt: skip
    arrow.add_artist(
        Text(4.5, 12.2, "N", ha="center", va="bottom", fontsize=NOTE_SIZE, color=INK,
             fontweight="bold")
    )  # fmt: skip
    ruler = VPacker(children=list(_ruler(axes, bar, 0.045)), align="center", pad=0, sep=2)
    packed = HPacker(
        children=[arrow, ruler],
        align="bottom", pad=0, sep=6,
    )  # fmt: skip
    box = AnchoredOffsetbox(
        loc=_emptiest_corner(valid), child=packed, pad=0.35, borderpad=0.5, frameon=True
    )
    box.patch.set(facecolor="white", edgecolor="none", alpha=0.82)
    box.patch.set_boxstyle("round,pad=0,rounding_size=0.25")
    box.set_gid("scale-bar")
    box.set_zorder(6)
    axes.add_artist(box)


def add_scale_bar_below(axes: Any, view: GeoBox) -> None:
    """Draw a small scale bar under a map, where it hides nothing.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        A framed map without tick labels.
    view : odc.geo.geobox.GeoBox
        What the map shows.
    """
    from matplotlib.offsetbox import AnchoredOffsetbox, HPacker

    bar = scale_bar_for(view)
    packed = HPacker(children=list(_ruler(axes, bar, 0.03)), align="center", pad=0, sep=4)
    box = AnchoredOffsetbox(
        loc="upper left", child=packed, pad=0, borderpad=0.3, frameon=False,
        bbox_to_anchor=(0, 0), bbox_transform=axes.transAxes,
    )  # fmt: skip
    box.set_gid("scale-bar")
    box.set_clip_on(False)
    axes.add_artist(box)


def _ruler(axes: Any, bar: ScaleBar, height: float) -> tuple[Any, Any]:
    """Return the bar itself, ``height`` inches thick, and its label."""
    from matplotlib.offsetbox import AuxTransformBox, TextArea
    from matplotlib.patches import Rectangle
    from matplotlib.transforms import blended_transform_factory

    ruler = AuxTransformBox(blended_transform_factory(axes.transData, axes.figure.dpi_scale_trans))
    for start, colour in ((0.0, INK), (0.5, "white")):
        ruler.add_artist(
            Rectangle((start * bar.map_units, 0), bar.map_units / 2, height,
                      facecolor=colour, edgecolor=INK, linewidth=0.6)
        )  # fmt: skip
    return ruler, TextArea(bar.label, textprops={"fontsize": NOTE_SIZE, "color": INK})


def _emptiest_corner(valid: np.ndarray | None) -> str:
    corners = ("lower left", "lower right", "upper right", "upper left")
    if valid is None:
        return corners[0]
    rows = max(1, round(valid.shape[0] * 0.2))
    columns = max(1, round(valid.shape[1] * 0.35))
    shares = [
        valid[
            slice(None, rows) if corner.startswith("upper") else slice(-rows, None),
            slice(None, columns) if corner.endswith("left") else slice(-columns, None),
        ].mean()
        for corner in corners
    ]
    return corners[int(np.argmin(shares))]
