"""Where notebooks and data are found; the installed package is tried by the wheel's test."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import regtools
import regtools as rt
from regtools.notebook.share import is_checkout, notebooks_dir


def test_a_checkout_gives_its_own_folders(root: Path) -> None:
    assert is_checkout()
    assert notebooks_dir() == root / "notebooks"
    assert rt.data_path("registries/two-mirrors.conf") == root / "data/registries/two-mirrors.conf"
    assert rt.data_path("registries").is_dir()


@pytest.mark.parametrize(
    "name", ["no-such.csv", "../pyproject.toml", "/etc/passwd", "registries/two-mirors.conf"]
)
def test_a_name_that_is_not_there_is_an_error(name: str) -> None:
    with pytest.raises(rt.RegtoolsError) as caught:
        rt.data_path(name)
    assert caught.value.kind == "file-missing" and caught.value.hint and "there are: " in caught.value.hint


def test_the_nearest_name_is_offered() -> None:
    with pytest.raises(rt.RegtoolsError) as caught:
        rt.data_path("registries/two-mirors.conf")
    assert (caught.value.hint or "").startswith("there are: registries/two-mirrors.conf")


def run_elsewhere(site: Path, code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=site,
        env={"PYTHONPATH": str(site), "PATH": ""},
        capture_output=True,
        text=True,
    )


@pytest.fixture
def site(tmp_path: Path) -> Path:
    package = Path(regtools.__file__).parent
    shutil.copytree(package, tmp_path / "regtools", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def test_an_installed_package_gives_what_it_carries(site: Path, root: Path) -> None:
    for kind in ("data", "notebooks"):
        shutil.copytree(root / kind, site / "regtools/_share" / kind)
    code = (
        "import regtools as rt, regtools.notebook.share as s;"
        "print(rt.data_path('registries/two-mirrors.conf')); print(s.notebooks_dir()); print(s.is_checkout())"
    )
    data, notebooks, checkout = run_elsewhere(site, code).stdout.splitlines()
    assert data == str(site / "regtools/_share/data/registries/two-mirrors.conf")
    assert notebooks == str(site / "regtools/_share/notebooks") and checkout == "False"


def test_a_package_that_lost_them_says_so(site: Path) -> None:
    done = run_elsewhere(site, "import regtools as rt; rt.data_path('x')")
    assert "this installation of regtools has no data/ folder" in done.stderr
