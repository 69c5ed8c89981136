"""Tables of levels: area by level, land use and date, and what each mine has lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from mineeco_xr.chunks import reduce_blocks
from mineeco_xr.cube.area import cell_area
from mineeco_xr.cube.grid import geobox_of, require_metres, require_same_grid
from mineeco_xr.cube.nodata import code_in, fill_value_of
from mineeco_xr.cube.units import unit_factor, units_of
from mineeco_xr.errors import SchemaError
from mineeco_xr.stats.zonal import zonal

if TYPE_CHECKING:
    import geopandas as gpd

NONE = "no data"
HECTARE = 1e4
WIDEST = 2**22
"""Pairs of codes that a direct table may span."""


def level_areas(levels: xr.DataArray, land_use: xr.DataArray | None = None) -> pd.DataFrame:
    """Return the area of each level, on each land use and at each date.

    Parameters
    ----------
    levels : xarray.DataArray
        Classes with ``flag_values``, dims ``(y, x)`` or ``(time, y, x)``, as
        :func:`mineeco_xr.subsidence_levels` gives them; any classes will do.
    land_use : xarray.DataArray, optional
        Classes on the same grid, dims ``(y, x)`` or those of ``levels``.

    Returns
    -------
    pandas.DataFrame
        A row a date, level and land use that stand together anywhere: ``time``; ``code`` and
        ``level``; ``land_use_code`` and ``land_use`` with a land use (``no data`` where the map
        has none, with no code); ``cells``; ``area`` (ha) and ``share`` (percent of the area with a
        level at that date).

    Raises
    ------
    SchemaError
        If either is no raster of integer classes.
    GridMismatch
        If the grids differ or are not in metres.

    Notes
    -----
    It computes. Crosses chunks by reduction, with exact counts: equal for any chunking.

    Examples
    --------
    >>> from mineeco_xr.subsidence import subsidence_levels
    >>> from mineeco_xr.testing import with_grid
    >>> levels = subsidence_levels(with_grid(np.array([[0.0, 0.5, 0.5, 2.0]]), units="m"))
    >>> land = with_grid(np.array([[1, 1, 2, 2]], "uint8"))
    >>> land.attrs |= {"flag_values": [1, 2], "flag_meanings": "cropland village"}
    >>> level_areas(levels, land)[["level", "land_use", "area"]]
            level  land_use  area
    0  unaffected  cropland  0.09
    1        mild  cropland  0.09
    2        mild   village  0.09
    3    moderate   village  0.09
    """
    grid = geobox_of(levels)
    require_metres(grid, "level_areas")
    for label, raster in (("levels", levels), ("land_use", land_use)):
        if raster is not None and not np.issubdtype(raster.dtype, np.integer):
            raise SchemaError(
                f"{label} {raster.name!r} holds {raster.dtype}: give classes, integers with "
                "flag_values and flag_meanings."
            )
    layers = [_plain(levels)]
    if land_use is not None:
        require_same_grid({"levels": levels, "land_use": land_use})
        own = _plain(land_use).assign_coords(y=layers[0]["y"], x=layers[0]["x"])
        layers.append(own)
    found: Counts = reduce_blocks(_count_block, _merge_counts, *layers).compute()
    return _as_table(found, levels, land_use, float(cell_area(grid)[0]) / HECTARE)


Counts = dict[tuple[int, int, int], int]
"""Cells by step, level and land use."""


def _plain(raster: xr.DataArray) -> xr.DataArray:
    return raster.transpose(..., "y", "x").drop_vars("spatial_ref", errors="ignore")


def _count_block(levels: np.ndarray, *land_use: np.ndarray, shared: Any) -> Counts:
    steps = levels.reshape(-1, *levels.shape[-2:])
    uses = land_use[0].reshape(-1, *levels.shape[-2:]) if land_use else None
    counts: Counts = {}
    for step, plane in enumerate(steps):
        use = np.zeros((), "int64") if uses is None else uses[step if len(uses) > 1 else 0]
        counts |= {(step, *pair): cells for pair, cells in _count_pairs(plane, use).items()}
    return counts


def _count_pairs(levels: np.ndarray, uses: np.ndarray) -> dict[tuple[int, int], int]:
    low_level, low_use = int(levels.min()), int(uses.min())
    wide = int(uses.max()) - low_use + 1
    pairs = (levels.astype("int64") - low_level) * wide
    pairs += uses.astype("int64") - low_use
    if pairs.max() < WIDEST:
        cells = np.bincount(pairs.ravel())
        found = np.flatnonzero(cells)
        cells = cells[found]
    else:
        found, cells = np.unique(pairs, return_counts=True)
    at = zip(*np.divmod(found, wide), cells.tolist(), strict=True)
    return {(int(level) + low_level, int(use) + low_use): count for level, use, count in at}


def _merge_counts(parts: list[Counts]) -> Counts:
    merged: Counts = {}
    for part in parts:
        for key, count in part.items():
            merged[key] = merged.get(key, 0) + count
    return merged


def _as_table(
    counts: Counts, levels: xr.DataArray, land_use: xr.DataArray | None, hectares: float
) -> pd.DataFrame:
    missing = _nodata(levels)
    names = class_names(levels)
    uses = {} if land_use is None else class_names(land_use)
    no_use = None if land_use is None else _nodata(land_use)
    rows = []
    for (step, level, use), cells in sorted(counts.items()):
        if level == missing:
            continue
        row: dict[str, Any] = {"step": step, "code": level, "level": names.get(level, str(level))}
        if land_use is not None:
            known = use != no_use
            row["land_use_code"] = use if known else None
            row["land_use"] = uses.get(use, str(use)) if known else NONE
        rows.append({**row, "cells": cells, "area": cells * hectares})
    columns = ["step", "code", "level", "land_use_code", "land_use", "cells", "area"]
    if land_use is None:
        columns = [column for column in columns if not column.startswith("land_use")]
    frame = pd.DataFrame(rows, columns=columns)
    frame["share"] = 100 * frame["area"] / frame.groupby("step")["area"].transform("sum")
    if land_use is not None:
        frame["land_use_code"] = frame["land_use_code"].astype("Int64")
    dim = next((str(d) for d in levels.dims if d not in ("y", "x")), None)
    if dim is not None:
        frame.insert(0, dim, levels[dim].values[frame["step"].to_numpy(int)])
    frame = frame.drop(columns="step")
    frame.attrs["units"] = {"area": "ha", "share": "%"}
    return frame


def _nodata(raster: xr.DataArray) -> Any:
    fill = fill_value_of(raster)
    code = None if fill is None else code_in(fill, raster.dtype)
    return None if code is None else int(code)


def class_names(raster: xr.DataArray) -> dict[int, str]:
    """Return the meanings of the codes of a raster of classes, as far as it says them."""
    if "flag_values" not in raster.attrs:
        return {}
    codes = [int(code) for code in np.atleast_1d(raster.attrs["flag_values"])]
    words = str(raster.attrs.get("flag_meanings", "")).split() or [str(code) for code in codes]
    return {code: word.replace("_", " ") for code, word in zip(codes, words, strict=True)}


def _mask(levels: xr.DataArray, code: int) -> xr.DataArray:
    return (levels == code).astype("uint8").drop_attrs(deep=False)


def mine_table(
    subsidence: xr.DataArray,
    levels: xr.DataArray,
    mines: gpd.GeoDataFrame,
    *,
    name: str | None = None,
) -> pd.DataFrame:
    """Return what subsidence has done inside each mine.

    Parameters
    ----------
    subsidence : xarray.DataArray
        Positive downwards, a length by its ``units``; dims ``(y, x)`` or ``(time, y, x)``.
    levels : xarray.DataArray
        Of the same dims, as :func:`mineeco_xr.subsidence_levels` gives them.
    mines : geopandas.GeoDataFrame
        Polygons in any reference system; they may overlap, and what lies beyond the grid does not
        count.
    name : str, optional
        Column that names them; default the index.

    Returns
    -------
    pandas.DataFrame
        A row a mine (and date): ``mine``, ``time``, ``area`` (of the mine, ha), a column a level
        (its area, ha), ``affected`` (the levels' sum over the area, percent), ``greatest``
        subsidence (m) and ``volume`` (of the ground lost, m3). ``attrs["units"]`` says the units.

    Raises
    ------
    GridMismatch
        If grids differ, are not in metres, or a mine lies outside.

    Notes
    -----
    Each cell counts for the mine that holds its centre, whichever mine's panels moved it. It
    computes; crosses chunks by reduction.

    Examples
    --------
    >>> import geopandas as gpd, shapely
    >>> from mineeco_xr.subsidence import subsidence_levels
    >>> from mineeco_xr.testing import with_grid
    >>> sunk = with_grid(np.array([[0.0, 0.5, 2.0, 4.0]]), units="m")
    >>> box = shapely.box(500_000, 4_799_970, 500_090, 4_800_000)
    >>> mines = gpd.GeoDataFrame({"name": ["Anju"]}, geometry=[box], crs=32650)
    >>> mine_table(sunk, subsidence_levels(sunk), mines, name="name").drop(columns="area")
       mine  mild  moderate  severe   affected  greatest  volume
    0  Anju  0.09      0.09     0.0  66.666667       2.0  2250.0
    """
    grid = geobox_of(subsidence)
    require_metres(grid, "mine_table")
    require_same_grid({"subsidence": subsidence, "levels": levels})
    factor = unit_factor(units_of(subsidence, expected="m"), "m", name="subsidence")
    cell = float(cell_area(grid)[0])
    depths = zonal(subsidence, mines, ["max", "sum", "area"], name=name)
    names = {code: word for code, word in class_names(levels).items() if code > 0}
    counts = {
        word: zonal(_mask(levels, code), mines, ["sum"], name=name)["sum"]
        for code, word in names.items()
    }
    # One pass over the blocks for all columns.
    table = xr.Dataset(
        {
            "area": depths["area"] / HECTARE,
            **{word: count * (cell / HECTARE) for word, count in counts.items()},
            "greatest": depths["max"] * factor,
            "volume": depths["sum"] * factor * cell,
        }
    ).compute()
    order = {mine: place for place, mine in enumerate(table["zone"].values.tolist())}
    frame = table.to_dataframe().reset_index().rename(columns={"zone": "mine"})
    frame = frame.sort_values("mine", key=lambda c: c.map(order), kind="stable")
    affected = 100 * frame[[*names.values()]].sum(axis=1) / frame["area"]
    frame.insert(frame.columns.get_loc("greatest"), "affected", affected)
    steps = [c for c in frame.columns if c in depths.dims and c != "mine"]
    wanted = ["mine", *steps, "area", *names.values(), "affected", "greatest", "volume"]
    frame = frame[wanted].reset_index(drop=True)
    frame.attrs["units"] = {
        "area": "ha", **dict.fromkeys(names.values(), "ha"),
        "affected": "%", "greatest": "m", "volume": "m3",
    }  # fmt: skip
    return frame
