"""AHP against closed forms and published examples."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mineeco_xr as mx
from mineeco_xr.errors import MineecoWarning, ParameterError, SchemaError

EXAMPLE = np.array([[1, 3, 5], [1 / 3, 1, 2], [1 / 5, 1 / 2, 1]])
CIRCLE = np.array([[1, 3, 1 / 3], [1 / 3, 1, 3], [3, 1 / 3, 1]])


def test_a_published_example():
    found = mx.ahp(EXAMPLE)
    np.testing.assert_allclose(found["weight"], [0.64833, 0.22965, 0.12202], atol=5e-6)
    assert float(found["lambda_max"]) == pytest.approx(3.003695, abs=5e-7)
    assert float(found["consistency_ratio"]) == pytest.approx(0.003185, abs=5e-7)
    yaahp = mx.ahp(EXAMPLE, random_index="yaahp")
    index = float(found["consistency_index"])
    assert float(yaahp["consistency_ratio"]) == pytest.approx(index / 0.52)
    assert float(mx.ahp(EXAMPLE, random_index=2.0)["consistency_ratio"]) == index / 2


@given(weights=st.lists(st.floats(0.1, 1.0), min_size=1, max_size=15))
def test_consistent_judgements_give_their_weights_back(weights):
    weights = np.array(weights)
    found = mx.ahp(weights[:, None] / weights[None, :], on_inconsistent="raise")
    np.testing.assert_allclose(found["weight"], weights / weights.sum(), rtol=1e-9)
    assert 0 <= float(found["consistency_ratio"]) < 1e-9
    assert float(found["lambda_max"]) == pytest.approx(weights.size)


def test_one_and_two_criteria_are_always_consistent():
    assert mx.ahp([[1]])["weight"].values.tolist() == [1]
    found = mx.ahp([[1, 0.14], [7, 1]], on_inconsistent="raise")
    assert float(found["consistency_ratio"]) == 0
    np.testing.assert_allclose(found["weight"], [0.124, 0.876], atol=1e-3)


def test_a_frame_names_the_criteria():
    names = ["slope", "rain", "soil"]
    frame = pd.DataFrame(EXAMPLE, index=names, columns=names)
    assert mx.ahp(frame)["weight"].sel(criterion="rain") == mx.ahp(EXAMPLE)["weight"][1]
    assert mx.ahp(EXAMPLE, names=names)["criterion"].values.tolist() == names
    with pytest.raises(SchemaError, match="name both alike"):
        mx.ahp(frame[["rain", "slope", "soil"]])
    with pytest.raises(SchemaError, match="3 different"):
        mx.ahp(EXAMPLE, names=["a", "a", "b"])


def test_contradictions_are_said():
    """A circle: the closed form has equal weights and lambda = 1 + 3 + 1/3."""
    with pytest.warns(MineecoWarning, match="ratio of 1.149.*look first at") as seen:
        found = mx.ahp(CIRCLE)
    assert seen[0].filename == __file__
    np.testing.assert_allclose(found["weight"], 1 / 3)
    assert float(found["lambda_max"]) == pytest.approx(13 / 3)
    with pytest.raises(ParameterError, match="look first at"):
        mx.ahp(CIRCLE, on_inconsistent="raise")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mx.ahp(CIRCLE, on_inconsistent="ignore")


def test_bad_input():
    with pytest.raises(ParameterError, match="n x n"):
        mx.ahp([[1, 2, 3]])
    with pytest.raises(ParameterError, match="judgements are positive"):
        mx.ahp([[1, -2], [-0.5, 1]])
    with pytest.raises(ParameterError, match="judgements are positive"):
        mx.ahp([[1, np.nan], [1, 1]])
    with pytest.raises(ParameterError, match="criterion_1 against criterion_2 is 3 and the rev"):
        mx.ahp([[1, 3], [3, 1]])
    with pytest.raises(ParameterError, match="1 on the diagonal"):
        mx.ahp([[2, 3], [1 / 3, 1]])
    with pytest.raises(ParameterError, match="end at 15"):
        mx.ahp(np.ones((16, 16)))
    assert float(mx.ahp(np.ones((16, 16)), random_index=1.6)["consistency_ratio"]) < 1e-9
    with pytest.raises(ParameterError, match="'alonso' is unknown"):
        mx.ahp(EXAMPLE, random_index="alonso")
    for index in (0.0, -1, np.inf, np.nan, True, None):
        with pytest.raises(ParameterError, match="positive number"):
            mx.ahp(EXAMPLE, random_index=index)
    for matrix in ("x", [["a", "b"], ["c", "d"]], [[1, 2], [3]], None):
        with pytest.raises(ParameterError, match="n x n"):
            mx.ahp(matrix)
    with pytest.raises(ParameterError, match="choose from"):
        mx.ahp(EXAMPLE, on_inconsistent="shout")
