"""The clock of a lane, without any socket: exact, and the same on every machine."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regtools.testbed.relay import AHEAD_S, IN_FLIGHT, Lane, Mark

END: Any = object()  # a lane only passes it on


def test_a_piece_takes_its_time_on_the_wire_and_then_travels() -> None:
    lane = Lane(rate=1000.0, delay=0.5)
    lane.carry(10.0, END, b"x" * 100)
    lane.carry(10.0, END, b"y" * 200)
    assert [when for when, _, _ in lane.queue] == pytest.approx([10.6, 10.8])


def test_a_wire_that_rested_starts_at_once_and_saves_nothing_up() -> None:
    lane = Lane(rate=1000.0, delay=0.0)
    lane.carry(0.0, END, b"x" * 1000)
    lane.carry(100.0, END, b"x" * 1000)
    assert lane.queue[-1][0] == pytest.approx(101.0)


@given(
    rate=st.floats(1e3, 1e9),
    delay=st.floats(0, 1),
    pieces=st.lists(st.tuples(st.floats(0, 0.1), st.integers(1, 5000)), min_size=1, max_size=30),
)
def test_pieces_stay_in_order_and_within_the_bandwidth(
    rate: float, delay: float, pieces: list[tuple[float, int]]
) -> None:
    lane, now = Lane(rate, delay), 0.0
    begun = []
    for pause, size in pieces:
        now += pause
        begun.append(now)
        lane.carry(now, END, bytes(size))
    arrived = [when for when, _, _ in lane.queue]
    assert arrived == sorted(arrived)
    for first in range(len(pieces)):
        # From any moment on, no more arrives than the wire carries.
        carried = sum(size for _, size in pieces[first:])
        assert arrived[-1] - delay - begun[0] >= sum(size for _, size in pieces) / rate * 0.999
        assert arrived[-1] - begun[first] >= delay + carried / rate * 0.999


def test_the_end_of_a_stream_travels_behind_its_bytes() -> None:
    lane = Lane(rate=1000.0, delay=0.5)
    lane.carry(0.0, END, b"x" * 100)
    lane.carry(0.0, END, Mark.END)
    assert [when for when, _, _ in lane.queue] == pytest.approx([0.6, 0.6])


def test_a_lane_reads_no_further_ahead_than_its_wire_can_take() -> None:
    lane = Lane(rate=1e6, delay=0.0)
    assert lane.has_room(0.0)
    lane.carry(0.0, END, bytes(int(1e6 * AHEAD_S) + 1))
    assert not lane.has_room(0.0)
    assert lane.has_room(AHEAD_S)


def test_a_lane_without_bandwidth_is_bounded_all_the_same() -> None:
    lane = Lane(rate=math.inf, delay=1.0)
    lane.carry(0.0, END, bytes(IN_FLIGHT))
    assert not lane.has_room(0.0)
    assert lane.queue[0][0] == 1.0
