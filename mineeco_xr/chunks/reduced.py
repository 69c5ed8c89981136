"""The result of a reduction: one small object, not computed yet, that later stages may take."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from mineeco_xr.chunks.solution import boxed, solved_once


class Reduced:
    """The result of a reduction, any object, not computed yet.

    Parameters
    ----------
    array : dask.array.Array
        Without dims, holding the object.
    """

    def __init__(self, array: Any) -> None:
        self.array = array

    def compute(self, **options: Any) -> Any:
        """Compute and return the object."""
        return self.array.compute(**options).item()

    def after(self, *others: Reduced) -> Reduced:
        """Return the same object, given out when others were computed too: checks that may raise.

        Parameters
        ----------
        *others : Reduced
            Their objects are dropped.

        Returns
        -------
        Reduced
            Lazy.
        """
        if not others:
            return self
        return Reduced(solved_once(_first, self.array, *(other.array for other in others)))

    def to_array(
        self, function: Callable[[Any], np.ndarray], shape: tuple[int, ...], dtype: Any
    ) -> Any:
        """Return ``function(object)`` as a lazy array in one chunk.

        Parameters
        ----------
        function : callable
            Plain module-level function that makes an array of the object.
        shape : tuple of int
            Of that array.
        dtype : dtype
            Of that array.

        Returns
        -------
        dask.array.Array
            Lazy.
        """
        import dask.array as da

        return da.map_blocks(
            _open_box,
            self.array,
            function=function,
            new_axis=list(range(len(shape))),
            chunks=tuple((size,) for size in shape),
            dtype=dtype,
            meta=np.empty((0,) * len(shape), dtype=dtype),
        )


def _first(value: Any, *others: Any) -> Any:
    return value


def constant(value: Any) -> Reduced:
    """Return an object that is known already in the place of the result of a reduction."""
    return Reduced(shared_box(value))


def shared_box(value: Any) -> Any:
    """Return an object, or the result of a reduction, as a Dask array without dims.

    Parameters
    ----------
    value : object
        May be a :class:`Reduced`.

    Returns
    -------
    dask.array.Array
        Holding the object.
    """
    import dask.array as da
    from dask.base import tokenize

    if isinstance(value, Reduced):
        return value.array
    return da.from_array(boxed(value), chunks=(), asarray=False, name=f"shared-{tokenize(value)}")


def _open_box(box: np.ndarray, *, function: Callable[[Any], np.ndarray]) -> np.ndarray:
    return function(box.item())
