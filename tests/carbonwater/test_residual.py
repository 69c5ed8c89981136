"""The rules by which a residual is spread, against brute force."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from scipy.interpolate import RegularGridInterpolator

import mineeco_xr as mx
from mineeco_xr.carbonwater.residual import back_projected, filled
from mineeco_xr.testing import with_grid

FACTOR, CELLS = 6, 8
SIDE = FACTOR * CELLS


def pair(seed=0, fill=()):
    """Return predictors of 30 m and a coarse raster of 180 m that they explain in part."""
    rng = np.random.default_rng(seed)
    first, second = rng.uniform(0, 1, (2, SIDE, SIDE))
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE
    truth = 100 * first + 60 * second + 80 * np.sin(4 * x) * y + 40
    coarse = truth.reshape(CELLS, FACTOR, CELLS, FACTOR).mean(axis=(1, 3))
    for at in fill:
        coarse[at] = np.nan
    cube = xr.Dataset({"a": with_grid(first), "b": with_grid(second)})
    return cube, with_grid(coarse, resolution=180.0, name="npp", units="gC m-2 yr-1")


def blocks(values):
    return values.reshape(CELLS, FACTOR, CELLS, FACTOR).mean(axis=(1, 3))


def sharpened(cube, coarse, **options):
    training = {"model": "ridge", "cv": [], "applicability": False}
    return mx.downscale(cube, coarse, **training, **options)


def test_block_rule_is_the_residual_of_the_parent():
    cube, coarse = pair()
    bare = sharpened(cube, coarse, residual="none")["npp"].values
    found = sharpened(cube, coarse, residual="block")
    step = np.kron(coarse.values - blocks(bare.astype("float64")), np.ones((FACTOR, FACTOR)))
    np.testing.assert_allclose(found["npp"], bare + step, rtol=1e-6)
    np.testing.assert_allclose(found["residual"], step, atol=1e-4)
    np.testing.assert_allclose(blocks(found["npp"].values), coarse, rtol=1e-6)


def test_bilinear_rule_is_scipys_between_centres():
    cube, coarse = pair()
    bare = sharpened(cube, coarse, residual="none")["npp"].values
    residual = coarse.values - blocks(bare.astype("float64"))
    centres = (np.arange(CELLS) + 0.5) * FACTOR
    peer = RegularGridInterpolator((centres, centres), residual)
    inner = slice(FACTOR // 2, -(FACTOR // 2))
    cells = np.arange(SIDE)[inner] + 0.5
    step = peer(tuple(np.meshgrid(cells, cells, indexing="ij")))
    found = sharpened(cube, coarse, residual="bilinear")["npp"].values
    np.testing.assert_allclose(found[inner, inner], bare[inner, inner] + step, rtol=1e-6)


@pytest.mark.parametrize("fill", [(), [(3, 3), (3, 4), (7, 7)]])
def test_back_projection_conserves_without_steps(fill):
    cube, coarse = pair(fill=fill)
    found = sharpened(cube, coarse, residual="bilinear", conserve=True)
    valid = np.isfinite(coarse.values)
    np.testing.assert_allclose(blocks(found["npp"].values)[valid], coarse.values[valid], rtol=1e-5)
    added = found["residual"].values
    steps = np.abs(np.diff(added, axis=1))
    border = np.arange(SIDE - 1) % FACTOR == FACTOR - 1
    beside = [row for row in range(SIDE) if row // FACTOR not in (3, 7)]
    assert steps[beside][:, border].mean() < 1.5 * steps[beside][:, ~border].mean()


@pytest.mark.parametrize("residual", ["bilinear", "block"])
def test_a_fill_cell_is_flagged_and_holds_the_bare_prediction(residual):
    cube, coarse = pair(fill=[(3, 3)])
    found = sharpened(cube, coarse, residual=residual)
    bare = sharpened(cube, coarse, residual="none")
    parent = np.kron(np.isnan(coarse.values), np.ones((FACTOR, FACTOR), bool))
    np.testing.assert_array_equal(found["source_fill"], parent)
    np.testing.assert_array_equal(found["npp"].values[parent], bare["npp"].values[parent])
    assert (found["residual"].values[parent] == 0).all()
    assert np.isfinite(found["npp"]).all()
    assert found.attrs["fill_cells"] == 1


def test_around_fill_the_field_comes_from_valid_cells_alone():
    values = np.full((4, 5), 3.0)
    values[1, 2] = np.nan
    np.testing.assert_array_equal(filled(values), np.full((6, 7), 3.0))
    values[:] = np.nan
    values[0, 0] = 2.0
    found = filled(values)
    assert found[:3, :3].tolist() == [[2.0] * 3] * 3
    assert (found[3:] == 0).all()


def test_back_projection_solves_its_equations():
    rng = np.random.default_rng(0)
    residual = rng.normal(size=(9, 9))
    stencil = np.outer([1, 6, 1], [1, 6, 1]).reshape(9, 1, 1) / 64 * np.ones((9, 9, 9))
    field, left = back_projected(residual, np.full((9, 9), 16.0), stencil * 16 * 2.0**40)
    around = np.stack([field[i : i + 9, j : j + 9] for i in range(3) for j in range(3)])
    np.testing.assert_allclose((stencil * around).sum(axis=0) + left, residual, atol=1e-14)
    assert np.abs(left).max() < 1e-6


def test_clipping_never_adds_to_a_conserved_mean():
    cube, coarse = pair()
    low = coarse * 0 + np.where(np.arange(CELLS) % 2, 5.0, 150.0)
    low.attrs, low.name = coarse.attrs, "npp"
    for options in ({"residual": "block"}, {"residual": "bilinear", "conserve": True}):
        found = sharpened(cube, low, **options)["npp"].values
        assert found.min() >= 0
        np.testing.assert_allclose(blocks(found), low, rtol=1e-5)


def test_mass_error_before_and_after():
    cube, coarse = pair(fill=[(2, 5)])
    found = sharpened(cube, coarse, residual="block")
    table = mx.mass_error(found, coarse)
    bare = sharpened(cube, coarse, residual="none")["npp"].values.astype("float64")
    expected = np.sqrt(np.nanmean((blocks(bare) - coarse.values) ** 2))
    assert table["rms"].sel(stage="before").item() == pytest.approx(expected, rel=1e-5)
    assert table["relative"].sel(stage="after").item() < 1e-6
    assert (table["n"] == CELLS**2 - 1).all()
