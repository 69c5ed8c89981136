"""One look for every figure: sizes, colours of text and lines, units as readers write them.

Nothing here changes Matplotlib's global state: every size and colour is set on its own artist, so
that figures can be made in several threads and beside a user's own style.
"""

from __future__ import annotations

import io
import os
import re
import textwrap
import uuid
from pathlib import Path
from typing import Any, Literal

import numpy as np
import xarray as xr

TITLE_SIZE = 10.5
LABEL_SIZE = 9.0
TICK_SIZE = 8.0
NOTE_SIZE = 7.5
INK = "#1f2328"
MUTED = "#59636e"
HAIRLINE = "#8c959f"
NODATA = "#e0e2e5"
SCREEN_DPI = 160
PRINT_DPI = 200
WIDTH = 6.6
"""Width of a figure in inches: a full text column of a paper."""

LINE_COLOURS = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#4D4D4D", "#332288",
)  # fmt: skip
"""Okabe and Ito's colours, which colour-vision deficiency leaves distinct; yellow, too faint on
white, gives way to grey and indigo."""

_SUPERSCRIPTS = str.maketrans("+-0123456789", "⁺⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_UNIT_TOKEN = re.compile(r"([A-Za-zµΩ°%]+)(?:\^|\*\*)?([+-]?\d+)(?=$|[\s/·*)])")
_ACRONYMS = {
    "aeti", "dem", "esv", "et", "evi", "gpp", "insar", "lst", "ndmi", "ndvi", "ndwi", "npp",
    "pet", "savi", "sdr", "tvdi", "wue",
}  # fmt: skip
_UNIT_WORDS = {"degC": "°C", "degree_Celsius": "°C", "percent": "%", "degrees": "°", "degree": "°"}


def pretty_units(units: Any) -> str:
    """Write a CF unit as readers write it.

    Parameters
    ----------
    units : str or None
        CF style, such as ``"gC m-2 yr-1"``.

    Returns
    -------
    str
        With superscripts; empty for a dimensionless quantity.

    Examples
    --------
    >>> pretty_units("gC m-2 mm-1")
    'gC m⁻² mm⁻¹'
    >>> pretty_units("km2"), pretty_units("degC"), pretty_units("1")
    ('km²', '°C', '')
    """
    text = "" if units is None else str(units).strip()
    if text in {"", "1", "-", "dimensionless"}:
        return ""
    words = (_UNIT_WORDS.get(word, word) for word in text.split())
    return _UNIT_TOKEN.sub(lambda m: m[1] + m[2].translate(_SUPERSCRIPTS), " ".join(words))


def label_with_units(label: str, units: Any) -> str:
    """Return ``label (units)``, or the label alone when there is nothing to say.

    Parameters
    ----------
    label : str
        What is measured.
    units : str or None
        CF unit.

    Returns
    -------
    str
        The text for an axis or a colour bar.

    Examples
    --------
    >>> label_with_units("Biomass", "t ha-1")
    'Biomass (t ha⁻¹)'
    """
    shown = pretty_units(units)
    return f"{label} ({shown})" if shown and label else label or shown


def data_label(data: xr.DataArray, label: str | None = None) -> str:
    """Return the label of a raster: what it is, and its unit.

    Parameters
    ----------
    data : xarray.DataArray
        ``attrs["long_name"]``, else the name, says what it is; ``attrs["units"]`` the unit.
    label : str, optional
        Replaces the name.

    Returns
    -------
    str
        Such as ``"Water use efficiency (gC m⁻² mm⁻¹)"``.
    """
    found = label if label is not None else data.attrs.get("long_name")
    if found is None and data.name is not None:
        found = str(data.name).replace("_", " ")
    return label_with_units(sentence(str(found or "")), data.attrs.get("units"))


def sentence(text: str) -> str:
    """Capitalise a label: its first letter, or all of an acronym that variables are named by.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    str
        The same text; words such as ``pH`` stay as they are.

    Examples
    --------
    >>> sentence("water yield"), sentence("pH of the soil"), sentence("npp mean")
    ('Water yield', 'pH of the soil', 'NPP mean')
    """
    first = text.split(" ", 1)[0]
    if first in _ACRONYMS:
        return first.upper() + text[len(first) :]
    return text[:1].upper() + text[1:] if first.islower() and first.isalpha() else text


