"""Files that lie there and are not read, and files that cannot be read.

Source: containers-registries.conf(5), containers-registries.conf.d(5).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ...errors import Place, RegtoolsError
from ..lookup import Files, look_up
from ..machine import Surroundings
from .finding import NOTE, WARNING, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..lookup import Ignored
    from ..releases import Release

__all__ = ["Forgiving", "find", "ignored"]

# What a look-up says of a file that is not read → code, severity, hint. The first that fits.
_WHY: tuple[tuple[str, str, str, str | None], ...] = (
    (r"the name of a drop-in must end in \.conf", "misnamed-file", WARNING, "rename it to end in .conf"),
    (
        r"only the name registries\.conf is read here",
        "misnamed-file",
        WARNING,
        "rename it, or move it into registries.conf.d",
    ),
    (r"has the same name and is stronger", "masked-file", NOTE, "give it another name if both are to count"),
    (r"is not entered", "unread-file", WARNING, "move its files one level up"),
    (r"a file; drop-ins need a directory", "unread-file", WARNING, "make it a directory"),
    (r"does not look here", "unread-file", WARNING, "move it to where this podman looks"),
    (r"does not follow a linked", "unread-file", WARNING, "make it a real directory"),
    (
        r"a link to a file that does not exist",
        "dangling-link",
        WARNING,
        "remove the link, or make its target",
    ),
    (r"for .*'s sake", "unread-file", WARNING, None),
)
_BACKUP = re.compile(
    r".*(?:\.(?:bak|orig|old|save|rpmsave|rpmnew|rpmorig|swp|disabled|dpkg-\w+|ucf-\w+)|~|\.\d+)$"
)


class Forgiving(Surroundings):
    """A machine on which reading goes on after a file that cannot be read; what failed is kept.

    Attributes:
        failed: the errors, in order.
    """

    def __init__(self, base: Surroundings, release: Release) -> None:
        super().__init__(base.root, base.environ, base.uid)
        self.failed: list[RegtoolsError] = []
        named = (*release.main_variables, release.override_variable or "")
        self._wanted = {self.environ.get(name) for name in named} - {None, ""}
        self._links = release.dangling_link_is_fatal

    def read(self, path: str) -> bytes:
        """Read a file; what podman would stop at reads as empty."""
        try:
            return super().read(path)
        except RegtoolsError as error:
            linked = self._links and path.endswith(".conf") and self.mode(path, follow=False) is not None
            cache = path.endswith("short-name-aliases.conf")
            if cache or (error.kind == "file-missing" and path not in self._wanted and not linked):
                raise
            if error.kind == "file-missing" and path in self._wanted:
                error.hint = "an environment variable names this file"
            self.failed.append(error)
            return b""

    def names(self, path: str) -> list[str]:
        """List a directory; one that cannot be read is empty."""
        try:
            return super().names(path)
        except RegtoolsError as error:
            self.failed.append(error)
            return []


def find(
    release: Release, around: Surroundings, paths: dict[str, str | None] | None = None
) -> tuple[Files, list[RegtoolsError]]:
    """Find the files of a release, going on where one cannot be read.

    Returns:
        What was found without the failed ones, and the errors.
    """
    machine = Forgiving(around, release)
    try:
        files = look_up(release, machine, **(paths or {}))
    except RegtoolsError as error:  # of a named file or directory: the main file may still be good
        failed_first = [*machine.failed, error]
        if not paths or not paths.get("path") or not paths.get("dropins") or error.file == paths["path"]:
            return Files(), failed_first
        files, more = find(release, around, {**paths, "dropins": None})
        return files, [*failed_first, *more]
    failed = {error.file for error in machine.failed}
    files.read = [found for found in files.read if found.path not in failed]
    refused = [error for error in machine.failed if error.file not in {item.path for item in files.ignored}]
    return files, refused


def ignored(item: Ignored) -> Finding:
    """Turn a file that is there but not read into a finding."""
    message = f"this is not read: {item.why}"
    where = Place(item.path)
    if _BACKUP.match(item.path):
        return Finding(NOTE, "unread-file", message, where)
    for pattern, code, severity, hint in _WHY:
        if re.search(pattern, item.why):
            return Finding(severity, code, message, where, hint)
    return Finding(NOTE, "unread-file", message, where)


def unreadable(errors: list[RegtoolsError]) -> Iterator[Finding]:
    """Yield the files that stop podman because they cannot be read."""
    for error in errors:
        yield Finding.of(error)
