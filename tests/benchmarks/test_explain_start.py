"""What starting ``regtools explain`` costs, beside a bare import of the TOML reader."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.benchmarks.measure import children_s, process, ratio

pytestmark = pytest.mark.benchmark


def test_explain_starts_in_three_times_a_bare_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    conf = tmp_path / ".config" / "containers" / "registries.conf"
    conf.parent.mkdir(parents=True)
    conf.write_text('unqualified-search-registries = ["docker.io"]\n')
    ours = [str(Path(sys.executable).with_name("regtools")), "explain", "nginx", "--podman", "6"]
    found = ratio(process(ours), process([sys.executable, "-c", "import tomli"]), rounds=40, clock=children_s)
    print(f"explain nginx: {found:.2f} x python -c 'import tomli' (HOME={os.environ['HOME']})")
    assert found <= 3
