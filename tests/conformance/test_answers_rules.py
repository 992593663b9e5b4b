"""Small files about which `check` was silent or only half helpful: each fact of the answer is in its output.

White space does not count. `must` of a case is in plain words there; here each of its facts is an expression.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from regtools import RegistriesConf

TABLE = json.loads(Path(__file__).with_name("answer-cases.json").read_text(encoding="utf-8"))
CASES: dict[str, dict[str, Any]] = {case["id"]: case for case in TABLE["cases"]}

# case → expressions that its output must have, in any order; of must_contain each is looked for as it is, too.
FACTS: dict[str, tuple[str, ...]] = {
    "w09-network-insecure": (
        r"registries\.conf:2:12: warning: '172\.30\.0\.0/16' is a network, and podman knows hosts only",
        "no registry in that network is meant",
        r"write one \[\[registry\]\] for each host and port; only Docker's insecure-registries allows a network",
    ),
    "w12-cache-in-search-list": (
        r"registries\.conf:1:34: warning",
        "nginx is asked for as hub.m.example/nginx, without library/",
        "that entry is how a cache is used",
        r"registries\.conf:7",
        "take it out of the list",
        r'fix: unqualified-search-registries = \["docker\.io"\]',
    ),
    "w13-same-host": (r"registry-1\.docker\.io is not a mirror of docker\.io: it is the same host",),
    "w14-borrowed": (
        "'plugins' is a setting of containerd",
        r'fix: \[\[registry\]\] location = "docker\.io" \[\[registry\.mirror\]\] location = "m\.example"',
    ),
    "w15-login-keys": ("logins do not belong in registries.conf", r"podman login r\.example"),
    "w18-helper-missing": (
        "error: the program docker-credential-no-such-helper is not there",
        "stops before any request",
        "not even a public one",
        "can pull no image at all",
        "exit status 1$",
    ),
    "w21-namespace-proxy": (
        "from podman 6.1 on",
        r"\?ns=docker\.io",
        "older releases ignore the key",
        "note: ",
        "exit status 0$",
    ),
    "c01-v1-file-elsewhere": ("old file format", "podman 6 reads"),
    "c04b-same-check": (
        r"999-podman-machine\.conf:1:33: note: this search list overrides the one of \S+from-host\.conf",
        "reg.corp.test, quay.io is not searched",
        r"sorts after 999-podman-machine\.conf",
    ),
    "c11-website-as-registry": ("is a page of a web site", r"the registry is docker\.io", "warning"),
    "c23-same-mirror-many-registries": (
        "cannot tell them apart",
        "may be the wrong image",
        "docker.io, ghcr.io, quay.io",
        "warning",
    ),
    "c25-runtime-missing-helper": (
        "program docker-credential-no-such-helper is not there",
        "no image can be pulled",
    ),
}


def command(case: dict[str, Any], root: Path) -> str:
    """Run the case's one command as its person would, and return what it prints, blanks folded."""
    for name, text in case["files"].items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    words = shlex.split(case["command"].replace("ROOT", str(root)))
    done = subprocess.run(
        [sys.executable, "-m", "regtools", *words],
        env={**os.environ, "HOME": "/root"},
        cwd=root,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
    )
    assert "Traceback" not in done.stderr
    said = re.sub(r"\s+", " ", done.stdout + done.stderr)
    return f"{said}exit status {done.returncode}"


@pytest.mark.parametrize("name", FACTS)
def test_check_states_every_fact(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    said = command(case, tmp_path)
    for fact in case.get("must_contain", ()):
        assert fact in said
    for expression in FACTS[name]:
        assert re.search(expression, said), f"not found: {expression}\n{said}"


def test_a_password_is_not_printed(tmp_path: Path) -> None:
    secret = "correct horse"
    case = dict(CASES["w15-login-keys"])
    for text in (f'password = "{secret}"', f"password = {secret}", f'"Password" = "{secret}"'):
        case["files"] = {"registries.conf": f'[[registry]]\nlocation = "r.example"\n{text}\n'}
        assert "password" in (said := command(case, tmp_path)).lower()
        assert "horse" not in said
        assert "horse" not in command({**case, "command": f"{case['command']} --json"}, tmp_path)


def test_a_borrowed_table_becomes_the_entry_that_it_means(tmp_path: Path) -> None:
    case = CASES["w14-borrowed"]
    said = json.loads(
        command({**case, "command": f"{case['command']} --json"}, tmp_path).partition("exit status")[0]
    )
    for podman in ("4", "5", "6"):
        conf = RegistriesConf.from_toml(said["findings"][0]["fix"], podman=podman)
        sources = conf.resolve("docker.io/team/app:1").candidates[0].sources
        assert [source.reference for source in sources] == ["m.example/team/app:1", "docker.io/team/app:1"]
