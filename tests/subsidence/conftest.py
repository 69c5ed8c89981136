"""What several tests of the subsidence are held against."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

ORACLES = Path(
    os.environ.get("MINEECO_ORACLES", Path(__file__).resolve().parents[3] / "shared" / "oracles")
)


@pytest.fixture
def oracles():
    """Numbers computed by other means."""
    if not ORACLES.exists():
        pytest.skip(f"no oracles at {ORACLES}")
    return json.loads((ORACLES / "subsidence.json").read_text())


@pytest.fixture
def survey(oracles):
    """MiningSubsidenceDoc 6.5: what was surveyed, and the panel below."""
    found = oracles["survey_inversion"]
    # 185 m along the strike of 315 degrees, 770 m up the dip from the origin at the lower corner.
    strike, rise = np.radians(315.0), np.radians(45.0)
    south, west = found["origin_NE"]
    plan = 770 * np.cos(np.radians(5.0))
    middle = np.array([west, south]) + sum(
        half * np.array([np.sin(a), np.cos(a)]) for half, a in ((92.5, strike), (plan / 2, rise))
    )
    panel = pd.DataFrame({
        "x": middle[:1], "y": middle[1:], "length": [185.0], "width": [770.0], "azimuth": [315.0],
        "dip": [5.0], "dip_direction": [225.0], "depth": [614.0], "thickness_mm": [5340.0],
    })  # fmt: skip
    return found, panel
