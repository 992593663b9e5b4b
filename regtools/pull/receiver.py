"""What libcurl hands over while a request runs, and how its clock is read afterwards."""

from __future__ import annotations

import time

import pycurl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    Begin = Callable[[int, Mapping[str, str]], Callable[[bytes], bool] | None]

__all__ = ["Receiver", "phases"]

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
