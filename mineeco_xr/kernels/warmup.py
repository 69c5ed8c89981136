"""Compile every kernel once, so that many processes find a warm cache.

Several processes that compile the same kernel at once waste their time, and have been seen to trip
over each other's cache files.
"""

from __future__ import annotations

import numpy as np


def warmup() -> None:
    """Run each kernel on a few cells of each usual type.

    Examples
    --------
    >>> warmup()
    """
    _warm_series()
    _warm_zones()
    _warm_grids()
    _warm_landscape()
    _warm_distance()


def _warm_series() -> None:
    from mineeco_xr.kernels.trend import sen_mann_kendall
    from mineeco_xr.kernels.variation import coefficient_of_variation

    for dtype in ("float32", "float64"):
        series = np.arange(12, dtype=dtype).reshape(4, 1, 3)
        sen_mann_kendall(series, np.arange(4.0), 3)
        coefficient_of_variation(series, 2)


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
