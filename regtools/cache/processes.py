"""Programs that go on when we end: started in the background, found again by number and time of start.

As much of Redis's protocol as it takes to ask a question (RESP2, from Redis's protocol specification).
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

from regtools.errors import RegtoolsError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import BinaryIO

__all__ = ["Reply", "alive", "ask", "end", "info", "start"]

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


Reply = str | int | None | list["Reply"]


def ask(address: str, *command: str, timeout_s: float = 2.0) -> Reply:
    """Send one command to the Redis at ``host:port`` and give its reply.

    Raises:
        OSError: nobody answers.
        RegtoolsError: ``redis-error``: Redis says no.

    ::

        ask("127.0.0.1:6379", "DBSIZE")      # 3
    """
    host, _, port = address.rpartition(":")
    words = b"".join(b"$%d\r\n%s\r\n" % (len(raw), raw) for raw in (word.encode() for word in command))
    with (
        socket.create_connection((host.strip("[]"), int(port)), timeout_s) as sock,
        sock.makefile("rb") as answer,
    ):
        sock.sendall(b"*%d\r\n%s" % (len(command), words))
        return _read(answer)


def info(text: str) -> dict[str, str]:
    """Read what the command INFO says: one ``key:value`` a line.

    >>> info("# Memory\\r\\nused_memory:1024\\r\\n")
    {'used_memory': '1024'}
    """
    return dict(line.split(":", 1) for line in text.splitlines() if ":" in line and not line.startswith("#"))


def _read(answer: BinaryIO) -> Reply:
    line = answer.readline()
    if not line.endswith(b"\r\n"):
        raise OSError("the connection ended in the middle of an answer")
    kind, text = line[:1], line[1:-2].decode("utf-8", "replace")
    match kind:
        case b"+":
            return text
        case b"-":
            raise RegtoolsError(f"Redis says: {text}", kind="redis-error", stage="pull")
        case b":":
            return int(text)
        case b"$":
            return None if text == "-1" else answer.read(int(text) + 2)[:-2].decode("utf-8", "replace")
        case b"*":
            return None if text == "-1" else [_read(answer) for _ in range(int(text))]
    raise OSError(f"this is no Redis: it answers {line[:40]!r}")