def new_figure(
    width: float, height: float, *, layout: Literal["constrained", "compressed"] = "constrained"
) -> Any:
    """Return an empty figure on the Agg canvas.

    Parameters
    ----------
    width, height : float
        In inches.
    layout : {"constrained", "compressed"}
        The second suits axes of a fixed aspect, that is maps.

    Returns
    -------
    matplotlib.figure.Figure
        Not known to pyplot, so nothing has to close it.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=SCREEN_DPI, layout=layout, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def dress(axes: Any, *, frame: bool = False) -> None:
    """Give axes the common look.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        The axes.
    frame : bool
        Keep all four sides, as around a map; otherwise only the left and the lower one.
    """
    if not frame:
        axes.set_facecolor("white")
    for side, spine in axes.spines.items():
        spine.set_visible(frame or side in {"left", "bottom"})
        spine.set(color=HAIRLINE, linewidth=0.7)
    axes.tick_params(
        labelsize=TICK_SIZE, labelcolor=INK, color=HAIRLINE, width=0.7, length=3, which="major"
    )
    for axis in (axes.xaxis, axes.yaxis):
        axis.label.set(fontsize=LABEL_SIZE, color=INK)
        axis.get_offset_text().set(fontsize=TICK_SIZE, color=INK)


def wrapped(text: str, inches: float, size: float = LABEL_SIZE) -> str:
    """Break text into lines of a given width.

    Parameters
    ----------
    text : str
        Any text.
    inches : float
        Longest line.
    size : float
        Of the letters, in points.

    Returns
    -------
    str
        With line breaks, none inside parentheses, where units stand; widths are estimated
        from the mean width of a letter.
    """
    letters = max(12, int(inches * 72 / (0.52 * size)))
    whole = re.sub(r"\([^()]*\)", lambda match: match[0].replace(" ", "\N{NO-BREAK SPACE}"), text)
    lines = textwrap.wrap(whole, letters, break_long_words=False)
    return "\n".join(lines).replace("\N{NO-BREAK SPACE}", " ")


def set_title(axes: Any, title: str | None, inches: float = WIDTH) -> None:
    """Put a title over the left edge of axes.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        The axes.
    title : str or None
        Nothing is drawn for None.
    inches : float
        Longest line.
    """
    if title:
        title = wrapped(title, inches, TITLE_SIZE * 1.12)
        axes.set_title(title, loc="left", fontsize=TITLE_SIZE, color=INK, fontweight="bold", pad=7)


def figure_png(figure: Any, *, dpi: int = PRINT_DPI) -> bytes:
    """Render a figure to PNG, trimmed to what is drawn.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        Any figure.
    dpi : int
        Dots per inch.

    Returns
    -------
    bytes
        The PNG file.
    """
    buffer = io.BytesIO()
    figure.savefig(
        buffer, format="png", dpi=dpi, bbox_inches="tight", pad_inches=0.06, facecolor="white"
    )
    return buffer.getvalue()


def save_figure(figure: Any, path: str | os.PathLike[str], *, dpi: int = PRINT_DPI) -> Path:
    """Write a figure to a file, whole or not at all.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        Any figure.
    path : path-like
        Ends in ``.png``, ``.pdf`` or ``.svg``; its directory is made when absent.
    dpi : int
        Dots per inch of pixels.

    Returns
    -------
    pathlib.Path
        The file written.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.stem}.{uuid.uuid4().hex}{target.suffix}")
    try:
        if target.suffix.lower() == ".png":
            partial.write_bytes(figure_png(figure, dpi=dpi))
        else:
            figure.savefig(partial, dpi=dpi, bbox_inches="tight", pad_inches=0.06)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    return target


def round_below(value: float) -> float:
    """Return the largest of 1, 2 and 5 times a power of ten that is not above ``value``.

    Parameters
    ----------
    value : float
        Positive.

    Returns
    -------
    float
        A length fit for a scale bar, a step fit for ticks.

    Examples
    --------
    >>> round_below(7300), round_below(0.3)
    (5000.0, 0.2)
    """
    power = 10.0 ** np.floor(np.log10(value))
    lead = next(lead for lead in (5, 2, 1) if lead <= value / power * (1 + 1e-9))
    return float(f"{lead * power:.12g}")
