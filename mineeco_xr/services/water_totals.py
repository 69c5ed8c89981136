"""Water by watershed: yield, what is consumed of it, and what its fall is worth as power."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from mineeco_xr.chunks import pointwise
from mineeco_xr.chunks.reread import reread
from mineeco_xr.cube.grid import require_same_grid
from mineeco_xr.cube.provenance import finalize
from mineeco_xr.errors import ParameterError, SchemaError
from mineeco_xr.services.class_table import label_of, read_class_table
from mineeco_xr.services.class_values import ClassValues
from mineeco_xr.services.lead import require_same_leads
from mineeco_xr.services.parameters import class_parameters
from mineeco_xr.services.water_yield import CONVENTIONS, annual_depth
from mineeco_xr.services.watersheds import WATERSHED, polygon_area, read_watersheds, zone_tables
from mineeco_xr.stats.zonal import zonal

if TYPE_CHECKING:
    import geopandas as gpd

LAYERS = ("water_yield", "aet", "pet")

STATION = {
    "time_span": (1.0, np.inf),
    "discount": (-99.0, np.inf),
    "efficiency": (0.0, 1.0),
    "fraction": (0.0, 1.0),
    "cost": (-np.inf, np.inf),
    "height": (0.0, np.inf),
    "kw_price": (-np.inf, np.inf),
}
"""Columns of InVEST's table of hydropower stations and what they may hold."""

KWH = 0.00272
"""kWh that a cubic metre yields a metre of fall, as InVEST rounds it."""


def water_yield_totals(
    result: xr.Dataset,
    watersheds: gpd.GeoDataFrame | str | Path,
    *,
    lulc: xr.DataArray | None = None,
    demand: Any = None,
    valuation: Any = None,
    precipitation: xr.DataArray | None = None,
    name: str = WATERSHED,
    currency: str = "CNY",
    convention: str = "corrected",
) -> xr.Dataset:
    """Return the water of watersheds: yield, scarcity and hydropower, as InVEST's tables do.

    Parameters
    ----------
    result : xarray.Dataset
        From :func:`water_yield`: ``water_yield``, ``aet`` and ``pet`` in mm yr-1.
    watersheds : geopandas.GeoDataFrame, str or Path
        Polygons or a file of them. Those that overlap keep all of their cells each.
    lulc : xarray.DataArray, optional
        Class codes, for ``demand``; a variable ``lulc`` of ``result`` is taken when not given.
    demand : str, Path or pandas.DataFrame, optional
        InVEST's table ``lucode, demand``: what is consumed, m3 a year **in each cell** of a class.
    valuation : str, Path or pandas.DataFrame, optional
        InVEST's table of hydropower stations, one row a watershed: ``ws_id``, ``time_span``
        (years), ``discount`` (% a year), ``efficiency`` and ``fraction`` (0 to 1), ``cost`` (a
        year), ``height`` (m) and ``kw_price`` (a kWh). Needs ``demand``.
    precipitation : xarray.DataArray, optional
        Its mean is then given too.
    name : str
        Column of the watersheds' ids; ``subws_id`` for InVEST's subwatersheds.
    currency : str
        Unit of ``cost`` and ``kw_price``, for the attributes.
    convention : {"corrected", "invest"}
        At a ``discount`` of 0 InVEST finds no value; the default adds up the years.

    Returns
    -------
    xarray.Dataset
        Dims ``(zone,)`` or ``(zone, time)``, float64: means ``water_yield``, ``aet``, ``pet`` and
        ``precipitation`` (mm yr-1), ``water_yield_volume`` (m3 yr-1), ``polygon_area`` (m2),
        ``count`` (valid cells) and ``valid_share`` (of the area of the cells within the grid);
        with ``demand`` ``consumption`` and ``realised_supply`` (m3 yr-1); with ``valuation``
        ``energy`` (kWh yr-1) and ``net_present_value``. NaN in a watershed without a valid cell.
        Lazy when the result is.

    Raises
    ------
    GridMismatch
        If a watershed lies outside the grid, or a raster is on another grid.
    SchemaError
        If a column, a class or the row of a watershed is missing, or one stands twice.
    ParameterError
        If ``lulc`` or ``demand`` is missing, or a number of a table is out of its range.

    Notes
    -----
    The volume is the mean yield times the area of the **polygon**, as in InVEST, so that cells
    without data, and parts beyond the grid, count as the mean; ``valid_share`` says how much that
    is. The realised supply is the volume less the consumption, and with it ``energy = 0.00272
    efficiency fraction height supply`` and ``(kw_price energy - cost) (1 - r^T) / (1 - r)`` with
    ``r = 1 / (1 + discount / 100)``, whose limit at a discount of 0 is ``T`` years. InVEST's
    ``consum_mn`` and ``rsupply_mn`` are left out: the second takes m3 from mm. Means, sums and
    values agree with InVEST 3.20 to 1e-6 where the polygons' edges meet no centre of a cell.

    Crosses chunks by reduction, the same for any chunking to 1e-12.

    Examples
    --------
    >>> import geopandas as gpd, numpy as np, shapely
    >>> from mineeco_xr.testing import with_grid
    >>> depth = with_grid(np.full((2, 2), 300.0, "f4"), origin=(0, 60), units="mm yr-1")
    >>> basin = gpd.GeoDataFrame({"ws_id": [1]}, geometry=[shapely.box(0, 0, 60, 60)],
    ...                          crs="EPSG:32650")
    >>> result = xr.Dataset({"water_yield": depth, "aet": depth, "pet": depth})
    >>> water_yield_totals(result, basin)["water_yield_volume"].item()
    1080.0
    """
    if convention not in CONVENTIONS:
        raise ParameterError(f"convention {convention!r} is unknown: choose from {CONVENTIONS}.")
    layers = _layers(result, precipitation)
    frame = read_watersheds(watersheds, name)
    tables = zone_tables(layers, frame, ["mean", "count", "valid_share"], name=name)
    table, cells = xr.Dataset({k: t["mean"] for k, t in tables.items()}), tables["water_yield"]
    table["polygon_area"] = ("zone", polygon_area(frame), _attrs("m2", "area of the polygon"))
    table["water_yield_volume"] = table["water_yield"] * table["polygon_area"] / 1000
    table["water_yield_volume"].attrs = _attrs("m3 yr-1", "water yield")
    table["count"], table["valid_share"] = cells["count"], cells["valid_share"]
    if demand is None and valuation is not None:
        raise ParameterError("valuation needs what is consumed before the station: give demand=.")
    if demand is not None:
        classes = _classes(lulc, result)
        layers["lulc"] = classes
        consumed = zonal(_demanded(classes, demand, layers), frame, ["sum"], name=name)["sum"]
        table["consumption"] = consumed.assign_attrs(_attrs("m3 yr-1", "water consumption"))
        supply = table["water_yield_volume"] - consumed
        table["realised_supply"] = supply.assign_attrs(_attrs("m3 yr-1", "realised water supply"))
    if valuation is not None:
        stations = _stations(valuation, frame[name].tolist(), name)
        table = table.merge(_hydropower(table["realised_supply"], stations, currency, convention))
    return finalize(
        table,
        function="water_yield_totals",
        parameters={
            "demand": label_of(demand),
            "valuation": label_of(valuation),
            "name": name,
            "convention": convention,
        },
        inputs=layers,
    )


