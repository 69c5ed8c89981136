"""Maps show what they should: labels, units, legends, true scale bars, outlines, stipple."""

import itertools
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import geopandas as gpd
import numpy as np
import pytest
import shapely
import xarray as xr
from pyproj import Geod

from mineeco_xr.cube import geobox_of
from mineeco_xr.errors import GridMismatch, ParameterError, SchemaError
from mineeco_xr.report import (
    figure_png,
    map_figure,
    panel_figure,
    save_figure,
    trend_figure,
    trend_shares,
)
from mineeco_xr.report.classes import _LAND_COLOURS, class_scheme
from mineeco_xr.report.colours import sequential_name, value_scale
from mineeco_xr.report.frame import map_aspect
from mineeco_xr.report.scalebar import scale_bar_for
from mineeco_xr.report.style import (
    LINE_COLOURS,
    NODATA,
    data_label,
    pretty_units,
    round_below,
    wrapped,
)
from mineeco_xr.testing import with_grid

DEGREES = {"crs": "EPSG:4326", "resolution": 0.001, "origin": (32.6, -25.0)}


def texts(figure):
    import matplotlib.text

    figure.draw_without_rendering()
    return [t.get_text() for t in figure.findobj(matplotlib.text.Text) if t.get_text()]


def by_gid(figure, gid):
    return figure.findobj(lambda artist: artist.get_gid() == gid)


def ramp(rows=40, columns=60, **options):
    values = np.linspace(0.5, 1.5, rows * columns, dtype="float32").reshape(rows, columns)
    data = with_grid(values, name="wue", units="gC m-2 mm-1", **options)
    return data.assign_attrs(long_name="water use efficiency")


def test_colour_bar_has_label_and_units():
    figure = map_figure(ramp(), title="Mean")
    bar = figure.axes[0].child_axes[0]
    assert bar.get_ylabel() == "Water use efficiency (gC m⁻² mm⁻¹)"
    assert "Mean" in texts(figure)
    assert figure_png(figure).startswith(b"\x89PNG")


def test_projected_axes_are_in_kilometres_and_geographic_ones_in_degrees():
    figure = map_figure(ramp(200, 300))
    figure.draw_without_rendering()
    axes = figure.axes[0]
    assert axes.get_xlabel() == "Easting (km)"
    assert axes.get_ylabel() == "Northing (km)"
    assert "4796" in [label.get_text() for label in axes.get_yticklabels()]
    near = map_figure(ramp(20, 30))
    assert near.axes[0].get_xlabel() == "Easting (m)"
    figure = map_figure(ramp(**DEGREES))
    found = texts(figure)
    assert "32.62°E" in found
    assert "25.02°S" in found


def test_geographic_maps_have_the_proportions_of_the_ground():
    data = ramp(crs="EPSG:4326", resolution=0.01, origin=(10.0, 60.2))
    middle = (60.2 + 60.2 - 0.4) / 2
    assert map_aspect(geobox_of(data)) == pytest.approx(1 / np.cos(np.radians(middle)))
    assert map_figure(data).axes[0].get_aspect() == pytest.approx(map_aspect(geobox_of(data)))
    assert map_figure(ramp()).axes[0].get_aspect() == 1


@pytest.mark.parametrize("latitude", [-60.0, 0.05, 48.0])
def test_scale_bar_on_degrees_is_true_at_the_centre_latitude(latitude):
    data = ramp(crs="EPSG:4326", resolution=0.002, origin=(100.0, latitude))
    bar = scale_bar_for(geobox_of(data))
    centre = latitude - 0.002 * 40 / 2
    start = 100.0 + 0.002 * 30 - bar.map_units / 2
    length = Geod(ellps="WGS84").inv(start, centre, start + bar.map_units, centre)[2]
    assert length == pytest.approx(bar.metres, rel=1e-6)
    figure = map_figure(data)
    figure.draw_without_rendering()
    (box,) = by_gid(figure, "scale-bar")
    widths = [p.get_width() for p in box.findobj(lambda a: type(a).__name__ == "Rectangle")]
    assert sum(widths) == pytest.approx(bar.map_units)
    assert bar.label in texts(figure)


