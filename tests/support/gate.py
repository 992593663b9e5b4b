"""A door in front of a port, on any address of this machine, that can be shut and opened again."""

from __future__ import annotations

import contextlib
import socket
import threading
from types import TracebackType
from typing import Self

FREEBIND = 15  # ip(7): IP_FREEBIND, for an address that a network is about to get; Python has no name for it


class Gate:
    """Passes connections on from ``host`` and ``port`` (0: one of its own) to ``target`` (``host:port``)."""

    def __init__(self, target: str, host: str = "127.0.0.1", port: int = 0) -> None:
        name, _, its_port = target.rpartition(":")
        self._target = name, int(its_port)
        self._host, self._port = host, port
        self._socks: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._listener: socket.socket | None = None
        self.open()

    @property
    def address(self) -> str:
        return f"{self._host}:{self._port}"

    def open(self) -> None:
        """Let connections in, at the same port as before."""
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.IPPROTO_IP, FREEBIND, 1)
        listener.bind((self._host, self._port))
        listener.listen(128)
        self._port = listener.getsockname()[1]
        self._listener = listener
        self._begin(self._accept, listener)

    def shut(self) -> None:
        """Refuse connections from now on, and cut those that are open."""
        if self._listener is None:
            return
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._listener = None
        for sock in list(self._socks):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
        self._threads.clear()

    def _begin(self, run: object, *arguments: object) -> None:
        self._threads.append(threading.Thread(target=run, args=arguments, daemon=True))  # type: ignore[arg-type]
        self._threads[-1].start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            try:
                onward = socket.create_connection(self._target, 10)
            except OSError:
                sock.close()
                continue
            self._socks |= {sock, onward}
            self._begin(self._both, sock, onward)

    def _both(self, one: socket.socket, other: socket.socket) -> None:
        back = threading.Thread(target=_pump, args=(other, one), daemon=True)
        back.start()
        _pump(one, other)
        back.join()
        for sock in (one, other):
            self._socks.discard(sock)
            sock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.shut()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
