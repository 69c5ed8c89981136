"""Lines over the years, one a zone, with their spread, their trend and the dates that matter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from mineeco_xr.errors import SchemaError
from mineeco_xr.report.columns import require_columns
from mineeco_xr.report.spacing import spread_apart
from mineeco_xr.report.style import (
    INK,
    LABEL_SIZE,
    LINE_COLOURS,
    MUTED,
    NOTE_SIZE,
    TICK_SIZE,
    TITLE_SIZE,
    WIDTH,
    dress,
    label_with_units,
    new_figure,
    pretty_units,
    sentence,
    set_title,
    wrapped,
)
from mineeco_xr.report.timeaxis import (
    decimal_years,
    is_dated,
    mark_number,
    time_numbers,
    to_dates,
    year_axis,
)

MOST_LINES = 8
"""With more zones than this, each gets a small figure of its own."""
_MARK_STYLES = ((0, (1, 1.5)), (0, (5, 2)), (0, (5, 1.5, 1, 1.5)), "solid")


@dataclass(frozen=True)
class _Line:
    """One zone's series, in the order of time."""

    zone: str
    x: np.ndarray
    years: np.ndarray
    value: np.ndarray
    low: np.ndarray | None
    high: np.ndarray | None
    marks: Mapping[str, float]
    dated: bool


def series_figure(
    table: pd.DataFrame,
    *,
    value: str,
    spread: str | tuple[str, str] | None = None,
    label: str | None = None,
    units: str | None = None,
    title: str | None = None,
    zone: str = "zone",
    time: str = "time",
    marks: Mapping[str, Mapping[str, Any]] | pd.DataFrame | None = None,
    trend: bool = False,
    columns: int = 3,
    width: float = WIDTH,
) -> Any:
    """Draw a value over time, one line a zone.

    Up to eight zones share one pair of axes, each named at the end of its line; more become
    small multiples, each line before the others in grey.

    Parameters
    ----------
    table : pandas.DataFrame
        Tidy: a row a zone and time.
    value : str
        Column of the values.
    spread : str or (str, str), optional
        Column of a deviation, drawn as a band around the value, or columns of the lower and
        the upper edge of the band.
    label : str, optional
        What the values are; default the column's name.
    units : str, optional
        CF unit of the values; default ``table.attrs["units"]``, where that names ``value``.
    title : str, optional
        Over the figure.
    zone, time : str
        Columns of zones and of times; times are dates or whole years.
    marks : mapping or pandas.DataFrame, optional
        Dates to mark for each zone: ``{zone: {"disposal_start": date, ...}}``, or a table with
        the zone's column and one column a kind of date.
    trend : bool
        Add the Theil-Sen line of each zone, and its slope a year to the zone's name.
    columns : int
        Small multiples in a row.
    width : float
        Of the figure, in inches.

    Returns
    -------
    matplotlib.figure.Figure
        On the Agg canvas, unknown to pyplot.

    Raises
    ------
    SchemaError
        If a column is missing, or a zone has one time twice.
    ParameterError
        If the table is empty.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"zone": ["pit"] * 3, "time": [2001, 2002, 2003], "mean": [1, 3, 2]})
    >>> series_figure(table, value="mean", label="NPP", units="gC m-2").axes[0].get_ylabel()
    'NPP (gC m⁻²)'
    """
    lines = _lines(table, value, spread, zone, time, _mark_mapping(marks, zone))
    if units is None:
        known = table.attrs.get("units")
        units = known.get(value) if isinstance(known, Mapping) else None
    shown = label_with_units(label or sentence(value.replace("_", " ")), units)
    kinds = list(dict.fromkeys(kind for line in lines for kind in line.marks))
    draw = _draw_together if len(lines) <= MOST_LINES else _draw_apart
    slope_units = pretty_units(f"{units or ''} yr-1".strip()) if trend else None
    return draw(
        lines, shown, title=title, kinds=kinds, slope_units=slope_units, width=width,
        columns=columns,
    )  # fmt: skip


