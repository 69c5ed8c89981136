"""The tables in InVEST's own layout."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks.peers.invest.parameters import (
    CLASSES,
    THREATS,
    VALUATION,
    VALUATION_COLUMNS,
)

BY_CLASS = {
    "sensitivity": ("name", "habitat", *THREATS),
    "sediment": ("usle_c", "usle_p"),
    "water": ("lulc_veg", "root_depth", "kc"),
    "demand": ("demand",),
    "carbon": ("name", "c_above", "c_below", "c_soil", "c_dead"),
}
"""Columns of the tables that have one row a class."""


def _write(path: Path, header: Iterable[str], rows: Iterable[Iterable[Any]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)


def write_tables(folder: Path) -> None:
    """Write all tables as CSV."""
    for name, columns in BY_CLASS.items():
        rows = ([code, *(row[column] for column in columns)] for code, row in CLASSES.items())
        _write(folder / f"{name}.csv", ["lucode", *columns], rows)
    header = ["threat", "max_dist", "weight", "decay", "cur_path", "base_path"]
    threats = (
        [name, row["max_dist"], row["weight"], row["decay"], f"{name}.tif", ""]
        for name, row in THREATS.items()
    )
    _write(folder / "threats.csv", header, threats)
    stations = ([number, *row] for number, row in VALUATION.items())
    _write(folder / "valuation.csv", ["ws_id", *VALUATION_COLUMNS], stations)
