"""The Range header: RFC 9110, section 14."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regtools.testbed.store import Unsatisfiable, byte_range

WHOLE = None
NOTHING = "416"


@pytest.mark.parametrize(
    ("header", "answer"),
    [
        (None, WHOLE),
        ("", WHOLE),
        ("bytes=0-0", (0, 1)),
        ("bytes=0-", (0, 10)),
        ("bytes=9-", (9, 10)),
        ("bytes=3-5", (3, 6)),
        ("bytes=3-99999", (3, 10)),
        ("bytes=-4", (6, 10)),
        ("bytes=-99", (0, 10)),
        ("BYTES = 1-2 ", (1, 3)),
        ("bytes=10-", NOTHING),
        ("bytes=10-12", NOTHING),
        ("bytes=-0", NOTHING),
        ("bytes=5-3", WHOLE),  # not valid
        ("bytes=-", WHOLE),
        ("bytes=a-b", WHOLE),
        ("bytes=1-2,4-5", WHOLE),  # several: the whole may be sent
        ("lines=1-2", WHOLE),
        ("bytes=--5", WHOLE),
        ("bytes=" + "9" * 5000 + "-", WHOLE),
        ("bytes=٣-٥", WHOLE),  # digits, but not HTTP's
    ],
)
def test_each_form_of_the_header(header: str | None, answer: object) -> None:
    if answer == NOTHING:
        with pytest.raises(Unsatisfiable):
            byte_range(header, 10)
    else:
        assert byte_range(header, 10) == answer


@given(first=st.integers(0, 40), last=st.integers(0, 40), size=st.integers(1, 30))
def test_a_range_picks_what_the_numbers_say(first: int, last: int, size: int) -> None:
    wanted = [at for at in range(size) if first <= at <= last]
    try:
        answer = byte_range(f"bytes={first}-{last}", size)
    except Unsatisfiable:
        assert first >= size
    else:
        assert answer is None if last < first else list(range(*answer)) == wanted


@given(st.text())
def test_no_header_breaks_it(header: str) -> None:
    try:
        answer = byte_range(header, 10)
    except Unsatisfiable:
        return
    assert answer is None or 0 <= answer[0] < answer[1] <= 10
