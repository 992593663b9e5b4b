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
