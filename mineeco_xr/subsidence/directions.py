"""Tilt, curvature, displacement and strain in a direction, from their components."""

from __future__ import annotations

import math

import numpy as np
import xarray as xr

from mineeco_xr.chunks import pointwise
from mineeco_xr.cube.provenance import finalize
from mineeco_xr.errors import SchemaError

QUANTITIES = {
    "tilt": ("tilt_x", "tilt_y"),
    "curvature": ("curvature_x", "curvature_y", "curvature_xy"),
    "displacement": ("displacement_x", "displacement_y"),
    "strain": ("strain_x", "strain_y", "strain_xy"),
}


def in_direction(components: xr.Dataset, azimuth: float) -> xr.Dataset:
    """Return tilt, curvature, displacement and strain in one direction.

    Parameters
    ----------
    components : xarray.Dataset
        Of :func:`mineeco_xr.subsidence`, with the components of at least one quantity along the
        axes of the map: ``tilt_x`` and ``tilt_y``; ``curvature_x``, ``curvature_y`` and
        ``curvature_xy``; ``displacement_x`` and ``displacement_y``; ``strain_x``, ``strain_y`` and
        ``strain_xy``.
    azimuth : float
        Degrees clockwise from north.

    Returns
    -------
    xarray.Dataset
        ``tilt``, ``curvature``, ``displacement`` and ``strain`` where their components are there,
        in the units of these. Lazy when the components are.

    Raises
    ------
    SchemaError
        If no quantity is complete.

    Notes
    -----
    With ``u`` the unit vector of the direction: ``i.u``, ``u.K.u``, ``U.u`` and ``u.e.u``, where
    ``strain_xy`` is the shear ``dUx/dy + dUy/dx``, twice the tensor's component. Pointwise:
    bit-identical for any chunking.

    Examples
    --------
    >>> from mineeco_xr.testing import with_grid
    >>> east, north = (with_grid(np.array([[v]]), units="m m-1") for v in (0.003, 0.004))
    >>> tilt = xr.Dataset({"tilt_x": east, "tilt_y": north})
    >>> in_direction(tilt, 90.0)["tilt"].item()
    0.003
    """
    found = {
        name: [components[part] for part in parts]
        for name, parts in QUANTITIES.items()
        if all(part in components for part in parts)
    }
    if not found:
        raise SchemaError(
            f"the cube has {sorted(map(str, components.data_vars))}; expected the components of "
            f"one of {QUANTITIES}. Call subsidence(..., output='all')."
        )
    angle = math.radians(azimuth)
    direction = (round(math.sin(angle), 15), round(math.cos(angle), 15))
    result = xr.Dataset()
    for name, parts in found.items():
        value = pointwise(
            _project_block, *parts, dtype=parts[0].dtype,
            parameters={"direction": direction, "shear": 2.0 if name == "curvature" else 1.0},
        )  # fmt: skip
        result[name] = value.assign_attrs(
            units=parts[0].attrs.get("units", "1"),
            long_name=f"{name} in the direction of {azimuth:g} degrees from north",
        )
    return finalize(
        result,
        function="in_direction",
        parameters={"azimuth": azimuth},
        inputs={str(part.name): part for parts in found.values() for part in parts},
    )


def _project_block(*parts: np.ndarray, direction: tuple[float, float], shear: float) -> np.ndarray:
    east, north = (parts[0].dtype.type(share) for share in direction)
    if len(parts) == 2:
        return parts[0] * east + parts[1] * north
    x, y, xy = parts
    return x * (east * east) + y * (north * north) + xy * parts[0].dtype.type(shear) * east * north
