"""Levels of subsidence: how far the ground has sunk, in classes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from mineeco_xr.chunks import pointwise
from mineeco_xr.cube.nodata import as_float
from mineeco_xr.cube.provenance import finalize
from mineeco_xr.cube.units import unit_factor, units_of
from mineeco_xr.errors import ParameterError, SchemaError

LEVELS = (10.0, 1000.0, 3000.0)
"""Lower bounds in mm; water tables of 1 to 3 m make them matter (Nansi paper)."""
LABELS = ("mild", "moderate", "severe")
UNAFFECTED = "unaffected"
NODATA = np.uint8(255)
COLOURS = ("#F3F0E4", "#F2CF63", "#DD7A2B", "#8E1B22")
"""Of the unaffected ground and the three levels."""


def subsidence_levels(
    subsidence: xr.DataArray | xr.Dataset,
    levels: Sequence[float] = LEVELS,
    *,
    units: str = "mm",
    labels: Sequence[str] | None = None,
) -> xr.DataArray:
    """Classify subsidence by how deep the ground has sunk.

    Parameters
    ----------
    subsidence : DataArray or Dataset
        Positive downwards, a length by its ``units``; dims ``(y, x)`` with any others, such as
        ``time``. Of a Dataset its variable ``subsidence``.
    levels : sequence of float
        Ascending lower bounds, at most 250; default 10, 1000 and 3000 mm.
    units : str
        Of ``levels``.
    labels : sequence of str, optional
        Names of the levels; default ``mild``, ``moderate`` and ``severe`` for three, else
        ``level_1`` and on.

    Returns
    -------
    xarray.DataArray
        uint8, dims as given: 0 below the first bound, 1 from there on, and so on, with
        ``flag_values`` and ``flag_meanings``; ``_FillValue`` 255 where there is no subsidence.
        Lazy when the subsidence is.

    Raises
    ------
    ParameterError
        If the bounds do not ascend, or the labels are not as many.
    SchemaError
        If a Dataset has no ``subsidence``.
    UnitError
        If the subsidence is no length.

    Notes
    -----
    A value on a bound belongs to the level above it, but on the last of several to the one below:
    the paper's mild is 10 mm to less than 1000, moderate 1000 to 3000, severe above 3000.

    Pointwise: bit-identical for any chunking. A block of the prediction is classified as soon as
    it is made, so that a series of many dates is stored as one byte a cell and date, and its floats
    live only while their block does.

    Examples
    --------
    >>> from mineeco_xr.testing import with_grid
    >>> sunk = with_grid(np.array([[0.004, 0.01, 1.0, 3.0, 3.001, np.nan]]), units="m")
    >>> subsidence_levels(sunk).values
    array([[  0,   1,   2,   2,   3, 255]], dtype=uint8)
    """
    data = as_float(layer_of_ground(subsidence, "subsidence"))
    bounds = _checked(levels)
    names = _names(bounds.size, labels)
    factor = unit_factor(units, units_of(data, expected="m"), name="levels")
    classes = pointwise(
        _level_block,
        data,
        dtype="uint8",
        parameters={"bounds": _upper_ends(bounds * factor, data.dtype)},
    ).transpose(*data.dims)
    attrs = {
        "units": "1",
        "long_name": "level of subsidence",
        "levels": bounds.tolist(),
        "level_units": units,
        "_FillValue": NODATA,
        "flag_values": np.arange(bounds.size + 1, dtype="uint8"),
        "flag_meanings": " ".join([UNAFFECTED, *names]),
    }
    if bounds.size == len(LEVELS):
        attrs["flag_colors"] = " ".join(COLOURS)
    return finalize(
        classes,
        function="subsidence_levels",
        parameters={"levels": bounds.tolist(), "units": units, "labels": names},
        inputs={str(data.name or "subsidence"): data},
        attrs=attrs,
        name="subsidence_level",
    )


def layer_of_ground(ground: xr.DataArray | xr.Dataset, name: str) -> xr.DataArray:
    """Return a raster itself, or the variable of a result of ``subsidence``, with its grid.

    Raises
    ------
    SchemaError
        If a Dataset lacks it.
    """
    if isinstance(ground, xr.DataArray):
        return ground
    if name not in ground:
        raise SchemaError(
            f"the cube has no variable {name!r}; it has {sorted(map(str, ground.data_vars))}. Ask "
            f"subsidence(..., output=[{name!r}, ...]) for it, or give the raster itself."
        )
    from mineeco_xr.cube.grid import layer_of

    return layer_of(ground, name)


def _checked(levels: Sequence[float]) -> np.ndarray:
    try:
        bounds = np.asarray(levels, dtype="float64")
    except (TypeError, ValueError):
        bounds = np.empty((0, 0))
    ascend = bounds.ndim == 1 and 1 <= bounds.size <= 250 and np.isfinite(bounds).all()
    if not ascend or (np.diff(bounds) <= 0).any() or bounds[0] <= 0:
        raise ParameterError(
            f"levels are {levels!r}: give lower bounds above 0 that ascend, such as {LEVELS} mm."
        )
    return bounds


def _names(count: int, labels: Sequence[str] | None) -> list[str]:
    if labels is None:
        return [*LABELS] if count == len(LABELS) else [f"level_{i}" for i in range(1, count + 1)]
    if isinstance(labels, str) or len(labels) != count or len(set(labels)) < count:
        raise ParameterError(f"labels are {labels!r}: give {count} different names, one a level.")
    return ["_".join(str(label).split()) for label in labels]


def _upper_ends(bounds: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Return the largest numbers of the data's type that lie below each level, inclusive."""
    # Of data in float32, 10 mm is the float32 next to 0.01: it must not fall below its own bound.
    ends = bounds.astype(dtype)
    first = ends if ends.size == 1 else ends[:-1]
    first[...] = np.nextafter(first, dtype.type(-np.inf))
    return ends.astype("float64")


def _level_block(block: np.ndarray, *, bounds: np.ndarray) -> np.ndarray:
    from mineeco_xr.kernels.classify import class_codes

    codes = class_codes(block.reshape(1, -1), bounds[None])
    # The kernel counts from 1 and has 0 for what is not finite, which wraps around to nodata.
    codes -= np.uint8(1)
    return codes.reshape(block.shape)
