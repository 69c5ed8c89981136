"""Sediment: how much soil is lost, how much of it reaches a stream, and what holds it back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from mineeco_xr.chunks.cellwise import cellwise
from mineeco_xr.cube.area import cell_area
from mineeco_xr.cube.grid import geobox_of, require_same_grid
from mineeco_xr.cube.provenance import finalize
from mineeco_xr.cube.units import convert_units
from mineeco_xr.errors import ParameterError
from mineeco_xr.services.class_table import label_of
from mineeco_xr.services.lead import require_one_lead
from mineeco_xr.services.parameters import ModelParameters, class_parameters
from mineeco_xr.services.sediment_flow import delivery, deposition, route

if TYPE_CHECKING:
    import geopandas as gpd

EROSIVITY_UNITS = "MJ mm ha-1 h-1 yr-1"
ERODIBILITY_UNITS = "t h MJ-1 mm-1"
LOSS_UNITS = "t ha-1 yr-1"
CONVENTIONS = ("corrected", "invest")
LENGTHS = {"metres": "metres", "pixels": "invest"}
NUMBERS = (int, float, np.number)
TABLE = "the biophysical table"
RANGES = {
    "usle_c": (0.0, 1.0),
    "usle_p": (0.0, 1.0),
    "erosivity": (0.0, np.inf),
    "erodibility": (0.0, np.inf),
}
LABELS = {
    "rkls": ("potential soil loss without cover and practice", LOSS_UNITS),
    "usle": ("soil loss", LOSS_UNITS),
    "sediment_export": ("soil loss that reaches a stream", LOSS_UNITS),
    "sediment_deposition": ("sediment from upslope that stays here", LOSS_UNITS),
    "avoided_erosion": ("soil loss that cover and practice avoid", LOSS_UNITS),
    "avoided_export": ("sediment that cover, practice and trapping keep from streams", LOSS_UNITS),
    "sediment_retention": ("sediment retention, eq. 2 of Feng et al. (2024)", "t yr-1"),
    "sdr": ("sediment delivery ratio", "1"),
    "connectivity_index": ("index of connectivity to streams", "1"),
    "ls_factor": ("length and steepness of slopes", "1"),
    "streams": ("stream", "1"),
}


def sediment(
    dem: xr.DataArray,
    lulc: xr.DataArray,
    erosivity: xr.DataArray | float,
    erodibility: xr.DataArray | float,
    biophysical: Any = None,
    *,
    threshold: float,
    method: str = "mfd",
    usle_c: xr.DataArray | float | None = None,
    usle_p: xr.DataArray | float | None = None,
    drainage: xr.DataArray | None = None,
    watersheds: gpd.GeoDataFrame | str | None = None,
    borselli_k: float = 2.0,
    borselli_ic0: float = 0.5,
    sdr_max: float = 0.8,
    l_max: float = 122.0,
    flow_length: str | None = None,
    convention: str = "corrected",
) -> xr.Dataset:
    """Return soil loss, its export to streams, its deposition and what avoids them.

    The sediment delivery ratio model of InVEST, whole.

    Parameters
    ----------
    dem : xarray.DataArray
        Elevation, m, dims ``(y, x)``, as measured: pits are filled here.
    lulc : xarray.DataArray
        Land-use classes, dims ``(y, x)`` or ``(time, y, x)``.
    erosivity : xarray.DataArray or float
        Rainfall erosivity R, MJ mm ha-1 h-1 yr-1: a raster with or without ``time``, a number for
        each date, or a number.
    erodibility : xarray.DataArray or float
        Soil erodibility K, t ha h MJ-1 ha-1 mm-1, likewise.
    biophysical : str, Path or pandas.DataFrame, optional
        InVEST's table: ``lucode``, ``usle_c`` and ``usle_p``, both 0 to 1.
    threshold : float
        Cells that must drain through a cell for it to be a stream.
    method : {"mfd", "d8"}
        Flow to all lower neighbours, or to the steepest one.
    usle_c, usle_p : xarray.DataArray or float, optional
        In place of the table's columns.
    drainage : xarray.DataArray, optional
        1 where water reaches a stream besides those of the terrain: ditches, drains; 0 elsewhere.
    watersheds : GeoDataFrame or str, optional
        Polygons outside of which cells are nodata, as in InVEST: no water comes from there.
    borselli_k, borselli_ic0 : float
        Parameters of the delivery ratio.
    sdr_max : float
        Largest delivery ratio, above 0 to 1.
    l_max : float
        Largest slope length factor.
    flow_length : {"metres", "pixels"}, optional
        Length of a step down to the stream in the index of connectivity; default by convention.
    convention : {"corrected", "invest"}
        Whether to repeat what InVEST 3.20 does where its guide says otherwise, see the notes.

    Returns
    -------
    xarray.Dataset
        float32, lazy when the inputs are: ``rkls``, ``usle``, ``sediment_export``,
        ``sediment_deposition``, ``avoided_erosion`` and ``avoided_export`` (t ha-1 yr-1),
        ``sediment_retention`` (t yr-1 of each cell), ``sdr``, ``connectivity_index``,
        ``ls_factor`` and ``streams`` (uint8). Take what you need: the rest costs nothing. A cell
        is nodata where any input is, and where no stream is reached in what depends on one.

    Raises
    ------
    GridMismatch
        If layers differ in grid, the grid is not in metres or its cells are not square, or a
        watershed lies outside of it.
    SchemaError
        If the table is wrong, or dates differ; when computed, if a class has no row in it, or no
        cell has all inputs.
    ParameterError
        If a parameter is out of range; when computed, if R, K, C or P are, or no cell drains as
        much as the threshold.
    UnitError
        If a unit is unknown or measures something else.

    Notes
    -----
    ``RKLS = R K LS`` and ``USLE = RKLS C P``, with LS after Desmet and Govers (1996) from the
    square root of the area above, as InVEST (its ADR-0001): ``L = ((A + D^2)^(m+1) - A^(m+1)) /
    (D^(m+2) x^m 22.13^m)``, ``A = sqrt((n - 1) D^2)``, ``x = sin b + cos b`` of the slope angle
    ``b``, at most ``l_max``; ``S = 10.8 sin b + 0.03`` below 9 %, else ``16.8 sin b - 0.5``.

    ``IC = log10(D_up / D_dn)``, ``D_up = mean(W) mean(S) sqrt(n D^2)`` over the cells above,
    ``D_dn`` the way to the stream with steps of ``1 / (W S)``, ``W = max(C, 0.001)``, ``S`` the
    slope between 0.005 and 1. ``SDR = SDR_max / (1 + exp((IC_0 - IC) / k))``, 1 on streams.
    ``export = USLE SDR``. What is left, ``E' = USLE (1 - SDR)``, flows on and is trapped at each
    cell with the share ``dT = (sum_k SDR_k p_ik - SDR_i) / (1 - SDR_i)``: ``T = dT sum_j F_j
    p_ji``, ``F = (1 - dT) sum_j F_j p_ji + E'``. ``avoided_erosion = RKLS - USLE``,
    ``avoided_export = avoided_erosion SDR + T`` and ``sediment_retention = R K LS (1 - C P) SDR /
    SDR_max``, times the area of the cell. On streams all losses are nodata and ``T`` is not.

    ``convention="invest"`` counts steps to the stream in cells, as InVEST does against its guide,
    traces multiple-flow streams in the order of its queue, leads D8 flow over plateaus in that of
    its tiles, and rounds the parts of a divided flow of sediment to float32; ``docs/services.md``
    has the effects.

    Crosses chunks by stitching with D8, in five passes over the inputs; with ``"invest"``
    its directions are one task that holds the raster. With multiple flow a raster that fits into
    memory is routed in one lazy task a step; a larger one in strips, which computes at once, with
    progress, makes all checks at once, and holds slopes and directions, 8 bytes a cell, in memory
    or on the workers. Write the result before you go on.

    References
    ----------
    Borselli, L. et al. (2008). Catena 75, 268-277. Vigiak, O. et al. (2012). Geomorphology 138,
    74-88. Desmet, P., Govers, G. (1996). J. Soil Water Conserv. 51, 427-433.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from mineeco_xr.testing import with_grid
    >>> dem = with_grid(np.linspace(90, 50, 5) * np.ones((3, 1)), units="m")
    >>> lulc = with_grid(np.ones((3, 5), dtype="uint8"))
    >>> table = pd.DataFrame({"lucode": [1], "usle_c": [0.2], "usle_p": [1.0]})
    >>> made = sediment(dem, lulc, 1500.0, 0.03, table, threshold=4, method="d8")
    >>> made["streams"].values[1]
    array([0, 0, 0, 0, 1], dtype=uint8)
    >>> made["sediment_export"].values[1].round(2)
    array([5.48, 6.47, 7.36, 8.63,  nan], dtype=float32)
    """
    settings = _checked_settings(
        borselli_k=borselli_k, borselli_ic0=borselli_ic0, sdr_max=sdr_max, l_max=l_max
    )
    _checked_settings(threshold=threshold)
    if convention not in CONVENTIONS:
        raise ParameterError(f"convention {convention!r} is unknown: choose from {CONVENTIONS}.")
    length = flow_length or ("pixels" if convention == "invest" else "metres")
    if length not in LENGTHS:
        raise ParameterError(f"flow_length {length!r} is unknown: choose from {tuple(LENGTHS)}.")
    parameters = _parameters(lulc, biophysical, erosivity, erodibility, usle_c, usle_p)
    layers = {"dem": dem, "lulc": lulc}
    require_same_grid(layers if drainage is None else {**layers, "drainage": drainage})
    inputs = _inputs(**layers, erosivity=erosivity, erodibility=erodibility,
                     usle_c=usle_c, usle_p=usle_p, drainage=drainage)  # fmt: skip
    require_one_lead(inputs)
    if all(layer.chunks is None for layer in inputs.values()):
        parameters = parameters.checked()
    routed = route(
        dem,
        lulc,
        parameters,
        threshold=threshold,
        method=method,
        drainage=drainage,
        watersheds=watersheds,
        convention=convention,
    )
    rkls, cp, ls, ic, sdr = delivery(
        routed, lulc, parameters, length=LENGTHS[length], settings=settings
    )
    usle, export, left, avoided = _losses(rkls, cp, sdr)
    trapped = deposition(routed.direction, left, sdr, convention=convention)
    results = {
        "rkls": rkls,
        "usle": usle,
        "sediment_export": export,
        "sediment_deposition": trapped,
        "avoided_erosion": avoided,
        "avoided_export": cellwise(_avoided_export, avoided, sdr, trapped, dtype="float32"),
        "sediment_retention": _retention(avoided, sdr, sdr_max),
        "sdr": sdr,
        "connectivity_index": ic,
        "ls_factor": ls,
        "streams": routed.streams,
    }
    return finalize(
        _described(results, routed.streams),
        function="sediment",
        parameters={
            "threshold": threshold,
            "method": method,
            "flow_length": length,
            "convention": convention,
            **settings,
            **{key: v for key, v in (("erosivity", erosivity), ("erodibility", erodibility),
               ("usle_c", usle_c), ("usle_p", usle_p)) if isinstance(v, NUMBERS)},
            **{key: label_of(v) for key, v in (("biophysical", biophysical),
               ("watersheds", watersheds)) if v is not None},
        },
        inputs=inputs,
    )  # fmt: skip


def _checked_settings(**settings: float) -> dict[str, float]:
    for key, value in settings.items():
        if not isinstance(value, NUMBERS):
            raise ParameterError(f"{key} is {value!r}; expected a number.")
        high = 1.0 if key == "sdr_max" else np.inf
        low = -np.inf if key == "borselli_ic0" else 0.0
        if not low < value <= high or not np.isfinite(value):
            raise ParameterError(f"{key} is {value}; expected a number above {low:g} to {high:g}.")
    return {key: float(value) for key, value in settings.items()}


def _parameters(
    lulc: xr.DataArray,
    table: Any,
    erosivity: xr.DataArray | float,
    erodibility: xr.DataArray | float,
    usle_c: xr.DataArray | float | None,
    usle_p: xr.DataArray | float | None,
) -> ModelParameters:
    given: dict[str, Any] = {"usle_c": usle_c, "usle_p": usle_p}
    for key, value, units in (
        ("erosivity", erosivity, EROSIVITY_UNITS),
        ("erodibility", erodibility, ERODIBILITY_UNITS),
    ):
        given[key] = (
            convert_units(value, units, name=key) if isinstance(value, xr.DataArray) else value
        )
    return class_parameters(lulc, table, tuple(RANGES), name=TABLE, given=given, ranges=RANGES)


def _losses(
    rkls: xr.DataArray, cp: xr.DataArray, sdr: xr.DataArray
) -> tuple[xr.DataArray, xr.DataArray, xr.DataArray, xr.DataArray]:
    """Return USLE, export, what neither stays nor is exported, and avoided erosion."""
    usle = cellwise(np.multiply, rkls, cp, dtype="float32")
    export = cellwise(np.multiply, usle, sdr, dtype="float32")
    left = cellwise(_left_block, usle, sdr, dtype="float32")
    return usle, export, left, cellwise(np.subtract, rkls, usle, dtype="float32")


def _left_block(usle: np.ndarray, sdr: np.ndarray) -> np.ndarray:
    """``E' = USLE (1 - SDR)``, 0 on streams, whose loss is nodata."""
    return np.where(sdr == 1, np.float32(0), usle * (1 - sdr))


