"""Compile every kernel once, so that many processes find a warm cache.

Several processes that compile the same kernel at once waste their time, and have been seen to trip
over each other's cache files.
"""

from __future__ import annotations

import numpy as np

from mineeco_xr.kernels.warmup_subsidence import warm_influence


def warmup() -> None:
    """Run each kernel on a few cells of each usual type.

    Examples
    --------
    >>> warmup()
    """
    _warm_series()
    _warm_correlation()
    _warm_segments()
    _warm_zones()
    _warm_grids()
    _warm_points()
    _warm_rectangles()
    _warm_landscape()
    _warm_terrain()
    _warm_routing()
    _warm_retention()
    _warm_erosion()
    _warm_distance()
    _warm_decay()
    _warm_habitat()
    _warm_cost()
    _warm_classes()
    _warm_forest()
    _warm_coarse()
    _warm_patches()
    _warm_composites()
    warm_influence()


def _warm_series() -> None:
    from mineeco_xr.kernels import autocorrelation, least_squares, pettitt, rescaled_range
    from mineeco_xr.kernels.incomplete_beta import regularized_incomplete_beta
    from mineeco_xr.kernels.landtrendr import landtrendr
    from mineeco_xr.kernels.slope_limits import sen_limits
    from mineeco_xr.kernels.trend import sen_mann_kendall
    from mineeco_xr.kernels.variation import coefficient_of_variation

    for dtype in ("float32", "float64"):
        series = np.arange(12, dtype=dtype).reshape(4, 1, 3)
        sen_mann_kendall(series, np.arange(4.0), 3)
        coefficient_of_variation(series, 2)
    years = np.arange(12.0)
    series = np.sin(years)[:, None]
    fitted = sen_mann_kendall(series, years, 3)
    for correction in autocorrelation.CORRECTIONS:
        autocorrelation.corrected_mann_kendall(series, years, fitted, correction, 1.96)
    sen_limits(series, years, 3, 1.96)
    least_squares.least_squares(series, years, 3)
    pettitt.pettitt_test(series, 4, pettitt.exact_p(5)[None])
    rescaled_range.hurst_exponent(series, 12, rescaled_range.expected_range(12))
    regularized_incomplete_beta(1.0, 1.0, 0.5)
    landtrendr(series, years)


def _warm_segments() -> None:
    from mineeco_xr.kernels import events, piecewise, recovery

    years = np.arange(12)
    series = np.where(years < 6, 0.8, 0.2)[:, None]
    for continuous in (False, True):
        lines = piecewise.piecewise_lines(series, years, continuous=continuous)
    for segments in (lines, events.year_steps(series, years)):
        events.loss_events(
            *(segments, series, years, years + 2001),
            loss_is_decrease=True,
            limits=np.array([[-np.inf, np.inf]] * len(events.FILTERS)),
            join_rate=0.5,
            which="greatest",
        )
    lost = np.array([2007.0])
    for dtype in ("float32", "float64"):
        recovery.recovery_measures(
            *(series.astype(dtype), years + 2001, lost, lost, None),
            share=0.8,
            window=5,
            pre_years=2,
            trend_years=10,
        )


def _warm_correlation() -> None:
    from mineeco_xr.kernels.correlation import correlate_series
    from mineeco_xr.kernels.pair_classes import pair_products

    series = list(np.random.default_rng(0).normal(size=(3, 12, 2)))
    series[0][3, 0] = np.nan
    correlate_series(series, factors=2, given=True)
    correlate_series(series[:2])
    pair_products(series[0][4:7], np.zeros((3, 2)), np.ones(1), np.ones(1))


def _warm_zones() -> None:
    from mineeco_xr.kernels import zonal

    ids = np.array([1], dtype="int64")
    for zone_type in ("int32", "int64", "uint8"):
        index, _ = zonal.locate_zones(np.ones((2, 2), dtype=zone_type), ids)
    for dtype in ("float32", "float64", "uint8"):
        values = np.ones((1, 2, 2), dtype=dtype)
        zonal.zone_moments(values, index, np.ones(2), 1, np.nan)
        keys = zonal.ordered_keys(values)
        prefixes = np.zeros((2, 1, 1), dtype="uint64")
        zonal.digit_counts(keys, values > 0, index, prefixes, 20, 12)


