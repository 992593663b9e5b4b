"""The loop that carries links: one thread, one selector, and clocks that do not drift.

Every byte passes three stations::

    read ── Lane.carry ──▶ queue of its lane ── at its time ──▶ write

A *lane* is one direction of a link. Its clock, ``free``, is the time at which its wire will have carried all
it was given. A piece of n bytes occupies the wire from ``max(now, free)`` for n/rate seconds and arrives half
a round trip later. As the delay is the same for all, the queue is in order of arrival, whichever connections
its pieces belong to. Lanes read only what their wire can take soon, one piece per connection in turn: that
shares the bandwidth, and it bounds memory whatever the clients do.

asyncio would not do: its timers round up to the millisecond of ``epoll``. ``select`` on the selector's own
file descriptor waits to the microsecond.
"""

from __future__ import annotations

import contextlib
import errno
import gc
import math
import select
import selectors
import socket
import struct
import time
from collections import deque
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from .process import Control

PIECE_S = 0.001  # a piece occupies the wire for about this long
PIECE = (1460, 256 * 1024)  # …but it is never smaller than a packet, nor larger than this many bytes
AHEAD_S = 0.010  # how far the wire's clock may be ahead: hides that the loop sleeps and wakes late
IN_FLIGHT = 32 << 20  # bytes on a lane, as a window would bound them
TURN = 16  # pieces that a lane reads before the others have their turn
BACKLOG = 1 << 20  # bytes that wait for a slow reader before its writer is no longer read
NAP_S = 0.0005  # Linux ends long sleeps late, by 0.1 % of their length: the last one is short
ACCEPT_PAUSE_S = 0.1  # before the next attempt when the system has no more sockets
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: send a reset, not an end

clock = time.monotonic
READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE


class Mark(Enum):
    """What travels besides bytes."""

    END = "end of stream"
    RESET = "reset"


@dataclass(slots=True, eq=False)
class End:
    """One of the two sockets of a connection: ``inbound`` is the lane for what is read here."""

    sock: socket.socket
    inbound: Lane
    connected: bool
    peer: End = field(init=False, repr=False)
    events: int = 0
    out: deque[memoryview | Mark] = field(default_factory=deque)
    backlog: int = 0
    held: bool = False  # not read, as the peer accepts nothing
    finished: bool = False  # nothing more will be read here
    sent_end: bool = False  # nothing more will be written here


class Lane:
    """One direction of a link: a wire with a clock, and what is on its way."""

    def __init__(self, rate: float, delay: float) -> None:
        self.rate = rate  # bytes a second, or infinity
        self.delay = delay
        self.free = 0.0
        self.in_flight = 0
        self.queue: deque[tuple[float, End, bytes | Mark]] = deque()
        self.waiting: deque[End] = deque()  # ends that have something to read
        low, high = PIECE
        self.piece = int(min(high, max(low, rate * PIECE_S)))

    def has_room(self, now: float) -> bool:
        """Return whether the wire takes another piece now."""
        return self.in_flight < IN_FLIGHT and self.free - now < AHEAD_S

    def carry(self, now: float, to: End, what: bytes | Mark) -> None:
        """Put something on its way to ``to``."""
        self.free = max(now, self.free)
        if not isinstance(what, Mark):
            self.in_flight += len(what)
            self.free += len(what) / self.rate
        self.queue.append((self.free + self.delay, to, what))

    def next_time(self) -> float:
        """Return when this lane has something to do if nothing new is read until then; infinity: never."""
        head = self.queue[0][0] if self.queue else math.inf
        if not self.waiting or self.in_flight >= IN_FLIGHT:
            return head
        return min(head, self.free - AHEAD_S)


class Line:
    """An open link: its port, its target and its two lanes."""

    def __init__(self, order: dict[str, Any]) -> None:
        rate = math.inf if order["mbit"] is None else order["mbit"] * 1e6 / 8
        delay = order["rtt_ms"] / 2000
        self.up, self.down = Lane(rate, delay), Lane(rate, delay)
        self.family, address = order["target"]
        self.address = tuple(address)
        self.listener = socket.create_server(("127.0.0.1", order["port"]), backlog=1024)
        self.listener.setblocking(False)
        self.port: int = self.listener.getsockname()[1]

    def admit(self) -> tuple[End, End]:
        """Accept the next connection, begin one to the target, and return both ends."""
        sock, _ = self.listener.accept()
        try:
            onward = socket.socket(self.family, socket.SOCK_STREAM)
        except OSError:
            sock.close()
            raise
        for one in (sock, onward):
            one.setblocking(False)
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        onward.connect_ex(self.address)  # the outcome is known when it becomes writable
        client, server = End(sock, self.up, connected=True), End(onward, self.down, connected=False)
        client.peer, server.peer = server, client
        return client, server


