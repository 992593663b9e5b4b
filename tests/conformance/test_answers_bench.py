"""A dead mirror and a rate limit, as `bench` shows them: each fact of the answer is in its output.

`must_contain` of a case is in plain words; the registries are real sockets on loopback.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from regtools.cli import main
from tests.support import images, scripted
from tests.support.scripted import Server

TABLE = json.loads(Path(__file__).with_name("answer-cases.json").read_text(encoding="utf-8"))
CASES = {case["id"]: case for case in TABLE["cases"] if case["command"].startswith("bench")}
MIRROR = '[[registry.mirror]]\nlocation = "127.0.0.1:1"\ninsecure = true\n'


def bench(name: str, server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Run the command of a case; its registry is the server."""
    image = CASES[name]["image"]
    repository, _, tag = image.partition("/")[2].partition(":")
    server.script.put(repository, tag or "latest", images.image(40_000, 60_000, seed=21))
    entry = f'[[registry]]\nprefix = "origin.test"\nlocation = "{server.host}"\ninsecure = true\n'
    conf = tmp_path / "a.conf"
    conf.write_text(entry + (MIRROR if name.startswith("c27") else ""))
    status = main(["bench", image, "--conf", str(conf), "--podman", CASES[name]["podman"]])
    return status, " ".join(capsys.readouterr().out.split())


def test_there_are_no_other_cases() -> None:
    assert {*CASES} == {"c27-dead-mirror-delay", "c28-rate-limit"}


def test_a_dead_mirror_is_named_with_what_it_costs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Server() as server:
        status, said = bench("c27-dead-mirror-delay", server, tmp_path, capsys)
    assert status == 0
    for fact in ("127.0.0.1:1", *CASES["c27-dead-mirror-delay"]["must_contain"], "on every pull"):
        assert fact in said, said


def test_a_rate_limit_is_told_with_its_wait_and_what_helps(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Server() as server:
        server.script.fault("/manifests/", *[scripted.status(429, Retry_After="3600")] * 20)
        status, said = bench("c28-rate-limit", server, tmp_path, capsys)
    assert status == 1
    for fact in (*CASES["c28-rate-limit"]["must_contain"], "mirror"):
        assert fact in said, said
