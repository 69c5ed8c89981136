import numpy as np
import pytest
import shapely

from mineeco_xr.synthetic.scene import draw_scene


@pytest.mark.parametrize(("shape", "seed"), [((512, 512), 0), ((90, 400), 1), ((400, 90), 2)])
def test_beds_fall_all_the_way_down(shape, seed):
    scene = draw_scene(shape, 30.0, seed)
    stem = scene.rivers[0]
    for river in scene.rivers:
        assert (np.diff(river.bed) < 0).all(), river.name
        if river is not stem:
            ends = {tuple(point) for other in scene.rivers for point in other.points}
            assert tuple(river.points[-1]) in ends


def test_lines_carry_their_bed_and_an_order(field):
    for line in field.rivers.geometry:
        heights = shapely.get_coordinates(line, include_z=True)[:, 2]
        assert (np.diff(heights) < 0).all()
    orders = dict(zip(field.rivers["name"], field.rivers["order"], strict=True))
    assert orders["main_stem"] == 3
    assert set(orders.values()) <= {1, 2, 3}


def test_the_terrain_falls_along_the_main_stem(field):
    line = field.rivers.geometry.iloc[0]
    places = [line.interpolate(part) for part in np.arange(0, line.length, 120)]
    bed = np.array([place.z for place in places])
    found = [float(field.cube.elevation.sel(x=p.x, y=p.y, method="nearest")) for p in places]
    # A cell's centre lies up to 21 m up or down the stream from the point on the line.
    np.testing.assert_allclose(found, bed, atol=0.0016 * 25)


def test_channel_cells_drain_to_their_neighbours(field):
    elevation = field.cube.elevation.values
    channel = field.cube.land_cover.values[0] == 4
    padded = np.pad(elevation, 1, constant_values=np.inf)
    rows, columns = elevation.shape
    around = [
        padded[1 + i : 1 + i + rows, 1 + j : 1 + j + columns]
        for i in (-1, 0, 1)
        for j in (-1, 0, 1)
        if (i, j) != (0, 0)
    ]
    stuck = channel & (np.min(around, axis=0) >= elevation)
    stuck[[0, -1]] = stuck[:, [0, -1]] = False
    assert stuck.sum() <= 0.01 * channel.sum()


def test_nothing_lies_below_the_outlet_and_slopes_are_gentle(field):
    elevation = field.cube.elevation.values
    assert elevation.min() >= 960
    slope = np.hypot(*np.gradient(elevation, 30.0))
    assert np.quantile(slope, 0.99) < 0.35
    assert np.median(slope) > 0.005
