"""How an output was made, written into its attributes by one function, ``finalize``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

import numpy as np
import xarray as xr

Result = TypeVar("Result", xr.DataArray, xr.Dataset)


def library_version() -> str:
    """Return the version of mineeco_xr that is running."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("mineeco_xr")
    except PackageNotFoundError:
        return "unknown"


def identity(data: Any) -> str:
    """Return a digest that stands for an input without reading lazy pixels.

    A Dask array is known by its deterministic name, an array in memory by its content.

    Parameters
    ----------
    data : xarray.DataArray or any object that Dask can tokenize

    Returns
    -------
    str
        Sixteen hexadecimal digits.
    """
    from dask.base import tokenize

    if isinstance(data, xr.DataArray):
        data = data.data
    return str(tokenize(getattr(data, "name", data)))[:16]


def finalize(
    result: Result,
    *,
    function: str,
    parameters: Mapping[str, Any],
    inputs: Mapping[str, Any],
    attrs: Mapping[str, Any] | None = None,
    name: str | None = None,
) -> Result:
    """Set the attributes of a result: nothing is inherited through arithmetic.

    Parameters
    ----------
    result : xarray.DataArray or xarray.Dataset
        A fresh result; its attributes are replaced.
    function : str
        Public name of the function that made it.
    parameters : mapping
        Its parameters, JSON-serialisable or with a useful ``str``.
    inputs : mapping
        Names and arrays of its inputs.
    attrs : mapping, optional
        ``units``, ``long_name``, ``standard_name``, ``flag_values`` and so on.
    name : str, optional
        Name of a DataArray.

    Returns
    -------
    xarray.DataArray or xarray.Dataset
        The same object, with ``history`` and ``mineeco`` (JSON with function, parameters,
        version and a digest of the inputs).
    """
    version = library_version()
    plain: dict[str, Any] = {key: _plain(value) for key, value in parameters.items()}
    record = {
        "function": function,
        "parameters": plain,
        "version": version,
        "inputs": {key: identity(value) for key, value in inputs.items()},
    }
    call = ", ".join([*inputs, *(f"{key}={value!r}" for key, value in plain.items())])
    stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    line = f"{stamp} {function}({call}) mineeco_xr {version}"
    earlier: list[str] = [
        str(value.attrs["history"])
        for value in inputs.values()
        if isinstance(value, xr.DataArray | xr.Dataset) and value.attrs.get("history")
    ]
    lines: list[str] = list(dict.fromkeys("\n".join(earlier).splitlines()))
    result.attrs = {
        **(attrs or {}),
        "history": "\n".join([*lines, line]),
        "mineeco": json.dumps(record, sort_keys=True),
    }
    if isinstance(result, xr.DataArray):
        if name is not None:
            result.name = name
        _set_grid_mapping(result)
    else:
        for variable in result.data_vars.values():
            _set_grid_mapping(variable)
    return result


def _set_grid_mapping(variable: xr.DataArray) -> None:
    if "spatial_ref" in variable.coords and {"y", "x"} <= set(variable.dims):
        variable.encoding["grid_mapping"] = "spatial_ref"


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | np.ndarray):
        return [_plain(item) for item in value]
    return str(value)
