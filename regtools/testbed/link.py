"""A TCP link with latency and bandwidth, in front of any port: the reader's own slow network.

What a link is: bytes wait half the round trip in each direction, and all connections of a link share its
bandwidth, each direction for itself, as on one wire. What it is not: a link cannot delay TCP's handshake
(the connection to its port is made by the kernel, at once), so the time to connect is about 0 here;
it loses no packets; and bandwidth counts the bytes of the connection, without TCP's and IP's headers.
"""

from __future__ import annotations

import math
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

from regtools.errors import RegtoolsError

from .process import Closing, Helper

if TYPE_CHECKING:
    from typing import Any

__all__ = ["Link", "Links"]


@dataclass(frozen=True, slots=True)
class Link:
    """What a link adds.

    Args:
        rtt_ms: milliseconds added to a round trip, half of it each way; 0 to 60,000.
        mbit: bandwidth in Mbit/s (10**6 bits) of each direction, 0.01 to 100,000; None for no limit.

    Raises:
        RegtoolsError: a value outside these bounds.

    >>> Link(rtt_ms=40, mbit=100)
    Link(rtt_ms=40, mbit=100)
    """

    rtt_ms: float = 0
    mbit: float | None = None

    def __post_init__(self) -> None:
        if not _is_number(self.rtt_ms) or not 0 <= self.rtt_ms <= 60_000:
            raise _bad(
                f"rtt_ms={self.rtt_ms!r} is no round trip", "give milliseconds between 0 and 60000, e.g. 40"
            )
        if self.mbit is not None and (not _is_number(self.mbit) or not 0.01 <= self.mbit <= 100_000):
            raise _bad(
                f"mbit={self.mbit!r} is no bandwidth",
                "give Mbit/s between 0.01 and 100000, e.g. 100, or None for no limit",
            )

    def __str__(self) -> str:
        rate = "no limit" if self.mbit is None else f"{self.mbit:g} Mbit/s"
        return f"{self.rtt_ms:g} ms, {rate}"

    def open(self, target: str) -> Links:
        """Open this link in front of ``target`` (``host:port``); it is then the link named ``link``.

        ::

            with Link(rtt_ms=40, mbit=100).open("127.0.0.1:5000") as far:
                far.addresses["link"]          # 127.0.0.1 and a free port
        """
        return Links({"link": (self, target)})


class Links(Closing):
    """Links that are open: one helper process that carries them all, until ``close()``.

    Args:
        routes: name → the link and the ``host:port`` behind it.

    Attributes:
        addresses: name → ``127.0.0.1:port``, where the link begins.

    Raises:
        RegtoolsError: a target that is no ``host:port`` or has no address, or no process or port to be had.
    """

    def __init__(self, routes: dict[str, tuple[Link, str]]) -> None:
        order = {
            name: {"rtt_ms": link.rtt_ms, "mbit": link.mbit, "target": _resolve(target), "port": 0}
            for name, (link, target) in routes.items()
        }
        self._helper = Helper("link", {"links": order})
        self.addresses: dict[str, str] = {
            name: f"127.0.0.1:{port}" for name, port in self._helper.ready["ports"].items()
        }

    @property
    def pid(self) -> int:
        """The number of the process that carries the links."""
        return self._helper.pid

    @property
    def alive(self) -> bool:
        """Whether that process runs."""
        return self._helper.alive

    def close(self) -> None:
        """Close the links, with everything that is on its way."""
        self._helper.close()


def _resolve(target: str) -> list[Any]:
    host, _, port = target.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise _bad(f"{target!r} is no target of a link", "write it as host:port, e.g. 127.0.0.1:5000")
    try:
        family, _, _, _, address = socket.getaddrinfo(host, int(port), type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise _bad(f"{host!r} has no address: {error.strerror}", "is the name spelt right?") from error
    return [int(family), list(address)]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _bad(message: str, hint: str) -> RegtoolsError:
    return RegtoolsError(message, kind="bad-testbed", stage="load", hint=hint)
