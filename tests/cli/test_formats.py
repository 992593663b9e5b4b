"""``check`` for programs and services: SARIF, workflow commands, the exit status, directories; pages of the build."""

from __future__ import annotations

import json
import os
import re
import subprocess
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote_to_bytes

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from regtools.cli import COMMANDS, main
from regtools.cli.formats import FORMATS, sarif
from regtools.cli.formats.completion import SHELLS
from regtools.cli.formats.github import workflow_commands
from regtools.cli.formats.pages import MANUAL, pages
from regtools.errors import Place
from regtools.registries.checks import Finding, Report
from tests.conftest import ROOT

FAULTY = 'x = 1\n[[registry]]\nlocation = "docker.io/"\nmirror = "m.example"\n'
SCHEMA = Draft202012Validator(json.loads((ROOT / "tests/third_party/sarif-2.1.0.json").read_text()))
SAMPLES = sorted((ROOT / "data/registries").rglob("*.conf"))


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    status = main(["check", *words, "--podman", "6"])
    return status, capsys.readouterr().out


def test_each_format_tells_of_every_finding(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "registries.conf").write_text(FAULTY)
    told = {form: run(capsys, str(tmp_path), "--output-format", form)[1] for form in FORMATS}
    findings = json.loads(told["json"])["findings"]
    places = [(each["code"], each["line"], each["column"]) for each in findings]
    assert [code for code, *_ in places] == ["unknown-key", "trailing-slash", "string-for-list"]
    results = json.loads(told["sarif"])["runs"][0]["results"]
    regions = [each["locations"][0]["physicalLocation"]["region"] for each in results]
    assert places == [
        (each["ruleId"], region["startLine"], region["startColumn"])
        for each, region in zip(results, regions, strict=True)
    ]
    commands = re.findall(
        r"^::(?:error|warning|notice) .*,line=(\d+),col=(\d+),.*title=([\w-]+)::", told["github"], re.M
    )
    assert places == [(code, int(line), int(column)) for line, column, code in commands]
    assert told["text"].count("[") >= len(places)
    assert run(capsys, str(tmp_path), "--json")[1] == told["json"]


def test_sarif_logs_of_all_samples_are_valid_and_lead_to_the_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert len(SAMPLES) > 15
    changed = 0
    for path in SAMPLES:
        _, out = run(capsys, str(path), "--output-format", "sarif")
        made = json.loads(out)
        assert [error.message for error in SCHEMA.iter_errors(made)] == []
        for result in made["runs"][0]["results"]:
            (location,) = result["locations"]
            assert location["physicalLocation"]["artifactLocation"]["uri"].endswith(path.name)
            changed += len(result.get("fixes", ()))
    assert changed > 10  # proven fixes are part of the log


def test_a_fix_of_the_log_changes_the_characters_that_it_names(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "registries.conf"
    path.write_text('# 镜像站\n[[registry]]\nlocation = "docker.io/"\n', encoding="utf-8")
    made = json.loads(run(capsys, str(path), "--output-format", "sarif")[1])
    (fix,) = made["runs"][0]["results"][0]["fixes"]
    (replacement,) = fix["artifactChanges"][0]["replacements"]
    start, text = replacement["deletedRegion"]["charOffset"], path.read_text(encoding="utf-8")
    end = start + replacement["deletedRegion"]["charLength"]
    fixed = text[:start] + replacement["insertedContent"]["text"] + text[end:]
    assert fixed == text.replace("docker.io/", "docker.io")


@given(st.text(st.characters(), min_size=1, max_size=20))
def test_any_name_of_a_file_is_a_uri_of_the_log(name: str) -> None:
    finding = Finding("error", "slip", "wrong", Place(name, 1, 1), "")
    made = sarif.log(Report((finding,), (name,), stops=False), "6.0.0")
    assert [error.message for error in SCHEMA.iter_errors(made)] == []
    uri = made["runs"][0]["artifacts"][0]["location"]["uri"]
    assert uri.isascii()
    with suppress(UnicodeEncodeError):  # no name of a file
        assert unquote_to_bytes(uri.removeprefix("file://")) == os.fsencode(name)


WORDS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)


@given(WORDS, WORDS, WORDS, st.sampled_from(["error", "warning", "note"]))
def test_any_text_makes_one_workflow_command(message: str, hint: str, file: str, severity: str) -> None:
    (line,) = workflow_commands([Finding(severity, "slip", message, Place(file, 1, 1), hint)])
    assert not set(line) & {"\n", "\r"}
    properties, told = line.split(" ", 1)[1].split("::", 1)
    assert undone(told) == f"{message}\n{hint}"
    assert undone(properties.split(",")[0]) == f"file={file}"


def undone(text: str) -> str:
    for code, sign in (("%2C", ","), ("%3A", ":"), ("%0A", "\n"), ("%0D", "\r"), ("%25", "%")):
        text = text.replace(code, sign)
    return text


