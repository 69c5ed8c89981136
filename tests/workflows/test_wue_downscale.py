"""The carbon and water workflow from coarse products and bands of 30 m, against the known truth."""

from __future__ import annotations

import json
import re
import shutil

import geopandas as gpd
import numpy as np
import pandas as pd
import pymannkendall as mk
import pytest
import rasterio
import xarray as xr

import mineeco_xr as mx
from mineeco_xr.cube.partial import PartialStore
from mineeco_xr.errors import GridMismatch, ParameterError, SchemaError, UnitError
from mineeco_xr.workflows import run_case
from mineeco_xr.workflows.config import load_case
from mineeco_xr.workflows.demo import write_inputs
from mineeco_xr.workflows.wue_checks import source_notes
from mineeco_xr.workflows.wue_layers import yearly_layers
from mineeco_xr.workflows.wue_tables import zone_series, zone_trends

YEARS = range(2001, 2013)
SIDE = 112
MORE = """
[deformation]
path = "levelling.gpkg"
prefix = "d_"
neighbours = 4
"""
DEFORMED = (2005, 2006, 2007, 2008)
DUMPS = ["outer_dump_west", "outer_dump_north", "outer_dump_south"]
WUE = "wue (gC m-2 mm-1)"


def quiet(_):
    pass


@pytest.fixture(scope="module")
def field():
    return mx.coalfield(SIDE, years=YEARS, gaps=0.005)


@pytest.fixture(scope="module")
def inputs(field, tmp_path_factory):
    """Coarse tiles, bands, zones and points as files, and the case: few trees and blocks of 2."""
    folder = tmp_path_factory.mktemp("inputs")
    path = write_inputs(field, folder)
    text = path.read_text()
    text = text.replace("n_estimators = 60", "n_estimators = 12\nblock_cells = 2")
    text = text.replace('cv = ["random", "block"]', 'cv = ["block"]')
    text = text.replace('"NDVI", "temperature"', '"NDVI", "deformation", "temperature"')
    path.write_text(text + MORE)
    box = field.grid.boundingbox
    x, y = np.meshgrid(np.linspace(box.left + 100, box.right + 400, 6),
                       np.linspace(box.bottom + 100, box.top - 100, 5))  # fmt: skip
    points = gpd.GeoDataFrame(
        {f"d_{year}": -((x - box.left) / 1000 * (year - 2004)).ravel() for year in DEFORMED},
        geometry=gpd.points_from_xy(x.ravel(), y.ravel()),
        crs=field.grid.crs,
    )
    points.to_crs(4326).to_file(folder / "levelling.gpkg")
    return path


@pytest.fixture(scope="module")
def out(inputs, tmp_path_factory):
    out = tmp_path_factory.mktemp("run") / "out"
    run_case(inputs, out, say=quiet)
    return out


def table(out, name):
    return pd.read_csv(out / "tables" / f"{name}.csv")


def stored(out, name="cube"):
    return mx.open_cube(out / f"{name}.zarr").load()


def rmse(difference):
    return float(np.sqrt(np.nanmean(np.square(difference))))


def on_the_grid(inputs, field, how):
    """Carbon and water of the coarse products, warped onto the fine grid."""
    coarse = mx.ingest(load_case(inputs).coarse_manifest())
    return [mx.warp(coarse[name], field.grid, resampling=how).compute() for name in ("npp", "et")]


def test_downscaled_carbon_and_water_are_closer_to_the_truth(out, inputs, field):
    sharp = stored(out, "downscaled")
    for name, coarse in zip(("npp", "et"), on_the_grid(inputs, field, "bilinear"), strict=True):
        truth = field.truth[name].values
        both = np.isfinite(sharp[name].values) & np.isfinite(coarse.values)
        ours, plain = sharp[name].values - truth, coarse.values - truth
        assert rmse(ours[both]) < 0.6 * rmse(plain[both])


def test_turns_of_the_index_are_told_beside_those_of_the_efficiency(out, field):
    turns = table(out, "zone_turns_ndvi").set_index("zone")
    planted = field.zones.set_index("name")
    for zone in DUMPS:
        year, known = turns.loc[zone, "decline_start"], planted.loc[zone, "disturbance_start"]
        assert abs(year - known) <= 1, (zone, year, known)


