"""The documentation holds: its code runs, its outputs are shown as they are, its links lead on."""

from __future__ import annotations

import re
import sys
import types
from dataclasses import dataclass
from pathlib import Path

import pytest

import mineeco_xr

ROOT = Path(__file__).resolve().parents[1]
SKIPPED, SHOWN = "<!-- not run -->", "<!-- output -->"
FENCE = re.compile(r"^(`{3,})(\S*)\s*$")
LINK = re.compile(r"\]\(([^)\s]+)\)")


def pages():
    found = [p for p in sorted((ROOT / "docs").rglob("*.md")) if "_build" not in p.parts]
    return found + [p for p in (ROOT / "README.md", ROOT / "CONTRIBUTING.md") if p.exists()]


def name_of(page):
    return str(page.relative_to(ROOT))


@dataclass
class Block:
    """A fenced block: the line before its first one, its language, its text, the line above it."""

    line: int
    language: str
    text: str
    above: str


def blocks_of(page):
    """Read the fenced blocks of a page; a longer fence may hold shorter ones."""
    blocks, above, fence, start = [], "", None, 0
    lines = page.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines):
        if fence is None:
            fence, start = FENCE.match(line), number + 1
            if fence is None and line.strip():
                above = line.strip()
        elif line.rstrip() == fence[1]:
            blocks.append(Block(start, fence[2], "\n".join(lines[start:number]), above))
            fence, above = None, ""
    assert fence is None, f"{name_of(page)} does not close the block of line {start}"
    return blocks


def steps_of(page):
    """Return the Python blocks that are run, each with the output that the page shows or None."""
    steps = []
    for block in blocks_of(page):
        if block.language == "python" and block.above != SKIPPED:
            steps.append((block, None))
        elif block.above == SHOWN:
            assert steps, f"{name_of(page)}, line {block.line}: an output without code"
            steps[-1] = (steps[-1][0], block.text)
    return steps


@pytest.mark.parametrize("page", [p for p in pages() if steps_of(p)], ids=name_of)
def test_the_code_of_a_page_runs(page, tmp_path, monkeypatch, capsys):
    # A real file and module, so that numba can cache and Dask can name what a page defines.
    module = types.ModuleType("docs_page")
    module.__file__ = str(tmp_path / "docs_page.py")
    monkeypatch.setitem(sys.modules, "docs_page", module)
    Path(module.__file__).write_text(page.read_text(encoding="utf-8"), encoding="utf-8")
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    for block, shown in steps_of(page):
        text = "\n" * block.line + block.text
        exec(compile(text, module.__file__, "exec", dont_inherit=True), module.__dict__)
        printed = capsys.readouterr().out
        if shown is not None:
            assert printed.split() == shown.split(), f"{name_of(page)}, line {block.line}"


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_links_lead_to_files(page):
    prose = re.sub(r"^(`{3,}).*?^\1\s*$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    for target in LINK.findall(prose):
        if "://" not in target and not target.startswith(("#", "mailto:")):
            assert (page.parent / target.split("#")[0]).exists(), f"{name_of(page)}: {target}"


def test_the_reference_lists_every_public_name():
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    modules = {n for n in mineeco_xr.__all__ if isinstance(getattr(mineeco_xr, n), type(sys))}
    lists = {
        "mineeco_xr": set(mineeco_xr.__all__) - modules,
        "mineeco_xr.chunks": set(mineeco_xr.chunks.__all__),
        "mineeco_xr.cube": set(mineeco_xr.cube.__all__),
        "mineeco_xr.report": set(mineeco_xr.report.__all__),
    }
    for module, names in lists.items():
        section = text.split(f"currentmodule:: {module}\n")[1].split("```")[0]
        listed = {line.strip() for line in section.splitlines() if line.startswith("   ")}
        assert names <= listed, module
