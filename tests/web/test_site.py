"""The built site in real Chromium: the explorer, hostile texts, pages, search. ``make web-test`` builds and runs it."""

from __future__ import annotations

import gzip
import os
from pathlib import Path
from typing import Any

import pytest

from tests.registries.slips import SLIPS, VALID
from tests.web.driving import BUILT, SITE, drive

pytestmark = BUILT

KINDS = (
    "no quotes",
    "curly quotes",
    "no closing quote",
    "doubled quotes",
    "colon",
    "full-width comma",
    "single brackets",
    "open header",
    "spaced header",
    "slashes for a comment",
)
SLIPPED = {
    kind: next(new for text in VALID.values() if (new := SLIPS[kind](text, 0)) != text) for kind in KINDS
}
HOSTILE = {
    "script": {"text": "<script>alert(1)</script>", "name": "<script>alert(2)</script>"},
    "image": {"text": '[[registry]]\nlocation = "<img src=x onerror=alert(1)>"\n', "name": "<img src=x onerror=alert(1)>"},
    "control": {"text": 'unqualified-search-registries = ["\x1b[31m\u202edocker.io"]\n', "name": "\x07\u202enginx"},
    "megabyte": {"text": "# x\n" * 250_000, "name": "nginx"},
    "fragment": {"fragment": "#1.AAAA"},
    "letters": {"fragment": "#1.%%%"},
    "version": {"fragment": "#9.abc"},
}  # fmt: skip
PAGES = [
    {"path": path, "width": width, "scheme": scheme}
    for path in (
        "explorer/index.html",
        "explorer/index.html?lang=zh",
        "index.html",
        "08-short-names.html",
        "reference.html",
    )
    for width in (360, 768, 1300)
    for scheme in ("light", "dark")
]

SEARCHES = {
    "squatting": "08-short-names.html",
    "misplaced-key": "codes/misplaced-key.html",
    "time_pull": "reference.html",
    "抢注": "zh/08-short-names.html",
    "拉取式缓存": "zh/11-local-mirror-cache.html",
    "registries.conf 里能写什么": "zh/07-registries-conf.html",
    "层": "zh/04-what-a-pull-does.html",  # a word of one sign
}


@pytest.fixture(scope="module")
def explored(base: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    asked = [{"text": text, "name": "docker.io/library/app"} for text in SLIPPED.values()]
    return drive(base, tmp_path_factory.mktemp("explored"), explorer=asked)


@pytest.fixture(scope="module")
def attacked(base: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return drive(base, tmp_path_factory.mktemp("attacked"), hostile=HOSTILE)


@pytest.mark.parametrize("kind", KINDS)
def test_a_slip_is_found_fixed_and_the_name_leads_somewhere(kind: str, explored: dict[str, Any]) -> None:
    seen = explored["explorer"][KINDS.index(kind)]
    assert any(severity in ("error", "warning") for severity, _ in seen["codes"]), seen
    assert seen["text"] != SLIPPED[kind]
    assert "error" not in seen["left"] and "warning" not in seen["left"], seen
    assert seen["before"] != seen["after"] or "error" not in [severity for severity, _ in seen["codes"]]


def test_a_fix_is_applied_and_undone(explored: dict[str, Any]) -> None:
    assert explored["applied"] == 'unqualified-search-registries = ["docker.io"]\n'
    assert explored["undone"] == "unqualified-search-registries = [docker.io]\n"


def test_a_link_carries_the_files_in_its_fragment_and_opens_without_a_network(
    explored: dict[str, Any],
) -> None:
    page, _, fragment = explored["link"].partition("#")
    assert page == "explorer/index.html" and fragment.startswith("1.")
    assert explored["linked"] == explored["undone"]


def test_the_explorer_asks_nobody_else_and_makes_no_error(
    explored: dict[str, Any], attacked: dict[str, Any]
) -> None:
    assert explored["outside"] == [] == attacked["outside"]
    assert explored["errors"] == [] == attacked["errors"]


MAIN = "/etc/containers/registries.conf"
GOOD = list(b'unqualified-search-registries = ["docker.io"]\n')
DROPPED = (
    [["binary", [0xFF, 0xD8, 0x00]], ["large", [0x23] * 1_000_001]],
    [["registries.conf", GOOD], ["50-own.conf", GOOD]],
    [["another.conf", GOOD]],
)


def test_dropped_files_take_the_examples_place_and_come_along_to_the_other_language(
    base: str, tmp_path: Path
) -> None:
    told = drive(base, tmp_path, dropped=DROPPED)
    refused, two, third = told["dropped"]
    assert refused["places"] == [MAIN]  # the example
    assert "binary is not UTF-8" in refused["status"] and "large has more than 1 MB" in refused["status"]
    assert two == {"places": [MAIN, f"{MAIN}.d/50-own.conf"], "status": "Ready."}
    places = [*two["places"], f"{MAIN}.d/50-mine.conf"]
    assert third["places"] == places
    assert told["switched"]["name"] == "quay.io/team/app" and told["switched"]["places"] == places
    assert "哪一行" in told["switched"]["title"]
    assert len(told["labels"]) == len({*told["labels"]}) == 9  # no two say the same
    assert told["focus"] == "undo"
    assert told["outside"] == [] == told["errors"]


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_text_is_shown_as_text(what: str, attacked: dict[str, Any]) -> None:
    seen = attacked["hostile"][what]
    assert seen["ran"] == 0
    assert "\x1b" not in seen["answer"] and "\u202e" not in seen["answer"]
    if "fragment" in HOSTILE[what]:
        assert seen["status"].startswith("This link is damaged") and seen["file"] > 0  # the example instead


def test_the_site_is_as_small_as_promised() -> None:
    site = Path(SITE)
    assert sum(path.stat().st_size for path in site.rglob("*") if path.is_file()) < 80e6
    page = [*(site / "explorer").iterdir(), *(site / "live" / "static" / "pyodide").iterdir()]
    loaded = sum(len(gzip.compress(path.read_bytes(), 6)) for path in page if path.name != "pyodide.js")
    assert loaded < 10e6


def test_pages_fit_their_windows(base: str, tmp_path: Path) -> None:
    shots = os.environ.get("REGTOOLS_SHOTS")
    told = drive(base, tmp_path, pages=PAGES, shots=shots)
    assert told["outside"] == [] and told["errors"] == []
    wide = {page: width for page, width in told["widths"].items() if width > int(page.split()[1])}
    assert not wide


def test_the_search_finds_words_of_each_language(base: str, tmp_path: Path) -> None:
    asked = [{"place": "zh/" * path.startswith("zh/"), "words": words} for words, path in SEARCHES.items()]
    told = drive(base, tmp_path, searches=asked)
    assert told["outside"] == [] and told["errors"] == []
    missing = {words: path for words, path in SEARCHES.items() if f"/{path}" not in told["found"][words]}
    assert not missing, told["found"]
