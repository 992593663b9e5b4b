"""The page on sizing: its code prints what stands below it, its defaults are those of the code, its links lead on."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
from argparse import ArgumentParser
from dataclasses import fields
from importlib.util import find_spec
from pathlib import Path

import pytest

import regtools as rt
from regtools.campaigns.hosts.fleet import Fleet
from regtools.cli.bench import configure
from tests.notebooks.stored import NOTEBOOKS
from tests.notebooks.test_stored import HOSTS, WELL_KNOWN

PATH = NOTEBOOKS / "analysis" / "sizing.md"
PAGE = PATH.read_text(encoding="utf-8")
(MEASURED, TOLD), (IN_PARQUET, TOLD_OF_PARQUET), *SUMS = re.findall(
    r"```python\n(.+?)```\n\n```text\n(.+?)```", PAGE, re.DOTALL
)
SWITCHES = re.findall(r"^\| `(\w+)\((\w+)=\)` \| (`--.+`|always) \| `([^`]+)` \| .+ \|$", PAGE, re.MULTILINE)


def printed(code: str, folder: Path) -> str:
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def numbers(text: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", text)]


def test_the_page_has_all_its_parts() -> None:
    assert len(SUMS) == 3 and PAGE.count("```python") == 5
    assert len(SWITCHES) == len(re.findall(r"^\| `(?:Fleet|run_campaign)\(", PAGE, re.MULTILINE)) >= 10


@pytest.mark.parametrize("code, told", SUMS, ids=["a week", "the mirrors", "limits"])
def test_the_sums_are_right(code: str, told: str, tmp_path: Path) -> None:
    assert printed(code, tmp_path) == told


def test_rows_weigh_what_is_told(tmp_path: Path) -> None:
    assert "rounds=250," in MEASURED
    found = printed(MEASURED.replace("rounds=250,", "rounds=20,"), tmp_path)
    assert re.sub(r"\d+", "N", found) == re.sub(r"\d+", "N", TOLD)
    for place, (now, page) in enumerate(zip(numbers(found), numbers(TOLD), strict=True)):
        # In memory an upper bound is told: pyarrow, or another release of pandas, may do with half of it.
        least = 0.4 if place in (1, 3) else 0.85
        assert least * page <= now <= 1.15 * page, (place, now, page)


@pytest.mark.long
@pytest.mark.skipif(find_spec("pyarrow") is None, reason="pyarrow is not installed")
def test_rows_weigh_what_is_told_in_parquet_too(tmp_path: Path) -> None:
    # All the rounds: every file has a head of its own, which weighs more the fewer rows there are.
    found = printed(MEASURED + IN_PARQUET, tmp_path)
    assert found.startswith("pull: ") and found.count("\n") == TOLD.count("\n") + 2
    # How well it packs depends on what was measured.
    assert numbers(found)[-2:] == pytest.approx(numbers(TOLD_OF_PARQUET), rel=0.25)


def test_the_sums_begin_with_what_was_measured() -> None:
    (pull, pull_held), (request, request_held), (probe,), (of_pull,) = map(numbers, TOLD.splitlines())
    packed = dict(zip(("pull", "request"), numbers(TOLD_OF_PARQUET), strict=True))
    given = assigned(SUMS[0][0])
    assert given["journal"] == {"pull": pull, "request": request, "probe": probe}
    assert given["parquet"] == packed
    assert given["memory"] == {"pull": pull_held, "request": request_held}
    assert given["requests"] == of_pull


def test_the_sums_use_the_limits_of_the_fleet() -> None:
    (line,) = re.findall(r"^at_once, per_minute = (\d+), (\d+)", SUMS[1][0], re.MULTILINE)
    defaults = {each.name: each.default for each in fields(Fleet)}
    assert tuple(map(int, line)) == (defaults["at_once"], defaults["per_minute"])


@pytest.mark.parametrize("owner, name, option, told", SWITCHES, ids=[name for _, name, *_ in SWITCHES])
def test_defaults_are_those_of_the_code_and_of_the_command(
    owner: str, name: str, option: str, told: str
) -> None:
    function = {"Fleet": Fleet, "run_campaign": rt.run_campaign}[owner]
    default = ast.literal_eval(told)
    assert inspect.signature(function).parameters[name].default == default
    if option != "always":
        parser = ArgumentParser()
        configure(parser)
        (action,) = (each for each in parser._actions if option.strip("`") in each.option_strings)
        told_there = f"({default:g})" in str(action.help) if default else not action.default
        assert action.default == default or (action.default is None and told_there)


def assigned(code: str) -> dict[str, object]:
    """Names that are given a literal in a block."""
    found = {}
    for node in ast.parse(code).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            try:
                found[node.targets[0].id] = ast.literal_eval(node.value)
            except ValueError:
                continue
    return found


def test_links_and_hosts() -> None:
    targets = re.findall(r"\]\(([^)]+)\)", PAGE)
    assert targets
    for target in targets:
        assert (PATH.parent / target).is_file(), target
    for host in HOSTS.findall(PAGE):
        assert host in WELL_KNOWN or host.endswith((".example", ".test")), host
