"""One self-contained HTML page a run: key figures, sections, and how they were made."""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from html import escape
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any, Literal

import numpy as np

from mineeco_xr.cube.provenance import library_version
from mineeco_xr.report.facts import flattened, how_made_html, software_versions
from mineeco_xr.report.section import Section, notice
from mineeco_xr.report.style import pretty_units
from mineeco_xr.report.tables import column_decimals, format_number


class Report:
    """Builds one HTML page that needs nothing beside itself.

    Parameters
    ----------
    title : str
        What the page is about.
    subtitle : str
        A line under it: place, years, who.
    language : str
        Of the text, as HTML names it.

    Examples
    --------
    >>> report = Report("Water use efficiency", "Xinavane, 2010 to 2019")
    >>> report.card("Mean", 0.766, units="gC m-2 mm-1")
    >>> _ = report.section("Trends").text("It falls.").note("Ten seasons only.", "warning")
    >>> "<h2" in report.render()
    True
    """

    def __init__(self, title: str, subtitle: str = "", *, language: str = "en") -> None:
        self.title = title
        self.subtitle = subtitle
        self.language = language
        self.figures = 0
        self.tables = 0
        self.sections: list[Section] = []
        self._cards: list[str] = []
        self._notes: list[str] = []
        self._provenance: dict[str, Mapping[str, Any]] = {}

    def card(self, label: str, value: Any, *, units: str | None = None, note: str = "") -> None:
        """Add a key figure, shown large at the top.

        Parameters
        ----------
        label : str
            What it is.
        value : str or number
            Numbers are written with four significant digits.
        units : str, optional
            CF unit.
        note : str
            A line under it, such as the years it holds for.
        """
        shown = pretty_units(units)
        unit = f' <span class="unit">{escape(shown)}</span>' if shown else ""
        remark = f'<dd class="remark">{escape(note)}</dd>' if note else ""
        self._cards.append(
            f'<div class="card"><dt>{escape(label)}</dt>'
            f"<dd>{escape(_card_value(value))}{unit}</dd>{remark}</div>"
        )

    def note(self, text: str, kind: Literal["note", "warning"] = "note") -> None:
        """Add a box at the top of the page.

        Parameters
        ----------
        text : str
            Blank lines part paragraphs; lines that all begin with ``"- "`` make a list.
        kind : {"note", "warning"}
            How much it stands out.
        """
        self._notes.append(notice(text, kind))

    def section(self, title: str) -> Section:
        """Add a section.

        Parameters
        ----------
        title : str
            Its heading.

        Returns
        -------
        Section
            To be filled.
        """
        part = Section(title, self)
        self.sections.append(part)
        return part

    def provenance(
        self,
        *,
        parameters: Mapping[str, Any] | None = None,
        inputs: Mapping[str, Any] | None = None,
        versions: Mapping[str, str] | None = None,
    ) -> None:
        """Say how the results were made; stands at the end of the page.

        Parameters
        ----------
        parameters : mapping, optional
            Names and values; mappings within are written with dots.
        inputs : mapping, optional
            Names of inputs, and where they come from.
        versions : mapping of str to str, optional
            Further software beside the libraries that are always named.
        """
        self._provenance = {
            "Inputs": dict(inputs or {}),
            "Parameters": flattened(parameters or {}),
            "Software": {**software_versions(), **(versions or {})},
        }

    def order(self, wanted: Section) -> int:
        """Return the place of a section in the page, counting from 1."""
        return next(i for i, part in enumerate(self._walk(), start=1) if part is wanted)

    def _walk(self) -> list[Section]:
        every = []
        for section in self.sections:
            every.append(section)
            every += [part for part in section.parts if isinstance(part, Section)]
        return every

    def render(self) -> str:
        """Return the page.

        Returns
        -------
        str
            A whole HTML document without external resource or script.
        """
        folder = resources.files("mineeco_xr.report")
        template = Template(folder.joinpath("page.html").read_text(encoding="utf-8"))
        cards = f'<dl class="cards">{"".join(self._cards)}</dl>' if self._cards else ""
        made = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
        maker = f"mineeco_xr {library_version()}"
        body = [cards, *self._notes, *(part.render() for part in self.sections)]
        return template.substitute(
            language=escape(self.language, quote=True),
            generator=escape(maker, quote=True),
            title=escape(self.title),
            subtitle=f"<p>{escape(self.subtitle)}</p>" if self.subtitle else "",
            style=folder.joinpath("page.css").read_text(encoding="utf-8"),
            contents=self._contents(),
            body="\n".join(part for part in [*body, how_made_html(self._provenance)] if part),
            footer=escape(f"Made with {maker} on {made}."),
        )

    def write(self, path: str | os.PathLike[str]) -> Path:
        """Write the page, whole or not at all.

        Parameters
        ----------
        path : path-like
            Its directory is made when absent.

        Returns
        -------
        pathlib.Path
            The file written.
        """
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
        try:
            partial.write_text(self.render(), encoding="utf-8")
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)
        return target

    def _contents(self) -> str:
        items = []
        for section in self.sections:
            inner = "".join(
                f'<li><a href="#{part.anchor}">{escape(part.title)}</a></li>'
                for part in section.parts
                if isinstance(part, Section)
            )
            nested = f"<ol>{inner}</ol>" if inner else ""
            items.append(
                f'<li><a href="#{section.anchor}">{escape(section.title)}</a>{nested}</li>'
            )
        if self._provenance:
            items.append('<li><a href="#provenance">How this was made</a></li>')
        return (
            '<nav class="contents" aria-labelledby="contents"><h2 id="contents">Contents</h2>'
            f"<ol>{''.join(items)}</ol></nav>"
        )


def _card_value(value: Any) -> str:
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.number):
        return str(value)
    return format_number(float(value), column_decimals(np.array([float(value)])))
