"""TOML and JSON in colour: nothing is lost, each word has its kind, and the colours can be read on both themes."""

from __future__ import annotations

import html
import re

import pytest

from regtools.notebook.colours import STYLES, coloured_json, coloured_toml
from regtools.notebook.magics import beside
from regtools.registries.checks import Finding, Findings
from tests.conftest import ROOT

KINDS = {style: kind for kind, style in STYLES.items()}
SPAN = re.compile(r'<span style="([^"]+)">(.*?)</span>', re.DOTALL)


def words(text: str) -> list[tuple[str, str]]:
    return [(KINDS[style], html.unescape(word)) for style, word in SPAN.findall(text)]


def test_toml_has_its_kinds() -> None:
    text = '# top\n[[registry]] # one\n"a b".c = "x#y"\nd = [1, true, 2024-05-01 07:32:00]\ne = {f = \'g\', h = -1.5e3}\n'
    assert words(coloured_toml(text)) == [
        *[("comment", "# top"), ("header", "[[registry]]"), ("comment", "# one"), ("key", '"a b".c')],
        *[
            ("text", '"x#y"'),
            ("key", "d"),
            ("literal", "1"),
            ("literal", "true"),
            ("literal", "2024-05-01 07:32:00"),
        ],
        *[("key", "e"), ("key", "f"), ("text", "'g'"), ("key", "h"), ("literal", "-1.5e3")],
    ]
    assert words(coloured_toml('a = """x\n[b]\n# c"""\n[d]')) == [
        *[("key", "a"), ("text", '"""x\n[b]\n# c"""'), ("header", "[d]")],
    ]
    assert words(coloured_toml("a = [\n  [1],\n]"))[0] == ("key", "a")


def test_json_has_its_kinds() -> None:
    assert words(coloured_json('{"a": ["b", 1, -2.5, true, null], "c:": {}}')) == [
        *[("key", '"a"'), ("text", '"b"'), ("literal", "1"), ("literal", "-2.5"), ("literal", "true")],
        *[("literal", "null"), ("key", '"c:"')],
    ]


FILES = sorted([*(ROOT / "data").rglob("*.conf"), *(ROOT / "tests" / "toml").rglob("*.toml")])


@pytest.mark.parametrize("colour", [coloured_toml, coloured_json])
def test_nothing_is_lost_and_nothing_becomes_markup(colour) -> None:  # type: ignore[no-untyped-def]
    texts = [path.read_text("utf-8", errors="replace") for path in FILES]
    assert len(texts) > 50
    for text in [*texts, "<b>&amp;", "a = '<script>'", '"' * 5000, "[" * 5000, "1" * 5000, "a." * 5000]:
        shown = colour(text)
        assert html.unescape(SPAN.sub(r"\2", shown)) == text
        assert not re.search(r"<(?!span style|/span>)", shown)


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def inks() -> dict[str, str]:
    """The colours of TOML and JSON, and those of the severities as a page of findings writes them."""
    severities = {
        word: Findings([Finding(word, "code", "message")])._repr_html_()
        for word in ("error", "warning", "note")
    }
    found = {
        kind: re.findall(r"(?<!-)color:(#[0-9a-f]{6})", page) for kind, page in (STYLES | severities).items()
    }
    assert all(len(colours) == 1 for colours in found.values()), found
    return {kind: colour for kind, [colour] in found.items()}


@pytest.mark.parametrize(("kind", "ink"), inks().items())
@pytest.mark.parametrize("ground", ["#ffffff", "#111111"])
def test_colours_can_be_read_on_both_themes(kind: str, ink: str, ground: str) -> None:
    light, dark = sorted((luminance(ink), luminance(ground)), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 4, kind


def test_the_columns_are_blocks_that_collapse() -> None:
    shown = beside('location = "quay.io"')._repr_html_()
    assert shown.count("display:inline-block") == shown.count("max-width:100%") == shown.count("<pre") == 2
    assert "<table" not in shown and "<style" not in shown and "class=" not in shown
