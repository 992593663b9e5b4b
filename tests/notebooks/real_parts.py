"""A pytest plugin beside nbval: what is compared of cells that need a program, and of cells that measure.

A cell that begins with ``%%needs podman`` (``registry``, ``redis``, …; the tags of ``regtools.notebook.doctor.PARTS``)
is compared where the program is, and skipped elsewhere.
Where the program is not installed, a reader sees the stored result, which would say nothing here: the cell is
skipped with a reason that names the program. Under REGTOOLS_REAL=required that is a failure instead.

Of a cell tagged ``measured`` the numbers are masked, as :mod:`tests.notebooks.measured` says.
Loaded with ``-p tests.notebooks.real_parts``.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from itertools import count
from typing import Any

import pytest

from regtools.notebook.needs import missing
from tests.notebooks.measured import mask

# As in tests/conftest.py, which is not read here: a second of every process that loads nbval.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]


# The chapters that take longest begin first, as the longest files do (see tests/conftest.py); 12 and 13 mostly wait.
LONGEST = ("12-", "13-", "A5-", "02-", "03-", "A4-", "14-", "11-", "04-")
NUMBERS = count()  # of kernels


def pytest_configure(config: pytest.Config) -> None:
    """Let xdist keep the order of the chapters, and let kernels do without ports, which others may take first."""
    import nbval.kernel  # after what is spared above

    config.option.loadscopereorder = False
    make, folder = nbval.kernel.KernelManager, tempfile.mkdtemp(prefix="kernels-")
    nbval.kernel.KernelManager = lambda **options: make(
        transport="ipc", ip=f"{folder}/{next(NUMBERS)}", **options
    )
    config.add_cleanup(partial(shutil.rmtree, folder, ignore_errors=True))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest chapters first; the cells of each stay in order."""
    rank = {chapter: number for number, chapter in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(item.path.name[:3], len(rank)))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    cell = getattr(item, "cell", None)
    if cell is None:
        return
    if "measured" in cell["metadata"].get("tags", []):
        _mask(item)
    gone = missing(cell["source"])
    if not gone:
        return
    reason = f"needs {', '.join(gone)}, not installed on this machine"
    if os.environ.get("REGTOOLS_REAL") == "required":
        pytest.fail(f"REGTOOLS_REAL=required, but this cell {reason}", pytrace=False)
    pytest.skip(reason)


def _mask(item: Any) -> None:
    """Let nbval compare the cell's outputs without their numbers, both the stored and the new ones."""
    sanitize: Callable[[object], object] = item.sanitize

    def masked(output: object) -> object:
        cleaned = sanitize(output)
        return mask(cleaned) if isinstance(cleaned, str) else cleaned

    item.sanitize = masked
