"""The page about accelerators: each file on it is checked anew, and what the page prints is what comes out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from regtools.cli import main
from tests.notebooks.zh.check import faults
from tests.notebooks.zh.english import ZH, units

# A file, and the command that checks it with its output; other fences may not be between the two.
SHOWN = re.compile(
    r"^```toml\n(?P<file>(?:(?!^```).*\n)+)```\n(?:(?!```).*\n)*"
    r"```console\n\$ regtools (?P<command>check --podman 6 (?P<name>\S+))\n(?P<output>(?:(?!^```).*\n)+)```$",
    re.MULTILINE,
)
PAGE = (ZH / "accelerators.md").read_text("utf-8")
FILES = [pytest.param(found, id=found["name"]) for found in SHOWN.finditer(PAGE)]


def test_every_check_on_the_page_has_its_file() -> None:
    assert len(FILES) == PAGE.count("$ regtools check --podman") > 0


@pytest.mark.parametrize("shown", FILES)
def test_the_output_is_what_check_prints(
    shown: re.Match[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(shown["name"]).write_text(shown["file"], "utf-8")
    main(shown["command"].split())
    assert capsys.readouterr().out == shown["output"]


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("见[第 11 章](11-no-such.ipynb)。", "links to 11-no-such.ipynb, which is not there"),
        ("<!-- top 0123abcd -->\n中文。", "has marks of a translation, and no English file is behind it"),
        ("用podman拉取。", "write a blank between Chinese and Latin letters, digits or code"),
        ("这是镜像源。", "term: never “镜像源” for mirror"),
    ],
)
def test_a_page_written_in_chinese_first_is_checked(
    text: str, wrong: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = units()["accelerators.md"]
    assert faults(own) == []
    monkeypatch.setattr("tests.notebooks.zh.english.SOURCE", tmp_path)
    own.source.write_text(text, "utf-8")
    assert any(each.wrong.startswith(wrong) for each in faults(own))
