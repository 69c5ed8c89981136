"""Cubes on disk: equal, whole, resumable."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import mineeco_xr as mx
from mineeco_xr.cube.partial import PartialStore
from mineeco_xr.cube.store import cube_fingerprint, side_for
from mineeco_xr.errors import DataError, IncompleteStore, ParameterError, SchemaError
from mineeco_xr.testing import chunkings, rasters, with_grid


def cube(seed=0, shape=(40, 50)):
    rng = np.random.default_rng(seed)
    npp = rng.normal(500, 90, (3, *shape)).astype("float32")
    npp[:, :8, :8] = np.nan
    classes = with_grid(rng.integers(1, 4, shape).astype("uint8"), name="land_cover")
    classes.attrs = {
        "_FillValue": np.uint8(0),
        "flag_values": np.array([1, 2, 3], "uint8"),
        "flag_meanings": "crop forest pit",
    }
    return xr.Dataset(
        {"npp": with_grid(npp, name="npp", units="gC m-2 yr-1"), "land_cover": classes}
    )


@given(values=rasters(times=2, shape=(21, 17)), data=st.data(), side=st.integers(4, 30))
def test_what_is_read_is_what_was_written(values, data, side, tmp_path_factory):
    path = tmp_path_factory.mktemp("cube") / "cube.zarr"
    ds = xr.Dataset({"npp": with_grid(values), "map": with_grid(values[0])})
    chunked = ds.chunk({**data.draw(chunkings((21, 17))), "time": 1})
    found = mx.open_cube(mx.write_cube(chunked, path, chunk=side))
    xr.testing.assert_equal(found.compute(), ds)
    assert found["npp"].chunksizes["time"] == (2,)


def test_types_attributes_and_grid_come_back(tmp_path):
    ds = cube()
    found = mx.open_cube(mx.write_cube(ds, tmp_path / "a.zarr"))
    assert found["land_cover"].dtype == "uint8"
    assert found["land_cover"].attrs["_FillValue"] == 0
    assert found["land_cover"].attrs["flag_meanings"] == "crop forest pit"
    assert found["npp"].attrs == {"units": "gC m-2 yr-1"}
    assert found.mine.grid == ds.mine.grid
    assert ds["npp"].encoding == {}


def test_plain_xarray_reads_it_without_a_warning(tmp_path):
    path = mx.write_cube(cube(), tmp_path / "a.zarr")
    found = xr.open_zarr(path)
    assert found["npp"].mine.grid == cube().mine.grid
    assert "spatial_ref" in found["npp"].coords


def test_zarr_format_and_codec(tmp_path):
    import zarr

    path = mx.write_cube(cube(), tmp_path / "a.zarr", chunk=32)
    array = zarr.open_array(path / "npp")
    assert array.metadata.zarr_format == 3
    assert array.chunks == (3, 32, 32)
    name = array.compressors[0].cname
    assert getattr(name, "value", name) == "lz4"
    assert np.isnan(array.fill_value)
    assert array.nchunks_initialized == array.nchunks


def test_the_same_cube_is_not_written_twice(tmp_path):
    path = mx.write_cube(cube(), tmp_path / "a.zarr")
    stamp = (path / "zarr.json").stat().st_mtime_ns
    mx.write_cube(cube(), path)
    assert (path / "zarr.json").stat().st_mtime_ns == stamp


def test_another_cube_needs_a_word(tmp_path):
    path = mx.write_cube(cube(), tmp_path / "a.zarr")
    with pytest.raises(DataError, match="overwrite=True"):
        mx.write_cube(cube(1), path)
    mx.write_cube(cube(1), path, overwrite=True)
    xr.testing.assert_equal(mx.open_cube(path).compute(), cube(1))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.zarr"]


def interrupted(tmp_path, monkeypatch, after=5):
    """Stop a write after some blocks, as a crash between two tasks would."""
    done = PartialStore.mark_done
    count = iter(range(1000))

    def stop(self, block):
        if next(count) >= after:
            raise KeyboardInterrupt
        done(self, block)

    monkeypatch.setattr(PartialStore, "mark_done", stop)
    with pytest.raises(KeyboardInterrupt):
        mx.write_cube(cube(), tmp_path / "a.zarr", chunk=10)
    monkeypatch.setattr(PartialStore, "mark_done", done)
    return tmp_path / "a.zarr"


def test_an_interrupted_write_does_not_open(tmp_path, monkeypatch):
    path = interrupted(tmp_path, monkeypatch)
    assert not path.exists()
    with pytest.raises(IncompleteStore, match="5 of 20 blocks"):
        mx.open_cube(path)
    inner = tmp_path / "a.zarr.partial" / "store"
    with pytest.raises(DataError):
        mx.open_cube(inner)
    with pytest.raises((FileNotFoundError, ValueError)):
        xr.open_zarr(inner, consolidated=False)


def test_resuming_computes_only_what_is_missing(tmp_path, monkeypatch):
    path = interrupted(tmp_path, monkeypatch)
    marked = []
    done = PartialStore.mark_done
    monkeypatch.setattr(
        PartialStore, "mark_done", lambda self, block: (marked.append(block), done(self, block))
    )
    mx.write_cube(cube(), path, chunk=10)
    assert len(marked) == 15
    xr.testing.assert_equal(mx.open_cube(path).compute(), cube())


def test_resuming_something_else_is_refused(tmp_path, monkeypatch):
    path = interrupted(tmp_path, monkeypatch)
    with pytest.raises(ParameterError, match="resume=False"):
        mx.write_cube(cube(1), path, chunk=10)
    mx.write_cube(cube(1), path, chunk=10, resume=False)
    xr.testing.assert_equal(mx.open_cube(path).compute(), cube(1))


def test_a_missing_chunk_is_not_taken_for_nodata(tmp_path):
    path = mx.write_cube(cube(), tmp_path / "a.zarr", chunk=10)
    next(p for p in (path / "npp" / "c" / "0" / "1").iterdir()).unlink()
    with pytest.raises(IncompleteStore, match=r"'npp'.* lacks 1 of 20 chunks"):
        mx.open_cube(path)


def test_chunks_that_are_all_nodata_are_present(tmp_path):
    ds = xr.Dataset({"npp": with_grid(np.full((20, 20), np.nan, "float32"))})
    path = mx.write_cube(ds, tmp_path / "a.zarr", chunk=10)
    assert np.isnan(mx.open_cube(path)["npp"]).all()


def test_no_store_and_no_raster(tmp_path):
    with pytest.raises(DataError, match="no Zarr store"):
        mx.open_cube(tmp_path / "none.zarr")
    with pytest.raises(SchemaError, match="no raster variable"):
        mx.write_cube(xr.Dataset({"a": 1}), tmp_path / "a.zarr")
    twice = cube().isel(time=[0, 0, 1])
    with pytest.raises(SchemaError, match="2001-01-01 stands twice"):
        mx.write_cube(twice, tmp_path / "a.zarr")


def test_the_side_keeps_all_dates_in_a_chunk():
    assert side_for(4) == 2048
    assert side_for(8 * 4) == 512 * 2
    assert side_for(24 * 4) == 512
    assert side_for(1000 * 8) == 128


def test_the_fingerprint_sees_values_and_parameters_but_not_the_clock():
    base = cube()
    again = cube().assign_attrs(history="another time")
    assert cube_fingerprint(base) == cube_fingerprint(again)
    assert cube_fingerprint(base) != cube_fingerprint(cube(1))
    strict = base.assign(wue=mx.variation(base["npp"], min_n=3))
    loose = base.assign(wue=mx.variation(base["npp"], min_n=2))
    assert cube_fingerprint(strict.chunk()) != cube_fingerprint(loose.chunk())


SCRIPT = """
import sys, time
import numpy as np, xarray as xr
import mineeco_xr as mx
from mineeco_xr.testing import with_grid

