"""Look a host up and connect to one of its addresses as podman does, and keep what each address answered.

libcurl could do both, but it tells neither which addresses it tried nor what became of them. It also looks up
IPv4 and IPv6 apart: where /etc/hosts has one of the two and no name server answers, it waits for the other
one, five seconds before it opens a second connection and five when it closes the first. Podman does not ask a
name server then, and neither does the system's own look-up, which is used here.
"""

from __future__ import annotations

import _socket as socket  # the module socket first makes enumerations of all its numbers: 2 ms of a start
import errno
import select
import threading
import time
from collections.abc import Callable

from regtools.values import TYPE_CHECKING

from ..records import in_words
from .curl import pycurl

if TYPE_CHECKING:
    from typing import Any

# As Go's net.Dialer: the first address's family has a head start; an address gets its share of the time that
# is left, but so much at least.
HEAD_START_S = 0.3
LEAST_S = 2.0
_TURN_S = 0.1  # how often is asked whether the pull is cancelled

_OUTCOMES = {
    0: "connected",
    errno.ECONNREFUSED: "refused",
    errno.EHOSTUNREACH: "unreachable",
    errno.ENETUNREACH: "unreachable",
    errno.ETIMEDOUT: "timeout",
    errno.ECANCELED: "overtaken",
}


class Attempt:
    """One address that is tried: its socket until its outcome is known."""

    def __init__(self, ip: str, begun: float, until: float) -> None:
        self.ip = ip
        self.begun = begun
        self.until = until
        self.socket: socket.socket | None = None
        self.outcome = ""
        self.took_s = 0.0

    def begin(self, found: Any) -> None:
        """Start to connect to one answer of ``getaddrinfo``."""
        try:
            self.socket = socket.socket(*found[:3])
            self.socket.setblocking(False)
            number = self.socket.connect_ex(found[4])
        except OSError as error:  # no IPv6 here, or no more files may be opened
            number = error.errno or errno.EIO
        if number not in (0, errno.EINPROGRESS):
            self.end(number)

    def end(self, number: int) -> None:
        """Record the outcome, an error number; close the socket unless it is connected."""
        self.took_s = time.perf_counter() - self.begun
        self.outcome = _OUTCOMES.get(number) or errno.errorcode.get(number, str(number)).lower()
        if number and self.socket is not None:
            self.socket.close()

    @property
    def cell(self) -> str:
        """What a row keeps of it: address, outcome, seconds."""
        return f"{self.ip} {self.outcome} {self.took_s:.6f}"