def test_scale_bar_on_metres_and_on_a_projection_that_stretches():
    data = ramp(200, 300)
    bar = scale_bar_for(geobox_of(data))
    assert (bar.metres, bar.label) == (2000, "2 km")
    assert bar.map_units == pytest.approx(2000, rel=1e-3)
    mercator = ramp(crs="EPSG:3857", origin=(0.0, 8_399_737.9))  # 60 degrees north
    stretched = scale_bar_for(geobox_of(mercator))
    assert stretched.map_units / stretched.metres == pytest.approx(2, rel=0.01)


def test_the_scale_bar_stands_where_least_data_is():
    data = ramp()
    values = data.values.copy()
    values[:15, 35:] = np.nan
    (box,) = by_gid(map_figure(data.copy(data=values)), "scale-bar")
    assert box.loc == 1  # upper right
    assert not by_gid(map_figure(data, scale_bar=False), "scale-bar")


def test_margins_without_data_are_cropped():
    values = np.full((60, 80), np.nan, "float32")
    values[10:30, 40:60] = 1.0
    data = with_grid(values, resolution=10)
    axes = map_figure(data).axes[0]
    left, right = axes.get_xlim()
    assert left == 500_000 + 10 * (40 - 2)
    assert right == 500_000 + 10 * (60 + 2)
    whole = map_figure(data, crop=False).axes[0]
    assert whole.get_xlim() == (500_000, 500_800)
    # Thinning changes what is drawn, not where.
    thin = map_figure(data, crop=False, most=7).axes[0]
    assert thin.get_xlim() == (500_000, 500_800)


def test_classes_have_a_legend_of_those_present():
    values = np.array([[1, 1, 2], [4, 255, 2]], dtype="uint8")
    data = with_grid(np.kron(values, np.ones((9, 9), "uint8")), name="lulc")
    data.attrs.update(
        flag_values=np.array([1, 2, 3, 4], "uint8"), _FillValue=255,
        flag_meanings="forest built-up_land water mining_land", long_name="land use",
    )  # fmt: skip
    figure = map_figure(data)
    legend = [t.get_text() for t in figure.axes[0].get_legend().get_texts()]
    assert legend == ["forest", "built-up land", "mining land", "no data"]
    assert figure.axes[0].get_legend().get_title().get_text() == "Land use"
    assert not figure.axes[0].child_axes
    named = map_figure(data, classes={1: "F", 2: ("B", "#ff0000"), 4: "M"})
    assert [t.get_text() for t in named.axes[0].get_legend().get_texts()][:3] == ["F", "B", "M"]


def test_class_colours_are_distinct_and_undeclared_codes_are_named():
    data = with_grid(np.zeros((2, 2), "uint8")).assign_attrs(
        flag_values="1b, 2b, 3b, 4b, 5b", flag_meanings="forest dry_forest wet_forest tree other"
    )
    scheme = class_scheme(data, np.array([1, 2, 3, 4, 5, 9]))
    assert len(set(scheme.colours)) == 6
    assert scheme.labels[-1] == "code 9"
    risk = data.assign_attrs(flag_values=[1, 2, 3], flag_meanings="low medium very_high")
    assert len(set(class_scheme(risk, np.array([1, 2, 3])).colours)) == 3
    with pytest.raises(SchemaError, match="flag_meanings"):
        class_scheme(data.assign_attrs(flag_meanings="one two"), np.array([1]))


def test_many_integers_are_a_quantity_and_few_are_classes():
    counts = with_grid(np.arange(2400, dtype="int32").reshape(40, 60), units="m")
    assert map_figure(counts).axes[0].child_axes
    mask = map_figure(with_grid(np.arange(2400).reshape(40, 60) % 7 == 0, name="mined"))
    assert [t.get_text() for t in mask.axes[0].get_legend().get_texts()] == ["no", "yes"]


