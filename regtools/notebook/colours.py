"""TOML and JSON as HTML with coloured words: inline styles only, readable on a white and on a black page."""

from __future__ import annotations

import re
from typing import Final

from regtools.display import escape

# The contrast of each with white and with JupyterLab's black is at least 4; the rest has the page's own ink.
STYLES: Final = {
    "comment": "color:#767676;font-style:italic",
    "header": "color:#2f7ad1;font-weight:bold",
    "key": "color:#2f7ad1",
    "text": "color:#2e8540",
    "literal": "color:#bd5f00",
}
_WORD: Final = r"""(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')"""
# A quote that is not closed is text up to its line's end, so that no search begins again.
_TOML: Final = re.compile(
    r"(?P<comment>#[^\n]*+)"
    rf"|(?P<key>(?:^|(?<=[{{,]))[ \t]*+{_WORD}(?:[ \t]*+\.[ \t]*+{_WORD})*+(?=[ \t]*+=))"
    r"|(?P<header>^[ \t]*+\[[^\n=#]*\](?=[ \t]*+(?:#|$)))"
    r'|(?P<text>"""(?:\\.|[^\\"]|"(?!""))*+(?:"{3,5}|$)|"(?:\\.|[^"\\\n])*+(?:"|$|\\)'
    r"|'''(?:[^']|'(?!''))*+(?:'{3,5}|$)|'[^'\n]*+(?:'|$))"
    r"|(?P<literal>(?<![\w.-])(?:true|false|[+-]?(?:inf|nan|\d[\w:.+-]*+(?: \d\d:[\d:.]++)?))(?![\w-]))",
    re.MULTILINE | re.DOTALL,
)
_JSON: Final = re.compile(
    r'(?P<key>"(?:\\.|[^"\\\n])*+"(?=\s*+:))|(?P<text>"(?:\\.|[^"\\\n])*+(?:"|$|\\))'
    r"|(?P<literal>(?<![\w.-])(?:true|false|null|-?\d[\d.eE+-]*+))",
    re.MULTILINE,
)


def coloured_toml(text: str) -> str:
    """Return TOML as HTML.

    >>> coloured_toml("a = 1")
    '<span style="color:#2f7ad1">a</span> = <span style="color:#bd5f00">1</span>'
    """
    return _coloured(_TOML, text)


def coloured_json(text: str) -> str:
    """Return JSON as HTML."""
    return _coloured(_JSON, text)


def _coloured(pattern: re.Pattern[str], text: str) -> str:
    parts, at = [], 0
    for found in pattern.finditer(text):
        parts += [escape(text[at : found.start()]), _span(str(found.lastgroup), found[0])]
        at = found.end()
    return "".join([*parts, escape(text[at:])])


def _span(kind: str, text: str) -> str:
    words = text.lstrip(" \t")
    return f'{text[: len(text) - len(words)]}<span style="{STYLES[kind]}">{escape(words)}</span>'
