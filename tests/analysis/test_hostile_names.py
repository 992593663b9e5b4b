"""Names from outside are shown, never obeyed: in text, in HTML, in charts."""

from __future__ import annotations

import unicodedata
import warnings
from collections.abc import Iterator
from html.parser import HTMLParser
from io import BytesIO
from xml.etree import ElementTree

import matplotlib as mpl
import pandas as pd
import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

mpl.use("agg")

import matplotlib.pyplot as plt
from matplotlib.text import Text

import regtools as rt
from regtools.analysis.report import report
from regtools.display import columns, visible
from tests.analysis.test_advise import CONF, USUAL, measured
from tests.analysis.test_charts import FAILED, REQUEST, pull
from tests.conftest import LONG, examples
from tests.support.synthetic import campaign

NASTY = st.text(
    st.sampled_from("\x00\x07\x1b\x7f\x85\u202e\u2028\ufffe\ud800\n\r\t$\\_^{}<>&\"'`-#%[]; =…é") | st.characters(), max_size=30
)  # fmt: skip
few = settings(max_examples=examples(long=1_000, short=5), deadline=None)
slow = settings(max_examples=2, deadline=None, phases=[Phase.explicit, *([Phase.generate] if LONG else [])])


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    plt.close("all")


def controls(text: str) -> list[str]:
    """Characters that are no letters, besides the line ends and tabs that we write."""
    return [char for char in text if unicodedata.category(char)[0] == "C" and char not in "\n\t"]


def named(name: str) -> pd.DataFrame:
    table = campaign({"a": 1.0, "b": 2.0}, rounds=11, fail={"b": 0.2})
    return table.assign(place=table["place"].map({"a": name, "b": "b"}), image=name, vantage=name)


class Page(HTMLParser):
    """Counts what is open, and keeps the words."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.words = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in {"html", "head", "meta", "title", "body", "h1", "h2", "h4", "div", "section", "span", "strong", "p", "b", "img", "ul", "li", "table", "thead", "tbody", "tr", "th", "td", "caption", "pre", "details", "summary", "wbr"}  # fmt: skip
        assert not [name for name, _ in attrs if name.startswith("on")]
        if tag not in ("meta", "img", "wbr"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data


def page_of(html: str) -> Page:
    html.encode()  # no half of a surrogate pair
    page = Page()
    page.feed(html)
    page.close()
    assert page.open == []
    assert not controls(html)
    return page


@few
@given(NASTY)
@example("</script><script>alert(1)</script>")
@example("\x1b]0;title\x07\x1b[2J")
def test_text_and_html_show_any_name_and_nothing_else(name: str) -> None:
    found = rt.compare(named(name), by="vantage")
    text = str(found)
    assert not controls(text)
    text.encode()
    if visible(name) == name and name.isascii() and "\t" not in name:
        assert max(map(columns, text.splitlines())) <= 80
    page = page_of(found._repr_html_())
    if name.strip() == name and name and "\t" not in name:
        assert visible(name) in page.words


@slow
@given(NASTY)
@example("--><script>")
def test_the_report_stays_one_page(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of letters and scripts that the font does not have
        page_of(report(rt.compare(named(name)), named(name)))


@slow
@given(NASTY)
@example("$\\frac{")
@example("_$x$ --> ]]>")
def test_charts_are_well_formed_and_take_no_name_for_a_formula(name: str) -> None:
    plt.close("all")  # of the example before, if it failed
    wire = (
        FAILED.replace(seq=0, attempt=0, t0_s=0.0, url_host=name, error_kind=name or "x"),
        REQUEST.replace(seq=1, attempt=1, t0_s=0.4),
    )
    lost = pull(name, 2.0).replace(reference=name, attempts=(name, "a.example/x:1"), requests=wire)
    table = named(name)
    drawn = [
        rt.charts.ecdf(table),
        rt.charts.slopes(table),
        rt.charts.phases([lost]),
        rt.charts.failover([lost]),
        rt.charts.waterfall(lost),
    ]
    drawn.append(rt.charts.small_multiples(table)[0])
    for ax in drawn:
        file = BytesIO()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of letters and scripts that the font does not have
            if not LONG:
                ax.figure.set_layout_engine("none")  # takes most of the time
            ax.figure.savefig(file, format="svg")
        ElementTree.fromstring(file.getvalue())
        assert not any(text.get_parse_math() for text in ax.findobj(Text) if "$" in text.get_text())
        plt.close(ax.figure)


@few
@given(NASTY)
@example('"\n[[registry]]\nlocation = "evil.example"')
def test_an_advised_file_says_any_name_in_a_comment_only(name: str) -> None:
    name = name.replace("\0", "")  # pandas compares texts up to it
    table = measured(**USUAL)
    table["vantage"] = name
    table["client_version"] = name
    table["place"] = table["place"].where(table["place"] != "fast", f"f{name}")
    text = rt.advise(table, CONF)
    (entry,) = rt.RegistriesConf.from_toml(text).registries
    assert entry.mirrors[0].location == "fast.example"
    assert not controls(text)
