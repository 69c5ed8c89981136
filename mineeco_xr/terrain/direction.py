"""Directions of flow: to the steepest neighbour, or to all lower ones."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from mineeco_xr.chunks import Place, stitch
from mineeco_xr.cube.grid import GRID_TOLERANCE, geobox_of, require_metres
from mineeco_xr.cube.nodata import as_float
from mineeco_xr.cube.provenance import finalize
from mineeco_xr.errors import ParameterError
from mineeco_xr.terrain.elevation import finite
from mineeco_xr.terrain.invest_tiles import checked_corner
from mineeco_xr.terrain.plateau import Arrival, crossing_plateaus, solve_plateaus
from mineeco_xr.terrain.plateau_order import directions_in_order

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

METHODS = ("d8", "mfd")
CONVENTIONS = ("elevations", "invest")
D8_NODATA, MFD_NODATA = 255, 0
DIRECTIONS = ("E", "NE", "N", "NW", "W", "SW", "S", "SE")
DEPTH = 2


def flow_direction(
    dem: xr.DataArray,
    method: str = "d8",
    *,
    convention: str = "elevations",
    corner: tuple[int, int] = (0, 0),
) -> xr.DataArray:
    """Return where water flows from each cell of a filled terrain, by the rules of InVEST.

    Parameters
    ----------
    dem : xarray.DataArray
        Elevations without pits, from :func:`fill_pits`, any unit, dims ending in ``(y, x)``; each
        slice of leading dims by itself. NaN, infinities and ``_FillValue`` are nodata.
    method : {"d8", "mfd"}
        One direction a cell, the steepest drop; or shares to all lower neighbours, proportional to
        the drop over the step.
    convention : {"elevations", "invest"}
        Whether directions depend on nothing but the elevations, or are those of InVEST at every
        cell; see the notes.
    corner : tuple of int
        Row and column of the cell at which InVEST's raster begins, from which its tiles count: it
        cuts rasters to the box around the watersheds. Of weight for D8 with ``"invest"`` only.

    Returns
    -------
    xarray.DataArray
        ``"d8"``: uint8, 0=E 1=NE 2=N 3=NW 4=W 5=SW 6=S 7=SE, nodata 255. ``"mfd"``: uint32, eight
        shares of 4 bits, ``int(0.5 + 15 s_i / sum s)`` of direction ``i`` at bits ``4 i``, nodata
        0; shares need not add up to 15, so divide by their sum. North is the row before. The
        bottom of a pit that was not filled is nodata. Lazy when the elevations are.

    Raises
    ------
    ParameterError
        If ``method`` or ``convention`` is unknown, or ``corner`` is not two whole numbers, or is
        given without ``"invest"``.
    GridMismatch
        If the grid is not in metres.

    Notes
    -----
    A cell flows to lower neighbours; of equally steep drops D8 takes the first direction. On a
    plateau, cells of equal height that touch, a cell without a lower neighbour flows towards those
    that have one, along the shortest path inside the plateau with steps of 1 and sqrt(2): MFD to
    all equally high neighbours that are nearer, with weights of 1 and 1 / sqrt(2); D8 along one of
    the shortest paths, diagonally where there is a choice, then in the first direction. Only if no
    cell of the plateau has a lower neighbour does it drain off the raster or into nodata, from
    cells that touch these.

    MFD is bit-identical to InVEST (``pygeoprocessing.routing.flow_dir_mfd``) on square cells. So is
    D8 but for ties on plateaus: of equally short paths InVEST takes the one that it finds first, as
    it walks a plateau from its first cell in the order of its tiles of 256 cells a side.
    ``"invest"`` does the same, cell for cell; D8 is then always one lazy task that holds the
    raster, in 25 bytes a cell. Where cells are not square the drops are over the true steps, and
    plateaus count cells; ``"invest"`` takes all cells for squares, as InVEST does.

    Else crosses chunks by stitching, bit-identical for any chunking (chunks of one cell are joined
    to their neighbours). Blocks tell of plateaus that go on in other blocks: runs of cells, as much
    as their outlines. One task finds the distances along the borders; its work is a few visits of
    the cells of such plateaus, its memory the outlines, one block and half a gigabyte at most. A
    plateau much larger than a chunk, such as a sea without nodata, is thereby walked in one thread:
    mask it first.

    References
    ----------
    O'Callaghan, J. F., Mark, D. M. (1984). Computer Vision, Graphics and Image Processing 28,
    323-344.
    Quinn, P. et al. (1991). Hydrological Processes 5, 59-79.

    Examples
    --------
    >>> import numpy as np
    >>> from mineeco_xr.testing import with_grid
    >>> dem = with_grid(np.array([[5.0, 5, 5], [5, 5, 4], [9, 9, 9]]))
    >>> flow_direction(dem).values
    array([[0, 7, 6],
           [0, 0, 0],
           [2, 2, 2]], dtype=uint8)
    >>> shares = flow_direction(dem, "mfd")
    >>> [int(shares[1, 0]) >> 4 * i & 15 for i in range(8)]
    [9, 6, 0, 0, 0, 0, 0, 0]
    """
    if method not in METHODS:
        raise ParameterError(f"flow direction method {method!r} is unknown: choose from {METHODS}.")
    if convention not in CONVENTIONS:
        raise ParameterError(f"convention {convention!r} is unknown: choose from {CONVENTIONS}.")
    corner = checked_corner(corner, used=convention == "invest")
    grid = geobox_of(dem)
    require_metres(grid, "flow_direction")
    heights = as_float(dem).transpose(..., "y", "x")
    if method == "d8" and convention == "invest":
        result = directions_in_order(heights, corner)
    else:
        result = _stitched(heights, method, *_step_ratios(grid, convention))
    if method == "d8":
        attrs = {
            "_FillValue": np.uint8(D8_NODATA),
            "flag_values": np.arange(8, dtype="uint8"),
            "flag_meanings": " ".join(DIRECTIONS),
            "long_name": "direction of flow, D8",
        }
    else:
        attrs = {
            "_FillValue": np.uint32(MFD_NODATA),
            "long_name": "shares of flow in eight directions, 4 bits each",
        }
    return finalize(
        result.transpose(*dem.dims),
        function="flow_direction",
        parameters={"method": method} | _told(convention, corner),
        inputs={str(dem.name or "dem"): dem},
        attrs={**attrs, "units": "1", "flow_method": method},
        name="flow_direction",
    )


def _told(convention: str, corner: tuple[int, int]) -> dict[str, Any]:
    """Return the parameters of a convention other than the usual one."""
    if convention == "elevations":
        return {}
    return {"convention": convention} | ({"corner": corner} if any(corner) else {})


def _stitched(heights: xr.DataArray, method: str, north: float, diagonal: float) -> xr.DataArray:
    result = stitch(
        crossing_plateaus,
        solve_plateaus,
        _d8_block if method == "d8" else _mfd_block,
        _wide_enough(heights),
        dtype="uint8" if method == "d8" else "uint32",
        depth=DEPTH,
        parameters={"north": north, "diagonal": diagonal},
    )
    return result.isel(y=slice(heights.sizes["y"]), x=slice(heights.sizes["x"]))


def _step_ratios(grid: GeoBox, convention: str) -> tuple[float, float]:
    """Return the step to the east over those to the north and the north-east."""
    east, north = abs(grid.affine.a), abs(grid.affine.e)
    ratio = east / north
    if convention == "invest" or abs(ratio - 1.0) < GRID_TOLERANCE:
        ratio = 1.0
    return ratio, 1.0 / math.sqrt(1.0 + 1.0 / ratio**2)


def _wide_enough(data: xr.DataArray) -> xr.DataArray:
    """Join chunks that are smaller than the halo to the one before; pad a raster that is."""
    if data.chunks is None:
        return data
    short = {dim: (0, DEPTH - data.sizes[dim]) for dim in ("y", "x") if data.sizes[dim] < DEPTH}
    if short:
        data = data.pad(short, constant_values=np.nan).chunk(dict.fromkeys(short, -1))
    joined = {}
    for dim in ("y", "x"):
        sizes: list[int] = []
        for size in data.chunksizes[dim]:
            if sizes and min(size, sizes[-1]) < DEPTH:
                sizes[-1] += size
            else:
                sizes.append(size)
        joined[dim] = tuple(sizes)
    return data.chunk(joined)


def _plateau_distance(
    codes: np.ndarray, cells: np.ndarray, drains: np.ndarray, answer: Arrival | None
) -> np.ndarray:
    """Return the distances of a block's flat cells, in its frame."""
    from mineeco_xr.kernels import plateau as kernels
    from mineeco_xr.kernels.flow_direction import FLAT

    distance = np.where(codes == FLAT, np.inf, -1.0)
    flat, stride = distance.ravel(), distance.shape[1]
    flat[cells] = kernels.first_steps(drains)
    if answer is not None:
        flat[answer.cells] = answer.distances
    kernels.spread(flat, stride, cells)
    # What nothing has reached drains nowhere downhill, in this block or beyond it.
    left = cells[flat[cells] == np.inf]
    flat[left[kernels.beside_nodata(codes, left)]] = 0.0
    kernels.spread(flat, stride, left)
    return distance


