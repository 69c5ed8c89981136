"""The carbon and water workflow, from files to report."""

from __future__ import annotations

import json
from html.parser import HTMLParser

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
import xarray as xr

import mineeco_xr as mx
from mineeco_xr.cli import main
from mineeco_xr.cube.partial import PartialStore
from mineeco_xr.errors import DataError, ParameterError, UnitError
from mineeco_xr.testing import with_grid
from mineeco_xr.workflows import run_case
from mineeco_xr.workflows.config import load_case
from mineeco_xr.workflows.wue_checks import require_plausible, year_notes
from mineeco_xr.workflows.wue_config import WueSpec

YEARS = range(2001, 2013)
SHAPE = (30, 40)

CASE = """\
kind = "wue"
title = "A small case"
[grid]
like = "npp"
[variables.npp]
path = "carbon.nc"
units = "gC m-2 yr-1"
[variables.et]
path = "water.nc"
units = "mm yr-1"
[zones]
path = "zones.geojson"
[trend]
min_n = 10
"""
ZONES = {
    "north": shapely.box(500_000, 4_799_550, 501_200, 4_800_000),
    "whole": shapely.box(500_000, 4_799_100, 501_200, 4_800_000),
}


@pytest.fixture
def case(tmp_path):
    """A folder with a case whose answer is known: WUE falls by 0.02 a year from 1.0."""
    rng = np.random.default_rng(0)
    water = rng.uniform(300, 500, (len(YEARS), *SHAPE)).astype("float32")
    slope = -0.02 * np.arange(len(YEARS), dtype="float32")[:, None, None]
    carbon = (1.0 + slope) * water
    carbon[:, :3, :5] = np.nan
    carbon[4] = np.nan
    layers = {"npp": (carbon, "gC m-2 yr-1"), "et": (water, "mm yr-1")}
    for name, file in (("npp", "carbon.nc"), ("et", "water.nc")):
        values, units = layers[name]
        with_grid(values, name=name, units=units).to_netcdf(tmp_path / file)
    zones = gpd.GeoDataFrame({"name": list(ZONES)}, geometry=list(ZONES.values()), crs=32650)
    zones.to_crs(4326).to_file(tmp_path / "zones.geojson", driver="GeoJSON")
    path = tmp_path / "case.toml"
    path.write_text(CASE)
    return path


def quiet(_):
    pass


def cli(monkeypatch, capsys, *arguments):
    """Run the command line; return exit code, output and errors."""
    monkeypatch.setattr("sys.argv", ["mineeco", *map(str, arguments)])
    code = 0
    try:
        main()
    except SystemExit as end:
        code = int(end.code or 0)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_everything_is_written_and_right(case, tmp_path):
    out = tmp_path / "out"
    run_case(case, out, say=quiet)
    cube = mx.open_cube(out / "cube.zarr")
    np.testing.assert_allclose(cube["wue_slope"][5:, 5:], -0.02, atol=1e-6)
    assert np.isnan(cube["wue_slope"][:3, :5]).all()
    assert (cube["wue_n"][5:, 5:] == 11).all()
    assert cube["wue_slope"].attrs["units"] == "gC m-2 mm-1 yr-1"
    series = pd.read_csv(out / "tables" / "zone_years.csv")
    assert set(series["zone"]) == {"north", "whole"}
    north = series[series["zone"] == "north"]
    expected = [1 - 0.02 * i if i != 4 else np.nan for i in range(12)]
    np.testing.assert_allclose(north["wue (gC m-2 mm-1)"], expected, rtol=1e-6)
    trends = pd.read_csv(out / "tables" / "zone_trends.csv").set_index("zone")
    np.testing.assert_allclose(trends["slope (gC m-2 mm-1 yr-1)"], -0.02, rtol=1e-5)
    areas = pd.read_csv(out / "tables" / "trend_areas.csv").set_index("change")
    assert areas.loc["decrease, p < 0.01", "share (%)"] == 100
    assert areas["area (ha)"].sum() == pytest.approx((30 * 40 - 15) * 0.09)


