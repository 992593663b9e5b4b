"""A disk that takes no more while something is written: told as such, and nothing is left or lost."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.places import IMAGE
from tests.support.confs import text_leading_to
from tests.support.scripted import Server

# A limit on the size of files behaves like a full disk, and needs no root; it holds for a whole process.
LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]),) * 2)
sys.dont_write_bytecode = True  # Python would cut its own files off, too, and believe them in every later start
from regtools.cli import main
sys.exit(main(sys.argv[2:]))
"""


@pytest.mark.parametrize("size", [0, 2000, 150_000])
def test_a_full_disk_ends_the_pull_and_leaves_nothing(tmp_path: Path, size: int) -> None:
    conf, target = tmp_path / "registries.conf", tmp_path / "kept" / "image"
    target.parent.mkdir()
    with Server() as server, Server() as next_one:
        for each in (server, next_one):
            each.script.put("team/small", "1", IMAGE)
        conf.write_text(text_leading_to(next_one.host, mirrors=[server.host]))
        command = [
            "time",
            f"{next_one.host}/team/small:1",
            "--conf",
            str(conf),
            "--into",
            str(target),
            "--json",
        ]
        done = subprocess.run(
            [sys.executable, "-c", LIMITED, str(size), *command], capture_output=True, text=True, timeout=60
        )
        assert next_one.script.seen == []  # another source would not help
    assert done.returncode == 1, done.stderr
    [pull] = json.loads(done.stdout)["pulls"]
    assert (pull["ok"], pull["error_kind"]) == (False, "disk")
    assert list(target.parent.iterdir()) == []


def test_a_full_disk_keeps_the_old_chart(tmp_path: Path) -> None:
    rows = "".join(f"{place},{n},{n}.0,true\n" for place in ("a", "b") for n in range(1, 12))
    (tmp_path / "m.csv").write_text(f"place,round,seconds,ok\n{rows}")
    (tmp_path / "old.png").write_text("old")
    command = [sys.executable, "-c", LIMITED, "2000", "compare", "m.csv", "--plot", "old.png"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "[file-unwritable]" in done.stderr, done.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"m.csv", "old.png"}
    assert (tmp_path / "old.png").read_text() == "old"
