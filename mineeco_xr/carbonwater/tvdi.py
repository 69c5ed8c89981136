"""Temperature vegetation dryness index."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from mineeco_xr.carbonwater.tvdi_edges import TOP, lead_dim, tvdi_edges
from mineeco_xr.chunks import pointwise
from mineeco_xr.chunks.reread import reread
from mineeco_xr.cube.grid import require_same_grid
from mineeco_xr.cube.nodata import as_float
from mineeco_xr.cube.provenance import finalize
from mineeco_xr.errors import ParameterError, SchemaError

LINES = ("dry_intercept", "dry_slope", "wet", "wet_slope")


def tvdi(
    ndvi: xr.DataArray,
    lst: xr.DataArray,
    *,
    edges: xr.Dataset | None = None,
    start: float = 0.1,
    clip: bool = True,
    crossed: str = "ratio",
    **recipe: Any,
) -> xr.DataArray:
    """Return the temperature vegetation dryness index, 0 on the wet and 1 on the dry edge.

    Parameters
    ----------
    ndvi : xarray.DataArray
        Normalised difference vegetation index, -1 to 1, dims ``(y, x)`` or ``(time, y, x)``.
    lst : xarray.DataArray
        Land surface temperature on the same grid and dates, K or degC.
    edges : xarray.Dataset, optional
        From :func:`tvdi_edges`, of these or of other scenes; by default fitted to each scene.
    start : float
        NDVI below which there is no index, and where the bins of the edges begin.
    clip : bool
        Cut to 0..1. Otherwise cells beyond an edge can be told by their value.
    crossed : {"ratio", "nodata"}
        What cells get whose NDVI is so high that the dry edge lies below the wet one: the quotient
        all the same, as pyTVDI does, or nodata, for it means nothing there.
    **recipe
        Further parameters of :func:`tvdi_edges`: ``bins``, ``dry``, ``wet``, ``wet_bins``,
        ``min_count``, ``min_range``, ``bin_position``.

    Returns
    -------
    xarray.DataArray
        Dimensionless, of the layers' float type; NaN where a layer is nodata, NDVI is below
        ``start`` or above 1, the edges meet or, with ``crossed="nodata"``, cross, or the scene has
        no edges.
        Lazy when a layer is.

    Raises
    ------
    SchemaError, GridMismatch, UnitError, ParameterError
        As :func:`tvdi_edges` does.

    Notes
    -----
    ``TVDI = (T - wet) / (a + b NDVI - wet)`` with the dry edge ``a + b NDVI`` (Sandholt et al.
    2002), in the arithmetic of the layers' own type. Crosses chunks by a reduction and then
    pointwise: bit-identical for any chunking. The second pass reads the layers again, so that no
    scene is held in memory.

    References
    ----------
    Sandholt, I., Rasmussen, K., Andersen, J. (2002). Remote Sensing of Environment 79, 213-224.

    Examples
    --------
    >>> import numpy as np
    >>> from mineeco_xr.testing import with_grid
    >>> green = np.linspace(0.1, 0.8, 700, endpoint=False) * np.ones((41, 1))
    >>> dryness = np.linspace(0, 1, 41)[:, None]
    >>> hot = with_grid(300 + dryness * (40 - 40 * green), units="K")
    >>> found = tvdi(with_grid(green), hot, bin_position="lower")
    >>> found.isel(y=[0, 20, 40], x=350).values.round(6)
    array([0. , 0.5, 1. ])
    """
    if crossed not in ("ratio", "nodata"):
        raise ParameterError(f"crossed is {crossed!r}: choose 'ratio' or 'nodata'.")
    lead = lead_dim(ndvi, lst)
    require_same_grid({"ndvi": ndvi, "lst": lst})
    if edges is None:
        edges = tvdi_edges(ndvi, lst, start=start, **recipe)
    elif recipe:
        raise ParameterError(
            f"{sorted(recipe)} and edges are given: edges that are fitted already have their own."
        )
    lines = _lines_of(edges, ndvi, lead)
    layers = [reread(as_float(layer), "tvdi") for layer in (ndvi, lst)]
    kind = np.result_type(*(layer.dtype for layer in layers))
    result = pointwise(
        _tvdi_block,
        *layers,
        *lines,
        dtype=kind,
        parameters={
            "start": start,
            "clip": clip,
            "kind": str(kind),
            "shallowest": 0.0 if crossed == "nodata" else -np.inf,
        },
    )
    return finalize(
        result.transpose(*ndvi.dims),
        function="tvdi",
        parameters={"start": start, "clip": clip, "crossed": crossed, **recipe},
        inputs={"ndvi": ndvi, "lst": lst},
        attrs={"units": "1", "long_name": "temperature vegetation dryness index"},
        name="tvdi",
    )


def _lines_of(edges: xr.Dataset, ndvi: xr.DataArray, lead: str | None) -> list[xr.DataArray]:
    """Return the edges as numbers of each scene, cut as the scenes are."""
    missing = [name for name in LINES if name not in edges]
    if missing:
        raise SchemaError(f"edges lacks {missing}: it must come from tvdi_edges.")
    lines = [edges[name].drop_vars("spatial_ref", errors="ignore") for name in LINES]
    for line in lines:
        wrong = [dim for dim in line.dims if dim != lead]
        if wrong or (lead in line.dims and line.sizes[lead] != ndvi.sizes[lead]):
            raise SchemaError(
                f"edges has dims {dict(line.sizes)} where ndvi has {dict(ndvi.sizes)}: select the "
                "scene whose edges are meant with isel, or fit them to these scenes."
            )
    dated = lead in lines[0].dims and lead in edges.coords and lead in ndvi.coords
    if dated and not edges.indexes[lead].equals(ndvi.indexes[lead]):
        raise SchemaError(
            f"edges and ndvi have different dates along {lead!r}: select common ones, or fit the "
            "edges to these scenes."
        )
    if lead is not None and ndvi.chunks is not None:
        lines = [
            line.chunk({lead: ndvi.chunksizes[lead]}) if lead in line.dims else line
            for line in lines
        ]
    return lines


def _tvdi_block(
    ndvi: np.ndarray,
    lst: np.ndarray,
    *lines: np.ndarray,
    start: float,
    clip: bool,
    kind: str,
    shallowest: float,
) -> np.ndarray:
    intercept, slope, wet, wet_slope = (line.astype(kind) for line in lines)
    with np.errstate(invalid="ignore", divide="ignore"):
        floor = wet + wet_slope * ndvi if np.any(wet_slope) else wet
        depth = intercept + slope * ndvi - floor
        index = (lst - floor) / depth
        valid = (ndvi >= ndvi.dtype.type(start)) & (ndvi <= TOP)
        valid &= (depth > shallowest) & (depth != 0)
    if clip:
        index = np.clip(index, 0, 1)
    return np.where(valid, index, np.nan)
