import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from mineeco_xr.synthetic.frame import make_frame
from mineeco_xr.synthetic.mining import draw_sites
from mineeco_xr.synthetic.scene import draw_scene


def inside(field, name):
    zone = field.zones.set_index("name").geometry[name]
    x, y = np.meshgrid(field.cube.x, field.cube.y)
    return shapely.contains_xy(zone, x, y)


def series(field, name, variable):
    return field.truth[variable].values[:, inside(field, name)].mean(axis=1)


def test_zones_do_not_overlap_and_have_their_years(field):
    zones = field.zones
    names = zones["name"].tolist()
    assert names[0] == "pit"
    assert {"inner_dump", "outer_dump_north", "outer_dump_south", "reference"} < set(names)
    for first in range(len(zones)):
        for second in range(first):
            shared = zones.geometry.iloc[first].intersection(zones.geometry.iloc[second]).area
            assert shared < 1.0
    dumps = zones[zones.kind.str.endswith("dump")]
    assert (dumps.disturbance_start <= dumps.disposal_start).all()
    assert (dumps.disposal_start < dumps.disposal_end).all()
    assert (dumps.disposal_end < dumps.restoration_start).all()
    assert (dumps.restoration_end < dumps.stable_start).all()


def test_the_years_of_the_zones_are_those_of_their_cells(field):
    lost, restored = field.truth.disturbance_year.values, field.truth.restoration_year.values
    for zone in field.zones[field.zones.kind != "reference"].itertuples():
        cells = inside(field, zone.name)
        years = lost[cells & (lost > 0)]
        assert (lost[cells] > 0).mean() > 0.98, zone.name
        assert zone.disturbance_start <= years.min() <= zone.disturbance_start + 1
        assert zone.disturbance_end - 1 <= years.max() <= zone.disturbance_end
        planted = restored[cells]
        if zone.restoration_start:
            assert planted.min() == zone.restoration_start
            assert planted.max() == zone.restoration_end
        else:
            assert (planted == 0).all()
    assert (lost[inside(field, "reference")] == 0).all()


def test_cover_falls_in_the_year_of_loss_and_returns_after_restoration(field):
    cover = field.truth.vegetation_cover.values
    years = np.array(field.years)
    lost, restored = field.truth.disturbance_year.values, field.truth.restoration_year.values
    grass = field.cube.land_cover.values[0] == 3
    mined = inside(field, "pit") | (restored > 0)
    cells = grass & mined & (lost > years[0]) & (lost <= years[-1])
    assert cells.sum() > 100
    drops = np.diff(cover[:, cells], axis=0)
    assert (years[1:][drops.argmin(axis=0)] == lost[cells]).mean() > 0.99
    back = (restored > 0) & (restored <= years[-1] - 6)
    index = restored[back] - years[0]
    before, after = (
        np.take_along_axis(cover[:, back], i[None], 0)[0] for i in (index - 1, index + 5)
    )
    assert (before < 0.05).all()
    assert (after > 0.12).all()


def test_recovery_saturates_below_the_undisturbed_level(field):
    zones = field.zones.set_index("name")
    years = np.array(field.years)
    undisturbed = series(field, "reference", "vegetation_cover")
    for name in ("outer_dump_west", "outer_dump_north", "outer_dump_south"):
        if name not in zones.index:
            continue
        cover = series(field, name, "vegetation_cover")
        start, stable = zones.loc[name, ["restoration_start", "stable_start"]]
        rising = cover[(years >= start) & (years <= stable)]
        assert rising[-1] > 4 * rising[0] or rising[-1] - rising[0] > 0.1
        assert cover[years >= stable].std() < 0.25 * rising[-1]
        assert cover[-1] < undisturbed[-1] * 1.3


def test_wue_of_a_dump_declines_recovers_and_stays(field):
    zones = field.zones.set_index("name")
    years = np.array(field.years)
    for name in zones.index[zones.kind == "outer_dump"]:
        npp, et = (series(field, name, variable) for variable in ("npp", "et"))
        wue = npp / et
        zone = zones.loc[name]
        before = wue[years < zone.disposal_start].mean()
        low = wue[(years > zone.disposal_end) & (years < zone.restoration_start)].mean()
        later = wue[years >= zone.stable_start]
        assert low < 0.3 * before
        assert 2 * low < later.mean() < 1.05 * before
        assert later.std() < 0.2 * later.mean()


@given(st.integers(0, 5), st.integers(0, 22))
def test_the_area_of_the_pit_grows_evenly(seed, passed):
    pit = draw_sites(make_frame((256, 256), 30.0, seed), seed)[0]
    edge = np.sqrt(passed / 22)
    assert pit.pit_year(np.array(edge * (1 + 1e-9))) == 2003 + passed
    assert passed == 0 or pit.pit_year(np.array(edge * (1 - 1e-9))) == 2002 + passed


@pytest.mark.parametrize("seed", range(8))
def test_dumps_and_pit_keep_apart(seed):
    site = draw_scene((512, 512), 30.0, seed).sites[0]
    shapes = [shapely.Polygon(site.pit.outline())]
    shapes += [shapely.Polygon(dump.outline.outline()) for dump in site.dumps if not dump.inner]
    for first in range(len(shapes)):
        for second in range(first):
            assert not shapes[first].intersects(shapes[second])
    inner = shapely.Polygon(site.dumps[-1].outline.outline())
    assert shapes[0].contains(inner)


def test_mines_and_panels_carry_what_the_systems_need(field):
    mines = field.mines
    assert set(mines.method) == {"open_pit", "underground"}
    assert set(mines.state) == {"producing", "abandoned"}
    assert set(mines.mine_type) == {"coal", "metal", "building_material"}
    assert mines.mine_id.is_unique
    panels = field.panels
    permit = mines.set_index("mine_id").geometry[panels.mine_id.iloc[0]]
    assert panels.within(permit).all()
    assert (panels.end > panels.start).all()
    assert panels.start.is_monotonic_increasing
    np.testing.assert_allclose(panels.area, panels.strike_length * panels.dip_length, rtol=1e-9)
    down = panels[panels.panel_id % 2 == 1]
    along = np.radians(down.azimuth + 90)
    distance = down.centroid.x * np.sin(along) + down.centroid.y * np.cos(along)
    slope = np.polyfit(distance, down.depth, 1)[0]
    np.testing.assert_allclose(slope, np.tan(np.radians(down.dip.iloc[0])), rtol=1e-6)


def test_a_rectangle_lies_along_its_azimuth(field):
    for panel in field.panels.itertuples():
        corners = shapely.get_coordinates(panel.geometry)
        east, north = corners[1] - corners[0]
        assert np.hypot(east, north) == pytest.approx(panel.strike_length)
        turn = np.degrees(np.arctan2(east, north)) - panel.azimuth
        assert abs(np.sin(np.radians(turn))) < 1e-6
