"""`check` against the installed podman: an error where podman refuses the file, none where it reads it."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from regtools.cli.options import installed_release
from tests.registries.test_checks import GOOD, ROWS, check

# podman 5 takes the last of two equal keys, and so on: nothing of that kind is among these.
TEXTS = list(dict.fromkeys([*(text for text, _, _ in ROWS), *GOOD]))


# Both read the file in the same way. "search" says only why it was refused, in a tenth of the time: "info" also asks
# dpkg which packages its programs come from.
SEARCH, INFO = ("search", "x"), ("info", "--format", "{{.Registries}}")
NOWHERE = "http://127.0.0.1:1"  # the search itself must not leave this machine


@pytest.mark.needs("podman")
@pytest.mark.parametrize(
    "command", [SEARCH, pytest.param(INFO, marks=pytest.mark.long)], ids=["search", "info"]
)
def test_errors_are_what_the_installed_podman_refuses(command: tuple[str, ...], tmp_path: Path) -> None:
    podman = installed_release()
    assert podman is not None
    path = tmp_path / "registries.conf"
    environ = {**os.environ, "CONTAINERS_REGISTRIES_CONF": str(path)}
    environ |= {"http_proxy": NOWHERE, "https_proxy": NOWHERE}
    with tempfile.TemporaryDirectory(
        prefix="rt"
    ) as short:  # podman wants a run root of at most 50 characters
        own = ("--root", f"{short}/root", "--runroot", f"{short}/run", "--storage-driver", "vfs")

        def refusal(text: str) -> str:
            """What podman says against the file; empty where it reads it."""
            path.write_text(text, encoding="utf-8")
            done = subprocess.run(
                ["podman", *own, *command], env=environ, capture_output=True, text=True, timeout=60
            )
            refused = f'loading registries configuration "{path}"' in done.stderr
            assert done.returncode != 0 if refused else command is SEARCH or done.returncode == 0, done.stderr
            return done.stderr if refused else ""

        _compare(podman, refusal)


def _compare(podman: str, refusal: Callable[[str], str]) -> None:
    refused = mended = 0
    for text in TEXTS:
        said = refusal(text)
        assert bool(said) == check(text, podman).stops, (text, said)
        refused += bool(said)
        fixed = check(text, podman).findings.fixed().get("a.conf")
        if fixed is not None and not check(fixed, podman).stops:
            assert not refusal(fixed), fixed
            mended += 1
    assert mended > 10
    assert 10 < refused < len(TEXTS) - 10
