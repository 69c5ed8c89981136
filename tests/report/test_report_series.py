"""Lines over time and distributions."""

import numpy as np
import pandas as pd
import pytest

from mineeco_xr.cube import cell_area, geobox_of
from mineeco_xr.errors import GridMismatch, ParameterError, SchemaError
from mineeco_xr.report import figure_png, histogram_figure, series_figure
from mineeco_xr.report.spacing import spread_apart
from mineeco_xr.report.timeaxis import decimal_years, mark_number
from mineeco_xr.testing import with_grid


def table(zones=3, years=12, dated=True):
    rows = []
    for zone in range(zones):
        for year in range(2001, 2001 + years):
            time = pd.Timestamp(year, 7, 1) if dated else year
            value = 1 + 0.1 * zone + 0.02 * (year - 2001)
            rows.append((f"Zone {zone + 1}", time, value, 0.05, value - 0.1, value + 0.2))
    return pd.DataFrame(rows, columns=["zone", "time", "mean", "std", "q1", "q3"])


def texts(figure):
    import matplotlib.text

    figure.draw_without_rendering()
    return [t.get_text() for t in figure.findobj(matplotlib.text.Text) if t.get_text()]


def by_gid(figure, gid):
    return figure.findobj(lambda artist: artist.get_gid() == gid)


def test_a_line_a_zone_with_band_and_name_at_its_end():
    figure = series_figure(
        table(), value="mean", spread="std", label="WUE", units="gC m-2 mm-1", title="By zone"
    )
    axes = figure.axes[0]
    assert axes.get_ylabel() == "WUE (gC m⁻² mm⁻¹)"
    assert len(axes.get_lines()) == 3
    assert len({line.get_color() for line in axes.get_lines()}) == 3
    assert len(axes.collections) == 3
    assert [t.get_text() for t in by_gid(figure, "end-label")] == ["Zone 1", "Zone 2", "Zone 3"]
    ticks = [t.get_text() for t in axes.get_xticklabels()]
    assert "By zone" in texts(figure)
    assert all(len(tick) == 4 and tick.startswith("20") for tick in ticks if tick)
    assert figure_png(figure, dpi=60)


def test_bands_of_two_columns_and_whole_years():
    figure = series_figure(table(dated=False), value="mean", spread=("q1", "q3"))
    band = figure.axes[0].collections[0].get_paths()[0].vertices
    assert band[:, 1].min() == pytest.approx(0.9)
    assert band[:, 1].max() == pytest.approx(1.42)
    assert "2004" in texts(figure)
    assert figure.axes[0].get_ylabel() == "Mean"


def test_units_come_with_the_table():
    frame = table()
    frame.attrs["units"] = {"mean": "t ha-1"}
    assert series_figure(frame, value="mean").axes[0].get_ylabel() == "Mean (t ha⁻¹)"


def test_trend_lines_have_the_slope_a_year():
    figure = series_figure(table(), value="mean", units="mm", trend=True)
    assert len(by_gid(figure, "trend")) == 3
    found = texts(figure)
    assert "Zone 1  +0.02" in found
    assert "Theil-Sen trend, slope in mm yr⁻¹" in found
    line = by_gid(figure, "trend")[0]
    assert np.diff(line.get_ydata())[0] == pytest.approx(0.02 * 11, abs=1e-3)
    short = series_figure(table(years=2), value="mean", trend=True)
    assert not by_gid(short, "trend")


@pytest.mark.parametrize("dated", [True, False])
def test_marks_stand_at_their_dates(dated):
    marks = {"Zone 1": {"disposal_start": "2004-01-01"}, "Zone 3": {"restoration_start": 2008}}
    figure = series_figure(table(dated=dated), value="mean", marks=marks)
    lines = by_gid(figure, "mark")
    assert len(lines) == 2
    assert lines[0].get_xdata()[0] == pytest.approx(mark_number(2004, dated=dated))
    assert {"disposal start", "restoration start"} <= set(texts(figure))
    assert lines[0].get_color() != lines[1].get_color()


def test_marks_may_be_a_table():
    dates = pd.DataFrame(
        {
            "zone": ["Zone 1", "Zone 2"],
            "note": ["a", "b"],
            "start": pd.to_datetime(["2003-05-01", None]),
        }
    )
    figure = series_figure(table(), value="mean", marks=dates)
    assert len(by_gid(figure, "mark")) == 1
    with pytest.raises(SchemaError, match="zone"):
        series_figure(table(), value="mean", marks=dates.drop(columns="zone"))


def test_many_zones_get_a_figure_each():
    figure = series_figure(table(zones=11), value="mean", spread="std", trend=True, title="All")
    shown = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_title(loc="left") for axes in shown] == [f"Zone {i}" for i in range(1, 12)]
    assert len({axes.get_ylim() for axes in shown}) == 1
    assert not by_gid(figure, "end-label")
    assert figure_png(figure, dpi=60)


