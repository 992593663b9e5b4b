"""A command of regtools in this process: what it prints and its exit status, without the start of a Python."""

from __future__ import annotations

import io
import subprocess
from contextlib import redirect_stderr, redirect_stdout

from regtools.cli import main


def regtools(*words: object) -> subprocess.CompletedProcess[str]:
    """Run ``regtools WORDS...`` as :func:`regtools.cli.main` does, with output and errors apart."""
    arguments = [str(word) for word in words]
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in "oe")
    with redirect_stdout(out), redirect_stderr(err):
        status = main(arguments)
    said, complained = (stream.buffer.getvalue().decode() for stream in (out, err))  # type: ignore[attr-defined]
    return subprocess.CompletedProcess(arguments, status, said, complained)
