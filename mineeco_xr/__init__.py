"""Mining ecology on rasters: chunked xarray cubes, numba kernels and a ``.mine`` accessor.

Importing this package registers ``.mine`` on DataArray and Dataset and loads little beside xarray
and dask.array; everything else is imported when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import mineeco_xr.accessor  # noqa: F401  registers .mine
from mineeco_xr import errors

if TYPE_CHECKING:
    from mineeco_xr import carbonwater, chunks, cube, services, spatial, stats, synthetic, terrain
    from mineeco_xr.carbonwater import available_indices, indices, wue, wue_zonal
    from mineeco_xr.cube import (
        burn,
        cell_area,
        convert_units,
        decode_modis,
        ingest,
        make_grid,
        open_cube,
        read_vectors,
        warp,
        write_cube,
    )
    from mineeco_xr.services import (
        carbon,
        carbon_sequestration,
        carbon_totals,
        carbon_value,
        habitat_quality,
        habitat_rarity,
        habitat_rarity_table,
        read_threats,
        read_watersheds,
        sediment,
        sediment_totals,
        water_yield,
        water_yield_totals,
    )
    from mineeco_xr.spatial import (
        allocation,
        cost_distance,
        decay,
        distance,
        label,
        least_cost_paths,
        patches,
    )
    from mineeco_xr.stats import (
        ahp,
        classify,
        evaluate_forest,
        hot_spots,
        natural_breaks,
        normalise,
        pca_weights,
        trend,
        variation,
        zonal,
    )
    from mineeco_xr.synthetic import Coalfield, coalfield
    from mineeco_xr.terrain import (
        basins,
        downstream_distance,
        fill_pits,
        flow_accumulation,
        flow_direction,
        flow_retention,
        slope,
        streams,
    )

_EXPORTS = {
    "burn": "cube",
    "cell_area": "cube",
    "convert_units": "cube",
    "decode_modis": "cube",
    "ingest": "cube",
    "make_grid": "cube",
    "open_cube": "cube",
    "read_vectors": "cube",
    "warp": "cube",
    "write_cube": "cube",
    "carbon": "services",
    "carbon_sequestration": "services",
    "carbon_totals": "services",
    "carbon_value": "services",
    "habitat_quality": "services",
    "habitat_rarity": "services",
    "habitat_rarity_table": "services",
    "read_threats": "services",
    "read_watersheds": "services",
    "sediment": "services",
    "sediment_totals": "services",
    "water_yield": "services",
    "water_yield_totals": "services",
    "allocation": "spatial",
    "cost_distance": "spatial",
    "decay": "spatial",
    "distance": "spatial",
    "label": "spatial",
    "least_cost_paths": "spatial",
    "patches": "spatial",
    "ahp": "stats",
    "classify": "stats",
    "evaluate_forest": "stats",
    "hot_spots": "stats",
    "natural_breaks": "stats",
    "normalise": "stats",
    "pca_weights": "stats",
    "trend": "stats",
    "variation": "stats",
    "zonal": "stats",
    "available_indices": "carbonwater",
    "indices": "carbonwater",
    "wue": "carbonwater",
    "wue_zonal": "carbonwater",
    "basins": "terrain",
    "downstream_distance": "terrain",
    "fill_pits": "terrain",
    "flow_accumulation": "terrain",
    "flow_direction": "terrain",
    "flow_retention": "terrain",
    "slope": "terrain",
    "streams": "terrain",
    "Coalfield": "synthetic",
    "coalfield": "synthetic",
}
_SUBPACKAGES = (
    *("carbonwater", "chunks", "cube", "kernels", "report"),
    *("services", "spatial", "stats", "synthetic", "tables", "terrain", "testing", "workflows"),
)

__all__ = [
    "Coalfield",
    "ahp",
    "allocation",
    "available_indices",
    "basins",
    "burn",
    "carbon",
    "carbon_sequestration",
    "carbon_totals",
    "carbon_value",
    "carbonwater",
    "cell_area",
    "chunks",
    "classify",
    "coalfield",
    "convert_units",
    "cost_distance",
    "cube",
    "decay",
    "decode_modis",
    "distance",
    "downstream_distance",
    "errors",
    "evaluate_forest",
    "fill_pits",
    "flow_accumulation",
    "flow_direction",
    "flow_retention",
    "habitat_quality",
    "habitat_rarity",
    "habitat_rarity_table",
    "hot_spots",
    "indices",
    "ingest",
    "label",
    "least_cost_paths",
    "make_grid",
    "natural_breaks",
    "normalise",
    "open_cube",
    "patches",
    "pca_weights",
    "read_threats",
    "read_vectors",
    "read_watersheds",
    "sediment",
    "sediment_totals",
    "services",
    "slope",
    "spatial",
    "stats",
    "streams",
    "synthetic",
    "terrain",
    "trend",
    "variation",
    "warp",
    "water_yield",
    "water_yield_totals",
    "write_cube",
    "wue",
    "wue_zonal",
    "zonal",
]


def __getattr__(name: str) -> Any:
    if name in _EXPORTS:
        value = getattr(importlib.import_module(f"{__name__}.{_EXPORTS[name]}"), name)
        globals()[name] = value
        return value
    if name in _SUBPACKAGES:
        return importlib.import_module(f"{__name__}.{name}")
    if name == "__version__":
        from mineeco_xr.cube.provenance import library_version

        return library_version()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, *_SUBPACKAGES, "__version__"])
