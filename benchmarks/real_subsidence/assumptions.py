"""What the outlines of the mines do not tell: every number here is an assumption.

Names, outlines, depth, output and opening year are those of the Global Energy Monitor's Global
Coal Mine Tracker. It has neither seams nor panels nor dates of mining: the panels below are laid
out by a rule inside each outline, so that they take the coal of the output, and are no plan of any
of these mines.
"""

from __future__ import annotations

from dataclasses import dataclass

MINES = ("Anju", "Tangkou", "Chaili", "Fucun")
"""Beside Nansi Lake, Shandong. Tangkou's outline is a circle of the mine's area."""

CRS = "EPSG:32650"
RESOLUTION = 30.0
MARGIN = 3000.0
"""Metres of ground around the mines."""
DATES = tuple(range(2005, 2031, 5))
FIRST_DATE = "2000-01-01"
"""Mining before this day is left out: what has long come to rest is not of interest here."""

THICKNESS = 6.0
"""m of seam 3, of the 6 to 8 m that the Nansi paper names."""
DENSITY = 1.35
"""t of coal per m3."""
RECOVERY = 0.85
"""Share of a panel's coal that comes to the surface."""
OVERBURDEN = {"q": 0.80, "tan_beta": 2.0, "b": 0.30, "dip": 0.0, "offset": 0.0}
"""Thick loose layers and medium rock of the Yanzhou type. No inflection offset: the narrow pillars
between neighbouring panels are crushed; the outer edges of a district come out somewhat wide."""
WATER_TABLE = {"wet": 1.0, "dry": 3.0}
"""m below the ground, the range that the paper names."""


@dataclass(frozen=True)
class Layout:
    """How panels lie.

    Attributes
    ----------
    length, width : float
        Of a panel, m.
    pillar, gate : float
        Coal left between panels side by side, and end to end, m.
    azimuth : float
        Of the long side.
    inset : float
        Kept from the outline of the mine, m.
    """

    length: float = 1400.0
    width: float = 200.0
    pillar: float = 8.0
    gate: float = 60.0
    azimuth: float = 90.0
    inset: float = 100.0


LAYOUT = Layout()
