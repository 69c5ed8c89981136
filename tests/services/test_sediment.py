"""The sediment model: against loops over cells, for any chunking, and its conventions."""

from graphlib import TopologicalSorter

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import mineeco_xr as mx
from mineeco_xr.errors import GridMismatch, ParameterError, SchemaError, UnitError
from mineeco_xr.terrain import multiple
from mineeco_xr.testing import assert_chunk_invariant, assert_lazy, chunkings, with_grid

TABLE = pd.DataFrame(
    {
        "lucode": [1, 2, 5],
        "usle_c": [0.003, 0.2, 0.0],
        "usle_p": [1.0, 0.6, 0.5],
        "name": list("abc"),
    }
)
ROWS = (0, -1, -1, -1, 0, 1, 1, 1)
COLUMNS = (1, 1, 0, -1, -1, -1, 0, 1)


def layers(shape, seed=0, *, absent=0.05, whole_metres=False):
    rng = np.random.default_rng(seed)
    rows, columns = np.indices(shape)
    z = 200 - 3.0 * columns - rows + rng.normal(0, 4, shape)
    z = np.round(z) if whole_metres else z
    z[rng.random(shape) < absent] = np.nan
    classes = rng.choice([1, 2, 5, 255], shape, p=[0.4, 0.4, 0.17, 0.03]).astype("uint8")
    return (
        with_grid(z, name="dem", units="m"),
        with_grid(classes, name="lulc").assign_attrs(_FillValue=np.uint8(255)),
        with_grid(rng.uniform(800, 2000, shape).astype("f4"), name="r",
                  units="MJ mm ha-1 h-1 yr-1"),
        with_grid(rng.uniform(0.01, 0.05, shape).astype("f4"), name="k",
                  units="t ha h MJ-1 ha-1 mm-1"),
    )  # fmt: skip


def receivers(direction, method, i, j):
    """Cells that one cell flows into and the share of each, those outside as None."""
    code = int(direction[i, j])
    if method == "d8":
        found = [(code, 1)] if code < 8 else []
    else:
        found = [(k, code >> 4 * k & 15) for k in range(8) if code >> 4 * k & 15]
    for k, share in found:
        n = (i + ROWS[k], j + COLUMNS[k])
        inside = 0 <= n[0] < direction.shape[0] and 0 <= n[1] < direction.shape[1]
        yield (n if inside else None), share


def oracle(dem, lulc, r, k, *, threshold, method, steps):
    """The whole model by loops, over directions and streams that have tests of their own."""
    table = TABLE.set_index("lucode")
    valid = np.isfinite(dem.values) & (lulc.values != 255)
    filled = mx.fill_pits(dem.where(valid))
    direction = mx.flow_direction(filled, method)
    n = mx.flow_accumulation(direction).values
    river = mx.streams(
        mx.flow_accumulation(direction), threshold, direction if method == "mfd" else None
    ).values
    slope = mx.slope(filled).values / 100
    codes = np.where(valid, lulc.values, 1)
    c, p = (table[name].loc[codes.ravel()].to_numpy().reshape(codes.shape)
            for name in ("usle_c", "usle_p"))  # fmt: skip
    w, s = np.maximum(c, 0.001), np.clip(slope, 0.005, 1)
    cells = list(zip(*np.nonzero(valid), strict=True))
    ways = {cell: list(receivers(direction.values, method, *cell)) for cell in cells}
    down = {cell: [(m, q) for m, q in ways[cell] if m is None or valid[m]] for cell in cells}
    total = {cell: sum(q for _, q in ways[cell]) for cell in cells}
    graph = {cell: {m for m, _ in down[cell] if m is not None} for cell in cells}
    order = list(TopologicalSorter(graph).static_order())[::-1]
    sums = []
    for field in (w, s):
        sums.append(field.copy())
        for cell in order:
            for m, q in down[cell]:
                if m is not None:
                    sums[-1][m] += sums[-1][cell] * q / total[cell]
    way = np.full(n.shape, np.nan)
    for cell in reversed(order):
        if river[cell] == 1:
            way[cell] = 0
            continue
        found = [(m, q) for m, q in down[cell] if m is not None and np.isfinite(way[m])]
        if found:
            weigh = 1 / (w * s)
            way[cell] = sum(
                q * (steps(cell, m) * weigh[m if method == "mfd" else cell] + way[m])
                for m, q in found
            ) / sum(q for _, q in found)
    with np.errstate(divide="ignore", invalid="ignore"):
        ic = np.log10(sums[0] / n * sums[1] / n * np.sqrt(n * 900) / way)
        sdr = np.where(river == 1, 1.0, 0.8 / (1 + np.exp((0.5 - ic) / 2)))
    angle = np.arctan(slope)
    sine = np.sin(angle)
    beta = sine / 0.0896 / (3 * sine**0.8 + 0.56)
    m = np.select(
        [slope > 0.09, slope > 0.05, slope > 0.035, slope > 0.01],
        [beta / (1 + beta), 0.5, 0.4, 0.3], 0.2,
    )  # fmt: skip
    above = np.sqrt((n - 1) * 900)
    length = ((above + 900) ** (m + 1) - above ** (m + 1)) / (
        30 ** (m + 2) * (sine + np.cos(angle)) ** m * 22.13**m
    )
    ls = np.minimum(length, 122) * np.where(slope < 0.09, 10.8 * sine + 0.03, 16.8 * sine - 0.5)
    rkls = np.where(river == 1, np.nan, ls * r.values * k.values)
    usle = rkls * c * p
    flux = np.zeros(n.shape)
    trapped = np.full(n.shape, np.nan)
    for cell in order:
        inflow, flux[cell] = flux[cell], 0.0
        if np.isnan(sdr[cell]):
            continue
        below = sum(q * np.nan_to_num(sdr[k]) for k, q in down[cell] if k is not None)
        share = 1.0 if sdr[cell] == 1 else max(0, below / total[cell] - sdr[cell]) / (1 - sdr[cell])
        trapped[cell] = share * inflow
        out = (1 - share) * inflow + (0 if river[cell] == 1 else usle[cell] * (1 - sdr[cell]))
        for k, q in down[cell]:
            if k is not None:
                flux[k] += out * q / total[cell]
    return {
        "rkls": rkls, "usle": usle, "sdr": sdr, "sediment_export": usle * sdr,
        "sediment_deposition": trapped, "avoided_erosion": rkls - usle,
        "avoided_export": (rkls - usle) * sdr + trapped, "ls_factor": np.where(valid, ls, np.nan),
        "sediment_retention": (rkls - usle) * sdr / 0.8 * 0.09,
    }  # fmt: skip


