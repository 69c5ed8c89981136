"""Parameters of a model: columns of a class table, any of which a raster or a number replaces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from mineeco_xr.chunks.reduced import Reduced, constant
from mineeco_xr.cube.grid import require_same_grid
from mineeco_xr.cube.nodata import as_float
from mineeco_xr.errors import ParameterError, SchemaError
from mineeco_xr.services.class_table import CODE, read_class_table
from mineeco_xr.services.class_values import ClassValues, class_values
from mineeco_xr.services.ranges import require_range

Ranges = Mapping[str, tuple[float, float]]


@dataclass(frozen=True)
class ModelParameters:
    """What a model needs of each cell.

    Attributes
    ----------
    shared : Reduced
        For ``pointwise(shared=)``: a :class:`ClassValues`, given out after all checks.
    layers : dict of str to DataArray
        Columns that are rasters, or numbers for each date, float, NaN at nodata: further arrays
        of ``pointwise``.
    """

    shared: Reduced
    layers: dict[str, xr.DataArray]

    def after(self, *checks: Reduced) -> ModelParameters:
        """Return the same parameters, given out when further checks were made."""
        return ModelParameters(self.shared.after(*checks), self.layers)

    def checked(self) -> ModelParameters:
        """Return the same parameters, all checks made now: once, not for each use in memory."""
        return ModelParameters(constant(self.shared.compute()), self.layers)


def class_parameters(
    classes: xr.DataArray,
    table: Any,
    columns: Sequence[str],
    *,
    name: str,
    given: Mapping[str, xr.DataArray | float | None] | None = None,
    ranges: Ranges | None = None,
) -> ModelParameters:
    """Gather the parameters of a model.

    Parameters
    ----------
    classes : xarray.DataArray
        Class codes.
    table : str, Path, pandas.DataFrame or None
        As for ``read_class_table``; None when all columns are given.
    columns : sequence of str
        What the model needs.
    name : str
        Of the table, for messages.
    given : mapping, optional
        Rasters on the grid of ``classes``, numbers for each date, or numbers, that replace
        columns; None replaces none.
    ranges : mapping, optional
        Lowest and highest value allowed of a column.

    Returns
    -------
    ModelParameters
        Codes, and the pixels of the rasters, are checked when the result is computed, before any
        block of it.

    Raises
    ------
    SchemaError
        If there is neither a table nor a replacement for a column, or the table is wrong.
    ParameterError
        If a number is out of its range.
    GridMismatch
        If a raster is on another grid.
    """
    replaced = {key: value for key, value in (given or {}).items() if value is not None}
    rasters = {key: v for key, v in replaced.items() if isinstance(v, xr.DataArray)}
    on_grid = {key: v for key, v in rasters.items() if {"y", "x"} & set(v.dims)}
    require_same_grid({str(classes.name or "land use"): classes, **on_grid})
    wanted = [column for column in columns if column not in replaced]
    if wanted and table is None:
        raise SchemaError(
            f"{name} is missing and there is nothing in place of {wanted}: give the table, or a "
            "raster or number for each."
        )
    frame = (
        pd.DataFrame(index=pd.Index([0], dtype="int64", name=CODE))
        if table is None
        else read_class_table(table, wanted, name=name, ranges=ranges)
    )
    for column in columns:
        if column in replaced and column not in rasters:
            frame[column] = _number(replaced[column], column, (ranges or {}).get(column))
    if table is None:
        shared = constant(ClassValues.same_for_all(frame.iloc[0].to_dict(), classes))
    else:
        shared = class_values(classes, frame, name=name)
    checks = [
        require_range(
            raster, *(ranges or {})[key], name=key, remedy="Correct it, or check its unit."
        )
        for key, raster in rasters.items()
        if key in (ranges or {})
    ]
    layers = {key: as_float(rasters[key]) for key in columns if key in rasters}
    return ModelParameters(shared.after(*checks), layers)


def _number(value: Any, column: str, allowed: tuple[float, float] | None) -> float:
    low, high = allowed or (-np.inf, np.inf)
    if not isinstance(value, int | float | np.number) or not low <= float(value) <= high:
        raise ParameterError(
            f"{column} is {value!r}; expected a number from {low:g} to {high:g}, or a raster."
        )
    return float(value)


def values_of(
    shared: ClassValues, classes: np.ndarray, layers: Mapping[str, np.ndarray], column: str
) -> np.ndarray:
    """Return a parameter of the cells of a block.

    Parameters
    ----------
    shared : ClassValues
        As ``pointwise`` hands it to the block.
    classes : ndarray
        Codes of the block.
    layers : mapping
        Blocks of the columns that are rasters.
    column : str
        Which one.

    Returns
    -------
    ndarray
        float32 from the table; NaN where it is nodata.
    """
    return layers[column] if column in layers else shared.of(classes, column)
