"""The testbed as a whole: names, places, configurations, and clear words when it cannot open."""

from __future__ import annotations

import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

import regtools as rt
from regtools import RegtoolsError
from regtools.testbed import DEFAULT_IMAGES, DEFAULT_MIRRORS, Link, Payload, Testbed
from regtools.testbed.process import Helper
from tests.conftest import ROOT
from tests.support.processes import listens, runs
from tests.support.tcp import connect

EMPTY = {"places": {"origin": 0}, "images": {}}


def test_the_room_is_public() -> None:
    assert rt.testbed.Testbed is Testbed


def test_opening_the_room_loads_nothing_heavy() -> None:
    check = (
        "import sys, regtools.testbed\n"
        "print(sorted({'tornado', 'asyncio', 'pandas', 'matplotlib', 'pycurl'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert done.stdout == "[]\n"


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")
def test_a_testbed_that_nobody_uses_rests(bed: Testbed) -> None:
    # Also with connections that are open, half closed, or waiting for a request.
    idle, half, asking = (connect(bed.addresses[name]) for name in ("near", "near", "far"))
    with idle, half, asking:
        half.sendall(b"GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n")
        half.shutdown(socket.SHUT_WR)
        asking.sendall(b"GET /v2/ HT")
        time.sleep(0.3)
        before = [cpu_ticks(pid) for pid in bed.pids]
        time.sleep(1)
        assert all(cpu_ticks(pid) - then < 30 for pid, then in zip(bed.pids, before, strict=True))


def cpu_ticks(pid: int) -> int:
    """Hundredths of seconds that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def test_a_name_leads_through_all_mirrors_in_order_and_to_the_origin_last(bed: Testbed) -> None:
    sources = bed.conf.resolve(bed.image("hello")).candidates[0].sources
    wanted = [f"{bed.addresses[name]}/hello:latest" for name in ("near", "far", "origin")]
    assert [str(source.reference) for source in sources] == wanted
    assert all(source.insecure for source in sources)


@pytest.mark.parametrize("podman", ["4", "5", "6"])
def test_every_release_reads_the_configuration_the_same_way(bed: Testbed, podman: str) -> None:
    conf = rt.RegistriesConf.from_toml(bed.conf_text, podman=podman)
    assert [str(source.reference) for source in conf.resolve("origin.test/hello").candidates[0].sources] == [
        f"{bed.addresses[name]}/hello:latest" for name in ("near", "far", "origin")
    ]


@pytest.mark.parametrize("name", ["near", "far"])
@pytest.mark.parametrize("by_digest", [False, True])
def test_a_place_leads_to_its_mirror_and_nowhere_else(bed: Testbed, name: str, by_digest: bool) -> None:
    place = bed.places[name]
    assert place.name == name
    image = bed.image("hello", by_digest=by_digest)
    (candidate,) = place.conf.resolve(image).candidates
    assert [str(source.reference) for source in candidate.sources] == [
        image.replace("origin.test", bed.addresses[name])
    ]
    again = rt.RegistriesConf.from_toml(place.conf_text)
    assert again.to_dict() == place.conf.to_dict()


def test_places_are_the_mirrors_in_order_and_the_origin_stands_apart(bed: Testbed) -> None:
    assert list(bed.places) == ["near", "far"]
    assert bed.origin.name == "origin"
    (source,) = bed.origin.conf.resolve("origin.test/small").candidates[0].sources
    assert str(source.reference).startswith(bed.addresses["origin"])


def test_images_have_full_names_by_tag_and_by_digest(bed: Testbed) -> None:
    assert bed.image("hello") == "origin.test/hello:latest"
    assert bed.image("hello", by_digest=True) == f"origin.test/hello@{bed.images['hello']}"
    assert set(DEFAULT_IMAGES) <= bed.images.keys()
    for name in bed.images:
        assert str(rt.Reference.parse(bed.image(name))) == bed.image(name)


def test_an_image_that_is_not_there_names_those_that_are(bed: Testbed) -> None:
    with pytest.raises(RegtoolsError, match="no image 'nginx'") as caught:
        bed.image("nginx")
    assert "hello" in (caught.value.hint or "")


def test_own_images_and_no_mirrors_and_a_slow_origin() -> None:
    images = {"mine": Payload((5000,), tags=("v1",))}
    with Testbed({}, images=images, origin=Link(rtt_ms=20)) as bed:
        assert bed.places == {}
        assert bed.image("mine") == "origin.test/mine:v1"
        assert [str(one.reference) for one in bed.conf.resolve(bed.image("mine")).candidates[0].sources] == [
            f"{bed.addresses['origin']}/mine:v1"
        ]


def test_without_mirrors_named_there_are_three() -> None:
    with Testbed() as bed:
        assert bed.mirrors == DEFAULT_MIRRORS
        assert len(bed.places) == 3
        delays = [(link.rtt_ms, -(link.mbit or 0)) for link in bed.mirrors.values()]
        assert delays == sorted(delays)


def test_closing_frees_processes_and_ports_and_may_be_repeated() -> None:
    bed = Testbed({"near": Link()})
    assert bed.alive
    pids, addresses = bed.pids, bed.addresses
    bed.close()
    bed.close()
    assert not bed.alive
    assert not any(runs(pid) for pid in pids)
    assert not any(listens(address) for address in addresses.values())
    with pytest.raises(RegtoolsError, match="is closed"):
        _ = bed.counters


def test_two_testbeds_live_side_by_side(bed: Testbed) -> None:
    with Testbed({"near": Link()}) as other:
        assert not set(bed.addresses.values()) & set(other.addresses.values())
        assert {**other.images, "many-tags": bed.images["many-tags"]} == bed.images


@pytest.mark.parametrize("name", ["", "Near", "a b", "-x", "a/b", 'x"', "a\nb", "origin"])
def test_a_mirror_needs_a_name_that_can_stand_in_a_file(name: str) -> None:
    with pytest.raises(RegtoolsError, match="cannot be the name of a mirror") as caught:
        Testbed({name: Link()})
    assert caught.value.hint


def test_an_image_needs_a_name_that_can_be_a_repository() -> None:
    with pytest.raises(RegtoolsError, match="cannot be the name of an image"):
        Testbed(images={"No": Payload((5000,))})


def test_closing_keeps_and_removes_files_as_asked_and_writes_none(tmp_path: Path) -> None:
    with Testbed({"near": Link()}) as bed:
        kept = bed.write_conf(tmp_path / "kept.conf")
        assert kept.read_text() == bed.conf_text
        assert stat.S_ISREG(kept.stat().st_mode)
        gone = bed.write_conf(tmp_path / "gone.conf", keep=False)
        assert gone.exists()
        own = bed.write_conf(tmp_path / "practice.conf", keep=False)
        own.unlink()
        own.with_suffix(".new").write_text("the reader's own")
        own.with_suffix(".new").rename(own)
        existing = tmp_path / "registries.conf"
        existing.write_text("precious")
        for keep in (True, False):
            with pytest.raises(RegtoolsError, match="File exists") as caught:
                bed.write_conf(existing, keep=keep)
            assert (caught.value.kind, caught.value.file) == ("file-unwritable", str(existing))
        with pytest.raises(RegtoolsError, match="No such file"):
            bed.write_conf(tmp_path / "missing" / "registries.conf")
    with pytest.raises(RegtoolsError, match="is closed"):
        bed.write_conf(tmp_path / "late.conf", keep=False)
    assert existing.read_text() == "precious"
    assert own.read_text() == "the reader's own"  # only the file that was written is removed
    assert sorted(tmp_path.iterdir()) == [kept, own, existing]


def test_a_port_that_is_taken_is_an_error_in_words() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        with pytest.raises(RegtoolsError, match="registry says: Address already in use") as caught:
            Helper("registry", {**EMPTY, "places": {"origin": taken.getsockname()[1]}})
        assert caught.value.kind == "testbed-failed"
        link = {"rtt_ms": 0, "mbit": None, "target": [int(socket.AF_INET), ["127.0.0.1", 1]]}
        with pytest.raises(RegtoolsError, match="link says: Address already in use"):
            Helper("link", {"links": {"x": {**link, "port": taken.getsockname()[1]}}})


@pytest.mark.parametrize(
    ("program", "says"),
    [
        (None, "could not be started: No such file"),
        ("#!/bin/sh\nexit 3\n", r"has ended \(status 3\)"),
        ("#!/bin/sh\nkill -9 $$\n", r"has ended \(signal 9\)"),
        ("#!/bin/sh\nexec sleep 600\n", "did not answer within 0.5 s"),
    ],
    ids=["missing", "fails", "killed", "hangs"],
)
def test_a_process_that_cannot_be_had_is_an_error_in_words(
    program: str | None, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = tmp_path / "python"
    if program:
        python.write_text(program)
        python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    with pytest.raises(RegtoolsError, match=says) as caught:
        Helper("registry", EMPTY, timeout=0.5 if "sleep" in (program or "") else 30)
    assert caught.value.hint


def test_a_missing_tornado_is_named_with_the_way_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A folder that hides the installed one, as if it were not there.
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['tornado'] = None\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(RegtoolsError, match="no module tornado") as caught:
        Helper("registry", EMPTY)
    assert "pip install" in (caught.value.hint or "")


def test_a_late_answer_is_not_taken_for_the_next_one(bed: Testbed, monkeypatch: pytest.MonkeyPatch) -> None:
    # As when a reader interrupts a cell while the answer is on its way.
    helper = bed._registry
    monkeypatch.setattr(helper, "_line", lambda: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        _ = bed.counters
    monkeypatch.undo()
    bed.reset_counters()
    assert helper.ask({"do": "counters"})["n"] == helper._asked


def test_a_place_fails_on_purpose_and_recovers(bed: Testbed) -> None:
    for kind, status in (("ping", 500), ("manifest", 401), ("manifest", 404), ("blob", 503)):
        bed.fail("near", kind, status)
        done = rt.time_pull(bed.image("hello"), bed.places["near"].conf)
        assert done.error_kind and str(status) in str(done), (kind, status)
        bed.fail("near", kind, None)
    assert rt.time_pull(bed.image("hello"), bed.places["near"].conf).error_kind is None
    for wrong in (("nowhere", "blob", 503), ("near", "layer", 503), ("near", "blob", 200)):
        with pytest.raises(RegtoolsError):
            bed.fail(*wrong)
