"""Problems that people really had with mirrors: `regtools bench` states every fact of the answer.

The hosts of the reproduction become registries on loopback, real sockets that behave as the story tells.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.support import images, scripted
from tests.support.scripted import Server

TABLE = json.loads(Path(__file__).with_name("user-problems.json").read_text(encoding="utf-8"))
PROBLEMS = {p["id"]: p for p in TABLE["problems"] if p["one_command"].startswith("regtools bench")}
IMAGE = images.image(40_000, 60_000, seed=21)
CONF = "/etc/containers/registries.conf"

# host of the story → what it does: whether it has the image, and which of its requests fail.
STORIES: dict[str, dict[str, str]] = {
    "dev-failover-manifest-only": {
        "mirror-a.test": "layers-fail",
        "mirror-b.test": "good",
        "unused.invalid.test": "good",
    },
    "dev-speed-which-mirror": {
        "mirror-a.test": "slow",
        "mirror-b.test": "good",
        "mirror-c.test": "dead",
        "docker.io": "slower",
    },
}

# problem → one row a fact, in the order of must_contain; every expression of a row must be found.
FACTS: dict[str, list[tuple[str, ...]]] = {
    "dev-failover-manifest-only": [
        (r"1\. mirror {mirror-a.test} .* 2\. mirror {mirror-b.test} .* 3\. primary {unused.invalid.test} ",),
        (
            r"source result manifest layers",
            r"mirror {mirror-a.test} http-500 [\d.]+ - [\d.]+",
            r"mirror {mirror-b.test} delivers [\d.]+ [\d.]+ [\d.]+",
            r"primary {unused.invalid.test} delivers [\d.]+ [\d.]+ [\d.]+",
        ),
        (r"^podman \S+ would choose {mirror-a.test} today, and the pull would fail at its layers",),
        (r"moves on to another source only before or at the manifest, never at a layer",),
    ],
    "dev-speed-which-mirror": [
        (
            r"^Put {mirror-b.test} first: [\d.]+ m?s against [\d.]+ m?s as configured\.",
            r"1\. mirror {mirror-a.test} delivers [\d.]+ [\d.]+ [\d.]+",
            r"2\. mirror {mirror-b.test} delivers [\d.]+ [\d.]+ [\d.]+",
            r"3\. mirror {mirror-c.test} connect - - [\d.]+",
            r"4\. primary {docker.io} delivers [\d.]+ [\d.]+ [\d.]+",
            r"3\. ping from {mirror-c.test}: .*\[connect\]",
        ),
        (r"would take {mirror-a.test} today: the first that gives the manifest",),
        (r"All that have it deliver the digest sha256:[0-9a-f]{64}\.",),
        (
            r"Fastest order of \[\[registry\.mirror\]\]: {mirror-b.test} \([\d.]+ m?s\), {mirror-a.test} ",
            r"{mirror-c.test} costs [\d.]+ m?s here on every pull that no source before it serves: remove it, or",
        ),
    ],
}


def test_every_fact_of_every_problem_has_a_row() -> None:
    assert {name: len(rows) for name, rows in FACTS.items()} == {
        name: len(problem["must_contain"]) for name, problem in PROBLEMS.items()
    }


@pytest.mark.parametrize("name", PROBLEMS)
def test_bench_states_every_fact(name: str, tmp_path: Path) -> None:
    problem = PROBLEMS[name]
    with ExitStack() as open_:
        hosts = {host: serve(open_, host, kind, problem) for host, kind in STORIES[name].items()}
        lay_out(problem, hosts, tmp_path)
        done = command(problem, tmp_path, "--podman", "5")
        said = re.sub(r"\s+", " ", done.stdout + done.stderr)
        answer = json.loads(command(problem, tmp_path, "--podman", "5", "--json").stdout)
    for fact, expressions in zip(problem["must_contain"], FACTS[name], strict=True):
        for expression in expressions:
            for host, address in hosts.items():
                expression = expression.replace(f"{{{host}}}", re.escape(address))
            assert re.search(expression, said), f"{fact}\nnot found: {expression}\n{said}"
    assert done.returncode == (1 if name == "dev-failover-manifest-only" else 0)
    assert "Traceback" not in done.stderr
    (image,) = answer["images"]
    assert [each["kind"] for each in image["sources"]] == [
        each["kind"] for each in problem["expect"]["candidates"][0]["sources"]
    ]
    assert image["would_succeed"] is (done.returncode == 0)


def test_podman_6_takes_the_layers_from_the_next_source(tmp_path: Path) -> None:
    problem = PROBLEMS["dev-failover-manifest-only"]
    with ExitStack() as open_:
        hosts = {
            host: serve(open_, host, kind, problem)
            for host, kind in STORIES["dev-failover-manifest-only"].items()
        }
        lay_out(problem, hosts, tmp_path)
        done = command(problem, tmp_path, "--podman", "6")
    assert "the layers that fail there from the next source" in " ".join(done.stdout.split())
    assert "never at a layer" not in done.stdout
    assert done.returncode == 0


def serve(open_: ExitStack, host: str, kind: str, problem: dict[str, Any]) -> str:
    """Open a registry that behaves as told; give its address."""
    if kind == "dead":
        return "127.0.0.1:1"
    server = open_.enter_context(Server())
    for source in problem["expect"]["candidates"][0]["sources"]:
        domain, _, rest = source["reference"].partition("/")
        if domain == host:
            repository, _, tag = rest.rpartition(":")
            server.script.put(repository, tag, IMAGE)
    delay = {"slow": 0.15, "slower": 0.3}.get(kind)
    if delay:
        server.script.fault("/blobs/", *[scripted.late(delay, _reply)] * 50)
    if kind == "layers-fail":
        server.script.fault("/blobs/", *[scripted.status(500)] * 50)
    return server.host


def _reply(handler: scripted.Handler, answer: scripted.Answer) -> None:
    handler.reply(answer)


def lay_out(problem: dict[str, Any], hosts: dict[str, str], machine: Path) -> None:
    text = problem["reproduction"]["files"][CONF]
    lines = []
    for line in text.splitlines():
        match = re.match(r'location = "([^/"]+)(.*)"', line)
        if match and match[1] in hosts:
            if match[1] == "docker.io":
                lines.append('prefix = "docker.io"')
            lines += [f'location = "{hosts[match[1]]}{match[2]}"', "insecure = true"]
        else:
            lines.append(line)
    path = machine / CONF.lstrip("/")
    path.parent.mkdir(parents=True)
    path.write_text("\n".join(lines))


def command(problem: dict[str, Any], machine: Path, *more: str) -> subprocess.CompletedProcess[str]:
    image = problem["reproduction"]["image"]
    words = [sys.executable, "-m", "regtools", "bench", image, "--root", str(machine), "--uid", "0", *more]
    environ = {**os.environ, "HOME": "/home/user"}
    return subprocess.run(
        words, env=environ, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60
    )