FAIL_ON = [
    ("a = 1\n", {"error": 0, "warning": 1, "note": 1, "never": 0}),
    ("a\n", {"error": 1, "warning": 1, "note": 1, "never": 0}),
    ('Short-Name-Mode = "disabled"\n', {"error": 0, "warning": 0, "note": 1, "never": 0}),
    ("", {"error": 0, "warning": 0, "note": 0, "never": 0}),
]


@pytest.mark.parametrize(("text", "expected"), FAIL_ON)
def test_fail_on_names_the_least_severity_that_fails(
    text: str, expected: dict[str, int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "registries.conf"
    path.write_text(text)
    assert {word: run(capsys, str(path), "--fail-on", word)[0] for word in expected} == expected
    assert run(capsys, str(path))[0] == expected["warning"]


def test_a_directory_stands_for_its_configuration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dropins = tmp_path / "registries.conf.d"
    dropins.mkdir()
    (tmp_path / "registries.conf").write_text('unqualified-search-registries = ["a.example"]\n')
    (tmp_path / "containers.conf").write_text("[engine]\n")
    (dropins / "90.conf").write_text('unqualified-search-registries = ["b.example"]\n')
    (dropins / "note.txt").write_text("=\n")
    answer = json.loads(run(capsys, str(tmp_path), "--json")[1])
    assert [Path(name).name for name in answer["files"]] == ["registries.conf", "90.conf"]
    assert "search-list-replaced" in {finding["code"] for finding in answer["findings"]}


def test_a_directory_without_configuration_is_told_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out = run(capsys, str(tmp_path))
    assert status == 1
    assert "this directory has no *.conf" in out
    assert "can pull no image" not in out


# -- what the build makes ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def built() -> dict[str, str]:
    return pages()


@pytest.mark.needs("groff")
def test_manual_pages_show_usage_exit_status_and_examples(built: dict[str, str], tmp_path: Path) -> None:
    for command in COMMANDS:
        page = tmp_path / "page"
        page.write_text(built[f"{MANUAL}/regtools-{command}.1"])
        done = subprocess.run(
            ["groff", "-k", "-man", "-Tutf8", "-ww", page], capture_output=True, text=True, check=True
        )
        assert done.stderr == ""
        shown = re.sub(r"\x1b\[\d*m|.\x08", "", done.stdout)
        assert f"regtools-{command}" in shown
        assert all(f"\n{head}\n" in shown for head in ("SYNOPSIS", "EXIT STATUS", "EXAMPLES"))


COMPLETED = [
    ("regtools ex", "explain"),
    ("regtools check --output-format sa", "sarif"),
    ("regtools explain --ro", "--root"),
    ("regtools cache st", "status"),
    ("regtools check na", "name.conf"),
]
ASK = """
source {script}
COMP_LINE={line!r}; COMP_POINT=${{#COMP_LINE}}; COMP_WORDS=({line}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
function=$(complete -p regtools | grep -o -- '-F [^ ]*'); ${{function#-F }} regtools
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


@pytest.mark.parametrize(("line", "expected"), COMPLETED)
def test_bash_completes(line: str, expected: str, built: dict[str, str], tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text(built[f"share/{SHELLS['bash']}"])
    (tmp_path / "name.conf").touch()
    ask = ASK.format(script=script, line=line)
    done = subprocess.run(["bash", "-c", ask], cwd=tmp_path, capture_output=True, text=True, timeout=30)
    assert expected in done.stdout.split(), done.stderr


@pytest.mark.needs("fish")
@pytest.mark.parametrize(("line", "expected"), COMPLETED)
def test_fish_completes(line: str, expected: str, built: dict[str, str], tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text(built[f"share/{SHELLS['fish']}"])
    (tmp_path / "name.conf").touch()
    ask = f"source {script}; complete -C {line!r}"
    done = subprocess.run(
        ["fish", "--no-config", "-c", ask], cwd=tmp_path, capture_output=True, text=True, timeout=30
    )
    assert expected in done.stdout.split(), done.stderr


@pytest.mark.needs("zsh")
def test_zsh_reads_its_script(built: dict[str, str]) -> None:
    script = built[f"share/{SHELLS['zsh']}"]
    subprocess.run(["zsh", "-n"], input=script, text=True, check=True, timeout=30)
    assert all(command in script for command in COMMANDS)


def test_help_takes_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    for command in COMMANDS:
        assert main(["help", command]) == 0
        asked = capsys.readouterr().out
        assert main([command, "--help"]) == 0
        assert asked == capsys.readouterr().out
        assert "Exit status:" in asked
        assert "Example" in asked
    assert main(["help"]) == 0


def test_the_hook_of_pre_commit_checks_the_files_that_podman_reads() -> None:
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert hook["entry"] == "regtools check"
    taken = re.compile(hook["files"])
    for path, wanted in {
        "registries.conf": True,
        "etc/containers/registries.conf": True,
        "etc/containers/registries.conf.d/50-x.conf": True,
        "registries.conf.d/a/b.conf": False,
        "my-registries.conf.bak": False,
        "containers.conf": False,
    }.items():
        assert bool(taken.search(path)) == wanted, path
