"""Component weights against NumPy, scikit-learn and the published formulas."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2
from sklearn.decomposition import PCA

import mineeco_xr as mx
from mineeco_xr.errors import GridMismatch, ParameterError, SchemaError
from mineeco_xr.stats.pca_weights import _signs
from mineeco_xr.testing import assert_lazy, chunkings, with_grid

SHAPE = (15, 17)
NAMES = ["habitat", "soil", "water", "carbon"]


def services(seed=0, *, nodata=0.1, offset=0.0):
    rng = np.random.default_rng(seed)
    common = rng.normal(size=(2, *SHAPE))
    layers = {}
    for name, share in zip(NAMES, [3.0, 1.5, 1.0, 0.3], strict=True):
        values = common[0] * share + common[1] + rng.normal(size=SHAPE) * 2
        values[rng.random(SHAPE) < nodata] = np.nan
        layers[name] = with_grid(values * share + offset, name=name)
    return xr.Dataset(layers)


def valid_cells(ds):
    cells = np.stack([ds[name].values.ravel() for name in ds.data_vars])
    return cells[:, np.isfinite(cells).all(axis=0)]


@settings(max_examples=12)
@given(seed=st.integers(0, 999), offset=st.sampled_from([0.0, 1e5]))
def test_equals_scikit_learn(seed, offset):
    ds = services(seed, offset=offset)
    found = mx.pca_weights(ds)
    cells = valid_cells(ds)
    standard = ((cells - cells.mean(axis=1, keepdims=True)) / cells.std(axis=1, keepdims=True)).T
    peer = PCA().fit(standard)
    n = cells.shape[1]
    np.testing.assert_allclose(found["correlation"], np.corrcoef(cells), atol=1e-9)
    roots = peer.explained_variance_ * (n - 1) / n
    np.testing.assert_allclose(found["eigenvalue"], roots, rtol=1e-8)
    np.testing.assert_allclose(found["explained"], peer.explained_variance_ratio_, rtol=1e-8)
    vectors = peer.components_.T
    kept = roots > 1
    np.testing.assert_array_equal(found["retained"], kept)
    score = np.abs(vectors[:, kept]) @ roots[kept]
    np.testing.assert_allclose(found["weight"], score / score.sum(), rtol=1e-6)
    communality = (vectors[:, kept] ** 2) @ roots[kept]
    np.testing.assert_allclose(found["communality"], communality, rtol=1e-6)
    by_share = mx.pca_weights(ds, variant="communality")["weight"]
    np.testing.assert_allclose(by_share, communality / communality.sum(), rtol=1e-6)
    assert (found["loading"].sum("layer") >= 0).all()
    signed = mx.pca_weights(ds, variant="signed")["weight"]
    flipped = vectors * np.where(vectors.sum(axis=0) < 0, -1, 1)
    own = flipped[:, kept] @ roots[kept]
    np.testing.assert_allclose(signed, own / own.sum(), rtol=1e-6)


def test_adequacy_by_the_published_formulas():
    ds = services(3)
    found = mx.pca_weights(ds)
    r = np.corrcoef(valid_cells(ds))
    n, p = valid_cells(ds).shape[1], 4
    residuals = np.linalg.inv(r)
    partial = {
        (i, j): -residuals[i, j] / np.sqrt(residuals[i, i] * residuals[j, j])
        for i in range(p) for j in range(p) if i != j
    }  # fmt: skip
    plain = sum(r[pair] ** 2 for pair in partial)
    kmo = plain / (plain + sum(q**2 for q in partial.values()))
    assert float(found["kmo"]) == pytest.approx(kmo, rel=1e-12)
    statistic = -(n - 1 - (2 * p + 5) / 6) * np.log(np.linalg.det(r))
    assert float(found["bartlett_chi2"]) == pytest.approx(statistic, rel=1e-10)
    assert float(found["bartlett_df"]) == 6
    assert float(found["n"]) == n
    weak = mx.pca_weights(xr.Dataset({
        name: with_grid(np.random.default_rng(i).normal(size=SHAPE))
        for i, name in enumerate("abc")
    }))  # fmt: skip
    expected = chi2.sf(float(weak["bartlett_chi2"]), 3)
    assert float(weak["bartlett_p"]) == pytest.approx(expected, rel=1e-9)
    assert expected > 1e-3


@settings(max_examples=10)
@given(seed=st.integers(0, 99), data=st.data())
def test_any_chunking_agrees(seed, data):
    ds = services(seed, nodata=0.3)
    whole = mx.pca_weights(ds)
    parts = assert_lazy(mx.pca_weights, ds.chunk(data.draw(chunkings(SHAPE)))).compute()
    xr.testing.assert_allclose(parts, whole, rtol=1e-10, atol=1e-12)
    assert parts["n"] == whole["n"]


def test_dates_count_together_and_integers_know_their_nodata():
    ds = services(1, nodata=0)
    twice = xr.concat([ds, ds], dim="time").assign_coords(time=[0, 1])
    np.testing.assert_allclose(
        mx.pca_weights(twice.chunk({"time": 1}))["weight"], mx.pca_weights(ds)["weight"], rtol=1e-12
    )
    codes = (ds * 10).astype("int16")
    codes["soil"][0, :4] = -999
    codes["soil"].attrs["_FillValue"] = -999
    expected = (ds * 10).astype("int16").astype("float64")
    expected["soil"][0, :4] = np.nan
    found = mx.pca_weights(codes)
    np.testing.assert_allclose(found["weight"], mx.pca_weights(expected)["weight"], rtol=1e-12)
    assert found["n"] == 15 * 17 - 4


def test_components_by_share_of_variance():
    ds = services(2)
    explained = mx.pca_weights(ds)["explained"].values
    for kept in range(1, 5):
        share = float(explained[:kept].sum())
        assert mx.pca_weights(ds, retain=share - 1e-6)["retained"].sum() == kept
    assert mx.pca_weights(ds, retain=1.0)["retained"].all()


def test_a_layer_that_repeats_another_has_no_kmo():
    ds = services(0)
    found = mx.pca_weights(ds.assign(copy=ds["soil"] * 2))
    assert found["kmo"].isnull()
    assert found["bartlett_p"] == 0
    weight = found["weight"]
    assert float(weight.sel(layer="copy")) == pytest.approx(float(weight.sel(layer="soil")))


def test_signed_scores_that_cancel_are_said():
    soil = services(0)["soil"]
    cube = xr.Dataset({"loss": -soil, "soil": soil})
    for ds in (cube, cube[["soil", "loss"]], cube * 3 + 7):
        with pytest.raises(ParameterError, match=r"signed scores .* cancel.*direction='negative'"):
            mx.pca_weights(ds, variant="signed")
        assert mx.pca_weights(ds)["weight"].values.tolist() == pytest.approx([0.5, 0.5])
    with pytest.raises(ParameterError, match=r"reverse \['soil'\]"):
        mx.pca_weights(cube, variant="signed")
    with pytest.raises(ParameterError, match=r"reverse \['loss'\]"):
        mx.pca_weights(cube[["soil", "loss"]].chunk({"y": 4}), variant="signed").compute()


@given(noise=st.floats(-1e-13, 1e-13), turned=st.booleans())
def test_the_sign_of_a_balanced_component_is_that_of_its_first_largest_entry(noise, turned):
    balanced = np.array([[0.5 + noise, 0.1], [-0.5, -0.7], [0.5, 0.7], [-0.5, -0.1]])
    turned_signs = _signs(-balanced if turned else balanced)
    expected = [1.0, -1.0]
    assert turned_signs.tolist() == ([-s for s in expected] if turned else expected)
    assert _signs(np.array([[-0.9], [0.2], [0.8]])).tolist() == [1.0]


def test_bad_input():
    ds = services(0)
    flat = ds.assign(flat=ds["soil"] * 0 + 0.1)
    with pytest.raises(ParameterError, match=r"\['flat'\] are constant"):
        mx.pca_weights(flat)
    lazy = mx.pca_weights(flat.chunk({"y": 4}))
    with pytest.raises(ParameterError, match="leave them out"):
        lazy.compute()
    with pytest.raises(ParameterError, match="only 0 cells"):
        mx.pca_weights(ds * np.nan)
    with pytest.raises(SchemaError, match="at least two"):
        mx.pca_weights(ds[["soil"]])
    with pytest.raises(SchemaError, match="has dims"):
        mx.pca_weights(ds.assign(late=ds["soil"].expand_dims(time=2)))
    with pytest.raises(ParameterError, match="'rotated' is unknown"):
        mx.pca_weights(ds, variant="rotated")
    for retain in ("scree", 0.0, 1.5, None, True, [0.5], np.nan):
        with pytest.raises(ParameterError, match="a share above 0"):
            mx.pca_weights(ds, retain=retain)
    with pytest.raises(GridMismatch):
        mx.pca_weights(ds.drop_vars("spatial_ref"))
