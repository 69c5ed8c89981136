"""Panels from outlines, columns and corners, and what is refused."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

import mineeco_xr as mx
from mineeco_xr.errors import DataError, GridMismatch, MineecoWarning, ParameterError, SchemaError
from mineeco_xr.subsidence.outlines import rectangle_of, rectangle_outline

COMMON = {"depth": 400.0, "thickness": 3.0, "q": 0.8, "tan_beta": 2.0, "b": 0.3}


def row(**changes):
    place = {"name": "A", "x": 500.0, "y": 800.0, "length": 900.0, "width": 200.0, "azimuth": 90.0}
    return pd.DataFrame([{**place, **COMMON, **changes}])


def outlined(*outlines, crs="EPSG:32650", **changes):
    frame = pd.DataFrame({**COMMON, **changes}, index=range(len(outlines)))
    return gpd.GeoDataFrame(frame, geometry=list(outlines), crs=crs)


def first(source, **parameters):
    return mx.read_panels(source, **parameters).table.iloc[0]


@pytest.mark.parametrize("azimuth", [0.0, 17.0, 90.0, 133.0, 179.5])
def test_rectangles_are_found_at_any_azimuth(azimuth):
    outline = rectangle_outline(100, 50, azimuth, 900, 220, width_azimuth=azimuth + 90)
    found = rectangle_of(outline)
    np.testing.assert_allclose(found, (100, 50, azimuth, 900, 220), atol=1e-9)
    extra = shapely.segmentize(outline.reverse(), 70.0)
    np.testing.assert_allclose(rectangle_of(extra), found, atol=1e-9)


@pytest.mark.parametrize("outline", [
    shapely.Polygon([(0, 0), (9, 0), (0, 9)]),
    shapely.Polygon([(0, 0), (9, 0), (10, 5), (1, 5)]),
    shapely.Polygon([(0, 0), (9, 0), (9, 2), (4, 2), (4, 7), (0, 7)]),
    shapely.box(0, 0, 9, 9) - shapely.box(3, 3, 4, 4),
])  # fmt: skip
def test_what_is_no_rectangle(outline):
    assert rectangle_of(outline) is None
    assert first(outlined(shapely.affinity.scale(outline, 50, 50)))["kind"] == "polygon"


def test_the_strike_follows_the_dip_and_the_advance():
    outline = shapely.box(0, 0, 900, 200)
    flat = first(outlined(outline))
    assert (flat["azimuth"], flat["length"], flat["width"]) == (90.0, 900.0, 200.0)
    across = first(outlined(outline, azimuth=2.0))
    assert (across["azimuth"], across["length"], across["width"]) == (0.0, 200.0, 900.0)
    dipping = first(outlined(outline, dip=10.0, dip_direction=271.0))
    assert (dipping["azimuth"], dipping["length"]) == (180.0, 200.0)
    assert dipping["dip_direction"] == 270.0
    assert dipping["theta0"] == 84.0
    left = first(row(dip=10.0, dip_direction=0.0))
    assert (left["azimuth"], left["dip_direction"], left["forward"]) == (90.0, 0.0, True)
    assert left["width"] == pytest.approx(200 * np.cos(np.radians(10)))
    assert not first(row(advance=270.0))["forward"]
    oblique = first(outlined(outline, dip=10.0, dip_direction=45.0))
    assert oblique["kind"] == "polygon"
    with pytest.raises(SchemaError, match="panel '1' dips by 10 degrees, but not where to"):
        mx.read_panels(outlined(outline, dip=10.0))


def test_corners_with_depths_in_rows_and_in_columns():
    depth = {(0, 0): 390.0, (900, 0): 390.0, (900, 200): 410.0, (0, 200): 410.0}
    rows = pd.DataFrame([
        {"panel": "1301", "E": x, "N": y, "H (m)": h, "m (mm)": 3500, "q": 0.8, "tanb": 2.0}
        for (x, y), h in depth.items()
    ])  # fmt: skip
    wide = {"panel": "1301", "thickness_mm": 3500, "q": 0.8, "tan_beta": 2.0}
    for i, ((x, y), h) in enumerate(depth.items(), start=1):
        wide |= {f"X{i}": x, f"Y{i}": y, f"H{i}": h}
    for table in (rows, pd.DataFrame([wide])):
        found = first(table)
        assert found["kind"] == "rectangle"
        assert found["name"] == "1301"
        assert found["depth"] == pytest.approx(400.0)
        assert found["thickness"] == 3.5
        assert found["dip"] == pytest.approx(np.degrees(np.arctan(0.1)))
        assert (found["dip_direction"], found["azimuth"], found["length"]) == (0.0, 270.0, 900.0)
    rows.loc[0, "H (m)"] = 350.0
    bent = first(rows)
    assert bent["kind"] == "polygon"
    np.testing.assert_array_equal(bent["corners"][:, 2], [350, 390, 410, 410])
    with pytest.raises(SchemaError, match="panel '1301' stands in 2 rows"):
        mx.read_panels(rows[:2])


def test_uneven_corners_sink_as_units():
    corners = [(0, 0, 300.0), (600, 0, 300.0), (600, 500, 420.0), (0, 500, 300.0)]
    rows = pd.DataFrame(
        [{"name": "1", "x": x, "y": y, "depth": h, "thickness": 3.0, "q": 0.8, "tan_beta": 2.0}
         for x, y, h in corners]
    )  # fmt: skip
    grid = mx.make_grid((-600, -600, 1200, 1200), crs="EPSG:32650", resolution=60)
    uneven = mx.subsidence(rows.assign(dip=0.0), grid)["subsidence"]
    even = mx.subsidence(rows.assign(depth=330.0), grid)["subsidence"]
    volume = 600 * 500 * 3 * 0.8
    assert uneven.sum().item() * 3600 == pytest.approx(volume, rel=1e-4)
    assert 0.01 < np.abs(uneven - even).max() < 0.5


def test_parameters_by_overburden():
    panel = row(overburden="Medium", dip=10.0).drop(columns=["q", "tan_beta", "b"])
    found = first(panel)
    assert (found["q"], found["tan_beta"], found["b"]) == (0.695, 2.16, 0.25)
    assert found["theta0"] == 90 - 6.5
    assert found["s1"] == found["s4"] == pytest.approx(0.19 * 400)
    assert first(panel.assign(s1=5.0, s2=0.0, s3=0.0, s4=0.0))["s1"] == 5.0
    assert first(panel.assign(offset=12.0))["s3"] == 12.0
    with pytest.raises(ParameterError, match="overburden is 'rocky'"):
        mx.read_panels(panel.assign(overburden="rocky"))


def test_files(tmp_path):
    csv, gpkg = tmp_path / "mine.csv", tmp_path / "mine.gpkg"
    row(start=2005, end="2006-04-01").to_csv(csv, sep=";", index=False)
    found = first(csv)
    assert (found["start"], found["end"]) == (
        pd.Timestamp("2005-01-01"), pd.Timestamp("2006-04-01"),
    )  # fmt: skip
    outlined(shapely.box(0, 0, 900, 200)).to_file(gpkg)
    assert first(gpkg)["length"] == 900.0
    points = gpd.GeoDataFrame(row().drop(columns=["x", "y"]),
                              geometry=[shapely.Point(500, 800)], crs="EPSG:32650")  # fmt: skip
    assert first(points)["x"] == 500.0
    with pytest.raises(DataError, match="does not exist"):
        mx.read_panels(tmp_path / "none.csv")


def test_the_synthetic_coalfield_is_read_as_it_is():
    field = mx.coalfield(64, resolution=300.0, seed=1)
    panels = mx.read_panels(field.panels)
    assert (panels.table["kind"] == "rectangle").all()
    assert panels.table["start"].notna().all()
    np.testing.assert_allclose(panels.table["s2"], field.panels["inflection_offset"])


@pytest.mark.parametrize(("changes", "message"), [
    ({"depth": -400}, "panel 'A' has depth = -400: expected above 0 m below the ground"),
    ({"thickness": 0}, "panel 'A' has thickness = 0"),
    ({"q": 1.3}, "panel 'A' has q = 1.3: expected above 0, up to 1.2"),
    ({"q": -0.1}, "panel 'A' has q = -0.1"),
    ({"tan_beta": 0}, "panel 'A' has tan_beta = 0"),
    ({"b": -1}, "panel 'A' has b = -1"),
    ({"dip": 95}, "panel 'A' has dip = 95"),
    ({"theta0": 100}, "panel 'A' has theta0 = 100"),
    ({"s1": 150, "s2": 150}, "panel 'A' has length = 900: nothing is left"),
    ({"depth": 30, "dip": 40}, "panel 'A' has depth = 30: the seam comes to the ground"),
    ({"start": "2006-01-01", "end": "2005-01-01"}, "panel 'A' ends on 2005-01-01, before it"),
])  # fmt: skip
def test_values_out_of_range_name_the_panel(changes, message):
    with pytest.raises(ParameterError, match=message):
        mx.read_panels(row(**changes))


@pytest.mark.parametrize(("table", "message"), [
    (row().drop(columns="q"), "panel 'A' has no q: add a column 'q' or overburden"),
    (row().drop(columns="depth"), "panel 'A' has no depth"),
    (row(length=np.nan), r"panel 'A' lacks \['length'\]"),
    (row(start="soon"), "column 'start' holds 'soon'"),
    (row(q="high"), "column 'q' holds 'high' in row 0; expected a number"),
    (row(H=300.0), "two columns for 'depth'"),
    (row()[:0], "no rows"),
    (pd.concat([row(), row()]), "panel 'A' stands twice"),
    (outlined(shapely.LineString([(0, 0), (9, 9)])), "panel '1' is a LineString"),
])  # fmt: skip
def test_tables_that_lack_something(table, message):
    with pytest.raises(SchemaError, match=message):
        mx.read_panels(table)


def test_outlines_that_cross_or_overlap():
    bow = shapely.Polygon([(0, 0), (500, 500), (500, 0), (0, 500)])
    with pytest.raises(ParameterError, match="outline of panel '1' crosses itself"):
        mx.read_panels(outlined(bow))
    boxes = shapely.box(0, 0, 900, 200), shapely.box(800, 0, 1700, 200)
    with pytest.raises(ParameterError, match="panels '1' and '2' overlap by 20000 m2 in one seam"):
        mx.read_panels(outlined(*boxes))
    assert len(mx.read_panels(outlined(*boxes, seam=["upper", "lower"]))) == 2
    dates = {"start": ["2001-01-01", "2003-01-01"], "end": ["2002-01-01", "2004-01-01"]}
    assert len(mx.read_panels(outlined(*boxes, **dates))) == 2
    with pytest.raises(ParameterError, match="overlap"):
        mx.read_panels(outlined(*boxes, **{**dates, "start": "2001-01-01"}))
    assert len(mx.read_panels(outlined(shapely.box(0, 0, 9e2, 2e2), shapely.box(9e2, 0, 2e3, 2e2))))


def test_degrees_are_refused_unless_brought_to_metres():
    degrees = outlined(shapely.box(117.0, 35.0, 117.01, 35.002), crs="EPSG:4326")
    with pytest.raises(GridMismatch, match="panels are measured in metres, but WGS 84 has degree"):
        mx.read_panels(degrees)
    found = first(degrees, crs="EPSG:32650")
    assert found["kind"] == "rectangle"
    assert 900 < found["length"] < 920
    read = mx.read_panels(degrees, crs="EPSG:32650")
    with pytest.raises(GridMismatch, match="the panels are in EPSG:32650"):
        mx.read_panels(read, crs="EPSG:32651")


def test_bold_values_are_said():
    with pytest.warns(MineecoWarning, match="panels 'A' have q above 1"):
        mx.read_panels(row(q=1.1))
    with pytest.warns(MineecoWarning, match="panels 'A' have a dip above 45"):
        mx.read_panels(row(dip=50.0))


def test_one_offset_shrinks_a_polygon_and_four_are_refused():
    outline = shapely.Polygon([(0, 0), (900, 0), (900, 500), (400, 500), (400, 900), (0, 900)])
    grid = mx.make_grid((-900, -900, 1800, 1800), crs="EPSG:32650", resolution=60)
    smaller = mx.subsidence(outlined(outline, offset=20.0), grid)["subsidence"]
    area = outline.buffer(-20, join_style="mitre").area
    assert smaller.sum().item() * 3600 == pytest.approx(area * 2.4, rel=1e-4)
    with pytest.raises(ParameterError, match="it differs from s2, s3 or s4"):
        mx.read_panels(outlined(outline, s1=20.0))
    with pytest.raises(ParameterError, match="nothing is left within the inflection offset"):
        mx.subsidence(outlined(outline, offset=400.0), grid)
