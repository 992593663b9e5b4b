"""What libcurl hands over while a request runs, and how its clock is read afterwards.

A document on its way in: what it must be, and whether it is.

Hashed while it arrives, stopped at its first byte too many, judged by size and digest.
"""

from __future__ import annotations

import hashlib
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pycurl

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, BinaryIO

    from .logins import Secret

__all__ = ["DIGEST", "Body", "Receiver", "Wanted", "phases"]

if TYPE_CHECKING:
    Begin = Callable[[int, Mapping[str, str]], Callable[[bytes], bool] | None]

ERROR_BODY = 64 * 1024  # more of an error's explanation nobody reads
SAMPLES = 64


class Receiver:
    """Takes the header lines and the chunks of one answer.

    Once a body has begun, the low-speed limit is kept here: libcurl judges the mean of its last six seconds,
    so that a fast beginning hides a standstill for as long.
    """

    __slots__ = (
        "_begin",
        "_enough_bytes",
        "_mark",
        "_next",
        "_patience_s",
        "_samples",
        "_step",
        "_take",
        "enough",
        "headers",
        "kept",
        "received",
        "stalled",
        "started",
    )

    def __init__(self, begin: Begin, expected: int | None, low_speed: int, low_speed_s: float) -> None:
        self._begin = begin
        self._patience_s = low_speed_s
        self._enough_bytes = low_speed * low_speed_s
        self._mark = (0.0, 0.0)  # when enough had arrived, and how much that was
        self.stalled = False
        self._take: Callable[[bytes], bool] | None = None
        # One sample a step, one for the last byte and one in reserve for a body longer than declared.
        self._step = -(-expected // (SAMPLES - 2)) if expected else 0
        self._next = 0
        self._samples: list[tuple[float, int]] = []
        self.headers: dict[str, str] = {}
        self.kept = bytearray()
        self.received = 0
        self.enough = False
        self.started = 0.0

    def header(self, line: bytes) -> None:
        """Take a header line; a status line starts anew (an interim answer, or a proxy's)."""
        text = line.decode("latin-1").strip()
        if text.startswith("HTTP/"):
            self.headers.clear()
            fields = text.split(None, 2)
            self.headers[":status"] = fields[1] if len(fields) > 1 else "0"
        elif ":" in text:
            name, _, value = text.partition(":")
            name, value = name.strip().lower(), value.strip()
            if name == "www-authenticate" and name in self.headers:  # one line a scheme is usual here
                value = f"{self.headers[name]}, {value}"
            self.headers[name] = value

    def chunk(self, data: bytes) -> int | None:
        """Take a chunk of the body; -1 makes libcurl stop."""
        if not self.received:
            status = self.headers.get(":status", "")
            self._take = self._begin(int(status) if status.isdecimal() else 0, self.headers)
        self.received += len(data)
        if self.received >= self._mark[1] + self._enough_bytes or not self._mark[0]:
            self._mark = (time.perf_counter(), self.received)
        if self._take is not None:
            if self._step and self.received >= self._next and len(self._samples) < SAMPLES - 1:
                self._samples.append((time.perf_counter() - self.started, self.received))
                self._next = self.received + self._step
            return None if self._take(data) else -1
        self.kept += data[: ERROR_BODY - len(self.kept)]
        self.enough = self.received >= ERROR_BODY
        return -1 if self.enough else None

    def stalls(self) -> bool:
        """Say whether the body has become too slow to be waited for."""
        self.stalled = bool(self._mark[0]) and time.perf_counter() - self._mark[0] > self._patience_s
        return self.stalled

    def sampled(self) -> tuple[tuple[float, int], ...] | None:
        """Give the pairs of seconds since the request's start and bytes so far, the last byte included."""
        if not self._step:
            return None
        if self._samples and self._samples[-1][1] != self.received:
            self._samples.append((time.perf_counter() - self.started, self.received))
        return tuple((round(seconds, 6), count) for seconds, count in self._samples)


def phases(info: Callable[[int], Any], secure: bool, reused: bool) -> dict[str, Any]:
    """Cut libcurl's cumulative microseconds into differences; what was never reached is None.

    A request that dies gives the rest of its time to the phase in which it died.
    """
    total = info(pycurl.TOTAL_TIME_T) / 1e6
    marks = [
        ("ttfb_s", info(pycurl.STARTTRANSFER_TIME_T) / 1e6),
        ("body_s", total),
    ]
    if not reused:
        marks = [
            ("dns_s", info(pycurl.NAMELOOKUP_TIME_T) / 1e6),
            ("tcp_s", info(pycurl.CONNECT_TIME_T) / 1e6),
            *([("tls_s", info(pycurl.APPCONNECT_TIME_T) / 1e6)] if secure else []),
            *marks,
        ]
    cut: dict[str, Any] = dict.fromkeys(("dns_s", "tcp_s", "tls_s", "ttfb_s", "body_s"))
    before = 0.0
    for name, mark in marks:
        # 0 is "never", except for a name that needed no look-up: that one is inside the connecting.
        reached = mark > 0 or (name == "dns_s" and marks[1][1] > 0)
        end = min(max(mark, before), total) if reached else total
        cut[name] = end - before
        before = end
        if not reached:
            break
    cut["total_s"] = total
    return cut


# What a digest must look like before it is worth hashing for (image specification, "Digests").
DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128}")
BATCH = 128 * 1024  # libcurl hands over 16 KiB at a time; hashing so little costs more than it hashes


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to fetch: where it is, what it must be, and how much of it is bearable.

    ``size`` is what was declared, None where nobody has; ``limit`` holds then. ``patient`` repeats what may
    pass; a source with a successor is not waited for. ``form`` is posted, and then to ``url`` only.
    """

    kind: str
    url: str
    digest: str | None = None
    size: int | None = None
    limit: int | None = None
    layer: int | None = None
    accept: str | None = None
    patient: bool = True
    form: Secret | None = None


class Body:
    """What has arrived of a document: hashed on the way, counted, and kept where somebody wants it.

    Hashing and writing happen in batches, so memory is bounded by the batch whatever the document's size.
    """

    __slots__ = (
        "_hash", "_keep", "_limit", "_parts", "_pending", "_wanted",
        "cpu_s", "digest", "problem", "received", "too_long",
    )  # fmt: skip

    def __init__(self, wanted: Wanted, keep: BinaryIO | None = None) -> None:
        self._wanted = wanted
        self._keep = keep
        self._limit = wanted.limit if wanted.size is None else wanted.size
        self.cpu_s = 0.0
        self.restart()

    def restart(self) -> None:
        """Forget everything: the document comes again from its first byte."""
        self.expect(self._wanted.digest)
        self._parts: list[bytes] = []
        self._pending = 0
        self.received = 0
        self.too_long = False
        self.problem: OSError | None = None
        if self._keep is not None:
            self._keep.seek(0)
            self._keep.truncate()

    def expect(self, digest: str | None) -> None:
        """Say what the document must hash to; None if nobody knows. Only before its first byte."""
        self.digest = digest
        self._hash = hashlib.new(digest.partition(":")[0] if digest else "sha256")

    def take(self, data: bytes) -> bool:
        """Take a chunk; False when there is more than there may be, or nowhere to put it."""
        self.received += len(data)
        if self._limit is not None and self.received > self._limit:
            self.too_long = True
            return False
        self._parts.append(data)
        self._pending += len(data)
        return self._pending < BATCH or self.flush()

    def flush(self) -> bool:
        """Hash and write what is pending; False when the disk takes no more."""
        batch = b"".join(self._parts)
        self._parts.clear()
        self._pending = 0
        before = time.thread_time()
        self._hash.update(batch)
        self.cpu_s += time.thread_time() - before
        if self._keep is not None:
            try:
                self._keep.write(batch)
            except OSError as error:
                self.problem = error
                return False
        return True

    def hashed(self) -> str:
        """Give the digest of what has arrived, its algorithm in front."""
        self.flush()
        return f"{self._hash.name}:{self._hash.hexdigest()}"

    def verdict(self) -> tuple[str, str] | None:
        """Give error kind and message if this is not the document that was wanted; None if it is."""
        self.flush()
        wanted = self._wanted
        declared = f"{wanted.size} bytes were declared"
        if self.problem is not None:
            return "disk", f"it cannot be written: {self.problem.strerror}"
        if self.too_long and wanted.size is None:
            return "too-large", f"it has more than the {wanted.limit} bytes that a {wanted.kind} may have"
        if self.too_long:
            return "size-mismatch", f"it is longer than it should be: {declared}"
        if wanted.size is not None and self.received != wanted.size:
            return "size-mismatch", f"it has {self.received} bytes; {declared}"
        if self.digest and self.hashed() != self.digest:
            return "digest-mismatch", f"its content is not what {self.digest} stands for"
        return None
