"""Values along lines, a curve a date."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from mineeco_xr.report.colours import colour_map
from mineeco_xr.report.columns import require_columns
from mineeco_xr.report.panels import step_names
from mineeco_xr.report.style import (
    INK,
    LABEL_SIZE,
    TICK_SIZE,
    TITLE_SIZE,
    WIDTH,
    dress,
    label_with_units,
    new_figure,
    sentence,
)

MOST_CURVES = 6
"""Dates that are drawn at most; of more, the first, the last and some between."""


def profile_figure(
    table: pd.DataFrame,
    *,
    value: str,
    label: str | None = None,
    downwards: bool = False,
    title: str | None = None,
    line: str = "line",
    time: str = "time",
    width: float = WIDTH,
) -> Any:
    """Draw values along lines, small axes a line and a curve a date.

    Parameters
    ----------
    table : pandas.DataFrame
        A row a sample, as :func:`mineeco_xr.profile` gives it; ``time`` may be missing.
    value : str
        Column of the values.
    label : str, optional
        What they are; default the column's name. The unit is ``table.attrs["units"][value]``.
    downwards : bool
        Let values grow downwards, as subsidence does.
    title : str, optional
        Over the figure.
    line, time : str
        Columns of lines and of dates.
    width : float
        Of the figure, in inches.

    Returns
    -------
    matplotlib.figure.Figure
        On the Agg canvas, unknown to pyplot.

    Raises
    ------
    SchemaError
        If a column is missing.
    ParameterError
        If the table is empty.
    """
    require_columns(table, [line, "distance", value])
    lines = table[line].drop_duplicates().tolist()
    dates = table[time].drop_duplicates().sort_values().tolist() if time in table else [None]
    shown = _some(dates)
    names = _date_names(shown)
    colours = [colour_map("viridis_r")(at) for at in np.linspace(0.15, 0.95, len(shown))]
    figure = new_figure(width, 1.55 * len(lines) + 0.7 + 0.3 * bool(title))
    rows = figure.subplots(len(lines), 1, squeeze=False, sharey=True)[:, 0]
    units = (table.attrs.get("units") or {}).get(value)
    far = table["distance"].max() >= 2000
    for axes, name in zip(rows, lines, strict=True):
        own = table[table[line] == name]
        for date, text, colour in zip(shown, names, colours, strict=True):
            curve = own if date is None else own[own[time] == date]
            distance = curve["distance"] / (1000 if far else 1)
            axes.plot(distance, curve[value], color=colour, linewidth=1.5, label=text)
        dress(axes)
        axes.axhline(0, color="#8c959f", linewidth=0.6, zorder=0)
        axes.grid(axis="y", color="#e6e8eb", linewidth=0.6, zorder=0)
        axes.margins(x=0.01)
        axes.set_title(str(name), loc="left", fontsize=LABEL_SIZE, color=INK, pad=3)
    rows[-1].set_xlabel(f"Distance ({'km' if far else 'm'})", fontsize=LABEL_SIZE, color=INK)
    if downwards:
        rows[0].invert_yaxis()
    figure.supylabel(
        label_with_units(label or sentence(value.replace("_", " ")), units),
        fontsize=LABEL_SIZE, color=INK,
    )  # fmt: skip
    if title:
        figure.suptitle(title, x=0.005, ha="left", fontsize=TITLE_SIZE, fontweight="bold",
                        color=INK)  # fmt: skip
    if shown != [None]:
        handles, texts = rows[0].get_legend_handles_labels()
        figure.legend(
            handles, texts, loc="outside lower left", frameon=False, fontsize=TICK_SIZE,
            labelcolor=INK, ncols=MOST_CURVES, handlelength=1.6, columnspacing=1.4,
        )  # fmt: skip
    return figure


def _some(dates: list[Any]) -> list[Any]:
    if len(dates) <= MOST_CURVES:
        return dates
    at = np.unique(np.linspace(0, len(dates) - 1, MOST_CURVES).round().astype(int))
    return [dates[i] for i in at]


def _date_names(dates: list[Any]) -> list[str]:
    import xarray as xr

    return [""] if dates == [None] else step_names(xr.DataArray(dates, dims="time"))
