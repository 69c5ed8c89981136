"""Engine A: rectangular panels in closed form, prepared once and summed block by block."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from mineeco_xr.errors import ParameterError

if TYPE_CHECKING:
    from mineeco_xr.kernels.subsidence_rectangle import Rectangles

FORMS = ("textbook", "textbook_edges", "units")
STRIP = 0.005
"""Share of the depth by which it changes from one strip of the unit form to the next."""


@dataclass(frozen=True)
class RectanglePieces:
    """Rectangles ready to be summed.

    Parameters
    ----------
    rectangles : Rectangles
        Their geometry at the surface, cut into pieces along the strike.
    response : dict of str to ndarray, (rectangles, 9)
        Factors of the kernel's products for each component.
    row : ndarray of int64, (pieces,)
        The panel that each piece belongs to.
    share : ndarray of float64, (pieces, 2)
        Begin and end of each piece's mining, as shares of its panel's.
    """

    rectangles: Rectangles
    response: dict[str, np.ndarray]
    row: np.ndarray
    share: np.ndarray


def rectangle_pieces(
    table: pd.DataFrame, *, form: str = "textbook", slices: np.ndarray | None = None
) -> RectanglePieces:
    """Prepare rectangular panels.

    Parameters
    ----------
    table : pandas.DataFrame
        Rectangles of :class:`~mineeco_xr.subsidence.panels.Panels`.
    form : {"textbook", "textbook_edges", "units"}
        For inclined seams: the product of an influence radius for each inflection line, or for
        each edge of the panel; or strips up the dip, each with the radius of its depth.
    slices : ndarray of int, (panels,), optional
        How many pieces to cut each panel into, along the strike; default 1.

    Returns
    -------
    RectanglePieces
        For :func:`subside_rectangles`.

    Raises
    ------
    ParameterError
        If ``form`` is unknown.
    """
    from mineeco_xr.kernels.subsidence_rectangle import Rectangles

    if form not in FORMS:
        raise ParameterError(f"form is {form!r}: choose from {FORMS}.")
    counts = np.ones(len(table), dtype="int64") if slices is None else np.asarray(slices)
    rows, low, high = _strips(table, form)
    panel = {
        name: table[name].to_numpy("float64")[rows]
        for name in (
            *("x", "y", "azimuth", "length", "width", "dip", "dip_direction", "depth"),
            *("thickness", "q", "b", "theta0", "tan_beta", "tan_beta1", "tan_beta2"),
            *("s1", "s2", "s3", "s4"),
        )
    }
    alpha, theta = np.radians(panel["dip"]), np.radians(panel["theta0"])
    cot = np.where(panel["theta0"] == 90.0, 0.0, np.cos(theta) / np.sin(theta))
    # The seam's plane, up the dip from the panel's middle; influence goes H cot(theta0) downwards.
    depth_low, depth_high = (panel["depth"] - at * np.sin(alpha) for at in (low, high))
    edges = np.column_stack(
        [low * np.cos(alpha) - depth_low * cot, high * np.cos(alpha) - depth_high * cot]
    )
    if form == "units":
        along = low_r = high_r = (depth_low + depth_high) / 2 / panel["tan_beta"]
    else:
        along = panel["depth"] / panel["tan_beta"]
        outer = (panel["s1"], panel["s2"]) if form == "textbook_edges" else (0.0, 0.0)
        low_r = (depth_low + outer[0] * np.sin(alpha)) / panel["tan_beta1"]
        high_r = (depth_high - outer[1] * np.sin(alpha)) / panel["tan_beta2"]
    strike, rise = _axes(panel["azimuth"]), -_axes(panel["dip_direction"])
    counts = counts[rows]
    begin = np.concatenate([[0], np.cumsum(counts + 1)])
    cuts = [
        np.linspace(-length / 2 + first, length / 2 - last, count + 1)
        for length, first, last, count in zip(
            panel["length"], panel["s3"], panel["s4"], counts, strict=True
        )
    ]
    radius = np.column_stack([along, low_r, high_r])
    rectangles = Rectangles(
        np.column_stack([panel["x"], panel["y"]]), strike, rise, edges, radius, begin,
        np.concatenate(cuts) if cuts else np.empty(0),
    )  # fmt: skip
    maximum = panel["thickness"] * panel["q"] * np.cos(alpha)
    numbers = np.concatenate([np.arange(n) for n in counts]) if len(counts) else np.empty(0)
    piece_row = np.repeat(rows, counts)
    total = np.repeat(counts, counts)
    forward = table["forward"].to_numpy()[piece_row]
    order = np.where(forward, numbers, total - 1 - numbers)
    return RectanglePieces(
        rectangles,
        _response(strike, rise, maximum, panel["b"], along, cot),
        piece_row,
        np.column_stack([order / total, (order + 1) / total]),
    )


def subside_rectangles(
    pieces: RectanglePieces,
    y: np.ndarray,
    x: np.ndarray,
    components: Sequence[str],
    time_factors: np.ndarray,
    *,
    cutoff: float,
    dtype: str = "float32",
) -> np.ndarray:
    """Return what rectangles do to the cells of a block.

    Parameters
    ----------
    pieces : RectanglePieces
        Those out of reach cost next to nothing.
    y, x : ndarray of float64
        Coordinates of the cells' centres, m.
    components : sequence of str
        As of :func:`mineeco_xr.subsidence.polygons.subside_block`.
    time_factors : ndarray, (steps, pieces)
        Share of each piece's subsidence that has come by each step.
    cutoff : float
        Influence radii beyond which a panel is passed over.
    dtype : str
        float32 or float64.

    Returns
    -------
    ndarray, (steps, components, ny, nx)
        The same bits for a cell whatever the block.
    """
    from mineeco_xr.kernels.subsidence_rectangle import superpose_rectangles

    response = np.stack([pieces.response[name] for name in components], axis=1)
    return superpose_rectangles(
        pieces.rectangles, y, x, response, time_factors, cutoff=cutoff, dtype=dtype
    )


def _axes(azimuth: np.ndarray) -> np.ndarray:
    """Return unit vectors, exact along the axes of the map."""
    angle = np.radians(azimuth)
    return np.round(np.column_stack([np.sin(angle), np.cos(angle)]), 15)


def _strips(table: pd.DataFrame, form: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the panel of each strip and its ends up the dip, in the seam's plane."""
    slope = np.radians(table["dip"].to_numpy("float64"))
    half = table["width"].to_numpy("float64") / np.cos(slope) / 2
    low = -half + table["s1"].to_numpy("float64")
    high = half - table["s2"].to_numpy("float64")
    count = np.ones(len(table), dtype="int64")
    if form == "units":
        least = table["depth"].to_numpy("float64") - high * np.sin(slope)
        count = np.maximum(1, np.ceil((high - low) * np.sin(slope) / (STRIP * least))).astype(int)
    rows = np.repeat(np.arange(len(table)), count)
    number = np.concatenate([np.arange(n) for n in count]) if len(count) else np.empty(0)
    step = ((high - low) / count)[rows]
    return rows, low[rows] + number * step, low[rows] + (number + 1) * step


