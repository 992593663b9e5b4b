"""The releases of podman that tests run: one that is broken fails, one that cannot be had is named with its reason."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from regtools import RegtoolsError
from regtools.pull.engines import home as engines
from tests.support import podman
from tests.support.podman import DEBIANS, Engine, _answer, _make_root, packaged_podman


def program(folder: Path, name: str, script: str) -> str:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    ("script", "said"),
    [("exec sleep 60", "does not answer"), ("echo what?", "said what?"), ("exit 1", "said nothing")],
)
def test_a_podman_that_does_not_say_its_version_is_broken(
    script: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(podman, "SECONDS", 0.5)
    real = Engine("6.1", tmp_path, tmp_path, (program(tmp_path, "enter", script),), ())
    with pytest.raises(pytest.fail.Exception, match=said):
        _answer(real)


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo 'E: Unable to locate package podman' >&2; exit 25", "cannot be had .Unable to locate package"),
        ("exit 0", "it has none"),
    ],
)
def test_a_suite_that_has_moved_is_named_with_its_reason(
    script: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path, "mmdebstrap", script)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(podman, "_debian_mirror", lambda: "http://mirror.test/debian")
    found = _make_root(DEBIANS["6.1"], "6.1", tmp_path / "root")
    assert re.search(reason, found), found
    assert not (tmp_path / "root").exists()


def test_another_failure_of_mmdebstrap_is_no_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, "mmdebstrap", "echo 'E: no space left' >&2; exit 1")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(podman, "_debian_mirror", lambda: "http://mirror.test/debian")
    with pytest.raises((pytest.fail.Exception, pytest.skip.Exception), match="no space left"):
        _make_root(DEBIANS["6.1"], "6.1", tmp_path / "root")


def test_a_root_folder_without_podman_has_no_version(tmp_path: Path) -> None:
    assert packaged_podman(tmp_path) == ""
    status = tmp_path / "var/lib/dpkg/status"
    status.parent.mkdir(parents=True)
    status.write_text(
        "Package: crun\nVersion: 1.28-1\n\nPackage: podman\nArchitecture: amd64\nVersion: 6.1.1+ds1-1\n"
    )
    assert packaged_podman(tmp_path) == "6.1.1"


@pytest.mark.parametrize(
    ("script", "said"), [("exec sleep 60", "does not answer"), ("echo what?", "does not report its version")]
)
def test_an_engine_that_does_not_say_its_version_is_an_error(
    script: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path, "podman", script)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(engines, "PATIENCE_S", 0.5)
    engines.engine_version.cache_clear()
    with pytest.raises(RegtoolsError, match=said):
        engines.engine_version("podman")
