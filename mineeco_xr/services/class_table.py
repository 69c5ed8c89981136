"""Tables with one row a land-use class, such as InVEST's biophysical table, read and checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mineeco_xr.errors import DataError, ParameterError, SchemaError

if TYPE_CHECKING:
    import pandas as pd

CODE = "lucode"
"""InVEST's name of the column of class codes."""


def read_csv(table: Any, *, name: str) -> pd.DataFrame:
    """Return a table from a CSV file, or a copy of a frame, with lower-case column names.

    Parameters
    ----------
    table : str, Path or pandas.DataFrame
        As InVEST reads it: the case of column names and the spaces around them do not matter.
    name : str
        Of the table, for messages.

    Returns
    -------
    pandas.DataFrame
        A named index has become a column.

    Raises
    ------
    DataError
        If the file is absent or is no CSV.
    SchemaError
        If two columns have one name, or it is neither.
    """
    import pandas as pd

    if isinstance(table, pd.DataFrame):
        named = table.index.name is not None
        frame = table.reset_index(drop=table.index.name in table) if named else table.copy()
    elif not isinstance(table, str | Path):
        raise SchemaError(
            f"{name} is {type(table).__name__}; expected a DataFrame or the path of a CSV file."
        )
    else:
        path = Path(table)
        if not path.exists():
            raise DataError(f"{name}: {path} does not exist.")
        try:
            # Not the first column as an index where rows end in a separator, nor more of them.
            frame = pd.read_csv(
                path, sep=None, engine="python", encoding="utf-8-sig", index_col=False
            )
        except UnicodeDecodeError as error:
            raise DataError(
                f"{name}: {path} cannot be read as CSV: {error}. Save it in UTF-8."
            ) from error
        except Exception as error:
            raise DataError(f"{name}: {path} cannot be read as CSV: {error}") from error
    frame.columns = [str(column).strip().lower() for column in frame.columns]
    twice = sorted({c for c in frame.columns if list(frame.columns).count(c) > 1})
    if twice:
        raise SchemaError(f"{name} has two columns named {twice}: remove one of them.")
    return frame.dropna(how="all")


def read_class_table(
    table: Any,
    columns: Sequence[str],
    *,
    name: str,
    ranges: Mapping[str, tuple[float, float]] | None = None,
    key: str = CODE,
) -> pd.DataFrame:
    """Return the numbers of each land-use class.

    Parameters
    ----------
    table : str, Path or pandas.DataFrame
        With a column or an index ``lucode``, one row a class; other columns do not matter.
    columns : sequence of str
        What must be there, in lower case.
    name : str
        Of the table, for messages.
    ranges : mapping, optional
        Lowest and highest number allowed in a column.
    key : str
        Column of whole numbers in place of ``lucode``, for tables of other things than classes.

    Returns
    -------
    pandas.DataFrame
        float64, ``columns`` by sorted integer code.

    Raises
    ------
    SchemaError
        If a column is missing, a code is no whole number or stands twice, or a cell holds no
        number.
    ParameterError
        If a number is out of its range.

    Examples
    --------
    >>> import pandas as pd
    >>> read_class_table(pd.DataFrame({"LUCODE": [2, 1], "Kc": [0.5, 1]}), ["kc"], name="table")
             kc
    lucode
    1       1.0
    2       0.5
    """
    frame = read_csv(table, name=name)
    missing = [column for column in (key, *columns) if column not in frame.columns]
    if missing:
        raise SchemaError(
            f"{name} has no column {missing}; it has {list(frame.columns)}. Add it, or give a "
            "raster in its place where the function takes one."
        )
    codes = _codes(frame[key], name)
    values = frame[list(columns)].set_axis(codes, axis=0).rename_axis(key)
    what = "class" if key == CODE else key
    for column in columns:
        values[column] = _numbers(values[column], name, what)
        low, high = (ranges or {}).get(column, (-np.inf, np.inf))
        bad = values[(values[column] < low) | (values[column] > high)]
        if len(bad):
            raise ParameterError(
                f"{name}: {column} of {what} {bad.index[0]} is {bad[column].iloc[0]:g}; expected "
                f"{low:g} to {high:g}. Correct it, or check its unit."
            )
    return values.astype("float64").sort_index()


def label_of(table: Any) -> str | None:
    """Return what the history of a result says of a table: its path, or that it was a table."""
    if table is None:
        return None
    return str(table) if isinstance(table, str | Path) else "table"


def _codes(column: pd.Series, name: str) -> np.ndarray:
    import pandas as pd

    numbers = pd.to_numeric(column, errors="coerce").to_numpy("float64")
    bad = ~(np.isfinite(numbers) & (numbers == np.floor(numbers)))
    if bad.any():
        first = column[bad].iloc[0]
        raise SchemaError(f"{name}: {column.name} {_shown(first)} is no whole number.")
    codes = numbers.astype("int64")
    unique, counts = np.unique(codes, return_counts=True)
    if (counts > 1).any():
        raise SchemaError(
            f"{name} has two rows of {column.name} {unique[counts > 1].tolist()}: keep one of each."
        )
    return codes


def _numbers(column: pd.Series, name: str, what: str) -> pd.Series:
    import pandas as pd

    numbers = pd.to_numeric(column, errors="coerce")
    bad = ~np.isfinite(numbers.to_numpy("float64"))
    if bad.any():
        code = column.index[bad][0]
        raise SchemaError(
            f"{name}: {column.name} of {what} {code} is {_shown(column[bad].iloc[0])}; expected a "
            "number."
        )
    return numbers


def _shown(value: Any) -> str:
    return repr(value) if isinstance(value, str) else str(value)
