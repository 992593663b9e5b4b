"""Writing results: a file appears whole or not at all."""

from __future__ import annotations

# pathlib costs as much to import as tomli, and start-up counts here.
# ruff: noqa: PTH101, PTH105, PTH108, PTH110, PTH113, PTH116, PTH123
import os
import sys

__all__ = ["reason", "write_text"]


def write_text(text: str, output: str | None) -> None:
    """Write UTF-8 with LF ends whatever the locale, to a file or to standard output.

    Raises:
        OSError: it cannot be written; the file is then as it was.
    """
    if output is None:
        sys.stdout.buffer.write(text.encode())
        sys.stdout.buffer.flush()
        return
    target = os.path.realpath(output)  # through a link, so that the link stays one
    if os.path.exists(target) and not os.path.isfile(target):
        with open(target, "wb") as stream:  # a device or a pipe has no beside
            stream.write(text.encode())
        return
    import tempfile

    folder, base = os.path.split(target)
    handle, beside = tempfile.mkstemp(prefix=f".{base}.", dir=folder)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(text.encode())
        os.chmod(beside, _mode(target))
        os.replace(beside, target)
    except BaseException:
        os.unlink(beside)
        raise


def reason(error: Exception) -> str:
    """Give the system's words for what went wrong."""
    return getattr(error, "strerror", None) or str(error)


def _mode(target: str) -> int:
    """Give the mode an ordinary write would leave: the file's own, or what the umask allows."""
    try:
        return os.stat(target).st_mode & 0o7777
    except FileNotFoundError:
        umask = os.umask(0)
        os.umask(umask)
        return 0o666 & ~umask
