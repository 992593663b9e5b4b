"""Which files podman reads, in which order, and which exist but are not read.

This module and :mod:`regtools.registries.reading.credentials` are the only ones that read files, through
:class:`~regtools.registries.reading.host.Surroundings`.

Source: containers-registries.conf(5), containers-registries.conf.d(5); podman 6's order of directories.
"""

# Paths are text here: pathlib would fold "a/../b" and "./a", and they are shown as podman knows them.
# ruff: noqa: PTH118, PTH119
from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator

from regtools.display import visible
from regtools.errors import RegtoolsError
from regtools.values import NamedTuple, Value

from .host import Surroundings
from .releases import RELEASES, Release

NAME = "registries.conf"
ALIASES = "short-name-aliases.conf"


class Found(NamedTuple):
    """A file that is read: its path as shown, its bytes, and whether it is a drop-in."""

    path: str
    data: bytes
    dropin: bool


class Ignored(Value):
    """A file or directory that exists but is not read: it unpacks into path and reason.

    Attributes:
        path: as podman knows it.
        why: the reason in words.
        code: the reason for programs: ``misnamed-drop-in``, ``misnamed-main``, ``masked``, ``nested``,
            ``not-a-directory``, ``linked``, ``dangling``, ``missing``, ``elsewhere`` (only another release
            reads it), ``variable`` (only another release obeys the variable that names it), ``other-user``,
            ``other-main``, ``locked`` (it cannot be listed, and is not read), ``hidden`` (something that is
            read switches it off) or ``not-named``.
    """

    __slots__ = ("code", "path", "why")

    def __init__(self, path: str, why: str, code: str) -> None:
        self.path = path
        self.why = why
        self.code = code

    def __iter__(self) -> Iterator[str]:
        return iter((self.path, self.why))

    def __str__(self) -> str:
        return visible(f"{self.path}: {self.why}")


class Files:
    """What a look-up found.

    Attributes:
        read: the files in the order of merging.
        ignored: what exists but is not read.
        main_file: path of the main file, whether it exists or not.
        alias_file, aliases: path of the file with remembered answers, and its bytes, or the error of reading
            it, or None if it does not exist.
    """

    __slots__ = ("alias_file", "aliases", "ignored", "main_file", "read")

    def __init__(
        self, main_file: str | None = None, alias_file: str | None = None, aliases: bytes | None = None
    ) -> None:
        self.read: list[Found] = []
        self.ignored: list[Ignored] = []
        self.main_file = main_file
        self.alias_file = alias_file
        self.aliases: bytes | RegtoolsError | None = aliases

    def ignore(self, path: str, why: str, code: str) -> None:
        """Note a path, if it is not read and not yet noted."""
        if path not in {*(item.path for item in self.ignored), *(item.path for item in self.read)}:
            self.ignored.append(Ignored(path, why, code))


class Places(NamedTuple):
    """Where a release looks by itself: main files and drop-in directories, strongest first."""

    user: str | None
    mains: list[str]
    dropins: list[str]


def look_up(
    release: Release,
    around: Surroundings,
    *,
    path: str | None = None,
    dropins: str | None = None,
    aliases: str | None = None,
) -> Files:
    """Find and read the files that ``release`` would read.

    Args:
        release: whose rules.
        around: the machine.
        path: main file; then only what is named is read. It and the next two are paths of this machine.
        dropins: the only drop-in directory.
        aliases: the file with remembered answers.

    Raises:
        RegtoolsError: ``file-missing`` for a named main file, ``file-unreadable``.
    """
    files = Files()
    here = Surroundings(environ=around.environ, uid=around.uid)
    if path is not None:
        files.main_file = path
        files.read.append(Found(path, here.read(path), dropin=False))
    if dropins is not None:
        if not here.exists(dropins):
            files.ignore(dropins, "there is no such directory", "missing")
        if path is None:
            _find_main(release, around, files)
        _take_dropins(release, here, [dropins], files)
    elif path is None:
        _find_main(release, around, files)
        _find_dropins(release, around, files)
        if value := around.environ.get(release.override_variable or ""):
            _read_named(around, release.override_variable, value, files, dropin=True)
    if path is None:
        _ignore_elsewhere(release, around, files)
    else:
        if dropins is None:
            _ignore_dropins(here, [f"{path}.d"], files, "only the files named are read", "not-named")
        _ignore_misnamed(here, path, files)
    _take_aliases(here if aliases or path is not None else around, path, aliases, files)
    return files


