"""The ten faults that people report most, before a good source and alone: what podman does, and what we do.

``EXPECTED`` is the table: who serves the image in the end, which is the same for both; the time is not.
``pytest -rP tests/faults/test_podman.py`` prints it with the seconds that each took.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from regtools.pull.timing import time_pull
from regtools.registries.conf import RegistriesConf
from tests.faults.places import BLOB, CASES, IMAGE, LIMITS, MANIFEST, SHORT, Case, World, always, passes
from tests.faults.test_table import prepare
from tests.support import certificates, scripted
from tests.support.podman import engine
from tests.support.rows import check
from tests.support.scripted import Server

pytestmark = pytest.mark.needs("podman", "openssl")

NAME = "images.example/team/small:1"
KNOWN = {case.name: case for case in CASES}
# Podman sets no limit on how long a server may think: so this one thinks for two seconds, which is twice ours.
SILENT = always("silent", MANIFEST, scripted.silent(2), "timeout")
# Podman 4.3 asks five more times, also a mirror, and waits as long as it is told to, up to a minute each time.
TOO_MANY = always("429", MANIFEST, scripted.status(429, Retry_After="0"), "http-429")
SLOW = passes("slow", BLOB, scripted.drip(20_000, 0.1), None)


@dataclass(frozen=True)
class Row:
    """Who serves before a good source, and alone: ``bad`` (the place with the fault), ``good`` or ``nobody``."""

    case: Case
    before: str
    alone: str


EXPECTED = (
    Row(KNOWN["refused"], "good", "nobody"),
    Row(SILENT, "good", "nobody"),
    Row(SLOW, "bad", "bad"),
    Row(KNOWN["reset mid-body"], "bad", "bad"),
    Row(KNOWN["404"], "good", "nobody"),
    Row(KNOWN["401 with Basic"], "good", "nobody"),
    Row(TOO_MANY, "good", "nobody"),
    Row(KNOWN["500"], "good", "nobody"),
    Row(KNOWN["wrong digest"], "nobody", "nobody"),
    Row(KNOWN["certificate: self-signed"], "good", "nobody"),
)


@contextlib.contextmanager
def ready(row: Row, folder: Path, *, alone: bool) -> Iterator[tuple[World, Server, str]]:
    """The place with its fault, the good source, and the registries.conf that leads to both or to one."""
    with contextlib.ExitStack() as stack, Server() as good:
        certs = {"self-signed": certificates.self_signed(folder / "self-signed")}
        world = World(stack, certs, stack.enter_context(Server()))
        prepare(replace(row.case, guarded=False), world)
        good.script.put("team/small", "1", IMAGE)
        flag = f"insecure = {str(row.case.insecure).lower()}\n"
        last = world.host if alone else good.host
        text = f'[[registry]]\nprefix = "images.example"\nlocation = "{last}"\n{flag if alone else "insecure = true"}\n'
        yield world, good, text if alone else f'{text}[[registry.mirror]]\nlocation = "{world.host}"\n{flag}'


def served(done: bool, good: Server) -> str:
    return "nobody" if not done else "good" if good.script.paths("/blobs/") else "bad"


def both(row: Row, folder: Path, *, alone: bool) -> tuple[str, str]:
    with ready(row, folder, alone=alone) as (_, good, text):
        began = time.monotonic()
        conf = RegistriesConf.from_toml(text, podman="4")
        limits = replace(SHORT, retries=1) if row.case is SILENT else LIMITS
        ours = served(check(time_pull(NAME, conf, limits=limits, platform="linux/amd64")).ok, good)
        our_s = time.monotonic() - began
    with ready(row, folder, alone=alone) as (_, good, text), engine("4.3") as real:
        real.configure(text)
        began = time.monotonic()
        done = real.podman("pull", "-q", NAME, check=False)
        theirs = served(done.returncode == 0, good)
        their_s = time.monotonic() - began
        if theirs == "nobody":
            assert real.podman("images", "-q").stdout == ""
    where = "alone" if alone else "before a good source"
    print(f"{row.case.name}, {where}: podman {theirs} in {their_s:.1f} s, ours {ours} in {our_s:.1f} s.")
    return theirs, ours


@pytest.mark.parametrize("row", EXPECTED, ids=lambda row: row.case.name)
def test_podman_and_we_end_at_the_same_source(row: Row, tmp_path: Path) -> None:
    assert both(row, tmp_path, alone=False) == (row.before,) * 2


@pytest.mark.long
@pytest.mark.parametrize("row", EXPECTED, ids=lambda row: row.case.name)
def test_podman_and_we_agree_about_the_only_source(row: Row, tmp_path: Path) -> None:
    assert both(row, tmp_path, alone=True) == (row.alone,) * 2
