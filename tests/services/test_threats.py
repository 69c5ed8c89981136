"""The table of threats and its rasters: as InVEST writes them, and as they go wrong."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rioxarray  # noqa: F401  registers .rio
import shapely
import xarray as xr

from mineeco_xr.chunks.reduced import constant
from mineeco_xr.errors import DataError, ParameterError, SchemaError
from mineeco_xr.services.habitat import habitat_quality
from mineeco_xr.services.threat_table import read_threat_table
from mineeco_xr.services.threats import read_threats, threat_intensity
from mineeco_xr.testing import assert_lazy, with_grid

ROWS = {"threat": ["Mine ", "road"], "max_dist": [90, 60], "weight": [3, 1],
        "decay": ["Linear", "exponential"]}  # fmt: skip
CLASSES = pd.DataFrame({"lucode": [1], "habitat": [1.0], "mine": [1.0], "road": [0.5]})
MINE = np.zeros((6, 8), dtype="uint8")
MINE[1:3, 2:4] = 1
ROAD = np.zeros((6, 8), dtype="float32")
ROAD[4] = 0.5


def land(chunks=None):
    lulc = with_grid(np.ones((6, 8), dtype="uint8"), name="lulc")
    return lulc if chunks is None else lulc.chunk(chunks)


def habitat(threats, lulc=None, table=None, **options):
    return habitat_quality(
        land() if lulc is None else lulc,
        threats,
        threat_table=pd.DataFrame(ROWS) if table is None else table,
        sensitivity=CLASSES,
        **options,
    )


@pytest.fixture
def folder(tmp_path):
    """Write a table as InVEST's, its rasters beside it: one on the grid, one wider and shifted."""
    (tmp_path / "rasters").mkdir()
    with_grid(MINE).rio.to_raster(tmp_path / "rasters" / "mine.tif")
    wide = np.full((10, 12), -1, dtype="float32")
    wide[2:8, 2:10] = ROAD
    wide[5, 3] = -1
    later = with_grid(wide, origin=(500_000 - 60, 4_800_000 + 60))
    later.rio.write_nodata(-1).rio.to_raster(tmp_path / "road.tif")
    frame = pd.DataFrame(ROWS).assign(CUR_PATH=["rasters/mine.tif", " road.tif"], FUT_PATH=None)
    frame.to_csv(tmp_path / "threats.csv", index=False)
    return tmp_path


def test_table_of_invest_is_read_as_it_is(folder):
    first, second = read_threat_table(folder / "threats.csv")
    assert (first.name, first.column, first.max_distance) == ("Mine", "mine", 90)
    assert (first.weight, second.weight) == (0.75, 0.25)
    assert (first.decay, second.decay) == ("linear", "exponential")
    kilometres = pd.DataFrame(ROWS).rename(columns={"max_dist": "Max_Distance_km"})
    assert read_threat_table(kilometres)[1].max_distance == 60_000
    assert read_threat_table(pd.DataFrame(ROWS).set_index("threat"))[1].name == "road"


@pytest.mark.parametrize("chunks", [None, 4])
def test_rasters_of_the_table_come_onto_the_grid(folder, chunks):
    lulc = land(chunks)
    found = read_threats(folder / "threats.csv", lulc)
    assert list(found) == ["Mine", "road"]
    assert (found["road"].chunks is None) == (chunks is None)
    np.testing.assert_array_equal(found["Mine"], MINE)
    expected = ROAD.copy()
    expected[3, 1] = np.nan
    np.testing.assert_array_equal(found["road"], expected)
    by_path = habitat(None, lulc, folder / "threats.csv")
    assert (by_path["degradation"].chunks is None) == (chunks is None)
    by_hand = habitat({"mine": with_grid(MINE), "road": with_grid(ROAD)})
    xr.testing.assert_equal(by_path.compute(), by_hand)


def test_reading_is_lazy(folder):
    assert_lazy(habitat, None, land(3), folder / "threats.csv")


def test_nodata_off_the_grid_and_without_a_code_is_no_threat(folder):
    small = with_grid(MINE[:3].astype("int16"))
    small.rio.to_raster(folder / "road.tif")
    road = read_threats(folder / "threats.csv", land())["road"].values
    np.testing.assert_array_equal(road[:3], MINE[:3])
    assert (road[3:] == 0).all()


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"threat": ["road", " ROAD"]}, SchemaError, r"two rows of \['road'\]"),
        ({"weight": [0, 0]}, ParameterError, "a sum above 0"),
        ({"weight": [2, -1]}, ParameterError, "none below 0"),
        ({"weight": [2, "x"]}, SchemaError, "weight of 'road' is 'x'"),
        ({"max_dist": [90, 0]}, ParameterError, "max_dist of 'road' is 0 m"),
        ({"max_dist": [90, ""]}, SchemaError, "max_dist of 'road' is ''"),
        ({"decay": ["linear", "cubic"]}, ParameterError, r"decay \['cubic'\] is unknown"),
        ({"max_distance_km": [1, 1]}, SchemaError, "both of the columns"),
    ],
)
def test_bad_rows_are_named(change, error, text):
    with pytest.raises(error, match=text):
        read_threat_table(pd.DataFrame(ROWS).assign(**change))