def test_maps_figures_vectors_and_the_record(case, tmp_path):
    out = tmp_path / "out"
    folder = run_case(case, out, say=quiet)
    record = json.loads((out / "run.json").read_text())
    assert record["configuration"]["kind"] == "wue"
    assert any("No cell has a value on 2005-01-01" in note for note in record["notes"])
    for name in record["files"]:
        assert (out / name).stat().st_size > 0, name
    assert set(folder.seconds) == set(record["seconds"])
    with rasterio.open(out / "maps" / "wue_slope.tif") as file:
        assert file.crs.to_epsg() == 32650
        assert np.isnan(file.nodata)
        assert file.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        cube = mx.open_cube(out / "cube.zarr")
        np.testing.assert_array_equal(file.read(1), cube["wue_slope"].values)
    with rasterio.open(out / "maps" / "wue.tif") as file:
        assert file.count == 12
    assert len(mx.read_vectors(out / "vectors" / "zones.gpkg")) == 2


class Page(HTMLParser):
    """Collects what a report refers to."""

    def __init__(self):
        super().__init__()
        self.images, self.links, self.text = [], [], []

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag == "img":
            self.images.append(attrs)
        self.links += [attrs[key] for key in ("href", "src") if key in attrs]

    def handle_data(self, data):
        self.text.append(data)


def test_the_report_is_one_page_with_all_figures(case, tmp_path):
    out = tmp_path / "out"
    run_case(case, out, say=quiet)
    page = Page()
    page.feed((out / "report.html").read_text())
    figures = {path.stem for path in (out / "figures").iterdir()}
    assert {"wue_period", "wue_dates", "wue_trend", "wue_variation", "zone_series"} <= figures
    assert len(page.images) == len(figures)
    assert all(image["src"].startswith("data:image/png;base64,") for image in page.images)
    assert all(image["alt"] for image in page.images)
    assert all(link.startswith(("#", "data:")) for link in page.links)
    text = " ".join(page.text)
    assert "A small case" in text
    assert "No cell has a value on 2005-01-01" in text
    assert "north" in text


def test_a_run_that_was_stopped_goes_on(case, tmp_path, monkeypatch):
    out = tmp_path / "out"

    def stop(self, block):
        raise KeyboardInterrupt

    monkeypatch.setattr(PartialStore, "mark_done", stop)
    with pytest.raises(KeyboardInterrupt):
        run_case(case, out, say=quiet)
    assert not (out / "cube.zarr").exists()
    assert not (out / "report.html").exists()
    monkeypatch.undo()
    run_case(case, out, say=quiet)
    stamp = (out / "cube.zarr" / "zarr.json").stat().st_mtime_ns
    run_case(case, out, say=quiet)
    assert (out / "cube.zarr" / "zarr.json").stat().st_mtime_ns == stamp


def test_another_case_in_the_same_folder_needs_a_word(case, tmp_path):
    out = tmp_path / "out"
    run_case(case, out, say=quiet)
    case.write_text(CASE.replace("min_n = 10", "min_n = 11"))
    with pytest.raises(DataError, match="overwrite"):
        run_case(case, out, say=quiet)
    run_case(case, out, overwrite=True, say=quiet)


def test_carbon_in_kilograms_under_grams_stops_before_the_long_part(case, tmp_path):
    with xr.open_dataset(case.parent / "carbon.nc") as ds:
        wrong = ds.load()
    wrong["npp"] = (wrong["npp"] / 1000).assign_attrs(wrong["npp"].attrs)
    wrong.to_netcdf(case.parent / "carbon.nc")
    with pytest.raises(UnitError, match=r"'npp' may be in kgC m-2 while its units say 'gC m-2"):
        run_case(case, tmp_path / "out", say=quiet)
    assert not (tmp_path / "out" / "cube.zarr.partial").exists()


def test_plausible_ranges():
    npp = with_grid(np.full((2, 3, 3), 400.0), name="npp", units="gC m-2 yr-1")
    et = with_grid(np.full((2, 3, 3), 500.0), name="et", units="mm yr-1")
    assert require_plausible(npp, et, WueSpec()) == pytest.approx(0.8)
    with pytest.raises(UnitError, match="stored numbers without their scale"):
        require_plausible((npp * 1000).assign_attrs(npp.attrs).rename("npp"), et, WueSpec())
    with pytest.raises(DataError, match="no cell has both 'npp' and 'et'"):
        require_plausible(npp.where(npp < 0).assign_attrs(npp.attrs), et, WueSpec())
    first = npp.copy()
    first[1] = np.nan
    assert require_plausible(first, et, WueSpec()) == pytest.approx(0.8)


def test_notes_name_poor_dates_and_empty_zones():
    yearly = pd.DataFrame(
        {"time": pd.to_datetime(["2001", "2002", "2003", "2004"]), "cells": [100, 100, 10, 0]}
    )
    series = pd.DataFrame({"zone": ["pit", "pit"], "cells": [0, 0]})
    notes = " ".join(year_notes(yearly, series))
    assert "No cell has a value on 2004-01-01" in notes
    assert "Only 10 cells have a value on 2003-01-01" in notes
    assert "Zone pit holds no valid cell" in notes


