"""Small inputs on which answers were wrong or silent: `regtools explain` states what ``answer-cases.json`` wants.

Each case has what must be in the output, in words that a person would recognise. White space does not count.
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

from regtools import RegistriesConf, RegtoolsError
from regtools.display import text_width
from regtools.registries.resolution import answer

FOLDER = Path(__file__).parent
TABLE = json.loads((FOLDER / "answer-cases.json").read_text("utf-8"))["cases"]
CASES = {case["id"]: case for case in TABLE if case["command"].startswith("explain ")}
NAMES = json.loads((FOLDER / "resolution-cases.json").read_text("utf-8"))["cases"]

# case → its exit status, and what must be found beside must_contain.
WANTED: dict[str, tuple[int, tuple[str, ...]]] = {
    "c04-machine-dropin-order": (
        0,
        (
            r"999-podman-desktop-registries-from-host\.conf:1 \(reg\.corp\.test, quay\.io\) was replaced by that of "
            r"999-podman-machine\.conf:1 \(docker\.io\): lists are not joined",
            r"the last in byte order of names wins\. To win, write yours in "
            r"/etc/containers/registries\.conf\.d/zz-own\.conf",
        ),
    ),
    "c07-redirect-login": (
        0,
        (
            r"the login for our\.test and --creds are not sent to another host",
            "has none for reg.local:5000",
        ),
    ),
    "c10-short-host": (
        0,
        (r"registry is not taken for a host, since it has neither a dot nor a port",),
    ),
    "c13-empty-config": (1, ("write the full name", r'"helloworld" = "docker\.io/library/helloworld"')),
    "c20-dropin-redirect-no-fallback": (
        0,
        (
            r"docker\.io .*is not contacted at all: a location has no fallback",
            "podman system service keeps what it first read: restart it",
        ),
    ),
    "c24-mirrors-in-search-list": (
        0,
        (
            r"hub\.cache\.test/nginx is asked for, not hub\.cache\.test/library/nginx",
            r"A cache belongs in \[\[registry\.mirror\]\] \(registries\.conf:6\), not in the search list",
        ),
    ),
    "w19-odd-host": (
        1,
        (
            r"1\. registry b_b\.example/x:latest no host",
            'every pull from there fails with "no Host in request URL"',
        ),
    ),
    "w20-bare-transport": (1, (r"error: .*\[invalid-reference\]",)),
}


def test_every_case_is_answered() -> None:
    assert set(WANTED) == set(CASES)


@pytest.mark.parametrize("name", CASES)
def test_an_answer_states_what_is_wanted(name: str, tmp_path: Path) -> None:
    case, (status, wanted) = CASES[name], WANTED[name]
    done = command(case, tmp_path)
    assert done.returncode == status
    assert "Traceback" not in done.stderr
    said = re.sub(r"\s+", " ", done.stdout + done.stderr)
    for expression in (*map(re.escape, case.get("must_contain", ())), *wanted):
        assert re.search(expression, said), f"not found: {expression}\n{said}"
    if status == 0:
        lines = done.stdout.replace(str(tmp_path), "").splitlines()
        assert len(lines) <= 20
        assert max(map(len, lines)) <= 80


def test_an_odd_host_and_a_bare_transport_are_data_as_podman_has_them(tmp_path: Path) -> None:
    odd = json.loads(command(CASES["w19-odd-host"], tmp_path, "--json").stdout)["result"]
    assert odd["candidates"][0]["sources"][0]["reference"] == "b_b.example/x:latest"
    bare = json.loads(command(CASES["w20-bare-transport"], tmp_path, "--json").stdout)["result"]
    assert (bare["error"], bare["stage"]) == ("invalid-reference", "parse")
    assert "docker://" in bare["message"]


def test_a_pull_from_an_odd_host_fails_as_podman_s_does(tmp_path: Path) -> None:
    case = CASES["w19-odd-host"]
    done = command({**case, "command": case["command"].replace("explain", "time", 1), "tty": None}, tmp_path)
    assert done.returncode == 1
    assert "no Host in request URL" in " ".join((done.stdout + done.stderr).split())


def test_no_answer_with_three_sources_is_longer_than_twenty_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    longest, count = 0, 0
    for case in NAMES:
        try:
            conf = RegistriesConf.from_toml(
                case["files"].get("registries.conf", ""),
                file="/etc/containers/registries.conf",
                dropins={
                    f"/etc/containers/{name}": text
                    for name, text in sorted(case["files"].items())
                    if name.startswith("registries.conf.d/") and name.endswith(".conf")
                },
            )
            found = conf.resolve(case["image"], tty=case.get("tty", False))
        except RegtoolsError:
            continue
        lines = answer(found)
        too_wide = [line for line in lines if len(line) > text_width() and " " in line.strip()]
        assert all(max(map(len, line.split())) > 40 for line in too_wide), too_wide
        if len(found.sources) <= 3 and all(source.usable for source in found.sources):
            count += 1
            longest = max(longest, len(lines))
    print(f"{count} names with at most three sources: {longest} lines at most")
    assert count > 100
    assert longest <= 20


def command(case: dict[str, Any], root: Path, *more: str) -> subprocess.CompletedProcess[str]:
    for name, text in case["files"].items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    words = case["command"].replace("ROOT", str(root)).split()
    tty = {True: ["--tty"], False: ["--no-tty"], None: []}[case.get("tty")]
    words += [*tty, "--uid", "0", *more]
    return subprocess.run(
        [sys.executable, "-m", "regtools", *words],
        cwd=root,
        env={**os.environ, "HOME": "/root", "COLUMNS": "80"},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
    )
