"""What a radar sees of the ground's movement: its projection on the line of sight."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from mineeco_xr.chunks import pointwise
from mineeco_xr.cube.grid import geobox_of, require_same_grid
from mineeco_xr.cube.look_angle import TOWARD, angle_factor, require_incidences
from mineeco_xr.cube.nodata import as_float
from mineeco_xr.cube.provenance import finalize
from mineeco_xr.cube.units import unit_factor, units_of
from mineeco_xr.errors import ParameterError, SchemaError

NEEDED = ("subsidence", "displacement_x", "displacement_y")


def los_displacement(
    components: xr.Dataset,
    incidence: float | xr.DataArray,
    heading: float,
    *,
    looking: str = "right",
    units: str = "m",
) -> xr.DataArray:
    """Project subsidence and horizontal displacement on a radar's line of sight.

    Parameters
    ----------
    components : xarray.Dataset
        Of ``subsidence(..., output=("subsidence", "displacement_x", "displacement_y"))``, with
        ``units`` of length; ``subsidence`` is positive downwards.
    incidence : float or xarray.DataArray
        Angle between the line of sight and the vertical at the ground: degrees, or a raster on the
        same grid with ``units``.
    heading : float
        Direction of flight, degrees clockwise from north: about -12 (or 348) when ascending, -168
        (or 192) when descending.
    looking : {"right", "left"}
        Side to which the antenna looks.
    units : str
        Of the result, such as ``"mm"``.

    Returns
    -------
    xarray.DataArray
        Displacement along the line of sight, positive toward the satellite, dims of the
        components. Nodata where one of them is. Lazy when they are.

    Raises
    ------
    SchemaError
        If a component is missing.
    ParameterError
        If an incidence is not between 5 and 80 degrees (of a raster: when it is computed), or
        ``looking`` is unknown.
    UnitError
        If a unit is of no length, or that of a raster of incidence of no angle.
    GridMismatch
        If the layers are not on one grid.

    Notes
    -----
    ``los = U cos(i) - sin(i) (E cos(h) - N sin(h))`` for a radar that looks to the right (Hanssen
    2001), ``U = -W``: what :func:`mineeco_xr.decompose_los` parts again. ``E`` and ``N`` are those
    of the map: where its north is not the true one, add the convergence of meridians to
    ``heading``. Pointwise: bit-identical for any chunking.

    References
    ----------
    Hanssen, R. F. (2001). Radar Interferometry. Kluwer, Dordrecht.

    Examples
    --------
    >>> from mineeco_xr.testing import with_grid
    >>> down, east, north = (with_grid(np.array([[v]]), units="m") for v in (1.0, 0.3, 0.0))
    >>> bowl = xr.Dataset({"subsidence": down, "displacement_x": east, "displacement_y": north})
    >>> los_displacement(bowl, 39.7, -12, units="mm").round(1).item()
    -956.8
    """
    missing = [name for name in NEEDED if name not in components]
    if missing:
        raise SchemaError(
            f"the cube has {sorted(map(str, components.data_vars))} and lacks {missing}: call "
            f"subsidence(..., output={NEEDED})."
        )
    layers = [components[name] for name in NEEDED]
    geobox_of(layers[0])
    inputs: dict[str, xr.DataArray] = dict(zip(NEEDED, layers, strict=True))
    require_same_grid(inputs)
    east, north = view_of(heading, looking)
    factors = [
        unit_factor(units_of(layer, expected="m", name=name), units, name=repr(name))
        for name, layer in zip(NEEDED, layers, strict=True)
    ]
    blocks = [as_float(layer) for layer in layers]
    angle, factor = None, 1.0
    if isinstance(incidence, xr.DataArray) and {"y", "x"} & set(incidence.dims):
        require_same_grid({NEEDED[0]: layers[0], "incidence": incidence})
        factor, inputs["incidence"] = angle_factor(incidence, "degree", "incidence"), incidence
        blocks.append(as_float(incidence))
    else:
        angle = float(incidence)
        require_incidences(np.array([angle]))
    result = pointwise(
        _project_block,
        *blocks,
        dtype=np.result_type(*(block.dtype for block in blocks[:3])),
        parameters={
            "angle": angle, "factor": factor, "factors": tuple(factors), "view": (east, north),
        },
    ).transpose(*layers[0].dims)  # fmt: skip
    return finalize(
        result,
        function="los_displacement",
        parameters={
            "incidence": "raster" if angle is None else angle, "heading": heading,
            "looking": looking, "units": units,
        },
        inputs=inputs,
        attrs={
            "units": units,
            "long_name": "displacement along the line of sight",
            "sign_convention": TOWARD,
        },
        name="los",
    )  # fmt: skip


def view_of(heading: Any, looking: str) -> tuple[Any, Any]:
    """Return what movement to the east and to the north counts in sines of the incidence.

    Parameters
    ----------
    heading : float or ndarray
        Degrees clockwise from north.
    looking : {"right", "left"}
        Side to which the antenna looks.

    Returns
    -------
    tuple of float or ndarray
        Towards the satellite is positive.

    Raises
    ------
    ParameterError
        If ``looking`` is unknown or a heading is no angle.

    Examples
    --------
    >>> [round(float(part), 3) for part in view_of(-12.0, "right")]
    [-0.978, -0.208]
    """
    if looking not in ("right", "left"):
        raise ParameterError(f"looking is {looking!r}: choose 'right' or 'left'.")
    angle = np.radians(heading)
    if not (np.isfinite(angle) & (np.abs(angle) <= 2 * np.pi)).all():
        raise ParameterError(
            f"heading is {heading}: give degrees clockwise from north, such as -12 or 192."
        )
    side = 1.0 if looking == "right" else -1.0
    return -side * np.cos(angle), side * np.sin(angle)


def _project_block(
    down: np.ndarray,
    east: np.ndarray,
    north: np.ndarray,
    *incidence: np.ndarray,
    angle: float | None,
    factor: float,
    factors: tuple[float, ...],
    view: tuple[float, float],
) -> np.ndarray:
    kind = np.result_type(down, east, north)
    degrees = np.asarray(angle if angle is not None else incidence[0] * factor, dtype="float64")
    require_incidences(degrees[np.isfinite(degrees)])
    slant = np.radians(degrees)
    up, level = -factors[0] * np.cos(slant), np.sin(slant)
    parts = (up, factors[1] * view[0] * level, factors[2] * view[1] * level)
    shares = [part.astype(kind) for part in parts]
    found = down * shares[0] + east * shares[1] + north * shares[2]
    return np.where(np.isfinite(found), found, found.dtype.type(np.nan))
