"""Links: what passes through arrives whole, in time, and at the rate that was set."""

from __future__ import annotations

import hashlib
import socket
import struct
import threading
import time

import pytest

from regtools import RegtoolsError
from regtools.testbed import Link, Links
from tests.support.tcp import connect, echo, rate_mbit, receive, round_trip_ms, serving, source


def seconds_for(address: str, size: int) -> float:
    """How long ``size`` bytes take, request included."""
    start = time.perf_counter()
    rate_mbit(address, size)
    return time.perf_counter() - start


def test_a_link_adds_its_round_trip() -> None:
    with serving(echo) as target, Link(rtt_ms=40).open(target) as link:
        assert round_trip_ms(link.addresses["link"], 10) >= 35


def test_a_link_without_delay_adds_next_to_nothing() -> None:
    with serving(echo) as target, Link().open(target) as link:
        assert round_trip_ms(link.addresses["link"]) < 250


def test_a_link_never_carries_more_than_its_bandwidth() -> None:
    with serving(source) as target, Link(mbit=80).open(target) as link:
        assert seconds_for(link.addresses["link"], 4_000_000) >= 0.4 * 0.99


def test_slow_links_take_their_time() -> None:
    with serving(source) as target:
        routes = {"a": (Link(5, 400), target), "b": (Link(30, 100), target), "c": (Link(80, 20), target)}
        with Links(routes) as links:
            seconds = {name: seconds_for(links.addresses[name], 1_000_000) for name in routes}
    # One round trip and the bytes over the bandwidth are the least that each can take.
    assert seconds["a"] >= 0.025 * 0.99
    assert seconds["b"] >= 0.110 * 0.99
    assert seconds["c"] >= 0.480 * 0.99
    assert seconds["a"] < seconds["c"]


def test_connections_share_the_bandwidth_evenly() -> None:
    size, alone = 2_000_000, 0.16  # seconds that one of them would take without the others
    ended: list[float] = []
    with serving(source) as target, Link(mbit=100).open(target) as link:
        socks = [connect(link.addresses["link"]) for _ in range(4)]
        start = time.perf_counter()
        for sock in socks:
            sock.sendall(size.to_bytes(8, "big"))

        def take(sock: socket.socket) -> None:
            with sock:
                assert len(receive(sock, size)) == size
            ended.append(time.perf_counter() - start)

        takers = [threading.Thread(target=take, args=(sock,)) for sock in socks]
        for taker in takers:
            taker.start()
        for taker in takers:
            taker.join(60)
    assert len(ended) == 4
    assert max(ended) >= 4 * alone * 0.99  # one wire for all of them
    assert min(ended) >= 1.5 * alone  # and none of them had it for itself


@pytest.mark.long
@pytest.mark.alone
def test_the_two_directions_do_not_share() -> None:
    size, rate = 2_000_000, 40
    with (
        serving(echo) as target,
        Link(mbit=rate).open(target) as link,
        connect(link.addresses["link"]) as sock,
    ):
        start = time.perf_counter()
        sender = threading.Thread(target=sock.sendall, args=(bytes(size),))
        sender.start()
        assert len(receive(sock, size)) == size
        sender.join(60)
        seconds = time.perf_counter() - start
    one_way = size * 8 / rate / 1e6
    assert one_way * 0.99 < seconds < one_way * 1.5


@pytest.mark.parametrize("link", [Link(), Link(10), Link(10, 200), Link(0, 1000)], ids=str)
def test_every_byte_arrives_in_order(link: Link) -> None:
    data = b"".join(hashlib.sha256(str(number).encode()).digest() for number in range(60_000))
    with serving(echo) as target, link.open(target) as links, connect(links.addresses["link"]) as sock:
        sender = threading.Thread(target=sock.sendall, args=(data,))
        sender.start()
        assert receive(sock, len(data)) == data
        sender.join(60)


def test_a_reader_that_pauses_loses_nothing() -> None:
    size = 30_000_000
    with (
        serving(source) as target,
        Link(5, 2000).open(target) as link,
        connect(link.addresses["link"]) as sock,
    ):
        sock.sendall(size.to_bytes(8, "big"))
        time.sleep(0.5)  # the buffers of both sides fill up meanwhile
        assert len(receive(sock, size + 1)) == size


