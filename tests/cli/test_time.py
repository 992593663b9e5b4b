"""``regtools time``: lines, journal, chart, and where each failure is said."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from regtools.campaigns.journal import read_journal
from tests.support import images, scripted
from tests.support.command import regtools
from tests.support.scripted import Server


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        running.script.put("team/small", "1", images.image(1000, seed=1))
        yield running


@pytest.fixture
def conf(server: Server, tmp_path: Path) -> str:
    path = tmp_path / "registries.conf"
    path.write_text(
        f'unqualified-search-registries = ["{server.host}"]\n[[registry]]\nlocation = "{server.host}"\ninsecure = true\n'
    )
    return str(path)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return regtools("time", *arguments)


def test_one_pull_is_told_in_a_few_lines(server: Server, conf: str) -> None:
    done = run("team/small:1", "--conf", conf)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{server.host}/team/small:1: pulled\n")
    assert "every digest verified" in done.stdout


def test_a_failed_pull_is_status_1_and_says_why(conf: str) -> None:
    done = run("team/none:1", "--conf", conf)
    assert done.returncode == 1
    assert "[http-404]" in done.stdout
    assert "manifest unknown" in done.stdout


def test_rounds_are_lines_with_a_median_and_all_in_the_journal(
    server: Server, conf: str, tmp_path: Path
) -> None:
    server.script.fault("/manifests/", scripted.status(404))
    journal = tmp_path / "pulls.jsonl"
    done = run("team/small:1", "--conf", conf, "--rounds", "3", "--journal", str(journal))
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert [line[:7] for line in lines[:3]] == ["round 1", "round 2", "round 3"]
    assert lines[3].startswith("2 of 3 pulled: median ")
    assert [line.split()[0] for line in lines[4:] if line[2] != " "] == [
        *("failed:", "means:", "because:", "cure:", "podman:", "see:"),
    ]
    pulls, requests = read_journal(journal)
    assert list(pulls["round"]) == [1, 2, 3]
    assert set(pulls["place"]) == {server.host}
    assert list(pulls["ok"]) == [False, True, True]
    assert set(requests["run_id"]) == set(pulls["run_id"])


def test_json_is_the_rows(conf: str) -> None:
    done = run("team/small:1", "--conf", conf, "--json")
    value = json.loads(done.stdout)
    assert value["format"] == 1
    [pull] = value["pulls"]
    assert pull["ok"] is True
    assert len(pull["requests"]) == pull["n_requests"]


@pytest.mark.parametrize("rounds", ["1", "2"])
def test_a_chart_is_written_on_request(conf: str, tmp_path: Path, rounds: str) -> None:
    chart = tmp_path / "chart.png"
    done = run("team/small:1", "--conf", conf, "--rounds", rounds, "--plot", str(chart))
    assert done.returncode == 0, done.stderr
    assert chart.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_a_chart_that_cannot_be_written_is_an_error_without_a_traceback(conf: str, tmp_path: Path) -> None:
    for path in (tmp_path / "chart.nonsense", tmp_path / "none" / "chart.png"):
        done = run("team/small:1", "--conf", conf, "--plot", str(path))
        assert done.returncode == 1
        assert "[file-unwritable]" in done.stderr
        assert "Traceback" not in done.stderr


def test_the_image_is_kept_on_request(conf: str, tmp_path: Path) -> None:
    done = run("team/small:1", "--conf", conf, "--into", str(tmp_path / "layout"))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "layout" / "index.json").exists()
    assert run("team/small:1", "--conf", conf, "--into", str(tmp_path / "layout")).returncode == 1


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        ((), 2),
        (("x", "--rounds", "0"), 2),
        (("x", "--workers", "none"), 2),
        (("x", "--podman", "7"), 2),
        (("UPPER/x",), 1),
        (("x.example/y", "--platform", "amd64"), 1),
        (("x.example/y", "--conf", "/nonexistent/registries.conf"), 1),
        (("x.example/y", "--into", "a", "--rounds", "2"), 2),
        (("x.example/y", "--into", "a", "--engine", "podman"), 2),
        (("x.example/y", "--workers", "-1"), 2),
    ],
)
def test_wrong_usage_and_wrong_input_are_told_apart(
    conf: str, arguments: tuple[str, ...], status: int
) -> None:
    if "--conf" not in arguments:
        arguments = (*arguments, "--conf", conf)
    done = run(*arguments)
    assert done.returncode == status
    assert done.stderr
    assert "Traceback" not in done.stderr


def test_a_pull_imports_neither_pandas_nor_matplotlib(conf: str, tmp_path: Path) -> None:
    code = (
        "import sys; from regtools.cli import main; status = main(sys.argv[1:]);"
        "print(sorted({'pandas', 'numpy', 'matplotlib', 'tornado'} & set(sys.modules)), file=sys.stderr); sys.exit(status)"
    )
    arguments = ["time", "team/small:1", "--conf", conf, "--journal", str(tmp_path / "j"), "--json"]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "[]\n")


@pytest.mark.needs("podman", "skopeo")
@pytest.mark.parametrize("engine", ["podman", "skopeo"])
def test_the_real_programs_pull_on_request(server: Server, conf: str, engine: str) -> None:
    done = run("team/small:1", "--conf", conf, "--engine", engine, "--json")
    assert done.returncode == 0, done.stderr
    [pull] = json.loads(done.stdout)["pulls"]
    assert (pull["client"], pull["served_by"]) == (engine, f"{server.host}/team/small:1")


def test_a_terminal_sees_how_far_it_is_and_keeps_nothing_of_it(server: Server, conf: str) -> None:
    server.script.fault("/blobs/", *[scripted.late(1.2, lambda handler, answer: handler.reply(answer))] * 2)
    mine, theirs = os.openpty()
    command = [sys.executable, "-m", "regtools", "time", "team/small:1", "--conf", conf]
    environ = {**os.environ, "TERM": "xterm", "COLUMNS": "120"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs, env=environ, text=True) as program:
        os.close(theirs)
        drawn = _until_closed(mine)
        assert program.stdout is not None
        said = program.stdout.read()
    assert program.returncode == 0
    assert "[....................] 0 B of 10.2 kB, 0 B/s, 0 of 1 layers, " in drawn
    assert drawn.endswith("\r\x1b[K")
    assert "pulled" in said
    assert "\r" not in said


def _until_closed(terminal: int) -> str:
    parts = []
    try:
        while part := os.read(terminal, 4096):
            parts.append(part)
    except OSError:  # Linux says so when the other side is closed
        pass
    os.close(terminal)
    return b"".join(parts).decode()
