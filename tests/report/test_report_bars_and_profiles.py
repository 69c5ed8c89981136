"""Stacked bars and profiles: what is drawn is what the table says."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mineeco_xr.errors import ParameterError, SchemaError
from mineeco_xr.report import figure_png, profile_figure, stacked_figure


def profiles(dates=3):
    rows = [
        {"line": line, "time": pd.Timestamp(2000 + year, 12, 31), "distance": at, "w": year * at}
        for year in range(dates)
        for line in ("A", "B")
        for at in (0.0, 500.0, 2500.0)
    ]
    table = pd.DataFrame(rows)
    table.attrs["units"] = {"w": "m"}
    return table


def test_each_line_has_its_axes_and_each_date_its_curve():
    figure = profile_figure(profiles(), value="w", label="Subsidence", downwards=True)
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["A", "B"]
    assert figure.axes[0].yaxis_inverted()
    curves = [line for line in figure.axes[1].lines if len(line.get_xdata()) == 3]
    assert [line.get_label() for line in curves] == ["2000", "2001", "2002"]
    np.testing.assert_allclose(curves[2].get_xdata(), [0, 0.5, 2.5])
    np.testing.assert_allclose(curves[2].get_ydata(), [0, 1000, 5000])
    assert figure.axes[1].get_xlabel() == "Distance (km)"
    assert figure.get_supylabel() == "Subsidence (m)"
    assert figure_png(figure).startswith(b"\x89PNG")


def test_of_many_dates_some_are_drawn_first_and_last_among_them():
    figure = profile_figure(profiles(20), value="w")
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert len(names) == 6
    assert (names[0], names[-1]) == ("2000", "2019")
    alone = profile_figure(profiles(1).drop(columns="time"), value="w")
    assert not alone.legends


@pytest.mark.parametrize("upright", [True, False])
def test_bars_are_stacked_to_their_sum(upright):
    table = pd.DataFrame({"mine": ["a", "b"], "mild": [1.0, 2.0], "severe": [3.0, np.nan]})
    figure = stacked_figure(
        table, group="mine", parts={"mild": "#F2CF63", "severe": None}, label="Area", units="ha",
        upright=upright,
    )  # fmt: skip
    axes = figure.axes[0]
    sizes = [bar.get_height() if upright else bar.get_width() for bar in axes.patches]
    starts = [bar.get_y() if upright else bar.get_x() for bar in axes.patches]
    assert sizes == [1, 2, 3, 0]
    assert starts == [0, 0, 1, 2]
    assert (axes.get_ylabel() if upright else axes.get_xlabel()) == "Area (ha)"
    ticks = axes.get_xticklabels() if upright else axes.get_yticklabels()
    assert [tick.get_text() for tick in ticks] == ["a", "b"]


def test_missing_columns_and_empty_tables_are_said():
    with pytest.raises(SchemaError, match=r"lacks \['u'\]"):
        profile_figure(profiles(), value="u")
    with pytest.raises(ParameterError, match="empty"):
        profile_figure(profiles().iloc[:0], value="w")
    table = pd.DataFrame({"mine": ["a"], "mild": [1.0]})
    with pytest.raises(SchemaError, match=r"lacks \['severe'\]"):
        stacked_figure(table, group="mine", parts={"severe": None}, label="Area")
    with pytest.raises(ParameterError, match="empty"):
        stacked_figure(table.iloc[:0], group="mine", parts={"mild": None}, label="Area")
