"""The closed forms against published and independently computed numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import mineeco_xr as mx

RECTANGLE = {
    (0, 0): 0.675213649667902, (450, 0): 0.337625776288293, (0, 110): 0.475525090693613,
    (450, 110): 0.237775892073505, (600, 300): 0.003977187249186, (-700, 50): 0.007923107447626,
}  # fmt: skip
"""W / W0 over 900 x 220 m, r = 280 m; SciPy's dblquad agrees to 6e-17."""
POLYGONS = {
    "L": (
        [(0, 0), (900, 0), (900, 250), (400, 250), (400, 700), (0, 700)],
        {(400, 250): 0.737206530223991, (450, 0): 0.491489470976755},
    ),
    "triangle": ([(0, 0), (700, 120), (250, 600)], {(300, 200): 0.851577982626449}),
}
"""W / W0, r = 280 m, by Owen's T."""


def at(panels, places, output="subsidence", **parameters):
    """Values at points: each is the middle of a grid of one cell."""
    found = []
    for x, y in places:
        grid = mx.make_grid((x - 1, y - 1, x + 1, y + 1), crs="EPSG:32650", resolution=2)
        result = mx.subsidence(panels, grid, output=output, dtype="float64", **parameters)
        found.append({name: layer.item() for name, layer in result.items()})
    return pd.DataFrame(found)


def unit_panel(**place):
    """A flat panel with W0 = 1 m and r = 280 m."""
    common = {"depth": [560.0], "thickness": [1.0], "q": [1.0], "tan_beta": [2.0], "b": [0.3]}
    return pd.DataFrame({**common, **place})


def edge(offset=0.0):
    """The edge at x = 0 of a panel without end: W0 = 4 m, r = 250 m."""
    return pd.DataFrame({
        "x": [10_000.0 - offset], "y": [0.0], "length": [20_000.0], "width": [20_000.0],
        "azimuth": [90.0], "depth": [500.0], "tan_beta": [2.0], "thickness": [5.0], "q": [0.8],
        "b": [0.3], "offset": [offset],
    })  # fmt: skip


@pytest.mark.parametrize("method", ["rectangles", "polygons"])
def test_rectangle(method):
    panel = unit_panel(x=[0.0], y=[0.0], length=[900.0], width=[220.0], azimuth=[90.0])
    found = at(panel, RECTANGLE, method=method)["subsidence"]
    np.testing.assert_allclose(found, list(RECTANGLE.values()), rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", POLYGONS)
def test_polygon(name):
    import geopandas as gpd
    import shapely

    corners, places = POLYGONS[name]
    panel = gpd.GeoDataFrame(unit_panel(), geometry=[shapely.Polygon(corners)], crs="EPSG:32650")
    found = at(panel, places)["subsidence"]
    np.testing.assert_allclose(found, list(places.values()), rtol=0, atol=1e-10)


def test_worked_example_of_the_textbook():
    """He 1991, p. 187, no. 4: the panel's corner, in the direction of its diagonal.

    By hand W 66.5 mm, i 5.38 mm/m, K 0.31e-3/m, U 80.7 mm, strain 4.7 mm/m; by program 66.4, 5.37,
    0.31, 80.6, 4.7 (as reproduced in github zhuxiaojunahu/MiningSubsidenceDoc, 5.10).
    """
    panel = pd.DataFrame({
        "x": [75.0], "y": [50.0], "length": [150.0], "width": [100.0], "azimuth": [90.0],
        "m (mm)": [1000.0], "H": [100.0], "q": [0.7], "tanb": [2.0], "b": [0.3], "theta": [90.0],
        "S": [10.0],
    })  # fmt: skip
    grid = mx.make_grid((-1, 99, 1, 101), crs="EPSG:32650", resolution=2)
    ground = mx.subsidence(panel, grid, output="all", dtype="float64", cutoff=9)
    ground = ground.assign(mx.in_direction(ground, 135.0))
    names = ["subsidence", "tilt", "curvature", "displacement", "strain"]
    found = [1000 * abs(ground[name].item()) for name in names]
    np.testing.assert_allclose(found, [66.4347, 5.3791, 0.3133, 80.6860, 4.7002], atol=5e-5)
    for value, published in zip(found, [66.5, 5.38, 0.31, 80.7, 4.7], strict=True):
        assert value == pytest.approx(published, rel=0.011)


def test_semi_infinite_extraction():
    x = np.array([-250.0, -100.0, 0.0, 50.0, 250.0])
    found = at(edge(), [(place, 0.0) for place in x], "all", cutoff=9)
    bell = np.exp(-np.pi * (x / 250) ** 2)
    curvature = -2 * np.pi * 4.0 * x / 250**3 * bell
    expected = {
        "tilt_x": 4.0 / 250 * bell, "curvature_x": curvature, "displacement_x": 0.3 * 4 * bell,
        "strain_x": 0.3 * 250 * curvature,
    }  # fmt: skip
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=0, atol=1e-13, err_msg=name)
    np.testing.assert_allclose(
        found["subsidence"],
        [0.0243777643696058, 0.6320582600974878, 2.0, 2.767716094519415, 3.9756222356303942],
        rtol=0, atol=1e-12,
    )  # fmt: skip


def test_greatest_values_over_an_edge():
    k = 0.3989422804014327
    found = at(edge(offset=30.0), [(0.0, 0.0), (-k * 250, 0.0), (k * 250, 0.0)], "all", cutoff=9)
    coefficient = np.sqrt(2 * np.pi / np.e)
    assert found["tilt_x"][0] == pytest.approx(4.0 / 250, abs=1e-15)
    assert found["displacement_x"][0] == pytest.approx(0.3 * 4.0, abs=1e-13)
    assert found["curvature_x"][1] == pytest.approx(coefficient * 4.0 / 250**2, abs=1e-16)
    assert found["strain_max"][1] == pytest.approx(coefficient * 0.3 * 4.0 / 250, abs=1e-14)
    assert found["strain_min"][2] == pytest.approx(-coefficient * 0.3 * 4.0 / 250, abs=1e-14)


def test_every_oracle_of_the_specification(oracles):
    rectangle = oracles["rect_r280_900x220_centred_W_over_W0"]
    places = [tuple(map(float, key.split(","))) for key in rectangle]
    panel = unit_panel(x=[0.0], y=[0.0], length=[900.0], width=[220.0], azimuth=[90.0])
    found = at(panel, places)["subsidence"]
    np.testing.assert_allclose(found, list(rectangle.values()), rtol=0, atol=1e-10)
    infinite = oracles["semi_infinite_r250_W0_4000mm_b0.3"]
    found = 1000 * at(edge(), [(float(x), 0.0) for x in infinite], "all", cutoff=9)
    for name, of in (
        ("subsidence", "W_mm"), ("tilt_x", "i_mm_per_m"), ("curvature_x", "K_1e3_per_m"),
        ("displacement_x", "U_mm"), ("strain_x", "eps_mm_per_m"),
    ):  # fmt: skip
        expected = [row[of] for row in infinite.values()]
        np.testing.assert_allclose(found[name], expected, rtol=0, atol=1e-9, err_msg=name)


def test_the_published_survey(survey):
    published, panel = survey
    panel = panel.assign(q=0.89, tan_beta=1.56, theta0=90.0, offset=68.5)
    found = at(panel, zip(published["E"], published["N"], strict=True))["subsidence"]
    assert np.abs(1000 * found - published["this_report_forward_at_published"]).max() < 1.5
