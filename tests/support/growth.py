"""Whether time grows with the input and not faster: CPU time over a few doublings, so that neighbours do not count.

>>> steep([0.01, 0.02, 0.04, 0.08, 0.16])
False
>>> steep([0.01, 0.04, 0.16, 0.64, 2.56])
True
"""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import pairwise
from typing import TypeVar

from tests.conftest import LONG

T = TypeVar("T")

MOST = 3.0  # times the time for twice the input; 2 is linear, 4 is quadratic
LEAST_S = 0.02  # shorter times are noise
ENOUGH_S = 1.0 if LONG else 0.05  # once half the input takes this long, two doublings are seen


def assert_linear(
    call: Callable[[T], object], make: Callable[[int], T], *, size: int, doublings: int = 4
) -> None:
    """Fail if the CPU time of ``call(make(n))`` more than triples over two doublings in a row.

    Args:
        call: what is measured; it handles the errors that the input is expected to raise.
        make: returns an input of about n units, whatever the caller's unit is.
        size: n of the smallest input.
        doublings: how often n is doubled.
    """
    times: list[float] = []
    for step in range(doublings + 1):
        value = make(size * 2**step)
        times.append(min(cpu_s(call, value) for _ in range(2)))
        shown = ", ".join(f"{each * 1000:.1f}" for each in times)
        assert not steep(times), f"from {size} on, each twice the one before: {shown} ms"
        if step >= 2 and times[-2] > ENOUGH_S:
            break


def cpu_s(call: Callable[[T], object], value: T) -> float:
    """Return the CPU time of one call, in seconds."""
    start = time.process_time()
    call(value)
    return time.process_time() - start


def steep(times: list[float]) -> bool:
    """Return whether two doublings in a row both cost more than three times as much, above the noise."""
    over = [after > MOST * before and after > LEAST_S for before, after in pairwise(times)]
    return any(first and second for first, second in pairwise(over))
