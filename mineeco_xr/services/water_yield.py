"""Water yield: the rain of a year that does not evaporate, by InVEST's annual model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from mineeco_xr.chunks.cellwise import cellwise
from mineeco_xr.chunks.reread import reread
from mineeco_xr.cube.grid import require_same_grid
from mineeco_xr.cube.nodata import as_float
from mineeco_xr.cube.provenance import finalize
from mineeco_xr.cube.units import (
    convert_units,
    format_units,
    parse_units,
    unit_factor,
    units_of,
)
from mineeco_xr.errors import ParameterError
from mineeco_xr.services.budyko import CURVES, water_balance
from mineeco_xr.services.class_table import label_of, read_class_table, read_csv
from mineeco_xr.services.lead import require_same_leads
from mineeco_xr.services.parameters import class_parameters
from mineeco_xr.services.ranges import require_range

TABLE = "the biophysical table"
COLUMNS = ("kc", "root_depth", "lulc_veg")
RANGES = {"kc": (0.0, np.inf), "root_depth": (0.0, np.inf), "lulc_veg": (0.0, 1.0)}
SEASONALITY = (1.0, 30.0)
CONVENTIONS = ("corrected", "invest")

ATTRS = {
    "water_yield": {"units": "mm yr-1", "long_name": "water yield"},
    "aet": {"units": "mm yr-1", "long_name": "actual evapotranspiration"},
    "aet_fraction": {"units": "1", "long_name": "share of precipitation that evaporates"},
    "pet": {"units": "mm yr-1", "long_name": "potential evapotranspiration"},
}

_TIMES = ("yr", "season", "month", "week", "d", "h", "s")


def water_yield(
    lulc: xr.DataArray,
    precipitation: xr.DataArray,
    evapotranspiration: xr.DataArray,
    soil_depth: xr.DataArray,
    available_water: xr.DataArray,
    *,
    seasonality: float,
    biophysical: Any = None,
    budyko: str = "fu",
    kc: xr.DataArray | float | None = None,
    root_depth: xr.DataArray | float | None = None,
    vegetated: xr.DataArray | float | None = None,
    convention: str = "corrected",
) -> xr.Dataset:
    """Return the water yield of each cell, precipitation less actual evapotranspiration.

    Parameters
    ----------
    lulc : xarray.DataArray
        Class codes of land use; ``_FillValue`` and NaN are nodata. Dims ``(y, x)`` or with
        ``time``, which any of the rasters may have and others not.
    precipitation : xarray.DataArray
        Of a year: mm yr-1, another depth per time, or kg m-2 yr-1. A plain depth is that of a year.
    evapotranspiration : xarray.DataArray
        Reference evapotranspiration of a year, likewise.
    soil_depth : xarray.DataArray
        Depth to the layer that stops roots; a length.
    available_water : xarray.DataArray
        Water that plants can take from the soil, as a share of its volume, 0 to 1 or in %.
    seasonality : float
        Zhang's constant Z, 1 to 30: about a fifth of the number of rain events in a year.
    biophysical : str, Path or pandas.DataFrame, optional
        InVEST's table: ``lucode``, ``kc``, ``root_depth`` (mm) and ``lulc_veg`` (1 vegetated, 0
        not). The root depth of what is not vegetated does not matter and may be blank.
    budyko : {"fu", "zhang2001"}
        Curve for vegetated cells (see Notes).
    kc, root_depth, vegetated : xarray.DataArray or float, optional
        In place of columns of the table: crop coefficient, root depth (a length, as a number mm),
        and whether a cell is vegetated (1 or 0; a share counts as vegetated from above a half).
    convention : {"corrected", "invest"}
        ``"invest"`` lets rounding and overflow of InVEST's float32 stand (see Notes).

    Returns
    -------
    xarray.Dataset
        float32: ``water_yield``, ``aet`` and ``pet`` (mm yr-1), ``aet_fraction`` (``aet`` over
        precipitation). NaN where an input is nodata and where no rain falls; ``pet`` only where
        land use or reference evapotranspiration is nodata. Lazy when the inputs are.

    Raises
    ------
    ParameterError
        If ``seasonality``, ``budyko`` or ``convention`` is not known, or a number of the table is
        out of range; when computed, before any block of the result, if a raster is: negative
        depths, shares beyond 0..1, with the count of such cells.
    SchemaError
        If a column is missing, a class stands twice, or dates differ; when computed, if a class has
        no row in the table.
    GridMismatch
        If the rasters are on different grids.
    UnitError
        If a unit is unknown or measures something else.

    Notes
    -----
    With ``PET = kc ET0``, the dryness ``R = PET / P`` and the water that the soil can hold
    ``AWC = min(root_depth, soil_depth) available_water``, the share of precipitation that
    evaporates from vegetated cells is

    - ``"fu"``: ``min(R, 1 + R - (1 + R^w)^(1/w))`` with ``w = min(5, Z AWC / P + 1.25)`` (Zhang et
      al. 2004; Donohue et al. 2012), the rule of InVEST since 3.0;
    - ``"zhang2001"``: ``min(R, (1 + w R) / (1 + w R + 1/R))`` with ``w = Z AWC / P`` (Zhang et al.
      2001), that of InVEST 2, printed in papers to this day;

    and from others ``min(PET, P) / P``. The yield is ``(1 - share) P``.

    ``convention="invest"`` equals natcap.invest 3.20 in every bit on float32 rasters, nodata and
    cells without rain included. The default differs from it in vegetated cells where float32 fails
    Fu's curve: no more evaporates than falls (rounding adds a part in ten million), and with a
    dryness above 1000, some millimetre of rain, the curve is taken in a form that keeps its digits.
    InVEST gives shares as low as -8 there, and infinite yields below some 2e-5 mm of rain.

    Pointwise: bit-identical for any chunking. The inputs are read twice, first for the checks.

    References
    ----------
    Zhang, L., Dawes, W. R., Walker, G. R. (2001). Water Resources Research 37, 701-708.
    Zhang, L., Hickel, K., Dawes, W. R., et al. (2004). Water Resources Research 40, W02502.
    Donohue, R. J., Roderick, M. L., McVicar, T. R. (2012). Journal of Hydrology 436-437, 35-50.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from mineeco_xr.testing import with_grid
    >>> lulc = with_grid(np.array([[1, 2]], "uint8"))
    >>> rain, et0, soil = (with_grid(np.full((1, 2), v, "f4"), units=u)
    ...                    for v, u in [(800, "mm yr-1"), (1000, "mm yr-1"), (500, "mm")])
    >>> water = with_grid(np.full((1, 2), 0.2, "f4"), units="1")
    >>> table = pd.DataFrame({"lucode": [1, 2], "kc": [0.9, 0.3], "root_depth": [2000, -1],
    ...                       "lulc_veg": [1, 0]})
    >>> found = water_yield(lulc, rain, et0, soil, water, seasonality=5, biophysical=table)
    >>> found["water_yield"].values.round(1)
    array([[332., 500.]], dtype=float32)
    """
    _require_choices(seasonality, budyko, convention)
    given = {
        "lulc": lulc,
        "precipitation": precipitation,
        "evapotranspiration": evapotranspiration,
        "soil_depth": soil_depth,
        "available_water": available_water,
    }
    replaced: dict[str, Any] = {"kc": kc, "root_depth": root_depth, "lulc_veg": vegetated}
    given |= {c: value for c, value in replaced.items() if isinstance(value, xr.DataArray)}
    require_same_grid(given)
    require_same_leads(given)
    if isinstance(root_depth, xr.DataArray):
        replaced["root_depth"] = convert_units(root_depth, "mm", name="root_depth")
    climate = {
        "precipitation": annual_depth(precipitation, "precipitation"),
        "evapotranspiration": annual_depth(evapotranspiration, "evapotranspiration"),
        "soil_depth": as_float(convert_units(soil_depth, "mm", name="soil_depth")),
        "available_water": _share(available_water),
    }
    parameters = class_parameters(
        lulc,
        _biophysical(biophysical, replaced),
        COLUMNS,
        name=TABLE,
        given=replaced,
        ranges=RANGES,
    ).after(*(_check(layer, name) for name, layer in climate.items()))
    layers = {"lulc": lulc, **climate, **parameters.layers}
    found = cellwise(
        water_balance,
        *(reread(layer, "balance") for layer in layers.values()),
        dtype="float32",
        outputs=4,
        shared=parameters.shared,
        parameters={
            "names": tuple(layers),
            "curve": budyko,
            "seasonality": float(seasonality),
            "bounded": convention == "corrected",
        },
    )
    numbers = {k: v for k, v in replaced.items() if v is not None and k not in given}
    choices = {"seasonality": seasonality, "budyko": budyko, "convention": convention}
    variables = {
        name: layer.assign_attrs(ATTRS[name]) for name, layer in zip(ATTRS, found, strict=True)
    }
    return finalize(
        xr.Dataset(variables),
        function="water_yield",
        parameters={**choices, "biophysical": label_of(biophysical), **numbers},
        inputs=given,
    )


def _require_choices(seasonality: Any, budyko: str, convention: str) -> None:
    low, high = SEASONALITY
    number = isinstance(seasonality, int | float | np.number)
    if not number or not low <= float(seasonality) <= high:
        raise ParameterError(
            f"seasonality is {seasonality!r}; expected Zhang's constant Z, a number from {low:g} "
            f"to {high:g}."
        )
    if budyko not in CURVES:
        raise ParameterError(f"budyko {budyko!r} is unknown: choose from {CURVES}.")
    if convention not in CONVENTIONS:
        raise ParameterError(f"convention {convention!r} is unknown: choose from {CONVENTIONS}.")


def annual_depth(data: xr.DataArray, name: str) -> xr.DataArray:
    """Return water per year as floats in mm yr-1; a depth without time is that of a year.

    Parameters
    ----------
    data : xarray.DataArray
        In mm, mm month-1, m yr-1, kg m-2 yr-1 and so on.
    name : str
        For messages.

    Returns
    -------
    xarray.DataArray
        Nodata is NaN; lazy when ``data`` is.
    """
    factors = parse_units(units_of(data, expected="mm yr-1", name=name))
    if factors.get("kg") == 1 and factors.get("m") == -2:
        factors = {"mm": 1, **{u: e for u, e in factors.items() if u not in ("kg", "m")}}
    if not any(unit in factors for unit in _TIMES):
        factors["yr"] = -1
    values = as_float(data)
    factor = unit_factor(format_units(factors), "mm yr-1", name=repr(name))
    return values if factor == 1.0 else values * values.dtype.type(factor)


def _share(available_water: xr.DataArray) -> xr.DataArray:
    if "units" in available_water.attrs:
        available_water = convert_units(available_water, "1", name="available_water")
    return as_float(available_water)


def _check(layer: xr.DataArray, name: str) -> Any:
    high = 1.0 if name == "available_water" else np.inf
    remedy = "Correct it or its units, or declare the code of nodata as attrs['_FillValue']."
    return require_range(layer, 0.0, high, name=name, remedy=remedy)


def _biophysical(table: Any, replaced: dict[str, Any]) -> pd.DataFrame | None:
    """Read the table; root depths that do not matter become 1, as in InVEST."""
    if table is None:
        return None
    wanted = [column for column in COLUMNS if replaced[column] is None]
    frame = read_csv(table, name=TABLE)
    if {"root_depth", "lulc_veg"} <= set(wanted) & set(frame.columns):
        bare = pd.to_numeric(frame["lulc_veg"], errors="coerce") <= 0.5
        # Objects, for a column of texts and blanks takes no number.
        frame["root_depth"] = frame["root_depth"].astype(object).mask(bare, 1.0)
    return read_class_table(frame, wanted, name=TABLE, ranges={"lulc_veg": RANGES["lulc_veg"]})
