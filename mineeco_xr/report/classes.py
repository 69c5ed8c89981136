"""The classes of a raster: which are present, what they are called, what colour each has."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from mineeco_xr.errors import SchemaError
from mineeco_xr.report.colours import colour_map
from mineeco_xr.report.overview import is_discrete

_YES_NO: dict[int, tuple[str, str | None]] = {0: ("no", "#F3EFE0"), 1: ("yes", "#2B6CB0")}
MOST_CLASSES = 24
"""Integer rasters with more values than this are drawn as quantities."""

# Hues that map readers expect, moved apart until any two, and the grey of no data, differ by
# 15 units of CIELAB in normal, deuteranopic and protanopic vision alike. The first pattern found
# in a label wins.
_LAND_COLOURS = (
    (r"unmined|undisturbed", "#CAC9AC"),
    (r"restor|reclaim|rehabilit", "#2BB9AC"),
    (r"\b(mine|mines|mined|mining|quarry)\b", "#3A2A4D"),
    (r"wetland|marsh|swamp", "#82A1CB"),
    (r"mangrove", "#257A86"),
    (r"water|river|lake|ocean", "#2B6CB0"),
    (r"forest|wood|tree", "#14532D"),
    (r"shrub", "#819646"),
    (r"savanna", "#B6BA54"),
    (r"grass", "#DAE98B"),
    (r"pasture", "#D0B881"),
    (r"paddy", "#D4AC1E"),
    (r"crop|cultivat|farm|arable|agric", "#F8E167"),
    (r"built|urban|construct|settle|imperv", "#DA4321"),
    (r"barren|\bbare|unused", "#9B8B78"),
    (r"sand|beach", "#FFEAB9"),
    (r"snow|\bice\b|glacier", "#FFFFE7"),
)
_SHADES = {True: (0.0, 0.3, 0.55, 0.15, 0.75), False: (0.0, -0.35, 0.45, -0.55, 0.7)}
"""How far further classes of a dark or a light hue go towards black or white."""
_FREE_COLOURS = (
    "#88CCEE", "#CC6677", "#DDCC77", "#117733", "#332288", "#AA4499", "#44AA99", "#999933",
    "#882255", "#661100", "#6699CC", "#AA7744", "#77AADD", "#EE8866", "#EEDD88", "#FFAABB",
    "#99DDFF", "#BBCC33", "#AAAA00", "#555555", "#B8860B", "#8FBC8F", "#9370DB", "#BC8F8F",
)  # fmt: skip
"""Tol's muted and light sets."""
_LADDER = ("low", "medium", "moderate", "middle", "high", "slight", "severe", "extreme", "mild")


@dataclass(frozen=True)
class ClassScheme:
    """The classes of a raster, in the order of the legend.

    Parameters
    ----------
    values : tuple of int
        Codes.
    labels : tuple of str
        What each code means.
    colours : tuple of str
        One hexadecimal colour each.
    """

    values: tuple[int, ...]
    labels: tuple[str, ...]
    colours: tuple[str, ...]


def class_scheme(
    data: xr.DataArray,
    present: np.ndarray,
    classes: Mapping[int, Any] | None = None,
    cmap: str | None = None,
) -> ClassScheme | None:
    """Return the classes of a raster that are present, or None when it shows a quantity.

    Parameters
    ----------
    data : xarray.DataArray
        ``flag_values`` and ``flag_meanings`` (and ``flag_colors`` where given) are read.
    present : numpy.ndarray
        The distinct valid values to be drawn.
    classes : mapping of int to str or (str, str), optional
        Code to label, or to label and colour; comes before the attributes.
    cmap : str, optional
        Colours are taken along this map in the order of the codes.

    Returns
    -------
    ClassScheme or None
        None for floats without flags, and for integers with very many values.

    Raises
    ------
    SchemaError
        If the numbers of flag values and meanings differ.
    """
    declared = _declared(data) if classes is None else _given(classes)
    if not declared:
        if not is_discrete(data) or present.size > MOST_CLASSES:
            return None
        boolean = data.dtype.kind == "b"
        declared = dict(_YES_NO) if boolean else {int(v): (str(v), None) for v in present}
    codes = sorted(declared)
    codes += sorted({int(value) for value in present} - set(codes))
    labels = {code: declared.get(code, (f"code {code}", None))[0] for code in codes}
    automatic = _automatic([labels[code] for code in codes], cmap)
    shown = [i for i, code in enumerate(codes) if (present == code).any()]
    colours = [declared.get(code, ("", None))[1] or automatic[i] for i, code in enumerate(codes)]
    return ClassScheme(
        tuple(codes[i] for i in shown),
        tuple(labels[codes[i]] for i in shown),
        tuple(colours[i] for i in shown),
    )


def _given(classes: Mapping[int, Any]) -> dict[int, tuple[str, str | None]]:
    return {
        int(code): (entry, None) if isinstance(entry, str) else (str(entry[0]), str(entry[1]))
        for code, entry in classes.items()
    }


def _declared(data: xr.DataArray) -> dict[int, tuple[str, str | None]]:
    raw = data.attrs.get("flag_values")
    if raw is None:
        return {}
    text = raw.replace(",", " ").split() if isinstance(raw, str) else np.atleast_1d(raw)
    values = [int(str(value).rstrip("bBsSuUlL")) for value in text]
    labels = _words(data.attrs.get("flag_meanings")) or [str(value) for value in values]
    colours: list[Any] = _words(data.attrs.get("flag_colors")) or [None] * len(values)
    if not len(values) == len(labels) == len(colours):
        raise SchemaError(
            f"{data.name or 'the raster'} has {len(values)} flag_values, {len(labels)} "
            f"flag_meanings and {len(colours)} flag_colors: give one of each for every class."
        )
    readable = [label.replace("_", " ") for label in labels]
    return dict(zip(values, zip(readable, colours, strict=True), strict=True))


def _words(attribute: Any) -> list[str]:
    if attribute is None:
        return []
    return attribute.split() if isinstance(attribute, str) else [str(item) for item in attribute]


def _automatic(labels: Sequence[str], cmap: str | None) -> list[str]:
    lower = [label.lower() for label in labels]
    if cmap is None and len(labels) > 1 and all(any(w in t for w in _LADDER) for t in lower):
        cmap = "YlOrBr"
    if cmap is not None:
        return _along(cmap, len(labels))
    taken: list[str] = []
    for text in lower:
        hue = next((colour for word, colour in _LAND_COLOURS if re.search(word, text)), None)
        shades = [] if hue is None else [_shaded(hue, by) for by in _SHADES[_is_dark(hue)]]
        free = (colour for colour in (*shades, *_FREE_COLOURS) if colour not in taken)
        taken.append(next(free, "#777777"))
    return taken


def _is_dark(colour: str) -> bool:
    return sum(int(colour[i : i + 2], 16) for i in (1, 3, 5)) < 320


def _shaded(colour: str, amount: float) -> str:
    """Mix a colour with black (negative) or white (positive)."""
    end = 255 if amount > 0 else 0
    parts = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return "#" + "".join(f"{round(part + (end - part) * abs(amount)):02X}" for part in parts)


def _along(cmap: str, count: int) -> list[str]:
    from matplotlib.colors import to_hex

    positions = [0.5] if count == 1 else np.linspace(0.08, 0.92, count)
    return [to_hex(colour_map(cmap)(position)) for position in positions]
