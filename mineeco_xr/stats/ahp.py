"""Weights from pairwise judgements: the analytic hierarchy process."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from mineeco_xr.cube.provenance import finalize
from mineeco_xr.errors import MineecoWarning, ParameterError, SchemaError

if TYPE_CHECKING:
    import pandas as pd

RANDOM_INDICES = {
    "saaty": (0, 0, 0.58, 0.90, 1.12, 1.24, 1.32, 1.41, 1.45, 1.49, 1.51, 1.48, 1.56, 1.57, 1.59),
    "yaahp": (0, 0, 0.52, 0.89, 1.12, 1.26, 1.36, 1.41, 1.46, 1.49, 1.52, 1.54, 1.56, 1.58, 1.59),
}
ACCEPTED_RATIO = 0.1
ACTIONS = ("warn", "raise", "ignore")
RECIPROCITY = 0.05
"""How far ``a_ij a_ji`` may be from 1: judgements such as 1/7 are often written as 0.14."""


def ahp(
    matrix: np.ndarray | pd.DataFrame | Sequence[Sequence[float]],
    *,
    names: Sequence[str] | None = None,
    random_index: str | float = "saaty",
    on_inconsistent: str = "warn",
) -> xr.Dataset:
    """Derive weights from a matrix of pairwise judgements, and how consistent these are.

    Parameters
    ----------
    matrix : array or pandas.DataFrame, (n, n)
        ``a_ij``: how many times criterion ``i`` matters as much as ``j``; positive, 1 on the
        diagonal, and ``a_ji = 1 / a_ij``. A DataFrame names its criteria on both sides.
    names : sequence of str, optional
        Of the criteria, where the matrix names none.
    random_index : {"saaty", "yaahp"} or float
        Table of the mean consistency index of random matrices, up to 15 criteria: Saaty's, or that
        of the Chinese texts and of yaahp; or the index itself.
    on_inconsistent : {"warn", "raise", "ignore"}
        What to do when the consistency ratio is 0.1 or more.

    Returns
    -------
    xarray.Dataset
        ``weight`` (dim ``criterion``, sum 1), ``lambda_max``, ``consistency_index``,
        ``random_index`` and ``consistency_ratio``, dimensionless.

    Raises
    ------
    ParameterError
        If the matrix is not square, positive and reciprocal, a parameter is unknown, there are more
        criteria than the table knows, or the judgements are inconsistent and that is to raise.
    SchemaError
        If rows and columns are named differently, or a name stands twice.

    Notes
    -----
    The weights are the principal right eigenvector (Saaty 1977). ``CI = (lambda_max - n) /
    (n - 1)`` and ``CR = CI / RI``; one or two criteria are always consistent, CR 0.

    References
    ----------
    Saaty, T. L. (1977). Journal of Mathematical Psychology 15, 234-281.

    Examples
    --------
    >>> found = ahp([[1, 3, 5], [1 / 3, 1, 2], [1 / 5, 1 / 2, 1]], names=["slope", "rain", "soil"])
    >>> found["weight"].to_series().round(4).to_dict()
    {'slope': 0.6483, 'rain': 0.2297, 'soil': 0.122}
    >>> round(float(found["consistency_ratio"]), 6)
    0.003185
    """
    if on_inconsistent not in ACTIONS:
        raise ParameterError(f"on_inconsistent={on_inconsistent!r}: choose from {ACTIONS}.")
    values, criteria = _checked(matrix, names)
    expected = _random_index(random_index, len(criteria))
    roots, vectors = np.linalg.eig(values)
    principal = int(np.argmax(roots.real))
    weights = np.abs(vectors[:, principal].real)
    largest = float(roots[principal].real)
    size = len(criteria)
    index = max(0.0, (largest - size) / (size - 1)) if size > 2 else 0.0
    ratio = index / expected if size > 2 else 0.0
    if ratio >= ACCEPTED_RATIO:
        _complain(values, weights, criteria, ratio, on_inconsistent)
    result = xr.Dataset(
        {
            "weight": ("criterion", weights / weights.sum()),
            "lambda_max": largest,
            "consistency_index": index,
            "random_index": expected,
            "consistency_ratio": ratio,
        },
        coords={"criterion": criteria},
    )
    for name, variable in result.data_vars.items():
        variable.attrs = {"units": "1", "long_name": str(name).replace("_", " ")}
    return finalize(
        result,
        function="ahp",
        parameters={"random_index": random_index, "on_inconsistent": on_inconsistent},
        inputs={"matrix": values},
    )


def _checked(matrix: Any, names: Sequence[str] | None) -> tuple[np.ndarray, list[str]]:
    if hasattr(matrix, "index") and hasattr(matrix, "columns"):
        rows, columns = [str(n) for n in matrix.index], [str(n) for n in matrix.columns]
        if rows != columns:
            raise SchemaError(
                f"the matrix has rows {rows} and columns {columns}: name both alike, in one order."
            )
        names = rows if names is None else names
    try:
        values = np.asarray(matrix, dtype="float64")
    except (TypeError, ValueError) as error:
        raise ParameterError(
            f"the matrix is {matrix!r}: give n x n numbers, such as [[1, 3], [1 / 3, 1]]."
        ) from error
    if values.ndim != 2 or values.shape[0] != values.shape[1] or not values.size:
        raise ParameterError(f"the matrix has shape {values.shape}: judgements are n x n.")
    size = values.shape[0]
    criteria = [f"criterion_{i + 1}" for i in range(size)] if names is None else list(names)
    if len(criteria) != size or len(set(criteria)) != size:
        raise SchemaError(f"names are {criteria}: give {size} different ones.")
    if not (np.isfinite(values) & (values > 0)).all():
        i, j = np.argwhere(~(np.isfinite(values) & (values > 0)))[0]
        raise ParameterError(
            f"{criteria[i]} against {criteria[j]} is {values[i, j]}: judgements are positive."
        )
    apart = np.abs(values * values.T - 1)
    if apart.max() > RECIPROCITY:
        i, j = np.unravel_index(np.argmax(apart), apart.shape)
        raise ParameterError(
            f"{criteria[i]} against {criteria[j]} is {values[i, j]:g} and the reverse "
            f"{values[j, i]:g}: write 1 / {values[i, j]:g} for it, and 1 on the diagonal."
        )
    return values, criteria


def _random_index(choice: str | float, size: int) -> float:
    if not isinstance(choice, str):
        number = isinstance(choice, int | float | np.integer | np.floating) and not isinstance(
            choice, bool
        )
        if not (number and 0 < choice < np.inf):
            raise ParameterError(
                f"random_index is {choice!r}: give a positive number, or one of "
                f"{tuple(RANDOM_INDICES)}."
            )
        return float(choice)
    if choice not in RANDOM_INDICES:
        raise ParameterError(
            f"random_index {choice!r} is unknown: choose from {tuple(RANDOM_INDICES)} or give it."
        )
    table = RANDOM_INDICES[choice]
    if size > len(table):
        raise ParameterError(
            f"there are {size} criteria and the random indices of {choice!r} end at {len(table)}: "
            "group the criteria, or give random_index as a number."
        )
    return float(table[size - 1])


def _complain(
    values: np.ndarray, weights: np.ndarray, criteria: list[str], ratio: float, action: str
) -> None:
    """Name the judgement that contradicts the weights most."""
    contradiction = np.triu(np.abs(np.log(values * weights[None, :] / weights[:, None])))
    i, j = np.unravel_index(np.argmax(contradiction), values.shape)
    message = (
        f"the judgements have a consistency ratio of {ratio:.3f}, above {ACCEPTED_RATIO}: look "
        f"first at {criteria[i]} against {criteria[j]}, given as {values[i, j]:.3g} where the "
        f"weights say {weights[i] / weights[j]:.3g}."
    )
    if action == "raise":
        raise ParameterError(message)
    if action == "warn":
        warnings.warn(message, MineecoWarning, stacklevel=3)
