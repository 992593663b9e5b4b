"""A pytest plugin beside nbval: cells that need a real part run where it is, and are skipped where it is not.

A cell tagged ``needs-podman`` (``needs-registry``, ``needs-redis``, …; the words of ``regtools.notebook.doctor.PARTS``) is
compared like any other where the program is installed. Where it is not, it is skipped with a reason that names it;
under REGTOOLS_REAL=required that is a failure instead. Loaded with ``-p tests.notebooks.real_parts``.
"""

from __future__ import annotations

import os
import sys

import pytest

from regtools.notebook.doctor import part

PREFIX = "needs-"
# As in tests/conftest.py, which is not read here: a second of every process that loads nbval.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]


def missing_parts(cell: dict) -> list[str]:
    """Give the names of the real parts that this cell needs and that this machine does not have."""
    tags = cell.get("metadata", {}).get("tags", [])
    needed = [part(tag.removeprefix(PREFIX)) for tag in tags if tag.startswith(PREFIX)]
    return [each.name for each in needed if each.find() is None]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    cell = getattr(item, "cell", None)
    if cell is None:
        return
    missing = missing_parts(cell)
    if not missing:
        return
    reason = f"needs {', '.join(missing)}, not installed on this machine"
    if os.environ.get("REGTOOLS_REAL") == "required":
        pytest.fail(f"REGTOOLS_REAL=required, but this cell {reason}", pytrace=False)
    pytest.skip(reason)
