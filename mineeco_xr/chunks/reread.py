"""Reread: a second pass reads its source again, so that no block is held between the passes."""

from __future__ import annotations

from typing import Any

import xarray as xr
from dask.highlevelgraph import HighLevelGraph, Layer, MaterializedLayer

from mineeco_xr.chunks.solution import PREFIX

HELD_BYTES = 64 * 2**20
"""Floats of no more than this are not read again: a block of a large raster weighs as much.

Codes are: a store packs them to little, so that to read them costs less than to hold them.
"""

KEPT = (PREFIX, "shared-", "original-")
"""Layers that are small or in memory already: all passes use the same."""


def read_again(array: Any, seed: Any = "again") -> Any:
    """Return an array of the same values whose blocks are computed anew.

    Parameters
    ----------
    array : dask.array.Array
        Any array. What it needs of small solved objects is not computed again.
    seed : hashable
        Tells one pass from another.

    Returns
    -------
    dask.array.Array
        With other keys than ``array``, the same at every call.

    Examples
    --------
    >>> import dask.array as da
    >>> first = da.ones((4, 4), chunks=2) + 1
    >>> second = read_again(first)
    >>> second.name == first.name, second.name == read_again(first).name
    (False, True)
    >>> bool((first == second).all().compute())
    True
    """
    import dask.array as da
    from dask.graph_manipulation import clone

    graph = array.dask
    layers = {
        name: _Renaming(dict(layer)) if type(layer).clone is Layer.clone else layer
        for name, layer in graph.layers.items()
    }
    same = da.Array(
        HighLevelGraph(layers, graph.dependencies),
        array.name,
        array.chunks,
        dtype=array.dtype,
        meta=array._meta,
    )
    kept = [
        da.Array(graph, name, chunks=(), dtype=object)
        for name in layers
        if str(name).startswith(KEPT)
    ]
    return clone(same, omit=kept, seed=seed)


def reread(data: xr.DataArray, seed: Any = "again") -> xr.DataArray:
    """Return a raster of the same values for one more pass.

    One that is in memory, or of floats and small enough to be held there between the passes, is
    the raster itself.

    Parameters
    ----------
    data : xarray.DataArray
        Lazy or not.
    seed : hashable
        Tells one pass from another.

    Returns
    -------
    xarray.DataArray
        With attributes and coordinates of ``data``.
    """
    if data.chunks is None or (data.dtype.kind == "f" and data.nbytes <= HELD_BYTES):
        return data
    return data.copy(data=read_again(data.data, seed))


class _Renaming(MaterializedLayer):
    """A layer whose clone renames what its tasks refer to, which Dask 2026.8 leaves as it was."""

    def clone(self, keys: Any, seed: Any, bind_to: Any = None) -> tuple[Layer, bool]:
        from dask.base import clone_key

        if not all(hasattr(task, "substitute") for task in self.mapping.values()):
            return super().clone(keys, seed, bind_to)
        fresh = {}
        for key, task in self.mapping.items():
            if key not in keys:
                fresh[key] = task
                continue
            new = clone_key(key, seed)
            names = {need: clone_key(need, seed) for need in task.dependencies if need in keys}
            fresh[new] = task.substitute(names, key=new)
        return _Renaming(fresh), False