def test_zones_are_outlined_in_the_reference_system_of_the_map():
    data = ramp(200, 300)
    box = shapely.box(502_000, 4_795_000, 505_000, 4_798_000)
    zones = gpd.GeoDataFrame({"name": ["Pit A"]}, geometry=[box], crs="EPSG:32650")
    figure = map_figure(data, zones=zones.to_crs(4326), zone_names="name", zones_label="mines")
    (lines,) = by_gid(figure, "zones")
    corner = np.concatenate([path.vertices for path in lines.get_paths()]).min(axis=0)
    np.testing.assert_allclose(corner, [502_000, 4_795_000], atol=0.01)
    assert {"Pit A", "mines"} <= set(texts(figure))
    with pytest.raises(SchemaError, match="title"):
        map_figure(data, zones=zones, zone_names="title")
    with pytest.raises(GridMismatch, match="set_crs"):
        map_figure(data, zones=gpd.GeoDataFrame(geometry=[box]))


def test_points_and_lines_are_zones_too():
    data = ramp(200, 300)
    shapes = [
        shapely.Point(503_000, 4_797_000),
        shapely.LineString([(502_000, 4_796_000), (504_000, 4_799_000)]),
        shapely.Polygon(),
    ]
    figure = map_figure(data, zones=gpd.GeoDataFrame(geometry=shapes, crs="EPSG:32650"))
    assert len(by_gid(figure, "zones")) == 2
    figure_png(figure)


def test_stipple_lies_on_the_true_cells_only():
    data = ramp()
    hatch = data > 1.0
    figure = map_figure(data, hatch=hatch, hatch_label="above one")
    (dots,) = by_gid(figure, "hatch")
    points = dots.get_offsets()
    below = data.sel(
        x=xr.DataArray(points[:, 0], dims="p"), y=xr.DataArray(points[:, 1], dims="p"),
        method="nearest",
    )  # fmt: skip
    assert len(points) > 200
    assert (below.values > 1.0 - 1 / 40).all()  # a dot on an edge may count for either cell
    assert "above one" in texts(figure)
    colours = {tuple(c) for c in dots.get_facecolors().round(3)[:, :3]}
    assert (1.0, 1.0, 1.0) in colours  # white where the map is dark
    with pytest.raises(ParameterError, match="boolean"):
        map_figure(data, hatch=data)


def trend():
    slope = np.zeros((20, 30), "float32")
    slope[:10], slope[10:] = 0.02, -0.01
    slope[:, -3:] = np.nan
    p = np.ones((20, 30))
    p[:5], p[15:] = 0.01, 0.049
    data = with_grid(slope, name="slope", units="gC m-2 mm-1 yr-1")
    return xr.Dataset({"slope": data, "p": data.copy(data=p)})


def test_trend_map_is_centred_stippled_and_says_so():
    figure = trend_figure(trend(), label="Trend of WUE")
    image = figure.axes[0].get_images()[0]
    low, high = image.get_clim()
    assert low == -high
    assert image.get_cmap().name == "BrBG"
    found = texts(figure)
    assert "p < 0.05" in found
    assert "Trend of WUE (gC m⁻² mm⁻¹ yr⁻¹)" in [text.replace("\n", " ") for text in found]
    caption = (
        "Significant (p < 0.05): increase on 25.0 %, decrease on 25.0 % of the area with a trend."
    )
    assert caption in [text.replace("\n", " ") for text in found]
    assert by_gid(figure, "hatch")


def test_a_lazy_trend_is_computed_once():
    calls = []

    def count(block):
        calls.append(block.shape)
        return block

    data = trend().chunk(y=5, x=30)
    meta = np.empty((0, 0), "float32")
    lazy = data["slope"].data.map_blocks(count, dtype="float32", meta=meta)
    data["slope"] = data["slope"].copy(data=lazy)
    trend_figure(data)
    assert len(calls) == 4


