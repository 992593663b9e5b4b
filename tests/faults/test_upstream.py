"""Whatever answers at the address of a cache's upstream, ``cache status`` says what it is, and soon."""

from __future__ import annotations

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
