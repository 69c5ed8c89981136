"""Spectral indices against spyndex and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import mineeco_xr as mx
from mineeco_xr.errors import GridMismatch, ParameterError, SchemaError
from mineeco_xr.testing import assert_lazy, chunkings, with_grid

spyndex = pytest.importorskip("spyndex")
BANDS = {"blue": "B", "green": "G", "red": "R", "nir": "N", "swir1": "S1", "swir2": "S2"}
PEERS = {
    "NDVI": "NDVI", "EVI": "EVI", "EVI2": "EVI2", "SAVI": "SAVI", "MSAVI": "MSAVI",
    "GNDVI": "GNDVI", "NDWI_GAO": "NDMI", "NDWI_MCFEETERS": "NDWI", "MNDWI": "MNDWI",
    "NBR": "NBR", "NDBI": "NDBI",
}  # fmt: skip


def reflectance(seed=0, shape=(7, 9), dtype="float64"):
    rng = np.random.default_rng(seed)
    return xr.Dataset(
        {band: with_grid(rng.uniform(0.01, 0.6, shape).astype(dtype), name=band) for band in BANDS}
    )


@pytest.mark.parametrize(("ours", "peer"), PEERS.items())
def test_equals_spyndex(ours, peer):
    bands = reflectance()
    values = {symbol: bands[band].values for band, symbol in BANDS.items()}
    constants = {"g": 2.5, "C1": 6.0, "C2": 7.5, "L": 0.5 if ours == "SAVI" else 1.0}
    needed = {key: (values | constants)[key] for key in spyndex.indices[peer].bands}
    expected = spyndex.computeIndex(peer, needed)
    if ours in ("EVI", "EVI2"):
        expected = np.clip(expected, -1, 1)
    if ours == "EVI":
        # Where its denominator is not positive the index means nothing; spyndex gives a number.
        n, r, b = (values[symbol] for symbol in "NRB")
        expected = np.where(n + 6 * r - 7.5 * b + 1 > 0, expected, np.nan)
    np.testing.assert_allclose(mx.indices(bands, [ours])[ours], expected, rtol=1e-12, atol=1e-15)


def test_bare_soil_by_hand():
    bands = reflectance()
    s, r, n, b = (bands[name].values for name in ("swir1", "red", "nir", "blue"))
    expected = ((s + r) - (n + b)) / ((s + r) + (n + b))
    np.testing.assert_allclose(mx.indices(bands, ["BSI"])["BSI"], expected, rtol=1e-12)


def test_the_two_waters_are_told_apart():
    bands = reflectance()
    with pytest.raises(ParameterError, match=r"NDWI_GAO.*NDWI_MCFEETERS"):
        mx.indices(bands, ["NDWI"])
    both = mx.indices(bands, ["NDWI_GAO", "NDWI_MCFEETERS"])
    assert not np.allclose(both["NDWI_GAO"], both["NDWI_MCFEETERS"])
    xr.testing.assert_equal(
        mx.indices(bands, ["LSWI"])["LSWI"].rename("a"), both["NDWI_GAO"].rename("a")
    )


@given(data=st.data(), seed=st.integers(0, 99))
def test_any_chunking_gives_the_same_bits(data, seed):
    bands = reflectance(seed, dtype="float32")
    bands["red"][0] = np.nan
    names = [*mx.available_indices(), "ARVI"]
    whole = mx.indices(bands, names)
    parts = mx.indices(bands.chunk(data.draw(chunkings((7, 9)))), names)
    assert all(parts[name].chunks is not None for name in names)
    xr.testing.assert_equal(whole, parts.compute())
    assert whole["NDVI"].dtype == "float32"
    assert np.isnan(whole["NDVI"][0]).all()


def test_a_denominator_that_is_not_positive_is_nodata():
    bands = xr.Dataset({name: with_grid(np.zeros((2, 2)), name=name) for name in BANDS})
    assert np.isnan(mx.indices(bands, ["NDVI"])["NDVI"]).all()


def test_bands_by_other_names():
    bands = reflectance().rename(nir="B5", red="B4")
    renamed = mx.indices(bands, ["NDVI"], rename={"nir": "B5", "red": "B4"})
    xr.testing.assert_equal(renamed, mx.indices(reflectance(), ["NDVI"]))
    assert (
        bands.mine.indices("NDVI", rename={"nir": "B5", "red": "B4"})["NDVI"].attrs["units"] == "1"
    )


def test_bad_bands_and_names():
    bands = reflectance()
    with pytest.raises(SchemaError, match=r"lacks \['swir1'\].*rename="):
        mx.indices(bands.drop_vars("swir1"), ["NDWI_GAO"])
    with pytest.raises(SchemaError, match="digital numbers"):
        mx.indices((bands * 10000).astype("int16"), ["NDVI"])
    with pytest.raises(ParameterError, match=r"Did you mean.*NDVI"):
        mx.indices(bands, ["NDVY"])
    with pytest.raises(SchemaError, match="needs"):
        mx.indices(bands, ["NIRvH2"])
    shifted = bands.assign(nir=bands["nir"].copy())
    other = xr.Dataset({"red": bands["red"]})
    other["nir"] = shifted["nir"]
    other["nir"] = other["nir"].drop_vars("spatial_ref")
    assert "NDVI" in mx.indices(other, ["NDVI"])


def test_layers_on_two_grids_are_refused():
    nir = with_grid(np.ones((3, 3)), name="nir")
    red = with_grid(np.ones((3, 3)), name="red", crs="EPSG:32651")
    with pytest.raises(GridMismatch):
        mx.wue(nir, red)


def test_a_reference_system_beside_the_bands_is_found(tmp_path):
    bands = reflectance()
    bands.to_zarr(tmp_path / "a.zarr", zarr_format=3, consolidated=False)
    opened = xr.open_zarr(tmp_path / "a.zarr", consolidated=False).reset_coords("spatial_ref")
    found = opened.mine.indices(["NDVI"])
    assert found["NDVI"].mine.grid == bands.mine.grid


def test_infinities_leak_no_warning():
    bands = reflectance()
    bands["nir"][0, 0] = np.inf
    mx.indices(bands, mx.available_indices())


@pytest.mark.parametrize("name", ["NDVI", "BSI", "ARVI"])
def test_digital_numbers_stored_as_floats_fail_when_pixels_are_read(name):
    bands = reflectance(dtype="float32")
    for wrong in (bands * 10000, bands.where(bands["red"] > 0.1, -9999.0)):
        lazy = assert_lazy(mx.indices, wrong.chunk({"y": 3}), [name])
        with pytest.raises(SchemaError, match=r"has \d+ cells .* digital numbers or nodata"):
            lazy.compute()
    coded = bands.where(bands["red"] > 0.1, -9999.0)
    for band in coded.data_vars.values():
        band.attrs["_FillValue"] = -9999.0
    found = mx.indices(coded, [name])[name]
    xr.testing.assert_equal(found, mx.indices(bands, [name])[name].where(bands["red"] > 0.1))
    clouds = bands * 0 + 1.6
    assert np.isfinite(mx.indices(clouds, [name])[name]).all()