def _d8_block(
    window: np.ndarray, *, answer: Arrival | None, place: Place, north: float, diagonal: float
) -> np.ndarray:
    from mineeco_xr.kernels.flow_direction import steepest
    from mineeco_xr.kernels.plateau import flat_cells
    from mineeco_xr.kernels.plateau_flow import direct_d8

    z = finite(window)
    codes = steepest(z, north, diagonal)
    cells, drains = flat_cells(z, codes)
    if cells.size:
        distance = _plateau_distance(codes, cells, drains, answer)
        codes.ravel()[cells] = direct_d8(codes, distance, cells, drains)
    return codes[DEPTH:-DEPTH, DEPTH:-DEPTH]


def _mfd_block(
    window: np.ndarray, *, answer: Arrival | None, place: Place, north: float, diagonal: float
) -> np.ndarray:
    from mineeco_xr.kernels.flow_direction import proportions, steepest
    from mineeco_xr.kernels.plateau import flat_cells
    from mineeco_xr.kernels.plateau_flow import direct_mfd

    z = finite(window)
    codes = steepest(z, north, diagonal)
    cells, drains = flat_cells(z, codes)
    shares = proportions(z, north, diagonal)
    if cells.size:
        distance = _plateau_distance(codes, cells, drains, answer)
        shares.ravel()[cells] = direct_mfd(codes, distance, cells, drains)
    return shares[DEPTH:-DEPTH, DEPTH:-DEPTH]
