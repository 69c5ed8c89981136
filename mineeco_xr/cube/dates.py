"""Dates in file and band names."""

from __future__ import annotations

import re

import numpy as np

from mineeco_xr.errors import ParameterError, SchemaError

_TOKENS = {
    "{year}": r"(?P<year>(?:18|19|20|21)\d{2})",
    "{month}": r"(?P<month>\d{2})",
    "{day}": r"(?P<day>\d{2})",
    "{doy}": r"(?P<doy>\d{3})",
    "{time}": r"\d{6}",
}
_DEFAULTS = (
    "doy{year}{doy}",
    "doy{year}{doy}{time}",
    "A{year}{doy}",
    "{year}-{month}-{day}",
    "{year}_{month}_{day}",
    "{year}{month}{day}",
    "{year}-{month}",
    "{year}",
)


def parse_date(name: str, pattern: str | None = None) -> np.datetime64:
    """Read the date from a name.

    Parameters
    ----------
    name : str
        A file or band name.
    pattern : str, optional
        Text with ``{year}``, ``{month}``, ``{day}``, ``{doy}`` and ``{time}`` (six digits), such
        as ``"doy{year}{doy}"``; or a regular expression with groups of these names. By default the
        usual forms are tried, from the most to the least exact: ``doy2001001``,
        ``doy2001001000000``, ``A2001001``, ``2001-07-15``, ``20010715``, ``2001-07``, ``2001``.

    Returns
    -------
    numpy.datetime64
        A day; a missing month or day counts as the first.

    Raises
    ------
    SchemaError
        If the name has no such date.
    ParameterError
        If the pattern has no year or is no regular expression.

    Examples
    --------
    >>> parse_date("MOD17A3HGF.061_Npp_500m_doy2004001_aid0001.tif")
    np.datetime64('2004-01-01')
    >>> parse_date("dem_2011_summer.tif", "dem_{year}")
    np.datetime64('2011-01-01')
    """
    for candidate in _DEFAULTS if pattern is None else (pattern,):
        found = _compiled(candidate, bounded=pattern is None).search(name)
        if found is not None:
            return _as_day(found.groupdict(), name)
    wanted = f"the pattern {pattern!r}" if pattern else f"any of {_DEFAULTS}"
    raise SchemaError(
        f"{name!r} holds no date of {wanted}: name one with date_pattern, such as "
        "'doy{year}{doy}' or '_{year}_'."
    )


def _compiled(pattern: str, *, bounded: bool) -> re.Pattern[str]:
    text = pattern
    if "(?P<" not in pattern:
        text = re.escape(pattern)
        for token, group in _TOKENS.items():
            text = text.replace(re.escape(token), group)
        if bounded:
            # A longer run of digits is a serial number, not a date.
            text = rf"(?<!\d){text}(?!\d)"
    try:
        compiled = re.compile(text)
    except re.error as error:
        raise ParameterError(
            f"date_pattern {pattern!r} is no regular expression: {error}."
        ) from None
    if "year" not in compiled.groupindex:
        raise ParameterError(f"date_pattern {pattern!r} has no {{year}}.")
    return compiled


def _as_day(parts: dict[str, str | None], name: str) -> np.datetime64:
    year = np.datetime64(f"{parts['year']}-01-01")
    try:
        if parts.get("doy"):
            day = year + np.timedelta64(int(parts["doy"] or 1) - 1, "D")
            if not 1 <= int(parts["doy"] or 0) <= 366 or str(day)[:4] != parts["year"]:
                raise ValueError(f"no day {parts['doy']} in {parts['year']}")
            return day
        return np.datetime64(
            f"{parts['year']}-{parts.get('month') or '01'}-{parts.get('day') or '01'}"
        )
    except ValueError as error:
        raise SchemaError(f"{name!r} holds an impossible date: {error}.") from None
