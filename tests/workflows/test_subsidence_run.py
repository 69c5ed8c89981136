"""The subsidence workflow, from files to report."""

from __future__ import annotations

import json
import re

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely

import mineeco_xr as mx
from mineeco_xr.cli import main
from mineeco_xr.errors import GridMismatch, MineecoError, ParameterError, SchemaError
from mineeco_xr.testing import with_grid
from mineeco_xr.workflows import run_case
from mineeco_xr.workflows.demo_subsidence import demo_subsidence
from mineeco_xr.workflows.output import RunFolder
from mineeco_xr.workflows.subsidence_report import affected_window
from mineeco_xr.workflows.subsidence_tables import land_use_at

SHAPE = (60, 80)
PANELS = pd.DataFrame(
    {
        "face": ["1301", "1302"], "x": [501_000.0, 501_000.0], "y": [4_799_300.0, 4_798_800.0],
        "length": [900.0, 900.0], "width": [260.0, 240.0], "azimuth": [90.0, 90.0],
        "H": [300.0, 310.0], "m (mm)": [5000.0, 5000.0], "factor": [0.8, np.nan],
        "b": [0.3, 0.3], "start": [2004, 2008], "end": [2005, 2009],
    }
)  # fmt: skip
CASE = """\
kind = "subsidence"
title = "Two faces"
dates = [2004, 2006, 2010, 2020]
land_use = "land"

[grid]
like = "land"

[variables.land]
path = "land.tif"
static = true
classes = { 1 = "cropland", 2 = "village" }

[variables.dem]
path = "dem.nc"
static = true
units = "m"

[panels]
path = "panels.csv"
columns = { factor = "q" }
defaults = { q = 0.7, tan_beta = 2.0 }

[method]
output = ["tilt", "strain_max"]

[water]
table = 1.0
dem = "dem"

[mines]
path = "mines.gpkg"

[profiles]
path = "lines.geojson"
"""


@pytest.fixture
def case(tmp_path):
    """A folder with two panels under cropland and a village on a plain."""
    PANELS.to_csv(tmp_path / "panels.csv", index=False)
    land = np.ones(SHAPE, "uint8")
    land[:, 40:] = 2
    land[50:] = 0
    raster = with_grid(land, name="land")
    raster.attrs["_FillValue"] = np.uint8(0)
    from mineeco_xr.report import write_cog

    write_cog(raster, tmp_path / "land.tif")
    dem = with_grid(np.full(SHAPE, 33.0, "float32"), name="dem", units="m")
    dem.to_netcdf(tmp_path / "dem.nc")
    mines = {"north": shapely.box(500_300, 4_799_050, 501_700, 4_799_600),
             "all": shapely.box(500_030, 4_798_230, 502_370, 4_799_970)}  # fmt: skip
    frame = gpd.GeoDataFrame({"name": list(mines)}, geometry=list(mines.values()), crs=32650)
    frame.to_file(tmp_path / "mines.gpkg", layer="mines", driver="GPKG")
    line = shapely.LineString([(500_200, 4_799_300), (502_000, 4_799_300)])
    lines = gpd.GeoDataFrame({"name": ["A to B"]}, geometry=[line], crs=32650)
    lines.to_crs(4326).to_file(tmp_path / "lines.geojson", driver="GeoJSON")
    path = tmp_path / "case.toml"
    path.write_text(CASE)
    return path


def quiet(_):
    pass


def changed(case, old, new):
    assert old in CASE
    text = CASE.replace(old, new)
    case.write_text(text.replace("variables.land]", "variables.level]") if "level" in new else text)
    return case


@pytest.fixture(scope="module")
def expected():
    """The subsidence of the case, predicted directly."""
    table = PANELS.rename(columns={"factor": "q"}).assign(q=[0.8, 0.7], tan_beta=2.0)
    grid = with_grid(np.zeros(SHAPE))
    return mx.subsidence(table, grid, time=[2004, 2006, 2010, 2020])["subsidence"]


