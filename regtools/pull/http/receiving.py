"""Receive one answer from libcurl: header lines, chunks and timing; and verify the document in it.

A document is hashed while it arrives, stopped at its first byte too many, and judged by size and digest.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Mapping
from typing import BinaryIO, NamedTuple

import pycurl

from ..records import Meter
from .values import Secret, read_text, read_whole

Take = Callable[[list[bytes]], bool]
Begin = Callable[[int, Mapping[str, str]], Take | None]

MOST_HEADERS = 64 * 1024  # bytes in all header lines of an answer
ERROR_BODY = 64 * 1024  # bytes of an error's explanation that are kept
SAMPLES = 64
BATCH = 128 * 1024  # bytes; libcurl delivers 16 KiB at a time, which would be many calls of Python


class Receiver:
    """The callbacks that libcurl calls with the header lines and the body of one answer.

    The body is handed over in batches: what is decided once a batch takes almost no time. The low-speed limit
    of a body is kept here: libcurl averages over six seconds, so that a fast beginning hides a standstill. An
    exception in a callback is kept, because libcurl could only print it.

    Attributes:
        status, headers: of the last answer; names in lower case.
        kept: the beginning of an error's explanation.
        received: bytes of the body.
        enough: whether reading stopped because the explanation is longer than what is kept.
        stalled: whether reading stopped because the body was too slow.
        oversized: whether reading stopped because the header lines were too long.
        failed: an exception raised while receiving, or None.
        started: ``time.perf_counter()`` when the request was sent.
    """

    def __init__(self, begin: Begin, expected: int | None, low_speed: int, low_speed_s: float) -> None:
        self._begin = begin
        self._begun = False
        self._take: Take | None = None
        self._parts: list[bytes] = []
        self._due = 1  # bytes of the body with which the next batch is handed over
        self._patience_s = low_speed_s
        self._enough_bytes = low_speed * low_speed_s
        self._mark = (0.0, 0)  # when enough had arrived, and how much that was
        self._end = expected or None
        # One sample a step, one for the last byte and one in reserve for a body longer than declared.
        self._step = -(-expected // (SAMPLES - 2)) if expected else 0
        self._next = self._header_bytes = self.received = self.status = 0
        self._samples: list[tuple[float, int]] = []
        self.headers: dict[str, str] = {}
        self.kept = bytearray()
        self.enough = self.stalled = self.oversized = False
        self.failed: Exception | None = None
        self.started = 0.0

    def header(self, line: bytes) -> int | None:
        """Take a header line; return -1 to make libcurl stop."""
        self._header_bytes += len(line)
        if self._header_bytes > MOST_HEADERS:
            self.oversized = True
            return -1
        text = read_text(line).strip()
        name, colon, value = text.partition(":")
        if text.startswith("HTTP/"):  # a new answer: the last one was an interim one, or a proxy's
            self.headers.clear()
            self.status = next((read_whole(field) or 0 for field in text.split(None, 2)[1:2]), 0)
        elif colon:
            name, value = name.strip().lower(), value.strip()
            if name == "www-authenticate" and name in self.headers:  # often one line for each scheme
                value = f"{self.headers[name]}, {value}"
            self.headers[name] = value
        return None

    def chunk(self, data: bytes) -> int | None:
        """Take a chunk of the body; return -1 to make libcurl stop."""
        self.received += len(data)
        self._parts.append(data)
        return None if self.received < self._due else self.hand_over()

    def hand_over(self) -> int | None:
        """Hand over what has arrived since the last time; return -1 to make libcurl stop."""
        parts, self._parts = self._parts, []
        try:
            return None if not parts or self._accepts(parts) else -1
        except Exception as error:
            self.failed = error
            return -1

    def _accepts(self, parts: list[bytes]) -> bool:
        if not self._begun:
            self._begun = True
            self._take = self._begin(self.status, self.headers)
        if self._take is None:
            self.kept += b"".join(parts)[: ERROR_BODY - len(self.kept)]
            self.enough = self.received >= ERROR_BODY
            return not self.enough
        self._due = self.received + BATCH
        if self._end is not None:
            if self.received >= self._next and len(self._samples) < SAMPLES - 1:
                self._samples.append((time.perf_counter() - self.started, self.received))
                self._next = self.received + self._step
            self._due = min(self._due, self._next, self._end + 1)
        return self._take(parts)

    def stalls(self) -> bool:
        """Return whether the body has become too slow to wait for."""
        now = time.perf_counter()
        if self.received and (not self._mark[1] or self.received >= self._mark[1] + self._enough_bytes):
            self._mark = (now, self.received)
        self.stalled = bool(self._mark[1]) and now - self._mark[0] > self._patience_s
        return self.stalled

    def sampled(self) -> tuple[tuple[float, int], ...] | None:
        """Return pairs of seconds since the request's start and bytes so far, including the last byte."""
        if self._end is None:
            return None
        if self._samples and self._samples[-1][1] != self.received:
            self._samples.append((time.perf_counter() - self.started, self.received))
        return tuple((round(seconds, 6), count) for seconds, count in self._samples)


