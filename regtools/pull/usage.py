"""What a pull cost this machine: CPU of this process, its peak memory, and what others did meanwhile."""

from __future__ import annotations

import os
import resource
import sys
import time
from dataclasses import dataclass

__all__ = ["Usage", "other_cpu"]


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU seconds of this process and of the whole machine at one moment; peak memory in kB so far."""

    at_s: float
    user_s: float
    sys_s: float
    max_rss_kb: int
    host_busy_s: float | None

    @classmethod
    def now(cls) -> Usage:
        """Read the meters."""
        own = resource.getrusage(resource.RUSAGE_SELF)
        return cls(time.perf_counter(), own.ru_utime, own.ru_stime, _peak_kb(own.ru_maxrss), _host_busy_s())


def other_cpu(before: Usage, after: Usage) -> float | None:
    """Give the share (0 to 1) of the machine's CPU that other processes used between two readings.

    None where the system does not tell, and for spans too short for its clock of 10 ms.
    """
    span = after.at_s - before.at_s
    if before.host_busy_s is None or after.host_busy_s is None or span < 0.05:
        return None
    own = after.user_s + after.sys_s - before.user_s - before.sys_s
    share = (after.host_busy_s - before.host_busy_s - own) / (span * (os.cpu_count() or 1))
    return min(1.0, max(0.0, share))


def _peak_kb(max_rss: int) -> int:
    """Give the peak memory; ``ru_maxrss`` will not do on Linux, where a child starts with its parent's."""
    try:
        with open("/proc/self/status", "rb") as file:  # noqa: PTH123 - on the way of every measured pull
            return int(file.read().partition(b"VmHWM:")[2].split(None, 1)[0])
    except (OSError, IndexError):
        return max_rss // 1024 if sys.platform == "darwin" else max_rss


def _host_busy_s() -> float | None:
    try:
        with open("/proc/stat", "rb") as file:  # noqa: PTH123 - on the way of every measured pull
            fields = file.readline().split()
    except OSError:
        return None
    user, nice, system, _idle, _iowait, irq, softirq, steal = (int(each) for each in fields[1:9])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")
