"""Questions that people really asked: `regtools explain` states every fact of the answer.

Each fact of ``user-problems.json`` has a row here: what must be in the output, in the words a person
would recognise. White space does not count, since lines are broken to the terminal's width.
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
PROBLEMS = {p["id"]: p for p in TABLE["problems"] if p["one_command"].startswith("regtools explain")}
HOME = "/home/user"
CONF = r"registries\.conf"
ETC = rf"/etc/containers/{CONF}"

# problem → one row a fact, in the order of must_contain; every expression of a row must be found.
FACTS: dict[str, list[tuple[str, ...]]] = {
    "dev-prefix-location-is-replacement": [
        (rf"1\. registry +cache\.example\.test/acme/player:latest HTTPS {CONF}:3",),
        (r"docker\.io .*is not contacted at all", "no fallback"),
        (
            r"order: cache\.example\.test, then docker\.io",
            r'\[\[registry\]\] location = "docker\.io" \[\[registry\.mirror\]\] location = "cache\.example\.test"',
        ),
        (r"stored as docker\.io/acme/player:latest, whichever source delivers it",),
    ],
    "dev-mirror-ignored-search": [
        (r"1\. registry +hub-cache\.corp\.test/acme/builder:latest", rf"{CONF}:2\)", rf"{CONF}:3\)"),
        (r"push, login registry-1\.docker\.io, as search: mirrors are for pulls only",),
        (rf"{ETC}:6:10: warning: prefix 'registry-1\.docker\.io' can never match an image name",),
        (rf"{ETC}:10:10: warning: 'grc\.io' looks like a slip for 'gcr\.io'",),
    ],
    "dev-digest-only-mirror-with-tag": [
        (
            rf"not used: mirror mirror\.corp\.test:5000/pipelines \({CONF}:7\): "
            rf"mirror-by-digest-only = true, and the name has a tag \({CONF}:4\)",
        ),
        (r"from 1 source: 1\. registry +quay\.io/pipelines/operator:0\.10",),
        (r"operator@sha256:… would use that mirror first",),
        (r'pull-from-mirror = "all", "digest-only" or "tag-only"',),
    ],
    "dev-shortname-enforcing-no-tty": [
        (rf"no alias was found for acme/watcher; looked in {ETC}, /var/cache\S+ \(not there\)",),
        (
            rf"search list \({CONF}:1\) is meant: registry\.fedoraproject\.org/acme/watcher:latest "
            r"registry\.access\.redhat\.com/acme/watcher:latest docker\.io/acme/watcher:latest",
        ),
        (rf"{ETC}:2:19: error: .*enforcing.*there is no terminal", "on a terminal .*podman asks"),
        (
            "hint: write the full name",
            r'\[aliases\] "acme/watcher" = "docker\.io/acme/watcher"',
            'short-name-mode = "permissive"',
            "with one search registry podman never asks",
        ),
    ],
    "dev-alias-from-vendor-dropin": [
        (r"alias 'mongo' \(001-vendor-shortnames\.conf:2\)",),
        (rf"the search list \({CONF}:1\) is not used, even when that pull fails",),
        (r"from 1 source: 1\. registry artifacts\.corp\.test/mongo:6\.0",),
        (r"drop-in that is read later than 001-vendor", r'an empty value \("mongo" = ""\) cancels it'),
    ],
    "dev-dropin-user-file-hides-etc": [
        (
            rf"Files: {HOME}/\.config/containers/{CONF}",
            rf"{ETC}:1:1 has no effect, since its file is not read: {HOME}/\S+ is used instead",
        ),
        (rf"the block of 'docker\.io' in {ETC}:1:1 has no effect",),
        (
            r"podman 4, 5 would not read /etc/containers/registries\.conf\.d/10-corp\.conf",
            r"Files: [^,]*, /etc/containers/registries\.conf\.d/10-corp\.conf",
        ),
        (r"from 1 source: 1\. registry docker\.io/library/alpine:3\.20 HTTPS",),
    ],
    "dev-insecure-wrong-port": [
        (r"no \[\[registry\]\] entry matches", r"repo\.corp\.test:15050/acme/db:21 HTTPS no entry"),
        (rf"entry 'repo\.corp\.test:5050' does not match: the same host at another port.*\({CONF}:2\)",),
        (r'location = "repo\.corp\.test:15050"',),
        (r"with insecure = true HTTPS is still tried first, unverified, then plain HTTP",),
    ],
    "dev-auth-creds-not-for-mirror": [
        (
            r"searched under mirror\.corp\.test/team/app … mirror\.corp\.test, "
            r"then registry\.corp\.test/team/app … registry\.corp\.test",
        ),
        (
            rf"{HOME}/\.config/containers/auth\.json has none for mirror\.corp\.test",
            r"--creds are not sent to another host",
        ),
        (r"Next: podman login mirror\.corp\.test",),
        (r"^(?!.*(dXNlcjpwYXNz|user:pass))",),
    ],
    "dev-blocked-primary-with-mirror": [
        (rf"1\. mirror +mirror\.corp\.test/ns/app:1 +HTTPS +{CONF}:6",),
        (rf"2\. registry +quay\.io/ns/app:1 +blocked +{CONF}:3",),
        (r"can succeed only from mirror\.corp\.test/ns/app:1",),
        (r"the error to read is that of the mirror itself",),
    ],
    "dev-dockerio-library-inserted": [
        (r"docker\.io/alpine \(docker\.io/library/alpine:latest\)",),
        (rf"prefix 'docker\.io' \({CONF}:2\) is replaced by location '\S+' \({CONF}:3\)",),
        (r"1\. registry +127\.0\.0\.1:5000/docker\.io/library/alpine:latest",),
        (
            "removes library/",
            r'\[\[registry\]\] prefix = "docker\.io/library" location = "127\.0\.0\.1:5000/docker\.io"',
        ),
    ],
}


def test_every_fact_of_every_problem_has_a_row() -> None:
    assert {name: len(rows) for name, rows in FACTS.items()} == {
        name: len(problem["must_contain"]) for name, problem in PROBLEMS.items()
    }
    assert len(PROBLEMS) == 10


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return {name: ask(problem, tmp_path_factory.mktemp("machine")) for name, problem in PROBLEMS.items()}


@pytest.mark.parametrize(
    ("name", "number"), [(name, number) for name, rows in FACTS.items() for number in range(len(rows))]
)
def test_fact(name: str, number: int, said: dict[str, str]) -> None:
    for expression in FACTS[name][number]:
        fact = PROBLEMS[name]["must_contain"][number]
        assert re.search(expression, said[name]), f"{fact}\nnot found: {expression}\n{said[name]}"


@pytest.mark.parametrize("name", PROBLEMS)
def test_the_data_say_what_podman_did(name: str, tmp_path: Path) -> None:
    problem = PROBLEMS[name]
    answer = json.loads(command(problem, tmp_path, "--json").stdout)
    if "error" in problem["expect"]:
        assert answer["result"]["error"] == problem["expect"]["error"]
    else:
        assert answer["result"] == problem["expect"]


def ask(problem: dict[str, Any], machine: Path) -> str:
    done = command(problem, machine)
    assert done.returncode == (1 if "error" in problem["expect"] else 0)
    lines = (done.stdout + done.stderr).splitlines()
    assert done.returncode or len(lines) <= 20
    assert done.returncode or max(map(len, lines)) <= 80
    if any(fact.startswith("check:") for fact in problem["must_contain"]):
        done.stdout += command(problem, machine, verb=["check"]).stdout
    assert "Traceback" not in done.stderr
    return re.sub(r"[\s│├└─]+", " ", done.stdout + done.stderr)


def command(
    problem: dict[str, Any], machine: Path, *more: str, verb: list[str] | None = None
) -> subprocess.CompletedProcess[str]:
    story = problem["reproduction"]
    for name, text in story["files"].items():
        path = machine / name.replace("~", HOME, 1).lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    words = [sys.executable, "-m", "regtools", *(verb or ["explain", story["image"]]), "--root", str(machine)]
    words += ["--uid", str(story.get("uid", 0)), *(["--tty"] if story["tty"] else []), *more]
    environ = {**os.environ, "HOME": HOME, "COLUMNS": "80", **story.get("env", {})}
    return subprocess.run(
        words, env=environ, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60
    )
