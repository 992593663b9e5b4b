"""The package itself: cheap to import, complete in its names, whole in its wheel."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import regtools

HEAVY = (
    "pandas",
    "numpy",
    "matplotlib",
    "pycurl",
    "tornado",
    "IPython",
    "dask",
    "distributed",
    "dataclasses",
)


@pytest.mark.parametrize(
    "statement", ["import regtools", "import regtools.cli", "import regtools; dir(regtools)"]
)
def test_importing_the_package_loads_nothing_heavy(statement: str) -> None:
    code = f"{statement}; import sys; print(*(set({HEAVY!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


@pytest.mark.parametrize("name", ["convert", "explain", "time", "toml2json"])
def test_a_command_starts_without_what_only_others_need(name: str) -> None:
    spared = ("dataclasses", "inspect", "signal", "typing")
    code = f"import sys, regtools.cli.{name}; print(*(set({spared!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_every_promised_name_is_there_and_completed() -> None:
    for name in regtools.__all__:
        assert getattr(regtools, name) is not None
        assert name in dir(regtools)


def test_completion_shows_the_public_names_only() -> None:
    for name in regtools.__all__:
        getattr(regtools, name)  # whatever has been loaded in between
    assert [name for name in dir(regtools) if not name.startswith("__")] == sorted(
        set(regtools.__all__) - {"__version__"}
    )
    assert {"__all__", "__doc__", "__version__"} <= set(dir(regtools))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        regtools.nonsense  # noqa: B018


def test_the_types_promise_the_same_names(root: Path) -> None:
    tree = ast.parse((root / "regtools" / "__init__.py").read_text())
    guard = next(node for node in tree.body if isinstance(node, ast.If))
    typed = {alias.asname for node in guard.body for alias in node.names if alias.asname}
    assert typed == set(regtools.__all__) - {"__version__"}


NO_POSIX = """
import sys
for name in ("fcntl", "resource", "termios", "pwd", "grp", "pty", "tty"):
    sys.modules[name] = None
"""
READS = """
import regtools as rt
conf = rt.RegistriesConf.from_toml('unqualified-search-registries = ["a.test"]')
assert conf.resolve("app").sources[0].reference == "a.test/app:latest"
assert not list(conf.check()) and rt.toml_to_json("a = 1", compact=True) == '{"a":1}\\n'
rt.doctor, rt.data_path, rt.read_journal, rt.compare, rt.advise
for name in ("time_pull", "run_campaign"):
    try:
        getattr(rt, name)
    except rt.RegtoolsError as error:
        assert error.kind == "platform"
    else:
        raise AssertionError(name)
"""
NEEDS_POSIX = (
    "error: measuring pulls needs a POSIX system (fcntl and resource are missing):\n"
    "    use Linux, macOS or WSL [platform]\n"
)


def test_without_posix_modules_all_but_measuring_works() -> None:
    done = subprocess.run([sys.executable, "-c", NO_POSIX + READS], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("command", ["time", "bench"])
def test_without_posix_modules_the_commands_that_measure_say_so(command: str) -> None:
    code = f"{NO_POSIX}from regtools.cli import main; sys.exit(main([{command!r}, 'a.test/app']))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (1, NEEDS_POSIX)
