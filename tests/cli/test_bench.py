"""``regtools bench`` as a program: once for a look, many rounds for a verdict."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from regtools import read_journal
from regtools.testbed import Link, Testbed
from tests.support import images
from tests.support.processes import await_true
from tests.support.scripted import Server


@pytest.fixture(scope="module")
def bed() -> Iterator[Testbed]:
    with Testbed({"near": Link(rtt_ms=1), "far": Link(rtt_ms=6, mbit=200)}) as bed:
        yield bed


@pytest.fixture
def conf(bed: Testbed, tmp_path: Path) -> str:
    return str(bed.write_conf(tmp_path / "registries.conf"))


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "regtools", "bench", *arguments]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*arguments), capture_output=True, text=True, timeout=120)


def test_every_source_has_a_row_and_the_fastest_is_named(bed: Testbed, conf: str) -> None:
    done = run(bed.image("small"), bed.image("hello"), "--conf", conf, "--podman", "5")
    assert (done.returncode, done.stderr) == (0, "")
    for name in ("small", "hello"):
        assert f"origin.test/{name}:latest, by the rules of podman 5:" in done.stdout
        assert f"would take {bed.addresses['near']}/{name}:latest today" in done.stdout
    assert f"Fastest order of [[registry.mirror]]: {bed.addresses['near']}/small" in done.stdout
    assert "All that have it deliver the digest " + bed.images["hello"] not in done.stdout  # an index's own
    assert done.stdout.count("All that have it deliver the digest sha256:") == 2


def test_an_image_that_is_nowhere_is_status_1(bed: Testbed, conf: str) -> None:
    done = run("origin.test/nothing:1", "--conf", conf)
    assert done.returncode == 1
    assert done.stdout.count("failed: http-404") == 3
    assert "from none of these places" in done.stdout
    assert "costs" in done.stdout


def test_different_images_under_one_name_are_told(tmp_path: Path) -> None:
    with Server() as one, Server() as other:
        for number, server in enumerate((one, other)):
            server.script.put("team/app", "1", images.image(900, seed=number))
        path = tmp_path / "registries.conf"
        path.write_text(
            f'[[registry]]\nlocation = "{other.host}"\ninsecure = true\n'
            f'[[registry.mirror]]\nlocation = "{one.host}"\ninsecure = true\n'
        )
        done = run(f"{other.host}/team/app:1", "--conf", str(path))
    assert done.returncode == 0
    assert "The sources deliver different images" in done.stdout


def test_a_campaign_ends_in_a_verdict_and_the_same_command_goes_on(
    bed: Testbed, conf: str, tmp_path: Path
) -> None:
    journal = tmp_path / "pulls.jsonl"
    options = ("--conf", conf, "--journal", str(journal), "--pause", "0", "--probes", "1")
    done = run(bed.image("hello"), *options, "--rounds", "6")
    assert (done.returncode, done.stderr) == (0, "")
    near, far = bed.addresses["near"], bed.addresses["far"]
    assert near in done.stdout
    assert f"18 pulls in {journal}, seed " in done.stdout
    pulls, _ = read_journal(journal)
    assert set(pulls["place"]) == {near, far, bed.addresses["origin"]}
    assert (pulls["served_by"] == pulls["place"] + "/hello:latest").all()
    again = run(bed.image("hello"), *options, "--rounds", "7", "--json")
    assert len(json.loads(again.stdout)["pulls"]) == 21
    other = run(bed.image("small"), *options, "--rounds", "7")
    assert other.returncode == 1
    assert "[another-campaign]" in other.stderr


def test_ctrl_c_says_how_to_go_on(bed: Testbed, conf: str, tmp_path: Path) -> None:
    journal = tmp_path / "pulls.jsonl"
    words = command(bed.image("hello"), "--conf", conf, "--journal", str(journal), "--pause", "0.2")
    program = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    await_true(lambda: journal.exists() and b'"row":"pull"' in journal.read_bytes(), "a pull is done")
    program.send_signal(signal.SIGINT)
    _, said = program.communicate(timeout=60)
    assert program.returncode == 130
    assert f"every finished pull is in {journal}: the same command goes on" in said
    assert "Traceback" not in said


def test_a_stop_file_is_status_1_with_its_reason(bed: Testbed, conf: str, tmp_path: Path) -> None:
    switch = tmp_path / "stop"
    switch.touch()
    options = ("--conf", conf, "--journal", str(tmp_path / "j"), "--rounds", "2", "--stop-file", str(switch))
    done = run(bed.image("hello"), *options)
    assert done.returncode == 1
    assert f"stopped early: there is a file {switch}; the same command goes on" in done.stderr


def test_a_terminal_sees_the_time_left(bed: Testbed, conf: str, tmp_path: Path) -> None:
    mine, theirs = os.openpty()
    options = ("--conf", conf, "--journal", str(tmp_path / "j"), "--rounds", "2", "--pause", "0.3")
    words = command(bed.image("hello"), *options)
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=theirs, text=True) as program:
        os.close(theirs)
        drawn = b""
        try:
            while part := os.read(mine, 4096):
                drawn += part
        except OSError:
            pass
        os.close(mine)
        assert program.stdout is not None
        program.stdout.read()
    assert program.returncode == 0
    assert b" of 6 pulls, round " in drawn
    assert b" left" in drawn


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        ((), 2),
        (("x.example/y", "--rounds", "many"), 2),
        (("UPPER/x",), 1),
        (("x.example/y", "--rounds", "0"), 1),
        (("x.example/y", "--rounds", "1", "--cache-state", "cold"), 1),
    ],
)
def test_wrong_usage_and_wrong_input_are_told_apart(
    conf: str, tmp_path: Path, arguments: tuple[str, ...], status: int
) -> None:
    more = ("--conf", conf, "--journal", str(tmp_path / "j")) if "--rounds" in arguments else ("--conf", conf)
    done = run(*arguments, *more)
    assert done.returncode == status
    assert done.stderr
    assert "Traceback" not in done.stderr