STEPS = {
    "metres": lambda a, b: 30 * np.hypot(a[0] - b[0], a[1] - b[1]),
    "pixels": lambda a, b: 1.0,
}


@pytest.mark.parametrize("method", ["d8", "mfd"])
@pytest.mark.parametrize("length", ["metres", "pixels"])
def test_equals_loops_over_cells(method, length):
    given_layers = layers((14, 17), seed=3)
    made = mx.sediment(*given_layers, TABLE, threshold=12, method=method, flow_length=length)
    expected = oracle(*given_layers, threshold=12, method=method, steps=STEPS[length])
    for name, values in expected.items():
        np.testing.assert_allclose(
            made[name].values, values, rtol=2e-5, atol=1e-6, err_msg=name, equal_nan=True
        )
    assert (expected["sediment_deposition"][np.isfinite(expected["usle"])] > 0).any()


def in_metres(seed, chunks, **options):
    kwargs = {"threshold": 8, **options}
    found = layers((13, 15), seed=seed, whole_metres=True)
    assert_chunk_invariant(mx.sediment, *found, chunks=chunks, biophysical=TABLE, relative=2e-6,
                           **kwargs)  # fmt: skip


@settings(max_examples=12)
@given(st.integers(0, 99), chunkings((13, 15)), st.sampled_from(["d8", "mfd"]))
def test_any_chunking_that_cuts_pits_and_plateaus_gives_the_same(seed, chunks, method):
    in_metres(seed, chunks, method=method)


def test_blocks_in_rounds_give_the_same(monkeypatch):
    monkeypatch.setattr(multiple, "fits_in_memory", lambda *_: False)
    found = layers((13, 15), seed=5, whole_metres=True)
    assert_chunk_invariant(
        mx.sediment, *found, chunks={"y": (6, 7), "x": (8, 7)}, biophysical=TABLE, threshold=8,
        relative=2e-6, lazy=False,
    )  # fmt: skip


@pytest.mark.parametrize("method", ["d8", "mfd"])
def test_years_come_out_as_each_year_alone(method):
    dem, lulc, r, k = layers((12, 12), seed=1)
    other = layers((12, 12), seed=2)[1]
    years = xr.concat([lulc, other], "time").assign_coords(time=[2001, 2005])
    years = years.assign_attrs(lulc.attrs)
    made = mx.sediment(dem, years, r, k, TABLE, threshold=8, method=method)
    for year, alone in ((2001, lulc), (2005, other)):
        single = mx.sediment(dem, alone, r, k, TABLE, threshold=8, method=method)
        for name in single.data_vars:
            found = made[name].sel(time=year) if "time" in made[name].dims else made[name]
            np.testing.assert_array_equal(found.values, single[name].values, err_msg=name)


