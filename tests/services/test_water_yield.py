"""Water yield against InVEST's values, its formulas written out, and itself in other chunks."""

from __future__ import annotations

import importlib

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import mineeco_xr as mx
from mineeco_xr.errors import GridMismatch, ParameterError, SchemaError, UnitError
from mineeco_xr.services import water_yield
from mineeco_xr.testing import assert_chunk_invariant, assert_lazy, chunkings, rasters, with_grid

SHAPE = (8, 11)
CURVES = st.sampled_from(["fu", "zhang2001"])
CLASSES = [1, 2, 7, 200]
TABLE = pd.DataFrame(
    {
        "LUCODE": CLASSES,
        "LULC_veg": [1, 0, 1, 1],
        "root_depth": [2500, -1, 700, 0],
        "Kc": [1.05, 0.4, 0.77, 0.9],
    }
)
UNITS = {
    "precipitation": "mm yr-1",
    "evapotranspiration": "mm yr-1",
    "soil_depth": "mm",
    "available_water": "1",
}
RANGES = {
    "precipitation": (0, 1500),
    "evapotranspiration": (0, 2000),
    "soil_depth": (0, 3000),
    "available_water": (0, 0.6),
}


def landscape(seed, shape=SHAPE, times=None):
    rng = np.random.default_rng(seed)
    lulc = rng.choice([*CLASSES, 255], shape).astype("uint8")
    made = [with_grid(lulc, name="lulc").assign_attrs(_FillValue=255)]
    for name, (low, high) in RANGES.items():
        full = shape if times is None or name != "precipitation" else (times, *shape)
        values = rng.uniform(low, high, full).astype("f4")
        values[rng.random(full) < 0.1] = np.nan
        if name == "precipitation":
            values[rng.random(full) < 0.1] = 0
        made.append(with_grid(values, name=name, units=UNITS[name]))
    return made


def written_out(lulc, rain, et0, soil, water, *, seasonality, budyko, table=TABLE):
    """Return the share that evaporates, cell by cell, in float64."""
    rows = table.rename(columns=str.lower).set_index("lucode")
    out = np.full(lulc.shape, np.nan)
    for at in np.ndindex(*lulc.shape):
        p, e, s, a = (float(layer.values[at]) for layer in (rain, et0, soil, water))
        if lulc.values[at] == 255 or np.isnan([p, e, s, a]).any() or p == 0:
            continue
        row = rows.loc[int(lulc.values[at])]
        r = row["kc"] * e / p
        held = min(row["root_depth"], s) * a
        if not row["lulc_veg"]:
            out[at] = min(row["kc"] * e, p) / p
        elif budyko == "fu":
            w = min(5, seasonality * held / p + 1.25)
            out[at] = min(r, 1 + r - (1 + r**w) ** (1 / w))
        else:
            w = seasonality * held / p
            out[at] = 0 if r == 0 else min(r, (1 + w * r) / (1 + w * r + 1 / r))
    return out


@settings(max_examples=15)
@given(seed=st.integers(0, 2**32 - 1), z=st.floats(1, 30), curve=CURVES)
def test_as_written_out(seed, z, curve):
    layers = landscape(seed)
    found = water_yield(*layers, seasonality=z, biophysical=TABLE, budyko=curve)
    share = written_out(*layers, seasonality=z, budyko=curve)
    rain = layers[1].values
    # A dryness of 1000 has steps of 6e-5 in float32.
    np.testing.assert_allclose(found["aet_fraction"], share, rtol=0, atol=2e-4)
    np.testing.assert_allclose(found["water_yield"], (1 - share) * rain, rtol=0, atol=1e-2)
    np.testing.assert_allclose(found["aet"], share * rain, rtol=0, atol=1e-2)
    kc = pd.Series(TABLE["Kc"].values, CLASSES).reindex(layers[0].values.ravel()).to_numpy()
    np.testing.assert_allclose(found["pet"], kc.reshape(SHAPE) * layers[2].values, rtol=1e-6)
    assert all(found[name].dtype == np.float32 for name in found)
    assert (found["water_yield"].fillna(0) >= 0).all()


