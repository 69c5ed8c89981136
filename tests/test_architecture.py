"""Imports run one way, Dask has its doors, and importing the package stays light."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import mineeco_xr

ROOT = Path(mineeco_xr.__file__).parent
LAYERS = [
    {"errors", "tables"},
    {"kernels"},
    {"chunks"},
    {"cube"},
    {"stats"},
    {"spatial"},
    {"terrain"},
    {"carbonwater", "subsidence", "landuse", "services", "synthetic"},
    {"network", "risk"},
    {"report"},
    {"workflows"},
    {"accessor", "cli", "testing"},
    {"__main__"},
]
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}
MAY_READ = {("network", "services"), ("risk", "services")}
HEAVY = [
    "numba",
    "sklearn",
    "rasterio",
    "geopandas",
    "matplotlib",
    "pydantic",
    "pint",
    "distributed",
]


def modules():
    return sorted(p for p in ROOT.rglob("*.py") if p.name != "__init__.py" or p.parent != ROOT)


def imported(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from ([node.module] if node.module != "mineeco_xr" else
                        [f"mineeco_xr.{alias.name}" for alias in node.names])  # fmt: skip
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def part_of(path):
    relative = path.relative_to(ROOT).with_suffix("")
    return relative.parts[0]


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_run_downwards(path):
    here = part_of(path)
    assert here in RANK, f"say in LAYERS where {here} stands"
    for name in imported(path):
        if not name.startswith("mineeco_xr."):
            continue
        there = name.split(".")[1]
        if there == here or there not in RANK:
            continue
        allowed = RANK[there] < RANK[here] or (here, there) in MAY_READ
        assert allowed, f"{here} imports {name}"


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(ROOT)))
def test_dask_is_reached_through_its_doors(path):
    if part_of(path) in ("chunks",):
        return
    used = {
        node.attr
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
    }
    assert not used & {"map_blocks", "map_overlap", "blockwise"}


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(ROOT)))
def test_modules_stay_short(path):
    assert len(path.read_text().splitlines()) <= 400


def test_kernels_know_neither_dask_nor_xarray():
    for path in (ROOT / "kernels").glob("*.py"):
        heads = {name.split(".")[0] for name in imported(path)}
        assert not heads & {"dask", "xarray"}, path.name


def test_importing_the_package_loads_little():
    script = (
        "import sys, mineeco_xr\n"
        f"loaded = [name for name in {HEAVY} if name in sys.modules]\n"
        "assert not loaded, loaded"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_everything_exported_exists_and_is_documented():
    for name in mineeco_xr.__all__:
        value = getattr(mineeco_xr, name)
        assert value.__doc__, name
    assert set(mineeco_xr.__all__) <= set(dir(mineeco_xr))
    with pytest.raises(AttributeError, match="no attribute 'wuee'"):
        mineeco_xr.wuee  # noqa: B018
