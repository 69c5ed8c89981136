"""Solution: one small object made from all blocks, computed once and then given to every block."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

PREFIX = "solution-"
"""First part of the names of such arrays."""


def boxed(value: Any, ndim: int = 0) -> np.ndarray:
    """Return an array of one cell that holds any object, past NumPy's wish to look inside."""
    box = np.empty((1,) * ndim, dtype=object)
    box[(0,) * ndim] = value
    return box


def solved_once(function: Callable[..., Any], *boxes: Any, **parameters: Any) -> Any:
    """Return ``function(*objects, **parameters)`` as an array without dims, one task of its own.

    Dask would fuse an ordinary array function into each task that uses its result, and so repeat
    it for every block.

    Parameters
    ----------
    function : callable
        Plain module-level function of the objects in ``boxes``.
    *boxes : dask.array.Array
        Arrays without dims, each holding one object.
    **parameters
        Further keyword arguments.

    Returns
    -------
    dask.array.Array
        Without dims, holding the object; its name is the same at every call.
    """
    import dask
    import dask.array as da
    from dask.base import tokenize

    name = PREFIX + tokenize(function, *(box.name for box in boxes), parameters)
    # Not in a list, whose graphs Dask would flatten: it then sees no more that the source of a box
    # is also that of a later pass, fuses it into both, and reads it twice.
    parts = [box.to_delayed(optimize_graph=False).item() for box in boxes]
    task = dask.delayed(_solve, pure=True, traverse=False)(
        function, parameters, *parts, dask_key_name=f"solve-{name}"
    )
    return da.from_delayed(task, shape=(), dtype=object, name=name)


def _solve(
    function: Callable[..., Any], parameters: dict[str, Any], *boxes: np.ndarray
) -> np.ndarray:
    return boxed(function(*(box.item() for box in boxes), **parameters))
