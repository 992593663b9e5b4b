"""A campaign from many hosts: real schedulers and workers as processes, each behind links of its own.

All of them run on this machine; what differs between vantage points is where the places lead them.
"""

from __future__ import annotations

import gc
import json
import os
import pickle
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import regtools as rt
from regtools.campaigns.campaign import Progress
from regtools.campaigns.hosts.fleet import Fleet
from regtools.campaigns.hosts.local import LocalFleet, connect
from regtools.campaigns.hosts.vantage import in_turn_on_this_host, present
from regtools.campaigns.job import Job, carry_out
from regtools.campaigns.journal import read_probes, read_vantages
from regtools.testbed import Link, Testbed
from regtools.testbed.bed import registries_conf
from tests.conftest import LONG
from tests.support.confs import leading_to
from tests.support.processes import await_true, runs

dask = pytest.importorskip("dask")
pytest.importorskip("distributed")

QUICK: dict[str, Any] = {"pause_s": 0.0, "probes": 0}
SWIFT: dict[str, Any] = {"per_minute": None, "at_once": None, "patience_s": 0.0}
FASTEST = {"tokyo": "east", "oslo": "west", "lima": "west"}
SECRET = "hunter2-do-not-tell"


@pytest.fixture(scope="module")
def bed() -> Iterator[Testbed]:
    with Testbed({"swift": Link(rtt_ms=1), "slow": Link(rtt_ms=25)}) as bed:
        yield bed


@pytest.fixture(scope="module")
def local() -> Iterator[LocalFleet]:
    with LocalFleet(FASTEST) as fleet:
        yield fleet
        pids = [fleet.scheduler_pid, *(pid for vantage in FASTEST for pid in fleet.pids(vantage))]
        assert all(map(runs, pids))
    assert not any(map(runs, pids))


@pytest.fixture(scope="module")
def client(local: LocalFleet) -> Iterator[Any]:
    with local.client() as client:
        yield client


@contextmanager
def joined(local: LocalFleet, client: Any, *vantages: str) -> Iterator[list[int]]:
    """Start more workers for one test, at vantage points that no other test names; give their process numbers."""
    local._add(vantages, {})
    pids = [pid for vantage in dict.fromkeys(vantages) for pid in local.pids(vantage)]
    try:
        yield pids
    finally:
        for vantage in dict.fromkeys(vantages):
            for pid in local.pids(vantage):
                os.kill(pid, signal.SIGKILL)  # one that has ended is there until the fleet is closed
        await_true(
            lambda: len(client.run_on_scheduler(_addresses)) == len(FASTEST), "the others are gone again"
        )


def _addresses(dask_scheduler: Any) -> list[str]:
    return list(dask_scheduler.workers)


@pytest.fixture
def places(bed: Testbed) -> dict[str, dict[str, rt.RegistriesConf]]:
    """Two mirrors; which of them is near depends on where one stands."""
    links = {name: place.conf for name, place in bed.places.items()}
    return {
        mirror: {at: links["swift" if best == mirror else "slow"] for at, best in FASTEST.items()}
        for mirror in ("east", "west")
    }


def campaign_rows(journal: Path, kind: str) -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in journal.read_bytes().splitlines()]
    return [row for row in rows if row["row"] == kind]


def spans(journal: Path) -> list[tuple[float, float]]:
    """When the pulls ran, by the clock of their host."""
    pulls, _ = rt.read_journal(journal)
    begun = [each.timestamp() for each in pulls["started_at"]]
    return sorted((at, at + took) for at, took in zip(begun, pulls["total_s"], strict=True))


# -- the answer --------------------------------------------------------------------------------------------


