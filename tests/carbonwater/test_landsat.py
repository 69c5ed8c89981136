"""Stored numbers of Landsat, clouds, and brightness temperature."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from mineeco_xr.carbonwater.clouds import mask_qa
from mineeco_xr.carbonwater.landsat import scale_landsat
from mineeco_xr.carbonwater.temperature import brightness_temperature
from mineeco_xr.errors import GridMismatch, ParameterError, SchemaError
from mineeco_xr.tables import read_table
from mineeco_xr.testing import assert_lazy, chunkings, with_grid

TM = {"SR_B1": "blue", "SR_B2": "green", "SR_B3": "red", "SR_B4": "nir", "SR_B5": "swir1",
      "SR_B7": "swir2", "ST_B6": "thermal"}  # fmt: skip
OLI = {"SR_B2": "blue", "SR_B3": "green", "SR_B4": "red", "SR_B5": "nir", "SR_B6": "swir1",
       "SR_B7": "swir2", "ST_B10": "thermal"}  # fmt: skip
SHAPE = (6, 8)


def stored(names=OLI, seed=0, times=None, dtype="uint16"):
    rng = np.random.default_rng(seed)
    full = SHAPE if times is None else (times, *SHAPE)
    values = rng.choice([0, 7272, 7273, 18639, 43636, 43637, 44947, 65535], full)
    numbers = {name: np.roll(values, n, axis=-1) for n, name in enumerate(names)}
    return xr.Dataset({k: with_grid(v.astype(dtype), name=k) for k, v in numbers.items()})


@pytest.mark.parametrize(
    ("sensor", "names"), [("TM", TM), ("ETM", TM), ("OLI", OLI), (None, TM), (None, OLI)]
)
@pytest.mark.parametrize("dtype", ["uint16", "float32"])
def test_every_band_of_every_sensor(sensor, names, dtype):
    cube = stored(names, dtype=dtype)
    found = scale_landsat(cube, sensor)
    assert set(found) == set(names.values())
    for variable, band in names.items():
        number = cube[variable].values.astype("f8")
        if band == "thermal":
            expected = np.where(number >= 293, number * 0.00341802 + 149, np.nan)
        else:
            valid = (number >= 7273) & (number <= 43636)
            expected = np.where(valid, number * 0.0000275 - 0.2, np.nan)
            assert np.nanmax(found[band]) <= 1
        np.testing.assert_allclose(found[band], expected, rtol=1e-6)
        assert found[band].dtype == "float32"
        assert found[band].attrs["units"] == ("K" if band == "thermal" else "1")


def test_numbers_of_the_agency_s_own_examples():
    cube = xr.Dataset(
        {"SR_B4": with_grid(np.array([[18639]], "u2")), "ST_B10": with_grid(np.array([[44947]]))}
    )
    found = scale_landsat(cube)
    assert found["red"].item() == pytest.approx(0.313, abs=5e-4)
    assert found["thermal"].item() == pytest.approx(302.6, abs=0.05)


def test_other_names_and_other_variables():
    cube = stored(OLI).rename(SR_B5="nir08", SR_B4="red").assign(QA_PIXEL=stored()["SR_B2"])
    found = scale_landsat(cube[["nir08", "red", "QA_PIXEL"]], rename={"nir": "nir08"})
    assert set(found) == {"nir", "red", "QA_PIXEL"}
    np.testing.assert_array_equal(found["nir"], scale_landsat(stored())["nir"])
    assert found["QA_PIXEL"].dtype == "uint16"


def test_never_scaled_twice():
    once = scale_landsat(stored())
    with pytest.raises(SchemaError, match="scaled before"):
        scale_landsat(once)
    for band in ("red", "thermal"):
        bare = xr.Dataset({band: once[band].drop_attrs(deep=False)})
        built = assert_lazy(scale_landsat, bare.chunk({"y": 2}))
        with pytest.raises(SchemaError, match=f"'{band}' has .* scaled before"):
            built.compute()
    kelvin = once["thermal"].drop_attrs(deep=False).assign_attrs(units="K")
    with pytest.raises(SchemaError, match="units 'K'"):
        scale_landsat(xr.Dataset({"thermal": kelvin}))


def test_sensors_and_bands_that_cannot_be():
    with pytest.raises(ParameterError, match="'MSS' is unknown"):
        scale_landsat(stored(), "MSS")
    with pytest.raises(ParameterError, match="may be of any sensor"):
        scale_landsat(stored()[["SR_B4", "SR_B5"]])
    assert "nir" in scale_landsat(stored()[["SR_B4", "SR_B5"]], "OLI")
    with pytest.raises(SchemaError, match="no Landsat band"):
        scale_landsat(xr.Dataset({"elevation": stored()["SR_B2"]}))
    with pytest.raises(SchemaError, match=r"names \['B5'\]"):
        scale_landsat(stored(), rename={"nir": "B5"})
    with pytest.raises(ParameterError, match="the bands are"):
        scale_landsat(stored(), rename={"coastal": "SR_B2"})
    twice = stored().assign(nir=stored()["SR_B2"])
    with pytest.raises(SchemaError, match=r"\['nir'\] beside"):
        scale_landsat(twice)
    bent = stored()
    bent["SR_B5"] = bent["SR_B5"].drop_vars("spatial_ref")
    with pytest.raises(GridMismatch):
        scale_landsat(bent.drop_vars("spatial_ref"))


BITS = read_table("landsat_qa_pixel").set_index("name")["bit"]


def qa_cube(times=None, seed=0):
    rng = np.random.default_rng(seed)
    full = SHAPE if times is None else (times, *SHAPE)
    red = rng.random(full).astype("f4")
    return xr.Dataset(
        {
            "red": with_grid(red, units="1"),
            "classes": with_grid((red * 9).astype("u1")).assign_attrs(_FillValue=255),
            "QA_PIXEL": with_grid(rng.integers(0, 2**16, full).astype("u2")),
            "QA_RADSAT": with_grid((rng.random(full) < 0.2).astype("u2") * 8),
        }
    )


@pytest.mark.parametrize("bits", [None, ["cloud", "water"], "snow"])
@pytest.mark.parametrize("radsat", [None, "QA_RADSAT"])
def test_masks_equal_the_bits(bits, radsat):
    cube = qa_cube(times=3)
    found = mask_qa(cube, bits=bits, radsat=radsat)
    names = [bits] if isinstance(bits, str) else bits or [
        "fill", "dilated_cloud", "cirrus", "cloud", "cloud_shadow", "snow"
    ]  # fmt: skip
    hidden = np.zeros(cube["red"].shape, bool)
    for name in names:
        hidden |= (cube["QA_PIXEL"].values >> BITS[name]) & 1 == 1
    if radsat:
        hidden |= cube["QA_RADSAT"].values > 0
    np.testing.assert_array_equal(found["red"], np.where(hidden, np.nan, cube["red"]))
    np.testing.assert_array_equal(found["classes"], np.where(hidden, 255, cube["classes"]))
    assert found["classes"].dtype == "uint8"
    assert found["red"].attrs["units"] == "1"
    xr.testing.assert_identical(found["QA_PIXEL"], cube["QA_PIXEL"])


def test_the_default_bits_are_the_first_six():
    values = (1 << np.arange(16)).astype("u2")[None]
    cube = xr.Dataset(
        {"red": with_grid(np.ones((1, 16), "f4")), "QA_PIXEL": with_grid(values)}
    )  # fmt: skip
    found = mask_qa(cube)["red"].values[0]
    np.testing.assert_array_equal(np.isnan(found), np.arange(16) < 6)


@settings(max_examples=6)
@given(data=st.data(), seed=st.integers(0, 9))
def test_any_chunking_gives_the_same_bits(data, seed):
    cube = stored(OLI, seed, times=2).assign(QA_PIXEL=qa_cube(2, seed)["QA_PIXEL"])
    chunks = {**data.draw(chunkings(SHAPE)), "time": data.draw(st.sampled_from([1, 2]))}

    def chain(ds):
        return mask_qa(scale_landsat(ds))

    built = assert_lazy(chain, cube.chunk(chunks))
    assert all(part.chunks is not None for part in built.data_vars.values())
    xr.testing.assert_equal(built.compute(), chain(cube))


def test_masks_that_cannot_be():
    cube = qa_cube(times=2)
    with pytest.raises(ParameterError, match=r"\['clear'\] are unknown"):
        mask_qa(cube, bits=["clear"])
    with pytest.raises(SchemaError, match="no variable 'pixel_qa'"):
        mask_qa(cube, "pixel_qa")
    with pytest.raises(SchemaError, match="whose bits are read"):
        mask_qa(cube.assign(QA_PIXEL=cube["QA_PIXEL"].astype("f4")))
    with pytest.raises(SchemaError, match="scale it first"):
        mask_qa(stored(times=2).assign(QA_PIXEL=cube["QA_PIXEL"]))
    with pytest.raises(SchemaError, match="of its own date"):
        mask_qa(cube.assign(QA_PIXEL=cube["QA_PIXEL"][0].drop_vars("time")))
    with pytest.raises(SchemaError, match="no band beside"):
        mask_qa(cube[["QA_PIXEL"]])


def test_temperature_by_hand():
    data = with_grid(np.array([[131, 0, 255, 7]], "u1")).assign_attrs(_FillValue=255)
    found = brightness_temperature(data, "ETM_HIGH")
    radiance = 0.037205 * np.array([131, 7]) + 3.162795
    expected = 1282.71 / np.log(666.09 / radiance + 1)
    np.testing.assert_allclose(found.values[0, [0, 3]], expected, rtol=1e-6)
    assert np.isnan(found.values[0, 1:3]).all()
    np.testing.assert_array_equal(brightness_temperature(data.chunk({"x": 1}), "ETM_HIGH"), found)
    own = brightness_temperature(data, "ETM_HIGH", gain=0.1, bias=1)
    assert own[0, 0].item() == pytest.approx(1282.71 / np.log(666.09 / 14.1 + 1), rel=1e-6)
    with pytest.raises(ParameterError, match="'MSS' is unknown"):
        brightness_temperature(data, "MSS")
    with pytest.raises(ParameterError, match="gain is -1"):
        brightness_temperature(data, "TM5", gain=-1)
    with pytest.raises(SchemaError, match="scaled before"):
        brightness_temperature(found, "ETM_HIGH")


@pytest.mark.data("landsat7_pennsylvania")
def test_the_two_gains_of_a_real_scene_agree(data_dir):
    import rioxarray

    scene = rioxarray.open_rasterio(data_dir / "landsat7_pennsylvania" / "etm_july.tif")
    low, high = (
        brightness_temperature(scene[band].drop_attrs(deep=False), f"ETM_{gain}")
        for band, gain in ((5, "LOW"), (6, "HIGH"))
    )
    difference = abs(low - high).where(scene[6] < 255)
    # A step of the coarser gain is half a kelvin.
    assert float(difference.median()) < 0.5
    assert float(difference.max()) < 1.5
    assert 285 < float(low.median()) < 315
