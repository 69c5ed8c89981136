"""What carbon storage comes to: change between dates, its value, and totals in tonnes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from mineeco_xr.chunks import pointwise, reduce_blocks
from mineeco_xr.chunks.cellwise import cellwise
from mineeco_xr.cube.area import cell_area
from mineeco_xr.cube.grid import geobox_of, require_same_grid
from mineeco_xr.cube.nodata import as_float
from mineeco_xr.cube.provenance import finalize
from mineeco_xr.cube.time import decimal_years
from mineeco_xr.cube.units import unit_ratio
from mineeco_xr.errors import ParameterError, SchemaError
from mineeco_xr.services.carbon import UNITS, carbon_density
from mineeco_xr.services.lead import require_same_leads
from mineeco_xr.services.watersheds import HECTARE, zone_totals
from mineeco_xr.stats.scene import small_array

if TYPE_CHECKING:
    import geopandas as gpd

CONVENTIONS = ("corrected", "invest")

DATES = ("time", "date", "year")
"""Coordinates that say when, of which the first that both maps have is taken."""

NODATA = -1.0
"""InVEST's nodata of all carbon rasters, which a change may equal by chance."""


def carbon_sequestration(
    before: xr.DataArray,
    after: xr.DataArray,
    *,
    years: float | str | None = None,
    convention: str = "corrected",
) -> xr.DataArray:
    """Return how carbon storage changed from one map to another.

    Parameters
    ----------
    before, after : xarray.DataArray
        ``carbon_storage`` of :func:`carbon`, or any mass of carbon per area, on one grid. Where
        both have a scalar ``time``, ``date`` or ``year``, that of ``after`` must be later.
    years : float or "time", optional
        Years from one to the other: the change is then given per year. ``"time"`` takes them from
        the scalar ``time``, ``date`` or ``year`` of both.
    convention : {"corrected", "invest"}
        ``"invest"`` makes a change of -1 nodata, as InVEST does because -1 is its code.

    Returns
    -------
    xarray.DataArray
        ``after - before``, tC ha-1 or tC ha-1 yr-1, positive where carbon was taken up; float32 for
        float32 inputs. NaN where one of them is nodata. Lazy when an input is.

    Raises
    ------
    ParameterError
        If ``after`` is not later than ``before``, or ``years`` is not positive.
    SchemaError
        If ``years="time"`` and a date is missing.
    GridMismatch
        If the grids differ.

    Notes
    -----
    Pointwise: bit-identical for any chunking, and with ``convention="invest"`` to natcap.invest
    3.20.

    Examples
    --------
    >>> import numpy as np
    >>> from mineeco_xr.testing import with_grid
    >>> before, after = (with_grid(np.array([[v]], "f4"), units="tC ha-1") for v in (86, 28))
    >>> carbon_sequestration(before, after).values
    array([[-58.]], dtype=float32)
    >>> carbon_sequestration(before, after, years=29).attrs["units"]
    'tC ha-1 yr-1'
    """
    if convention not in CONVENTIONS:
        raise ParameterError(f"convention {convention!r} is unknown: choose from {CONVENTIONS}.")
    require_same_grid({"before": before, "after": after})
    require_same_leads({"before": before, "after": after})
    elapsed = _elapsed(before, after, years)
    layers = {"before": _storage(before, "before"), "after": _storage(after, "after")}
    change = cellwise(
        _change_block,
        *layers.values(),
        dtype=np.result_type(*(layer.dtype for layer in layers.values())),
        parameters={
            "years": elapsed,
            "nodata": NODATA if convention == "invest" else None,
        },
    )
    rate = "" if elapsed is None else " yr-1"
    return finalize(
        change,
        function="carbon_sequestration",
        parameters={"years": years, "convention": convention},
        inputs={"before": before, "after": after},
        attrs={
            "units": f"{UNITS}{rate}",
            "long_name": "change of carbon storage" if elapsed is None else "carbon sequestration",
        },
        name="carbon_change",
    )


def _storage(data: xr.DataArray, name: str) -> xr.DataArray:
    values = as_float(carbon_density(data, name))
    return values.drop_vars([date for date in DATES if date not in values.dims], errors="ignore")


