"""``regtools bench``: once for a look, many rounds for a verdict."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from regtools import read_journal
from regtools.campaigns.survey import bench
from regtools.cli import bench as bench_command
from regtools.pull.manifests import host_platform
from regtools.registries.conf import RegistriesConf
from regtools.testbed import Link, Testbed
from tests.support import images
from tests.support.command import regtools
from tests.support.processes import await_true
from tests.support.scripted import Server


@pytest.fixture(scope="module")
def bed() -> Iterator[Testbed]:
    with Testbed({"near": Link(rtt_ms=1), "far": Link(rtt_ms=30, mbit=100)}) as bed:
        yield bed


@pytest.fixture
def conf(bed: Testbed, tmp_path: Path) -> str:
    return str(bed.write_conf(tmp_path / "registries.conf"))


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "regtools", "bench", *arguments]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return regtools("bench", *arguments)


def test_every_source_has_a_row_and_the_fastest_is_named(bed: Testbed, conf: str) -> None:
    done = run(bed.image("small"), bed.image("hello"), "--conf", conf, "--podman", "5")
    assert (done.returncode, done.stderr) == (0, "")
    said = " ".join(done.stdout.split())
    for name in ("small", "hello"):
        assert f"origin.test/{name}:latest, by the rules of podman 5:" in said
    assert said.count("would take near today: the first that gives the manifest") == 2
    assert "Fastest order of [[registry.mirror]]: near (" in said
    assert "2. mirror far delivers" in said
    assert "The caches were as they were" in said
    assert re.match(
        r"(Pull without mirrors|The current order is as fast as any): [\d.]+ ms (against|from) ", said
    )
    assert "All that have it deliver the digest " + bed.images["hello"] not in said  # an index's own
    assert said.count("All that have it deliver the digest sha256:") == 2


def test_an_image_that_is_nowhere_is_status_1(bed: Testbed, conf: str) -> None:
    done = run("origin.test/nothing:1", "--conf", conf)
    assert done.returncode == 1
    assert done.stdout.startswith(
        "No source has this image: check name and tag.\n\norigin.test/nothing:1, by"
    )
    assert " ".join(done.stdout.split()).count("http-404 - - ") == 3
    assert "costs" not in done.stdout
    assert "remove" not in done.stdout


def test_a_dead_mirror_costs_and_should_be_removed(bed: Testbed, tmp_path: Path) -> None:
    path = tmp_path / "dead.conf"
    origin = bed.addresses["origin"]
    path.write_text(
        f'[[registry]]\nprefix = "origin.test"\nlocation = "{origin}"\ninsecure = true\n'
        '[[registry.mirror]]  # dead\nlocation = "127.0.0.1:1"\n'
    )
    done = run("origin.test/small", "--conf", str(path))
    said = " ".join(done.stdout.split())
    assert re.match(
        rf"Only {origin} delivers: [\d.]+ ms against [\d.]+ ms as configured\. origin.test/small,", said
    )
    assert re.search(r"dead costs [\d.]+ ms here on every pull: remove it, or repair it\.", said)


def look(origin: Server, *mirrors: str, name: str = "small") -> str:
    """What a look says of an image at the origin and at mirrors, podman 5's way, without line ends."""
    entry = f'[[registry]]\nprefix = "origin.test"\nlocation = "{origin.host}"\ninsecure = true\n'
    tables = (f'[[registry.mirror]]\nlocation = "{each}"\ninsecure = true\n' for each in mirrors)
    conf = RegistriesConf.from_toml(entry + "".join(tables), podman="5")
    return " ".join(str(bench(f"origin.test/{name}", conf)).split())


def test_a_mirror_that_is_not_reached_costs_only_the_pulls_that_reach_it() -> None:
    made = images.image(40_000, seed=21)
    with Server() as origin, Server() as good, Server() as without:
        for each in (origin, good):
            each.script.put("small", "latest", made)
        said = look(origin, without.host, good.host, "127.0.0.1:1")
        alone = look(origin)
        first = look(origin, "127.0.0.1:1")
    assert re.search(rf"{without.host} does not have .* costs [\d.]+ ms on every pull of it\. 127", said)
    assert re.search(
        r"127\.0\.0\.1:1 costs [\d.]+ ms here on every pull that no source before it serves: rem", said
    )
    assert re.match(rf"{origin.host} delivers in [\d.]+ ms; it is the only source\. origin\.test", alone)
    assert re.search(r"127\.0\.0\.1:1 costs [\d.]+ ms here on every pull: remove it, or repair it\.", first)


