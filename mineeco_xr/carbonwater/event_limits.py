"""Limits that an event must keep before any is chosen."""

from __future__ import annotations

import numpy as np
import xarray as xr

from mineeco_xr.cube.units import parse_units
from mineeco_xr.errors import ParameterError

INDEX_MAGNITUDE = 0.1
"""Least loss of an index between -1 and 1 that noise hardly makes."""


def natural_magnitude(data: xr.DataArray, given: float | None) -> float:
    """Return the least magnitude of an event in the units of the data.

    Raises
    ------
    ParameterError
        If it is not positive, or not given for data that are no index.
    """
    if given is None:
        units = str(data.attrs.get("units", "1"))
        if parse_units(units):
            raise ParameterError(
                f"{data.name or 'the raster'!r} is in {units!r}: name the smallest loss that "
                "counts with min_magnitude=..., in these units."
            )
        return INDEX_MAGNITUDE
    if not given > 0:
        raise ParameterError(
            f"min_magnitude is {given}: expected a positive number, in units of the data; rounding "
            "alone makes losses of next to nothing."
        )
    return float(given)


def event_limits(
    years: tuple[int, int] | None,
    min_magnitude: float,
    duration: tuple[float, float] | None,
    pre_value: tuple[float, float] | None,
    min_snr: float,
) -> np.ndarray:
    """Return least and largest values in the order of :data:`mineeco_xr.kernels.events.FILTERS`.

    Raises
    ------
    ParameterError
        If a pair is none, or its ends are the wrong way round.
    """
    pairs = {"years": years, "duration": duration, "pre_value": pre_value}
    for name, pair in pairs.items():
        if pair is not None and (len(pair) != 2 or not pair[0] <= pair[1]):
            raise ParameterError(
                f"{name} is {pair}: expected the least and the largest, such as {_EXAMPLES[name]}."
            )
    if not min_snr >= 0:
        raise ParameterError(f"min_snr is {min_snr}: expected 0 or more.")
    anything = (-np.inf, np.inf)
    return np.array(
        [
            years or anything,
            (min_magnitude, np.inf),
            duration or anything,
            pre_value or anything,
            (min_snr, np.inf),
        ],
        dtype="float64",
    )


_EXAMPLES = {"years": "(2002, 2020)", "duration": "(1, 4)", "pre_value": "(0.3, 1.0)"}