def test_values_of_invests_own_test():
    """Of ``test_fractp_op`` in natcap.invest, as numbers."""
    numbers = {
        "kc": [[1, 0.1, 0.1], [0.6, 0.6, 0.1]],
        "evapotranspiration": [[1000, 900, 900], [1100, 1005, 1000]],
        "precipitation": [[100, 1000, 10], [500, 800, 1100]],
        "root_depth": [[99, 300, 400], [5, 500, 800]],
        "soil_depth": [[600, 700, 700], [800, 900, 600]],
        "available_water": [[0.11, 0.11, 0.12], [0.55, 0.55, 0.19]],
        "vegetated": [[1, 1, 0], [0, 1, 0]],
    }
    units = {**UNITS, "kc": "1", "vegetated": "1", "root_depth": "mm"}
    layers = {k: with_grid(np.array(v), name=k, units=units[k]) for k, v in numbers.items()}
    lulc = with_grid(np.ones((2, 3), "uint8"), name="lulc")
    expected = np.array([[0.9345682, 0.06896508, 1], [1, 0.6487423, 0.09090909]], "f4")
    for convention in ("corrected", "invest"):
        found = water_yield(lulc, **layers, seasonality=6, convention=convention)
        np.testing.assert_array_equal(found["aet_fraction"], expected)


def test_bits_of_invests_order_of_operations():
    """What natcap.invest computes in NumPy on the valid cells, restated; float32 throughout."""
    layers = landscape(5, (60, 70))
    found = water_yield(*layers, seasonality=5.3, biophysical=TABLE, convention="invest")
    lulc, p, e, s, a = (layer.values for layer in layers)
    ok = (lulc != 255) & ~np.isnan(p) & ~np.isnan(e) & ~np.isnan(s) & ~np.isnan(a) & (p != 0)
    at = np.searchsorted(CLASSES, lulc[ok])
    kc, veg = (TABLE[c].to_numpy("f4")[at] for c in ("Kc", "LULC_veg"))
    root = np.where(veg == 1, TABLE["root_depth"].to_numpy("f4")[at], np.float32(1))
    p, e, s, a = p[ok], e[ok], s[ok], a[ok]
    phi = (kc * e) / p
    w = ((np.where(root < s, root, s) * a / p) * 5.3) + 1.25
    w[w > 5] = 5
    covered = (1 + phi) - (1 + phi**w) ** (1 / w)
    covered = np.where(phi < covered, phi, covered)
    share = np.where(veg == 1, covered, np.minimum(kc * e, p) / p)
    assert share.dtype == np.float32
    np.testing.assert_array_equal(found["aet_fraction"].values[ok], share)
    np.testing.assert_array_equal(found["water_yield"].values[ok], (1 - share) * p)
    np.testing.assert_array_equal(found["aet"].values[ok], share * p)
    np.testing.assert_array_equal(found["water_yield"].notnull(), ok)
    default = water_yield(*layers, seasonality=5.3, biophysical=TABLE)
    np.testing.assert_array_equal(default["aet_fraction"].values[ok], np.minimum(share, 1))


def cells(**given):
    """Return one row of vegetated cells, all but the given numbers those of a usual place."""
    usual = {"precipitation": 800, "evapotranspiration": 1000, "soil_depth": 500,
             "available_water": 0.2}  # fmt: skip
    size = max(np.size(value) for value in given.values())
    layers = {
        name: with_grid(np.broadcast_to(np.float32(given.get(name, usual[name])), (1, size)).copy(),
                        name=name, units=UNITS[name])
        for name in usual
    }  # fmt: skip
    return {"lulc": with_grid(np.ones((1, size), "uint8"), name="lulc"), **layers}


def test_nearly_no_rain():
    """The curve nears R for wet and 1 for dry places; in InVEST's float32 it falls apart."""
    rain = np.array([1e-9, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1])
    layers = cells(precipitation=rain)
    numbers = {"kc": 1.0, "root_depth": 1000.0, "vegetated": 1}
    found = water_yield(**layers, seasonality=5, **numbers)
    share = found["aet_fraction"].values[0]
    np.testing.assert_array_equal(np.isnan(share), rain <= 1e-8)
    np.testing.assert_allclose(share[2:-1], 1, atol=1e-6)
    assert np.isfinite(found["water_yield"].values[0, 2:]).all()
    theirs = water_yield(**layers, seasonality=5, **numbers, convention="invest")
    assert np.isinf(theirs["aet_fraction"]).any()
    dry = cells(precipitation=[0.5, 0.9, 1.1, 2.0], available_water=0)
    share = water_yield(**dry, seasonality=5, **numbers)["aet_fraction"].values[0]
    r = 1000 / np.array([0.5, 0.9, 1.1, 2.0])
    exact = 1 - r * np.expm1(np.log1p(r**-1.25) / 1.25)  # w = 1.25 without any water held
    np.testing.assert_allclose(share, exact, atol=2e-4)
    np.testing.assert_allclose(share[:2], exact[:2], atol=1e-7)


