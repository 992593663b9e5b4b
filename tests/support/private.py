"""A registry that wants a login, in front of one that wants none: HTTP Basic, or a token server as Docker Hub's.

The login is checked for real: with the wrong one there is no token, and no image.
"""

from __future__ import annotations

import base64
import http.client
import json
import secrets
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

HOP = {"connection", "transfer-encoding", "keep-alive", "server", "date", "content-length"}


class Private(ThreadingHTTPServer):
    """Passes on to ``target`` (``host:port``) what carries the login; ``kind`` is ``basic`` or ``token``."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, target: str, kind: str, username: str, password: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.target, self.kind = target, kind
        self.basic = "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()
        self.address = f"127.0.0.1:{self.server_address[1]}"
        self.public = self.address  # how clients reach the token server
        self.tokens: set[str] = set()
        self.scopes: list[str] = []
        self.refused = 0

    def handle_error(self, *_: Any) -> None:
        pass

    def __enter__(self) -> Self:
        self._thread = threading.Thread(
            target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Private

    def do_GET(self) -> None:
        sent = self.headers.get("Authorization", "")
        if self.path.startswith("/token"):
            self._token(sent)
        elif (sent == self.server.basic and self.server.kind == "basic") or sent.removeprefix(
            "Bearer "
        ) in self.server.tokens:
            self._pass_on()
        else:
            self.server.refused += bool(sent)
            self._answer(
                401, {"WWW-Authenticate": self._challenge()}, b'{"errors":[{"code":"UNAUTHORIZED"}]}'
            )

    do_HEAD = do_GET  # noqa: N815

    def _challenge(self) -> str:
        if self.server.kind == "basic":
            return 'Basic realm="private"'
        repository = self.path.split("/manifests/")[0].split("/blobs/")[0].removeprefix("/v2/")
        scope = f',scope="repository:{repository}:pull"' if repository else ""
        return f'Bearer realm="http://{self.server.public}/token",service="private"{scope}'

    def _token(self, sent: str) -> None:
        if sent != self.server.basic:
            self.server.refused += 1
            self._answer(401, {"WWW-Authenticate": 'Basic realm="token"'}, b"{}")
            return
        self.server.scopes += parse_qs(urlsplit(self.path).query).get("scope", [])
        token = secrets.token_hex(8)
        self.server.tokens.add(token)
        self._answer(200, {}, json.dumps({"token": token, "expires_in": 300}).encode())

    def _pass_on(self) -> None:
        host, _, port = self.server.target.rpartition(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=30)
        try:
            headers = {k: v for k, v in self.headers.items() if k.lower() not in ("host", "authorization")}
            connection.request(self.command, self.path, headers=headers)
            answer = connection.getresponse()
            kept = {k: v for k, v in answer.getheaders() if k.lower() not in HOP}
            length = answer.headers.get("Content-Length")
            self._answer(answer.status, kept, answer.read(), length)
        finally:
            connection.close()

    def _answer(self, status: int, headers: dict[str, str], body: bytes, length: str | None = None) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", length or str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass
