"""Tables of panels as people have them: names and units of columns, corners in rows or columns."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mineeco_xr.errors import DataError, SchemaError

NUMBERS = (
    *("x", "y", "length", "width", "azimuth", "dip", "dip_direction", "depth", "thickness"),
    *("q", "tan_beta", "tan_beta1", "tan_beta2", "b", "theta0", "k"),
    *("s1", "s2", "s3", "s4", "offset", "offset_ratio", "advance"),
)
TEXTS = ("name", "seam", "overburden")
DATES = ("start", "end")
ALIASES = {
    "panel": "name", "panel_id": "name", "face": "name", "id": "name",
    "easting": "x", "east": "x", "e": "x", "northing": "y", "north": "y", "n": "y",
    "strike_length": "length", "d3": "length", "dip_length": "width", "d1": "width",
    "strike": "azimuth", "strike_azimuth": "azimuth", "advance_azimuth": "advance",
    "alpha": "dip", "dip_angle": "dip", "dip_azimuth": "dip_direction",
    "h": "depth", "mining_depth": "depth", "m": "thickness", "mining_thickness": "thickness",
    "subsidence_factor": "q", "subsidence_coefficient": "q",
    "tanb": "tan_beta", "tg_beta": "tan_beta", "tan_b": "tan_beta",
    "tanb1": "tan_beta1", "tanb2": "tan_beta2",
    "movement_factor": "b", "movement_coefficient": "b",
    "theta": "theta0", "propagation_angle": "theta0",
    "s": "offset", "inflection_offset": "offset",
    "start_date": "start", "end_date": "end", "rock": "overburden",
}  # fmt: skip
"""Names that columns may have, in lower case."""

_UNIT = re.compile(r"^(.*?)\s*(?:[\[(]\s*(mm|m|deg|°)\s*[\])]|_(mm|m|deg))$")
_CORNER = re.compile(r"^(x|y|easting|northing|depth|h|thickness|m)_?(\d+)$")


def read_panel_table(source: Any) -> pd.DataFrame:
    """Return a table of panels with canonical columns in metres, degrees and datetime64.

    Parameters
    ----------
    source : str, Path, DataFrame or GeoDataFrame
        See :func:`mineeco_xr.read_panels`.

    Returns
    -------
    pandas.DataFrame
        Columns ``NUMBERS``, ``TEXTS`` and ``DATES``, missing where not given; ``corners`` and
        ``geometry``, None where not given: ``(n, 4)`` arrays of x, y, depth and thickness, and
        shapely geometries.

    Raises
    ------
    DataError
        If the file is absent or is no table.
    SchemaError
        If two columns mean the same, or a cell holds no number or date.
    """
    frame = read_rows(source)
    columns: dict[str, pd.Series] = {}
    wide: dict[int, dict[str, pd.Series]] = {}
    for column in frame.columns:
        if column == "geometry":
            continue
        name, factor = column_name(str(column))
        corner = _CORNER.match(name)
        if corner:
            what = ALIASES.get(corner[1], corner[1])
            wide.setdefault(int(corner[2]), {})[what] = as_numbers(frame[column], name) * factor
            continue
        name = ALIASES.get(name, name)
        if name in columns:
            raise SchemaError(f"the panels have two columns for {name!r}: remove one of them.")
        if name in NUMBERS:
            columns[name] = as_numbers(frame[column], name) * factor
        elif name in DATES:
            columns[name] = _dates(frame[column], name)
        elif name in TEXTS:
            columns[name] = frame[column].map(lambda v: None if pd.isna(v) else str(v).strip())
    table = pd.DataFrame(columns, index=frame.index)
    for name in NUMBERS:
        if name not in table:
            table[name] = np.nan
    for name in DATES:
        if name not in table:
            table[name] = pd.Series(pd.NaT, index=table.index, dtype="datetime64[ns]")
    if "name" not in table:
        table["name"] = [str(i + 1) for i in range(len(table))]
    for name in TEXTS:
        if name not in table:
            table[name] = None
    table["geometry"] = list(frame["geometry"]) if "geometry" in frame else None
    table["corners"] = _wide_corners(wide, len(table))
    return _joined_rows(table.reset_index(drop=True))


def read_rows(source: Any) -> pd.DataFrame:
    """Return the rows of a table or of a CSV file, as they are."""
    if isinstance(source, pd.DataFrame):
        frame = pd.DataFrame(source.copy())
        active = getattr(source, "_geometry_column_name", None)
        if active in frame and active != "geometry":
            frame = frame.rename(columns={active: "geometry"})
        return frame.reset_index(drop=frame.index.name is None)
    path = Path(source)
    if not path.exists():
        raise DataError(f"the table of panels {path} does not exist.")
    try:
        frame = pd.read_csv(path, sep=None, engine="python", encoding="utf-8-sig", index_col=False)
    except Exception as error:
        raise DataError(
            f"the table of panels {path} cannot be read as CSV: {error}. Save it in UTF-8."
        ) from error
    return frame.dropna(how="all")


def column_name(column: str) -> tuple[str, float]:
    """Return a column's name in lower case and the factor to metres that its unit stands for."""
    name = column.strip().lower().replace(" ", "_")
    found = _UNIT.match(name)
    if found is None:
        return name, 1.0
    unit = found[2] or found[3]
    return found[1].rstrip("_"), 0.001 if unit == "mm" else 1.0


