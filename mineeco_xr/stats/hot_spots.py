"""Hot and cold spots: Getis-Ord Gi* of every cell."""

from __future__ import annotations

import numpy as np
import xarray as xr

from mineeco_xr.chunks import halo, pointwise
from mineeco_xr.chunks.reread import reread
from mineeco_xr.cube.grid import geobox_of, require_metres
from mineeco_xr.cube.provenance import finalize
from mineeco_xr.errors import ParameterError, SchemaError
from mineeco_xr.stats.false_discovery import CRITICAL, LEVELS, discovery_cuts, two_sided
from mineeco_xr.stats.scene import groups_of, location_and_spread, moments_of, scene_of, small_array

SHAPES = ("disc", "square")
CORRECTIONS = (None, "fdr")
NODATA = np.int8(-128)
FACTS = 4
"""Of each date: count, mean, standard deviation, rest of the mean."""
MEANINGS = "cold_99 cold_95 cold_90 not_significant hot_90 hot_95 hot_99"


def hot_spots(
    data: xr.DataArray, radius: float, *, shape: str = "disc", correction: str | None = None
) -> xr.Dataset:
    """Find where high or low values lie together, by the Getis-Ord Gi* statistic.

    Parameters
    ----------
    data : xarray.DataArray
        Dims ``(y, x)``, or with one more such as ``time``, each of whose entries is taken by
        itself; on a projected grid in metres. NaN, infinities and ``_FillValue`` of integers are
        nodata: they count neither in sums nor as neighbours.
    radius : float
        Reach of the neighbourhood, metres, at least one cell. A cell belongs to its own.
    shape : {"disc", "square"}
        Neighbours are the cells whose centre lies within the radius (a fixed distance band), or
        within it both along x and along y (rings of cells). All have a weight of 1.
    correction : {None, "fdr"}
        ``"fdr"`` lowers the cut of each confidence bin so that of the cells in it at most 10, 5 or
        1 % are expected to be there by chance (Benjamini and Hochberg 1995), over the valid cells
        of a date. ``z`` and ``p`` are not changed by it.

    Returns
    -------
    xarray.Dataset
        Dims as ``data``: ``z`` (float64), ``p`` (float64, two-sided) and ``bin`` (int8: 1, 2, 3 for
        hot spots of 90, 95 and 99 % confidence, negative for cold ones, 0 for neither;
        ``_FillValue`` -128). Nodata where the data are, where all values are equal, and where a
        neighbourhood holds all valid cells. Lazy when the data are.

    Raises
    ------
    GridMismatch
        If the grid is not in metres.
    ParameterError
        If the radius is no number or below one cell, or ``shape`` or ``correction`` is unknown.
    SchemaError
        If there is more than one dim beside ``y`` and ``x``.

    Notes
    -----
    With ``W`` valid neighbours of ``n`` valid cells, mean ``X`` and population deviation ``S`` of
    all, ``Gi* = (sum_j x_j - X W) / (S sqrt((n W - W^2) / (n - 1)))`` (Getis and Ord 1992, Ord and
    Getis 1995), the bins at ``p`` of 0.10, 0.05 and 0.01. Equal to esda's ``G_Local(star=True,
    transform="B")``, at the raster's edges too, where a neighbourhood just has fewer cells. Crosses
    chunks by a reduction for ``n``, ``X`` and ``S`` in twice the digits of a float, then by a halo:
    a cell adds its neighbours in the same order for any chunking. z and p agree to 1e-12 while the
    standard deviation is above about 1e-8 of the mean; subtract an offset first where it is not.
    Lazy data are read twice; ``bin`` with ``correction="fdr"`` reads them twice more, to collect
    what counting leaves open and to compare. The cut is exact unless more than a million scores
    lie undecided between two counts; it is then on the safe side.

    References
    ----------
    Getis, A. and Ord, J. K. (1992). Geographical Analysis 24, 189-206.
    Ord, J. K. and Getis, A. (1995). Geographical Analysis 27, 286-306.
    Benjamini, Y. and Hochberg, Y. (1995). Journal of the Royal Statistical Society B 57, 289-300.

    Examples
    --------
    >>> import numpy as np
    >>> from mineeco_xr.testing import with_grid
    >>> damage = np.zeros((9, 9))
    >>> damage[3:6, 3:6] = 1
    >>> found = hot_spots(with_grid(damage), radius=45)
    >>> found["bin"].values[4], round(float(found["z"][4, 4]), 3)
    (array([0, 0, 2, 3, 3, 3, 2, 0, 0], dtype=int8), 8.944)
    """
    if shape not in SHAPES:
        raise ParameterError(f"shape {shape!r} is unknown: choose from {SHAPES}.")
    if correction not in CORRECTIONS:
        raise ParameterError(f"correction {correction!r} is unknown: choose from {CORRECTIONS}.")
    widths = _widths(data, radius, shape)
    others = [str(dim) for dim in data.dims if dim not in ("y", "x")]
    if len(others) > 1:
        raise SchemaError(f"{data.name!r} has dims {data.dims}: select one of {others} first.")
    by = others[0] if others else None
    scene = scene_of(data, by)
    facts = small_array(
        moments_of(scene, by), location_and_spread, scene, by, dim="statistic", size=FACTS
    )
    z = _scores(reread(scene), facts, widths)
    again, cuts = z, xr.DataArray(np.array(CRITICAL), dims="level")
    if correction == "fdr":
        families = discovery_cuts(z, _scores(reread(scene, 2), facts, widths), by is not None)
        cuts = small_array(families, np.asarray, scene, by, dim="level", size=len(LEVELS))
        again = _scores(reread(scene, 3), facts, widths)
    found = {
        "z": z,
        "p": pointwise(two_sided, z, dtype="float64"),
        "bin": pointwise(_bin_block, again, cuts, dtype="int8", core_dim="level"),
    }
    result = xr.Dataset({name: layer.transpose(*data.dims) for name, layer in found.items()})
    return _described(result, data, radius, shape, correction)


