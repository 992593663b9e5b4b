"""``regtools lab``: the copy. That JupyterLab really serves it is tried beside the notebooks' tests."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from regtools.cli import main
from regtools.cli.lab import copy_notebooks
from regtools.files import write_file


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    (folder / "images").mkdir(parents=True)
    (folder / ".ipynb_checkpoints").mkdir()
    (folder / ".ipynb_checkpoints" / "a.ipynb").write_text("old")
    (folder / "a.ipynb").write_text("a, first edition")
    (folder / "images" / "b.svg").write_text("b")
    return folder


def copy(source: Path, target: Path) -> list[str]:
    return list(copy_notebooks(source, target))


def test_everything_is_copied_but_checkpoints(source: Path, tmp_path: Path) -> None:
    mine = tmp_path / "some" / "where"
    assert copy(source, mine) == [f"2 files written to {mine}"]
    assert {path.name for path in mine.rglob("*")} == {"a.ipynb", "images", "b.svg", ".regtools.json"}


def test_a_repeat_writes_nothing(source: Path, tmp_path: Path) -> None:
    copy(source, tmp_path / "mine")
    assert copy(source, tmp_path / "mine") == [f"0 files written to {tmp_path / 'mine'}"]


def test_an_unchanged_copy_is_brought_up_to_date(source: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    copy(source, mine)
    (source / "a.ipynb").write_text("a, second edition")
    assert copy(source, mine) == [f"1 file written to {mine}"]
    assert (mine / "a.ipynb").read_text() == "a, second edition"


def test_a_changed_copy_is_never_overwritten(source: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    copy(source, mine)
    (mine / "a.ipynb").write_text("my own work")
    (source / "a.ipynb").write_text("a, second edition")
    for _ in range(2):
        kept, told = copy(source, mine)
        assert kept == "kept your a.ipynb: it is not the one that came with regtools"
        assert told.startswith("0 files")
    assert (mine / "a.ipynb").read_text() == "my own work"


def test_a_file_that_was_there_before_is_the_readers(source: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "a.ipynb").write_text("my own work")
    (mine / ".regtools.json").write_text("not json")
    assert copy(source, mine)[0].startswith("kept your a.ipynb")
    assert (mine / "a.ipynb").read_text() == "my own work"


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("in the way")
    assert main(["lab", str(tmp_path / "file" / "mine"), "--copy-only"]) == 1
    told = capsys.readouterr().err
    assert "the copy of the notebooks cannot be written" in told and "hint: name another folder" in told


def test_copy_only_copies_the_chapters(
    tmp_path: Path, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["lab", str(tmp_path / "mine"), "--copy-only"]) == 0
    mine, packaged = (
        (folder / "00-start-here.ipynb").read_text("utf-8")
        for folder in (tmp_path / "mine", root / "notebooks")
    )
    told = '"pygments_lexer": "ipython3",\n   "version": "'
    assert (
        packaged.count(told) == 1
    )  # the copy has this Python's version, which JupyterLab would write into it
    assert mine == packaged.replace(f"{told}3.11", f"{told}{sys.version.split()[0]}")
    assert "files written to" in capsys.readouterr().out


@pytest.fixture
def became(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    commands: list[list[str]] = []
    monkeypatch.setattr("os.execve", lambda program, command, environ: commands.append(command))
    return commands


def test_a_checkouts_reader_gets_a_copy_that_git_ignores(became: list[list[str]], root: Path) -> None:
    own = root / "my-notebooks"
    there = own.exists()
    try:
        main(["lab"])
        assert (own / "00-start-here.ipynb").is_file()
        assert f"--ServerApp.root_dir={own}" in became[0]
        git = subprocess.run(["git", "check-ignore", "-q", str(own)], cwd=root, check=False)
        assert git.returncode == 0
    finally:
        if not there:
            shutil.rmtree(own)


def test_options_go_through(became: list[list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    main(
        ["lab", str(tmp_path), "--no-open", "--port", "8899", "--lab-option=--debug", "--lab-option=--ip=::1"]
    )
    assert became[0][-4:] == ["--no-browser", "--port=8899", "--debug", "--ip=::1"]
    monkeypatch.setattr("os.geteuid", lambda: 0)
    main(["lab", str(tmp_path)])
    assert became[1][-1] == "--allow-root"


def test_without_jupyterlab_nothing_is_copied_and_the_way_to_get_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("regtools.cli.lab.find_spec", lambda name: None)
    assert main(["lab", str(tmp_path / "mine")]) == 1
    assert "pip install 'podman-regtools[lab]'" in capsys.readouterr().err
    assert not (tmp_path / "mine").exists()
    assert main(["lab", str(tmp_path / "mine"), "--copy-only"]) == 0
    assert (tmp_path / "mine/00-start-here.ipynb").is_file()


def test_killed_while_it_copies_it_goes_on_the_next_time(source: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    lines = copy_notebooks(source, mine)
    with pytest.raises(KeyboardInterrupt), pytest.MonkeyPatch.context() as patch:
        patch.setattr("regtools.cli.lab.write_file", killed_at_the_second(mine))
        list(lines)
    assert copy(source, mine) == [f"1 file written to {mine}"]
    assert {path.name for path in mine.rglob("*")} == {"a.ipynb", "images", "b.svg", ".regtools.json"}


def killed_at_the_second(folder: Path) -> Callable[[Path, bytes], None]:
    def write(path: Path, data: bytes) -> None:
        if (folder / "a.ipynb").exists():
            raise KeyboardInterrupt
        write_file(path, data)

    return write
