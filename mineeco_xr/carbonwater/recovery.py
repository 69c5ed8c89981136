"""Recovery of every cell after its disturbance."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from mineeco_xr.chunks import pointwise
from mineeco_xr.cube.calendar import NO_YEAR, calendar_years
from mineeco_xr.cube.grid import geobox_of, require_same_grid
from mineeco_xr.cube.nodata import as_float
from mineeco_xr.cube.provenance import finalize
from mineeco_xr.cube.time import require_same_times
from mineeco_xr.cube.units import per_year
from mineeco_xr.errors import ParameterError, SchemaError

SHARE = 0.8
WINDOW = 5
PRE_YEARS = 2
TREND_YEARS = 10
YEARS = ("start_year", "recovered_year")
Years = int | xr.DataArray


def recovery(
    data: xr.DataArray,
    disturbed: xr.Dataset | xr.DataArray | int,
    *,
    start: xr.DataArray | int | None = None,
    target: str | float | xr.DataArray = "pre",
    share: float = SHARE,
    window: int = WINDOW,
    pre_years: int = PRE_YEARS,
    trend_years: int = TREND_YEARS,
    dim: str = "time",
) -> xr.Dataset:
    """Measure how far and how fast every cell has recovered.

    Parameters
    ----------
    data : xarray.DataArray
        A yearly index that falls with a disturbance and rises with recovery, such as NDVI or NBR.
        Dims with ``time``, ``y`` and ``x`` in any order, one date a calendar year; years may lack.
    disturbed : xarray.Dataset, xarray.DataArray or int
        The result of :func:`mineeco_xr.disturbance` with one event a cell; or the calendar year of
        disturbance of each cell (0, ``_FillValue`` or NaN: none), or of all.
    start : xarray.DataArray or int, optional
        Year t0 from which recovery counts, such as that of planting. Default: the last year of the
        loss when ``disturbed`` is a result, else the year of disturbance.
    target : "pre", float or xarray.DataArray
        What is to be reached: the mean before the disturbance, a number, a raster, or a series over
        ``time`` such as that of an undisturbed zone, which takes the weather along. Units of
        ``data``.
    share : float
        Share of the target that counts as recovered. Default 0.8.
    window : int
        Years after t0 of the short-term measures, at least 1. Default 5.
    pre_years : int
        Years before the disturbance whose mean is the value before it. Default 2.
    trend_years : int
        Years up to the last valid date that carry the recovery trend, at least 3. Default 10.
    dim : str
        Name of the time dim.

    Returns
    -------
    xarray.Dataset
        Dims ``(y, x)``; lazy when the data are; nodata (NaN, 0 in years) where a year that is
        needed lacks or lies outside the record.

        - ``start_year``: t0; ``start_value``: y(t0); ``pre_value``; ``target`` at the last date;
        - ``delta_ir``: y(t0 + window) - y(t0), ``yryr``: that a year;
        - ``r80p``: y(t0 + window) / (share target);
        - ``y2r``: years from t0 to the first date with y >= share target, ``recovered_year``: that
          year; nodata where it is not reached;
        - ``rri``: (max(y(t0 + window - 1), y(t0 + window)) - y(t0)) / (pre_value - y(t0));
        - ``recovered``: (y(last) - y(t0)) / (target - y(t0)) at the last valid date;
        - ``years_left``: years from the last valid date until a least-squares line through the
          last ``trend_years`` of the recovery reaches share target; 0 where it has, nodata where
          it does not rise.

    Raises
    ------
    SchemaError
        If there are two dates in a year, or ``disturbed`` is no result of one event a cell.
    GridMismatch
        If a raster lies on another grid.
    ParameterError
        If a parameter is out of its range.

    Notes
    -----
    Pointwise, with time whole: bit-identical for any chunking. The measures are those of the
    package spectral-recovery, but for ``rri``, whose loss is counted from the mean before the
    disturbance (Frazier et al. 2018) and not from the value of the year in which it begins, and for
    cells that never recover, which are nodata. A share of a target that is not positive means
    nothing: ``r80p``, ``y2r`` and ``years_left`` are nodata there. Where nothing was lost so are
    ``rri`` and ``recovered``.

    References
    ----------
    Frazier, R. J. et al. (2018). Analyzing spatial and temporal variability in short-term rates of
    post-fire vegetation return from Landsat time series. Remote Sensing of Environment 205, 32-45.

    Examples
    --------
    >>> import numpy as np
    >>> from mineeco_xr.testing import with_grid
    >>> ndvi = np.r_[0.8, 0.8, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.7][:, None, None]
    >>> found = recovery(with_grid(ndvi, name="ndvi"), 2003)
    >>> {name: round(found[name].item(), 3) for name in ("delta_ir", "r80p", "y2r", "recovered")}
    {'delta_ir': 0.5, 'r80p': 1.094, 'y2r': 5.0, 'recovered': 0.833}
    """
    _check(share, window, pre_years, trend_years)
    geobox_of(data)
    calendar = calendar_years(data, dim)
    twice = calendar[1:][np.diff(calendar) == 0]
    if twice.size:
        raise SchemaError(
            f"{data.name or 'the raster'!r} has two dates in {twice[0]}: recovery is measured by "
            "calendar years. Make yearly composites first."
        )
    given: dict[str, Any] = dict(zip(("disturbed", "start"), _years(disturbed, start), strict=True))
    goal = _target(data, target, dim)
    if goal is not None:
        given["target"] = goal
    layers = {name: value for name, value in given.items() if isinstance(value, xr.DataArray)}
    rasters = {name: layer for name, layer in layers.items() if layer.ndim > 1}
    require_same_grid({str(data.name or "data"): data, **rasters})
    values = as_float(data).transpose(dim, ...)
    measures = _measure(
        values,
        {name: as_float(layer) for name, layer in layers.items()},
        {
            "calendar": calendar,
            "numbers": {name: value for name, value in given.items() if name not in layers},
            "how": {
                **{"share": float(share), "window": int(window)},
                **{"pre_years": int(pre_years), "trend_years": int(trend_years)},
            },
        },
        dim,
    )
    parameters = {
        **{"start": _told(start), "target": _told(target), "share": share, "window": window},
        **{"pre_years": pre_years, "trend_years": trend_years, "dim": dim},
    }
    inputs = {str(data.name or "data"): data, **layers}
    if not isinstance(disturbed, xr.DataArray | xr.Dataset):
        parameters["disturbed"] = disturbed
    return _described(measures, data, parameters, inputs)


def _check(share: float, window: int, pre_years: int, trend_years: int) -> None:
    if not 0 < share <= 1:
        raise ParameterError(
            f"share is {share}: expected a share above 0 and up to 1, such as 0.8."
        )
    for name, value, least in (
        ("window", window, 1),
        ("pre_years", pre_years, 1),
        ("trend_years", trend_years, 3),
    ):
        if value < least:
            raise ParameterError(f"{name} is {value}: expected {least} or more years.")


def _years(
    disturbed: xr.Dataset | xr.DataArray | int, start: xr.DataArray | int | None
) -> tuple[Years, Years]:
    """Return the years of disturbance and of the start of recovery, as rasters or numbers."""
    first: Years
    last: Years
    if isinstance(disturbed, xr.Dataset):
        lacking = [name for name in ("year", "end_year") if name not in disturbed]
        if lacking:
            raise SchemaError(
                f"the dataset lacks {lacking}: expected the result of disturbance(), or a raster "
                "of years."
            )
        first, last = disturbed["year"], disturbed["end_year"]
    else:
        first, last = disturbed, disturbed
    return _one_year(first, "disturbed"), _one_year(last if start is None else start, "start")


def _one_year(years: Years, name: str) -> Years:
    """Return a raster of years with its nodata known, or a number.

    Raises
    ------
    SchemaError
        If there are several years a cell.
    """
    if not isinstance(years, xr.DataArray):
        return int(years)
    if set(years.dims) != {"y", "x"}:
        raise SchemaError(
            f"{name} has dims {tuple(years.dims)}: expected one year a cell, (y, x). Choose one of "
            "several events with disturbance(which=...) or isel(event=...)."
        )
    return years


def _target(
    data: xr.DataArray, target: str | float | xr.DataArray, dim: str
) -> xr.DataArray | float | None:
    if isinstance(target, str):
        if target != "pre":
            raise ParameterError(
                f"target is {target!r}: choose 'pre', a number, a raster or a series."
            )
        return None
    if not isinstance(target, xr.DataArray):
        return float(target)
    if target.dims == (dim,):
        require_same_times({str(data.name or "data"): data, "target": target}, dim)
        return target.drop_vars([name for name in target.coords if name != dim])
    if set(target.dims) != {"y", "x"}:
        raise SchemaError(
            f"target has dims {tuple(target.dims)}: expected (y, x) or ({dim!r},). Take the mean "
            "of a reference over the rest."
        )
    return target


def _measure(
    values: xr.DataArray,
    layers: dict[str, xr.DataArray],
    parameters: dict[str, Any],
    dim: str,
) -> dict[str, xr.DataArray]:
    from mineeco_xr.kernels.recovery import FIELDS

    found = pointwise(
        _recovery_block,
        values,
        *layers.values(),
        dtype=values.dtype,
        core_dim=dim,
        outputs=len(FIELDS),
        parameters={"names": tuple(layers), **parameters},
    )
    measures = dict(zip(FIELDS, found, strict=True))
    for name in YEARS:
        measures[name] = measures[name].fillna(0).astype(NO_YEAR.dtype)
    return measures


def _recovery_block(
    block: np.ndarray,
    *layers: np.ndarray,
    names: tuple[str, ...],
    numbers: dict[str, float],
    calendar: np.ndarray,
    how: dict[str, Any],
) -> np.ndarray:
    from mineeco_xr.kernels.recovery import recovery_measures

    cells = block.shape[1:]
    flat = block.reshape(block.shape[0], -1)
    given = dict(zip(names, layers, strict=True))
    years = [
        np.broadcast_to(given.get(name, numbers.get(name, np.nan)), cells).reshape(-1)
        for name in ("disturbed", "start")
    ]
    target = None
    if "target" in numbers:
        target = np.full((1, 1), numbers["target"])
    elif "target" in given:
        # A series comes with time first, as the data do; a raster has the cells' two dims.
        shape = (-1, 1) if given["target"].ndim == block.ndim else (1, -1)
        target = given["target"].reshape(shape)
    found = recovery_measures(flat, calendar, years[0], years[1], target, **how)
    return found.reshape(-1, *cells)


def _told(value: Any) -> Any:
    return str(value.name) if isinstance(value, xr.DataArray) else value


def _described(
    measures: dict[str, xr.DataArray],
    data: xr.DataArray,
    parameters: dict[str, Any],
    inputs: dict[str, Any],
) -> xr.Dataset:
    label = data.attrs.get("long_name", data.name or "value")
    own = str(data.attrs.get("units", "1"))
    described = {
        "pre_value": (own, f"{label} before the disturbance"),
        "start_value": (own, f"{label} at the start of recovery"),
        "target": (own, f"target of {label} at the last valid date"),
        "delta_ir": (own, f"regrowth of {label} within the window"),
        "yryr": (per_year(own), f"regrowth of {label} a year"),
        "r80p": ("1", "value after the window over the share of the target"),
        "y2r": ("yr", "years until the share of the target was reached"),
        "rri": ("1", "relative recovery indicator"),
        "recovered": ("1", "share of the loss regained at the last valid date"),
        "years_left": ("yr", "years until the recovery trend reaches the share of the target"),
    }
    result = xr.Dataset(measures)
    for name, (units, text) in described.items():
        result[name].attrs = {"units": units, "long_name": text}
    for name, text in zip(YEARS, ("start of recovery", "year of recovery"), strict=True):
        result[name].attrs = {"long_name": text, "_FillValue": NO_YEAR}
    return finalize(
        result,
        function="recovery",
        parameters=parameters,
        inputs=inputs,
        attrs={"variable": str(data.name or "")},
    )
