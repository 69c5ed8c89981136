"""Ground movement projected on lines of sight."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import mineeco_xr as mx
from mineeco_xr.errors import GridMismatch, ParameterError, SchemaError, UnitError
from mineeco_xr.subsidence.los import los_displacement
from mineeco_xr.testing import assert_chunk_invariant, chunkings, rasters, with_grid

SHAPE = (7, 9)
NAMES = ("subsidence", "displacement_x", "displacement_y")


def ground(*values, units="m"):
    layers = [with_grid(np.asarray(v, "float64"), name=n, units=units)
              for n, v in zip(NAMES, values, strict=True)]  # fmt: skip
    return xr.Dataset(dict(zip(NAMES, layers, strict=True)))


@settings(max_examples=15)
@given(down=rasters(times=2, shape=SHAPE), data=st.data())
def test_any_chunking_gives_the_same_bits(down, data):
    layers = [with_grid(v, name=n, units="m") for n, v in
              zip(NAMES, (down, down[::-1] * 0.3, down * -0.1), strict=True)]  # fmt: skip
    angles = with_grid(np.linspace(20, 45, 63).reshape(SHAPE), name="incidence", units="degree")

    def project(a, b, c, incidence):
        return los_displacement(
            xr.Dataset(dict(zip(NAMES, (a, b, c), strict=True))), incidence, -12.0
        )

    chunks = {**data.draw(chunkings(SHAPE)), "time": data.draw(st.integers(1, 2))}
    assert_chunk_invariant(project, *layers, angles, chunks=chunks)


@pytest.mark.parametrize("looking", ["right", "left"])
@pytest.mark.parametrize("heading", [-12.0, 192.0, 45.0])
def test_unit_vector_to_the_satellite(looking, heading):
    """The satellite stands on the side that the antenna does not look to: from first principles."""
    side = heading + (-90.0 if looking == "right" else 90.0)
    toward = np.array([np.sin(np.radians(side)), np.cos(np.radians(side))]) * np.sin(
        np.radians(35.0)
    )
    rng = np.random.default_rng(1)
    down, east, north = rng.normal(size=(3, 2, 2))
    found = los_displacement(ground(down, east, north), 35.0, heading, looking=looking)
    expected = east * toward[0] + north * toward[1] - down * np.cos(np.radians(35.0))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-15)


def test_two_tracks_part_into_what_they_were_made_of():
    rng = np.random.default_rng(2)
    down, east = rng.uniform(0, 3, (2, 4, 5))
    moved = ground(down, east, np.zeros((4, 5)))
    tracks = [los_displacement(moved, 38.0, heading, units="mm") for heading in (-12.0, -168.0)]
    parts = mx.decompose_los(
        xr.concat(tracks, "track"), incidence=[38.0, 38.0], heading=[-12.0, -168.0]
    )
    np.testing.assert_allclose(parts["vertical"], -1000 * down, rtol=0, atol=1e-9)
    np.testing.assert_allclose(parts["east"], 1000 * east, rtol=0, atol=1e-9)
    assert tracks[0].attrs["sign_convention"].startswith("positive toward the satellite")


def test_a_predicted_bowl():
    mine = pd.DataFrame({
        "x": [0.0], "y": [0.0], "length": [600.0], "width": [300.0], "azimuth": [60.0],
        "depth": [300.0], "thickness": [3.0], "q": [0.8], "tan_beta": [2.0], "b": [0.3],
        "start": [2001], "end": [2002],
    })  # fmt: skip
    grid = mx.make_grid((-600, -600, 600, 600), crs="EPSG:32650", resolution=100)
    lazy = mx.subsidence(mine, grid, output=NAMES, time=[2002, 2004], chunks=5)
    los = los_displacement(lazy, 39.7, -12.0, units="mm")
    assert los.chunks is not None
    assert los.dims == ("time", "y", "x")
    assert los.dtype == "float32"
    assert los.attrs["units"] == "mm"
    slant, azimuth = np.radians(39.7), np.radians(-12.0)
    expected = -1000 * (
        lazy["subsidence"] * np.cos(slant)
        + np.sin(slant) * (lazy["displacement_x"] * np.cos(azimuth)
                           - lazy["displacement_y"] * np.sin(azimuth))
    )  # fmt: skip
    np.testing.assert_allclose(los, expected, rtol=0, atol=1e-3)
    assert los.min() < -500


def test_nodata_and_units():
    moved = ground([[1.0, np.nan, 1.0]], [[0.0, 0.0, np.inf]], [[0.0, 0.0, 0.0]])
    found = los_displacement(moved, 60.0, 0.0)
    np.testing.assert_allclose(found, [[-0.5, np.nan, np.nan]])
    millimetres = ground([[500.0]], [[0.0]], [[0.0]], units="mm")
    assert los_displacement(millimetres, 60.0, 0.0).item() == pytest.approx(-0.25)
    radians = with_grid(np.array([[np.pi / 3]]), name="incidence", units="rad")
    assert los_displacement(millimetres, radians, 0.0).item() == pytest.approx(-0.25)


def test_bad_input():
    moved = ground([[1.0]], [[0.0]], [[0.0]])
    with pytest.raises(SchemaError, match=r"lacks \['displacement_y'\]"):
        los_displacement(moved.drop_vars("displacement_y"), 39.7, -12.0)
    with pytest.raises(ParameterError, match=r"0.69 \(radians\?\)"):
        los_displacement(moved, 0.69, -12.0)
    with pytest.raises(ParameterError, match="looking is 'up'"):
        los_displacement(moved, 39.7, -12.0, looking="up")
    with pytest.raises(ParameterError, match="heading is 1000"):
        los_displacement(moved, 39.7, 1000)
    with pytest.raises(UnitError, match="'subsidence' is in 'K'"):
        los_displacement(ground([[1.0]], [[0.0]], [[0.0]], units="K"), 39.7, -12.0)
    angles = with_grid(np.array([[95.0]]), name="incidence", units="degree")
    with pytest.raises(ParameterError, match="incidence is 95"):
        los_displacement(moved, angles, -12.0)
    with pytest.raises(UnitError, match="do not say which angle"):
        los_displacement(moved, angles.assign_attrs(units="1"), -12.0)
    with pytest.raises(GridMismatch):
        los_displacement(moved, angles.assign_coords(x=angles["x"] + 5), -12.0)
