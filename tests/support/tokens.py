"""A small token service: logs users in, and signs tokens that docker-registry accepts (JWT, RS256).

The distribution project's "Docker Registry v2 authentication via central service": the registry trusts the
authority in ``rootcertbundle``, and a token brings its signer's certificate along (``x5c``).
"""

from __future__ import annotations

import json
import ssl
import subprocess
import threading
import time
from base64 import b64encode, urlsafe_b64encode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

SERVICE, ISSUER = "the test's registry", "the test's token service"


class TokenService:
    """Listens on loopback while its ``with`` block lasts; ``asked`` are the users who got a token."""

    def __init__(
        self, folder: Path, *, user: str, password: str, identity_token: str = "", life_s: int = 300
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.bundle, self._key = folder / "signer.pem", folder / "signer.key"
        self._pair = f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"
        self._user, self._identity_token, self.life_s = user, identity_token, life_s
        self.asked: list[str] = []
        subprocess.run(
            [
                *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
                *("-subj", "/CN=signer", "-keyout", str(self._key), "-out", str(self.bundle)),
            ],
            check=True,
            capture_output=True,
            timeout=60,
        )

    @property
    def auth(self) -> dict[str, Any]:
        """The ``auth`` section of the registry that trusts this service."""
        realm = f"http://{self.host}/token"
        return {
            "token": {
                "realm": realm,
                "service": SERVICE,
                "issuer": ISSUER,
                "rootcertbundle": str(self.bundle),
            }
        }

    def user_of(self, header: str | None, fields: dict[str, list[str]]) -> str | None:
        """Say who asks: a user by password or by identity token, nobody by name, or None for a liar."""
        if fields.get("grant_type") == ["refresh_token"]:
            return self._user if fields.get("refresh_token") == [self._identity_token] else None
        return self._user if header == self._pair else "" if header is None else None

    def token(self, user: str, scope: str) -> str:
        """Sign a token; only users with a name may pull."""
        kind, _, rest = scope.partition(":")
        name, _, actions = rest.rpartition(":")
        access = [{"type": kind, "name": name, "actions": actions.split(",")}] if user and name else []
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "sub": user,
            "aud": SERVICE,
            "exp": now + self.life_s,
            "nbf": now - 5,
            "iat": now,
            "jti": str(time.time_ns()),
            "access": access,
        }
        der = ssl.PEM_cert_to_DER_cert(self.bundle.read_text())
        head = {"typ": "JWT", "alg": "RS256", "x5c": [b64encode(der).decode()]}
        signed = ".".join(_url64(json.dumps(part).encode()) for part in (head, claims))
        command = ["openssl", "dgst", "-sha256", "-sign", str(self._key)]
        done = subprocess.run(command, input=signed.encode(), capture_output=True, check=True, timeout=60)
        return f"{signed}.{_url64(done.stdout)}"

    def __enter__(self) -> Self:
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self.answer(parse_qs(urlsplit(self.path).query))

            def do_POST(self) -> None:
                self.answer(parse_qs(_posted(self).decode()))

            def answer(self, fields: dict[str, list[str]]) -> None:
                user = service.user_of(self.headers.get("Authorization"), fields)
                status, value = 401, {"details": "who are you?"}
                if user is not None:
                    service.asked.append(user)
                    token = service.token(user, fields.get("scope", [""])[0])
                    status, value = 200, {"token": token, "access_token": token, "expires_in": service.life_s}
                raw = json.dumps(value).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self.host = f"127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _posted(handler: BaseHTTPRequestHandler) -> bytes:
    if handler.headers.get("Transfer-Encoding") != "chunked":
        return handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
    body = b""
    while size := int(handler.rfile.readline(), 16):  # podman does not say how long its form is
        body += handler.rfile.read(size + 2)[:-2]
    handler.rfile.readline()
    return body


def _url64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
