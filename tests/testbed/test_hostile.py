"""Clients that behave badly get an answer or a closed connection, and the registry goes on."""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from regtools.testbed import Testbed
from regtools.testbed.process import Helper

PING = b"GET /v2/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


@pytest.fixture(scope="module", params=["origin", "near"], ids=["directly", "through a link"])
def door(request: pytest.FixtureRequest, bed: Testbed) -> Iterator[tuple[str, int]]:
    host, port = bed.addresses[request.param].split(":")
    yield host, int(port)
    with connected((host, int(port))) as sock:  # whatever went before
        sock.sendall(PING)
        assert everything(sock).startswith(b"HTTP/1.1 200")


@contextmanager
def connected(door: tuple[str, int]) -> Iterator[socket.socket]:
    with socket.create_connection(door, 30) as sock:
        yield sock


def everything(sock: socket.socket) -> bytes:
    """What arrives until the connection is closed; a hang is a failure by timeout."""
    pieces = []
    try:
        while piece := sock.recv(65536):
            pieces.append(piece)
    except ConnectionResetError:
        pass
    return b"".join(pieces)


def send(sock: socket.socket, data: bytes) -> None:
    # Closed while we were still sending: that is an answer.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        sock.sendall(data)


def test_a_tls_hello_is_refused_at_its_first_byte(door: tuple[str, int]) -> None:
    # One byte only: whoever waits for more here waits for ever, and podman would wait 10 s.
    with connected(door) as sock:
        sock.sendall(b"\x16")
        assert everything(sock) == b""


def test_a_real_tls_client_is_told_at_once(door: tuple[str, int]) -> None:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with connected(door) as sock, pytest.raises(OSError) as caught:
        context.wrap_socket(sock)
    assert not isinstance(caught.value, TimeoutError)


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x00" * 100,
        bytes(range(128, 256)),
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /v2/ HTTP/9.9\r\n\r\n",
        b"GET /v2/ HTTP/1.1\r\nno colon here\r\n\r\n",
        b"GET /v2/\xff\xfe HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET /v2/hello/tags/list?n=%ff%fe HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET http://[ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"POST /v2/ HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\nConnection: close\r\n\r\n",
        b"POST /v2/ HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\nConnection: close\r\n\r\n",
        b"POST /v2/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZZ\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
)
def test_garbage_gets_an_answer_or_a_closed_connection(door: tuple[str, int], garbage: bytes) -> None:
    with connected(door) as sock:
        send(sock, garbage)
        answer = everything(sock)
        assert answer == b"" or answer.startswith(b"HTTP/1.1 4")


def test_a_huge_header_ends_the_connection(door: tuple[str, int]) -> None:
    with connected(door) as sock:
        send(sock, b"GET /v2/ HTTP/1.1\r\nX-Huge: " + b"a" * 1_000_000)
        answer = everything(sock)
        assert answer == b"" or answer.startswith(b"HTTP/1.1 4")


def test_a_huge_path_gets_an_answer_or_a_closed_connection(door: tuple[str, int]) -> None:
    with connected(door) as sock:
        send(sock, b"GET /v2/" + b"a/" * 100_000 + b" HTTP/1.1\r\nConnection: close\r\n\r\n")
        answer = everything(sock)
        assert answer == b"" or answer.startswith(b"HTTP/1.1 4")


def test_a_long_name_that_almost_fits_is_answered_quickly(door: tuple[str, int]) -> None:
    # A pattern that backtracks would stand still here.
    with connected(door) as sock:
        sock.sendall(
            b"GET /v2/" + b"a/manifests/" * 4000 + b"x/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        )
        assert everything(sock).startswith(b"HTTP/1.1 404")


def test_half_a_request_holds_nobody_up(door: tuple[str, int]) -> None:
    with connected(door) as half:
        half.sendall(b"GET /v2/hello/mani")
        with connected(door) as sock:
            sock.sendall(PING)
            assert everything(sock).startswith(b"HTTP/1.1 200")


def test_who_never_ends_a_request_is_shown_the_door() -> None:
    order = {"places": {"origin": 0}, "images": {}, "idle_s": 0.3}
    helper = Helper("registry", order)
    try:
        door = ("127.0.0.1", helper.ready["ports"]["origin"])
        for beginning in (b"", b"G", b"GET /v2/ HTTP/1.1\r\nHost"):
            with connected(door) as sock:
                sock.sendall(beginning)
                assert everything(sock) == b""
    finally:
        helper.close()


def test_two_hundred_connections_at_once_are_all_answered(door: tuple[str, int]) -> None:
    with ExitStack() as open_ones:
        socks = [open_ones.enter_context(connected(door)) for _ in range(200)]
        for sock in socks:
            sock.sendall(PING)
        assert all(everything(sock).startswith(b"HTTP/1.1 200") for sock in socks)


def test_clients_that_leave_in_the_middle_of_a_blob_do_no_harm(door: tuple[str, int], bed: Testbed) -> None:
    from tests.testbed.test_registry import LAYER

    for _ in range(20):
        with connected(door) as sock:
            sock.sendall(f"GET /v2/small/blobs/{LAYER} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            assert sock.recv(100).startswith(b"HTTP/1.1 200")


def test_a_slow_reader_holds_nobody_up(door: tuple[str, int]) -> None:
    from tests.testbed.test_registry import LAYER

    with connected(door) as slow:
        for _ in range(50):  # pipelined: 50 MB that nobody takes
            send(slow, f"GET /v2/small/blobs/{LAYER} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        time.sleep(0.1)
        with connected(door) as sock:
            sock.sendall(PING)
            assert everything(sock).startswith(b"HTTP/1.1 200")
