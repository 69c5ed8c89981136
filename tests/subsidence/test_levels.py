"""Levels, grades and tables of subsidence against counting by hand."""

from __future__ import annotations

import itertools

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import mineeco_xr as mx
from mineeco_xr.errors import GridMismatch, ParameterError, SchemaError, UnitError
from mineeco_xr.subsidence import (
    damage_grades,
    level_areas,
    mine_table,
    profile,
    subsidence_levels,
)
from mineeco_xr.testing import (
    assert_chunk_invariant,
    assert_lazy,
    chunkings,
    rasters,
    with_grid,
)

PANEL = pd.DataFrame(
    {
        "name": ["a", "b"], "x": [500_600.0, 501_200.0], "y": [4_799_400.0, 4_799_100.0],
        "length": [700.0, 500.0], "width": [300.0, 200.0], "azimuth": [90.0, 70.0],
        "depth": [300.0, 350.0], "thickness": [5.0, 6.0], "q": [0.8, 0.8], "tan_beta": [2.0, 1.9],
        "b": [0.3, 0.3], "start": ["2005-01-01", "2008-01-01"], "end": ["2006-06-01", "2009-06-01"],
    }
)  # fmt: skip
GRID = with_grid(np.zeros((48, 64), "float32"))


def by_hand(value):
    """The paper's words: 10 mm to less than 1000, 1000 to 3000, above 3000."""
    if not np.isfinite(value):
        return 255
    if value > np.float32(3.0):
        return 3
    if value >= np.float32(1.0):
        return 2
    return 1 if value >= np.float32(0.01) else 0


@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_classes_are_those_of_the_paper_for_any_chunks(data):
    values = (data.draw(rasters(times=2, shape=(9, 11))) / 40).astype("float32")
    flat = values.reshape(-1)
    flat[:7] = [0.01, 1.0, 3.0, np.nextafter(np.float32(3), np.float32(4)), np.inf, -2.0, 0.00999]
    sunk = with_grid(values, units="m", name="subsidence")
    found = subsidence_levels(sunk)
    expected = np.array([by_hand(value) for value in flat]).reshape(values.shape)
    np.testing.assert_array_equal(found.values, expected)
    chunks = data.draw(chunkings((9, 11)))
    assert_chunk_invariant(subsidence_levels, sunk, chunks=chunks)


def test_units_of_the_bounds_and_of_the_data():
    metres = with_grid(np.array([[0.02, 0.5, 1.5, 4.0]], "float32"), units="m")
    in_mm = with_grid(np.array([[20, 500, 1500, 4000]], "int16"), units="mm")
    in_mm.attrs["_FillValue"] = np.int16(4000)
    np.testing.assert_array_equal(subsidence_levels(metres).values, [[1, 1, 2, 3]])
    np.testing.assert_array_equal(subsidence_levels(in_mm).values, [[1, 1, 2, 255]])
    found = subsidence_levels(metres, (0.1, 2.0), units="m", labels=["some", "much"])
    np.testing.assert_array_equal(found.values, [[0, 1, 1, 2]])
    assert found.attrs["flag_meanings"] == "unaffected some much"
    one = subsidence_levels(metres, (500.0,))
    np.testing.assert_array_equal(one.values, [[0, 1, 1, 1]])
    with pytest.raises(UnitError, match="levels"):
        subsidence_levels(metres.assign_attrs(units="K"))


@pytest.mark.parametrize("levels", [(3, 2), (1, 1), (), "deep", (0, 5), (1, np.nan), [[1]]])
def test_bounds_must_ascend(levels):
    with pytest.raises(ParameterError, match="levels are"):
        subsidence_levels(GRID.assign_attrs(units="m"), levels)


def test_wrong_labels_and_missing_variables_are_named():
    with pytest.raises(ParameterError, match="give 3 different names"):
        subsidence_levels(GRID.assign_attrs(units="m"), labels=["a", "b"])
    with pytest.raises(SchemaError, match="no variable 'subsidence'"):
        subsidence_levels(xr.Dataset({"tilt": GRID}))


def test_a_series_of_panels_is_classified_without_its_floats(tmp_path):
    import tracemalloc

    def classes(panels, like):
        ground = mx.subsidence(panels, like, time=range(2003, 2023), chunks=64)
        return subsidence_levels(ground)

    big = with_grid(np.zeros((1024, 1024), "uint8")).chunk(64)
    lazy = assert_lazy(lambda like: classes(PANEL, like), big)
    assert lazy.dtype == "uint8"
    assert lazy.dims == ("time", "y", "x")
    mx.write_cube(classes(PANEL, GRID.chunk(16)).to_dataset(), tmp_path / "warm.zarr")
    tracemalloc.start()
    path = mx.write_cube(lazy.to_dataset(), tmp_path / "levels.zarr", chunk=128)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # The floats of all dates would be 80 MiB, their classes 20.
    assert peak < 12 * 2**20
    stored = mx.open_cube(path)["subsidence_level"]
    some = mx.subsidence(PANEL, GRID, time=[2022])["subsidence"]
    np.testing.assert_array_equal(
        stored.isel(time=-1, y=slice(48), x=slice(64)).values, subsidence_levels(some)[0].values
    )
    assert stored.values.max() >= 2


