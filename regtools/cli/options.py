"""Options that several commands share: which configuration, as which podman, how to pull.

A command calls :func:`configuration` for the options that name a configuration, :func:`release` (or
:func:`releases`) for what ``--podman`` means on this machine, and :func:`load` for the configuration.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Mapping

from regtools.registries.conf import RegistriesConf
from regtools.registries.reading.host import Surroundings

from .parser import file, number

ALL = ("4", "5", "6")
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
        choices=(*ALL, "auto", *(("all",) if every else ())),
        default="auto",
        help="release whose rules hold; auto is the installed one, else (and with --root) 6",
    )
    add("--root", metavar="DIR", type=file, help="file system of another machine; all paths lie inside it")
    add("--uid", metavar="N", type=number(0, 2**32 - 1), help="user ID of podman's user (default: yours)")


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
        RegtoolsError: kind ``file-missing`` where ``--root`` is no directory.
    """
    return Surroundings(options.root or "/", None, options.uid)


def named_files(options: Namespace) -> dict[str, str | None]:
    """Return the files that the options name, as the look-up takes them."""
    return {"path": options.conf, "dropins": options.dropins, "aliases": options.aliases}


def load(options: Namespace, podman: str) -> RegistriesConf:
    """Load the configuration that the options name, as ``podman`` ("4", "5" or "6") reads it.

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


def installed_release(environ: Mapping[str, str] | None = None) -> str | None:
    """Ask ``podman --version`` and return the release whose rules it follows, or None without an answer.

    Releases older or newer than those known here follow the nearest one.

    Args:
        environ: environment variables instead of this process's.
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
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    major = next((word.partition(".")[0] for word in done.stdout.split() if word[:1].isdigit()), "")
    return str(min(max(int(major), int(ALL[0])), int(NEWEST))) if major.isdecimal() else None
