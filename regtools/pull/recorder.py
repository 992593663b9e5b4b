"""Record one pull while it runs: its clock, rows, pauses, sources and failures, and its CPU and memory.

The workers of a pull share one :class:`Run`; everything that they write goes through it, under one lock.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterable, Sequence

from regtools.errors import RegtoolsError
from regtools.values import TYPE_CHECKING, NamedTuple

from .http.transport import Exchange, Limits
from .http.values import Censor, Secret, exhausted, pull_error
from .manifests import Image
from .meter import Meter
from .records import Failure, Pull, Request

if TYPE_CHECKING:
    from typing import Any

try:  # whatever measures asks this module, so that one place says what is missing
    import fcntl  # noqa: F401
    import resource
except ImportError:  # Windows
    message = "measuring pulls needs a POSIX system (fcntl and resource are missing): use Linux, macOS or WSL"
    raise pull_error("platform", message) from None


Span = tuple[float, float]


_CACHE_HEADERS = ("x-cache", "cf-cache-status", "x-cache-status", "age")
# Docker Hub's headers, and those of draft-ietf-httpapi-ratelimit-headers in its three spellings.
_RATE_HEADERS = (
    "ratelimit-limit", "ratelimit-remaining", "ratelimit-reset", "ratelimit", "ratelimit-policy",
    "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "docker-ratelimit-source",
)  # fmt: skip


class Run:
    """The state of one pull. Times are seconds since its start.

    Attributes:
        meter: the progress.
        attempts: the sources tried, in order.
        cancelled: whether the whole pull is to end.
        ended_s: when the last stage ended.
        transfer_cpu_s: CPU time of this process while blobs were transferred.
    """

    def __init__(self, limits: Limits, meter: Meter | None = None) -> None:
        self.meter = Meter() if meter is None else meter
        self.id = os.urandom(16).hex()
        self.limits = limits
        self.origin = time.perf_counter()
        self.attempts: list[str] = []
        self.retries = 0
        self.hash_cpu_s = 0.0
        self.cancelled = False
        self.ended_s = 0.0
        self.transfer_cpu_s = 0.0
        self._cpu_s = 0.0
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._rows: list[dict[str, Any]] = []
        self._waits: list[Span] = []
        self._stages: list[tuple[str, Span]] = []
        self._stage: tuple[str, float] = ("auth", 0.0)
        self._failed: set[tuple[int, str]] = set()
        self._failures: list[Failure] = []
        self._censor = Censor()

    def now(self) -> float:
        """Return the seconds since the start."""
        return time.perf_counter() - self.origin

    def enter(self, stage: str) -> None:
        """Begin a stage (auth, manifest, transfer), which ends the one before."""
        now, cpu_s = self.now(), time.process_time()
        self._stages.append((self._stage[0], (self._stage[1], now)))
        if self._stage[0] == "transfer":
            self.transfer_cpu_s += cpu_s - self._cpu_s
        self._cpu_s = cpu_s
        self._stage = (stage, now)

    def stages(self) -> dict[str, float]:
        """End the last stage; return each stage's seconds without idle pauses, and the pauses as ``wait``."""
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
        """Whether the workers must give up what they are doing."""
        return self._stop.is_set()

    def stop(self) -> None:
        """Make the workers give up: a blob has failed, so the others are no longer needed."""
        self._stop.set()

    def cancel(self) -> None:
        """End the whole pull, not only the current candidate."""
        self.cancelled = True
        self._stop.set()

    def resume(self) -> None:
        """Let the workers go on with the next candidate, unless the pull is cancelled."""
        if not self.cancelled:
            self._stop.clear()

    def begin(self, reference: str) -> int:
        """Record that a source is tried; return its number."""
        with self._lock:
            self.attempts.append(reference)
            return len(self.attempts) - 1

    def fail(self, attempt: int, error: Exception) -> None:
        """Record why a source did not deliver, once for each kind of error.

        An error that is not a :class:`RegtoolsError` is a mistake of ours: kind ``unforeseen``, with the
        exception as the failure's ``cause``.
        """
        kind = error.kind if isinstance(error, RegtoolsError) else "unforeseen"
        if kind == "cancelled" and not self.cancelled:
            return  # stopped because another blob failed: that failure is the reason
        reference = self.attempts[attempt]
        if limit := exhausted(error):
            kind = "resources"  # of ours: no fault of the source
            failure = Failure(reference, kind, limit)
        elif isinstance(error, RegtoolsError):
            failure = Failure(reference, kind, error.message, error.hint)
        else:
            message = (
                f"regtools cannot handle what this source sent ({type(error).__name__}); please report it"
            )
            failure = Failure(reference, kind, message, cause=error)
        with self._lock:
            if (attempt, kind) not in self._failed:
                self._failed.add((attempt, kind))
                self._failures.append(failure)

    def advise(self, attempt: int, hint: str) -> None:
        """Replace the hint of a refused source, once more is known about it."""
        reference = self.attempts[attempt]
        self._failures = [
            each.replace(hint=hint)
            if each.reference == reference and each.kind.startswith("http-40")
            else each
            for each in self._failures
        ]

    def give_up(self, failure: Failure) -> None:
        """Record why a candidate has no source."""
        self._failures.append(failure)

    @property
    def failures(self) -> tuple[Failure, ...]:
        """Why sources and candidates did not deliver; without secrets."""
        clean = self._clean
        return tuple(
            each.replace(message=clean(each.message), hint=clean(each.hint)) for each in self._failures
        )

    def wait(self, seconds: float) -> None:
        """Pause; a stop ends the pause and raises an error of kind ``cancelled``."""
        before = self.now()
        stopped = self._stop.wait(seconds)
        with self._lock:
            self._waits.append((before, self.now()))
            self.retries += 1
        if stopped:
            raise pull_error("cancelled", "the pull was stopped")

    def jitter(self) -> float:
        """Return a factor around 1, so that many clients do not return at the same moment."""
        return 0.75 + os.urandom(1)[0] / 510

    def hide(self, *secrets: Secret | None) -> None:
        """Remove these secrets, and the headers that hold them, from everything that the pull tells.

        That includes what was recorded before: an answer may name the token that it brings.
        """
        with self._lock:
            self._censor.hide(*secrets)

    def record(self, exchange: Exchange, **known: Any) -> None:
        """Record a row for one exchange."""
        row = {**exchange.wire, **known}
        for column, names in (("cache_header", _CACHE_HEADERS), ("rate_limit", _RATE_HEADERS)):
            told = [f"{name}: {exchange.headers[name]}" for name in names if name in exchange.headers]
            row[column] = "; ".join(told) or None
        with self._lock:
            self._rows.append(row)

    def add_hash_time(self, seconds: float) -> None:
        """Add CPU time spent on hashing."""
        with self._lock:
            self.hash_cpu_s += seconds

    def requests(self) -> tuple[Request, ...]:
        """Return the rows, numbered in the order in which the requests began; without secrets."""
        ordered = sorted(self._rows, key=lambda row: row["t0_s"])
        return tuple(
            Request(run_id=self.id, seq=number, **{name: self._clean(cell) for name, cell in row.items()})
            for number, row in enumerate(ordered)
        )

    def _clean(self, cell: Any) -> Any:
        return self._censor(cell) if isinstance(cell, str) else cell