def test_the_end_of_one_direction_leaves_the_other_open() -> None:
    def answer_after_the_end(sock: socket.socket) -> None:
        heard = receive(sock, 100)
        sock.sendall(heard.upper())

    with (
        serving(answer_after_the_end) as target,
        Link(10).open(target) as link,
        connect(link.addresses["link"]) as sock,
    ):
        sock.sendall(b"question")
        sock.shutdown(socket.SHUT_WR)
        assert receive(sock, 100) == b"QUESTION"


def test_a_reset_travels_as_a_reset() -> None:
    def reset(sock: socket.socket) -> None:
        sock.recv(1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with serving(reset) as target, Link(10).open(target) as link, connect(link.addresses["link"]) as sock:
        sock.sendall(b"x")
        with pytest.raises(ConnectionResetError):
            sock.recv(1)


def test_a_target_that_refuses_resets_the_client_and_the_link_goes_on() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with Link(10).open(f"127.0.0.1:{port}") as link:
        for _ in range(3):
            # The reset may come before connect() has looked whether it is connected.
            with pytest.raises(ConnectionResetError), connect(link.addresses["link"]) as sock:
                sock.recv(1)
        with serving(echo, port), connect(link.addresses["link"]) as sock:
            sock.sendall(b"x")
            assert sock.recv(1) == b"x"


def test_three_hundred_connections_at_once_pass() -> None:
    with serving(echo) as target, Link(20).open(target) as link:
        socks = [connect(link.addresses["link"]) for _ in range(300)]
        for number, sock in enumerate(socks):
            sock.sendall(number.to_bytes(2, "big"))
        assert [int.from_bytes(receive(sock, 2), "big") for sock in socks] == list(range(300))
        for sock in socks:
            sock.close()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"rtt_ms": -1}, "rtt_ms=-1 is not a round trip"),
        ({"rtt_ms": 60_001}, "is not a round trip"),
        ({"rtt_ms": float("nan")}, "rtt_ms=nan"),
        ({"rtt_ms": "40"}, "rtt_ms='40'"),
        ({"rtt_ms": True}, "rtt_ms=True"),
        ({"mbit": 0}, "mbit=0 is not a bandwidth"),
        ({"mbit": float("inf")}, "mbit=inf"),
        ({"mbit": "fast"}, "mbit='fast'"),
    ],
)
def test_a_link_that_cannot_be_is_refused_in_words(arguments: dict, says: str) -> None:
    with pytest.raises(RegtoolsError, match=says) as caught:
        Link(**arguments)
    assert caught.value.hint


@pytest.mark.parametrize(
    "target", ["", "localhost", "localhost:", ":80", "localhost:x", "localhost:99999", "nowhere.test:80"]
)
def test_a_target_that_cannot_be_is_refused_in_words(target: str) -> None:
    with pytest.raises(RegtoolsError, match=r"not the target|no address") as caught:
        Link().open(target)
    assert caught.value.hint


def test_a_link_says_what_it_is() -> None:
    assert [str(link) for link in (Link(), Link(40, 2.5))] == ["0 ms, no limit", "40 ms, 2.5 Mbit/s"]


@pytest.mark.long
@pytest.mark.alone
@pytest.mark.parametrize("rtt_ms", [0, 1, 5, 20, 40, 80, 200])
def test_the_added_round_trip_is_within_a_millisecond(rtt_ms: float) -> None:
    beyond = []
    with serving(echo) as target, Link(rtt_ms).open(target) as link:
        for _ in range(3):  # what else the machine does only adds: the best of three is the link's own
            beyond.append(round_trip_ms(link.addresses["link"]) - round_trip_ms(target) - rtt_ms)
            if abs(beyond[-1]) <= 1:
                break
    print(f"\nset {rtt_ms} ms: added {', '.join(f'{rtt_ms + each:.3f}' for each in beyond)} ms")
    assert abs(min(beyond)) <= 1


@pytest.mark.long
@pytest.mark.alone
@pytest.mark.parametrize("rtt_ms", [0, 40])
@pytest.mark.parametrize("mbit", [20, 50, 100, 200, 400])
def test_the_bandwidth_is_within_two_percent(mbit: float, rtt_ms: float) -> None:
    rates = []
    with serving(source) as target, Link(rtt_ms, mbit).open(target) as link:
        for _ in range(3):
            rates.append(rate_mbit(link.addresses["link"], int(mbit * 1e6 / 8 * 3)) / mbit)
            if abs(rates[-1] - 1) <= 0.02:
                break
    print(f"\nset {mbit} Mbit/s at {rtt_ms} ms: {', '.join(f'{each - 1:+.2%}' for each in rates)}")
    assert abs(max(rates) - 1) <= 0.02