def _warm_grids() -> None:
    from mineeco_xr.kernels import burn, warp

    corners = np.meshgrid(np.arange(3.0), np.arange(3.0))
    centres = [axis[:2, :2] + 0.5 for axis in corners]
    for dtype in ("float32", "float64", "uint8"):
        source = np.ones((1, 2, 2), dtype=dtype)
        warp.sample_nearest(source, (0, 0), centres[0], centres[1], 0.0)
        warp.overlap_reduce(source, (0, 0), *corners, how=warp.MODE, nodata=0.0)
        if dtype != "uint8":
            warp.sample_bilinear(source, (0, 0), *centres)
    for dtype in ("int32", "uint8"):
        burn.burn_features(
            np.array([[0.0, 0.0, 1.0, 2.0]]),
            np.array([0, 1]),
            np.array([[0.0, 0.0, 1.0, 2.0]]),
            np.array([True]),
            np.array([1], dtype=dtype),
            touched=True,
            origin=(0, 0),
            out=np.zeros((2, 2), dtype=dtype),
        )


def _warm_points() -> None:
    from mineeco_xr.kernels.inverse_distance import weigh_points
    from mineeco_xr.kernels.pair_inversion import invert_pairs

    cells, places = np.arange(2.0), np.array([[0.0, 1.0]])
    weigh_points(places, np.ones((1, 1)), cells, cells, power=2.0, neighbours=1, radius=np.inf)
    links = np.array([0]), np.array([1])
    invert_pairs(np.ones((1, 1)), *links, np.arange(3.0), minimum_norm=True)


def _warm_rectangles() -> None:
    from mineeco_xr.kernels.erf import erf_and_gaussian
    from mineeco_xr.kernels.subsidence_rectangle import Rectangles, superpose_rectangles

    place, two = np.zeros((1, 2)), np.array([0, 2])
    panel = Rectangles(place, place, place, place, np.ones((1, 3)), two, np.array([0.0, 1.0]))
    for dtype in ("float32", "float64"):
        superpose_rectangles(
            panel, np.ones(1), np.ones(1), np.ones((1, 1, 9)), np.ones((1, 1)), cutoff=2.2,
            dtype=dtype,
        )  # fmt: skip
        erf_and_gaussian(np.zeros(1, dtype=dtype))


def _warm_landscape() -> None:
    from mineeco_xr.kernels import hash as random
    from mineeco_xr.kernels.polyline import nearest_segment

    key, window = random.stream_key(0, "warm"), (slice(0, 2), slice(0, 2))
    random.uniform_cells(key, *window)
    random.triangular_cells(key, *window)
    random.gradient_noise(key, *window, wavelength=4.0)
    line = np.array([[0.0, 0.0, 1.0, 1.0]])
    nearest_segment(line, *window, corner=(0.0, 2.0), step=(1.0, -1.0))


def _warm_distance() -> None:
    from mineeco_xr.kernels import distance

    mask, none = np.ones((2, 2), dtype="uint8"), np.full(2, distance.ABSENT, dtype="int32")
    distance.column_ends(mask, 0)
    measures = ((1.0, 1.0), (30.0, 30.0), np.inf)
    for dtype in ("float32", "float64"):
        distance.strip_distance(mask, 0, none, none, *measures, np.empty((2, 2), dtype=dtype))
    distance.strip_sites(mask, 0, none, none, *measures)


def _warm_habitat() -> None:
    from mineeco_xr.kernels import habitat

    numbers = habitat.Values(np.ones(2, dtype="float32"))
    layer = np.ones((2, 2), dtype="float32")
    for dtype in ("uint16", "int32"):
        places = np.zeros((2, 2), dtype=dtype)
        habitat.add_degradation(places, layer, numbers, 1.0, layer, layer.copy())
        habitat.habitat_quality(places, layer, numbers, 0.05, 2.5, layer.copy())


def _warm_cost() -> None:
    from mineeco_xr.kernels import cost

    label, owner = np.full((3, 3), np.inf), np.ones((3, 3), dtype="int32")
    label[1, 1] = 0.0
    half = cost.half_steps((30.0, 30.0), 8)
    for dtype in ("float32", "float64"):
        resistance = np.ones((3, 3), dtype=dtype)
        for most in (np.float64(1.0), np.float64(1e6)):
            resistance[0, 0] = most
            cost.settle_tile(resistance, label, owner, np.array([4]), half, np.inf)
        cost.back_links(resistance, label, owner, half)