def _mark_mapping(marks: Any, zone: str) -> Mapping[str, Mapping[str, Any]]:
    if marks is None:
        return {}
    if isinstance(marks, pd.DataFrame):
        if zone not in marks.columns:
            raise SchemaError(f"marks have no column {zone!r}; they have {list(marks.columns)}.")
        kinds = [
            kind for kind in marks.columns
            if kind != zone and (pd.api.types.is_datetime64_any_dtype(marks[kind])
                                 or pd.api.types.is_numeric_dtype(marks[kind]))
        ]  # fmt: skip
        return {
            str(row[zone]): {str(kind): row[kind] for kind in kinds if pd.notna(row[kind])}
            for _, row in marks.iterrows()
        }
    return {str(name): dict(dates) for name, dates in marks.items()}


def _lines(
    table: pd.DataFrame, value: str, spread: Any, zone: str, time: str, marks: Mapping[str, Any]
) -> list[_Line]:
    edges = [] if spread is None else [spread] if isinstance(spread, str) else list(spread)
    require_columns(table, [zone, time, value, *edges])
    if is_dated(table[time]):
        table = table.assign(**{time: to_dates(table[time])})
    lines = []
    for name, rows in table.groupby(zone, sort=False, observed=True):
        rows = rows.sort_values(time)
        if rows[time].duplicated().any():
            raise SchemaError(
                f"zone {name!r} has {rows[time][rows[time].duplicated()].iloc[0]} twice in "
                f"{time!r}: choose one row a zone and time."
            )
        middle = rows[value].to_numpy("float64", na_value=np.nan)
        low = high = None
        if len(edges) == 1:
            deviation = rows[edges[0]].to_numpy("float64", na_value=np.nan)
            low, high = middle - deviation, middle + deviation
        elif edges:
            low, high = (rows[edge].to_numpy("float64", na_value=np.nan) for edge in edges)
        dated = is_dated(rows[time])
        dates = marks.get(str(name), {})
        lines.append(
            _Line(
                str(name), time_numbers(rows[time]), decimal_years(rows[time]), middle, low, high,
                {kind: mark_number(date, dated=dated) for kind, date in dates.items()}, dated,
            )
        )  # fmt: skip
    return lines


def _draw_together(
    lines: Sequence[_Line], label: str, *, title: str | None, kinds: Sequence[str],
    slope_units: str | None, width: float, columns: int,
) -> Any:  # fmt: skip
    figure = new_figure(width, width * 0.52)
    axes = figure.add_subplot()
    names = []
    for line, colour in zip(lines, LINE_COLOURS, strict=False):
        _draw_line(axes, line, colour, kinds, width=1.6)
        slope = _draw_trend(axes, line, colour) if slope_units is not None else None
        names.append(line.zone if slope is None else f"{line.zone}  {_signed(slope)}")
    _finish(axes, lines, label, width * 0.75)
    set_title(axes, title)
    _end_labels(axes, lines, names, figure.get_figheight() * 0.8)
    _mark_legend(figure, kinds, slope_units)
    return figure