def _change_block(
    before: np.ndarray, after: np.ndarray, *, years: float | None, nodata: float | None
) -> np.ndarray:
    change = after - before
    if nodata is not None:
        change = np.where(np.isclose(change, nodata), change.dtype.type(np.nan), change)
    return change if years is None else change / change.dtype.type(years)


def _elapsed(before: xr.DataArray, after: xr.DataArray, years: float | str | None) -> float | None:
    """Check the order of the dates, and return the years between them when asked for."""
    layers = (before, after)
    known = [n for n in DATES if all(n in x.coords and x[n].ndim == 0 for x in layers)]
    dates = [layer[known[0]].values for layer in layers] if known else []
    if len(dates) == 2 and not dates[1] > dates[0]:
        raise ParameterError(
            f"after is of {str(dates[1])[:10]} and before of {str(dates[0])[:10]}: give the "
            "earlier one first."
        )
    if years is None:
        return None
    if isinstance(years, str):
        if years != "time" or len(dates) < 2:
            raise SchemaError(
                f"years is {years!r}: give a number, or 'time' where before and after each have "
                "one date as a scalar coordinate, as isel(time=...) leaves it."
            )
        both = np.stack(dates)
        return float(decimal_years(xr.DataArray(both, dims="time", coords={"time": both}))[1])
    return _positive(years, "years")


def _positive(value: Any, name: str) -> float:
    if not isinstance(value, int | float | np.number) or not 0 < float(value) < np.inf:
        raise ParameterError(f"{name} is {value!r}; expected a positive number.")
    return float(value)


def carbon_value(
    change: xr.DataArray,
    *,
    price: float,
    years: float,
    discount_rate: float,
    price_change: float = 0.0,
    currency: str = "CNY",
) -> xr.DataArray:
    """Return the net present value of a change of carbon storage.

    Parameters
    ----------
    change : xarray.DataArray
        From :func:`carbon_sequestration`, not per year; tC ha-1.
    price : float
        Of a tonne of carbon.
    years : float
        Over which the change came about, in equal parts.
    discount_rate : float
        % a year.
    price_change : float
        % a year, in InVEST's sense: **positive numbers lower the value** of later years, as the
        discount does.
    currency : str
        Unit of ``price``, for the attributes.

    Returns
    -------
    xarray.DataArray
        Value per ha; dims and dtype of ``change``. Lazy when it is.

    Raises
    ------
    ParameterError
        If ``years`` is not positive, ``price`` no number, or a rate is -100 % or less.
    UnitError
        If the change is one per year.

    Notes
    -----
    ``change price / n (1 - q^n) / (1 - q)`` with ``n`` years and ``q = 1 / ((1 + discount_rate/100)
    (1 + price_change/100))``; ``change price`` where ``q`` is 1. Equal in every bit to
    natcap.invest 3.20. Pointwise.

    Examples
    --------
    >>> import numpy as np
    >>> from mineeco_xr.testing import with_grid
    >>> change = with_grid(np.array([[-58.0]], "f4"), units="tC ha-1")
    >>> carbon_value(change, price=43, years=14, discount_rate=-7.1, price_change=2.8).values
    array([[-3422.079]], dtype=float32)
    """
    geobox_of(change)
    factor = _value_of_a_tonne(price, _positive(years, "years"), discount_rate, price_change)
    layer = as_float(carbon_density(change, "change"))
    value = pointwise(_times_block, layer, dtype=layer.dtype, parameters={"factor": factor})
    return finalize(
        value.transpose(*change.dims),
        function="carbon_value",
        parameters={
            "price": price,
            "years": years,
            "discount_rate": discount_rate,
            "price_change": price_change,
        },
        inputs={str(change.name or "change"): change},
        attrs={"units": f"{currency} ha-1", "long_name": "net present value of carbon change"},
        name="carbon_value",
    )


def _value_of_a_tonne(price: float, years: float, discount: float, price_change: float) -> float:
    if not isinstance(price, int | float | np.number) or not np.isfinite(price):
        raise ParameterError(f"price is {price!r}; expected a number.")
    for name, rate in (("discount_rate", discount), ("price_change", price_change)):
        if not -100 < rate < np.inf:
            raise ParameterError(f"{name} is {rate!r}; expected percent a year above -100.")
    ratio = 1 / ((1 + discount / 100) * (1 + price_change / 100))
    yearly = price / years
    rest = years if ratio == 1 else (1 - ratio**years) / (1 - ratio)
    return float(yearly * rest)