def _read_named(around: Surroundings, variable: str | None, path: str, files: Files, *, dropin: bool) -> None:
    try:
        files.read.append(Found(path, around.read(path), dropin))
    except RegtoolsError as error:
        error.hint = f"the environment variable {variable} names this file"
        raise


def _find_main(release: Release, around: Surroundings, files: Files) -> None:
    variable, value = _main_variable(release, around)
    if value:
        files.main_file = value
        _read_named(around, variable, value, files, dropin=False)
    for path in filter(around.exists, places(release, around).mains):
        if not files.read:
            files.main_file = path
            files.read.append(Found(path, around.read(path), dropin=False))
            continue
        cause = f"{variable} names another file" if value else f"{files.read[0].path} is used instead"
        files.ignore(path, f"{cause}; main files are not merged", "other-main")
    if files.main_file is None:
        files.main_file = f"{release.system_roots[0]}/{NAME}"


def _find_dropins(release: Release, around: Surroundings, files: Files) -> None:
    mine = places(release, around)
    variable, value = _main_variable(release, around)
    directories = mine.dropins
    if value and release.variable_drops_dropins:
        why = f"{variable} is set, which switches drop-ins off"
        _ignore_dropins(around, directories, files, why, "hidden")
        return
    if release.user_file_hides_system and mine.user and files.main_file == mine.user and not value:
        hidden = [path for path in directories if path != f"{mine.user}.d"]
        why = f"{mine.user} exists, which hides the system's drop-ins"
        _ignore_dropins(around, hidden, files, why, "hidden")
        directories = [f"{mine.user}.d"]
    _take_dropins(release, around, directories, files)


def _take_dropins(release: Release, around: Surroundings, directories: list[str], files: Files) -> None:
    """Read drop-ins, the directories strongest first."""
    taken: dict[str, str] = {}  # base name → path; used where names mask each other
    paths: list[str] = []
    for directory in directories:
        linked = stat.S_ISLNK(around.mode(directory, follow=False) or 0)
        if linked and not release.follows_linked_directory:
            why = f"podman {release.name} does not follow a linked drop-in directory"
            files.ignore(directory, why, "linked")
            continue
        for name in _conf_names(release, around, directory, files):
            path = f"{directory}/{name}"
            if release.masks_by_name and name in taken:
                files.ignore(path, f"{taken[name]} has the same name and is stronger", "masked")
                continue
            taken[name] = path
            paths.append(path)
    if release.masks_by_name:
        paths.sort(key=lambda path: os.fsencode(os.path.basename(path)))
    for path in paths:
        try:
            files.read.append(Found(path, around.read(path), dropin=True))
        except RegtoolsError as error:
            if error.kind != "file-missing":
                raise
            if release.dangling_link_is_fatal:
                error.hint = "remove the link, or make the file that it points to"
                raise
            files.ignore(path, "a link to a file that does not exist", "dangling")


def _conf_names(release: Release, around: Surroundings, directory: str, files: Files) -> Iterator[str]:
    if not release.masks_by_name and not stat.S_ISDIR(around.mode(directory) or stat.S_IFDIR):
        files.ignore(directory, "a file; drop-ins need a directory", "not-a-directory")
        return
    for name in around.names(directory):
        path = f"{directory}/{name}"
        if stat.S_ISDIR(around.mode(path, follow=False) or 0):
            if not (release.splits_by_user and name.isdigit()):
                files.ignore(path, "a directory inside a drop-in directory is not entered", "nested")
        elif not name.endswith(".conf"):
            files.ignore(path, "the name of a drop-in must end in .conf", "misnamed-drop-in")
        else:
            yield name


def _take_aliases(around: Surroundings, path: str | None, aliases: str | None, files: Files) -> None:
    """Read the cache of answered questions; what is wrong with it matters to short names only."""
    if aliases is None and path is None:
        if around.uid == 0:
            aliases = f"/var/cache/containers/{ALIASES}"
        else:
            cache = around.environ.get("XDG_CACHE_HOME") or (around.home and f"{around.home}/.cache")
            aliases = cache and f"{cache}/containers/{ALIASES}"
    if not aliases:
        return
    files.alias_file = aliases
    try:
        files.aliases = around.read(aliases)
    except RegtoolsError as error:
        if error.kind != "file-missing":
            error.stage = "resolve"
            files.aliases = error