def idle(waits: Iterable[Span], busy: Iterable[Span]) -> list[Span]:
    """Return the parts of ``waits`` in which nothing was ``busy``, each moment once.

    >>> idle([(0, 4), (3, 6)], [(1, 2), (5, 9)])
    [(0, 1), (2, 5)]
    """
    working, first = _union(busy), 0
    found: list[Span] = []
    for start, end in _union(waits):
        while first < len(working) and working[first][1] <= start:
            first += 1  # over before this pause, and so before all later ones
        at = first
        while at < len(working) and working[at][0] < end:
            begin, stop = working[at]
            if begin > start:
                found.append((start, begin))
            start = max(start, stop)
            at += 1
        if start < end:
            found.append((start, end))
    return found


def overlap(one: Span, other: Span) -> float:
    """Return the length that two spans share.

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


class Usage(NamedTuple):
    """CPU seconds of this process and of the whole machine so far, and the peak memory in kB.

    ``when`` is the moment as ``time.time()``, ``at_s`` the one on the clock that spans are measured by.
    """

    when: float
    at_s: float
    user_s: float
    sys_s: float
    max_rss_kb: int
    host_busy_s: float | None

    @classmethod
    def now(cls) -> Usage:
        """Read the counters of the operating system."""
        own = resource.getrusage(resource.RUSAGE_SELF)
        peak = peak_kb()  # on Linux ru_maxrss is wrong: a child starts with its parent's
        if peak is None:
            peak = own.ru_maxrss // 1024 if sys.platform == "darwin" else own.ru_maxrss
        return cls(time.time(), time.perf_counter(), own.ru_utime, own.ru_stime, peak, _host_busy_s())


def conclude(
    *,
    before: Usage,
    after: Usage,
    manifest: Image | None,
    ok: bool,
    failures: Sequence[Failure],
    **measured: Any,
) -> Pull:
    """Return the row of a pull that has ended.

    Args:
        before, after: what it used.
        manifest: of the image, if it arrived.
        ok: whether the image arrived.
        failures: why sources did not deliver.
        measured: all other columns that are not empty.
    """
    return Pull(
        started_at=utc(before.when),
        digest=manifest.digest if manifest else None,
        index_digest=manifest.index_digest if manifest else None,
        n_layers=len(manifest.layers) if manifest else None,
        bytes_declared=manifest.layers_size if manifest else None,
        other_cpu=_other_cpu(before, after),
        ok=ok,
        error_kind=None if ok else failures[-1].kind if failures else "no-candidates",
        failures=tuple(failures),
        **measured,
    )


def _other_cpu(before: Usage, after: Usage) -> float | None:
    """Return the share (0 to 1) of the machine's CPU that other processes used between two readings.

    None if the system does not report it, and for spans too short for its clock of 10 ms.
    """
    span = after.at_s - before.at_s
    if before.host_busy_s is None or after.host_busy_s is None or span < 0.05:
        return None
    own = after.user_s + after.sys_s - before.user_s - before.sys_s
    share = (after.host_busy_s - before.host_busy_s - own) / (span * (os.cpu_count() or 1))
    return min(1.0, max(0.0, share))


def peak_kb(process: int | str = "self") -> int | None:
    """Return the peak memory of a process in kB, as Linux counts it; None if it does not report it."""
    try:
        with open(f"/proc/{process}/status", "rb") as file:  # noqa: PTH123 - part of every measured pull
            return int(file.read().partition(b"VmHWM:")[2].split(None, 1)[0])
    except (OSError, IndexError):
        return None


def _host_busy_s() -> float | None:
    try:
        with open("/proc/stat", "rb") as file:  # noqa: PTH123 - part of every measured pull
            fields = file.readline().split()
    except OSError:
        return None
    user, nice, system, _idle, _iowait, irq, softirq, steal = (int(each) for each in fields[1:9])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")
