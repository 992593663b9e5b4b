"""A read-only registry: the pull side of the OCI distribution specification 1.1, over tornado.

It runs in a process of its own (:mod:`.process`) and listens on one loopback port for each place, so that its
counters tell which mirror was asked. Everything it serves is in memory; no request reaches a file.

| request (GET or HEAD)              | answer                                                    |
|------------------------------------|-----------------------------------------------------------|
| ``/v2/``                           | 200                                                       |
| ``/v2/<name>/manifests/<tag or digest>`` | index or manifest, as stored (``Accept`` chooses nothing) |
| ``/v2/<name>/blobs/<digest>``      | config or layer; ``Range`` with 206 and 416; from every   |
|                                    | place 307 to the storage, if blobs have a host of their own |
| ``/v2/<name>/tags/list?n=&last=``  | tags in order, ``Link`` to the next page                  |
| ``/v2/_catalog?n=&last=``          | repositories in order, ``Link`` to the next page          |
| ``/token?scope=``                  | a token, where the registry wants one (:mod:`.store`)     |

Everything else is 404, every other method 405, with the error body of the specification. The token
service answers 401 to each login. A client that
begins with a TLS hello, as podman and skopeo do even where ``insecure`` is set, is refused at its first
byte: a server that waits for a line of HTTP here costs them 10 s.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import socket
from collections.abc import Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import quote, unquote

from tornado.httpserver import HTTPServer
from tornado.iostream import IOStream, StreamClosedError
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

from .images import build, from_dict
from .process import Control
from .store import Key, Store, Tally, Tokens, Unsatisfiable, byte_range, lexical

CHUNK = 256 * 1024  # bytes handed to the connection at a time; bounds the memory of a slow client
IDLE_S = 30.0  # for the first byte, for a whole header, and between requests
HEADER_LIMIT = 64 * 1024
HTTP_BEGINS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ\r\n"  # a method, or the empty line that RFC 9112, 2.2 lets pass

# What Docker Hub answers with; other statuses of a place that fails on purpose have words of our own.
FAILING = {
    403: ("DENIED", "requested access to the resource is denied"),
    429: ("TOOMANYREQUESTS", "You have reached your unauthenticated pull rate limit."),
}

ROUTES = {
    "ping": r"/v2/?",
    "token": r"/token",
    "catalog": r"/v2/_catalog",
    "tags": r"/v2/(?P<name>.+)/tags/list",
    "manifest": r"/v2/(?P<name>.+)/manifests/(?P<reference>[^/]+)",
    "blob": r"/v2/(?P<name>.+)/blobs/(?P<reference>[^/]+)",
}


def serve(order: dict[str, Any], control: Control) -> None:
    """Serve ``order`` until the process ends.

    Args:
        order: ``places`` (name → port, 0 for any), ``images``, ``tokens``, and ``storage``, the name of the
            place to which the others redirect blobs, or None.
        control: where to report the ports, and where questions come from.
    """
    logging.getLogger("tornado").setLevel(logging.CRITICAL)  # clients may send garbage
    asyncio.run(_serve(order, control))


async def _serve(order: dict[str, Any], control: Control) -> None:
    contents = {name: build(from_dict(image)) for name, image in order["images"].items()}
    store, tally, ports = Store(contents), Tally(), dict[str, int]()
    failing: dict[tuple[str, str], int] = {}
    tokens = Tokens() if order.get("tokens") else None
    storage = order.get("storage") or ""
    # The storage comes first: the other places must know its port. Its address is enough, without a token.
    for place, port in {**({storage: 0} if storage else {}), **order["places"]}.items():
        known = {"place": place, "store": store, "tally": tally, "failing": failing}
        known |= {"storage": ports.get(storage), "tokens": None if place == storage else tokens}
        handled = Application([(r".*", Endpoint, known)])
        front = Front(handled, place, tally, order.get("idle_s", IDLE_S))
        sockets = bind_sockets(port, "127.0.0.1", family=socket.AF_INET, backlog=1024)
        front.add_sockets(sockets)
        ports[place] = sockets[0].getsockname()[1]

    def handle(message: str) -> dict[str, Any]:
        match message.split():
            case ["reset"]:
                tally.reset()
            case ["fail", place, kind, status]:
                failing[place, kind] = int(status)
        return {"rows": tally.take()}

    digests = {name: content.digest for name, content in contents.items()}
    control.ready({"ports": ports, "digests": digests}, handle)
    await asyncio.Event().wait()


class Front(HTTPServer):
    """The server: looks at the first byte of a connection before HTTP begins."""

    # tornado's servers take their arguments here, not in __init__, which they leave alone.
    def initialize(self, application: Application, place: str, tally: Tally, idle_s: float) -> None:  # type: ignore[override]
        """Serve ``application`` as ``place``; close a connection that is idle for ``idle_s`` seconds."""
        self._place = place
        self._tally = tally
        self._idle_s = idle_s
        super().initialize(
            application,
            idle_connection_timeout=idle_s,
            body_timeout=idle_s,
            max_header_size=HEADER_LIMIT,
            max_body_size=HEADER_LIMIT,  # no request needs a body
        )

    async def handle_stream(self, stream: IOStream, address: tuple[Any, ...]) -> None:  # type: ignore[override]
        """Serve a connection, or close it at once."""
        first = await self._first_byte(stream.socket)
        if first and first in HTTP_BEGINS:
            super().handle_stream(stream, address)
            return
        if first:
            self._tally.request((self._place, "", "refused", "", 0))
        stream.close()

    async def _first_byte(self, sock: socket.socket) -> bytes:
        readable = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_reader(sock, readable.set)
        try:
            await asyncio.wait_for(readable.wait(), self._idle_s)
            return sock.recv(1, socket.MSG_PEEK)
        except OSError:  # or its subclass TimeoutError
            return b""
        finally:
            loop.remove_reader(sock)


class Endpoint(RequestHandler):
    """Answers every request of one place."""

    def initialize(
        self,
        place: str,
        store: Store,
        tally: Tally,
        tokens: Tokens | None,
        failing: dict[tuple[str, str], int],
        storage: int | None,
    ) -> None:
        """Keep what the application was made with; ``storage`` is the port to which blobs are redirected."""
        self.place, self.store, self.tally, self.tokens, self.storage = place, store, tally, tokens, storage
        self.failing = failing
        self.kind, self.repository = "other", ""

    def set_default_headers(self) -> None:
        """Name the interface, as every registry does."""
        self.set_header("Docker-Distribution-API-Version", "registry/2.0")

    def compute_etag(self) -> None:
        """Return no hash of the body: a digest is set by hand."""

    async def get(self) -> None:
        """Find the route and answer it."""
        path = unquote(self.request.path)
        for kind, pattern in ROUTES.items():
            if match := re.fullmatch(pattern, path):
                if kind == "token" and self.tokens is None:
                    break
                self.kind = kind
                asked = match.groupdict()
                if status := self.failing.get((self.place, kind)):
                    self.set_header("Retry-After", "0")
                    self._error(status, *FAILING.get(status, ("UNAVAILABLE", "this place fails on purpose")))
                elif self._may_ask(asked.get("name")):
                    await getattr(self, f"_{kind}")(**asked)
                return
        self._error(404, "UNSUPPORTED", "there is no such endpoint", {"path": path})

    async def head(self) -> None:
        """Answer as to GET, without the body."""
        await self.get()

    def _refuse(self) -> None:
        self.set_header("Allow", "GET, HEAD")
        self._error(405, "UNSUPPORTED", "this registry is read-only")

    post = put = patch = delete = options = _refuse

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Send tornado's own errors in the specification's form."""
        self._error(status_code, "UNSUPPORTED", self._reason)

    def _may_ask(self, name: str | None) -> bool:
        """Return whether a request may proceed; otherwise answer it with 401 and where to get a token."""
        if self.kind == "token" or self.tokens is None:
            return True
        if self.tokens.open(self.request.headers.get("Authorization", ""), name):
            return True
        self.repository = name if name in self.store.repositories else ""
        self.set_header("WWW-Authenticate", self.tokens.challenge(self.request.host, name))
        self._error(401, "UNAUTHORIZED", "a token is needed; the WWW-Authenticate header says from where")
        return False

    async def _token(self) -> None:
        assert self.tokens is not None
        if "Authorization" in self.request.headers:
            self._error(401, "UNAUTHORIZED", "incorrect username or password")
            return
        self._small(self.tokens.grant(self.get_query_arguments("scope")))

    async def _ping(self) -> None:
        self._small(b"{}")

    async def _catalog(self) -> None:
        self._page("repositories", self.store.repositories)

    async def _tags(self, name: str) -> None:
        if name not in self.store.repositories:
            self._error(404, "NAME_UNKNOWN", "there is no such repository", {"name": name})
            return
        self.repository = name
        self._page("tags", self.store.tags(name), {"name": name})

    async def _manifest(self, name: str, reference: str) -> None:
        found = self.store.manifest(name, reference)
        if found is None:
            self._error(404, "MANIFEST_UNKNOWN", "there is no such manifest", {"reference": reference})
            return
        self.repository = name
        digest, media_type, raw = found
        await self._send(digest, media_type, raw)

    async def _blob(self, name: str, reference: str) -> None:
        data = self.store.blob(name, reference)
        if data is None:
            self._error(404, "BLOB_UNKNOWN", "there is no such blob", {"digest": reference})
            return
        self.repository = name
        if self.storage is not None:
            self.set_header("Location", f"http://127.0.0.1:{self.storage}{self.request.uri}")
            self.set_header("Content-Length", 0)
            self._begin(307)
            return
        self.set_header("Accept-Ranges", "bytes")
        self.set_header("Cache-Control", "max-age=31536000")
        await self._send(reference, "application/octet-stream", data, ranges=True)

    async def _send(
        self, digest: str, media_type: str, data: bytes | bytearray, *, ranges: bool = False
    ) -> None:
        self.set_header("Docker-Content-Digest", digest)
        self.set_header("Etag", f'"{digest}"')
        self.set_header("Content-Type", media_type)
        if self.check_etag_header():
            self._begin(304)
            return
        start, stop = 0, len(data)
        try:
            part = byte_range(self._range(digest), stop) if ranges else None
        except Unsatisfiable:
            self.set_header("Content-Range", f"bytes */{stop}")
            self._error(416, "RANGE_INVALID", f"the blob has {stop} bytes")
            return
        if part:
            start, stop = part
            self.set_header("Content-Range", f"bytes {start}-{stop - 1}/{len(data)}")
        self.set_header("Content-Length", stop - start)
        self._begin(206 if part else 200)
        if self.request.method == "HEAD":
            return
        with suppress(StreamClosedError), memoryview(data) as view:  # closed: the client has gone
            for at in range(start, stop, CHUNK):
                self._body(bytes(view[at : min(at + CHUNK, stop)]))
                await self.flush()

    def _range(self, digest: str) -> str | None:
        # RFC 9110: Range has a meaning for GET only (14.2), and If-Range can take it back (13.1.5).
        headers, tag = self.request.headers, f'"{digest}"'
        valid = self.request.method == "GET" and headers.get("If-Range", tag) == tag
        return headers.get("Range") if valid else None

    def _page(self, key: str, names: Sequence[str], more: dict[str, Any] | None = None) -> None:
        last, asked = self.get_query_argument("last", ""), self.get_query_argument("n", None)
        rest = [name for name in names if lexical(name) > lexical(last)]
        if asked is not None:
            if not re.fullmatch(r"[0-9]{1,9}", asked):
                self._error(400, "PAGINATION_NUMBER_INVALID", "n must be a whole number", {"n": asked})
                return
            rest, beyond = rest[: int(asked)], rest[int(asked) :]
            if rest and beyond:
                where = f"{quote(self.request.path, safe='/%')}?n={asked}&last={quote(rest[-1])}"
                self.set_header("Link", f'<{where}>; rel="next"')
        self._small({**(more or {}), key: rest})

    def _small(self, body: bytes | dict[str, Any], status: int = 200) -> None:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.set_header("Content-Type", "application/json; charset=utf-8")
        self.set_header("Content-Length", len(raw))
        self._begin(status)
        if self.request.method != "HEAD":
            self._body(raw)

    def _error(self, status: int, code: str, message: str, detail: dict[str, Any] | None = None) -> None:
        self._small({"errors": [{"code": code, "message": message, "detail": detail}]}, status)

    def _begin(self, status: int) -> None:
        self.set_status(status)
        self.tally.request(self._key())

    def _body(self, piece: bytes) -> None:
        self.tally.sent(self._key(), len(piece))
        self.write(piece)

    def _key(self) -> Key:
        return self.place, self.repository, self.kind, self.request.method or "", self.get_status()
