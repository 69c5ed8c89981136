"""A part of a report: a heading with text, boxes, figures and tables under it."""

from __future__ import annotations

import base64
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from mineeco_xr.errors import ParameterError
from mineeco_xr.report.style import figure_png
from mineeco_xr.report.tables import table_html

if TYPE_CHECKING:
    from mineeco_xr.report.page import Report

_CSS_PIXELS = 0.58
"""CSS pixels that a picture's pixel takes: figures of 200 dpi stay sharp on fine screens."""


@dataclass
class Section:
    """A part of a report, made by :meth:`Report.section` or :meth:`Section.subsection`.

    Parameters
    ----------
    title : str
        Its heading.
    report : Report
        Numbers its figures and tables.
    level : int
        2 or 3, the rank of its heading.

    Every method returns the section, so that calls may be chained.
    """

    title: str
    report: Report
    level: int = 2
    parts: list[str | Section] = field(default_factory=list)

    @property
    def anchor(self) -> str:
        """The identifier that the table of contents points to."""
        words = "".join(c if c.isalnum() else "-" for c in self.title.lower()).split("-")
        return "-".join(["part", str(self.report.order(self)), *(word for word in words if word)])

    def text(self, text: str) -> Section:
        """Add paragraphs.

        Parameters
        ----------
        text : str
            Blank lines part paragraphs; a paragraph whose lines all begin with ``"- "`` becomes
            a list.

        Returns
        -------
        Section
            This section.
        """
        self.parts.append(paragraphs(text))
        return self

    def note(self, text: str, kind: Literal["note", "warning"] = "note") -> Section:
        """Add a box that stands out.

        Parameters
        ----------
        text : str
            As for :meth:`text`.
        kind : {"note", "warning"}
            How much it stands out.

        Returns
        -------
        Section
            This section.
        """
        self.parts.append(notice(text, kind))
        return self

    def figure(self, figure: Any, caption: str, *, alt: str | None = None) -> Section:
        """Add a figure, which is rendered at once and need not be kept.

        Parameters
        ----------
        figure : matplotlib.figure.Figure, bytes or path-like
            A figure, a PNG file's content, or a PNG file.
        caption : str
            Under it, after its number.
        alt : str, optional
            What it shows, for readers who do not see it; default the caption.

        Returns
        -------
        Section
            This section.

        Raises
        ------
        ParameterError
            If the bytes are not a PNG.
        """
        png = _png(figure)
        width, height = (round(side * _CSS_PIXELS) for side in struct.unpack(">II", png[16:24]))
        self.report.figures += 1
        data = base64.b64encode(png).decode("ascii")
        self.parts.append(
            f'<figure>\n<img src="data:image/png;base64,{data}" width="{width}" '
            f'height="{height}" alt="{escape(alt or caption, quote=True)}">\n'
            f"<figcaption><b>Figure {self.report.figures}.</b> {escape(caption)}</figcaption>\n"
            "</figure>"
        )
        return self

    def table(
        self,
        frame: pd.DataFrame,
        caption: str,
        *,
        units: Mapping[str, str] | None = None,
        decimals: Mapping[str, int] | None = None,
        most_rows: int | None = 100,
    ) -> Section:
        """Add a table.

        Parameters
        ----------
        frame : pandas.DataFrame
            An index other than plain counting becomes the row headings.
        caption : str
            Over it, after its number.
        units : mapping of str to str, optional
            CF units of columns, written under their headings; default ``frame.attrs["units"]``.
        decimals : mapping of str to int, optional
            Decimals of columns; by default four significant digits of the largest number.
        most_rows : int, optional
            Rows that are shown at most; the page says how many more there are.

        Returns
        -------
        Section
            This section.
        """
        self.report.tables += 1
        heading = f"<b>Table {self.report.tables}.</b> {escape(caption)}"
        self.parts.append(
            table_html(
                frame,
                caption=heading,
                label=caption,
                units=units,
                decimals=decimals,
                most_rows=most_rows,
            )
        )
        return self

    def subsection(self, title: str) -> Section:
        """Add a part of lower rank.

        Parameters
        ----------
        title : str
            Its heading.

        Returns
        -------
        Section
            The new part.

        Raises
        ------
        ParameterError
            If this is a subsection already.
        """
        if self.level > 2:
            raise ParameterError(f"{self.title!r} is a subsection: the report has two ranks.")
        part = Section(title, self.report, self.level + 1)
        self.parts.append(part)
        return part

    def render(self) -> str:
        """Return the part as HTML.

        Returns
        -------
        str
            With its heading and its subsections.
        """
        heading = f'<h{self.level} id="{self.anchor}">{escape(self.title)}</h{self.level}>'
        inner = [part.render() if isinstance(part, Section) else part for part in self.parts]
        content = "\n".join([heading, *inner])
        if self.level > 2:
            return content
        return f'<section class="block" aria-labelledby="{self.anchor}">\n{content}\n</section>'


def paragraphs(text: str) -> str:
    """Write plain text as paragraphs and lists.

    Parameters
    ----------
    text : str
        Blank lines part paragraphs; lines that all begin with ``"- "`` make a list.

    Returns
    -------
    str
        HTML, escaped.

    Examples
    --------
    >>> paragraphs("a < b")
    '<p>a &lt; b</p>'
    """
    blocks = []
    for block in text.strip().split("\n\n"):
        lines = [line.strip() for line in block.strip().splitlines()]
        if lines and all(line.startswith("- ") for line in lines):
            items = "".join(f"<li>{escape(line[2:])}</li>" for line in lines)
            blocks.append(f"<ul>{items}</ul>")
        elif lines:
            blocks.append(f"<p>{escape(' '.join(lines))}</p>")
    return "\n".join(blocks)


def notice(text: str, kind: str) -> str:
    """Write plain text as a box that stands out.

    Parameters
    ----------
    text : str
        As for :func:`paragraphs`.
    kind : {"note", "warning"}
        How much it stands out.

    Returns
    -------
    str
        HTML, escaped.

    Raises
    ------
    ParameterError
        If the kind is another.
    """
    if kind not in {"note", "warning"}:
        raise ParameterError(f"kind is {kind!r}: a box is a 'note' or a 'warning'.")
    return (
        f'<div class="notice {kind}" role="note"><strong>{kind.capitalize()}</strong>'
        f"{paragraphs(text)}</div>"
    )


def _png(figure: Any) -> bytes:
    if hasattr(figure, "savefig"):
        return figure_png(figure)
    png = bytes(figure) if isinstance(figure, bytes) else Path(figure).read_bytes()
    if not png.startswith(b"\x89PNG\r\n\x1a\n"):
        raise ParameterError("the figure is not a PNG: give a Matplotlib figure or a PNG file.")
    return png
