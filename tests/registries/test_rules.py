"""The table of findings: each row's examples are run, and each code that anything can produce has a row."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from regtools.registries.checks import Report, Rule, check_machine, check_texts, rules
from regtools.registries.reading.host import Surroundings
from regtools.registries.reading.releases import release

RELEASES = ("4", "5", "6")
ENVIRON = {"HOME": "/home/u", "PATH": "/usr/bin"}
ACCOUNT = 65_533  # owns nothing here


def lay_out(example: dict[str, Any], root: Path) -> None:
    """Write the files of an example below a root."""
    for name, file in example.items():
        path = root / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        parts = {"text": file} if isinstance(file, str) else file
        if "link" in parts:
            path.symlink_to(parts["link"])
            continue
        path.write_text(parts["text"], encoding="utf-8")
        path.chmod(int(parts.get("mode", "0644"), 8))


def releases(rule: Rule) -> list[str]:
    """Return the releases that the examples of a rule are about."""
    return [podman for podman in RELEASES if rule.holds_for(podman) and rule.podman in ("", podman)]


def bad_data(rule: Rule) -> bytes:
    return (rule.bad * rule.times).encode(rule.encoding)


def run(example: Any, podman: str, root: Path) -> Report:
    """Check an example as a release does: a text as a.conf, a machine below a root."""
    if isinstance(example, str | bytes):
        return check_texts(release(podman), [("a.conf", example, False)])
    if not root.exists():
        root.mkdir()
        lay_out(example, root)
    return check_machine(release(podman), Surroundings(root, ENVIRON, ACCOUNT))


@pytest.mark.parametrize("code", rules())
def test_the_bad_example_triggers_and_the_good_one_does_not(code: str, tmp_path: Path) -> None:
    rule = rules()[code]
    tmp_path.chmod(0o755)  # the account looks in
    bad = bad_data(rule) if isinstance(rule.bad, str) else rule.bad
    for podman in releases(rule):
        found = run(bad, podman, tmp_path / "bad").findings
        mine = [finding for finding in found if finding.code == code]
        assert mine, (podman, list(map(str, found)))
        assert {finding.severity for finding in mine} <= {rule.severity, rule.also}
        found = run(rule.good, podman, tmp_path / "good").findings
        assert [str(f) for f in found if f.code == code or f.severity == "error"] == [], podman
