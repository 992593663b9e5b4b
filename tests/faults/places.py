"""Places that misbehave, as data: what is wrong, and what a pull must make of it."""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from email.utils import formatdate

from regtools.pull.http.transport import Limits
from tests.support import images, scripted, tcp
from tests.support.certificates import Certificate
from tests.support.images import sha256
from tests.support.logins import PAIR, TOKEN
from tests.support.scripted import Answer, Fault, Handler, Server

IMAGE = images.image(1000, 200_000, 3000, seed=1)
LAYER = IMAGE.layers[1]  # the largest
MANIFEST, BLOB, TOKENS, PING = "/manifests/", f"/blobs/{sha256(LAYER)}", "/token", "/v2/"
ALWAYS = 60  # more often than anybody asks

LIMITS = Limits(retries=3, backoff_s=0.01, retry_after_s=2)
# For what never answers, so that the table is quick; what is bounded by these is bounded by others, too.
SHORT = Limits(connect_s=1, low_speed_s=1, retries=0)

SCHEMA_1 = b'{"schemaVersion": 1, "name": "team/small", "tag": "1", "fsLayers": [], "history": []}'


@dataclass
class World:
    """What a case may use: the place that is to misbehave, another server, and whatever must be closed."""

    stack: contextlib.ExitStack
    certificates: dict[str, Certificate]
    other: Server
    place: Server = field(init=False)
    host: str = ""

    def __post_init__(self) -> None:
        self.place = self.serve()
        self.host = self.place.host

    def serve(self, certificate: str | None = None) -> Server:
        """Let a whole and well-behaved registry stand at the place, over https with a certificate's name."""
        server = self.stack.enter_context(Server(self.certificates[certificate] if certificate else None))
        server.script.put("team/small", "1", IMAGE)
        self.place, self.host = server, server.host
        return server


@dataclass(frozen=True)
class Case:
    """A fault, and what becomes of a pull.

    ``faults`` happen to requests whose path has that part, so many times; ``set_up`` does what they cannot say.
    ``alone`` is the error kind where the place is the only source, None where the pull succeeds; ``beside``
    the same where a good source follows. ``row`` is the error kind that a request's row shows. ``stays`` where
    the place serves the image in spite of the good source that follows. ``guarded`` places ask for our login. A
    ``short`` case is one of waiting, and has the short limits.
    """

    name: str
    faults: tuple[tuple[str, Fault, int], ...] = ()
    alone: str | None = None
    row: str | None = None
    beside: str | None = None
    stays: bool = False
    set_up: Callable[[World], None] = lambda world: None
    insecure: bool = True
    guarded: bool = True
    long: bool = False
    short: bool = False

    def __str__(self) -> str:
        return self.name


def always(name: str, part: str, fault: Fault, kind: str, **more: object) -> Case:
    """A fault that does not pass: fails alone, with this kind."""
    case = Case(name, ((part, fault, ALWAYS),), kind, kind)
    return replace(case, **more)  # type: ignore[arg-type]


def passes(name: str, part: str, fault: Fault, row: str | None, **more: object) -> Case:
    """A fault that passes: recovered from, and seen in a row."""
    case = Case(name, ((part, fault, 1),), None, row)
    return replace(case, **more)  # type: ignore[arg-type]


def manifest(name: str, raw: bytes, kind: str | None, media_type: str = images.OCI_MANIFEST) -> Case:
    """Another manifest than the image's; where it is bad, only the pull's row can say so."""

    def set_up(world: World) -> None:
        for tag in ("1", sha256(raw)):
            world.place.script.manifests[f"/v2/team/small/manifests/{tag}"] = (raw, media_type)

    beside = (
        None if kind == "too-large" else kind
    )  # podman asks the next source only for one that is too large
    return Case(name, (), kind, None, beside, set_up=set_up, stays=kind is None)


# -- places that are no registry -------------------------------------------------------------------------


def refused(world: World) -> None:
    nobody = world.stack.enter_context(socket.socket())  # bound, never listening
    nobody.bind(("127.0.0.1", 0))
    world.host = f"127.0.0.1:{nobody.getsockname()[1]}"


def swallowed(world: World) -> None:
    """A full queue: the kernel drops every further SYN, as a firewall does."""
    listener = world.stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
    for _ in range(4):
        client = world.stack.enter_context(socket.socket())
        client.setblocking(False)
        client.connect_ex(listener.getsockname())
    time.sleep(0.2)
    world.host = f"127.0.0.1:{listener.getsockname()[1]}"


def accepted_only(world: World) -> None:
    def wait(sock: socket.socket) -> None:
        while sock.recv(4096):
            pass

    world.host = world.stack.enter_context(tcp.serving(wait))


def unknown_name(world: World) -> None:
    world.host = "nowhere.invalid"


