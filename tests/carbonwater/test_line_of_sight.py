"""Phase, the line of sight, and the parts of movement along several lines."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import mineeco_xr as mx
from mineeco_xr.errors import GridMismatch, MineecoWarning, ParameterError, SchemaError, UnitError
from mineeco_xr.testing import assert_chunk_invariant, chunkings, rasters, with_grid

SHAPE = (6, 8)
INCIDENCE, HEADING = (38.0, 41.0), (-12.0, -168.0)


def seen(up, east, north=0.0, looking=1):
    """Return what two tracks see, by the dot product with their unit vectors."""
    layers = []
    for angle, heading in zip(np.radians(INCIDENCE), np.radians(HEADING), strict=True):
        # The ground range direction is a quarter turn clockwise from the flight.
        range_east, range_north = np.cos(heading) * looking, -np.sin(heading) * looking
        toward = np.array(
            [-np.sin(angle) * range_east, -np.sin(angle) * range_north, np.cos(angle)]
        )
        moved = np.stack([east, north + 0 * up, up])
        layers.append(with_grid((toward @ moved)[None], units="mm"))
    return xr.concat(layers, "track")


@given(values=rasters(times=3, shape=SHAPE), data=st.data())
def test_any_chunking_gives_the_same_bits(values, data):
    chunks = {**data.draw(chunkings(SHAPE)), "track": 1}
    phase = with_grid(values[0], units="rad")
    assert_chunk_invariant(mx.phase_to_displacement, phase, chunks=chunks, wavelength=0.0555)
    los = with_grid(values[0], units="mm")
    angles = with_grid(30 + values[1] % 10, units="degree")
    assert_chunk_invariant(mx.los_to_vertical, los, angles, chunks=chunks)
    tracks = with_grid(values, units="mm").drop_vars("time").rename(time="track")
    assert_chunk_invariant(
        mx.decompose_los, tracks, chunks=chunks, incidence=[38, 41, 35], heading=[-12, -168, 190]
    )


def test_a_fringe_is_half_a_wavelength():
    phase = with_grid(np.array([[2 * np.pi, -np.pi, np.nan]]), units="rad")
    away = mx.phase_to_displacement(phase, wavelength=0.0555)
    np.testing.assert_allclose(away, [[-27.75, 13.875, np.nan]])
    np.testing.assert_allclose(mx.phase_to_displacement(phase, wavelength=0.0555, sign=1), -away)
    degrees = (phase * 180 / np.pi).assign_attrs(units="degrees")
    np.testing.assert_allclose(mx.phase_to_displacement(degrees, wavelength=0.0555), away)
    assert away.attrs["units"] == "mm"
    assert "toward the satellite" in away.attrs["sign_convention"]


def test_vertical():
    los = with_grid(np.array([[-50.0, np.nan]]), units="mm yr-1")
    found = mx.los_to_vertical(los, 39.7)
    np.testing.assert_allclose(found, [[-50 / np.cos(np.radians(39.7)), np.nan]])
    assert found.attrs["units"] == "mm yr-1"
    assert found.attrs["positive"] == "up"
    radians = with_grid(np.radians([[39.7, 39.7]]), units="rad")
    np.testing.assert_allclose(mx.los_to_vertical(los, radians), found)


def test_the_bias_of_a_bowl_is_the_one_documented():
    """W = W0 exp(-pi x2 / r2), U = b r dW/dx: los / cos is off by b tan(incidence) W0 at most."""
    x = np.linspace(-2, 2, 4001)
    edge = np.exp(-np.pi * x**2)
    sinking = 0.5 * (1 + np.array([np.trapezoid(edge[: i + 1], x[: i + 1]) for i in range(x.size)]))
    up, east = -sinking * 1000, 0.3 * edge * 1000
    los = seen(up, east)[0]
    error = mx.los_to_vertical(los, INCIDENCE[0]) - up
    bound = 0.3 * np.tan(np.radians(INCIDENCE[0])) * 1000
    assert 0.95 * bound < np.abs(error).max() <= bound


@pytest.mark.parametrize("looking", ["right", "left"])
def test_two_tracks_give_back_what_moved(looking):
    rng = np.random.default_rng(0)
    up, east = rng.normal(-50, 20, 48), rng.normal(0, 10, 48)
    los = seen(up, east, looking=1 if looking == "right" else -1)
    found = mx.decompose_los(los, incidence=INCIDENCE, heading=HEADING, looking=looking)
    np.testing.assert_allclose(found["vertical"].values.ravel(), up, rtol=1e-10)
    np.testing.assert_allclose(found["east"].values.ravel(), east, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(found["residual"], 0, atol=1e-11)
    angles = with_grid(np.broadcast_to(np.reshape(INCIDENCE, (2, 1, 1)), los.shape), units="degree")
    angles = angles.drop_vars("time").rename(time="track")
    again = mx.decompose_los(los, incidence=angles, heading=HEADING, looking=looking)
    np.testing.assert_allclose(again["east"], found["east"], rtol=1e-9)


def test_more_tracks_are_weighted_least_squares():
    rng = np.random.default_rng(1)
    incidence, heading, sigma = [38.0, 41.0, 34.0], [-12.0, -168.0, 190.0], [1.0, 2.0, 0.5]
    values = rng.normal(-30, 5, (3, 4, 5))
    values[0, 0, 0] = np.nan
    values[1:, 0, 1] = np.nan
    tracks = with_grid(values, units="mm").drop_vars("time").rename(time="track")
    found = mx.decompose_los(tracks, incidence=incidence, heading=heading, sigma=sigma)
    angle, course = np.radians(incidence), np.radians(heading)
    design = np.column_stack([np.cos(angle), -np.sin(angle) * np.cos(course)])
    for i, j in np.ndindex(4, 5):
        known = np.isfinite(values[:, i, j])
        assert found["tracks"][i, j] == known.sum()
        if known.sum() < 2:
            assert np.isnan(found["vertical"][i, j])
            continue
        root = 1 / np.array(sigma)[known]
        expected = np.linalg.lstsq(
            design[known] * root[:, None], values[known, i, j] * root, rcond=None
        )[0]
        np.testing.assert_allclose(found["vertical"][i, j], expected[0], rtol=1e-9)
        np.testing.assert_allclose(found["east"][i, j], expected[1], rtol=1e-9)
        left = values[known, i, j] - design[known] @ expected
        rms = np.sqrt((left**2).mean())
        np.testing.assert_allclose(found["residual"][i, j], rms, rtol=1e-8, atol=1e-10)


def test_bad_phase():
    phase = with_grid(np.zeros(SHAPE), units="rad", name="unw")
    for wavelength in (55.5, 0.0, 5.55):
        with pytest.raises(ParameterError, match=r"give it in metres, such as 0.0555"):
            mx.phase_to_displacement(phase, wavelength=wavelength)
    with pytest.raises(ParameterError, match="sign is 0: give -1 where"):
        mx.phase_to_displacement(phase, wavelength=0.0555, sign=0)
    with pytest.raises(UnitError, match="'unw' is in 'mm', which does not measure the same"):
        mx.phase_to_displacement(phase.assign_attrs(units="mm"), wavelength=0.0555)
    with pytest.raises(UnitError, match="units '1', which do not say which angle"):
        mx.phase_to_displacement(phase.assign_attrs(units="1"), wavelength=0.0555)
    with pytest.warns(MineecoWarning, match="'unw' has no units: taken as 'rad'"):
        mx.phase_to_displacement(phase.drop_attrs(deep=False), wavelength=0.0555)


def test_bad_angles():
    los = with_grid(np.zeros(SHAPE), units="mm")
    with pytest.raises(ParameterError, match=r"an incidence is 0.69 \(radians\?\): give degrees"):
        mx.los_to_vertical(los, 0.69)
    with pytest.raises(ParameterError, match="an incidence is 90: give degrees"):
        mx.los_to_vertical(los, 90)
    wrong = with_grid(np.full(SHAPE, 0.69), units="degree").chunk({"x": 3})
    lazy = mx.los_to_vertical(los, wrong)
    with pytest.raises(ParameterError, match=r"an incidence is 0.69"):
        lazy.compute()
    with pytest.raises(GridMismatch, match=r"'incidence' .* cells"):
        mx.los_to_vertical(los, wrong[1:])
    with pytest.raises(SchemaError, match="stack at least two tracks"):
        mx.decompose_los(los, incidence=[38], heading=[-12])
    tracks = xr.concat([los, los], "track")
    with pytest.raises(ParameterError, match="1 values of heading for 2 tracks"):
        mx.decompose_los(tracks, incidence=INCIDENCE, heading=[-12])
    with pytest.raises(ParameterError, match="all tracks look in one direction"):
        mx.decompose_los(tracks, incidence=[38, 38], heading=[-12, -12])
    with pytest.raises(ParameterError, match="looking is 'up'"):
        mx.decompose_los(tracks, incidence=INCIDENCE, heading=HEADING, looking="up")
    with pytest.raises(ParameterError, match="give positive errors in mm"):
        mx.decompose_los(tracks, incidence=INCIDENCE, heading=HEADING, sigma=[1, 0])
