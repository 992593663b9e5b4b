"""What doctor finds, with programs of our own on the path."""

from __future__ import annotations

import importlib.util
import json
import sys
import types
from pathlib import Path

import pytest

import regtools as rt
from regtools.notebook.doctor import PARTS, doctor, part


def put(folder: Path, name: str, says: str, *, to: str = "stdout") -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{says}'{' >&2' if to == 'stderr' else ''}\n")
    path.chmod(0o755)


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def test_an_empty_machine_lacks_every_program_and_is_told_how_to_get_them(bare: Path) -> None:
    found = doctor()
    missing = {each.part.name for each in found.missing}
    assert missing == {each.name for each in PARTS if each.programs}
    for text in (str(found), found._repr_html_()):
        assert "sudo apt install podman" in text and "Missing parts only switch off" in text
    assert not found.has("podman")


def test_what_is_on_the_path_is_here(bare: Path) -> None:
    put(bare, "podman", "podman version 5.6.2")
    put(bare, "registry", "registry github.com/distribution/distribution v3.0.0", to="stderr")
    found = doctor(details=True)
    assert found.has("podman") and found.has("registry") and not found.has("skopeo")
    versions = {each.part.name: each.version for each in found.findings}
    assert versions["podman"] == "5.6.2" and versions["docker-registry"] == "3.0.0"
    assert "5.6.2" in str(found) and "5.6.2" not in str(doctor())


def test_a_program_that_says_nothing_or_cannot_start_is_here_all_the_same(bare: Path) -> None:
    put(bare, "crun", "no number")
    (bare / "runc").write_bytes(b"\x00not a program")
    (bare / "runc").chmod(0o755)
    found = doctor(details=True)
    assert found.has("crun") and found.has("runc")
    assert {each.version for each in found.findings if each.part.tag in ("crun", "runc")} == {None}


def test_the_answer_is_plain_data_for_json(bare: Path) -> None:
    told = json.loads(json.dumps(doctor(details=True).to_dict()))
    assert told["format"] == 1 and {"python", "system", "rootless", "parts"} <= set(told)
    assert [each["name"] for each in told["parts"]] == [each.name for each in PARTS]
    assert set(told["parts"][0]) == {"name", "found", "path", "version", "enables", "install"}


def test_the_short_table_is_the_same_on_machines_with_the_same_parts(
    bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(bare, "podman", "podman version 5.6.2")
    before = str(doctor()), doctor()._repr_html_()
    other = bare / "elsewhere"
    other.mkdir()
    put(other, "podman", "podman version 6.0.0")
    monkeypatch.setenv("PATH", str(other))
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setattr("platform.python_version", lambda: "3.99.0")
    assert before == (str(doctor()), doctor()._repr_html_())
    assert doctor().rootless and "3.99.0" in str(doctor(details=True))


def test_a_part_is_asked_for_by_its_tag() -> None:
    assert part("redis").name == "redis-server"
    with pytest.raises(KeyError, match="no external program has the tag 'docker'"):
        part("docker")


@pytest.mark.needs("podman")
def test_the_real_podman_tells_its_version() -> None:
    found = {each.part.tag: each for each in rt.doctor(details=True).findings}
    assert found["podman"].version and found["podman"].version[0].isdigit()


def test_the_name_is_the_function_whatever_was_imported_first() -> None:
    import regtools.cli.doctor

    assert regtools.cli.doctor.run and callable(rt.doctor)


def test_an_empty_module_in_its_place_is_no_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """JupyterLite makes one for tornado, which IPython's kernel imports."""
    monkeypatch.setitem(sys.modules, "tornado", types.ModuleType("tornado"))
    with pytest.raises(ValueError, match="__spec__ is None"):
        importlib.util.find_spec("tornado")
    assert next(part for part in PARTS if part.package == "tornado").find() is None
