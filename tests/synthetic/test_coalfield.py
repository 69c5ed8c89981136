import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mineeco_xr.cube import geobox_of, parse_units
from mineeco_xr.errors import GridMismatch, ParameterError
from mineeco_xr.synthetic import coalfield
from mineeco_xr.synthetic.layers import segments_of
from mineeco_xr.synthetic.scene import draw_scene, history_block
from mineeco_xr.synthetic.terrain import terrain_block
from mineeco_xr.testing import assert_lazy

SMALL = {"size": (70, 93), "years": (2001, 2006, 2011, 2019), "seed": 11, "gaps": 0.05}


def equal(found, expected):
    for name in expected.variables:
        np.testing.assert_array_equal(found[name].values, expected[name].values, err_msg=str(name))
        assert found[name].dtype == expected[name].dtype


@pytest.fixture(scope="module")
def small():
    made = coalfield(**SMALL)
    return {part: getattr(made, part).compute() for part in ("cube", "truth", "coarse")}


@settings(max_examples=3)
@given(st.tuples(st.integers(9, 70), st.integers(9, 93)))
def test_the_layers_do_not_depend_on_chunks(small, sides):
    made = coalfield(**SMALL, chunks=sides)
    assert made.cube.red.chunksizes["y"][0] == sides[0]
    assert made.cube.red.chunksizes["x"][0] == sides[1]
    for part, expected in small.items():
        equal(getattr(made, part).compute(scheduler="synchronous"), expected)


def test_blocks_of_one_row_change_nothing(small):
    made = coalfield(**SMALL, chunks=(1, 93))
    names = ["elevation", "land_cover", "clay", "thermal"]
    equal(made.cube[names].compute(), small["cube"][names])


@pytest.fixture(scope="module")
def scene():
    return draw_scene((70, 93), 30.0, 11)


@given(
    top=st.integers(0, 69),
    left=st.integers(0, 92),
    height=st.integers(1, 70),
    width=st.integers(1, 93),
)
def test_static_blocks_equal_their_part_of_the_whole(scene, top, left, height, width):
    rows, columns = slice(top, min(top + height, 70)), slice(left, min(left + width, 93))
    whole = slice(0, 70), slice(0, 93)
    natural = {"frame": scene.frame, "segments": segments_of(scene.rivers), "seed": 11}
    for function, options in ((terrain_block, natural), (history_block, {"scene": scene})):
        expected = function(*whole, **options)[:, rows, columns]
        np.testing.assert_array_equal(function(rows, columns, **options), expected)


def test_building_reads_nothing_and_every_raster_is_lazy():
    made = assert_lazy(coalfield, 64, years=[2001, 2002])
    for part in (made.cube, made.truth, made.coarse):
        assert all(variable.chunks is not None for variable in part.data_vars.values())


def test_blocks_stay_small_whatever_the_number_of_years():
    made = coalfield((1100, 2100), years=range(2001, 2025))
    cells = np.array(made.cube.red.data.chunksize).prod()
    assert made.cube.red.data.chunksize[1:] == (1024, 1024)
    assert cells <= 2**20


def test_a_seed_gives_the_same_bits_and_the_same_graph_again():
    first, second = (coalfield(60, years=[2005], seed=4) for _ in range(2))
    assert first.cube.red.data.name == second.cube.red.data.name
    equal(first.cube.compute(), second.cube.compute())
    assert first.rivers.geometry.equals(second.rivers.geometry)


def test_seeds_differ():
    first, second = (coalfield(60, years=[2005], seed=seed).cube.compute() for seed in (1, 2))
    for name in ("elevation", "red", "precipitation", "clay"):
        assert not np.array_equal(first[name], second[name]), name


def test_a_year_does_not_depend_on_the_years_asked_for(small):
    alone = coalfield(**{**SMALL, "years": [2011], "land_cover_years": [2019]})
    equal(alone.truth.compute(), small["truth"].isel(time=[2]))
    cube = alone.cube.compute()
    equal(cube.drop_dims("date"), small["cube"].drop_dims("date").isel(time=[2]))
    np.testing.assert_array_equal(cube.land_cover[0], small["cube"].land_cover[-1])


def test_the_lazy_cube_survives_pickling(small):
    made = coalfield(**SMALL)
    equal(pickle.loads(pickle.dumps(made.truth)).compute(), small["truth"])


def test_every_variable_says_what_it_is(field):
    for part in (field.cube, field.truth, field.coarse):
        assert "coalfield" in part.attrs["history"]
        assert geobox_of(part).crs is not None
        for name, variable in part.data_vars.items():
            assert variable.attrs["long_name"], name
            if variable.dtype.kind == "f":
                assert variable.dtype == "float32"
                parse_units(variable.attrs["units"])
            else:
                assert variable.attrs["_FillValue"] == 0
    flags = field.cube.land_cover.attrs
    assert len(flags["flag_values"]) == len(flags["flag_meanings"].split()) == 9
    assert geobox_of(field.cube) == geobox_of(field.truth) == field.grid
    assert np.issubdtype(field.cube.time.dtype, np.datetime64)


