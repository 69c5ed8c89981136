"""Parameters from observed movement, and the model at points behind it."""

from __future__ import annotations

import warnings

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from scipy.optimize import differential_evolution
from scipy.special import erf

import mineeco_xr as mx
from mineeco_xr.errors import GridMismatch, MineecoWarning, ParameterError, SchemaError, UnitError
from mineeco_xr.subsidence.at_points import subsidence_at
from mineeco_xr.subsidence.inversion import invert_subsidence
from mineeco_xr.subsidence.uncertainty import covariance_of, trade_offs

TRUE = {"q": 0.75, "tan_beta": 2.0, "b": 0.3, "theta0": 85.2, "s1": 20.0, "s2": 20.0,
        "s3": 20.0, "s4": 20.0}  # fmt: skip
LOS = {"incidence": 39.7, "heading": -12.0}


def mine(**columns):
    panel = {
        "name": ["1301"], "x": [0.0], "y": [0.0], "length": [900.0], "width": [600.0],
        "azimuth": [90.0], "dip": [8.0], "depth": [450.0], "thickness": [4.0], "q": [0.75],
        "tan_beta": [2.0], "b": [0.3], "theta0": [85.2], "offset": [20.0],
    }  # fmt: skip
    return pd.DataFrame({**panel, **columns})


def lattice(count, half=700.0):
    east, north = np.meshgrid(np.linspace(-half, half, count), np.linspace(-half, half, count))
    return pd.DataFrame({"x": east.ravel(), "y": north.ravel()})


def line(count=40, half=900.0):
    along = np.linspace(-half, half, count)
    return pd.DataFrame({"x": along, "y": 0.6 * along + 30.0})


def seen_by_radar(points, panels, incidence=39.7, heading=-12.0, **parameters):
    ground = subsidence_at(points, panels, output=NAMES, **parameters)
    slant, azimuth = np.radians(incidence), np.radians(heading)
    level = ground["displacement_x"] * np.cos(azimuth) - ground["displacement_y"] * np.sin(azimuth)
    return -ground["subsidence"] * np.cos(slant) - level * np.sin(slant)


NAMES = ["subsidence", "displacement_x", "displacement_y"]


