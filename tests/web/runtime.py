"""Python for the browser: the npm package that the web edition serves, fetched once into ``.web/``."""

from __future__ import annotations

import shutil
import sysconfig
from pathlib import Path

from notebooks.web.build import ROOT, pyodide
from tests.conftest import absent

# What IPython imports to run cells; all of it is pure Python, so this environment's copies run in the browser's Python.
IPYTHON = [
    "IPython",
    "asttokens",
    "executing",
    "ipython_pygments_lexers.py",
    "matplotlib_inline",
    "pexpect",
    "prompt_toolkit",
    "ptyprocess",
    "pure_eval",
    "pygments",
    "stack_data",
    "traitlets",
    "typing_extensions.py",
    "wcwidth",
    "comm",
    "ipywidgets",
    "tomli",
]


def node_modules() -> Path:
    """Return the folder of npm packages that `make web` uses; skip where they cannot be had."""
    try:
        return pyodide().parent
    except SystemExit as error:
        absent(f"needs Pyodide from npm: {error}")
        raise


def packages(folder: Path) -> Path:
    """Copy what the browser's Python imports, ours included, into a folder."""
    site = Path(sysconfig.get_path("purelib"))
    quiet = shutil.ignore_patterns("__pycache__", "*.so", "tests")
    for name in IPYTHON:
        source = site / name
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, folder / name, **({"ignore": quiet} if source.is_dir() else {}))
    shutil.copytree(ROOT / "regtools", folder / "regtools", ignore=quiet)
    share = folder / "regtools" / "_share"
    apart = shutil.ignore_patterns("web", ".ipynb_checkpoints")
    shutil.copytree(ROOT / "notebooks", share / "notebooks", ignore=apart)
    shutil.copytree(ROOT / "data", share / "data")
    return folder
