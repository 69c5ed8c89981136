"""Where a radar looks from: its angles, and what is positive along its line of sight."""

from __future__ import annotations

import math

import numpy as np
import xarray as xr

from mineeco_xr.cube.units import parse_units, unit_factor, units_of
from mineeco_xr.errors import ParameterError, UnitError

INCIDENCES = (5.0, 80.0)
"""Degrees from the vertical; radars in space look at 15 to 60."""

TOWARD = "positive toward the satellite, negative away from it, such as subsidence"


def angle_factor(data: xr.DataArray, target: str, name: str) -> float:
    """Return the factor to a unit of angle.

    Raises
    ------
    UnitError
        If the data have a unit of no angle, or none: pint takes bare numbers for radians.
    """
    found = units_of(data, expected=target, name=name)
    if not parse_units(found):
        raise UnitError(
            f"{name!r} has the units {found!r}, which do not say which angle: set attrs['units'] "
            "to 'rad' or 'degree'."
        )
    return unit_factor(found, target, name=repr(name))


def require_incidences(degrees: np.ndarray) -> None:
    """Refuse angles that a radar does not have, such as radians.

    Raises
    ------
    ParameterError
        Naming the first.
    """
    wrong = degrees[~((degrees >= INCIDENCES[0]) & (degrees <= INCIDENCES[1]))]
    if wrong.size:
        radians = " (radians?)" if 0 < wrong[0] < math.pi / 2 else ""
        raise ParameterError(
            f"an incidence is {wrong[0]:g}{radians}: give degrees from the vertical, between "
            f"{INCIDENCES[0]:g} and {INCIDENCES[1]:g}."
        )
