"""The frame of a map: its aspect, and ticks in degrees or kilometres."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from mineeco_xr.report.style import INK, LABEL_SIZE, dress

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox


def is_geographic(grid: GeoBox) -> bool:
    """Tell whether a grid is in degrees.

    Parameters
    ----------
    grid : odc.geo.geobox.GeoBox
        Any grid.

    Returns
    -------
    bool
        False also for a grid without reference system.
    """
    return grid.crs is not None and bool(grid.crs.geographic)


def map_aspect(grid: GeoBox) -> float:
    """Return how much longer a unit of y is drawn than one of x.

    Parameters
    ----------
    grid : odc.geo.geobox.GeoBox
        Projected or geographic.

    Returns
    -------
    float
        1 on a projected grid, ``1 / cos(latitude)`` of the centre on a geographic one.
    """
    if not is_geographic(grid):
        return 1.0
    middle = (grid.boundingbox.bottom + grid.boundingbox.top) / 2
    return 1.0 / max(math.cos(math.radians(middle)), 0.05)


def frame_map(axes: Any, view: GeoBox, *, ticks: bool = True) -> None:
    """Set limits, aspect, ticks and frame of a map.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        The axes.
    view : odc.geo.geobox.GeoBox
        What the map shows.
    ticks : bool
        Label the axes.
    """
    box = view.boundingbox
    axes.set_xlim(box.left, box.right)
    axes.set_ylim(box.bottom, box.top)
    axes.set_aspect(map_aspect(view))
    dress(axes, frame=True)
    if not ticks:
        axes.set_xticks([])
        axes.set_yticks([])
    elif is_geographic(view):
        _degree_ticks(axes)
    else:
        _distance_ticks(axes, view)


def _locator(span: float, longest: float, most: int) -> Any:
    from matplotlib.ticker import MaxNLocator

    count = max(2, min(most, round(most * span / longest)))
    return MaxNLocator(nbins=count, steps=[1, 2, 2.5, 5, 10])


def _degree_ticks(axes: Any) -> None:
    from matplotlib.ticker import FuncFormatter

    for axis, limits, (plus, minus) in (
        (axes.xaxis, axes.get_xlim(), "EW"),
        (axes.yaxis, axes.get_ylim(), "NS"),
    ):
        span = limits[1] - limits[0]
        axis.set_major_locator(_locator(span, _longest(axes), 5))
        steps = np.diff(axis.get_major_locator().tick_values(*limits))
        decimals = _decimals(float(steps[0])) if steps.size else 2

        def text(value: float, _: Any, p: str = plus, m: str = minus, d: int = decimals) -> str:
            letter = p if value > 0 else m if value < 0 else ""
            return f"{abs(value):.{d}f}°{letter}"

        axis.set_major_formatter(FuncFormatter(text))


def _decimals(step: float) -> int:
    """Return how many decimals tell neighbouring ticks apart exactly."""
    return next((d for d in range(8) if abs(round(step, d) - step) < 1e-6 * step), 8)


def _longest(axes: Any) -> float:
    left, right = axes.get_xlim()
    bottom, top = axes.get_ylim()
    return float(max(right - left, top - bottom))


def _distance_ticks(axes: Any, grid: GeoBox) -> None:
    from matplotlib.ticker import FuncFormatter

    axis_info = grid.crs.proj.axis_info if grid.crs is not None else []
    metric = bool(axis_info) and axis_info[0].unit_name in {"metre", "meter"}
    unit = "m" if metric else (axis_info[0].unit_name if axis_info else "")
    factor = 1.0
    if metric and _longest(axes) >= 2000:
        unit, factor = "km", 1000.0
    for axis, limits, name in (
        (axes.xaxis, axes.get_xlim(), "Easting"),
        (axes.yaxis, axes.get_ylim(), "Northing"),
    ):
        axis.set_major_locator(_locator(limits[1] - limits[0], _longest(axes), 6))
        steps = np.diff(axis.get_major_locator().tick_values(*limits)) / factor
        decimals = _decimals(float(steps[0])) if steps.size else 0

        def text(value: float, _: Any, f: float = factor, d: int = decimals) -> str:
            return f"{value / f:.{d}f}"

        axis.set_major_formatter(FuncFormatter(text))
        axis.set_label_text(f"{name} ({unit})", fontsize=LABEL_SIZE, color=INK)
