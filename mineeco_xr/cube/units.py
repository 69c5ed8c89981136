"""Units as attributes: parsing, comparing, and the one factor that converts an array lazily."""

from __future__ import annotations

import re
import warnings
from functools import lru_cache
from typing import Any

import numpy as np
import xarray as xr

from mineeco_xr.errors import MineecoWarning, UnitError

_TOKEN = re.compile(r"^([A-Za-z%°_]+)(?:\^|\*\*)?([+-]?\d+)?$")
_SYNONYMS = {
    "meter": "m", "metre": "m", "meters": "m", "metres": "m",
    "year": "yr", "years": "yr", "a": "yr", "y": "yr", "annum": "yr",
    "day": "d", "days": "d", "seasons": "season", "months": "month",
    "millimeter": "mm", "millimetre": "mm", "Kelvin": "K", "kelvin": "K",
    "percent": "%", "degC": "degC", "celsius": "degC", "°C": "degC",
}  # fmt: skip
_DEFINITIONS = (
    "gram_of_carbon = [carbon] = gC",
    "kgC = 1000 gC",
    "MgC = 1e6 gC",
    "tC = 1e6 gC",
    "season = [season]",
    "CNY = [currency]",
)


def parse_units(text: str) -> dict[str, int]:
    """Split a unit string into its factors and their exponents.

    Parameters
    ----------
    text : str
        CF style (``"gC m-2 yr-1"``) or with slashes (``"kg C/m^2/yr"``); ``"1"`` and ``""``
        mean dimensionless.

    Returns
    -------
    dict of str to int
        Factor to exponent, without zero exponents.

    Raises
    ------
    UnitError
        If a factor cannot be read.

    Examples
    --------
    >>> parse_units("kg C/m^2/year")
    {'kgC': 1, 'm': -2, 'yr': -1}
    """
    cleaned = re.sub(r"\b([kM]?g|t)\s+C\b", r"\1C", text.strip().replace("·", " "))
    cleaned = cleaned.replace("m²", "m2").replace("m⁻²", "m-2").replace("**", "^").replace("*", " ")
    factors: dict[str, int] = {}
    for position, part in enumerate(cleaned.split("/")):
        sign = 1 if position == 0 else -1
        for token in part.split():
            if token == "1":
                continue
            match = _TOKEN.match(token)
            if match is None:
                raise UnitError(f"cannot read {token!r} in the unit {text!r}: write it CF style.")
            unit = _SYNONYMS.get(match[1], match[1])
            factors[unit] = factors.get(unit, 0) + sign * int(match[2] or 1)
    return {unit: exponent for unit, exponent in factors.items() if exponent}


def format_units(factors: dict[str, int]) -> str:
    """Write factors and exponents CF style; the inverse of :func:`parse_units`.

    Examples
    --------
    >>> format_units({"gC": 1, "m": -2})
    'gC m-2'
    """
    ordered = sorted(factors.items(), key=lambda item: item[1] < 0)
    words = [unit if exponent == 1 else f"{unit}{exponent}" for unit, exponent in ordered]
    return " ".join(words) or "1"


def per_year(units: str) -> str:
    """Return the unit of a change a year of what is in ``units``.

    Examples
    --------
    >>> per_year("gC m-2 yr-1"), per_year("m"), per_year("1")
    ('gC m-2 yr-2', 'm yr-1', 'yr-1')
    """
    factors = parse_units(units)
    factors["yr"] = factors.get("yr", 0) - 1
    return format_units({unit: exponent for unit, exponent in factors.items() if exponent})


def unit_ratio(numerator: str, denominator: str) -> str:
    """Return the unit of a quotient, like factors cancelled.

    Examples
    --------
    >>> unit_ratio("gC m-2 season-1", "mm season-1")
    'gC m-2 mm-1'
    """
    factors = parse_units(numerator)
    for unit, exponent in parse_units(denominator).items():
        factors[unit] = factors.get(unit, 0) - exponent
    return format_units({unit: exponent for unit, exponent in factors.items() if exponent})