def _times_block(block: np.ndarray, *, factor: float) -> np.ndarray:
    return block * factor


def carbon_totals(
    data: xr.DataArray | xr.Dataset,
    zones: gpd.GeoDataFrame | xr.DataArray | None = None,
    *,
    name: str | None = None,
) -> xr.Dataset:
    """Return what is given per hectare in total, over the raster or zones.

    Parameters
    ----------
    data : xarray.DataArray or xarray.Dataset
        Storage, change or value per ha; of a cube each variable.
    zones : geopandas.GeoDataFrame or xarray.DataArray, optional
        As for :func:`mineeco_xr.zonal`; without, all cells together.
    name : str, optional
        Column of ``zones`` that names them.

    Returns
    -------
    xarray.Dataset
        float64, units less the hectare, such as tC; dims ``(zone,)``, ``(zone, time)``,
        ``(time,)`` or none. NaN where there is no valid cell. Lazy when the data are.

    Raises
    ------
    GridMismatch
        If a zone lies outside the grid.
    SchemaError
        If the cube has no variable.

    Notes
    -----
    Cells count with their true area, by latitude on a geographic grid; on a projected one as in
    InVEST's summary. Crosses chunks by reduction, the same for any chunking to 1e-12.

    Examples
    --------
    >>> import numpy as np
    >>> from mineeco_xr.testing import with_grid
    >>> storage = with_grid(np.full((2, 2), 86.0, "f4"), resolution=100, units="tC ha-1")
    >>> carbon_totals(storage.rename("carbon_storage"))["carbon_storage"].item()
    344.0
    """
    layers: dict[str, xr.DataArray] = (
        {str(data.name or "carbon"): data}
        if isinstance(data, xr.DataArray)
        else {str(key): layer for key, layer in data.data_vars.items() if "y" in layer.dims}
    )
    if not layers:
        raise SchemaError("the cube has no raster: give what carbon returns.")
    require_same_grid(layers)
    if zones is None:
        table = xr.Dataset({key: _total(layer, key) for key, layer in layers.items()})
    else:
        table = zone_totals(layers, zones, name=name)
    return finalize(
        table,
        function="carbon_totals",
        parameters={"zones": zones is not None, "name": name},
        inputs=layers,
    )


def _total(data: xr.DataArray, key: str) -> xr.DataArray:
    values = as_float(data).transpose(..., "y", "x").drop_vars("spatial_ref", errors="ignore")
    lead = [str(dim) for dim in values.dims if dim not in ("y", "x")]
    area = cell_area(geobox_of(data)).assign_coords(y=values["y"]) / HECTARE
    found = reduce_blocks(_total_block, _merge_totals, values, area, finish=_finish_totals)
    total = small_array(found, _picked, values, lead[0] if lead else None)
    units = unit_ratio(data.attrs.get("units", "ha-1"), "ha-1")
    long_name = f"total {data.attrs.get('long_name', key)}"
    return total.assign_attrs(units=units, long_name=long_name)


Totals = tuple[np.ndarray, np.ndarray]


def _total_block(block: np.ndarray, area: np.ndarray, *, shared: None) -> Totals:
    """Return sums and counts of the valid cells of each date."""
    cube = block.reshape(-1, *block.shape[-2:])
    known = ~np.isnan(cube)
    rows = np.sum(cube, axis=-1, dtype="float64", where=known)
    return rows @ area.reshape(-1), np.count_nonzero(known, axis=(1, 2))


def _merge_totals(parts: list[Totals]) -> Totals:
    sums, counts = zip(*parts, strict=True)
    return np.sum(sums, axis=0), np.sum(counts, axis=0)


def _finish_totals(found: Totals, shared: None) -> np.ndarray:
    sums, counts = found
    return np.where(counts > 0, sums, np.nan)


def _picked(totals: np.ndarray) -> np.ndarray:
    return totals
