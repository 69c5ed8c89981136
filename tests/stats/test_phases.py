"""Phases of series: lines, tests, labels, years of the turns."""

from __future__ import annotations

from itertools import groupby

import geopandas as gpd
import numpy as np
import pytest
import scipy.stats
import shapely
import xarray as xr

import mineeco_xr as mx
from mineeco_xr.errors import ParameterError, SchemaError
from mineeco_xr.stats.phase_fit import fit_lines, two_sided_p
from mineeco_xr.testing import assert_chunk_invariant, with_grid

YEARS = np.arange(2001, 2025)
LOSS = np.r_[np.full(6, 0.8), 0.55, 0.4, 0.25, np.full(5, 0.05), 0.3, 0.45, 0.6, np.full(7, 0.65)]


def table(*columns, **options):
    values = np.array(columns, dtype="float64")
    return xr.DataArray(values, dims=("zone", "time"), name="wue",
                        coords={"time": YEARS[: values.shape[1]]}, **options)  # fmt: skip


def noisy(seed=0, sd=0.02):
    return LOSS + np.random.default_rng(seed).normal(0, sd, LOSS.size)


def test_a_history_is_told():
    found = mx.phases(table(noisy(), LOSS[::-1]), flat=0.01).isel(zone=0)
    rows = mx.phase_table(found)
    assert rows["label"].tolist() == ["stable", "decline", "stable", "recovery", "stable"]
    assert rows["start"].tolist() == [2001, 2007, 2010, 2015, 2018]
    assert rows["end"].tolist() == [2006, 2009, 2014, 2017, 2024]
    assert found["phases"].item() == 5
    assert found["decline_start"].item() == 2007
    assert found["recovery_start"].item() == 2015
    assert abs(found["stable_start"].item() - 2018) <= 1
    assert found["r2"].item() > 0.99