def _draw_apart(
    lines: Sequence[_Line], label: str, *, title: str | None, kinds: Sequence[str],
    slope_units: str | None, width: float, columns: int,
) -> Any:  # fmt: skip
    rows = -(-len(lines) // columns)
    figure = new_figure(width, rows * 1.25 + 0.45 + 0.3 * bool(title))
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    for index, axes in enumerate(grid.flat):
        if index >= len(lines):
            axes.set_visible(False)
            continue
        for other in lines:
            axes.plot(other.x, other.value, color="#d5d8dc", linewidth=0.6, zorder=1)
        line = lines[index]
        _draw_line(axes, line, LINE_COLOURS[0], kinds, width=1.4)
        slope = _draw_trend(axes, line, LINE_COLOURS[1]) if slope_units is not None else None
        _finish(axes, lines, "", width / columns * 0.85)
        axes.set_title(wrapped(line.zone, width / columns, TICK_SIZE), loc="left",
                       fontsize=TICK_SIZE, color=INK, fontweight="bold", pad=3)  # fmt: skip
        if slope is not None:
            axes.set_title(_signed(slope), loc="right", fontsize=NOTE_SIZE,
                           color=LINE_COLOURS[1], pad=3)  # fmt: skip
        below = index + columns
        axes.tick_params(labelbottom=below >= len(lines), labelleft=index % columns == 0)
    figure.supylabel(label, fontsize=LABEL_SIZE, color=INK)
    if title:
        figure.suptitle(title, x=0.005, ha="left", fontsize=TITLE_SIZE, fontweight="bold",
                        color=INK)  # fmt: skip
    _mark_legend(figure, kinds, slope_units)
    return figure


def _draw_line(axes: Any, line: _Line, colour: str, kinds: Sequence[str], *, width: float) -> None:
    if line.low is not None and line.high is not None:
        axes.fill_between(
            line.x, line.low, line.high, color=colour, alpha=0.16, linewidth=0, zorder=2
        )
    axes.plot(
        line.x, line.value, color=colour, linewidth=width, marker="o", markersize=2.6,
        markeredgewidth=0, zorder=3, label=line.zone, solid_joinstyle="round",
    )  # fmt: skip
    for kind, date in line.marks.items():
        axes.axvline(
            date, color=colour, linewidth=1.0, alpha=0.85, zorder=1.5, gid="mark",
            linestyle=_MARK_STYLES[kinds.index(kind) % len(_MARK_STYLES)],
        )  # fmt: skip


def _draw_trend(axes: Any, line: _Line, colour: str) -> float | None:
    """Draw the Theil-Sen line and return its slope a year; None below three values."""
    from scipy.stats import theilslopes

    held = np.isfinite(line.value)
    if held.sum() < 3:
        return None
    slope, intercept = theilslopes(line.value[held], line.years[held])[:2]
    ends = np.flatnonzero(held)[[0, -1]]
    axes.plot(line.x[ends], intercept + slope * line.years[ends], color=colour, linewidth=1.0,
              linestyle=(0, (4, 2)), alpha=0.9, zorder=2.5, gid="trend")  # fmt: skip
    return float(slope)


def _signed(slope: float) -> str:
    return f"{slope:+.2g}".replace("-", "\N{MINUS SIGN}")


def _finish(axes: Any, lines: Sequence[_Line], label: str, inches: float) -> None:
    from matplotlib.ticker import ScalarFormatter

    dress(axes)
    year_axis(axes, np.concatenate([line.x for line in lines]), dated=lines[0].dated, inches=inches)
    formatter = ScalarFormatter(useMathText=True)
    formatter.set_powerlimits((-3, 5))
    axes.yaxis.set_major_formatter(formatter)
    axes.grid(axis="y", color="#e6e8eb", linewidth=0.6, zorder=0)
    axes.set_axisbelow(True)
    axes.set_ylabel(label, fontsize=LABEL_SIZE, color=INK)


def _end_labels(axes: Any, lines: Sequence[_Line], names: Sequence[str], height: float) -> None:
    """Write each zone's name at the end of its line, pushed apart where they would touch."""
    low, high = axes.get_ylim()
    axes.set_ylim(low, high)
    held = [(i, line) for i, line in enumerate(lines) if np.isfinite(line.value).any()]
    ends = [float(line.value[np.isfinite(line.value)][-1]) for _, line in held]
    wanted = [(end - low) / (high - low) for end in ends]
    sizes = [TICK_SIZE * 1.3 / 72 / height] * len(held)
    for (i, line), place, at in zip(held, spread_apart(wanted, sizes), wanted, strict=True):
        colour = LINE_COLOURS[i]
        last = float(line.x[np.isfinite(line.value)][-1])
        axes.annotate(
            names[i], xy=(last, low + at * (high - low)), xytext=(1.04, place),
            textcoords="axes fraction", va="center", ha="left", fontsize=TICK_SIZE, color=colour,
            annotation_clip=False, linespacing=1.15, gid="end-label",
            arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 0.6, "alpha": 0.6,
                        "shrinkA": 1, "shrinkB": 3, "relpos": (0, 0.5)},
        )  # fmt: skip


def _mark_legend(figure: Any, kinds: Sequence[str], slope_units: str | None) -> None:
    from matplotlib.lines import Line2D

    entries = [
        Line2D([], [], color=MUTED, linewidth=1.1, label=kind.replace("_", " "),
               linestyle=_MARK_STYLES[index % len(_MARK_STYLES)])
        for index, kind in enumerate(kinds)
    ]  # fmt: skip
    if slope_units is not None:
        entries.append(
            Line2D([], [], color=MUTED, linewidth=1.0, linestyle=(0, (4, 2)),
                   label=f"Theil-Sen trend, slope in {slope_units}")
        )  # fmt: skip
    if entries:
        figure.legend(
            handles=entries, loc="outside lower left", frameon=False, fontsize=TICK_SIZE,
            labelcolor=INK, ncols=4, handlelength=2.4, columnspacing=1.6,
        )  # fmt: skip