def invert(*arguments, **parameters):
    """Invert, whatever is warned of."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MineecoWarning)
        return invert_subsidence(*arguments, **parameters)


@pytest.mark.parametrize("parameters", [{}, {"form": "units"}, {"time": [2002, 2004]}], ids=str)
@pytest.mark.parametrize("kind", ["rectangles", "polygons"])
def test_points_are_cells(kind, parameters):
    """The model at points is that on a grid, in every component."""
    dates = {"start": [2001, 2002], "end": [2003, 2004], "seam": ["upper", "lower"]}
    if kind == "rectangles":
        panels = pd.DataFrame({
            "x": [0.0, 700.0], "y": [0.0, 300.0], "length": [900.0, 600.0],
            "width": [500.0, 300.0], "azimuth": [30.0, 200.0], "dip": [8.0, 3.0],
            "depth": [450.0, 300.0], "thickness": [4.0, 3.0], "q": [0.75, 0.6],
            "tan_beta": [2.0, 2.2], "b": [0.3, 0.2], "offset": [20.0, -10.0], **dates,
        })  # fmt: skip
    else:
        outlines = [
            [(0, 0), (900, 0), (900, 250), (400, 250), (400, 700), (0, 700)],
            [(0, 0), (700, 120), (250, 600)],
        ]
        panels = gpd.GeoDataFrame(
            {"depth": 300.0, "thickness": [3.0, 2.0], "dip": [0.0, 6.0], "dip_direction": 90.0,
             "q": 0.7, "tan_beta": 2.0, "b": 0.3, "offset": 15.0, **dates},
            geometry=[shapely.Polygon(corners) for corners in outlines], crs="EPSG:32650",
        )  # fmt: skip
    grid = mx.make_grid((-1200, -1200, 1500, 1500), crs="EPSG:32650", resolution=150)
    cells = mx.subsidence(panels, grid, output="all", dtype="float64", cutoff=5, **parameters)
    east, north = np.meshgrid(cells["x"], cells["y"])
    points = pd.DataFrame({"x": east.ravel(), "y": north.ravel()})
    found = subsidence_at(points, panels, output="all", **parameters)
    # Of polygons, the quadrature may be finer or coarser.
    off = 1e-12 if kind == "rectangles" else 3e-7
    for name in cells:
        scale = np.abs(cells[name]).max().item()
        np.testing.assert_allclose(
            found[name], cells[name].values.ravel(), rtol=0, atol=off * scale, err_msg=str(name)
        )


def marks_of(found):
    marks = pd.DataFrame(
        {"easting": found["E"], "northing": found["N"], "subsidence_mm": found["observed_mm"]}
    )
    box = {"q": (0.7, 0.9), "tan_beta": (1, 3), "theta0": (80, 90), "S": (50, 70)}
    return marks, box


def by_hand(found, q, tan_beta, theta0, s, *, depths_at):
    """The textbook's product, mm; depths for r1 and r2 at the inflection lines or the edges."""
    north, east = (np.array(found[k]) - o for k, o in zip("NE", found["origin_NE"], strict=True))
    alpha, theta = np.radians(5.0), np.radians(theta0)
    x, y = (north * np.cos(a) + east * np.sin(a) for a in (np.radians(315.0), np.radians(45.0)))
    inner = s if depths_at == "inflection" else 0.0
    low, high = (614 + sign * (385 - inner) * np.sin(alpha) for sign in (1, -1))
    x, y = x - s, y - s * np.cos(alpha) + low / np.tan(theta)
    reach = (770 - 2 * s) * np.sin(theta + alpha) / np.sin(theta)
    steps = [erf(np.sqrt(np.pi) * d * tan_beta / h) for d, h in (
        (x, 614), (x - 185 + 2 * s, 614), (y, low), (y - reach, high))]  # fmt: skip
    return 5340 * q * np.cos(alpha) * (steps[0] - steps[1]) * (steps[2] - steps[3]) / 4


@pytest.mark.parametrize(
    ("depths_at", "least"), [("inflection", 5927.1), ("edges", 5846.8)], ids=str
)
def test_least_of_the_published_survey_by_other_means(survey, depths_at, least):
    """The two readings of the textbook: r1 and r2 of the inflection lines, or of the edges."""
    found, _ = survey
    _, box = marks_of(found)

    def squares(values):
        return ((by_hand(found, *values, depths_at=depths_at) - found["observed_mm"]) ** 2).sum()

    other = differential_evolution(squares, list(box.values()), seed=0, tol=1e-10, maxiter=400)
    assert other.fun == pytest.approx(least, abs=0.1)


def test_published_survey(survey):
    """MiningSubsidenceDoc 6.5: its genetic algorithm came to 6826."""
    found, panel = survey
    marks, box = marks_of(found)
    options = {"parameters": ["q", "tan_beta", "theta0", "S"], "bounds": box}
    with pytest.warns(MineecoWarning) as said:
        textbook = invert_subsidence(marks, panel, **options)
    assert any("q is on its upper bound of 0.9" in str(one.message) for one in said)
    # Held against differential evolution above; the depths are those of the inflection lines.
    assert textbook.vv == pytest.approx(5927.1, abs=0.1)
    assert textbook.starts["agrees"].all()
    edges = invert(marks, panel, form="textbook_edges", starts=3, **options)
    assert edges.vv == pytest.approx(5846.8, abs=0.1)
    assert edges.vv <= 5847
    units = invert(marks, panel, form="units", starts=3, **options)
    assert units.vv < 4820 < 5847 < found["published_VV"]
    assert units.starts["agrees"].all()
    value = units.parameters["value"]
    assert value["tan_beta"] == pytest.approx(1.6261, abs=2e-4)
    assert value["offset"] == pytest.approx(69.58, abs=0.02)
    assert units.parameters["at_bound"].to_dict() == {
        "q": True, "tan_beta": False, "theta0": True, "offset": False
    }  # fmt: skip
    residual = units.residuals["residual"]
    assert 1e6 * (residual**2).sum() == pytest.approx(units.vv)
    assert {"q", "offset"} <= set(units.trade_offs[0].names)
    again = subsidence_at(marks, units.panels, form="units")["subsidence"]
    np.testing.assert_allclose(again, units.residuals["computed"], rtol=0, atol=1e-12)