def test_levels_of_panels_are_chunk_invariant_and_a_method():
    def classes(like):
        return subsidence_levels(mx.subsidence(PANEL, like, time=[2006, 2012]))

    assert_chunk_invariant(classes, GRID, chunks={"y": (1, 30, 17), "x": (40, 24)})
    ground = mx.subsidence(PANEL, GRID, time=[2006, 2012])
    np.testing.assert_array_equal(ground.mine.subsidence_levels().values, classes(GRID).values)
    raster = ground["subsidence"]
    np.testing.assert_array_equal(raster.mine.subsidence_levels().values, classes(GRID).values)


def test_areas_are_those_counted_by_hand():
    rng = np.random.default_rng(4)
    codes = rng.integers(0, 4, (3, 12, 13)).astype("uint8")
    codes[rng.random(codes.shape) < 0.1] = 255
    levels = with_grid(codes, name="subsidence_level")
    levels.attrs |= {"_FillValue": 255, "flag_values": [0, 1, 2, 3],
                     "flag_meanings": "unaffected mild moderate severe"}  # fmt: skip
    land = with_grid(rng.integers(-3, 5, (12, 13)).astype("int16"), name="land")
    land.attrs |= {"_FillValue": -3}
    table = level_areas(levels, land)
    assert table["cells"].sum() == (codes != 255).sum()
    for step, level, code in itertools.product(range(3), range(4), range(-3, 5)):
        rows = table[(table["time"] == levels["time"].values[step]) & (table["code"] == level)]
        row = (
            rows[rows["land_use_code"] == code]
            if code != -3
            else rows[rows["land_use"] == "no data"]
        )
        cells = ((codes[step] == level) & (land.values == code)).sum()
        assert row["cells"].sum() == cells
        assert row["area"].sum() == pytest.approx(cells * 0.09)
    np.testing.assert_allclose(table.groupby("time")["share"].sum(), 100)
    lazy = level_areas(levels.chunk(y=5, x=4), land.chunk(y=12, x=3))
    pd.testing.assert_frame_equal(table, lazy)
    alone = level_areas(levels)
    assert alone["cells"].tolist() == table.groupby(["time", "code"])["cells"].sum().tolist()


def test_areas_refuse_floats_degrees_and_other_grids():
    levels = subsidence_levels(GRID.assign_attrs(units="m"))
    with pytest.raises(SchemaError, match="land_use 'layer' holds float32"):
        level_areas(levels, GRID)
    with pytest.raises(GridMismatch):
        level_areas(levels, with_grid(np.zeros((48, 64), "uint8"), resolution=31))
    degrees = with_grid(
        np.zeros((3, 3), "float32"), crs=4326, resolution=0.1, origin=(116, 36), units="m"
    )
    with pytest.raises(GridMismatch, match="level_areas"):
        level_areas(subsidence_levels(degrees))


def test_mines_are_summed_from_their_own_cells():
    ground = mx.subsidence(PANEL, GRID, time=[2006, 2012])
    sunk, levels = ground["subsidence"], subsidence_levels(ground)
    boxes = [shapely.box(500_000, 4_798_560, 501_920, 4_800_000),
             shapely.box(500_300, 4_799_100, 500_900, 4_799_700)]  # fmt: skip
    mines = gpd.GeoDataFrame({"name": ["whole", "part"]}, geometry=boxes, crs=32650)
    table = mine_table(sunk, levels, mines.to_crs(4326), name="name").set_index(["mine", "time"])
    late = table.loc["whole"].iloc[1]
    values = sunk[1].values
    assert late["greatest"] == pytest.approx(values.max())
    assert late["volume"] == pytest.approx(values.sum(dtype="f8") * 900, rel=1e-6)
    assert late["moderate"] == pytest.approx((levels[1].values == 2).sum() * 0.09)
    part = sunk[1].sel(x=slice(500_300, 500_900), y=slice(4_799_700, 4_799_100)).values
    assert table.loc["part"].iloc[1]["volume"] == pytest.approx(
        part.sum(dtype="f8") * 900, rel=1e-6
    )
    assert table.attrs["units"]["volume"] == "m3"
    assert list(table.index.get_level_values("mine").unique()) == ["whole", "part"]


