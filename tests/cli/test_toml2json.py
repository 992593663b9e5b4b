"""The command as a user has it: bytes in, bytes out, exit status, and never a traceback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


def run(*arguments: str, stdin: bytes = b"", **options: object) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "regtools", "toml2json", *arguments]
    done = subprocess.run(command, input=stdin, capture_output=True, timeout=60, **options)
    assert b"Traceback" not in done.stderr
    return done


def test_an_unquoted_value_prints_the_diagnostic_and_exits_1() -> None:
    done = run(stdin=b"location = docker.io\n")
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.decode() == (
        "<stdin>:1:12: error: this value needs quotes [unquoted-value]\n"
        "  1 | location = docker.io\n"
        "    |            ^^^^^^^^^\n"
        '  hint: write location = "docker.io"\n'
    )


def test_the_diagnostic_as_data() -> None:
    done = run("--error-format", "json", stdin="a = “x”".encode())
    error = json.loads(done.stderr)
    assert (error["format"], error["code"], error["file"], error["line"], error["column"]) == (
        1,
        "curly-quote",
        "<stdin>",
        1,
        5,
    )


@pytest.mark.parametrize("locale", ["C", "C.UTF-8", "POSIX"])
def test_output_is_utf8_with_lf_whatever_the_locale(locale: str) -> None:
    done = run("--compact", stdin='a = "镜像"\r\n'.encode(), env={**os.environ, "LC_ALL": locale})
    assert done.stdout == '{"a":"镜像"}\n'.encode()


@pytest.mark.parametrize(
    ("options", "stdin", "stdout"),
    [
        ((), b"a = 1", b'{\n  "a": 1\n}\n'),
        (("-",), b"a = 1", b'{\n  "a": 1\n}\n'),
        (("--indent", "0"), b"a = 1", b'{\n"a": 1\n}\n'),
        (("--compact", "--sort-keys"), b"b = 1\na = 2", b'{"a":2,"b":1}\n'),
        (("--compact", "--ascii"), "a = '中'".encode(), b'{"a":"\\u4e2d"}\n'),
        (("--compact", "--tagged"), b"a = 1", b'{"a":{"type":"integer","value":"1"}}\n'),
        (("--compact", "--bigint", "string"), b"a = 9007199254740993", b'{"a":"9007199254740993"}\n'),
        (("--compact", "--nonfinite", "null"), b"a = nan", b'{"a":null}\n'),
        (("--compact", "--wide-integers"), b"a = 99999999999999999999", b'{"a":99999999999999999999}\n'),
    ],
)
def test_options_shape_the_output(options: tuple[str, ...], stdin: bytes, stdout: bytes) -> None:
    done = run(*options, stdin=stdin)
    assert (done.returncode, done.stdout, done.stderr) == (0, stdout, b"")


@pytest.mark.parametrize(
    ("options", "stdin"),
    [
        (("--toml", "1.0"), b"a = {b = 1,}"),
        (("--max-bytes", "3"), b"a = 1"),
        ((), b"a = nan"),
        ((), b"\xff\xfea\0"),
        ((), b"a = " + b"[" * 100_000),
    ],
)
def test_unacceptable_input_exits_1_and_writes_nothing(options: tuple[str, ...], stdin: bytes) -> None:
    done = run(*options, stdin=stdin)
    assert (done.returncode, done.stdout) == (1, b"")


@pytest.mark.parametrize("options", [("--bogus",), ("--indent", "-1"), ("--indent", "x"), ("a", "b")])
def test_wrong_usage_exits_2(options: tuple[str, ...]) -> None:
    assert run(*options).returncode == 2


def test_files_that_cannot_be_read_or_written_exit_2(tmp_path: Path) -> None:
    for arguments in (["none.toml"], [str(tmp_path)], ["-", "-o", "no/such/folder/out.json"]):
        done = run(*arguments, stdin=b"a = 1", cwd=tmp_path)
        assert done.returncode == 2
        assert done.stderr.startswith(b"regtools toml2json: cannot ")


def test_the_output_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    out.write_text("before")
    out.chmod(0o640)
    assert run("-o", str(out), stdin=b"a = b").returncode == 1
    assert out.read_text() == "before"
    assert run("-o", str(out), stdin=b"a = 1").returncode == 0
    assert (json.loads(out.read_text()), out.stat().st_mode & 0o777) == ({"a": 1}, 0o640)
    assert [file.name for file in tmp_path.iterdir()] == ["out.json"]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real.json").write_text("")
    link = tmp_path / "link.json"
    link.symlink_to("real.json")
    assert run("-o", str(link), stdin=b"a = 1").returncode == 0
    assert link.is_symlink()
    assert json.loads((tmp_path / "real.json").read_text()) == {"a": 1}


def test_a_closed_pipe_ends_quietly() -> None:
    shell = f"{sys.executable} -m regtools toml2json | head -c 1"
    stdin = b"".join(b"key-%d = 1\n" % number for number in range(50_000))
    done = subprocess.run(["sh", "-c", shell], input=stdin, capture_output=True, timeout=60)
    assert (done.stdout, done.stderr) == (b"{", b"")


def test_notes_go_to_stderr_and_quiet_drops_them() -> None:
    stdin = b"\xef\xbb\xbfa = 1"
    assert b"[bom]" in run(stdin=stdin).stderr
    assert run("--quiet", stdin=stdin).stderr == b""


def test_the_overview_names_the_commands_and_a_near_miss_is_guessed() -> None:
    command = [sys.executable, "-m", "regtools"]
    done = subprocess.run([*command, "--help"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0
    assert "toml2json" in done.stdout
    done = subprocess.run([*command, "tomljson"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "did you mean toml2json?" in done.stderr
    done = subprocess.run([*command, "--version"], capture_output=True, text=True, timeout=60)
    assert done.stdout.startswith("regtools ")
