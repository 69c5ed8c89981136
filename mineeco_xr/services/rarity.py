"""Habitat rarity: how much less of a land use there is than in a baseline."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from mineeco_xr.chunks import Reduced, pointwise, reduce_blocks
from mineeco_xr.chunks.reread import reread
from mineeco_xr.cube.grid import require_metres, require_same_grid
from mineeco_xr.cube.nodata import fill_value_of
from mineeco_xr.cube.provenance import finalize
from mineeco_xr.errors import ParameterError, SchemaError
from mineeco_xr.services.class_counts import Counts, count_codes, has_class, merge_counts
from mineeco_xr.services.class_values import ClassValues
from mineeco_xr.services.lead import lead_dims, lead_numbers

if TYPE_CHECKING:
    import pandas as pd

COLUMN = "rarity_value"
"""InVEST's name of the column of the table."""


def habitat_rarity(lulc: xr.DataArray, baseline: xr.DataArray) -> xr.DataArray:
    """Return how rare the land use of each cell has become, as InVEST does.

    Parameters
    ----------
    lulc : xarray.DataArray
        Land-use classes now, or at several dates: dims ``(y, x)`` or ``(time, y, x)``; NaN and
        ``_FillValue`` are nodata.
    baseline : xarray.DataArray
        Land-use classes before, dims ``(y, x)``, on the same grid.

    Returns
    -------
    xarray.DataArray
        Dims of ``lulc``, float32, units "1": 0.5 where there is as much of the class as in the
        baseline, above it where there is less, below where there is more, and 0 for a class that
        the baseline lacks; NaN where either map is nodata. Lazy when the inputs are.

    Raises
    ------
    GridMismatch
        If the grids differ, or their unit is not the metre: cells count alike.
    SchemaError
        If a map does not hold numbers; when computed, if they are not whole.
    ParameterError
        If the maps have more dims than these.

    Notes
    -----
    ``R_j = 1 - N_j / (N_j + N_j,base)``, with the cells of class j, of ``lulc`` only those where
    the baseline has data.

    Crosses chunks by a reduction to counts, one pass more over both maps, the rest is pointwise:
    bit-identical for any chunking. See also :func:`habitat_rarity_table`.

    Examples
    --------
    >>> import numpy as np
    >>> from mineeco_xr.testing import with_grid
    >>> before, now = with_grid(np.array([[1, 1, 1, 2]])), with_grid(np.array([[1, 2, 2, 3]]))
    >>> habitat_rarity(now, before).values.round(2)
    array([[0.75, 0.33, 0.33, 0.  ]], dtype=float32)
    """
    lulc, baseline = _checked(lulc, baseline)
    result = pointwise(
        _paint,
        reread(lulc, "rarity"),
        reread(baseline, "rarity"),
        *lead_numbers(lulc),
        dtype="float32",
        shared=_rarities(lulc, baseline),
        parameters={"nodata": fill_value_of(baseline)},
    )
    return finalize(
        result,
        function="habitat_rarity",
        parameters={},
        inputs={str(lulc.name or "lulc"): lulc, "baseline": baseline},
        attrs={"units": "1", "long_name": "habitat rarity"},
        name="habitat_rarity",
    )


def habitat_rarity_table(lulc: xr.DataArray, baseline: xr.DataArray) -> pd.DataFrame:
    """Return the rarity of each land-use class, as InVEST's table has it.

    Parameters
    ----------
    lulc, baseline : xarray.DataArray
        As for :func:`habitat_rarity`.

    Returns
    -------
    pandas.DataFrame
        ``rarity_value`` (1) by ``lucode`` of the classes that ``lulc`` holds where the baseline has
        data; by the date and ``lucode`` where ``lulc`` has dates.

    Raises
    ------
    GridMismatch, SchemaError, ParameterError
        As for :func:`habitat_rarity`.

    Notes
    -----
    Computed at once. Crosses chunks by reduction: bit-identical for any chunking.

    Examples
    --------
    >>> import numpy as np
    >>> from mineeco_xr.testing import with_grid
    >>> before, now = with_grid(np.array([[1, 1, 1, 2]])), with_grid(np.array([[1, 2, 2, 3]]))
    >>> habitat_rarity_table(now, before)
            rarity_value
    lucode
    1           0.750000
    2           0.333333
    3           0.000000
    """
    import pandas as pd

    lulc, baseline = _checked(lulc, baseline)
    lead = lead_dims(lulc)
    found = _counted(lulc, baseline).compute()
    _require_whole(found)
    frames = [
        pd.DataFrame({COLUMN: rarity}, index=pd.Index(codes, name="lucode"))
        for codes, rarity in (_rarity(counts, found[-1]) for counts in found[:-1])
    ]
    if not lead:
        return frames[0]
    return pd.concat(dict(zip(lulc[lead[0]].values, frames, strict=True)), names=lead)


