"""Reading TOML: bytes to text to values, every failure a :class:`TomlError` with a place.

Three steps, each usable alone::

    bytes ── decode ─▶ text ── parse ─▶ dict ── check_values ─▶ TomlDocument      (read does all three)

The values come from tomli on every Python: the ``tomllib`` of 3.11 to 3.13 reads TOML 1.0 only. What is
slow or large (positions, the 1.0 rules, the diagnosis of errors) is imported when it is needed, which for
good text is never.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import tomli

from .errors import Place, TomlError

if TYPE_CHECKING:
    from typing import Any, Final

    from .positions import Path, Span

__all__ = ["MAX_BYTES", "MAX_DEPTH", "MAX_DIGITS", "Note", "TomlDocument", "decode", "parse", "read"]

MAX_BYTES: Final = 16 * 1024 * 1024
MAX_DEPTH: Final = 200  # tables and lists inside one another; also the parts of one key
MAX_DIGITS: Final = 4300  # of an integer; Python's own default for str(int)
INT64: Final = range(-(2**63), 2**63)
DIALECTS: Final = ("1.0", "1.1")

_BOM = "\ufeff"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_SURROGATE = re.compile("[\ud800-\udfff]")
# CJK ideographs, kana, and the punctuation that stands between them.
_CJK = re.compile("[\u3000-\u30ff\u4e00-\u9fff\uff00-\uff60]")
_LONG_INTEGER = re.compile(rf"[+-]?\d(?:_?\d){{{MAX_DIGITS}}}")


class Note(NamedTuple):
    """Something worth saying about text that was accepted: ``bom`` or ``precision-lost``."""

    code: str
    message: str
    where: Place

    def __str__(self) -> str:
        return f"{self.where}: note: {self.message} [{self.code}]"


class TomlDocument(NamedTuple):
    """An accepted text: without its byte-order mark, its values in source order, and notes."""

    text: str
    data: dict[str, Any]
    notes: tuple[Note, ...] = ()

    def positions(self) -> dict[Path, Span]:
        """Give where each key stands; scanned anew at each call."""
        from .positions import locate

        return locate(self.text)


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
    """Turn input into text without a byte-order mark; never guesses an encoding.

    Raises:
        TomlError: ``too-large``, ``utf16`` or ``not-utf8``.
    """
    if max_bytes is not None and len(source) > max_bytes:
        raise _too_large(max_bytes, file)
    if isinstance(source, str):
        text = source
        if not text.isascii():
            _check_characters(text, file, max_bytes)
    else:
        text = _decode_bytes(source, file)
    if text.startswith(_BOM):
        note = Note("bom", "byte-order mark at the start, not needed and ignored", Place(file, 1, 1))
        return text[1:], (note,)
    return text, ()


def parse(text: str, *, toml: str = "1.1", file: str | None = None) -> dict[str, Any]:
    """Parse decoded text; ranges and depth of the values are left to :func:`check_values`.

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
        raise _too_deep(text, file) from error
    except ValueError as error:  # int() refuses more digits than sys.set_int_max_str_digits allows
        raise _too_many_digits(text, file) from error
    if toml == "1.0":
        from .toml_dialect import check_toml10

        check_toml10(text, file=file)
    return data


def check_values(
    data: dict[str, Any], text: str, *, file: str | None = None, wide_integers: bool = False
) -> bool:
    """Check range and depth of all values, level by level; say whether each is a JSON value as it stands.

    Raises:
        TomlError: ``integer-range``, ``float-range`` or ``too-deep``, with the place.
    """
    plain = True
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
                        _check_wide(value, data, text, file, wide_integers)
                    if not -(2**53) <= value <= 2**53:
                        plain = False
                elif kind is float:
                    if value - value != 0.0:  # inf and nan
                        _check_written_infinity(value, data, text, file)
                        plain = False
                else:
                    plain = False
        level = deeper
        depth += bool(deeper)
        if depth >= MAX_DEPTH:
            _check_depth(depth, text, file)
    return plain


# -- what is wrong, and where; none of this runs for good text -------------------------------------------


def error_at(
    text: str,
    start: int,
    end: int,
    message: str,
    *,
    code: str,
    file: str | None = None,
    hint: str | None = None,
) -> TomlError:
    """Make an error that points at ``text[start:end]``, cut at the end of the line."""
    line_start = text.rfind("\n", 0, start) + 1
    line_end = text.find("\n", start)
    line_end = len(text) if line_end < 0 else line_end
    source_line = text[line_start:line_end]
    if source_line.endswith("\r"):
        source_line, line_end = source_line[:-1], line_end - 1
    return TomlError(
        message,
        code=code,
        where=Place(file, text.count("\n", 0, start) + 1, start - line_start + 1),
        offset=start,
        hint=hint,
        source_line=source_line,
        end_column=max(min(end, line_end), start + 1) - line_start + 1,
    )


def value_error(
    data: dict[str, Any],
    value: object,
    text: str,
    message: str,
    *,
    code: str,
    file: str | None,
    hint: str | None = None,
) -> TomlError:
    """Make an error that points at where ``value``, an object inside ``data``, is written."""
    from .positions import locate

    span = locate(text)[_path_of(data, value)]
    return error_at(text, span.value_start, span.value_end, message, code=code, file=file, hint=hint)