def phases(
    info: Callable[[int], int], secure: bool, reused: bool, looked_up_s: float | None
) -> dict[str, float | None]:
    """Return the phases of a request: libcurl's cumulative microseconds as differences in seconds.

    ``looked_up_s`` is when the host was looked up.

    A phase that was not reached is None. A request that fails spends the rest of its time in the phase in
    which it fails.
    """
    total = info(pycurl.TOTAL_TIME_T) / 1e6
    marks = [("ttfb_s", info(pycurl.STARTTRANSFER_TIME_T) / 1e6), ("body_s", total)]
    if not reused:
        marks = [
            ("dns_s", -1.0 if looked_up_s is None else looked_up_s),
            ("tcp_s", info(pycurl.CONNECT_TIME_T) / 1e6),
            *([("tls_s", info(pycurl.APPCONNECT_TIME_T) / 1e6)] if secure else []),
            *marks,
        ]
    cut: dict[str, float | None] = dict.fromkeys(("dns_s", "tcp_s", "tls_s", "ttfb_s", "body_s"))
    before = 0.0
    for name, mark in marks:
        reached = mark > 0 or (name == "dns_s" and mark == 0)  # else 0 means "never"
        end = min(max(mark, before), total) if reached else total
        cut[name] = end - before
        before = end
        if not reached:
            break
    cut["total_s"] = total
    return cut


# The algorithms that are verified, and the form of their digests (image specification, "Digests").
DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128}")


class Wanted(NamedTuple):
    """A document to be fetched: its address, what it must be, and how large it may be.

    Attributes:
        size: declared size in bytes, or None; ``limit`` bounds a document of unknown size.
        patient: whether to repeat the request after a failure that may be temporary.
        form: fields to post; a redirect is not followed then.
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

    def __repr__(self) -> str:
        return f"Wanted({self.kind!r})"  # a URL may hold a password


class Body:
    """The part of a document that has arrived: hashed, counted, and written to a file if there is one.

    What arrives is hashed and written at once: the memory needed does not depend on the document's size.
    """

    def __init__(self, wanted: Wanted, keep: BinaryIO | None = None, meter: Meter | None = None) -> None:
        self._wanted = wanted
        self._keep = keep
        self._meter = meter
        self._limit = wanted.limit if wanted.size is None else wanted.size
        self.cpu_s = 0.0
        self.received = 0
        self.restart()

    def restart(self) -> None:
        """Discard everything: the document is sent again from its first byte."""
        if self._meter is not None:
            self._meter.add(-self.received)
        self.expect(self._wanted.digest)
        self.received = 0
        self.too_long = False
        self.problem: OSError | None = None
        if self._keep is not None:
            self._keep.seek(0)
            self._keep.truncate()

    def expect(self, digest: str | None) -> None:
        """Set the digest to be verified, before the first byte arrives; None if it is not known."""
        self.digest = digest
        self._hash = hashlib.new(digest.partition(":")[0] if digest else "sha256")

    def take(self, parts: list[bytes]) -> bool:
        """Take some chunks; return False if the document is too long or cannot be written."""
        data = b"".join(parts)  # the interpreter's lock is given away once, not once a part
        self.received += len(data)
        if self._limit is not None and self.received > self._limit:
            self.too_long = True
        before = time.thread_time()
        self._hash.update(data)
        self.cpu_s += time.thread_time() - before
        if self._meter is not None:
            self._meter.add(len(data))
        if self._keep is not None:
            try:
                self._keep.write(data)
            except OSError as error:
                self.problem = error
        return not self.too_long and self.problem is None

    def hashed(self) -> str:
        """Return the digest of what has arrived, with its algorithm."""
        return f"{self._hash.name}:{self._hash.hexdigest()}"

    def verdict(self) -> tuple[str, str] | None:
        """Return error kind and message if this is not the document that was wanted, else None."""
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
            return "digest-mismatch", f"its content does not match {self.digest}"
        return None