def _warm_decay() -> None:
    from mineeco_xr.kernels.convolve import convolve
    from mineeco_xr.kernels.decay import decay_kernel, require_intensity
    from mineeco_xr.kernels.strongest import Decay, levels_in, strongest_threat

    kernel = decay_kernel("linear", 2.0, (1.0, 1.0), (1, 1), False)
    window = np.ones((1, 4, 4), dtype="float32")
    require_intensity(window, "threat")
    for way in ("scatter", "fourier"):
        convolve(window, kernel, way=way)
    levels = levels_in(window, "threat")
    how = Decay("linear", 2.0, (1, 1), (1.0, 1.0), (1.0, 1.0))
    strongest_threat(window[0], levels, 0, {}, {}, how)


def _warm_classes() -> None:
    from mineeco_xr.kernels import classify, gi_star, histogram, jenks, moments, neighbourhood

    for dtype in ("float32", "float64"):
        values = np.arange(4, dtype=dtype)
        moments.moments(values[None])
        classify.class_codes(values[None], np.array([[1.0, 3.0]]))
        gi_star.standard_scores(values[None], np.ones((4, 1)))
        histogram.distinct_counts(values, 8)
        coarse = histogram.coarse_counts(values)
        histogram.fine_counts(values, histogram.cut_bins(coarse, coarse.counts))
    jenks.optimal_classes(np.arange(4.0), np.ones(4), 2)
    sums = neighbourhood.neighbour_sums(np.ones((4, 4)), np.array([1, 0]), 1)
    gi_star.confidence_bins(gi_star.z_scores(sums, np.full(2, 9.0)), np.ones((3, 2)))


def _warm_terrain() -> None:
    from mineeco_xr.kernels import basin_tree, fill, flow_direction, plateau, slope
    from mineeco_xr.kernels import plateau_border as border
    from mineeco_xr.kernels import plateau_flow as flow
    from mineeco_xr.kernels import plateau_order as order

    z = np.random.default_rng(0).random((12, 12))
    z[4:8, 4:8] = 0.0
    frame = basin_tree.frame(z, (True, True, False, False))
    labels, count = basin_tree.find_basins(frame)
    tree = basin_tree.basin_tree(frame, labels, count)
    fill.contract(*tree, np.ones(count + 1, dtype=bool))
    level = fill.water_levels(*tree, count + 1)
    for dtype in ("float32", "float64"):
        fill.raise_cells(z.astype(dtype), labels, level.astype(dtype))
    slope.gradient(z, 1.0, 1.0)
    codes = flow_direction.steepest(z)
    flow_direction.proportions(z)
    cells, drains = plateau.flat_cells(z, codes)
    distance = np.where(codes == flow_direction.FLAT, np.inf, -1.0)
    distance[4, 4] = 0.0
    plateau.spread(distance.ravel(), 12, cells)
    plateau.lower(distance.ravel(), 12, np.array([4 * 12 + 4]))
    plateau.beside_nodata(codes, cells)
    border.label_crossing(codes)
    flow.direct_d8(codes, distance, cells, drains)
    flow.direct_mfd(codes, distance, cells, drains)
    runs, values = np.array([[52, 2]]), np.zeros(2)
    border.copy_runs(runs, distance.ravel(), values, True)
    border.fill_runs(runs, distance.ravel(), -1.0)
    border.expand_runs(runs)
    order.direct_in_order(z, codes, 256)


