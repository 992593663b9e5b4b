"""A registry on loopback that misbehaves as told: what a real one cannot be made to do.

Each request consumes the next fault whose path fits; without a fault the right answer is given.
"""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from tests.support.images import Image, sha256


@dataclass(frozen=True)
class Seen:
    """One request as it came."""

    path: str
    headers: dict[str, str]
    method: str = "GET"
    body: bytes = b""


@dataclass(frozen=True)
class Answer:
    """What would be sent, were there no fault."""

    status: int
    headers: dict[str, str]
    body: bytes


Fault = Callable[["Handler", Answer], None]


@dataclass
class Script:
    """Paths and what they hold; faults in the order in which they happen."""

    manifests: dict[str, tuple[bytes, str]] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    faults: list[tuple[str, Fault]] = field(default_factory=list)
    extra: dict[str, Answer] = field(default_factory=dict)
    token: str | None = None  # what every request below /v2/ must show
    token_answer: bytes | None = None  # what /token answers, whatever its query
    realm_login: str | None = (
        None  # the Authorization that /token wants; a POST brings a refresh_token instead
    )
    login: str | None = None  # the Authorization that every request below /v2/ must show
    challenge: tuple[str, ...] = ()  # WWW-Authenticate of a 401, a header each; empty: what fits
    seen: list[Seen] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def put(self, repository: str, tag: str, image: Image) -> None:
        for name in (tag, image.digest):
            self.manifests[f"/v2/{repository}/manifests/{name}"] = (image.manifest, image.media_type)
        for digest, data in image.blobs.items():
            self.blobs[f"/v2/{repository}/blobs/{digest}"] = data

    def fault(self, part: str, *faults: Fault) -> None:
        """The next requests whose path contains ``part`` go wrong, each in its way."""
        self.faults += [(part, each) for each in faults]

    def paths(self, part: str = "") -> list[str]:
        return [each.path for each in self.seen if part in each.path]

    def answer(self, path: str) -> Answer:
        if path in self.extra:
            return self.extra[path]
        path = path.partition("?")[0]
        if path == "/token" and self.token_answer is not None:
            return Answer(200, {"Content-Type": "application/json"}, self.token_answer)
        if path == "/v2/":
            return Answer(200, {"Content-Type": "application/json"}, b"{}")
        if path in self.manifests:
            raw, kind = self.manifests[path]
            return Answer(200, {"Content-Type": kind, "Docker-Content-Digest": sha256(raw)}, raw)
        if path in self.blobs:
            return Answer(200, {"Content-Type": "application/octet-stream"}, self.blobs[path])
        return Answer(404, {}, b'{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}')


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def handle(self) -> None:
        try:
            if not self.server.tls and self.connection.recv(1, socket.MSG_PEEK) == b"\x16":
                return  # a TLS hello at a plain port: refuse at once
            super().handle()
        except OSError:
            pass

    def do_GET(self) -> None:
        script = self.server.script
        posted = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with script.lock:
            headers = {k.lower(): v for k, v in self.headers.items()}
            script.seen.append(Seen(self.path, headers, self.command, posted))
            fault = next((each for each in script.faults if each[0] in self.path), None)
            if fault is not None:
                script.faults.remove(fault)
        answer = script.answer(self.path)
        asked = self.headers.get("Range", "")
        if asked and answer.status == 200:
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
            total = len(answer.body)
            answer = Answer(
                206,
                answer.headers | {"Content-Range": f"bytes {start}-{total - 1}/{total}"},
                answer.body[start:],
            )
        if fault is not None:
            fault[1](self, answer)
        elif not self._welcome(script, posted):
            realm = f"{self.server.scheme}://{self.server.host}/token"
            bearer = f'Bearer realm="{realm}",service="test",scope="repository:x:pull"'
            self.refuse(script.challenge or (bearer if script.token else 'Basic realm="test"',))
        else:
            self.reply(answer)

    do_POST = do_GET  # noqa: N815 - http.server's way of naming

    def _welcome(self, script: Script, posted: bytes) -> bool:
        shown = self.headers.get("Authorization")
        if self.path.partition("?")[0] == "/token":
            return script.realm_login in (None, shown) or b"refresh_token=" in posted
        wanted = f"Bearer {script.token}" if script.token else script.login
        return wanted is None or wanted == shown or "/v2/" not in self.path

    def refuse(self, challenges: Sequence[str]) -> None:
        self.send_response(401)
        for each in challenges:
            self.send_header("WWW-Authenticate", each)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def reply(self, answer: Answer) -> None:
        self.head(answer.status, {**answer.headers, "Content-Length": str(len(answer.body))})
        self.wfile.write(answer.body)

    def head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, certificate: Any = None) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.script = Script()
        self.tls = certificate is not None
        self.scheme = "https" if self.tls else "http"
        self.host = f"127.0.0.1:{self.server_address[1]}"
        self.open: list[socket.socket] = []
        self.closing = threading.Event()
        if certificate is not None:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(certificate.cert, certificate.key)
            if certificate.clients:
                context.verify_mode = ssl.CERT_REQUIRED
                context.load_verify_locations(certificate.ca)
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def get_request(self) -> tuple[Any, Any]:
        request, address = super().get_request()
        self.open.append(request)
        return request, address

    def go_away(self, seconds: float) -> None:
        """Close everything, as a process that is killed does, and listen again a while later."""
        listener, address = self.socket, self.server_address

        def come_back() -> None:
            time.sleep(seconds)
            again = socket.create_server((address[0], address[1]), backlog=64)
            os.dup2(again.fileno(), listener.fileno())  # what serve_forever waits for
            again.close()

        closed = socket.socket()  # neither bound nor listening: refuses
        listener.shutdown(socket.SHUT_RDWR)
        os.dup2(closed.fileno(), listener.fileno())
        closed.close()
        for each in self.open:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        threading.Thread(target=come_back, daemon=True).start()

    def handle_error(self, *_: Any) -> None:
        pass  # what a client breaks off is no matter for the test's output

    def __enter__(self) -> Self:
        self._thread = threading.Thread(
            target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.closing.set()
        self.shutdown()
        self._thread.join()
        self.server_close()
        for each in self.open:
            each.close()


def status(code: int, **headers: str) -> Fault:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda handler, answer: handler.reply(
        Answer(code, named, b'{"errors":[{"message":"told to fail"}]}')
    )


def cut(after: int) -> Fault:
    """Promise the whole body, send a part, reset the connection."""

    def fault(handler: Handler, answer: Answer) -> None:
        handler.head(answer.status, {**answer.headers, "Content-Length": str(len(answer.body))})
        handler.wfile.write(answer.body[:after])
        handler.wfile.flush()
        time.sleep(0.05)  # let the part arrive before the reset throws away what is on its way
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        handler.connection.shutdown(socket.SHUT_RD)
        handler.close_connection = True
        handler.connection.close()

    return fault


def stall(after: int, seconds: float) -> Fault:
    """Promise the whole body, send a part, say nothing more."""
    return drip(after, seconds, after)


def drip(size: int, pause: float, first: int = 0) -> Fault:
    """Send the body in small pieces, with a pause after each."""

    def fault(handler: Handler, answer: Answer) -> None:
        handler.head(answer.status, {**answer.headers, "Content-Length": str(len(answer.body))})
        at = 0
        while at < len(answer.body):
            step = first if first and not at else size
            handler.wfile.write(answer.body[at : at + step])
            at += step
            if handler.server.closing.wait(pause):
                break
        handler.close_connection = True

    return fault


def length(change: int) -> Fault:
    """Say a length that is not the body's, send the body, hang up."""

    def fault(handler: Handler, answer: Answer) -> None:
        handler.head(answer.status, {**answer.headers, "Content-Length": str(len(answer.body) + change)})
        handler.wfile.write(answer.body)
        handler.close_connection = True

    return fault


def restarting(pause: float) -> Fault:
    """Answer, hang up on everybody, be away for a while, come back on the same port."""

    def fault(handler: Handler, answer: Answer) -> None:
        handler.reply(answer)
        handler.wfile.flush()
        handler.server.go_away(pause)
        handler.close_connection = True

    return fault


def body(change: Callable[[bytes], bytes], **headers: str) -> Fault:
    """Send another body, with a length that fits it."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda handler, answer: handler.reply(
        Answer(answer.status, answer.headers | named, change(answer.body))
    )


def endless(handler: Handler, answer: Answer) -> None:
    """Send without end and without a length."""
    handler.head(answer.status, {**answer.headers, "Connection": "close"})
    handler.close_connection = True
    while True:
        handler.wfile.write(bytes(1 << 16))


def whole(handler: Handler, answer: Answer) -> None:
    """Ignore the range that was asked for."""
    full = handler.server.script.answer(handler.path)
    handler.reply(full)


def redirect(url: str, code: int = 307) -> Fault:
    return lambda handler, answer: handler.reply(Answer(code, {"Location": url}, b"elsewhere"))


def silent(seconds: float) -> Fault:
    """Say nothing for a while, then hang up."""

    def fault(handler: Handler, answer: Answer) -> None:
        handler.server.closing.wait(seconds)
        handler.close_connection = True

    return fault


def late(seconds: float, then: Fault) -> Fault:
    """Go wrong after a while."""

    def fault(handler: Handler, answer: Answer) -> None:
        time.sleep(seconds)
        then(handler, answer)

    return fault