def test_everything_is_written_and_right(case, tmp_path, expected):
    out = tmp_path / "out"
    folder = run_case(case, out, say=quiet)
    cube = mx.open_cube(out / "cube.zarr")
    level = mx.subsidence_levels(expected)
    np.testing.assert_array_equal(cube["level"].values, level.values)
    assert set(np.unique(level)) == {0, 1, 2, 3}
    np.testing.assert_allclose(cube["subsidence"].values, expected[-1].values, atol=1e-5)
    assert cube["subsidence"].dims == ("y", "x")
    # The bowl lies inside a plain, so that its brim is the plain itself.
    depth = np.maximum(expected[-1].values - 1.0, 0)
    np.testing.assert_allclose(cube["water_depth"].values, depth, atol=2e-5)
    np.testing.assert_array_equal(cube["water"][1].values, expected[1].values - 1.0 >= 0.1)

    areas = pd.read_csv(out / "tables" / "level_years.csv")
    assert len(areas) == 4 * 3
    severe = areas[(areas["level"] == "severe") & areas["time"].str.startswith("2020")]
    assert severe["area (ha)"].item() == pytest.approx((level[-1].values == 3).sum() * 0.09)
    land = pd.read_csv(out / "tables" / "level_land_use_years.csv")
    row = land[(land["land_use"] == "village") & land["time"].str.startswith("2020")]
    cells = (level[-1].values[:50, 40:] == 2).sum()
    assert row["moderate (ha)"].item() == pytest.approx(cells * 0.09)
    affected = (level[-1].values[:50, 40:] > 0).sum()
    assert row["share (%)"].item() == pytest.approx(100 * affected / (50 * 40))
    assert set(land["land_use"]) <= {"cropland", "village", "no data"}
    mines = pd.read_csv(out / "tables" / "mine_years.csv").set_index("mine")
    last = mines.loc["all"].iloc[-1]
    assert last["greatest (m)"] == pytest.approx(float(expected[-1].max()), rel=1e-5)
    along = pd.read_csv(out / "tables" / "profiles.csv")
    deepest = along[along["time"].str.startswith("2020")]["subsidence (m)"].max()
    assert deepest == pytest.approx(float(expected[-1, 23].max()), rel=0.01)
    water = pd.read_csv(out / "tables" / "water_years.csv")
    assert water["area (ha)"].is_monotonic_increasing
    assert pd.read_csv(out / "tables" / "panels.csv")["q"].tolist() == [0.8, 0.7]

    record = json.loads((out / "run.json").read_text())
    for name in record["files"]:
        assert (out / name).stat().st_size > 0, name
    with rasterio.open(out / "maps" / "level.tif") as file:
        assert file.count == 4
        np.testing.assert_array_equal(file.read(4), level[-1].values)
    assert len(mx.read_vectors(out / "vectors" / "panels.gpkg")) == 2
    assert "severe" in mx.read_vectors(out / "vectors" / "mines.gpkg").columns
    page = (out / "report.html").read_text()
    figures = {path.stem for path in (out / "figures").iterdir()}
    wanted = {"levels", "level_areas", "land_use", "profiles", "mines", "water_depth", "subsidence"}
    assert wanted | {"tilt", "strain_max", "water_areas"} <= figures
    assert len(re.findall("<figure>", page)) == len(figures)
    assert "severe" in page and "village" in page and "north" in page  # noqa: PT018
    assert folder.summary()[0].startswith("Written: cube.zarr")


def test_a_small_case_without_extras_and_all_floats(case, tmp_path, expected):
    case.write_text(
        """kind = "subsidence"
dates = [2006-12-31, "2020-12-31"]
store_float = true
[grid]
crs = "EPSG:32650"
resolution = 30
bounds = [500000, 4798200, 502400, 4800000]
[panels]
path = "panels.csv"
columns = { factor = "q" }
defaults = { q = 0.7, tan_beta = 2.0 }
[water]
table = 1.0
dry_season = 2.5
"""
    )
    out = tmp_path / "out"
    run_case(case, out, say=quiet)
    cube = mx.open_cube(out / "cube.zarr")
    np.testing.assert_allclose(cube["subsidence"].values, expected[[1, 3]].values, atol=1e-5)
    assert set(np.unique(cube["water"])) == {0, 1, 2}
    table = pd.read_csv(out / "tables" / "water_years.csv")
    assert table["water"].tolist() == ["seasonal water", "perennial water"] * 2
    assert not (out / "tables" / "mine_years.csv").exists()


def test_a_finished_cube_is_kept_and_another_is_refused(case, tmp_path, monkeypatch):
    out = tmp_path / "out"
    small = """kind = "subsidence"
dates = [2010]
[grid]
crs = "EPSG:32650"
resolution = 30
bounds = [500000, 4798200, 502400, 4800000]
[panels]
path = "panels.csv"
columns = { factor = "q" }
defaults = { q = 0.7, tan_beta = 2.0 }
"""
    case.write_text(small)
    run_case(case, out, say=quiet)
    before = (out / "cube.zarr" / "zarr.json").stat().st_mtime_ns
    run_case(case, out, say=quiet)
    assert (out / "cube.zarr" / "zarr.json").stat().st_mtime_ns == before
    case.write_text(small.replace("tan_beta = 2.0", "tan_beta = 1.9"))
    with pytest.raises(MineecoError, match="overwrite"):
        run_case(case, out, say=quiet)
    monkeypatch.setattr("sys.argv", ["mineeco", "run", str(case), "--out", str(out), "--overwrite"])
    with pytest.raises(SystemExit) as end:
        main()
    assert not end.value.code
    assert (out / "cube.zarr" / "zarr.json").stat().st_mtime_ns > before


