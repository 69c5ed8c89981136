"""Habitat quality against sums written out, InVEST's own regression values, and other chunks."""

from __future__ import annotations

import json

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import mineeco_xr as mx
import mineeco_xr.kernels.strongest
from mineeco_xr.errors import GridMismatch, ParameterError, SchemaError
from mineeco_xr.services.habitat import habitat_quality
from mineeco_xr.tables import read_table
from mineeco_xr.testing import assert_chunk_invariant, assert_lazy, chunkings, rasters, with_grid

NODATA = 255
TABLE = pd.DataFrame(
    {
        "threat": ["Mine", "road"],
        "max_dist": [150, 90],
        "weight": [1.0, 0.6],
        "decay": ["exponential", "linear"],
    }
)
CLASSES = pd.DataFrame(
    {"LUCODE": [1, 2, 3], "Habitat": [1, 0.7, 0], "mine": [0.8, 1, 0.3], "ROAD": [0.5, 0.1, 1]}
)
RULES = ["nearest", "accumulate", "sum", "convolution"]


def landscape(shape=(14, 17), seed=0):
    rng = np.random.default_rng(seed)
    classes = rng.integers(1, 4, shape).astype("uint8")
    classes[rng.random(shape) < 0.1] = NODATA
    classes[:2, :5] = NODATA
    mine = np.where(rng.random(shape) < 0.03, rng.choice([0.25, 0.5, 1.0], shape), 0.0)
    mine[rng.random(shape) < 0.05] = np.nan
    road = np.zeros(shape, dtype="uint8")
    road[shape[0] // 2] = 1
    return (
        with_grid(classes, name="lulc").assign_attrs(_FillValue=np.uint8(NODATA)),
        with_grid(mine.astype("float32"), name="mine"),
        with_grid(road, name="road"),
    )


def habitat(lulc, mine, road, **options):
    parameters = {"threat_table": TABLE, "sensitivity": CLASSES, **options}
    return habitat_quality(lulc, {"mine": mine, "road": road}, **parameters)


def weight_at(d, m, decay, rule):
    if decay == "linear":
        return np.where(d <= m, 1 - d / m, 0)
    if rule == "convolution":
        return np.where(d <= 5 * m, np.exp(-d / m), 0)
    return np.where(d <= m, np.exp(-2.99 * d / m), 0)


def felt_at_all(values, m, decay, rule, side=30.0):
    """Take the sum, or the largest, over all cells around each cell."""
    values = np.nan_to_num(np.asarray(values, dtype="float64"))
    rows, columns = np.indices(values.shape)
    out = np.zeros(values.shape)
    for i, j in np.ndindex(*values.shape):
        near = values * weight_at(np.hypot(rows - i, columns - j) * side, m, decay, rule)
        out[i, j] = near.max() if rule == "nearest" else near.sum()
    if rule in ("accumulate", "convolution"):
        far = np.arange(-30, 31) * side
        out /= weight_at(np.hypot(far[:, None], far), m, decay, rule).sum()
    return out


def by_hand(lulc, mine, road, rule, access=1.0, k=0.05, z=2.5):
    sensitivity = CLASSES.set_index("LUCODE")
    known = lulc.values != NODATA
    row = sensitivity.reindex(np.where(known, lulc.values, 1).ravel())
    share = TABLE["weight"] / TABLE["weight"].sum()
    degradation = np.zeros(lulc.shape)
    for number, (raster, column) in enumerate([(mine, "mine"), (road, "ROAD")]):
        threat = TABLE.iloc[number]
        felt = felt_at_all(raster.values, threat["max_dist"], threat["decay"], rule)
        degradation += felt * row[column].to_numpy().reshape(lulc.shape) * share[number] * access
    suitability = row["Habitat"].to_numpy().reshape(lulc.shape)
    quality = suitability * (1 - degradation**z / (degradation**z + k**z))
    return np.where(known, degradation, np.nan), np.where(known, quality, np.nan)


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_is_its_sum_written_out(rule):
    layers = landscape()
    access = np.random.default_rng(1).random(layers[0].shape)
    access[3] = np.nan
    found = habitat(*layers, rule=rule, access=with_grid(access))
    expected = by_hand(*layers, rule, np.nan_to_num(access, nan=1.0))
    np.testing.assert_allclose(found["degradation"], expected[0], rtol=2e-6, atol=1e-7)
    np.testing.assert_allclose(found["habitat_quality"], expected[1], rtol=1e-5, atol=1e-6)
    assert {v.dtype.name for v in found.data_vars.values()} == {"float32"}
    assert {v.attrs["units"] for v in found.data_vars.values()} == {"1"}


def invest_inputs(later, first):
    """Restate the landscape of InVEST's regression test: two blocks of threat, two land uses."""
    classes = np.ones((100, 100), dtype="int32")
    classes[50:] = 3 if later else 2
    threats = {}
    for number, (name, strength) in enumerate([("threat_1", first), ("threat_2", 1.0)], start=1):
        values = np.zeros((100, 100), dtype="float32")
        values[20:80, 5 * number : 5 * number + (6 if later else 3)] = strength
        threats[name] = with_grid(values, resolution=1).assign_attrs(_FillValue=-1)
    lulc = with_grid(classes, resolution=1, name="lulc").assign_attrs(_FillValue=-1)
    left, bottom = lulc["x"].values[0] - 0.5, lulc["y"].values[-1] - 0.5
    halves = [
        shapely.box(left, bottom + 50, left + 100, bottom + 100),
        shapely.box(left, bottom, left + 100, bottom + 50),
    ]
    access = gpd.GeoDataFrame({"ACCESS": [0.2, 1.0]}, geometry=halves, crs="EPSG:32650")
    return lulc, threats, access


@pytest.mark.parametrize(
    ("options", "first", "later", "degraded", "quality"),
    [
        ({"convention": "invest"}, 1.0, False, 1422.2422, 6961.4536),
        ({"convention": "invest"}, 1.0, True, 1438.791, 4920.1206),
        ({"convention": "invest"}, 0.5, False, 1422.2422, 6961.4536),
        ({"convention": "corrected"}, 1.0, False, 1422.2422, 6961.4536),
        ({"convention": "corrected"}, 1.0, True, 1438.791, 4920.1206),
        # Of the versions up to 3.12.
        ({"rule": "convolution"}, 1.0, False, 27.153614, 7499.9414),
        ({"rule": "convolution"}, 1.0, True, 46.279358, 4999.955),
        ({"rule": "convolution"}, 0.5, False, 18.91135, 7499.983),
        ({"rule": "convolution"}, 0.5, True, 33.931896, 4999.9893),
    ],
)
def test_regression_values_of_invest(options, first, later, degraded, quality):
    lulc, threats, access = invest_inputs(later, first)
    table = pd.DataFrame(
        {
            "MAX_DIST": [40, 70],
            "WEIGHT": [0.7, 1.0],
            "THREAT": ["threat_1", "threat_2"],
            "DECAY": ["linear", "exponential"],
        }
    )
    classes = pd.DataFrame(
        {
            "lucode": [1, 2, 3],
            "NAME": ["lulc 1", "lulc 2", "lulc 3"],
            "HABITAT": [1, 0.5, 0],
            "threat_1": [1, 0.5, 0.3],
            "threat_2": [1, 1, 1],
        }
    )
    found = habitat_quality(
        lulc,
        threats,
        threat_table=table,
        sensitivity=classes,
        half_saturation=0.5,
        access=access,
        **options,
    )
    np.testing.assert_allclose(found["degradation"].sum(dtype="f8"), degraded, atol=1e-3)
    np.testing.assert_allclose(found["habitat_quality"].sum(dtype="f8"), quality, atol=1e-3)


@settings(max_examples=20)
@given(data=st.data(), convention=st.sampled_from(["corrected", "invest"]))
def test_nearest_is_the_same_for_any_chunks(data, convention):
    noise = data.draw(rasters(largest=14))
    chunks = data.draw(chunkings(noise.shape))
    steps = np.where(np.isnan(noise), 9, np.floor(np.abs(noise) / 10) % 12)
    lulc = with_grid(np.where(steps == 9, NODATA, steps % 3 + 1).astype("uint8"), name="lulc")
    lulc.attrs["_FillValue"] = np.uint8(NODATA)
    mine = np.where(np.isnan(noise), np.nan, np.where(steps > 9, (steps - 9) / 2, 0))
    road = with_grid((steps == data.draw(st.integers(0, 11))).astype("uint8"))
    assert_chunk_invariant(
        habitat,
        lulc,
        with_grid(mine.astype("float32")),
        road,
        chunks=chunks,
        convention=convention,
        per_threat=data.draw(st.booleans()),
        half_saturation=data.draw(st.sampled_from([0.05, "half_max"])),
    )


@settings(max_examples=10)
@given(data=st.data(), rule=st.sampled_from(RULES[1:]))
def test_sums_are_the_same_for_any_chunks(data, rule):
    lulc, mine, road = landscape(seed=data.draw(st.integers(0, 99)))
    chunks = data.draw(chunkings(lulc.shape))

    def degradation(*layers):
        return habitat(*layers, rule=rule)["degradation"]

    assert_chunk_invariant(degradation, lulc, mine, road, chunks=chunks, relative=1e-6)


def test_all_nodata_stays_nodata_in_any_blocks():
    lulc, mine, road = landscape()
    nothing = xr.full_like(lulc, NODATA)
    for half in (0.05, "half_max"):
        found = habitat(nothing.chunk(5), mine.chunk(5), road.chunk(5), half_saturation=half)
        assert np.isnan(found["habitat_quality"].values).all()


def test_half_max_is_half_of_the_largest_of_the_whole_cube():
    lulc, mine, road = landscape()
    degradation = habitat(lulc, mine, road)["degradation"]
    expected = habitat(lulc, mine, road, half_saturation=float(degradation.max()) / 2)
    lazy = assert_lazy(habitat, *(a.chunk(6) for a in (lulc, mine, road)),
                       half_saturation="half_max", per_threat=True)  # fmt: skip
    xr.testing.assert_equal(lazy["habitat_quality"].compute(), expected["habitat_quality"])
    xr.testing.assert_equal(lazy["degradation"].compute(), degradation)


def test_without_threat_quality_is_suitability():
    lulc, mine, road = landscape()
    found = habitat(lulc, mine * 0, road * 0, half_saturation="half_max")
    suits = CLASSES.set_index("LUCODE")["Habitat"].reindex(lulc.values.ravel())
    np.testing.assert_array_equal(
        found["habitat_quality"], suits.to_numpy("float32").reshape(lulc.shape)
    )


def test_degradation_by_threat_adds_up():
    found = habitat(*landscape(), per_threat=True)
    assert found["threat"].values.tolist() == ["Mine", "road"]
    np.testing.assert_allclose(
        found["threat_degradation"].sum("threat", skipna=False), found["degradation"], rtol=1e-6
    )


def test_a_habitat_is_stored_and_opened_with_the_names_of_its_threats(tmp_path):
    found = habitat(*(layer.chunk(6) for layer in landscape()), per_threat=True)
    mx.write_cube(found, tmp_path / "habitat.zarr")
    opened = mx.open_cube(tmp_path / "habitat.zarr")
    np.testing.assert_array_equal(
        opened["threat_degradation"].sel(threat="road"), found["threat_degradation"][1]
    )


def test_intensity_counts_unless_invest_is_to_be_repeated():
    lulc, mine, road = landscape()
    weak = mine * 0.5
    strong, half = habitat(lulc, mine, road * 0), habitat(lulc, weak, road * 0)
    np.testing.assert_allclose(half["degradation"], strong["degradation"] / 2, rtol=1e-6)
    ignored = habitat(lulc, weak, road * 0, convention="invest")
    present = with_grid((np.nan_to_num(mine.values) > 0).astype("uint8"))
    expected = habitat(lulc, present, road * 0, convention="invest")
    xr.testing.assert_equal(ignored, expected)


@pytest.mark.parametrize("dated", [False, True])
def test_empty_threat_is_none_unless_invest_is_to_be_repeated(dated):
    lulc = with_grid(np.ones((3, 4), dtype="uint8"), name="lulc")
    mine = np.zeros((2, 3, 4) if dated else (3, 4), dtype="uint8")
    if dated:
        mine[1, 0, 0] = 1
    table = pd.DataFrame({"threat": ["mine"], "max_dist": 300, "weight": 1, "decay": "linear"})
    for chunks in (None, {"y": 2, "x": 3}):
        layers = [lulc, with_grid(mine)]
        if chunks:
            layers = [layer.chunk(chunks) for layer in layers]
        found, invented = (
            habitat_quality(
                layers[0], {"mine": layers[1]}, threat_table=table, sensitivity=CLASSES,
                convention=convention,
            )["degradation"].transpose(..., "y", "x").values
            for convention in ("corrected", "invest")
        )  # fmt: skip
        # Seven rows and columns, and one more each row, of ten cells within reach.
        expected = 0.8 * (1 - (7 + np.arange(3)[:, None]) / 10) * np.ones(4)
        if dated:
            assert (found[0] == 0).all()
            np.testing.assert_allclose(invented[0], expected, rtol=1e-6)
            np.testing.assert_array_equal(invented[1], found[1])
        else:
            assert (found == 0).all()
            np.testing.assert_allclose(invented, expected, rtol=1e-6)


def test_each_date_is_taken_by_itself():
    lulc, mine, road = landscape()
    dates = xr.concat(
        [lulc, lulc.roll(x=3), lulc.roll(y=2)], pd.Index([2001, 2002, 2003], name="time")
    )
    dates.attrs = lulc.attrs
    mines = xr.concat([mine, mine * 0, mine * 0.5], dates["time"])
    for cube, threat in ((dates, mine), (lulc, mines), (dates, mines)):
        found = habitat(
            cube.chunk({"y": 6}), threat.chunk({"x": 7}), road, per_threat=True,
            access=with_grid(np.full(lulc.shape, 0.5)),
        )  # fmt: skip
        assert found["habitat_quality"].dims == ("time", "y", "x")
        assert found["threat_degradation"].dims == ("threat", "time", "y", "x")
        for i, year in enumerate((2001, 2002, 2003)):
            alone = habitat(
                cube.isel(time=i) if "time" in cube.dims else cube,
                threat.isel(time=i) if "time" in threat.dims else threat,
                road,
                per_threat=True,
                access=with_grid(np.full(lulc.shape, 0.5)),
            )
            for name in alone.data_vars:
                np.testing.assert_array_equal(found[name].sel(time=year), alone[name])


def test_rasters_and_numbers_in_place_of_columns():
    lulc, mine, road = landscape()
    expected = habitat(lulc, mine, road)
    columns = CLASSES.set_index("LUCODE")
    known = np.where(lulc.values == NODATA, 1, lulc.values)
    place = {
        column: with_grid(columns.loc[known.ravel(), column].to_numpy().reshape(lulc.shape))
        for column in ("Habitat", "mine", "ROAD")
    }
    for chunks in (None, 5):
        layers = [a if chunks is None else a.chunk(chunks) for a in (lulc, mine, road)]
        found = habitat(*layers, sensitivity=None, suitability=place["Habitat"],
                        sensitivity_to={"mine": place["mine"], "Road": place["ROAD"]})  # fmt: skip
        xr.testing.assert_allclose(found.compute(), expected, rtol=1e-6)
    number = habitat(lulc, mine, road, sensitivity_to={"road": 0.5}, suitability=0.25)
    column = habitat(lulc, mine, road, sensitivity=CLASSES.assign(ROAD=0.5, Habitat=0.25))
    xr.testing.assert_equal(number, column)


@pytest.mark.parametrize("count", [3, 300])
def test_access_of_polygons_is_that_of_their_raster(count):
    """In numbers of one byte or two, over more rows than are looked up at once."""
    from mineeco_xr.services.habitat_blocks import SLAB_ROWS

    rng = np.random.default_rng(count)
    shape = (SLAB_ROWS + 45, 6)
    lulc, mine, road = (
        with_grid(rng.integers(1 if high == 4 else 0, high, shape).astype("uint8"))
        for high in (4, 2, 2)
    )
    x, y = lulc["x"].values, lulc["y"].values
    boxes = [shapely.box(x[i % 6] - 15, y[i] - 15, x[i % 6] + 15, y[i] + 15) for i in range(count)]
    shares = rng.random(count).astype("float32")
    polygons = gpd.GeoDataFrame({"access": shares}, geometry=boxes, crs="EPSG:32650")
    raster = np.ones(shape)
    raster[np.arange(count), np.arange(count) % 6] = shares
    expected = habitat(lulc, mine, road, access=with_grid(raster), per_threat=True)
    chunked = (layer.chunk({"y": 100, "x": 4}) for layer in (lulc, mine, road))
    for found in (
        habitat(lulc, mine, road, access=polygons, per_threat=True),
        habitat(*chunked, access=polygons, per_threat=True),
    ):
        for name in expected:
            np.testing.assert_array_equal(found[name], expected[name])


def test_access_polygons_later_ones_on_top_and_none_free():
    lulc, mine, road = landscape()
    left, top = 500_000, 4_800_000
    shapes = [shapely.box(left, top - 300, left + 300, top),
              shapely.box(left + 150, top - 300, left + 300, top)]  # fmt: skip
    polygons = gpd.GeoDataFrame({"Access": [0.5, None]}, geometry=shapes, crs="EPSG:32650")
    free = habitat(lulc, mine, road)["degradation"]
    share = np.ones(lulc.shape)
    share[:10, :5] = 0.5
    for chunks in (None, 4):
        layers = [a if chunks is None else a.chunk(chunks) for a in (lulc, mine, road)]
        found = habitat(*layers, access=polygons)["degradation"]
        np.testing.assert_allclose(found, free * share, rtol=1e-6)
    with pytest.raises(ParameterError, match="access of 1 polygons is out of range, such as 7"):
        habitat(lulc, mine, road, access=polygons.assign(Access=[7, 1]))
    with pytest.raises(SchemaError, match="0 columns named 'access'"):
        habitat(lulc, mine, road, access=polygons.rename(columns={"Access": "a"}))


@pytest.mark.parametrize("dtype", ["int16", "int64", "float64"])
def test_codes_of_any_type_and_far_apart(dtype):
    lulc, mine, road = landscape()
    expected = habitat(lulc, mine, road)
    far = {1: -3, 2: 70, 3: 90_000 if dtype != "int16" else 900}
    missing = np.nan if dtype == "float64" else -9
    codes = np.select([lulc.values == k for k in far], list(far.values()), missing)
    other = with_grid(codes.astype(dtype), name="lulc")
    if dtype != "float64":
        other.attrs["_FillValue"] = -9
    table = CLASSES.assign(LUCODE=list(far.values()))
    xr.testing.assert_equal(habitat(other, mine, road, sensitivity=table), expected)


def test_published_tables_are_read_as_they_are():
    classes = read_table("yellow_river_habitat_sensitivity")
    codes = np.arange(11, 11 + len(classes))
    lulc = with_grid(np.resize(codes, (6, 8)).astype("uint8"), resolution=1000, name="lulc")
    names = read_table("yellow_river_habitat_threats")["threat"]
    threats = {name: with_grid(np.zeros((6, 8), "uint8"), resolution=1000) for name in names}
    threats["arable"] = with_grid((lulc.values == 11).astype("uint8"), resolution=1000)
    found = habitat_quality(
        lulc,
        threats,
        threat_table=read_table("yellow_river_habitat_threats"),
        sensitivity=classes.assign(lucode=codes),
        per_threat=True,
    )
    # Forest, sensitive to arable land by 0.3, next to it: 1 km of 3, of a weight 0.3 of 3.1.
    forest = found["threat_degradation"].sel(threat="arable").values[0, 1]
    assert forest == pytest.approx(0.3 * 0.3 / 3.1 * (1 - 1 / 3), rel=1e-6)


def test_building_reads_nothing_and_memory_stays_memory():
    layers = landscape()
    lazy = assert_lazy(
        habitat, *(a.chunk(5) for a in layers), per_threat=True, access=with_grid(
            np.ones(layers[0].shape)).chunk(5), suitability=layers[1].fillna(0).chunk(5),
    )  # fmt: skip
    assert lazy["habitat_quality"].chunks == ((5, 5, 4), (5, 5, 5, 2))
    assert habitat(*layers)["degradation"].chunks is None
    record = json.loads(habitat(*layers).attrs["mineeco"])
    assert record["parameters"]["threats"]["Mine"] == [150.0, 0.625, "exponential"]


def _unknown_class(lulc, mine, road):
    return {"lulc": lulc.where(lulc != 3, 4).assign_attrs(lulc.attrs)}, SchemaError, "4 \\(.* cells"


def _too_intense(lulc, mine, road):
    return {"mine": mine * 4}, ParameterError, "threat 'Mine' has .* cells between 2 and 4"


def _undeclared(lulc, mine, road):
    return {"road": road.astype("int16") - 1}, ParameterError, "'road' has .* between -1 and -1"


def _too_free(lulc, mine, road):
    return {"access": mine * 0 + 3}, ParameterError, "access has .* cells between 3 and 3"


def _too_many_intensities(lulc, mine, road):
    values = np.linspace(0, 1, mine.size + 60, dtype="float32")[: mine.size].reshape(mine.shape)
    return {"mine": mine.copy(data=values)}, ParameterError, "'Mine' has more than 256 distinct"


def _too_suitable(lulc, mine, road):
    return {"suitability": mine + 2}, ParameterError, "habitat has .* cells"


@pytest.mark.parametrize(
    "change", [_unknown_class, _too_intense, _undeclared, _too_free, _too_suitable,
               _too_many_intensities],
)  # fmt: skip
@pytest.mark.parametrize("chunks", [None, 6])
def test_bad_pixels_are_found_before_anything_decays(monkeypatch, change, chunks):
    layers = dict(zip(("lulc", "mine", "road"), landscape((16, 17)), strict=True))
    changed, error, text = change(*layers.values())
    options = {**layers, **changed}
    if chunks:
        options = {name: layer.chunk(chunks) for name, layer in options.items()}
    calls = []
    real = mineeco_xr.kernels.strongest.strongest_threat

    def counted(*args):
        calls.append(1)
        return real(*args)

    monkeypatch.setattr(mineeco_xr.kernels.strongest, "strongest_threat", counted)
    with pytest.raises(error, match=text):
        habitat(**options).compute()
    assert not calls
    habitat(*(a.chunk(6) for a in landscape())).compute()
    assert calls


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"rule": "far"}, ParameterError, "rule 'far' is unknown"),
        ({"convention": "old"}, ParameterError, "convention 'old' is unknown"),
        ({"convention": "invest", "rule": "sum"}, ParameterError, "InVEST 3.20, which has no rule"),
        ({"half_saturation": 0}, ParameterError, "half_saturation is 0; expected a positive"),
        ({"half_saturation": "max"}, ParameterError, "or 'half_max'"),
        ({"scaling": -1}, ParameterError, "scaling is -1"),
        ({"sensitivity": CLASSES.drop(columns="ROAD")}, SchemaError, r"no column \['road'\]"),
        ({"sensitivity": CLASSES.assign(mine=2)}, ParameterError, "mine of class 1 is 2"),
        ({"sensitivity": CLASSES.assign(Habitat=-1)}, ParameterError, "habitat of class 1 is -1"),
        ({"sensitivity": CLASSES.assign(LUCODE=1)}, SchemaError, r"two rows of lucode \[1\]"),
        ({"sensitivity": None}, SchemaError, "nothing in place of"),
        ({"suitability": 3}, ParameterError, "habitat is 3"),
        ({"access": 0.5}, ParameterError, "access is float; expected a raster, or polygons"),
        ({"sensitivity_to": {"rail": 1}}, ParameterError, r"sensitivity_to names \['rail'\]"),
        ({"threat_table": TABLE.assign(max_dist=[10, 8])}, ParameterError, "less than one cell"),
        ({"threat_table": TABLE.replace("road", "habitat")}, SchemaError, "there is no raster"),
    ],
)
def test_bad_parameters_are_named(options, error, text):
    with pytest.raises(error, match=text):
        habitat(*(layer.chunk(5) for layer in landscape()), **options)


def test_grids_and_dates_must_agree():
    lulc, mine, road = landscape()
    with pytest.raises(GridMismatch, match="'road'"):
        habitat(lulc, mine, road.isel(x=slice(1, None)))
    degrees = {"crs": "EPSG:4326", "resolution": 0.001, "origin": (100, 40)}
    on_degrees = [with_grid(layer.values, **degrees) for layer in (lulc, mine, road)]
    with pytest.raises(GridMismatch, match="metre"):
        habitat(*on_degrees)
    years = xr.concat([lulc, lulc], pd.Index([2001, 2002], name="time"))
    with pytest.raises(SchemaError, match="different dates"):
        habitat(years, xr.concat([mine, mine], pd.Index([2001, 2003], name="time")), road)
    with pytest.raises(ParameterError, match="expected one, such as 'time'"):
        habitat(years, mine.expand_dims(member=2), road)
    with pytest.raises(SchemaError, match="named \\['habitat'\\], as other columns"):
        habitat_quality(lulc, {"mine": mine, "habitat": road}, sensitivity=CLASSES,
                        threat_table=TABLE.replace("road", "habitat"))  # fmt: skip