def in_the_clear(world: World) -> None:
    """What Go's HTTP servers answer to a TLS hello on a plain port."""

    def refuse(sock: socket.socket) -> None:
        sock.recv(4096)
        sock.sendall(b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTPS request to an HTTP server.\n")

    world.host = world.stack.enter_context(tcp.serving(refuse))


def over_tls(certificate: str) -> Callable[[World], None]:
    def set_up(world: World) -> None:
        world.serve(certificate)

    return set_up


# -- answers ---------------------------------------------------------------------------------------------


def page(status: int) -> Fault:
    """Answer with a web page, as a proxy or the login of a network does."""
    raw = b"<html><head><title>Sign in \x1b[31m</title></head></html>"
    return lambda handler, _: handler.reply(Answer(status, {"Content-Type": "text/html; charset=utf-8"}, raw))


def in_two_seconds(handler: Handler, answer: Answer) -> None:
    scripted.status(429, Retry_After=formatdate(time.time() + 2, usegmt=True))(handler, answer)


BOMB = gzip.compress(bytes(50_000_000))


def bomb(handler: Handler, answer: Answer) -> None:
    handler.reply(Answer(500, {"Content-Encoding": "gzip", "Content-Type": "application/json"}, BOMB))


def elsewhere(part: str, path: str, answer: Answer) -> Callable[[World], None]:
    """Redirect one document to the other server, which has it."""

    def set_up(world: World) -> None:
        world.other.script.extra[path] = answer
        world.place.script.fault(part, *[scripted.redirect(f"http://{world.other.host}{path}")] * ALWAYS)

    return set_up


def downgrade(world: World) -> None:
    world.serve("good")
    world.other.script.extra["/blob"] = Answer(200, {}, LAYER)
    world.place.script.fault(BLOB, *[scripted.redirect(f"http://{world.other.host}/blob")] * ALWAYS)


def tokens(fault: Fault | None = None, realm: str = "", life: int = 300) -> Callable[[World], None]:
    """The place wants a token; its token service may misbehave, or stand elsewhere."""

    def set_up(world: World) -> None:
        script = world.place.script
        script.token, script.login, script.realm_login = TOKEN, None, f"Basic {PAIR}"
        script.token_answer = json.dumps({"token": TOKEN, "expires_in": life}).encode()
        if fault is not None:
            script.fault(TOKENS, *[fault] * ALWAYS)
        if realm:
            script.challenge = (f'Bearer realm="{realm.format(world.other.host)}",service="test"',)

    return set_up


def ended_token(world: World) -> None:
    tokens()(world)
    bearer = f'Bearer realm="http://{world.host}/token",service="test",error="invalid_token"'
    world.place.script.fault(BLOB, scripted.status(401, WWW_Authenticate=bearer))


def manifest_with(change: Callable[[dict[str, object]], None]) -> bytes:
    value = json.loads(IMAGE.manifest)
    change(value)
    return json.dumps(value).encode()


def _layer(value: dict[str, object], number: int) -> dict[str, object]:
    layers = value["layers"]
    assert isinstance(layers, list)
    found: dict[str, object] = layers[number]
    return found


def many_layers(value: dict[str, object]) -> None:
    value["layers"] = [_layer(value, 0)] * 10_000


def zstd(value: dict[str, object]) -> None:
    _layer(value, 0)["mediaType"] = "application/vnd.oci.image.layer.v1.tar+zstd"


def foreign(value: dict[str, object]) -> None:
    _layer(value, 0).update(
        mediaType="application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", urls=["http://127.0.0.1:1/x"]
    )


def looping_index(world: World) -> None:
    """Indexes that lead to one another, deeper than any use."""
    raw = IMAGE.manifest
    for _ in range(9):
        entry = images.described(raw, images.OCI_INDEX, platform={"os": "linux", "architecture": "amd64"})
        raw = json.dumps({"schemaVersion": 2, "mediaType": images.OCI_INDEX, "manifests": [entry]}).encode()
        for tag in ("1", sha256(raw)):
            world.place.script.manifests[f"/v2/team/small/manifests/{tag}"] = (raw, images.OCI_INDEX)


def wrong_byte(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


CASES = (
    # Nobody there, or nobody who says anything
    Case("refused", (), "connect", "connect", set_up=refused),
    Case("swallowed", (), "timeout", "timeout", set_up=swallowed, long=True, short=True),
    Case("plain HTTP", (), "tls", "tls", insecure=False),
    Case("plain HTTP that answers", (), "plain-http", "plain-http", set_up=in_the_clear, insecure=False),
    Case("dns", (), "dns", "dns", set_up=unknown_name),
    Case("silent after accept", (), "timeout", "timeout", set_up=accepted_only, short=True),
    always("silent before the manifest", MANIFEST, scripted.silent(30), "timeout", short=True),
    always("silent before a blob", BLOB, scripted.silent(30), "timeout", short=True),
    always("silent mid-body", BLOB, scripted.stall(50_000, 30), "timeout", beside="timeout", short=True),
    always("slow drip", BLOB, scripted.drip(50, 0.1), "timeout", beside="timeout", short=True),
    # Bodies that are not what they should be
    passes("reset mid-body", BLOB, scripted.cut(70_000), "cut", stays=True),
    always("reset mid-body every time", BLOB, scripted.cut(10), "cut", beside="cut"),
    passes("short body", BLOB, scripted.body(lambda data: data[:-1]), "cut", stays=True),
    passes("length too large", BLOB, scripted.length(+10), None, stays=True),
    passes("length too small", BLOB, scripted.length(-10), "cut", stays=True),
    always("body too long", BLOB, scripted.body(lambda data: data + b"x"), "size-mismatch", beside="size-mismatch"),
    always("endless body", BLOB, scripted.endless, "size-mismatch", beside="size-mismatch"),
    always("wrong digest", BLOB, scripted.body(wrong_byte), "digest-mismatch", beside="digest-mismatch"),
    always("wrong manifest", MANIFEST, scripted.body(lambda data: data + b" "), "digest-mismatch", beside="digest-mismatch"),
    # Answers
    always("404", MANIFEST, scripted.status(404), "http-404"),
    always("401 without challenge", PING, scripted.status(401), "http-401"),
    always("401 with Basic", PING, scripted.status(401, WWW_Authenticate='Basic realm="x"'), "http-401"),
    always("403", MANIFEST, scripted.status(403), "http-403"),
    passes("429 with seconds", MANIFEST, scripted.status(429, Retry_After="1"), "http-429"),
    passes("429 with a date", MANIFEST, in_two_seconds, "http-429"),
    always("429 for an hour", MANIFEST, scripted.status(429, Retry_After="3600"), "http-429"),
    always("500", MANIFEST, scripted.status(500), "http-500"),
    always("500 for a blob", BLOB, scripted.status(500), "http-500"),
    passes("503 then fine", MANIFEST, scripted.status(503), "http-503"),
    always("a bomb as explanation", MANIFEST, bomb, "http-500"),
    always("an endless explanation", MANIFEST, lambda handler, _: scripted.endless(handler, Answer(403, {}, b"")), "http-403"),
    always("a page for a manifest", MANIFEST, page(200), "not-a-registry", row=None, beside="not-a-registry"),
    always("a page for a ping", PING, page(404), "not-a-registry"),
    # Redirects
    Case("to another host", (), None, None, set_up=elsewhere(BLOB, "/blob", Answer(200, {}, LAYER)), stays=True),
    always("round and round", BLOB, scripted.redirect(BLOB), "redirect-loop", beside="redirect-loop"),
    Case("https to http", (), "redirect-refused", "redirect-refused", "redirect-refused", set_up=downgrade, insecure=False),
    # Manifests
    manifest("too large", b" " * (4 << 20) + b" ", "too-large"),
    manifest("not JSON", b"<html>", "bad-manifest"),
    manifest("wrong type", b'{"schemaVersion":2,"mediaType":"text/html"}', "unsupported-manifest", "text/plain"),
    manifest("schema 1", SCHEMA_1, "unsupported-manifest", "application/vnd.docker.distribution.manifest.v1+json"),
    manifest("10,000 layers", manifest_with(many_layers), None),
    manifest("zstd layers", manifest_with(zstd), None),
    manifest("foreign layers", manifest_with(foreign), "bad-url"),
    Case("indexes without end", (), "bad-manifest", None, "bad-manifest", set_up=looping_index),
    # Tokens
    Case("token service slow", (), "timeout", "timeout", set_up=tokens(scripted.silent(30)), short=True),
    Case("token service failing", (), "http-500", "http-500", set_up=tokens(scripted.status(500))),
    Case("token service talking nonsense", (), "auth", None, set_up=tokens(scripted.body(lambda _: b"<html>"))),
    Case("foreign realm in the clear", (), "auth", None, set_up=tokens(realm="http://auth.example/token")),
    Case("token ended midway", (), None, "http-401", set_up=ended_token, stays=True),
    # Certificates: refused where they count, of no interest where the place is insecure
    *(
        Case(f"certificate: {name}", (), "certificate", "certificate", set_up=over_tls(name), insecure=False)
        for name in ("wrong host", "ended", "self-signed", "unknown")
    ),
    *(
        Case(f"insecure: {name}", (), None, None, set_up=over_tls(name), stays=True)
        for name in ("wrong host", "ended", "self-signed", "unknown")
    ),
    # Comings and goings
    passes("restarted after the manifest", MANIFEST, scripted.restarting(0.005), None, stays=True),
)  # fmt: skip