def test_building_reads_nothing_and_a_part_can_be_taken():
    found = [layer.chunk({"y": 7, "x": 6}) for layer in layers((14, 12))]
    made = assert_lazy(mx.sediment, *found, TABLE, threshold=8, method="d8")
    assert made["usle"].attrs["units"] == "t ha-1 yr-1"
    assert made["usle"].dtype == np.float32
    assert made["usle"].compute().notnull().any()


def test_rasters_and_numbers_take_the_place_of_the_table():
    dem, lulc, r, k = layers((12, 14), seed=4)
    wanted = mx.sediment(dem, lulc, r, k, TABLE, threshold=8)
    column = TABLE.set_index("lucode")["usle_c"]
    cover = with_grid(column.reindex(lulc.values.ravel()).to_numpy("f4").reshape(lulc.shape))
    found = mx.sediment(dem, lulc, r, k, TABLE, threshold=8, usle_c=cover)
    xr.testing.assert_equal(found, wanted)
    plain = mx.sediment(dem, lulc, 1000.0, 0.03, usle_c=0.1, usle_p=1.0, threshold=8)
    np.testing.assert_allclose(plain["usle"], 0.1 * plain["rkls"], rtol=1e-6)


def test_units_are_converted():
    dem, lulc, r, k = layers((12, 14), seed=4)
    wanted = mx.sediment(dem, lulc, r, k, TABLE, threshold=8)
    kilometres = (dem / 1000).assign_attrs(units="km")
    found = mx.sediment(kilometres, lulc, r, k, TABLE, threshold=8)
    np.testing.assert_allclose(found["ls_factor"], wanted["ls_factor"], rtol=1e-3)
    with pytest.raises(UnitError, match="erosivity"):
        mx.sediment(dem, lulc, r.assign_attrs(units="mm"), k, TABLE, threshold=8)


def test_metres_lower_connectivity_by_the_cell_size_along_straight_flow():
    dem = with_grid(np.linspace(90, 50, 9) * np.ones((3, 1)), units="m")
    lulc = with_grid(np.ones((3, 9), dtype="uint8"))
    made = {
        length: mx.sediment(dem, lulc, 1.0, 1.0, TABLE, threshold=6, method="d8",
                            flow_length=length)["connectivity_index"]
        for length in ("metres", "pixels")
    }  # fmt: skip
    np.testing.assert_allclose((made["pixels"] - made["metres"])[:, :4], np.log10(30), rtol=1e-6)


def test_drainage_is_a_stream_and_watersheds_are_a_border():
    import geopandas as gpd
    import shapely

    dem, lulc, r, k = layers((12, 14), seed=4, absent=0)
    drains = xr.zeros_like(lulc).drop_attrs(deep=False)
    drains[6, 6] = 1
    made = mx.sediment(dem, lulc, r, k, TABLE, threshold=8, drainage=drains)
    assert made["streams"][6, 6] == 1
    assert made["sdr"][6, 6] == 1
    left, bottom, right, top = mx.cube.geobox_of(dem).boundingbox.bbox
    half = gpd.GeoDataFrame(
        {"ws_id": [1]},
        geometry=[shapely.box(left, bottom, (left + right) / 2, top)],
        crs="EPSG:32650",
    )
    inside = mx.sediment(dem, lulc, r, k, TABLE, threshold=8, watersheds=half)
    alone = mx.sediment(
        *(layer.isel(x=slice(7)) for layer in (dem, lulc, r, k)), TABLE, threshold=8
    )
    np.testing.assert_array_equal(inside["usle"].isel(x=slice(7)), alone["usle"])
    assert inside["usle"].isel(x=slice(7, None)).isnull().all()


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"threshold": 10_000}, ParameterError, "no cell can be a stream"),
        ({"threshold": 70}, ParameterError, "no cell is a stream: at most"),
        ({"method": "d7"}, ParameterError, "d7"),
        ({"convention": "best"}, ParameterError, "best"),
        ({"flow_length": "feet"}, ParameterError, "feet"),
        ({"sdr_max": 1.5}, ParameterError, "sdr_max"),
        ({"borselli_k": 0.0}, ParameterError, "borselli_k"),
        ({"biophysical": TABLE.iloc[:2]}, SchemaError, r"5 \(\d+ cells\)"),
        ({"biophysical": TABLE.iloc[[0, 1, 2, 2]]}, SchemaError, r"two rows of lucode \[5\]"),
        ({"biophysical": TABLE.drop(columns="usle_p")}, SchemaError, "usle_p"),
        ({"biophysical": TABLE.assign(usle_c=1.2)}, ParameterError, "usle_c of class 1"),
        ({"erosivity": -5.0}, ParameterError, "erosivity"),
    ],
)
@pytest.mark.parametrize("lazy", [False, True])
def test_bad_input_is_refused(change, error, message, lazy):
    dem, lulc, r, k = layers((8, 9), seed=4)
    options = {
        "erosivity": r,
        "erodibility": k,
        "biophysical": TABLE,
        "threshold": 8,
        "method": "d8",
    }
    options |= change
    chunks = {"y": 4, "x": 5} if lazy else None
    given_layers = {key: v.chunk(chunks) if lazy and isinstance(v, xr.DataArray) else v
                    for key, v in {"dem": dem, "lulc": lulc, **options}.items()}  # fmt: skip
    with pytest.raises(error, match=message):
        mx.sediment(**given_layers)["usle"].compute()


