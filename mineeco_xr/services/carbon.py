"""Carbon held by land use: the four pools of InVEST's carbon model and their sum."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from mineeco_xr.chunks.cellwise import cellwise
from mineeco_xr.chunks.reread import reread
from mineeco_xr.cube.provenance import finalize
from mineeco_xr.cube.units import convert_units, format_units, parse_units
from mineeco_xr.services.class_table import label_of
from mineeco_xr.services.class_values import ClassValues
from mineeco_xr.services.lazy import lazy_together
from mineeco_xr.services.lead import require_same_leads, undated
from mineeco_xr.services.parameters import class_parameters, values_of

POOLS = ("c_above", "c_below", "c_soil", "c_dead")
UNITS = "tC ha-1"
ATTRS = {
    "carbon_storage": {"units": UNITS, "long_name": "carbon storage"},
    "c_above": {"units": UNITS, "long_name": "carbon above ground"},
    "c_below": {"units": UNITS, "long_name": "carbon below ground"},
    "c_soil": {"units": UNITS, "long_name": "carbon in soil"},
    "c_dead": {"units": UNITS, "long_name": "carbon in dead matter"},
}
_CARBON = {"t": "tC", "kg": "kgC", "g": "gC", "Mg": "MgC"}


def carbon(
    lulc: xr.DataArray,
    pools: Any = None,
    *,
    c_above: xr.DataArray | float | None = None,
    c_below: xr.DataArray | float | None = None,
    c_soil: xr.DataArray | float | None = None,
    c_dead: xr.DataArray | float | None = None,
) -> xr.Dataset:
    """Return the carbon that is stored in each hectare.

    Parameters
    ----------
    lulc : xarray.DataArray
        Class codes of land use; ``_FillValue`` and NaN are nodata. Dims ``(y, x)``, or with
        ``time``: the stock of every date.
    pools : str, Path or pandas.DataFrame, optional
        InVEST's table: ``lucode``, ``c_above``, ``c_below``, ``c_soil`` and ``c_dead``, t of carbon
        per ha.
    c_above, c_below, c_soil, c_dead : xarray.DataArray or float, optional
        In place of columns of the table: rasters, whose ``units`` are read (a mass is one of
        carbon), or numbers in t per ha, such as ``c_dead=0`` for a pool that is left out.

    Returns
    -------
    xarray.Dataset
        float32, tC ha-1: ``carbon_storage`` and its parts ``c_above``, ``c_below``, ``c_soil`` and
        ``c_dead``. NaN where land use or a pool is nodata. Lazy when an input is; what is not asked
        for is not computed.

    Raises
    ------
    SchemaError
        If a column is missing, a class stands twice, or dates differ; when computed, before any
        block of the result, if a class has no row in the table.
    ParameterError
        If a number is negative; when computed, if a raster is.
    GridMismatch
        If a raster is on another grid.
    UnitError
        If the unit of a raster is no mass per area.

    Notes
    -----
    The sum is taken in float32 and in the order above: equal in every bit to natcap.invest 3.20.
    Pointwise: bit-identical for any chunking. Land use is read twice, first to check its classes.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from mineeco_xr.testing import with_grid
    >>> pools = pd.DataFrame({"lucode": [1, 2], "c_above": [15, 5], "c_below": [10, 3],
    ...                       "c_soil": [60, 20], "c_dead": [1, 0]})
    >>> carbon(with_grid(np.array([[1, 2]], "uint8")), pools)["carbon_storage"].values
    array([[86., 28.]], dtype=float32)
    """
    given = {"c_above": c_above, "c_below": c_below, "c_soil": c_soil, "c_dead": c_dead}
    rasters = {name: v for name, v in given.items() if isinstance(v, xr.DataArray)}
    require_same_leads({"lulc": lulc, **rasters})
    lulc = lazy_together({"lulc": lulc}, rasters.values())["lulc"]
    densities = {name: undated(carbon_density(r, name)) for name, r in rasters.items()}
    parameters = class_parameters(
        lulc,
        pools,
        POOLS,
        name="the table of carbon pools",
        given={**given, **densities},
        ranges=dict.fromkeys(POOLS, (0.0, np.inf)),
    )

    every = {name: reread(layer, "carbon") for name, layer in parameters.layers.items()}
    classes = reread(lulc, "carbon")

    def of(*wanted: str) -> xr.DataArray:
        layers = {name: every[name] for name in wanted if name in every}
        layers["lulc"] = classes
        return cellwise(
            _sum_block,
            *layers.values(),
            dtype="float32",
            shared=parameters.shared,
            parameters={"names": tuple(layers), "pools": wanted},
        )

    variables = {"carbon_storage": of(*POOLS), **{pool: of(pool) for pool in POOLS}}
    numbers = {k: v for k, v in given.items() if v is not None and k not in rasters}
    return finalize(
        xr.Dataset({name: layer.assign_attrs(ATTRS[name]) for name, layer in variables.items()}),
        function="carbon",
        parameters={"pools": label_of(pools), **numbers},
        inputs={"lulc": lulc, **rasters},
    )


def carbon_density(data: xr.DataArray, name: str) -> xr.DataArray:
    """Return a raster in tC ha-1; a mass without a substance is one of carbon.

    Parameters
    ----------
    data : xarray.DataArray
        In tC ha-1, t ha-1, kgC m-2, Mg ha-1 and so on.
    name : str
        For messages.

    Returns
    -------
    xarray.DataArray
        Lazy when ``data`` is.
    """
    if "units" in data.attrs:
        factors = parse_units(str(data.attrs["units"]))
        units = format_units({_CARBON.get(unit, unit): e for unit, e in factors.items()})
        data = data.assign_attrs(units=units)
    return convert_units(data, UNITS, name=name)


def _sum_block(
    *blocks: np.ndarray, shared: ClassValues, names: tuple[str, ...], pools: tuple[str, ...]
) -> np.ndarray:
    layers = dict(zip(names, blocks, strict=True))
    classes = layers.pop("lulc")
    if not layers:
        # The sum by class, looked up once a cell: the same bits as the sum by cell.
        return _added([shared.columns[pool] for pool in pools])[shared.positions(classes)]
    total = _added([values_of(shared, classes, layers, pool) for pool in pools])
    known = shared.valid(classes)
    return total if known.all() else np.where(known, total, np.float32(np.nan))


def _added(parts: list[np.ndarray]) -> np.ndarray:
    total = parts[0].astype(np.float32, copy=False)
    for part in parts[1:]:
        total = total + part
    return total.astype(np.float32, copy=False)
