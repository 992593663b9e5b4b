"""The built site, served on loopback for a file of tests."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from notebooks.web.build import WEB
from tests.web.driving import SITE


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    words = [sys.executable, str(WEB / "serve.py"), SITE, "--port", "0"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        try:
            yield server.stdout.readline().strip()
        finally:
            server.terminate()
