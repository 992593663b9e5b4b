r"""Lines that are not TOML, written as they were meant.

Each mend takes the lines of a file and the reader's error, and returns the lines that change. Which mend
applies is decided by the error's code. A mend may guess: the text is read again with it, and a fix is shown
only if it has been proven.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

import tomli

from regtools.errors import TomlError

from ..writing import quote

_QUOTES = str.maketrans("“”„‟«»「」『』＂‘’‚‛‹›＇", '"' * 11 + "'" * 7)
_WIDE = {"、": ",", "。": ".", "【": "[", "】": "]", "〔": "[", "〕": "]", "—": "-", "–": "-"}
_TRUE, _FALSE = ("true", "yes", "on", "y", "enabled"), ("false", "no", "off", "n", "disabled")
_SINGLE = re.compile(r"(\s*)\[(registry(?:\.mirror)?)\](\s*(?:#.*)?)")
_PLURAL = re.compile(r"\s*\[\[(?:registries|registrys)\]\]\s*")
_MIRROR = re.compile(r"(\s*)mirror(?=\s*=)")
_STATEMENT = re.compile(r"\s*[^\[\s].*[=:＝：/].*")
_WORD = re.compile(r"[\w./:*@+-]+")


def _value(text: str) -> str:
    """Return a value that TOML reads, in quotes if it must be; one with faulty quotes is the next fault."""
    if any(char in "\"'" or ord(char) in _QUOTES for char in text):
        return text
    try:
        tomli.loads(f"x = {text}")
    except (ValueError, RecursionError):
        return quote(text)
    return text


def _colon(line: str, start: int, end: int) -> str | None:
    value = line[end:].strip().lstrip("= ")
    return f"{line[:start].rstrip()} = {_value(value)}" if value else None


def _equals(line: str, start: int, end: int) -> str | None:
    value = line[start:].partition("#")[0].strip()
    return f"{line[:start].rstrip()} = {_value(value)}" if value else None


def _doubled(line: str, start: int, end: int) -> str:
    closing = _WORD.sub("", line[end:], count=1)
    rest = line[end:]
    if closing.startswith(line[start:end]):  # doubled at the other end, too
        rest = rest.replace(line[start:end], line[start], 1)
    space = "" if line[:start][-1:].isspace() else " "
    return line[:start] + space + line[start] + rest


def _wide(line: str, start: int, end: int) -> str:
    plain = _WIDE.get(line[start]) or unicodedata.normalize("NFKC", line[start])
    if plain == ":" and "=" not in line[:start]:
        plain = "="
    return line[:start] + plain + line[end:]


def _boolean(line: str, start: int, end: int) -> str:
    word = line[start:end].lower()
    return line[:start] + ("true" if word in _TRUE else "false" if word in _FALSE else word) + line[end:]


def _closed(line: str, start: int, end: int) -> str | None:
    word = _WORD.match(line, start + 1)
    if word is None:
        return None
    rest = line[word.end() :]
    return line[: word.end()] + line[start] + (rest[1:] if rest[:1] in ("'", '"') else rest)


def _escape(line: str, start: int, end: int) -> str | None:
    found = next((m for m in re.finditer(r'"([^"\']*)"', line) if m.start() < start < m.end()), None)
    return f"{line[: found.start()]}'{found[1]}'{line[found.end() :]}" if found else None


def _header(line: str, start: int, end: int) -> str:
    name = line.partition("#")[0].replace(" ", "").strip("[]\t\r")
    brackets = 2 if line.replace(" ", "").startswith("[[") else 1
    return "[" * brackets + name + "]" * brackets


_MENDS: dict[str, Callable[[str, int, int], str | None]] = {
    "unquoted-value": lambda line, start, end: line[:start] + quote(line[start:end]) + line[end:],
    "unquoted-key": lambda line, start, end: line[:start] + quote(line[start:end]) + line[end:],
    "missing-opening-quote": lambda line, start, end: line[:start] + line[end - 1] + line[start:],
    "colon-for-equals": _colon,
    "missing-equals": _equals,
    "doubled-quote": _doubled,
    "curly-quote": lambda line, start, end: line.translate(_QUOTES),
    "wide-punctuation": _wide,
    "wrong-boolean": _boolean,
    "unclosed-string": _closed,
    "bad-escape": _escape,
    "odd-space": lambda line, start, end: f"{line[:start]} {line[end:]}",
    "control-character": lambda line, start, end: line[:start] + line[end:],
    "foreign-comment": lambda line, start, end: (
        f"{line[:start]}#{line[end:]}" if line[start] in "/;" else None
    ),
    "missing-comma": lambda line, start, end: f"{line[:start]},{line[start:]}",
    "unclosed-array": lambda line, start, end: f"{line.rstrip().rstrip(',')}]" if "#" not in line else None,
    "spaced-header": _header,
    "unclosed-header": _header,
    "text-after-value": lambda line, start, end: (
        line[:start].rstrip() if not line[start:].strip("]} ") else None
    ),
}
# Faults that end with their line: the rest of the file can be read without it.
_LOCAL = frozenset(_MENDS) - {"unclosed-array", "missing-comma", "spaced-header", "unclosed-header"}
_LOCAL |= {"missing-value", "bad-number", "bad-date", "append-operator"}
# Faults of [registry] in single brackets where it has to be a list of tables.
_BRACKETS = frozenset({"table-vs-array", "duplicate-table"})


def mended(lines: list[str], error: TomlError) -> dict[int, str]:
    """Return the lines that mend a fault: index from 0 → new line. Empty if there is no mend."""
    if error.code in _BRACKETS:
        return doubled_brackets(lines) or _listed(lines)
    if error.code == "mirror-before-registry":
        return {index: "[[registry]]" for index, line in enumerate(lines) if _PLURAL.fullmatch(line)}
    mend = _MENDS.get(error.code)
    if mend is None or error.line is None or error.column is None or error.end_column is None:
        return {}
    whole = lines[error.line - 1]
    line = whole.removesuffix("\r")
    better = mend(line, error.column - 1, error.end_column - 1)
    return {} if better is None or better == line else {error.line - 1: better + whole[len(line) :]}


def _listed(lines: list[str]) -> dict[int, str]:
    """Return ``mirrors = ...`` for ``mirror = ...`` beside such tables; the rules make tables of it."""
    found = ((index, _MIRROR.match(line)) for index, line in enumerate(lines))
    return {index: f"{one[1]}mirrors{lines[index][one.end() :]}" for index, one in found if one}


def doubled_brackets(lines: list[str]) -> dict[int, str]:
    """Return ``[[registry]]`` and ``[[registry.mirror]]`` for the headers in single brackets."""
    found = ((index, _SINGLE.fullmatch(line)) for index, line in enumerate(lines))
    return {index: f"{one[1]}[[{one[2]}]]{one[3]}" for index, one in found if one}


def blanked(line: str, error: TomlError) -> str | None:
    """Return a faulty line as blanks; None if it may be a part of something longer."""
    known = error.code in _LOCAL or error.code == "duplicate-key"
    return " " * len(line) if known and _STATEMENT.fullmatch(line) else None