def _checked(lulc: xr.DataArray, baseline: xr.DataArray) -> tuple[xr.DataArray, xr.DataArray]:
    label = str(lulc.name or "the land use")
    require_metres(require_same_grid({label: lulc, "baseline": baseline}), "habitat_rarity")
    for name, data, most in ((label, lulc, 3), ("baseline", baseline, 2)):
        if data.dtype.kind not in "iuf":
            raise SchemaError(
                f"{name!r} holds {data.dtype}; expected class codes as whole numbers. Convert it "
                "with .astype('int16')."
            )
        if data.ndim > most:
            raise ParameterError(
                f"{name!r} has dims {data.dims}; expected {most} at most. Select with .isel(...)."
            )
    return lulc.transpose(..., "y", "x"), baseline.transpose("y", "x")


def _counted(lulc: xr.DataArray, baseline: xr.DataArray) -> Reduced:
    return reduce_blocks(_count, _merge, lulc, baseline, shared=_nodata(lulc, baseline))


def _rarities(lulc: xr.DataArray, baseline: xr.DataArray) -> Reduced:
    return reduce_blocks(
        _count,
        _merge,
        lulc,
        baseline,
        finish=_tables,
        shared=(*_nodata(lulc, baseline), lulc.dtype.str),
    )


def _nodata(lulc: xr.DataArray, baseline: xr.DataArray) -> tuple[float | None, float | None]:
    return fill_value_of(lulc), fill_value_of(baseline)


def _count(lulc: np.ndarray, baseline: np.ndarray, *, shared: tuple) -> list[Counts]:
    """Count the classes at each date where the baseline has data, then those of the baseline."""
    base = baseline.reshape(baseline.shape[-2:])
    known = has_class(base, shared[1])
    dates = lulc.reshape(-1, *base.shape)
    parts = [layer[has_class(layer, shared[0]) & known] for layer in dates]
    return [count_codes(part) for part in (*parts, base[known])]


def _merge(parts: list[list[Counts]]) -> list[Counts]:
    return [merge_counts(list(same)) for same in zip(*parts, strict=True)]


def _rarity(found: Counts, baseline: Counts) -> tuple[np.ndarray, np.ndarray]:
    codes, counts = found
    before = dict(zip(baseline[0].tolist(), baseline[1].tolist(), strict=True))
    rarity = [
        1.0 - count / (count + before[code]) if code in before else 0.0
        for code, count in zip(codes.tolist(), counts.tolist(), strict=True)
    ]
    return codes.astype(np.int64), np.asarray(rarity, dtype=np.float64)


def _require_whole(found: list[Counts]) -> None:
    for codes, _ in found:
        broken = codes[codes != np.floor(codes)]
        if broken.size:
            raise SchemaError(
                f"the maps hold {broken[0]:g}; expected class codes as whole numbers. Warp classes "
                "with resampling='nearest'."
            )


def _tables(found: list[Counts], shared: tuple) -> list[ClassValues]:
    _require_whole(found)
    nodata, _, dtype = shared
    tables = []
    for counts in found[:-1]:
        codes, rarity = _rarity(counts, found[-1])
        tables.append(ClassValues.of_table(codes, {COLUMN: rarity}, np.dtype(dtype), nodata))
    return tables


def _paint(
    lulc: np.ndarray,
    baseline: np.ndarray,
    *number: np.ndarray,
    shared: list[ClassValues],
    nodata: float | None,
) -> np.ndarray:
    dates = number[0].ravel().tolist() if number else [0]
    layers = lulc.reshape(-1, *lulc.shape[-2:])
    out = np.stack(
        [shared[date].of(layer, COLUMN) for date, layer in zip(dates, layers, strict=True)]
    )
    out[:, ~has_class(baseline.reshape(lulc.shape[-2:]), nodata)] = np.nan
    return out.reshape(lulc.shape)
