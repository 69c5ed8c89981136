"""Tables as HTML: numbers that line up, units under the headings."""

from __future__ import annotations

import math
from collections.abc import Mapping
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from mineeco_xr.report.style import pretty_units

ABSENT = "–"  # noqa: RUF001  the dash that tables use for "nothing"
_PLAIN_WORDS = {"year", "years", "time", "date", "code", "class", "id", "fid", "zone", "epsg"}


def table_html(
    frame: pd.DataFrame,
    *,
    caption: str = "",
    label: str = "table",
    units: Mapping[str, str] | None = None,
    decimals: Mapping[str, int] | None = None,
    most_rows: int | None = None,
) -> str:
    """Write a table as HTML.

    Parameters
    ----------
    frame : pandas.DataFrame
        An index other than plain counting becomes the row headings.
    caption : str
        HTML, escaped by the caller.
    label : str
        Names the table for readers who do not see it.
    units : mapping of str to str, optional
        CF units of columns; default ``frame.attrs["units"]`` where that is a mapping.
    decimals : mapping of str to int, optional
        Decimals of columns; by default four significant digits of a column's largest number.
    most_rows : int, optional
        Leave out rows beyond these, and say so.

    Returns
    -------
    str
        A table in a box that scrolls sideways where it is too wide.

    Examples
    --------
    >>> "12,345" in table_html(pd.DataFrame({"area": [12345, 7]}))
    True
    """
    units = units or (frame.attrs["units"] if isinstance(frame.attrs.get("units"), dict) else {})
    whole = len(frame)
    headed = not (isinstance(frame.index, pd.RangeIndex) and frame.index.name is None)
    if most_rows is not None:
        frame = frame.head(most_rows)
    head_count = frame.index.nlevels if headed else 0
    flat = frame.reset_index() if headed else frame
    if headed and head_count == 1 and frame.index.name is None:
        flat = flat.rename(columns={flat.columns[0]: ""})
    names = [_heading(name) for name in flat.columns]
    columns = [
        _formatted(flat.iloc[:, i], names[i], (decimals or {}).get(str(flat.columns[i])))
        for i in range(flat.shape[1])
    ]
    numeric = [_is_number(flat.iloc[:, i]) for i in range(flat.shape[1])]
    head = ""
    for name, column, is_number in zip(names, flat.columns, numeric, strict=True):
        text = escape(name) + _unit(units, column)
        head += f'<th scope="col"{_class(is_number)}>{text}</th>' if name else "<td></td>"
    body = []
    for row in range(len(flat)):
        cells = [
            f'<th scope="row"{_class(numeric[i])}>{escape(column[row])}</th>'
            if i < head_count
            else f"<td{_class(numeric[i])}>{escape(column[row])}</td>"
            for i, column in enumerate(columns)
        ]
        body.append(f"<tr>{''.join(cells)}</tr>")
    title = f"<caption>{caption}</caption>" if caption else ""
    rest = whole - len(frame)
    more = f'<p class="more">and {rest:,} more rows</p>' if rest > 0 else ""
    lines = [
        f'<div class="scroll" tabindex="0" role="group" aria-label="{escape(label, quote=True)}">',
        f"<table>{title}",
        f"<thead><tr>{head}</tr></thead>",
        "<tbody>",
        *body,
        "</tbody>",
        f"</table>{more}</div>",
    ]
    return "\n".join(lines)


def _heading(name: Any) -> str:
    parts = [str(part) for part in name] if isinstance(name, tuple) else [str(name)]
    return " ".join(part for part in parts if part).replace("_", " ")


def _unit(units: Mapping[str, str], column: Any) -> str:
    shown = pretty_units(units.get(column, units.get(str(column))))
    return f' <span class="unit">({escape(shown)})</span>' if shown else ""


def _class(numeric: bool) -> str:
    return ' class="num"' if numeric else ""


def _is_number(column: pd.Series) -> bool:
    return bool(pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column))


def _formatted(column: pd.Series, name: str, decimals: int | None) -> list[str]:
    if pd.api.types.is_bool_dtype(column):
        return [ABSENT if pd.isna(value) else ("yes" if value else "no") for value in column]
    if pd.api.types.is_datetime64_any_dtype(column):
        times = column.dropna()
        daily = bool((times.dt.normalize() == times).all())
        pattern = "%Y-%m-%d" if daily else "%Y-%m-%d %H:%M"
        return [ABSENT if pd.isna(value) else value.strftime(pattern) for value in column]
    if not _is_number(column):
        return [ABSENT if _absent(value) else str(value) for value in column]
    values = column.to_numpy("float64", na_value=np.nan)
    plain = bool(_PLAIN_WORDS & set(name.lower().split()))
    if decimals is None:
        decimals = column_decimals(values)
    return [format_number(value, decimals, grouped=not plain) for value in values]


def _absent(value: Any) -> bool:
    return value is None or (not isinstance(value, list | tuple | dict | set) and pd.isna(value))


def column_decimals(values: np.ndarray) -> int | None:
    """Choose the decimals of a column: four significant digits of its largest number.

    Parameters
    ----------
    values : numpy.ndarray
        Floats, NaN allowed.

    Returns
    -------
    int or None
        None where decimals would not do: numbers so large or small that they want powers.
    """
    sizes = np.abs(values[np.isfinite(values)])
    if not sizes.size or not sizes.max():
        return 0
    if (sizes == np.round(sizes)).all() and sizes.max() < 1e12:
        return 0
    if not 1e-4 <= sizes.max() < 1e9:
        return None
    return max(0, min(6, 3 - math.floor(math.log10(sizes.max()))))


def format_number(value: float, decimals: int | None = None, *, grouped: bool = True) -> str:
    """Write a number as readers write it.

    Parameters
    ----------
    value : float
        Any number.
    decimals : int, optional
        How many; None gives four significant digits as a power of ten.
    grouped : bool
        Put a comma between thousands; not for years and codes.

    Returns
    -------
    str
        With a true minus sign; a dash for NaN; ``"< 0.001"`` for what would round to nothing.

    Examples
    --------
    >>> format_number(1234.5, 1), format_number(0.00004, 3), format_number(2001, 0, grouped=False)
    ('1,234.5', '< 0.001', '2001')
    """
    if math.isnan(value):
        return ABSENT
    sign = "\N{MINUS SIGN}" if value < 0 else ""
    size = abs(value)
    if math.isinf(size):
        return f"{sign}∞"
    if decimals is None:
        lead, power = f"{size:.3e}".split("e")
        digits = str(int(power)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
        return f"{sign}{lead} × 10{digits}" if size else "0"  # noqa: RUF001
    if size and decimals and round(size, decimals) == 0:
        least = f"{10.0**-decimals:.{decimals}f}"
        return f"> {sign}{least}" if sign else f"< {least}"
    text = f"{size:,.{decimals}f}" if grouped else f"{size:.{decimals}f}"
    return text if float(text.replace(",", "")) == 0 else sign + text
