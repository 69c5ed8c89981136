"""How the values of a raster are distributed: a histogram, or the area of each class."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import xarray as xr

from mineeco_xr.chunks import reduce_blocks
from mineeco_xr.cube import cell_area, geobox_of
from mineeco_xr.errors import ParameterError
from mineeco_xr.report.classes import ClassScheme, class_scheme
from mineeco_xr.report.overview import is_discrete
from mineeco_xr.report.style import (
    INK,
    LABEL_SIZE,
    LINE_COLOURS,
    MUTED,
    NOTE_SIZE,
    TICK_SIZE,
    WIDTH,
    data_label,
    dress,
    new_figure,
    sentence,
    set_title,
)

FINE_BINS = 8192
"""Bins of the first pass, from which limits and quantiles are read."""
TAIL = 0.001
"""Share of the cells that the picture leaves out at either end."""
WHISKERS = 5.0
"""How many interquartile ranges beyond the quartiles it reaches at most."""
ZOOMS = 4
"""Most passes that look for the quartiles."""


def histogram_figure(
    data: xr.DataArray,
    *,
    bins: int = 60,
    title: str | None = None,
    label: str | None = None,
    classes: Mapping[int, Any] | None = None,
    colour: str = LINE_COLOURS[0],
    width: float = WIDTH,
) -> Any:
    """Draw how the values of a raster are distributed.

    A quantity gets a histogram with its median, mean and quartiles; classes get a bar each,
    as long as their area.

    Parameters
    ----------
    data : xarray.DataArray
        Dims ``(y, x)``; a quantity may have a further dim, over whose steps it is counted.
    bins : int
        Bars of a histogram. It spans the 0.1th to the 99.9th percentile, but at most five
        interquartile ranges beyond the quartiles; the key says what share lies outside.
    title : str, optional
        Over the figure.
    label : str, optional
        What is measured, without unit; default ``attrs["long_name"]`` or the name.
    classes : mapping of int to str or (str, str), optional
        As for :func:`map_figure`.
    colour : str
        Of the bars of a quantity.
    width : float
        Of the figure, in inches.

    Returns
    -------
    matplotlib.figure.Figure
        On the Agg canvas, unknown to pyplot.

    Raises
    ------
    ParameterError
        If ``bins`` is below 1, or classes have more dims than ``(y, x)``.
    GridMismatch
        If the raster has no grid.

    Notes
    -----
    Every cell counts, not those of an overview: three passes of *reduce*, and up to three more
    where outliers make the first bins too wide.
    """
    if bins < 1:
        raise ParameterError(f"bins is {bins}: give at least 1.")
    geobox_of(data)
    figure = new_figure(width, width * 0.45)
    axes = figure.add_subplot()
    set_title(axes, title)
    scheme, areas = _class_areas(data, classes)
    if scheme is not None:
        figure.set_figheight(0.8 + 0.27 * len(scheme.values) + 0.3 * bool(title))
        _draw_classes(axes, scheme, areas, sentence(data_label(data, label)))
    else:
        _draw_quantity(axes, data, bins, data_label(data, label), colour)
    return figure


def _class_areas(
    data: xr.DataArray, classes: Mapping[int, Any] | None
) -> tuple[ClassScheme | None, Mapping[int, float]]:
    if classes is None and not is_discrete(data):
        return None, {}
    if set(data.dims) != {"y", "x"}:
        raise ParameterError(f"classes have dims {tuple(data.dims)}: select one map (y, x).")
    rows = xr.DataArray(cell_area(geobox_of(data)).values, dims=("y",))
    bare = data.drop_vars(list(data.coords)).transpose("y", "x")
    areas = reduce_blocks(
        _areas_of_block, _merge_areas, bare, rows, parameters={"fill": _fill_of(data)}
    ).compute()
    present = np.array(sorted(areas))
    return class_scheme(data, present, classes), areas


def _fill_of(data: xr.DataArray) -> float | None:
    fill = data.attrs.get("_FillValue", data.encoding.get("_FillValue"))
    return None if fill is None else float(fill)


def _valid(block: np.ndarray, fill: float | None) -> np.ndarray:
    if block.dtype.kind == "f":
        valid: np.ndarray = np.isfinite(block)
        return valid if fill is None else valid & (block != fill)
    return np.ones(block.shape, dtype=bool) if fill is None else block != fill


def _areas_of_block(
    block: np.ndarray, area: np.ndarray, *, shared: Any, fill: float | None
) -> dict[int, float]:
    valid: np.ndarray = _valid(block, fill)
    codes, ranks = np.unique(block[valid], return_inverse=True)
    sums = np.bincount(ranks.ravel(), weights=np.broadcast_to(area, block.shape)[valid])
    return {int(code): float(total) for code, total in zip(codes, sums, strict=False)}


def _merge_areas(parts: list[dict[int, float]]) -> dict[int, float]:
    merged: dict[int, float] = {}
    for part in parts:
        for code, area in part.items():
            merged[code] = merged.get(code, 0.0) + area
    return merged


def _extremes_of_block(block: np.ndarray, *, shared: Any, fill: float | None) -> tuple[float, ...]:
    values = block[_valid(block, fill)]
    if not values.size:
        return 0.0, np.inf, -np.inf, 0.0
    return (
        float(values.size), float(values.min()), float(values.max()),
        float(values.sum(dtype="float64")),
    )  # fmt: skip


def _merge_extremes(parts: list[tuple[float, ...]]) -> tuple[float, ...]:
    counts, least, most, sums = zip(*parts, strict=True)
    return sum(counts), min(least), max(most), sum(sums)


def _counts_of_block(block: np.ndarray, *, shared: Any, fill: float | None) -> np.ndarray:
    low, high, bins = shared
    values = block[_valid(block, fill)].astype("float64")
    below = np.count_nonzero(values < low)
    inside = np.histogram(values, bins=bins, range=(low, high))[0]
    return np.concatenate([[below], inside])


def _merge_counts(parts: list[np.ndarray]) -> np.ndarray:
    return np.asarray(np.sum(parts, axis=0))


def _draw_quantity(axes: Any, data: xr.DataArray, bins: int, label: str, colour: str) -> None:
    from matplotlib.ticker import ScalarFormatter

    dress(axes)
    axes.set_xlabel(label, fontsize=LABEL_SIZE, color=INK)
    axes.set_ylabel("Share of cells (%)", fontsize=LABEL_SIZE, color=INK)
    bare = data.drop_vars(list(data.coords))
    parameters = {"fill": _fill_of(data)}
    count, least, most, total = reduce_blocks(
        _extremes_of_block, _merge_extremes, bare, parameters=parameters
    ).compute()
    if not count:
        axes.text(0.5, 0.5, "no valid cells", transform=axes.transAxes, ha="center", va="center",
                  fontsize=LABEL_SIZE, color=MUTED)  # fmt: skip
        return

    def counted(low: float, high: float, bins: int) -> np.ndarray:
        lazy = reduce_blocks(
            _counts_of_block, _merge_counts, bare, shared=(low, high, bins), parameters=parameters
        )
        return np.asarray(lazy.compute())

    low, lower, median, upper, high = _quantiles(counted, least, most, count)
    pad = 0.0 if low < high else abs(low) * 0.05 or 0.5
    edges = np.linspace(low - pad, high + pad, bins + 1)
    heights = counted(low - pad, high + pad, bins)[1:] / count * 100
    axes.axvspan(lower, upper, color=colour, alpha=0.10, linewidth=0, zorder=0)
    axes.stairs(heights, edges, fill=True, color=colour, alpha=0.85, linewidth=0, zorder=2)
    mean = total / count
    for value, style in ((median, "solid"), (mean, (0, (4, 2)))):
        axes.axvline(value, color=INK, linewidth=1.0, linestyle=style, zorder=3)
    formatter = ScalarFormatter(useMathText=True)
    formatter.set_powerlimits((-3, 5))
    axes.xaxis.set_major_formatter(formatter)
    axes.set_xlim(edges[0], edges[-1])
    axes.set_ylim(bottom=0)
    axes.grid(axis="y", color="#e6e8eb", linewidth=0.6)
    axes.set_axisbelow(True)
    outside = max(0.0, 100 - heights.sum())
    beyond = f", {outside:.2g} % of them beyond the axis" if outside >= 0.005 else ""
    _statistics_key(axes, median, mean, (lower, upper), f"{int(count):,} cells{beyond}", colour)


def _quantiles(
    counted: Callable[[float, float, int], np.ndarray], least: float, most: float, count: float
) -> tuple[float, float, float, float, float]:
    """Return the lower end, the quartiles and the upper end of what is to be shown."""
    if least == most:
        return least, least, least, least, least
    low, high = least, most
    for _ in range(ZOOMS):
        fine = np.linspace(low, high, FINE_BINS + 1)
        share = np.cumsum(counted(low, high, FINE_BINS)) / count
        first, last = np.searchsorted(share, [0.25, 0.75])
        if last - first >= FINE_BINS // 100:
            break
        # Outliers stretch the bins: look again at those around the quartiles alone.
        room = int(2 * WHISKERS) * (last - first + 1)
        low, high = fine[max(first - 1 - room, 0)], fine[min(last + room, FINE_BINS)]
    start, lower, median, upper, end = np.interp([TAIL, 0.25, 0.5, 0.75, 1 - TAIL], share, fine)
    reach = WHISKERS * (upper - lower)
    if reach > 0:
        start, end = max(start, lower - reach), min(end, upper + reach)
    return float(start), float(lower), float(median), float(upper), float(end)


def _statistics_key(
    axes: Any, median: float, mean: float, quartiles: tuple[float, float], cells: str, colour: str
) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    entries = [
        Line2D([], [], color=INK, linewidth=1.0, label=f"median {median:.4g}"),
        Line2D([], [], color=INK, linewidth=1.0, linestyle=(0, (4, 2)), label=f"mean {mean:.4g}"),
        Patch(facecolor=colour, alpha=0.18,
              label=f"middle half {quartiles[0]:.4g} to {quartiles[1]:.4g}"),
    ]  # fmt: skip
    legend = axes.legend(
        title=cells, title_fontsize=NOTE_SIZE, alignment="left",
        handles=entries, loc="lower left", bbox_to_anchor=(0, 1.0), ncols=3, frameon=False,
        fontsize=NOTE_SIZE, labelcolor=INK, handlelength=1.8, columnspacing=1.4, borderpad=0.2,
    )  # fmt: skip
    legend.get_title().set_color(MUTED)


def _draw_classes(axes: Any, scheme: ClassScheme, areas: Mapping[int, float], label: str) -> None:
    dress(axes)
    axes.spines["left"].set_visible(False)
    total = sum(areas.values())
    largest = max(areas.values(), default=0.0)
    unit, factor = ("km²", 1e6) if largest >= 1e6 else ("ha", 1e4)
    rows = np.arange(len(scheme.values))
    sizes = [areas.get(value, 0.0) / factor for value in scheme.values]
    axes.barh(rows, sizes, height=0.72, color=scheme.colours, edgecolor="#8c959f", linewidth=0.4)
    for row, size in zip(rows, sizes, strict=True):
        share = size * factor / total if total else 0.0
        axes.annotate(
            f"{size:,.4g} {unit}  ({share:.1%})".replace("%", " %"), (size, row), xytext=(4, 0),
            textcoords="offset points", va="center", fontsize=NOTE_SIZE, color=INK,
        )  # fmt: skip
    axes.set_yticks(rows, scheme.labels)
    axes.tick_params(axis="y", length=0, labelsize=TICK_SIZE)
    axes.invert_yaxis()
    axes.set_xlim(0, (largest / factor or 1.0) * 1.25)
    axes.set_xlabel(f"Area ({unit})", fontsize=LABEL_SIZE, color=INK)
    axes.set_ylabel(label, fontsize=LABEL_SIZE, color=INK)
