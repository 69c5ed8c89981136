"""Grades of damage to land: the worst of strain, tilt, subsidence and depth to water."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from mineeco_xr.chunks import pointwise
from mineeco_xr.cube.grid import require_same_grid
from mineeco_xr.cube.nodata import as_float
from mineeco_xr.cube.provenance import finalize
from mineeco_xr.cube.units import unit_factor, units_of
from mineeco_xr.errors import ParameterError, SchemaError
from mineeco_xr.subsidence.levels import COLOURS, NODATA, UNAFFECTED, layer_of_ground
from mineeco_xr.subsidence.ponding import water_table_of
from mineeco_xr.tables import read_table

GRADES = ("slight", "moderate", "severe")
AFFECTED = 0.010
"""Subsidence in m below which the ground counts as unaffected."""
LAYERS = {
    "strain": ("strain_max", "strain_min"),
    "tilt": ("tilt",),
    "subsidence": ("subsidence",),
}
"""Outputs of ``subsidence`` that a measure is taken from."""


def damage_grades(
    ground: xr.Dataset,
    *,
    water_table: float | xr.DataArray | None = None,
    land: str = "irrigated",
    limits: Mapping[str, Sequence[float]] | None = None,
) -> xr.DataArray:
    """Grade the damage to land by the worst of what the ground does.

    Parameters
    ----------
    ground : xarray.Dataset
        Of :func:`mineeco_xr.subsidence`, with ``subsidence`` and, as far as they count, ``tilt``,
        ``strain_max`` and ``strain_min``.
    water_table : float or DataArray, optional
        Depth to the water before mining, m; with it the depth that is left counts too.
    land : str
        Which rows of ``tables/damage_grades.csv`` hold; ``"irrigated"``.
    limits : mapping of str to two floats, optional
        Own upper limits of slight and moderate: ``strain`` and ``tilt`` in mm/m, ``subsidence`` in
        m, and ``depth_to_water`` in m, of which lower limits; others are not looked at.

    Returns
    -------
    xarray.DataArray
        uint8: 0 unaffected (less than 10 mm), 1 slight, 2 moderate, 3 severe; ``_FillValue`` 255
        where a measure is missing. Lazy when the ground is.

    Raises
    ------
    SchemaError
        If a layer that a limit needs is missing, or no grades are known of the land.
    ParameterError
        If a limit is unknown or they do not ascend.

    Notes
    -----
    A value on a limit belongs to the lesser grade. By default the limits of irrigated land after
    the reclamation code TD/T 1031.3 are used for the measures that the ground has; they are quoted
    from memory of the rule, to be checked against the standard before they decide anything.
    Pointwise: bit-identical for any chunking.

    Examples
    --------
    >>> from mineeco_xr.testing import with_grid
    >>> sunk = with_grid(np.array([[0.0, 1.0, 1.0, 2.0]]), units="m")
    >>> tilt = with_grid(np.array([[0.0, 0.001, 0.013, 0.001]]), units="m m-1")
    >>> damage_grades(xr.Dataset({"subsidence": sunk, "tilt": tilt})).values
    array([[0, 1, 3, 2]], dtype=uint8)
    """
    bounds = _limits(ground, water_table is not None, land, limits)
    sunk = layer_of_ground(ground, "subsidence")
    layers = [as_float(sunk)]
    rules: list[tuple[Any, ...]] = []
    names = {"subsidence": sunk}
    to_metres = unit_factor(units_of(sunk, expected="m"), "m", name="subsidence")
    for measure, pair in bounds.items():
        if measure == "depth_to_water":
            table = water_table_of(water_table, sunk)
            if isinstance(table, float):
                rules.append(("depth_to_water", pair, to_metres, [], table))
            else:
                rules.append(("depth_to_water", pair, to_metres, [len(layers)], 0.0))
                names["water_table"] = table
                layers.append(as_float(table))
            continue
        units = "m" if measure == "subsidence" else "mm m-1"
        at: list[int] = []
        for name in LAYERS[measure]:
            layer = layer_of_ground(ground, name)
            if name not in names:
                names[name] = layer
                layers.append(as_float(layer))
            at.append(list(names).index(name))
        factor = unit_factor(units_of(layer, expected=units), units, name=measure)
        rules.append((measure, pair, factor, at, 0.0))
    require_same_grid(names)
    grades = pointwise(
        _grade_block,
        *layers,
        dtype="uint8",
        parameters={"rules": rules, "to_metres": to_metres},
    ).transpose(*sunk.dims)
    return finalize(
        grades,
        function="damage_grades",
        parameters={"land": land if limits is None else None, "limits": bounds},
        inputs=names,
        attrs={
            "units": "1",
            "long_name": "grade of damage to land",
            "_FillValue": NODATA,
            "flag_values": np.arange(len(GRADES) + 1, dtype="uint8"),
            "flag_meanings": " ".join([UNAFFECTED, *GRADES]),
            "flag_colors": " ".join(COLOURS),
        },
        name="damage_grade",
    )


def _limits(
    ground: xr.Dataset, has_water: bool, land: str, given: Mapping[str, Sequence[float]] | None
) -> dict[str, tuple[float, float]]:
    if given is None:
        table = _table_of(land)
        given = {
            row.measure: (row.slight_max, row.moderate_max)
            for row in table.itertuples()
            if (has_water if row.measure == "depth_to_water" else
                set(LAYERS[row.measure]) <= set(ground.data_vars))
        }  # fmt: skip
    known = {*LAYERS, "depth_to_water"}
    checked = {}
    for measure, pair in given.items():
        if measure not in known:
            raise ParameterError(f"limits has {measure!r}: choose from {sorted(known)}.")
        first, second = (float(value) for value in pair) if len(pair) == 2 else (0.0, 0.0)
        if not (first > second if measure == "depth_to_water" else 0 < first < second):
            raise ParameterError(
                f"limits of {measure!r} are {pair!r}: give those of slight and of moderate, from "
                "the lesser damage to the greater."
            )
        checked[measure] = (first, second)
    if "depth_to_water" in checked and not has_water:
        raise ParameterError("limits has 'depth_to_water': give water_table too.")
    if not checked:
        raise SchemaError(
            f"the cube has none of {sorted(LAYERS)} to be graded; it has "
            f"{sorted(map(str, ground.data_vars))}. Ask subsidence(..., output=[...]) for them."
        )
    return checked


def _table_of(land: str) -> pd.DataFrame:
    table = read_table("damage_grades")
    rows = table[table["land"] == land]
    if rows.empty:
        raise SchemaError(
            f"no grades are known of land {land!r}; there are {sorted(set(table['land']))}. Give "
            "limits of your own."
        )
    return rows


def _grade_block(
    sunk: np.ndarray, *others: np.ndarray, rules: list[tuple[Any, ...]], to_metres: float
) -> np.ndarray:
    blocks = (sunk, *others)
    grade = np.ones(np.broadcast_shapes(*(block.shape for block in blocks)), dtype="uint8")
    missing = ~np.isfinite(sunk)
    for measure, (first, second), factor, at, constant in rules:
        if measure == "depth_to_water":
            table = blocks[at[0]] if at else constant
            left = table - sunk * factor
            missing = missing | ~np.isfinite(left)
            # Negated, so that more of it is worse, as of the others.
            value, first, second = -left, -first, -second
        else:
            value = np.max([np.abs(blocks[i]) for i in at], axis=0) * factor
            missing = missing | ~np.isfinite(value)
        with np.errstate(invalid="ignore"):
            own = (value > first).astype("uint8") + (value > second)
        np.maximum(grade, own + np.uint8(1), out=grade)
    with np.errstate(invalid="ignore"):
        grade[np.broadcast_to(sunk * to_metres < AFFECTED, grade.shape)] = 0
    grade[np.broadcast_to(missing, grade.shape)] = NODATA
    return grade
