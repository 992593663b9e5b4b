"""Reading TOML: bytes to text to values, every failure a :class:`TomlError` with a place.

Three steps, each usable alone::

    bytes ── decode ─▶ text ── parse ─▶ dict ── check_values ─▶ TomlDocument      (read does all three)

The values come from tomli on every Python: the ``tomllib`` of 3.11 to 3.13 reads TOML 1.0 only. The diagnosis
of mistakes and the positions are loaded only for text that needs them, because starting up is most of what a
short conversion costs.
"""

from __future__ import annotations

import re

import tomli

from regtools.display import visible
from regtools.errors import Place
from regtools.values import TYPE_CHECKING, Frozen

from . import faults
from .toml10 import check_toml10

if TYPE_CHECKING:
    from typing import Any, Final

    from .positions import Path

MAX_BYTES: Final = 16 * 1024 * 1024
INT64: Final = range(-(2**63), 2**63)
EXACT: Final = 2**53  # beyond this, JavaScript and jq round integers
DIALECTS: Final = ("1.0", "1.1")
_LONG_FRACTION: Final = r":\d\d\.\d{7}"


def read(
    source: str | bytes,
    *,
    toml: str = "1.1",
    file: str | None = None,
    max_bytes: int | None = MAX_BYTES,
    wide_integers: bool = False,
) -> TomlDocument:
    """Read TOML whole: decode, parse, and check every value's range and depth.

    Args:
        source: text, or bytes in UTF-8; one byte-order mark at the start is dropped and noted.
        toml: ``"1.1"``, or ``"1.0"`` as podman 4 and 5 read it.
        file: name to show in errors.
        max_bytes: longest input in bytes; None for no limit.
        wide_integers: allow integers outside 64 bits, up to 4300 digits.

    Raises:
        TomlError: for anything that is not acceptable TOML, with code, line, column and hint.
    """
    text, notes = decode(source, file=file, max_bytes=max_bytes)
    data = parse(text, toml=toml, file=file)
    check_values(data, text, file=file, wide_integers=wide_integers)
    return TomlDocument(text, data, notes)


def decode(
    source: str | bytes, *, file: str | None = None, max_bytes: int | None = MAX_BYTES
) -> tuple[str, tuple[Note, ...]]:
    """Return the text of the input without a byte-order mark, and notes; never guess an encoding.

    Raises:
        TomlError: ``too-large``, ``utf16`` or ``not-utf8``.
    """
    if max_bytes is not None and len(source) > max_bytes:
        raise faults.too_large(max_bytes, file)
    if isinstance(source, str):
        text = source
        if not text.isascii():
            faults.check_characters(text, file, max_bytes)
    else:
        text = _decode_bytes(source, file)
    if text.startswith("\ufeff"):
        message = "byte-order mark at the start, not needed and ignored"  # podman drops it, too
        return text[1:], (Note("bom", message, Place(file, 1, 1)),)
    return text, ()


def _decode_bytes(data: bytes, file: str | None) -> str:
    try:
        if data.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in data[:64]:
            raise faults.utf16(data, file)
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise faults.not_utf8(data, error, file) from error


def parse(text: str, *, toml: str = "1.1", file: str | None = None) -> dict[str, Any]:
    """Parse decoded text; :func:`check_values` checks ranges and depth of the values.

    Raises:
        TomlError: the first thing that the dialect does not allow.
        ValueError: for a dialect other than "1.0" and "1.1".
    """
    if toml not in DIALECTS:
        raise ValueError(f"toml must be one of {', '.join(DIALECTS)}, not {toml!r}")
    try:
        data = tomli.loads(text)
    except tomli.TOMLDecodeError as error:
        from .diagnosis import diagnose

        raise diagnose(text, error, file=file) from error
    except RecursionError as error:
        raise faults.too_deep(text, file) from error
    except ValueError as error:  # int() refuses more digits than sys.set_int_max_str_digits allows
        raise faults.too_many_digits(text, file) from error
    if toml == "1.0":
        check_toml10(text, file=file)
    return data


def check_values(
    data: dict[str, Any], text: str, *, file: str | None = None, wide_integers: bool = False
) -> bool:
    """Check range and depth of all values, level by level; return whether JSON has a form for each.

    Raises:
        TomlError: ``integer-range``, ``float-range`` or ``too-deep``, with the place.
    """
    plain, infinite = True, False
    level: list[Any] = [data]
    depth = 0
    while level:
        deeper: list[Any] = []
        for container in level:
            for value in container.values() if type(container) is dict else container:
                kind = type(value)
                if kind is str or kind is bool:
                    continue
                if kind is dict or kind is list:
                    deeper.append(value)
                elif kind is int:
                    if value not in INT64:
                        faults.check_wide(value, data, text, file, wide_integers=wide_integers)
                    plain = plain and -EXACT <= value <= EXACT
                elif kind is float:
                    if value - value != 0.0:  # inf and nan
                        infinite = infinite or value == value
                        plain = False
                else:
                    plain = False
        level = deeper
        depth += bool(deeper)
        if depth >= faults.MAX_DEPTH:
            faults.check_depth(depth, text, file)
    if infinite:
        faults.check_infinities(text, file)
    return plain


class Note(Frozen):
    """A remark about accepted text; ``code`` is ``bom`` or ``precision-lost``."""

    __slots__ = __match_args__ = ("code", "message", "where")
    code: str
    message: str
    where: Place

    def __init__(self, code: str, message: str, where: Place) -> None:
        self._set(code, message, where)

    def __str__(self) -> str:
        return visible(f"{self.where}: note: {self.message} [{self.code}]")


class TomlDocument(Frozen):
    """An accepted text: without its byte-order mark, its values in source order, and notes."""

    __slots__ = __match_args__ = ("text", "data", "notes")
    text: str
    data: dict[str, Any]
    notes: tuple[Note, ...]

    def __init__(self, text: str, data: dict[str, Any], notes: tuple[Note, ...] = ()) -> None:
        self._set(text, data, notes)


def precision_notes(text: str, file: str | None) -> tuple[Note, ...]:
    """Return a note for each time whose digits after the sixth of the second's fraction tomli cut."""
    fraction = re.compile(_LONG_FRACTION)
    if not fraction.search(text):
        return ()
    from .positions import locate

    def cut(path: Path, start: int, end: int) -> bool:
        return text[start].isdigit() and fraction.search(text, start, end) is not None

    message = "digits after the sixth of a second's fraction are cut"
    return tuple(
        Note("precision-lost", message, Place(file, span.value_line, span.value_column))
        for span in locate(text, cut).values()
    )
