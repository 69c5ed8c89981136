"""The water balance of a year, cell by cell: how much of the rain evaporates, by Budyko curves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from mineeco_xr.services.class_values import ClassValues

CURVES = ("fu", "zhang2001")

DRY = 1e-8
"""Rain in mm up to which there is no balance, as InVEST's ``isclose(rain, 0)``."""

LARGEST_W = 5.0
"""InVEST's bound of Fu's parameter."""

ARID = 1e3
"""Dryness beyond which Fu's difference loses its digits in float32, and at last overflows."""

STRIP = 2**16
"""Cells computed at once: all of their intermediate arrays fit into a core's cache."""


def water_balance(
    *blocks: np.ndarray,
    shared: ClassValues,
    names: tuple[str, ...],
    curve: str,
    seasonality: float,
    bounded: bool,
) -> np.ndarray:
    """Return water yield, evapotranspiration, its share of the rain, and the potential one.

    Parameters
    ----------
    *blocks : ndarray
        One a name, of shapes that broadcast.
    shared : ClassValues
        Of the columns ``kc``, ``root_depth`` and ``lulc_veg`` that are no blocks.
    names : tuple of str
        ``lulc``, ``precipitation``, ``evapotranspiration``, ``soil_depth``, ``available_water``,
        and of the columns those that are rasters.
    curve : str
        Of :data:`CURVES`.
    seasonality : float
        Z.
    bounded : bool
        Let no more evaporate than falls, and keep the digits of Fu's curve where nearly no rain
        falls: InVEST's float32 loses them there.

    Returns
    -------
    ndarray, (4, ...), float32
        NaN at nodata.
    """
    shape = np.broadcast_shapes(*(block.shape for block in blocks))
    layers = {n: np.broadcast_to(b, shape) for n, b in zip(names, blocks, strict=True)}
    out = np.empty((4, *shape), dtype=np.float32)
    with np.errstate(all="ignore"):
        for at in _strips(shape):
            part = {name: layer[at] for name, layer in layers.items()}
            _balance(part, shared, (curve, seasonality, bounded), out[(slice(None), *at)])
    return out


def _strips(shape: tuple[int, ...]) -> Iterator[tuple[Any, ...]]:
    height, width = shape[-2:]
    rows = max(1, STRIP // max(1, width))
    for lead in np.ndindex(*shape[:-2]):
        for top in range(0, height, rows):
            yield *lead, slice(top, top + rows)


def _balance(
    part: Mapping[str, np.ndarray],
    shared: ClassValues,
    rule: tuple[str, float, bool],
    out: np.ndarray,
) -> None:
    """Fill a strip, in the order of operations and the precision of InVEST's."""
    curve, seasonality, bounded = rule
    kc, root, vegetated = _class_parameters(part, shared)
    rain, soil, water = (part[n] for n in ("precipitation", "soil_depth", "available_water"))
    potential = kc * part["evapotranspiration"]
    known = rain > DRY
    known &= ~np.isnan(potential + soil + water + vegetated)
    dryness = potential / rain
    dryness[~known] = 1  # NaN would take the slow way through the powers
    held = np.minimum(root, soil) * water
    held[~known] = 1
    supply = held / rain * seasonality
    supply[~known] = 1
    covered = _fu(dryness, supply, bounded) if curve == "fu" else _zhang2001(dryness, supply)
    open_water = np.minimum(potential, rain) / rain
    # A share may stand for a mixed cell; InVEST's tables hold 0 and 1.
    share = np.where(vegetated > 0.5, covered, open_water).astype(np.float32)
    share[~known] = np.nan
    out[0] = (1 - share) * rain
    out[1] = share * rain
    out[2] = share
    out[3] = potential


def _class_parameters(
    part: Mapping[str, np.ndarray], shared: ClassValues
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    classes = part["lulc"]
    # In the type that NumPy indexes by: it would convert the places of each column by itself.
    place = shared.positions(classes).astype(np.intp) if shared.columns else None
    kc, root, vegetated = (
        part[column] if column in part else shared.columns[column][place]
        for column in ("kc", "root_depth", "lulc_veg")
    )
    if "kc" in part:
        kc = np.where(shared.valid(classes), kc, kc.dtype.type(np.nan))
    return kc, root, vegetated


def _fu(dryness: np.ndarray, supply: np.ndarray, bounded: bool) -> np.ndarray:
    w = supply + 1.25
    np.minimum(w, LARGEST_W, out=w)
    share = np.minimum(dryness, (1 + dryness) - (1 + dryness**w) ** (1 / w))
    if not bounded:
        # A share that lost all digits may equal InVEST's code of nodata.
        share[np.abs(share + 1) <= 1.001e-5] = np.nan
    else:
        np.minimum(share, 1, out=share)
        arid = dryness > ARID
        if arid.any():
            r, w = dryness[arid].astype("float64"), w[arid].astype("float64")
            share[arid] = 1 - r * np.expm1(np.log1p(r**-w) / w)
    return share


def _zhang2001(dryness: np.ndarray, supply: np.ndarray) -> np.ndarray:
    wet = 1 + supply * dryness
    return np.minimum(dryness, wet / (wet + 1 / dryness))