class Dialer:
    """Opens the connection of one request, if libcurl needs a new one.

    Attributes:
        looked_up_s: seconds that the look-up took: 0 for an address, None without a look-up, or if no answer
            came in time.
        attempts: the addresses that were tried.
        fault: error kind and message if there is no connection.
        failed: an exception that nothing foresees, or None.
    """

    def __init__(self, host: str, limit_s: float, cancelled: Callable[[], bool]) -> None:
        self._host = host
        self._limit_s = limit_s
        self._ends = 0.0
        self._cancelled = cancelled
        self.looked_up_s: float | None = None
        self.attempts: list[Attempt] = []
        self.fault: tuple[str, str] | None = None
        self.failed: Exception | None = None

    def connect_with(self, curl: pycurl.Curl, port: int) -> None:
        """Make libcurl use this dialer. It needs an address of its own, which is never connected to."""
        curl.setopt(pycurl.RESOLVE, [f"{self._host}:{port}:0.0.0.0"])
        curl.setopt(pycurl.OPENSOCKETFUNCTION, lambda _, address: self._open(address[3][1]))
        curl.setopt(pycurl.SOCKOPTFUNCTION, lambda *_: self._hand_over())

    @property
    def row(self) -> str | None:
        """The addresses that were tried, for a row."""
        return "; ".join(each.cell for each in self.attempts) or None

    @property
    def ip(self) -> str | None:
        """The address that is connected."""
        return next((each.ip for each in self.attempts if each.outcome == "connected"), None)

    def looked_up(self, info: Callable[[int], int]) -> float | None:
        """Return the seconds until the host was looked up, here or by libcurl; None if it was not."""
        if self._ends:
            return self.looked_up_s
        own = info(pycurl.NAMELOOKUP_TIME_T)
        return own / 1e6 if own or info(pycurl.CONNECT_TIME_T) else None  # 0 where it is part of connecting

    def _hand_over(self) -> Any:
        for each in self.attempts:
            if each.socket is not None:
                each.socket.close()  # libcurl has a copy of its own
        return pycurl.SOCKOPT_ALREADY_CONNECTED

    def _open(self, port: int) -> Any:
        if self._ends:  # libcurl has another address of its own; all have been tried
            return pycurl.SOCKET_BAD
        self._ends = time.perf_counter() + self._limit_s
        try:
            found = self._look_up(port)
            connected = self._dial(found) if found else None
        except Exception as error:  # libcurl could only print it
            self.failed = error
            return pycurl.SOCKET_BAD
        return pycurl.SOCKET_BAD if connected is None else connected

    def _look_up(self, port: int) -> list[Any]:
        """Return the addresses as ``getaddrinfo`` does, in its order; none if the look-up fails."""
        try:
            # As bytes: for text Python would load the tables of international names first.
            name, kind = self._host.encode(), socket.SOCK_STREAM
            found = socket.getaddrinfo(name, port, type=kind, flags=socket.AI_NUMERICHOST)
            self.looked_up_s = 0.0
            return found
        except (socket.gaierror, UnicodeError):
            pass
        answers: list[Any] = []
        done = threading.Event()

        def ask() -> None:  # in a thread of its own: it can neither be limited nor stopped
            try:
                answers.append(socket.getaddrinfo(self._host.encode(), port, type=socket.SOCK_STREAM))
            except OSError as error:
                answers.append(error)
            done.set()

        begun = time.perf_counter()
        threading.Thread(target=ask, name="regtools-look-up", daemon=True).start()
        while not done.wait(_TURN_S) and time.perf_counter() < self._ends and not self._cancelled():
            pass
        if answers and isinstance(answers[0], list):
            self.looked_up_s = time.perf_counter() - begun
            return answers[0]
        if self._cancelled():
            self.fault = "cancelled", "the pull was stopped"
        elif not answers:
            self.fault = (
                "dns",
                f"its name was not resolved within {self._limit_s:g} s: no name server answers",
            )
        elif answers[0].errno == socket.EAI_AGAIN:
            self.fault = "dns", "its name cannot be resolved: the name server fails or does not answer"
        else:
            self.fault = "dns", "its name cannot be resolved"
        return []

    def _dial(self, found: list[Any]) -> socket.socket | None:
        """Return the first connection: both families at once, the addresses of each one after the other."""
        first = found[0][0]
        waiting = [[each for each in found if (each[0] == first) is wanted] for wanted in (True, False)]
        starts = time.perf_counter() + HEAD_START_S
        trying: dict[int, Attempt] = {}  # family's number → its current address
        while time.perf_counter() < self._ends and not self._cancelled():
            for family, addresses in enumerate(waiting):
                ahead = family and (waiting[0] or 0 in trying) and time.perf_counter() < starts
                if addresses and family not in trying and not ahead:
                    trying[family] = self._attempt(addresses)
            if not trying:
                break
            _settle(list(trying.values()), starts if waiting[1] and 1 not in trying else self._ends)
            for family, attempt in list(trying.items()):
                if attempt.outcome == "connected":
                    del trying[family]
                    self._give_up(trying, errno.ECANCELED)
                    return attempt.socket
                if attempt.outcome:
                    del trying[family]
        self._give_up(trying, errno.ETIMEDOUT)
        if self._cancelled():
            self.fault = "cancelled", "the pull was stopped"
        elif not self.attempts:  # the look-up took all the time, so no address was tried
            self.looked_up_s = None
            self.fault = "dns", f"its name was resolved too late to connect within {self._limit_s:g} s"
        elif any(each.outcome == "timeout" for each in self.attempts):
            self.fault = "timeout", f"no connection within {self._limit_s:g} s: {in_words(self.row or '')}"
        else:
            self.fault = "connect", f"it cannot be reached: {in_words(self.row or '')}"
        return None

    def _attempt(self, addresses: list[Any]) -> Attempt:
        """Start with the next address of a family."""
        now = time.perf_counter()
        until = min(self._ends, now + max(LEAST_S, (self._ends - now) / len(addresses)))
        found = addresses.pop(0)
        attempt = Attempt(found[4][0], now, until)
        self.attempts.append(attempt)
        attempt.begin(found)
        return attempt

    @staticmethod
    def _give_up(trying: dict[int, Attempt], number: int) -> None:
        for each in trying.values():
            each.end(number)


def _settle(trying: list[Attempt], until: float) -> None:
    """Wait until something happens, not long; record the outcomes that are known then."""
    poll, now = select.poll(), time.perf_counter()
    running = {each.socket.fileno(): each for each in trying if each.socket is not None and not each.outcome}
    for number in running:
        poll.register(number, select.POLLOUT)
    turn = (
        min([until, now + _TURN_S, *(each.until for each in trying)]) if len(running) == len(trying) else now
    )
    for number, _ in poll.poll(max(0.0, turn - now) * 1000):
        ready = running.pop(number)
        ready.end(ready.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))  # type: ignore[union-attr]
    for each in running.values():
        if each.until <= time.perf_counter():
            each.end(errno.ETIMEDOUT)
