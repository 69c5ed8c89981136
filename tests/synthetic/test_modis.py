import numpy as np
import pytest
import shapely
from pyproj import Transformer

from mineeco_xr.cube import decode_modis, geobox_of
from mineeco_xr.errors import ParameterError, SchemaError
from mineeco_xr.synthetic import modis_grid, write_modis_tiles
from mineeco_xr.synthetic.modis import CELL, SINUSOIDAL, UPPER_LEFT


@pytest.fixture(scope="module")
def coarse(field):
    return field.coarse.compute()


def footprint(grid, row, column, crs):
    """Return the outline of a coarse cell on the fine grid."""
    left, top = UPPER_LEFT
    left = grid.affine.c + column * CELL
    top = grid.affine.f - row * CELL
    side = np.linspace(0, CELL, 9)
    x = np.concatenate([left + side, np.full(9, left + CELL), left + side[::-1], np.full(9, left)])
    y = np.concatenate([np.full(9, top), top - side, np.full(9, top - CELL), top - side[::-1]])
    return shapely.Polygon(
        np.column_stack(Transformer.from_crs(SINUSOIDAL, crs, always_xy=True).transform(x, y))
    )


def test_the_grid_is_aligned_with_the_global_one_and_covers_the_extent(field):
    grid = modis_grid(tuple(field.grid.boundingbox), field.grid.crs)
    for corner, origin in ((grid.affine.c, UPPER_LEFT[0]), (grid.affine.f, UPPER_LEFT[1])):
        cells = (corner - origin) / CELL
        assert cells == pytest.approx(round(cells), abs=1e-6)
    assert grid.affine.a == -grid.affine.e == CELL
    east = Transformer.from_crs(field.grid.crs, SINUSOIDAL, always_xy=True)
    box = field.grid.boundingbox
    x, y = east.transform([box.left, box.right] * 2, [box.bottom] * 2 + [box.top] * 2)
    left, bottom, right, top = grid.boundingbox
    assert left <= min(x) <= max(x) <= right
    assert bottom <= min(y) <= max(y) <= top


def test_cells_have_a_value_where_they_lie_whole_inside(field, coarse):
    grid = geobox_of(coarse)
    box = shapely.box(*field.grid.boundingbox)
    valid = np.isfinite(coarse.npp.values[0])
    for row, column in np.ndindex(*grid.shape):
        cell = footprint(grid, row, column, field.grid.crs)
        share = cell.intersection(box).area / cell.area
        if share > 1 - 1e-6:
            assert valid[row, column]
        elif share < 1 - 1e-3:
            assert not valid[row, column]
    assert valid.sum() > 40


def test_a_coarse_value_is_the_area_weighted_mean(field, coarse):
    grid = geobox_of(coarse)
    cells = np.argwhere(np.isfinite(coarse.npp.values[0]))
    for row, column in cells[:: len(cells) // 5]:
        cell = footprint(grid, row, column, field.grid.crs)
        left, bottom, right, top = cell.bounds
        window = field.truth.sel(x=slice(left - 30, right + 30), y=slice(top + 30, bottom - 30))
        x, y = np.meshgrid(window.x, window.y)
        squares = shapely.box(x - 15, y - 15, x + 15, y + 15)
        weights = shapely.area(shapely.intersection(squares, cell))
        for name in ("npp", "et", "vegetation_cover"):
            expected = (window[name].values * weights).sum(axis=(1, 2)) / weights.sum()
            found = coarse[name].values[:, row, column]
            np.testing.assert_allclose(found, expected, rtol=2e-4)


def test_water_is_a_share(field, coarse):
    share = coarse.water.values[np.isfinite(coarse.water.values)]
    assert share.min() >= 0
    assert 0.1 < share.max() <= 1
    mean = (field.cube.land_cover.values[0] == 4).mean()
    assert abs(share.mean() - mean) < 0.02


def test_tiles_come_back_through_the_decoder(coarse, tmp_path):
    import rioxarray

    years = coarse.isel(time=[0, -1])
    paths = write_modis_tiles(years, tmp_path / "tiles")
    assert [path.name for path in paths] == [
        "MOD17A3HGF.061_Npp_500m_doy2001001_aid0001.tif",
        "MOD16A3GF.061_ET_500m_doy2001001_aid0001.tif",
        "MOD17A3HGF.061_Npp_500m_doy2024001_aid0001.tif",
        "MOD16A3GF.061_ET_500m_doy2024001_aid0001.tif",
    ]
    for path, index, name, product, dtype in (
        (paths[0], 0, "npp", "MOD17A3HGF", "int16"),
        (paths[3], 1, "et", "MOD16A3GF", "uint16"),
    ):
        with rioxarray.open_rasterio(path) as opened:
            stored = opened.squeeze("band", drop=True).load()
        assert stored.dtype == dtype
        assert stored.attrs["scale_factor"] == 1.0
        assert geobox_of(stored).crs == geobox_of(coarse).crs
        np.testing.assert_allclose(stored.x, coarse.x, atol=1e-4)
        decoded = decode_modis(stored, product)
        year = years.isel(time=index)
        barren = (year.vegetation_cover < 0.15).values
        water = (year.water > 0.5).values
        seen = np.isfinite(year[name].values) & ~barren & ~water
        np.testing.assert_allclose(decoded[name].values[seen], year[name].values[seen], atol=0.0501)
        assert np.isnan(decoded[name].values[~seen]).all()


def test_the_pit_is_fill_in_the_last_year_and_not_in_the_first(coarse, tmp_path):
    import rasterio

    paths = write_modis_tiles(coarse, tmp_path)
    assert len(paths) == 48
    counts = []
    for path in (paths[0], paths[-2]):
        with rasterio.open(path) as tile:
            numbers = tile.read(1)
            assert tile.nodata == 32767
            assert tile.tags()["scale_factor"] == "0.0001"
        counts.append((numbers == 32765).sum())
        np.testing.assert_array_equal(numbers == 32767, np.isnan(coarse.npp.values[0]))
    assert counts[1] > counts[0]


def test_water_wins_over_barren(coarse, tmp_path):
    import rasterio

    year = coarse.isel(time=[0])
    paths = write_modis_tiles(year, tmp_path, barren_below=1.0, water_above=0.1)
    with rasterio.open(paths[1]) as tile:
        numbers = tile.read(1)
    assert set(np.unique(numbers)) == {65533, 65534, 65535}
    np.testing.assert_array_equal(numbers == 65534, year.water.values[0] > 0.1)


def test_wrong_input_is_refused(coarse, tmp_path):
    with pytest.raises(SchemaError, match="water"):
        write_modis_tiles(coarse.drop_vars("water"), tmp_path)
    with pytest.raises(ParameterError, match="barren_below"):
        write_modis_tiles(coarse, tmp_path, barren_below=2.0)
