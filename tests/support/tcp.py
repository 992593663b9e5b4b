"""Small TCP servers and measurements for tests of links."""

from __future__ import annotations

import contextlib
import socket
import statistics
import threading
import time
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def serving(answer: Callable[[socket.socket], None], port: int = 0) -> Iterator[str]:
    """Serve every connection with ``answer`` in a thread of its own; give ``host:port``."""
    threads: list[threading.Thread] = []
    with socket.create_server(("127.0.0.1", port), backlog=512) as listener:

        def run() -> None:
            while True:
                try:
                    sock, _ = listener.accept()
                except OSError:
                    return
                threads.append(threading.Thread(target=one, args=(sock,), daemon=True))
                threads[-1].start()

        def one(sock: socket.socket) -> None:
            with sock, contextlib.suppress(OSError):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                answer(sock)

        accepting = threading.Thread(target=run, daemon=True)
        accepting.start()
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            accepting.join(10)
            for thread in threads:
                thread.join(10)


def echo(sock: socket.socket) -> None:
    """Send everything back."""
    while data := sock.recv(65536):
        sock.sendall(data)


def source(sock: socket.socket) -> None:
    """Send as many zero bytes as the eight bytes that arrive say."""
    left, block = int.from_bytes(receive(sock, 8), "big"), bytes(1 << 20)
    while left > 0:
        sock.sendall(block[:left])
        left -= len(block)


def receive(sock: socket.socket, size: int) -> bytes:
    """Read exactly ``size`` bytes, or what there is until the end."""
    pieces = []
    while size and (piece := sock.recv(size)):
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)


def connect(address: str) -> socket.socket:
    """Connect to ``host:port``, without Nagle's delay."""
    host, port = address.rsplit(":", 1)
    sock = socket.create_connection((host, int(port)), 60)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def round_trip_ms(address: str, times: int = 50) -> float:
    """Give the median round trip of one byte to a server that echoes."""
    taken = []
    with connect(address) as sock:
        for _ in range(times):
            start = time.perf_counter()
            sock.sendall(b"x")
            assert sock.recv(1) == b"x"
            taken.append(time.perf_counter() - start)
    return statistics.median(taken) * 1000


def rate_mbit(address: str, size: int) -> float:
    """Give the rate at which ``size`` bytes arrive from a :func:`source`, from the first piece to the last."""
    with connect(address) as sock:
        sock.sendall(size.to_bytes(8, "big"))
        buffer = bytearray(1 << 20)
        first = sock.recv_into(buffer)
        start, got = time.perf_counter(), first
        while piece := sock.recv_into(buffer):
            got += piece
        seconds = time.perf_counter() - start
    assert got == size
    return (got - first) * 8 / seconds / 1e6
