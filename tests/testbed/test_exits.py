"""Processes, ports and files are gone after every way in which a testbed can end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.support.processes import await_true, listens, runs

# What an owner does once its testbed is open, and the status with which it then ends.
ENDINGS = {
    "the block ends": ("pass", 0),
    "an exception leaves the block": ("raise KeyError('x')", 1),
    "sys.exit": ("sys.exit(7)", 7),  # another exception: in the long run
    "no cleaning up at all": ("os._exit(5)", 5),
    "a thread of the owner still runs": ("threading.Thread(target=time.sleep, args=(1,)).start()", 0),
}
OWNER = """
import json, os, sys, threading, time
from regtools.testbed import Link, Testbed
{before}
with Testbed({{"near": Link(5, 400), "far": Link(80, 20)}}) as bed:
    file = bed.write_conf(sys.argv[1], keep=False)
    print(json.dumps({{"pids": bed.pids, "addresses": bed.addresses}}), flush=True)
    {then}
"""
NEVER_CLOSED = """
import json, sys
from regtools.testbed import Testbed
bed = Testbed()
bed.write_conf(sys.argv[1], keep=False)
print(json.dumps({"pids": bed.pids, "addresses": bed.addresses}), flush=True)
"""
# In short turns: one long sleep is not ended by a signal that another thread takes, or that comes just before it.
WAIT = "for _ in range(3000): time.sleep(0.2)"
FORKED = f"child = os.fork()\n    if not child: time.sleep(600)\n    print(child, flush=True)\n    {WAIT}"
SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGKILL]
# All but Ctrl-C end Python in the same way: make test sends some of them, and the long run sends all to all.
RARE = (signal.SIGHUP, signal.SIGQUIT)
SOME = [pytest.param(each, marks=pytest.mark.long if each in RARE else ()) for each in SIGNALS]
SENT = {
    "--write": (signal.SIGINT, signal.SIGKILL),
    "no option": (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT),
}
PAIRS = [
    pytest.param(option, number, marks=() if number in sent else pytest.mark.long)
    for option, sent in SENT.items()
    for number in SIGNALS
]


@contextmanager
def started(*command: str) -> Iterator[subprocess.Popen[str]]:
    """Run a Python command in a session of its own; end it if the test has not."""
    process = subprocess.Popen(
        [sys.executable, *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=ROOT,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def told(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    said: dict[str, Any] = json.loads(process.stdout.readline())
    return said


def assert_there(said: dict[str, Any], file: Path) -> None:
    assert all(runs(pid) for pid in said["pids"])
    assert all(listens(address) for address in said["addresses"].values())
    assert file.exists()


def assert_gone(said: dict[str, Any], file: Path) -> None:
    for pid in said["pids"]:
        await_true(lambda pid=pid: not runs(pid), f"process {pid} ended")  # type: ignore[misc]
    # A process whose first thread has ended counts as ended a moment before its last one closes the ports.
    await_true(lambda: not any(map(listens, said["addresses"].values())), "ports free")
    await_true(lambda: not file.exists(), "file removed")


@pytest.mark.parametrize(
    "ending", [pytest.param(each, marks=pytest.mark.long) if each == "sys.exit" else each for each in ENDINGS]
)
def test_nothing_is_left_when(ending: str, tmp_path: Path) -> None:
    then, status = ENDINGS[ending]
    file = tmp_path / "registries.conf"
    with started("-c", OWNER.format(before="", then=then), str(file)) as owner:
        said = told(owner)
        assert owner.wait(60) == status
        assert_gone(said, file)


def test_nothing_is_left_of_a_testbed_that_nobody_closed(tmp_path: Path) -> None:
    file = tmp_path / "registries.conf"
    with started("-c", NEVER_CLOSED, str(file)) as owner:
        said = told(owner)
        assert owner.wait(60) == 0
        assert_gone(said, file)


@pytest.mark.parametrize("number", SOME)
def test_nothing_is_left_when_the_owner_is_killed(number: signal.Signals, tmp_path: Path) -> None:
    file = tmp_path / "registries.conf"
    with started("-c", OWNER.format(before="", then=WAIT), str(file)) as owner:
        said = told(owner)
        assert_there(said, file)
        owner.send_signal(number)
        assert owner.wait(60) != 0
        assert_gone(said, file)


def test_nothing_is_left_when_the_whole_group_of_the_owner_is_killed(tmp_path: Path) -> None:
    file = tmp_path / "registries.conf"
    with started("-c", OWNER.format(before="", then=WAIT), str(file)) as owner:
        said = told(owner)
        os.killpg(owner.pid, signal.SIGKILL)
        assert_gone(said, file)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_process_that_the_owner_forked_keeps_nothing_open(number: signal.Signals, tmp_path: Path) -> None:
    # It holds the pipes whose end the helpers wait for.
    file = tmp_path / "registries.conf"
    with started("-W", "ignore", "-c", OWNER.format(before="", then=FORKED), str(file)) as owner:
        said = told(owner)
        assert owner.stdout is not None
        child = int(owner.stdout.readline())
        try:
            owner.send_signal(number)
            owner.wait(60)
            assert_gone(said, file)
            assert runs(child)
        finally:
            os.kill(child, signal.SIGKILL)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_the_owner_is_told_when_a_helper_was_killed(number: signal.Signals, tmp_path: Path) -> None:
    then = (
        f"os.kill(bed.pids[0], {int(number)})\n"
        "    try:\n"
        "        while True: bed.counters\n"
        "    except Exception as error: print(type(error).__name__, error, flush=True)\n"
        "    assert not bed.alive"
    )
    with started("-c", OWNER.format(before="", then=then), str(tmp_path / "registries.conf")) as owner:
        said = told(owner)
        assert owner.stdout is not None
        assert owner.stdout.readline().startswith(
            "RegtoolsError error: the testbed's registry process has ended"
        )
        assert owner.wait(60) == 0
        await_true(lambda: not any(map(runs, said["pids"])), "both processes ended")


def test_a_testbed_outlives_the_thread_that_opened_it(tmp_path: Path) -> None:
    before = "def opened():\n    global Testbed\n    made = Testbed({})\n    Testbed = lambda _: made\n"
    before += "one = threading.Thread(target=opened); one.start(); one.join(); time.sleep(1.2)\n"
    then = "print(bed.counters.requests(), bed.alive, flush=True)"
    with started("-c", OWNER.format(before=before, then=then), str(tmp_path / "registries.conf")) as owner:
        said = told(owner)
        assert owner.stdout is not None
        assert owner.stdout.readline() == "0 True\n"
        assert owner.wait(60) == 0
        assert_gone(said, tmp_path / "registries.conf")


@pytest.mark.parametrize(("option", "number"), PAIRS)
def test_the_command_leaves_nothing_behind(option: str, number: signal.Signals, tmp_path: Path) -> None:
    file = tmp_path / "practice.conf"
    options = ["--write", str(file)] if option == "--write" else []
    environ = {**os.environ, "TMPDIR": str(tmp_path)}
    process = subprocess.Popen(
        [sys.executable, "-m", "regtools", "testbed", "--json", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=environ,
        start_new_session=True,
    )
    with process:
        try:
            told_by_it = told(process)
            said = {
                "pids": told_by_it["pids"],
                "addresses": {mirror["name"]: mirror["address"] for mirror in told_by_it["mirrors"]},
            }
            assert_there(said, Path(told_by_it["conf_file"]))
            process.send_signal(number)
            status = process.wait(60)
            assert status == (130 if number == signal.SIGINT else -number)
            assert_gone(said, Path(told_by_it["conf_file"]))
            assert list(tmp_path.iterdir()) == []
            assert process.stderr is not None
            assert process.stderr.read() == ""  # no traceback
        finally:
            process.kill()
