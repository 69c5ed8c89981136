"""Downscaling: closer to the truth, whole in its means, without seams, equal for any chunking."""

from __future__ import annotations

import json

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import RandomForestRegressor
from sklearn.tree import DecisionTreeRegressor

import mineeco_xr as mx
from mineeco_xr.carbonwater.coarse_grid import places_of
from mineeco_xr.errors import GridMismatch, MineecoWarning, ParameterError, SchemaError, UnitError
from mineeco_xr.testing import assert_lazy, chunkings, with_grid

YEARS = [2005, 2012, 2020]
PREDICTORS = ["NDVI", "EVI", "NDWI_GAO", "lst", "precipitation"]
QUICK = {"n_estimators": 40, "cv": [], "applicability": False, "spread": False}


class Scene:
    """A coalfield of 15 km: predictors, coarse products, truth."""

    def __init__(self) -> None:
        field = mx.coalfield(256, years=YEARS, chunks=128, resolution=60)
        cube = field.cube.mine.indices(["NDVI", "EVI", "NDWI_GAO"])
        cube = cube.assign(lst=field.cube["thermal"], precipitation=field.cube["precipitation"])
        self.cube = cube.compute()
        self.coarse, self.truth = field.coarse.compute(), field.truth.compute()
        self.pit = field.zones

    def rmse(self, found, name):
        """Return the error where the interpolated product has values too."""
        smooth = mx.warp(self.coarse[name], self.truth[name], resampling="bilinear")
        kept = np.isfinite(smooth.values) & np.isfinite(found.values)
        return float(np.sqrt(((found - self.truth[name]).values[kept] ** 2).mean()))

    def smooth(self, name):
        return mx.warp(self.coarse[name], self.truth[name], resampling="bilinear")


@pytest.fixture(scope="module")
def scene():
    return Scene()


@pytest.fixture(scope="module")
def models(scene):
    return {
        name: mx.fit_downscale(
            scene.cube,
            scene.coarse,
            target=name,
            predictors=PREDICTORS,
            n_estimators=40,
            cv=[],
            aggregation={"lst": "temperature"},
        )
        for name in ("npp", "et")
    }


@pytest.mark.parametrize("name", ["npp", "et"])
def test_half_the_error_of_interpolation_and_no_worse_than_a_ridge(scene, models, name):
    options = {"applicability": False, "spread": False}
    found = models[name].apply(scene.cube, scene.coarse, **options)[name]
    ridge = mx.downscale(
        scene.cube, scene.coarse, target=name, predictors=PREDICTORS, model="ridge", **QUICK
    )[name]
    assert scene.rmse(found, name) <= 0.5 * scene.rmse(scene.smooth(name), name)
    assert scene.rmse(found, name) <= scene.rmse(ridge, name)


@pytest.mark.parametrize(
    ("residual", "conserve", "seams"),
    [("none", False, False), ("bilinear", False, False), ("bilinear", True, False),
     ("block", False, True)],
)  # fmt: skip
def test_means_are_conserved_by_name_and_others_leave_no_seams(
    scene, models, residual, conserve, seams
):
    found = models["npp"].apply(
        scene.cube, scene.coarse, residual=residual, conserve=conserve, applicability=False
    )
    table = mx.mass_error(found, scene.coarse)
    relative = table["largest"] / scene.coarse["npp"].min()
    if conserve or residual == "block":
        assert float(relative.sel(stage="after").max()) < 1e-5
    else:
        assert float(table["rms"].sel(stage="after").min()) > 0.1
    contrast = seam_contrast(found["npp"], scene) / seam_contrast(scene.truth["npp"], scene)
    assert contrast > 1.1 if seams else contrast < 1.03