def test_the_spread_of_the_trees_reaches_the_efficiency(out):
    sharp = stored(out, "downscaled").load()
    relative = np.hypot(sharp["npp_spread"] / sharp["npp"], sharp["et_spread"] / sharp["et"])
    found = sharp["wue_spread"].values
    valid = np.isfinite(found)
    assert valid.mean() > 0.5
    expected = (sharp["npp"] / sharp["et"] * relative).values[valid]
    np.testing.assert_allclose(found[valid], expected, rtol=1e-4)


def test_zones_are_closer_to_the_truth_than_the_product(out, inputs, field):
    series = table(out, "zone_years").assign(wue=lambda t: t[WUE])
    truth = zone_series(field.truth["npp"], field.truth["et"], field.zones, "name")
    coarse = zone_series(*on_the_grid(inputs, field, "nearest"), field.zones, "name")
    for zone in ["pit", *DUMPS, "inner_dump"]:
        true, ours, product = (t.loc[t["zone"] == zone, "wue"].to_numpy()
                               for t in (truth, series, coarse))  # fmt: skip
        assert rmse(ours - true) < 0.75 * rmse(product - true), zone


def test_the_efficiency_is_carbon_over_water(out):
    cube, sharp = stored(out), stored(out, "downscaled")
    npp, et = sharp["npp"].values, sharp["et"].values
    valid = (et >= 20) & (npp >= 0)
    expected = np.divide(npp, et, where=valid, out=np.full(npp.shape, np.nan, "float32"))
    np.testing.assert_allclose(cube["wue"].values, expected, rtol=1e-6)
    both = np.where(valid, npp, 0).sum(axis=0) / np.where(valid, et, np.nan).sum(axis=0)
    whole = valid.all(axis=0)
    assert whole.any()
    np.testing.assert_allclose(cube["wue_period"].values[whole], both[whole], rtol=1e-5)


def test_forest_and_ridge_are_judged_beside_each_other(out):
    accuracy = table(out, "accuracy").set_index(["target", "model", "validation"])
    for target in ("npp", "et"):
        for model in ("forest", "ridge"):
            assert accuracy.loc[(target, model, "block"), "r2"] > 0.5
        training = accuracy.loc[(target, "forest", "training")]
        assert training["rmse"] < accuracy.loc[(target, "forest", "block"), "rmse"]
        assert training["n"] == accuracy.loc[(target, "ridge", "training"), "n"]
    importance = table(out, "importance").set_index("predictor")
    assert set(importance.index) == {"NDVI", "EVI", "NDWI_GAO", "LST", "TVDI"}
    mass = table(out, "mass_error").set_index(["target", "stage"])
    for target in ("npp", "et"):
        assert mass.loc[(target, "after"), "rms"] < 0.6 * mass.loc[(target, "before"), "rms"]


def test_cells_without_a_coarse_value_are_flagged_and_counted(out, inputs, field):
    sharp = stored(out, "downscaled")
    fill, valid = sharp["npp_source_fill"].values, np.isfinite(sharp["npp"].values)
    # The nearest coarse cell of a centre is the one that holds it: no value there is a flag here.
    nearest, _ = on_the_grid(inputs, field, "nearest")
    np.testing.assert_array_equal(fill[valid] > 0, np.isnan(nearest.values)[valid])
    assert (sharp["npp_residual"].values[valid & (fill > 0)] == 0).all()
    share = 100 * (fill[valid] > 0).mean()
    notes = json.loads((out / "run.json").read_text())["notes"]
    assert any(n.startswith(f"{share:.1f} % of the downscaled npp stand on no") for n in notes)
    beyond = sharp["et_outside_range"].values[np.isfinite(sharp["et"].values)] == 1
    assert any(f"{100 * beyond.mean():.1f} % of the downscaled et have a predictor" in n
               for n in notes)  # fmt: skip
    assert "5 of 30 points of deformation lie outside the grid; they inform the cells near them." \
        in notes  # fmt: skip


