"""Questions that people really asked: `regtools explain` states every fact of the answer.

Each fact of ``user-problems.json`` has a row here: what must stand in the output, in the words a person
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
CONF = r"/etc/containers/registries\.conf"

# problem → one row a fact, in the order of must_contain; every expression of a row must be found.
FACTS: dict[str, list[tuple[str, ...]]] = {
    "dev-prefix-location-is-replacement": [
        (r"1\. primary +cache\.example\.test/acme/player:latest", rf"location replaces .*{CONF}:3:"),
        (r"docker\.io .*is not contacted at all", "no fallback"),
        (
            r"order is then cache\.example\.test/acme/player:latest, last docker\.io/acme/player:latest",
            r'\[\[registry\.mirror\]\] location = "cache\.example\.test"',
        ),
        (r"local image is called docker\.io/acme/player",),
    ],
    "dev-mirror-ignored-search": [
        (r"1\. primary +hub-cache\.corp\.test/acme/builder:latest", rf"{CONF}:2:", rf"{CONF}:3:"),
        (
            r"search, tag listing, push and login ignore location and mirrors: they contact registry-1\.docker\.io",
        ),
        (rf"registry-1\.docker\.io' can never match an image name[^()]*\({CONF}:6:",),
        (rf"'grc\.io' looks like a slip for 'gcr\.io' \({CONF}:10:",),
    ],
    "dev-digest-only-mirror-with-tag": [
        (
            rf"not used: mirror mirror\.corp\.test:5000/pipelines \({CONF}:7:\d+\): "
            rf"mirror-by-digest-only = true, and the name has a tag \({CONF}:4:",
        ),
        (r"1\. primary +quay\.io/pipelines/operator:0\.10", r"^(?!.*2\. primary)"),
        (r"operator@sha256:….* would use the mirror first",),
        (r'pull-from-mirror = "all", "digest-only" or "tag-only"',),
    ],
    "dev-shortname-enforcing-no-tty": [
        (rf"no alias was found for acme/watcher; looked in {CONF}",),
        (
            r"candidate 1: registry\.fedoraproject\.org/acme/watcher:latest",
            r"candidate 2: registry\.access\.redhat\.com/acme/watcher:latest",
            r"candidate 3: docker\.io/acme/watcher:latest",
            rf"search list \({CONF}:1:",
        ),
        (
            rf"enforcing.*there is no terminal \[enforcing-no-tty\] \({CONF}:2:",
            "with a terminal .*would ask",
        ),
        (
            "hint: write the full name",
            r'\[aliases\] "acme/watcher" = "docker\.io/acme/watcher"',
            'short-name-mode = "permissive"',
            "with one search registry nobody is asked",
        ),
    ],
    "dev-alias-from-vendor-dropin": [
        (r"alias 'mongo' \(/etc/containers/registries\.conf\.d/001-vendor-shortnames\.conf:2:",),
        (rf"not used: search list[^:]*: an alias exists.*\({CONF}:1:",),
        (r"artifacts\.corp\.test/mongo:6\.0", "^(?!.*candidate 2)"),
        (r"drop-in that is read later", r'an empty value \("mongo" = ""\) cancels it'),
    ],
    "dev-dropin-user-file-hides-etc": [
        (
            rf"files: {HOME}/\.config/containers/registries\.conf",
            rf"not read: {CONF}: {HOME}/\.config/containers/registries\.conf is used instead",
        ),
        (rf"a block of 'docker\.io' has no effect, because its file is not read \({CONF}:1:",),
        (
            r"podman 4 would instead not read /etc/containers/registries\.conf\.d/10-corp\.conf",
            r"podman 5 would instead not read /etc/containers/registries\.conf\.d/10-corp\.conf",
            r"files: [^,]*, /etc/containers/registries\.conf\.d/10-corp\.conf",
        ),
        (r"1\. primary +docker\.io/library/alpine:3\.20", "^(?!.*blocked by)", r"^(?!.*2\. primary)"),
    ],
    "dev-insecure-wrong-port": [
        (r"no \[\[registry\]\] entry matches", r"repo\.corp\.test:15050, HTTPS only"),
        (rf"nearest entry, 'repo\.corp\.test:5050', has the same host and another port[^()]*\({CONF}:2:",),
        (r'location = "repo\.corp\.test:15050"',),
        (r"with insecure = true HTTPS is still tried first,.* then plain HTTP",),
    ],
    "dev-auth-creds-not-for-mirror": [
        (
            r"searched as mirror\.corp\.test/team/app, mirror\.corp\.test/team, mirror\.corp\.test;"
            r".*searched as registry\.corp\.test/team/app, registry\.corp\.test/team, registry\.corp\.test",
        ),
        (
            r"mirror\.corp\.test, HTTPS only login: none found",
            rf"logins are searched in [^;]*{HOME}/\.config/containers/auth\.json,",
            r"--creds is not used here, since mirror\.corp\.test is another host",
        ),
        (r"podman login mirror\.corp\.test",),
        (r"^(?!.*(dXNlcjpwYXNz|user:pass))",),
    ],
    "dev-blocked-primary-with-mirror": [
        (r"1\. mirror +mirror\.corp\.test/ns/app:1", rf"mirror 1 of 'quay\.io' \({CONF}:6:"),
        (
            r"2\. primary +quay\.io/ns/app:1",
            rf"source 2, quay\.io/ns/app:1, is blocked by the entry 'quay\.io' \({CONF}:3:",
        ),
        (r"can succeed only from mirror\.corp\.test/ns/app:1",),
        (r"the error to read is that of the mirror itself",),
    ],
    "dev-dockerio-library-inserted": [
        (r"docker\.io/alpine is completed to docker\.io/library/alpine:latest",),
        (rf"prefix 'docker\.io' \({CONF}:2:\d+\) is replaced by location '\S+' \({CONF}:3:",),
        (r"1\. primary +127\.0\.0\.1:5000/docker\.io/library/alpine:latest",),
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
    assert "Traceback" not in done.stderr
    return re.sub(r"[\s│├└─]+", " ", done.stdout + done.stderr)


def command(problem: dict[str, Any], machine: Path, *more: str) -> subprocess.CompletedProcess[str]:
    story = problem["reproduction"]
    for name, text in story["files"].items():
        path = machine / name.replace("~", HOME, 1).lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    words = [sys.executable, "-m", "regtools", "explain", story["image"], "--root", str(machine)]
    words += ["--uid", str(story.get("uid", 0)), *(["--tty"] if story["tty"] else []), *more]
    environ = {**os.environ, "HOME": HOME, **story.get("env", {})}
    return subprocess.run(
        words, env=environ, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60
    )
