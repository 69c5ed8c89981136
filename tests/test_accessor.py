"""The accessor: a thin face with the functions' own words."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
import xarray as xr

import mineeco_xr as mx
from mineeco_xr.accessor import MineDataArray, MineDataset, forward, methods
from mineeco_xr.errors import SchemaError
from mineeco_xr.testing import with_grid


def cube():
    npp = with_grid(np.full((12, 3, 4), 300.0, "float32"), name="npp", units="gC m-2 yr-1")
    et = with_grid(np.full((12, 3, 4), 600.0, "float32"), name="et", units="mm yr-1")
    return xr.Dataset({"npp": npp, "et": et})


@pytest.mark.parametrize("face", [MineDataArray, MineDataset])
def test_every_method_has_the_words_of_its_function(face):
    data = cube() if face is MineDataset else cube()["npp"]
    for name in methods(face):
        function = getattr(face, name)
        method = getattr(data.mine, name)
        assert method.__doc__.startswith(function.__doc__)
        assert "Parameters" in method.__doc__
        assert "data" not in inspect.signature(method).parameters
        inspect.signature(method)


def test_every_exported_function_of_data_is_a_method():
    faces = {*methods(MineDataArray), *methods(MineDataset)}
    module_level = {"ahp", "available_indices", "burn", "cell_area", "ingest", "make_grid",
                    "open_cube", "read_threats", "read_vectors", "read_watersheds", "write_cube",
                    "coalfield", "Coalfield", "DownscaleModel", "open_modis",
                    "idw_error", "invert_subsidence", "read_panels", "stack_pairs", "subsidence",
                    "subsidence_at"}  # fmt: skip
    exported = {name for name in mx.__all__ if callable(getattr(mx, name))} - module_level
    assert exported <= faces, exported - faces


def test_roles_by_name_by_position_and_as_arrays():
    ds = cube().rename(npp="carbon")
    expected = mx.wue(cube()["npp"], cube()["et"]).values
    np.testing.assert_array_equal(ds.mine.wue("carbon"), expected)
    np.testing.assert_array_equal(ds.mine.wue(npp="carbon", et="et"), expected)
    np.testing.assert_array_equal(ds.mine.wue(npp=ds["carbon"]), expected)
    with pytest.raises(
        SchemaError, match=r"no variable 'npp' for 'npp'; it has \['carbon', 'et'\]"
    ):
        ds.mine.wue()


def test_signatures_name_the_roles():
    parameters = inspect.signature(cube().mine.wue).parameters
    assert parameters["npp"].default == "npp"
    assert parameters["et_min"].default == 20.0
    assert parameters["et_min"].kind is inspect.Parameter.KEYWORD_ONLY


def test_repr_says_what_there_is_and_what_can_be_done():
    text = repr(cube().chunk({"y": 2}).mine)
    assert "3 x 4 cells of 30 m, EPSG:32650" in text
    assert "2001-01-01 to 2012-01-01, 12 dates" in text
    assert "gC m-2 yr-1, lazy, 2 blocks" in text
    assert "wue()" in text
    assert "none: the raster has dims" in repr(xr.DataArray([1.0], dims="x").mine)


def test_repr_reads_no_pixels():
    import dask.array as da

    def refuse(*_):
        raise AssertionError("a pixel was read")

    lazy = cube().map(lambda v: v.copy(data=da.map_blocks(refuse, v.chunk().data, dtype="f4")))
    assert "lazy" in repr(lazy.mine)


def test_the_chain_of_the_readme(tmp_path):
    path = cube().mine.write(tmp_path / "cube.zarr")
    trend = xr.open_zarr(path).mine.wue().mine.trend()
    assert trend["slope"].chunks is not None
    assert (trend["slope"] == 0).all()
    assert (trend["p"] == 1).all()


def test_forward_is_the_function_on_the_class():
    assert MineDataset.wue is mx.wue
    assert isinstance(vars(MineDataset)["wue"], forward)


def test_zones_come_first_where_roles_go_by_name():
    ds = cube()
    zones = with_grid(np.ones((3, 4), "int32"), name="zones")
    found = ds.mine.wue_zonal(zones)
    assert (found["wue"] == 0.5).all()
    renamed = ds.rename(npp="carbon").mine.wue_zonal(zones, npp="carbon", how="mean_of_ratios")
    assert (renamed["wue"] == 0.5).all()
    parameters = inspect.signature(ds.mine.wue_zonal).parameters
    assert next(iter(parameters)) == "zones"
    assert parameters["npp"].kind is inspect.Parameter.KEYWORD_ONLY
