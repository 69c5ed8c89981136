"""The rasters of threats to habitat: found, checked, and made ready to decay."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from mineeco_xr.chunks import Reduced, pointwise, reduce_blocks
from mineeco_xr.chunks.reread import reread
from mineeco_xr.cube.geotiff import open_tiff, tiff_info
from mineeco_xr.cube.grid import layer_of, require_same_grid
from mineeco_xr.cube.nodata import as_float, code_in, feature_fill_value_of, fill_value_of
from mineeco_xr.cube.vectors import burn
from mineeco_xr.cube.warp import warp
from mineeco_xr.errors import ParameterError, SchemaError
from mineeco_xr.services.ranges import require_range
from mineeco_xr.services.threat_table import TABLE, HabitatThreat, named_rows
from mineeco_xr.spatial.threats import intensity

DIM = "threat"


def read_threats(
    threat_table: Any, like: xr.DataArray, *, column: str = "cur_path"
) -> dict[str, xr.DataArray]:
    """Read the rasters that InVEST's table of threats names, and bring them onto a grid.

    Parameters
    ----------
    threat_table : str, Path or pandas.DataFrame
        With a column ``threat`` and one of paths, relative to the file (to the working directory
        for a frame).
    like : xarray.DataArray
        On the grid wanted. Where it is lazy, so are the results, in chunks like its own.
    column : str
        ``"cur_path"``, ``"fut_path"`` or ``"base_path"``: now, later, or before.

    Returns
    -------
    dict of str to DataArray
        By the names of the threats, dims ``(y, x)``, with the values of the nearest cells, as
        InVEST takes them; integers without a nodata value get 0 outside their raster.

    Raises
    ------
    SchemaError
        If the column is missing or names no raster for a threat.
    DataError
        If a raster is absent or damaged.

    Notes
    -----
    Crosses chunks by windows: bit-identical for any chunking.

    Examples
    --------
    >>> import mineeco_xr as mx
    >>> now = mx.read_threats("threats.csv", lulc)  # doctest: +SKIP
    """
    frame = named_rows(threat_table)
    base = Path() if isinstance(threat_table, pd.DataFrame) else Path(threat_table).parent
    column = column.strip().lower()
    if column not in frame.columns:
        raise SchemaError(
            f"{TABLE} has no column {column!r}; it has {list(frame.columns)}. Add it with the path "
            "of a raster for each threat, or give the rasters with threats=."
        )
    without = frame.index[frame[column].isna()].tolist()
    if without:
        raise SchemaError(
            f"{TABLE}: {column} names no raster for {without}. Add its path, or give the rasters "
            "with threats=."
        )
    return {
        name: _read_onto(base / str(path).strip(), like).rename(name)
        for name, path in frame[column].items()
    }


def _read_onto(path: Path, like: xr.DataArray) -> xr.DataArray:
    raster = open_tiff(tiff_info(path))
    whole = raster.dtype.kind in "iu"
    outside = 0.0 if whole and fill_value_of(raster) is None else None
    raster = raster if whole else as_float(raster)
    found = warp(raster, like, resampling="nearest", chunks=chunk_sides(like), nodata=outside)
    return found.compute() if like.chunks is None else found


def chunk_sides(like: xr.DataArray) -> tuple[int, int] | None:
    """Return what chunks are like, for results that are made anew."""
    if like.chunks is None:
        return None
    return max(like.chunksizes["y"]), max(like.chunksizes["x"])


def threat_rasters(
    given: Any, table: Any, threats: list[HabitatThreat], lulc: xr.DataArray
) -> dict[str, xr.DataArray]:
    """Find the raster of each threat.

    Parameters
    ----------
    given : mapping, Dataset, DataArray or None
        Rasters or GeoDataFrames by name; or a cube, whose other variables do not matter; or the
        positions of the dim ``threat``; or None for the paths of the table.
    table : str, Path or pandas.DataFrame
        The table.
    threats : list of HabitatThreat
        Its rows.
    lulc : xarray.DataArray
        On the grid.

    Returns
    -------
    dict of str to DataArray
        In the order of the threats, by their names, as they are stored.

    Raises
    ------
    SchemaError
        If a threat has no raster, or a raster of a mapping no row.
    ParameterError
        If something else stands where a raster should.
    GridMismatch
        If a raster is on another grid.
    """
    if given is None:
        return read_threats(table, lulc)
    found = _by_name(given)
    lower = {str(name).strip().lower(): name for name in found}
    missing = [threat.name for threat in threats if threat.column not in lower]
    if missing:
        raise SchemaError(
            f"there is no raster of the threats {missing}; there are {sorted(map(str, found))}. "
            f"Add them to threats=, or remove their rows from {TABLE}."
        )
    more = sorted(set(lower) - {threat.column for threat in threats})
    if more and not isinstance(given, xr.Dataset):
        raise SchemaError(
            f"the threats {more} have no row in {TABLE}, which has {[t.name for t in threats]}. "
            "Add a row for each, or leave them out of threats=."
        )
    layers = {t.name: _as_raster(found[lower[t.column]], t.name, lulc) for t in threats}
    require_same_grid({str(lulc.name or "land use"): lulc, **layers})
    return layers


def _by_name(given: Any) -> dict[Any, Any]:
    if isinstance(given, xr.Dataset):
        gridded = [name for name, layer in given.items() if {"y", "x"} <= set(layer.dims)]
        return {name: layer_of(given, str(name)) for name in gridded}
    if isinstance(given, xr.DataArray) and DIM in given.dims:
        names = given[DIM].values.tolist()
        return {name: given.isel({DIM: i}, drop=True) for i, name in enumerate(names)}
    if isinstance(given, Mapping):
        return dict(given)
    raise ParameterError(
        f"threats is {type(given).__name__}; expected a mapping of names to rasters or "
        f"GeoDataFrames, a Dataset, a DataArray with the dim {DIM!r}, or None for the paths in "
        f"{TABLE}."
    )


def _as_raster(value: Any, name: str, lulc: xr.DataArray) -> xr.DataArray:
    if isinstance(value, xr.DataArray):
        return value
    if hasattr(value, "geometry"):
        ones = np.ones(len(value), dtype="uint8")
        return burn(value, lulc, values=ones, dtype="uint8", chunks=chunk_sides(lulc)).astype(bool)
    raise ParameterError(
        f"threat {name!r} is {type(value).__name__}; expected a DataArray or a GeoDataFrame. Read "
        "a file with mineeco_xr.read_threats or read_vectors."
    )


def intensity_check(raster: xr.DataArray, name: str) -> Reduced | None:
    """Check that intensities lie in 0 to 1.

    Parameters
    ----------
    raster : xarray.DataArray
        As it is stored.
    name : str
        Of the threat.

    Returns
    -------
    Reduced or None
        None where there is nothing to check.

    Raises
    ------
    SchemaError
        If the raster does not hold numbers.
    ParameterError
        When computed.
    """
    if raster.dtype.kind == "b":
        return None
    if raster.dtype.kind not in "iuf":
        raise SchemaError(
            f"threat {name!r} holds {raster.dtype}; expected numbers from 0 to 1, or bool."
        )
    return require_range(
        raster,
        0.0,
        1.0,
        name=f"threat {name!r}",
        remedy="Give relative intensities, or declare the code of nodata with "
        ".assign_attrs(_FillValue=...).",
    )


def level_check(raster: xr.DataArray, name: str) -> Reduced | None:
    """Check that there are few enough distinct intensities for the strongest to be found.

    Parameters
    ----------
    raster : xarray.DataArray
        As it is stored.
    name : str
        Of the threat.

    Returns
    -------
    Reduced or None
        None where there cannot be many.

    Raises
    ------
    ParameterError
        When computed, if a date has more than :func:`decay` takes within reach of one block:
        whatever the blocks, and before the first of them.
    """
    if raster.dtype.kind != "f":
        return None
    return reduce_blocks(
        _levels_in_block,
        _merge_levels,
        raster.transpose(..., "y", "x"),
        finish=_require_few_levels,
        shared=(feature_fill_value_of(raster), f"threat {name!r}"),
    )


def _levels_in_block(block: np.ndarray, *, shared: Any) -> list[np.ndarray]:
    from mineeco_xr.kernels.strongest import some_levels_in

    values = intensity(block, shared[0])
    # What is out of range is refused for that.
    return [
        some_levels_in(np.where(layer <= 1, layer, np.float32(0)))
        for layer in values.reshape(-1, *values.shape[-2:])
    ]


def _merge_levels(parts: list[list[np.ndarray]]) -> list[np.ndarray]:
    from mineeco_xr.kernels.strongest import MOST_LEVELS

    return [np.unique(np.concatenate(same))[: MOST_LEVELS + 1] for same in zip(*parts, strict=True)]


def _require_few_levels(found: list[np.ndarray], shared: Any) -> None:
    from mineeco_xr.kernels.strongest import MOST_LEVELS

    most = max((levels.size for levels in found), default=0)
    if most > MOST_LEVELS:
        raise ParameterError(
            f"{shared[1]} has more than {MOST_LEVELS} distinct intensities; expected {MOST_LEVELS} "
            "at most, for rule='nearest' measures distances to each. Round them to steps, as "
            ".round(2) does, or take rule='accumulate'."
        )


def threat_intensity(raster: xr.DataArray, checked: Reduced, *, present: bool) -> xr.DataArray:
    """Return intensities in which nodata is no threat.

    Parameters
    ----------
    raster : xarray.DataArray
        As it is stored, from 0 to 1.
    checked : Reduced
        Computed before any block.
    present : bool
        Whether there is a threat is all that counts.

    Returns
    -------
    xarray.DataArray
        uint8 of 0 and 1, or float32 where there may be more; for a second pass over the source.
    """
    plain = present or raster.dtype.kind != "f"
    source = reread(raster, "decay")
    return pointwise(
        _without_nodata,
        source,
        dtype="uint8" if plain else "float32",
        shared=checked,
        parameters={"code": feature_fill_value_of(raster), "plain": plain},
    ).transpose(..., "y", "x")


def _without_nodata(
    block: np.ndarray, *, shared: Any, code: float | None, plain: bool
) -> np.ndarray:
    if block.dtype.kind == "b":
        return block.view(np.uint8)
    nodata = None if code is None else code_in(code, block.dtype)
    if plain and block.dtype == np.uint8 and nodata != 1 and block.max(initial=0) <= 1:
        return block  # a copy for every threat and neighbour would be most of the memory
    values = (block > 0).astype(np.uint8) if plain else block.astype(np.float32)
    if nodata is not None:
        values[block == nodata] = 0
    return values if plain else np.nan_to_num(values, copy=False, nan=0.0)