def test_limits_of_the_curves():
    wet = cells(evapotranspiration=[0, 1e-3, 10])
    r, w = np.array([0, 1e-3, 10]) / 800, 5 * 0.2 / 800
    numbers = {"kc": 1, "root_depth": 1, "vegetated": 1}
    found = water_yield(**wet, seasonality=5, **numbers)
    fu = 1 + r - (1 + r ** (w + 1.25)) ** (1 / (w + 1.25))
    np.testing.assert_allclose(found["aet_fraction"].values[0], fu, atol=3e-7)
    found = water_yield(**wet, seasonality=5, **numbers, budyko="zhang2001")
    zhang = r * (1 + w * r) / (r * (1 + w * r) + 1)
    np.testing.assert_allclose(found["aet_fraction"].values[0], zhang, rtol=1e-6)
    bare = water_yield(**wet, seasonality=5, kc=1000, root_depth=1, vegetated=0)
    np.testing.assert_array_equal(bare["aet_fraction"].values[0], np.float32([0, 1 / 800, 1]))


def test_root_depth_and_nodata_of_what_is_not_vegetated():
    layers = cells(precipitation=[800, 800, 800])
    root = with_grid(np.array([[np.nan, np.nan, 500]], "f4"), units="mm")
    vegetated = with_grid(np.array([[0, 1, 0.4]], "f4"), units="1")
    found = water_yield(**layers, seasonality=5, kc=0.5, root_depth=root, vegetated=vegetated)
    np.testing.assert_array_equal(found["aet_fraction"], np.float32([[0.625, np.nan, 0.625]]))
    layers["soil_depth"][0, 2] = np.nan
    found = water_yield(**layers, seasonality=5, kc=0.5, root_depth=root, vegetated=vegetated)
    assert np.isnan(found["aet_fraction"].values[0, 2])
    np.testing.assert_array_equal(found["pet"], np.full((1, 3), 500, "f4"))
    layers["lulc"] = with_grid(np.array([[1, 0, 1]], "uint8")).assign_attrs(_FillValue=0)
    kc = with_grid(np.full((1, 3), 0.5, "f4"), units="1")
    root, vegetated = root.fillna(100), vegetated * 0
    for numbers in ({"kc": kc, "root_depth": root, "vegetated": vegetated},
                  {"kc": 0.5, "root_depth": 100, "vegetated": 0},
                  {"kc": kc, "root_depth": root, "vegetated": 0}):  # fmt: skip
        pet = water_yield(**layers, seasonality=5, **numbers)["pet"]
        np.testing.assert_array_equal(pet, np.float32([[500, np.nan, 500]]))


@pytest.mark.parametrize("blank", [np.nan, None, "", "n/a"])
def test_root_depth_of_what_is_not_vegetated_may_be_blank(blank):
    layers = landscape(0)
    table = TABLE.astype({"root_depth": object})
    table.loc[1, "root_depth"] = blank
    found = water_yield(*layers, seasonality=5, biophysical=table)
    xr.testing.assert_equal(found, water_yield(*layers, seasonality=5, biophysical=TABLE))
    with pytest.raises(SchemaError, match=r"root_depth of class 7 is .*; expected a number"):
        water_yield(*layers, seasonality=5, biophysical=table.assign(LULC_veg=1, root_depth=[
            2500, 1, blank, 0]))  # fmt: skip
    with pytest.raises(SchemaError, match=r"no column \['lulc_veg'\]"):
        water_yield(*layers, seasonality=5, biophysical=table.drop(columns="LULC_veg"))


