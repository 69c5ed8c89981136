"""Composites: the clear dates of a season become one value a cell and year."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from mineeco_xr.carbonwater.seasons import Season, seasons_of
from mineeco_xr.chunks import pointwise
from mineeco_xr.chunks.pointwise import BLOCK_BYTES
from mineeco_xr.cube.grid import layer_of, require_same_grid
from mineeco_xr.cube.nodata import as_float
from mineeco_xr.cube.provenance import finalize
from mineeco_xr.cube.time import require_same_times
from mineeco_xr.errors import ParameterError, SchemaError

EACH = ("median", "mean", "max", "min")
JOINT = ("medoid", "max_index")
COUNT, DAY = "clear_count", "composite_day"


def composite(
    cube: xr.Dataset,
    *,
    freq: str = "YS",
    season: tuple[int, int] | None = (6, 9),
    how: str | Mapping[str, str] = "median",
    index: str | None = None,
    min_clear: int = 1,
    missing: str = "error",
) -> xr.Dataset:
    """Make one value a cell and year of the clear dates of a season.

    Parameters
    ----------
    cube : xarray.Dataset
        Variables with dims ``time``, ``y`` and ``x``; NaN, or the ``_FillValue`` of integers,
        where a date is not clear. Variables without ``time`` are left out, and so are classes (with
        ``flag_values``) and those whose name begins with ``QA_``: codes have no median.
    freq : {"YS", "MS"}
        One composite a year, or a month of the season.
    season : tuple of int, optional
        First and last month, both included, or first and last day of the year when one is above
        12, such as ``(152, 273)``. A season that crosses the new year, such as ``(11, 3)``, counts
        to the year in which it ends. ``None`` for all dates.
    how : str or mapping
        ``"median"``, ``"mean"``, ``"max"`` and ``"min"`` take each variable by itself;
        ``"medoid"`` takes all variables of the date whose values are nearest to all medians;
        ``"max_index"`` all variables of the date on which ``index`` is largest. A mapping names
        one way a variable, and only these are made.
    index : str, optional
        Variable that ``"max_index"`` looks at. Default ``NDVI`` or ``ndvi``.
    min_clear : int
        A variable with fewer clear dates is nodata, at least 1.
    missing : {"error", "nodata"}
        What to do with a year or month that has no date in the season at all, between the first
        and the last year of the cube.

    Returns
    -------
    xarray.Dataset
        The variables, of their own float type, with the first day of the year or month as
        ``time``; ``clear_count`` (uint16), the dates on which at least one of them had a value:
        0 is a season without a clear scene; and for the joint ways ``composite_day`` (uint16), the
        day of the year that was taken, 0 for none. Lazy when the cube is.

    Raises
    ------
    SchemaError
        If there is nothing with dates, dates are missing, repeat or differ between variables, a
        variable is unknown, or a year has no date in the season and ``missing`` is ``"error"``.
    ParameterError
        If a parameter is out of range.

    Notes
    -----
    Pointwise, with the dates of one season whole: bit-identical for any chunking. The medoid is
    ``argmin_t sum_b (x_bt - median_b)^2`` over the dates on which all bands have a value (after
    Flood 2013), the earliest of equal ones; so is the largest index. Temperature dryness (TVDI)
    belongs to a date: compute it for every scene and composite it, never from the largest
    temperature and the largest NDVI of different dates.

    Examples
    --------
    >>> import numpy as np, pandas as pd, xarray as xr
    >>> from mineeco_xr.testing import with_grid
    >>> dates = pd.to_datetime(["2001-05-30", "2001-06-15", "2001-08-02", "2002-07-07"])
    >>> values = np.array([0.9, 0.2, 0.4, np.nan])[:, None, None]
    >>> found = composite(xr.Dataset({"ndvi": with_grid(values, times=dates)}))
    >>> found["ndvi"].values.ravel().round(3), found["clear_count"].values.ravel()
    (array([0.3, nan]), array([2, 0], dtype=uint16))
    """
    if not isinstance(min_clear, int | np.integer) or min_clear < 1:
        raise ParameterError(f"min_clear is {min_clear!r}: give a whole number, at least 1.")
    if missing not in ("error", "nodata"):
        raise ParameterError(f"missing is {missing!r}: choose 'error' or 'nodata'.")
    ways = _ways(cube, how)
    layers = {name: as_float(layer_of(cube, name)) for name in ways}
    looked_at = _index_layer(cube, ways, index)
    every = {**layers, **({} if looked_at is None else {str(looked_at.name): looked_at})}
    require_same_grid(every)
    require_same_times(every)
    seasons = seasons_of(next(iter(layers.values())), freq, season, missing)
    parts = [_one_season(layers, looked_at, ways, each, int(min_clear)) for each in seasons]
    result = xr.concat(parts, "time", join="exact", combine_attrs="drop")
    result = result.assign_coords(time=np.array([each.label for each in seasons]))
    result["time"].attrs = {"standard_name": "time", "axis": "T"}
    return _describe(
        result,
        layers,
        ways,
        {
            "freq": freq,
            "season": season,
            "how": how,
            "index": None if looked_at is None else str(looked_at.name),
            "min_clear": min_clear,
            "missing": missing,
        },
    )


def _ways(cube: xr.Dataset, how: str | Mapping[str, str]) -> dict[str, str]:
    """Return how each variable is made."""
    dated = [
        str(name)
        for name in cube.data_vars
        if {"time", "y", "x"} <= set(cube[name].dims)
        and not str(name).lower().startswith("qa_")
        and "flag_values" not in cube[name].attrs
    ]
    ways = dict.fromkeys(dated, how) if isinstance(how, str) else dict(how)
    wrong = sorted({str(way) for way in ways.values()} - {*EACH, *JOINT})
    if wrong:
        raise ParameterError(f"how has {wrong}: choose from {[*EACH, *JOINT]}.")
    unknown = [name for name in ways if name not in dated]
    if unknown or not ways:
        raise SchemaError(
            f"the cube has no variable {unknown} with dims (time, y, x); it has {dated}."
            if unknown
            else "the cube has no variable with dims (time, y, x): a composite needs dates."
        )
    if len({way for way in ways.values() if way in JOINT}) > 1:
        raise ParameterError(
            "how names both 'medoid' and 'max_index': one date is kept, so choose one of them."
        )
    return ways


def _index_layer(cube: xr.Dataset, ways: dict[str, str], index: str | None) -> xr.DataArray | None:
    if "max_index" not in ways.values():
        if index is not None:
            raise ParameterError(f"index is {index!r}, but no variable is made by 'max_index'.")
        return None
    names = [index] if index is not None else ["NDVI", "ndvi"]
    found = [name for name in names if name in cube.data_vars and "time" in cube[name].dims]
    if not found:
        raise SchemaError(
            f"how='max_index' looks at {' or '.join(map(repr, names))}, which the cube lacks as a "
            f"variable with dates; it has {sorted(map(str, cube.data_vars))}. Name one with "
            "index='...', or make it with mineeco_xr.indices."
        )
    return as_float(layer_of(cube, found[0]))


def _one_season(
    layers: dict[str, xr.DataArray],
    looked_at: xr.DataArray | None,
    ways: dict[str, str],
    season: Season,
    min_clear: int,
) -> xr.Dataset:
    joint = any(way in JOINT for way in ways.values())
    names = [*layers, COUNT, *([DAY] if joint else [])]
    own = [*layers.values(), *([] if looked_at is None else [looked_at])]
    kind = np.result_type(*own, np.float32)
    if not season.positions.size:
        return _empty(next(iter(layers.values())), layers, names)
    chosen = [layer.isel(time=season.positions).transpose("time", ...) for layer in own]
    made = pointwise(
        _season_block,
        *_affordable(chosen),
        dtype=kind,
        core_dim="time",
        outputs=len(names),
        parameters={
            "ways": tuple(ways.values()),
            "indexed": looked_at is not None,
            "days": season.days,
            "min_clear": min_clear,
        },
    )
    kinds = {
        **{name: layer.dtype for name, layer in layers.items()},
        COUNT: "uint16",
        DAY: "uint16",
    }
    return xr.Dataset(
        {
            name: part.astype(kinds[name])
            for name, part in zip(names, made if len(names) > 1 else (made,), strict=True)
        }
    )


def _empty(like: xr.DataArray, layers: dict[str, xr.DataArray], names: list[str]) -> xr.Dataset:
    """Return a season without any date: nothing is read for it."""
    first = like.isel(time=0, drop=True)
    return xr.Dataset(
        {
            name: xr.full_like(first, np.nan, dtype=layers[name].dtype)
            if name in layers
            else xr.full_like(first, 0, dtype="uint16")
            for name in names
        }
    ).drop_attrs()


def _affordable(layers: list[xr.DataArray]) -> list[xr.DataArray]:
    """Cut lazy layers so that the blocks of all of them together stay small."""
    first = layers[0]
    if first.chunks is None:
        return layers
    largest = {dim: max(first.chunksizes[dim]) for dim in ("y", "x")}
    weight = math.prod(largest.values()) * sum(x.sizes["time"] * x.dtype.itemsize for x in layers)
    parts = math.ceil(math.sqrt(weight / (2 * BLOCK_BYTES)))
    if parts <= 1:
        return layers
    sides: dict[Any, int] = {dim: max(1, math.ceil(n / parts)) for dim, n in largest.items()}
    return [layer.chunk({**sides, "time": -1}) for layer in layers]


def _season_block(
    *blocks: np.ndarray, ways: tuple[str, ...], indexed: bool, days: np.ndarray, min_clear: int
) -> np.ndarray:
    bands, index = (blocks[:-1], blocks[-1]) if indexed else (blocks, None)
    clear: np.ndarray = np.zeros(bands[0].shape, dtype=bool)
    rows: list[np.ndarray] = []
    picked: np.ndarray | None = None
    if any(way in JOINT for way in ways):
        together = [band for band, way in zip(bands, ways, strict=True) if way in JOINT]
        picked = _picked(together, index, min_clear)
    for band, way in zip(bands, ways, strict=True):
        valid = ~np.isnan(band)
        clear |= valid
        if way in JOINT:
            rows.append(_taken(band, picked))
        else:
            rows.append(np.where(valid.sum(axis=0) >= min_clear, _each(band, valid, way), np.nan))
    rows.append(clear.sum(axis=0))
    if picked is not None:
        rows.append(np.where(picked >= 0, days[picked], 0))
    return np.stack(rows).astype(np.result_type(*blocks, np.float32))


def _each(band: np.ndarray, valid: np.ndarray, way: str) -> np.ndarray:
    from mineeco_xr.kernels.composite import season_median

    if way == "median":
        return season_median(band)
    # Date by date, so that the order of the sum is never that of a block's shape.
    if way == "mean":
        total = np.zeros(band.shape[1:], dtype="float64")
        for date, seen in zip(band, valid, strict=True):
            total += np.where(seen, date, 0)
        count = valid.sum(axis=0)
        return np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
    extreme = np.fmax if way == "max" else np.fmin
    result = band[0]
    for date in band[1:]:
        result = extreme(result, date)
    return result


def _picked(bands: list[np.ndarray], index: np.ndarray | None, min_clear: int) -> np.ndarray:
    """Return the number of the date that is kept, -1 for none."""
    from mineeco_xr.kernels.composite import medoid_date

    whole: np.ndarray = ~np.isnan(bands[0] if index is None else index)
    for band in bands[1:] if index is None else []:
        whole &= ~np.isnan(band)
    if index is None:
        date = medoid_date(np.stack(bands))
    else:
        date = np.where(whole, index, -np.inf).argmax(axis=0).astype(np.int16)
    return np.where(whole.sum(axis=0) >= min_clear, date, np.int16(-1))


def _taken(band: np.ndarray, picked: np.ndarray | None) -> np.ndarray:
    assert picked is not None
    safe = np.maximum(picked, 0)[None].astype(np.intp)
    return np.where(picked >= 0, np.take_along_axis(band, safe, axis=0)[0], np.nan)


def _describe(
    result: xr.Dataset,
    layers: dict[str, xr.DataArray],
    ways: dict[str, str],
    parameters: dict[str, Any],
) -> xr.Dataset:
    for name, layer in layers.items():
        kept = {
            key: value
            for key, value in layer.attrs.items()
            if key in ("units", "long_name", "standard_name", "scale_applied")
        }
        result[name].attrs = {**kept, "cell_methods": f"time: {ways[name]}"}
    result[COUNT].attrs = {"units": "1", "long_name": "clear dates of the season"}
    if DAY in result:
        result[DAY].attrs = {
            "units": "1",
            "long_name": "day of the year of the date that is kept",
            "_FillValue": np.uint16(0),
        }
    return finalize(result, function="composite", parameters=parameters, inputs=layers)