def _path_of(data: dict[str, Any], wanted: object) -> Path:
    stack: list[tuple[Path, Any]] = [((), data)]
    while stack:
        path, container = stack.pop()
        pairs = container.items() if type(container) is dict else enumerate(container)
        for key, value in pairs:
            if value is wanted:
                return (*path, key)
            if type(value) is dict or type(value) is list:
                stack.append(((*path, key), value))
    raise KeyError(wanted)


def _check_characters(text: str, file: str | None, max_bytes: int | None) -> None:
    half = _SURROGATE.search(text)
    if half:
        raise error_at(
            text,
            half.start(),
            half.end(),
            f"U+{ord(half[0]):04X} is half of a surrogate pair, not a character",
            code="not-utf8",
            file=file,
            hint="decode the text with the right encoding before handing it over",
        )
    if max_bytes is not None and len(text) * 4 > max_bytes and len(text.encode()) > max_bytes:
        raise _too_large(max_bytes, file)


def _decode_bytes(data: bytes, file: str | None) -> str:
    if data.startswith(_UTF16_MARKS) or b"\0" in data[:64]:
        raise TomlError(
            "file is UTF-16, TOML must be UTF-8"
            if data.startswith(_UTF16_MARKS)
            else "file has NUL bytes and looks like UTF-16, TOML must be UTF-8",
            code="utf16",
            where=Place(file, 1, 1),
            offset=0,
            hint='save as "UTF-8"',
        )
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _not_utf8(data, error, file) from error


def _not_utf8(data: bytes, error: UnicodeDecodeError, file: str | None) -> TomlError:
    data = data.removeprefix(b"\xef\xbb\xbf")
    error_start = len(data) - (len(error.object) - error.start)
    before = data[:error_start].decode("utf-8")
    line_end = data.find(b"\n", error_start)
    rest = data[error_start : None if line_end < 0 else line_end].rstrip(b"\r")
    line_start = before.rfind("\n") + 1
    # Undecodable bytes are drawn as \xbe, so the caret is as wide as that.
    source_line = before[line_start:] + rest.decode("ascii", "backslashreplace")
    column = len(before) - line_start + 1
    return TomlError(
        f"byte 0x{data[error_start]:02X} is not valid UTF-8",
        code="not-utf8",
        where=Place(file, before.count("\n") + 1, column),
        offset=len(before),
        hint="this looks like GBK/GB18030 text; save the file as UTF-8"
        if _looks_like_gb18030(data)
        else "save the file as UTF-8",
        source_line=source_line,
        end_column=column + len(r"\xbe"),
    )


def _looks_like_gb18030(data: bytes) -> bool:
    try:
        return bool(_CJK.search(data.decode("gb18030")))
    except UnicodeDecodeError:
        return False


def _too_large(max_bytes: int, file: str | None) -> TomlError:
    return TomlError(
        f"input is larger than {max_bytes:,} bytes",
        code="too-large",
        where=Place(file),
        hint="a registries.conf is a few kilobytes: is this the right file? The limit can be raised",
    )


def _too_deep(text: str, file: str | None) -> TomlError:
    from .positions import deep_place

    start, end, what = deep_place(text, MAX_DEPTH) or (0, 0, "this text")
    message = f"{what} goes deeper than {MAX_DEPTH} levels"
    return error_at(text, start, end, message, code="too-deep", file=file)


def _check_depth(depth: int, text: str, file: str | None) -> None:
    from .positions import deep_place

    # A key of 201 parts makes only 200 levels below the root, so its parts are counted in the text.
    if depth > MAX_DEPTH or deep_place(text, MAX_DEPTH):
        raise _too_deep(text, file)


def _check_wide(value: int, data: dict[str, Any], text: str, file: str | None, wide_integers: bool) -> None:
    if wide_integers and abs(value) < 10**MAX_DIGITS:
        return
    message = (
        f"integer has more than {MAX_DIGITS} digits"
        if wide_integers
        else "integer does not fit in 64 bits, so podman refuses it too"
    )
    raise value_error(data, value, text, message, code="integer-range", file=file)


def _too_many_digits(text: str, file: str | None) -> TomlError:
    from .positions import Scanner

    message = f"integer has more than {MAX_DIGITS} digits"
    scanner = Scanner(text)
    for statement in scanner.statements():
        found = _LONG_INTEGER.search(text, statement.start, statement.end)
        span = found and next((s for s in scanner.spans.values() if s.value_start == found.start()), None)
        if span:
            return error_at(text, span.value_start, span.value_end, message, code="integer-range", file=file)
    return TomlError(message, code="integer-range", where=Place(file))


def _check_written_infinity(value: float, data: dict[str, Any], text: str, file: str | None) -> None:
    """Tell ``inf`` from ``1e400``, which tomli quietly reads as infinity and podman refuses."""
    from .positions import locate

    if value != value:
        return
    span = locate(text)[_path_of(data, value)]
    if "inf" not in text[span.value_start : span.value_end]:
        raise error_at(
            text,
            span.value_start,
            span.value_end,
            "number is too large for a float, so podman refuses it too",
            code="float-range",
            file=file,
        )
