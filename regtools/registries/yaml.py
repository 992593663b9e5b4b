"""A reader for the YAML of configuration files of registries, which is little of YAML.

Mappings, lists, scalars in and out of quotes, lists and mappings in brackets on one line, comments. Anchors,
tags, texts of several lines and several documents are refused with their line, never guessed.

Source: YAML 1.2, chapters 7 and 8.
"""

from __future__ import annotations

import json
import re

from regtools.errors import Place, RegtoolsError
from regtools.values import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Any, NoReturn

_SCALAR = r'"(?:[^"\\]|\\.)*"|\'(?:[^\']|\'\')*\''
_KEY = re.compile(rf"({_SCALAR}|[^\s\"'\[\]{{}}&*!|>%@`#,-].*?|-(?:\S.*?)?)\s*:(?:\s+|$)")
_CONTENT = re.compile(rf"(?:(?<![^\s\[{{,])(?:{_SCALAR})|(?<=\S)#|[^#])*")  # of a line, without its comment
_FLOW = re.compile(
    rf"\s*({_SCALAR}|[\[\]{{}},]|:(?=\s|[\[{{\"']|$)|[^\[\]{{}},\"'\s](?:[^\[\]{{}},:]|:(?!\s))*)\s*"
)
_WORDS = {"true": True, "false": False, "null": None, "~": None, "": None}
_DEEPEST = 50


class _Line(NamedTuple):
    number: int
    indent: int
    text: str


