"""How a yearly series is cut into segments: the methods by name, with their parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mineeco_xr.errors import ParameterError

OPTIONS: dict[str, dict[str, Any]] = {
    "segments": {"breaks": None, "max_breaks": 3, "min_length": 3, "continuous": False},
    "landtrendr": {
        "max_segments": 6,
        "spike_threshold": 0.9,
        "vertex_count_overshoot": 3,
        "prevent_one_year_recovery": True,
        "recovery_threshold": 0.25,
        "pval": 0.05,
        "best_model_proportion": 0.75,
    },
    "maxdrop": {"spike_threshold": 0.9},
}
"""Parameters of each method and their defaults."""
MOST_BREAKS = 8


@dataclass(frozen=True)
class Segmentation:
    """A method with its parameters, checked.

    Attributes
    ----------
    method : str
        A key of :data:`OPTIONS`.
    options : dict
        All of its parameters.
    min_obs : int
        Valid dates that a series needs.
    """

    method: str
    options: dict[str, Any]
    min_obs: int

    def vertices(self, dates: int) -> int:
        """Return how many vertices a series of so many dates may get."""
        if self.method == "maxdrop":
            return dates
        if self.method == "landtrendr":
            return int(self.options["max_segments"]) + 1
        given = self.options["breaks"]
        breaks = self.options["max_breaks"] if given is None else given
        return int(breaks + 2 if self.options["continuous"] else 2 * (breaks + 1))

    def segment(self, series: np.ndarray, years: np.ndarray, decrease: bool) -> np.ndarray:
        """Return vertices and fitted values of each series, as the kernels do.

        Parameters
        ----------
        series : ndarray, (t, n), float64
            A series a column.
        years : ndarray, (t,), float64
            Dates.
        decrease : bool
            Whether a loss is a fall; LandTrendr looks for rises.
        """
        if self.method == "maxdrop":
            from mineeco_xr.kernels.events import year_steps

            return year_steps(series, years, min_obs=self.min_obs, **self.options)
        if self.method == "segments":
            from mineeco_xr.kernels.piecewise import piecewise_lines

            return piecewise_lines(series, years, min_obs=self.min_obs, **self.options)
        from mineeco_xr.kernels.landtrendr import landtrendr

        if not decrease:
            return landtrendr(series, years, min_obs=self.min_obs, **self.options)
        found = landtrendr(-series, years, min_obs=self.min_obs, **self.options)
        half = (found.shape[0] - 2) // 2
        found[2 + half :] *= -1.0
        return found


def checked_segmentation(method: str, options: Mapping[str, Any], min_obs: int) -> Segmentation:
    """Return a method with all of its parameters.

    Raises
    ------
    ParameterError
        If the method or a parameter is unknown, or a parameter is out of its range.
    """
    if method not in OPTIONS:
        raise ParameterError(
            f"disturbance method {method!r} is unknown: choose from {tuple(OPTIONS)}."
        )
    unknown = sorted(set(options) - set(OPTIONS[method]))
    if unknown:
        raise ParameterError(
            f"method {method!r} has no parameter {unknown}: it takes {sorted(OPTIONS[method])}."
        )
    found = Segmentation(method, {**OPTIONS[method], **options}, int(min_obs))
    if found.min_obs < 3:
        raise ParameterError(f"min_obs is {min_obs}: a loss needs at least 3 valid dates.")
    _check_ranges(found.options)
    return found


def _check_ranges(options: Mapping[str, Any]) -> None:
    limits: dict[str, tuple[float, float, str]] = {
        "breaks": (0, MOST_BREAKS, f"0 to {MOST_BREAKS}, or None"),
        "max_breaks": (0, MOST_BREAKS, f"0 to {MOST_BREAKS}"),
        "min_length": (2, np.inf, "2 or more dates"),
        "max_segments": (1, 20, "1 to 20"),
        "spike_threshold": (0, 1, "0 to 1, where 1 leaves spikes alone"),
        "vertex_count_overshoot": (0, 20, "0 to 20"),
        "recovery_threshold": (0, np.inf, "0 or more, a share of the range a year"),
        "pval": (0, 1, "0 to 1"),
        "best_model_proportion": (0, 1, "0 to 1"),
    }
    for name, value in options.items():
        if name not in limits or (name == "breaks" and value is None):
            continue
        low, high, words = limits[name]
        if not low <= value <= high:
            raise ParameterError(f"{name} is {value}: expected {words}.")
