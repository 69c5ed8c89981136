"""Compile the kernels that sum the influence of nodes and of rasters."""

from __future__ import annotations

import numpy as np


def warm_influence() -> None:
    """Run each kernel on a few cells.

    Examples
    --------
    >>> warm_influence()
    """
    from mineeco_xr.kernels import subsidence_polygon as polygon
    from mineeco_xr.kernels import subsidence_raster as raster
    from mineeco_xr.kernels import subsidence_units as units
    from mineeco_xr.kernels.influence_sum import influence_sum

    one, cells = np.ones(1), np.arange(2.0)
    edges = polygon.ring_edges(np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]))
    nodes = polygon.boundary_nodes(edges, np.zeros(3, dtype="int64"), one, 1e-4)
    units.area_nodes(edges, 1.0, 1e-4)
    for dtype in ("float32", "float64"):
        influence_sum(
            nodes, cells, cells, np.array([polygon.BASES["W"]]), np.ones((1, 1, 1)),
            np.ones((1, 1)), cutoff=2.2, dtype=dtype,
        )  # fmt: skip
    taps = raster.cell_taps(1.0, 1.0, 0, 1.0)
    volume = np.ones((3, 3))
    raster.separable_influence(volume, (taps, taps), (1, 1))
    raster.scattered_influence(volume, volume, (1.0, 1.0), (0, 0), (1, 1), 1.0)
