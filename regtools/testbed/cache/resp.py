"""As much of Redis's protocol as it takes to ask a question (RESP2, from Redis's protocol specification)."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from regtools.errors import RegtoolsError

if TYPE_CHECKING:
    from typing import BinaryIO

__all__ = ["Reply", "ask", "info"]

Reply = str | int | None | list["Reply"]


def ask(address: str, *command: str, timeout_s: float = 2.0) -> Reply:
    """Send one command to the Redis at ``host:port`` and give its reply.

    Raises:
        OSError: nobody answers.
        RegtoolsError: ``redis-error``: Redis says no.

    ::

        ask("127.0.0.1:6379", "DBSIZE")      # 3
    """
    host, _, port = address.rpartition(":")
    words = b"".join(b"$%d\r\n%s\r\n" % (len(raw), raw) for raw in (word.encode() for word in command))
    with (
        socket.create_connection((host.strip("[]"), int(port)), timeout_s) as sock,
        sock.makefile("rb") as answer,
    ):
        sock.sendall(b"*%d\r\n%s" % (len(command), words))
        return _read(answer)


def info(text: str) -> dict[str, str]:
    """Read what the command INFO says: one ``key:value`` a line.

    >>> info("# Memory\\r\\nused_memory:1024\\r\\n")
    {'used_memory': '1024'}
    """
    return dict(line.split(":", 1) for line in text.splitlines() if ":" in line and not line.startswith("#"))


def _read(answer: BinaryIO) -> Reply:
    line = answer.readline()
    if not line.endswith(b"\r\n"):
        raise OSError("the connection ended in the middle of an answer")
    kind, text = line[:1], line[1:-2].decode("utf-8", "replace")
    match kind:
        case b"+":
            return text
        case b"-":
            raise RegtoolsError(f"Redis says: {text}", kind="redis-error", stage="pull")
        case b":":
            return int(text)
        case b"$":
            return None if text == "-1" else answer.read(int(text) + 2)[:-2].decode("utf-8", "replace")
        case b"*":
            return None if text == "-1" else [_read(answer) for _ in range(int(text))]
    raise OSError(f"this is no Redis: it answers {line[:40]!r}")
