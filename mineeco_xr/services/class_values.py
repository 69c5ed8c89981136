"""Land-use classes turned into numbers, block by block, after all their codes were checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from mineeco_xr.chunks import Reduced, reduce_blocks
from mineeco_xr.cube.nodata import fill_value_of
from mineeco_xr.errors import SchemaError
from mineeco_xr.services.class_counts import (
    WIDEST,
    Counts,
    count_codes,
    has_class,
    merge_counts,
)

if TYPE_CHECKING:
    import pandas as pd

SHOWN = 10
"""Unknown codes that a message lists."""


@dataclass(frozen=True)
class ClassValues:
    """The numbers of classes, ready to be looked up.

    Attributes
    ----------
    low : int
        Code of the first entry.
    columns : dict of str to ndarray
        For each column, float32 by entry; NaN where no class is, and as the last entry.
    codes : ndarray of int64, optional
        Code of each entry but the last, where they lie too far apart to stand at ``code - low``.
    nodata : float, optional
        Code that means nodata.
    """

    low: int
    columns: dict[str, np.ndarray]
    codes: np.ndarray | None = None
    nodata: float | None = None

    @classmethod
    def of_table(
        cls, codes: np.ndarray, columns: dict[str, np.ndarray], dtype: np.dtype, nodata: Any
    ) -> ClassValues:
        """Make a table with sorted codes ready for a type of codes, one of which may be nodata."""
        kept = np.ones(codes.size, dtype=bool) if nodata is None else codes != nodata
        small = dtype.kind == "u" and dtype.itemsize <= 2
        if small:
            kept &= (codes >= 0) & (codes <= np.iinfo(dtype).max)
        codes, columns = codes[kept], {name: values[kept] for name, values in columns.items()}
        low = 0 if small or not codes.size else int(codes[0])
        size = int(codes[-1]) - low + 1 if codes.size else 0
        if small:
            size = int(np.iinfo(dtype).max) + 1
        apart = size > WIDEST
        place = np.arange(codes.size) if apart else codes - low
        ready = {}
        for name, values in columns.items():
            ready[name] = np.full(1 + (codes.size if apart else size), np.nan, dtype="float32")
            ready[name][place] = values
        return cls(low, ready, codes if apart else None, nodata)

    @classmethod
    def same_for_all(cls, numbers: Mapping[Any, float], classes: xr.DataArray) -> ClassValues:
        """Return numbers that do not depend on the class."""
        columns = {str(key): np.array([v, np.nan], dtype="float32") for key, v in numbers.items()}
        return cls(0, columns, np.empty(0, dtype=np.int64), fill_value_of(classes))

    def of(self, classes: np.ndarray, column: str) -> np.ndarray:
        """Return a column's number for each cell, float32, NaN at nodata.

        Parameters
        ----------
        classes : ndarray
            Codes; floats may hold NaN.
        column : str
            Name of the column.

        Returns
        -------
        ndarray
            Shape of ``classes``.
        """
        return self.columns[column][self.positions(classes)]

    def positions(self, classes: np.ndarray) -> np.ndarray:
        """Return where the entry of each cell stands in the columns."""
        last = int(next(iter(self.columns.values())).size) - 1
        if self.codes is None and classes.dtype.kind == "u" and last > np.iinfo(classes.dtype).max:
            return classes
        known = self.valid(classes)
        whole = np.where(known, classes, 0).astype(np.int64)
        if self.codes is None:
            place = whole - self.low
            known &= (place >= 0) & (place < last)
        elif self.codes.size:
            place = np.minimum(np.searchsorted(self.codes, whole), last - 1)
            known &= self.codes[place] == whole
        else:
            place = np.zeros_like(whole)
        return np.where(known, place, last)

    def valid(self, classes: np.ndarray) -> np.ndarray:
        """Return where a map has a class."""
        return has_class(classes, self.nodata)


def class_values(classes: xr.DataArray, table: pd.DataFrame, *, name: str) -> Reduced:
    """Check that every class of a map stands in a table, and make the table ready.

    Parameters
    ----------
    classes : xarray.DataArray
        Class codes, integers or floats that hold whole numbers; ``_FillValue`` and NaN are nodata.
    table : pandas.DataFrame
        From ``read_class_table``.
    name : str
        Of the table, for messages.

    Returns
    -------
    Reduced
        Gives a :class:`ClassValues`, for ``pointwise(shared=)``: a pass over the classes that is
        computed before any block of what follows.

    Raises
    ------
    SchemaError
        If the map does not hold numbers; when computed, if a code has no row: with its cells.
    """
    if classes.dtype.kind not in "iuf":
        raise SchemaError(
            f"{classes.name or 'the land use'!r} holds {classes.dtype}; expected class codes as "
            "whole numbers. Convert it with .astype('int16')."
        )
    return reduce_blocks(
        _count_block,
        merge_counts,
        classes,
        finish=_checked,
        shared=_Wanted(
            table.index.to_numpy("int64"),
            {str(column): values.to_numpy("float64") for column, values in table.items()},
            fill_value_of(classes),
            classes.dtype.str,
            (str(classes.name or "the land use"), name),
        ),
    )


@dataclass(frozen=True)
class _Wanted:
    codes: np.ndarray
    columns: dict[str, np.ndarray]
    nodata: float | None
    dtype: str
    names: tuple[str, str]


def _count_block(block: np.ndarray, *, shared: _Wanted) -> Counts:
    return count_codes(block[np.isfinite(block)] if block.dtype.kind == "f" else block)


def _checked(found: Counts, wanted: _Wanted) -> ClassValues:
    codes, counts = found
    unknown = ~np.isin(codes, wanted.codes)
    if wanted.nodata is not None:
        unknown &= codes != wanted.nodata
    if unknown.any():
        raise _unknown_codes(codes[unknown], counts[unknown], wanted.names)
    return ClassValues.of_table(wanted.codes, wanted.columns, np.dtype(wanted.dtype), wanted.nodata)


def _unknown_codes(codes: np.ndarray, counts: np.ndarray, names: tuple[str, str]) -> SchemaError:
    shown = ", ".join(
        f"{code:g} ({count} cells)"
        for code, count in zip(codes[:SHOWN], counts[:SHOWN], strict=True)
    )
    more = f" and {codes.size - SHOWN} more" if codes.size > SHOWN else ""
    return SchemaError(
        f"{names[0]} has classes without a row in {names[1]}: {shown}{more}. Add a row for each, "
        "or declare the code of nodata with .assign_attrs(_FillValue=...)."
    )
