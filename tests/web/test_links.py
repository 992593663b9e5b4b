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
        self.names: set[str | None] = {"", None}
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.update(value for name, value in attrs if name in ("id", "name"))
        self.links.update(value for name, value in attrs if name in ("href", "src") and value)


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