def slow(block):
    time.sleep(0.05)
    return block * 2

def main():
    values = np.random.default_rng(0).normal(size=(2, 60, 60)).astype("float32")
    lazy = with_grid(values).chunk({"y": 10, "x": 10})
    ds = xr.Dataset({"npp": lazy.copy(data=lazy.data.map_blocks(slow, dtype="float32"))})
    mx.write_cube(ds, sys.argv[1], chunk=10)

if __name__ == "__main__":
    main()
"""


def test_a_killed_process_resumes_to_the_same_bytes(tmp_path):
    script = tmp_path / "run.py"
    script.write_text(SCRIPT)
    whole, killed = tmp_path / "whole.zarr", tmp_path / "killed.zarr"
    subprocess.run([sys.executable, script, whole], check=True)
    process = subprocess.Popen([sys.executable, script, killed])
    done = tmp_path / "killed.zarr.partial" / "done"
    for _ in range(600):
        if done.exists() and len(list(done.iterdir())) >= 4:
            break
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not killed.exists()
    assert 4 <= len(list(done.iterdir())) < 36
    subprocess.run([sys.executable, script, killed], check=True)
    files = sorted(p.relative_to(whole) for p in whole.rglob("*") if p.is_file())
    assert files == sorted(p.relative_to(killed) for p in killed.rglob("*") if p.is_file())
    for name in files:
        assert (whole / name).read_bytes() == (killed / name).read_bytes(), name


def test_a_partial_write_of_something_else_is_dropped_by_overwriting(tmp_path, monkeypatch):
    path = interrupted(tmp_path, monkeypatch)
    mx.write_cube(cube(1), path, chunk=10, overwrite=True)
    xr.testing.assert_equal(mx.open_cube(path).compute(), cube(1))


def test_the_end_of_a_write_may_be_cut_anywhere(tmp_path):
    """A crash between publishing and cleaning up leaves a folder that stops nobody."""
    path = mx.write_cube(cube(), tmp_path / "a.zarr")
    left = tmp_path / "a.zarr.partial"
    (left / "done").mkdir(parents=True)
    (left / "run.json").write_text('{"fingerprint": "other", "total": 1}')
    mx.write_cube(cube(1), path, overwrite=True)
    xr.testing.assert_equal(mx.open_cube(path).compute(), cube(1))


def test_a_folder_that_is_no_store_is_not_replaced(tmp_path):
    (tmp_path / "a.zarr").mkdir()
    (tmp_path / "a.zarr" / "precious.txt").write_text("data")
    for overwrite in (False, True):
        with pytest.raises(DataError):
            mx.write_cube(cube(), tmp_path / "a.zarr", overwrite=overwrite)
    assert (tmp_path / "a.zarr" / "precious.txt").exists()


def test_lazy_small_variables_and_codes_of_floats(tmp_path):
    ds = cube()
    ds["rain"] = xr.DataArray(np.array([1.0, 2.0, 3.0]), dims="time").chunk()
    ds["et"] = ds["npp"].fillna(-9999.0).assign_attrs(_FillValue=np.float32(-9999), units="mm")
    found = mx.open_cube(mx.write_cube(ds, tmp_path / "a.zarr"))
    assert found["rain"].values.tolist() == [1, 2, 3]
    assert np.isnan(found["et"][0, 0, 0])
    assert "_FillValue" not in found["et"].attrs


def test_what_zarr_cannot_hold_is_refused(tmp_path):
    with pytest.raises(SchemaError, match="hold a '/'"):
        mx.write_cube(cube().rename(npp="a/b"), tmp_path / "a.zarr")
    plane = cube()["npp"][0].drop_vars("time")
    with pytest.raises(SchemaError, match="reset_coords"):
        mx.write_cube(cube().assign_coords(height=plane), tmp_path / "a.zarr")


@pytest.mark.parametrize("name", ["time/c", "x/c", "npp"])
def test_a_store_copied_in_part_does_not_open(name, tmp_path):
    path = mx.write_cube(cube(), tmp_path / "a.zarr")
    shutil.rmtree(path / name)
    with pytest.raises(IncompleteStore, match=f"'{name.split('/')[0]}'.* lacks"):
        mx.open_cube(path)


def test_stores_of_others_are_decoded(tmp_path):
    ds = cube()[["npp"]]
    ds["npp"].encoding = {"dtype": "int16", "scale_factor": 0.1, "_FillValue": -9999}
    ds.to_zarr(tmp_path / "a.zarr", consolidated=False, zarr_format=3)
    found = mx.open_cube(tmp_path / "a.zarr")
    np.testing.assert_allclose(found["npp"], cube()["npp"], atol=0.051)


def test_overwriting_repairs_a_damaged_store(tmp_path):
    path = mx.write_cube(cube(), tmp_path / "a.zarr", chunk=10)
    shutil.rmtree(path / "npp" / "c")
    with pytest.raises(DataError, match="overwrite=True"):
        mx.write_cube(cube(), path, chunk=10)
    mx.write_cube(cube(), path, chunk=10, overwrite=True)
    xr.testing.assert_equal(mx.open_cube(path).compute(), cube())
