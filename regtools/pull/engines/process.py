"""Run a measured program: read its output and its memory while it runs, and never leave it behind."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ..recorder import Usage, peak_kb
from .home import EngineHome
from .log import Story

_TICK_S = 0.05


@dataclass(frozen=True, slots=True)
class Ended:
    """How one run of a program ended; ``arrived_s`` is when the last blob was complete, if known."""

    story: Story
    status: int
    timed_out: bool
    total_s: float
    arrived_s: float | None
    user_s: float
    sys_s: float
    max_rss_kb: int


def run_engine(command: list[str], home: EngineHome, timeout_s: float) -> Ended:
    """Run a program to its end, and return what its log and the wire have shown.

    Args:
        command: the program and its arguments.
        home: its folder and its variables.
        timeout_s: seconds after which it is killed together with its children, as it is on Ctrl-C.
    """
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
        watch = _Watch(process, home)
        timed_out = watch.listen(story, origin, timeout_s)
        if timed_out:
            os.killpg(process.pid, signal.SIGKILL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    finally:
        if process is not None:
            if process.returncode is None:  # an exception, such as Ctrl-C
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            assert process.stdout is not None
            process.stdout.close()
    # wait4 reports at least our own peak, because a child starts with its parent's.
    inherited = watch.peak_kb > 0 and usage.ru_maxrss <= Usage.now().max_rss_kb
    return Ended(
        story=story,
        status=process.returncode,
        timed_out=timed_out,
        total_s=time.perf_counter() - origin,
        arrived_s=None if watch.arrived is None else watch.arrived - wall,
        user_s=usage.ru_utime,
        sys_s=usage.ru_stime,
        max_rss_kb=watch.peak_kb if inherited else usage.ru_maxrss,
    )


@contextmanager
def interrupt_later() -> Iterator[None]:
    """Delay Ctrl-C until the end of the block, so that it cannot interrupt the start of a program."""
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or before is None:
        yield  # Python raises KeyboardInterrupt in the main thread only
        return
    heard: list[int] = []
    signal.signal(signal.SIGINT, lambda number, _frame: heard.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if heard:
        signal.raise_signal(signal.SIGINT)


class _Watch:
    """What a running program shows: its output, its peak memory, and when its staged blobs last grew."""

    def __init__(self, process: subprocess.Popen[bytes], home: EngineHome) -> None:
        self._process = process
        self._home = home
        self.peak_kb = 0
        self.arrived: float | None = None

    def listen(self, story: Story, origin: float, timeout_s: float) -> bool:
        """Pass the output on until it ends; return whether time was up before."""
        assert self._process.stdout is not None
        output = self._process.stdout.fileno()
        with selectors.DefaultSelector() as selector:
            selector.register(output, selectors.EVENT_READ)
            while time.perf_counter() - origin < timeout_s:
                if selector.select(_TICK_S):
                    data = os.read(output, 1 << 16)
                    if not data:
                        return False
                    story.hear(data, time.perf_counter() - origin)
                self.arrived = max(filter(None, (self.arrived, self._home.arrived())), default=None)
                self.peak_kb = max(self.peak_kb, peak_kb(self._process.pid) or 0)
        return True
