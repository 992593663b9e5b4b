"""``regtools toml2json``: one TOML document in, one JSON value out, or a diagnostic and exit status 1."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace

from regtools.errors import RegtoolsError, TomlError
from regtools.toml.reader import DIALECTS, MAX_BYTES
from regtools.toml.to_json import BIGINT, NONFINITE, Options, convert

from .output import NO, OK, USAGE, complain, say_json, write
from .parser import ending, file, number


def configure(parser: ArgumentParser) -> None:
    """Add the options of ``toml2json``."""
    add = parser.add_argument
    add("file", nargs="?", default="-", metavar="FILE", type=file, help="default, or -: standard input")
    add("-o", "--output", metavar="OUT", type=file, help="write here, and only if all was converted")
    layout = parser.add_mutually_exclusive_group()
    layout.add_argument(
        "--indent", type=number(0, 16), default=2, metavar="N", help="spaces a level (default 2)"
    )
    layout.add_argument("--compact", action="store_true", help="one line, no spaces")
    add("--sort-keys", action="store_true", help="sort names instead of keeping their order")
    add("--ascii", action="store_true", help="escape everything beyond ASCII")
    add("--tagged", action="store_true", help="write each scalar as a table {type, value}, to show its type")
    add("--toml", choices=DIALECTS, default="1.1", help="dialect; podman 4 and 5 read 1.0 (default 1.1)")
    add("--bigint", choices=BIGINT, default="number", help="integers beyond 2^53, which jq rounds")
    add("--nonfinite", choices=NONFINITE, default="error", help="inf and nan, which JSON has no form for")
    add("--wide-integers", action="store_true", help="allow integers outside 64 bits, up to 4300 digits")
    size = number(0, 2**40)
    add("--max-bytes", type=size, default=MAX_BYTES, metavar="N", help="longest input (default 16 MiB)")
    add("--error-format", choices=("text", "json"), default="text", help="form of the diagnostic")
    add("--quiet", action="store_true", help="no notes (byte-order mark, lost precision)")
    parser.epilog = ending(
        "0 converted, 1 the input is not acceptable, 2 wrong usage, or a file cannot be read or written.",
        "regtools toml2json /etc/containers/registries.conf",
        "regtools toml2json --compact < input.toml > output.json",
    )


def run(options: Namespace) -> int:
    """Convert the document; on bad input print a diagnostic and write nothing."""
    name = "<stdin>" if options.file == "-" else options.file
    try:
        data = _read(options.file, options.max_bytes)
    except OSError as error:
        return _cannot("read", name, error)
    try:
        given = {each: getattr(options, each) for each in vars(Options()) if each != "file"}
        text, notes = convert(data, Options(**given, file=name))
    except TomlError as error:
        if options.error_format == "json":
            say_json({"format": 1, **error.to_dict()}, indent=None, stream=sys.stderr)
        else:
            complain(error)
        return NO
    del data
    if not options.quiet:
        for note in notes:
            complain(note)
    try:
        write(text, options.output)
    except RegtoolsError as error:
        return _cannot("write", options.output or "standard output", error.__cause__)
    return OK


def _read(path: str, max_bytes: int) -> bytes:
    if path == "-":
        return sys.stdin.buffer.read(max_bytes + 1)
    with open(path, "rb") as stream:  # noqa: PTH123 - pathlib costs as much to import as tomli
        return stream.read(max_bytes + 1)


def _cannot(what: str, name: str, error: BaseException | None) -> int:
    complain(f"regtools toml2json: cannot {what} {name}: {getattr(error, 'strerror', None) or error}")
    return USAGE
