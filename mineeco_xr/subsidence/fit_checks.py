"""What is refused before an inversion, with the observation, panel or parameter at fault."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mineeco_xr.errors import MineecoWarning, ParameterError, SchemaError, UnitError
from mineeco_xr.subsidence.free_parameters import BOUNDS, Free, canonical
from mineeco_xr.subsidence.observations import TILTS, Observations
from mineeco_xr.subsidence.panel_table import ALIASES, column_name, read_panel_table, read_rows
from mineeco_xr.subsidence.panels import Panels, panels_from_file

TOO_GREAT = 3.0
"""How often the mined thickness an observation may be before it cannot be in metres."""
TOO_SMALL = 1.2e-3
"""Share of the mined thickness that none would exceed, were it in metres and said to be in mm."""


def fill_panels(panels: Any, parameters: Sequence[str] | None, fixed: Mapping[str, float]) -> Any:
    """Put a number where panels lack one that is fixed or looked for.

    Parameters
    ----------
    panels : GeoDataFrame, DataFrame, str, Path or Panels
        As for :func:`mineeco_xr.read_panels`.
    parameters : sequence of str or None
        What is looked for; None for all.
    fixed : mapping
        By canonical names.

    Returns
    -------
    object
        For :func:`mineeco_xr.read_panels`.
    """
    if isinstance(panels, Panels):
        return panels
    source = panels_from_file(panels)
    known = read_panel_table(source)
    wanted = ["q", "tan_beta"] if parameters is None else canonical(parameters, "parameters")
    fills: dict[str, float] = {
        name: sum(BOUNDS[name]) / 2 for name in ("q", "tan_beta") if name in wanted
    }
    fills |= {name: value for name, value in fixed.items() if name in ("q", "tan_beta")}
    empty = [name for name in fills if known[name].isna().all()]
    if not empty:
        return source
    frame = read_rows(source) if isinstance(source, str | Path) else source
    meant = {column: column_name(str(column))[0] for column in frame.columns}
    blank = [column for column, name in meant.items() if ALIASES.get(name, name) in empty]
    return frame.drop(columns=blank).assign(**{name: fills[name] for name in empty})


def check_metres(seen: Observations, panels: pd.DataFrame) -> None:
    """Refuse observations that are far greater than what was mined.

    Raises
    ------
    UnitError
        Naming the greatest.
    """
    lengths = seen.table[~seen.table["kind"].isin(TILTS)]
    if lengths.empty:
        return
    mined = float(panels.groupby(panels["seam"].fillna(""))["thickness"].max().sum())
    row = lengths.loc[lengths["value"].abs().idxmax()]
    greatest = abs(row["value"])
    if greatest > TOO_GREAT * mined:
        raise UnitError(
            f"observation {row['name']!r} has a {row['kind']} of {row['value']:g} m, but only "
            f"{mined:g} m were mined: are the observations in millimetres? Pass units='mm'."
        )
    if 0 < greatest < TOO_SMALL * mined:
        warnings.warn(
            f"the greatest observation, {row['name']!r}, has a {row['kind']} of {row['value']:.3g} "
            f"m above {mined:g} m of mining: are the observations in metres, and units not?",
            MineecoWarning,
            stacklevel=3,
        )


def check_reached(reached: np.ndarray, seen: Observations, outside: str) -> np.ndarray:
    """Return which observations to use.

    Raises
    ------
    ParameterError
        Naming the first that no panel reaches, or if none is reached.
    """
    if reached.all():
        return reached
    if outside == "ignore" and reached.any():
        return reached
    row = seen.table[~reached].iloc[0]
    what = "every observation is" if not reached.any() else f"{(~reached).sum()} observations are"
    raise ParameterError(
        f"observation {row['name']!r} at ({row['x']:.0f}, {row['y']:.0f}) is beyond the influence "
        f"of every panel within the bounds ({what}): check the reference system and the order of "
        "x (east) and y (north)" + (", or pass outside='ignore'." if reached.any() else ".")
    )


def check_movement(panels: pd.DataFrame, free: Free, horizontal: bool) -> None:
    """Refuse horizontal movement above panels without ``b``.

    Raises
    ------
    SchemaError
        Naming the first.
    """
    lacking = panels["b"].isna()
    if horizontal and "b" not in free.names and lacking.any():
        raise SchemaError(
            f"panel {panels['name'][lacking].iloc[0]!r} has no b, which horizontal movement and "
            "lines of sight need: look for it, hold it by fixed={'b': ...}, or add a column."
        )


def check_counts(seen: Observations, free: Free) -> None:
    """Refuse fewer observations than parameters.

    Raises
    ------
    ParameterError
        With both numbers.
    """
    known = len(seen.table) + len(free.priors)
    if known < len(free.names):
        raise ParameterError(
            f"{len(seen.table)} observations and {len(free.priors)} priors for "
            f"{len(free.names)} parameters {list(free.names)}: fix some by fixed={{...}}, or give "
            "priors."
        )


def check_seen(predict: Callable[[np.ndarray], np.ndarray], seen: Observations, free: Free) -> None:
    """Refuse parameters that change no observation.

    Raises
    ------
    ParameterError
        Naming the first.
    """
    middle = (free.low + free.high) / 2
    before = predict(middle)
    for i, name in enumerate(free.names):
        other = middle.copy()
        other[i] += 0.1 * (free.high[i] - free.low[i])
        if name not in free.priors and np.array_equal(predict(other), before):
            hint = {
                "b": "it is seen in horizontal displacement and along lines of sight alone",
                "theta0": "a flat polygon knows none",
                "k": "no panel dips",
            }.get(name, "its edges are out of reach")
            raise ParameterError(
                f"no observation depends on {name!r} ({sorted(set(seen.table['kind']))}): {hint}. "
                f"Leave it out, or hold it by fixed={{{name!r}: ...}}."
            )
