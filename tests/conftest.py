"""Fixtures and settings that all tests share."""

from __future__ import annotations

import importlib
import os
from pathlib import Path

import dask
import pytest
from hypothesis import HealthCheck, settings

# Before pytest collects a module by itself and puts it in place of the function of its name.
import mineeco_xr.carbonwater
import mineeco_xr.chunks.reread
import mineeco_xr.services
import mineeco_xr.spatial
import mineeco_xr.stats
import mineeco_xr.terrain

# The rasters of tests are small, and what is read twice is what they are about.
mineeco_xr.chunks.reread.HELD_BYTES = 0

settings.register_profile(
    "mineeco",
    deadline=None,
    max_examples=int(os.environ.get("MINEECO_EXAMPLES", "25")),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    derandomize=bool(os.environ.get("CI")),
)
settings.load_profile("mineeco")

DATA = Path(os.environ.get("MINEECO_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))


def pytest_configure(config: pytest.Config) -> None:
    """Compile the kernels once, before the workers start and would all compile them."""
    if not hasattr(config, "workerinput") and getattr(config.option, "numprocesses", None):
        from mineeco_xr.kernels.warmup import warmup

        warmup()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip, visibly, what needs real data that this machine does not have."""
    for item in items:
        marker = item.get_closest_marker("data")
        if marker is not None and not (DATA / marker.args[0]).exists():
            item.add_marker(pytest.mark.skip(reason=f"no real data at {DATA / marker.args[0]}"))


@pytest.fixture(autouse=True)
def _synchronous():
    """Run Dask in the test's own thread, where errors and warnings can be seen."""
    with dask.config.set(scheduler="synchronous"):
        yield


@pytest.fixture
def data_dir() -> Path:
    """Folder of the real data sets."""
    return DATA


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch):
    """Keep the small chunks of tests, which blocks of a usual size would join."""
    for module, name in (
        ("mineeco_xr.chunks.stitch", "SMALLEST_BLOCK"),
        ("mineeco_xr.spatial.cost", "SMALLEST_TILE"),
    ):
        monkeypatch.setattr(importlib.import_module(module), name, 1)
