"""Configurations of runs: the kinds there are, and how one is read."""

from __future__ import annotations

from pathlib import Path

from mineeco_xr.cube.manifest import load_toml, validated
from mineeco_xr.errors import ParameterError
from mineeco_xr.workflows.wue_config import WueCase

KINDS = {"wue": WueCase}


def load_case(path: str | Path) -> WueCase:
    """Read and check the configuration of a run.

    Parameters
    ----------
    path : path-like
        A TOML file.

    Returns
    -------
    WueCase
        The checked configuration.

    Raises
    ------
    ParameterError
        If the kind is unknown, or a key or value is wrong; all faults are named.
    DataError
        If the file is absent.
    """
    path = Path(path)
    values = load_toml(path)
    kind = values.get("kind")
    if kind not in KINDS:
        raise ParameterError(f"{path}: kind is {kind!r}; write kind = one of {sorted(KINDS)}.")
    return validated(KINDS[kind], {"base": path.parent, **values}, source=str(path))