def test_trend_shares_weigh_by_true_area_for_any_chunks():
    whole = trend()
    shares = trend_shares(whole)
    assert shares[:2] == (0.25, 0.25)
    assert shares.area == pytest.approx(20 * 27 * 900)
    assert trend_shares(whole.chunk(y=7, x=4)) == shares
    assert trend_shares(whole, alpha=0.02).decrease == 0
    nowhere = trend_shares(whole.where(whole["p"] < 0))
    assert nowhere == (0, 0, 0)
    assert nowhere.sentence(0.05) == "No cell has a trend."
    degrees = with_grid(np.ones((2, 4)), crs="EPSG:4326", resolution=30.0, origin=(0, 60))
    data = xr.Dataset({"slope": degrees, "p": degrees * 0 + [[0.0], [1.0]]})
    assert trend_shares(data).increase == pytest.approx(0.366 / 0.866, abs=0.01)
    with pytest.raises(SchemaError, match="slope"):
        trend_figure(whole.rename(slope="sen"))
    with pytest.raises(ParameterError, match="alpha"):
        trend_figure(whole, alpha=5)


def test_scales():
    data = ramp()
    values = np.r_[np.linspace(0, 1, 1000), 50.0]
    assert value_scale(data, values).high < 1.1
    assert value_scale(data, values).extend == "both"
    full = value_scale(data, values, robust=False)
    assert (full.low, full.high, full.extend) == (0, 50, "neither")
    both = value_scale(data, np.array([-1.0, 2.0]), robust=False)
    assert (both.low, both.high, both.cmap) == (-2, 2, "BrBG")
    hardly = value_scale(data, np.array([-0.01, 2.0]), robust=False)
    assert hardly.low == -0.01
    one = value_scale(data, np.full(3, 7.0))
    assert one.low < 7 < one.high
    fixed = value_scale(data, values, limits=(0.0, 10.0))
    assert (fixed.low, fixed.high, fixed.extend) == (0, 10, "max")
    assert sequential_name(data) == "YlGn"
    assert sequential_name(data.rename("terrain").drop_attrs()) == "viridis"
    with pytest.raises(ParameterError, match="cmap"):
        map_figure(data, cmap="no_such_map")


@pytest.mark.parametrize("shape", [(20, 30), (1, 1), (1, 200), (200, 1)])
@pytest.mark.parametrize("options", [{}, DEGREES])
def test_empty_and_single_valued_maps_are_drawn(shape, options):
    for value in (np.nan, 7.0):
        figure = map_figure(with_grid(np.full(shape, value, "float32"), **options), title="T")
        assert figure_png(figure, dpi=50)
        assert ("no valid cells" in texts(figure)) == np.isnan(value)
    empty = with_grid(np.full(shape, 255, "uint8"), **options).assign_attrs(_FillValue=255)
    assert figure_png(map_figure(empty), dpi=50)


def test_maps_of_chunked_and_of_south_up_rasters_are_the_same():
    data = ramp()
    plain = figure_png(map_figure(data), dpi=60)
    assert figure_png(map_figure(data.chunk(y=7, x=13)), dpi=60) == plain
    assert figure_png(map_figure(data.isel(y=slice(None, None, -1))), dpi=60) == plain


def test_threads_draw_the_same_pictures():
    data = ramp()
    expected = figure_png(map_figure(data, title="A"), dpi=60)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: figure_png(map_figure(data, title="A"), dpi=60), range(4)))
    assert found == [expected] * 4


def test_refusals_name_the_remedy():
    with pytest.raises(ParameterError, match="panel_figure"):
        map_figure(with_grid(np.ones((2, 5, 5))))
    with pytest.raises(GridMismatch, match="coordinate"):
        map_figure(xr.DataArray(np.ones((5, 5)), dims=("y", "x")))