def test_the_verdict_says_that_the_images_differ() -> None:
    with Server() as origin, Server() as mirror:
        for seed, each in enumerate((origin, mirror)):
            each.script.put("small", "latest", images.image(40_000, seed=seed))
        said = look(origin, mirror.host)
    verdict, _, rest = said.partition(" Fastest first: ")
    assert verdict.endswith(" ms as configured. But the sources deliver different images.") or re.search(
        r"^The current order is as fast as any: .* But the sources deliver different images\.$", verdict
    )
    assert "The sources deliver different images: " in rest


def test_a_digest_that_was_asked_for_is_told_before_the_platforms() -> None:
    made, other = images.image(40_000, seed=1), images.image(20_000, seed=2, architecture="arm64")
    machine = {"os": "linux", "architecture": host_platform().architecture}
    index = images.index((made, machine), (other, {"os": "linux", "architecture": "riscv64"}))
    with Server() as origin:
        for member in (made, other):
            origin.script.put("small", member.digest, member)
        whole = replace(made, manifest=index, media_type=images.OCI_INDEX)
        origin.script.put("small", "latest", whole)
        of_index = look(origin, name=f"small@{whole.digest}")
        of_image = look(origin, name=f"small@{made.digest}")
    assert (
        f"delivers the digest that was asked for, {whole.digest}; this platform gets {made.digest}."
        in of_index
    )
    assert f"delivers the digest that was asked for, {made.digest}. " in f"{of_image} "


def test_a_source_is_not_said_to_work_where_another_one_does_not() -> None:
    with Server() as origin:
        said = look(origin, "127.0.0.1:1")
        alone = look(origin)
    assert "cure: check name and tag; a mirror may lack it" in said
    assert "the sources themselves work" not in said
    assert "cure: check name and tag; the sources themselves work" in alone


def test_a_name_that_is_too_long_for_the_screen_is_cut_in_the_table(tmp_path: Path) -> None:
    host = f"{'long-' * 12}name.invalid"
    path = tmp_path / "long.conf"
    path.write_text(f'[[registry]]\nprefix = "origin.test"\nlocation = "{host}/repository"\n')
    lines = run("origin.test/small", "--conf", str(path)).stdout.splitlines()
    row = next(line for line in lines if line.startswith("  1.  primary"))
    assert len(row) <= 80
    assert "…  " in row


def test_a_journal_keeps_each_look_as_a_round(bed: Testbed, conf: str, tmp_path: Path) -> None:
    journal = tmp_path / "looks.jsonl"
    for number in (1, 2):
        done = run(bed.image("hello"), "--conf", conf, "--journal", str(journal))
        assert done.returncode == 0
        assert f"round {number} is kept" in done.stderr
    pulls, _ = read_journal(journal)
    assert pulls.groupby("place")["round"].apply(list).to_dict() == {
        place: [1, 2] for place in ("near", "far", bed.addresses["origin"])
    }


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
    assert re.match(r"No verdict yet: \S+ takes [\d.]+ ms against ", done.stdout)
    assert f"18 pulls in {journal}, seed " in done.stdout
    pulls, _ = read_journal(journal)
    hosts = pulls["place"].map({**bed.addresses, bed.addresses["origin"]: bed.addresses["origin"]})
    assert set(pulls["place"]) == {"near", "far", bed.addresses["origin"]}
    assert (pulls["served_by"] == hosts + "/hello:latest").all()
    again = run(bed.image("hello"), *options, "--rounds", "7", "--json")
    assert len(json.loads(again.stdout)["pulls"]) == 21
    other = run(bed.image("small"), *options, "--rounds", "7")
    assert other.returncode == 1
    assert "this journal belongs to another run (images: origin.test/hello" in other.stderr
    assert "[another-campaign]" in other.stderr


def test_ctrl_c_says_how_to_go_on(bed: Testbed, conf: str, tmp_path: Path) -> None:
    journal = tmp_path / "pulls.jsonl"
    words = command(
        bed.image("hello"), "--conf", conf, "--journal", str(journal), "--rounds", "10", "--pause", "0.2"
    )
    program = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    await_true(lambda: journal.exists() and b'"row":"pull"' in journal.read_bytes(), "a pull is done")
    program.send_signal(signal.SIGINT)
    _, said = program.communicate(timeout=60)
    assert program.returncode == 130
    assert f"every finished pull is in {journal}: the same command continues" in said
    assert "Traceback" not in said


def test_a_stop_file_is_status_1_with_its_reason(bed: Testbed, conf: str, tmp_path: Path) -> None:
    switch = tmp_path / "stop"
    switch.touch()
    options = ("--conf", conf, "--journal", str(tmp_path / "j"), "--rounds", "2", "--stop-file", str(switch))
    done = run(bed.image("hello"), *options)
    assert done.returncode == 1
    assert f"stopped early: there is a file {switch}; the same command continues" in done.stderr