def test_the_planted_years_of_the_dumps_are_found(out, field):
    turns = table(out, "zone_turns").set_index("zone")
    planted = field.zones.set_index("name")
    west = turns.loc["outer_dump_west"]
    assert abs(west["decline_start"] - planted.loc["outer_dump_west", "disposal_start"]) <= 1
    assert abs(west["recovery_start"] - planted.loc["outer_dump_west", "restoration_start"]) <= 1
    # What begins after the last date, or never, is empty.
    assert turns.loc["outer_dump_south", "recovery_start":"stable_start"].isna().all()
    assert np.isnan(turns.loc["reference", "decline_start"])
    phases = table(out, "zone_phases")
    for _, rows in phases.groupby("zone"):
        assert rows["start"].iloc[0] == YEARS[0]
        assert rows["end"].iloc[-1] == YEARS[-1]
        assert (rows["start"].to_numpy()[1:] == rows["end"].to_numpy()[:-1] + 1).all()


def test_zones_are_compared_with_the_ring(out):
    series = table(out, "zone_years").pivot(index="time", columns="zone", values=WUE)
    share = 100 * series["outer_dump_west"] / series["undisturbed ring"]
    row = table(out, "zone_recovery").set_index("zone").loc["outer_dump_west"]
    assert row["lowest (%)"] == pytest.approx(share.min())
    assert row["lowest_year"] == int(share.idxmin()[:4])
    assert row["last (%)"] == pytest.approx(share.iloc[-3:].mean())
    zones = mx.read_vectors(out / "vectors" / "zones.gpkg").set_index("name")
    mined = zones.drop(index=["undisturbed ring", "reference"]).union_all()
    assert zones.geometry["undisturbed ring"].intersection(mined).is_empty


def test_disturbance_is_dated_as_in_the_truth(out, field):
    cube = stored(out)
    true, found = field.truth["disturbance_year"].values, cube["disturbance_year"].values
    inside = (true > YEARS[0] + 1) & (true < YEARS[-1])
    assert inside.sum() > 300
    assert (np.abs(found.astype(int) - true)[inside] <= 1).mean() > 0.9
    assert (found[(true == 0) | (true > YEARS[-1])] > 0).mean() < 0.05
    years = table(out, "disturbance_years").set_index("year")
    counts = pd.Series(found[found > 0]).value_counts()
    expected = counts.reindex(years.index, fill_value=0) * 0.09
    np.testing.assert_allclose(years["segments (ha)"], expected, rtol=1e-9)
    agreement = table(out, "disturbance_methods").set_index("method")
    other = cube["disturbance_year_maxdrop"].values
    both = (found > 0) & (other > 0)
    assert agreement.loc["maxdrop", "both"] == both.sum()
    same = 100 * (found[both] == other[both]).mean()
    assert agreement.loc["maxdrop", "same year (%)"] == pytest.approx(same)
    assert agreement.loc["landtrendr", "earlier (%)"] > agreement.loc["maxdrop", "earlier (%)"]


def test_drivers_correlate_as_numpy_says(out):
    wue, layers = stored(out)["wue"].values, stored(out, "layers")
    drivers = table(out, "drivers").set_index(["over", "zone", "factor"])
    factors = ("NDVI", "deformation", "temperature", "precipitation")
    # All factors are judged on the same cells and years: those that have every one of them.
    both = np.isfinite(wue) & np.isfinite([layers[name].values for name in factors]).all(axis=0)
    assert both.any(axis=(1, 2)).tolist() == [year in DEFORMED for year in YEARS]
    for factor in factors:
        values = layers[factor].values
        row = drivers.loc[("pooled", "grid", factor)]
        assert row["n"] == both.sum()
        r = np.corrcoef(wue[both].astype("float64"), values[both].astype("float64"))[0, 1]
        assert row["r"] == pytest.approx(r, abs=1e-6)
        assert row["n_effective"] < row["n"]
        assert row["p_independent"] <= row["p"] <= row["q"]
    assert drivers.loc[("pooled", "grid", "NDVI"), "r"] > 0.5


def test_deformation_is_interpolated_in_the_years_that_points_have(out, field):
    moved = stored(out, "layers")["deformation"]
    assert moved.attrs["units"] == "mm"
    years = moved["time"].dt.year.values
    held = np.isin(years, DEFORMED)
    assert np.isnan(moved.values[~held]).all()
    # Columns are factors of one another, and so are their weighted means.
    np.testing.assert_allclose(moved.values[held][3], 4 * moved.values[held][0], rtol=1e-5)
    place = float(moved["x"][60]) - field.grid.boundingbox.left
    assert float(moved.values[held][0][50, 60]) == pytest.approx(-place / 1000, abs=0.3)


