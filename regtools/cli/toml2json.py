"""``regtools toml2json``: one TOML document in, one JSON value out, or a diagnostic and exit status 1."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from regtools.toml.reader import DIALECTS, MAX_BYTES
from regtools.toml.to_json import BIGINT, NONFINITE, Options, convert

from . import OK, USAGE, wants_colour
from .output import reason, write_text

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from regtools.errors import RegtoolsError

__all__ = ["configure", "run"]

STDIN = "<stdin>"


def configure(parser: ArgumentParser) -> None:
    """Add the options."""
    add = parser.add_argument
    add("file", nargs="?", default="-", metavar="FILE", help="TOML in UTF-8; - or nothing for standard input")
    add("-o", "--output", metavar="OUT", help="write here, and only if the whole conversion succeeded")
    layout = parser.add_mutually_exclusive_group()
    layout.add_argument("--indent", type=_indent, default=2, metavar="N", help="spaces a level (default 2)")
    layout.add_argument("--compact", action="store_true", help="one line, no spaces")
    add("--sort-keys", action="store_true", help="sort names instead of keeping their order")
    add("--ascii", action="store_true", help="escape everything beyond ASCII")
    add(
        "--tagged",
        action="store_true",
        help="show what type TOML saw: every scalar as {type, value}; a table that itself has the keys "
        "type and value is written as it is, so telling it apart is up to you",
    )
    add("--toml", choices=DIALECTS, default="1.1", help="dialect; podman 4 and 5 read 1.0 (default 1.1)")
    add("--bigint", choices=BIGINT, default="number", help="integers beyond 2^53, which jq rounds")
    add("--nonfinite", choices=NONFINITE, default="error", help="inf and nan, which JSON has no form for")
    add("--wide-integers", action="store_true", help="allow integers outside 64 bits, up to 4300 digits")
    add("--max-bytes", type=_size, default=MAX_BYTES, metavar="N", help="longest input (default 16 MiB)")
    add("--error-format", choices=("text", "json"), default="text", help="form of the diagnostic")
    add("--quiet", action="store_true", help="no notes (byte-order mark, lost precision)")


def run(options: Namespace) -> int:
    """Convert; give 0, 1 for unacceptable input, 2 for a file that cannot be read or written."""
    name = STDIN if options.file == "-" else options.file
    try:
        data = _read(options.file, options.max_bytes)
    except (OSError, ValueError) as error:
        return _complain(f"cannot read {name}: {reason(error)}")
    try:
        text, notes = convert(
            data, Options._make([*(getattr(options, each) for each in Options._fields[:-1]), name])
        )
    except ValueError as error:
        from regtools.errors import TomlError

        if not isinstance(error, TomlError):
            raise
        return _refuse(error, options.error_format)
    del data
    if not options.quiet:
        for note in notes:
            print(note, file=sys.stderr)
    try:
        write_text(text, options.output)
    except BrokenPipeError:
        raise
    except OSError as error:
        return _complain(f"cannot write {options.output or 'standard output'}: {reason(error)}")
    return OK


def _read(file: str, max_bytes: int) -> bytes:
    if file == "-":
        return sys.stdin.buffer.read(max_bytes + 1)
    with open(file, "rb") as stream:  # noqa: PTH123 - pathlib costs as much to import as tomli
        return stream.read(max_bytes + 1)


def _refuse(error: RegtoolsError, form: str) -> int:
    if form == "json":
        import json

        print(json.dumps({"format": 1, **error.to_dict()}, ensure_ascii=False), file=sys.stderr)
    else:
        print(error.render(colour=wants_colour(sys.stderr)), file=sys.stderr)
    return 1


def _complain(message: str) -> int:
    print(f"regtools toml2json: {message}", file=sys.stderr)
    return USAGE


def _indent(text: str) -> int:
    return _number(text, 0, 16)


def _size(text: str) -> int:
    return _number(text, 0, 2**40)


def _number(text: str, low: int, high: int) -> int:
    from argparse import ArgumentTypeError

    if not text.isascii() or not text.isdigit() or not low <= int(text) <= high:
        raise ArgumentTypeError(f"must be a whole number from {low} to {high}, not {text!r}")
    return int(text)
