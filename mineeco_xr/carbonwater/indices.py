"""Spectral indices from surface reflectance."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from mineeco_xr.chunks import pointwise
from mineeco_xr.cube.grid import layer_of, require_same_grid
from mineeco_xr.cube.nodata import as_float
from mineeco_xr.cube.provenance import finalize
from mineeco_xr.errors import ParameterError, SchemaError
from mineeco_xr.tables import read_table

PLAUSIBLE = (-1.0, 2.0)
"""Reflectance beyond this is none; clouds and snow reach 1.6, dark water a little below 0."""
ALIASES = {"NDMI": "NDWI_GAO", "LSWI": "NDWI_GAO", "NDIIB7": "NBR"}
_SPYNDEX_BANDS = {
    "blue": "B", "green": "G", "red": "R", "nir": "N", "swir1": "S1", "swir2": "S2", "thermal": "T",
}  # fmt: skip


def indices(
    bands: xr.Dataset, names: Sequence[str], *, rename: Mapping[str, str] | None = None
) -> xr.Dataset:
    """Compute spectral indices by name.

    Parameters
    ----------
    bands : xarray.Dataset
        Surface reflectance, 0 to 1, as float variables ``blue``, ``green``, ``red``, ``nir``,
        ``swir1`` and ``swir2``, as far as the indices need them.
    names : sequence of str
        ``NDVI``, ``EVI``, ``EVI2``, ``SAVI``, ``MSAVI``, ``GNDVI``, ``NDWI_GAO`` (vegetation water;
        also ``NDMI`` or ``LSWI``), ``NDWI_MCFEETERS`` (open water), ``MNDWI``, ``NBR`` (also
        ``NDIIB7``), ``NDBI``, ``BSI``; and any index of spyndex when that is installed.
    rename : mapping, optional
        Band name to the variable that holds it, such as ``{"nir": "B5"}``.

    Returns
    -------
    xarray.Dataset
        One variable an index, dimensionless, of the bands' float type; NaN where a band is nodata
        or a denominator is not positive. Lazy when the bands are.

    Raises
    ------
    SchemaError
        If a band is missing, or holds integers, which are digital numbers and not reflectance;
        or, when pixels are read, if its floats are beyond -1..2 and so are digital numbers too.
    ParameterError
        If a name is unknown, or is the bare ``NDWI``, which means two different things.

    Notes
    -----
    Pointwise: bit-identical for any chunking. ``EVI = 2.5 (N - R) / (N + 6 R - 7.5 B + 1)`` and
    ``EVI2 = 2.5 (N - R) / (N + 2.4 R + 1)`` are cut to -1..1; ``SAVI`` has L = 0.5;
    ``MSAVI = (2 N + 1 - sqrt((2 N + 1)^2 - 8 (N - R))) / 2``;
    ``BSI = ((S1 + R) - (N + B)) / (S1 + R + N + B)``; the others are normalised differences of
    their two bands in the order of ``mineeco_xr/tables/spectral_indices.csv``.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> from mineeco_xr.testing import with_grid
    >>> red, nir = (with_grid(np.array([[value]])) for value in (0.1, 0.4))
    >>> bands = xr.Dataset({"red": red, "nir": nir})
    >>> indices(bands, ["NDVI"])["NDVI"].values.round(6)
    array([[0.6]])
    """
    if isinstance(names, str):
        names = [names]
    found = {name: _index(bands, name, dict(rename or {})) for name in names}
    return finalize(
        xr.Dataset(found),
        function="indices",
        parameters={"names": list(names)},
        inputs={str(name): bands[name] for name in bands.data_vars if bands[name].ndim >= 2},
    )


def available_indices() -> list[str]:
    """Return the names of the built-in indices.

    Examples
    --------
    >>> available_indices()[:3]
    ['NDVI', 'EVI', 'EVI2']
    """
    return [str(name) for name in read_table("spectral_indices")["name"]]


def _index(bands: xr.Dataset, name: str, rename: dict[str, str]) -> xr.DataArray:
    wanted = ALIASES.get(name.upper(), name.upper())
    if wanted == "NDWI":
        raise ParameterError(
            "'NDWI' means two different indices: ask for 'NDWI_GAO' (vegetation water, "
            "(nir - swir1) / (nir + swir1)) or 'NDWI_MCFEETERS' (open water, "
            "(green - nir) / (green + nir))."
        )
    table = read_table("spectral_indices").set_index("name")
    if wanted in table.index:
        needed = str(table.loc[wanted, "bands"]).split()
        layers = _layers(bands, needed, rename, name)
        result = pointwise(
            _builtin_block,
            *layers,
            dtype=_float_type(layers),
            parameters={"name": wanted, "bands": tuple(str(layer.name) for layer in layers)},
        )
        text = f"{table.loc[wanted, 'long_name']} ({table.loc[wanted, 'reference']})"
    else:
        result, text = _from_spyndex(bands, name, rename)
    return result.rename(name).assign_attrs(units="1", long_name=text)


def _layers(
    bands: xr.Dataset, needed: Sequence[str], rename: dict[str, str], name: str
) -> list[xr.DataArray]:
    variables = {band: rename.get(band, band) for band in needed}
    missing = [variable for variable in variables.values() if variable not in bands]
    if missing:
        raise SchemaError(
            f"index {name!r} needs the bands {list(variables.values())}; the cube lacks {missing} "
            f"and has {sorted(map(str, bands.data_vars))}. Name them with rename={{'nir': 'B5'}}."
        )
    layers = [layer_of(bands, variable) for variable in variables.values()]
    integers = [str(layer.name) for layer in layers if layer.dtype.kind in "iu"]
    if integers:
        raise SchemaError(
            f"bands {integers} hold integers, which are digital numbers: scale them to reflectance "
            "first (Landsat collection 2, level 2: mineeco_xr.scale_landsat)."
        )
    require_same_grid(dict(zip(variables.values(), layers, strict=True)))
    return [as_float(layer) for layer in layers]


def _float_type(layers: Sequence[xr.DataArray]) -> np.dtype:
    return np.result_type(*(layer.dtype for layer in layers))


def _quotient(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    out = np.full(below.shape, np.nan, dtype=np.result_type(above, below))
    with np.errstate(invalid="ignore"):
        return np.divide(above, below, out=out, where=below > 0)


def _difference(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return _quotient(a - b, a + b)


def _evi(nir: np.ndarray, red: np.ndarray, blue: np.ndarray) -> np.ndarray:
    return np.clip(_quotient(2.5 * (nir - red), nir + 6 * red - 7.5 * blue + 1), -1, 1)


def _evi2(nir: np.ndarray, red: np.ndarray) -> np.ndarray:
    return np.clip(_quotient(2.5 * (nir - red), nir + 2.4 * red + 1), -1, 1)


def _savi(nir: np.ndarray, red: np.ndarray) -> np.ndarray:
    return _quotient(1.5 * (nir - red), nir + red + 0.5)


def _msavi(nir: np.ndarray, red: np.ndarray) -> np.ndarray:
    inner = (2 * nir + 1) ** 2 - 8 * (nir - red)
    with np.errstate(invalid="ignore"):
        return (2 * nir + 1 - np.sqrt(inner)) / 2


def _bsi(swir1: np.ndarray, red: np.ndarray, nir: np.ndarray, blue: np.ndarray) -> np.ndarray:
    return _quotient((swir1 + red) - (nir + blue), swir1 + red + nir + blue)


_FORMULAS: dict[str, Callable[..., np.ndarray]] = {
    "EVI": _evi,
    "EVI2": _evi2,
    "SAVI": _savi,
    "MSAVI": _msavi,
    "BSI": _bsi,
}


def _builtin_block(*blocks: np.ndarray, name: str, bands: tuple[str, ...]) -> np.ndarray:
    formula: Callable[..., np.ndarray] = _FORMULAS.get(name, _difference)
    with np.errstate(all="ignore"):
        for block, band in zip(blocks, bands, strict=True):
            _require_reflectance(block, band)
        return formula(*blocks)


def _require_reflectance(block: np.ndarray, band: str) -> None:
    """Refuse digital numbers stored as floats; the first block that is read has them already."""
    low, high = PLAUSIBLE
    wrong: Any = (block > high) | (block < low)
    if not wrong.any():
        return
    # An infinity is a division by zero upstream, not a digital number.
    found = block[wrong & np.isfinite(block)]
    if found.size:
        raise SchemaError(
            f"band {band!r} has {found.size} cells from {found.min():.6g} to {found.max():.6g} in "
            "one block, where reflectance of 0 to 1 was expected: these are digital numbers or "
            "nodata codes. Scale them first (mineeco_xr.scale_landsat), or set attrs['_FillValue']."
        )


def _from_spyndex(bands: xr.Dataset, name: str, rename: dict[str, str]) -> tuple[xr.DataArray, str]:
    known = _spyndex_names()
    if name not in known:
        near = difflib.get_close_matches(name, [*available_indices(), *known], n=3)
        hint = f" Did you mean {near}?" if near else ""
        install = "" if known else " More names come with the spyndex package, when installed."
        raise ParameterError(
            f"index {name!r} is unknown; built in are {available_indices()}.{hint}{install}"
        )
    import spyndex

    symbols = {symbol: band for band, symbol in _SPYNDEX_BANDS.items()}
    needed = list(spyndex.indices[name].bands)
    constants = {
        symbol: float(spyndex.constants[symbol].default)
        for symbol in needed
        if symbol not in symbols and getattr(spyndex.constants.get(symbol), "default", None)
    }
    unknown = [symbol for symbol in needed if symbol not in symbols and symbol not in constants]
    if unknown:
        raise SchemaError(f"index {name!r} needs {unknown}, which the cube's bands do not give.")
    used = [symbol for symbol in needed if symbol in symbols]
    layers = _layers(bands, [symbols[symbol] for symbol in used], rename, name)
    result = pointwise(
        _spyndex_block,
        *layers,
        dtype=_float_type(layers),
        parameters={
            "name": name,
            "symbols": tuple(used),
            "constants": constants,
            "bands": tuple(str(layer.name) for layer in layers),
        },
    )
    return result, f"{spyndex.indices[name].long_name} (spyndex)"


def _spyndex_names() -> list[str]:
    try:
        import spyndex
    except ImportError:
        return []
    return [str(name) for name in spyndex.indices]


def _spyndex_block(
    *blocks: np.ndarray,
    name: str,
    symbols: tuple[str, ...],
    constants: dict[str, Any],
    bands: tuple[str, ...],
) -> np.ndarray:
    import spyndex

    with np.errstate(invalid="ignore"):
        for block, symbol, band in zip(blocks, symbols, bands, strict=True):
            if symbol != _SPYNDEX_BANDS["thermal"]:
                _require_reflectance(block, band)
    with np.errstate(all="ignore"):
        value = spyndex.computeIndex(name, {**dict(zip(symbols, blocks, strict=True)), **constants})
    value = np.asarray(value, dtype=np.result_type(*blocks))
    return np.where(np.isfinite(value), value, np.nan)
