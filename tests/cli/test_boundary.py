"""What holds for all commands: every argument ends in a message, and no hostile text reaches the terminal."""

from __future__ import annotations

import ast
import contextlib
import gc
import io
import json
import os
import re
import signal
import subprocess
import sys
import unicodedata
from argparse import ArgumentParser, _SubParsersAction
from collections.abc import Iterator
from pathlib import Path

import pytest
import tomli
from hypothesis import given, settings
from hypothesis import strategies as st

from regtools import RegtoolsError, cli
from regtools.campaigns.journal import JournalWarning
from regtools.cli import COMMANDS, command, main, output
from regtools.cli.formats import FORMATS
from regtools.cli.parser import Parser
from tests.conftest import LONG, examples

# Commands that touch neither network nor servers nor programs: these run; of the others only the parser does.
RUN = ("toml2json", "check", "convert", "explain", "compare", "advise")
HOSTILE = "a\x1b[31mb\x07\x9b\u202e\udc80\x7f\u2028c"


def ask(*words: str, stdin: bytes = b"") -> tuple[int, str, str]:
    """Run a command in this process; as main would have them, its streams take any text."""
    streams = [io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="surrogateescape") for _ in range(3)]
    streams[2].buffer.write(stdin)
    streams[2].seek(0)
    with pytest.MonkeyPatch.context() as patch:
        for name, stream in zip(("stdout", "stderr", "stdin"), streams, strict=True):
            patch.setattr(sys, name, stream)
        status = main(list(words))
    told = []
    for stream in streams[:2]:
        stream.flush()
        told.append(stream.buffer.getvalue().decode("utf-8", "surrogateescape"))  # type: ignore[attr-defined]
    return status, told[0], told[1]


