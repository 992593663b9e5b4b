"""The parser of the command line, and options that several commands share: which files, as which podman, how.

A command calls :func:`configuration` for the options that name a configuration, :func:`release` (or
:func:`releases`) for what ``--podman`` means on this machine, and :func:`load` for the configuration.
"""

from __future__ import annotations

import argparse
import re
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from regtools.display import printable, terminal_width
from regtools.errors import RegtoolsError
from regtools.registries.conf import RegistriesConf
from regtools.registries.reading.host import Surroundings
from regtools.registries.reading.releases import NAMED, RELEASES
from regtools.registries.reading.releases import release as rules_of

from .output import complain, say, wrapped

if TYPE_CHECKING:
    from _typeshed import SupportsWrite


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

    def _print_message(self, message: str, file: SupportsWrite[str] | None = None) -> None:
        if file is sys.stdout:
            say(message, end="")
        else:
            complain(message.rstrip("\n"))


class Ending(str):
    """The end of a command's help; its parts are sections of the manual page."""

    __slots__ = ("examples", "exits", "note")
    note: str
    exits: str
    examples: tuple[str, ...]


def ending(exits: str, *examples: str, note: str = "") -> Ending:
    """Return the end of a command's help: what else to know, the exit status, examples."""
    lines = [*wrapped(note), ""] if note else []
    lines += [*wrapped(f"Exit status: {exits}", "", "  "), "", "Examples:"]
    end = Ending("\n".join([*lines, *(f"  {each}" for each in examples)]))
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


def misuse(message: str, hint: str | None = None) -> RegtoolsError:
    """Return the error for options that make no sense together: kind ``usage``, exit status 2."""
    return RegtoolsError(message, kind="usage", stage="load", hint=hint)


ALL = tuple(RELEASES)
NEWEST = ALL[-1]
_PATIENCE_S = 20  # for `podman --version`, which takes 20 ms


def configuration(parser: ArgumentParser, *, every: bool = False) -> None:
    """Add ``--conf --dropins --aliases --podman --root --uid``; ``every`` allows ``--podman all``."""
    add = parser.add_argument
    add("--conf", metavar="FILE", type=file, help="read this main file, and no file that is not named")
    add("--dropins", metavar="DIR", type=file, help="read the drop-ins of this directory only")
    add("--aliases", metavar="FILE", type=file, help="the file in which podman remembers short names")
    add(
        "--podman",
        metavar="RELEASE",
        type=_every if every else _one,
        default="auto",
        help=f"release whose rules hold: {NAMED}{', all' if every else ''}; auto, the default, is the "
        "installed one, else (and with --root) 6",
    )
    add("--root", metavar="DIR", type=file, help="file system of another machine; all paths lie inside it")
    add("--uid", metavar="N", type=number(0, 2**32 - 1), help="user ID of podman's user (default: yours)")


def _one(text: str) -> str:
    """Read the value of ``--podman``."""
    try:
        return text if text == "auto" else rules_of(text).name
    except RegtoolsError as error:
        raise ArgumentTypeError(f"{error.message}: write {NAMED}, or auto") from error


def _every(text: str) -> str:
    """Read the value of a ``--podman`` that may be ``all``."""
    try:
        return text if text == "all" else _one(text)
    except ArgumentTypeError as error:
        raise ArgumentTypeError(f"{error} or all") from error


def pulling(parser: ArgumentParser) -> None:
    """Add ``--platform --workers --engine``, which every pull has."""
    add = parser.add_argument
    add("--platform", metavar="OS/ARCH", help="such as linux/arm64 (default: this machine's)")
    add("--workers", type=number(1, 1000), default=4, metavar="N", help="blobs fetched at once (default 4)")
    add(
        "--engine",
        choices=("builtin", "podman", "skopeo"),
        default="builtin",
        help="program that pulls: regtools itself (default), or another with a storage that starts empty",
    )


def surroundings(options: Namespace) -> Surroundings:
    """Return the machine that the options name.

    Raises:
        RegtoolsError: kind ``file-missing`` where ``--root`` is not a directory.
    """
    return Surroundings(options.root or "/", None, options.uid)


def named_files(options: Namespace) -> dict[str, str | None]:
    """Return the files that the options name, as the look-up takes them."""
    return {"path": options.conf, "dropins": options.dropins, "aliases": options.aliases}


def load(options: Namespace, podman: str) -> RegistriesConf:
    """Load the configuration that the options name, as the release ``podman`` reads it.

    Raises:
        RegtoolsError: as :meth:`RegistriesConf.load`.
    """
    return RegistriesConf.load(
        options.conf,
        dropins=options.dropins,
        short_name_aliases=options.aliases,
        podman=podman,
        root=options.root or "/",
        uid=options.uid,
    )


def release(options: Namespace) -> str:
    """Return the one release that ``--podman`` means; of ``all`` the newest."""
    if options.podman == "auto":
        return NEWEST if options.root else installed_release() or NEWEST
    return NEWEST if options.podman == "all" else str(options.podman)


def releases(options: Namespace) -> tuple[str, ...]:
    """Return all releases that ``--podman`` means."""
    return ALL if options.podman == "all" else (release(options),)


def _broken(what: str) -> RegtoolsError:
    hint = "name the release whose rules you want, such as --podman 6"
    return RegtoolsError(f"podman --version {what}", kind="podman-broken", stage="load", hint=hint)


def installed_release(environ: Mapping[str, str] | None = None) -> str | None:
    """Ask ``podman --version`` and return its full number, such as ``4.3.1``, or None without a podman.

    For a number before 4 or after 6 the nearest one is returned, whose rules it follows.

    Args:
        environ: environment variables instead of this process's.

    Raises:
        RegtoolsError: kind ``podman-broken`` for one that fails, does not answer or prints no number.
    """
    import subprocess

    try:
        done = subprocess.run(
            ["podman", "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_PATIENCE_S,
            check=True,
            env=environ,
        )
    except (OSError, ValueError):
        return None
    except subprocess.TimeoutExpired:
        raise _broken(f"does not answer within {_PATIENCE_S:g} s") from None
    except subprocess.CalledProcessError as error:
        said = printable(error.stderr.strip().partition("\n")[0])
        raise _broken(f"fails with status {error.returncode}{said and f': {said}'}") from None
    found = re.search(r"\b(\d{1,9})(?:\.\d{1,4})*", done.stdout, re.ASCII)
    if found is None:
        raise _broken("prints no version")
    return found[0] if found[1] in ALL else ALL[0] if int(found[1]) < int(ALL[0]) else NEWEST
