"""Stored numbers of MODIS."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mineeco_xr as mx
from mineeco_xr.errors import ParameterError, SchemaError
from mineeco_xr.testing import assert_chunk_invariant, chunkings, with_grid


@pytest.mark.parametrize(
    ("product", "dtype", "numbers", "values", "classes"),
    [
        ("MOD17A3HGF", "int16", [-30000, 0, 32700, 32701, 32761, 32765, 32767],
         [-3000, 0, 3270, np.nan, np.nan, np.nan, np.nan], [0, 0, 0, 7, 1, 5, 7]),
        ("MOD16A3GF.061", "uint16", [0, 65500, 65529, 65533, 65534, 65535],
         [0, 6550, np.nan, np.nan, np.nan, np.nan], [0, 0, 1, 5, 6, 7]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("stored_as", ["own", "float32"])
def test_every_range(product, dtype, numbers, values, classes, stored_as):
    kind = dtype if stored_as == "own" else stored_as
    found = mx.decode_modis(with_grid(np.array([numbers], dtype=kind)), product)
    value, flag = found.data_vars
    np.testing.assert_allclose(found[value][0], values)
    np.testing.assert_array_equal(found[flag][0], classes)
    assert found[flag].attrs["flag_meanings"].split()[5] == "barren"


def test_wue_is_the_ratio_of_the_stored_numbers():
    npp = mx.decode_modis(with_grid(np.array([[4000]], "int16")), "MOD17A3HGF")["npp"]
    et = mx.decode_modis(with_grid(np.array([[5000]], "uint16")), "MOD16A3GF")["et"]
    assert mx.wue(npp, et).item() == pytest.approx(4000 / 5000)


def test_never_scaled_twice():
    found = mx.decode_modis(with_grid(np.array([[4000]], "int16")), "MOD17A3HGF")["npp"]
    with pytest.raises(SchemaError, match="scaled before"):
        mx.decode_modis(found, "MOD17A3HGF")


def test_unknown_products_and_layers():
    raster = with_grid(np.array([[1]], "int16"))
    with pytest.raises(ParameterError, match="MOD16A3GF"):
        mx.decode_modis(raster, "MOD13Q1")
    with pytest.raises(ParameterError, match="PET_500m"):
        mx.decode_modis(raster, "MOD16A3GF", layer="LE_500m")


@given(data=st.data(), seed=st.integers(0, 99))
def test_any_chunking_gives_the_same_bits(data, seed):
    numbers = np.random.default_rng(seed).integers(30000, 32768, (2, 9, 8)).astype("int16")
    assert_chunk_invariant(
        mx.decode_modis, with_grid(numbers), chunks=data.draw(chunkings((9, 8))),
        product="MOD17A3HGF",
    )  # fmt: skip
