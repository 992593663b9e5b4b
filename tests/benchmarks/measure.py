"""Fair comparison in one run: the two sides take turns, and each is judged by its best round.

Where the work itself is compared, and not how it waits, the clock counts CPU seconds: a busy neighbour adds
less to them than to the time of day.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
import timeit
from collections.abc import Callable, Sequence
from pathlib import Path

Clock = Callable[[], float]


def children_s() -> float:
    """Return the CPU seconds of all child processes that have ended; a clock for :func:`process`."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def ratio(
    ours: Callable[[], object],
    peer: Callable[[], object],
    *,
    rounds: int = 15,
    clock: Clock = time.perf_counter,
) -> float:
    """Return our best time over the peer's."""
    ours(), peer()
    mine, theirs = best(ours, peer, rounds=rounds, clock=clock)
    return mine / theirs


def best(*calls: Callable[[], object], rounds: int, clock: Clock = time.process_time) -> list[float]:
    """Return the best time of each call; they take turns, so that a busy moment hits them all."""
    times = [[seconds(call, clock) for call in calls] for _ in range(rounds)]
    return [min(each) for each in zip(*times, strict=True)]


def seconds(call: Callable[[], object], clock: Clock) -> float:
    """Return the time of one call; without the collector, which would go through what pytest keeps."""
    return timeit.timeit(call, timer=clock, number=1)


def process(command: Sequence[str], stdin: Path | None = None) -> Callable[[], object]:
    """Give a call that runs the command once, its output thrown away."""

    def call() -> None:
        with Path(stdin or os.devnull).open("rb") as source:
            subprocess.run(command, stdin=source, stdout=subprocess.DEVNULL, check=True)

    return call


# Linux counts the peak of the process that starts a child as the child's, too; so a small one starts it.
LAUNCH = """
import os, subprocess, sys
child = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(child.pid, 0)
child.returncode = os.waitstatus_to_exitcode(status)
print(usage.ru_maxrss)
sys.exit(child.returncode)
"""


def peak_kb(command: Sequence[str], stdin: Path) -> int:
    """Give the peak memory of one run, in kB."""
    with stdin.open("rb") as source:
        launch = [sys.executable, "-S", "-E", "-c", LAUNCH, *command]
        done = subprocess.run(launch, stdin=source, capture_output=True, text=True, check=True)
    return int(done.stdout)
