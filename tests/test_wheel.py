"""The wheel: built once, unpacked elsewhere, and whole."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.conftest import absent


@pytest.fixture(scope="module")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--outdir", str(folder), str(root)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    if done.returncode and "hatchling" in done.stdout + done.stderr and "ResolutionError" not in done.stderr:
        absent("needs the build backend hatchling, which no package index gave")
    assert done.returncode == 0, done.stderr[-2000:]
    return next(folder.glob("podman_regtools-*.whl"))


def test_the_wheel_carries_code_types_notebooks_and_data(wheel: Path, root: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {"regtools/__init__.py", "regtools/py.typed", "regtools/_share/data/README.md"} <= names
    tracked = subprocess.run(
        ["git", "ls-files", "notebooks", "data", "regtools"],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    expected = {name if name.startswith("regtools/") else f"regtools/_share/{name}" for name in tracked}
    assert {name for name in expected if not name.endswith(".gitkeep")} <= names


def test_the_unpacked_wheel_works_without_the_checkout(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    code = (
        "import regtools; print(regtools.__file__); print(regtools.toml_to_json('a = 1'), end='');"
        "print(regtools.data_path('README.md'))"
    )
    environ = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environ, capture_output=True, text=True
    )
    lines = done.stdout.splitlines()
    assert done.returncode == 0, done.stderr
    assert lines[0].startswith(str(tmp_path))
    assert lines[1:4] == ["{", '  "a": 1', "}"]
    assert lines[4].startswith(str(tmp_path))


def test_the_wheel_names_no_folder_of_this_machine(wheel: Path, root: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    for name in archive.namelist():
        assert str(root).encode() not in archive.read(name), name
