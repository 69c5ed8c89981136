"""Cubes in Zarr: written block by block, resumable, and never readable before they are whole."""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from mineeco_xr.chunks.fuse import fused_tasks
from mineeco_xr.chunks.progress import progress_bar
from mineeco_xr.chunks.run import run_tasks
from mineeco_xr.cube.grid import SPATIAL_DIMS, geobox_of
from mineeco_xr.cube.nodata import as_float
from mineeco_xr.cube.partial import PartialStore
from mineeco_xr.cube.provenance import library_version
from mineeco_xr.errors import DataError, IncompleteStore, SchemaError

SIDE = 2048
"""Cells a side of a stored chunk of a map."""
COMPLETE, CHUNKS = "mineeco_complete", "mineeco_chunks"
"""Attributes of a finished store: its fingerprint, and how many chunks each array has."""
CHUNK_BYTES = 32 * 2**20
"""Most bytes of a stored chunk: a long series gets smaller sides, so that time stays whole."""


def storage_side(ds: xr.Dataset) -> int:
    """Return the cells a side of the stored chunks of a cube.

    The largest power of two up to 2048 at which a chunk that holds all dates of its heaviest
    variable weighs at most 32 MiB: a trend then reads each chunk once.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> from mineeco_xr.testing import with_grid
    >>> storage_side(xr.Dataset({"npp": with_grid(np.zeros((24, 2, 2), "float32"))}))
    512
    """
    rasters = _rasters(ds).values()
    heaviest = max(
        (v.dtype.itemsize * v.size // (v.sizes["y"] * v.sizes["x"]) for v in rasters), default=1
    )
    return side_for(heaviest)


def side_for(bytes_per_cell: int) -> int:
    """Return the cells a side of a chunk whose cells weigh so many bytes, all dates together.

    Examples
    --------
    >>> side_for(24 * 4)
    512
    """
    side = SIDE
    while side > 128 and bytes_per_cell * side**2 > CHUNK_BYTES:
        side //= 2
    return side


def write_cube(
    ds: xr.Dataset,
    path: str | os.PathLike[str],
    *,
    resume: bool = True,
    overwrite: bool = False,
    chunk: int | None = None,
    progress: bool | None = None,
) -> Path:
    """Compute a cube and write it to Zarr, block by block.

    Parameters
    ----------
    ds : xarray.Dataset
        Lazy or not, on one grid. Every raster is stored with its dates whole and chunks of
        ``chunk`` cells a side.
    path : path-like
        The store, a local folder such as ``"cube.zarr"``.
    resume : bool
        Go on with an interrupted write of the same cube; blocks that were finished are not computed
        again. ``False`` begins anew.
    overwrite : bool
        Replace a finished store, or drop an unfinished write of another cube; a finished store
        stays until the new one is whole.
    chunk : int, optional
        Default :func:`storage_side`.
    progress : bool, optional
        Show a progress bar; default on a terminal.

    Returns
    -------
    pathlib.Path
        The store, Zarr format 3 with consolidated metadata, readable by ``xarray.open_zarr`` and
        :func:`open_cube`.

    Raises
    ------
    DataError
        If a finished store of another cube, or something else, stands at ``path``.
    ParameterError
        If an interrupted write of another cube stands there.
    GridMismatch, SchemaError
        If the cube has no grid, a date twice, a raster as a coordinate, or a name with a slash.

    Notes
    -----
    A barrier: computes. Each block is one task that writes the chunks of all variables there,
    so that what they share is read once, and then marks the block. Until the last block is
    done the store lies in ``<path>.partial`` without its root metadata, so that no reader can take
    it for a cube; then it is renamed. Memory is a few blocks a worker. Run it under a
    ``distributed.Client`` to use that cluster. A cube is known by its layout, parameters and the
    names of its lazy arrays; a Zarr source that was changed in place keeps its name, so write such
    a cube with ``resume=False`` and ``overwrite=True``.

    Examples
    --------
    >>> import numpy as np, tempfile, xarray as xr
    >>> from mineeco_xr.testing import with_grid
    >>> cube = xr.Dataset({"npp": with_grid(np.ones((3, 4, 5), "float32"), units="gC m-2 yr-1")})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     float(open_cube(write_cube(cube, folder + "/cube.zarr"))["npp"].sum())
    60.0
    """
    # Workers may run in other folders.
    path = Path(path).resolve()
    _check(ds)
    side = chunk or storage_side(ds)
    prepared = _prepared(ds, side)
    fingerprint = cube_fingerprint(prepared)
    if resume and _is_finished(path, fingerprint):
        return path
    if path.exists() and not overwrite:
        raise DataError(
            f"{path} exists: write to another path, or replace it with overwrite=True "
            "(--overwrite on the command line)."
        )
    if path.exists() and not _is_zarr(path):
        raise DataError(f"{path} is no Zarr store and will not be replaced: choose another path.")
    blocks = _blocks(prepared)
    partial = PartialStore(path, fingerprint, total=len(blocks))
    if partial.begin(resume=resume, overwrite=overwrite):
        _write_template(prepared, partial.store, side)
        partial.hide_root()
    missing = [block for block in blocks if not partial.is_done(block)]
    label = f"writing {path.name}"
    with progress_bar(label, len(blocks), done=len(blocks) - len(missing), show=progress) as tell:
        run_tasks(_tasks(prepared, partial, missing, side), done=tell)
    _finish(partial, fingerprint, path)
    return path


def _check(ds: xr.Dataset) -> None:
    if not _rasters(ds):
        raise SchemaError("the cube has no raster variable with dims 'y' and 'x'.")
    geobox_of(ds)
    slashed = [str(name) for name in ds.variables if "/" in str(name)]
    if slashed:
        raise SchemaError(f"the names {slashed} hold a '/', which Zarr takes for a folder.")
    planes = [str(name) for name, c in ds.coords.items() if set(SPATIAL_DIMS) <= set(c.dims)]
    if planes:
        raise SchemaError(f"the coordinates {planes} are rasters: make them variables with "
                          "reset_coords().")  # fmt: skip
    for dim in ds.dims:
        if dim in ds.indexes and not ds.indexes[dim].is_unique:
            twice = ds.indexes[dim][ds.indexes[dim].duplicated()][0]
            raise SchemaError(f"{str(twice)[:10]} stands twice along {dim!r}: drop the duplicate.")


def _rasters(ds: xr.Dataset) -> dict[str, xr.DataArray]:
    return {
        str(name): variable
        for name, variable in ds.data_vars.items()
        if set(SPATIAL_DIMS) <= set(variable.dims)
    }


def _prepared(ds: xr.Dataset, side: int) -> xr.Dataset:
    """Order the dims, cut along the storage chunks, and strip what other files left behind."""
    ds = ds.copy().transpose(..., *SPATIAL_DIMS)
    rasters = _rasters(ds)
    small = [name for name in ds.variables if name not in rasters]
    ds = ds.assign({name: as_float(v) for name, v in rasters.items() if v.dtype.kind == "f"})
    ds = ds.assign({n: ds[n].compute() for n in small if n in ds.data_vars})
    ds = ds.assign_coords({n: ds[n].compute() for n in small if n in ds.coords})
    cut = {}
    for name, variable in _rasters(ds).items():
        sides = {dim: side if dim in SPATIAL_DIMS else -1 for dim in variable.dims}
        cut[name] = variable.chunk(sides)
    ds = ds.assign(cut)
    ds.encoding = {}
    for stored in ds.variables.values():
        stored.encoding = {}
        stored.attrs.pop("grid_mapping", None)
        stored.attrs.pop("coordinates", None)
    return ds


def cube_fingerprint(ds: xr.Dataset) -> str:
    """Return a digest of what a cube is made of: layout, attributes and the identity of its arrays.

    Lazy arrays are known by their names, which are the same in every process; times of making
    (``history``) do not count.
    """
    from dask.base import tokenize

    parts: list[Any] = [library_version()]
    for name in sorted(map(str, ds.variables)):
        variable = ds[name]
        data = variable.variable.data
        attrs = {k: repr(v) for k, v in sorted(variable.attrs.items()) if k != "history"}
        parts.append([name, variable.dims, variable.shape, str(variable.dtype), attrs])
        parts.append(getattr(data, "name", None) or tokenize(np.asarray(data)))
    return hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()


Block = tuple[int, int]


def _blocks(ds: xr.Dataset) -> list[Block]:
    first = next(iter(_rasters(ds).values()))
    return [
        (row, column)
        for row in range(len(first.chunksizes["y"]))
        for column in range(len(first.chunksizes["x"]))
    ]


def _encoding(ds: xr.Dataset, side: int) -> dict[str, dict[str, Any]]:
    from zarr.codecs import BloscCodec

    codec = BloscCodec(cname="lz4", clevel=3, shuffle="shuffle")
    encoding: dict[str, dict[str, Any]] = {}
    for name, variable in _rasters(ds).items():
        sizes = [min(side, n) if d in SPATIAL_DIMS else n for d, n in variable.sizes.items()]
        own: dict[str, Any] = {"chunks": tuple(sizes), "compressors": [codec]}
        if variable.dtype.kind == "f":
            own["_FillValue"] = np.nan
        elif "_FillValue" in variable.attrs:
            own["_FillValue"] = variable.dtype.type(variable.attrs["_FillValue"])
        encoding[name] = own
    return encoding


def _write_template(ds: xr.Dataset, store: Path, side: int) -> None:
    encoding = _encoding(ds, side)
    bare = ds.copy()
    for name in encoding:
        bare[name].attrs.pop("_FillValue", None)
        if "spatial_ref" in bare.coords:
            # Named as a coordinate too, so that a plain xarray.open_zarr keeps it on each array.
            bare[name].attrs |= {"grid_mapping": "spatial_ref", "coordinates": "spatial_ref"}
    bare.to_zarr(
        store, mode="w", compute=False, zarr_format=3, consolidated=False, encoding=encoding
    )


def _tasks(ds: xr.Dataset, partial: PartialStore, blocks: list[Block], side: int) -> list[Any]:
    """One task a block, which computes the block of every variable and writes them."""
    rasters = _rasters(ds)
    arrays = [variable.data for variable in rasters.values()]
    groups = []
    for block in blocks:
        keys = [(array.name, *(0,) * (array.ndim - 2), *block) for array in arrays]
        groups.append(((str(partial.root), block, side, list(rasters)), keys))
    return fused_tasks(_write_block, arrays, groups)


def _write_block(root: str, block: Block, side: int, names: list[str], pieces: list[Any]) -> None:
    import zarr

    partial = PartialStore.attach(root)
    for name, piece in zip(names, pieces, strict=True):
        array = zarr.open_array(partial.store / name, mode="r+")
        # A chunk of nodata is written like any other: its presence says that it was computed.
        array = array.with_config({"write_empty_chunks": True})
        rows, columns = (slice(i * side, i * side + n) for i, n in
                         zip(block, piece.shape[-2:], strict=True))  # fmt: skip
        array[(..., rows, columns)] = piece
    partial.mark_done(block)


def _finish(partial: PartialStore, fingerprint: str, path: Path) -> None:
    import zarr

    partial.show_root()
    group = zarr.open_group(partial.store, mode="r+")
    group.attrs[CHUNKS] = {name: a.nchunks_initialized for name, a in sorted(group.arrays())}
    group.attrs[COMPLETE] = fingerprint
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*[Cc]onsolidated.*")
        zarr.consolidate_metadata(partial.store)
    partial.publish(path)


def _is_zarr(path: Path) -> bool:
    return (path / "zarr.json").exists() or (path / ".zgroup").exists()


def _root(path: Path) -> dict[str, Any]:
    """Return the root metadata of a store of format 3, or nothing."""
    try:
        return json.loads((path / "zarr.json").read_text())
    except (OSError, ValueError):
        return {}


def _stored_fingerprint(path: Path) -> str | None:
    return _root(path).get("attributes", {}).get(COMPLETE)


def _is_finished(path: Path, fingerprint: str) -> bool:
    """Whether the very cube stands there, with all of its chunks."""
    if _stored_fingerprint(path) != fingerprint:
        return False
    try:
        _require_all_chunks(path, _chunk_counts(path) or {})
    except IncompleteStore:
        return False
    return True


def _is_consolidated(path: Path) -> bool:
    return "consolidated_metadata" in _root(path) or (path / ".zmetadata").exists()


def open_cube(path: str | os.PathLike[str], *, chunks: Any = None) -> xr.Dataset:
    """Open a cube lazily, after checking that it is whole.

    Parameters
    ----------
    path : path-like
        A Zarr store written by :func:`write_cube`, or any Zarr store, which is then opened as
        ``xarray.open_zarr`` does: packed numbers are scaled and codes of nodata become NaN.
    chunks : optional
        As for ``xarray.open_zarr``; default the stored chunks.

    Returns
    -------
    xarray.Dataset
        ``spatial_ref`` as a coordinate; classes of our own stores keep their integer type and
        ``_FillValue``.

    Raises
    ------
    IncompleteStore
        If the write was interrupted, or chunks are missing from the store.
    DataError
        If there is no Zarr store at ``path``.
    """
    path = Path(path)
    if not _is_zarr(path):
        unfinished = PartialStore.progress_of(path)
        if unfinished is not None:
            raise IncompleteStore(
                f"{path} was never finished: {unfinished[0]} of {unfinished[1]} blocks are written."
                " Run the same write_cube again; it goes on where it stopped."
            )
        raise DataError(f"there is no Zarr store at {path}.")
    counts = _chunk_counts(path)
    wanted = {} if chunks is None else chunks
    if counts is None:
        one = _is_consolidated(path)
        return xr.open_zarr(path, decode_coords="all", consolidated=one, chunks=wanted)
    _require_all_chunks(path, counts)
    ds = xr.open_zarr(path, decode_coords="all", mask_and_scale=False, chunks=wanted)
    for name in (COMPLETE, CHUNKS):
        ds.attrs.pop(name, None)
    for variable in ds.variables.values():
        if variable.dtype.kind == "f":
            variable.attrs.pop("_FillValue", None)
    return ds


def _chunk_counts(path: Path) -> dict[str, int] | None:
    """Return how many chunks each array of one of our stores must have."""
    return _root(path).get("attributes", {}).get(CHUNKS)


def _require_all_chunks(path: Path, counts: dict[str, int]) -> None:
    import zarr

    arrays = dict(zarr.open_group(path, mode="r").arrays())
    for name, expected in counts.items():
        try:
            found = arrays[name].nchunks_initialized
        except (FileNotFoundError, KeyError, ValueError):
            found = 0 if expected else -1
        if found < expected:
            raise IncompleteStore(
                f"variable {name!r} of {path} lacks {expected - max(found, 0)} of {expected} "
                "chunks: the store was damaged or copied in part. Copy it again, or write it again "
                "with overwrite=True."
            )
