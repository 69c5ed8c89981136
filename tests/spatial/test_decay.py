"""Distance decay against sums written out, SciPy, closed forms, and itself in other chunks.

More of the rule "strongest" is in test_strongest.
"""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import fftconvolve

import mineeco_xr as mx
from mineeco_xr.cube import grid_coords, make_grid
from mineeco_xr.errors import GridMismatch, ParameterError
from mineeco_xr.kernels.decay import decay_kernel, radii
from mineeco_xr.testing import assert_chunk_invariant, assert_lazy, chunkings, rasters, with_grid

KINDS = st.sampled_from(["linear", "exponential", "legacy_exponential"])
STEPS = st.sampled_from([(30.0, 30.0), (20.0, 30.0), (45.0, 10.0)])


def on_cells(values, step, name="mines"):
    rows, columns = values.shape[-2:]
    grid = make_grid((0, 0, columns * step[1], rows * step[0]), crs="EPSG:32650",
                     resolution=(step[1], step[0]))  # fmt: skip
    dims = ("time", "y", "x")[-values.ndim :]
    return xr.DataArray(values, dims=dims, coords=grid_coords(grid), name=name)


def threat(kind, share, m):
    if kind == "linear":
        return np.where(share <= 1, 1 - share, 0)
    if kind == "exponential":
        return np.where(share <= 1, np.exp(-2.99 * share), 0)
    return np.where(share <= 5, np.exp(-share), 0)


def brute_force(values, step, m, kind, rule="accumulate"):
    rows, columns = np.indices(values.shape)
    out = np.zeros(values.shape)
    for i, j in np.ndindex(*values.shape):
        d = np.sqrt(((rows - i) * step[0]) ** 2 + ((columns - j) * step[1]) ** 2)
        near = threat(kind, d / m, m)
        if rule == "nearest":
            out[i, j] = np.max(near * (values > 0))
        else:
            out[i, j] = np.nansum(values.astype("float64") * near)
    return np.where(np.isnan(values), np.nan, out)


def intensities(values):
    """Turn a drawn raster into intensities: some none, some equal in runs, nodata kept."""
    return np.where(np.isnan(values), np.nan, np.clip(np.round(values / 20), 0, 5) / 5).astype("f4")


def assert_close(found, expected):
    found = np.asarray(found, dtype="float64")
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    scale = np.nanmax(np.abs(expected), initial=0.0)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6 * scale)


@given(
    values=rasters(largest=14), m=st.sampled_from([7.0, 30, 95, 200, 2000]), kind=KINDS, step=STEPS
)
def test_accumulates_as_written_out(values, m, kind, step):
    values = intensities(values)
    found = mx.decay(on_cells(values, step), m, kind)
    assert found.dtype == np.float32
    assert_close(found, brute_force(values, step, m, kind))


@given(values=rasters(largest=12), m=st.sampled_from([20.0, 60, 400]), kind=KINDS, step=STEPS)
def test_nearest_as_written_out(values, m, kind, step):
    values = intensities(values)
    found = mx.decay(on_cells(values, step), m, kind, "nearest")
    np.testing.assert_allclose(found, brute_force(values, step, m, kind, "nearest"), atol=1e-6)


@pytest.mark.parametrize("share", [0.0004, 0.3])
def test_equals_scipy_on_a_larger_raster(share):
    rng = np.random.default_rng(1)
    values = np.where(rng.random((300, 420)) < share, rng.random((300, 420)), 0).astype("f4")
    m, step = 1200.0, (20.0, 30.0)
    r, s = radii("exponential", m, step)
    rows, columns = np.mgrid[-r : r + 1, -s : s + 1]
    d = np.sqrt((rows * step[0]) ** 2 + (columns * step[1]) ** 2)
    peer = fftconvolve(values.astype("f8"), threat("exponential", d / m, m), mode="same")
    assert_close(mx.decay(on_cells(values, step), m), peer)


