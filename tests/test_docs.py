"""What README and CONTRIBUTING tell people to type is typed here."""

from __future__ import annotations

import doctest
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

LINK = re.compile(r"\]\((?!https?:)([^)#]+)[^)]*\)")


def commands(page: Path) -> list[str]:
    blocks = re.findall(r"```console\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    return [
        line.removeprefix("$ ") for block in blocks for line in block.splitlines() if line.startswith("$ ")
    ]


@pytest.fixture(scope="module")
def copy(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what git tracks, so that a command may change files; time stamps are kept for make."""
    target = tmp_path_factory.mktemp("copy") / "regtools"
    names = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    for name in names:
        if (root / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, target / name)
    (target / ".venv").symlink_to(Path(sys.prefix))
    (Path(sys.prefix) / ".ready").touch()  # this environment is the one that is set up
    return target


def test_the_readmes_session_prints_what_it_says(root: Path) -> None:
    failed, tried = doctest.testfile(str(root / "README.md"), module_relative=False)
    assert (failed, tried > 3) == (0, True)


def test_the_readmes_diagnostic_is_the_commands(root: Path) -> None:
    text = (root / "README.md").read_text("utf-8")
    block = re.search(r"\$ printf '(.*?)' \| regtools toml2json\n(.*?)```", text, re.DOTALL)
    source = block[1].replace(r"\n", "\n")
    done = subprocess.run(
        [sys.executable, "-m", "regtools", "toml2json"],
        input=source,
        capture_output=True,
        text=True,
        cwd=root,
    )
    assert done.stderr == block[2]


def test_the_readmes_check_prints_what_it_says(root: Path, tmp_path: Path) -> None:
    text = (root / "README.md").read_text("utf-8")
    block = re.search(r"\$ cat demo\.conf\n(.*?)\n\$ regtools (check.*?)\n(.*?)```", text, re.DOTALL)
    (tmp_path / "demo.conf").write_text(block[1], encoding="utf-8")
    command = [sys.executable, "-m", "regtools", *block[2].split()]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (1, block[3], "")


def test_the_readme_names_the_two_commands_of_the_makefile(root: Path) -> None:
    told = [command.split() for command in commands(root / "README.md")]
    targets = {words[1] for words in told if words[0] == "make"}
    assert {"lab", "test", "test-long"} <= targets
    subprocess.run(["make", "-n", *targets], cwd=root, check=True, capture_output=True)


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_links_lead_somewhere(root: Path, page: str) -> None:
    for target in LINK.findall((root / page).read_text("utf-8")):
        assert (root / target).exists(), target


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "contributing" in metafunc.fixturenames:
        page = Path(__file__).parent.parent / "CONTRIBUTING.md"
        metafunc.parametrize("contributing", commands(page))


def test_what_contributing_names_works(contributing: str, copy: Path) -> None:
    # The outer run's settings (plugins, long sizes) are not the reader's.
    environ = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "REGTOOLS_LONG"))
    }
    environ["NOTEBOOKS"] = "notebooks/00-start-here.ipynb"  # all of them are run by make test itself
    done = subprocess.run(
        contributing.split(), cwd=copy, env=environ, capture_output=True, text=True, timeout=500
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


def test_help_lists_every_target(root: Path) -> None:
    listed = subprocess.run(["make", "help"], cwd=root, capture_output=True, text=True, check=True).stdout
    for target in ("lab", "test", "test-long", "notebooks", "wheel"):
        assert re.search(rf"^  make {target} ", listed, re.MULTILINE)
