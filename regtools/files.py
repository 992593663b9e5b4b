"""The one way in which this package writes a file: completely, or not at all; and reads what it wrote."""

# Paths are text here: pathlib costs as much to import as all the rest.
# ruff: noqa: PTH105, PTH108, PTH110, PTH113, PTH116, PTH118, PTH123
from __future__ import annotations

import errno
import os
from contextlib import suppress

from .errors import Place, RegtoolsError, unwritable

MODE = 0o666  # of a new file, before the umask
MOST = 1 << 20  # bytes of a file of settings, which has some kilobytes


def write_file(
    path: str | os.PathLike[str],
    data: str | bytes,
    *,
    mode: int | None = None,
    what: str = "it",
    old: bytes | None = None,
) -> None:
    """Write a file in one step: a reader, or a crash, finds the old file or the new one, never a part.

    A symbolic link stays, and its target is replaced; a device or a pipe is written to directly. Text is
    written as UTF-8 with its own line ends. The folder must exist.

    Args:
        path: the file.
        data: the whole content.
        mode: permission bits; None keeps those of the old file, or leaves a new file what the umask allows.
        what: subject of the error message, such as ``"the report"``.
        old: what the file must still hold; its owner, group and attributes are then kept as well.

    Raises:
        RegtoolsError: kind ``file-unwritable``, or ``file-changed`` if it does not hold ``old``; the file is
            then as it was.
    """
    target = os.path.realpath(path)
    content = data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data
    try:
        if old is None and os.path.exists(target) and not os.path.isfile(target):
            with open(target, "wb") as stream:
                stream.write(content)
            return
        folder, name = os.path.split(target)
        # Named before it is made, so that Ctrl-C finds it at any moment.
        beside = os.path.join(folder, f".{name[:60]}.{os.urandom(4).hex()}")
        try:
            with open(beside, "xb", opener=lambda path, flags: os.open(path, flags, 0o600)) as stream:
                stream.write(content)
                stream.flush()
                if old is not None:
                    _copy_owner(target, stream.fileno())
                os.fchmod(stream.fileno(), _mode(target) if mode is None else mode)
                os.fsync(stream.fileno())
            if old is not None:
                _compare(target, old)
            os.replace(beside, target)
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(beside)
            raise
    except OSError as error:
        raise unwritable(path, error, what=what) from error


def read_small(path: str | os.PathLike[str]) -> bytes:
    """Read a file of settings, which may be a link to an endless device.

    Raises:
        OSError: it cannot be read, or has more than a megabyte.
    """
    with open(path, "rb") as stream:
        content = stream.read(MOST + 1)
    if len(content) > MOST:
        raise OSError(errno.EFBIG, f"it has more than {MOST} bytes", os.fspath(path))
    return content


def _mode(target: str) -> int:
    try:
        return os.stat(target).st_mode & 0o7777
    except FileNotFoundError:
        umask = os.umask(0)
        os.umask(umask)
        return MODE & ~umask


def _copy_owner(target: str, handle: int) -> None:
    """Copy owner, group and extended attributes; an owner that cannot be copied is an error."""
    info, own = os.stat(target), os.fstat(handle)
    if (info.st_uid, info.st_gid) != (own.st_uid, own.st_gid):
        os.fchown(handle, info.st_uid, info.st_gid)
    for name in os.listxattr(target) if hasattr(os, "listxattr") else ():
        with suppress(OSError):  # labels that only the system may set; it has set them already
            os.setxattr(handle, name, os.getxattr(target, name))


def _compare(target: str, old: bytes) -> None:
    if os.path.isfile(target):
        with open(target, "rb") as stream:
            if stream.read(len(old) + 1) == old:
                return
    message = "the file has changed since it was read, so nothing was written"
    where = Place(target)
    raise RegtoolsError(message, kind="file-changed", stage="load", where=where, hint="run the command again")
