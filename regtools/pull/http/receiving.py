"""Receive one answer from libcurl: header lines, chunks and timing; and verify the document in it.

A document is hashed while it arrives, stopped at its first byte too many, and judged by size and digest.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping

from regtools.values import TYPE_CHECKING, NamedTuple

from ..meter import Meter
from .curl import pycurl
from .values import Secret, read_text, read_whole

if TYPE_CHECKING:
    from typing import BinaryIO

Begin = Callable[[int, Mapping[str, str]], "Body | None"]

MOST_HEADERS = 64 * 1024  # bytes in all header lines of an answer
ERROR_BODY = 64 * 1024  # bytes of an error's explanation that are kept
SAMPLES = 64
BATCH = 256 * 1024  # bytes hashed, timed and written at once: 16 KiB are too short to be timed


class Tap:
    """What libcurl calls with each chunk of a body; the function behind it can change while libcurl runs.

    Each tap has a class of its own, where Python looks for ``__call__``: a chunk goes to the function that is
    written in C, such as a hash's ``update``, without a step of the interpreter. At 700 MB/s that is a tenth
    of the time of a pull.
    """

    def __new__(cls) -> Tap:
        """Make a tap, and a class for it."""
        made: Tap = super().__new__(type(cls.__name__, (cls,), {}))
        return made

    def turn(self, to: Callable[[bytes], object]) -> None:
        """Send all further chunks to a function; it returns -1 to make libcurl stop."""
        setattr(type(self), "__call__", to)  # noqa: B010 - a method is not assigned to


class Receiver:
    """The callbacks that libcurl calls with the header lines and the body of one answer.

    A chunk is *watched*, or it goes straight into the hash, if the document allows that. The first ones are
    watched, and so are those after each quarter of a body, until they are worth being hashed and timed: while
    Python watches, the threads that receive other bodies wait for it. The low-speed limit of a body is kept
    here: libcurl averages over six seconds, so that a fast beginning hides a standstill. An exception in a
    callback is kept, because libcurl could only print it.

    Attributes:
        tap: what libcurl is to call with each chunk.
        status, headers: of the last answer; names in lower case.
        kept: the beginning of an error's explanation.
        received: bytes of the body.
        enough: whether reading stopped because the explanation is longer than what is kept.
        refused: whether reading stopped because the document is too long, or cannot be written.
        stalled: whether reading stopped because the body was too slow.
        oversized: whether reading stopped because the header lines were too long.
        failed: an exception raised while receiving, or None.
        started: ``time.perf_counter()`` when the request was sent.
    """

    def __init__(
        self, tap: Tap, begin: Begin, expected: int | None, low_speed: int, low_speed_s: float
    ) -> None:
        self.tap = tap
        self._begin = begin
        self._begun = False
        self._body: Body | None = None
        self._then: Callable[[bytes], object] = self.chunk  # gets what follows a watched chunk
        self._patience_s = low_speed_s
        self._enough_bytes = low_speed * low_speed_s
        self._mark = (0.0, 0)  # when enough had arrived, and how much that was
        self._end = expected or None
        # One sample a step, one for the last byte and one in reserve for a body longer than declared.
        self._step = -(-expected // (SAMPLES - 2)) if expected else 0
        self._next = self._header_bytes = self.received = self.status = 0
        self._watched = self._quarter = (expected or 0) // 4  # the next chunks are watched from there on
        self._samples: list[tuple[float, int]] = []
        self.headers: dict[str, str] = {}
        self.kept = bytearray()
        self.enough = self.refused = self.stalled = self.oversized = False
        self.failed: Exception | None = None
        self.started = 0.0
        tap.turn(self.chunk)

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
        """Take a watched chunk of the body; return -1 to make libcurl stop."""
        try:
            if not self._begun:
                self._begun = True
                self._body = self._begin(self.status, self.headers)
                if self._body is not None:
                    self._then = self._body.straight(self.headers) or self.chunk
            if self._body is None:
                self.received += len(data)
                self.kept += data[: ERROR_BODY - len(self.kept)]
                self.enough = self.received >= ERROR_BODY
                return -1 if self.enough else None
            if self._body.take(data):
                self.tap.turn(self._then)
            self._count(self._body, len(data))
        except Exception as error:
            self.failed = error
            return -1
        return -1 if self.refused else None

    def progress(self, received: int) -> bool:
        """Watch the next chunk if it is time, and return whether libcurl is to stop.

        libcurl calls this after a few reads, and once a second without any.

        Args:
            received: as for :meth:`arrived`.
        """
        self.arrived(received)
        if self.received >= self._watched:
            self._watched += self._quarter
            self.tap.turn(self.chunk)
        return self.refused or self._stalls()

    def arrived(self, received: int) -> None:
        """Count what has gone straight into the hash.

        Args:
            received: bytes of the body so far, as libcurl counts them.
        """
        if self._body is not None and received > self.received:
            self._count(self._body, received - self.received)

    def end(self, received: int) -> None:
        """Finish the body once libcurl has returned; ``received`` as for :meth:`arrived`."""
        self.arrived(received)
        if self._body is not None:
            self._body.settle()

    def _count(self, body: Body, more: int) -> None:
        self.received += more
        self.refused = not body.count(more)
        if self._end is not None and self.received >= self._next and len(self._samples) < SAMPLES - 1:
            self._samples.append((time.perf_counter() - self.started, self.received))
            self._next = self.received + self._step

    def _stalls(self) -> bool:
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

    Attributes:
        received: its bytes so far.
        too_long, problem: whether it is longer than it may be; why it cannot be written.
    """

    def __init__(self, wanted: Wanted, keep: BinaryIO | None = None, meter: Meter | None = None) -> None:
        self._wanted = wanted
        self._keep = keep
        self._meter = meter
        self._limit = wanted.limit if wanted.size is None else wanted.size
        self._timed_s, self._timed = 0.0, 0  # CPU seconds and bytes of the chunks whose hashing was timed
        self._hashed = 0
        self.received = 0
        self._parts: list[bytes] = []
        self._waiting = 0  # bytes in them
        self.restart()

    def restart(self) -> None:
        """Discard everything: the document is sent again from its first byte."""
        if self._meter is not None:
            self._meter.add(-self.received)
        self.expect(self._wanted.digest)
        self.received = self._waiting = 0
        self._parts = []
        self.too_long = False
        self.problem: OSError | None = None
        if self._keep is not None:
            self._keep.seek(0)
            self._keep.truncate()

    def expect(self, digest: str | None) -> None:
        """Set the digest to be verified, before the first byte arrives; None if it is not known."""
        self.digest = digest
        self._hash = hashlib.new(digest.partition(":")[0] if digest else "sha256")

    def take(self, data: bytes) -> bool:
        """Take a chunk, which has yet to be counted; return False while it waits for more of its batch."""
        self._parts.append(data)
        self._waiting += len(data)
        if self._waiting < BATCH:
            return False
        self.settle()
        return True

    def settle(self) -> None:
        """Hash and write the chunks that wait, and time the hashing."""
        data = b"".join(self._parts)
        self._parts, self._waiting = [], 0
        before = time.thread_time()
        self._hash.update(data)
        self._timed_s += time.thread_time() - before
        self._timed += len(data)
        if self._keep is not None:
            try:
                self._keep.write(data)
            except OSError as error:
                self.problem = error

    def straight(self, headers: Mapping[str, str]) -> Callable[[bytes], None] | None:
        """Return what may hash all further chunks of an answer, whenever none waits.

        None if they must be written, too, or if the answer may become longer than the document: libcurl reads
        as much as is announced (RFC 9112, section 6.3), so what is announced has to fit.
        """
        announced = read_whole(headers.get("content-length", ""))
        if self._keep is not None or announced is None or "transfer-encoding" in headers:
            return None
        fits = self._limit is None or self.received + announced <= self._limit
        return self._hash.update if fits else None

    def count(self, more: int) -> bool:
        """Count bytes that have been hashed; return False if they are too many, or cannot be written."""
        self.received += more
        self._hashed += more
        if self._meter is not None:
            self._meter.add(more)
        self.too_long = self._limit is not None and self.received > self._limit
        return not self.too_long and self.problem is None

    @property
    def cpu_s(self) -> float:
        """CPU seconds of hashing, those of what was sent twice included: the timed chunks stand for all."""
        return self._timed_s * self._hashed / self._timed if self._timed else 0.0

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