@pytest.fixture(scope="module")
def radar():
    points = lattice(46)
    rng = np.random.default_rng(5)
    los = seen_by_radar(points, mine()) + rng.normal(0, 0.005, len(points))
    return points.assign(los=los)


def test_radar_finds_eight_parameters_and_says_which_it_cannot_tell_apart(radar):
    with pytest.warns(MineecoWarning) as said:
        found = invert_subsidence(radar, mine(), sigma=0.005, **LOS)
    assert found.starts["agrees"].sum() == 8
    assert {one.names for one in found.trade_offs} == {("theta0", "s1", "s2")}
    assert found.correlation.loc["theta0", "s1"] < -0.99
    text = str(said[0].message)
    assert "theta0, s1 and s2 trade off (correlation up to" in text
    assert "fixed={'k': 0.6} (theta0 = 90 - 0.6 dip)" in text
    assert "'offset_dip' in place of s1 and s2" in text
    assert text in found.warnings
    assert text in repr(found)
    assert found.variance_factor == pytest.approx(1.0, abs=0.1)
    table = found.parameters
    off = (table["value"] - pd.Series(TRUE)) / table["sd"]
    assert off.abs().max() < 4
    assert found.values == table["value"].to_dict()


@pytest.mark.parametrize(
    "remedy",
    [
        {"fixed": {"k": 0.6}},
        {"priors": {"theta0": (85.2, 0.05)}},
        {"parameters": ["q", "tan_beta", "b", "theta0", "offset_dip", "s3", "s4"]},
    ],
    ids=lambda remedy: next(iter(remedy)),
)
def test_each_remedy_helps(radar, remedy):
    with warnings.catch_warnings():
        warnings.simplefilter("error", MineecoWarning)
        found = invert_subsidence(radar, mine(), sigma=0.005, starts=1, **LOS, **remedy)
    assert not found.trade_offs
    offsets = found.parameters.filter(regex="^(s|offset)", axis=0)
    assert (offsets["sd"] < 1.0).all()
    assert ((offsets["value"] - 20.0).abs() < 4 * offsets["sd"]).all()


def test_without_noise_the_truth_comes_back():
    points = lattice(15)
    seen = points.assign(los=seen_by_radar(points, mine()))
    found = invert(seen, mine().drop(columns=["q", "tan_beta", "b"]), starts=2, **LOS)
    np.testing.assert_allclose(
        found.parameters["value"], [TRUE[name] for name in found.parameters.index], rtol=1e-6
    )
    assert found.vv < 1e-9
    assert found.panels.table["q"].item() == pytest.approx(0.75)
    other = found.apply(mine(name=["1302"], q=[0.5], depth=[600.0]))
    assert other.table[["q", "depth"]].iloc[0].tolist() == pytest.approx([0.75, 600.0])


