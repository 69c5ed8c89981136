"""Habitat with dates in some layers and not in others: each date as if it were alone."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from mineeco_xr.services.habitat import habitat_quality
from mineeco_xr.testing import assert_lazy, with_grid

TABLE = pd.DataFrame(
    {"threat": ["mine", "road"], "max_dist": [150, 90], "weight": [1, 0.6], "decay": "linear"}
)
CLASSES = pd.DataFrame(
    {"lucode": [1, 2], "habitat": [1, 0.7], "mine": [0.8, 1], "road": [0.5, 0.1]}
)
TIMES = 3
SHAPE = (9, 11)
DATED = ["lulc", "mine", "access", "suitability", "sensitivity", "two numbers"]


def layers(dated):
    """Return what habitat_quality takes, of which some have dates."""
    rng = np.random.default_rng(3)

    def draw(name, values):
        shape = (TIMES, *SHAPE) if name == dated else SHAPE
        return with_grid(rng.choice(values, shape).astype("float32"), name=name)

    made = {
        "lulc": draw("lulc", [1, 2, np.nan]),
        "mine": draw("mine", [0, 0, 0, 0, 0.5, 1]),
        "access": draw("access", [0, 0.5, 1]),
        "suitability": draw("suitability", [0.2, 0.9]),
        "sensitivity": draw("sensitivity", [0.3, 0.6]),
    }
    if dated == "two numbers":
        times = with_grid(np.zeros((TIMES, 1, 1)))["time"]
        for name in ("suitability", "sensitivity"):
            made[name] = xr.DataArray(rng.random(TIMES), dims="time", coords={"time": times})
    return made


def habitat(given):
    road = with_grid((np.indices(SHAPE).sum(axis=0) == 9).astype("uint8"))
    return habitat_quality(
        given["lulc"],
        {"mine": given["mine"], "road": road},
        threat_table=TABLE,
        sensitivity=CLASSES,
        access=given["access"],
        suitability=given["suitability"],
        sensitivity_to={"mine": given["sensitivity"]},
        per_threat=True,
    )


@pytest.mark.parametrize("chunks", [None, {"time": 1, "y": 4, "x": 5}])
@pytest.mark.parametrize("dated", DATED)
def test_each_date_as_alone(dated, chunks):
    given = layers(dated)
    found = habitat(given)
    if chunks:
        cut = {
            name: layer.chunk({dim: size for dim, size in chunks.items() if dim in layer.dims})
            for name, layer in given.items()
        }
        lazy = assert_lazy(lambda: habitat(cut)).compute()
        xr.testing.assert_equal(lazy, found)
    assert found["habitat_quality"].dims == ("time", "y", "x")
    by_threat = ["time"] if dated != "suitability" else []
    assert found["threat_degradation"].dims == ("threat", *by_threat, "y", "x")
    for i in range(TIMES):
        one = {n: a.isel(time=i, drop=True) if "time" in a.dims else a for n, a in given.items()}
        one = {n: float(a) if a.ndim == 0 else a for n, a in one.items()}
        expected = habitat(one)
        for name in expected.data_vars:
            mine = found[name].isel(time=i) if "time" in found[name].dims else found[name]
            np.testing.assert_allclose(mine, expected[name], rtol=1e-6)


def test_the_date_is_that_of_the_land_use():
    given = layers("mine") | {"suitability": 1.0, "sensitivity": 0.5}
    threats = given["mine"]
    lulc = given["lulc"].assign_coords(time=threats["time"].values[0])
    found = habitat(given | {"lulc": lulc, "mine": threats[2], "access": threats[1]})
    for name in found.data_vars:
        assert found[name]["time"].values == threats["time"].values[0]


@pytest.mark.parametrize("lazy", ["lulc", "mine", "access", "suitability"])
def test_one_lazy_layer_makes_it_lazy(lazy):
    given = layers("none")
    found = assert_lazy(habitat, given | {lazy: given[lazy].chunk({"y": 4, "x": 5})})
    assert all(layer.chunks is not None for layer in found.values())
    xr.testing.assert_equal(found.compute(), habitat(given))
