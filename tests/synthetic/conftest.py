"""One small coalfield for all tests of this folder, computed once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mineeco_xr.synthetic import Coalfield, coalfield


@pytest.fixture(scope="session")
def field() -> Coalfield:
    made = coalfield(176, seed=3)
    return replace(made, cube=made.cube.compute(), truth=made.truth.compute())