def test_covariance_is_that_of_many_repeats():
    points = line(60)
    truth = subsidence_at(points, mine())["subsidence"]
    rng = np.random.default_rng(11)
    values, errors = [], []
    for _ in range(50):
        seen = points.assign(subsidence=truth + rng.normal(0, 0.01, len(points)))
        found = invert(seen, mine(), parameters=["q", "tan_beta", "offset_dip"], starts=1,
                       sigma=0.01)  # fmt: skip
        values.append(found.parameters["value"])
        errors.append(found.parameters["sd"])
    ratio = np.std(values, axis=0, ddof=1) / np.mean(errors, axis=0)
    assert np.abs(ratio - 1).max() < 0.3
    free = invert(seen, mine(), parameters=["q", "tan_beta", "offset_dip"], starts=1)
    # Without sigma, the scatter of the residuals stands in its place: about 10 mm.
    assert np.sqrt(free.variance_factor) == pytest.approx(10, rel=0.2)
    np.testing.assert_allclose(free.parameters["sd"], errors[-1], rtol=0.2)
    np.testing.assert_allclose(free.parameters["value"], values[-1], rtol=1e-6)


def test_gross_errors_count_less_with_a_soft_loss():
    points = line()
    seen = points.assign(subsidence=subsidence_at(points, mine())["subsidence"])
    rng = np.random.default_rng(3)
    seen["subsidence"] += rng.normal(0, 0.005, len(seen))
    seen.loc[[15, 25], "subsidence"] += 0.8
    options = {"parameters": ["q", "tan_beta", "offset"], "starts": 2, "sigma": 0.005}
    plain, soft = (invert(seen, mine(), loss=loss, **options) for loss in ("linear", "soft_l1"))
    off = [abs(found.parameters["value"]["q"] - 0.75) for found in (plain, soft)]
    assert off[1] < 0.005 < 0.01 < off[0]
    assert soft.residuals["standardised"].abs().nlargest(2).index.tolist() in ([15, 25], [25, 15])
    with pytest.raises(ParameterError, match="loss needs the standard error"):
        invert_subsidence(seen, mine(), loss="soft_l1")


def test_a_loss_that_is_soft_leaves_priors_square():
    seen = line().assign(subsidence=subsidence_at(line(), mine())["subsidence"])
    options = {"parameters": ["q"], "starts": 1, "sigma": 1000.0, "loss": "soft_l1"}
    found = invert(seen, mine(), priors={"q": (0.5, 0.01)}, **options)
    assert found.parameters["value"]["q"] == pytest.approx(0.5, abs=1e-4)
    assert found.parameters["sd"]["q"] == pytest.approx(0.01, rel=1e-3)


def test_pairs_of_dates():
    dated = mine(start=[2001], end=[2003])
    points = pd.concat([line(30).assign(since=a, time=b) for a, b in ((2001, 2002), (2002, 2004))],
                       ignore_index=True)  # fmt: skip
    by = {year: seen_by_radar(line(30), dated, time=[year]) for year in (2001, 2002, 2004)}
    points["los"] = np.concatenate([by[2002] - by[2001], by[2004] - by[2002]])
    names = ["q", "tan_beta", "b", "offset"]
    found = invert(points, dated, parameters=names, starts=1, **LOS)
    np.testing.assert_allclose(found.parameters["value"], [0.75, 2.0, 0.3, 20.0], rtol=1e-6)
    whole = points.drop(columns="since").iloc[30:].assign(los=by[2004].to_numpy())
    found = invert(whole, dated, parameters=names, starts=1, **LOS)
    np.testing.assert_allclose(found.parameters["value"], [0.75, 2.0, 0.3, 20.0], rtol=1e-6)
    with pytest.raises(SchemaError, match="panel '1301' has no date"):
        invert_subsidence(points, mine(), parameters=names, **LOS)
    with pytest.raises(ParameterError, match="'1' has a time that is not after its since"):
        invert_subsidence(points.assign(since=2005), dated, parameters=names, **LOS)


