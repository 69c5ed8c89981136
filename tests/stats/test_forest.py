"""Forests on rasters against scikit-learn, for any chunking."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import entropy
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.tree import DecisionTreeRegressor

import mineeco_xr as mx
from mineeco_xr.errors import GridMismatch, ParameterError, SchemaError
from mineeco_xr.stats.forest_outputs import label_block
from mineeco_xr.testing import assert_chunk_invariant, assert_lazy, chunkings, rasters, with_grid

NAMES = ("ndvi", "lst", "slope")
SHAPE = (9, 11)


def trained(kind=RandomForestRegressor, *, labels=None, names=NAMES, **options):
    import pandas as pd

    rng = np.random.default_rng(5)
    table = pd.DataFrame(rng.normal(100, 30, (80, len(names))), columns=names)
    target = table[names[0]] + rng.normal(size=80)
    if labels is not None:
        target = np.asarray(labels)[(target.rank().to_numpy() * len(labels) // 81).astype(int)]
    return kind(9, random_state=1, **options).fit(table, target)


REGRESSOR = trained()
CLASSIFIER = trained(RandomForestClassifier, labels=[3, 7, 250])


def cube(*layers):
    named = zip(NAMES, layers, strict=True)
    return xr.Dataset({name: with_grid(values, name=name) for name, values in named})


def random_cube(shape=(2, *SHAPE), seed=0):
    rng = np.random.default_rng(seed)
    layers = [rng.normal(100, 30, shape).astype("float32") for _ in range(2)]
    return cube(*layers, rng.normal(100, 30, shape[-2:]))


def table_of(ds):
    """One row a cell, in the order of the forest; the rows with a gap; the shape."""
    layers = xr.broadcast(*(ds[name] for name in NAMES))
    rows = np.stack([layer.values.ravel() for layer in layers], axis=1)
    return rows, np.isnan(rows).any(axis=1), layers[0].shape


def as_frame(rows):
    import pandas as pd

    return pd.DataFrame(rows, columns=NAMES)


@given(a=rasters(times=2, shape=SHAPE), b=rasters(shape=SHAPE), data=st.data())
@settings(max_examples=12)
def test_any_chunking_gives_the_same_bits(a, b, data):
    chunks = {**data.draw(chunkings(SHAPE)), "time": data.draw(st.sampled_from([1, 2]))}

    def run(*layers, forest, **options):
        return mx.evaluate_forest(
            xr.Dataset(dict(zip(NAMES, layers, strict=True))), forest, **options
        )

    layers = [with_grid(a, name="ndvi"), with_grid(b, name="lst"), with_grid(b + 1, name="slope")]
    assert_chunk_invariant(
        run,
        *layers,
        chunks=chunks,
        forest=REGRESSOR,
        output=["mean", "spread"],
        quantiles=[0.1, 0.5],
    )
    assert_chunk_invariant(
        run, *layers, chunks=chunks, forest=CLASSIFIER, output=["class", "probability", "entropy"]
    )


@given(seed=st.integers(0, 1000), share=st.sampled_from([0, 0.2, 1]))
def test_regressor_equals_scikit_learn(seed, share):
    ds = random_cube(seed=seed)
    rng = np.random.default_rng(seed)
    ds["lst"] = ds["lst"].where(rng.random(ds["lst"].shape) >= share)
    rows, gap, shape = table_of(ds)
    found = mx.evaluate_forest(
        ds, REGRESSOR, output=["mean", "spread"], quantiles=[0, 0.25, 1], name="npp", units="gC m-2"
    )
    for name in ("mean", "spread", "quantiles"):
        assert np.isnan(found[name].values[..., gap.reshape(shape)]).all()
        assert found[name].attrs["units"] == "gC m-2"
    if gap.all():
        return
    good = rows[~gap].astype("float32")
    mean = found["mean"].values.ravel()[~gap]
    np.testing.assert_array_equal(mean, REGRESSOR.predict(as_frame(good)))
    trees = np.stack([tree.predict(good) for tree in REGRESSOR.estimators_])
    np.testing.assert_allclose(found["spread"].values.ravel()[~gap], trees.std(axis=0), rtol=1e-12)
    expected = np.quantile(trees, [0, 0.25, 1], axis=0)
    quantiles = found["quantiles"].transpose("quantile", ...).values.reshape(3, -1)[:, ~gap]
    np.testing.assert_array_equal(quantiles, expected)
    assert found["quantiles"].coords["quantile"].values.tolist() == [0, 0.25, 1]


def test_mean_alone_and_mean_among_others_are_one():
    ds = random_cube()
    alone = mx.evaluate_forest(ds, REGRESSOR)
    assert list(alone.data_vars) == ["mean"]
    both = mx.evaluate_forest(ds, REGRESSOR, output=["mean", "spread"])
    np.testing.assert_array_equal(alone["mean"], both["mean"])


@pytest.mark.parametrize(
    ("labels", "dtype", "fill"),
    [([3, 7, 250], "uint8", 0), ([0, 1, 300], "uint16", 65535), ([-1, 0, 1], "int16", 32767)],
)
def test_classifier_equals_scikit_learn(labels, dtype, fill):
    forest = trained(RandomForestClassifier, labels=labels)
    ds = random_cube()
    ds["ndvi"][0, 2] = np.nan
    rows, gap, _ = table_of(ds)
    found = mx.evaluate_forest(ds, forest, output=["class", "probability", "entropy"])
    assert found["class"].dtype == dtype
    assert found["class"].attrs["_FillValue"] == fill
    assert found["class"].attrs["flag_values"].tolist() == labels
    assert (found["class"].values.ravel()[gap] == fill).all()
    good = as_frame(rows[~gap].astype("float32"))
    np.testing.assert_array_equal(found["class"].values.ravel()[~gap], forest.predict(good))
    shares = found["probability"].transpose(..., "label").values.reshape(-1, 3)
    np.testing.assert_array_equal(shares[~gap], forest.predict_proba(good))
    assert found["label"].values.tolist() == labels
    expected = entropy(shares[~gap], axis=1)
    np.testing.assert_allclose(found["entropy"].values.ravel()[~gap], expected, atol=1e-12)
    assert list(mx.evaluate_forest(ds, forest).data_vars) == ["class"]


def test_words_as_labels_become_codes():
    forest = trained(RandomForestClassifier, labels=["bare soil", "grass"])
    ds = random_cube()
    found = mx.evaluate_forest(ds, forest)["class"]
    rows, _, shape = table_of(ds)
    expected = forest.predict(as_frame(rows.astype("float32"))).reshape(shape)
    np.testing.assert_array_equal(np.array(["?", "bare soil", "grass"])[found.values], expected)
    assert found.attrs["flag_meanings"] == "bare_soil grass"
    assert found.attrs["flag_values"].tolist() == [1, 2]


def test_gaps_by_the_rule_of_the_trees():
    ds = random_cube()
    ds["lst"] = ds["lst"].where(ds["lst"] > 90)
    ds["ndvi"][0, 0, 0] = np.inf
    rows, _, shape = table_of(ds)
    found = mx.evaluate_forest(ds, REGRESSOR, missing="forest")["mean"].values
    assert np.isnan(found[0, 0, 0])
    assert np.isnan(found).sum() == 1
    finite = ~np.isinf(rows).any(axis=1)
    expected = REGRESSOR.predict(as_frame(rows[finite].astype("float32")))
    np.testing.assert_array_equal(found.ravel()[finite], expected)
    assert shape == found.shape


def test_integers_with_a_fill_value_and_what_float32_cannot_hold():
    ds = random_cube((4, 5))
    ds["slope"] = with_grid(np.full((4, 5), 100, "int16"), name="slope")
    ds["slope"].attrs["_FillValue"] = -1
    ds["slope"][1, 1] = -1
    ds["lst"] = ds["lst"].astype("float64")
    ds["lst"][2, 2] = 1e300
    found = mx.evaluate_forest(ds, REGRESSOR)["mean"].values
    assert np.argwhere(np.isnan(found)).tolist() == [[1, 1], [2, 2]]


def test_one_array_with_the_predictors_along_a_dim():
    ds = random_cube((4, 5))
    expected = mx.evaluate_forest(ds, REGRESSOR)["mean"]
    mixed = ds[list(reversed(NAMES))].to_dataarray("band")
    for chunks in (None, {"band": 1, "y": 3}):
        data = mixed if chunks is None else mixed.chunk(chunks)
        found = mx.evaluate_forest(data, REGRESSOR)
        np.testing.assert_array_equal(found["mean"], expected)
    unnamed = RandomForestRegressor(3, random_state=0).fit(np.eye(3), [1.0, 2.0, 3.0])
    stacked = ds.to_dataarray("feature").drop_vars("feature")
    by_position = mx.evaluate_forest(stacked, unnamed)["mean"]
    np.testing.assert_array_equal(by_position, mx.evaluate_forest(ds, unnamed)["mean"])
    in_time = random_cube().to_dataarray("band")
    np.testing.assert_array_equal(
        mx.evaluate_forest(in_time.chunk(band=1), REGRESSOR)["mean"].transpose("time", "y", "x"),
        mx.evaluate_forest(random_cube(), REGRESSOR)["mean"],
    )


def test_a_static_and_a_scalar_series_hold_for_all_cells():
    ds = random_cube()
    ds["lst"] = ("time", np.array([80.0, 120.0]))
    swapped = ds[["slope", "lst", "ndvi"]]
    found = mx.evaluate_forest(swapped.chunk(time=1, y=4), REGRESSOR)["mean"]
    assert found.dims == ("time", "y", "x")
    rows, _, shape = table_of(ds.transpose("time", "y", "x"))
    expected = REGRESSOR.predict(as_frame(rows.astype("float32")))
    np.testing.assert_array_equal(found.values.ravel(), expected)
    assert shape == found.shape


def test_the_forest_is_one_node_and_its_token_is_stable():
    ds = random_cube().chunk(y=2, x=2, time=1)
    found = assert_lazy(mx.evaluate_forest, ds, REGRESSOR)["mean"]
    graph = dict(found.__dask_graph__())
    holders = [key for key in graph if str(key).find("forest-") >= 0 and "block" not in str(key)]
    assert len(holders) == 1
    again = mx.evaluate_forest(ds, copy.deepcopy(REGRESSOR))["mean"]
    assert again.data.name == found.data.name
    other = mx.evaluate_forest(ds, trained(max_depth=2))["mean"]
    assert other.data.name != found.data.name


def test_attributes_and_method():
    ds = random_cube()
    found = ds.mine.evaluate_forest(REGRESSOR, name="npp", units="gC m-2 yr-1")
    assert found["mean"].attrs["units"] == "gC m-2 yr-1"
    assert "npp" in found["mean"].attrs["long_name"]
    assert "RandomForestRegressor(9 trees)" in found.attrs["history"]
    assert mx.cube.geobox_of(found["mean"]) == mx.cube.geobox_of(ds)


def test_labels_fill_nodata():
    block = np.array([[0.0, np.nan, 1.0]])
    found = label_block(block, codes=np.array([4, 9], "uint8"), fill=0)
    assert found.tolist() == [[4, 0, 9]]


def test_bad_input():
    ds = random_cube()
    with pytest.raises(SchemaError, match=r"lack \['slope'\]"):
        mx.evaluate_forest(ds.drop_vars("slope"), REGRESSOR)
    unnamed = RandomForestRegressor(2).fit(np.eye(2), [0.0, 1.0])
    with pytest.raises(SchemaError, match="there are 3 predictors and the forest was trained on 2"):
        mx.evaluate_forest(ds, unnamed)
    with pytest.raises(ParameterError, match="is a DecisionTreeRegressor"):
        mx.evaluate_forest(ds, DecisionTreeRegressor())
    with pytest.raises(ParameterError, match="not fitted"):
        mx.evaluate_forest(ds, RandomForestRegressor())
    double = RandomForestRegressor(2).fit(np.eye(3), np.eye(3))
    with pytest.raises(ParameterError, match="3 outputs"):
        mx.evaluate_forest(ds, double)
    with pytest.raises(ParameterError, match=r"\['class'\] of a regressor"):
        mx.evaluate_forest(ds, REGRESSOR, output=["class"])
    with pytest.raises(ParameterError, match="give some between 0 and 1"):
        mx.evaluate_forest(ds, REGRESSOR, quantiles=[50])
    with pytest.raises(ParameterError, match="give each once"):
        mx.evaluate_forest(ds, REGRESSOR, quantiles=[0.5, 0.1, 0.5])
    with pytest.raises(ParameterError, match="give some between 0 and 1"):
        mx.evaluate_forest(ds, REGRESSOR, output=["quantiles"])
    with pytest.raises(ParameterError, match="missing is 'zero'"):
        mx.evaluate_forest(ds, REGRESSOR, missing="zero")
    with pytest.raises(SchemaError, match="must lie along one dim"):
        mx.evaluate_forest(ds["ndvi"], REGRESSOR)
    with pytest.raises(SchemaError, match="select one of"):
        mx.evaluate_forest(ds.assign(lst=ds["lst"].expand_dims("depth")), REGRESSOR)
    with pytest.raises(GridMismatch, match="coordinate reference"):
        mx.evaluate_forest(ds.drop_vars("spatial_ref"), REGRESSOR)
    with pytest.raises(SchemaError, match="no predictor"):
        mx.evaluate_forest(xr.Dataset({name: ("time", [1.0]) for name in NAMES}), REGRESSOR)