def test_maps_and_the_report_tell_all_of_it(out):
    record = json.loads((out / "run.json").read_text())
    maps = {path.stem for path in (out / "maps").iterdir()}
    assert {"npp", "et", "wue", "wue_change", "disturbance_year", "disturbance_magnitude",
            "recovery_recovered", "dominant_driver"} <= maps  # fmt: skip
    with rasterio.open(out / "maps" / "disturbance_year.tif") as file:
        assert file.nodata == 0
        np.testing.assert_array_equal(file.read(1), stored(out)["disturbance_year"].values)
    page = (out / "report.html").read_text()
    for heading in ("From the coarse products to the grid", "Decline, recovery, stability",
                    "Disturbance and recovery", "What the efficiency follows"):  # fmt: skip
        assert heading in page
    assert "trees that have not seen a cell" in page
    assert "blocks of coarse cells left out" in page
    assert all(note in page for note in record["notes"])
    assert all((out / name).stat().st_size > 0 for name in record["files"])


def test_an_interrupted_downscaling_goes_on_where_it_was(inputs, out, tmp_path, monkeypatch):
    again = tmp_path / "out"
    shutil.copytree(out / "layers.zarr", again / "layers.zarr")
    before = (again / "layers.zarr" / "zarr.json").stat().st_mtime_ns

    def stop(self, block):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(PartialStore, "mark_done", stop)
        with pytest.raises(KeyboardInterrupt):
            run_case(inputs, again, say=quiet)
    assert (again / "layers.zarr" / "zarr.json").stat().st_mtime_ns == before
    assert not (again / "downscaled.zarr").exists()
    assert not (again / "cube.zarr").exists()
    stop_after = PartialStore.mark_done

    def second(self, block):
        if self.root.name.startswith("cube"):
            raise KeyboardInterrupt
        stop_after(self, block)

    with monkeypatch.context() as patch:
        patch.setattr(PartialStore, "mark_done", second)
        with pytest.raises(KeyboardInterrupt):
            run_case(inputs, again, say=quiet)
    finished = stored(again, "downscaled")
    xr.testing.assert_equal(finished, stored(out, "downscaled"))
    assert not (again / "report.html").exists()


def without(section):
    """Return the edit of a case's text that drops a section."""
    return lambda text: re.sub(rf"(?ms)^\[{re.escape(section)}\]\n.*?(?=^\[|\Z)", "", text)


def changed(old, new):
    """Return the edit of a case's text that changes one place."""

    def edit(text):
        assert old in text
        return text.replace(old, new, 1)

    return edit