@pytest.mark.parametrize(
    ("old", "new", "error", "message"),
    [
        ('land_use = "land"', 'land_use = "cover"', ParameterError, "variable 'cover' is needed"),
        ('dem = "dem"\n', "", ParameterError, r"nothing names the variables \['dem'\]"),
        ("dates = [2004, 2006", "dates = [2006, 2004", ParameterError, "ascending"),
        ("table = 1.0", 'table = "depth"', ParameterError, "variable 'depth' is needed"),
        ("{ factor", "{ faktor", SchemaError, r"panels.columns names \['faktor'\]"),
        ("q = 0.7, ", "", SchemaError, "panel '1302' has no q"),
        ('"mines.gpkg"', '"mines.gpkg"\nname = "mine"', SchemaError, "mines have no column 'mine'"),
        ("[method]", "[methods]", ParameterError, "did you mean 'method'"),
        ('["tilt"', '["tilting"', ParameterError, "method.output"),
        ('"land"', '"level"', ParameterError, "the run makes 'level' itself"),
    ],
)
def test_faults_are_said_before_anything_is_computed(case, tmp_path, old, new, error, message):
    changed(case, old, new)
    said = []
    with pytest.raises(error, match=message):
        run_case(case, tmp_path / "out", say=said.append)
    assert len(said) <= 1
    assert not (tmp_path / "out" / "cube.zarr").exists()


def test_degrees_and_panels_far_away_are_refused(case, tmp_path):
    far = PANELS.assign(x=PANELS["x"] + 90_000)
    far.to_csv(tmp_path / "panels.csv", index=False)
    with pytest.raises(ParameterError, match=r"panel '1301' lies \d+ m outside the grid"):
        run_case(case, tmp_path / "out", say=quiet)
    case.write_text(
        'kind = "subsidence"\ndates = [2010]\n[grid]\ncrs = "EPSG:4326"\nresolution = 0.001\n'
        'bounds = [116, 34, 117, 35]\n[panels]\npath = "panels.csv"\n'
    )
    with pytest.raises(GridMismatch):
        run_case(case, tmp_path / "out", say=quiet)


def test_warnings_about_panels_stand_in_the_report(case, tmp_path):
    far = PANELS.iloc[:1].assign(face="far", x=590_000.0)
    table = pd.concat([PANELS.assign(factor=[1.1, 0.8]), far])
    table.to_csv(tmp_path / "panels.csv", index=False)
    changed(case, "[panels]\n", '[panels]\noutside = "ignore"\n')
    out = tmp_path / "out"
    run_case(case, out, say=quiet)
    notes = json.loads((out / "run.json").read_text())["notes"]
    assert any("'1301'" in note and "q above 1" in note for note in notes)
    assert "1 of 3 panels do not reach the grid and are left out." in notes
    assert "q above 1" in (out / "report.html").read_text()
    assert len(pd.read_csv(out / "tables" / "panels.csv")) == 2


def test_the_land_use_of_a_date_is_the_last_map_before_it():
    maps = with_grid(
        np.arange(3, dtype="uint8")[:, None, None],
        times=pd.to_datetime(["2005-01-01", "2010-01-01", "2015-01-01"]),
    )
    dates = with_grid(
        np.zeros((4, 1, 1)),
        times=pd.to_datetime(["2001-01-01", "2009-12-31", "2010-01-01", "2030-01-01"]),
    )["time"]
    assert land_use_at(maps, dates).values.ravel().tolist() == [0, 0, 1, 2]


def test_the_window_of_a_report_holds_all_that_is_affected():
    levels = np.zeros((2, 40, 50), "uint8")
    levels[1, 10:20, 30:33] = 2
    raster = with_grid(levels)
    window = affected_window(raster.chunk(y=7))
    assert (window["y"], window["x"]) == (slice(8, 22), slice(28, 35))
    assert affected_window(raster * 0) == {}


def test_the_panels_of_a_coalfield_run_as_the_demo_runs_them(tmp_path):
    folder = RunFolder(tmp_path, quiet)
    own = demo_subsidence(mx.coalfield(64, years=range(2001, 2013)), tmp_path / "sub", folder)
    assert list(folder.seconds) == ["Predicting the subsidence over the longwall panels"]
    land = pd.read_csv(own.root / "tables" / "level_land_use_years.csv")
    assert land["affected (ha)"].max() > 0
    assert "longwall" in (own.root / "report.html").read_text()
