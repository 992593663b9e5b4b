"""`regtools testbed`: what it prints, and what it refuses. How it ends is in tests/testbed/test_exits.py."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from regtools.cli import main
from regtools.testbed import DEFAULT_MIRRORS
from tests.conftest import ROOT


@contextmanager
def running(*options: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "regtools", "testbed", *options], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    with process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)


def test_it_prints_places_images_configuration_and_command(tmp_path: Path) -> None:
    file = tmp_path / "with space.conf"
    with running("--write", str(file)) as process:
        assert process.stdout is not None
        lines = []
        while not lines or not lines[-1].startswith("Ctrl-C"):
            lines.append(process.stdout.readline())
        conf = file.read_text()
    text = "".join(lines)
    for name, link in DEFAULT_MIRRORS.items():
        assert any(line.split()[:1] == [name] and str(link) in line for line in lines)
    for line in filter(None, conf.splitlines()):
        assert f"  {line}\n" in text
    assert f"  CONTAINERS_REGISTRIES_CONF='{file}' podman pull origin.test/hello:latest\n" in text
    assert "origin.test/layers-20:latest" in text


def test_as_json_it_is_one_line_for_programs(tmp_path: Path) -> None:
    with running(
        "--json", "--mirror", "lan=1", "--mirror", "moon=2560,50", "--write", str(tmp_path / "a.conf")
    ) as process:
        assert process.stdout is not None
        said = json.loads(process.stdout.readline())
    assert said["format"] == 1
    assert [(one["name"], one["rtt_ms"], one["mbit"]) for one in said["mirrors"]] == [
        ("lan", 1.0, None),
        ("moon", 2560.0, 50.0),
    ]
    assert said["mirrors"][0]["address"] in said["conf_text"]
    assert said["images"]["origin.test/hello:latest"].startswith("sha256:")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--mirror", "near"], "error: --mirror 'near' is not understood [bad-testbed]"),
        (["--mirror", "near=fast"], "is not understood"),
        (["--mirror", "near=5,"], "is not understood"),
        (["--mirror", "near=5,1,2"], "is not understood"),
        (["--mirror", "near=-5"], "rtt_ms=-5.0 is not a round trip"),
        (["--mirror", "near=5,0"], "mbit=0.0 is not a bandwidth"),
        (["--mirror", "near=nan"], "is not a round trip"),
        (["--mirror", "=5"], "'' cannot be the name of a mirror"),
        (["--mirror", "origin=5"], "'origin' cannot be the name of a mirror"),
        (["--mirror", "near=5", "--mirror", "near=6"], "there are two mirrors near"),
        (["--write", "/dev/null"], "/dev/null: error: the configuration cannot be written: File exists"),
        (["--write", "/missing/x.conf"], "No such file or directory"),
    ],
)
def test_what_it_does_not_understand_it_says(
    options: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["testbed", *options]) == 1
    said = capsys.readouterr()
    assert says in " ".join(said.err.split())
    assert said.out == ""


def test_help_shows_examples(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["testbed", "--help"]) == 0
    assert "regtools testbed --mirror near=5,400" in capsys.readouterr().out.replace("\n  ", " ")
