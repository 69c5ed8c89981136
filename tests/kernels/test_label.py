"""Labelling of one block against a flood fill."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from mineeco_xr.kernels import label as kernels


def flooded(codes, connectivity):
    """Number patches by flooding each from its first cell: slow and plain."""
    steps = [(-1, 0), (1, 0), (0, -1), (0, 1)]
    if connectivity == 8:
        steps += [(-1, -1), (-1, 1), (1, -1), (1, 1)]
    found, count = np.zeros(codes.shape, int), 0
    for start in np.ndindex(codes.shape):
        if codes[start] == 0 or found[start]:
            continue
        count += 1
        found[start], pending = count, [start]
        while pending:
            y, x = pending.pop()
            for at in ((y + dy, x + dx) for dy, dx in steps):
                inside = all(0 <= v < n for v, n in zip(at, codes.shape, strict=True))
                if inside and not found[at] and codes[at] == codes[start]:
                    found[at] = count
                    pending.append(at)
    return found


@pytest.mark.parametrize("connectivity", [4, 8])
@given(codes=arrays("uint8", array_shapes(min_dims=2, max_dims=2, max_side=14),
                    elements=st.integers(0, 3)))  # fmt: skip
def test_equals_a_flood_fill(connectivity, codes):
    labels, numbers, first = kernels.label_cells(
        kernels.class_codes(codes, background=0), connectivity
    )
    expected = flooded(codes, connectivity)
    np.testing.assert_array_equal(kernels.relabel(labels.copy(), numbers), expected)
    assert first.size == expected.max()
    for number, cell in enumerate(first, 1):
        assert np.flatnonzero(expected.ravel() == number)[0] == cell


def test_a_spiral_is_one_patch():
    side = 41
    codes = np.zeros((side, side), bool)
    y = x = 0
    dy, dx = 0, 1
    codes[0, 0] = True
    for _ in range(side * side):
        for _ in range(4):
            ahead = (y + dy, x + dx)
            further = (y + 2 * dy, x + 2 * dx)
            free = all(0 <= v < side for v in ahead)
            if free and (not all(0 <= v < side for v in further) or not codes[further]):
                break
            dy, dx = dx, -dy
        else:
            break
        if codes[ahead]:
            break
        y, x = ahead
        codes[y, x] = True
    assert codes.sum() > side * side * 0.4
    _, _, first = kernels.label_cells(kernels.class_codes(codes), 4)
    assert first.tolist() == [0]
    _, _, gaps = kernels.label_cells(kernels.class_codes(~codes), 4)
    assert gaps.size == 1


@pytest.mark.parametrize(
    "dtype", ["bool", "uint8", "int16", "int32", "int64", "float32", "float64"]
)
def test_codes_are_equal_where_values_are(dtype):
    values = np.array([[0, 1, 1], [1, 0, 1]]).astype(dtype)
    codes = kernels.class_codes(values)
    none = np.iinfo(codes.dtype).min
    np.testing.assert_array_equal(
        codes[:, :, None] == codes[:, None], values[:, :, None] == values[:, None]
    )
    assert ((codes == none) == (~values if dtype == "bool" else False)).all()


def test_codes_leave_out_what_is_no_patch():
    values = np.array([[0.0, -0.0, np.nan, 2.5, 7.0]])
    codes = kernels.class_codes(values)
    none = np.iinfo(codes.dtype).min
    assert codes[0, 0] == codes[0, 1]
    assert (codes == none).tolist() == [[False, False, True, False, False]]
    left_out = kernels.class_codes(values, fill=7, background=0) == none
    assert left_out.tolist() == [[True, True, True, False, True]]
    large = np.array([[2**60, 2**60 + 1, 3]])
    wanted = kernels.class_codes(large, background=3.0, classes=(2**60, 2.5))
    assert (wanted == none).tolist() == [[False, True, True]]
    assert (kernels.class_codes(np.array([[1, 2]], "uint8"), fill=-9999.0) > 0).all()
