"""``regtools doctor``: which real parts this machine has, and what each one enables."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


def configure(parser: ArgumentParser) -> None:
    """Add the options of ``doctor``."""
    parser.add_argument("--json", action="store_true", help="print the answer as JSON")


def run(options: Namespace) -> int:
    """Print the check-up. A missing part is information, not a failure: the exit status is 0."""
    from regtools.notebook.doctor import doctor

    answer = doctor(details=True)
    if options.json:
        import json

        print(json.dumps(answer.to_dict(), indent=2))
    else:
        print(answer)
    return 0