def test_each_vantage_point_has_its_own_verdict_and_it_is_the_truth(
    bed: Testbed, client: Any, places: Any, tmp_path: Path
) -> None:
    journal = tmp_path / "j"
    told: list[Progress] = []
    pulls = rt.run_campaign(
        bed.image("hello"),
        places,
        rounds=10,
        journal=journal,
        client=Fleet(client, **SWIFT | {"patience_s": 30}),  # nothing is lost here
        progress=told.append,
        **QUICK | {"probes": 1},
    )
    assert (len(pulls), told[-1].done, told[-1].total) == (60, 60, 60), pulls.attrs
    assert (pulls.attrs["stopped"], pulls.attrs["missing"]) == (None, {})
    assert pulls["ok"].all()
    pairs = rt.compare(pulls, by="vantage").pairs().set_index("vantage")
    assert dict(pairs["place"]) == FASTEST
    assert pairs["differs"].all()
    blocks = pulls.groupby(["vantage", "round"])["place"].agg(sorted)
    assert len(blocks) == 30
    assert all(block == ["east", "west"] for block in blocks)
    orders = pulls.sort_values(["round", "order"]).groupby("vantage")["place"].agg(list)
    assert len({tuple(order) for order in orders}) == 3  # each in an order of its own
    assert set(read_probes(journal)["vantage"]) == set(FASTEST)
    seen = read_vantages(journal)
    assert list(seen["vantage"]) == sorted(FASTEST)
    assert seen["host"].nunique() == 1
    assert seen[["started_at", "seen_at"]].notna().all().all()
    assert {row["host"] for row in campaign_rows(journal, "pull")} == set(seen["host"])


@pytest.mark.sized
def test_pulls_on_one_host_do_not_overlap_unless_asked_for(
    bed: Testbed, client: Any, places: Any, tmp_path: Path
) -> None:
    call = {"images": bed.image("hello"), "places": places, "rounds": 4 if LONG else 2, **QUICK}
    rt.run_campaign(**call, journal=tmp_path / "apart", client=Fleet(client, **SWIFT))
    apart = spans(tmp_path / "apart")
    assert all(end <= begin for (_, end), (begin, _) in pairwise(apart))
    rt.run_campaign(**call, journal=tmp_path / "together", client=Fleet(client, overlap=True, **SWIFT))
    together = spans(tmp_path / "together")
    assert any(end > begin for (_, end), (begin, _) in pairwise(together))


