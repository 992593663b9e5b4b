"""``regtools testbed``: practice registries, until Ctrl-C."""

from __future__ import annotations

import secrets
import shlex
import time
from argparse import ArgumentParser, Namespace
from pathlib import Path

from regtools.display import text_table
from regtools.testbed import Link, Testbed
from regtools.testbed.process import bad

from .output import say, say_json
from .parser import ending, file


def configure(parser: ArgumentParser) -> None:
    """Add the options of ``testbed``."""
    add = parser.add_argument
    text = "a mirror behind a link that adds RTT_MS milliseconds to a round trip and carries MBIT Mbit/s"
    text = f"{text}; may be repeated, in the order of trial"
    add("--mirror", action="append", metavar="NAME=RTT_MS[,MBIT]", help=text)
    text = "write the registries.conf to FILE, which must not exist, instead of the temporary directory"
    add("--write", metavar="FILE", type=file, help=f"{text}; it is removed when the testbed ends")
    add("--json", action="store_true", help="print one line of JSON")
    parser.epilog = ending(
        "130 after Ctrl-C, 1 it cannot start or has ended by itself, 2 wrong usage.",
        "regtools testbed",
        "regtools testbed --mirror lan=1       (1 ms, no limit of bandwidth)",
        "regtools testbed --mirror near=5,400 --mirror moon=2560,50",
        note="Without --mirror there are three: near (5 ms, 400 Mbit/s), middle (30 ms, "
        "100 Mbit/s) and far (80 ms, 20 Mbit/s). All have the same images; the origin, which "
        "has no link, comes last.",
    )


def run(options: Namespace) -> int:
    """Open the testbed, print what there is, and wait for Ctrl-C."""
    import tempfile

    mirrors = _mirrors(options.mirror) if options.mirror else None
    name = f"regtools-testbed-{secrets.token_hex(4)}.conf"
    with Testbed(mirrors) as bed:
        path = bed.write_conf(options.write or Path(tempfile.gettempdir(), name), keep=False)
        if options.json:
            say_json(_data(bed, path), indent=None)
        else:
            say(_text(bed, path))
        while bed.alive:
            time.sleep(0.5)
    raise bad("a process of the testbed has ended by itself", "was it killed? start the testbed again")


def _mirrors(texts: list[str]) -> dict[str, Link]:
    mirrors: dict[str, Link] = {}
    for text in texts:
        name, _, values = text.partition("=")
        rtt_ms, comma, mbit = values.partition(",")
        if name in mirrors:
            raise bad(f"there are two mirrors {name}", "give each --mirror a name of its own")
        try:
            numbers = float(rtt_ms), float(mbit) if comma else None
        except ValueError:
            hint = "write NAME=RTT_MS,MBIT, e.g. --mirror far=80,20"
            raise bad(f"--mirror {text!r} is not understood", hint) from None
        mirrors[name] = Link(*numbers)
    return mirrors


def _text(bed: Testbed, path: Path) -> str:
    places = [(name, bed.addresses[name], str(link)) for name, link in bed.mirrors.items()]
    places.append((bed.origin_name, bed.addresses[bed.origin_name], "no link"))
    images = [(bed.image(name), digest) for name, digest in bed.images.items()]
    lines = [
        "The testbed is open.",
        "",
        "places, in the order of trial",
        *text_table(places, indent="  "),
        "",
        "images",
        *text_table(images, indent="  "),
        "",
        f"registries.conf, in {path} until the testbed ends",
        *(f"  {line}".rstrip() for line in bed.conf_text.splitlines()),
        "",
        "In another terminal:",
        f"  {_command(bed, path)}",
        "",
        "Ctrl-C ends it.",
    ]
    return "\n".join(lines)


def _data(bed: Testbed, path: Path) -> dict[str, object]:
    return {
        "format": 1,
        "mirrors": [
            {"name": name, "address": bed.addresses[name], "rtt_ms": link.rtt_ms, "mbit": link.mbit}
            for name, link in bed.mirrors.items()
        ],
        "origin": bed.addresses[bed.origin_name],
        "images": {bed.image(name): digest for name, digest in bed.images.items()},
        "conf_file": str(path),
        "conf_text": bed.conf_text,
        "command": _command(bed, path),
        "pids": list(bed.pids),
    }


def _command(bed: Testbed, path: Path) -> str:
    return f"CONTAINERS_REGISTRIES_CONF={shlex.quote(str(path))} podman pull {bed.image('hello')}"
