"""Subsidence on a grid: superposition, time, chunks, and what the numbers must obey."""

from __future__ import annotations

import importlib

import dask
import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import mineeco_xr as mx
from mineeco_xr.errors import GridMismatch, MineecoWarning, ParameterError, SchemaError
from mineeco_xr.testing import assert_chunk_invariant, chunkings, with_grid

SHAPE = (18, 21)
LIKE = with_grid(np.zeros(SHAPE, "float32"), resolution=60.0)
GRID = LIKE.odc.geobox
WEST, NORTH = 500_000.0, 4_800_000.0


def draw_panels(seed, count=4, **fixed):
    """Panels anywhere on the grid, a seam each, some inclined, of any azimuth."""
    rng = np.random.default_rng(seed)
    columns = {
        "x": WEST + rng.uniform(100, 1100, count), "y": NORTH - rng.uniform(100, 1000, count),
        "length": rng.uniform(200, 700, count), "width": rng.uniform(100, 250, count),
        "azimuth": rng.uniform(0, 360, count), "depth": rng.uniform(150, 350, count),
        "dip": rng.choice([0.0, 0.0, 7.0, 20.0], count), "thickness": rng.uniform(1, 6, count),
        "q": rng.uniform(0.5, 1.0, count), "tan_beta": rng.uniform(1.5, 2.5, count),
        "b": rng.uniform(0.2, 0.4, count), "offset": rng.uniform(0, 20, count),
        "start": [f"{2001 + i}-03-01" for i in range(count)],
        "end": [f"{2002 + i}-07-15" for i in range(count)], "seam": np.arange(count),
    }  # fmt: skip
    return pd.DataFrame(columns).assign(**fixed)


def one(**changes):
    return draw_panels(0, 1, x=WEST + 600, y=NORTH - 500, azimuth=90.0, dip=0.0, offset=0.0,
                       depth=200.0, tan_beta=2.0, thickness=4.0, q=0.75, length=480.0, width=240.0,
                       b=0.3).assign(**changes)  # fmt: skip


def on(like, panels, **parameters):
    return mx.subsidence(panels, like, **parameters)


@settings(max_examples=12)
@given(seed=st.integers(0, 999), data=st.data())
def test_any_chunking_gives_the_same_bits(seed, data):
    panels = draw_panels(seed)
    parameters = data.draw(st.sampled_from([
        {"output": "all"}, {"time": [2001, 2003, 2006]},
        {"time": [2002, 2004], "output": ["tilt", "strain_min"], "form": "units"},
        {"method": "polygons", "output": ["subsidence", "displacement"]},
    ]))  # fmt: skip
    parameters = {**parameters, "outside": "ignore"}
    chunks = data.draw(chunkings(SHAPE))
    assert_chunk_invariant(on, LIKE, chunks=chunks, panels=panels, **parameters)


def test_single_is_close_to_double_and_polygons_to_rectangles():
    panels = draw_panels(5, 6).assign(dip=0.0)
    double = mx.subsidence(panels, GRID, output="all", dtype="float64")
    single = mx.subsidence(panels, GRID, output="all")
    other = mx.subsidence(panels, GRID, output="all", dtype="float64", method="polygons")
    assert np.abs(single["subsidence"] - double["subsidence"]).max() < 5e-6
    for name in double:
        scale = float(np.abs(double[name]).max())
        assert np.abs(single[name] - double[name]).max() < 2e-5 * scale, name
        assert np.abs(other[name] - double[name]).max() < 1e-6 * scale, name