def _attrs(units: str, long_name: str) -> dict[str, str]:
    return {"units": units, "long_name": long_name}


def _layers(result: xr.Dataset, precipitation: xr.DataArray | None) -> dict[str, xr.DataArray]:
    missing = [name for name in LAYERS if name not in result]
    if missing:
        raise SchemaError(
            f"the result has no {missing}; it has {sorted(map(str, result.data_vars))}. Give what "
            "water_yield returns."
        )
    layers = {name: annual_depth(result[name], name) for name in LAYERS}
    if precipitation is not None:
        attrs = _attrs("mm yr-1", "precipitation")
        depth = annual_depth(precipitation, "precipitation")
        layers["precipitation"] = depth.assign_attrs(attrs)
    require_same_grid(layers)
    require_same_leads(layers)
    return layers


def _classes(lulc: xr.DataArray | None, result: xr.Dataset) -> xr.DataArray:
    if lulc is not None:
        return lulc
    if "lulc" in result:
        return result["lulc"]
    raise ParameterError("demand is given by class: give the land use, lulc=.")


def _demanded(lulc: xr.DataArray, demand: Any, layers: dict[str, xr.DataArray]) -> xr.DataArray:
    require_same_grid({"water_yield": layers["water_yield"], "lulc": lulc})
    require_same_leads({**layers, "lulc": lulc})
    parameters = class_parameters(
        lulc, demand, ["demand"], name="the demand table", ranges={"demand": (0.0, np.inf)}
    )
    found = pointwise(
        _demand_block, reread(lulc, "demand"), dtype="float32", shared=parameters.shared
    )
    return found.transpose(*lulc.dims)


def _demand_block(classes: np.ndarray, *, shared: ClassValues) -> np.ndarray:
    return shared.of(classes, "demand")


def _stations(valuation: Any, ids: list[Any], name: str) -> pd.DataFrame:
    label = "the valuation table"
    stations = read_class_table(valuation, list(STATION), name=label, ranges=STATION, key=name)
    missing = [number for number in ids if number not in stations.index]
    if missing:
        raise SchemaError(f"{label} has no row of {name} {missing}: add one for each watershed.")
    return stations.loc[ids]


def _hydropower(
    supply: xr.DataArray, stations: pd.DataFrame, currency: str, convention: str
) -> xr.Dataset:
    column = {key: xr.DataArray(values.to_numpy(), dims="zone") for key, values in stations.items()}
    energy = column["efficiency"] * column["fraction"] * column["height"] * supply * KWH
    years = np.array(
        [
            _discounted_years(span, discount, convention)
            for span, discount in zip(stations["time_span"], stations["discount"], strict=True)
        ]
    )
    value = (column["kw_price"] * energy - column["cost"]) * xr.DataArray(years, dims="zone")
    return xr.Dataset(
        {
            "energy": energy.transpose(*supply.dims).assign_attrs(
                _attrs("kWh yr-1", "hydropower production")
            ),
            "net_present_value": value.transpose(*supply.dims).assign_attrs(
                _attrs(currency, "net present value of hydropower")
            ),
        }
    )


def _discounted_years(span: float, discount: float, convention: str) -> float:
    """Return the sum of the years' weights, a geometric series."""
    ratio = 1 / (1 + discount / 100)
    if ratio == 1:
        return 0.0 if convention == "invest" else span
    return (1 - ratio**span) / (1 - ratio)
