"""What can be asked of the ground: names, units, and the components each is made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from mineeco_xr.errors import ParameterError


class Output(NamedTuple):
    """A layer of the result.

    Parameters
    ----------
    components : tuple of str
        What it is computed from, along the axes of the map.
    units, long_name : str
        Attributes.
    """

    components: tuple[str, ...]
    units: str
    long_name: str


_STRAIN = ("ex", "ey", "exy")
OUTPUTS = {
    "subsidence": Output(("W",), "m", "subsidence, positive downwards"),
    "tilt_x": Output(("ix",), "m m-1", "tilt, the gradient of the subsidence, towards east"),
    "tilt_y": Output(("iy",), "m m-1", "tilt, the gradient of the subsidence, towards north"),
    "curvature_x": Output(("Kx",), "m-1", "curvature of the subsidence along east"),
    "curvature_y": Output(("Ky",), "m-1", "curvature of the subsidence along north"),
    "curvature_xy": Output(("Kxy",), "m-1", "mixed derivative of the subsidence"),
    "displacement_x": Output(("Ux",), "m", "horizontal displacement towards east"),
    "displacement_y": Output(("Uy",), "m", "horizontal displacement towards north"),
    "strain_x": Output(("ex",), "m m-1", "horizontal strain along east, positive in tension"),
    "strain_y": Output(("ey",), "m m-1", "horizontal strain along north, positive in tension"),
    "strain_xy": Output(("exy",), "m m-1", "horizontal shear dUx/dy + dUy/dx"),
    "tilt": Output(("ix", "iy"), "m m-1", "greatest tilt of any direction"),
    "displacement": Output(("Ux", "Uy"), "m", "horizontal displacement"),
    "strain_max": Output(_STRAIN, "m m-1", "greater principal strain, positive in tension"),
    "strain_min": Output(_STRAIN, "m m-1", "lesser principal strain, negative in compression"),
}


def resolve_outputs(output: str | Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the names of layers, and the components that they need.

    Raises
    ------
    ParameterError
        If a name is unknown or stands twice.

    Examples
    --------
    >>> resolve_outputs(["tilt", "subsidence"])
    (['tilt', 'subsidence'], ['ix', 'iy', 'W'])
    """
    names = list(OUTPUTS) if output == "all" else [output] if isinstance(output, str) else [*output]
    wrong = [name for name in names if name not in OUTPUTS]
    if wrong or not names or len(set(names)) < len(names):
        raise ParameterError(
            f"output is {output!r}: give 'all', or different names of {sorted(OUTPUTS)}."
        )
    needed = dict.fromkeys(part for name in names for part in OUTPUTS[name].components)
    return names, list(needed)


def compute_outputs(
    names: Sequence[str], components: Sequence[str], values: np.ndarray
) -> np.ndarray:
    """Return layers from the sums of components.

    Parameters
    ----------
    names, components : sequence of str
        As :func:`resolve_outputs` gives them.
    values : ndarray, (steps, components, ny, nx)
        Summed over all panels: a greatest tilt or a principal strain of a part means nothing.

    Returns
    -------
    ndarray, (outputs, steps, ny, nx)
    """
    of = {name: values[:, i] for i, name in enumerate(components)}
    out = np.empty((len(names), values.shape[0], *values.shape[2:]), dtype=values.dtype)
    for layer, name in zip(out, names, strict=True):
        parts = [of[part] for part in OUTPUTS[name].components]
        if len(parts) == 1:
            layer[...] = parts[0]
        elif len(parts) == 2:
            np.hypot(parts[0], parts[1], out=layer)
        else:
            x, y, xy = parts
            half = layer.dtype.type(0.5)
            np.hypot(half * (x - y), half * xy, out=layer)
            if name == "strain_min":
                np.negative(layer, out=layer)
            layer += half * (x + y)
    return out