@pytest.mark.parametrize("column", ["threat", "max_dist", "weight", "decay"])
def test_missing_columns_are_named(column):
    with pytest.raises(SchemaError, match=column):
        read_threat_table(pd.DataFrame(ROWS).drop(columns=column))
    with pytest.raises(SchemaError, match="has no row"):
        read_threat_table(pd.DataFrame(ROWS).iloc[:0])


def test_bad_paths_are_named(folder):
    with pytest.raises(SchemaError, match=r"fut_path names no raster for \['Mine', 'road'\]"):
        read_threats(folder / "threats.csv", land(), column="FUT_PATH")
    with pytest.raises(SchemaError, match="no column 'base_path'"):
        read_threats(folder / "threats.csv", land(), column="base_path")
    (folder / "road.tif").unlink()
    with pytest.raises(DataError, match=r"road\.tif does not exist"):
        read_threats(folder / "threats.csv", land())
    with pytest.raises(DataError, match="nowhere"):
        read_threat_table(folder / "nowhere.csv")


def test_threats_as_a_cube_an_array_and_polygons_are_one():
    mine, road = with_grid(MINE, name="mine"), with_grid(ROAD, name="ROAD")
    expected = habitat({"mine": mine, "road": road})
    cube = xr.Dataset({"mine": mine, "ROAD": road, "other": mine * 9, "number": ((), 3)})
    xr.testing.assert_equal(habitat(cube), expected)
    stacked = xr.concat([mine.astype("float32"), road], pd.Index(["Mine", "Road"], name="threat"))
    xr.testing.assert_equal(habitat(stacked), expected)
    pit = gpd.GeoDataFrame(
        geometry=[shapely.box(500_060, 4_800_000 - 90, 500_120, 4_800_000 - 30)], crs="EPSG:32650"
    )
    for chunks in (None, 3):
        found = habitat({"mine": pit, "road": road}, land(chunks))
        assert (found["degradation"].chunks is None) == (chunks is None)
        xr.testing.assert_equal(found.compute(), expected)
    largest = float(expected["degradation"].max())
    found = habitat({"mine": pit, "road": road}, land(3), half_saturation="half_max")
    whole = habitat({"mine": pit, "road": road}, half_saturation=largest / 2)
    xr.testing.assert_equal(found.compute(), whole)


@pytest.mark.parametrize("kind", ["bool", "int8", "int32", "float64"])
def test_types_and_nodata_codes_of_threats(kind):
    mine = MINE.astype(kind)
    expected = habitat({"mine": with_grid(MINE), "road": with_grid(ROAD)})
    if kind != "bool":
        mine[5, 7] = -7
    given = with_grid(mine).assign_attrs(_FillValue=-7)
    xr.testing.assert_equal(habitat({"mine": given, "road": with_grid(ROAD)}), expected)


@pytest.mark.parametrize("code", [None, 0, 1, 2, 255])
def test_presence_in_bytes_whatever_code_is_nodata(code):
    """Blocks of 0 and 1 are taken as they are, unless one of these means nodata."""
    for highest in (1, 3):
        values = np.random.default_rng(highest).integers(0, highest + 1, (6, 8)).astype("uint8")
        raster = with_grid(values)
        raster = raster if code is None else raster.assign_attrs(_FillValue=np.uint8(code))
        before = values.copy()
        for given in (raster, raster.chunk(3)):
            found = threat_intensity(given, constant(None), present=True)
            np.testing.assert_array_equal(found, (before > 0) & (before != code))
            assert found.dtype == np.uint8
        np.testing.assert_array_equal(raster, before)


@pytest.mark.parametrize(
    ("threats", "error", "text"),
    [
        ({"mine": with_grid(MINE)}, SchemaError, r"no raster of the threats \['road'\]"),
        ({"mine": with_grid(MINE), "road": with_grid(ROAD), "rail": with_grid(ROAD)},
         SchemaError, r"threats \['rail'\] have no row"),
        ({"mine": with_grid(MINE), "road": ROAD}, ParameterError, "'road' is ndarray"),
        ({"mine": with_grid(MINE), "road": with_grid(ROAD.astype(complex))},
         SchemaError, "'road' holds complex"),
        ([1, 2], ParameterError, "threats is list"),
        (None, SchemaError, "no column 'cur_path'"),
    ],
)  # fmt: skip
def test_threats_and_rows_must_meet(threats, error, text):
    with pytest.raises(error, match=text):
        habitat(threats)
