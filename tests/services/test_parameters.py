"""Parameters of models: from the table, a raster or a number, and checked in time."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mineeco_xr.chunks import pointwise
from mineeco_xr.errors import GridMismatch, ParameterError, SchemaError
from mineeco_xr.services.parameters import class_parameters, values_of
from mineeco_xr.services.ranges import require_range
from mineeco_xr.testing import assert_chunk_invariant, assert_lazy, chunkings, rasters, with_grid

SHAPE = (6, 8)
TABLE = pd.DataFrame({"lucode": [1, 2], "kc": [0.25, 0.5], "root": [100, 200]})
COLUMNS = ["kc", "root"]


def land_use(dtype="uint8"):
    values = np.random.default_rng(3).choice([1, 2, 9], SHAPE).astype(dtype)
    return with_grid(values, name="lulc").assign_attrs(_FillValue=9)


def product(classes, table=TABLE, ranges=None, **given):
    found = class_parameters(classes, table, COLUMNS, name="the table", given=given, ranges=ranges)
    return pointwise(
        _product, classes, *found.layers.values(), dtype="float32", shared=found.shared,
        parameters={"names": tuple(found.layers)},
    )  # fmt: skip


def _product(classes, *blocks, shared, names):
    layers = dict(zip(names, blocks, strict=True))
    kc, root = (values_of(shared, classes, layers, column) for column in COLUMNS)
    return np.where(shared.valid(classes), kc * root, np.nan)


def of_table(classes, kc=(0.25, 0.5), root=(100, 200)):
    number = {1: kc[0] * root[0], 2: kc[1] * root[1]}
    return np.vectorize(lambda code: number.get(int(code), np.nan))(classes.values).astype("f4")


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int64", "float32"])
def test_columns_numbers_and_rasters(dtype):
    classes = land_use(dtype)
    known = classes.values != 9
    np.testing.assert_array_equal(product(classes), of_table(classes))
    np.testing.assert_array_equal(product(classes, root=10), of_table(classes, root=(10, 10)))
    raster = with_grid(np.full(SHAPE, 7, "i2"), name="root").assign_attrs(_FillValue=0)
    raster[0] = 0
    expected = of_table(classes, root=(7, 7))
    expected[0] = np.nan
    for given_root in (raster, raster.chunk(3)):
        np.testing.assert_array_equal(product(classes, root=given_root), expected)
    both = product(classes, None, root=raster, kc=2)
    np.testing.assert_array_equal(both, np.where(known & (raster != 0), 14, np.nan))
    numbers = product(classes.chunk(4), None, root=3, kc=2.0)
    np.testing.assert_array_equal(numbers, np.where(known, 6, np.nan))
    rasters_only = product(classes, None, root=raster, kc=raster)
    np.testing.assert_array_equal(rasters_only, np.where(known & (raster != 0), 49, np.nan))


@settings(max_examples=15)
@given(values=rasters(shape=SHAPE), data=st.data())
def test_any_chunking_gives_the_same(values, data):
    def of(classes, root):
        return product(classes, root=root)

    layers = land_use(), with_grid(values, name="root")
    assert_chunk_invariant(of, *layers, chunks=data.draw(chunkings(SHAPE)))


def test_what_is_replaced_may_be_missing_or_wrong_in_the_table():
    classes = land_use()
    table = TABLE.drop(columns="root")
    np.testing.assert_array_equal(product(classes, table, root=5), of_table(classes, root=(5, 5)))
    wrong = TABLE.assign(root=["?", None])
    np.testing.assert_array_equal(product(classes, wrong, root=5), of_table(classes, root=(5, 5)))
    np.testing.assert_array_equal(product(classes, root=None), of_table(classes))


def test_bad_parameters():
    classes = land_use()
    with pytest.raises(SchemaError, match=r"the table is missing .* in place of \['root'\]"):
        product(classes, None, kc=1)
    with pytest.raises(SchemaError, match=r"no column \['root'\]"):
        product(classes, TABLE.drop(columns="root"))
    ranges = {"root": (0.0, 150.0)}
    with pytest.raises(ParameterError, match="root of class 2 is 200; expected 0 to 150"):
        product(classes, ranges=ranges)
    for wrong in (151, -1, np.nan, "10", [1, 2]):
        with pytest.raises(ParameterError, match=r"root is .*; expected a number from 0 to 150"):
            product(classes, ranges=ranges, root=wrong)
    shifted = with_grid(np.ones(SHAPE), origin=(500_030.0, 4_800_000.0))
    with pytest.raises(GridMismatch, match="'root' is shifted by 1 cells"):
        product(classes, root=shifted)


def test_pixels_of_rasters_are_checked_when_computed_and_first():
    seen = []

    def watched(block, *_, shared):
        seen.append(block)
        return block

    classes = land_use().chunk(3)
    root = with_grid(np.full(SHAPE, 200.0), name="root").chunk(3)
    found = assert_lazy(
        class_parameters, classes, TABLE, COLUMNS, name="the table", given={"root": root},
        ranges={"root": (0.0, 150.0)},
    )  # fmt: skip
    lazy = pointwise(watched, classes, dtype="uint8", shared=found.shared)
    with pytest.raises(ParameterError, match="root has 48 cells between 200 and 200"):
        lazy.compute()
    fine = class_parameters(classes, TABLE, COLUMNS, name="the table", given={"root": root})
    more = fine.after(require_range(root, 0, 1, name="more", remedy=""))
    with pytest.raises(ParameterError, match="more has 48 cells"):
        pointwise(watched, classes, dtype="uint8", shared=more.shared).compute()
    assert not seen
    assert list(more.layers) == ["root"]
    np.testing.assert_array_equal(
        pointwise(watched, classes, dtype="uint8", shared=fine.shared), classes
    )
