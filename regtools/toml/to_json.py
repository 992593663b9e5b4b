"""TOML to JSON: one document in, one JSON value out.

JSON keeps what TOML says wherever it can: source order, every digit of an integer, the shortest form of a
float. What JSON has no form for is an error or a choice of the caller, never a guess: infinities, NaN and
integers that other readers of JSON would round. Dates and times become RFC 3339 strings.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from datetime import date, datetime, time

from regtools.errors import TomlError, unreadable
from regtools.values import TYPE_CHECKING

from .faults import error_at, extent_of
from .reader import EXACT, MAX_BYTES, Note, check_values, decode, parse, precision_notes

if TYPE_CHECKING:
    from typing import Any, Final

BIGINT: Final = ("number", "string", "error")
NONFINITE: Final = ("error", "null", "string")
_CONTROLS: Final = "[\x7f-\x9f\u2028\u2029]"  # json.dumps does not escape these controls and line breaks


class Options:
    """How to read TOML and how to write JSON; :func:`toml_to_json` explains each choice."""

    def __init__(
        self,
        toml: str = "1.1",
        tagged: bool = False,
        indent: int | None = 2,
        compact: bool = False,
        sort_keys: bool = False,
        ascii: bool = False,
        bigint: str = "number",
        nonfinite: str = "error",
        wide_integers: bool = False,
        max_bytes: int | None = MAX_BYTES,
        file: str | None = None,
    ) -> None:
        self.toml, self.wide_integers, self.max_bytes, self.file = toml, wide_integers, max_bytes, file
        self.tagged, self.bigint, self.nonfinite = tagged, bigint, nonfinite
        self.indent, self.compact, self.sort_keys, self.ascii = indent, compact, sort_keys, ascii


def toml_to_json(
    source: str | bytes | os.PathLike[str],
    *,
    toml: str = "1.1",
    tagged: bool = False,
    indent: int | None = 2,
    compact: bool = False,
    sort_keys: bool = False,
    ascii: bool = False,
    bigint: str = "number",
    nonfinite: str = "error",
    wide_integers: bool = False,
    max_bytes: int | None = MAX_BYTES,
    file: str | None = None,
) -> str:
    """Turn TOML into JSON (RFC 8259) that ends with one newline.

    Args:
        source: text, UTF-8 bytes, or a path-like object whose file is read.
        toml: dialect, ``"1.1"`` or ``"1.0"`` (what podman 4 and 5 read).
        tagged: write each scalar as ``{"type": ..., "value": "text"}``, the form of the public TOML test
            suite. A table that itself has the keys ``type`` and ``value`` is written as it is.
        indent: spaces a level; None for one line with spaces after ``,`` and ``:``.
        compact: one line without any spaces; wins over ``indent``.
        sort_keys: sort names instead of keeping the order of their first appearance.
        ascii: write everything beyond ASCII as escapes.
        bigint: what becomes of integers beyond 2**53, which JavaScript and jq round: ``"number"`` keeps
            all digits, ``"string"`` writes a string, ``"error"`` refuses.
        nonfinite: what becomes of inf and nan: ``"error"``, ``"null"`` or ``"string"``.
        wide_integers: allow integers outside 64 bits, up to 4300 digits.
        max_bytes: longest input; None for no limit.
        file: name to show in errors; a path-like source brings its own.

    Raises:
        TomlError: the text is not acceptable TOML, or cannot be shown as JSON.
        RegtoolsError: ``file-missing`` or ``file-unreadable`` for a path-like source.

    >>> print(toml_to_json('location = "quay.io"'), end="")
    {
      "location": "quay.io"
    }
    """
    if isinstance(source, os.PathLike):
        file = file or os.fspath(source)
        source = read_file(source, max_bytes=max_bytes)
    elif not isinstance(source, str | bytes):
        raise TypeError(f"source must be text, bytes or a path, not {type(source).__name__}")
    options = Options(
        toml, tagged, indent, compact, sort_keys, ascii, bigint, nonfinite, wide_integers, max_bytes, file
    )
    return convert(source, options)[0]


def convert(source: str | bytes, options: Options) -> tuple[str, tuple[Note, ...]]:
    """Do the work of :func:`toml_to_json`; return the notes (``bom``, ``precision-lost``) as well."""
    for name, choices in (("bigint", BIGINT), ("nonfinite", NONFINITE)):
        if getattr(options, name) not in choices:
            raise ValueError(f"{name} must be one of {', '.join(choices)}, not {getattr(options, name)!r}")
    file, tagged = options.file, options.tagged
    text, notes = decode(source, file=file, max_bytes=options.max_bytes)
    del source  # the largest object by far, after the text
    data = parse(text, toml=options.toml, file=file)
    plain = check_values(data, text, file=file, wide_integers=options.wide_integers or tagged)
    if tagged:
        data = _replace(data, _tag)
    elif not plain:
        data = _replace(data, _Plain(data, text, options))
    if not plain:
        notes += precision_notes(text, file)
    del text
    result = json.dumps(
        data,
        indent=None if options.compact else options.indent,
        separators=(",", ":") if options.compact else None,
        sort_keys=options.sort_keys,
        ensure_ascii=options.ascii,
        allow_nan=False,
    )
    del data
    if not result.isascii() or "\x7f" in result:
        result = re.sub(_CONTROLS, lambda found: f"\\u{ord(found[0]):04x}", result)
    return result + "\n", notes


def read_file(path: str | os.PathLike[str], *, max_bytes: int | None = MAX_BYTES) -> bytes:
    """Read a file's bytes, one more than the limit at most.

    Raises:
        RegtoolsError: ``file-missing`` or ``file-unreadable``, stage ``load``.
    """
    name = os.fspath(path)
    try:
        with open(name, "rb") as stream:  # noqa: PTH123 - pathlib costs as much to import as tomli
            return stream.read(-1 if max_bytes is None else max_bytes + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        problem = unreadable(name, error)
        if problem.kind == "file-missing":
            problem.message = "there is no such file"
        raise problem from error


def _replace(data: Any, scalar: Callable[[Any], Any]) -> Any:
    """Return a copy of ``data`` with each scalar replaced; never recurses."""
    root: Any = type(data)()
    todo: list[tuple[Any, Any]] = [(data, root)]
    while todo:
        old, new = todo.pop()
        for key, value in old.items() if type(old) is dict else enumerate(old):
            kind = type(value)
            if kind is dict or kind is list:
                fresh: Any = kind()
                todo.append((value, fresh))
            else:
                fresh = scalar(value)
            if type(new) is dict:
                new[key] = fresh
            else:
                new.append(fresh)
    return root


class _Plain:
    """Turns the scalars that JSON has no form for into ones that it has."""

    def __init__(self, data: dict[str, Any], text: str, options: Options) -> None:
        self.data = data
        self.text = text
        self.options = options

    def __call__(self, value: Any) -> Any:
        kind = type(value)
        if kind is str or kind is bool:
            return value
        if kind is int:
            return value if -EXACT <= value <= EXACT else self._big(value)
        if kind is float:
            return value if value - value == 0.0 else self._infinite(value)
        return _moment(value)

    def _big(self, value: int) -> int | str:
        if self.options.bigint != "error":
            return value if self.options.bigint == "number" else str(value)
        message = "integer is beyond 2^53, where JavaScript and jq round"
        raise self._error(value, message, "integer-range", 'allow it as "number" or "string" with bigint')

    def _infinite(self, value: float) -> str | None:
        if self.options.nonfinite == "error":
            hint = 'choose nonfinite "null" or "string" to convert it'
            raise self._error(value, f"JSON has no form for {value!r}", "nonfinite", hint)
        return None if self.options.nonfinite == "null" else repr(value)

    def _error(self, value: object, message: str, code: str, hint: str) -> TomlError:
        extent = extent_of(value, self.data, self.text)
        return error_at(self.text, *extent, message, code=code, file=self.options.file, hint=hint)


def _tag(value: Any) -> dict[str, str]:
    kind = type(value).__name__
    if kind == "bool":
        return {"type": "bool", "value": "true" if value else "false"}
    if kind == "int":
        return {"type": "integer", "value": str(value)}
    if kind == "float":
        return {"type": "float", "value": repr(value)}  # Python's inf and nan are TOML's words, too
    if kind == "str":
        return {"type": "string", "value": value}
    local = "" if getattr(value, "tzinfo", None) else "-local"
    return {"type": kind + local, "value": _moment(value)}


def _moment(value: datetime | date | time) -> str:
    """Write a date or time as RFC 3339 does, with 0, 3 or 6 digits of the second's fraction."""
    microsecond = getattr(value, "microsecond", None)
    if microsecond is None:
        return value.isoformat()
    spec = "seconds" if not microsecond else "microseconds" if microsecond % 1000 else "milliseconds"
    text: str = value.isoformat(timespec=spec)  # type: ignore[call-arg]
    return text[:-6] + "Z" if text.endswith("+00:00") else text
