"""The services on real landscapes, against counts, distances and balances made another way."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import rasterio
from scipy.ndimage import distance_transform_edt

import mineeco_xr as mx
from mineeco_xr.tables import read_table
from mineeco_xr.testing import assert_chunk_invariant

MAPBIOMAS = {
    3: "Forest land",
    4: "Thinning woodland",
    6: "Forest land",
    9: "Other woodland",
    11: "Marshland",
    12: "High coverage grassland",
    15: "Arid land",
    24: "Town land",
    30: "Other construction land",
    33: "River",
    39: "Arid land",
    41: "Arid land",
}
POOLS = pd.DataFrame(
    {
        "lucode": list(MAPBIOMAS),
        "c_above": [194.0, 30, 78, 27, 21, 7, 2.9, 0, 0, 0, 5, 5],
        "c_below": [72.0, 12, 29, 10, 8, 11, 4.7, 0, 0, 0, 0, 0],
        "c_soil": [60.0, 60, 86, 60, 86, 60, 58, 30, 20, 0, 29, 29],
        "c_dead": [2.1, 1, 2.1, 2.1, 0, 0, 0, 0, 0, 0, 0, 0],
    }
)
COVER = pd.DataFrame(
    {"lucode": [1, 2, 3, 4], "usle_c": [0.003, 0.9, 0.1, 0.02], "usle_p": [1.0, 1, 1, 1]}
)
UNDISTURBED, ACTIVE = 1, 2
STREAM = 100
"""Cells of 30 m."""


def amapa_cover(data_dir):
    layer = {"path": "mapbiomas_1985_2022_240m.tif", "bands": "time"}
    manifest = {"grid": {"like": "cover"}, "variables": {"cover": layer}}
    return mx.ingest(manifest, base=data_dir / "amapa")["cover"]


def amapa_habitat(cover, half=0.15):
    rows = read_table("yellow_river_habitat_sensitivity").set_index("level2")
    table = rows.loc[list(MAPBIOMAS.values())].reset_index(drop=True).drop(columns="level1")
    table = table.rename(columns={"suitability": "habitat"})
    table["lucode"] = list(MAPBIOMAS)
    found = mx.habitat_quality(
        cover,
        {"mining": cover == 30, "urban_rural": cover == 24, "arable": cover.isin([15, 39, 41])},
        threat_table=read_table("yellow_river_habitat_threats").drop(index=1),
        sensitivity=table,
        half_saturation=half,
    )
    return found, table.set_index("lucode")


@pytest.mark.data("amapa")
def test_carbon_of_38_years_is_that_of_the_counts_of_classes(data_dir):
    stored = mx.carbon(amapa_cover(data_dir), POOLS)["carbon_storage"]
    totals = mx.carbon_totals(stored)["carbon_storage"].values
    with rasterio.open(data_dir / "amapa" / "mapbiomas_1985_2022_240m.tif") as file:
        counts = np.array([np.bincount(file.read(n).ravel(), minlength=256) for n in file.indexes])
        hectares = abs(file.transform.determinant) / 1e4
    density = POOLS.set_index("lucode").sum(axis=1)
    expected = counts[:, density.index] @ density.to_numpy() * hectares
    assert totals.shape == (38,)
    np.testing.assert_allclose(totals, expected, rtol=1e-6)


@pytest.mark.data("amapa")
def test_habitat_of_a_cube_is_that_of_each_year_and_of_its_formula(data_dir):
    cover = amapa_cover(data_dir)
    found = amapa_habitat(cover)[0]["habitat_quality"]
    for year in ("1985", "2022"):
        alone = cover.sel(time=year).squeeze("time").compute()
        quality, table = amapa_habitat(alone)
        given = found.sel(time=year).squeeze("time")
        np.testing.assert_array_equal(given, quality["habitat_quality"])
    classes = alone.values
    degradation = np.zeros(classes.shape)
    known = classes != 27
    codes = np.where(known, classes, 3)
    for name, of, reach, weight in (
        ("mining", [30], 10_000, 1.0),
        ("urban_rural", [24], 5_000, 1.0),
        ("arable", [15, 39, 41], 3_000, 0.3),
    ):
        away = distance_transform_edt(~np.isin(classes, of)) * 240
        fade = 1 - away / reach if name == "arable" else np.exp(-2.99 * away / reach)
        felt = np.where(away <= reach, fade, 0)
        degradation += felt * table[name].reindex(range(256)).to_numpy()[codes] * weight / 2.3
    suitable = table["habitat"].reindex(range(256)).to_numpy()[codes]
    expected = suitable / (1 + (degradation / 0.15) ** 2.5)
    np.testing.assert_array_equal(quality["habitat_quality"].notnull(), known)
    np.testing.assert_allclose(quality["habitat_quality"].values[known], expected[known], atol=2e-6)


@pytest.mark.data("amapa")
def test_habitat_is_the_same_for_any_chunks(data_dir):
    mines = amapa_cover(data_dir).isel(y=slice(380, 520), x=slice(200, 330), time=[0, 20, 37])
    assert (mines == 30).any().compute()
    chunks = {"time": 2, "y": (1, 60, 79), "x": (37, 93)}
    assert_chunk_invariant(
        lambda cover: amapa_habitat(cover, half="half_max")[0], mines.compute(), chunks=chunks
    )


@pytest.fixture
def catchment(data_dir):
    """Mud River: terrain before and after mining, land cover of 1984 and 2016, basins."""
    folder = data_dir / "mud_river"
    layers = {
        "cover": {"path": "landcover_derived_1984_2016_30m.tif", "bands": "time"},
        "pre": {"path": "dem_pre_30m.tif", "static": True, "units": "m"},
        "post": {"path": "dem_post_30m.tif", "static": True, "units": "m"},
    }
    cube = mx.ingest({"grid": {"like": "cover"}, "variables": layers}, base=folder)
    basins = mx.read_vectors(folder / "vectors.gpkg", layer="subbasins_derived")
    return cube.isel(time=[0, -1]).compute(), basins


def eroded(cube, terrain, **options):
    given = {"threshold": STREAM, **options}
    return mx.sediment(cube[terrain], cube["cover"], 5133.0, 0.04, COVER, **given)


@pytest.mark.data("mud_river")
def test_soil_that_is_not_exported_is_deposited(catchment):
    found = eroded(catchment[0], "post", method="d8").astype("float64")
    left = (found["usle"] * (1 - found["sdr"])).sum(("y", "x"))
    kept = found["sediment_deposition"].sum(("y", "x"))
    np.testing.assert_allclose(kept, left, rtol=1e-5)
    divided = eroded(catchment[0], "post").astype("float64")
    left = (divided["usle"] * (1 - divided["sdr"])).sum(("y", "x"))
    share = divided["sediment_deposition"].sum(("y", "x")) / left
    # Some of a divided flow leaves the map beside the streams.
    assert ((share > 0.95) & (share <= 1 + 1e-6)).all()


@pytest.mark.data("mud_river")
def test_mined_cells_lose_what_their_cover_factor_tells(catchment):
    cube, _ = catchment
    usle = eroded(cube, "post")["usle"].values
    before, after = cube["cover"].values
    known = np.isfinite(usle[0])
    mined = known & (before == UNDISTURBED) & (after == ACTIVE)
    same = known & (before == after)
    assert mined.sum() > 5000
    np.testing.assert_allclose(usle[1][mined], usle[0][mined] * 0.9 / 0.003, rtol=1e-5)
    np.testing.assert_array_equal(usle[1][same], usle[0][same])
    forest = known & (after == UNDISTURBED)
    assert usle[1][mined].mean() > 50 * usle[1][forest].mean()


@pytest.mark.data("mud_river")
@pytest.mark.parametrize("terrain", ["pre", "post"])
def test_basins_export_more_where_they_were_mined(catchment, terrain):
    cube, basins = catchment
    found = eroded(cube, terrain, watersheds=basins)
    export = mx.sediment_totals(found, basins, name="sub_id")["sediment_export"]
    first, last = export.transpose("time", ...).values
    changed = (cube["cover"][1] != UNDISTURBED).where(found["usle"][1].notnull())
    mined = mx.zonal(changed.astype("float32"), basins, ["sum"], name="sub_id")["sum"].values
    assert (mined == 0).sum() >= 4
    assert ((last - first)[mined > 0] > 0).all()
    np.testing.assert_allclose(last[mined == 0], first[mined == 0], rtol=1e-3)


@pytest.mark.data("mud_river")
@pytest.mark.parametrize("method", ["mfd", "d8"])
def test_sediment_is_the_same_for_any_chunks(catchment, method):
    cube, _ = catchment
    cut = cube.isel(y=slice(60, 200), x=slice(90, 230))
    chunks = {"time": 2, "y": (1, 75, 64), "x": (50, 90)}
    names = ["usle", "sediment_export", "sediment_deposition", "streams"]
    assert_chunk_invariant(
        lambda dem, cover: mx.sediment(
            dem, cover, 5133.0, 0.04, COVER, threshold=STREAM, method=method
        )[names],
        cut["post"],
        cut["cover"].drop_vars("time"),
        chunks=chunks,
        relative=1e-6,
    )