def test_two_fleets_take_turns_on_a_host() -> None:
    under_way: list[int] = []

    def work(job: Job) -> list[dict[str, object]]:
        under_way.append(1)
        assert len(under_way) == 1
        time.sleep(0.01)
        under_way.pop()
        return [{}]

    job = Job(key="k", image="x", place="p", conf=leading_to("127.0.0.1:1"))
    done: list[object] = []

    def several() -> None:
        done.extend(in_turn_on_this_host(work, job, alone=True) for _ in range(5))

    threads = [threading.Thread(target=several) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == 15


def test_a_place_is_not_crowded(bed: Testbed, client: Any, places: Any, tmp_path: Path) -> None:
    call = {"images": bed.image("hello"), "places": places, "rounds": 2, **QUICK}
    careful = Fleet(client, overlap=True, at_once=1, per_minute=None)
    rt.run_campaign(**call, journal=tmp_path / "one", client=careful)
    pulls, _ = rt.read_journal(tmp_path / "one")
    for _, of_place in pulls.groupby("place"):
        begun = sorted(of_place["started_at"])
        ends = [at.timestamp() + s for at, s in zip(of_place["started_at"], of_place["total_s"], strict=True)]
        assert all(end <= at.timestamp() for end, at in zip(sorted(ends), begun[1:], strict=False))
    spread = Fleet(client, overlap=True, at_once=None, per_minute=600)
    rt.run_campaign(**call, journal=tmp_path / "two", client=spread)
    pulls, _ = rt.read_journal(tmp_path / "two")
    for _, of_place in pulls.groupby("place"):
        begun = sorted(each.timestamp() for each in of_place["started_at"])
        assert begun[-1] - begun[0] >= 0.1 * (len(begun) - 1) - 0.05


def test_stop_switches_let_what_is_under_way_come_home(
    bed: Testbed, client: Any, places: Any, tmp_path: Path
) -> None:
    call = {"images": bed.image("small"), "places": places, "rounds": 3, "journal": tmp_path / "j", **QUICK}
    call["client"] = Fleet(client, overlap=True, **SWIFT)
    stopped = rt.run_campaign(**call, limit_bytes=1)
    assert 1 <= len(stopped) <= 3
    assert "the limit is 1" in stopped.attrs["stopped"]
    whole = rt.run_campaign(**call)
    assert len(whole) == 18
    assert set(stopped["run_id"]) <= set(whole["run_id"])


def test_a_vantage_point_that_reaches_nothing_spoils_no_other(
    bed: Testbed, client: Any, places: Any, tmp_path: Path
) -> None:
    cut_off = rt.RegistriesConf.from_toml(registries_conf("127.0.0.1:1", {}))
    pulls = rt.run_campaign(
        bed.image("hello"),
        {"east": places["east"] | {"lima": cut_off}},
        rounds=1,
        journal=tmp_path / "j",
        client=Fleet(client, **SWIFT),
        **QUICK,
    )
    assert dict(pulls.groupby("vantage")["ok"].sum()) == {"lima": 0, "oslo": 1, "tokyo": 1}
    assert set(pulls[~pulls["ok"]]["error_kind"]) == {"connect"}
    assert pulls.attrs["missing"] == {}


def test_a_vantage_point_without_the_program_is_told_as_missing(
    bed: Testbed, client: Any, places: Any, tmp_path: Path
) -> None:
    pulls = rt.run_campaign(
        bed.image("hello"),
        places,
        rounds=1,
        journal=tmp_path / "j",
        client=Fleet(client, vantages=("tokyo",), **SWIFT),
        cache_states=("cold",),
        make_cold=("false",),
        **QUICK,
    )
    assert len(pulls) == 0
    (left, why) = pulls.attrs["missing"]["tokyo"]
    assert left == 2
    assert "could not be emptied by false" in why
    assert "2 pulls are missing at tokyo" in pulls.attrs["stopped"]


# -- what goes wrong -----------------------------------------------------------------------------------------


def killing(pid: int, after: int) -> Any:
    def progress(now: Progress) -> None:
        if now.done == after:
            os.kill(pid, signal.SIGKILL)

    return progress


def test_what_a_dead_worker_left_is_done_by_its_like(
    bed: Testbed, local: LocalFleet, client: Any, tmp_path: Path
) -> None:
    places = {name: place.conf for name, place in bed.places.items()}
    with joined(local, client, "bergen", "bergen") as (victim, _):
        pulls = rt.run_campaign(
            bed.image("layers-20"),
            places,
            rounds=6,
            journal=tmp_path / "j",
            client=Fleet(client, vantages=("bergen",), **SWIFT | {"patience_s": 30}),
            progress=killing(victim, 3),
            **QUICK,
        )
        assert not runs(victim)
    assert pulls.attrs["missing"] == {}
    jobs = Counter(row["job"] for row in campaign_rows(tmp_path / "j", "pull"))
    assert (len(jobs), set(jobs.values())) == (12, {1})
    assert Counter(zip(pulls["round"], pulls["place"], strict=True)).total() == 12


@pytest.mark.sized
def test_without_a_like_it_is_missing_until_one_comes(
    bed: Testbed, local: LocalFleet, client: Any, tmp_path: Path
) -> None:
    call: dict[str, Any] = {
        "images": bed.image("layers-20" if LONG else "hello"),
        "places": {name: place.conf for name, place in bed.places.items()},
        "rounds": 2,
        "journal": tmp_path / "j",
        **QUICK,
    }
    everywhere = [*FASTEST, "kyoto"]
    with joined(local, client, "kyoto") as (victim,):
        fleet = Fleet(client, **SWIFT)
        pulls = rt.run_campaign(**call, client=fleet, progress=killing(victim, 2))
        (left, why) = pulls.attrs["missing"]["kyoto"]
        assert set(pulls.attrs["missing"]) == {"kyoto"}
        assert len(pulls) + left == 4 * len(everywhere)
        assert "no worker was there" in why
        again = rt.run_campaign(**call, client=fleet)  # it is remembered that kyoto took part
        assert len(again) == len(pulls)
        assert again.attrs["missing"]["kyoto"] == (left, why)
        local.add("kyoto")
        whole = rt.run_campaign(**call, client=fleet)
    assert whole.attrs["missing"] == {}
    assert dict(whole["vantage"].value_counts()) == dict.fromkeys(everywhere, 4)
    assert set(pulls["run_id"]) <= set(whole["run_id"])
    jobs = Counter(row["job"] for row in campaign_rows(tmp_path / "j", "pull"))
    assert (len(jobs), set(jobs.values())) == (16, {1})


@pytest.mark.long
def test_a_job_that_kills_its_workers_is_a_failed_pull_after_three_tries(
    bed: Testbed, local: LocalFleet, client: Any, tmp_path: Path
) -> None:
    with joined(local, client, *["cusco"] * 4) as pids:
        pulls = rt.run_campaign(
            bed.image("hello"),
            {"near": bed.places["swift"].conf},
            rounds=1,
            journal=tmp_path / "j",
            client=Fleet(client, vantages=("cusco",), **SWIFT | {"patience_s": 30}),
            cache_states=("cold",),
            make_cold=("sh", "-c", "kill -9 $PPID"),
            **QUICK,
        )
        assert sum(map(runs, pids)) == 1
    assert pulls.attrs["missing"] == {}
    assert list(zip(pulls["ok"], pulls["error_kind"], strict=True)) == [(False, "worker-lost")]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again, _ = rt.read_journal(tmp_path / "j")
    assert list(again["run_id"]) == list(pulls["run_id"])


# What a worker does from then on with the jobs of one place.
BROKEN = """
from regtools.campaigns import job
good = job.carry_out
broken = [
    lambda pull: [],
    lambda pull: {1},
    lambda pull: [{**pull, "job": "another/1/1"}],
    lambda pull: [{**pull, "bytes_fetched": 10**400}],
    lambda pull: [{**pull, "total_s": float("nan")}],
]
def carry_out(each):
    rows = good(each)
    return broken[each.round - 2](rows[-1]) if each.place == "babel" and each.round > 1 else rows
carry_out.__module__, job.carry_out = job.__name__, carry_out
"""


def test_what_is_not_the_rows_of_a_job_is_refused_counted_and_done_again(
    bed: Testbed, client: Any, tmp_path: Path
) -> None:
    client.run(exec, BROKEN, {})
    pulls = rt.run_campaign(
        bed.image("hello"),
        {"babel": bed.places["swift"].conf},
        rounds=6,
        journal=tmp_path / "j",
        client=Fleet(client, vantages=("lima",), **SWIFT),
        **QUICK,
    )
    assert list(pulls["error_kind"].fillna("")) == ["", *["bad-rows"] * 5]
    assert pulls.attrs["refused"] == {"lima": (15, "a wrong type in total_s")}
    assert (pulls.attrs["missing"], pulls.attrs["stopped"]) == ({}, None)


def test_who_has_nothing_to_do_sleeps(local: LocalFleet) -> None:
    """Dask looks at its own clock 50 times a second, in each process beside the one whose pull is timed."""
    idle = [local.scheduler_pid, *local.pids("tokyo")]
    before = [woken(pid) for pid in idle]
    time.sleep(1)
    assert all(woken(pid) - times < 30 for pid, times in zip(idle, before, strict=True))


def woken(pid: int) -> int:
    """How often the threads of a process have gone to sleep by themselves; proc_pid_status(5)."""
    text = "".join((task / "status").read_text() for task in Path(f"/proc/{pid}/task").iterdir())
    return sum(map(int, re.findall(r"^voluntary_ctxt_switches:\s*(\d+)", text, re.MULTILINE)))


@pytest.mark.parametrize(
    "address", ["ucx://[", "ucx://127.0.0.1:1", "foo://x", "tls://x", "tcp://[", "\udcff"]
)
def test_an_address_that_no_scheduler_can_have_is_told(address: str) -> None:
    with pytest.raises(rt.RegtoolsError, match="scheduler-gone"):  # was, for ucx: a fault of ours
        connect(address, timeout_s=1.0)


# Dask's client calls its dead scheduler again and again, and leaves the sockets to the collector of garbage: here, so
# that no other test meets them.
@pytest.mark.filterwarnings("ignore:unclosed <ssl.SSLSocket:ResourceWarning")
def test_when_the_scheduler_dies_what_came_home_is_kept_and_another_goes_on(
    bed: Testbed, client: Any, tmp_path: Path
) -> None:
    call: dict[str, Any] = {
        "images": bed.image("layers-20"),
        "places": {name: place.conf for name, place in bed.places.items()},
        "rounds": 3,
        "journal": tmp_path / "j",
        **QUICK,
    }
    with LocalFleet(["tokyo"]) as mortal, mortal.client() as gone:
        with pytest.raises(rt.RegtoolsError, match="the Dask scheduler is gone") as caught:
            rt.run_campaign(**call, client=Fleet(gone, **SWIFT), progress=killing(mortal.scheduler_pid, 2))
        assert caught.value.kind == "scheduler-gone"
    gc.collect()
    finished = {row["job"]: row["run_id"] for row in campaign_rows(tmp_path / "j", "pull")}
    assert 2 <= len(finished) < 6
    whole = rt.run_campaign(**call, client=Fleet(client, vantages=("tokyo",), **SWIFT))
    after = {row["job"]: row["run_id"] for row in campaign_rows(tmp_path / "j", "pull")}
    assert finished.items() <= after.items()
    assert len(whole) == len(after) == 6


OLD_DASK = (
    "import distributed.versions as versions; now = versions.get_package_info; "
    "versions.get_package_info = lambda names: {**now(names), 'dask': '2001.1.0'}"
)


# What happens to a worker, one after the other, and what is told of it.
DIFFERENT = {
    "from regtools.campaigns.hosts import vantage; vantage.__version__ = '0.0.9'": "has regtools 0.0.9",
    "import sys; sys.modules['regtools'] = None": "has no regtools",
    OLD_DASK: "has dask 2001.1.0",
    OLD_DASK.replace("'dask': '2001.1.0'", "'python': '3.9.2'"): "has Python 3.9",
}


def test_versions_that_differ_are_told_before_anything_is_measured(
    bed: Testbed, local: LocalFleet, client: Any, tmp_path: Path
) -> None:
    with joined(local, client, "odd"):
        (odd,) = (each for each in present(client, {}).values() if each.vantage == "odd")
        for change, told in DIFFERENT.items():
            client.run(exec, change, {}, workers=[odd.address])
            with pytest.raises(rt.RegtoolsError, match=told) as caught:
                rt.run_campaign(bed.image("hello"), bed.places, journal=tmp_path / "j", client=client)
            assert caught.value.kind == "versions-differ"
    assert not (tmp_path / "j").exists()


def test_no_scheduler_and_no_worker_are_told(bed: Testbed, local: LocalFleet, tmp_path: Path) -> None:
    with pytest.raises(rt.RegtoolsError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:1"):
        connect("tcp://127.0.0.1:1", timeout_s=0.5)
    with local.client() as client:
        nobody = Fleet(client, vantages=("atlantis",))
        with pytest.raises(rt.RegtoolsError, match="has no worker of atlantis"):
            rt.run_campaign(bed.image("hello"), bed.places, journal=tmp_path / "j", client=nobody)
        one_sided = {"east": {"tokyo": bed.places["swift"].conf}}
        with pytest.raises(rt.RegtoolsError, match="east has no configuration at lima"):
            rt.run_campaign(bed.image("hello"), one_sided, journal=tmp_path / "j", client=client)
    with pytest.raises(rt.RegtoolsError, match="east has no configuration on this machine"):
        rt.run_campaign(bed.image("hello"), one_sided, journal=tmp_path / "j")
    with pytest.raises(rt.RegtoolsError, match="client must be a connected Dask client, not str"):
        rt.run_campaign(bed.image("hello"), bed.places, journal=tmp_path / "j", client="tcp://x")
    assert not (tmp_path / "j").exists()


def test_a_worker_that_is_present_is_always_seen(local: LocalFleet) -> None:
    # Dask's client refreshes what it knows of the workers as well, and without their names.
    always = {"distributed.client.scheduler-info-interval": "1ms"}
    with dask.config.set(always), local.client() as client:
        known = present(client, {})
        assert {len(present(client, known)) for _ in range(50)} == {len(FASTEST)}


@pytest.mark.parametrize("wrong", [{"at_once": 0}, {"per_minute": 0}, {"patience_s": -1}])
def test_limits_that_make_no_sense_are_refused(client: Any, wrong: dict[str, Any]) -> None:
    with pytest.raises(rt.RegtoolsError, match=f"{next(iter(wrong))} must be"):
        Fleet(client, **wrong)


# -- what travels ----------------------------------------------------------------------------------------------


def test_no_secret_travels_in_a_job_or_shows_on_the_scheduler(
    bed: Testbed, client: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home" / ".docker"
    home.mkdir(parents=True)
    (home / "config.json").write_text(json.dumps({"auths": {"origin.test": {"auth": SECRET}}}))
    (tmp_path / "registries.conf").write_text(f"# password: {SECRET}\n{bed.place_conf_text('swift')}")
    conf = rt.RegistriesConf.load(
        tmp_path / "registries.conf",
        environ={"HOME": str(home.parent), "HTTPS_PROXY": f"http://user:{SECRET}@127.0.0.1:1"},
    )
    monkeypatch.setenv("REGTOOLS_TEST_SECRET", SECRET)
    job = Job(key="k", image=bed.image("hello"), place="near", conf=conf, make_cold=("true",))
    travelling = pickle.dumps(job)
    assert SECRET.encode() not in travelling
    assert pickle.loads(travelling).conf.surroundings.environ is os.environ
    assert "true" not in repr(job)

    rt.run_campaign(
        bed.image("hello"),
        {"near": conf},
        rounds=2,
        journal=tmp_path / "j",
        client=Fleet(client, **SWIFT),
        **QUICK,
    )
    seen = client.run_on_scheduler(_all_that_the_scheduler_knows)
    assert "regtools-pull" in seen
    assert SECRET not in seen
    assert SECRET not in (tmp_path / "j").read_text()


def _all_that_the_scheduler_knows(dask_scheduler: Any) -> str:
    scheduler = dask_scheduler
    tasks = [(task.key, repr(task.run_spec), task.exception_text) for task in scheduler.tasks.values()]
    return repr((tasks, list(scheduler.transition_log), scheduler.identity(), scheduler.get_events()))


def test_remembered_answers_travel_and_short_names_mean_the_same_there(bed: Testbed, tmp_path: Path) -> None:
    aliases = '[aliases]\n"it" = "origin.test/hello"\n'
    conf = rt.RegistriesConf.from_toml(bed.place_conf_text("swift"), short_name_aliases=aliases)
    job = pickle.loads(pickle.dumps(Job(key="k", image="it", place="near", conf=conf)))
    assert job.conf.resolve("it").to_dict() == conf.resolve("it").to_dict()
    assert carry_out(job)[-1]["ok"]


# -- processes ---------------------------------------------------------------------------------------------------


def test_a_local_fleet_ends_with_its_owner() -> None:
    code = (
        "from regtools.campaigns.hosts.local import LocalFleet\n"
        "import time\n"
        "local = LocalFleet(['here'])\n"
        "print(local.scheduler_pid, *local.pids('here'), flush=True)\n"
        "time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as owner:
        try:
            assert owner.stdout is not None
            pids = [int(each) for each in owner.stdout.readline().split()]
            assert len(pids) == 2
            assert all(map(runs, pids))
        finally:
            owner.kill()
    await_true(lambda: not any(map(runs, pids)), "the processes of a killed owner are gone")


def test_only_its_owner_can_use_a_local_fleet(local: LocalFleet, client: Any) -> None:
    """Any user of the machine reaches the ports; a scheduler or worker runs the code that it is sent."""
    workers = client.scheduler_info(n_workers=-1)["workers"]
    for address in (local.address, *workers):
        assert address.startswith("tls://127.0.0.1:")
        for guess in (address, address.replace("tls", "tcp")):
            with pytest.raises(rt.RegtoolsError, match="scheduler-gone"):
                connect(guess, timeout_s=0.5)
        host, port = address.removeprefix("tls://").split(":")
        trusting = ssl._create_unverified_context()
        with (
            pytest.raises(OSError),
            socket.create_connection((host, int(port))) as plain,
            trusting.wrap_socket(plain) as secure,
        ):
            secure.recv(1)  # TLS 1.3: the refusal of a client without a certificate comes here
    (key,) = Path(local._folder).glob("key.pem")
    assert key.stat().st_mode & 0o077 == 0
    assert key.parent.stat().st_mode & 0o077 == 0


def test_a_local_fleet_without_openssl_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(rt.RegtoolsError, match="openssl cannot make a certificate") as caught:
        LocalFleet(1)
    assert caught.value.kind == "program-missing"


@pytest.mark.long
def test_campaigns_on_one_machine_load_no_dask(bed: Testbed, tmp_path: Path) -> None:
    (tmp_path / "near.conf").write_text(bed.place_conf_text("swift"))
    code = (
        "import sys, regtools as rt\n"
        f"conf = rt.RegistriesConf.load({str(tmp_path / 'near.conf')!r})\n"
        f"rt.run_campaign({bed.image('hello')!r}, {{'near': conf}}, rounds=1,"
        f" journal={str(tmp_path / 'j')!r}, pause_s=0, probes=0)\n"
        "print(*({'dask', 'distributed'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
