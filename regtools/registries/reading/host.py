"""A machine as podman would see it: its file system below some root, its environment, its user.

Another machine's files can so be read as that machine would read them: absolute paths and absolute links are
inside the root, and are shown without it.
"""

# Paths are text here: pathlib would fold "a/../b" and "./a", and they are shown as podman knows them.
# ruff: noqa: PTH100, PTH112, PTH114, PTH115, PTH116, PTH118, PTH208
from __future__ import annotations

import errno
import os
from collections.abc import Mapping

from regtools.values import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

try:
    import pwd
except ImportError:  # only Unix has a user database
    pwd = None  # type: ignore[assignment]

from regtools.errors import Place, RegtoolsError, unreadable
from regtools.toml.to_json import read_file

_LINKS = 40  # as many symbolic links in one path as Linux follows


class Surroundings:
    """A machine as podman would see it: file system, environment and user.

    Args:
        root: directory that holds the machine's file system.
        environ: environment variables; None for this process's.
        uid: user ID; None for this process's.
    """

    def __init__(
        self,
        root: str | os.PathLike[str] = "/",
        environ: Mapping[str, str] | None = None,
        uid: int | None = None,
    ) -> None:
        self.root = os.path.abspath(os.fspath(root))
        self.environ: Mapping[str, str] = os.environ if environ is None else environ
        self._uid = uid
        self.uid = uid if uid is not None else os.getuid() if hasattr(os, "getuid") else 0
        if self.root != "/" and not os.path.isdir(self.root):
            raise RegtoolsError(
                "there is no such directory", kind="file-missing", stage="load", where=Place(self.root)
            )

    def __reduce__(self) -> tuple[Any, ...]:
        # This process's environment cannot be pickled; the process that unpickles uses its own.
        environ = None if self.environ is os.environ else dict(self.environ)
        return type(self), (self.root, environ, self._uid)

    @property
    def is_for_all(self) -> bool:
        """Whether this is another machine, of which no account has been named."""
        return self.root != "/" and self._uid is None

    def real(self, path: str) -> str:
        """Return the path outside the root; links are followed as if the root were ``/``.

        Raises:
            RegtoolsError: kind ``file-unreadable``: the links form a circle.
        """
        if self.root == "/":
            return path
        todo, done, links = _parts(path), list[str](), 0
        while todo:
            part = todo.pop()
            if part == "..":
                del done[-1:]
                continue
            here = os.path.join(self.root, *done, part)
            if not os.path.islink(here):
                done.append(part)
                continue
            links += 1
            if links > _LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
            target = os.readlink(here)
            if target.startswith("/"):
                done.clear()
            todo += _parts(target)
        return os.path.join(self.root, *done)

    def read(self, path: str) -> bytes:
        """Read a file; errors name the path as shown.

        Raises:
            RegtoolsError: ``file-missing`` or ``file-unreadable``.
        """
        try:
            return read_file(self.real(path))
        except OSError as error:
            raise unreadable(path, error) from error
        except RegtoolsError as error:
            error.where = Place(path)
            raise

    def stat(self, path: str, *, follow: bool = True) -> os.stat_result | None:
        """Return mode and owner, or None if nothing is there; a link to nowhere is nothing."""
        try:
            if follow:
                return os.stat(self.real(path))
            head, tail = os.path.split(path)
            return os.lstat(os.path.join(self.real(head or "."), tail))
        except (OSError, ValueError):
            return None

    def mode(self, path: str, *, follow: bool = True) -> int | None:
        """Return the file mode bits, or None if nothing is there; a link to nowhere is nothing."""
        found = self.stat(path, follow=follow)
        return None if found is None else found.st_mode

    def exists(self, path: str) -> bool:
        """Return whether there is anything at a path; a link to nowhere is nothing."""
        return self.mode(path) is not None

    def names(self, path: str) -> list[str]:
        """List a directory in byte order.

        Raises:
            RegtoolsError: ``file-unreadable``; a missing directory is an empty one.
        """
        try:
            return sorted(os.listdir(self.real(path)), key=os.fsencode)
        except FileNotFoundError:
            return []
        except (OSError, ValueError) as error:
            raise unreadable(path, error, what="the directory") from error

    @property
    def home(self) -> str | None:
        """The user's home directory: ``HOME``, else from the user database."""
        if self.environ.get("HOME"):
            return self.environ["HOME"]
        if self.root == "/" and pwd is not None:
            try:
                return pwd.getpwuid(self.uid).pw_dir
            except (KeyError, OverflowError):
                return None
        rows = self.rows("/etc/passwd")
        return next((row[5] for row in rows if len(row) > 5 and row[2] == str(self.uid)), None)

    def rows(self, path: str) -> list[list[str]]:
        """Read a table of accounts, such as ``/etc/passwd``; one that cannot be read is empty."""
        try:
            lines = self.read(path).decode(errors="replace").splitlines()
        except RegtoolsError:
            return []
        return [line.split(":") for line in lines]


def _parts(path: str) -> list[str]:
    return [part for part in reversed(path.split("/")) if part not in ("", ".")]
