"""The sources of the Chinese edition: Markdown blocks under marks, and TOML tables.

A block of a Markdown source begins with its mark, the name and the hash of the English text that it translates::

    <!-- the-story 42068f2c -->
    中文……

Beside it may be the English text, for the eye (``<!-- en`` … ``-->``), and terms that it uses in another sense
(``<!-- other: image -->``). Neither is built.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from regtools.toml.reader import read
from tests.notebooks.zh.english import Unit

MARK = re.compile(r"^<!-- ([\w:.-]+) ([0-9a-f]{8}) -->$", re.MULTILINE)
QUOTED = re.compile(r"^<!-- en\n.*?^-->\n?", re.MULTILINE | re.DOTALL)
OTHER = re.compile(r"^<!-- other: (.+) -->\n?", re.MULTILINE)


class Block(NamedTuple):
    """A translated block: the hash of its English text, the Chinese, and terms used in another sense."""

    of: str
    chinese: str
    other: tuple[str, ...] = ()


def read_blocks(unit: Unit) -> dict[str, Block]:
    """Return the blocks of a Markdown source by name, empty ones as well."""
    text = unit.source.read_text("utf-8") if unit.source.exists() else ""
    parts = MARK.split(QUOTED.sub("", text))
    return {
        name: _block(of, body) for name, of, body in zip(parts[1::3], parts[2::3], parts[3::3], strict=True)
    }


def _block(of: str, body: str) -> Block:
    other = tuple(word.strip() for found in OTHER.findall(body) for word in found.split(","))
    return Block(of, OTHER.sub("", body).strip("\n"), other)


def read_table(unit: Unit) -> dict[str, Any]:
    """Return a TOML source; empty where there is none."""
    if not unit.source.exists():
        return {}
    return dict(read(unit.source.read_bytes(), file=unit.key).data)
