"""Slope: Horn's weights, and what is known beside gaps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mineeco_xr as mx
from mineeco_xr.errors import GridMismatch, MineecoWarning, ParameterError, UnitError
from mineeco_xr.testing import assert_chunk_invariant, chunkings, rasters, with_grid

SQRT2 = 2.0**0.5


def value(z, i, j):
    return z[i, j] if 0 <= i < z.shape[0] and 0 <= j < z.shape[1] else np.nan


def horn(z, dx, dy):
    """Return rise over run with the fallbacks of pygeoprocessing's ``calculate_slope``."""
    out = np.full(z.shape, np.nan)
    for i, j in np.ndindex(z.shape):
        e = z[i, j]
        if np.isnan(e):
            continue
        window = np.array([[value(z, i + r, j + c) for c in (-1, 0, 1)] for r in (-1, 0, 1)])
        parts = []
        for w, step in ((window, dx), (window.T, dy)):
            total = weight = 0.0
            for row, (first, middle, last) in enumerate(w):
                known = [not np.isnan(v) for v in (first, middle, last)]
                if row == 1:
                    sides = [v if k else e for v, k in ((first, known[0]), (last, known[2]))]
                    total += 2 * (sides[0] - sides[1])
                    weight += 2 * (known[0] + known[2])
                elif known[0] and known[2]:
                    total, weight = total + first - last, weight + 2
                elif known[1] and (known[0] or known[2]):
                    total += first - middle if known[0] else middle - last
                    weight += 1
                elif known[0] or known[2]:
                    total += SQRT2 * ((first - e) if known[0] else (e - last))
                    weight += 1
            parts.append(total / (weight * step) if weight else 0.0)
        out[i, j] = np.hypot(*parts)
    return out


@given(values=rasters(largest=12, nodata_share=0.3), data=st.data())
def test_equals_horn_with_fallbacks_in_any_chunking(values, data):
    dem = with_grid(values, units="m")
    expected = horn(values.astype("float64"), 30.0, 30.0)
    found = mx.slope(dem, units="ratio")
    assert found.dtype == "float32"
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9)
    assert_chunk_invariant(mx.slope, dem, chunks=data.draw(chunkings(values.shape)))


def test_a_tilted_plane_has_one_slope_to_its_edge():
    rows, columns = np.mgrid[:7, :9]
    plane = with_grid(3.0 * rows * 30 + 4.0 * columns * 30, units="m")
    np.testing.assert_allclose(mx.slope(plane), 500.0, rtol=1e-6)
    np.testing.assert_allclose(mx.slope(plane, units="ratio"), 5.0, rtol=1e-6)
    np.testing.assert_allclose(mx.slope(plane, units="degree"), np.degrees(np.arctan(5)), rtol=1e-6)


def test_cells_that_are_not_square():
    grid = mx.make_grid((0, 0, 90, 50), crs="EPSG:32650", resolution=(30, 10))
    rows, columns = np.mgrid[:5, :3]
    level = mx.cube.full(grid, 0.0).assign_attrs(units="m")
    np.testing.assert_allclose(mx.slope(level + 10.0 * rows, units="ratio"), 1.0)
    np.testing.assert_allclose(mx.slope(level + 30.0 * columns, units="ratio"), 1.0)


@pytest.fixture(autouse=True)
def _keep_attributes():
    import xarray as xr

    with xr.set_options(keep_attrs=True):
        yield


def test_a_single_cell_is_level_and_nodata_stays():
    assert mx.slope(with_grid(np.ones((1, 1)), units="m")).item() == 0.0
    assert np.isnan(mx.slope(with_grid(np.full((2, 3), np.nan), units="m"))).all()
    infinite = np.arange(9.0).reshape(3, 3)
    infinite[0, 0] = np.inf
    found = mx.slope(with_grid(infinite, units="m"))
    assert np.isnan(found[0, 0])
    assert np.isfinite(found.values.ravel()[1:]).all()


def test_integers_dates_and_feet():
    metres = np.arange(24).reshape(2, 3, 4).astype("int16")
    dem = with_grid(metres, units="m")
    found = mx.slope(dem)
    assert found.dims == ("time", "y", "x")
    np.testing.assert_array_equal(found[1], mx.slope(dem[1]))
    np.testing.assert_array_equal(mx.slope(dem.chunk(time=1, y=2)), found)
    feet = with_grid(metres / 0.3048, units="ft")
    np.testing.assert_allclose(mx.slope(feet), found, rtol=1e-6)


def test_words_of_the_result():
    dem = with_grid(np.zeros((3, 3)), name="dem", units="m")
    for units, written in {"percent": "%", "degree": "degree", "ratio": "1"}.items():
        assert mx.slope(dem, units=units).attrs["units"] == written
    with pytest.raises(ParameterError, match="'radian' are unknown"):
        mx.slope(dem, units="radian")
    with pytest.raises(UnitError, match="does not measure the same"):
        mx.slope(dem.assign_attrs(units="kg"))
    with pytest.warns(MineecoWarning, match="'dem' has no units"):
        mx.slope(dem.drop_attrs(deep=False))
    with pytest.raises(GridMismatch, match="projected grid in metres"):
        mx.slope(with_grid(np.zeros((3, 3)), crs="EPSG:4326", resolution=0.1, origin=(0, 1)))
