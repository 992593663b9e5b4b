"""``regtools convert``: an old-format registries.conf, or Docker's daemon.json, in the current format."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from regtools.errors import RegtoolsError
from regtools.registries.convert import convert
from regtools.registries.reading.host import Surroundings

from . import NO, OK, wants_colour
from .output import reason, write_text

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

__all__ = ["configure", "run"]


def configure(parser: ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("file", metavar="FILE", help="registries.conf in the old format, or daemon.json")
    parser.add_argument("-o", "--output", metavar="OUT", help="write here, and only if the whole worked")


def run(options: Namespace) -> int:
    """Convert; give 0, or 1 for a file that cannot be read, converted or written."""
    try:
        result = convert(Surroundings().read(options.file), file=options.file)
    except RegtoolsError as error:
        print(error.render(colour=wants_colour(sys.stderr)), file=sys.stderr)
        return NO
    try:
        write_text(result.text, options.output)
    except BrokenPipeError:
        raise
    except OSError as error:
        target = options.output or "standard output"
        print(f"regtools convert: cannot write {target}: {reason(error)}", file=sys.stderr)
        return NO
    for note in result.notes:
        print(f"{options.file}: note: {note}", file=sys.stderr)
    return OK
