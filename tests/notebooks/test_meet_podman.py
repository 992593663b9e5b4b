"""Chapter 02: what its table says podman shows, and the service that it shows as the generator's."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from regtools.testbed import Practice
from tests.notebooks.stored import NOTEBOOKS, code_cells, prose
from tests.support.podman import ENTER, debian_root

CHAPTER = NOTEBOOKS / "02-meet-podman.ipynb"
TABLE = prose(CHAPTER).split("## Point by point")[1].split("## ")[0]
ROWS = re.findall(r"^\| ([^|]+) \|.+\| `(podman .+?)` says (.+) \|$", TABLE, re.MULTILINE)


@pytest.fixture(scope="module")
def practice() -> Iterator[Practice]:
    """A terminal in which the chapter's image is built and its container `web` runs."""
    with Practice(rootless=True) as practice:
        cells = {cell.id: cell.source.partition("%%terminal\n")[2] for cell in code_cells(CHAPTER)}
        assert practice.run(cells["containerfile"]).status == 0
        # podman 4.3 loses what a container printed once in some hundred runs on a busy machine.
        said = (practice.run(cells["podman-builds"]).text for _ in range(3))
        assert "localhost/tools:latest\nmade at build time\n" in said
        assert practice.run("podman run --detach --name web localhost/tools sleep 300").status == 0
        yield practice


def test_every_row_of_the_table_can_be_checked() -> None:
    assert len(ROWS) == len(re.findall(r"^\| ", TABLE, re.MULTILINE)) - 1 >= 8  # the first one is the head


@pytest.mark.needs("podman", "buildah", "runc")
@pytest.mark.parametrize("point, command, says", ROWS, ids=[row[0].replace(" ", "-") for row in ROWS])
def test_podman_says_what_the_table_says(practice: Practice, point: str, command: str, says: str) -> None:
    said = practice.run(command).text
    if says == "a number":
        assert said.strip().isdigit() and int(said) > 1
    else:
        assert any(expected in said for expected in re.findall(r"`(.+?)`", says)), said


@pytest.mark.needs("mmdebstrap")
def test_the_generator_still_makes_the_recorded_service(root: Path, tmp_path: Path) -> None:
    units = root / "data" / "quadlet"
    shutil.copy(units / "hello.container", tmp_path)
    (tmp_path / "answers").mkdir()  # ENTER lends it to podman
    generator = ("env", "QUADLET_UNIT_DIRS=/mnt", "/usr/libexec/podman/quadlet", "--dryrun", "--user")
    enter = (
        "unshare",
        "--mount",
        "sh",
        "-c",
        ENTER,
        "sh",
        str(debian_root("5.4")),
        str(tmp_path),
        *generator,
    )
    done = subprocess.run(enter, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "---hello.service---\n" + (units / "hello.service").read_text(encoding="utf-8")


def test_systemd_accepts_the_recorded_service(root: Path) -> None:
    verifier = shutil.which("systemd-analyze")
    if verifier is None or shutil.which("podman") != "/usr/bin/podman":
        pytest.skip("needs systemd-analyze, and podman where the unit calls it")
    service = root / "data" / "quadlet" / "hello.service"
    done = subprocess.run(
        [verifier, "verify", "--man=no", "--recursive-errors=no", str(service)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
