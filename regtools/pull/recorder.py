"""One pull under way: its clock, its rows, its pauses, and the word that ends it.

Shared by the workers of a pull; everything that they write goes through here, under one lock.

What a pull cost this machine: CPU of this process, its peak memory, and what others did meanwhile.
"""

from __future__ import annotations

import os
import resource
import sys
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from regtools.errors import RegtoolsError

from .http.logins import Secret
from .records import PHASES, Request

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from .http.transport import Exchange, Limits

__all__ = ["Run", "Usage", "idle", "other_cpu", "overlap", "utc"]

if TYPE_CHECKING:
    Span = tuple[float, float]

_FROM_EXCHANGE = (
    "url_host", "remote_ip", "http_version", "tls_version", "reused", "status",
    "t0_s", *PHASES, "total_s", "bytes", "proxy", "samples",
)  # fmt: skip
# Docker Hub's own, and those of draft-ietf-httpapi-ratelimit-headers in its three spellings.
_RATE_HEADERS = (
    "ratelimit-limit", "ratelimit-remaining", "ratelimit-reset", "ratelimit", "ratelimit-policy",
    "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "docker-ratelimit-source",
)  # fmt: skip

SHORTEST_SECRET = 4


class Run:
    """The state of one pull. Times are seconds since its start."""

    def __init__(self, limits: Limits) -> None:
        self.id = os.urandom(16).hex()
        self.limits = limits
        self.origin = time.perf_counter()
        self.attempt = 0
        self.retries = 0
        self.hash_cpu_s = 0.0
        self.cancelled = False
        self.ended_s = 0.0
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._rows: list[dict[str, Any]] = []
        self._waits: list[Span] = []
        self._stages: list[tuple[str, Span]] = []
        self._stage: tuple[str, float] = ("auth", 0.0)
        self._secrets: frozenset[Secret] = frozenset()

    def now(self) -> float:
        """Give the seconds since the start."""
        return time.perf_counter() - self.origin

    def enter(self, stage: str) -> None:
        """Begin a stage (auth, manifest, transfer); the one before ends here."""
        now = self.now()
        self._stages.append((self._stage[0], (self._stage[1], now)))
        self._stage = (stage, now)

    def stages(self) -> dict[str, float]:
        """Give each stage's seconds without its idle pauses, and these as ``wait``; ends the last stage."""
        self.enter("over")
        self.ended_s = self._stage[1]
        pauses = idle(self._waits, [(row["t0_s"], row["t0_s"] + row["total_s"]) for row in self._rows])
        spent = {"auth": 0.0, "manifest": 0.0, "transfer": 0.0, "wait": 0.0}
        for name, span in self._stages:
            paused = sum(overlap(span, pause) for pause in pauses)
            spent[name] += span[1] - span[0] - paused
            spent["wait"] += paused
        return spent

    @property
    def stopped(self) -> bool:
        """Whether the workers are to give up what they are doing."""
        return self._stop.is_set()

    def stop(self) -> None:
        """Make the workers give up: a blob has failed, the others are no longer needed."""
        self._stop.set()

    def cancel(self) -> None:
        """End the whole pull, not only the present attempt."""
        self.cancelled = True
        self._stop.set()

    def next_attempt(self, number: int) -> None:
        """Begin with source ``number``; what was stopped for the last one may go on."""
        self.attempt = number
        if not self.cancelled:
            self._stop.clear()

    def wait(self, seconds: float) -> None:
        """Pause; a stop ends the pause and raises, kind ``cancelled``."""
        before = self.now()
        stopped = self._stop.wait(seconds)
        with self._lock:
            self._waits.append((before, self.now()))
            self.retries += 1
        if stopped:
            raise RegtoolsError("the pull was stopped", kind="cancelled", stage="pull")

    def jitter(self) -> float:
        """Give a factor around 1, so that many clients do not come back at the same moment."""
        import random

        return random.uniform(0.75, 1.25)

    def hide(self, *secrets: Secret | None) -> None:
        """Keep secrets, and headers made of one, out of what a registry says and we pass on."""
        texts = (each.reveal() for each in secrets if each is not None)
        words = (text.removeprefix("Basic ").removeprefix("Bearer ") for text in texts)
        # Shorter ones would hide half of every sentence, and tell nobody anything.
        self._secrets |= {Secret(word) for word in words if len(word) >= SHORTEST_SECRET}

    def discreet(self, text: str) -> str:
        """Give a text without the secrets that the other side has put into it."""
        for secret in self._secrets:
            text = text.replace(secret.reveal(), "…")
        return text

    def record(self, exchange: Exchange, **known: Any) -> None:
        """Keep a row for one exchange."""
        row = {name: getattr(exchange, name) for name in _FROM_EXCHANGE} | known
        told = [f"{name}: {exchange.headers[name]}" for name in _RATE_HEADERS if name in exchange.headers]
        row["rate_limit"] = "; ".join(told) or None
        if self._secrets:
            row = {name: self.discreet(cell) if isinstance(cell, str) else cell for name, cell in row.items()}
        with self._lock:
            self._rows.append(row)

    def add_hash_time(self, seconds: float) -> None:
        """Count CPU time spent on hashing."""
        with self._lock:
            self.hash_cpu_s += seconds

    def requests(self) -> tuple[Request, ...]:
        """Give the rows in the order in which the requests began, numbered."""
        ordered = sorted(self._rows, key=lambda row: row["t0_s"])
        return tuple(Request(run_id=self.id, seq=number, **row) for number, row in enumerate(ordered))


def idle(waits: Iterable[Span], busy: Iterable[Span]) -> list[Span]:
    """Give the parts of ``waits`` in which nothing was ``busy``, each moment once.

    >>> idle([(0, 4), (3, 6)], [(1, 2), (5, 9)])
    [(0, 1), (2, 5)]
    """
    working = _union(busy)
    found: list[Span] = []
    for start, end in _union(waits):
        for begin, stop in working:
            if stop <= start or begin >= end:
                continue
            if begin > start:
                found.append((start, begin))
            start = max(start, stop)
        if start < end:
            found.append((start, end))
    return found


def overlap(one: Span, other: Span) -> float:
    """Give the length that two spans share.

    >>> overlap((0, 3), (2, 5))
    1
    """
    return max(0.0, min(one[1], other[1]) - max(one[0], other[0]))


def _union(spans: Iterable[Span]) -> list[Span]:
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


def utc(moment: float) -> str:
    """Write a moment (``time.time()``) in ISO 8601, UTC.

    >>> utc(0.5)
    '1970-01-01T00:00:00.500000Z'
    """
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment))
    return f"{whole}.{int(moment % 1 * 1e6):06d}Z"


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
