"""Correlation of the series of every cell: what Pearson's and partial correlation share."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr

from mineeco_xr.chunks import pointwise
from mineeco_xr.cube.grid import geobox_of, layer_of, require_same_grid
from mineeco_xr.cube.nodata import as_float
from mineeco_xr.cube.time import decimal_years, require_same_times
from mineeco_xr.errors import ParameterError, SchemaError
from mineeco_xr.stats.correlation_significance import significance_of

MIN_DATES = 10
DETRENDS = (None, "linear", "difference")


def check_series(
    layers: Mapping[str, xr.DataArray], *, dim: str, min_n: int, fixed: int, detrend: str | None
) -> None:
    """Refuse layers that cannot be correlated over time, before any pixel is read.

    Parameters
    ----------
    layers : mapping of str to DataArray
        What they are, for messages; the first has dims ``(dim, y, x)``, others may lack ``y, x``.
    dim : str
        The time dim.
    min_n : int
        Fewest valid dates of a cell.
    fixed : int
        How many variables are held fixed, a trend not among them.
    detrend : str or None
        One of :data:`DETRENDS`.
    """
    if detrend not in DETRENDS:
        raise ParameterError(f"detrend is {detrend!r}: choose from {DETRENDS}.")
    lost = 3 + fixed + (detrend == "linear")
    if min_n < lost:
        raise ParameterError(
            f"min_n is {min_n}: with {lost - 3} variables held fixed a test needs at least {lost} "
            "dates."
        )
    first, *others = layers
    for role, layer in layers.items():
        _require_dims(role, layer, dim, series=role != first)
    decimal_years(layers[first], dim)
    require_same_times(layers, dim)
    geobox_of(layers[first])
    require_same_grid({role: layer for role, layer in layers.items() if "y" in layer.dims})
    found = layers[first].sizes[dim] - (detrend == "difference")
    if found < min_n:
        kind = "differences" if detrend == "difference" else "dates"
        raise SchemaError(
            f"{first!r} and {', '.join(map(repr, others))} have {found} common {kind} and min_n is "
            f"{min_n}: no cell could have a correlation. Bring more dates, or lower min_n "
            "knowingly."
        )


def _require_dims(role: str, layer: xr.DataArray, dim: str, *, series: bool) -> None:
    dims = set(layer.dims)
    if dims == {dim, "y", "x"} or (series and dims == {dim}):
        return
    expected = f"({dim!r}, 'y', 'x')" + (f" or ({dim!r},)" if series else "")
    raise SchemaError(
        f"{role!r} ({layer.name or 'without a name'}) has dims {layer.dims} where {expected} were "
        "expected: select or rename them."
    )


def correlated(
    layers: Mapping[str, xr.DataArray],
    *,
    factors: int,
    given: bool,
    dim: str,
    min_n: int,
    detrend: str | None,
) -> tuple[xr.DataArray, ...]:
    """Return every r, every p, and n of the first layer and its factors.

    Parameters
    ----------
    layers : mapping of str to DataArray
        As :func:`check_series` has passed them: the target, its factors, what is held fixed.
    factors : int
        How many factors there are.
    given : bool
        Whether the other factors are held fixed too.
    dim, min_n, detrend
        As for :func:`check_series`.

    Returns
    -------
    tuple of DataArray
        ``2 factors + 1`` rasters ``(y, x)`` without attributes, lazy when a layer is.
    """
    target = next(iter(layers.values()))
    return pointwise(
        _correlate_block,
        *(as_float(layer).transpose(dim, ...) for layer in layers.values()),
        dtype="float64",
        core_dim=dim,
        outputs=2 * factors + 1,
        parameters={
            "years": decimal_years(target, dim),
            "factors": factors,
            "given": given,
            "min_n": min_n,
            "detrend": detrend,
        },
    )


def _correlate_block(
    *blocks: np.ndarray,
    years: np.ndarray,
    factors: int,
    given: bool,
    min_n: int,
    detrend: str | None,
) -> np.ndarray:
    from mineeco_xr.kernels.correlation import correlate_series

    # What is left beside a line is what a series has when time is held fixed.
    held = [*blocks, years] if detrend == "linear" else list(blocks)
    return correlate_series(
        held, factors=factors, given=given, min_n=min_n, difference=detrend == "difference"
    )


def as_result(
    found: tuple[xr.DataArray, ...], *, what: str, detrend: str | None, fdr: bool
) -> xr.Dataset:
    """Name one r, p and n, and add their significance.

    Parameters
    ----------
    found : tuple of DataArray
        Of one factor, from :func:`correlated`.
    what : str
        What r is, for its ``long_name``.
    detrend : str or None
        One of :data:`DETRENDS`.
    fdr : bool
        Whether to add ``significance``.
    """
    order = ("y", "x")
    r, p, n = (layer.transpose(*order) for layer in found)
    how = {None: "", "linear": ", linear trends removed", "difference": ", of differences"}[detrend]
    dates = "differences" if detrend == "difference" else "dates"
    result = xr.Dataset(
        {
            "r": r.assign_attrs(units="1", long_name=f"{what}{how}"),
            "p": p.assign_attrs(units="1", long_name=f"two-sided p of the {what}{how}"),
            "n": n.assign_attrs(units="1", long_name=f"{dates} on which all are valid"),
        }
    )
    if fdr:
        result["significance"] = significance_of(p)
    return result


def described(layers: Mapping[str, xr.DataArray]) -> dict[str, str]:
    """Return attributes that say what was correlated, and in which units it was."""
    found = {}
    for kind, (role, layer) in zip(("variable", "other"), layers.items(), strict=False):
        found[kind] = str(layer.name or role)
        found[f"{kind}_units"] = str(layer.attrs.get("units", ""))
    return found


def named(layers: Mapping[str, xr.DataArray]) -> dict[str, xr.DataArray]:
    """Return layers by their own names, or by their roles when these are not distinct."""
    names = [str(layer.name or role) for role, layer in layers.items()]
    keys = names if len(set(names)) == len(names) else list(layers)
    return dict(zip(keys, layers.values(), strict=True))


def by_name(layers: xr.Dataset | Mapping[str, xr.DataArray]) -> dict[str, xr.DataArray]:
    """Return the rasters and series of a cube, or of a mapping, by name."""
    if isinstance(layers, xr.Dataset):
        held = (str(name) for name, layer in layers.data_vars.items() if layer.ndim)
        return {name: layer_of(layers, name) for name in held}
    return {str(name): layer for name, layer in layers.items()}
