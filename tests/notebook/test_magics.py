"""The notebook's face, in a real IPython shell."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell

import regtools as rt
from regtools import notebook
from regtools.notebook.magics import Beside, _command_line, beside, examine
from regtools.testbed import Practice
from tests.cli.test_boundary import controls

GOOD = '[[registry]]\nlocation = "docker.io"\n'
WIDE = "aliases = {\n  a = 'quay.io/a',\n}\n"  # TOML 1.1 only
DAY = "day = 2024-05-01\n"


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[InteractiveShell]:
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance()
    shell.history_manager.enabled = False
    shell.run_line_magic("load_ext", "regtools")
    yield shell
    shell.run_line_magic("unload_ext", "regtools")
    shell.history_manager.end_session()
    InteractiveShell.clear_instance()


def toml(shell: InteractiveShell, line: str, cell: str) -> Any:
    return shell.run_cell_magic("toml", line, cell)


def test_the_magic_shows_the_json_beside_the_toml(shell: InteractiveShell) -> None:
    shown = toml(shell, "", GOOD)
    assert repr(shown).splitlines() == [
        "TOML 1.1                │ JSON",
        "[[registry]]            │ {",
        'location = "docker.io"  │   "registry": [',
        "                        │     {",
        '                        │       "location": "docker.io"',
        "                        │     }",
        "                        │   ]",
        "                        │ }",
    ]
    html = shown._repr_html_()
    assert html.count("<pre") == 2 and "<style" not in html and "class=" not in html


def test_the_magic_binds_the_value_with_its_types(shell: InteractiveShell) -> None:
    toml(shell, "conf", GOOD + "[more]\n" + DAY)
    conf = shell.user_ns["conf"]
    assert conf["registry"] == [{"location": "docker.io"}]
    assert conf["more"]["day"].isoformat() == "2024-05-01"


def test_bad_toml_shows_the_diagnostic_and_binds_nothing(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str]
) -> None:
    assert toml(shell, "conf", "a = 1\nlocation = docker.io\n") is None
    printed = capsys.readouterr()
    assert printed.out == (
        "<cell>:2:12: error: this value needs quotes [unquoted-value]\n"
        "  2 | location = docker.io\n"
        "    |            ^^^^^^^^^\n"
        '  hint: write location = "docker.io"\n'
    )
    assert not printed.err and "conf" not in shell.user_ns


def test_what_json_has_no_form_for_binds_nothing(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str]
) -> None:
    assert toml(shell, "conf", "a = inf\n") is None
    assert "[nonfinite]" in capsys.readouterr().out and "conf" not in shell.user_ns
    toml(shell, "--tagged conf", "a = inf\n")
    assert shell.user_ns["conf"] == {"a": float("inf")}


@pytest.mark.parametrize(
    "line, accepted",
    [
        ("", True),
        ("--podman 6", True),
        ("--toml 1.1", True),
        ("--podman 5", False),
        ("--podman 4", False),
        ("--podman 5.4.2", False),
        ("--podman 6.0", True),
        ("--toml 1.0", False),
    ],
)
def test_the_dialect_is_that_of_the_release(
    line: str, accepted: bool, shell: InteractiveShell, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = toml(shell, line, WIDE)
    assert (shown is not None) == accepted
    assert ("toml11-newline-in-inline-table" in capsys.readouterr().out) != accepted


def test_tagged_shows_types(shell: InteractiveShell) -> None:
    assert '"type": "date-local"' in toml(shell, "--tagged", DAY).json


@pytest.mark.parametrize(
    "line, told",
    [
        ("--podman 7", "write 4, 5, 6 or a full number"),
        ("--podman 5 --toml 1.0", "not allowed with"),
        ("one two", "unrecognized arguments: two"),
        ("class", "cannot be the name of a variable"),
        ("no-name", "cannot be the name of a variable"),
        ("'open", "No closing quotation"),
        ("--help", "unrecognized"),
    ],
)
def test_wrong_usage_is_told_as_ipython_does(line: str, told: str, shell: InteractiveShell) -> None:
    with pytest.raises(UsageError, match=told):
        toml(shell, line, GOOD)


def test_the_magic_explains_itself(shell: InteractiveShell) -> None:
    told = shell.find_cell_magic("toml").__doc__ or ""
    assert "--podman" in told and "NAME" in told


def test_the_terminal_says_what_a_terminal_would_and_keeps_it(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str]
) -> None:
    with Practice():
        shell.run_cell_magic("terminal", "said", "echo one\necho two >&2\nfalse\n")
    assert capsys.readouterr().out == "one\ntwo\nexit status 1\n"
    assert shell.user_ns["said"] == "one\ntwo\n"


def test_the_terminal_wants_to_be_opened_and_a_name_that_can_be_one(shell: InteractiveShell) -> None:
    with pytest.raises(rt.RegtoolsError, match="no practice terminal is open"):
        shell.run_cell_magic("terminal", "", "true")
    with pytest.raises(UsageError, match="cannot be the name of a variable"):
        shell.run_cell_magic("terminal", "2 names", "true")


def test_a_loaded_extension_shows_errors_without_traceback(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str]
) -> None:
    result = shell.run_cell("import regtools as rt; rt.toml_to_json('location = docker.io')")
    printed = capsys.readouterr().out
    assert isinstance(result.error_in_exec, rt.TomlError)
    assert "TomlError" in printed and "hint: write" in printed and "Traceback" not in printed
    shell.run_line_magic("unload_ext", "regtools")
    shell.run_cell("rt.toml_to_json('location = docker.io')")
    assert "Traceback" in capsys.readouterr().out
    assert "toml" not in shell.magics_manager.magics["cell"]


def test_columns_stay_aligned_under_wide_characters() -> None:
    shown = repr(beside('# 搜索顺序\na = "é"\n'))  # the é is e and a combining accent
    bars = {line.split("│")[0] for line in shown.splitlines()}
    assert "# 搜索顺序  " in bars and 'a = "é"     ' in bars


def test_text_is_shown_as_text() -> None:
    html = Beside('a = "<b>"', '{"a": "<b>&"}', "1.1")._repr_html_()
    assert "<b>" not in html and "&lt;b&gt;&amp;" in html


def test_beside_reads_files_and_names_them_without_their_folder(tmp_path: Path) -> None:
    path = tmp_path / "some.conf"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.encode())
    assert beside(path) == beside(GOOD)
    path.write_text(WIDE)
    with pytest.raises(rt.TomlError) as caught:
        beside(path, podman="5")
    assert caught.value.file == "some.conf"
    with pytest.raises(rt.RegtoolsError, match="write 4, 5, 6 or a full number"):
        beside(GOOD, podman="7")


def test_nothing_of_ipython_is_needed_to_check_answers() -> None:
    code = "import sys, regtools.notebook as n; n.check('06-1', 2); print('IPython' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=os.environ, check=True
    )
    assert done.stdout.splitlines()[1] == "False"


def test_a_refused_file_is_examined_whole_and_shows_itself(tmp_path: Path) -> None:
    path = tmp_path / "mine.conf"
    path.write_text("[[registry]]\nlocation = quay.io\nshort-name-mode = 1\n")
    found = examine(path)
    assert [finding.code for finding in found] == ["unquoted-value", "misplaced-key"]
    assert str(found[0].where) == "mine.conf:2:12"
    assert "<table>" in found._repr_html_()
    assert examine(path.read_text())[0].where == rt.Place("registries.conf", 2, 12)
    old = '[registries.search]\nregistries = ["a.test"]\n'
    assert {release: examine(old, podman=release)[0].severity for release in "456"} == {
        "4": "note",
        "5": "note",
        "6": "error",
    }
    with pytest.raises(rt.RegtoolsError, match="no such file"):
        examine(tmp_path / "none.conf")


def test_hint_and_solution_are_there_without_an_import(shell: InteractiveShell) -> None:
    assert shell.user_ns["hint"] is notebook.hint
    assert shell.user_ns["solution"] is notebook.solution


def test_a_command_prints_what_it_prints_in_a_terminal(
    shell: InteractiveShell,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("registries.conf").write_text("[[registry]]\nlocation = quay.io\n")
    Path("old.conf").write_text('[registries.search]\nregistries = ["docker.io"]\n')
    before = list(sys.argv)
    for words, status in ((["check", "registries.conf", "--podman", "6"], 1), (["convert", "old.conf"], 0)):
        shell.run_line_magic("regtools", " ".join(words))
        shown = capsys.readouterr()
        done = subprocess.run([sys.executable, "-m", "regtools", *words], capture_output=True, text=True)
        assert (shown.out, shown.err) == (done.stdout + "exit status 1\n" * status, "")
        assert done.returncode == status and sys.argv == before


def test_a_command_shows_no_control_character_of_a_file(
    shell: InteractiveShell,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.conf").write_bytes("[[registry]]\nlocation = 'docker.io/' # \x9b31m\u202e\u2066\n".encode())
    Path("a.toml").write_bytes(b'a = "\xc2\x9b\xe2\x80\xae"')
    for words in ("check a.conf --podman 6 --diff", "toml2json a.toml", "toml2json --tagged a.toml"):
        shell.run_line_magic("regtools", words)
        out = capsys.readouterr().out
        assert r"\u202e" in out and not controls(out)


def test_a_command_s_errors_are_shown_and_wrong_usage_is_status_2(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str]
) -> None:
    shell.run_line_magic("regtools", "check --no-such-option")
    shown = capsys.readouterr()
    assert shown.err == "" and "--no-such-option" in shown.out and shown.out.endswith("exit status 2\n")
    with pytest.raises(UsageError, match=r"^%regtools: No closing quotation"):
        shell.run_line_magic("regtools", "explain 'nginx")


def test_a_reader_may_type_hint_and_solution_without_an_import(shell: InteractiveShell) -> None:
    assert {"hint", "solution"} <= set(shell.user_ns)
    shell.run_line_magic("unload_ext", "regtools")
    assert not {"hint", "solution"} & set(shell.user_ns)
    shell.run_line_magic("load_ext", "regtools")


def test_a_command_leaves_the_kernels_signals_and_collector_alone(capsys: pytest.CaptureFixture[str]) -> None:
    before = signal.getsignal(signal.SIGINT), gc.isenabled(), gc.get_freeze_count()
    _command_line("toml2json --help")
    assert "usage: regtools toml2json" in capsys.readouterr().out
    assert (signal.getsignal(signal.SIGINT), gc.isenabled(), gc.get_freeze_count()) == before