def test_units_are_converted():
    layers = cells(precipitation=[800, 300])
    numbers = {"kc": 0.8, "root_depth": 1500, "vegetated": 1}
    expected = water_yield(**layers, seasonality=5, **numbers)
    other = {
        "lulc": layers["lulc"],
        "precipitation": (layers["precipitation"] / 12).assign_attrs(units="kg m-2 month-1"),
        "evapotranspiration": (layers["evapotranspiration"] / 1000).assign_attrs(units="m"),
        "soil_depth": (layers["soil_depth"] / 10).assign_attrs(units="cm"),
        "available_water": (layers["available_water"] * 100).assign_attrs(units="%"),
    }
    root = with_grid(np.full((1, 2), 1.5, "f4"), units="m")
    found = water_yield(**other, seasonality=5, **{**numbers, "root_depth": root})
    xr.testing.assert_allclose(found, expected, rtol=1e-5)
    assert found["water_yield"].attrs == {"units": "mm yr-1", "long_name": "water yield"}
    assert "seasonality=5, budyko='fu'" in found.attrs["history"]
    wrong = {**layers, "precipitation": layers["precipitation"].assign_attrs(units="gC m-2")}
    with pytest.raises(UnitError, match="'precipitation'"):
        water_yield(**wrong, seasonality=5, **numbers)


@settings(max_examples=15)
@given(seed=st.integers(0, 2**32 - 1), data=st.data(), curve=CURVES)
def test_any_chunking_gives_the_same_bits(seed, data, curve):
    layers = landscape(seed)
    gap = data.draw(st.sampled_from([None, slice(0, 3), slice(None)]))
    if gap is not None:
        layers[1].values[gap] = np.nan
    assert_chunk_invariant(
        water_yield, *layers, chunks=data.draw(chunkings(SHAPE, most=4)), seasonality=7.7,
        biophysical=TABLE, budyko=curve,
    )  # fmt: skip


@settings(max_examples=6)
@given(seed=st.integers(0, 2**32 - 1), data=st.data())
def test_years_in_the_climate_or_in_the_land_use_in_any_chunking(seed, data):
    lulc, rain, *others = landscape(seed, times=2)
    maps = xr.concat([lulc, lulc[::-1].assign_coords(lulc.coords)], rain["time"])
    maps = maps.assign_attrs(lulc.attrs)
    first, second = data.draw(st.sampled_from([(lulc, rain), (maps, rain[0].drop_vars("time"))]))
    chunks = {**data.draw(chunkings(SHAPE, most=3)), "time": data.draw(st.sampled_from([1, 2]))}
    assert_chunk_invariant(
        water_yield, first, second, *others, chunks=chunks, seasonality=4, biophysical=TABLE
    )


def test_each_year_is_as_alone():
    lulc, rain, *others = landscape(8, times=3)
    choices = {"seasonality": 4, "biophysical": TABLE}
    maps = xr.concat([lulc, lulc[::-1].assign_coords(lulc.coords), lulc], rain["time"])
    maps = maps.assign_attrs(lulc.attrs)
    for first, second in ((lulc, rain), (maps, rain), (maps, rain[0].drop_vars("time"))):
        found = water_yield(first, second, *others, **choices)
        assert found["water_yield"].dims == ("time", "y", "x")
        for i in range(3):
            own = [layer if layer.ndim == 2 else layer[i] for layer in (first, second)]
            alone = water_yield(*own, *others, **choices)
            for name in found:
                np.testing.assert_array_equal(found[name][i], alone[name])


def test_wide_blocks_are_cut_into_strips():
    layers = landscape(3, (70, 1200))
    whole = water_yield(*layers, seasonality=5, biophysical=TABLE)["water_yield"]
    part = [layer[50:60, 1100:] for layer in layers]
    own = water_yield(*part, seasonality=5, biophysical=TABLE)["water_yield"]
    np.testing.assert_array_equal(whole[50:60, 1100:], own)


def test_as_a_method_of_a_cube():
    layers = landscape(1)
    cube = xr.Dataset({layer.name: layer for layer in layers})
    found = cube.mine.water_yield(seasonality=5, biophysical=TABLE)
    xr.testing.assert_identical(
        found.drop_attrs(), water_yield(*layers, seasonality=5, biophysical=TABLE).drop_attrs()
    )
    renamed = cube.rename(precipitation="rain").mine.water_yield(
        precipitation="rain", seasonality=5, biophysical=TABLE
    )
    np.testing.assert_array_equal(renamed["aet"], found["aet"])
    assert mx.water_yield is water_yield


def test_table_from_a_file_of_invest(tmp_path):
    TABLE.to_csv(tmp_path / "biophysical.csv", index=False)
    layers = landscape(2)
    found = water_yield(*layers, seasonality=5, biophysical=tmp_path / "biophysical.csv")
    expected = water_yield(*layers, seasonality=5, biophysical=TABLE)
    np.testing.assert_array_equal(found["water_yield"], expected["water_yield"])
    assert "biophysical.csv" in found.attrs["history"]