def test_every_kind_of_observation():
    ground = subsidence_at(line(25), mine(), output="all")
    azimuth = 30.0
    toward = ground["displacement_x"] * np.sin(np.radians(azimuth)) + ground[
        "displacement_y"
    ] * np.cos(np.radians(azimuth))
    columns = {
        "subsidence": ground["subsidence"], "vertical_mm": -1000 * ground["subsidence"],
        "displacement_x": ground["displacement_x"], "displacement_y": ground["displacement_y"],
        "tilt_x": ground["tilt_x"], "tilt_y": ground["tilt_y"], "horizontal": toward,
        "los": seen_by_radar(line(25), mine()),
    }  # fmt: skip
    for name, values in columns.items():
        seen = line(25).assign(azimuth=azimuth, **{name: values})
        names = ["tan_beta", "q" if name[:3] in ("sub", "ver", "til") else "b"]
        found = invert(seen, mine(tan_beta=[1.5]), parameters=names, starts=1, **LOS)
        truth = [TRUE[name] for name in names]
        np.testing.assert_allclose(found.parameters["value"], truth, rtol=1e-6, err_msg=name)
    together = line(25).assign(azimuth=azimuth, **columns)
    sigma = {"tilt_x": 1e-4, "tilt_y": 1e-4}
    sigma |= dict.fromkeys([k.removesuffix("_mm") for k in columns if "tilt" not in k], 0.01)
    together.loc[3, "los"] = np.nan
    found = invert(together, mine(), starts=1, sigma=sigma, fixed={"k": 0.6}, **LOS)
    assert len(found.residuals) == 8 * 25 - 1
    np.testing.assert_allclose(
        found.parameters["value"], [TRUE[n] for n in found.parameters.index], rtol=1e-6
    )
    long = found.residuals.rename(columns={"observed": "value"})[
        ["name", "x", "y", "kind", "value"]
    ]
    long = long.assign(azimuth=azimuth, sigma=np.where(long["kind"].str[:4] == "tilt", 1e-4, 0.01))
    again = invert(long, mine(), starts=1, fixed={"k": 0.6}, **LOS)
    pd.testing.assert_frame_equal(again.parameters, found.parameters, rtol=1e-6)


def test_polygons():
    triangle = gpd.GeoDataFrame(
        {"depth": [300.0], "thickness": [3.0], "q": [0.7], "tan_beta": [2.0], "b": [0.25],
         "offset": [12.0]},
        geometry=[shapely.Polygon([(0, 0), (700, 120), (250, 600)])], crs="EPSG:32650",
    )  # fmt: skip
    points = lattice(7, 500.0)
    seen = points.assign(los=seen_by_radar(points, triangle))
    found = invert(seen, triangle.drop(columns=["q", "b"]), starts=1, **LOS)
    assert list(found.parameters.index) == ["q", "tan_beta", "b", "offset"]
    np.testing.assert_allclose(found.parameters["value"], [0.7, 2.0, 0.25, 12.0], rtol=1e-6)
    with pytest.raises(ParameterError, match="panel '1' is no rectangle along the strike"):
        invert_subsidence(seen, triangle, parameters=["q", "s1"], **LOS)
    with pytest.raises(ParameterError, match="no observation depends on 'theta0'"):
        invert_subsidence(seen, triangle, parameters=["q", "theta0"], outside="ignore", **LOS)


def test_reference_systems():
    at = (500_000.0, 4_000_000.0)
    outline = shapely.box(at[0] - 450, at[1] - 300, at[0] + 450, at[1] + 300)
    plain = mine(dip=[0.0], theta0=[90.0]).drop(columns=["x", "y", "length", "width", "azimuth"])
    panels = gpd.GeoDataFrame(plain, geometry=[outline], crs="EPSG:32650")
    places = line(30)
    points = gpd.GeoDataFrame(
        geometry=gpd.points_from_xy(places["x"] + at[0], places["y"] + at[1]), crs="EPSG:32650"
    )
    seen = points.assign(subsidence=subsidence_at(points, panels)["subsidence"])
    names = ["q", "tan_beta", "offset"]
    for crs in ("EPSG:32650", "EPSG:4326", "EPSG:32651"):
        found = invert(seen.to_crs(crs), panels, parameters=names, starts=1)
        np.testing.assert_allclose(found.parameters["value"], [0.75, 2.0, 20.0], rtol=1e-5)
    table = plain.assign(x=at[0], y=at[1], length=900.0, width=600.0, azimuth=90.0)
    found = invert(seen, table, parameters=names, starts=1)
    np.testing.assert_allclose(found.parameters["value"], [0.75, 2.0, 20.0], rtol=1e-6)
    assert found.panels.crs == "EPSG:32650"
    with pytest.raises(GridMismatch, match="in degrees, and the panels name no reference system"):
        invert_subsidence(seen.to_crs("EPSG:4326"), table)
    far = seen.to_crs("EPSG:32651")
    far = pd.DataFrame({"x": far.geometry.x, "y": far.geometry.y, "subsidence": far["subsidence"]})
    with pytest.raises(ParameterError, match=r"every observation is.*check the reference system"):
        invert_subsidence(far, panels)


