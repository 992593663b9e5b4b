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
from regtools.cli.bench import configure
from regtools.pull.fleet import Fleet
from tests.notebooks.stored import NOTEBOOKS
from tests.notebooks.test_stored import HOSTS, WELL_KNOWN

PATH = NOTEBOOKS / "analysis" / "sizing.md"
PAGE = PATH.read_text(encoding="utf-8")
(MEASURED, TOLD), *SUMS = re.findall(r"```python\n(.+?)```\n\n```text\n(.+?)```", PAGE, re.DOTALL)
SWITCHES = re.findall(r"^\| `(\w+)\((\w+)=\)` \| (`--.+`|always) \| `([^`]+)` \| .+ \|$", PAGE, re.MULTILINE)


def printed(code: str, folder: Path) -> str:
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def numbers(text: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", text)]


def test_the_page_has_all_its_parts() -> None:
    assert len(SUMS) == 3 and PAGE.count("```python") == 4
    assert len(SWITCHES) == len(re.findall(r"^\| `(?:Fleet|run_campaign)\(", PAGE, re.MULTILINE)) >= 10


@pytest.mark.parametrize("code, told", SUMS, ids=["a week", "the mirrors", "limits"])
def test_the_sums_are_right(code: str, told: str, tmp_path: Path) -> None:
    assert printed(code, tmp_path) == told


def measured(rounds: int, folder: Path) -> tuple[list[str], list[int], list[int]]:
    """What is printed with so many rounds: the lines without figures, the figures, and those of the page."""
    if find_spec("pyarrow") is None:
        pytest.skip("pyarrow is not installed")
    assert "rounds=250," in MEASURED
    found = printed(MEASURED.replace("rounds=250,", f"rounds={rounds},"), folder)
    return re.sub(r"\d+", "N", found).splitlines(), numbers(found), numbers(TOLD)


def test_rows_weigh_what_is_told(tmp_path: Path) -> None:
    words, found, told = measured(20, tmp_path)
    assert words == re.sub(r"\d+", "N", TOLD).splitlines()
    in_parquet = (1, 4)  # there every file has a head of its own, which weighs more the fewer rows there are
    for place, (now, page) in enumerate(zip(found, told, strict=True)):
        assert now == pytest.approx(page, rel=0.15) or place in in_parquet, (place, now, page)


@pytest.mark.long
def test_rows_weigh_what_is_told_in_parquet_too(tmp_path: Path) -> None:
    _, found, told = measured(250, tmp_path)
    assert found == pytest.approx(told, rel=0.25)  # how well it packs depends on what was measured


def test_the_sums_begin_with_what_was_measured() -> None:
    of_pull, of_request, of_probe, requests = (numbers(line) for line in TOLD.splitlines())
    given = assigned(SUMS[0][0])
    pairs = list(zip(of_pull, of_request, strict=True))
    for name, (pull, request) in zip(("journal", "parquet", "memory"), pairs, strict=True):
        probe = {"probe": of_probe[0]} if name == "journal" else {}
        assert given[name] == {"pull": pull, "request": request, **probe}
    assert [given["requests"]] == requests


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
