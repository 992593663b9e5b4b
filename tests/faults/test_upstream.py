"""Whatever answers at the address of a cache's upstream, ``cache status`` says what it is, and soon."""

from __future__ import annotations

import json
import time

import pytest

from regtools.cache import status
from regtools.errors import RegtoolsError
from tests.support import scripted
from tests.support.scripted import Answer, Fault, Handler, Server


def says(raw: bytes, pause: float = 0.0) -> Fault:
    """Send these bytes; with a pause after each of them."""

    def fault(handler: Handler, answer: Answer) -> None:
        for at in range(0, len(raw), 1 if pause else len(raw)):
            handler.wfile.write(raw[at : at + 1] if pause else raw)
            if handler.server.closing.wait(pause):
                break
        handler.close_connection = True

    return fault


def test_counters_of_any_depth_are_no_counters() -> None:
    deep = b'{"a":' * 100_000
    with Server() as server:
        head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(deep)
        server.script.fault("/debug/vars", says(head + deep))  # was: a fault of ours
        with pytest.raises(RegtoolsError, match=r"counters at .* cannot be read"):
            status.read(server.host, "3")


ODD = ("x", "\x1b[31m", [], {}, None, True, 1.5, -3, 10**400, float("nan"), float("inf"))
LINES = ('registry_http_requests_total{code="200",handler="blob",method="get"} ', 'registry_http_response_size_bytes_sum{handler="blob"} ')  # fmt: skip


@pytest.mark.parametrize("release", ["2", "3"])
@pytest.mark.parametrize("odd", ODD)
def test_counters_that_cannot_be_are_no_counters(
    release: str, odd: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = dict.fromkeys(("Requests", "Hits", "Misses", "BytesPulled", "BytesPushed"), 5)
    answers = [({"blobs": odd, "manifests": told}, ""), ({"blobs": told}, ""), (odd, "")]
    answers += [({"blobs": told | {name: odd}, "manifests": told}, "") for name in told]
    answers += [({"blobs": told, "manifests": told | {name: odd}}, "") for name in told]
    if release == "2":
        wrong = ("1e400", "inf", "nan", "-5", "9" * 5000, "x")
        answers += [({"blobs": told, "manifests": told}, line + text) for line in LINES for text in wrong]
    for proxy, metrics in answers:
        pages = {"vars": json.dumps({"registry": {"proxy": proxy}}), "metrics": metrics}
        monkeypatch.setattr(status, "_get", lambda url, pages=pages: pages[url.rpartition("/")[2]])
        with pytest.raises(RegtoolsError, match=r"counters at .* cannot be read"):  # was: an error when shown
            status.read("127.0.0.1:1", release)


@pytest.mark.parametrize("number", ["-1", "x", "9" * 400, "9" * 5000, "1e9", ""])
@pytest.mark.parametrize("key", ["used_memory", "maxmemory", "evicted_keys"])
def test_numbers_of_redis_that_cannot_be_are_none(key: str, number: str) -> None:
    told = {"used_memory": "1", "maxmemory": "1", "evicted_keys": "0"} | {key: number}
    with pytest.raises(RegtoolsError, match="INFO cannot be read"):
        status.redis_use("\n".join(f"{name}:{value}" for name, value in told.items()))


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (says(b"SSH-2.0-OpenSSH_9.2\r\n"), "its answer is not HTTP"),  # was: a traceback
        (says(b"\xff\x00" * 40), "its answer is not HTTP"),
        (says(b"HTTP/1.1 9999999 \xb2\r\n\r\n"), "its answer is not HTTP"),
        (says(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000 + b"\r\n\r\n"), "its answer is not HTTP"),
        (
            says(b"HTTP/1.1 200 OK\r\n" + b"X: 1\r\n" * 99, 0.1),
            "no answer within 1 s",
        ),  # was: waited for all of it
        (scripted.silent(9), "no answer within 1 s"),
        (scripted.status(401, WWW_Authenticate="  "), "login"),
    ],
)
def test_an_upstream_that_is_no_registry_is_told(
    fault: Fault, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status, "PATIENCE_S", 1.0)
    with Server() as server:
        server.script.fault("/v2/", *[fault] * 3)
        started = time.monotonic()
        _, told = status.upstream_state(f"http://{server.host}")
    assert words in told
    assert told.isprintable()
    assert time.monotonic() - started < 30
