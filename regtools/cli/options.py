"""Options that several commands share: which configuration is looked at, and as which podman.

A command calls :func:`configure` for the options, :func:`release` (or :func:`releases`) for what
``--podman`` means on this machine, and :func:`load` for the configuration.
"""

# Start-up counts here: pathlib, shutil, json and subprocess are imported only where they are needed.
# ruff: noqa: PTH103, PTH105, PTH111, PTH113, PTH116, PTH118, PTH120, PTH123
from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Mapping

    from regtools.registries.conf import RegistriesConf

__all__ = ["ALL", "configure", "installed_release", "load", "release", "releases"]

ALL = ("4", "5", "6")
NEWEST = ALL[-1]
_PATIENCE = 20  # seconds for `podman --version`, which takes 20 ms


def configure(parser: ArgumentParser, *, every: bool = False) -> None:
    """Add ``--conf --dropins --aliases --podman --root --uid``; ``every`` allows ``--podman all``."""
    add = parser.add_argument
    add("--conf", metavar="FILE", help="read this main file, and nothing that is not named")
    add("--dropins", metavar="DIR", help="read drop-ins of this directory only")
    add("--aliases", metavar="FILE", help="file with the answers that podman remembers for short names")
    add(
        "--podman",
        choices=(*ALL, "auto", *(("all",) if every else ())),
        default="auto",
        help="release whose rules hold; auto is the installed one, else (and with --root) 6",
    )
    add("--root", metavar="DIR", help="another machine's file system; paths in the environment lie inside it")
    add("--uid", metavar="N", type=_uid, help="user ID that podman would run as (default: yours)")


def load(options: Namespace, podman: str) -> RegistriesConf:
    """Load the configuration that the options name, as ``podman`` ("4", "5" or "6") reads it.

    Raises:
        RegtoolsError: as :meth:`RegistriesConf.load`.
    """
    from regtools.registries.conf import RegistriesConf

    return RegistriesConf.load(
        options.conf,
        dropins=options.dropins,
        short_name_aliases=options.aliases,
        podman=podman,
        root=options.root or "/",
        uid=options.uid,
    )


def release(options: Namespace) -> str:
    """Give the one release that ``--podman`` means; of ``all`` the newest."""
    if options.podman == "auto":
        return NEWEST if options.root else installed_release() or NEWEST
    return NEWEST if options.podman == "all" else str(options.podman)


def releases(options: Namespace) -> tuple[str, ...]:
    """Give all releases that ``--podman`` means."""
    return ALL if options.podman == "all" else (release(options),)


# -- the installed podman --------------------------------------------------------------------------------


def installed_release(environ: Mapping[str, str] | None = None) -> str | None:
    """Give the release whose rules the installed podman follows, or None where none answers.

    The program is asked once and the answer kept in the user's cache directory, together with the
    program's path, size and time stamp, so that an upgrade is noticed. A cache that cannot be written
    only costs the time of asking again.

    Args:
        environ: environment variables instead of this process's.
    """
    environ = os.environ if environ is None else environ
    program = _find("podman", environ.get("PATH", os.defpath))
    if program is None:
        return None
    status = os.stat(program)
    key = f"{program}\t{status.st_mtime_ns}\t{status.st_size}\t"
    cache = _cache_file(environ)
    known = _remembered(cache, key)
    if known is None:
        known = _ask(program)
        if known is not None:
            _remember(cache, key + known)
    return known


def _find(program: str, path: str) -> str | None:
    for folder in path.split(os.pathsep):
        candidate = os.path.join(folder or ".", program)
        if os.path.isfile(candidate) and os.access(candidate, os.X_OK):
            return os.path.realpath(candidate)
    return None


def _cache_file(environ: Mapping[str, str]) -> str:
    home = environ.get("HOME") or os.path.expanduser("~")
    base = environ.get("XDG_CACHE_HOME") or os.path.join(home, ".cache")
    return os.path.join(base, "regtools", "podman-release")


def _remembered(cache: str, key: str) -> str | None:
    try:
        with open(cache, encoding="utf-8") as stream:
            line = stream.read(4096)
    except (OSError, ValueError):
        return None
    answer = line.removeprefix(key).strip()
    return answer if line.startswith(key) and answer in ALL else None


def _remember(cache: str, line: str) -> None:
    beside = f"{cache}.{os.getpid()}"
    try:
        os.makedirs(os.path.dirname(cache), exist_ok=True)
        with open(beside, "w", encoding="utf-8") as stream:
            stream.write(line + "\n")
        os.replace(beside, cache)
    except (OSError, ValueError):
        return


def _ask(program: str) -> str | None:
    """Run ``podman --version``; releases outside our table follow the nearest one in it."""
    import subprocess

    try:
        done = subprocess.run(
            [program, "--version"], capture_output=True, text=True, timeout=_PATIENCE, check=True
        )
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    words = done.stdout.split()
    major = next((word.partition(".")[0] for word in words if word[:1].isdigit()), "")
    return str(min(max(int(major), int(ALL[0])), int(NEWEST))) if major.isdecimal() else None


def _uid(text: str) -> int:
    from argparse import ArgumentTypeError

    if not text.isascii() or not text.isdigit() or int(text) >= 2**32:
        raise ArgumentTypeError(f"must be a user's number, not {text!r}")
    return int(text)
