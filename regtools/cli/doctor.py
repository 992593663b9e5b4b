"""``regtools doctor``: which external programs this machine has, and what each one enables."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from regtools.notebook.doctor import doctor

from .output import OK, say, say_json
from .parser import ending


def configure(parser: ArgumentParser) -> None:
    """Add the options of ``doctor``."""
    parser.add_argument("--json", action="store_true", help="print the answer as JSON")
    parser.epilog = ending(
        "0, also where a program is missing; 2 wrong usage.", "regtools doctor", "regtools doctor --json"
    )


def run(options: Namespace) -> int:
    """Print what is here; a missing program is information, not a failure."""
    answer = doctor(details=True)
    if options.json:
        say_json(answer.to_dict())
    else:
        say(answer)
    return OK