def seam_contrast(layer, scene):
    """Return the mean step across the borders of coarse cells over that inside them."""
    grids = mx.cube.geobox_of(layer), mx.cube.geobox_of(scene.coarse)
    rows, columns = (np.arange(layer.sizes[dim]) * 1.0 for dim in ("y", "x"))
    places = places_of(rows, columns, *grids)
    parent = (places.row * 10_000 + places.column).reshape(layer.shape[-2:])
    used = np.isfinite(scene.smooth("npp").values)
    steps = np.abs(np.diff(layer.values, axis=-1))
    valid = np.isfinite(steps) & used[..., 1:] & used[..., :-1]
    across = np.broadcast_to(np.diff(parent, axis=-1) != 0, steps.shape)
    return steps[valid & across].mean() / steps[valid & ~across].mean()


def small(seed=0, times=2, side=40, factor=4):
    """Return a cube and a coarse product, with gaps in both."""
    rng = np.random.default_rng(seed)
    ndvi = rng.uniform(0, 1, (times, side, side)).astype("float32")
    slope = rng.uniform(0, 30, (side, side)).astype("float32")
    truth = 500 * ndvi**2 * (30 - slope) / 30 + 20
    edges = (times, side // factor, factor, side // factor, factor)
    coarse = truth.reshape(edges).mean(axis=(2, 4))
    coarse[:, 2, 3] = np.nan
    ndvi[:, :9, 5] = np.nan
    ndvi[0, 12:16, 20:26] = np.nan
    cube = xr.Dataset({"ndvi": with_grid(ndvi), "slope": with_grid(slope)})
    product = with_grid(coarse, resolution=30.0 * factor, name="npp", units="gC m-2 yr-1")
    return cube, product


@settings(max_examples=6)
@given(data=st.data())
def test_any_chunking_trains_and_predicts_the_same_bits(data):
    cube, coarse = small()
    conserve = data.draw(st.booleans())
    model = data.draw(st.sampled_from(["forest", "ridge"]))
    chunks = {**data.draw(chunkings((40, 40), most=3)), "time": data.draw(st.integers(1, 2))}
    options = {"n_estimators": 5, "cv": ["random"], "folds": 2, "model": model}
    weights = data.draw(st.sampled_from([None, "homogeneity"]))
    expected = mx.downscale(cube, coarse, conserve=conserve, weights=weights, **options)
    lazy = {name: layer.chunk({d: chunks[d] for d in layer.dims}) for name, layer in cube.items()}
    found = mx.downscale(xr.Dataset(lazy), coarse, conserve=conserve, weights=weights, **options)
    assert found["npp"].chunks is not None
    for name, layer in expected.data_vars.items():
        np.testing.assert_array_equal(found[name].values, layer.values, err_msg=str(name))
        assert found[name].dtype == layer.dtype
    assert found.attrs["accuracy"] == expected.attrs["accuracy"]
    assert found.attrs["importance"] == expected.attrs["importance"]


def test_applying_reads_no_pixels():
    cube, coarse = small()
    model = mx.fit_downscale(cube, coarse, n_estimators=5, cv=[])
    lazy = assert_lazy(model.apply, cube.chunk(y=16, x=16), coarse)
    assert all(layer.chunks is not None for layer in lazy.data_vars.values())
    xr.testing.assert_equal(lazy.compute(), model.apply(cube, coarse))


def test_forest_and_spread_are_scikit_learns():
    cube, coarse = small()
    model = mx.fit_downscale(cube, coarse, n_estimators=12, cv=[])
    found = model.apply(cube, coarse, residual="none", extrapolation="model")
    forest = model.models[0].estimator
    stacked = [cube["ndvi"].values, np.broadcast_to(cube["slope"].values, cube["ndvi"].shape)]
    table = np.stack([layer.ravel() for layer in stacked], axis=1)
    valid = np.isfinite(table).all(axis=1)
    trees = np.stack([tree.predict(table[valid]) for tree in forest.estimators_])
    np.testing.assert_allclose(found["npp"].values.ravel()[valid], trees.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(found["spread"].values.ravel()[valid], trees.std(axis=0), rtol=1e-5)
    for name in ("npp", "residual", "spread", "dissimilarity"):
        np.testing.assert_array_equal(np.isfinite(found[name].values.ravel()), valid)
    assert (found["outside_range"].values.ravel()[~valid] == 255).all()


def test_beyond_the_training_range_the_ridge_goes_on_from_the_edge():
    cube, coarse = small()
    model = mx.fit_downscale(cube, coarse, n_estimators=12, cv=[], minimum=None)
    bare, found = (
        model.apply(cube, coarse, residual="none", extrapolation=way) for way in ("model", "linear")
    )
    ridge, seen = model.models[0].ridge, model.models[0].applicability
    stacked = [cube["ndvi"].values, np.broadcast_to(cube["slope"].values, cube["ndvi"].shape)]
    table = np.stack([layer.ravel() for layer in stacked], axis=1).astype("float32")
    edge = np.clip(table, seen.low, seen.high)
    added = ridge.predict(table) - ridge.predict(edge)
    valid = np.isfinite(table).all(axis=1)
    outside = (found["outside_range"].values == 1).ravel()
    assert 0 < outside.sum() < valid.sum()
    gained = (found["npp"] - bare["npp"]).values.ravel()
    np.testing.assert_allclose(gained[valid], added[valid], atol=1e-4)
    assert (gained[valid & ~outside] == 0).all()


@pytest.mark.parametrize("name", ["npp", "et"])
def test_going_on_from_the_edge_is_no_worse_where_the_model_has_seen_nothing(scene, models, name):
    errors = {}
    for way in ("model", "linear"):
        found = models[name].apply(
            scene.cube, scene.coarse, applicability=False, spread=False, extrapolation=way
        )
        error = (found[name] - scene.truth[name]).where(found["outside_range"] == 1)
        errors[way] = float((error**2).mean() ** 0.5)
    assert errors["linear"] < errors["model"]


def test_the_training_table_is_what_brute_force_gives():
    cube, coarse = small()
    model = mx.fit_downscale(cube, coarse, model="ridge", cv=[])
    ndvi = cube["ndvi"].values
    slope = np.where(np.isfinite(ndvi), cube["slope"].values, np.nan)
    edges = (2, 10, 4, 10, 4)
    number = np.isfinite(ndvi).reshape(edges).mean(axis=(2, 4))
    sums = [np.nansum(layer.reshape(edges), axis=(2, 4)) for layer in (ndvi, slope)]
    means = [total / np.maximum(number * 16, 1) for total in sums]
    used = (number >= 0.5) & np.isfinite(coarse.values)
    assert model.training_cells == used.sum()
    assert model.fill_cells == 2
    table = np.stack([mean[used] for mean in means], axis=1)
    seen = model.models[0].applicability
    np.testing.assert_allclose(seen.centre, table.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(seen.high, table.max(axis=0), rtol=1e-6)


def test_accuracy_of_every_validation_is_reported():
    cube, coarse = small(times=3)
    model = mx.fit_downscale(cube, coarse, n_estimators=20, block_cells=3, folds=3)
    table = model.accuracy.set_index(["model", "validation"])
    wanted = {("forest", v) for v in ("training", "oob", "random", "block", "year")}
    wanted |= {("ridge", v) for v in ("training", "random", "block", "year")}
    assert set(table.index) == wanted
    assert table.loc[("forest", "training"), "r2"] > table.loc[("forest", "block"), "r2"] > 0.3
    assert list(model.importance.index) == ["ndvi", "slope"]
    found = model.apply(cube, coarse)
    assert found.attrs["r2_block"] == table.loc[("forest", "block"), "r2"]
    assert found.attrs["ridge_rmse_year"] == table.loc[("ridge", "year"), "rmse"]
    assert len(json.loads(found.attrs["accuracy"])) == 9
    assert "npp from ndvi, slope" in repr(model)


def test_out_of_bag_is_scikit_learns():
    from mineeco_xr.carbonwater.estimators import out_of_bag

    rng = np.random.default_rng(0)
    features, target = rng.normal(size=(80, 2)).astype("float32"), rng.normal(size=80)
    forest = RandomForestRegressor(60, oob_score=True, random_state=0).fit(features, target)
    np.testing.assert_allclose(out_of_bag(forest, features), forest.oob_prediction_, rtol=1e-12)


def test_a_model_for_each_year():
    cube, coarse = small()
    coarse[1] = coarse[1] * 3
    options = {"n_estimators": 10, "cv": ["random"], "folds": 3, "years": "each"}
    model = mx.fit_downscale(cube, coarse, **options)
    assert len(model.models) == 2
    found = model.apply(cube, coarse)
    for year in (0, 1):
        alone = mx.downscale(
            cube.isel(time=[year]), coarse.isel(time=[year]), **{**options, "years": "pooled"}
        )
        np.testing.assert_array_equal(found["npp"].isel(time=[year]), alone["npp"])
    with pytest.raises(SchemaError, match="none for"):
        model.apply(cube.assign_coords(time=cube["time"] + np.timedelta64(900, "D")))


def test_other_dates_and_no_product():
    cube, coarse = small(times=3)
    model = mx.fit_downscale(cube.isel(time=[0, 1]), coarse.isel(time=[0, 1]), **{
        "n_estimators": 10, "cv": []})  # fmt: skip
    later = cube.isel(time=[2]).mine.apply_downscale(model, coarse.isel(time=[2]))
    bare = model.apply(cube.isel(time=[2]))
    assert set(np.unique(bare["source_fill"])) == {2}
    assert np.isfinite(later["npp"]).sum() == np.isfinite(bare["npp"]).sum()
    np.testing.assert_allclose(later["npp"] - later["residual"], bare["npp"], rtol=1e-5)
    assert later["npp"].attrs["units"] == "gC m-2 yr-1"
    assert later["source_fill"].attrs["flag_meanings"].split()[1] == "coarse_fill"


def test_predictors_without_dates_and_other_regressors():
    cube, coarse = small()
    static = cube.isel(time=0, drop=True)
    options = {"cv": ["random"], "folds": 2, "years": "each", "min_share": 0.2}
    tree = DecisionTreeRegressor(max_depth=4)
    found = mx.downscale(static, coarse, model=tree, residual="block", **options)
    assert found["npp"].dims == ("time", "y", "x")
    assert "spread" not in found
    assert found.attrs["model"] == "DecisionTreeRegressor"
    back = mx.aggregate_to(found["npp"], coarse, min_share=0.3).values
    kept = np.isfinite(back) & np.isfinite(coarse.values)
    assert kept.sum() > 150
    np.testing.assert_allclose(back[kept], coarse.values[kept], rtol=1e-5)


def test_homogeneous_cells_weigh_more():
    cube, coarse = small(side=80)
    mixed = cube["slope"].values.copy()
    mixed[:40] = mixed[:40].mean() + mixed[:40] / 100
    cube = cube.assign(slope=with_grid(mixed), ndvi=cube["ndvi"] / 100 + 0.4)
    from mineeco_xr.carbonwater import training as module

    layers = module.predictor_layers(cube, None)
    source = module.coarse_layer(coarse, None, mx.cube.geobox_of(cube["ndvi"]))
    sample = module.training_sample(layers, source, {}, min_share=0.5, homogeneity=True)
    assert sample.weights[sample.row < 10].min() > sample.weights[sample.row >= 10].max()
    ratios = []
    for date, row, column in zip(sample.date, sample.row, sample.column, strict=True):
        window = np.s_[row * 4 : row * 4 + 4, column * 4 : column * 4 + 4]
        cells = [cube["ndvi"].values[date][window], cube["slope"].values[window]]
        valid = np.isfinite(cells[0])
        ratios.append(np.mean([c[valid].std() / c[valid].mean() for c in cells]))
    inverse = 1 / np.array(ratios)
    weights = (inverse - inverse.min()) / (inverse.max() - inverse.min())
    weights = np.where(ratios > np.quantile(ratios, 0.8), weights / 2, weights)
    np.testing.assert_allclose(sample.weights, np.maximum(weights, 1e-3), rtol=1e-4)


def test_bad_input():
    cube, coarse = small()
    quick = {"model": "ridge", "cv": []}
    with pytest.raises(SchemaError, match=r"lacks the predictors \['evi'\]"):
        mx.downscale(cube, coarse, predictors=["ndvi", "evi"], **quick)
    with pytest.raises(SchemaError, match=r"'ndvi' lacks \[2002-01-01\]"):
        mx.downscale(cube.isel(time=[0]), coarse, **quick)
    with pytest.raises(SchemaError, match="select the date"):
        mx.downscale(cube, coarse.isel(time=0, drop=True), **quick)
    with pytest.raises(ParameterError, match="20 coarse cells of 'npp' can train"):
        mx.downscale(cube, coarse.where(coarse["x"] < 500_120), **quick)
    with pytest.raises(GridMismatch, match="do not cover the cells of 'npp'"):
        mx.downscale(cube.assign(ndvi=cube["ndvi"] * np.nan), coarse, **quick)
    far = coarse.assign_coords(x=coarse["x"] + 1e5)
    with pytest.raises(GridMismatch, match="do not cover a single cell of 'npp'"):
        mx.downscale(cube, far.drop_vars("spatial_ref").assign_coords(
            spatial_ref=cube["spatial_ref"].copy()), **quick)  # fmt: skip
    with pytest.raises(SchemaError, match="coarse is 'npp': give the product itself"):
        mx.downscale(cube, "npp", **quick)
    with pytest.raises(ParameterError, match=r"\['slope'\] are constant"):
        mx.downscale(cube.assign(slope=cube["slope"] * 0 + 3), coarse, **quick)
    warm = cube.assign(slope=cube["slope"].assign_attrs(units="degree"))
    with pytest.raises(UnitError, match="'slope' is in 'degree'"):
        mx.downscale(warm, coarse, aggregation={"slope": "temperature"}, **quick)
    with pytest.warns(MineecoWarning, match="'npp' has no units"):
        mx.downscale(cube, coarse.drop_attrs(deep=False), **quick)
    with pytest.raises(SchemaError, match="no variable 'gpp'"):
        mx.downscale(cube, coarse.to_dataset(), target="gpp", **quick)
    model = mx.fit_downscale(cube, coarse, **quick)
    with pytest.raises(ParameterError, match="convert_units"):
        model.apply(cube, coarse.assign_attrs(units="kgC m-2 yr-1"))
    with pytest.raises(SchemaError, match="lacks"):
        mx.mass_error(cube, coarse)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"residual": "cubic"}, "residual is 'cubic'"),
        ({"extrapolation": "none"}, "extrapolation is 'none'"),
        ({"residual": "none", "conserve": True}, "needs a residual"),
        ({"model": "boosting"}, "model is 'boosting'"),
        ({"years": "all"}, "years is 'all'"),
        ({"weights": "gao"}, "weights is 'gao'"),
        ({"cv": ["leave"]}, r"cv names \['leave'\]"),
        ({"folds": 1, "cv": ["random"]}, "folds is 1"),
        ({"block_cells": 99, "cv": ["block"]}, "lower block_cells"),
        ({"aggregation": {"evi": "mean"}}, r"aggregation names \['evi'\]"),
        ({"predictors": ["ndvi", "ndvi"]}, "name each once"),
        ({"min_share": -1}, "min_share is -1"),
    ],
)
def test_bad_parameters(options, text):
    cube, coarse = small()
    with pytest.raises(ParameterError, match=text):
        mx.downscale(cube, coarse, **{"model": "ridge", "cv": [], **options})
