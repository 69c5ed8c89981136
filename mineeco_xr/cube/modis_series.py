"""A series of yearly MODIS files, opened as one cube on their own grid."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import xarray as xr

from mineeco_xr.cube.granules import parse_granule
from mineeco_xr.cube.ingest import ingest
from mineeco_xr.cube.modis import DEFAULT_LAYERS, layer_row
from mineeco_xr.cube.provenance import finalize
from mineeco_xr.cube.sources import dataset_layers, source_files
from mineeco_xr.errors import DataError, ParameterError, SchemaError
from mineeco_xr.tables import read_table


def open_modis(
    paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    product: str | None = None,
    *,
    missing_dates: str = "error",
    chunk: int | None = None,
) -> xr.Dataset:
    """Open MODIS' yearly carbon and water products as one cube, lazily.

    Parameters
    ----------
    paths : path-like or sequence of path-like
        Files, folders of GeoTIFFs or glob patterns, of MOD17A3HGF, MOD16A3GF or both, as AppEEARS
        or LP DAAC name them: GeoTIFF, or AppEEARS' NetCDF.
    product : str, optional
        Default known from the names.
    missing_dates : {"error", "nodata"}
        What to do when layers have different dates.
    chunk : int, optional
        Cells a side of the chunks; default as they will be stored.

    Returns
    -------
    xarray.Dataset
        On the files' own grid, dims ``(time, y, x)``: what there is of ``npp``, ``gpp``
        (gC m-2 yr-1), ``et``, ``pet`` (mm yr-1), each with its ``_fill_class``, and of ``npp_qc``
        and ``et_qc`` (%). Layers that are none of these are left out and named in
        ``attrs["left_out"]``. Nothing is read.

    Raises
    ------
    DataError
        If a file is absent or of a kind that cannot be read, such as HDF4.
    ParameterError
        If the product is unknown, or not given and not in the names.
    SchemaError
        If a file is of another product, a date stands twice or differs between layers; and when
        pixels are read, if they are another product's numbers.
    GridMismatch
        If files lie on different grids: bring them onto one with :func:`ingest`.

    Notes
    -----
    Of several generations of one granule, which differ in the production time at the end of their
    names, the latest is taken, by product, date and tile; ``attrs["replaced_generations"]`` of the
    variable names the others. Decoding is that of :func:`decode_modis`; crosses chunks as
    :func:`ingest` does.

    Examples
    --------
    >>> import numpy as np, rioxarray, tempfile
    >>> from mineeco_xr.testing import with_grid
    >>> folder = tempfile.mkdtemp()
    >>> for made, number in (("2021249132137", 4000), ("2023036002341", 4100)):
    ...     name = f"{folder}/MOD17A3HGF.A2001001.h26v04.061.{made}_Npp_500m.tif"
    ...     _ = with_grid(np.full((2, 3), number, "int16")).rio.to_raster(name)
    >>> npp = open_modis(folder)["npp"]
    >>> npp.values.max(), npp.attrs["replaced_generations"]
    (np.float32(410.0), 'MOD17A3HGF.A2001001.h26v04.061.2021249132137_Npp_500m.tif')
    """
    given = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    if not given:
        raise ParameterError("paths is empty: give files, a folder or a glob pattern.")
    files = source_files("modis", [str(path) for path in given], Path())
    found, left_out = _by_layer(files, product)
    if not found:
        raise SchemaError(
            f"none of {len(files)} files holds a layer that can be decoded; left out are "
            f"{left_out}. Known are {sorted(read_table('modis_layers')['layer'])}."
        )
    layers: dict[str, Any] = {}
    for (short, layer), (members, variable) in found.items():
        layers[layer_row(short, layer)["name"]] = {
            "path": [str(path) for path in members],
            "product": short,
            "layer": layer,
            "variable": variable,
        }
    order = [name for name in read_table("modis_layers")["name"] if name in layers]
    cube = ingest(
        {
            "grid": {"like": order[0]},
            "variables": {name: layers[name] for name in order},
            "missing_dates": missing_dates,
        },
        chunk=chunk,
    )
    cube = cube.drop_vars([str(n) for n in cube.data_vars if str(n).endswith("_qc_fill_class")])
    return finalize(
        cube,
        function="open_modis",
        parameters={"files": len(files), "product": product, "missing_dates": missing_dates},
        inputs={},
        attrs={
            "Conventions": "CF-1.11",
            **({"left_out": " ".join(left_out)} if left_out else {}),
        },
    )


Groups = dict[tuple[str, str], tuple[list[Path], str | None]]


def _by_layer(files: list[Path], product: str | None) -> tuple[Groups, list[str]]:
    """Return the files of each product and layer, and the layers that cannot be decoded."""
    table = read_table("modis_layers")
    known = set(zip(table["product"], table["layer"], strict=True))
    groups: Groups = {}
    left_out: dict[str, None] = {}
    for path in files:
        if path.suffix.lower() == ".hdf":
            raise DataError(
                f"{path} is HDF4, which cannot be read here: order GeoTIFF or NetCDF from "
                "AppEEARS, or convert it with gdal_translate."
            )
        granule = parse_granule(path.name)
        short = _product_of(path, product, None if granule is None else granule.product)
        if path.suffix.lower() in (".tif", ".tiff"):
            named = None if granule is None else granule.layer
            members: list[tuple[str, str | None]] = [(named or DEFAULT_LAYERS[short], None)]
        else:
            members = [(layer, layer) for layer in dataset_layers(path)]
        for layer, variable in members:
            if (short, layer) not in known:
                left_out[layer] = None
                continue
            groups.setdefault((short, layer), ([], variable))[0].append(path)
    return groups, list(left_out)


def _product_of(path: Path, product: str | None, named: str | None) -> str:
    if product is None and named is None:
        raise ParameterError(
            f"{path.name} does not say which product it is: give product='MOD17A3HGF' or "
            "'MOD16A3GF'."
        )
    short = str(layer_row(str(product or named), None)["product"])
    if named is not None and named != short:
        raise SchemaError(
            f"product is {short}, but {path} is named as {named}: their scale and fill codes "
            "differ. Leave product out to take each file for what it is named."
        )
    return short
