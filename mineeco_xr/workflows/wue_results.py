"""What a carbon and water run found."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import xarray as xr

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd

UNITS = "gC m-2 mm-1"


@dataclass
class WueResults:
    """Cube, tables and notes of a run; what a case does not ask for is None.

    Attributes
    ----------
    cube : xarray.Dataset
        The stored layers.
    yearly, areas : pandas.DataFrame
        Series of the grid; areas of change.
    zones : geopandas.GeoDataFrame
        The zones, with the ring.
    series, trends, phases, turns, turns_seen, ring, curve : pandas.DataFrame
        Of zones: years, trends, phases, years of the turns of the efficiency and of the layer that
        tells the disturbance, share of the ring's efficiency, yearly mean of that layer.
    disturbed, agreement, drivers : pandas.DataFrame
        Area disturbed by year and method, agreement of the methods, correlations.
    accuracy, importance, mass : pandas.DataFrame
        Of the downscaling.
    sharp, coarse : xarray.Dataset
        What was downscaled with its flags, and the products.
    notes : list of str
        What the reader must know.
    """

    cube: xr.Dataset
    yearly: pd.DataFrame
    areas: pd.DataFrame
    zones: gpd.GeoDataFrame | None = None
    series: pd.DataFrame | None = None
    trends: pd.DataFrame | None = None
    phases: pd.DataFrame | None = None
    turns: pd.DataFrame | None = None
    turns_seen: pd.DataFrame | None = None
    ring: pd.DataFrame | None = None
    curve: pd.DataFrame | None = None
    disturbed: pd.DataFrame | None = None
    agreement: pd.DataFrame | None = None
    drivers: pd.DataFrame | None = None
    accuracy: pd.DataFrame | None = None
    importance: pd.DataFrame | None = None
    mass: pd.DataFrame | None = None
    sharp: xr.Dataset | None = None
    coarse: xr.Dataset | None = None
    notes: list[str] = field(default_factory=list)
