"""Fifteen problems that people really had: the library's answer for each, for podman 6, 5 and 4.

What the commands print about them is tested with the commands.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from regtools import RegistriesConf, RegtoolsError

TABLE = json.loads(Path(__file__).with_name("user-problems.json").read_text(encoding="utf-8"))
PROBLEMS = {problem["id"]: problem for problem in TABLE["problems"]}
HOME = "/home/user"


def test_the_table_is_whole() -> None:
    assert len(PROBLEMS) == TABLE["header"]["counts"]["problems"] == 15


@pytest.mark.parametrize("podman", ["6", "5", "4"])
@pytest.mark.parametrize("name", PROBLEMS)
def test_problem(name: str, podman: str, tmp_path: Path) -> None:
    problem = PROBLEMS[name]
    case = problem["reproduction"]
    for file, text in case["files"].items():
        path = tmp_path / file.replace("~", HOME).lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    want = problem.get(f"expect_podman{podman}", problem["expect"])
    environ = {"HOME": HOME, **case.get("env", {})}

    def answer() -> dict[str, Any]:
        conf = RegistriesConf.load(podman=podman, root=tmp_path, environ=environ, uid=case.get("uid", 0))
        return conf.resolve(case["image"], tty=case["tty"]).to_dict()

    if "error" not in want:
        assert answer() == want
        return
    with pytest.raises(RegtoolsError) as caught:
        answer()
    assert caught.value.kind == want["error"]
    if "file" in want:
        assert caught.value.file == want["file"].replace("~", HOME)
    if "line" in want:
        assert caught.value.line == want["line"]
