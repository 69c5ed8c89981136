"""Zonal kernels: ordered keys and merging."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mineeco_xr.kernels import zonal


@pytest.mark.parametrize("dtype", ["float32", "float64", "int16", "uint8", "int64"])
@given(data=st.data())
def test_keys_keep_the_order_and_come_back(dtype, data):
    values = data.draw(arrays(dtype, 20))
    if dtype.startswith("float"):
        values = values[np.isfinite(values)]
    keys = zonal.ordered_keys(values)
    order = np.argsort(values, kind="stable")
    assert (np.diff(keys[order].astype(object)) >= 0).all()
    back = zonal.from_ordered_keys(keys.astype("uint64"), np.dtype(dtype))
    np.testing.assert_array_equal(back, values.astype("float64"))


def test_spread_survives_a_huge_mean():
    rng = np.random.default_rng(0)
    values = 1e9 + rng.normal(size=(1, 40, 50))
    index = np.zeros((40, 50), dtype="int32")
    fields = zonal.zone_moments(values, index, np.ones(40), 1, np.nan)[0, 0]
    spread = np.sqrt(fields[zonal.MOMENT] / fields[zonal.WEIGHT])
    assert spread == pytest.approx((values - 1e9).std(), rel=1e-6)


def test_sums_are_compensated():
    values = np.array([[[1e16, 1.0], [1.0, -1e16]]])
    fields = zonal.zone_moments(values, np.zeros((2, 2), "int32"), np.ones(2), 1, np.nan)[0, 0]
    assert fields[zonal.COUNT] == 4
    runs = (1e16 + 1.0) + (1.0 + -1e16)
    assert fields[zonal.SUM] + fields[zonal.ERROR] == pytest.approx(runs, abs=2.0)


def test_merging_with_nothing_changes_nothing():
    fields = zonal.zone_moments(
        np.random.default_rng(1).normal(size=(2, 5, 6)),
        np.zeros((5, 6), "int32"), np.ones(5), 1, np.nan,
    )  # fmt: skip
    empty = np.zeros_like(fields)
    empty[..., zonal.LOW], empty[..., zonal.HIGH] = np.inf, -np.inf
    np.testing.assert_array_equal(zonal.merge_moments(fields, empty), fields)
    np.testing.assert_array_equal(zonal.merge_moments(empty, fields), fields)


@given(seed=st.integers(0, 1000), bits=st.integers(2, 12))
def test_located_counted_and_summed_by_brute_force(seed, bits):
    rng = np.random.default_rng(seed)
    zones = rng.integers(-2, 5, (6, 7)).astype("int32")
    values = rng.integers(0, 9, (2, 6, 7)).astype("float64")
    values[rng.random(values.shape) < 0.2] = np.nan
    ids = np.array([-2, 1, 3, 9], dtype="int64")
    index, present = zonal.locate_zones(zones, ids)
    assert present.tolist() == [i for i, zone in enumerate(ids) if (zones == zone).any()]
    area = rng.uniform(1, 2, 6)
    fields = zonal.zone_moments(values, index, area, present.size, np.nan)
    keys = zonal.ordered_keys(values)
    prefixes = np.zeros((2, 2, present.size), dtype="uint64")
    counts = zonal.digit_counts(keys, np.isfinite(values), index, prefixes, 64 - bits, bits)
    for number, position in enumerate(present):
        mask = zones == ids[position]
        assert (index[mask] == number).all()
        for t in range(2):
            cells = values[t][mask]
            weights = np.broadcast_to(area[:, None], zones.shape)[mask][np.isfinite(cells)]
            cells = cells[np.isfinite(cells)]
            own = fields[t, number]
            assert own[zonal.COUNT] == cells.size == counts[0, t, number].sum()
            assert own[zonal.CELLS] == mask.sum()
            if cells.size:
                mean = np.average(cells, weights=weights)
                assert own[zonal.MEAN] == pytest.approx(mean)
                spread = np.average((cells - mean) ** 2, weights=weights)
                assert own[zonal.MOMENT] / own[zonal.WEIGHT] == pytest.approx(spread, abs=1e-9)
                assert (own[zonal.LOW], own[zonal.HIGH]) == (cells.min(), cells.max())
    assert (index[~np.isin(zones, ids)] == -1).all()