def _avoided_export(avoided: np.ndarray, sdr: np.ndarray, trapped: np.ndarray) -> np.ndarray:
    return avoided * sdr + trapped


def _retention(avoided: xr.DataArray, sdr: xr.DataArray, sdr_max: float) -> xr.DataArray:
    hectares = float(cell_area(geobox_of(avoided))[0]) / 1e4
    return cellwise(
        _retention_block, avoided, sdr, dtype="float32", parameters={"factor": hectares / sdr_max}
    )


def _retention_block(avoided: np.ndarray, sdr: np.ndarray, *, factor: float) -> np.ndarray:
    return avoided * sdr * np.float32(factor)


def _inputs(**layers: Any) -> Mapping[str, xr.DataArray]:
    return {key: value for key, value in layers.items() if isinstance(value, xr.DataArray)}


def _described(layers: Mapping[str, xr.DataArray], streams: xr.DataArray) -> xr.Dataset:
    own = {
        key: value
        for key, value in streams.attrs.items()
        if key in ("_FillValue", "flag_values", "flag_meanings")
    }
    return xr.Dataset(
        {
            name: layer.drop_attrs(deep=False).assign_attrs(
                units=LABELS[name][1],
                long_name=LABELS[name][0],
                **(own if name == "streams" else {}),
            )
            for name, layer in layers.items()
        }
    )
