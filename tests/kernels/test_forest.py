"""Packed forests against scikit-learn, and their packing against the definition."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)

from mineeco_xr.kernels import forest as kernels


def packed(model, *, missing=False):
    trees = [tree.tree_ for tree in model.estimators_]
    return kernels.pack_forest(trees, model.n_features_in_, missing=missing)


def samples_on_thresholds(model, rng, count):
    """Samples drawn from the forest's own thresholds, from below and above them, and from noise."""
    columns = []
    for feature in range(model.n_features_in_):
        held = [t.tree_.threshold[t.tree_.feature == feature] for t in model.estimators_]
        cuts = np.concatenate([*held, rng.normal(size=5)])
        chosen = rng.choice(cuts, count)
        columns.append(np.nextafter(chosen, rng.choice([-np.inf, np.inf], count)))
        columns[-1][:: rng.integers(2, 5)] = chosen[:: rng.integers(2, 5)][0]
    return np.stack(columns, axis=1)


@pytest.mark.parametrize("kind", [RandomForestRegressor, ExtraTreesRegressor])
@given(
    seed=st.integers(0, 10_000),
    depth=st.sampled_from([1, 3, None]),
    most=st.sampled_from([1.0, "sqrt", 1]),
    count=st.integers(1, 41),
)
def test_regressors_are_equal_bit_by_bit(kind, seed, depth, most, count):
    rng = np.random.default_rng(seed)
    train = rng.normal(size=(60, 3)).round(int(rng.integers(0, 6)))
    target = train[:, 0] ** 2 + rng.normal(size=60)
    model = kind(7, max_depth=depth, max_features=most, random_state=seed % 7).fit(train, target)
    samples = samples_on_thresholds(model, rng, count).astype("float32")
    forest = packed(model)
    found = kernels.forest_mean(forest, kernels.sample_keys(samples, forest))[:, 0]
    np.testing.assert_array_equal(found, model.predict(samples))
    own = kernels.tree_values(forest, kernels.sample_keys(samples, forest))
    for tree, values in zip(model.estimators_, own, strict=True):
        np.testing.assert_array_equal(values, tree.predict(samples))


@pytest.mark.parametrize("kind", [RandomForestClassifier, ExtraTreesClassifier])
@given(seed=st.integers(0, 10_000), classes=st.integers(1, 5), depth=st.sampled_from([2, None]))
def test_classifiers_are_equal_bit_by_bit(kind, seed, classes, depth):
    rng = np.random.default_rng(seed)
    train, target = rng.normal(size=(50, 4)), rng.integers(0, classes, 50)
    model = kind(6, max_depth=depth, random_state=0, class_weight="balanced").fit(train, target)
    samples = samples_on_thresholds(model, rng, 30).astype("float32")
    forest = packed(model)
    found = kernels.forest_mean(forest, kernels.sample_keys(samples, forest))
    np.testing.assert_array_equal(found, model.predict_proba(samples))


@pytest.mark.parametrize("kind", [RandomForestRegressor, ExtraTreesRegressor])
@given(seed=st.integers(0, 10_000), learnt=st.booleans())
def test_gaps_follow_the_rule_of_the_trees(kind, seed, learnt):
    rng = np.random.default_rng(seed)
    train = rng.normal(size=(60, 3))
    if learnt:
        train[rng.random(train.shape) < 0.3] = np.nan
    target = np.where(np.isnan(train[:, 0]), 5.0, train[:, 0]) + rng.normal(size=60)
    model = kind(6, random_state=0).fit(train, target)
    samples = rng.normal(size=(40, 3)).astype("float32")
    samples[rng.random(samples.shape) < 0.4] = np.nan
    forest = packed(model, missing=True)
    found = kernels.forest_mean(forest, kernels.sample_keys(samples, forest))[:, 0]
    np.testing.assert_array_equal(found, model.predict(samples))


def test_trees_of_one_node():
    model = RandomForestRegressor(3, random_state=0).fit([[1.0], [2.0]], [4.0, 4.0])
    forest = packed(model)
    assert forest.nodes.size == 3
    keys = kernels.sample_keys(np.zeros((11, 1), "float32"), forest)
    assert (kernels.forest_mean(forest, keys) == 4).all()


@given(values=arrays("float32", 30))
def test_keys_keep_the_order_of_numbers(values):
    values = values[~np.isnan(values)]
    keys = kernels.ordered_keys(values)
    np.testing.assert_array_equal(keys[:, None] < keys, values[:, None] < values)


@given(seed=st.integers(0, 1000))
def test_siblings_are_adjacent_and_breadth_comes_first(seed):
    rng = np.random.default_rng(seed)
    target = rng.normal(size=40)
    tree = RandomForestRegressor(1, random_state=0).fit(rng.normal(size=(40, 2)), target)
    one = tree.estimators_[0].tree_
    forest = packed(tree)
    child = forest.nodes & ((1 << forest.bits) - 1)
    leaf = child == np.arange(child.size)
    assert leaf.sum() == one.n_leaves
    np.testing.assert_array_equal(np.sort(child[~leaf]), 1 + 2 * np.arange((~leaf).sum()))
    assert (np.diff(child[~leaf]) > 0).all()


def test_a_tree_that_does_not_fit_is_refused():
    class Many:
        size = 2**32

        def __array__(self, dtype=None, copy=None):
            return np.broadcast_to(np.int8(-1), self.size)

    with pytest.raises(OverflowError, match="grow smaller trees"):
        kernels.pack_forest([SimpleNamespace(children_left=Many())], 2)


def test_batches_shrink_with_the_predictors():
    few = kernels.PackedForest(*(np.zeros(2),) * 3, 31, 2, False)
    many = kernels.PackedForest(*(np.zeros(2),) * 3, 22, 1000, True)
    assert kernels.batch_size(few) == 32768
    assert kernels.batch_size(many) == 2048