def test_observations_out_of_reach():
    seen = line().assign(subsidence=subsidence_at(line(), mine())["subsidence"])
    seen.loc[40] = [9000.0, 0.0, 0.0]
    names = ["q", "tan_beta"]
    with pytest.raises(ParameterError, match=r"observation '41' at \(9000, 0\) is beyond the infl"):
        invert_subsidence(seen.reset_index(drop=True), mine(), parameters=names)
    found = invert(seen, mine(), parameters=names, starts=1, outside="ignore")
    assert len(found.residuals) == 40


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"parameters": ["q", "gamma"]}, "parameters has 'gamma': choose from"),
        ({"parameters": ["s1", "offset"]}, "'offset' and 's1', which both set"),
        ({"parameters": ["q"], "fixed": {"q": 0.8}}, "which both set"),
        ({"bounds": {"q": (0.9, 0.7)}}, r"bounds of 'q' are \(0.9, 0.7\): the lower must be below"),
        ({"bounds": {"theta0": (80, 95)}}, "expected within 30 to 90"),
        ({"bounds": {"q": 0.9}}, "give lower and upper"),
        ({"bounds": {"b": (0, 1)}}, "bounds has 'b', but the parameters are"),
        ({"bounds": {"s1": (0, 500), "s2": (0, 500)}}, "panel '1301' is 600 m wide: nothing"),
        ({"priors": {"q": (0.8, 0.0)}, "sigma": 0.01}, "standard deviation 0: expected"),
        ({"priors": {"q": (1.5, 0.1)}, "sigma": 0.01}, "prior of 'q' has the mean 1.5, beyond"),
        ({"priors": {"q": (0.8, 0.1)}}, "priors needs the standard error"),
        ({"parameters": ["q", "b"]}, "no observation depends on 'b'.*horizontal displacement"),
        ({"kind": "height"}, "kind is 'height': choose from"),
        ({"sigma": -1.0}, "observation '1' has sigma -1"),
        ({"sigma": {"los": 1.0}}, "sigma is given for"),
        ({"starts": 0}, "starts is 0"),
        ({"loss": "huber"}, "loss is 'huber'"),
        ({"form": "exact"}, "form is 'exact'"),
        ({"outside": "drop"}, "outside is 'drop'"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)  # fmt: skip
def test_parameters_that_do_not_do(parameters, message):
    seen = line().assign(subsidence=subsidence_at(line(), mine())["subsidence"])
    with pytest.raises(ParameterError, match=message):
        invert_subsidence(seen, mine(), **parameters)