@given(
    values=rasters(shape=(26, 31)), m=st.sampled_from([10.0, 60, 130, 900]), kind=KINDS,
    data=st.data(),
)  # fmt: skip
def test_any_chunking_gives_the_same(values, m, kind, data):
    raster = on_cells(intensities(values), (20.0, 30.0))
    chunks = data.draw(chunkings((26, 31)))
    assert_chunk_invariant(
        mx.decay, raster, chunks=chunks, relative=1e-6, max_distance=m, kind=kind
    )
    assert_chunk_invariant(
        mx.decay, raster, chunks=chunks, max_distance=m, kind=kind, rule="nearest"
    )


@given(data=st.data(), rows=st.sampled_from([1, 40]), columns=st.sampled_from([1, 70]))
def test_few_sources_in_any_chunking_and_shape(data, rows, columns):
    values = np.zeros((rows, columns), "f4")
    values[rows // 2, columns // 3] = 0.5
    values[:, -1] = np.nan
    assert_chunk_invariant(
        mx.decay, on_cells(values, (30.0, 30.0)), chunks=data.draw(chunkings((rows, columns))),
        relative=1e-6, max_distance=95.0,
    )  # fmt: skip


@given(values=rasters(times=3, shape=(9, 12)), data=st.data())
def test_each_date_by_itself(values, data):
    raster = on_cells(intensities(values), (30.0, 30.0))
    chunks = {**data.draw(chunkings((9, 12))), "time": data.draw(st.sampled_from([1, 2, 3]))}
    for rule in ("accumulate", "nearest", "strongest"):
        assert_chunk_invariant(
            mx.decay, raster, chunks=chunks, relative=1e-6, max_distance=100.0, rule=rule
        )
        whole = mx.decay(raster, 100.0, rule=rule)
        each = [mx.decay(raster.isel(time=i), 100.0, rule=rule) for i in range(3)]
        np.testing.assert_allclose(whole, np.stack(each), atol=1e-6 * np.nanmax(whole, initial=1))


@pytest.mark.parametrize("factor", [10.0, 1e4, 1e7])
@pytest.mark.parametrize("dim", ["time", "threat"])
def test_rasters_of_other_magnitude_leave_a_raster_alone(dim, factor):
    """Each is held to 1e-6 of its own maximum, and in any chunks along the leading dim."""
    values = np.random.default_rng(7).random((3, 300, 300)).astype("f4")
    values[0] *= np.float32(factor)
    values[2] /= np.float32(factor)
    raster = with_grid(values).rename(time=dim)
    found = mx.decay(raster, 1500)
    r = radii("exponential", 1500, (30.0, 30.0))[0]
    rows, columns = np.mgrid[-r : r + 1, -r : r + 1]
    image = threat("exponential", np.hypot(rows, columns) * 30.0 / 1500, 1500)
    for i in range(3):
        np.testing.assert_array_equal(found[i], mx.decay(raster[i], 1500))
        assert_close(found[i], fftconvolve(values[i].astype("f8"), image, mode="same"))
    lazy = raster.chunk({dim: (1, 2)})
    np.testing.assert_array_equal(mx.decay(lazy, 1500), found)


def test_the_largest_intensity_and_beyond():
    values = np.random.default_rng(8).random((300, 300)).astype("f4")
    expected = mx.decay(with_grid(values), 1500).values.astype("f8")
    found = mx.decay(with_grid(values * np.float32(1e20)), 1500).values.astype("f8") / 1e20
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-6 * expected.max())
    values[5, 5] = 9.96921e36  # the default nodata of netCDF
    for rule in ("accumulate", "nearest", "strongest"):
        with pytest.raises(ParameterError, match="nodata code that is not declared"):
            mx.decay(with_grid(values), 1500, rule=rule)


def test_metres_that_were_meant_otherwise():
    data = with_grid(np.eye(3)).chunk(1)
    for kind, reach in (("linear", 600_031.0), ("legacy_exponential", 120_001.0)):
        for normalised in (False, True):
            with pytest.raises(ParameterError, match=r"20000 cells at most.*another unit"):
                mx.decay(data, reach, kind, normalised=normalised)
    with pytest.raises(ParameterError, match="max_distance of 'road' is 1e"):
        mx.decay(three_threats(), [100.0, 1e12, 50.0])
    flat = with_grid(np.zeros((2, 2)), resolution=(30, 10))
    with pytest.raises(ParameterError, match=r"3e\+04 cells of 10 m"):
        mx.decay(flat, 300_000.0)
    assert mx.decay(data, 599_000.0, "linear").values == pytest.approx(3.0, rel=1e-3)
    assert mx.decay(data, 1e9, "linear", "nearest").values == pytest.approx(1.0, abs=1e-6)