@pytest.mark.parametrize(
    ("edit", "kind", "text"),
    [
        (("[trend]", "[trends]"), "ParameterError", "unknown key 'trends' (did you mean 'trend'?)"),
        (('kind = "wue"', 'kind = "wu"'), "ParameterError", "kind is 'wu'"),
        (('[variables.et]\npath = "water.nc"\nunits = "mm yr-1"\n', ""), "ParameterError",
         "variable 'et' is needed"),
        (('"water.nc"', '"no.nc"'), "DataError", "variable 'et': no file at"),
        (('"gC m-2 yr-1"', '"kgC m-2 yr-1"'), "UnitError", "says its units are 'gC m-2 yr-1'"),
        (('"zones.geojson"', '"no.geojson"'), "DataError", "no.geojson does not exist"),
        (("min_n = 10", "min_n = 20"), "SchemaError", "12 dates and min_n is 20"),
        (("min_n = 10", "min_n = 2"), "ParameterError", "trend.min_n"),
        (('[zones]', '[zones]\nname = "title"'), "SchemaError", "no columns ['title']"),
        (('[zones]', '[zones]\nmarks = ["start"]'), "SchemaError", "no columns ['start']"),
    ],
)  # fmt: skip
def test_bad_cases_end_in_one_sentence(case, tmp_path, monkeypatch, capsys, edit, kind, text):
    case.write_text(CASE.replace(*edit))
    code, _, error = cli(monkeypatch, capsys, "run", case, "--out", tmp_path / "out")
    assert code == 1
    assert f"{kind}: " in error
    assert text in error
    assert "Traceback" not in error
    assert not (tmp_path / "out" / "cube.zarr").exists()


def test_the_command_line_runs_and_inspects(case, tmp_path, monkeypatch, capsys):
    out = tmp_path / "out"
    code, output, _ = cli(monkeypatch, capsys, "run", case, "--out", out)
    assert code == 0
    assert str(out / "report.html") in output
    assert "Written: cube.zarr, 7 figures, 8 maps, 6 tables, 1 vectors" in output
    assert "Note: No cell has a value on 2005-01-01" in output
    for path in (out / "cube.zarr", out / "maps" / "wue.tif", case.parent / "carbon.nc"):
        code, output, _ = cli(monkeypatch, capsys, "inspect", path)
        assert code == 0
        assert "30 x 40 cells of 30 m, EPSG:32650" in output
    code, _, error = cli(monkeypatch, capsys, "inspect", tmp_path / "none.zarr")
    assert code == 1
    assert "no Zarr store" in error


def test_a_case_is_checked_as_a_whole(tmp_path):
    path = tmp_path / "case.toml"
    path.write_text('kind = "wue"\nspeed = 3\n[variables.npp]\n')
    with pytest.raises(ParameterError) as caught:
        load_case(path)
    for part in ("unknown key 'speed'", "grid: Field required", "variables.npp.path"):
        assert part in str(caught.value)


def test_the_demo_needs_nothing(tmp_path, monkeypatch, capsys):
    out = tmp_path / "demo"
    code, output, _ = cli(monkeypatch, capsys, "demo", "--out", out, "--size", "128")
    assert code == 0
    assert "report.html" in output
    errors = pd.read_csv(out / "tables" / "truth_errors.csv").set_index("zone")
    assert len(errors) >= 2
    assert (errors["rmse (gC m-2 mm-1)"] < 0.6).all()


@pytest.mark.data("xinavane")
def test_the_real_case(data_dir, tmp_path, monkeypatch):
    root = data_dir.parents[1] / "main" / "cases"
    folder = root if (root / "xinavane.toml").exists() else None
    if folder is None:
        pytest.skip("the repository does not lie beside the data")
    run_case(folder / "xinavane.toml", tmp_path / "out", say=quiet)
    years = pd.read_csv(tmp_path / "out" / "tables" / "years.csv")
    assert len(years) == 10
    assert years["wue (gC m-2 mm-1)"].between(0.6, 1.0).all()
    cube = mx.open_cube(tmp_path / "out" / "cube.zarr")
    source = xr.open_dataset(next((data_dir / "xinavane").glob("*.nc")))
    np.testing.assert_array_equal(cube["wue"], source["npp"] / source["aeti"])
