"""Disturbance of every cell: when vegetation was lost, how much, and from what."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from mineeco_xr.carbonwater.event_limits import event_limits, natural_magnitude
from mineeco_xr.carbonwater.event_patches import drop_small_patches
from mineeco_xr.carbonwater.segmentation import Segmentation, checked_segmentation
from mineeco_xr.chunks import pointwise
from mineeco_xr.cube.calendar import NO_YEAR, calendar_years
from mineeco_xr.cube.grid import geobox_of
from mineeco_xr.cube.nodata import as_float
from mineeco_xr.cube.provenance import finalize
from mineeco_xr.cube.time import decimal_years
from mineeco_xr.cube.units import per_year
from mineeco_xr.errors import ParameterError, SchemaError

MIN_OBS = 6
JOIN_RATE = 0.5
LOSSES = ("decrease", "increase")
CHOICES = ("greatest", "first", "latest", "longest", "fastest", "all")
NO_COUNT = np.uint8(255)
YEARS = ("year", "end_year")


def disturbance(
    data: xr.DataArray,
    *,
    method: str = "segments",
    loss: str = "decrease",
    min_magnitude: float | None = None,
    years: tuple[int, int] | None = None,
    duration: tuple[float, float] | None = None,
    pre_value: tuple[float, float] | None = None,
    min_snr: float = 0.0,
    which: str = "greatest",
    min_patch: int = 1,
    join_rate: float | None = None,
    min_obs: int = MIN_OBS,
    dim: str = "time",
    **options: Any,
) -> xr.Dataset:
    """Find the losses in the series of every cell, and choose one.

    Each series is segmented in time; a segment that loses, or several in a row of like rate, is
    an event. What passes all limits is counted, and one is chosen from it.

    Parameters
    ----------
    data : xarray.DataArray
        A yearly index of vegetation such as NDVI or NBR, or anything else that falls when
        vegetation is lost. Dims with ``time``, ``y`` and ``x`` in any order; NaN, infinities and
        ``_FillValue`` are gaps; dates may be irregular.
    method : {"segments", "landtrendr", "maxdrop"}
        Exact least-squares partition into straight lines, best for the year of a sudden loss;
        LandTrendr (Kennedy et al. 2010), the method of the literature; or the drops between
        consecutive valid dates.
    loss : {"decrease", "increase"}
        Whether a loss is a fall of the values or, as of TVDI or albedo, a rise.
    min_magnitude : float, optional
        Least magnitude of an event, units of ``data``. Default 0.1 for data without units or with
        units of 1, as indices are; other data must name it, for noise alone makes losses.
    years : tuple of int, optional
        First and last year in which an event may begin.
    duration : tuple of float, optional
        Least and largest duration of an event, years.
    pre_value : tuple of float, optional
        Least and largest value before the event, such as what still counts as vegetation.
    min_snr : float
        Least magnitude over the noise of the fit.
    which : {"greatest", "first", "latest", "longest", "fastest", "all"}
        Which event is given of those that pass all limits; with ``"all"`` there is a dim
        ``event``, in order of time.
    min_patch : int
        Minimum mapping unit: events in patches of fewer cells of one year, corners connected, are
        dropped after the choice; ``events`` still counts them.
    join_rate : float, optional
        Neighbouring losing segments are one event when the slower of their rates is at least this
        share of the faster one. Default a half, and never for ``"maxdrop"``; above 1 joins none.
    min_obs : int
        Cells with fewer valid dates are nodata. Default 6.
    dim : str
        Name of the time dim.
    **options
        Parameters of the method. ``"segments"``: ``breaks`` (number of breaks; default: the
        information criterion of Schwarz decides), ``max_breaks=3``, ``min_length=3`` (dates a
        segment), ``continuous=False``. ``"landtrendr"``: ``max_segments=6``,
        ``spike_threshold=0.9``, ``vertex_count_overshoot=3``, ``prevent_one_year_recovery=True``,
        ``recovery_threshold=0.25``, ``pval=0.05``, ``best_model_proportion=0.75``.
        ``"maxdrop"``: ``spike_threshold=0.9``, as LandTrendr damps spikes; 1 is off.

    Returns
    -------
    xarray.Dataset
        Dims ``(y, x)`` or ``(event, y, x)``; lazy when the data are.

        - ``year``: calendar year of the first valid date at which the loss is seen, uint16;
          ``end_year``: of the last date of the loss;
        - ``magnitude``: what was lost, positive for either ``loss``; ``pre_value`` and
          ``post_value``: fitted values before and after, in the sign of the data;
        - ``duration``: years from the last date before the loss to its last date; ``rate``:
          magnitude over duration;
        - ``snr``: magnitude over ``rmse``, the root mean square of the residuals of the
          segmentation (for ``"maxdrop"`` of all other steps, over the square root of two);
        - ``events``: number of events that pass the limits, uint8; 0 where there is none, 255
          (``_FillValue``) without enough valid dates.

        A cell without an event is nodata (0 in the years, else NaN) except in ``events`` and
        ``rmse``.

    Raises
    ------
    SchemaError
        If there are fewer dates than ``min_obs``, or the dates are missing or no calendar years.
    ParameterError
        If a method, parameter or limit is unknown or out of its range.

    Notes
    -----
    Pointwise, with time whole: bit-identical for any chunking; ``min_patch`` adds a halo of that
    many cells. With ``"segments"`` the partition is the best there is: ``n ln(SSE/n) + k ln n`` is
    least, where ``k = 3 m + 2`` counts two parameters of each line and the dates of ``m`` breaks.

    References
    ----------
    Kennedy, R. E., Yang, Z. and Cohen, W. B. (2010). Detecting trends in forest disturbance and
    recovery using yearly Landsat time series: 1. LandTrendr. Remote Sensing of Environment 114,
    2897-2910.
    Bai, J. and Perron, P. (2003). Computation and analysis of multiple structural change models.
    Journal of Applied Econometrics 18, 1-22.

    Examples
    --------
    >>> import numpy as np
    >>> from mineeco_xr.testing import with_grid
    >>> ndvi = np.r_[np.full(5, 0.8), 0.2, 0.25, 0.3, 0.35, 0.4][:, None, None]
    >>> found = disturbance(with_grid(ndvi, name="ndvi"))
    >>> found["year"].item(), round(found["magnitude"].item(), 3), found["events"].item()
    (2006, 0.6, 1)
    """
    segmentation = checked_segmentation(method, options, min_obs)
    if loss not in LOSSES:
        raise ParameterError(f"loss is {loss!r}: choose from {LOSSES}.")
    if which not in CHOICES:
        raise ParameterError(f"which is {which!r}: choose from {CHOICES}.")
    if min_patch < 1 or (min_patch > 1 and which == "all"):
        raise ParameterError(
            f"min_patch is {min_patch} and which is {which!r}: give 1 or more cells, and choose "
            "one event a cell to map patches."
        )
    join = (2.0 if method == "maxdrop" else JOIN_RATE) if join_rate is None else float(join_rate)
    if not join > 0:
        raise ParameterError(f"join_rate is {join_rate}: expected a positive share.")
    geobox_of(data)
    dates, calendar = decimal_years(data, dim), calendar_years(data, dim)
    if dates.size < min_obs:
        raise SchemaError(
            f"{data.name or 'the raster'!r} has {dates.size} dates and min_obs is {min_obs}: no "
            "cell could have an event. Bring more dates, or lower min_obs knowingly."
        )
    least = natural_magnitude(data, min_magnitude)
    limits = event_limits(years, least, duration, pre_value, min_snr)
    most = max(segmentation.vertices(dates.size) - 1, 1) if which == "all" else 1
    layers = _events(
        as_float(data).transpose(dim, ...),
        most,
        {
            "years": dates,
            "calendar": calendar.astype("float64"),
            "segmentation": segmentation,
            "decrease": loss == "decrease",
            "limits": limits,
            "join_rate": join,
            "which": which,
        },
    )
    result = xr.Dataset(layers)
    if min_patch > 1:
        result = drop_small_patches(result, min_patch, keep=("events", "rmse"))
    parameters = {
        **{"method": method, "loss": loss, "min_magnitude": least, "years": years},
        **{"duration": duration, "pre_value": pre_value, "min_snr": min_snr, "which": which},
        **{"min_patch": min_patch, "join_rate": join, "min_obs": min_obs, "dim": dim},
        **segmentation.options,
    }
    return _described(result, data, parameters)


def _events(data: xr.DataArray, most: int, parameters: dict[str, Any]) -> dict[str, xr.DataArray]:
    """Return the variables without attributes, the events along a dim when there may be several."""
    from mineeco_xr.kernels.events import FIELDS

    layers = pointwise(
        _disturbance_block,
        data,
        dtype=data.dtype,
        core_dim=str(data.dims[0]),
        outputs=len(FIELDS) * most + 2,
        parameters={"most": most, **parameters},
    )
    found: dict[str, xr.DataArray] = {}
    for number, name in enumerate(FIELDS):
        parts = layers[number * most : (number + 1) * most]
        whole = parts[0] if parameters["which"] != "all" else xr.concat(parts, "event")
        found[name] = whole.fillna(0).astype(NO_YEAR.dtype) if name in YEARS else whole
    found["rmse"] = layers[-1]
    found["events"] = layers[-2].fillna(NO_COUNT).astype(NO_COUNT.dtype)
    return found


def _disturbance_block(
    block: np.ndarray,
    *,
    most: int,
    years: np.ndarray,
    calendar: np.ndarray,
    segmentation: Segmentation,
    decrease: bool,
    limits: np.ndarray,
    join_rate: float,
    which: str,
) -> np.ndarray:
    from mineeco_xr.kernels.events import FIELDS, loss_events
    from mineeco_xr.kernels.slabs import by_slabs

    def find(series: np.ndarray, out: np.ndarray) -> None:
        events, summary = loss_events(
            segmentation.segment(series, years, decrease),
            series,
            years,
            calendar,
            loss_is_decrease=decrease,
            limits=limits,
            join_rate=join_rate,
            which=which,
        )
        out[:-2] = np.nan
        found = out[:-2].reshape(len(FIELDS), most, -1)
        found[:, : events.shape[1]] = events
        out[-2:] = summary

    return by_slabs(find, block, len(FIELDS) * most + 2)


def _described(result: xr.Dataset, data: xr.DataArray, parameters: dict[str, Any]) -> xr.Dataset:
    label = data.attrs.get("long_name", data.name or "value")
    own = str(data.attrs.get("units", "1"))
    described = {
        "magnitude": (own, f"loss of {label}"),
        "duration": ("yr", "duration of the loss"),
        "pre_value": (own, f"fitted {label} before the loss"),
        "post_value": (own, f"fitted {label} after the loss"),
        "rate": (per_year(own), f"loss of {label} a year"),
        "snr": ("1", "loss over the noise of the fit"),
        "rmse": (own, f"root mean square of the residuals of {label}"),
    }
    for name, (units, text) in described.items():
        result[name].attrs = {"units": units, "long_name": text}
    for name, text in (("year", "first year of the loss"), ("end_year", "last year of the loss")):
        result[name].attrs = {"long_name": text, "_FillValue": NO_YEAR}
    result["events"].attrs = {
        "units": "1",
        "long_name": "number of losses",
        "_FillValue": NO_COUNT,
    }
    return finalize(
        result,
        function="disturbance",
        parameters=parameters,
        inputs={str(data.name or "data"): data},
        attrs={"variable": str(data.name or "")},
    )
