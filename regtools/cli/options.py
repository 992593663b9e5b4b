"""Options that several commands share: which files, as which podman, and how to pull.

A command calls :func:`configuration` for the options that name a configuration, :func:`release` (or
:func:`releases`) for what ``--podman`` means on this machine, and :func:`load` for the configuration.
"""

from __future__ import annotations

import os
import re
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Mapping

from regtools.errors import RegtoolsError
from regtools.registries.conf import RegistriesConf
from regtools.registries.reading.host import Surroundings
from regtools.registries.reading.releases import NAMED, RELEASES
from regtools.registries.reading.releases import release as rules_of

from .parser import Question, file, number, podman_broken


def misuse(message: str, hint: str | None = None) -> RegtoolsError:
    """Return the error for options that make no sense together: kind ``usage``, exit status 2."""
    return RegtoolsError(message, kind="usage", stage="load", hint=hint)


ALL = tuple(RELEASES)
NEWEST = ALL[-1]


def configuration(parser: ArgumentParser, *, every: bool = False) -> None:
    """Add ``--conf --dropins --aliases --podman --root --uid``; ``every`` allows ``--podman all``."""
    add = parser.add_argument
    add("--conf", metavar="FILE", type=file, help="read this main file, and no file that is not named")
    add("--dropins", metavar="DIR", type=file, help="read the drop-ins of this directory only")
    add("--aliases", metavar="FILE", type=file, help="the file in which podman remembers short names")
    text = "auto, the default, is the installed one, else (and with --root) 6"
    text = f"release whose rules hold: {NAMED}{', all' if every else ''}; {text}"
    add("--podman", metavar="RELEASE", type=_every if every else _one, default="auto", help=text)
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
    text = "program that pulls: regtools itself (default), or another with a storage that starts empty"
    add("--engine", choices=("builtin", "podman", "skopeo"), default="builtin", help=text)


def _truth(text: str) -> bool:
    """Read the value of ``--tls-verify``."""
    if text not in ("true", "false"):
        raise ArgumentTypeError(f"{text!r} is neither true nor false")
    return text == "true"


def transport(parser: ArgumentParser) -> None:
    """Add ``--tls-verify --plain-http``, which change how sources are asked for one call only."""
    add = parser.add_mutually_exclusive_group().add_argument
    text = "false: HTTPS unverified, then HTTP; true: HTTPS verified (default: as configured)"
    add("--tls-verify", metavar="BOOL", type=_truth, help=text)
    add("--plain-http", action="store_true", help="ask over HTTP only; a login is sent unencrypted")


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
        return NEWEST if options.root else installed_release(asked=options.asked) or NEWEST
    return NEWEST if options.podman == "all" else str(options.podman)


def releases(options: Namespace) -> tuple[str, ...]:
    """Return all releases that ``--podman`` means."""
    return ALL if options.podman == "all" else (release(options),)


def installed_release(environ: Mapping[str, str] = os.environ, asked: Question | None = None) -> str | None:
    """Ask ``podman --version`` and return its full number, such as ``4.3.1``, or None without a podman.

    For a number before 4 or after 6 the nearest one is returned, whose rules it follows.

    Args:
        environ: environment variables.
        asked: the question, if it has been asked before.

    Raises:
        RegtoolsError: kind ``podman-broken`` for one that fails, does not answer or prints no number.
    """
    if (told := (asked or Question(environ)).answer()) is None:
        return None
    found = re.search(r"\bversion (\d{1,9})(?:\.\d{1,4})*", told, re.ASCII)
    if found is None:
        raise podman_broken("prints no version")
    number = found[0].removeprefix("version ")
    return number if found[1] in ALL else ALL[0] if int(found[1]) < int(ALL[0]) else NEWEST
