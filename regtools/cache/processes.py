"""Programs that outlive this process: started in the background, and found again by their pid file.

A program inherits its pid file, open and locked (flock(2)): the lock lasts exactly as long as the program, so
that a number which belongs to another process by now is never mistaken for it. The file exists before the
program starts, so that the program is found even if the process that started it is killed at once.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

with contextlib.suppress(ImportError):  # Windows, where nothing is started
    import fcntl


TERM_S = 10.0  # a registry that receives SIGTERM closes its connections first

# Standard output is the pid file. The first shell ends at once; the second becomes the program.
BACKGROUND = """sh -c 'echo $$; log=$1; shift; exec "$@" 3>&1 >>"$log" 2>&1' sh "$@" &"""


def start(
    command: Sequence[str], *, log: Path, pid_file: Path, environ: Mapping[str, str], cwd: Path
) -> None:
    """Start a program in a session of its own, unless it runs already; append its output to ``log``.

    Raises:
        OSError: no shell, or files that cannot be written.
    """
    with os.fdopen(os.open(pid_file, os.O_RDWR | os.O_CREAT, 0o600), "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:  # another process has just started it
            return
        os.fchmod(file.fileno(), 0o600)
        file.truncate(0)
        subprocess.run(
            ["sh", "-c", BACKGROUND, "sh", str(log), *command],
            stdin=subprocess.DEVNULL,
            stdout=file,
            env=dict(environ),
            cwd=cwd,
            start_new_session=True,
            check=True,
        )


def pid(pid_file: Path) -> int | None:
    """Return the number of the process that left this file; None if it has ended or never ran."""
    with contextlib.suppress(FileNotFoundError), pid_file.open(encoding="ascii") as file:
        while _is_locked(file.fileno()):
            if (number := pid_file.read_text("ascii")).endswith("\n"):
                return int(number)
            time.sleep(0.01)  # its first act is to write the number
    return None


def end(pid_file: Path) -> None:
    """End the program, politely first, and remove its file."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if (found := pid(pid_file)) is None:
            break
        with contextlib.suppress(ProcessLookupError):
            os.kill(found, number)
        until = time.monotonic() + TERM_S
        while pid(pid_file) is not None and time.monotonic() < until:
            time.sleep(0.02)
    pid_file.unlink(missing_ok=True)


def _is_locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False
