"""The page: self-contained, escaped, well formed, with the tables and figures it was given."""

import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from mineeco_xr.errors import ParameterError
from mineeco_xr.report import Report, figure_png
from mineeco_xr.report.style import new_figure
from mineeco_xr.report.tables import column_decimals, format_number, table_html

VOID = {"meta", "img", "br", "hr", "link", "input"}


class Reader(HTMLParser):
    """Checks nesting, and gathers what a page holds."""

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.words, self.problems = [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.problems.append(tag)

    def handle_data(self, data):
        self.words.append(data)

    def all(self, name):
        return [attrs for tag, attrs in self.tags if tag == name]


def read(html):
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert not reader.problems
    assert not reader.open
    return reader


def small_figure():
    figure = new_figure(2, 1)
    figure.add_subplot().plot([0, 1], [0, 1])
    return figure


def full_report():
    report = Report("Run <b>one</b> & more", "Where & when")
    report.card("Mean", 0.76623, units="gC m-2 mm-1", note="2001 to 2010")
    report.card("Cells", 1234567)
    report.card("Share", "12 %")
    report.note("Mind <this>.\n\n- first\n- second", "warning")
    section = report.section("Maps & charts")
    section.text("One paragraph\nover two lines.\n\nAnother with <script>alert(1)</script>.")
    section.figure(small_figure(), 'A "map"', alt='Rises from 0 to 1, "quoted"')
    frame = pd.DataFrame({"zone": ["A<", "B"], "area": [1234.5, 0.25], "year": [2001, 2002]})
    section.table(frame, "Areas.", units={"area": "km2"})
    section.subsection("More").figure(figure_png(small_figure()), "Second").note("Careful.")
    report.section("Maps & charts").text("The same title twice.")
    report.provenance(
        parameters={"trend": {"alpha": 0.05}, "zones": None, "years": [2001, 2002]},
        inputs={"npp": {"path": "a<b>.tif", "digest": "12"}}, versions={"GDAL": "3.10"},
    )  # fmt: skip
    return report


def test_page_is_well_formed_and_self_contained(tmp_path):
    path = full_report().write(tmp_path / "out" / "report.html")
    assert [p.name for p in path.parent.iterdir()] == ["report.html"]
    html = path.read_text(encoding="utf-8")
    assert html.startswith("<!DOCTYPE html>")
    page = read(html)
    assert not re.search("https?:|//", re.sub('base64,[^"]*', "", html))
    assert not page.all("script")
    assert not page.all("link")
    for _, attrs in page.tags:
        assert (
            str(attrs.get("src", "data:")).startswith("data:image/png;base64,")
            or "src" not in attrs
        )
        assert str(attrs.get("href", "#")).startswith("#")
        assert not any(name.startswith("on") for name in attrs)
    assert "url(" not in html
    assert "@import" not in html


def test_everything_is_escaped():
    html = full_report().render()
    assert "<script>" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "Run &lt;b&gt;one&lt;/b&gt; &amp; more" in html
    assert "A&lt;" in html
    assert "a&lt;b&gt;.tif" in html
    assert "Mind &lt;this&gt;." in html


def test_page_is_accessible():
    page = read(full_report().render())
    assert page.all("html")[0]["lang"] == "en"
    images = page.all("img")
    assert images[0]["alt"] == 'Rises from 0 to 1, "quoted"'
    assert images[1]["alt"] == "Second"
    assert all(int(image["width"]) > 0 for image in images)
    ranks = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert ranks[0] == 1
    assert ranks.count(1) == 1
    assert max(np.diff(ranks)) <= 1
    identifiers = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(identifiers) == len(set(identifiers))
    targets = [attrs["href"][1:] for attrs in page.all("a")]
    assert set(targets) <= set(identifiers)
    assert {attrs["aria-labelledby"] for attrs in page.all("section")} <= set(identifiers)
    assert all(attrs["scope"] in {"col", "row"} for attrs in page.all("th"))


def test_page_holds_what_it_was_given():
    html = full_report().render()
    words = " ".join(read(html).words)
    for text in (
        "gC m⁻² mm⁻¹", "0.7662", "1,234,567", "12 %", "Figure 1.", "Figure 2.", "Table 1.",
        "(km²)", "1,234", "2001", "trend.alpha", "not set", "2001, 2002", "digest: 12", "GDAL",
        "mineeco_xr", "How this was made", "Warning", "Note", "One paragraph over two lines.",
    ):  # fmt: skip
        assert text in words, text
    assert "<ul><li>first</li><li>second</li></ul>" in html
    assert "@media print" in html
    assert "prefers-color-scheme: dark" in html


def test_an_empty_report_is_a_page():
    page = read(Report("Nothing yet").render())
    assert not page.all("img")
    assert not page.all("table")


def test_refusals(tmp_path):
    report = Report("R")
    section = report.section("S")
    with pytest.raises(ParameterError, match="PNG"):
        section.figure(b"GIF89a", "no")
    (tmp_path / "a.png").write_bytes(figure_png(small_figure()))
    section.figure(tmp_path / "a.png", "from a file")
    with pytest.raises(ParameterError, match="warning"):
        report.note("text", "danger")
    with pytest.raises(ParameterError, match="two ranks"):
        section.subsection("T").subsection("U")


def test_tables_line_up_numbers_and_name_units():
    frame = pd.DataFrame(
        {
            "mean_wue": [0.76123, np.nan, -0.5],
            "cells": pd.array([1200, 7, None], dtype="Int64"),
            "mined": [True, False, True],
            "start": pd.to_datetime(["2001-05-01", None, "2003-01-01"]),
            "who": ["a", None, "<c>"],
        },
        index=pd.Index(["N", "S", "W"], name="zone"),
    )
    frame.attrs["units"] = {"mean_wue": "gC m-2 mm-1"}
    html = table_html(frame)
    page = read(html)
    assert '<th scope="row">N</th>' in html
    assert '<td class="num">0.7612</td>' in html
    assert '<td class="num">\N{MINUS SIGN}0.5000</td>' in html
    assert '<td class="num">1,200</td>' in html
    assert "mean wue" in html
    assert "(gC m⁻² mm⁻¹)" in html
    assert "2001-05-01" in html
    assert html.count("<td>yes</td>") == 2
    assert "&lt;c&gt;" in html
    assert html.count("–") == 4  # noqa: RUF001
    assert len(page.all("tr")) == 4


def test_tables_with_unusual_shapes():
    frame = pd.DataFrame({"a": range(30)})
    html = table_html(frame, most_rows=10)
    assert "and 20 more rows" in html
    assert len(read(html).all("tr")) == 11
    pairs = pd.DataFrame(
        [[1, 2.5]], columns=pd.MultiIndex.from_tuples([("area", "2001"), ("area", "2010")]),
        index=pd.MultiIndex.from_tuples([("forest", "mine")], names=["from", "to"]),
    )  # fmt: skip
    html = table_html(pairs)
    assert "area 2001" in html
    assert html.count('scope="row"') == 2
    read(table_html(pd.DataFrame({"a": []})))
    unnamed = table_html(pd.DataFrame({"a": [1]}, index=["x"]))
    assert "<td></td>" in unnamed
    assert '<th scope="row">x</th>' in unnamed


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [(0.0, 2, "0.00"), (-0.0001, 2, "> \N{MINUS SIGN}0.01"), (0.0001, 2, "< 0.01"),
     (-1234.567, 1, "\N{MINUS SIGN}1,234.6"), (np.nan, 2, "–"), (np.inf, 0, "∞"),  # noqa: RUF001
     (-0.2, 0, "0"), (1.5e12, None, "1.500 × 10¹²"), (0.0, None, "0"),  # noqa: RUF001
     (-2.5e-7, None, "\N{MINUS SIGN}2.500 × 10⁻⁷")],  # noqa: RUF001
)  # fmt: skip
def test_numbers(value, decimals, text):
    assert format_number(value, decimals) == text


@pytest.mark.parametrize(
    ("values", "decimals"),
    [([1234.5, 2], 0), ([12.345], 2), ([0.012345], 5), ([3.0, 4.0], 0), ([np.nan], 0),
     ([1e-9], None), ([1.5e15], None), ([0.0], 0), ([1e10, 2e10], 0)],
)  # fmt: skip
def test_decimals_of_a_column(values, decimals):
    assert column_decimals(np.array(values)) == decimals