def controls(text: str) -> set[str]:
    """The characters that a terminal would act on; line feed and tab are meant."""
    return {c for c in text if c not in "\n\t" and unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp")}


def parsers() -> Iterator[tuple[str, ArgumentParser]]:
    for name, text in COMMANDS.items():
        parser = Parser(f"regtools {name}", text)
        command(name).configure(parser)
        yield name, parser
        for action in parser._actions:
            if isinstance(action, _SubParsersAction):
                for verb, sub in action.choices.items():
                    yield f"{name} {verb}", sub


PARSERS = dict(parsers())
OPTIONS = {
    name: sorted({text for action in parser._actions for text in action.option_strings} - {"-h", "--help"})
    for name, parser in PARSERS.items()
}

# -- help --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["", *PARSERS])
def test_each_help_fits_the_terminal_and_tells_exit_status_and_an_example(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    status, out, err = ask(*name.split(), "--help")
    assert (status, err) == (0, "")
    assert max(map(len, out.splitlines())) <= 80, out
    assert "Exit status: 0" in out or "Exit status: 130" in out
    assert re.search(rf"^  regtools {name.split(' ')[0]}", out, re.MULTILINE)


def test_the_overview_is_printed_without_a_command_and_is_wrong_usage_then() -> None:
    assert ask()[0] == 2
    assert ask()[1] == ask("--help")[1]


# -- arguments ---------------------------------------------------------------------------------------------

# Nothing absolute or above: what is written here stays in the test's own folder.
WORDS = st.one_of(
    st.sampled_from(
        [
            "", " ", "-", "--", "-1", "0", "1", "1.5", "nan", "inf", "9" * 30, "٣", "1_0", "nginx", "a\0b", "'",
            '"', "\\", "\x1b[31m", "\udcff", "é", "x" * 300, "x/" * 3000, "./a", "good.conf", "good.csv", "folder",
            "all", "auto", "6", "7", "none/x.png", "x.png", "vantage", "{", "%s", "@x", "/dev/null", "/dev/full",
        ]
    ),
    st.text(st.characters(exclude_characters="/"), max_size=8).filter(lambda text: ".." not in text),
)  # fmt: skip


def lines(name: str) -> st.SearchStrategy[list[str]]:
    option = st.sampled_from(OPTIONS[name])
    pair = st.tuples(option, WORDS) | st.tuples(option) | st.tuples(WORDS)
    return st.lists(pair, max_size=5).map(lambda parts: [word for part in parts for word in part])


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of its own, with files that some of the words name."""
    path = tmp_path_factory.mktemp("fuzz")
    (path / "folder").mkdir()
    (path / "good.conf").write_text('[[registry]]\nlocation = "quay.io"\n')
    rows = "".join(f"{place},{n},{n}.0,true\n" for place in ("a", "b") for n in range(1, 12))
    (path / "good.csv").write_text(f"place,round,seconds,ok\n{rows}")
    return path


@pytest.fixture
def folder(files: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """That folder, in which commands run; in ``make test`` without podman, which each would ask for its release."""
    monkeypatch.chdir(files)
    monkeypatch.setenv("REGTOOLS_TRACEBACK", "1")
    if not LONG:
        monkeypatch.setenv("PATH", str(files / "folder"))
    return files


@pytest.mark.property
@pytest.mark.parametrize("name", RUN)
def test_no_argument_ends_in_a_traceback(name: str, folder: Path) -> None:
    @settings(max_examples=examples(long=30 if name in ("compare", "advise") else 500))
    @given(lines(name))
    def check(words: list[str]) -> None:
        if name in ("compare", "advise"):  # a table without end would be read until memory is full
            words = [word for word in words if word != "/dev/full"]
        status, out, err = ask(name, *words)
        assert status in (0, 1, 2), err
        assert "Traceback" not in out + err
        assert not controls(err)
        assert status == 0 or out or err

    check()


@pytest.mark.property
@pytest.mark.parametrize("name", [name for name in PARSERS if OPTIONS[name] and name not in RUN])
def test_no_argument_confuses_a_parser(name: str, folder: Path) -> None:
    @settings(max_examples=examples(long=2_000))
    @given(lines(name))
    def check(words: list[str]) -> None:
        told = io.StringIO()
        with contextlib.redirect_stderr(told), contextlib.redirect_stdout(told):
            try:
                PARSERS[name].parse_args(words)
            except SystemExit as stop:
                assert stop.code in (0, 2)
                assert not controls(told.getvalue())

    check()


CHECKED = [
    ("time", "--workers", "0", "must be a whole number from 1 to 1000"),
    ("bench", "--workers", "-1", "must be a whole number from 1 to 1000"),
    ("bench", "--rounds", "-1", "must be a whole number from 1"),
    ("bench", "--make-cold", "'", "no closing quotation"),
    ("bench", "--make-cold", "", "it is empty"),
    ("bench", "--jitter", "nan", "must be a number from 0 to 1"),
    ("explain", "--podman", "7", "write 4, 5, 6 or a full number"),
    ("explain", "--conf", "a\0b", "cannot be the name of a file"),
    ("explain", "--root", "", "cannot be the name of a file"),
    ("check", "--uid", "-1", "must be a whole number from 0"),
    ("time", "--timeout", "0", "must be a number above 0"),
]


@pytest.mark.parametrize(("command", "option", "value", "told"), CHECKED)
def test_an_argument_that_cannot_be_is_wrong_usage(command: str, option: str, value: str, told: str) -> None:
    status, out, err = ask(command, "nginx", f"{option}={value}")
    assert (status, out) == (2, "")
    assert told in err and option in err


@pytest.mark.parametrize("name", ["x" * 300, "x/" * 3000, "\udcff", "none/\udcff"])
def test_a_path_that_the_system_refuses_is_a_no(name: str, folder: Path) -> None:
    for words in (
        ["explain", "nginx", "--conf", name],
        ["check", name],
        ["convert", name],
        ["compare", name],
    ):
        status, out, err = ask(*words)
        assert (status, "[file-" in out + err) == (1, True), err


# What stands in a file, and the commands that read it as ``FILE``, or that read it below the folder.
DEEP = (
    "a = " + "[" * 100_000,
    '{"a":' * 20_000,
    ".".join(["a"] * 5000) + " = 1",
    "[" * 20_000,
    "- " * 2000,
)
READERS = {
    "a.conf": [
        ["check", "FILE"],
        ["convert", "FILE"],
        ["explain", "x", "--conf", "FILE"],
        ["toml2json", "FILE"],
    ],
    "daemon.json": [["check", "FILE"], ["convert", "FILE"]],
    "registries.yaml": [["check", "FILE"], ["convert", "FILE"]],
    "a.jsonl": [["compare", "FILE"], ["advise", "FILE"]],
    "a.csv": [["compare", "FILE"]],
    "cache.toml": [  # was: our fault
        *(["cache", verb, "."] for verb in ("init", "up", "down", "status")),
        ["cache", "verify", ".", "x"],
    ],
    "mine/.regtools.json": [["lab", "mine", "--copy-only"]],  # was: our fault
    ".config/containers/auth.json": [["explain", "quay.io/x", "-v"]],
    ".docker/config.json": [["explain", "quay.io/x", "-v"], ["check"]],
}


@pytest.mark.parametrize("file", READERS)
def test_no_depth_of_a_file_is_a_fault_of_ours(
    file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    for text in DEEP:
        for words in READERS[file]:
            (tmp_path / file).write_text(text)
            status, out, err = ask(*(file if word == "FILE" else word for word in words))
            assert status in (0, 1), (words, text[:20], err)
            assert "Traceback" not in out + err
            assert err or out


# -- what a command prints ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize(
    "words", [[HOSTILE], ["--", HOSTILE, HOSTILE], [f"--{HOSTILE}"], ["--conf", HOSTILE, "a"]]
)
def test_no_command_prints_what_a_terminal_would_act_on(name: str, words: list[str], folder: Path) -> None:
    if name == "lab":
        words = [*words, "--copy-only", "--port", HOSTILE]
    status, out, err = ask(name, *words)
    assert status in (1, 2)
    assert not controls(out + err)
    assert out + err


CONF = f"""\
[[registry]]
location = "quay.io"
'{HOSTILE.encode("utf-8", "replace").decode()}' = 1
[aliases]
"a{chr(0x9B)}{chr(0x202E)}" = "b{chr(0x85)}"
"""
FILES = {
    "hostile.conf": CONF.replace("\x1b", "").replace("\x07", "").replace("\x7f", ""),
    "raw.conf": CONF,
    "hostile.json": json.dumps({"registry-mirrors": [f"https://{HOSTILE}"], HOSTILE: HOSTILE}),
    "hostile.csv": "place,round,seconds,ok\n"
    + "".join(f"{p}\x1b[31m\u202e,{n},{n}.5,true\n" for p in "ab" for n in range(12)),
}


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("command", [*RUN, "explain --json", "check --json", "compare --json"])
def test_no_file_reaches_the_terminal_unescaped(command: str, file: str, folder: Path) -> None:
    (folder / file).write_text(FILES[file], "utf-8")
    words = ["quay.io/x", "--podman=all", "--conf"] if command.startswith("explain") else []
    status, out, err = ask(*command.split(), *words, file)
    assert status in (0, 1)
    assert not controls(err)
    if command != "toml2json":  # its output is the document, for programs; see the terminal below
        assert not controls(out)
    if status == 0 and "--json" in command:
        assert json.loads(out)


# What a file holds that goes by a hostile name, and the commands that read it.
NAMED = {
    "faulty": "x = 1\n[[registry]]\nlocation = 'docker.io/'\n",
    "unreadable": "a = [b",
    "journal": FILES["hostile.csv"],
}
ASKED = [
    *([name] for name in (*RUN, "toml2json --error-format json")),
    *(["check --output-format", form] for form in FORMATS),  # sarif was: our fault
    ["check --diff"],
    *(
        [f"explain x --podman 6 {option}"]
        for option in ("--conf", "--dropins", "--aliases", "--root", "-v --conf")
    ),
    ["explain x --json --conf"],
    ["compare --json"],
]


@pytest.mark.parametrize("held", NAMED)
@pytest.mark.parametrize("words", ASKED, ids=" ".join)
def test_no_name_of_a_file_reaches_the_terminal(words: list[str], held: str, folder: Path) -> None:
    name = f"{HOSTILE}.csv" if held == "journal" else f"{HOSTILE}.conf"
    (folder / name).write_text(NAMED[held], "utf-8")
    for path in (name, f"./{HOSTILE}/{name}"):
        status, out, err = ask(*" ".join(words).split(), path)
        assert status in (0, 1) or (status, "toml2json" in words[0]) == (2, True), err
        assert not controls(err)
        assert "--diff" in words[0] or not controls(out)  # a diff is for patch; a terminal gets it escaped
        assert out or err


TEXTS = st.text(st.characters(), max_size=30)  # surrogates included


@given(TEXTS)
def test_every_way_out_escapes(text: str) -> None:
    told = io.StringIO()
    told.isatty = lambda: True  # type: ignore[method-assign]
    with (
        contextlib.redirect_stdout(told),
        contextlib.redirect_stderr(told),
        pytest.MonkeyPatch.context() as env,
    ):
        env.setenv("NO_COLOR", "1")
        output.say(text)
        output.complain(text)
        output.complain(RegtoolsError(text, kind="x", stage="load", hint=text))
        output.write(text, None)
        output.say("\n".join(output.wrapped(text, "- ")))
        Parser("x")._print_message(text, told)
        output.say_json({text: text})
    assert not controls(told.getvalue())
    quoted = io.StringIO()
    output.say_json([text], stream=quoted)
    assert json.loads(quoted.getvalue()) == [text]


def test_nothing_is_printed_beside_the_one_way_out() -> None:
    for path in Path(cli.__file__).parent.glob("*.py"):
        if path.stem == "output":
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                assert called != "print" and not re.fullmatch(
                    r"sys\.std(out|err)(\.buffer)?\.write", called
                ), path


# -- every end ---------------------------------------------------------------------------------------------


def failing(patch: pytest.MonkeyPatch, error: BaseException) -> None:
    def run(options: object) -> int:
        raise error

    patch.setattr("regtools.cli.doctor.run", run)


@pytest.mark.parametrize("wanted", [False, True])
def test_a_fault_of_ours_is_one_line_and_a_traceback_on_request(
    wanted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, ZeroDivisionError(HOSTILE))
    monkeypatch.setenv("REGTOOLS_TRACEBACK", "1" if wanted else "")
    status, out, err = ask("doctor")
    assert (status, out) == (70, "")
    assert err.startswith("regtools doctor: a fault of regtools itself: ZeroDivisionError: ")
    assert ("Traceback" in err, "REGTOOLS_TRACEBACK=1" in err.splitlines()[0]) == (wanted, True)
    assert wanted or len(err.splitlines()) == 1
    assert not controls(err)


def behind(*errors: Exception) -> Exception:
    """The first of some errors, each of which the next one has led to, and Ctrl-C to the last."""
    for error, cause in zip(errors, [*errors[1:], KeyboardInterrupt()], strict=True):
        error.__cause__ = cause
    return errors[0]


@pytest.mark.parametrize(
    ("error", "status", "told"),
    [
        (KeyboardInterrupt(), 130, ""),
        (BrokenPipeError(), 0, ""),
        (PermissionError(13, "Permission denied", "x"), 1, "regtools doctor: error: x: Permission denied\n"),
        (RegtoolsError("no", kind="usage", stage="load"), 2, "error: no [usage]\n"),
        (behind(ImportError("initialization failed")), 130, ""),
        (behind(RegtoolsError("no pyarrow", kind="table", stage="load"), ImportError("no numpy")), 130, ""),
    ],
)
def test_each_end_has_its_status(
    error: BaseException, status: int, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, error)
    monkeypatch.delenv("REGTOOLS_TRACEBACK", raising=False)
    monkeypatch.setattr("regtools.cli._silence_stdout", lambda: None)
    assert ask("doctor") == (status, "", told)


def test_a_warning_is_a_line_of_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(options: object) -> int:
        import warnings

        warnings.warn(f"line 3: {HOSTILE}", JournalWarning, stacklevel=2)
        return 0

    monkeypatch.setattr("regtools.cli.doctor.run", run)
    status, _, err = ask("doctor")
    assert (status, err.startswith("regtools doctor: line 3: a")) == (0, True)
    assert not controls(err)


def test_a_full_disk_behind_standard_output_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REGTOOLS_TRACEBACK", raising=False)
    with Path("/dev/full").open("w") as full:
        for words in (
            ["--help"],
            ["doctor", "--help"],
            ["toml2json"],
            ["explain", "quay.io/x", "--podman", "6"],
        ):
            command = [sys.executable, "-m", "regtools", *words]
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=full, stderr=subprocess.PIPE, text=True
            )
            assert done.returncode in (1, 2), words
            assert "No space left on device" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize(("closed", "status"), [(">&-", 0), ("2>&-", 0), ("<&-", 0), (">&- 2>&- <&-", 0)])
def test_closed_streams_are_no_fault(closed: str, status: int) -> None:
    shell = f"{sys.executable} -m regtools toml2json {closed}"
    done = subprocess.run(["sh", "-c", shell], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (status, "")


INTERRUPTED = """
import sys
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == {name!r}:
            raise KeyboardInterrupt
sys.meta_path.insert(0, Finder())
sys.argv = ["regtools", "explain", "nginx", "--podman", "6"]
"""
PROJECT = tomli.loads((Path(cli.__file__).parents[2] / "pyproject.toml").read_text("utf-8"))["project"]
MODULE, _, FUNCTION = PROJECT["scripts"]["regtools"].partition(":")
START = {
    "console": f"from {MODULE} import {FUNCTION} as main; sys.exit(main())",
    "module": "import runpy; runpy.run_module('regtools', run_name='__main__')",
}


@pytest.mark.parametrize("start", START)
@pytest.mark.parametrize(
    "name",
    [
        "regtools.cli",  # was: a traceback
        *(
            "regtools.cli.output",
            "argparse",
            "regtools.registries.conf",
            "json",
            "regtools.registries.resolve",
        ),
    ],
)
def test_ctrl_c_during_the_imports_is_130_without_a_traceback(name: str, start: str) -> None:
    code = INTERRUPTED.format(name=name) + START[start]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=os.environ)
    assert (done.returncode, done.stderr) == (130, "")


# What waits for the end of a process → whether Python comes to its usual end, in which it takes everything apart.
WAITING = {
    "pass": False,
    "import atexit; atexit.register(print, 'function')": True,
    "import threading, time; threading.Thread(target=lambda: (time.sleep(0.5), print('thread'))).start()": True,
}


@pytest.mark.parametrize("start", START)
@pytest.mark.parametrize("waiting", WAITING)
def test_a_command_ends_at_once_and_forgets_nothing(waiting: str, start: str) -> None:
    """The usual end of Python calls what C has registered: here, what ends a process with signal 6."""
    told = "import ctypes, sys; ctypes.pythonapi.Py_AtExit(ctypes.CDLL(None).abort)"
    code = f"{told}\nsys.argv = ['regtools', 'toml2json']\n{waiting}\n{START[start]}"
    done = subprocess.run([sys.executable, "-c", code], input="a = 1", capture_output=True, text=True)
    named = [each for each in ("function", "thread") if each in waiting]
    assert done.stdout.splitlines() == ["{", '  "a": 1', "}", *named]
    usual = WAITING[waiting] or start == "module"
    assert (done.returncode, done.stderr) == (-signal.SIGABRT if usual else 0, "")


def test_a_profiler_sees_a_command_to_its_end() -> None:
    command = [sys.executable, "-m", "cProfile", "-m", "regtools", "toml2json"]
    done = subprocess.run(command, input="a = 1", capture_output=True, text=True, check=True)
    assert "function calls" in done.stdout and "toml2json.py" in done.stdout


IN_C = """
import atexit, ctypes, sys
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "regtools.registries.conf":
            atexit.register(lambda: ctypes.pythonapi.Py_AtExit(ctypes.CFUNCTYPE(None)(0)))
            raise ImportError("initialization failed") from KeyboardInterrupt()
sys.meta_path.insert(0, Finder())
atexit.register(print, "tidied up")
sys.argv = ["regtools", "explain", "nginx", "--podman", "6"]
"""


@pytest.mark.parametrize("start", START)
def test_ctrl_c_while_a_module_in_c_loads_is_130_and_python_does_not_crash_at_its_end(start: str) -> None:
    """Such a module makes an ImportError of it; Python that ends calls what is left of the module: here, address 0."""
    done = subprocess.run([sys.executable, "-c", IN_C + START[start]], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (130, "tidied up\n", "")


@pytest.mark.parametrize("says", ["echo podman version 5.4.2", "exit 3"], ids=["answers", "fails"])
@pytest.mark.parametrize("arguments", [["explain", "nginx"], ["check"], ["explain", "--wrong"]])
def test_many_commands_of_one_process_leave_no_pipe_and_no_program_behind(
    says: str, arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a kernel of JupyterLab, which runs ``%regtools`` all day."""
    program = tmp_path / "podman"
    program.write_text(f"#!/bin/sh\n{says}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    def left() -> tuple[int, int]:
        children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
        return len(os.listdir("/proc/self/fd")), len(children)  # noqa: PTH208 - as the system counts them

    def many() -> None:
        for _ in range(5):
            with contextlib.suppress(SystemExit):
                main(arguments)
        gc.collect()  # an error's traceback holds on to what it passed through

    gc.freeze()  # what is there already need not be looked through
    try:
        many()
        before = left()
        many()
        assert left() <= before
    finally:
        gc.unfreeze()
