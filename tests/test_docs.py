"""What README and CONTRIBUTING tell people to type is typed here."""

from __future__ import annotations

import doctest
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests import parts

LINK = re.compile(r"\]\((?!https?:)([^)#]+)[^)]*\)")


def commands(page: Path) -> list[str]:
    blocks = re.findall(r"```console\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    return [
        line.removeprefix("$ ") for block in blocks for line in block.splitlines() if line.startswith("$ ")
    ]


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
    named = {words[1] for words in told if words[0] == "make"}
    assert {"lab", "test", "test-long"} <= named <= targets(root)


@pytest.mark.parametrize(
    "page", ["README.md", "README.zh-CN.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"]
)
def test_links_lead_somewhere(root: Path, page: str) -> None:
    for target in LINK.findall((root / page).read_text("utf-8")):
        assert (root / target).exists(), target


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "contributing" in metafunc.fixturenames:
        page = Path(__file__).parent.parent / "CONTRIBUTING.md"
        metafunc.parametrize("contributing", commands(page))


def test_what_contributing_names_is_there(contributing: str, root: Path) -> None:
    """Targets, modules and paths of the commands exist; make test itself runs what they stand for."""
    program, *words = contributing.split()
    if program == "make":
        assert set(words) <= targets(root)
    else:
        assert program == ".venv/bin/python" and words[0] == "-m"
        paths = [word for word in words[2:] if not word.startswith("-")]
        if words[1] != "pytest":  # a tool of the authors
            paths = [f"{words[1].replace('.', '/')}/__main__.py"]
        assert paths and all((root / path).exists() for path in paths)


def test_contributing_names_each_room_and_only_paths_that_exist(root: Path) -> None:
    page = (root / "CONTRIBUTING.md").read_text("utf-8")
    rooms = {path.parent.name for path in (root / "regtools").glob("*/__init__.py")}
    assert len(rooms) == 9
    assert set(re.findall(r"^- `regtools/(\w+)/` \S", page, re.MULTILINE)) == rooms
    picture = re.search(r"```text\n(.*?)```", page, re.DOTALL)
    assert picture and set(re.findall(r"(\w+)/", picture[1])) == rooms
    ground = set(re.findall(r"\w+\.py", picture[1]))
    assert ground and all((root / "regtools" / name).is_file() for name in ground)
    paths = re.findall(r"`((?:regtools|tests|notebooks|data)/[^`]*)`", page)
    assert [path for path in paths if "NAME" not in path and not (root / path).exists()] == []


def test_contributing_says_where_to_begin_and_what_to_run(root: Path) -> None:
    page = (root / "CONTRIBUTING.md").read_text("utf-8")
    rows = re.findall(r"^\| (.+?) \| `(.+?)` \| `(tests/.+?)` \|$", page, re.MULTILINE)
    assert len(rows) >= 10
    for change, file, test in rows:
        assert (root / file).is_file() and (root / test).is_file(), change
        assert re.match(r"test_\w+\.py$", Path(test).name), change


def targets(root: Path) -> set[str]:
    return set(re.findall(r"^([a-z-]+):", (root / "Makefile").read_text("utf-8"), re.MULTILINE))


def test_every_target_has_a_line_of_help(root: Path) -> None:
    makefile = (root / "Makefile").read_text("utf-8")
    helped = set(re.findall(r"^([a-z-]+):.*## \S", makefile, re.MULTILINE))
    assert {"lab", "author", "test", "test-long", "notebooks", "wheel"} <= helped
    assert targets(root) == helped


def test_the_parts_of_make_test_are_targets_with_a_budget(root: Path) -> None:
    assert set(parts.EVERY) <= targets(root)
    assert sum(parts.BUDGET.values()) <= 300 + sum(parts.LATER.values())
    assert sum(parts.EVERY.values()) <= 75 * 60 + sum(parts.LATER_LONG.values())


def test_the_table_of_parts_tells_what_failed_and_the_sum() -> None:
    told = parts.table({"lint": (True, 3.2), "types": (False, 20.0)})
    assert told.splitlines()[0].split() == ["part", "seconds", "budget"]
    assert told.splitlines()[2].split() == ["types", "20", str(parts.BUDGET["types"]), "FAILED"]
    assert told.splitlines()[3].split() == [
        "together",
        "23",
        str(parts.BUDGET["lint"] + parts.BUDGET["types"]),
    ]


def test_the_tests_that_the_security_page_names_are_there(root: Path) -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)`", (root / "SECURITY.md").read_text("utf-8"))
    assert len(named) >= 4
    assert all((root / each).exists() for each in named)