PREDICTORS = changed("[downscale]", '[downscale]\npredictors = ["NDVI", "SAVI"]')
NO_ROLE = "variable 'et' is needed and is not in \\[coarse\\]"
WRONG = {
    "digital numbers as floats": (
        changed('[variables.red]\npath = "bands.zarr"', '[variables.red]\npath = "dn.zarr"'),
        SchemaError, "band 'red' has .* digital numbers"),
    "digital numbers as integers": (
        changed('[variables.red]\npath = "bands.zarr"',
                '[variables.red]\npath = "dn.zarr"\nvariable = "stored"'),
        SchemaError, "hold integers, which are digital numbers"),
    "a missing band": (without("variables.blue"), SchemaError, "lacks \\['blue'\\]"),
    "no thermal band": (without("variables.thermal"), SchemaError, "names \\['thermal'\\]"),
    "dryness without heat": (changed('thermal = "thermal"', ""), ParameterError, "tvdi = false"),
    "degrees Celsius": (
        changed('thermal = "thermal"', 'thermal = "temperature"'), UnitError, "needs K"),
    "a predictor that is no layer": (PREDICTORS, SchemaError, "\\['SAVI'\\] are no layers"),
    "a factor that is no layer": (
        changed('"precipitation"]', '"rain"]'), SchemaError, "factors \\['rain'\\] are no layers"),
    "a disturbance of no layer": (
        changed('variable = "NDVI"', 'variable = "NBR"'), SchemaError, "'NBR' is no layer"),
    "a layer that the run makes": (
        changed("[bands]", '[variables.NDVI]\npath = "bands.zarr"\nvariable = "red"\n\n[bands]'),
        SchemaError, "makes \\['NDVI'\\] itself"),
    "points without a year": (changed('"d_"', '"v_"'), SchemaError, "no column of 'v_2001'"),
    "a ring outside the grid": (
        changed("ring = [84, 420]", "ring = [40000, 50000]"), GridMismatch, "no cell of the grid"),
    "a reference that is no zone": (
        changed('reference = "reference"', 'reference = "steppe"'), SchemaError, "is 'steppe'"),
    "marks that are no years": (
        changed('"restoration_start"', '"kind"'), SchemaError, "'kind' holds 'pit'"),
    "a column of names that is not there": (
        changed('name = "name"', 'name = "label"'), SchemaError, "no columns \\['label'\\]"),
    "an unknown product": (changed('"MOD17A3HGF"', '"MOD17A2H"'), ParameterError, "MOD17A2H"),
    "another product's files": (
        changed('"MOD17A3HGF"', '"MOD16A3GF"'), SchemaError, "MOD17A3HGF"),
    "other dates": (
        changed("Npp_500m_*", "Npp_500m_doy200*"), SchemaError, "different dates"),
    "other dates of both products": (
        lambda text: text.replace("500m_*", "500m_doy200*"), SchemaError, "different dates"),
    "no bands": (without("bands"), ParameterError, "give \\[bands\\]"),
    "no water": (without("coarse.et"), ParameterError, NO_ROLE),
    "carbon twice": (
        changed("[bands]", '[variables.npp]\npath = "bands.zarr"\n\n[bands]'),
        ParameterError, "\\['npp'\\] are in \\[coarse\\] and in"),
}  # fmt: skip


@pytest.fixture(scope="module")
def stored_numbers(inputs, field):
    """The red band as digital numbers, beside the other inputs."""
    red = field.cube["red"].fillna(0) * 10_000
    numbers = {"red": red.astype("float32"), "stored": red.astype("uint16")}
    plain = {name: layer.drop_attrs(deep=False) for name, layer in numbers.items()}
    mx.write_cube(xr.Dataset(plain), inputs.parent / "dn.zarr")


@pytest.mark.parametrize(("edit", "kind", "text"), WRONG.values(), ids=WRONG)
@pytest.mark.usefixtures("stored_numbers")
def test_bad_input_is_told_before_anything_long(inputs, tmp_path, edit, kind, text):
    case = tmp_path / "case.toml"
    case.write_text(f'base = "{inputs.parent.as_posix()}"\n{edit(inputs.read_text())}')
    said = []
    with pytest.raises(kind, match=text):
        run_case(case, tmp_path / "out", say=said.append)
    assert not (tmp_path / "out" / "layers.zarr").exists()
    assert "Training the models that downscale carbon and water" not in said


SCENES = """\
kind = "wue"
[grid]
like = "npp"
[variables.red]
path = "scenes.zarr"
[variables.nir]
path = "scenes.zarr"
[variables.thermal]
path = "scenes.zarr"
[variables.QA_PIXEL]
path = "scenes.zarr"
[variables.npp]
path = "years.zarr"
[variables.et]
path = "years.zarr"
[bands]
indices = ["NDVI"]
thermal = "thermal"
qa = "QA_PIXEL"
season = [6, 9]
[trend]
min_n = 3
"""
CLEAR, CLOUD = 21824, 22280


@pytest.fixture
def scenes(field, tmp_path):
    """Three scenes a year, one outside the season and one half under cloud, and yearly products."""
    few = field.cube[["red", "nir", "thermal"]].isel(time=slice(4), y=slice(40), x=slice(50))
    few = few.fillna(0.2).compute()
    days = ["03-01", "07-01", "08-20"]
    parts = []
    for year in range(2001, 2005):
        for day, factor in zip(days, (0.5, 1.0, 1.1), strict=True):
            one = few.sel(time=[f"{year}-01-01"]).assign_coords(
                time=np.array([f"{year}-{day}"], "datetime64[ns]"))  # fmt: skip
            qa = xr.full_like(one["red"], CLEAR, dtype="uint16")
            qa.attrs = {"_FillValue": np.uint16(1)}
            if day == "08-20":
                qa[:, :, :25] = CLOUD
            nir = (one["nir"] * factor).assign_attrs(one["nir"].attrs)
            parts.append(one.assign(nir=nir, QA_PIXEL=qa))
    cube = xr.concat(parts, "time")
    mx.write_cube(cube, tmp_path / "scenes.zarr")
    years = field.truth[["npp", "et"]].isel(time=slice(4), y=slice(40), x=slice(50))
    mx.write_cube(years, tmp_path / "years.zarr")
    path = tmp_path / "case.toml"
    path.write_text(SCENES)
    return path, cube


