"""The cheat sheet: every snippet is clean and leads where it says, every command and option exists."""

from __future__ import annotations

import argparse
import re
import shlex
import subprocess
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points

import pytest

import regtools as rt
from regtools.cli import COMMANDS
from regtools.registries.checks import check_texts
from regtools.registries.reading.releases import release
from regtools.testbed.watch import attempts
from tests.notebooks.stored import NOTEBOOKS
from tests.notebooks.test_stored import HOSTS, WELL_KNOWN

PAGE = (NOTEBOOKS / "cheat-sheet.md").read_text(encoding="utf-8")
RELEASES = ("4", "5", "6")
SNIPPETS = [
    (toml, re.findall(r"^- `([^`]+)` → (.+)$", leads, re.MULTILINE))
    for toml, leads in re.findall(r"```toml\n(.+?)```\n\n((?:- [^\n]+\n)+)", PAGE, re.DOTALL)
]
LINES = [
    line.removeprefix("$ ")
    for block in re.findall(r"```console\n(.+?)```", PAGE, re.DOTALL)
    for line in block.splitlines()
]
COMMAND_LINES = [shlex.split(line, comments=True) for line in LINES]
WRONG = re.findall(r"^\| `([^`]+)` \| (.+) \| `([^`]+)` \|$", PAGE.rpartition("\n## ")[2], re.MULTILINE)

each_release = pytest.mark.parametrize("podman", RELEASES)
each_snippet = pytest.mark.parametrize("toml, leads", SNIPPETS, ids=range(len(SNIPPETS)))


def conf_of(toml: str, podman: str) -> rt.RegistriesConf:
    return rt.RegistriesConf.from_toml(toml, file="registries.conf", podman=podman)


def test_the_page_has_all_its_parts() -> None:
    assert len(SNIPPETS) == PAGE.count("```toml") >= 6  # each says where it leads
    assert len(LINES) > 15 and len(WRONG) >= 5
    assert len(PAGE.splitlines()) <= 180


@each_release
@each_snippet
def test_snippets_are_clean(toml: str, leads: list[tuple[str, str]], podman: str) -> None:
    findings = conf_of(toml, podman).check()
    assert [str(finding) for finding in findings if finding.severity != "note"] == []


@each_release
@each_snippet
def test_snippets_lead_where_they_say(toml: str, leads: list[tuple[str, str]], podman: str) -> None:
    conf = conf_of(toml, podman)
    assert leads
    for image, places in leads:
        sources = [source for candidate in conf.resolve(image).candidates for source in candidate.sources]
        told = [f"{'refused ' if source.blocked_by else ''}`{source.reference}`" for source in sources]
        assert places == ", ".join(told)


@pytest.mark.needs("podman")
@each_snippet
def test_the_real_podman_goes_where_they_say(toml: str, leads: list[tuple[str, str]]) -> None:
    for image, places in leads:
        assert attempts(image, toml) == re.findall(r"`([^`]+)`", places)


@pytest.mark.parametrize("wrong, why, right", WRONG, ids=[wrong for wrong, *_ in WRONG])
def test_what_goes_wrong_is_found_and_what_is_right_is_not(wrong: str, why: str, right: str) -> None:
    assert codes(wrong) - codes(right), "the mistake is not found"
    assert not codes(right) - codes(wrong), "what is right has a mistake of its own"


def codes(line: str) -> set[str]:
    """What is found in a file that holds this line, in the table where it belongs."""
    line = line.replace("[...]", '["docker.io"]')
    if line == "[registries.search]":
        line += '\nregistries = ["docker.io"]'
    elif not line.startswith("unqualified"):
        other = "" if line.startswith("location") else 'location = "near.mirror.example:5000/some"\n'
        line = f'unqualified-search-registries = ["docker.io"]\n[[registry]]\n{other}{line}'
    report = check_texts(release("6"), [("registries.conf", line.encode(), False)])
    return {finding.code for finding in report.findings}


@pytest.mark.parametrize("words", COMMAND_LINES, ids=LINES)
def test_commands_of_regtools_take_these_arguments(words: list[str]) -> None:
    program, name, *arguments = words
    if program != "regtools":
        assert program in ("podman", "skopeo", "dask")
        return
    assert name in COMMANDS
    parser = argparse.ArgumentParser(exit_on_error=True)
    import_module(f"regtools.cli.{name}").configure(parser)
    parser.parse_args(arguments)  # leaves with an error where an option does not exist


@pytest.mark.parametrize("words", [words for words in COMMAND_LINES if words[0] == "dask"], ids=" ".join)
def test_commands_and_options_of_dask_exist(words: list[str]) -> None:
    pytest.importorskip("distributed")
    command = entry_points(group="dask_cli")[words[1]].load()  # where the program finds it
    known = {option for each in command.params for option in each.opts}
    for option in (word for word in words if word.startswith("--")):
        assert option in known, f"dask {words[1]} has no {option}"


@cache
def helped(*asked: str) -> str:
    """Ask a program, or one of its commands, for its help."""
    known = subprocess.run([*asked, "--help"], capture_output=True, text=True, timeout=60)
    assert known.returncode == 0, known.stderr
    return known.stdout


@pytest.mark.needs("podman")
@pytest.mark.needs("skopeo")
@pytest.mark.parametrize("words", COMMAND_LINES, ids=LINES)
def test_commands_and_options_of_podman_and_skopeo_exist(words: list[str]) -> None:
    if words[0] in ("regtools", "dask"):
        return
    program = words.pop(0)
    asked = [program]
    while words:
        known = helped(*asked)
        word = words.pop(0)
        if word.startswith("--"):
            option = word.partition("=")[0]
            assert re.search(rf"{option}\b", known), f"{' '.join(asked)} has no {option}"
            if "=" not in word and re.search(rf"{option} (string|list|int)", known):
                words.pop(0)  # its value
        elif re.search(rf"^  {word} ", known, re.MULTILINE):
            asked.append(word)
        else:
            assert len(asked) > 1, f"{program} has no command {word}"
            break  # an image; options come first on this page


def test_hosts_and_links() -> None:
    for host in HOSTS.findall(PAGE):
        assert host in WELL_KNOWN or host.endswith((".example", ".test")), host
    for target in re.findall(r"\]\(([^)]+)\)", PAGE):
        assert (NOTEBOOKS / target).is_file(), target
