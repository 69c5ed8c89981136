"""Stacked bars: how much of each class, one bar a group."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from mineeco_xr.report.columns import require_columns
from mineeco_xr.report.style import (
    INK,
    LABEL_SIZE,
    LINE_COLOURS,
    TICK_SIZE,
    WIDTH,
    dress,
    label_with_units,
    new_figure,
    set_title,
    wrapped,
)


def stacked_figure(
    table: pd.DataFrame,
    *,
    group: str,
    parts: Mapping[str, str | None],
    label: str,
    units: str | None = None,
    upright: bool = False,
    title: str | None = None,
    width: float = WIDTH,
) -> Any:
    """Draw one bar a row of a table, stacked of some of its columns.

    Parameters
    ----------
    table : pandas.DataFrame
        A row a bar, in their order.
    group : str
        Column that names the bars.
    parts : mapping of str to str or None
        Columns to stack, and their colours.
    label : str
        What the lengths are.
    units : str, optional
        CF unit.
    upright : bool
        Stand the bars up, as for years; else names are read beside lying bars.
    title : str, optional
        Over the figure.
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
    require_columns(table, [group, *parts])
    height = 2.7 if upright else 0.28 * len(table) + 1.1
    figure = new_figure(width, height + 0.3 * bool(title))
    axes = figure.add_subplot()
    dress(axes)
    at, base = np.arange(len(table)), np.zeros(len(table))
    for (name, colour), spare in zip(parts.items(), _spare(len(parts)), strict=True):
        values = table[name].fillna(0).to_numpy("float64")
        style = {"color": colour or spare, "label": name.replace("_", " "), "zorder": 2,
                 "edgecolor": "white", "linewidth": 0.3}  # fmt: skip
        if upright:
            axes.bar(at, values, 0.8, bottom=base, **style)
        else:
            axes.barh(at, values, 0.72, left=base, **style)
        base += values
    names = [wrapped(str(name), 1.8, TICK_SIZE) for name in table[group]]
    text = label_with_units(label, units)
    value_axis = "y" if upright else "x"
    if upright:
        step = -(-len(names) // 14)
        axes.set_xticks(at[::step], names[::step])
        axes.set_ylabel(text, fontsize=LABEL_SIZE, color=INK)
        axes.set_xlim(-0.6, max(len(names), 4) - 0.4)
    else:
        axes.set_yticks(at, names)
        axes.set_xlabel(text, fontsize=LABEL_SIZE, color=INK)
        axes.invert_yaxis()
    if base.max() > 0:
        (axes.set_ylim if upright else axes.set_xlim)(0, 1.04 * base.max())
    axes.grid(axis=value_axis, color="#e6e8eb", linewidth=0.6, zorder=0)
    axes.set_axisbelow(True)
    set_title(axes, title)
    figure.legend(
        loc="outside lower left", frameon=False, fontsize=TICK_SIZE, labelcolor=INK,
        ncols=min(len(parts), 5), handlelength=1.4, columnspacing=1.4,
    )  # fmt: skip
    return figure


def _spare(count: int) -> list[str]:
    return [LINE_COLOURS[i % len(LINE_COLOURS)] for i in range(count)]