def _widths(data: xr.DataArray, radius: float, shape: str) -> np.ndarray:
    """Return the rows of the neighbourhood, none longer than the raster needs."""
    from mineeco_xr.kernels.neighbourhood import half_widths

    grid = geobox_of(data)
    require_metres(grid, "hot_spots")
    dx, dy = abs(grid.affine.a), abs(grid.affine.e)
    number = isinstance(radius, int | float | np.integer | np.floating) and not isinstance(
        radius, bool
    )
    if not (number and min(dx, dy) <= radius < np.inf):
        raise ParameterError(
            f"radius is {radius!r}, and a cell of {data.name or 'the raster'!r} {dx:g} x {dy:g} m: "
            "give a number of metres; a neighbourhood must reach the next cell."
        )
    height, width = grid.shape
    within = min(radius, np.hypot(width * dx, height * dy))
    return np.minimum(half_widths(within, dx, dy, shape), width)[: height + 1]


def _scores(scene: xr.DataArray, facts: xr.DataArray, widths: np.ndarray) -> xr.DataArray:
    standard = pointwise(_standard_block, scene, facts, dtype="float64", core_dim="statistic")
    depth = max(1, widths.size - 1, int(widths[0]))
    sums = halo(
        _sums_block,
        standard,
        depth=depth,
        dtype="complex128",
        fill=float("nan"),
        parameters={"widths": widths, "depth": depth},
    )
    return pointwise(_score_block, sums, facts, dtype="float64", core_dim="statistic")


def _standard_block(block: np.ndarray, facts: np.ndarray) -> np.ndarray:
    from mineeco_xr.kernels.gi_star import standard_scores

    facts = facts.reshape(FACTS, -1)
    return standard_scores(_rows(block, facts), facts).reshape(block.shape)


def _sums_block(window: np.ndarray, *, widths: np.ndarray, depth: int) -> np.ndarray:
    from mineeco_xr.kernels.neighbourhood import neighbour_sums

    return neighbour_sums(window, widths, depth)


def _score_block(sums: np.ndarray, facts: np.ndarray) -> np.ndarray:
    from mineeco_xr.kernels.gi_star import z_scores

    facts = facts.reshape(FACTS, -1)
    return z_scores(_rows(sums, facts), facts[0]).reshape(sums.shape)


def _bin_block(z: np.ndarray, cuts: np.ndarray) -> np.ndarray:
    from mineeco_xr.kernels.gi_star import confidence_bins

    cuts = cuts.reshape(len(LEVELS), -1)
    return confidence_bins(_rows(z, cuts), cuts).reshape(z.shape)


def _rows(block: np.ndarray, facts: np.ndarray) -> np.ndarray:
    """Return a block with a row for each date, or for all when they share their facts."""
    return groups_of(block, facts.shape[1] > 1)


def _described(
    result: xr.Dataset, data: xr.DataArray, radius: float, shape: str, correction: str | None
) -> xr.Dataset:
    label = data.attrs.get("long_name", data.name or "value")
    rule = "" if correction is None else ", false discovery rate controlled"
    result["z"].attrs = {"units": "1", "long_name": f"Getis-Ord Gi* z score of {label}"}
    result["p"].attrs = {"units": "1", "long_name": f"two-sided p of Gi* of {label}"}
    result["bin"].attrs = {
        "units": "1",
        "long_name": f"hot and cold spots of {label} by confidence{rule}",
        "_FillValue": NODATA,
        "flag_values": np.arange(-3, 4, dtype="int8"),
        "flag_meanings": MEANINGS,
    }
    return finalize(
        result,
        function="hot_spots",
        parameters={"radius": radius, "shape": shape, "correction": correction},
        inputs={str(data.name or "data"): data},
        attrs={"variable": str(data.name or "")},
    )
