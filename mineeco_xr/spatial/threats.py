"""Threats as users describe them: how far and in which way each decays, and how intense it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from mineeco_xr.cube.nodata import code_in
from mineeco_xr.errors import ParameterError

KINDS = ("linear", "exponential", "legacy_exponential")


@dataclass(frozen=True)
class Threat:
    """One layer of threats.

    Attributes
    ----------
    name : str
        For messages; empty where nobody gave one.
    kind : str
        One of ``KINDS``.
    max_distance : float
        In metres.
    """

    name: str
    kind: str
    max_distance: float


def threats_of(data: xr.DataArray, max_distance: Any, kind: Any, dim: str) -> list[Threat]:
    """Return one threat for all layers, or one for each position of the dim.

    Parameters
    ----------
    data : xarray.DataArray
        Intensities.
    max_distance : float, sequence or mapping
        One, or one a threat.
    kind : str, sequence or mapping
        One, or one a threat.
    dim : str
        Name of the dim of threats.

    Returns
    -------
    list of Threat
        In the order of the dim; one, where there is no such dim.

    Raises
    ------
    ParameterError
        If a distance is not positive, a kind is unknown, or they do not fit the threats.
    """
    found = [str(name) for name in np.atleast_1d(data[dim].values)] if dim in data.dims else [""]
    distances = _one_each(data, max_distance, "max_distance", dim)
    kinds = _one_each(data, kind, "kind", dim)
    threats = []
    for name, reach, shape in zip(found, distances, kinds, strict=True):
        of = f" of {name!r}" if name else ""
        if shape not in KINDS:
            raise ParameterError(f"kind{of} {shape!r} is unknown: choose from {KINDS}.")
        number = isinstance(reach, int | float | np.number) and not isinstance(reach, bool)
        if not number or not 0 < reach < np.inf:
            raise ParameterError(
                f"max_distance{of} is {reach!r}: give a positive length in metres."
            )
        threats.append(Threat(name, shape, float(reach)))
    return threats


def _one_each(data: xr.DataArray, given: Any, what: str, dim: str) -> list[Any]:
    if isinstance(given, str) or (np.ndim(given) == 0 and not isinstance(given, Mapping)):
        return [given] * (data.sizes[dim] if dim in data.dims else 1)
    if dim not in data.dims:
        raise ParameterError(
            f"{what} is given for each threat, but {data.name or 'the raster'!r} has no dim "
            f"{dim!r}, only {data.dims}: give one {what}, or name the dim with dim=."
        )
    names = data[dim].values.tolist()
    if isinstance(given, Mapping):
        if set(given) != set(names):
            raise ParameterError(
                f"{what} names {sorted(map(str, given))} and the dim {dim!r} has "
                f"{sorted(map(str, names))}: give one {what} for each."
            )
        return [given[name] for name in names]
    if len(given) != len(names):
        raise ParameterError(
            f"{what} has {len(given)} items for {len(names)} threats {names}: give one for each."
        )
    return list(given)


def intensity(block: np.ndarray, code: float | None) -> np.ndarray:
    """Return a block as float32 with NaN as nodata; numbers too large for it become infinite.

    Parameters
    ----------
    block : ndarray
        Bool, integer or float.
    code : float, optional
        What means nodata.

    Returns
    -------
    ndarray of float32
        The block itself where it is that already.
    """
    with np.errstate(over="ignore"):
        values = block.astype(np.float32, copy=False)
    nodata = None if code is None else code_in(code, block.dtype)
    if nodata is not None:
        values = np.where(block == nodata, np.float32(np.nan), values)
    return values
