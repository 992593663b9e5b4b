"""Every example of name resolution, for podman 6, 5 and 4.

``resolution-cases.json`` holds configurations and image names with what the image library of each podman
made of them; its header says how they were obtained.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from regtools import RegistriesConf, RegtoolsError

TABLE = json.loads(Path(__file__).with_name("resolution-cases.json").read_text(encoding="utf-8"))
CASES = {case["id"]: case for case in TABLE["cases"]}
LOOKUPS = {case["id"]: case for case in TABLE["lookup_cases"]}
RELEASES = ("6", "5", "4")

# Where podman 6 names the line on which its reader gave up, and we name the line of the mistake.
BETTER_LINES = {
    "dev-bad-041": (1, "the bracket of the header is missing on line 1; the reader notices on line 2"),
}


def test_the_tables_are_whole() -> None:
    assert len(CASES) == TABLE["header"]["counts"]["cases"] == 398
    assert len(LOOKUPS) == TABLE["header"]["counts"]["lookup_cases"] == 19


def expected(case: dict[str, Any], podman: str) -> dict[str, Any]:
    if podman == "5":
        return case.get("expect_podman5", case["expect"])
    return case.get(f"expect_podman{podman}", case["expect"])


@pytest.mark.parametrize("name", CASES)
def test_case(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    for file, text in case["files"].items():
        write(tmp_path / file, text)
    if "short_name_aliases" in case:
        write(tmp_path / "short-name-aliases.conf", case["short_name_aliases"])

    def load(podman: str) -> RegistriesConf:
        return RegistriesConf.load(
            tmp_path / "registries.conf",
            dropins=tmp_path / "registries.conf.d",
            short_name_aliases=tmp_path / "short-name-aliases.conf",
            podman=podman,
        )

    for podman in RELEASES:
        check(case, expected(case, podman), load, str(tmp_path), podman)
    if "expect_config" in case:
        assert load("6").to_dict() == case["expect_config"]


@pytest.mark.parametrize("name", LOOKUPS)
def test_lookup_case(name: str, tmp_path: Path) -> None:
    case = LOOKUPS[name]
    for file, text in case["fs"].items():
        write(tmp_path / file.lstrip("/"), text, directory=file.endswith("/"))

    def load(podman: str) -> RegistriesConf:
        return RegistriesConf.load(podman=podman, root=tmp_path, environ=case["env"], uid=case["uid"])

    for podman in RELEASES:
        check(case, expected(case, podman), load, str(tmp_path), podman)


def check(case: dict[str, Any], want: dict[str, Any], load: Any, folder: str, podman: str) -> None:
    if "error" not in want:
        assert load(podman).resolve(case["image"]).to_dict() == want, podman
        return
    with pytest.raises(RegtoolsError) as caught:
        load(podman).resolve(case["image"])
    error = caught.value
    assert (error.kind, error.stage) == (want["error"], want["stage"]), podman
    if "file" in want:
        assert (error.file or "").removeprefix(folder).lstrip("/") == want["file"]
    assert want.get("message_contains", "") in error.message
    if podman == "6" and "line" in want:
        line = BETTER_LINES[case["id"]][0] if case["id"] in BETTER_LINES else want["line"]
        assert error.line == line
    assert str(error)  # every error can be shown


def write(path: Path, text: str, *, directory: bool = False) -> None:
    if directory:
        path.mkdir(parents=True, exist_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())
