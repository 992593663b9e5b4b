"""What a command needs before its own modules are loaded: the parser, and podman's answer to ``--version``.

What only a configuration needs is in :mod:`.options`, so that a command without one starts fast.
"""

from __future__ import annotations

import argparse
import os
import select
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from regtools.display import terminal_width

from .output import complain, say, wrapped

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

_PATIENCE_S = 20.0  # for `podman --version`, which takes 20 ms
_SIGKILL = 9  # importing signal would cost every command 1 ms


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


class Question:
    """``podman --version``, which runs while a command's modules are loaded: both take about 20 ms.

    Args:
        environ: environment variables; ``PATH`` names the folders that may hold podman.
    """

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        # Importing subprocess would take a third as long as podman itself.
        folders = environ.get("PATH", os.defpath).split(os.pathsep)
        self._output, end = os.pipe()
        self._pid = 0
        for path in filter(os.path.isfile, (f"{folder}/podman" for folder in folders)):
            quiet = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in (0, 2)]
            actions = [*quiet, (os.POSIX_SPAWN_DUP2, end, 1)]
            with suppress(OSError):  # no program, or not for this user
                self._pid = os.posix_spawn(path, ["podman", "--version"], environ, file_actions=actions)
                break
        os.close(end)

    def answer(self) -> str:
        """Return what podman printed; nothing if it is missing, fails, or takes longer than 20 seconds."""
        text, until = b"", time.monotonic() + _PATIENCE_S
        while self._pid and select.select([self._output], [], [], max(0.0, until - time.monotonic()))[0]:
            if not (piece := os.read(self._output, 4096)):
                return "" if os.waitpid(self._pid, 0)[1] else text.decode("ascii", "replace")
            text += piece
        if self._pid:
            os.kill(self._pid, _SIGKILL)
        return ""
