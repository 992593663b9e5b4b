"""A pytest plugin beside nbval: cells that need an external program are compared where it is, and skipped elsewhere.

Such a cell begins with ``%%needs podman`` (``registry``, ``redis``, …; the tags of ``regtools.notebook.doctor.PARTS``).
Where the program is not installed, a reader sees the stored result, which would say nothing here: the cell is
skipped with a reason that names the program. Under REGTOOLS_REAL=required that is a failure instead.
Loaded with ``-p tests.notebooks.real_parts``.
"""

from __future__ import annotations

import os
import sys

import pytest

from regtools.notebook.needs import missing

# As in tests/conftest.py, which is not read here: a second of every process that loads nbval.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    cell = getattr(item, "cell", None)
    if cell is None:
        return
    gone = missing(cell["source"])
    if not gone:
        return
    reason = f"needs {', '.join(gone)}, not installed on this machine"
    if os.environ.get("REGTOOLS_REAL") == "required":
        pytest.fail(f"REGTOOLS_REAL=required, but this cell {reason}", pytrace=False)
    pytest.skip(reason)