@settings(max_examples=10)
@given(seed=st.integers(0, 99), dip=st.sampled_from([0.0, 12.0, 30.0]))
def test_components_are_derivatives(seed, dip):
    """Against finite differences of the subsidence and of the displacement, in map axes."""
    panel = draw_panels(seed, 1, dip=dip)
    h = 0.02
    x, y = panel["x"].item() + 60.0, panel["y"].item() - 40.0
    like = mx.make_grid((x - 1.5 * h, y - 1.5 * h, x + 1.5 * h, y + 1.5 * h), crs="EPSG:32650",
                        resolution=h)  # fmt: skip
    ground = mx.subsidence(panel, like, output="all", dtype="float64", cutoff=9)

    def slope(name, axis):
        v = ground[name].values
        return (v[1, 2] - v[1, 0]) / (2 * h) if axis == "x" else (v[0, 1] - v[2, 1]) / (2 * h)

    r = panel["depth"].item() / panel["tan_beta"].item()
    most = panel["thickness"].item()
    for name, terms, scale in (
        ("tilt_x", [("subsidence", "x")], most / r), ("tilt_y", [("subsidence", "y")], most / r),
        ("curvature_x", [("tilt_x", "x")], most / r**2),
        ("curvature_y", [("tilt_y", "y")], most / r**2),
        ("curvature_xy", [("tilt_x", "y")], most / r**2),
        ("strain_x", [("displacement_x", "x")], most / r),
        ("strain_y", [("displacement_y", "y")], most / r),
        ("strain_xy", [("displacement_x", "y"), ("displacement_y", "x")], most / r),
    ):  # fmt: skip
        found = sum(slope(of, axis) for of, axis in terms)
        assert ground[name].values[1, 1] == pytest.approx(found, abs=1e-6 * scale), name


@settings(max_examples=10)
@given(seed=st.integers(0, 99))
def test_flat_seams_move_by_b_r_times_the_tilt(seed):
    panel = draw_panels(seed, 1, dip=0.0)
    ground = mx.subsidence(panel, GRID, output="all", dtype="float64", outside="ignore")
    factor = (panel["b"] * panel["depth"] / panel["tan_beta"]).item()
    for of, by in (("displacement", "tilt"), ("strain", "curvature")):
        for axis in ("x", "y"):
            np.testing.assert_allclose(
                ground[f"{of}_{axis}"], factor * ground[f"{by}_{axis}"], rtol=1e-9, atol=1e-12
            )
    np.testing.assert_allclose(
        ground["strain_xy"], 2 * factor * ground["curvature_xy"], rtol=1e-9, atol=1e-12
    )


@settings(max_examples=8)
@given(seed=st.integers(0, 99), form=st.sampled_from(["textbook", "units"]))
def test_the_volume_is_that_of_the_mined_seam(seed, form):
    panel = draw_panels(seed, 1, offset=0.0, dip=0.0 if form == "textbook" else 15.0, theta0=90.0)
    x, y = panel["x"].item(), panel["y"].item()
    grid = mx.make_grid((x - 1200, y - 1200, x + 1200, y + 1200), crs="EPSG:32650", resolution=20)
    ground = mx.subsidence(panel, grid, form=form, dtype="float64")["subsidence"]
    volume = panel.eval("length * width * thickness * q").item()
    stretch = np.cos(np.radians(panel["dip"].item())) ** 2
    assert ground.sum().item() * 400 == pytest.approx(volume * stretch, rel=1e-9)


