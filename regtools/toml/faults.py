"""What is wrong with a TOML text, and where: the errors that need no diagnosis of a mistake.

Patterns are text, so that good input does not pay for compiling them, and positions are loaded when an error
needs one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from regtools.errors import Place, Related, TomlError
from regtools.values import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any, Final

    from .positions import Path

LARGE: Final = 4 * 1024 * 1024  # characters; in a longer text a mistake is shown, but its cause not searched
MAX_DEPTH: Final = 200  # tables and lists inside one another; also the parts of one key
MAX_DIGITS: Final = 4300  # of an integer; Python's own default for str(int)
_WIDEST: Final = 10**MAX_DIGITS

_SURROGATE: Final = "[\ud800-\udfff]"
_CJK: Final = "[\u3000-\u30ff\u4e00-\u9fff\uff00-\uff60]"  # ideographs, kana, and their punctuation
_FLOAT: Final = r"[+-]?[0-9_]++(?:\.[0-9_]++)?+(?:[eE][+-]?[0-9_]++)?+"
_LONG_INTEGER: Final = rf"[+-]?\d(?:_?\d){{{MAX_DIGITS},}}+"


def place_of(text: str, start: int, end: int) -> tuple[int, int, str, int]:
    """Return line, column, text of the line and end column of ``text[start:end]``, cut at the line's end."""
    line_start = text.rfind("\n", 0, start) + 1
    line_end = text.find("\n", start)
    line_end = len(text) if line_end < 0 else line_end
    source_line = text[line_start:line_end]
    if line_end < len(text) and source_line.endswith("\r"):
        source_line, line_end = source_line[:-1], line_end - 1
    end_column = max(min(end, line_end), start + 1) - line_start + 1
    return text.count("\n", 0, start) + 1, start - line_start + 1, source_line, end_column


def error_at(
    text: str,
    start: int,
    end: int,
    message: str,
    *,
    code: str,
    file: str | None = None,
    hint: str | None = None,
    related: tuple[Related, ...] = (),
) -> TomlError:
    """Return an error that points at ``text[start:end]``, cut at the end of the line."""
    line, column, source_line, end_column = place_of(text, start, end)
    return TomlError(
        message,
        code=code,
        where=Place(file, line, column),
        offset=start,
        hint=hint,
        source_line=source_line,
        end_column=end_column,
        related=related,
    )


def extent_of(value: object, data: dict[str, Any], text: str) -> tuple[int, int]:
    """Return where ``value``, an object inside ``data``, is written in ``text``: start and end."""
    from .positions import locate

    path = _path_of(data, value)
    span = locate(text, lambda at, start, end: at == path)[path]
    return span.value_start, span.value_end


def _path_of(data: dict[str, Any], wanted: object) -> Path:
    path: list[str | int] = []
    stack: list[Iterator[tuple[Any, Any]]] = [iter(data.items())]
    while stack:
        for key, value in stack[-1]:
            if value is wanted:
                return (*path, key)
            if type(value) is dict or type(value) is list:
                path.append(key)
                stack.append(iter(value.items() if type(value) is dict else enumerate(value)))
                break
        else:
            stack.pop()
            del path[-1:]
    raise KeyError(wanted)


def check_characters(text: str, file: str | None, max_bytes: int | None) -> None:
    """Raise a :class:`TomlError` for halves of surrogate pairs, or text whose UTF-8 form is too large."""
    half = re.search(_SURROGATE, text)
    if half:
        message = f"U+{ord(half[0]):04X} is half of a surrogate pair, not a character"
        hint = "decode the text with the right encoding before handing it over"
        raise error_at(text, *half.span(), message, code="not-utf8", file=file, hint=hint)
    if max_bytes is not None and len(text) * 4 > max_bytes and len(text.encode()) > max_bytes:
        raise too_large(max_bytes, file)


def utf16(data: bytes, file: str | None) -> TomlError:
    """Return the error for UTF-16, which a mark or NUL bytes at the start reveal."""
    marked = data[0] >= 0xFE
    message = f"file {'is' if marked else 'has NUL bytes and looks like'} UTF-16, TOML must be UTF-8"
    return TomlError(message, code="utf16", where=Place(file, 1, 1), offset=0, hint='save as "UTF-8"')


def not_utf8(data: bytes, error: UnicodeDecodeError, file: str | None) -> TomlError:
    """Return the error for a byte that is not UTF-8, with a hint at the encoding that it looks like."""
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
        return len(data) <= LARGE and bool(re.search(_CJK, data.decode("gb18030")))
    except UnicodeDecodeError:
        return False


def too_large(max_bytes: int, file: str | None) -> TomlError:
    """Return the error for input over the limit."""
    message = f"input is larger than {max_bytes:,} bytes"
    hint = "a registries.conf is a few kilobytes: is this the right file? The limit can be raised"
    return TomlError(message, code="too-large", where=Place(file), hint=hint)


def too_deep(text: str, file: str | None) -> TomlError:
    """Return the error for the first place that is too deep."""
    from .positions import deep_place

    start, end, what = deep_place(text, MAX_DEPTH) or (0, 0, "this text")
    message = f"{what} goes deeper than {MAX_DEPTH} levels"
    return error_at(text, start, end, message, code="too-deep", file=file)


def check_depth(depth: int, text: str, file: str | None) -> None:
    """Raise a :class:`TomlError` for values deeper than the limit, or a key of more parts than the limit."""
    from .positions import deep_place

    # A key of 201 parts makes only 200 levels below the root, so its parts are counted in the text.
    if depth > MAX_DEPTH or deep_place(text, MAX_DEPTH):
        raise too_deep(text, file)


def check_wide(value: int, data: dict[str, Any], text: str, file: str | None, *, wide_integers: bool) -> None:
    """Raise a :class:`TomlError` for an integer outside 64 bits, or if wide, with too many digits."""
    if wide_integers and abs(value) < _WIDEST:
        return
    message = (
        f"integer has more than {MAX_DIGITS} digits"
        if wide_integers
        else "integer does not fit in 64 bits, so podman refuses it too"
    )
    raise error_at(text, *extent_of(value, data, text), message, code="integer-range", file=file)


def too_many_digits(text: str, file: str | None) -> TomlError:
    """Return the error for the integer that Python refused to convert."""
    from .positions import locate

    long = re.compile(_LONG_INTEGER)
    message = f"integer has more than {MAX_DIGITS} digits"
    for span in locate(text, lambda path, start, end: long.fullmatch(text, start, end) is not None).values():
        return error_at(text, span.value_start, span.value_end, message, code="integer-range", file=file)
    return TomlError(message, code="integer-range", where=Place(file))


def check_infinities(text: str, file: str | None) -> None:
    """Refuse ``1e400``, which tomli reads as infinity without an error; accept ``inf`` and ``nan``."""
    from .positions import locate

    def overflows(path: Path, start: int, end: int) -> bool:
        word = text[start:end] if text[start] in "+-.0123456789" else ""
        return re.fullmatch(_FLOAT, word) is not None and float(word) in (float("inf"), float("-inf"))

    for span in locate(text, overflows).values():
        message = "number is too large for a float, so podman refuses it too"
        raise error_at(text, span.value_start, span.value_end, message, code="float-range", file=file)
