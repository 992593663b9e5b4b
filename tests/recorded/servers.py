"""Servers that misbehave, each in a process of its own, so that they take nothing from the client's Python."""

from __future__ import annotations

import contextlib
import multiprocessing
import random
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PATIENCE_S = 60.0


@contextmanager
def beside(serve: Callable[..., None], *arguments: Any) -> Iterator[str]:
    """Run ``serve(answer, *arguments)`` in another process; give the host that it sends to ``answer``."""
    spawn = multiprocessing.get_context("spawn")
    mine, theirs = spawn.Pipe()
    process = spawn.Process(target=serve, args=(theirs, *arguments), daemon=True)
    process.start()
    try:
        if not mine.poll(PATIENCE_S):
            raise TimeoutError(f"{serve.__name__} did not begin")
        yield mine.recv()
    finally:
        process.terminate()
        process.join(10)
        mine.close()
        theirs.close()


class Handler(BaseHTTPRequestHandler):
    """A plain port: a TLS hello is refused at its first byte."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def handle(self) -> None:
        with contextlib.suppress(OSError):
            if self.connection.recv(1, socket.MSG_PEEK) != b"\x16":
                super().handle()

    def log_message(self, *_: Any) -> None:
        pass

    def refuse(self, status: int) -> None:
        body = b'{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}'
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)


def serve_status(answer: Any, status: int, after_s: float = 0.0) -> None:
    """Answer everything with one status, after a while."""

    class Refusing(Handler):
        def do_GET(self) -> None:
            time.sleep(after_s)
            self.refuse(status)

        do_HEAD = do_GET  # noqa: N815 - http.server's way of naming

    _serve(Refusing, answer)


def serve_flaky(answer: Any, host: str, failing: float, seed: int) -> None:
    """Pass everything on to ``host``, but know nothing of a manifest in a share of the cases, as if out of date."""
    dice = random.Random(seed)

    class Flaky(Handler):
        def do_GET(self) -> None:
            if "/manifests/" in self.path and dice.random() < failing:
                self.refuse(404)
                return
            with contextlib.closing(HTTPConnection(host, timeout=PATIENCE_S)) as onward:
                onward.request(self.command, self.path, headers=dict(self.headers))
                reply = onward.getresponse()
                self.send_response(reply.status)
                for name, value in reply.getheaders():
                    if name.lower() not in ("connection", "transfer-encoding", "date", "server"):
                        self.send_header(name, value)
                if reply.getheader("Content-Length") is None:
                    self.send_header("Connection", "close")
                    self.close_connection = True
                self.end_headers()
                shutil.copyfileobj(reply, self.wfile, 1 << 16)

        do_HEAD = do_GET  # noqa: N815 - http.server's way of naming

    _serve(Flaky, answer)


def _serve(handler: type[Handler], answer: Any) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        answer.send(f"127.0.0.1:{server.server_address[1]}")
        server.serve_forever()
