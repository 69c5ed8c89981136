"""How a run was made: its inputs, its parameters, the software, as a part of the page."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from html import escape
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from mineeco_xr.cube.provenance import library_version

PACKAGES = ("numpy", "xarray", "dask", "zarr", "numba", "scikit-learn", "rasterio", "pyproj")
"""Whose versions the page names."""


def how_made_html(facts: Mapping[str, Mapping[str, Any]]) -> str:
    """Write the part of the page that says how it was made.

    Parameters
    ----------
    facts : mapping of str to mapping
        Headings, and names and values under each.

    Returns
    -------
    str
        HTML, escaped; empty without facts.
    """
    if not facts:
        return ""
    parts = ['<h2 id="provenance">How this was made</h2>']
    for title, entries in facts.items():
        if entries:
            rows = "".join(_row(key, value) for key, value in entries.items())
            parts.append(f"<h3>{escape(title)}</h3>")
            parts.append(f'<table class="facts"><tbody>{rows}</tbody></table>')
    inner = "\n".join(parts)
    return f'<section class="block" aria-labelledby="provenance">\n{inner}\n</section>'


def _row(key: Any, value: Any) -> str:
    return f'<tr><th scope="row">{escape(str(key))}</th><td>{escape(_fact(value))}</td></tr>'


def _fact(value: Any) -> str:
    if isinstance(value, Mapping):
        return "\n".join(f"{key}: {item}" for key, item in value.items())
    if isinstance(value, list | tuple | set):
        return ", ".join(str(item) for item in value)
    return "not set" if value is None else str(value)


def flattened(parameters: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Write mappings within a mapping with dots.

    Parameters
    ----------
    parameters : mapping
        Names and values.
    prefix : str
        Goes before every name.

    Returns
    -------
    dict
        Without mappings among its values.

    Examples
    --------
    >>> flattened({"trend": {"method": "sen", "alpha": 0.05}})
    {'trend.method': 'sen', 'trend.alpha': 0.05}
    """
    flat: dict[str, Any] = {}
    for key, value in parameters.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and value:
            flat |= flattened(value, f"{name}.")
        else:
            flat[name] = value
    return flat


def software_versions() -> dict[str, str]:
    """Return the versions of what makes the results.

    Returns
    -------
    dict of str to str
        mineeco_xr, Python and the libraries in :data:`PACKAGES` that are installed.
    """
    found = {"mineeco_xr": library_version(), "Python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
