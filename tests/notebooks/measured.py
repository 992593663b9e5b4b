"""What is compared of a cell tagged ``measured``: its words, its rows and their order, not its numbers.

A number is masked with its sign, separators, exponent and unit; ``12 ms`` and ``1.2 s`` are both a time. A number
that belongs to a word stays (``mirror-2``, ``nginx:1.27``, ``sha256``), so rows are told apart by their words. The
port of a practice registry is another one in each run, and is masked. Runs
of blanks, rules and bars are masked as well, because their lengths follow the numbers' widths.
"""

from __future__ import annotations

import re

UNITS = {
    "time": "ns µs μs us ms s min h",
    "size": "bytes byte B kB KB MB GB KiB MiB GiB",
    "rate": "B/s kB/s MB/s GB/s KiB/s MiB/s bit/s kbit/s Mbit/s Gbit/s",
    "share": "%",
    "times": "x ×",
}
_KIND_OF = {unit: kind for kind, units in UNITS.items() for unit in units.split()}
_UNIT = "|".join(re.escape(unit) for unit in sorted(_KIND_OF, key=len, reverse=True))
_TAG = r"<[A-Za-z/!][^<>]*>"
# A sign is one only where no word ends before it; a digit within a word is a part of its name.
_NUMBER = re.compile(
    rf"(?P<tag>{_TAG})"
    r"|(?<![\w.:/@#])(?<![^\W\d]-)[+\-−]?(?:\d{1,3}(?:[,_'’\u00a0\u202f]\d{3})+|\d+)(?:\.\d+)?(?:[eE][+-]?\d+)?"
    rf"(?:[ \u00a0\u202f]?(?P<unit>{_UNIT}))?(?![\w/])"
)
_PORT = re.compile(r"(?<=\b127\.0\.0\.1:)\d{4,5}\b")
_BLANKS = re.compile(r"[ \t\u00a0\u202f]+")
_RULES = re.compile(r"[-─━═=_]{2,}")
_BARS = re.compile(r"[ \t]*[▀-▟]+[ \t]*")


def mask(text: str) -> str:
    """Return the text as it is compared.

    >>> mask("near   0.12 s   -----")
    'near #time ─'
    """
    masked = _NUMBER.sub(_masked, _PORT.sub("#", text))
    masked = _BLANKS.sub(" ", _RULES.sub("─", _BARS.sub("█", masked)))
    return "\n".join(line.strip() for line in masked.split("\n"))


def _masked(found: re.Match[str]) -> str:
    if found["tag"]:
        return found[0]
    return f"#{_KIND_OF[found['unit']]}" if found["unit"] else "#"