def test_gaps_and_empty_zones_are_drawn_as_such():
    frame = table()
    frame.loc[frame["zone"] == "Zone 2", "mean"] = np.nan
    frame.loc[2, "mean"] = np.nan
    figure = series_figure(frame, value="mean", spread="std", trend=True)
    assert [t.get_text().split("  ")[0] for t in by_gid(figure, "end-label")] == [
        "Zone 1",
        "Zone 3",
    ]
    assert figure_png(figure, dpi=60)
    assert figure_png(series_figure(frame.assign(mean=np.nan), value="mean"), dpi=60)


def test_short_and_single_series():
    monthly = pd.DataFrame(
        {"zone": "a", "time": pd.date_range("2003-01", periods=14, freq="MS"), "v": range(14)}
    )
    assert figure_png(series_figure(monthly, value="v"), dpi=60)
    assert figure_png(series_figure(monthly.head(1), value="v"), dpi=60)


def test_refusals():
    with pytest.raises(SchemaError, match="median"):
        series_figure(table(), value="median")
    with pytest.raises(SchemaError, match="twice"):
        series_figure(pd.concat([table(), table()]), value="mean")
    with pytest.raises(ParameterError, match="empty"):
        series_figure(table().head(0), value="mean")
    with pytest.raises(SchemaError, match="neither dates nor years"):
        series_figure(table().assign(time="soon"), value="mean")


def test_labels_are_moved_no_further_than_needed():
    assert spread_apart([0.1, 0.9], [0.2, 0.2]) == [0.1, 0.9]
    places = spread_apart([0.5, 0.52, 0.5, 0.1], [0.1] * 4)
    assert places[3] == 0.1
    assert np.diff(sorted(places)).min() >= 0.1 - 1e-9
    assert np.mean(places[:3]) == pytest.approx(np.mean([0.5, 0.52, 0.5]))


def test_years():
    dates = pd.Series(pd.to_datetime(["2001-01-01", "2001-12-31"]))
    assert decimal_years(dates)[1] == pytest.approx(2002 - 1 / 365)


@pytest.mark.parametrize("chunks", [None, {"y": 7, "x": 9}])
def test_histogram_counts_every_cell(chunks):
    values = np.random.default_rng(0).normal(10, 2, (60, 80)).astype("float32")
    values[:5] = np.nan
    data = with_grid(values, name="yield", units="mm")
    figure = histogram_figure(data if chunks is None else data.chunk(chunks), bins=40)
    axes = figure.axes[0]
    heights, edges, _ = axes.patches[-1].get_data()
    valid = values[np.isfinite(values)].astype("float64")
    counts = np.histogram(valid, bins=40, range=(edges[0], edges[-1]))[0]
    np.testing.assert_allclose(heights, counts / valid.size * 100)
    assert axes.get_xlabel() == "Yield (mm)"
    found = " ".join(texts(figure))
    assert f"median {np.median(valid):.3g}" in found
    assert "4,400 cells" in found


def test_outliers_do_not_squash_the_histogram():
    values = np.random.default_rng(0).normal(10, 2, (60, 80))
    values[0, :3] = 1e6
    figure = histogram_figure(with_grid(values))
    assert 15 < figure.axes[0].get_xlim()[1] < 40
    assert "beyond the axis" in " ".join(texts(figure))


@pytest.mark.parametrize("chunks", [None, {"y": 7, "x": 9}])
def test_classes_get_their_area(chunks):
    values = np.ones((20, 30), "uint8")
    values[:5], values[5] = 2, 255
    data = with_grid(values, crs="EPSG:4326", resolution=0.1, origin=(0, 60)).assign_attrs(
        flag_values=[1, 2], flag_meanings="forest mine", _FillValue=255, long_name="land use"
    )
    figure = histogram_figure(data if chunks is None else data.chunk(chunks))
    widths = [bar.get_width() for bar in figure.axes[0].patches]
    rows = cell_area(geobox_of(data)).values * 30 / 1e6
    assert widths == pytest.approx([rows[6:].sum(), rows[:5].sum()])
    assert {"forest", "mine", "Area (km²)"} <= set(texts(figure))


@pytest.mark.parametrize("value", [np.nan, 3.0])
def test_empty_and_single_valued_distributions(value):
    assert figure_png(histogram_figure(with_grid(np.full((4, 5), value))), dpi=50)
    empty = with_grid(np.full((4, 5), 9, "uint8")).assign_attrs(_FillValue=9)
    assert figure_png(histogram_figure(empty), dpi=50)


def test_distribution_refusals():
    data = with_grid(np.ones((2, 4, 5), "uint8"))
    with pytest.raises(ParameterError, match="select"):
        histogram_figure(data)
    with pytest.raises(ParameterError, match="bins"):
        histogram_figure(data.isel(time=0), bins=0)
    with pytest.raises(GridMismatch):
        histogram_figure(data.isel(time=0).drop_vars("spatial_ref"))
    assert figure_png(histogram_figure(data.astype("float32")), dpi=50)