def _warm_routing() -> None:
    from mineeco_xr.kernels import (
        drainage,
        flow_forest,
        multiple_flow,
        multiple_layers,
        stream_trace,
    )

    direction, ones = np.zeros((3, 3), dtype="uint8"), np.ones((3, 3))
    codes, lengths, border = drainage.closed_codes(direction), np.ones(8), np.ones(8)
    drainage.accumulate(codes, np.ones((3, 3)))
    drainage.downstream_sums(codes, lengths, ones, border)
    drainage.flow_ends(codes, np.full((3, 3), drainage.UNSEEN, dtype="int32"))
    labels = np.zeros((1, 1), dtype="int32")
    drainage.number_outlets(direction, np.zeros(1, dtype="int64"), labels)
    successor = np.array([1, -1])
    order = flow_forest.forest_order(successor)
    flow_forest.sum_to_roots(np.ones(2), successor, order)
    flow_forest.sum_from_roots(np.ones(2), successor, order)
    flow_forest.roots(successor, order)
    packed, none = np.full((3, 3), 15, dtype="uint32"), np.empty(0, dtype="int64")
    pending = multiple_flow.count_upstream(packed)
    multiple_flow.accumulate_window(packed, np.ones((3, 3)), pending, none)
    multiple_layers.accumulate_layers_window(packed, np.ones((3, 3, 2)), pending, none)
    pending = multiple_flow.count_downstream(packed)
    multiple_flow.descend_window(packed, lengths, ones, np.ones((3, 3)), pending, none)
    state = stream_trace.classify_cells(ones, 1.0, 0.5)
    stream_trace.reach_upstream(packed, state, ones > 2)
    stream_trace.keep_downstream(packed, state)
    stream_trace.trace_in_order(packed, state, ones > 2, 2)


def _warm_retention() -> None:
    from mineeco_xr.kernels import drainage, flow_forest, multiple_flow, retention

    layers = np.ones((3, 3)), np.zeros((3, 3))
    direction, packed = np.zeros((3, 3), dtype="uint8"), np.full((3, 3), 15, dtype="uint32")
    codes, border = drainage.closed_codes(direction), np.arange(3)
    retention.open_cells(direction, drainage.NODATA, *layers)
    retention.open_cells(packed, 0, *layers)
    retention.passed_through(codes, layers[1], border)
    retention.retain(codes, *layers, np.zeros((3, 3)))
    pending, none = multiple_flow.count_upstream(packed), np.empty(0, dtype="int64")
    retention.retain_window(packed, *layers, pending, none)
    successor = np.array([1, -1])
    order = flow_forest.forest_order(successor)
    flow_forest.pass_to_roots(np.ones(2), np.ones(2), successor, order)


def _warm_erosion() -> None:
    from mineeco_xr.kernels.erosion import rkls_and_connectivity, trapped_share

    single, double = np.ones(2, dtype="float32"), np.ones(2)
    sums = (double, double, double, double, np.zeros(2, dtype="uint8"))
    rkls_and_connectivity(single, *sums, single, single, cell=1.0, l_max=1.0)
    for dtype in ("uint8", "uint32"):
        trapped_share(np.zeros((3, 3), dtype=dtype), np.ones((3, 3), dtype="float32"))


def _warm_coarse() -> None:
    from mineeco_xr.kernels import coarse

    cell, place = np.zeros(2, dtype="int64"), np.ones(2, dtype="int64")
    coarse.accumulate(np.ones((1, 2)), cell, np.ones(2), 1)
    coarse.stencil_weights(cell, place, place, np.ones(2, dtype=bool), 1)
    coarse.spread_bilinear(cell, cell, place, place, np.ones((3, 3)))


def _warm_forest() -> None:
    from mineeco_xr.kernels import forest

    nodes = np.array([np.int64(forest.LARGEST) << 32])
    stump = forest.PackedForest(nodes, np.array([0, 1]), np.ones((1, 1)), 31, 1, False)
    keys = forest.sample_keys(np.zeros((9, 1), dtype="float32"), stump)
    forest.forest_mean(stump, keys)
    forest.tree_values(stump, keys)


def _warm_patches() -> None:
    from mineeco_xr.kernels import label, patches

    for dtype in ("uint8", "float64"):
        codes = label.class_codes(np.ones((2, 2), dtype=dtype))
        labels, numbers, _ = label.label_cells(codes, 8)
        label.relabel(labels, numbers)
    for dtype in ("int32", "int64"):
        zones = np.ones((2, 2), dtype=dtype)
        borders = patches.border_bits(np.pad(zones, 1))
        place = np.zeros(patches.patch_runs(zones, 0).size, dtype="int64")
        patches.patch_sums(zones, borders, place, (0, 0, 2), np.ones((2, 4)), 1, 0)


def _warm_composites() -> None:
    from mineeco_xr.kernels import bins, composite

    dates, edges = np.arange(6, dtype="float32").reshape(3, 1, 2) / 6, np.linspace(0, 1, 5)
    composite.season_median(dates)
    composite.medoid_date(np.stack([dates, dates]))
    bins.bin_extremes(dates, dates, edges)
    bins.bin_numbers(dates, edges)
