"""Displacements along several lines of sight, parted into vertical and east."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from mineeco_xr.carbonwater.line_of_sight import UP
from mineeco_xr.chunks import pointwise
from mineeco_xr.cube.grid import geobox_of, require_same_grid
from mineeco_xr.cube.look_angle import angle_factor, require_incidences
from mineeco_xr.cube.nodata import as_float
from mineeco_xr.cube.provenance import finalize
from mineeco_xr.cube.units import units_of
from mineeco_xr.errors import ParameterError, SchemaError

_LEAST_ANGLE = 1e-3
"""Sine of the angle below which two lines of sight do not tell two components apart."""


def decompose_los(
    los: xr.DataArray,
    *,
    incidence: Sequence[float] | xr.DataArray,
    heading: Sequence[float],
    looking: str = "right",
    sigma: Sequence[float] | None = None,
) -> xr.Dataset:
    """Part displacements along two or more lines of sight into vertical and east.

    Parameters
    ----------
    los : xarray.DataArray
        Dims with ``track``, ``y`` and ``x``: displacements of the same time, or their rates, along
        the lines of sight of an ascending and a descending track, or more; mm or mm yr-1, positive
        toward the satellite.
    incidence : sequence of float or xarray.DataArray
        Of each track, in degrees; or a raster with the dim ``track``, on the grid, with ``units``.
    heading : sequence of float
        Direction of flight of each track, degrees clockwise from north: about -12 (or 348) when
        ascending, -168 (or 192) when descending.
    looking : {"right", "left"}
        Side to which the antenna looks.
    sigma : sequence of float, optional
        Standard error of each track, mm; default all alike.

    Returns
    -------
    xarray.Dataset
        ``vertical`` (positive up) and ``east`` in the units of ``los``, ``residual`` (root mean
        square; 0 for two tracks) and ``tracks`` (how many have a value). A pixel with fewer than
        two is nodata, as is one whose lines of sight lie in one direction. Lazy when ``los`` is.

    Raises
    ------
    SchemaError
        If there is no dim ``track`` or it has fewer than two.
    ParameterError
        If angles are not one a track or out of range, all tracks look alike, or ``looking`` is
        unknown.

    Notes
    -----
    ``los = U cos(i) - sin(i) (E cos(h) - N sin(h))`` for a radar that looks to the right (Hanssen
    2001), with ``N = 0`` by weighted least squares: satellites fly nearly north and south and so
    hardly see northward movement. What they see of it, ``N sin(i) sin(h)``, goes into the
    others: about 0.13 of ``N`` into each line of sight at 39.7 degrees and a heading of 12.

    Pointwise, with ``track`` whole: bit-identical for any chunking.

    References
    ----------
    Hanssen, R. F. (2001). Radar Interferometry. Kluwer, Dordrecht.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> from mineeco_xr.testing import with_grid
    >>> rates = [with_grid(np.array([[rate]]), units="mm yr-1") for rate in (-70.0, -90.0)]
    >>> tracks = xr.concat(rates, "track")
    >>> found = decompose_los(tracks, incidence=[38, 38], heading=[-12, -168])
    >>> found["vertical"].round(2).item(), found["east"].round(2).item()
    (-101.52, -16.61)
    """
    geobox_of(los)
    if "track" not in los.dims or los.sizes["track"] < 2:
        raise SchemaError(
            f"{los.name or 'the raster'!r} has dims {los.dims}: stack at least two tracks with "
            'xarray.concat([ascending, descending], "track").'
        )
    count = los.sizes["track"]
    for name, given in (("heading", heading), ("sigma", sigma), ("incidence", incidence)):
        if given is not None and not isinstance(given, xr.DataArray) and len(given) != count:
            raise ParameterError(
                f"{len(given)} values of {name} for {count} tracks: give one each."
            )
    if looking not in ("right", "left"):
        raise ParameterError(f"looking is {looking!r}: choose 'right' or 'left'.")
    if sigma is not None and not all(error > 0 for error in sigma):
        raise ParameterError(f"sigma is {list(sigma)}: give positive errors in mm.")
    layers, parameters = [as_float(los)], _directions(los, incidence, heading, looking)
    if isinstance(incidence, xr.DataArray):
        layers.append(as_float(incidence))
    parts = pointwise(
        _decompose_block,
        *layers,
        dtype="float64",
        core_dim="track",
        outputs=4,
        parameters={
            **parameters,
            "weights": np.ones(count) if sigma is None else np.asarray(sigma, "float64") ** -2,
        },
    )
    units = units_of(los, expected="mm", name=str(los.name or "los"))
    up, east, residual = (part.astype(layers[0].dtype) for part in parts[:3])
    texts = {"sign_convention": UP, "positive": "up"}
    result = xr.Dataset(
        {
            "vertical": up.assign_attrs(units=units, long_name="vertical displacement", **texts),
            "east": east.assign_attrs(units=units, long_name="eastward displacement"),
            "residual": residual.assign_attrs(
                units=units, long_name="root mean square of the residuals of the tracks"
            ),
            "tracks": parts[3]
            .astype("uint8")
            .assign_attrs(units="1", long_name="tracks with a value", _FillValue=np.uint8(255)),
        }
    )
    return finalize(
        result,
        function="decompose_los",
        parameters={
            "incidence": "raster" if isinstance(incidence, xr.DataArray) else list(incidence),
            "heading": list(heading),
            "looking": looking,
            "sigma": sigma,
        },
        inputs={str(los.name or "los"): los},
    )


def _directions(
    los: xr.DataArray, incidence: Any, heading: Sequence[float], looking: str
) -> dict[str, Any]:
    """Return what the blocks need of the angles, checked."""
    headings = np.radians(np.asarray(heading, dtype="float64"))
    toward = -np.cos(headings) * (1 if looking == "right" else -1)
    if isinstance(incidence, xr.DataArray):
        if "track" not in incidence.dims:
            raise SchemaError("incidence has no dim 'track': give one raster for each track.")
        require_same_grid({str(los.name or "los"): los, "incidence": incidence})
        return {
            "angles": None,
            "factor": angle_factor(incidence, "rad", "incidence"),
            "toward": toward,
        }
    angles = np.asarray(incidence, dtype="float64")
    require_incidences(angles)
    radians = np.radians(angles)
    slant = np.arctan2(np.sin(radians) * toward, np.cos(radians))
    if np.abs(np.sin(slant - slant[0])).max() < _LEAST_ANGLE:
        raise ParameterError(
            f"all tracks look in one direction (incidence {angles.tolist()}, heading "
            f"{list(heading)}): vertical and east need an ascending and a descending track."
        )
    return {"angles": radians, "factor": 1.0, "toward": toward}


def _decompose_block(
    los: np.ndarray,
    *incidence: np.ndarray,
    angles: np.ndarray | None,
    factor: float,
    toward: np.ndarray,
    weights: np.ndarray,
) -> np.ndarray:
    """Solve the two normal equations track by track, so that bits do not depend on the block."""
    shape = los.shape[1:]
    slants = np.zeros_like(los, dtype="float64")
    if angles is None:
        slants[:] = incidence[0] * factor
        require_incidences(np.degrees(slants[np.isfinite(slants)]))
    else:
        slants[:] = angles.reshape(-1, *(1,) * len(shape))
    uu, ue, ee, ud, ed = (np.zeros(shape) for _ in range(5))
    known = np.isfinite(los) & np.isfinite(slants)
    for k, weight in enumerate(weights):
        u = np.where(known[k], np.cos(slants[k]), 0.0)
        e = np.where(known[k], np.sin(slants[k]) * toward[k], 0.0)
        d = np.where(known[k], los[k], 0.0).astype("float64")
        uu, ue, ee = uu + weight * u * u, ue + weight * u * e, ee + weight * e * e
        ud, ed = ud + weight * u * d, ed + weight * e * d
    determinant = uu * ee - ue * ue
    count = known.sum(axis=0)
    solved = (count > 1) & (determinant > _LEAST_ANGLE**2 * (uu + ee) ** 2)
    divisor = np.where(solved, determinant, 1.0)
    up = np.where(solved, (ee * ud - ue * ed) / divisor, np.nan)
    east = np.where(solved, (uu * ed - ue * ud) / divisor, np.nan)
    squares = np.zeros(shape)
    for k in range(len(weights)):
        fitted = up * np.cos(slants[k]) + east * np.sin(slants[k]) * toward[k]
        squares += np.where(known[k], (los[k] - fitted) ** 2, 0.0)
    residual = np.where(solved, np.sqrt(squares / np.maximum(count, 1)), np.nan)
    return np.stack([up, east, residual, count.astype("float64")])
