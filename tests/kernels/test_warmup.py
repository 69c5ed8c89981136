"""Warming the caches runs every kernel module."""

from __future__ import annotations

import sys
from pathlib import Path

import mineeco_xr.kernels
from mineeco_xr.kernels.warmup import warmup


def test_every_kernel_module_is_warmed():
    warmup()
    folder = Path(mineeco_xr.kernels.__file__).parent
    names = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    missing = {name for name in names if f"mineeco_xr.kernels.{name}" not in sys.modules}
    assert not missing