class _Reader:
    def __init__(self, text: str, file: str | None) -> None:
        self.file = file
        self.source = text.split("\n")
        self.lines: list[_Line] = []
        self.at = 0
        for number, raw in enumerate(self.source, 1):
            found = _CONTENT.match(raw)
            line = found[0].rstrip() if found else ""
            if line in ("---", "...") and not self.lines:
                continue
            if line:
                self.lines.append(_Line(number, len(line) - len(line.lstrip(" ")), line.strip(" ")))

    def refuse(self, line: _Line | None, why: str) -> NoReturn:
        number = line.number if line else len(self.source)
        raise RegtoolsError(
            f"this YAML is not understood: {why}",
            kind="yaml-syntax",
            stage="load",
            where=Place(self.file, number, (line.indent if line else 0) + 1),
            hint="mappings, lists and texts on one line are read, no anchors, tags or blocks",
        )  # without the line itself, which may be a password

    def block(self, indent: int, deep: int = 0) -> Any:
        """Read the lines from here on that are indented as far."""
        first = self.lines[self.at]
        if deep > _DEEPEST:
            self.refuse(first, "it is nested too deeply")
        if first.text.startswith("--- "):
            self.refuse(first, "something follows the --- on its line")
        if first.text[0] == "\t":
            self.refuse(first, "a tab cannot indent a line")
        if first.text == "-" or first.text.startswith("- "):
            return self._list(indent, deep)
        if _KEY.match(first.text):
            return self._mapping(indent, deep)
        self.at += 1
        return self._scalar(first, first.text)

    def _list(self, indent: int, deep: int) -> list[Any]:
        items = []
        while (line := self._here(indent)) and (line.text == "-" or line.text.startswith("- ")):
            rest = line.text[1:].lstrip(" ")
            if rest:  # what follows the dash is a block of its own, as far in as it is written
                inner = indent + len(line.text) - len(rest)
                self.lines[self.at] = _Line(line.number, inner, rest)
                items.append(self.block(inner, deep + 1))
            else:
                self.at += 1
                items.append(self._below(indent, deep))
        return items

    def _mapping(self, indent: int, deep: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while line := self._here(indent):
            key = _KEY.match(line.text)
            if key is None:
                self.refuse(line, "here a KEY: is expected")
            name = str(self._scalar(line, key[1], key=True))
            if name in found:
                self.refuse(line, f"{name!r} is there twice")
            self.at += 1
            rest = line.text[key.end() :]
            found[name] = self._scalar(line, rest) if rest else self._below(indent, deep, dash=True)
        return found

    def _here(self, indent: int) -> _Line | None:
        """Return the next line of a block; None at its end."""
        if self.at == len(self.lines) or self.lines[self.at].indent < indent:
            return None
        line = self.lines[self.at]
        if line.indent > indent:
            self.refuse(line, "it is indented further than what it follows")
        if line.text in ("---", "..."):
            self.refuse(line, "there is a second document")
        return line

    def _below(self, indent: int, deep: int, *, dash: bool = False) -> Any:
        """Read the block below a key or a dash; nothing there is null. A list may be as far in as its key."""
        if self.at == len(self.lines):
            return None
        line = self.lines[self.at]
        list_here = dash and line.indent == indent and (line.text == "-" or line.text.startswith("- "))
        return self.block(line.indent, deep + 1) if line.indent > indent or list_here else None

    def _scalar(self, line: _Line, text: str, *, key: bool = False) -> Any:
        if text[:1] in ("[", "{") and not key:
            return self._flow(line, text)
        if text[:1] in "&*!|>%@`" and text:
            self.refuse(line, f"{text[0]} has a meaning of its own in YAML")
        if text[:1] == '"':
            try:
                return json.loads(text)
            except ValueError:
                self.refuse(line, "a text in quotes ends otherwise than it begins")
        if text[:1] == "'":
            if len(text) < 2 or text[-1] != "'" or "'" in text[1:-1].replace("''", ""):
                self.refuse(line, "a text in quotes ends otherwise than it begins")
            return text[1:-1].replace("''", "'")
        if text[-1:] == ":" or (any(sign in text for sign in "\"'") and any(sign in text for sign in "#:")):
            self.refuse(line, "a text with such signs inside needs quotes around it")
        return text if key else _WORDS.get(text.lower(), text)

    def _flow(self, line: _Line, text: str) -> Any:
        """Read a list or mapping in brackets that ends on its line."""
        tokens, pos = [], 0
        while pos < len(text):
            token = _FLOW.match(text, pos)
            if token is None or token.end() == pos:
                self.refuse(line, "something in brackets is neither text nor list")
            tokens.append(token[1].strip())
            pos = token.end()
        tokens.reverse()
        value = self._flow_value(line, tokens, 0)
        if tokens:
            self.refuse(line, "there is more after the last bracket")
        return value

    def _flow_value(self, line: _Line, tokens: list[str], deep: int) -> Any:
        if not tokens or deep > _DEEPEST:
            self.refuse(line, "brackets that are not closed on their line")
        token = tokens.pop()
        if token not in ("[", "{"):
            return self._scalar(line, token)
        end = "]" if token == "[" else "}"
        items: list[Any] = []
        pairs: dict[str, Any] = {}
        while tokens and tokens[-1] != end:
            value = self._flow_value(line, tokens, deep + 1)
            if token == "{":
                if not tokens or tokens.pop() != ":":
                    self.refuse(line, "a mapping in brackets needs KEY: VALUE")
                pairs[str(value)] = self._flow_value(line, tokens, deep + 1)
            items.append(value)
            if tokens and tokens[-1] == ",":
                tokens.pop()
            elif tokens and tokens[-1] != end:
                self.refuse(line, "a comma is missing in brackets")
        if not tokens:
            self.refuse(line, "brackets that are not closed on their line")
        tokens.pop()
        return pairs if token == "{" else items


def read_yaml(text: str, *, file: str | None = None) -> Any:
    """Read one document: tables, lists, texts, booleans and null; numbers stay texts.

    >>> read_yaml("mirrors:\\n  docker.io:\\n    endpoint: ['https://m.example']  # near\\n")
    {'mirrors': {'docker.io': {'endpoint': ['https://m.example']}}}

    Raises:
        RegtoolsError: kind ``yaml-syntax``.
    """
    reader = _Reader(text.replace("\r\n", "\n"), file)
    if not reader.lines:
        return None
    value = reader.block(reader.lines[0].indent)
    if reader.at < len(reader.lines):
        reader.refuse(reader.lines[reader.at], "it belongs to nothing above it")
    return value