def test_scenes_of_a_season_become_yearly_composites(scenes):
    path, cube = scenes
    layers = yearly_layers(load_case(path)).compute()
    assert {"NDVI", "LST", "TVDI", "clear_count", "npp", "et"} == set(layers)
    assert layers["time"].dt.strftime("%m-%d").values.tolist() == ["01-01"] * 4
    july, august = (cube.sel(time=cube["time"].dt.month == month) for month in (7, 8))
    ndvi = [((s["nir"] - s["red"]) / (s["nir"] + s["red"])).values for s in (july, august)]
    # Under the cloud of August only July counts; elsewhere the median of two is their mean.
    np.testing.assert_allclose(layers["NDVI"].values[..., :25], ndvi[0][..., :25], atol=1e-6)
    mean = (ndvi[0] + ndvi[1])[..., 25:] / 2
    np.testing.assert_allclose(layers["NDVI"].values[..., 25:], mean, atol=1e-6)
    assert (layers["clear_count"].values == np.where(np.arange(50) < 25, 1, 2)).all()


@pytest.mark.parametrize(
    ("edit", "text"),
    [
        (changed("season = [6, 9]", ""), "name a season in"),
        (changed("season = [6, 9]", "season = [10, 11]"), "no date of 2001, 2002"),
        (changed('[variables.npp]\npath = "years.zarr"',
                 '[variables.npp]\npath = "scenes.zarr"\nvariable = "red"'), "different dates"),
    ],
)  # fmt: skip
def test_scenes_that_make_no_year(scenes, tmp_path, edit, text):
    path, _ = scenes
    path.write_text(edit(SCENES))
    with pytest.raises(SchemaError, match=text):
        run_case(path, tmp_path / "out", say=quiet)
    assert not (tmp_path / "out" / "cube.zarr").exists()


def test_files_of_an_earlier_processing_are_counted(inputs, tmp_path):
    text = inputs.read_text()
    for source in (inputs.parent / "modis").glob("*_Npp_*"):
        year = source.name[source.name.index("doy") + 3 :][:4]
        for made in ("2020001000000", "2023001000000"):
            name = f"MOD17A3HGF.A{year}001.h26v04.061.{made}.tif"
            (tmp_path / name).symlink_to(source)
    text = text.replace("modis/MOD17A3HGF.061_Npp_500m_*", f"{tmp_path.as_posix()}/MOD17*")
    case = tmp_path / "case.toml"
    case.write_text(f'base = "{inputs.parent.as_posix()}"\n{text}')
    notes = source_notes(mx.ingest(load_case(case).coarse_manifest()))
    assert len(notes) == 1
    assert "Of npp 12 files were processed again later" in notes[0]
    assert ".2020001000000.tif" in notes[0]


def test_zones_are_tested_with_the_correction_of_the_case():
    rng = np.random.default_rng(3)
    time = pd.to_datetime([f"{year}-01-01" for year in range(2001, 2025)])
    noise = [rng.normal(size=24).cumsum() * 0.05 + 1 for _ in range(3)]
    series = pd.concat(
        pd.DataFrame({"zone": f"z{i}", "time": time, "wue": values, "npp": 1.0, "et": 1.0,
                      "area": 1.0, "valid_share": 1.0}) for i, values in enumerate(noise)
    )  # fmt: skip
    series.attrs["units"] = {"wue": "gC m-2 mm-1"}
    table = zone_trends(series, 10, "yue_wang")
    expected = [mk.yue_wang_modification_test(values).p for values in noise]
    np.testing.assert_allclose(table["p"], expected, rtol=1e-9, atol=1e-12)
    assert (table["p"] != zone_trends(series, 10)["p"]).all()
