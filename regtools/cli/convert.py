"""``regtools convert``: an old registries.conf, or another tool's file, in the current format."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace

from regtools.registries.neighbours import translate
from regtools.registries.reading.host import Surroundings
from regtools.toml.reader import MAX_BYTES

from .output import OK, complain, refuse_other, write
from .parser import ending, file


def configure(parser: ArgumentParser) -> None:
    """Add the options of ``convert``."""
    add = parser.add_argument
    add(
        "file",
        metavar="FILE",
        type=file,
        help="registries.conf in the old format, or a file of Docker, containerd or k3s; -: standard input",
    )
    add("-o", "--output", metavar="OUT", type=file, help="write here, and only if all was converted")
    add("--force", action="store_true", help="let -o replace a file that holds something else")
    parser.epilog = ending(
        "0 converted, 1 a file cannot be read, converted or written, 2 wrong usage.",
        "regtools convert /etc/containers/registries.conf",
        "regtools convert /etc/docker/daemon.json -o registries.conf",
        "regtools convert - < registries.yaml",
    )


def run(options: Namespace) -> int:
    """Convert the file, write the result, print notes on what changed."""
    if options.file == "-":
        name, data = "<stdin>", sys.stdin.buffer.read(MAX_BYTES + 1)
    else:
        name, data = options.file, Surroundings().read(options.file)
    result = translate(data, file=name)
    if options.output is not None and not options.force:
        refuse_other(options.output, result.text)
    write(result.text, options.output, what="the converted file")
    for note in result.notes:
        complain(f"note: {note}", about=name)
    return OK