def test_values_lie_in_their_ranges(field):
    cube, truth = field.cube, field.truth
    for band in ("blue", "green", "red", "nir", "swir1", "swir2"):
        values = cube[band].values
        assert np.nanmin(values) > 0
        assert np.nanmax(values) < 0.6
    for layer, low, high in (
        (cube.thermal, 285, 330),
        (cube.precipitation, 150, 450),
        (cube.temperature, -2, 8),
        (cube.reference_evapotranspiration, 750, 1050),
        (cube.soil_depth, 300, 1500),
        (cube.clay, 5, 40),
        (cube.sand, 30, 85),
        (cube.plant_available_water, 0.05, 0.25),
        (truth.npp, 0, 600),
        (truth.et, 120, 650),
        (truth.vegetation_cover, 0.01, 0.97),
    ):
        assert low <= float(layer.min()), layer.name
        assert float(layer.max()) <= high, layer.name
    assert float((cube.clay + cube.sand).max()) < 100
    green = truth.wue.where(truth.vegetation_cover > 0.3)
    assert 0.2 < float(green.min()) < float(green.max()) < 2
    np.testing.assert_allclose(truth.wue, truth.npp / truth.et, rtol=1e-6)


def test_gaps_have_their_share_and_hide_all_bands():
    made = coalfield(300, years=range(2001, 2007), gaps=0.2).cube[["red", "nir", "thermal"]]
    made = made.compute()
    hidden = np.isnan(made.red.values)
    assert abs(hidden.mean() - 0.2) < 0.03
    np.testing.assert_array_equal(hidden, np.isnan(made.nir.values))
    np.testing.assert_array_equal(hidden, np.isnan(made.thermal.values))
    assert not np.array_equal(hidden[0], hidden[1])
    clear = coalfield(60, years=[2001], gaps=0).cube.red
    assert not np.isnan(clear.values).any()


def test_vectors_lie_in_the_extent_and_its_reference_system(field):
    box = field.grid.boundingbox
    for name in ("rivers", "roads", "settlements", "mines", "zones", "panels", "protected"):
        frame = getattr(field, name)
        assert len(frame) > 0
        assert frame.crs == field.grid.crs.proj
        assert frame.is_valid.all(), name
        left, bottom, right, top = frame.total_bounds
        assert left >= box.left - 1e-6, name
        assert bottom >= box.bottom - 1e-6, name
        assert right <= box.right + 1e-6, name
        assert top <= box.top + 1e-6, name


@pytest.mark.parametrize("seed", range(12))
def test_every_seed_gives_a_whole_coalfield(seed):
    scene = draw_scene((512, 512), 30.0, seed)
    assert len(scene.rivers) >= 6
    assert len(scene.sites) == 1
    assert len(scene.sites[0].dumps) == 4
    points = np.concatenate([river.points for river in scene.rivers])
    assert points.min() >= 0
    assert points.max() <= 512 * 30
    assert scene.reference.radius > 200


@pytest.mark.parametrize("size", [48, (48, 300), (300, 48)])
def test_small_and_narrow_extents_work(size):
    made = coalfield(size, years=[2024], land_cover_years=[2024])
    cube = made.cube.compute()
    assert {4, 5, 7, 9} <= set(np.unique(cube.land_cover))
    assert np.isfinite(made.truth.npp.compute()).all()


def test_another_resolution_samples_the_same_landscape():
    fine = coalfield(180, resolution=10.0, years=[2010], seed=6)
    coarse = coalfield(60, resolution=30.0, years=[2010], seed=6)
    middle = fine.cube.elevation[1::3, 1::3].compute()
    found = coarse.cube.elevation.compute()
    np.testing.assert_allclose(middle.x, found.x)
    # Only the least width of a channel follows the cells.
    assert np.isclose(middle.values, found.values, rtol=1e-6).mean() > 0.9
    np.testing.assert_allclose(middle.values, found.values, atol=2)


def test_a_large_extent_has_more_mines_rivers_and_villages():
    scene = draw_scene((3000, 3000), 30.0, 2)
    names = [dump.name for site in scene.sites for dump in site.dumps]
    assert len(scene.sites) > 1
    assert len(names) == len(set(names))
    assert len(scene.rivers) > 12
    assert len(scene.settlements) > 12


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 20}, "at least 48"),
        ({"resolution": 0.0}, "resolution"),
        ({"years": []}, "years are"),
        ({"years": [2005, 2004]}, "increasing"),
        ({"years": [1200]}, "1700"),
        ({"land_cover_years": [2003, 2003]}, "land_cover_years"),
        ({"gaps": 0.95}, "gaps"),
        ({"chunks": 0}, "chunks"),
    ],
)
def test_wrong_parameters_are_refused(options, message):
    with pytest.raises(ParameterError, match=message):
        coalfield(**{"size": 64, **options})


def test_a_grid_in_degrees_is_refused():
    with pytest.raises(GridMismatch, match="metres"):
        coalfield(64, crs="EPSG:4326", resolution=0.001, origin=(116.0, 44.0))
