"""Whether processes and ports are gone."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from pathlib import Path

PATIENCE_S = 30.0  # far more than anything takes; only a hang reaches it


def runs(pid: int) -> bool:
    """Say whether a process runs; one that has ended and waits to be collected does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    try:
        return status.read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return not Path("/proc/self").exists()


def listens(address: str) -> bool:
    """Say whether somebody takes connections at ``host:port``."""
    host, port = address.rsplit(":", 1)
    try:
        with socket.create_connection((host, int(port)), 5):
            return True
    except OSError:
        return False


def await_true(condition: Callable[[], bool], what: str) -> None:
    """Wait until something holds; fail, saying what, when it does not in 30 s."""
    until = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < until, f"after {PATIENCE_S:g} s still not: {what}"
        time.sleep(0.02)