def test_a_terminal_sees_the_time_left(bed: Testbed, conf: str, tmp_path: Path) -> None:
    mine, theirs = os.openpty()
    options = ("--conf", conf, "--journal", str(tmp_path / "j"), "--rounds", "2", "--pause", "0.3")
    words = command(bed.image("hello"), *options)
    known = dict(os.environ)  # without it, readline hands down a width that this terminal does not have
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=theirs, text=True, env=known) as program:
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
        (("x.example/y", "--rounds", "0"), 2),
        (("x.example/y", "--rounds", "-1"), 2),
        (("x.example/y", "--workers", "0"), 2),
        (("x.example/y", "--rounds", "1", "--make-cold", "'"), 2),
        (("x.example/y", "--engine", "podman"), 2),
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


# -- many hosts --------------------------------------------------------------------------------------------


def test_on_a_local_cluster_the_chosen_vantage_point_has_its_rows_and_its_verdicts(
    bed: Testbed, conf: str, tmp_path: Path
) -> None:
    pytest.importorskip("distributed")
    journal = tmp_path / "pulls.jsonl"
    options = ("--journal", str(journal), "--pause", "0", "--probes", "0", "--per-minute", "6000")
    hosts = ("--local-cluster", "2", "--host", "local-2")
    done = run(bed.image("hello"), "--conf", conf, *options, "--rounds", "3", *hosts)
    assert (done.returncode, done.stderr) == (0, "")
    assert "local-2" in done.stdout and "local-1" not in done.stdout
    assert f"9 pulls in {journal}, seed " in done.stdout
    pulls, _ = read_journal(journal)
    assert set(pulls["vantage"]) == {"local-2"}
    assert pulls.groupby(["vantage", "place"]).size().to_list() == [3] * 3


@pytest.mark.long
def test_on_a_local_cluster_the_same_command_goes_on_at_one_vantage_point(
    bed: Testbed, conf: str, tmp_path: Path
) -> None:
    pytest.importorskip("distributed")
    journal = tmp_path / "pulls.jsonl"
    options = (
        "--conf",
        conf,
        "--journal",
        str(journal),
        "--pause",
        "0",
        "--probes",
        "0",
        "--per-minute",
        "6000",
    )
    done = run(bed.image("hello"), *options, "--rounds", "3", "--local-cluster", "2")
    assert (done.returncode, done.stderr) == (0, "")
    assert "local-1" in done.stdout and "local-2" in done.stdout
    assert f"18 pulls in {journal}, seed " in done.stdout
    pulls, _ = read_journal(journal)
    assert pulls.groupby(["vantage", "place"]).size().to_list() == [3] * 6
    one = run(
        bed.image("hello"),
        *options,
        "--rounds",
        "4",
        "--local-cluster",
        "2",
        "--host",
        "local-2",
        "--json",
    )
    told = json.loads(one.stdout)
    assert {each["vantage"] for each in told["pulls"]} == {"local-2"}, one.stderr
    assert len(told["pulls"]) == 12


def test_a_scheduler_that_does_not_answer_is_told(
    bed: Testbed, conf: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr(bench_command, "connect", partial(bench_command.connect, timeout_s=0.5))
    with socket.socket() as nobody:  # bound, never listening
        nobody.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{nobody.getsockname()[1]}"
        journal = tmp_path / "pulls.jsonl"
        done = run(bed.image("hello"), "--conf", conf, "--journal", str(journal), "--scheduler", address)
    assert done.returncode == 1
    assert f"no Dask scheduler answers at {address}" in done.stderr
    assert "Traceback" not in done.stderr
    assert not journal.exists()


def test_care_for_hosts_without_hosts_is_wrong_usage(bed: Testbed, conf: str) -> None:
    done = run(bed.image("hello"), "--conf", conf, "--at-once", "2", "--host", "tokyo")
    assert done.returncode == 2
    assert "--host, --at-once: only with --scheduler or --local-cluster" in done.stderr


def test_a_campaign_on_this_machine_loads_no_dask(bed: Testbed, conf: str, tmp_path: Path) -> None:
    code = (
        "import sys; from regtools.cli import main\n"
        f"main(['bench', {bed.image('hello')!r}, '--conf', {conf!r}, '--rounds', '1', '--pause', '0', '--json',"
        f" '--journal', {str(tmp_path / 'j')!r}])\n"
        "print({'dask', 'distributed'} & set(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stderr == "set()\n"
