"""Programs that go on when we end: started in the background, found again by number and time of start."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["alive", "end", "start"]

TERM_S = 10.0  # a registry that is told to end closes its connections first

# The shell ends at once, so that nobody has to wait for the program; it says which number it got.
BACKGROUND = 'log=$1; shift; "$@" </dev/null >>"$log" 2>&1 & echo $!'


def start(
    command: Sequence[str], *, log: Path, pid_file: Path, environ: Mapping[str, str], cwd: Path
) -> None:
    """Start a program in a session of its own, with its output appended to ``log``.

    Raises:
        OSError: no shell, or files that cannot be written.
    """
    done = subprocess.run(
        ["sh", "-c", BACKGROUND, "sh", str(log), *command],
        stdout=subprocess.PIPE,
        text=True,
        env=dict(environ),
        cwd=cwd,
        start_new_session=True,
        check=True,
    )
    pid = int(done.stdout)
    pid_file.write_text(f"{pid} {_started(pid)}\n")


def alive(pid_file: Path) -> bool:
    """Say whether the program that left this file still runs: that very one, not one with its number."""
    return _pid(pid_file) is not None


def end(pid_file: Path) -> None:
    """End the program, politely first; without it, only the file goes."""
    pid = _pid(pid_file)
    for number in (signal.SIGTERM, signal.SIGKILL):
        if pid is None:
            break
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        until = time.monotonic() + TERM_S
        while (pid := _pid(pid_file)) is not None and time.monotonic() < until:
            time.sleep(0.02)
    pid_file.unlink(missing_ok=True)


def _pid(pid_file: Path) -> int | None:
    try:
        number, _, started = pid_file.read_text().strip().partition(" ")
        pid = int(number)
    except (OSError, ValueError):
        return None
    return pid if started and _started(pid) == started else None


def _started(pid: int) -> str:
    """When a process started, in the system's own words; empty for one that has ended, collected or not."""
    try:
        rest = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        if Path("/proc/self").exists():
            return ""
        told = subprocess.run(
            ["ps", "-o", "state=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
        )
        state, _, when = told.stdout.strip().partition(" ")
        return "" if state.startswith("Z") else when.strip()
    return "" if rest[0] in "ZX" else rest[19]  # proc(5): state is field 3, starttime field 22
