"""The underground mine: longwall panels on both sides of a gate road, mined one after another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mineeco_xr.synthetic.frame import Frame, draws, jitter

DISTRICT = (0.735, 0.128)
"""Middle of the district, core coordinates."""
ROWS = 7
LENGTH, WIDTH, PILLAR, GATE = 0.090, 0.0145, 0.0016, 0.006
"""Of a panel, between panels and between the two wings, core sides."""
DEPTH = 0.034
"""Depth of the seam below the middle of the district, core sides; 150 to 600 m."""
FIRST_START = np.datetime64("2003-03-01")
PACE = 560
"""Days from the start of one panel to that of the next."""
FACE = 450
"""Days that a panel takes."""
DIP = 6.0


@dataclass(frozen=True, eq=False)
class Panel:
    """A longwall panel: a rectangle whose long side lies along the strike.

    Parameters
    ----------
    number : int
        In the order of mining.
    corners : numpy.ndarray
        ``(4, 2)`` local m, in plan.
    length, width : float
        Along strike and along dip, in plan, m.
    azimuth : float
        Of the strike, degrees clockwise from north; the seam dips to its right.
    depth, thickness : float
        Mean depth below the ground and mined thickness, m.
    start, end : numpy.datetime64
        Dates of mining.
    """

    number: int
    corners: np.ndarray
    length: float
    width: float
    azimuth: float
    depth: float
    thickness: float
    start: np.datetime64
    end: np.datetime64


def draw_panels(frame: Frame, seed: int) -> tuple[Panel, ...]:
    """Draw the panels of the district, the two wings taken in turn."""
    turn = float(jitter(seed, "district", amount=0.12, count=1)[0])
    strike = np.array([np.cos(turn), np.sin(turn)])
    dip = np.array([-strike[1], strike[0]])
    thickness = 6 + 2 * draws(seed, "seam", count=2 * ROWS)
    panels = []
    for number in range(2 * ROWS):
        row, wing = divmod(number, 2)
        along = (GATE + LENGTH) / 2 * (1 if wing else -1)
        down = (row - (ROWS - 1) / 2) * (WIDTH + PILLAR)
        middle = np.array(DISTRICT) + along * strike + down * dip
        offsets = ((-1, -1), (1, -1), (1, 1), (-1, 1))
        corners = np.array(
            [
                frame.place(*(middle + a * LENGTH / 2 * strike + b * WIDTH / 2 * dip))
                for a, b in offsets
            ]
        )
        start = FIRST_START + np.timedelta64(PACE * number, "D")
        deepest = float(np.clip(DEPTH * frame.side, 150, 600))
        panels.append(
            Panel(
                number + 1,
                corners,
                LENGTH * frame.side,
                WIDTH * frame.side,
                _azimuth(frame, dip),
                deepest + down * frame.side * float(np.tan(np.radians(DIP))),
                float(thickness[number]),
                start,
                start + np.timedelta64(FACE, "D"),
            )
        )
    return tuple(panels)


def _azimuth(frame: Frame, dip: np.ndarray) -> float:
    """Return the azimuth of the strike that has the dip direction on its right."""
    east, north = np.array(frame.place(*dip)) - np.array(frame.place(0.0, 0.0))
    return float((np.degrees(np.arctan2(east, north)) - 90) % 360)


def district_outline(frame: Frame, panels: tuple[Panel, ...]) -> np.ndarray:
    """Return the corners of a rectangle around all panels, the permit, local m."""
    corners = np.concatenate([panel.corners for panel in panels])
    margin = 0.01 * frame.side
    low, high = corners.min(axis=0) - margin, corners.max(axis=0) + margin
    low = np.maximum(low, 0)
    high = np.minimum(high, (frame.width, frame.height))
    return np.array([low, (high[0], low[1]), high, (low[0], high[1])])
