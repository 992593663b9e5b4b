"""Problems that people really had with files: `regtools check` states every fact of the answer.

Each fact of ``user-problems.json`` has a row here, in words that a person would recognise. White space does
not count.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

TABLE = json.loads(Path(__file__).with_name("user-problems.json").read_text(encoding="utf-8"))
ALL = {problem["id"]: problem for problem in TABLE["problems"]}
PROBLEMS = {name: p for name, p in ALL.items() if p["one_command"].startswith("regtools check")}
CONF = r"/etc/containers/registries\.conf"

# problem → one row a fact, in the order of must_contain; every expression of a row must be found.
FACTS: dict[str, list[tuple[str, ...]]] = {
    "dev-syntax-unquoted-location": [
        (rf"{CONF}:4:12: error",),
        ("needs quotes", r'fix: location = "registry\.lab\.test:5000"'),
        ("can pull no image at all, not only those of the registries",),
        ("1 error, 0 warnings", "exit status 1$"),
    ],
    "dev-schema-key-under-mirror": [
        (rf"{CONF}:9:1: warning: 'short-name-mode'",),
        (r"in the table \[\[registry\.mirror\]\] opened on line 6",),
        ("is ignored there", "effective short-name-mode is permissive, the default"),
        ("move it above line 3, the first table header",),
        (
            r"1\. mirror 127\.0\.0\.1:5000/library/alpine:latest.* 2\. registry docker\.io/library/alpine:latest",
        ),
    ],
    "dev-v1v2-insecure-appended": [
        (rf"{CONF}:3:1: error", r"line 1 \(.*\) is in the current format, line 3 in the old one"),
        ("version 1 and 2 are formats of this file, not of the registry API",),
        (r'fix: \[\[registry\]\] location = "registry\.lab\.test:5000" insecure = true',),
        ("up to podman 5 .* a file with both are refused", "podman 6 refuses the old format always"),
    ],
}


def test_every_fact_of_every_problem_has_a_row() -> None:
    assert {name: len(rows) for name, rows in FACTS.items()} == {
        name: len(problem["must_contain"]) for name, problem in PROBLEMS.items()
    }


@pytest.mark.parametrize("name", PROBLEMS)
def test_check_states_every_fact(name: str, tmp_path: Path) -> None:
    problem = PROBLEMS[name]
    lay_out(problem, tmp_path)
    said = command("check", tmp_path)
    if any("explain for" in fact for fact in problem["must_contain"]):
        said += " " + command("explain", tmp_path, problem["reproduction"]["image"])
    for fact, expressions in zip(problem["must_contain"], FACTS[name], strict=True):
        for expression in expressions:
            assert re.search(expression, said), f"{fact}\nnot found: {expression}\n{said}"


def test_check_finds_what_its_sister_command_finds(tmp_path: Path) -> None:
    lay_out(ALL["dev-mirror-ignored-search"], tmp_path)
    said = command("check", tmp_path)
    assert re.search(
        rf"{CONF}:6:10: warning: prefix 'registry-1\.docker\.io' can never match an image name", said
    )
    assert re.search(rf"{CONF}:10:10: warning: 'grc\.io' looks like a slip for 'gcr\.io'", said)


@pytest.mark.parametrize("podman", ["4", "5"])
def test_podman_4_and_5_refuse_the_mix_of_formats(podman: str, tmp_path: Path) -> None:
    lay_out(PROBLEMS["dev-v1v2-insecure-appended"], tmp_path)
    said = command("check", tmp_path, "--podman", podman)
    assert "[mixed-v1-v2]" in said
    assert "line 1 (unqualified-search-registries) is in the current format, line 3 in the old one" in said


def lay_out(problem: dict[str, Any], machine: Path) -> None:
    for name, text in problem["reproduction"]["files"].items():
        path = machine / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def command(name: str, machine: Path, *more: str) -> str:
    words = [sys.executable, "-m", "regtools", name, "--root", str(machine), "--uid", "0", *more]
    environ = {**os.environ, "HOME": "/home/user"}
    done = subprocess.run(
        words, env=environ, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60
    )
    assert "Traceback" not in done.stderr
    said = re.sub(r"[\s│├└─]+", " ", done.stdout + done.stderr)
    return f"{said}exit status {done.returncode}" if name == "check" else said