def test_bad_pixels_and_grids_are_refused():
    dem, lulc, r, k = layers((8, 9), seed=4)
    with pytest.raises(ParameterError, match="erosivity has 72 cells"):
        mx.sediment(dem, lulc, -r.assign_attrs(r.attrs), k, TABLE, threshold=8)
    with pytest.raises(SchemaError, match="no outlet"):
        mx.sediment(dem * np.nan, lulc, r, k, TABLE, threshold=8)
    with pytest.raises(GridMismatch, match="lulc"):
        mx.sediment(dem, lulc.isel(x=slice(1, None)), r, k, TABLE, threshold=8)
    flat = with_grid(np.ones((8, 9)), resolution=(30, 20))
    with pytest.raises(GridMismatch, match="square"):
        mx.sediment(flat, flat.astype("uint8"), 1.0, 1.0, TABLE, threshold=8)


def test_totals_are_sums_over_the_cells_of_a_watershed(tmp_path):
    import geopandas as gpd
    import shapely

    dem, lulc, r, k = layers((12, 14), seed=4)
    made = mx.sediment(dem, lulc, r, k, TABLE, threshold=8)
    left, bottom, right, top = mx.cube.geobox_of(dem).boundingbox.bbox
    west, east = (
        shapely.box(a, bottom, b, top) for a, b in ((left, left + 150), (left + 150, right))
    )
    basins = gpd.GeoDataFrame({"ws_id": [4, 9]}, geometry=[west, east], crs="EPSG:32650")
    basins.to_file(tmp_path / "basins.shp")
    totals = mx.sediment_totals(made, tmp_path / "basins.shp")
    assert totals["zone"].values.tolist() == [4, 9]
    for name in totals.data_vars:
        sums = [float(made[name][:, part].sum()) * 0.09 for part in (slice(5), slice(5, None))]
        np.testing.assert_allclose(totals[name], sums, rtol=1e-6)
        assert totals[name].attrs["units"] == "t yr-1"
    away = basins.set_geometry(basins.translate(1e6))
    with pytest.raises(GridMismatch):
        mx.sediment_totals(made, away)
    with pytest.raises(SchemaError, match="sediment makes them"):
        mx.sediment_totals(made[["sdr"]], basins)


@pytest.mark.parametrize("method", ["d8", "mfd"])
@pytest.mark.parametrize("lazy", [False, True])
def test_rain_with_dates_and_land_without_come_out_as_each_year_alone(method, lazy):
    dem, lulc, r, k = layers((12, 12), seed=1)
    other = layers((12, 12), seed=6)[2]
    rain = xr.concat([r, other], "time").assign_coords(time=[2001, 2005]).assign_attrs(r.attrs)
    given_layers = (dem, lulc, rain, k)
    if lazy:
        given_layers = tuple(layer.chunk({"y": 6, "x": 5}) for layer in given_layers)
    made = mx.sediment(*given_layers, TABLE, threshold=8, method=method).compute()
    for year, alone in ((2001, r), (2005, other)):
        single = mx.sediment(dem, lulc, alone, k, TABLE, threshold=8, method=method)
        for name in ("rkls", "usle", "sediment_export", "sediment_deposition"):
            found = made[name].sel(time=year)
            np.testing.assert_allclose(found, single[name], rtol=2e-6, err_msg=name)
