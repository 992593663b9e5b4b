"""Fair comparison in one run: the two sides take turns, and each is judged by its best round."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path


def ratio(ours: Callable[[], object], peer: Callable[[], object], *, rounds: int = 15) -> float:
    """Give our best time over the peer's; alternating, so that a busy moment hits both."""
    ours(), peer()
    mine, theirs = [], []
    for _ in range(rounds):
        mine.append(seconds(ours))
        theirs.append(seconds(peer))
    return min(mine) / min(theirs)


def seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


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
