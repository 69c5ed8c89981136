"""Small multiples: one map a year, all in one scale."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from mineeco_xr.cube import geobox_of
from mineeco_xr.errors import ParameterError
from mineeco_xr.report.classes import ClassScheme, class_scheme
from mineeco_xr.report.colours import Scale, value_scale
from mineeco_xr.report.frame import frame_map
from mineeco_xr.report.overview import is_discrete, north_up, overview, valid_values, valid_view
from mineeco_xr.report.picture import (
    BAR_INCHES,
    colour_bar,
    draw_classes,
    draw_quantity,
    map_inches,
    patch_key,
)
from mineeco_xr.report.scalebar import add_scale_bar_below
from mineeco_xr.report.style import (
    INK,
    LABEL_SIZE,
    NODATA,
    TICK_SIZE,
    TITLE_SIZE,
    WIDTH,
    data_label,
    new_figure,
    wrapped,
)


def panel_figure(
    data: xr.DataArray,
    dim: str = "time",
    columns: int = 5,
    *,
    title: str | None = None,
    label: str | None = None,
    cmap: Any = None,
    robust: bool = True,
    diverging: bool | None = None,
    limits: tuple[float, float] | None = None,
    classes: Mapping[int, Any] | None = None,
    scale_bar: bool = True,
    crop: bool = True,
    most: int = 400,
    width: float = WIDTH,
) -> Any:
    """Draw one small map a step of a dimension, all in one scale.

    Parameters
    ----------
    data : xarray.DataArray
        Dims ``(dim, y, x)``.
    dim : str
        The dimension to walk along.
    columns : int
        Maps in a row.
    title : str, optional
        Over all maps.
    label, cmap, robust, diverging, limits, classes
        As for :func:`map_figure`; limits are found over all steps.
    scale_bar : bool
        Draw a scale bar under the maps.
    crop : bool
        Leave out margins without data in any step.
    most : int
        Cells a side that a map has at most.
    width : float
        Of the figure, in inches.

    Returns
    -------
    matplotlib.figure.Figure
        On the Agg canvas, unknown to pyplot.

    Raises
    ------
    ParameterError
        If the dims are others, or ``columns`` is below 1.
    GridMismatch
        If the raster has no grid.
    """
    if set(data.dims) != {dim, "y", "x"}:
        raise ParameterError(
            f"data has dims {tuple(data.dims)}, panels need ({dim!r}, 'y', 'x'): reduce the others."
        )
    if columns < 1 or not data.sizes[dim]:
        raise ParameterError(f"columns is {columns} and {dim!r} has {data.sizes[dim]} steps.")
    data = north_up(data)
    thin = overview(data, most).transpose(dim, "y", "x").compute()
    values = valid_values(thin)
    valid = np.logical_not(np.ma.getmaskarray(values))
    view = geobox_of(data)
    if crop:
        view = valid_view(data, thin.isel({dim: 0}), np.any(valid, axis=0))[0]

    columns = min(columns, data.sizes[dim])
    rows = -(-data.sizes[dim] // columns)
    inches = map_inches(view, (width - 1.0) / columns - 0.08, 4.0)
    scheme = None
    if classes is not None or is_discrete(data):
        scheme = class_scheme(data, np.unique(values.compressed()), classes, cmap)
    height = rows * (inches[1] + 0.3) + 0.25 + 0.35 * bool(title) + 0.5 * (scheme is not None)
    figure = new_figure(width, max(height, 1.8), layout="compressed")
    figure.get_layout_engine().set(w_pad=0.03, h_pad=0.03, wspace=0.01, hspace=0.01)
    grid = figure.subplots(rows, columns, squeeze=False)
    scale: Scale | None = None
    if scheme is None and values.count():
        scale = value_scale(
            data, values.compressed(),
            cmap=cmap, robust=robust, diverging=diverging, limits=limits,
        )  # fmt: skip
    image = None
    for index, axes in enumerate(grid.flat):
        if index >= data.sizes[dim]:
            axes.set_visible(False)
            continue
        step = thin.isel({dim: index})
        if scheme is not None:
            draw_classes(axes, step, values[index], scheme)
        else:
            image = draw_quantity(
                axes, step, values[index], scale or Scale(0.0, 1.0, "viridis", "neither")
            )
        frame_map(axes, view, ticks=False)
        axes.set_title(step_names(data[dim])[index], fontsize=TICK_SIZE, color=INK, pad=2.5)
    if scale_bar:
        add_scale_bar_below(grid[-1, 0], view)
    if title:
        figure.suptitle(
            wrapped(title, width, TITLE_SIZE * 1.12), x=0.005, ha="left", fontsize=TITLE_SIZE,
            fontweight="bold", color=INK,
        )  # fmt: skip
    _explain(figure, grid, image, scheme, scale, data_label(data, label), valid, rows * inches[1])
    return figure


def _explain(
    figure: Any, grid: Any, image: Any, scheme: ClassScheme | None, scale: Scale | None,
    label: str, valid: np.ndarray, height: float,
) -> None:  # fmt: skip
    if scale is not None:
        length = min(height, 4.5)
        shown = wrapped(label, max(length, 1.6))
        colour_bar(
            figure, image, grid, shown, scale, aspect=length / BAR_INCHES,
            shrink=min(1.0, length / height), fraction=0.03, pad=0.02,
        )  # fmt: skip
    entries = []
    if scheme is not None:
        entries = [patch_key(*pair) for pair in zip(scheme.labels, scheme.colours, strict=True)]
    if scheme is not None and not valid.all():
        entries.append(patch_key("no data", NODATA))
    if entries:
        legend = figure.legend(
            handles=entries, loc="outside lower left", frameon=False, fontsize=TICK_SIZE,
            labelcolor=INK, ncols=min(len(entries), 5), handlelength=1.4, columnspacing=1.4,
            title=label or None, title_fontsize=LABEL_SIZE, alignment="left",
        )  # fmt: skip
        legend.get_title().set_color(INK)


def step_names(steps: xr.DataArray) -> list[str]:
    """Name the steps of a dimension as shortly as keeps them apart.

    Parameters
    ----------
    steps : xarray.DataArray
        A coordinate.

    Returns
    -------
    list of str
        Years where dates fall in different years, else months or days; other values as text.
    """
    if np.issubdtype(steps.dtype, np.datetime64):
        dates = pd.DatetimeIndex(steps.values)
        for pattern in ("%Y", "%Y-%m", "%Y-%m-%d"):
            names = [str(name) for name in dates.strftime(pattern)]
            if len(set(names)) == len(names):
                return names
        return [str(date) for date in dates]
    return [str(value) for value in steps.values.tolist()]