def test_slopes_and_p_are_those_of_one_joint_regression():
    y, when = noisy(), YEARS - 2001.0
    found = mx.phases(table(y)).isel(zone=0)
    count = int(found["phases"])
    places = [np.searchsorted(YEARS, found[name].values[:count]) for name in ("start", "end")]
    design = np.zeros((24, 2 * count))
    for k, (a, b) in enumerate(zip(*places, strict=True)):
        design[a : b + 1, 2 * k] = 1
        design[a : b + 1, 2 * k + 1] = when[a : b + 1]
    solution, squares = np.linalg.lstsq(design, y, rcond=None)[:2]
    spread = np.linalg.inv(design.T @ design) * squares[0] / (24 - 2 * count)
    slope, error = solution[1::2], np.sqrt(np.diag(spread))[1::2]
    p = 2 * scipy.stats.t.sf(np.abs(slope / error), 24 - 2 * count)
    np.testing.assert_allclose(found["slope"][:count], slope, rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(found["p"][:count], p, rtol=1e-6)
    assert found["rmse"].item() == pytest.approx(np.sqrt(squares[0] / 24), rel=1e-9)
    parameters = 3 * count - 1
    bic = 24 * np.log(squares[0] / 24) + parameters * np.log(24)
    assert found["bic"].item() == pytest.approx(bic, rel=1e-9)
    means = [y[a : b + 1].mean() for a, b in zip(*places, strict=True)]
    np.testing.assert_allclose(found["mean"][:count], means, rtol=1e-12)


def test_one_line_is_ordinary_regression():
    y = np.random.default_rng(3).normal(size=24) + 0.1 * np.arange(24)
    peer = scipy.stats.linregress(np.arange(24), y)
    for continuous in (False, True):
        found = mx.phases(table(y), breaks=0, continuous=continuous).isel(zone=0, phase=0)
        assert found["slope"].item() == pytest.approx(peer.slope, rel=1e-10)
        assert found["p"].item() == pytest.approx(peer.pvalue, rel=1e-8)
        assert found["r2"].item() == pytest.approx(peer.rvalue**2, rel=1e-10)


def test_the_error_of_a_jump():
    rng = np.random.default_rng(4)
    when, vertices = np.arange(14.0), np.array([0.0, 5, 6, 13])
    steps, errors = [], []
    for _ in range(3000):
        fit = fit_lines(rng.normal(0, 0.1, 14), when, vertices, continuous=False)
        steps.append(fit.step[1])
        errors.append(fit.step_error[1] ** 2)
    assert np.mean(errors) == pytest.approx(np.var(steps), rel=0.1)
    p = two_sided_p(np.array(steps), np.sqrt(errors), 10)
    assert (p < 0.05).mean() == pytest.approx(0.05, abs=0.015)


def test_labels_of_rises_and_jumps():
    rise = np.r_[np.full(8, 0.2), 0.2 + 0.05 * np.arange(1, 9), np.full(8, 0.6)]
    drop = np.r_[np.full(12, 0.8), np.full(12, 0.3)]
    wobble = np.random.default_rng(5).normal(0, 0.005, 24)
    found = mx.phases(table(rise + wobble, drop + wobble, np.full(24, 0.5)))
    rows = mx.phase_table(found).groupby("zone")["label"]
    words = {zone: [word for word, _ in groupby(labels)] for zone, labels in rows}
    assert words[0] == ["stable", "increase", "stable"]
    assert words[1] == ["stable"]
    assert words[2] == ["stable"]
    assert found["decline_start"].values.tolist() == [0, 2013, 0]
    assert found["recovery_start"].values.tolist() == [0, 0, 0]
    assert np.isnan(found["r2"].values[2])


def test_a_return_that_follows_the_loss_at_once():
    y = np.r_[np.full(10, 0.8), 0.2 + 0.05 * np.arange(8), np.full(6, 0.6)]
    noise = np.random.default_rng(6).normal(0, 0.005, 24)
    found = mx.phases(table(y + noise), flat=0.02).isel(zone=0)
    labels = [word for word, _ in groupby(mx.phase_table(found)["label"])]
    assert labels == ["stable", "recovery", "stable"]
    assert found["decline_start"].item() == 2011
    assert found["recovery_start"].item() == 2012
    assert abs(found["stable_start"].item() - 2019) <= 1


def test_gaps_and_zones_without_enough_dates():
    y = noisy()
    y[[4, 11]] = np.nan
    few = np.where(np.arange(24) < 5, y, np.nan)
    found = mx.phases(table(y, few))
    assert found["decline_start"].values.tolist() == [2007, 0]
    assert found["phases"].values.tolist()[1] == 0
    assert found["slope"].isel(zone=1).isnull().all()
    assert (found["label"].isel(zone=1) == 0).all()


@pytest.mark.parametrize("continuous", [False, True])
def test_lazy_tables_give_the_same_bits(continuous):
    data = table(*(noisy(seed) for seed in range(5)))
    for chunks in ({"zone": 2, "time": 7}, {"zone": (1, 4)}):
        assert_chunk_invariant(mx.phases, data, chunks=chunks, continuous=continuous)


def test_zones_of_a_raster():
    values = (LOSS[:, None, None] + np.zeros((24, 4, 6))).astype("float32")
    values[:, :, 3:] = 0.7
    weather = 1 + 0.2 * np.sin(np.arange(24) * 2.1)
    raster = with_grid(values * weather[:, None, None].astype("float32"), name="wue",
                       units="gC m-2 mm-1")  # fmt: skip
    box = raster.mine.grid.boundingbox
    middle = (box.left + box.right) / 2
    halves = [shapely.box(box.left, box.bottom, middle, box.top),
              shapely.box(middle, box.bottom, box.right, box.top)]  # fmt: skip
    zones = gpd.GeoDataFrame({"name": ["dump", "ring"]}, geometry=halves, crs="EPSG:32650")
    found = raster.mine.phases(zones, name="name", reference="ring")
    lazy = raster.chunk(y=1, x=5).mine.phases(zones, name="name", reference="ring")
    assert lazy["slope"].chunks is not None
    for name in found:
        np.testing.assert_array_equal(lazy[name], found[name])
    dump = found.sel(zone="dump")
    assert [dump[f"{turn}_start"].item() for turn in ("decline", "recovery")] == [2007, 2015]
    assert found["slope"].attrs["units"] == "yr-1"
    table_ = found.mine.phase_table()
    assert table_["zone"].tolist()[-1] == "ring"
    plain = raster.mine.phases(zones, name="name")
    assert plain["slope"].attrs["units"] == "gC m-2 mm-1 yr-1"


def test_bad_input():
    data = table(noisy())
    with pytest.raises(SchemaError, match="has 5 dates; phases need 6"):
        mx.phases(data.isel(time=slice(5)))
    with pytest.raises(SchemaError, match="phases need 20"):
        mx.phases(data.isel(time=slice(19)), breaks=3, min_length=5)
    with pytest.raises(ParameterError, match="9 breaks"):
        mx.phases(data, max_breaks=9)
    with pytest.raises(ParameterError, match="at least 2 dates"):
        mx.phases(data, min_length=1)
    with pytest.raises(ParameterError, match="alpha is 0"):
        mx.phases(data, alpha=0)
    with pytest.raises(ParameterError, match="flat is -1"):
        mx.phases(data, flat=-1)
    with pytest.raises(ParameterError, match="settled is 2"):
        mx.phases(data, settled=2)
    with pytest.raises(ParameterError, match="give the zones"):
        mx.phases(with_grid(np.ones((8, 2, 2))))
    with pytest.raises(ParameterError, match="'ring' is no zone"):
        mx.phases(data, reference="ring")
    with pytest.raises(SchemaError, match="no dim 'time'"):
        mx.phases(data.rename(time="year"))
    with pytest.raises(SchemaError, match="expected calendar years"):
        mx.phases(data.assign_coords(time=np.arange(24)))
    with pytest.raises(SchemaError, match="the dataset lacks"):
        mx.phase_table(xr.Dataset())


def test_the_planted_phases_of_the_coalfield():
    """The years of the zones' histories, from the true efficiency over that of the reference.

    The defaults were chosen with this seed in view; the seed of the next test had no part in it.
    """
    field = mx.coalfield(96)
    found = mx.phases(
        mx.wue_zonal(field.truth.npp, field.truth.et, field.zones, name="name")["wue"].compute(),
        reference="reference",
    )
    planted = field.zones.set_index("name")
    checked = 0
    for turn, column in (
        ("decline_start", "disturbance_start"),
        ("recovery_start", "restoration_start"),
        ("stable_start", "stable_start"),
    ):
        for zone, year in planted[column].items():
            seen = year if 0 < year <= 2024 else 0
            year_found = int(found[turn].sel(zone=zone))
            assert (year_found > 0) == (seen > 0), (zone, turn, year_found, seen)
            assert abs(year_found - seen) <= 1, (zone, turn, year_found, seen)
            checked += seen > 0
    assert checked == 12


def test_the_turns_of_a_coalfield_that_the_defaults_never_saw():
    field = mx.coalfield(96, seed=12)
    table_ = mx.wue_zonal(field.truth["npp"], field.truth["et"], field.zones, name="name")
    found = mx.phases(table_["wue"].compute(), reference="reference")
    planted = field.zones.set_index("name")
    for turn, column in (("decline", "disturbance_start"), ("recovery", "restoration_start")):
        for zone, year in planted[column].items():
            assert abs(int(found[f"{turn}_start"].sel(zone=zone)) - year) <= 1, (zone, turn)
