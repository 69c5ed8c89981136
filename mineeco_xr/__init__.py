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
    from mineeco_xr import carbonwater, chunks, cube, spatial, stats, synthetic
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
    from mineeco_xr.spatial import allocation, distance
    from mineeco_xr.stats import trend, variation, zonal
    from mineeco_xr.synthetic import Coalfield, coalfield

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
    "allocation": "spatial",
    "distance": "spatial",
    "trend": "stats",
    "variation": "stats",
    "zonal": "stats",
    "available_indices": "carbonwater",
    "indices": "carbonwater",
    "wue": "carbonwater",
    "wue_zonal": "carbonwater",
    "Coalfield": "synthetic",
    "coalfield": "synthetic",
}
_SUBPACKAGES = (
    *("carbonwater", "chunks", "cube", "kernels", "report"),
    *("spatial", "stats", "synthetic", "tables", "testing", "workflows"),
)

__all__ = [
    "Coalfield",
    "allocation",
    "available_indices",
    "burn",
    "carbonwater",
    "cell_area",
    "chunks",
    "coalfield",
    "convert_units",
    "cube",
    "decode_modis",
    "distance",
    "errors",
    "indices",
    "ingest",
    "make_grid",
    "open_cube",
    "read_vectors",
    "spatial",
    "stats",
    "synthetic",
    "trend",
    "variation",
    "warp",
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
