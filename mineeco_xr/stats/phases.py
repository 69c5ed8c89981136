"""Phases of a series: decline, recovery, stability."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from mineeco_xr.chunks import pointwise
from mineeco_xr.cube.calendar import NO_YEAR, calendar_years
from mineeco_xr.cube.nodata import as_float
from mineeco_xr.cube.provenance import finalize
from mineeco_xr.cube.time import decimal_years, require_same_times
from mineeco_xr.cube.units import per_year
from mineeco_xr.errors import ParameterError, SchemaError
from mineeco_xr.stats.phase_fit import LABELS, PHASE_FIELDS, SERIES_FIELDS

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd

FLAT = 0.01
SETTLED = 0.99
MIN_OBS = 6
MOST_BREAKS = 8
YEARS = ("start", "end", "decline_start", "recovery_start", "stable_start")
COUNTS = ("label", "phases")


def phases(
    data: xr.DataArray,
    zones: gpd.GeoDataFrame | xr.DataArray | None = None,
    *,
    breaks: int | None = None,
    max_breaks: int = 5,
    min_length: int = 3,
    continuous: bool = False,
    reference: Any = None,
    alpha: float = 0.05,
    flat: float | None = None,
    settled: float = SETTLED,
    name: str | None = None,
    dim: str = "time",
) -> xr.Dataset:
    """Cut the series of zones into phases of decline, recovery and stability.

    Each series is partitioned into straight lines with the least squares that there are for their
    number, and the number is that of least Bayesian information criterion, or as given.

    Parameters
    ----------
    data : xarray.DataArray
        A series with dims ``(time,)`` or ``(zone, time)``, any name for ``zone``; or, with
        ``zones``, a raster with dims ``(time, y, x)``, whose zonal means are taken. NaN and
        infinities are gaps.
    zones : geopandas.GeoDataFrame or xarray.DataArray, optional
        As for :func:`mineeco_xr.zonal`.
    breaks : int, optional
        Number of breaks; by default the criterion chooses.
    max_breaks : int
        Most breaks that it may choose. Default 5: level, loss, low level, fast and slow return,
        stability.
    min_length : int
        Least number of dates of a phase, at least 2.
    continuous : bool
        Whether the lines meet at the breaks; by default they may jump.
    reference : label of a zone or xarray.DataArray, optional
        An undisturbed zone, or its series over ``time``: all series are divided by it, which takes
        out the weather that they share.
    alpha : float
        Significance of slopes and jumps.
    flat : float, optional
        Slopes below it, in units of the data a year, are stable. Default 1 % of the series' range
        a year. A jump counts when it is worth ten years of it.
    settled : float
        Share of a loss or a return at which it counts as over, for the years of the turns.
    name : str, optional
        Column that names the zones.
    dim : str
        Name of the time dim.

    Returns
    -------
    xarray.Dataset
        Lazy when the data are. Dims ``(zone, phase)``: ``start`` and ``end`` (calendar years,
        uint16, 0 beyond the last phase), ``label`` (uint8: 1 decline, 2 stable, 3 recovery, 4
        increase, 0 none), ``slope`` (units a year) and its ``p``, ``mean``, ``step`` (jump from the
        end of the phase before) and its ``step_p``. Dims ``(zone,)``: ``phases`` (number),
        ``decline_start``, ``recovery_start`` and ``stable_start`` (years of the turns, 0 for none),
        ``r2``, ``rmse`` and ``bic``. :func:`phase_table` makes a table of it.

    Raises
    ------
    SchemaError
        If there are too few dates, or the dims are others.
    ParameterError
        If a parameter is out of its range, or a raster comes without zones.

    Notes
    -----
    Crosses chunks by the reduction of :func:`mineeco_xr.zonal`, then pointwise with time whole.
    A phase is stable when the p of its slope is not below ``alpha`` or the slope is below ``flat``;
    a rise is a recovery after a decline or a significant fall between phases, otherwise an
    increase. p is that of t in the joint regression, one residual variance for all phases, given
    the breaks: it does not count that they were sought. ``bic`` is ``n ln(SSE/n) + k ln n`` with
    ``k`` coefficients and break dates. The loss begins with the first date that is below the level
    before by more than ``1 - settled`` of what is lost, the recovery likewise; stability with the
    first date that has returned ``settled`` of the way to the median of the stable phase. Losses
    and returns worth less than ten years of ``flat`` in all are passed over.

    References
    ----------
    Bai, J. and Perron, P. (2003). Computation and analysis of multiple structural change models.
    Journal of Applied Econometrics 18, 1-22.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> loss, gain = [0.55, 0.4, 0.25], [0.3, 0.45, 0.6]
    >>> level = np.r_[np.full(6, 0.8), loss, np.full(5, 0.05), gain, np.full(7, 0.65)]
    >>> wue = xr.DataArray(level, dims="time", coords={"time": np.arange(2001, 2025)})
    >>> found = phases(wue)
    >>> [found[f"{turn}_start"].item() for turn in ("decline", "recovery", "stable")]
    [2007, 2015, 2018]
    """
    _check(breaks, max_breaks, min_length, alpha, flat, settled)
    series = _series(data, zones, name, dim)
    if reference is not None:
        series = _relative(series, reference, dim)
    when, calendar = decimal_years(series, dim), calendar_years(series, dim)
    needed = max(MIN_OBS, min_length * ((breaks or 0) + 1))
    if when.size < needed:
        raise SchemaError(
            f"{data.name or 'the series'!r} has {when.size} dates; phases need {needed}. Bring "
            "more dates, or ask for fewer breaks or shorter phases."
        )
    parameters = {
        **{"breaks": breaks, "max_breaks": max_breaks, "min_length": min_length},
        **{"continuous": continuous, "alpha": alpha, "flat": flat, "settled": settled},
    }
    count = (max_breaks if breaks is None else breaks) + 1
    result = _fit(series, dim, count, {"when": when, "calendar": calendar, **parameters})
    own = "1" if reference is not None else str(data.attrs.get("units", "1"))
    label = str(data.attrs.get("long_name", data.name or "value"))
    relative = " over the reference" if reference is not None else ""
    kept = reference if not isinstance(reference, xr.DataArray) else str(reference.name)
    return finalize(
        _described(result, own, label + relative),
        function="phases",
        parameters={**parameters, "reference": kept, "name": name, "dim": dim},
        inputs={str(data.name or "data"): data},
        attrs={"variable": str(data.name or "")},
    )


def _check(
    breaks: int | None,
    max_breaks: int,
    min_length: int,
    alpha: float,
    flat: float | None,
    settled: float,
) -> None:
    count = max_breaks if breaks is None else breaks
    if not 0 <= count <= MOST_BREAKS:
        raise ParameterError(f"{count} breaks: expected 0 to {MOST_BREAKS}.")
    if min_length < 2:
        raise ParameterError(f"min_length is {min_length}: a line needs at least 2 dates.")
    if not 0 < alpha < 1:
        raise ParameterError(f"alpha is {alpha}: expected a probability between 0 and 1.")
    if flat is not None and not flat >= 0:
        raise ParameterError(f"flat is {flat}: expected 0 or more, in units of the data a year.")
    if not 0.5 <= settled <= 1:
        raise ParameterError(f"settled is {settled}: expected a share from 0.5 to 1.")


def _series(
    data: xr.DataArray, zones: gpd.GeoDataFrame | xr.DataArray | None, name: str | None, dim: str
) -> xr.DataArray:
    """Return floats with dims ``(..., time)``, at most one before it."""
    label = data.name or "the series"
    if dim not in data.dims:
        raise SchemaError(f"{label!r} has no dim {dim!r}: it has {tuple(data.dims)}.")
    if zones is not None:
        from mineeco_xr.stats.zonal import zonal

        return zonal(data, zones, ["mean"], name=name)["mean"].transpose(..., dim)
    if {"y", "x"} & set(data.dims):
        raise ParameterError(
            f"{label!r} is a raster with dims {tuple(data.dims)}: give the zones whose means are "
            "to be cut into phases, or use disturbance() for the cells."
        )
    if data.ndim > 2:
        raise SchemaError(
            f"{label!r} has dims {tuple(data.dims)}: expected ({dim!r},) or (zone, {dim!r})."
        )
    return as_float(data).transpose(..., dim)


def _relative(series: xr.DataArray, reference: Any, dim: str) -> xr.DataArray:
    """Divide by the series of an undisturbed zone; nodata where that is not positive."""
    if isinstance(reference, xr.DataArray):
        require_same_times({"data": series, "reference": reference}, dim)
        base = as_float(reference)
        if base.dims != (dim,):
            raise ParameterError(f"reference has dims {base.dims}: expected ({dim!r},).")
    else:
        others = [other for other in series.dims if other != dim]
        known = series[others[0]].values.tolist() if others and others[0] in series.coords else []
        if reference not in known:
            raise ParameterError(f"reference {reference!r} is no zone; there are {known}.")
        base = series.sel({others[0]: reference}, drop=True)
    base = base.drop_vars([c for c in base.coords if c != dim])
    return series / base.where(base > 0)


def _fit(series: xr.DataArray, dim: str, count: int, parameters: dict[str, Any]) -> xr.Dataset:
    single = series.ndim == 1
    table = series.expand_dims("zone") if single else series
    layers = pointwise(
        _phase_block,
        table,
        dtype="float64",
        core_dim=dim,
        outputs=len(PHASE_FIELDS) * count + len(SERIES_FIELDS),
        parameters={"count": count, "flat_share": FLAT, **parameters},
    )
    found = {}
    for number, field in enumerate(PHASE_FIELDS):
        parts = layers[number * count : (number + 1) * count]
        found[field] = xr.concat(parts, "phase").transpose(..., "phase")
    found |= dict(zip(SERIES_FIELDS, layers[-len(SERIES_FIELDS) :], strict=True))
    result = xr.Dataset(found).assign_coords(phase=np.arange(1, count + 1))
    for field in YEARS:
        result[field] = result[field].fillna(0).astype(NO_YEAR.dtype)
    for field in COUNTS:
        result[field] = result[field].fillna(0).astype("uint8")
    return result.isel(zone=0, drop=True) if single else result


def _phase_block(
    block: np.ndarray,
    *,
    count: int,
    when: np.ndarray,
    calendar: np.ndarray,
    breaks: int | None,
    max_breaks: int,
    min_length: int,
    continuous: bool,
    **how: Any,
) -> np.ndarray:
    from mineeco_xr.kernels.piecewise import piecewise_lines
    from mineeco_xr.stats.phase_fit import describe_series

    lines = piecewise_lines(
        block,
        when,
        breaks=breaks,
        max_breaks=max_breaks,
        min_length=min_length,
        continuous=continuous,
        min_obs=MIN_OBS,
    )
    fields = len(PHASE_FIELDS)
    out = np.full((fields * count + len(SERIES_FIELDS), block.shape[1]), np.nan)
    for i in range(block.shape[1]):
        vertices = int(lines[0, i])
        if vertices == 0:
            continue
        valid = np.isfinite(block[:, i])
        phase, series = describe_series(
            block[valid, i].astype("float64"),
            when[valid],
            calendar[valid],
            lines[2 : 2 + vertices, i],
            continuous=continuous,
            **how,
        )
        table = out[: fields * count, i].reshape(fields, count)
        for number, field in enumerate(PHASE_FIELDS):
            table[number, : len(phase[field])] = phase[field]
        out[: fields * count, i] = table.ravel()
        out[fields * count :, i] = [series[field] for field in SERIES_FIELDS]
    return out


def _described(result: xr.Dataset, own: str, label: str) -> xr.Dataset:
    described = {
        "slope": (per_year(own), f"slope of {label}"),
        "p": ("1", "two-sided p of the slope"),
        "mean": (own, f"mean of {label}"),
        "step": (own, f"jump of {label} from the phase before"),
        "step_p": ("1", "two-sided p of the jump"),
        "phases": ("1", "number of phases"),
        "r2": ("1", "share of the variance that the lines explain"),
        "rmse": (own, "root mean square of the residuals"),
        "bic": ("1", "Bayesian information criterion"),
    }
    for field, (units, text) in described.items():
        result[field].attrs = {"units": units, "long_name": text}
    texts = ("first year", "last year", *(f"first year of {turn}" for turn in _TURNS))
    for field, text in zip(YEARS, texts, strict=True):
        result[field].attrs = {"long_name": text, "_FillValue": NO_YEAR}
    result["label"].attrs = {
        "long_name": "kind of phase",
        "flag_values": np.arange(1, len(LABELS), dtype="uint8"),
        "flag_meanings": " ".join(LABELS[1:]),
        "_FillValue": np.uint8(0),
    }
    return result


_TURNS = ("loss", "recovery", "stability")


def phase_table(found: xr.Dataset) -> pd.DataFrame:
    """Return the phases of :func:`phases` as a table for a report.

    Parameters
    ----------
    found : xarray.Dataset
        From :func:`phases`.

    Returns
    -------
    pandas.DataFrame
        A row a phase: the zone where there are several, ``phase``, ``label`` in words, ``start``,
        ``end``, ``slope``, ``p``, ``mean``, ``step``, ``step_p``.

    Raises
    ------
    SchemaError
        If the dataset is none of :func:`phases`.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> level = np.r_[np.full(6, 0.8), 0.55, 0.4, 0.25, np.full(5, 0.05)]
    >>> wue = xr.DataArray(level, dims="time", coords={"time": np.arange(2001, 2015)})
    >>> phase_table(phases(wue))[["phase", "label", "start", "end"]]
       phase    label  start   end
    0      1   stable   2001  2006
    1      2  decline   2007  2009
    2      3   stable   2010  2014
    """
    lacking = [field for field in PHASE_FIELDS if field not in found]
    if lacking:
        raise SchemaError(f"the dataset lacks {lacking}: expected the result of phases().")
    columns = found[[*PHASE_FIELDS]].drop_vars("spatial_ref", errors="ignore")
    frame = columns.to_dataframe().reset_index()
    frame = frame[frame["label"] > 0].reset_index(drop=True)
    words = np.array(LABELS)[frame.pop("label").to_numpy(dtype=int)]
    others = [column for column in frame if column not in (*PHASE_FIELDS, "phase")]
    rest = [field for field in PHASE_FIELDS if field != "label"]
    return frame[[*others, "phase", *rest]].assign(label=words)[[*others, "phase", "label", *rest]]
