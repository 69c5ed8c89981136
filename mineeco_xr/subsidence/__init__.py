"""Mining subsidence by the probability integral method.

The package is also its main function: ``mineeco_xr.subsidence(panels, like, ...)``.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from mineeco_xr.subsidence.at_points import subsidence_at
from mineeco_xr.subsidence.damage import damage_grades
from mineeco_xr.subsidence.directions import in_direction
from mineeco_xr.subsidence.extraction_raster import subsidence_of_extraction
from mineeco_xr.subsidence.fitted import SubsidenceFit
from mineeco_xr.subsidence.forward import subsidence
from mineeco_xr.subsidence.inversion import invert_subsidence
from mineeco_xr.subsidence.level_table import level_areas, mine_table
from mineeco_xr.subsidence.levels import subsidence_levels
from mineeco_xr.subsidence.line_profile import profile
from mineeco_xr.subsidence.los import los_displacement
from mineeco_xr.subsidence.panels import Panels, read_panels
from mineeco_xr.subsidence.ponding import ponding, water_depth, waterlogging

__all__ = [
    "Panels",
    "SubsidenceFit",
    "damage_grades",
    "in_direction",
    "invert_subsidence",
    "level_areas",
    "los_displacement",
    "mine_table",
    "ponding",
    "profile",
    "read_panels",
    "subsidence",
    "subsidence_at",
    "subsidence_levels",
    "subsidence_of_extraction",
    "water_depth",
    "waterlogging",
]


class _Package(ModuleType):
    """A package that can be called as its main function."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return subsidence(*args, **kwargs)


sys.modules[__name__].__class__ = _Package
