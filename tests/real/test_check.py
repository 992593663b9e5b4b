"""`check` against the installed podman: an error where podman refuses the file, none where it reads it."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

import pytest

from regtools.cli.options import installed_release
from tests.registries.test_checks import GOOD, ROWS, check

# podman 5 takes the last of two equal keys, and so on: nothing of that kind is among these.
TEXTS = list(dict.fromkeys([*(text for text, _, _ in ROWS), *GOOD]))


@pytest.mark.needs("podman")
def test_errors_are_what_the_installed_podman_refuses(tmp_path: Path) -> None:
    podman = installed_release()
    assert podman is not None
    path = tmp_path / "registries.conf"
    environ = {**os.environ, "CONTAINERS_REGISTRIES_CONF": str(path)}
    with tempfile.TemporaryDirectory(
        prefix="rt"
    ) as short:  # podman wants a run root of at most 50 characters
        _compare(podman, path, environ, short)


def _compare(podman: str, path: Path, environ: dict[str, str], short: str) -> None:
    command = ["podman", "--root", f"{short}/root", "--runroot", f"{short}/run"]
    command += ["--storage-driver", "vfs", "info", "--format", "{{.Registries}}"]
    refused = mended = 0
    for text in TEXTS:
        path.write_text(text, encoding="utf-8")
        done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60)
        assert (done.returncode != 0) == check(text, podman).stops, (text, done.stderr)
        if done.returncode:
            assert str(path) in done.stderr
            refused += 1
        fixed = check(text, podman).findings.fixed().get("a.conf")
        if fixed is not None and not check(fixed, podman).stops:
            path.write_text(fixed, encoding="utf-8")
            done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60)
            assert done.returncode == 0, (fixed, done.stderr)
            mended += 1
    assert mended > 10
    assert 10 < refused < len(TEXTS) - 10
