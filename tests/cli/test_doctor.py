"""``regtools doctor``."""

from __future__ import annotations

import json

import pytest

from regtools.cli import main


def test_it_prints_a_table_with_versions_and_ends_well(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    assert main(["doctor"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("part ") and "version" in told.splitlines()[0]
    assert "Python 3." in told and "redis-server: sudo apt install redis-server" in told


def test_json_is_data(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert main(["doctor", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["format"] == 1 and not told["parts"][0]["found"]
