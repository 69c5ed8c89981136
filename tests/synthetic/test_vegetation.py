import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mineeco_xr.synthetic.bands import observe
from mineeco_xr.synthetic.productivity import productivity
from mineeco_xr.synthetic.vegetation import vegetation

SHARE = st.floats(0, 1, width=32)


def one(value, dtype="float32"):
    return np.full((1, 1, 1), value, dtype=dtype)


def grown(year, code, restored, moisture, rain=0.0):
    cover, wetness = vegetation(
        one(year),
        one(rain),
        one(code, "uint8"),
        np.full((1, 1), restored, dtype="uint16"),
        np.full((1, 1), moisture, dtype="float32"),
        np.zeros((1, 1), dtype="float32"),
    )
    return float(cover[0, 0, 0]), float(wetness[0, 0, 0])


def test_a_restored_dump_follows_its_curve():
    grass, _ = grown(2020, 3, 0, 0.5 * 0.85)
    found = [grown(year, 9, 2010, 0.5)[0] for year in range(2010, 2040)]
    assert (np.diff(found) > -1e-6).all()
    full = 0.12 + 0.70 * 0.85 * (0.10 + 0.75 * 0.5)
    expected = 0.03 + (0.75 * full - 0.03) * (1 - np.exp(-(np.arange(30) + 1) / 2.0))
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert found[-1] < grass


@given(SHARE, SHARE, st.sampled_from([1, 2, 3, 6, 9]))
def test_wetter_ground_is_greener(first, second, code):
    low, high = sorted((first, second))
    assert grown(2015, code, 2005, low)[0] <= grown(2015, code, 2005, high)[0] + 1e-6


def test_a_rainy_year_is_greener():
    assert grown(2015, 3, 0, 0.4, rain=2.0)[0] > grown(2015, 3, 0, 0.4, rain=-2.0)[0]


@given(cover=st.floats(0.02, 0.97), wetness=st.floats(0.02, 1))
def test_production_and_evaporation_are_positive_and_rise_with_cover(cover, wetness):
    weather = [one(value) for value in (290.0, 2.5, 880.0)]
    npp, et, _ = (x[0, 0, 0] for x in productivity(one(cover), one(wetness), *weather))
    less, drier, _ = (x[0, 0, 0] for x in productivity(one(cover / 2), one(wetness), *weather))
    assert 0 < less < npp < 600
    assert et > 100
    assert drier <= et + 25


def scene_of(cover, wetness, code):
    count = cover.size
    shape = (1, 1, count)
    return observe(
        one(2010),
        np.array([[0]]),
        np.arange(count),
        np.full(shape, code, dtype="uint8"),
        cover.reshape(shape).astype("float32"),
        np.broadcast_to(np.float32(wetness), shape),
        np.full(shape, 2.5, dtype="float32"),
        np.zeros((1, count), dtype="float32"),
        seed=0,
        gaps=0.0,
    )


@pytest.mark.parametrize("code", [1, 2, 3, 8, 9])
def test_ndvi_rises_with_cover(code):
    cover = np.linspace(0.02, 0.95, 4000)
    bands = scene_of(cover, 0.4, code)
    red, nir = bands[2][0, 0], bands[3][0, 0]
    ndvi = (nir - red) / (nir + red)
    steps = ndvi.reshape(20, -1).mean(axis=1)
    assert (np.diff(steps) > 0).all()
    assert np.corrcoef(ndvi, cover)[0, 1] > 0.97


def test_bare_dry_ground_is_hot_and_green_or_wet_ground_cool():
    dry = scene_of(np.array([0.05, 0.9]), 0.05, 3)[6][0, 0]
    wet = scene_of(np.array([0.05, 0.9]), 0.95, 3)[6][0, 0]
    assert dry[0] > dry[1] + 10
    assert dry[0] > wet[0] + 15
    assert abs(wet[0] - wet[1]) < 3


def test_ndvi_sees_the_cover_of_the_map(field):
    from scipy.stats import spearmanr

    cube, truth = field.cube, field.truth
    ndvi = ((cube.nir - cube.red) / (cube.nir + cube.red)).values
    cover = truth.vegetation_cover.values
    seen = np.isfinite(ndvi) & (cover > 0.05)
    assert spearmanr(ndvi[seen][::37], cover[seen][::37]).statistic > 0.97


def test_bands_and_temperature_tell_production_and_a_forest_tells_it_best(field):
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.linear_model import LinearRegression

    cube, truth = field.cube, field.truth
    rng = np.random.default_rng(0)
    cells = rng.choice(truth.npp.size, 8000, replace=False)
    names = ("red", "nir", "swir1", "thermal", "precipitation", "temperature")
    features = np.column_stack([cube[name].values.ravel()[cells] for name in names])
    red, nir = features[:, 0], features[:, 1]
    features = np.column_stack([features, (nir - red) / (nir + red)])
    seen = np.isfinite(features).all(axis=1)
    half = np.arange(seen.sum()) % 2 == 0
    for name in ("npp", "et"):
        x, y = features[seen], truth[name].values.ravel()[cells][seen]
        forest = RandomForestRegressor(30, min_samples_leaf=3, max_features=0.5, random_state=0)
        scores = [
            model.fit(x[half], y[half]).score(x[~half], y[~half])
            for model in (forest, LinearRegression())
        ]
        assert scores[0] > 0.95
        assert scores[0] > scores[1] + 0.02