def test_tables_that_do_not_do():
    truth = subsidence_at(line(), mine())["subsidence"]
    seen = line().assign(subsidence=truth)
    with pytest.raises(ParameterError, match="3 observations and 0 priors for 7 parameters"):
        invert_subsidence(seen.iloc[[10, 20, 30]], mine())
    with pytest.raises(UnitError, match=r"observation '\d+' has a subsidence of .* m, but only 4"):
        invert_subsidence(seen.assign(subsidence=1000 * truth), mine())
    with pytest.warns(MineecoWarning) as said:
        invert_subsidence(seen, mine(), units="mm", parameters=["q"], starts=1)
    assert any("are the observations in metres, and units not" in str(w.message) for w in said)
    with pytest.raises(UnitError, match="units is in 'K'"):
        invert_subsidence(seen, mine(), units="K")
    attributed = seen.assign(subsidence=1000 * truth)
    attributed.attrs["units"] = "mm"
    found = invert(attributed, mine(), parameters=["q"], starts=1)
    assert found.parameters["value"]["q"] == pytest.approx(0.75)
    with pytest.raises(SchemaError, match="expected one or more of"):
        invert_subsidence(line(), mine())
    with pytest.raises(SchemaError, match="no observation has a value"):
        invert_subsidence(seen.assign(subsidence=np.nan), mine())
    with pytest.raises(SchemaError, match="expected x"):
        invert_subsidence(seen.drop(columns="x"), mine())
    with pytest.raises(SchemaError, match="point '4' has no coordinates"):
        invert_subsidence(seen.assign(x=seen["x"].where(seen.index != 3)), mine())
    with pytest.raises(SchemaError, match="'x' holds 'east' in row 0"):
        invert_subsidence(seen.assign(x="east"), mine())
    with pytest.raises(SchemaError, match="'1' of kind 'los' has no incidence"):
        invert_subsidence(seen.rename(columns={"subsidence": "los"}), mine())
    with pytest.raises(SchemaError, match="panel '1301' has no b"):
        invert_subsidence(
            line().assign(los=-truth), mine(b=[np.nan]), parameters=["q"], **LOS
        )  # fmt: skip
    with pytest.raises(SchemaError, match="panel '1301' has no thickness"):
        invert_subsidence(seen, mine(thickness=[np.nan]))
    both = seen.assign(tilt_x=0.0)
    with pytest.raises(ParameterError, match="tilts and displacements together need sigma"):
        invert_subsidence(both, mine())
    with pytest.raises(ParameterError, match="has no sigma, but others have"):
        invert_subsidence(both, mine(), sigma={"tilt_x": 1e-4})


def test_panels_from_a_sheet_without_what_is_looked_for(tmp_path):
    sheet = mine().drop(columns=["q", "b"]).rename(columns={"tan_beta": "tanb"})
    path = tmp_path / "panels.csv"
    sheet.assign(tanb="").to_csv(path, index=False)
    seen = line().assign(subsidence=subsidence_at(line(), mine())["subsidence"])
    found = invert(seen, path, parameters=["q", "tanb"], starts=1)
    np.testing.assert_allclose(found.parameters["value"], [0.75, 2.0], rtol=1e-6)
    assert np.isnan(found.panels.table["b"].item())


def test_linear_theory():
    rng = np.random.default_rng(0)
    jacobian = rng.normal(size=(30, 4)) * [1e-3, 1.0, 50.0, 1e4]
    np.testing.assert_allclose(
        covariance_of(jacobian, 2.0), 2.0 * np.linalg.inv(jacobian.T @ jacobian), rtol=1e-9
    )
    assert trade_offs(jacobian, list("abcd")) == []
    # Three that add up to nothing, though no two of them are alike.
    jacobian[:, 3] = jacobian[:, 0] * 1e3 + jacobian[:, 1] + rng.normal(size=30) * 1e-3
    one = trade_offs(jacobian, list("abcd"))
    assert [found.names for found in one] == [("a", "b", "d")]
    sure = np.array([True, True, False, False])
    assert trade_offs(jacobian, list("abcd"), ~sure) == []
    # What nothing fixes is said, however small the scatter.
    jacobian[:, 3] = 2 * jacobian[:, 0]
    nothing = trade_offs(jacobian, list("abcd"), np.zeros(4, dtype=bool))
    assert [found.names for found in nothing] == [("a", "d")]
    assert covariance_of(jacobian)[3, 3] > 1e12 * covariance_of(jacobian[:, 1:])[2, 2]
