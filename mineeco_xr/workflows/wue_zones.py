"""Zones of a carbon and water run: the undisturbed ring, phases, and what is known of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from mineeco_xr.cube import geobox_of, require_metres
from mineeco_xr.errors import GridMismatch, SchemaError
from mineeco_xr.stats import phase_table, phases
from mineeco_xr.workflows.wue_config import ZoneSpec

if TYPE_CHECKING:
    import geopandas as gpd

RING = "undisturbed ring"
"""Name of the reference among the zones."""

TURNS = ("decline_start", "recovery_start", "stable_start")


def with_ring(zones: gpd.GeoDataFrame, data: xr.DataArray, spec: ZoneSpec) -> gpd.GeoDataFrame:
    """Add the land between two distances from all zones, as far as the grid has it.

    Parameters
    ----------
    zones : geopandas.GeoDataFrame
        The zones.
    data : xarray.DataArray
        Gives the grid, in metres.
    spec : ZoneSpec
        With ``ring``; without it the zones stay as they are.

    Returns
    -------
    geopandas.GeoDataFrame
        In the reference system of the grid when a ring was added.

    Raises
    ------
    SchemaError
        If a zone goes by the ring's name.
    GridMismatch
        If the grid is not in metres, or has no land in the ring.
    """
    if spec.ring is None:
        return zones
    import geopandas as gpd
    import shapely

    if RING in set(zones[spec.name]):
        raise SchemaError(f"a zone is called {RING!r}, as the reference: rename it.")
    grid = geobox_of(data)
    require_metres(grid, "zones.ring")
    placed = zones.to_crs(grid.crs)
    mined = placed[placed[spec.name] != spec.reference].geometry.union_all()
    box = grid.boundingbox
    ring = mined.buffer(spec.ring[1]).difference(mined.buffer(spec.ring[0]))
    ring = ring.intersection(shapely.box(box.left, box.bottom, box.right, box.top))
    if ring.is_empty:
        raise GridMismatch(
            f"no cell of the grid lies {spec.ring[0]:g} to {spec.ring[1]:g} m from the zones: "
            "widen the grid, or choose a nearer ring."
        )
    row = gpd.GeoDataFrame({spec.name: [RING]}, geometry=[ring], crs=placed.crs)
    return gpd.GeoDataFrame(pd.concat([placed, row], ignore_index=True), crs=placed.crs)


def require_years(column: pd.Series, name: str) -> None:
    """Refuse marks that are no whole years; 0 and empty ones are none.

    Raises
    ------
    SchemaError
        With what the column holds.
    """
    known = column.dropna()
    if not pd.api.types.is_numeric_dtype(known) or bool((known % 1 != 0).any()):
        raise SchemaError(
            f"zones.marks: {name!r} holds {column.iloc[0]!r} and so on; expected years such as "
            "2008, 0 or empty where there is none."
        )


def zone_matrix(series: pd.DataFrame, value: str = "wue") -> xr.DataArray:
    """Return a column of a zone series with dims ``(zone, time)``, zones in their order.

    Parameters
    ----------
    series : pandas.DataFrame
        Columns zone, time and ``value``.
    value : str
        The column.

    Returns
    -------
    xarray.DataArray
        float64.
    """
    wide = series.pivot(index="zone", columns="time", values=value)
    wide = wide.loc[series["zone"].drop_duplicates()]
    units = series.attrs.get("units", {}).get(value, "1")
    return xr.DataArray(
        wide.to_numpy("float64"),
        dims=("zone", "time"),
        coords={"zone": wide.index.to_list(), "time": pd.DatetimeIndex(wide.columns)},
        name=value,
        attrs={"units": units},
    )


def phase_tables(
    series: pd.DataFrame, zones: gpd.GeoDataFrame, spec: ZoneSpec, *, value: str = "wue"
) -> tuple[pd.DataFrame, pd.DataFrame] | None:
    """Return the phases of each zone's efficiency, or other series, and the years of its turns.

    Parameters
    ----------
    series : pandas.DataFrame
        From ``zone_series``.
    zones : geopandas.GeoDataFrame
        With the years that are known, in the columns of ``spec.marks``.
    spec : ZoneSpec
        Names; with a reference its efficiency is divided out, and the weather with it.
    value : str
        Column of the series.

    Returns
    -------
    tuple of pandas.DataFrame or None
        A row a phase; a row a zone: ``decline_start``, ``recovery_start`` and ``stable_start``
        beside the known years. None when the series, or that of the reference, is too short for a
        phase.
    """
    matrix = zone_matrix(series, value)
    enough = matrix.notnull().sum("time").values >= 6
    matrix = matrix.isel(zone=np.flatnonzero(enough))
    reference = spec.reference or (RING if spec.ring is not None else None)
    if not enough.any() or not (reference is None or reference in matrix["zone"].values):
        return None
    found = phases(matrix, reference=reference)
    turns = found[list(TURNS)].to_dataframe()[list(TURNS)].astype(int).reset_index()
    if spec.marks:
        known = zones[[spec.name, *spec.marks]].rename(columns={spec.name: "zone"})
        turns = turns.merge(known, on="zone", how="left", suffixes=("", "_known"))
    years = [c for c in turns.columns if c != "zone"]
    # A year of 0 means that the zone never saw that turn.
    turns[years] = turns[years].apply(lambda c: c.where(c > 0)).astype("Int64")
    return phase_table(found), turns


def ring_table(series: pd.DataFrame) -> pd.DataFrame:
    """Return each zone's efficiency as a share of the ring's: lowest, last, and years still needed.

    Parameters
    ----------
    series : pandas.DataFrame
        From ``zone_series``, the ring among the zones.

    Returns
    -------
    pandas.DataFrame
        zone, first and last (shares in percent of the first and last three valid dates), lowest
        (percent) and its year, gain (percent a year since then, least squares) and years_left to
        the first share at that gain; nodata where it does not rise.
    """
    matrix = zone_matrix(series)
    share = 100 * matrix / matrix.sel(zone=RING)
    rows = [
        _recovery(str(zone), share.sel(zone=zone).dropna("time").to_series())
        for zone in share["zone"].values
        if zone != RING
    ]
    frame = pd.DataFrame(rows)
    frame.attrs["units"] = {"first": "%", "lowest": "%", "last": "%", "gain": "% yr-1",
                            "years_left": "yr"}  # fmt: skip
    return frame


def _recovery(zone: str, share: pd.Series) -> dict[str, Any]:
    if len(share) < 3:
        return {"zone": zone}
    first, last = share.iloc[:3].mean(), share.iloc[-3:].mean()
    lowest = share.idxmin()
    row = {
        "zone": zone,
        "first": first,
        "lowest": share.min(),
        "lowest_year": int(lowest.year),
        "last": last,
        "gain": np.nan,
        "years_left": 0.0 if last >= first else np.nan,
    }
    after = share[lowest:]
    if len(after) >= 3:
        gain = float(np.polyfit(after.index.year.to_numpy("float64"), after.to_numpy(), 1)[0])
        row["gain"] = gain
        if last < first and gain > 0:
            row["years_left"] = (first - last) / gain
    return row
