import numpy as np
import pytest

from mineeco_xr.synthetic import landcover
from mineeco_xr.synthetic.landcover import QUARRY, REFERENCE, RESERVE, classify, disturbed

DRY = {
    "pit_year": 0,
    "dump_year": 0,
    "restoration_year": 0,
    "built_year": 0,
    "place": 0,
    "bank_distance": 500.0,
    "river_distance": 5000.0,
    "moisture": 0.5,
    "relief": 0.5,
    "wood": 0.5,
    "parcel": 0.5,
}
WHOLE = ("pit_year", "dump_year", "restoration_year", "built_year", "place")


def class_of(year, **changed):
    values = {**DRY, **changed}
    cells = [
        np.full((1, 1), value, dtype="uint16" if name in WHOLE else "float32")
        for name, value in values.items()
    ]
    years = np.array([[[year]]], dtype="float32")
    return int(classify(years, *cells, near=800.0)[0, 0, 0])


FARMED = {"river_distance": 100.0, "relief": 0.1, "parcel": 0.9}
WOODED = {"wood": 0.95, "relief": 0.8}
BARREN = {"moisture": 0.05, "wood": 0.1}


@pytest.mark.parametrize(
    ("expected", "changed"),
    [
        (3, {}),
        (1, FARMED),
        (2, WOODED),
        (6, BARREN),
        (1, {**FARMED, "wood": 1.0, "moisture": 1.0}),
        (3, {**FARMED, "place": REFERENCE}),
        (3, {**FARMED, "place": RESERVE}),
        (6, {**FARMED, "place": QUARRY}),
        (5, {**FARMED, "built_year": 2000}),
        (4, {**FARMED, "built_year": 2000, "bank_distance": -5.0}),
        (7, {"bank_distance": -5.0, "pit_year": 2004}),
        (8, {"pit_year": 2004, "dump_year": 2008}),
        (9, {"pit_year": 2004, "dump_year": 2008, "restoration_year": 2010}),
        (3, {"pit_year": 2011, "dump_year": 2012, "restoration_year": 2013, "built_year": 2014}),
        (5, {"pit_year": 2011, "built_year": 2010}),
    ],
)
def test_the_first_rule_that_holds_counts(expected, changed):
    assert class_of(2010, **changed) == expected


def test_a_cell_passes_through_its_history():
    history = {"pit_year": 2004, "dump_year": 2008, "restoration_year": 2012}
    found = [class_of(year, **history) for year in range(2002, 2014)]
    assert found == [3, 3, 7, 7, 7, 7, 8, 8, 8, 8, 9, 9]


def test_classes_on_the_map_are_known_and_plausible(field):
    classes = field.cube.land_cover.values
    assert set(np.unique(classes)) <= set(range(1, 10))
    shares = np.bincount(classes[-1].ravel(), minlength=10) / classes[-1].size
    assert shares[3] > 0.35
    for code in (1, 2, 4, 5, 6, 7, 9):
        assert shares[code] > 0.003, landcover.__name__
    first = np.bincount(classes[0].ravel(), minlength=10)
    last = np.bincount(classes[-1].ravel(), minlength=10)
    assert last[5] > first[5]
    assert last[1] > first[1]
    assert last[7] > first[7] == 0


def test_farms_towns_and_woods_only_grow_where_nothing_overrides_them(field):
    first, last = field.cube.land_cover.values[[0, -1]]
    for code, later in ((5, {5, 7, 8, 9}), (1, {1, 5, 7, 8, 9}), (4, {4})):
        assert set(np.unique(last[first == code])) <= later


def test_no_farms_in_the_reserve(field):
    import shapely

    x, y = np.meshgrid(field.cube.x, field.cube.y)
    reserve = shapely.contains_xy(field.protected.geometry.iloc[0], x, y)
    assert not (field.cube.land_cover.values[:, reserve] == 1).any()


def test_the_year_of_loss_is_the_first_and_only_losses_count():
    def lost(pit, dump, built, bank=50.0):
        cells = [np.full((1, 1), year, dtype="uint16") for year in (pit, dump, built)]
        return int(disturbed(*cells, np.full((1, 1), bank, dtype="float32"))[0, 0])

    assert lost(0, 0, 0) == 0
    assert lost(2010, 2012, 0) == 2010
    assert lost(2010, 0, 2007) == 2007
    assert lost(0, 0, 2007, bank=-1.0) == 0
    assert lost(0, 0, 2000) == 0
    assert lost(2010, 0, 2000) == 0


def test_the_map_agrees_with_the_year_of_loss(field):
    lost = field.truth.disturbance_year.values
    restored = field.truth.restoration_year.values
    for year, classes in zip(
        field.cube.date.dt.year.values, field.cube.land_cover.values, strict=True
    ):
        gone = (lost > 0) & (lost <= year)
        assert np.isin(classes[gone], (5, 7, 8, 9)).all()
        mined = np.isin(classes, (7, 8))
        assert ((lost[mined] > 0) | (classes[mined] == 7)).all()
        np.testing.assert_array_equal(classes == 9, (restored > 0) & (restored <= year))