def _main_variable(release: Release, around: Surroundings) -> tuple[str, str]:
    """Return the variable that is set, and its value; set but empty means the ordinary look-up."""
    for variable in release.main_variables:
        if variable in around.environ:
            return variable, around.environ[variable]
    return "", ""


def places(release: Release, around: Surroundings) -> Places:
    """Return where this release looks; drop-in directories strongest first, or as they are read."""
    user: str | None = None
    if release.obeys_xdg and "XDG_CONFIG_HOME" in around.environ:
        user = os.path.join(around.environ["XDG_CONFIG_HOME"], "containers", NAME)
    elif around.home:
        user = f"{around.home}/.config/containers/{NAME}"
    roots = [_system_root(root) for root in release.system_roots]
    system = [f"{root}/{kind}" for root in roots for kind in _dropin_names(release, around.uid)]
    mine = [f"{user}.d"] if user else []
    mains = [*([user] if user else []), *(f"{root}/{NAME}" for root in roots)]
    return Places(user, mains, [*mine, *system] if release.masks_by_name else [*system, *mine])


def _dropin_names(release: Release, uid: int) -> list[str]:
    if not release.splits_by_user:
        return [f"{NAME}.d"]
    if uid == 0:
        return ["registries.rootful.conf.d", f"{NAME}.d"]
    return [f"registries.rootless.conf.d/{uid}", "registries.rootless.conf.d", f"{NAME}.d"]


def _system_root(root: str) -> str:
    platform: str = sys.platform  # a plain text, so that type checkers do not know it beforehand
    return f"/usr/local{root.removeprefix('/usr')}" if platform.startswith("freebsd") else root


# -- what is there but not read --------------------------------------------------------------------------


def _ignore_elsewhere(release: Release, around: Surroundings, files: Files) -> None:
    """Note what other releases, other users or other variables would read, and misnamed neighbours."""
    mine = places(release, around)
    why = f"podman {release.name} does not look here"
    for other in reversed(RELEASES.values()):
        theirs = places(other, around)
        for path in filter(around.exists, theirs.mains):
            if path not in mine.mains:
                files.ignore(path, why, "elsewhere")
        directories = [path for path in theirs.dropins if path not in mine.dropins]
        _ignore_dropins(around, directories, files, why, "elsewhere")
        for variable in (*other.main_variables, other.override_variable or ""):
            value = around.environ.get(variable)
            if value and around.exists(value):
                text = f"podman {release.name} does not read it for {variable}'s sake"
                files.ignore(value, text, "variable")
    if release.splits_by_user:
        kind, whose = ("rootless", "users other than root") if around.uid == 0 else ("rootful", "root")
        paths = [f"{_system_root(root)}/registries.{kind}.conf.d" for root in release.system_roots]
        _ignore_dropins(around, paths, files, f"this directory is for {whose}", "other-user")
    for path in mine.mains:
        _ignore_misnamed(around, path, files)


def _ignore_dropins(around: Surroundings, directories: list[str], files: Files, why: str, code: str) -> None:
    for directory in directories:
        try:
            for name in around.names(directory):
                if name.endswith(".conf"):
                    files.ignore(f"{directory}/{name}", why, code)
        except RegtoolsError:
            files.ignore(directory, why, "locked")


def _ignore_misnamed(around: Surroundings, path: str, files: Files) -> None:
    """Note neighbours whose names look as if they were meant to be read."""
    directory, name = os.path.split(path)
    kinds = ("rootful.conf.d", "rootless.conf.d", "conf", "conf.d", "d")
    known = {name, *(f"registries.{kind}" for kind in kinds)}
    try:
        names = around.names(directory or ".")
    except RegtoolsError:
        return
    for other in names:
        if other.lower().startswith(("registries", "registry.")) and other not in known:
            path = os.path.join(directory, other)
            files.ignore(path, f"only the name {NAME} is read here", "misnamed-main")
