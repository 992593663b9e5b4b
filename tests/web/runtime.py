"""Python for the browser: the npm package that the web edition serves, fetched once into ``.web/``."""

from __future__ import annotations

import os
import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WEB = ROOT / "notebooks" / "web"
NODE = ROOT / ".web" / "node"
# What IPython imports; all of it is pure Python, so this environment's copies run in the browser's Python as well.
IPYTHON = [
    "IPython",
    "asttokens",
    "executing",
    "ipython_pygments_lexers.py",
    "jedi",
    "matplotlib_inline",
    "parso",
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
    """Return the folder of npm packages, installed as package-lock.json says; skip where that is impossible."""
    wanted = (WEB / "package-lock.json").read_bytes()
    copy = NODE / "package-lock.json"
    if not (NODE / "node_modules" / ".package-lock.json").exists() or copy.read_bytes() != wanted:
        NODE.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(WEB / name, NODE)
        words = ["npm", "ci", "--silent", "--no-audit", "--no-fund"]
        done = subprocess.run(words, cwd=NODE, capture_output=True, text=True, timeout=300, check=False)
        if done.returncode:
            copy.unlink(missing_ok=True)
            absent(f"npm cannot fetch Pyodide: {done.stderr.strip()[-300:]}")
    return NODE / "node_modules"


def absent(reason: str) -> None:
    """Skip, or fail where every real part is demanded."""
    (pytest.fail if os.environ.get("REGTOOLS_REAL") == "required" else pytest.skip)(reason)


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
