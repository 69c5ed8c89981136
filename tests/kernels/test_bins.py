"""Bins against NumPy, on their bounds as well."""

from __future__ import annotations

import numpy as np
import pytest

from mineeco_xr.kernels.bins import bin_extremes, bin_numbers


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("start", "width", "size"), [(0.1, 0.01, 90), (-1.0, 0.3, 7), (0, 1, 3)])
def test_numbers_and_extremes_equal_numpy(dtype, start, width, size):
    edges = start + width * np.arange(size + 1)
    rng = np.random.default_rng(size)
    by = np.concatenate(
        [rng.uniform(start - 0.2, edges[-1] + 0.2, 800), edges, np.nextafter(edges, -9),
         np.nextafter(edges, 9), [np.nan, np.inf, -np.inf]]
    ).astype(dtype)  # fmt: skip
    values = rng.normal(300, 10, by.size).astype("float32")
    values[:50] = np.nan
    values[50] = np.inf
    number = np.searchsorted(edges, by.astype("f8"), side="right") - 1
    number[~np.isfinite(by) | (number >= size)] = -1
    np.testing.assert_array_equal(bin_numbers(by, edges), number)
    counts, low, high, ends = bin_extremes(by, values, edges)
    for k in range(size):
        inside = values[(number == k) & np.isfinite(values)].astype("f8")
        assert counts[k] == inside.size
        assert low[k] == inside.min(initial=np.inf)
        assert high[k] == inside.max(initial=-np.inf)
    finite = by[np.isfinite(by)].astype("f8")
    assert ends.tolist() == [finite.min(), finite.max()]
