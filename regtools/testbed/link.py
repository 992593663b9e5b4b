"""A TCP link with latency and bandwidth, in front of any port: a slow network of your own.

Bytes wait half the round trip in each direction, and all connections of a link share its bandwidth, each
direction for itself, as on one wire. A link cannot delay TCP's handshake (the kernel accepts the connection
to its port at once), so the time to connect is about 0; it loses no packets; and bandwidth counts the bytes
of the connection, without the headers of TCP and IP.
"""

from __future__ import annotations

import math
import socket
from dataclasses import dataclass
from typing import Any

from .process import Helper, bad

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
            what = f"rtt_ms={self.rtt_ms!r} is not a round trip"
            raise bad(what, "give milliseconds between 0 and 60000, e.g. 40")
        if self.mbit is not None and (not _is_number(self.mbit) or not 0.01 <= self.mbit <= 100_000):
            what = f"mbit={self.mbit!r} is not a bandwidth"
            raise bad(what, "give Mbit/s between 0.01 and 100000, e.g. 100, or None for no limit")

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


class Links(Helper):
    """Links that are open: one helper process that carries them all, until ``close()``.

    Args:
        routes: name → the link and the ``host:port`` behind it.

    Attributes:
        addresses: name → ``127.0.0.1:port``, where the link begins.

    Raises:
        RegtoolsError: a target that is not ``host:port`` or has no address, or no process or port is free.
    """

    def __init__(self, routes: dict[str, tuple[Link, str]]) -> None:
        order = {
            name: {"rtt_ms": link.rtt_ms, "mbit": link.mbit, "target": _resolve(target), "port": 0}
            for name, (link, target) in routes.items()
        }
        super().__init__("link", {"links": order})
        self.addresses = {name: f"127.0.0.1:{port}" for name, port in self.ready["ports"].items()}


def _resolve(target: str) -> list[Any]:
    host, _, port = target.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise bad(f"{target!r} is not the target of a link", "write it as host:port, e.g. 127.0.0.1:5000")
    try:
        family, _, _, _, address = socket.getaddrinfo(host, int(port), type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise bad(f"{host!r} has no address: {error.strerror}", "is the name spelt right?") from error
    return [int(family), list(address)]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
