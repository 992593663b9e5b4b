"""The ten faults that people report most, before a good source and alone: what podman does, and what we do.

``EXPECTED`` is the table: who serves the image in the end, which is the same for both; the time is not, since a pull
of ours does not wait before it moves on. ``BLOBS`` are the faults of a blob, which podman 6.1 alone gets elsewhere.
``pytest -rP tests/faults/test_podman.py`` prints both with the seconds that each took.
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
from tests.support.images import sha256
from tests.support.podman import RELEASES, engine
from tests.support.rows import check
from tests.support.scripted import Answer, Handler, Server

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
    """Who serves before a good source, and alone: ``bad`` (the place with the fault), ``good`` or ``nobody``.

    ``asked`` is how often podman 6.1, and a pull of ours for it, ask the bad place for the blob.
    """

    case: Case
    before: str
    alone: str
    asked: tuple[int, int] | None = None


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


CONFIG = f"/blobs/{sha256(IMAGE.config)}"
CODED = b'{"errors":[{"code":"%s","message":"told to fail"}]}'


def coded(status: int, code: str) -> scripted.Fault:
    """Answer with a registry's error body that has this code, and ask for no pause."""

    def fault(handler: Handler, _: Answer) -> None:
        handler.reply(Answer(status, {"Retry-After": "0"}, CODED % code.encode()))

    return fault


# Podman 6.1 alone takes these from the next source; 4.3 and 5.4 end with nobody. On purpose we ask less often: podman
# repeats a 429 four times before it moves on, and a failed pull three times.
BLOBS = (
    Row(always("a blob: 500", BLOB, scripted.status(500), "http-500"), "good", "nobody", (2, 2)),
    Row(always("a blob: 429, coded", BLOB, coded(429, "TOOMANYREQUESTS"), "http-429"), "good", "nobody", (5, 1)),
    Row(always("a blob: 404, coded", BLOB, coded(404, "BLOB_UNKNOWN"), "http-404"), "good", "nobody", (1, 1)),
    Row(always("a blob: 403, coded", BLOB, coded(403, "BLOB_UNKNOWN"), "http-403"), "good", "nobody", (1, 1)),
    Row(always("a config: 400, coded", CONFIG, coded(400, "BLOB_UNKNOWN"), "http-400"), "good", "nobody"),
    Row(always("a config: 404, another code", CONFIG, coded(404, "MANIFEST_UNKNOWN"), "http-404"), "nobody", "nobody"),
    Row(always("a blob: 404, another code", BLOB, coded(404, "MANIFEST_UNKNOWN"), "http-404"), "nobody", "nobody", (1, 1)),
    Row(always("a blob: 429", BLOB, scripted.status(429, Retry_After="0"), "http-429"), "nobody", "nobody", (20, 4)),
    Row(always("a blob: 404", BLOB, scripted.status(404), "http-404"), "nobody", "nobody", (4, 1)),
    Row(always("a blob: 403", BLOB, scripted.status(403), "http-403"), "nobody", "nobody", (4, 1)),
)  # fmt: skip
# A pull that fails takes podman four seconds; the first three rows are one of each.
QUICK = [
    pytest.param(row, release, marks=[] if release == "6.1" and row in BLOBS[:3] else [pytest.mark.long],
                 id=f"{row.case.name}-{release}")
    for row in BLOBS for release in RELEASES
]  # fmt: skip


@contextlib.contextmanager
def ready(row: Row, folder: Path, *, alone: bool) -> Iterator[tuple[World, Server, str]]:
    """The place with its fault, the good source, and the registries.conf that leads to both or to one."""
    with contextlib.ExitStack() as stack, Server() as good:
        wanted = row.case.name.startswith("certificate")
        certs = {"self-signed": certificates.self_signed(folder / "self-signed")} if wanted else {}
        world = World(stack, certs, stack.enter_context(Server()))
        prepare(replace(row.case, guarded=False), world)
        good.script.put("team/small", "1", IMAGE)
        flag = f"insecure = {str(row.case.insecure).lower()}\n"
        last = world.host if alone else good.host
        text = f'[[registry]]\nprefix = "images.example"\nlocation = "{last}"\n{flag if alone else "insecure = true"}\n'
        yield world, good, text if alone else f'{text}[[registry.mirror]]\nlocation = "{world.host}"\n{flag}'


def served(done: bool, good: Server) -> str:
    return "nobody" if not done else "good" if good.script.paths("/blobs/") else "bad"


def both(row: Row, folder: Path, release: str, *, alone: bool) -> tuple[str, str]:
    with ready(row, folder, alone=alone) as (world, good, text):
        began = time.monotonic()
        conf = RegistriesConf.from_toml(text, podman=release[0])
        limits = SHORT._replace(retries=1) if row.case is SILENT else LIMITS
        ours = served(check(time_pull(NAME, conf, limits=limits, platform="linux/amd64")).ok, good)
        our_s = time.monotonic() - began
        our_times = len(world.place.script.paths(BLOB))
    with ready(row, folder, alone=alone) as (world, good, text), engine(release) as real:
        real.configure(text)
        began = time.monotonic()
        done = real.podman("pull", "-q", NAME, check=False)
        theirs = served(done.returncode == 0, good)
        their_s = time.monotonic() - began
        if theirs == "nobody":
            assert real.podman("images", "-q").stdout == ""
        times = len(world.place.script.paths(BLOB))
    where = "alone" if alone else "before a good source"
    print(
        f"{row.case.name}, {where}: podman {release} {theirs} in {their_s:.1f} s, ours {ours} in {our_s:.1f} s; "
        f"the blob was asked for {times} and {our_times} times."
    )
    if row.asked and release == "6.1" and not alone:
        assert (times, our_times) == row.asked
    return theirs, ours


# In the short run the oldest and the newest release take turns.
TURNS = [
    pytest.param(row, release, marks=[] if release == RELEASES[at % 2 * 2] else [pytest.mark.long],
                 id=f"{row.case.name}-{release}")
    for at, row in enumerate(EXPECTED) for release in RELEASES
]  # fmt: skip


@pytest.mark.parametrize(("row", "release"), TURNS)
def test_podman_and_we_end_at_the_same_source(row: Row, release: str, tmp_path: Path) -> None:
    assert both(row, tmp_path, release, alone=False) == (row.before,) * 2


@pytest.mark.long
@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("row", (*EXPECTED, *BLOBS), ids=lambda row: row.case.name)
def test_podman_and_we_agree_about_the_only_source(row: Row, release: str, tmp_path: Path) -> None:
    assert both(row, tmp_path, release, alone=True) == (row.alone,) * 2


@pytest.mark.parametrize(("row", "release"), QUICK)
def test_a_blob_comes_from_the_next_source_where_podman_gets_it_there(
    row: Row, release: str, tmp_path: Path
) -> None:
    served_by = row.before if release == "6.1" else "nobody"
    assert both(row, tmp_path, release, alone=False) == (served_by,) * 2
