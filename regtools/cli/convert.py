"""``regtools convert``: an old registries.conf, or another tool's file, in the current format."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from regtools.registries.neighbours import translate
from regtools.registries.reading.host import Surroundings

from .output import OK, complain, write
from .parser import ending, file


def configure(parser: ArgumentParser) -> None:
    """Add the options of ``convert``."""
    add = parser.add_argument
    add(
        "file",
        metavar="FILE",
        type=file,
        help="registries.conf in the old format, or a file of Docker, containerd or k3s",
    )
    add("-o", "--output", metavar="OUT", type=file, help="write here, and only if all was converted")
    parser.epilog = ending(
        "0 converted, 1 a file cannot be read, converted or written, 2 wrong usage.",
        "regtools convert /etc/containers/registries.conf",
        "regtools convert /etc/docker/daemon.json -o registries.conf",
        "regtools convert /etc/rancher/k3s/registries.yaml",
    )


def run(options: Namespace) -> int:
    """Convert the file, write the result, print notes on what changed."""
    result = translate(Surroundings().read(options.file), file=options.file)
    write(result.text, options.output, what="the converted file")
    for note in result.notes:
        complain(f"{options.file}: note: {note}")
    return OK
