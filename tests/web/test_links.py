"""The links of the built site: each leads to a page and a place that exist."""

from __future__ import annotations

import os
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

SITE = Path(os.environ.get("REGTOOLS_SITE", ""))
pytestmark = pytest.mark.skipif(not SITE.name, reason="needs the built site: make web-test")


class Page(HTMLParser):
    """The links of a page, and the names that a link to it may have after its #."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.switch: str | None = None
        self.names: set[str | None] = {"", None}
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.update(value for name, value in attrs if name in ("id", "name"))
        self.links.update(value for name, value in attrs if name in ("href", "src") and value)
        found = dict(attrs)
        if "btn-language" in (found.get("class") or ""):
            self.switch = found["href"]


page = cache(Page)


def dead(path: Path, link: str) -> bool:
    """Whether a link of a page leads nowhere on the site; another site is not asked."""
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return False
    target = path.parent / unquote(parts.path) if parts.path else path
    target = Path(os.path.normpath(target / "index.html" if target.is_dir() else target))
    if not target.is_file() or not target.is_relative_to(SITE):
        return True
    return target.suffix == ".html" and unquote(parts.fragment) not in page(target).names


def test_no_link_of_the_site_is_dead() -> None:
    pages = [
        path
        for path in SITE.rglob("*.html")
        if not {"_static", "live"}
        & set(path.relative_to(SITE).parts)  # templates of the theme; JupyterLite's own
    ]
    links = [(path, link) for path in pages for link in sorted(page(path).links)]
    assert len(pages) > 150 and len(links) > 10_000
    assert not [f"{path.relative_to(SITE)}: {link}" for path, link in links if dead(path, link)]


# Pages of one edition alone: the switch leads to the first page of the other.
ALONE = ("reference.html", "py-modindex.html", "zh/accelerators.html")


def other_language(name: str) -> str:
    """The page that the switch of a page is to lead to."""
    if name in ALONE:
        return "index.html" if name.startswith("zh/") else "zh/index.html"
    if name == "zh/codes.html":
        return "codes/index.html"
    if name.startswith("codes/"):
        code = Path(name).stem
        return "zh/codes.html" if code == "index" else f"zh/codes.html#{code}"
    return name.removeprefix("zh/") if name.startswith("zh/") else f"zh/{name}"


def test_the_switch_of_language_leads_to_the_same_page() -> None:
    apart = {"_static", "live", "explorer"}
    names = [path.relative_to(SITE).as_posix() for path in SITE.rglob("*.html")]
    names = [name for name in names if not apart & set(name.split("/"))]
    assert len(names) > 190
    leads = {name: page(SITE / name).switch or "" for name in names}
    leads = {name: os.path.normpath(f"{name}/../{link}") for name, link in leads.items()}
    assert leads == {name: other_language(name) for name in names}


@pytest.mark.parametrize(
    ("link", "is_dead"),
    [
        ("08-short-names.html", False),
        ("nowhere.html", True),
        ("08-short-names.html#nowhere", True),
        ("../README.md", True),
        ("https://example.com/x", False),
        ("data:image/png;base64,AAAA", False),
    ],
)
def test_a_dead_link_is_found(link: str, is_dead: bool) -> None:
    assert dead(SITE / "index.html", link) == is_dead