def _response(
    strike: np.ndarray,
    rise: np.ndarray,
    maximum: np.ndarray,
    b: np.ndarray,
    radius: np.ndarray,
    cot: np.ndarray,
) -> dict[str, np.ndarray]:
    """Return each component along the map's axes as factors of the kernel's products.

    Gradients and displacements turn as vectors do, curvatures and strains as tensors.
    """
    from mineeco_xr.kernels.subsidence_rectangle import PRODUCTS

    def along(axes: dict[str, np.ndarray]) -> np.ndarray:
        out = np.zeros((len(maximum), len(PRODUCTS)))
        for name, factor in axes.items():
            out[:, PRODUCTS.index(name)] += factor
        return out

    moved, lean = b * maximum, cot * maximum
    i_s, i_t = along({"A'B": maximum}), along({"AB'": maximum})
    k_s, k_t = along({"A''B": maximum}), along({"AB''": maximum})
    k_st = along({"A'B'": maximum})
    u_s, u_t = along({"A'B": moved * radius}), along({"AD": moved, "AB": lean})
    e_s, e_t = along({"A''B": moved * radius}), along({"AD'": moved, "AB'": lean})
    shear = along({"A'B'": moved * radius, "A'D": moved, "A'B": lean})
    sx, sy = (part[:, None] for part in strike.T)
    tx, ty = (part[:, None] for part in rise.T)
    return {
        "W": along({"AB": maximum}),
        "ix": i_s * sx + i_t * tx,
        "iy": i_s * sy + i_t * ty,
        "Kx": k_s * sx * sx + k_t * tx * tx + 2 * k_st * sx * tx,
        "Ky": k_s * sy * sy + k_t * ty * ty + 2 * k_st * sy * ty,
        "Kxy": k_s * sx * sy + k_t * tx * ty + k_st * (sx * ty + sy * tx),
        "Ux": u_s * sx + u_t * tx,
        "Uy": u_s * sy + u_t * ty,
        "ex": e_s * sx * sx + e_t * tx * tx + shear * sx * tx,
        "ey": e_s * sy * sy + e_t * ty * ty + shear * sy * ty,
        "exy": 2 * e_s * sx * sy + 2 * e_t * tx * ty + shear * (sx * ty + sy * tx),
    }
