"""The table of findings: each row's examples are run, and each code that anything can produce has a row."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from regtools import RegtoolsError
from regtools.registries.checks import Report, Rule, check_machine, check_texts, page, rules
from regtools.registries.reading.host import Surroundings
from regtools.registries.reading.releases import release
from regtools.registries.reading.schema import TOP
from tests.conftest import ROOT

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


def test_a_page_has_all_parts_and_an_unknown_code_names_its_neighbours() -> None:
    for code, rule in rules().items():
        text = page(code)
        assert text.startswith(f"{code}: {rule.severity}")
        assert all(word in text for word in (rule.what, "Why: ", "Not reported:", "What to do: "))
        assert all(each.endswith(".") for each in (rule.what, rule.why, rule.fix)), code
    with pytest.raises(RegtoolsError, match="no finding 'unquoted'") as caught:
        page("unquoted")
    assert "unquoted-value" in (caught.value.hint or "")


# What makes findings: an argument is the code. Tables of codes have it as the first of a tuple.
MAKERS = {"Fault", "Problem", "Finding", "finding", "error_at", "value_error", "TomlError", "_at"}
ROOMS = ("toml", "registries/checks", "registries/reading/validation.py", "registries/reading/schema.py")
ROOMS = (*ROOMS, "registries/reading/document.py", "registries/reading/aliases.py")
CODE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)+")
# A reason of the look-up, a key of Docker's, and an error that a check catches itself.
NO_FINDINGS = {"other-main", "registry-mirrors", "entry-refused"}


def codes_in(tree: ast.AST) -> Iterator[str]:
    """Yield the texts that may be the code of a finding."""
    for node in ast.walk(tree):
        values: list[ast.expr | None] = []
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            values += [word.value for word in node.keywords if word.arg in ("code", "kind")]
            values += node.args[:2] if called in MAKERS else []
        elif isinstance(node, ast.Tuple):
            values += node.elts[:1]
        elif isinstance(node, ast.Return):
            values.append(node.value)
        for value in values:
            if isinstance(value, ast.IfExp):
                values += [value.body, value.orelse]
            if isinstance(value, ast.Constant) and CODE.fullmatch(str(value.value)):
                yield value.value


def test_every_code_that_can_be_printed_has_a_row() -> None:
    paths = [ROOT / "regtools" / room for room in ROOMS]
    files = [file for path in paths for file in ([path] if path.suffix else path.rglob("*.py"))]
    found = {code for file in files for code in codes_in(ast.parse(file.read_text("utf-8")))}
    assert len(found) > 90
    assert found - rules().keys() - NO_FINDINGS - TOP.keys() == set()


def test_every_row_is_made_somewhere() -> None:
    text = "".join(path.read_text("utf-8") for path in (ROOT / "regtools").rglob("*.py"))
    made = re.sub(r'"conflicting-{flag}"', '"conflicting-insecure" "conflicting-blocked"', text)
    assert [code for code in rules() if f'"{code}"' not in made] == []
