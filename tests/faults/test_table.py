"""Every fault of the table against our own client: alone, and with a good source after it.

Of each: the error or the recovery, a row that says so, the next source where podman would try it, time and
memory within bounds, nothing half-written, and our login in nobody's hands but the place's own.
"""

from __future__ import annotations

import contextlib
import json
import time
import tracemalloc
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest

from regtools.pull.records import Pull
from regtools.pull.timing import time_pull
from tests.faults.places import CASES, IMAGE, LIMITS, SHORT, Case, World
from tests.support import certificates, logins
from tests.support.certificates import Certificate
from tests.support.logins import PAIR, TOKEN, Home
from tests.support.rows import check
from tests.support.scripted import Server

pytestmark = pytest.mark.needs("openssl")

HANG_S = 25.0  # silent servers stay so for 30; everything here takes 3 at most
MEMORY = 40_000_000  # the servers, which run in this process, and a bomb of theirs included
THEIRS = b64encode(b"them:s3cr3t-of-the-good-source").decode()


@pytest.fixture(scope="session")
def certs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Certificate]:
    folder = tmp_path_factory.mktemp("certificates")
    good = certificates.make(folder / "good")
    return {
        "good": good,
        "wrong host": certificates.issue(good.ca, folder / "host", "DNS:elsewhere.example"),
        "ended": certificates.issue(good.ca, folder / "ended", days=-1),
        "self-signed": certificates.self_signed(folder / "own"),
        "unknown": certificates.make(folder / "unknown"),
    }


@pytest.fixture
def world(certs: dict[str, Certificate]) -> Iterator[World]:
    with contextlib.ExitStack() as stack:
        yield World(stack, certs, stack.enter_context(Server()))


def params() -> list[object]:
    return [pytest.param(case, marks=[pytest.mark.long] if case.long else [], id=case.name) for case in CASES]


def prepare(case: Case, world: World) -> None:
    if case.guarded:
        world.place.script.login = f"Basic {PAIR}"
    first = world.place
    case.set_up(world)
    if world.place is not first and case.guarded:
        world.place.script.login = f"Basic {PAIR}"
    for part, fault, times in case.faults:
        world.place.script.fault(part, *[fault] * times)


def pull(case: Case, world: World, folder: Path, good: Server | None) -> Pull:
    home = Home(folder / "home")
    home.environ["SSL_CERT_FILE"] = str(world.certificates["good"].ca)
    entries = {world.host: {"auth": PAIR}} | ({good.host: {"auth": THEIRS}} if good else {})
    home.auth(entries)
    flag = f"insecure = {str(case.insecure).lower()}\n"
    text = f'[[registry]]\nprefix = "images.example"\nlocation = "{(good or world).host}"\n'
    text += "insecure = true\n" + (f'[[registry.mirror]]\nlocation = "{world.host}"\n{flag}' if good else "")
    if good is None:
        text = text.replace("insecure = true\n", flag)
    conf = home.conf("unused.example", extra=text)
    target = folder / "kept" / "image"
    target.parent.mkdir(exist_ok=True)
    tracemalloc.start()
    began = time.monotonic()
    try:
        limits = SHORT if case.short else LIMITS
        pulled = check(
            time_pull("images.example/team/small:1", conf, limits=limits, into=target, platform="linux/amd64")
        )
        taken, (_, peak) = time.monotonic() - began, tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert taken < HANG_S
    assert peak < MEMORY
    assert [each.name for each in target.parent.iterdir()] == (["image"] if pulled.ok else [])
    if pulled.ok:
        named = json.loads((target / "index.json").read_text())["manifests"][0]["digest"]
        assert named == pulled.digest
    assert logins.found_in(logins.everything_shown(pulled, folder)) == []
    return pulled


def keep_to_yourself(world: World, good: Server | None) -> None:
    """Every secret went to the place that it is for, and nowhere else."""
    at_place = {each.headers.get("authorization") for each in world.place.script.seen}
    assert at_place <= {None, f"Basic {PAIR}", f"Bearer {TOKEN}"}
    assert {each.headers.get("authorization") for each in world.other.script.seen} <= {None}
    assert not any(each.body for each in world.other.script.seen)
    if good is not None:
        assert {each.headers.get("authorization") for each in good.script.seen} <= {None, f"Basic {THEIRS}"}


@pytest.mark.parametrize("case", params())
def test_a_fault_alone(case: Case, world: World, tmp_path: Path) -> None:
    prepare(case, world)
    pulled = pull(case, world, tmp_path, None)
    assert pulled.error_kind == case.alone, str(pulled)
    if case.row is not None:
        assert case.row in {each.error_kind for each in pulled.requests}
    keep_to_yourself(world, None)


@pytest.mark.parametrize("case", params())
def test_a_fault_before_a_good_source(case: Case, world: World, tmp_path: Path) -> None:
    prepare(case, world)
    with Server() as good:
        good.script.put("team/small", "1", IMAGE)
        good.script.login = f"Basic {THEIRS}"
        pulled = pull(case, world, tmp_path, good)
        keep_to_yourself(world, good)
        bad, well = f"{world.host}/team/small:1", f"{good.host}/team/small:1"
        assert pulled.error_kind == case.beside, str(pulled)
        assert pulled.attempts[0] == bad
        if case.stays:
            assert (pulled.served_by, good.script.seen) == (bad, [])
        elif case.beside is None:
            assert pulled.attempts == (bad, well)
            assert [each.reference for each in pulled.failures] == [bad]
            assert {each.attempt for each in pulled.requests} >= {1}
        else:
            assert good.script.seen == []
    if case.row is not None:
        assert case.row in {each.error_kind for each in pulled.requests if each.attempt == 0}
