"""`regtools testbed`: registries to practise on, until Ctrl-C."""

from __future__ import annotations

import json
import secrets
import shlex
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from regtools.errors import RegtoolsError
    from regtools.testbed import Link, Testbed

__all__ = ["configure", "run"]

EXAMPLES = """\
Without --mirror there are three: near (5 ms, 400 Mbit/s), middle (30 ms, 100 Mbit/s) and far (80 ms,
20 Mbit/s). They lead to the same images; the origin, without a link, stands last.

examples:
  regtools testbed
  regtools testbed --mirror near=5,400 --mirror moon=2560,50 --write practice.conf
  regtools testbed --mirror lan=1        (1 ms, no limit of bandwidth)
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = EXAMPLES
    parser.add_argument(
        "--mirror",
        action="append",
        metavar="NAME=RTT_MS[,MBIT]",
        help="a mirror behind a link that adds RTT_MS milliseconds to a round trip and carries MBIT Mbit/s; "
        "repeat it, in the order of trial",
    )
    parser.add_argument(
        "--write",
        metavar="FILE",
        help="write the registries.conf to FILE, which must not exist, instead of the temporary directory; "
        "it is removed when the testbed ends",
    )
    parser.add_argument("--json", action="store_true", help="print what there is as one JSON object")


def run(options: argparse.Namespace) -> int:
    """Open the testbed, say what there is, and wait."""
    from regtools.testbed import Testbed

    mirrors = _mirrors(options.mirror) if options.mirror else None
    with Testbed(mirrors) as bed:
        file = bed.write_conf(options.write or _temporary(), keep=False)
        print(_as_json(bed, file) if options.json else _as_text(bed, file), flush=True)
        while bed.alive:
            time.sleep(0.5)
    raise _error("a process of the testbed has ended by itself", "was it killed? start the testbed again")


def _mirrors(texts: list[str]) -> dict[str, Link]:
    mirrors: dict[str, Link] = {}
    for text in texts:
        name, link = _mirror(text)
        if name in mirrors:
            raise _error(f"--mirror {name} stands there twice", "give every mirror a name of its own")
        mirrors[name] = link
    return mirrors


def _mirror(text: str) -> tuple[str, Link]:
    from regtools.testbed import Link

    name, _, values = text.partition("=")
    rtt_ms, comma, mbit = values.partition(",")
    try:
        numbers = float(rtt_ms), float(mbit) if comma else None
    except ValueError:
        hint = "write NAME=RTT_MS,MBIT, e.g. --mirror far=80,20"
        raise _error(f"--mirror {text!r} is not understood", hint) from None
    return name, Link(*numbers)


def _error(message: str, hint: str) -> RegtoolsError:
    from regtools.errors import RegtoolsError

    return RegtoolsError(message, kind="bad-testbed", stage="load", hint=hint)


def _temporary() -> Path:
    return Path(tempfile.gettempdir(), f"regtools-testbed-{secrets.token_hex(4)}.conf")


def _as_text(bed: Testbed, file: Path) -> str:
    places = [(name, bed.addresses[name], str(link)) for name, link in bed.mirrors.items()]
    places.append((bed.origin_name, bed.addresses[bed.origin_name], "no link"))
    width = max(len(name) for name, _, _ in places)
    rows = "\n".join(f"  {name:<{width}}  {address:<15}  {link}" for name, address, link in places)
    names = [bed.image(name) for name in bed.images]
    width = max(map(len, names))
    images = "\n".join(
        f"  {name:<{width}}  {digest}" for name, digest in zip(names, bed.images.values(), strict=True)
    )
    conf = "\n".join(f"  {line}".rstrip() for line in bed.conf_text.splitlines())
    return f"""\
The testbed is open.

places, in the order of trial
{rows}

images
{images}

registries.conf, in {file} until the testbed ends
{conf}

In another terminal:
  {_command(bed, file)}

Ctrl-C ends it."""


def _as_json(bed: Testbed, file: Path) -> str:
    return json.dumps(
        {
            "format": 1,
            "mirrors": [
                {"name": name, "address": bed.addresses[name], "rtt_ms": link.rtt_ms, "mbit": link.mbit}
                for name, link in bed.mirrors.items()
            ],
            "origin": bed.addresses[bed.origin_name],
            "images": {bed.image(name): digest for name, digest in bed.images.items()},
            "conf_file": str(file),
            "conf_text": bed.conf_text,
            "command": _command(bed, file),
            "pids": list(bed.pids),
        }
    )


def _command(bed: Testbed, file: Path) -> str:
    return f"CONTAINERS_REGISTRIES_CONF={shlex.quote(str(file))} podman pull {bed.image('hello')}"