def units_of(data: xr.DataArray, *, expected: str, name: str | None = None) -> str:
    """Return the unit of a variable; when it has none, warn once and take the expected one.

    Parameters
    ----------
    data : xarray.DataArray
        The variable.
    expected : str
        The unit that a missing attribute is taken to mean.
    name : str, optional
        Name for the message; default that of the array.

    Returns
    -------
    str
        ``data.attrs["units"]``, or ``expected``.
    """
    found = data.attrs.get("units")
    if found is None:
        label = name or data.name or "the raster"
        warnings.warn(
            f"{label!r} has no units: taken as {expected!r}. Set attrs['units'] to say so.",
            MineecoWarning,
            stacklevel=3,
        )
        return expected
    return str(found)


def unit_factor(found: str, target: str, *, name: str = "the raster") -> float:
    """Return the number that turns values in ``found`` into values in ``target``.

    Parameters
    ----------
    found, target : str
        Units; equal ones need no arithmetic, others go through pint.
    name : str
        Name of the variable for the message.

    Returns
    -------
    float
        ``value[target] = factor * value[found]``.

    Raises
    ------
    UnitError
        If a unit is unknown, or the two measure different things or differ by an offset.

    Examples
    --------
    >>> unit_factor("kgC m-2 yr-1", "gC m-2 yr-1")
    1000.0
    """
    if parse_units(found) == parse_units(target):
        return 1.0
    return _pint_factor(format_units(parse_units(found)), format_units(parse_units(target)), name)


@lru_cache(maxsize=256)
def _pint_factor(found: str, target: str, name: str) -> float:
    import pint

    registry = _registry()
    try:
        zero, one = (
            registry.Quantity(value, _pint_text(found)).to(_pint_text(target)).magnitude
            for value in (0.0, 1.0)
        )
    except pint.errors.UndefinedUnitError as error:
        raise UnitError(f"{name} has the unknown unit {found!r} ({error}).") from error
    except pint.errors.DimensionalityError as error:
        raise UnitError(
            f"{name} is in {found!r}, which does not measure the same thing as {target!r}: "
            "correct attrs['units'], or convert the values first."
        ) from error
    if zero != 0:
        raise UnitError(f"{name}: {found!r} and {target!r} differ by an offset; convert it first.")
    return float(np.round(one, 15)) if one > 1e-6 else float(one)


@lru_cache(maxsize=1)
def _registry() -> Any:
    import pint

    registry = pint.UnitRegistry()
    for definition in _DEFINITIONS:
        registry.define(definition)
    return registry


def _pint_text(units: str) -> str:
    words = {"yr": "year", "d": "day", "%": "percent", "degC": "degC"}
    factors = parse_units(units)
    return " * ".join(f"{words.get(unit, unit)} ** {exp}" for unit, exp in factors.items()) or ""


def convert_units(data: xr.DataArray, target: str, *, name: str | None = None) -> xr.DataArray:
    """Return ``data`` in another unit, lazily.

    Parameters
    ----------
    data : xarray.DataArray
        With ``attrs["units"]``; without them the values are taken to be in ``target`` and a
        warning says so.
    target : str
        The unit wanted.
    name : str, optional
        Name for messages; default that of the array.

    Returns
    -------
    xarray.DataArray
        Same dims and dtype, ``attrs["units"] = target``; the same values when nothing changes.

    Raises
    ------
    UnitError
        If the units are unknown or do not measure the same thing.

    Examples
    --------
    >>> import xarray as xr
    >>> npp = xr.DataArray([0.4], dims="x", attrs={"units": "kgC m-2 yr-1"})
    >>> convert_units(npp, "gC m-2 yr-1").item()
    400.0
    """
    label = str(name or data.name or "the raster")
    from mineeco_xr.cube.nodata import as_float

    factor = unit_factor(units_of(data, expected=target, name=label), target, name=repr(label))
    if factor == 1.0:
        return data.assign_attrs(units=target)
    values = as_float(data)
    return (values * values.dtype.type(factor)).assign_attrs(values.attrs, units=target)