@settings(max_examples=8)
@given(seed=st.integers(0, 99), turn=st.sampled_from([90.0, 180.0, 270.0]))
def test_turning_the_mine_turns_the_ground(seed, turn):
    middle = np.array([WEST + 600.0, NORTH - 600.0])
    grid = mx.make_grid((*(middle - 600), *(middle + 600)), crs="EPSG:32650", resolution=60)
    panels = draw_panels(seed, 3)
    angle = -np.radians(turn)
    matrix = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    place = (panels[["x", "y"]].to_numpy() - middle) @ matrix.T + middle
    turned = panels.assign(x=place[:, 0], y=place[:, 1], azimuth=panels["azimuth"] + turn)
    names = ["subsidence", "tilt", "displacement", "strain_max", "strain_min"]
    before, after = (
        mx.subsidence(p, grid, output=names, dtype="float64", outside="ignore")
        for p in (panels, turned)
    )
    for name in names:
        expected = np.rot90(before[name].values, -int(turn // 90))
        np.testing.assert_allclose(after[name], expected, rtol=0, atol=1e-9, err_msg=name)


def test_a_panel_is_the_sum_of_its_parts():
    panel = one(dip=10.0)
    parts = pd.concat([panel.assign(x=panel["x"] + d, length=240.0, name=str(d))
                       for d in (-120.0, 120.0)])  # fmt: skip
    whole, split = (
        mx.subsidence(p.assign(seam="1"), GRID, output="all", dtype="float64")
        for p in (panel, parts)
    )
    for name in ("subsidence", "tilt_x", "curvature_xy", "displacement_y", "strain_xy"):
        np.testing.assert_allclose(split[name], whole[name], rtol=0, atol=1e-12, err_msg=name)


def test_centre_edge_and_corner_of_a_wide_panel():
    panel = one(length=1200.0, width=1200.0, depth=100.0, x=WEST + 630, y=NORTH - 570)
    found = mx.subsidence(panel, GRID, dtype="float64", cutoff=9)["subsidence"]
    row, column = 9, 10
    assert found[row, column].item() == pytest.approx(3.0, abs=1e-12)
    assert found[row, 0].item() == pytest.approx(1.5, abs=1e-12)
    wider = one(length=1200.0, width=1200.0, depth=100.0, x=WEST + 630, y=NORTH - 630)
    corner = mx.subsidence(wider, GRID, dtype="float64", cutoff=9)["subsidence"]
    assert corner[0, 0].item() == pytest.approx(0.75, abs=1e-12)


def test_rows_that_run_north_and_columns_that_run_west():
    panels = draw_panels(3)
    expected = mx.subsidence(panels, LIKE, output="all")
    mirrored = mx.subsidence(panels, LIKE.isel(y=slice(None, None, -1), x=slice(None, None, -1)),
                             output="all")  # fmt: skip
    xr.testing.assert_allclose(mirrored.sortby("y", ascending=False).sortby("x"), expected)


@settings(max_examples=10)
@given(
    seed=st.integers(0, 99),
    function=st.sampled_from([
        ("knothe", None), ("knothe", {"c": 1.2}), ("weibull", {"k": 1.6}), ("weibull", {"k": 0.7}),
        ("normal", {"n": 2.5}), ("logistic", {"a": 20.0}), ("mmf", {"k": 2.0}), (None, None),
    ]),
    method=st.sampled_from(["auto", "polygons"]),
)  # fmt: skip
def test_subsidence_begins_at_zero_never_falls_and_ends_whole(seed, function, method):
    panels = draw_panels(seed)
    times = pd.date_range("2001-02-28", "2008-02-28", freq="120D")
    name, parameters = function
    ground = mx.subsidence(
        panels, GRID, time=[*times, pd.Timestamp("2250-01-01")], time_function=name,
        time_parameters=parameters, method=method, outside="ignore",
    )["subsidence"]  # fmt: skip
    final = mx.subsidence(panels, GRID, method=method, outside="ignore")["subsidence"]
    assert not ground[0].any()
    fall = (-ground.diff("time")).max().item()
    assert fall <= (0.0 if method == "auto" else 2e-6)
    np.testing.assert_allclose(ground[-1], final, rtol=0, atol=2e-3 if name == "mmf" else 1e-5)


def test_more_slices_come_closer_to_a_face_that_moves():
    panel = one(start="2001-01-01", end="2003-01-01", length=900.0, width=200.0)
    fine, auto, single = (
        mx.subsidence(panel, GRID, time=["2002-01-01", "2003-06-01"], slices=n, dtype="float64")[
            "subsidence"
        ]
        for n in (400, "auto", 1)
    )
    assert np.abs(auto - fine).max() < 0.015 * fine.max()
    assert np.abs(single - fine).max() > 5 * np.abs(auto - fine).max()
    # The west is mined first, and sinks first.
    assert fine[0].sel(x=slice(None, WEST + 600)).sum() > 3 * fine[0].sel(
        x=slice(WEST + 600, None)
    ).sum()  # fmt: skip
    back = mx.subsidence(
        panel.assign(advance=270.0, x=2 * (WEST + 630) - panel["x"]), GRID, time=["2002-01-01"],
        slices=400, dtype="float64",
    )["subsidence"]  # fmt: skip
    np.testing.assert_allclose(back[0], fine[0].values[:, ::-1], rtol=0, atol=1e-12)


def test_lazy_result_shares_its_panels_and_keeps_the_chunks():
    like = LIKE.chunk({"y": (5, 13), "x": (8, 8, 5)})
    with dask.config.set(scheduler=lambda *_, **__: pytest.fail("computed")):
        lazy = mx.subsidence(draw_panels(1), like, output=["subsidence", "tilt"], time=[2005])
    assert lazy["tilt"].chunks == ((1,), (5, 13), (8, 8, 5))
    assert lazy["tilt"].dtype == np.float32
    assert lazy["tilt"].attrs["units"] == "m m-1"
    assert lazy["subsidence"].attrs["units"] == "m"
    assert "spatial_ref" in lazy.coords
    assert "subsidence(panels" in lazy.attrs["history"]


def test_heavy_blocks_are_halved(monkeypatch):
    forward = importlib.import_module("mineeco_xr.subsidence.forward")
    monkeypatch.setattr(forward, "BLOCK_BYTES", 64 * 64 * 4 * 3)
    like = with_grid(np.zeros((300, 200), "float32"), resolution=20.0)
    panels = one(x=WEST + 2000, y=NORTH - 3000)
    years = [2001, 2002, 2003]
    found = mx.subsidence(panels, like.chunk(200), time=years)["subsidence"]
    assert found.chunks[1] == (50,) * 6
    assert found.chunks[2] == (50,) * 4
    expected = mx.subsidence(panels, like, time=years)["subsidence"]
    np.testing.assert_array_equal(found.compute(), expected)


def test_the_package_is_its_function():
    package = importlib.import_module("mineeco_xr.subsidence")
    assert package.subsidence is importlib.import_module("mineeco_xr.subsidence.forward").subsidence
    np.testing.assert_array_equal(package(one(), GRID)["subsidence"],
                                  package.subsidence(one(), GRID)["subsidence"])  # fmt: skip


def test_principal_values_are_of_the_sum_and_directions_project():
    ground = mx.subsidence(draw_panels(8), GRID, output="all", dtype="float64")
    np.testing.assert_allclose(ground["tilt"], np.hypot(ground["tilt_x"], ground["tilt_y"]))
    tensor = np.array([[ground["strain_x"], ground["strain_xy"] / 2],
                       [ground["strain_xy"] / 2, ground["strain_y"]]])  # fmt: skip
    values = np.linalg.eigvalsh(np.moveaxis(tensor, (0, 1), (-2, -1)))
    np.testing.assert_allclose(ground["strain_min"], values[..., 0], atol=1e-15)
    np.testing.assert_allclose(ground["strain_max"], values[..., 1], atol=1e-15)
    for azimuth, axis in ((90.0, "x"), (0.0, "y")):
        along = mx.in_direction(ground, azimuth)
        for name in ("tilt", "curvature", "displacement", "strain"):
            np.testing.assert_allclose(along[name], ground[f"{name}_{axis}"], rtol=1e-12)
    strains = xr.concat([mx.in_direction(ground, a)["strain"] for a in range(180)], "azimuth")
    np.testing.assert_allclose(strains.max("azimuth"), ground["strain_max"], rtol=0, atol=1e-6)
    with pytest.raises(SchemaError, match="expected the components of one of"):
        mx.in_direction(ground[["subsidence"]], 0.0)


def test_repeated_mining_needs_dates_grows_q_and_is_capped():
    upper = one(name="upper", seam="1")
    lower = one(name="lower", seam="2", start="2005-01-01", end="2005-06-01")
    apart = one(name="apart", seam="2", start="2006-01-01", end="2006-06-01", y=NORTH - 900)
    panels = pd.concat([upper, lower, apart])
    forward = importlib.import_module("mineeco_xr.subsidence.repeated")
    table = mx.read_panels(panels).table
    grown = forward.repeat_mining(table, "medium")
    np.testing.assert_allclose(grown["q"], [0.75, 0.75 * 1.2, 0.75])
    half = mx.read_panels(pd.concat([upper, lower.assign(x=lower["x"] + 240.0)])).table
    np.testing.assert_allclose(forward.repeat_mining(half, [0.2])["q"], [0.75, 0.75 * 1.1])
    plain = mx.subsidence(panels, GRID)["subsidence"]
    more = mx.subsidence(panels, GRID, repeated="medium")["subsidence"]
    assert more.max() > plain.max()
    with pytest.warns(MineecoWarning, match="'lower' would sink by more than their thickness"):
        capped = forward.repeat_mining(table.assign(q=0.95), "hard")
    assert capped["q"].max() == 1.0
    with pytest.raises(ParameterError, match="'upper' has no date"):
        mx.subsidence(panels.assign(start=None, end=None), GRID, repeated="hard")


@pytest.mark.parametrize(("parameters", "message"), [
    ({"time": [2005, 2004]}, "ascending years or dates"),
    ({"time": ["when"]}, "give years or dates"),
    ({"time": [2500]}, "give years or dates"),
    ({"output": "sinking"}, "output is 'sinking'"),
    ({"method": "fast"}, "method is 'fast'"),
    ({"form": "free"}, "form is 'free'"),
    ({"dtype": "int16"}, "choose 'float32' or 'float64'"),
    ({"cutoff": 0.2}, "cutoff is 0.2"),
    ({"slices": 0}, "slices is 0"),
    ({"outside": "drop"}, "outside is 'drop'"),
    ({"repeated": [-1]}, "one to four numbers"),
    ({"repeated": "soft"}, r"choose from \['hard', 'medium'\]"),
    ({"time": [2005], "time_function": "linear"}, "time_function is 'linear'"),
    ({"time": [2005], "time_function": "weibull"}, "needs time_parameters={'k': ...}"),
    ({"time": [2005], "time_parameters": {"k": 1}}, r"has \['k'\]: 'knothe' takes \['c'\]"),
    ({"time": [2005], "time_parameters": {"c": -1}}, "expected a positive number"),
    ({"time": [2005], "time_function": None, "time_parameters": {"c": 1}}, "time_function is None"),
])  # fmt: skip
def test_wrong_parameters_are_named(parameters, message):
    with pytest.raises(ParameterError, match=message):
        mx.subsidence(one(), GRID, **parameters)


def test_grids_and_panels_must_be_in_metres_and_meet():
    degrees = with_grid(np.zeros((3, 3)), crs="EPSG:4326", resolution=0.1, origin=(110.0, 35.0))
    with pytest.raises(GridMismatch, match="needs a projected grid in metres"):
        mx.subsidence(one(), degrees)
    with pytest.raises(ParameterError, match=r"panel 'far' lies .* m outside the grid"):
        mx.subsidence(one(name="far", x=WEST + 50_000), GRID)
    assert not mx.subsidence(one(x=WEST + 50_000), GRID, outside="ignore")["subsidence"].any()
    with pytest.raises(SchemaError, match="panel 'a' has no date"):
        mx.subsidence(one(name="a").drop(columns=["start", "end"]), GRID, time=[2005])
    with pytest.raises(SchemaError, match="panel 'a' has no b"):
        mx.subsidence(one(name="a", b=np.nan), GRID, output="strain_x")
    panel = gpd.GeoDataFrame(
        one(name="L").drop(columns=["x", "y", "length", "width", "azimuth"]),
        geometry=[shapely.Polygon([(WEST, NORTH), (WEST + 9, NORTH), (WEST, NORTH - 5)])],
        crs="EPSG:32650",
    )
    with pytest.raises(ParameterError, match="panel 'L' is no rectangle"):
        mx.subsidence(panel, GRID, method="rectangles")


def test_panels_of_another_reference_system_come_to_the_grid():
    outline = shapely.box(WEST + 300, NORTH - 700, WEST + 900, NORTH - 400)
    rest = one().drop(columns=["x", "y", "length", "width", "azimuth"])
    here = gpd.GeoDataFrame(rest, geometry=[outline], crs="EPSG:32650")
    expected = mx.subsidence(here, GRID)["subsidence"]
    there = mx.subsidence(here.to_crs("EPSG:4326"), GRID)["subsidence"]
    np.testing.assert_allclose(there, expected, rtol=0, atol=1e-4)
    read = mx.read_panels(here)
    np.testing.assert_array_equal(mx.subsidence(read, GRID)["subsidence"], expected)
