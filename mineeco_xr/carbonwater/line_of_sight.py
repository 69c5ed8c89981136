"""Displacement along a radar's line of sight: from phase, and taken for vertical."""

from __future__ import annotations

import math

import numpy as np
import xarray as xr

from mineeco_xr.chunks import pointwise
from mineeco_xr.cube.grid import geobox_of, require_same_grid
from mineeco_xr.cube.look_angle import TOWARD, angle_factor, require_incidences
from mineeco_xr.cube.nodata import as_float
from mineeco_xr.cube.provenance import finalize
from mineeco_xr.cube.units import units_of
from mineeco_xr.errors import ParameterError

WAVELENGTHS = (0.01, 1.0)
"""Metres; radars in space use 0.03 (X band) to 0.7 (P band)."""

UP = "positive up, negative is subsidence"


def phase_to_displacement(
    phase: xr.DataArray, *, wavelength: float, sign: int = -1
) -> xr.DataArray:
    """Turn unwrapped phase into displacement along the line of sight.

    Parameters
    ----------
    phase : xarray.DataArray
        Unwrapped interferometric phase, dims with ``y`` and ``x``, and ``pair`` where there are
        several. ``units`` ``"rad"``, or another angle, which is converted.
    wavelength : float
        Of the radar, metres: 0.0555 for Sentinel-1, 0.236 for ALOS-2, 0.031 for TerraSAR-X.
    sign : {-1, 1}
        What positive phase means: -1, the default, that the ground moved away from the satellite,
        which is what reference times conjugate of secondary gives (GAMMA, ROI_PAC, and the
        unwrapped phase of HyP3); 1 that it came nearer.

    Returns
    -------
    xarray.DataArray
        ``sign * wavelength / (4 pi) * phase`` in mm, positive toward the satellite, whatever the
        processor. Lazy when the phase is.

    Raises
    ------
    UnitError
        If the phase is in no unit of angle: displacements in mm need no conversion.
    ParameterError
        If the wavelength cannot be one in metres, or ``sign`` is neither -1 nor 1.

    Notes
    -----
    Pointwise: bit-identical for any chunking. One fringe, 2 pi, is half a wavelength: 27.7 mm for
    Sentinel-1. Look at a place that is known to sink, since the processors' documents leave doubt
    about the sign.

    Examples
    --------
    >>> import numpy as np
    >>> from mineeco_xr.testing import with_grid
    >>> fringe = with_grid(np.array([[0.0, 2 * np.pi]]), units="rad")
    >>> phase_to_displacement(fringe, wavelength=0.0555).values
    array([[ -0.  , -27.75]])
    """
    require_wavelength(wavelength)
    if sign not in (-1, 1):
        raise ParameterError(
            f"sign is {sign}: give -1 where positive phase means movement away from the satellite, "
            "1 where it means movement toward it."
        )
    geobox_of(phase)
    name = str(phase.name or "phase")
    angle = angle_factor(phase, "rad", name)
    result = pointwise(
        _scaled_block,
        as_float(phase),
        dtype=as_float(phase).dtype,
        parameters={"factor": angle * sign * wavelength * 1000 / (4 * math.pi)},
    ).transpose(*phase.dims)
    return finalize(
        result,
        function="phase_to_displacement",
        parameters={"wavelength": wavelength, "sign": sign},
        inputs={name: phase},
        attrs={
            "units": "mm",
            "long_name": "displacement along the line of sight",
            "sign_convention": TOWARD,
            "wavelength": float(wavelength),
        },
        name="displacement",
    )


def require_wavelength(wavelength: float) -> None:
    """Refuse a wavelength that no radar has in metres.

    Raises
    ------
    ParameterError
        With the range.
    """
    if not WAVELENGTHS[0] <= wavelength <= WAVELENGTHS[1]:
        raise ParameterError(
            f"wavelength is {wavelength}: give it in metres, such as 0.0555 for Sentinel-1 "
            f"(55.5 mm); radars lie between {WAVELENGTHS[0]} and {WAVELENGTHS[1]} m."
        )


def _scaled_block(block: np.ndarray, *, factor: float) -> np.ndarray:
    return np.where(np.isfinite(block), block * block.dtype.type(factor), np.nan)


def los_to_vertical(los: xr.DataArray, incidence: float | xr.DataArray) -> xr.DataArray:
    """Take displacement along the line of sight for that of ground that moves vertically only.

    Parameters
    ----------
    los : xarray.DataArray
        Displacement or its rate along the line of sight, mm or mm yr-1, positive toward the
        satellite.
    incidence : float or xarray.DataArray
        Angle between the line of sight and the vertical at the ground: degrees, or a raster on the
        same grid with ``units``.

    Returns
    -------
    xarray.DataArray
        ``los / cos(incidence)`` in the units of ``los``, positive up. Lazy when ``los`` is.

    Raises
    ------
    ParameterError
        If an incidence is not between 5 and 80 degrees: of a raster when it is computed.
    UnitError
        If a raster of incidence is in no unit of angle.
    GridMismatch
        If it is not on the grid.

    Notes
    -----
    Pointwise: bit-identical for any chunking. On the flanks of a mining bowl the ground also moves
    inwards, by up to ``b W0`` (``b`` the horizontal movement coefficient, about 0.3; ``W0`` the
    greatest subsidence). The result is then wrong by up to ``b tan(incidence) W0``, about a quarter
    of ``W0`` at 39.7 degrees: too much subsidence on the flank that moves away from the satellite,
    too little on the other. With an ascending and a descending track use
    :func:`mineeco_xr.decompose_los`.

    Examples
    --------
    >>> import numpy as np
    >>> from mineeco_xr.testing import with_grid
    >>> los_to_vertical(with_grid(np.array([[-50.0]]), units="mm yr-1"), 60).round(9).item()
    -100.0
    """
    grid = {str(los.name or "los"): los}
    layers = [as_float(los)]
    factor = math.pi / 180
    if isinstance(incidence, xr.DataArray) and {"y", "x"} & set(incidence.dims):
        require_same_grid({**grid, "incidence": incidence})
        factor = angle_factor(incidence, "rad", "incidence")
        layers.append(as_float(incidence))
        angle = None
    else:
        geobox_of(los)
        angle = float(incidence)
        require_incidences(np.array([angle]))
    result = pointwise(
        _vertical_block,
        *layers,
        dtype=layers[0].dtype,
        parameters={"angle": angle, "factor": factor},
    ).transpose(*los.dims)
    units = units_of(los, expected="mm", name=next(iter(grid)))
    return finalize(
        result,
        function="los_to_vertical",
        parameters={"incidence": angle if angle is not None else "raster"},
        inputs=grid,
        attrs={
            "units": units,
            "long_name": "vertical displacement, horizontal movement neglected",
            "sign_convention": UP,
            "positive": "up",
        },
        name="vertical",
    )


def _vertical_block(
    los: np.ndarray, *incidence: np.ndarray, angle: float | None, factor: float
) -> np.ndarray:
    angles = np.asarray(angle if angle is not None else incidence[0], "float64") * factor
    require_incidences(np.degrees(angles[np.isfinite(angles)]))
    with np.errstate(invalid="ignore"):
        found = los / np.cos(angles).astype(los.dtype)
    return np.where(np.isfinite(found), found, np.nan)
