"""The command line's parser, and types of arguments that check what they are given."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from regtools.display import terminal_width
from regtools.errors import RegtoolsError

from .output import complain, say, wrapped

if TYPE_CHECKING:
    from _typeshed import SupportsWrite


class Parser(argparse.ArgumentParser):
    """A parser whose texts fit the terminal and whose messages hold no control characters."""

    def __init__(self, prog: str, description: str = "", **more: object) -> None:
        # Left to itself, the formatter imports shutil, and with it the compressors, to learn the width.
        super().__init__(
            prog=prog,
            description=f"{description[:1].upper()}{description[1:]}.",
            formatter_class=lambda prog: argparse.RawDescriptionHelpFormatter(
                prog, width=terminal_width() - 2
            ),
        )
        self.epilog = str(more.get("epilog", ""))
        self.color = False  # Python 3.14 would colour the help

    def _print_message(self, message: str, file: SupportsWrite[str] | None = None) -> None:
        if file is sys.stdout:
            say(message, end="")
        else:
            complain(message.rstrip("\n"))


def ending(exits: str, *examples: str, note: str = "") -> str:
    """Return the end of a command's help: what else to know, the exit status, examples."""
    lines = [*wrapped(note), ""] if note else []
    lines += [*wrapped(f"Exit status: {exits}", "", "  "), "", "Examples:"]
    return "\n".join([*lines, *(f"  {each}" for each in examples)])


def number(low: float, high: float, *, whole: bool = True, above: bool = False) -> Callable[[str], float]:
    """Return an argument's type: a number from ``low`` to ``high``.

    Args:
        low, high: the bounds.
        whole: whether it has no fraction.
        above: whether ``low`` itself is too little.
    """

    def check(text: str) -> float:
        try:
            value = int(text) if whole else float(text)
        except ValueError:
            value = float("nan")
        if low <= value <= high and not (above and value == low) and text.isascii() and "_" not in text:
            return value
        what = "a whole number" if whole else "a number"
        bounds = f"above {low} and at most {high}" if above else f"from {low} to {high}"
        raise argparse.ArgumentTypeError(f"must be {what} {bounds}, not {text!r}")

    return check


def file(text: str) -> str:
    """Check the name of a file or folder: it is not empty and has no zero byte (an argument's type)."""
    if not text or "\0" in text:
        raise argparse.ArgumentTypeError(f"{text!r} cannot be the name of a file")
    return text


def misuse(message: str, hint: str | None = None) -> RegtoolsError:
    """Return the error for options that make no sense together: kind ``usage``, exit status 2."""
    return RegtoolsError(message, kind="usage", stage="load", hint=hint)
