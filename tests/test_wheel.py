"""The wheel: built once, installed elsewhere, and whole."""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from regtools.cli import COMMANDS


@pytest.fixture(scope="module")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    # Without isolation: `make setup` has just built the editable wheel in an environment of its own.
    command = [sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", str(folder), str(root)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
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
    expected = {
        name if name.startswith("regtools/") else f"regtools/_share/{name}"
        for name in tracked
        if not name.startswith("notebooks/zh/source/")  # what the Chinese chapters are built from
    }
    assert {name for name in expected if not name.endswith(".gitkeep")} <= names
    assert not any("zh/source" in name for name in names)


def test_the_wheel_is_small(wheel: Path) -> None:
    assert wheel.stat().st_size <= 4_000_000


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment that has the wheel and what it depends on, but not the checkout."""
    environment = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
    python = environment / "bin" / "python"
    install = ("install", "--quiet", "--no-deps", "--no-index", "--no-compile", str(wheel))
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(python))
    subprocess.run([*pip, *install], check=True, timeout=120)
    # A folder named in a .pth file gives its packages, not its own .pth files: our editable install stays out.
    (site,) = environment.glob("lib/python*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return environment / "bin"


def run(installed: Path, folder: Path, *words: str) -> str:
    done = subprocess.run(
        [installed / words[0], *words[1:]], cwd=folder, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, (words, done.stderr)
    return done.stdout


def test_the_installed_wheel_works_without_the_checkout(installed: Path, root: Path, tmp_path: Path) -> None:
    code = "import regtools; print(regtools.__file__, regtools.data_path('README.md'), sep='\\n')"
    for line in run(installed, tmp_path, "python", "-c", code).splitlines():
        assert line.startswith(str(installed.parent))
    conf = tmp_path / "registries.conf"
    conf.write_text('unqualified-search-registries = ["quay.io"]\n')
    said = run(installed, tmp_path, "regtools", "explain", "nginx", "--conf", str(conf), "--podman", "6")
    assert "quay.io/nginx:latest" in said
    assert "0 errors" in run(installed, tmp_path, "regtools", "check", str(conf))
    told = run(installed, tmp_path, "regtools", "toml2json", str(conf))
    assert json.loads(told) == {"unqualified-search-registries": ["quay.io"]}
    run(installed, tmp_path, "regtools", "lab", "--copy-only")
    zh = root / "notebooks" / "zh"
    english = sorted(path for path in (root / "notebooks").rglob("*.ipynb") if not path.is_relative_to(zh))
    assert sorted(path.name for path in tmp_path.rglob("*.ipynb")) == sorted(path.name for path in english)
    run(installed, tmp_path, "regtools", "lab", "--lang", "zh", "--copy-only", "zh")
    copied = {path.relative_to(tmp_path / "zh").as_posix() for path in (tmp_path / "zh").rglob("[!.]*.*")}
    built = {path.relative_to(zh).as_posix() for path in zh.rglob("[!.]*.*") if "source" not in path.parts}
    assert copied == built and "00-start-here.ipynb" in copied
    code = "import os; os.environ['REGTOOLS_LANG'] = 'zh'; from regtools.notebook import check; check('00-1', 'Enter')"
    assert run(installed, tmp_path, "python", "-c", code).startswith("还不对：")


def test_the_wheel_brings_completion_and_manual_pages(installed: Path, tmp_path: Path) -> None:
    script = run(installed, tmp_path, "regtools", "completion", "bash")
    assert script == (installed.parent / "share/bash-completion/completions/regtools").read_text()
    pages = {path.stem for path in (installed.parent / "share/man/man1").glob("regtools*.1")}
    assert pages == {"regtools", *(f"regtools-{command}" for command in COMMANDS)}


def test_the_wheel_names_no_folder_of_this_machine(wheel: Path, root: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    for name in archive.namelist():
        assert str(root).encode() not in archive.read(name), name
