"""One run of a measured program: started, listened to, looked at meanwhile, and never left behind."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..recorder import Usage
from .log import Story

if TYPE_CHECKING:
    from collections.abc import Iterator
    from resource import struct_rusage

    from .home import EngineHome

__all__ = ["Ended", "interrupt_later", "run_engine"]

_TICK_S = 0.05


@dataclass(frozen=True, slots=True)
class Ended:
    """How one run of a program ended. ``arrived_s`` is when the last blob's last byte had come, if known."""

    story: Story
    status: int
    timed_out: bool
    total_s: float
    arrived_s: float | None
    user_s: float
    sys_s: float
    max_rss_kb: int


def run_engine(command: list[str], home: EngineHome, timeout_s: float) -> Ended:
    """Run a program to its end, listening; it and its children are killed when time is up, or on Ctrl-C."""
    story, wall, origin = Story(), time.time(), time.perf_counter()
    process: subprocess.Popen[bytes] | None = None
    try:
        with interrupt_later():
            process = subprocess.Popen(
                command,
                env=home.environ,
                cwd=home.path,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        watched = _Watch(process, home)
        timed_out = watched.listen(story, origin, timeout_s)
        if timed_out:
            os.killpg(process.pid, signal.SIGKILL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    finally:
        if process is not None:
            _end(process)
    total = time.perf_counter() - origin
    arrived = None if watched.arrived is None else watched.arrived - wall
    peak = _peak_kb(usage, watched.peak_kb)
    return Ended(story, process.returncode, timed_out, total, arrived, usage.ru_utime, usage.ru_stime, peak)


@contextmanager
def interrupt_later() -> Iterator[None]:
    """Hold Ctrl-C back until the end of the block: a program whose start it breaks off would be nobody's."""
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or before is None:
        yield  # elsewhere no Ctrl-C is raised
        return
    heard: list[int] = []
    signal.signal(signal.SIGINT, lambda number, _frame: heard.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if heard:
        signal.raise_signal(signal.SIGINT)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.returncode is None:  # an exception, such as Ctrl-C
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert process.stdout is not None
    process.stdout.close()


class _Watch:
    """Listens to a running program, and looks at its memory and at what it has staged meanwhile."""

    def __init__(self, process: subprocess.Popen[bytes], home: EngineHome) -> None:
        self._process = process
        self._home = home
        self.peak_kb = 0
        self.arrived: float | None = None

    def listen(self, story: Story, origin: float, timeout_s: float) -> bool:
        """Hear it out; give whether time was up before its end."""
        assert self._process.stdout is not None
        output = self._process.stdout.fileno()
        with selectors.DefaultSelector() as selector:
            selector.register(output, selectors.EVENT_READ)
            while time.perf_counter() - origin < timeout_s:
                if not selector.select(_TICK_S):
                    self._look()
                    continue
                data = os.read(output, 1 << 16)
                if not data:
                    return False
                story.hear(data, time.perf_counter() - origin)
                self._look()
        return True

    def _look(self) -> None:
        self.arrived = max(filter(None, (self.arrived, self._home.arrived())), default=None)
        try:
            status = Path(f"/proc/{self._process.pid}/status").read_bytes()
            self.peak_kb = max(self.peak_kb, int(status.partition(b"VmHWM:")[2].split(None, 1)[0]))
        except (OSError, IndexError):
            return


def _peak_kb(usage: struct_rusage, watched_kb: int) -> int:
    """Give the program's peak memory; wait4 tells at least ours, since a child starts with its parent's."""
    if watched_kb and usage.ru_maxrss <= Usage.now().max_rss_kb:
        return watched_kb
    return usage.ru_maxrss