def as_numbers(values: pd.Series, name: str, table: str = "panels") -> pd.Series:
    """Return a column as floats, or say which of its rows holds no number."""
    try:
        return pd.to_numeric(values).astype("float64")
    except (ValueError, TypeError):
        wrong = values[pd.to_numeric(values, errors="coerce").isna() & values.notna()]
        raise SchemaError(
            f"{table}: column {name!r} holds {wrong.iloc[0]!r} in row {wrong.index[0]}; expected a "
            "number. Correct it, or leave the cell empty."
        ) from None


def _dates(values: pd.Series, name: str) -> pd.Series:
    """Return dates; a plain year begins on its first day or ends on its last."""
    found = pd.Series(pd.NaT, index=values.index, dtype="datetime64[ns]")
    for at, value in values.items():
        if pd.isna(value):
            continue
        text = str(value).strip()
        year = re.fullmatch(r"(\d{4})(?:\.0)?", text)
        try:
            if year:
                text = f"{year[1]}-01-01" if name == "start" else f"{year[1]}-12-31"
            found[at] = pd.Timestamp(text)
        except ValueError:
            raise SchemaError(
                f"panels: column {name!r} holds {value!r} in row {at}; expected a date such as "
                "2015-03-01, or a year."
            ) from None
    return found


def _wide_corners(wide: dict[int, dict[str, pd.Series]], count: int) -> list[np.ndarray | None]:
    """Return the corners that stand in columns ``x1, y1, x2, ...``, row by row."""
    if not wide:
        return [None] * count
    lacking = [n for n, parts in wide.items() if not {"x", "y"} <= set(parts)]
    if lacking:
        raise SchemaError(f"panels: corner {lacking[0]} lacks its column of x or of y.")
    empty = pd.Series(np.full(count, np.nan))
    corners: list[np.ndarray | None] = []
    for row in range(count):
        points = np.array(
            [
                [parts.get(what, empty).iloc[row] for what in ("x", "y", "depth", "thickness")]
                for _, parts in sorted(wide.items())
            ]
        )
        points = points[np.isfinite(points[:, :2]).all(axis=1)]
        corners.append(points if len(points) else None)
    return corners


def _joined_rows(table: pd.DataFrame) -> pd.DataFrame:
    """Join the rows of a panel whose corners stand one a row."""
    plain = table["geometry"].isna() & table["corners"].isna() & table["length"].isna()
    many = plain & table["name"].duplicated(keep=False)
    if not many.any():
        return table
    joined = []
    for name, rows in table[many].groupby("name", sort=False):
        if len(rows) < 3:
            raise SchemaError(
                f"panel {name!r} stands in {len(rows)} rows without length and width; expected one "
                "row a corner, three or more of them."
            )
        first = rows.bfill().iloc[0].copy()
        first["corners"] = rows[["x", "y", "depth", "thickness"]].to_numpy("float64")
        first["x"] = first["y"] = np.nan
        joined.append(first)
    merged = pd.concat([table[~many], pd.DataFrame(joined)]).sort_index()
    merged[list(NUMBERS)] = merged[list(NUMBERS)].astype("float64")
    for name in DATES:
        merged[name] = pd.to_datetime(merged[name])
    return merged.reset_index(drop=True)