def test_panels_share_one_scale():
    values = np.random.default_rng(2).normal(1, 0.2, (7, 20, 30)).astype("float32")
    figure = panel_figure(
        with_grid(values, name="npp", units="gC m-2 yr-1"), columns=3, title="NPP"
    )
    maps = [axes for axes in figure.axes if axes.get_images() and axes.get_title()]
    assert [axes.get_title() for axes in maps] == [str(year) for year in range(2001, 2008)]
    assert len({axes.get_images()[0].get_clim() for axes in maps}) == 1
    labels = [axes.get_ylabel() for axes in figure.axes]
    assert labels.count("NPP (gC m⁻² yr⁻¹)") == 1
    assert len(by_gid(figure, "scale-bar")) == 1
    assert figure_png(figure, dpi=60)


def test_panels_of_classes_share_one_legend():
    values = np.random.default_rng(2).integers(1, 4, (4, 20, 30)).astype("uint8")
    data = with_grid(values).assign_attrs(flag_values=[1, 2, 3], flag_meanings="forest crop mine")
    figure = panel_figure(data)
    assert [t.get_text() for t in figure.legends[0].get_texts()] == ["forest", "crop", "mine"]
    assert figure_png(figure, dpi=60)
    with pytest.raises(ParameterError, match="time"):
        panel_figure(data.isel(time=0))
    assert figure_png(panel_figure(with_grid(np.full((2, 5, 5), np.nan))), dpi=50)


def test_files_are_written_whole(tmp_path):
    figure = map_figure(ramp())
    assert save_figure(figure, tmp_path / "maps" / "a.png").stat().st_size > 10_000
    assert save_figure(figure, tmp_path / "a.pdf").read_bytes().startswith(b"%PDF")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.pdf", "maps"]


def test_words():
    assert pretty_units("kg ha-1 yr-1") == "kg ha⁻¹ yr⁻¹"
    assert pretty_units("m^2") == "m²"
    assert pretty_units("%") == "%"
    assert data_label(ramp(), "WUE") == "WUE (gC m⁻² mm⁻¹)"
    assert data_label(xr.DataArray(1.0)) == ""
    assert wrapped("Trend of it (gC m-2 yr-1)", 1.0).splitlines() == [
        "Trend of it",
        "(gC m-2 yr-1)",
    ]
    assert [round_below(v) for v in (1, 9.99, 0.021)] == [1, 5, 0.02]


def test_importing_loads_no_matplotlib_and_drawing_no_pyplot():
    code = (
        "import sys, mineeco_xr.report as r\n"
        "heavy = {'matplotlib', 'rasterio', 'geopandas', 'numba'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "import numpy as np\n"
        "from mineeco_xr.testing import with_grid\n"
        "r.figure_png(r.map_figure(with_grid(np.arange(90.).reshape(9, 10))), dpi=50)\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def lab(colour, vision):
    """CIELAB of a colour as seen with a colour-vision deficiency (Machado and others 2009)."""
    channels = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    seen = np.clip(np.array(vision) @ linear, 0, 1)
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    xyz = np.array(to_xyz) @ seen / [0.9505, 1, 1.089]
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize(
    "vision",
    [
        np.eye(3),
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
         [-0.011820, 0.042940, 0.968881]],
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
         [-0.003882, -0.048116, 1.051998]],
    ],
    ids=["normal", "deuteranopia", "protanopia"],
)  # fmt: skip
def test_colours_stay_distinct_without_colour_vision(vision):
    for colours, least in ((LINE_COLOURS, 13), ([NODATA, *(c for _, c in _LAND_COLOURS)], 15)):
        seen = [lab(colour, vision) for colour in colours]
        pairs = itertools.combinations(seen, 2)
        assert min(np.linalg.norm(one - other) for one, other in pairs) > least