def test_chunks_stay_and_blocks_are_joined():
    raster = with_grid(np.ones((600, 600), "u1")).chunk(100)
    found = assert_lazy(mx.decay, raster, 900.0)
    assert found.chunks == raster.chunks
    assert_close(found, mx.decay(raster.compute(), 900.0).values.astype("f8"))


def test_a_disc_of_full_threat_is_the_sum_of_the_kernel():
    """Around the centre of a large threat the sum nears the integral over the disc.

    That of 1 - d/m is pi m^2 / 3 in squares of the cell.
    """
    values = np.ones((241, 241), "f4")
    centre = mx.decay(with_grid(values), 3000.0, "linear")[120, 120].item()
    assert centre == pytest.approx(np.pi * 100**2 / 3, rel=1e-4)
    mean = mx.decay(with_grid(values), 3000.0, "linear", normalised=True)
    assert mean[120, 120].item() == pytest.approx(1.0, abs=1e-6)
    assert mean[0, 0].item() == pytest.approx(0.25, abs=0.01)


@given(values=rasters(largest=9), kind=KINDS)
def test_normalised_divides_by_all_weights_even_those_beyond_the_raster(values, kind):
    values = intensities(values)
    raster = on_cells(values, (20.0, 30.0))
    r, s = radii(kind, 150.0, (20.0, 30.0))
    rows, columns = np.mgrid[-r : r + 1, -s : s + 1]
    total = threat(kind, np.hypot(rows * 20.0, columns * 30.0) / 150.0, 150.0).sum()
    found = mx.decay(raster, 150.0, kind, normalised=True)
    assert_close(found, brute_force(values, (20.0, 30.0), 150.0, kind) / total)


def test_no_threat_is_zero_and_nodata_stays():
    none = np.zeros((5, 6), "f4")
    none[1, 2] = np.nan
    for rule in ("accumulate", "nearest", "strongest"):
        found = mx.decay(with_grid(none), 10_000.0, rule=rule).values
        assert np.isnan(found[1, 2])
        assert np.nansum(np.abs(found)) == 0
        assert np.isnan(mx.decay(with_grid(np.full((4, 4), np.nan)), 50.0, rule=rule)).all()


@pytest.mark.parametrize("rule", ["accumulate", "nearest", "strongest"])
def test_every_dtype_and_its_nodata(rule):
    values = np.zeros((8, 9))
    values[2, 3] = values[6, 6:8] = 1
    expected = mx.decay(with_grid(values), 100.0, rule=rule).values
    np.testing.assert_array_equal(mx.decay(with_grid(values > 0), 100.0, rule=rule), expected)
    expected[0, 0] = np.nan
    for dtype, code in (("u1", 255), ("i2", -9999), ("i8", -1), ("f4", -9999), ("f8", 1e300)):
        coded = values.astype(dtype)
        coded[0, 0] = code
        raster = with_grid(coded).assign_attrs(_FillValue=code)
        found = mx.decay(raster, 100.0, rule=rule)
        np.testing.assert_array_equal(found, expected)
        assert "_FillValue" not in found.attrs


def test_intensity_counts_when_accumulated_and_not_when_nearest():
    values = np.zeros((1, 5), "f4")
    values[0, 0] = 0.25
    full = with_grid((values > 0).astype("f4"))
    weak = with_grid(values)
    np.testing.assert_allclose(mx.decay(weak, 90.0), mx.decay(full, 90.0) / 4, rtol=1e-6)
    np.testing.assert_array_equal(
        mx.decay(weak, 90.0, rule="nearest"), mx.decay(full, 90.0, rule="nearest")
    )