def test_profiles_follow_a_plane_exactly_and_show_nodata():
    x, y = GRID["x"].values, GRID["y"].values
    plane = 2.0 + 0.01 * (x[None] - x[0]) - 0.02 * (y[:, None] - y[0])
    raster = with_grid(np.stack([plane, 2 * plane]), name="sunk", units="m")
    raster[1, 20, 30] = np.nan
    line = shapely.LineString([(500_100, 4_799_900), (500_900, 4_799_400), (501_800, 4_799_400)])
    lines = gpd.GeoDataFrame({"name": ["AB"]}, geometry=[line], crs=32650)
    found = profile(raster.chunk(y=7, x=9), lines.to_crs(4326), spacing=25, name="name")
    first = found[found["time"] == raster["time"].values[0]]
    expected = 2.0 + 0.01 * (first["x"] - x[0]) - 0.02 * (first["y"] - y[0])
    np.testing.assert_allclose(first["sunk"], expected, rtol=1e-7)
    assert first["distance"].diff().dropna().eq(25).all()
    assert found.attrs["units"] == {"distance": "m", "x": "m", "y": "m", "sunk": "m"}
    second = found[found["time"] == raster["time"].values[1]]
    near = (abs(second["x"] - x[30]) < 30) & (abs(second["y"] - y[20]) < 30)
    assert near.any()
    np.testing.assert_array_equal(second["sunk"].isna(), near)


@pytest.mark.parametrize(
    ("lines", "error", "message"),
    [
        ([], SchemaError, "are empty"),
        ([shapely.Point(500_100, 4_799_900)], SchemaError, "is a Point"),
        ([shapely.LineString([(0, 0), (1, 1)])], GridMismatch, "line 0 lies outside the grid"),
    ],
)
def test_lines_are_checked(lines, error, message):
    with pytest.raises(error, match=message):
        profile(GRID, gpd.GeoDataFrame(geometry=lines, crs=32650))


def test_spacing_and_names_of_lines_are_checked():
    line = shapely.LineString([(500_100, 4_799_900), (500_900, 4_799_400)])
    lines = gpd.GeoDataFrame({"name": ["a", "a"]}, geometry=[line, line], crs=32650)
    with pytest.raises(SchemaError, match="stand twice"):
        profile(GRID, lines, name="name")
    with pytest.raises(ParameterError, match="spacing is 0"):
        profile(GRID, lines, spacing=0)


@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_grades_are_the_worst_of_all_measures(data):
    layers = {
        "subsidence": ("m", 4.0), "tilt": ("m m-1", 0.015),
        "strain_max": ("m m-1", 0.01), "strain_min": ("m m-1", 0.01),
    }  # fmt: skip
    seed = data.draw(st.integers(0, 99))
    rng = np.random.default_rng(seed)
    ground = xr.Dataset()
    for name, (units, top) in layers.items():
        values = rng.uniform(-top if name == "strain_min" else 0, top, (6, 7))
        values[rng.random(values.shape) < 0.1] = np.nan
        ground[name] = with_grid(values, name=name, units=units)
    table = with_grid(rng.uniform(0.5, 5, (6, 7)), name="table", units="m")
    found = damage_grades(ground, water_table=table)

    def grade(w, i, a, b, d):
        if not np.isfinite([w, i, a, b, d]).all():
            return 255
        if w < 0.01:
            return 0
        strain, tilt, left = 1000 * max(abs(a), abs(b)), 1000 * i, d - w
        if strain > 8 or tilt > 12 or w > 3 or left < 0.5:
            return 3
        return 2 if strain > 4 or tilt > 6 or w > 1.5 or left < 1.5 else 1

    cells = zip(*(ground[name].values.flat for name in layers), table.values.flat, strict=True)
    np.testing.assert_array_equal(found.values.flat, [grade(*cell) for cell in cells])
    chunks = data.draw(chunkings((6, 7)))

    def grades(*arrays):
        return damage_grades(xr.Dataset(dict(zip(layers, arrays, strict=True))), water_table=1.5)

    assert_chunk_invariant(grades, *(ground[name] for name in layers), chunks=chunks)


def test_grades_need_what_they_grade():
    ground = xr.Dataset({"subsidence": GRID.assign_attrs(units="m")})
    assert (damage_grades(ground) == 0).all()
    with pytest.raises(SchemaError, match="no grades are known of land 'desert'"):
        damage_grades(ground, land="desert")
    with pytest.raises(SchemaError, match="no variable 'tilt'"):
        damage_grades(ground, limits={"tilt": (6, 12)})
    with pytest.raises(ParameterError, match="from the lesser damage to the greater"):
        damage_grades(ground, limits={"subsidence": (3, 1)})
    with pytest.raises(ParameterError, match="give water_table too"):
        damage_grades(ground, limits={"depth_to_water": (1.5, 0.5)})