def test_bad_parameters():
    layers = landscape(0)
    for wrong in (0.5, 31, None, "5", np.nan):
        with pytest.raises(ParameterError, match="Zhang's constant Z"):
            water_yield(*layers, seasonality=wrong, biophysical=TABLE)
    with pytest.raises(ParameterError, match="budyko 'turc' is unknown"):
        water_yield(*layers, seasonality=5, biophysical=TABLE, budyko="turc")
    with pytest.raises(ParameterError, match="convention 'old' is unknown"):
        water_yield(*layers, seasonality=5, biophysical=TABLE, convention="old")
    with pytest.raises(SchemaError, match=r"nothing in place of \['kc', 'lulc_veg'\]"):
        water_yield(*layers, seasonality=5, root_depth=500)
    with pytest.raises(ParameterError, match=r"lulc_veg of class 1 is 3; expected 0 to 1"):
        water_yield(*layers, seasonality=5, biophysical=TABLE.assign(LULC_veg=3))
    with pytest.raises(ParameterError, match="root_depth of class 200 is -1"):
        water_yield(*layers, seasonality=5, biophysical=TABLE.assign(root_depth=[9, 9, 9, -1]))
    with pytest.raises(ParameterError, match="kc is -1"):
        water_yield(*layers, seasonality=5, biophysical=TABLE, kc=-1)
    with pytest.raises(SchemaError, match=r"two rows of lucode \[7\]"):
        water_yield(*layers, seasonality=5, biophysical=pd.concat([TABLE, TABLE[2:3]]))
    shifted = layers[2].assign_coords(x=layers[2]["x"] + 15)
    with pytest.raises(GridMismatch, match=r"'evapotranspiration' is shifted by 0\.5 cells"):
        water_yield(layers[0], layers[1], shifted, *layers[3:], seasonality=5, biophysical=TABLE)
    years = landscape(0, times=3)[1]
    maps = landscape(0, times=2)[1].fillna(1).clip(1, 1)
    with pytest.raises(SchemaError, match="different dates"):
        water_yield(maps, years, *layers[2:], seasonality=5, biophysical=TABLE)


@pytest.mark.parametrize(
    ("at", "value", "message"),
    [
        (0, 77, r"lulc has classes without a row in the biophysical table: 77 \(2 cells\)"),
        (1, -9999, "precipitation has 2 cells between -9999 and -9999 .* expected 0 or more"),
        (2, -1, "evapotranspiration has 2 cells"),
        (3, -1, "soil_depth has 2 cells"),
        (4, 1.5, "available_water has 2 cells .* expected 0 to 1"),
    ],
)  # fmt: skip
def test_bad_cells_stop_it_before_the_long_part(at, value, message, monkeypatch):
    module = importlib.import_module("mineeco_xr.services.water_yield")

    def refuse(*_, **__):
        raise AssertionError("a block was computed before the checks")

    monkeypatch.setattr(module, "water_balance", refuse)
    layers = landscape(0)
    layers[at].values[2, 3:5] = value
    chunked = [layer.chunk({"y": 3, "x": 4}) for layer in layers]
    found = assert_lazy(module.water_yield, *chunked, seasonality=5, biophysical=TABLE)
    with pytest.raises((ParameterError, SchemaError), match=message):
        found.compute()


def test_empty_rasters_give_nodata():
    layers = landscape(0)
    layers[0] = xr.full_like(layers[0], 255)
    found = water_yield(*layers, seasonality=5, biophysical=TABLE)
    assert found.to_dataarray().isnull().all()
    layers = landscape(0)
    layers[4] = layers[4] * np.nan
    layers[4].attrs = {"units": "1"}
    found = water_yield(*layers, seasonality=5, biophysical=TABLE)
    assert found["water_yield"].isnull().all()
    assert found["pet"].notnull().any()


@settings(max_examples=10)
@given(values=rasters(shape=SHAPE, dtype="float64"), data=st.data())
def test_rasters_in_place_of_columns_in_any_chunking(values, data):
    layers = landscape(4)
    kc = with_grid(np.abs(values) / 100, units="1")

    def of(*arrays):
        return water_yield(*arrays[:-1], seasonality=5, kc=arrays[-1], biophysical=TABLE)

    assert_chunk_invariant(of, *layers, kc, chunks=data.draw(chunkings(SHAPE, most=4)))
    assert (of(*layers, kc)["pet"].isnull() >= np.isnan(values)).all()