def three_threats():
    rng = np.random.default_rng(4)
    values = (rng.random((3, 20, 25)) < 0.1).astype("f4")
    coords = {**with_grid(values[0]).coords, "threat": ["mine", "road", "field"]}
    return xr.DataArray(values, dims=("threat", "y", "x"), coords=coords, name="threats")


def test_threats_have_their_own_distances_and_kinds():
    data = three_threats()
    reach = {"road": 60.0, "mine": 300.0, "field": 90.0}
    kind = {"road": "linear", "mine": "exponential", "field": "linear"}
    for rule in ("accumulate", "nearest", "strongest"):
        found = mx.decay(data, reach, kind, rule)
        assert found.dims == data.dims
        assert found["threat"].values.tolist() == ["mine", "road", "field"]
        for name in reach:
            single = mx.decay(data.sel(threat=name), reach[name], kind[name], rule)
            np.testing.assert_array_equal(found.sel(threat=name), single)
        in_order = mx.decay(data, [300.0, 60.0, 90.0], ["exponential", "linear", "linear"], rule)
        np.testing.assert_array_equal(in_order, found)
        assert_chunk_invariant(
            mx.decay, data, chunks={"threat": 2, "y": 7, "x": 10}, relative=1e-6,
            max_distance=reach, kind=kind, rule=rule,
        )  # fmt: skip
    turned = mx.decay(data.transpose("y", "x", "threat"), reach, kind)
    assert turned.dims == ("y", "x", "threat")
    np.testing.assert_array_equal(turned.transpose(*data.dims), mx.decay(data, reach, kind))


def test_attributes():
    found = mx.decay(with_grid(np.zeros((3, 3)), name="mines"), 100.0)
    assert found.name == "mines_decay"
    assert found.attrs["units"] == "1"
    assert "decay(mines, max_distance=100.0" in found.attrs["history"]
    assert found.mine.grid == with_grid(np.zeros((3, 3))).mine.grid


def test_reach_counts_whatever_its_rounding():
    assert radii("linear", 0.3, (0.1, 0.1)) == (3, 3)
    kernel = decay_kernel("exponential", 0.3, (0.1, 0.1), (3, 3), False)
    assert kernel.quarter[0, 3] == pytest.approx(np.exp(-2.99))
    assert kernel.quarter[1, 3] == 0


def test_bad_input():
    data = with_grid(np.zeros((3, 4)), name="mines")
    with pytest.raises(ParameterError, match="rule 'sum' is unknown"):
        mx.decay(data, 100.0, rule="sum")
    with pytest.raises(ParameterError, match="kind 'cubic' is unknown"):
        mx.decay(data, 100.0, "cubic")
    for wrong in (0, -5.0, np.nan, np.inf, True, None):
        with pytest.raises(ParameterError, match="positive length in metres"):
            mx.decay(data, wrong)
    for rule in ("nearest", "strongest"):
        with pytest.raises(ParameterError, match=f"rule='{rule}' takes no sum"):
            mx.decay(data, 100.0, rule=rule, normalised=True)
    with pytest.raises(ParameterError, match="has no dim 'threat'"):
        mx.decay(data, [100.0, 50.0])
    with pytest.raises(ParameterError, match="2 items for 3 threats"):
        mx.decay(three_threats(), [100.0, 50.0])
    with pytest.raises(ParameterError, match=r"names \['mine', 'rail'\]"):
        mx.decay(three_threats(), {"mine": 1.0, "rail": 2.0})
    with pytest.raises(ParameterError, match="max_distance of 'road' is -1"):
        mx.decay(three_threats(), [100.0, -1.0, 50.0])
    with pytest.raises(GridMismatch, match="decay measures distances"):
        mx.decay(with_grid(np.zeros((3, 4)), crs="EPSG:4326", resolution=0.1, origin=(100, 40)), 1)
    for value in (-0.5, np.inf):
        for rule in ("accumulate", "nearest", "strongest"):
            lazy = assert_lazy(mx.decay, (data + value).rename("mines").chunk(2), 100.0, rule=rule)
            with pytest.raises(ParameterError, match="mines holds a negative or infinite"):
                lazy.compute()
