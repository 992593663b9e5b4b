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

from regtools.display import printable, terminal_width
from regtools.errors import RegtoolsError
from regtools.values import TYPE_CHECKING

from .output import complain, say, wrapped

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

_PATIENCE_S = 20.0  # for `podman --version`, which takes 20 ms
_SIGKILL = 9  # importing signal would cost every command 1 ms


class Parser(argparse.ArgumentParser):
    """A parser whose texts fit the terminal and whose messages hold no control characters."""

    def __init__(self, prog: str, description: str = "", epilog: str = "") -> None:
        # Left to itself, the formatter imports shutil, and with it the compressors, to learn the width.
        super().__init__(
            prog=prog,
            description=f"{description[:1].upper()}{description[1:]}.",
            formatter_class=lambda prog: argparse.RawDescriptionHelpFormatter(
                prog, width=terminal_width() - 2
            ),
        )
        self.epilog = epilog
        self.color = False  # Python 3.14 would colour the help

    def format_help(self) -> str:
        """Return the help, its end laid out for this terminal."""
        if isinstance(self.epilog, Ending):
            self.epilog = "\n".join(self.epilog.lines())
        return super().format_help()

    def _print_message(self, message: str, file: SupportsWrite[str] | None = None) -> None:
        if file is sys.stdout:
            say(message, end="")
        else:
            complain(message.rstrip("\n"))


class Ending(str):
    """The end of a command's help; its parts are sections of the manual page.

    Only the help itself wraps them: the pattern that keeps commands whole takes 1 ms to compile.
    """

    __slots__ = ("examples", "exits", "note")
    note: str
    exits: str
    examples: tuple[str, ...]

    def lines(self) -> list[str]:
        """Return what else to know, the exit status and the examples, as wide as the terminal."""
        lines = [*wrapped(self.note), ""] if self.note else []
        lines += [*wrapped(f"Exit status: {self.exits}", "", "  "), "", "Examples:"]
        return [*lines, *(f"  {each}" for each in self.examples)]


def ending(exits: str, *examples: str, note: str = "") -> Ending:
    """Return the end of a command's help: what else to know, the exit status, examples."""
    end = Ending(exits)
    end.note, end.exits, end.examples = note, exits, examples
    return end


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
            outputs = [(os.POSIX_SPAWN_DUP2, end, number) for number in (1, 2)]
            actions = [(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0), *outputs]
            with suppress(OSError):  # no program, or not for this user
                self._pid = os.posix_spawn(path, ["podman", "--version"], environ, file_actions=actions)
                break
        os.close(end)

    def answer(self) -> str | None:
        """Return what podman printed; None if it is missing.

        Raises:
            RegtoolsError: kind ``podman-broken`` if it fails, or takes longer than 20 seconds.
        """
        if not self._pid:
            return None
        try:
            return self._wait()
        finally:
            self._close()

    def _close(self) -> None:
        """Leave neither a pipe nor an ended process behind: a kernel of JupyterLab runs many commands."""
        if self._output >= 0:
            os.close(self._output)
            self._output = -1
        if self._pid:  # it hangs, or its answer was not needed
            os.kill(self._pid, _SIGKILL)
            self._reap()

    def _reap(self) -> int:
        pid, self._pid = self._pid, 0  # its number may be another program's from now on
        return os.waitpid(pid, 0)[1]

    __del__ = _close  # a command may end before it needs the answer

    def _wait(self) -> str:
        text, until = b"", time.monotonic() + _PATIENCE_S
        while select.select([self._output], [], [], max(0.0, until - time.monotonic()))[0]:
            if piece := os.read(self._output, 4096):
                text += piece
                continue
            told = text.decode("utf-8", "replace").strip()
            if status := os.waitstatus_to_exitcode(self._reap()):
                said = printable(told.partition("\n")[0])
                raise podman_broken(f"fails with status {status}{said and f': {said}'}")
            return told
        raise podman_broken(f"does not answer within {_PATIENCE_S:g} s")


def podman_broken(what: str) -> RegtoolsError:
    """Return the error for a podman whose release cannot be learned: kind ``podman-broken``."""
    hint = "name the release whose rules you want, such as --podman 6"
    return RegtoolsError(f"podman --version {what}", kind="podman-broken", stage="load", hint=hint)
