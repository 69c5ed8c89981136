"""From panels to what the ground does, on a grid and over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from mineeco_xr.chunks import generate
from mineeco_xr.cube.grid import geobox_of, grid_coords, require_metres
from mineeco_xr.cube.provenance import finalize
from mineeco_xr.errors import ParameterError, SchemaError
from mineeco_xr.subsidence.checks import check_reach
from mineeco_xr.subsidence.outputs import OUTPUTS, compute_outputs, resolve_outputs
from mineeco_xr.subsidence.panels import read_panels
from mineeco_xr.subsidence.polygons import subside_block
from mineeco_xr.subsidence.rectangles import rectangle_pieces, subside_rectangles
from mineeco_xr.subsidence.repeated import repeat_mining
from mineeco_xr.subsidence.slices import polygon_slices, slice_counts
from mineeco_xr.subsidence.time_functions import share_by, time_parameters, years_of

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

CUTOFFS = {"float32": 2.2, "float64": 3.3}
"""Influence radii; what lies beyond an edge is at most 1.7e-8, and 1e-16, of the greatest."""
TOLERANCES = {"float32": 1e-8, "float64": 1e-11}
"""Error of the quadrature over polygons, as a share of the greatest subsidence."""
METHODS = ("auto", "rectangles", "polygons")
BLOCK_BYTES = 128 * 2**20
"""What a block of all dates and components may weigh."""


def subsidence(
    panels: Any,
    like: xr.DataArray | xr.Dataset | GeoBox,
    *,
    time: Sequence[Any] | None = None,
    output: str | Sequence[str] = ("subsidence",),
    method: str = "auto",
    form: str = "textbook",
    time_function: str | None = "knothe",
    time_parameters: Mapping[str, Any] | None = None,
    slices: int | str = "auto",
    repeated: str | Sequence[float] | None = None,
    outside: str = "raise",
    cutoff: float | None = None,
    chunks: int | tuple[int, int] | None = None,
    dtype: str = "float32",
) -> xr.Dataset:
    """Predict the subsidence over mined panels by the probability integral method.

    Parameters
    ----------
    panels : GeoDataFrame, DataFrame, str, Path or Panels
        As for :func:`mineeco_xr.read_panels`, in any reference system; a table without one is in
        that of the grid.
    like : DataArray, Dataset or GeoBox
        The grid, projected in metres. Only the grid counts.
    time : sequence of int or dates, optional
        Years, which mean their last day, or dates, ascending: the subsidence that has come by
        then. Default the final subsidence, without a time dim.
    output : str or sequence of str
        ``"all"``, or among ``subsidence`` (m, positive downwards), ``tilt_x``, ``tilt_y``,
        ``tilt`` (m m-1), ``curvature_x``, ``curvature_y``, ``curvature_xy`` (m-1),
        ``displacement_x``, ``displacement_y``, ``displacement`` (m), ``strain_x``, ``strain_y``,
        ``strain_xy``, ``strain_max``, ``strain_min`` (m m-1).
    method : {"auto", "rectangles", "polygons"}
        The closed form for rectangles and boundary integrals for other outlines; or one of the two
        for all.
    form : {"textbook", "textbook_edges", "units"}
        For inclined rectangles: an influence radius for the lower and the upper inflection line,
        or, as some programs have it, for the panel's edges; or the sum over units that have their
        own depth. Over a panel 200 m wide and 600 m deep they differ by 1 % of the greatest
        subsidence at 5 degrees and by 5 % at 25. Inclined polygons are always summed over units.
    time_function : {"knothe", "weibull", "normal", "logistic", "mmf"} or None
        How the subsidence comes; None for at once.
    time_parameters : mapping, optional
        Numbers, or one for each panel: the rate ``c`` a year (``w`` of ``mmf``), by default such
        that 98 % come within 2.5 H days (H up to 400 m, else ``1000 exp(1 - 400 / H)``); and the
        shape, ``k`` of ``weibull`` and ``mmf``, ``n`` of ``normal``, ``a`` of ``logistic``, which
        have no default.
    slices : int or "auto"
        Slices into which the face's advance from ``start`` to ``end`` cuts a panel; by default at
        most half an influence radius long.
    repeated : str or sequence of float, optional
        By how much ``q`` grows where older panels lie above or below: ``"hard"`` or ``"medium"``
        overburden, or one to four numbers; default not.
    outside : {"raise", "ignore"}
        What to do with panels that do not reach the grid.
    cutoff : float, optional
        Influence radii from a panel's edge beyond which it is passed over; default 2.2, which
        leaves out at most 1.7e-8 of its greatest subsidence at each edge, and 3.3 in float64.
    chunks : int, tuple of int or None
        Cells a side of the result's chunks; default those of ``like``: in memory for a grid in
        memory and for a GeoBox. Smaller where many dates and outputs would make a block heavy.
    dtype : {"float32", "float64"}
        Of the result and of the computation.

    Returns
    -------
    xarray.Dataset
        One variable an output, dims ``(y, x)`` or ``(time, y, x)``; 0 where nothing is mined.
        Lazy when ``like`` is.

    Raises
    ------
    GridMismatch
        If the grid or the panels are not in metres.
    SchemaError
        If a column is missing, or a panel has no dates and ``time`` is given.
    ParameterError
        If a parameter is out of its range; the message names the panel.

    Notes
    -----
    A mined area D causes ``W = m q cos(alpha) int_D exp(-pi d^2 / r^2) / r^2``, with
    ``r = H / tan(beta)``. (The Nansi paper prints ``r = tan(beta) / H`` and an exponent without
    its minus.) Rectangles have a closed form of error functions (He 1991), polygons a boundary
    integral. ``U = b r grad W``, toward the goaf, and ``W cot(theta0)`` up the dip. Panels are
    superposed component by component, along the axes of the map; tilt, displacement and principal
    strains of a cell are taken of the sums.

    Pointwise: bit-identical for any chunking, and the panels are one node of the graph. In float32
    off by some 1e-6 of the greatest subsidence.

    References
    ----------
    He, G. et al. (1991). Mining subsidence science. China University of Mining and Technology Press
    (in Chinese).

    Examples
    --------
    >>> import pandas as pd, mineeco_xr as mx
    >>> mine = pd.DataFrame({
    ...     "x": [1500.0], "y": [1500.0], "length": [1200.0], "width": [1200.0], "azimuth": [90.0],
    ...     "depth": [300.0], "thickness": [4.0], "q": [0.8], "tan_beta": [2.0],
    ... })
    >>> grid = mx.make_grid((0, 1425, 1650, 1575), crs="EPSG:32650", resolution=150)
    >>> mx.subsidence(mine, grid)["subsidence"].values.round(3)[0, 4:]
    array([0.   , 0.336, 2.864, 3.2  , 3.2  , 3.2  , 3.2  ], dtype=float32)
    """
    grid = geobox_of(like) if isinstance(like, xr.DataArray | xr.Dataset) else like
    require_metres(grid, "subsidence")
    names, components = resolve_outputs(output)
    reach = _checked(dtype, cutoff, method, outside)
    mined = check_reach(read_panels(panels, crs=grid.crs.proj), grid, reach, outside)
    table = _with_kind(mined.table, method, components)
    if repeated is not None:
        table = repeat_mining(table, repeated)
    dates = None if time is None else as_dates(time)
    engines = _engines(
        table, form, slices, dates, time_function, time_parameters, TOLERANCES[dtype]
    )
    steps = 1 if dates is None else len(dates)
    layers = steps * max(len(names), len(components))
    raster = generate(
        _subsidence_block,
        grid_coords(grid),
        dtype=dtype,
        chunks=_sides(like, chunks, layers * np.dtype(dtype).itemsize),
        leading={"layer": np.arange(steps * len(names))},
        parameters={
            "engines": engines,
            "transform": tuple(grid.affine)[:6],
            "names": names,
            "components": components,
            "steps": steps,
            "cutoff": reach,
            "kind": dtype,
        },
    )
    result = xr.Dataset()
    for i, name in enumerate(names):
        layer = raster.isel(layer=slice(i * steps, (i + 1) * steps))
        if dates is None:
            layer = layer.isel(layer=0, drop=True)
        else:
            layer = layer.rename(layer="time").assign_coords(time=dates)
        attrs = {"units": OUTPUTS[name].units, "long_name": OUTPUTS[name].long_name}
        result[name] = layer.assign_attrs(attrs)
    return finalize(
        result,
        function="subsidence",
        parameters={
            "panels": len(table), "output": names, "method": method, "form": form,
            "time_function": None if dates is None else time_function,
            "time_parameters": time_parameters or {}, "slices": slices, "repeated": repeated,
            "cutoff": reach, "dtype": dtype,
        },
        inputs={"panels": mined.identity()},
    )  # fmt: skip


def _checked(dtype: str, cutoff: float | None, method: str, outside: str) -> float:
    if dtype not in CUTOFFS:
        raise ParameterError(f"dtype is {dtype!r}: choose 'float32' or 'float64'.")
    if method not in METHODS:
        raise ParameterError(f"method is {method!r}: choose from {METHODS}.")
    if outside not in ("raise", "ignore"):
        raise ParameterError(f"outside is {outside!r}: choose 'raise' or 'ignore'.")
    if cutoff is not None and not 1.0 <= cutoff <= 100.0:
        raise ParameterError(f"cutoff is {cutoff}: give influence radii from 1 on, such as 2.2.")
    return CUTOFFS[dtype] if cutoff is None else float(cutoff)


def _with_kind(table: pd.DataFrame, method: str, components: Sequence[str]) -> pd.DataFrame:
    if any(name[0] in "Ue" for name in components) and table["b"].isna().any():
        raise SchemaError(
            f"panel {table['name'][table['b'].isna()].iloc[0]!r} has no b, which displacement and "
            "strain need: add a column 'b' or overburden; usual are 0.2 to 0.4."
        )
    other = table["name"][table["kind"] != "rectangle"]
    if method == "rectangles" and len(other):
        raise ParameterError(
            f"panel {other.iloc[0]!r} is no rectangle along the strike: correct it, or choose "
            "method='auto'."
        )
    return table.assign(kind="polygon") if method == "polygons" else table


def as_dates(time: Sequence[Any] | Any) -> np.ndarray:
    """Return dates, a year as its last day.

    Raises
    ------
    ParameterError
        If one is no date, or they do not ascend.

    Examples
    --------
    >>> as_dates([2020, 2025]).astype("datetime64[D]").tolist()
    [datetime.date(2020, 12, 31), datetime.date(2025, 12, 31)]
    """
    values = np.atleast_1d(np.asarray(time))
    try:
        if values.dtype.kind in "iu":
            values = np.array([f"{year:04d}-12-31" for year in values])
        dates = pd.to_datetime(values).as_unit("ns").to_numpy()
    except (ValueError, TypeError) as error:
        raise ParameterError(f"time is {time!r}: give years or dates ({error}).") from None
    if dates.ndim != 1 or not dates.size or np.isnat(dates).any() or (np.diff(dates) <= 0).any():
        raise ParameterError(f"time is {time!r}: give ascending years or dates, none twice.")
    return dates


def _engines(
    table: pd.DataFrame,
    form: str,
    slices: int | str,
    dates: np.ndarray | None,
    function: str | None,
    given: Mapping[str, Any] | None,
    tolerance: float,
) -> list[tuple[bool, Any, np.ndarray]]:
    """Return what each block runs: whether on rectangles, the pieces, and their shares by step."""
    counts = slice_counts(table, slices)
    if dates is None:
        counts[:] = 1
    else:
        start, end = table["start"].fillna(table["end"]), table["end"].fillna(table["start"])
        if start.isna().any():
            raise SchemaError(
                f"panel {table['name'][start.isna()].iloc[0]!r} has no date: add start and end, or "
                "leave time out for the final subsidence."
            )
        begin, length = years_of(start), years_of(end) - years_of(start)
        values = time_parameters(function, table["depth"].to_numpy("float64"), given)

    def shares(rows: np.ndarray, part: np.ndarray) -> np.ndarray:
        if dates is None:
            return np.ones((1, len(rows)))
        from_, to = (begin[rows] + part[:, i] * length[rows] for i in (0, 1))
        own = {name: value[rows] for name, value in values.items()}
        return share_by(function, own, from_, to, years_of(dates))

    flat = (table["kind"] == "rectangle").to_numpy()
    engines: list[tuple[bool, Any, np.ndarray]] = []
    if flat.any():
        at = np.flatnonzero(flat)
        pieces = rectangle_pieces(table.iloc[at].fillna({"b": 0.0}), form=form, slices=counts[at])
        engines.append((True, pieces, shares(at[pieces.row], pieces.share)))
    if not flat.all():
        at = np.flatnonzero(~flat)
        for polygons, rows, part in polygon_slices(table.iloc[at], counts[at], tolerance):
            engines.append((False, polygons, shares(at[rows], part)))
    return engines


def _sides(like: Any, chunks: Any, bytes_a_cell: int) -> Any:
    """Return the chunks of the result: those of ``like``, halved until a block is light enough."""
    if chunks is None:
        if not isinstance(like, xr.DataArray | xr.Dataset) or not like.chunks:
            return None
        sizes = (like.chunksizes["y"], like.chunksizes["x"])
    else:
        sides = chunks if isinstance(chunks, tuple) else (chunks, chunks)
        if max(sides) ** 2 * bytes_a_cell <= BLOCK_BYTES:
            return sides
        return tuple(_halved_side(side, bytes_a_cell) for side in sides)
    return tuple(
        tuple(part for size in sizes_of for part in _halves(size, bytes_a_cell))
        for sizes_of in sizes
    )


def _halved_side(side: int, bytes_a_cell: int) -> int:
    while side > 64 and side * side * bytes_a_cell > BLOCK_BYTES:
        side = -(-side // 2)
    return side


def _halves(size: int, bytes_a_cell: int) -> list[int]:
    side = _halved_side(size, bytes_a_cell)
    return [min(side, size - begin) for begin in range(0, size, side)]


def _subsidence_block(
    rows: slice,
    columns: slice,
    *,
    engines: list[tuple[bool, Any, np.ndarray]],
    transform: tuple[float, ...],
    names: list[str],
    components: list[str],
    steps: int,
    cutoff: float,
    kind: str,
) -> np.ndarray:
    x = transform[2] + transform[0] * (np.arange(columns.start, columns.stop) + 0.5)
    y = transform[5] + transform[4] * (np.arange(rows.start, rows.stop) + 0.5)
    total: np.ndarray | None = None
    for rectangles, pieces, shares in engines:
        engine = subside_rectangles if rectangles else subside_block
        part = engine(pieces, y, x, components, shares, cutoff=cutoff, dtype=kind)
        total = part if total is None else np.add(total, part, out=total)
    if total is None:
        total = np.zeros((steps, len(components), y.size, x.size), dtype=kind)
    if names == ["subsidence"]:
        return total[:, 0]
    return compute_outputs(names, components, total).reshape(-1, y.size, x.size)