class Relay:
    """Carries any number of lines."""

    def __init__(self, lines: list[Line]) -> None:
        self._lines = lines
        self._lanes = [lane for line in lines for lane in (line.up, line.down)]
        self._selector = selectors.DefaultSelector()
        self._resume()

    def run(self) -> None:
        """Carry until the process ends."""
        while True:
            now = clock()
            for lane in self._lanes:
                self._deliver(lane, now)
                self._read(lane)
            self._wait()

    def _wait(self) -> None:
        if clock() >= self._paused_until:
            self._resume()
        timeout = min([self._paused_until, *(lane.next_time() for lane in self._lanes)]) - clock()
        if timeout > 2 * NAP_S:
            timeout -= NAP_S  # sleep the rest in a second step
        # The selector would round up to its millisecond; select() on its descriptor does not.
        if select.select([self._selector], [], [], None if timeout == math.inf else max(0.0, timeout))[0]:
            for key, events in self._selector.select(0):
                self._happened(key.data, events)

    def _happened(self, what: Line | End, events: int) -> None:
        if isinstance(what, Line):
            self._accept(what)
            return
        if not what.events:  # closed by an event before this one
            return
        if events & WRITE:
            if not what.connected:
                self._connected(what)
                return
            self._watch(what, what.events & ~WRITE)
            self._write(what)
        if events & READ and what.events & READ:
            self._watch(what, what.events & ~READ)  # until its turn has come
            what.inbound.waiting.append(what)

    def _accept(self, line: Line) -> None:
        try:
            client, server = line.admit()
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                self._pause()
            return
        self._watch(server, WRITE)
        self._watch(client, READ)

    def _pause(self) -> None:
        # The listener stays readable: without a pause the loop would spin.
        self._paused_until = clock() + ACCEPT_PAUSE_S
        for line in self._lines:
            with contextlib.suppress(KeyError):
                self._selector.unregister(line.listener)

    def _resume(self) -> None:
        self._paused_until = math.inf  # the listeners are not paused
        for line in self._lines:
            self._selector.register(line.listener, READ, line)

    def _connected(self, server: End) -> None:
        server.connected = True
        if server.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self._lose(server)
            return
        self._watch(server, READ)
        self._write(server)

    def _read(self, lane: Lane) -> None:
        for _ in range(TURN):
            if not (lane.waiting and lane.has_room(now := clock())):
                return
            end = lane.waiting.popleft()
            if end.finished:
                continue
            try:
                data = end.sock.recv(lane.piece)
            except BlockingIOError:
                self._watch(end, end.events | READ)
                continue
            except OSError:
                self._lose(end)
                continue
            lane.carry(now, end.peer, data or Mark.END)
            if not data:
                end.finished = True
                self._close_if_done(end)
            elif end.peer.backlog < BACKLOG:
                lane.waiting.append(end)
            else:
                end.held = True  # until the peer has written

    def _deliver(self, lane: Lane, now: float) -> None:
        while lane.queue and lane.queue[0][0] <= now:
            _, end, what = lane.queue.popleft()
            size = 0 if isinstance(what, Mark) else len(what)
            lane.in_flight -= size
            if end.sent_end:
                continue
            end.out.append(what if isinstance(what, Mark) else memoryview(what))
            end.backlog += size
            if end.connected and not end.events & WRITE:
                self._write(end)

    def _write(self, end: End) -> None:
        try:
            while end.out:
                what = end.out[0]
                if isinstance(what, Mark):
                    self._finish(end, what)
                    return
                sent = end.sock.send(what)
                end.backlog -= sent
                if sent == len(what):
                    end.out.popleft()
                else:
                    end.out[0] = what[sent:]
        except BlockingIOError:
            self._watch(end, end.events | WRITE)
        except OSError:
            self._lose(end)
            return
        if end.peer.held and end.backlog < BACKLOG:
            end.peer.held = False
            end.peer.inbound.waiting.append(end.peer)

    def _finish(self, end: End, mark: Mark) -> None:
        end.out.clear()
        end.backlog = 0
        end.sent_end = True
        if mark is Mark.RESET:
            end.finished = True
            self._shut(end, reset=True)
            return
        with contextlib.suppress(OSError):
            end.sock.shutdown(socket.SHUT_WR)
        self._close_if_done(end)

    def _lose(self, end: End) -> None:
        # This side is gone; the other one learns it half a round trip later.
        end.finished = end.sent_end = True
        end.inbound.carry(clock(), end.peer, Mark.RESET)
        self._shut(end, reset=True)

    def _close_if_done(self, end: End) -> None:
        if end.finished and end.sent_end:
            self._shut(end, reset=False)

    def _shut(self, end: End, *, reset: bool) -> None:
        end.out.clear()
        end.backlog = 0
        self._watch(end, 0)
        if reset:
            with contextlib.suppress(OSError):
                end.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        end.sock.close()

    def _watch(self, end: End, events: int) -> None:
        if events == end.events:
            return
        if not end.events:
            self._selector.register(end.sock, events, end)
        elif not events:
            self._selector.unregister(end.sock)
        else:
            self._selector.modify(end.sock, events, end)
        end.events = events


def serve(order: dict[str, Any], control: Control) -> None:
    """Carry what ``order`` says until the process ends: ``links``, name → rtt_ms, mbit, target and port."""
    lines = {name: Line(one) for name, one in order["links"].items()}
    control.ready({"ports": {name: line.port for name, line in lines.items()}}, lambda _: {})
    gc.freeze()
    Relay(list(lines.values())).run()
