"""`check` over every example of name resolution: errors exactly where that podman refuses the files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from regtools import RegistriesConf, RegtoolsError
from regtools.registries.checks import check_machine
from regtools.registries.convert import convert
from regtools.registries.reading.host import Surroundings
from regtools.registries.reading.releases import release

TABLE = json.loads(Path(__file__).with_name("resolution-cases.json").read_text(encoding="utf-8"))
CASES = {case["id"]: case for case in TABLE["cases"]}


def is_old(case: dict[str, Any]) -> bool:
    """Say whether the main file is in the old format, and podman 5 loads the files."""
    expected = case.get("expect_podman5", case["expect"])
    return "[registries." in case["files"].get("registries.conf", "") and expected.get("stage") != "load"


OLD = {name: case for name, case in CASES.items() if is_old(case)}


@pytest.mark.parametrize("name", CASES)
def test_errors_are_found_exactly_where_podman_refuses(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    for file, text in case["files"].items():
        path = tmp_path / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
    (tmp_path / "registries.conf.d").mkdir(exist_ok=True)
    paths: dict[str, str | None] = {
        "path": str(tmp_path / "registries.conf"),
        "dropins": str(tmp_path / "registries.conf.d"),
    }
    for podman in ("6", "5", "4"):
        report = check_machine(release(podman), Surroundings(), paths)
        errors = [finding for finding in report.findings if finding.severity == "error"]
        try:
            RegistriesConf.load(paths["path"], dropins=paths["dropins"], podman=podman)
        except RegtoolsError as error:
            places = [(finding.where.file, finding.where.line) for finding in errors if finding.where]
            assert report.stops
            assert (error.file, error.line) in places
        else:
            assert not report.stops
            assert errors == []


@pytest.mark.parametrize("name", OLD)
def test_a_converted_file_means_the_same(name: str) -> None:
    case = OLD[name]
    main = case["files"]["registries.conf"]
    dropins = {file: text for file, text in case["files"].items() if file != "registries.conf"}
    before = RegistriesConf.from_toml(main, podman="5", dropins=dropins)
    text = convert(main).text
    for podman in ("5", "6"):
        after = RegistriesConf.from_toml(text, podman=podman, dropins=dropins)
        assert after.to_dict() == before.to_dict()
        try:
            wanted = before.resolve(case["image"]).to_dict()
        except RegtoolsError as error:
            with pytest.raises(RegtoolsError) as caught:
                after.resolve(case["image"])
            assert caught.value.kind == error.kind
        else:
            assert after.resolve(case["image"]).to_dict() == wanted


def test_there_are_old_files_among_the_examples() -> None:
    assert len(OLD) >= 6
