"""Configurations of runs: the kinds there are, and how one is read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mineeco_xr.cube.manifest import Spec, load_toml, validated
from mineeco_xr.errors import ParameterError
from mineeco_xr.workflows.subsidence_config import SubsidenceCase
from mineeco_xr.workflows.wue_config import WueCase


@dataclass(frozen=True)
class Kind:
    """A kind of run.

    Attributes
    ----------
    case : type
        Model of its configuration.
    runner : str
        ``"module:function"`` in this package, which is called with the case, the folder, and
        ``resume`` and ``overwrite``; loaded when a run begins.
    """

    case: type[Spec]
    runner: str


KINDS = {
    "subsidence": Kind(SubsidenceCase, "subsidence:run_subsidence"),
    "wue": Kind(WueCase, "wue:run_wue"),
}
Case = SubsidenceCase | WueCase


def load_case(path: str | Path) -> Case:
    """Read and check the configuration of a run.

    Parameters
    ----------
    path : path-like
        A TOML file.

    Returns
    -------
    SubsidenceCase or WueCase
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
    case = validated(KINDS[kind].case, {"base": path.parent, **values}, source=str(path))
    assert isinstance(case, Case)
    return case
