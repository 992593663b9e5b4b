"""The one writer: a file is the old one or the new one, whatever happens."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from regtools.errors import RegtoolsError
from regtools.files import write_file


def test_a_new_file_has_what_the_umask_allows(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        write_file(tmp_path / "new", "镜像\n")
    finally:
        os.umask(old)
    assert (tmp_path / "new").read_bytes() == "镜像\n".encode()
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o640


@pytest.mark.parametrize(("asked", "left"), [(None, 0o604), (0o600, 0o600)])
def test_an_old_file_keeps_its_mode_unless_one_is_asked_for(
    tmp_path: Path, asked: int | None, left: int
) -> None:
    file = tmp_path / "old"
    file.write_bytes(b"old")
    file.chmod(0o604)
    write_file(file, b"new", mode=asked)
    assert (file.read_bytes(), stat.S_IMODE(file.stat().st_mode)) == (b"new", left)


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    write_file(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"


def test_a_device_is_written_to() -> None:
    write_file("/dev/null", "gone")
    assert Path("/dev/null").is_char_device()


@pytest.mark.parametrize("path", ["no/such/folder/x", "x/y", "n" * 300, "."])
def test_what_cannot_be_written_is_told_and_nothing_is_left(tmp_path: Path, path: str) -> None:
    (tmp_path / "x").write_text("a file")
    with pytest.raises(RegtoolsError, match="the report cannot be written") as caught:
        write_file(tmp_path / path, "new", what="the report")
    assert (caught.value.kind, caught.value.file) == ("file-unwritable", str(tmp_path / path))
    assert [each.name for each in tmp_path.iterdir()] == ["x"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_told() -> None:
    with pytest.raises(RegtoolsError, match="No space left"):
        write_file("/dev/full", "x" * 100_000)


def test_killed_at_any_moment_it_leaves_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("0" * 3_000_000)
    code = "import sys; from regtools.files import write_file\nn = 0\nwhile True:\n n += 1; write_file(sys.argv[1], str(n % 10) * 3_000_000)"
    for moment in range(8):
        with subprocess.Popen([sys.executable, "-c", code, str(file)]) as writer:
            with pytest.raises(subprocess.TimeoutExpired):
                writer.wait(0.15 + moment * 0.013)
            writer.send_signal(signal.SIGKILL)
        text = file.read_text()
        assert text == text[0] * 3_000_000
