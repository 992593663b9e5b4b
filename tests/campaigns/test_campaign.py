"""A campaign is randomised by its seed, loses nothing when it is killed, and goes on where it was."""

from __future__ import annotations

import json
import pickle
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

import regtools as rt
from regtools.campaigns.campaign import Progress, Stop, conduct, in_turn
from regtools.campaigns.job import Job, _probe, carry_out
from regtools.campaigns.journal import read_probes
from regtools.campaigns.plan import Plan
from regtools.testbed import Link, Testbed
from tests.support import scripted
from tests.support.confs import leading_to
from tests.support.processes import await_true
from tests.support.scripted import Server

QUICK = {"pause_s": 0.0, "probes": 0}


@pytest.fixture(scope="module")
def bed() -> Iterator[Testbed]:
    with Testbed({"near": Link(rtt_ms=1), "far": Link(rtt_ms=6)}) as bed:
        yield bed


def plan(bed: Testbed, **more: object) -> Plan:
    images = (bed.image("hello"), bed.image("small"))
    places = {name: place.conf for name, place in bed.places.items()}
    return Plan(id="c", seed=7, images=images, places=places, **more)  # type: ignore[arg-type]


def test_every_round_is_a_complete_block_in_an_order_of_its_own(bed: Testbed) -> None:
    made = plan(bed, rounds=8)
    jobs = list(made.jobs())
    wanted = {(image, place) for image in made.images for place in made.places}
    orders = set()
    for number in range(1, 9):
        block = [job for job in jobs if job.round == number]
        assert {(job.image, job.place) for job in block} == wanted
        assert [job.order for job in block] == [1, 2, 3, 4]
        orders.add(tuple((job.image, job.place) for job in block))
    assert len(orders) > 3
    assert len({job.key for job in jobs}) == len(jobs)
    assert list(plan(bed, rounds=8).jobs()) == jobs  # the seed decides
    assert list(plan(bed, rounds=20).jobs())[: len(jobs)] == jobs  # and not the number of rounds


def test_pauses_vary_and_each_place_is_probed_once_a_round(bed: Testbed) -> None:
    jobs = list(plan(bed, rounds=20, pause_s=2.0, jitter=0.5, probes=3).jobs())
    assert jobs[0].pause_s == 0
    rests = [job.pause_s for job in jobs[1:]]
    assert all(1 <= rest <= 3 for rest in rests)
    assert max(rests) - min(rests) > 0.5
    probed = Counter((job.round, job.place) for job in jobs if job.probes)
    assert set(probed.values()) == {1}
    assert len(probed) == 40


def test_a_job_travels_and_its_rows_are_plain(bed: Testbed) -> None:
    job = next(plan(bed, rounds=1).jobs())
    again = pickle.loads(pickle.dumps(job))
    rows = carry_out(again)
    assert json.loads(json.dumps(rows))[-1]["job"] == job.key
    assert [row["row"] for row in rows] == ["probe", *["request"] * rows[-1]["n_requests"], "pull"]
    assert (rows[-1]["place"], rows[-1]["image"], rows[-1]["ok"]) == (job.place, job.image, True)


def test_a_campaign_is_a_frame_and_goes_on_with_more_rounds(bed: Testbed, tmp_path: Path) -> None:
    journal = tmp_path / "pulls.jsonl"
    told: list[Progress] = []
    pulls = rt.run_campaign(
        bed.image("hello"), bed.places, rounds=2, journal=journal, progress=told.append, **QUICK
    )
    assert list(pulls["order"]) == [1, 2, 1, 2]
    assert set(pulls["place"]) == {"near", "far"}
    assert [(each.done, each.total) for each in told] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert told[-1].left_s == 0
    bed.reset_counters()
    longer = rt.run_campaign(bed.image("hello"), bed.places, rounds=3, journal=journal, **QUICK)
    assert list(longer["run_id"][:4]) == list(pulls["run_id"])
    assert len(longer) == 6
    assert longer.attrs["seed"] == pulls.attrs["seed"]
    assert bed.counters.requests(kind="manifest", method="GET", status=200) == 4  # index and image, twice
    assert len(rt.read_journal(journal)[0]) == 6


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"seed": 2}, "seed: 1, now 2"),
        ({"images": "origin.test/small"}, "images: "),
        ({"workers": 2}, "workers: 4, now 2"),
        ({"places": "near"}, "places: near, far, now near"),
        ({"places": "moved"}, "place far has another configuration now"),
    ],
)
def test_another_plan_in_the_same_journal_is_refused(
    bed: Testbed, tmp_path: Path, change: dict[str, object], told: str
) -> None:
    places = {name: place.conf for name, place in bed.places.items()}
    call = {"images": bed.image("hello"), "places": places, "rounds": 1, "seed": 1, **QUICK}
    rt.run_campaign(journal=tmp_path / "j", **call)  # type: ignore[arg-type]
    before = (tmp_path / "j").read_bytes()
    if change.get("places"):
        moved = {"near": places["near"]} if change["places"] == "near" else places | {"far": places["near"]}
        change = {"places": moved}
    with pytest.raises(rt.RegtoolsError) as caught:
        rt.run_campaign(journal=tmp_path / "j", **{**call, **change})  # type: ignore[arg-type]
    assert caught.value.kind == "another-campaign"
    assert told in caught.value.message
    assert (tmp_path / "j").read_bytes() == before


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"rounds": 0}, "rounds must be"),
        ({"pause_s": -1}, "pause_s must be"),
        ({"images": ()}, "needs an image"),
        ({"places": {}}, "needs an image and a place"),
        ({"images": ("a.test/x", "a.test/x")}, "named twice"),
        ({"cache_states": ("cold",)}, "needs a command"),
        ({"cache_states": ("hot",)}, "not cache states"),
        ({"places": [("x", 1)]}, "is not a place"),
        ({"images": ("UPPER",)}, "UPPER"),
    ],
)
def test_what_cannot_be_carried_out_is_told_before_anything_is_written(
    bed: Testbed, tmp_path: Path, change: dict[str, object], told: str
) -> None:
    call = {"images": bed.image("hello"), "places": bed.places, **QUICK, **change}
    with pytest.raises(rt.RegtoolsError, match=told):
        rt.run_campaign(journal=tmp_path / "j", **call)  # type: ignore[arg-type]
    assert not (tmp_path / "j").exists()


def test_stop_switches_end_it_between_two_pulls(bed: Testbed, tmp_path: Path) -> None:
    call = {"images": bed.image("small"), "places": bed.places, "rounds": 2, "journal": tmp_path / "j"}
    switch = tmp_path / "stop"
    switch.touch()
    stopped = rt.run_campaign(**call, stop_file=switch, **QUICK)  # type: ignore[arg-type]
    assert (len(stopped), stopped.attrs["stopped"]) == (0, f"there is a file {switch}")
    switch.unlink()
    stopped = rt.run_campaign(**call, stop_file=switch, limit_bytes=1_500_000, **QUICK)  # type: ignore[arg-type]
    assert len(stopped) == 2
    assert "the limit is 1500000" in stopped.attrs["stopped"]
    again = rt.run_campaign(**call, limit_bytes=1_500_000, **QUICK)  # type: ignore[arg-type]
    assert len(again) == 2  # what was fetched before counts
    whole = rt.run_campaign(**call, **QUICK)  # type: ignore[arg-type]
    assert (len(whole), whole.attrs["stopped"]) == (4, None)


def test_a_registry_that_has_had_enough_stops_it_and_its_limits_are_recorded(tmp_path: Path) -> None:
    with Server() as server:
        limits = {"RateLimit_Limit": "100;w=21600", "RateLimit_Remaining": "0;w=21600", "Retry_After": "3600"}
        server.script.fault("/manifests/", scripted.status(429, **limits))
        conf = leading_to(server.host)
        name = f"{server.host}/team/small:1"
        pulls = rt.run_campaign(name, {"it": conf}, rounds=5, journal=tmp_path / "j", **QUICK)
    assert list(pulls["error_kind"]) == ["http-429"]
    assert "429" in pulls.attrs["stopped"]
    requests = rt.read_journal(tmp_path / "j")[1]
    (told,) = requests["rate_limit"].dropna()
    assert told == "ratelimit-limit: 100;w=21600; ratelimit-remaining: 0;w=21600"
    assert requests["retry_after_s"].dropna().tolist() == [3600.0]


def test_after_a_cold_pull_that_failed_the_warm_one_is_warmed_first(bed: Testbed) -> None:
    told: list[tuple[str, str, bool]] = []

    def do(job: Job) -> list[dict[str, object]]:
        told.append((job.place, job.cache_state, job.is_warm))
        return [{"ok": job.place == "near"}]

    made = plan(bed, rounds=2, cache_states=("cold", "warm"), make_cold=("true",))
    assert all(job.is_warm for job in made.jobs() if job.cache_state == "warm")
    assert len(list(in_turn(do, list(made.jobs()), go_on=lambda: True))) == len(told)
    assert {each for each in told if each[1] == "warm"} == {("near", "warm", True), ("far", "warm", False)}


def test_cold_and_warm_are_made_on_purpose(bed: Testbed, tmp_path: Path) -> None:
    emptied = tmp_path / "emptied"
    command = ("sh", "-c", f'echo "$0" >> {emptied}', "{place}")
    call = {"images": bed.image("small"), "places": bed.places, "journal": tmp_path / "j", **QUICK}
    bed.reset_counters()
    pulls = rt.run_campaign(
        **call,
        rounds=2,
        cache_states=("warm", "cold"),
        make_cold=command,  # type: ignore[arg-type]
    )
    assert list(pulls["cache_state"]) == ["cold", "warm"] * 4
    assert emptied.read_text().split() == list(pulls["place"][::2])
    assert bed.counters.requests(kind="manifest", method="GET", status=200) == 8
    bed.reset_counters()
    call["journal"] = tmp_path / "k"
    rt.run_campaign(**call, rounds=1, cache_states=("warm",))  # type: ignore[arg-type]
    assert (
        bed.counters.requests(kind="manifest", method="GET", status=200) == 4
    )  # each once unmeasured before
    call["journal"] = tmp_path / "l"
    with pytest.raises(rt.RegtoolsError, match="could not be emptied by false: status 1"):
        rt.run_campaign(**call, cache_states=("cold",), make_cold=("false",))  # type: ignore[arg-type]
    assert len(rt.read_journal(tmp_path / "l")[0]) == 0


def test_round_trips_are_measured_apart(bed: Testbed, tmp_path: Path) -> None:
    rt.run_campaign(bed.image("hello"), bed.places, rounds=2, journal=tmp_path / "j", pause_s=0, probes=5)
    probes = read_probes(tmp_path / "j")
    assert len(probes) == 4
    assert (probes["n"] == 5).all()
    low = probes.groupby("place")["rtt_low_s"].min()
    assert 0.001 <= low["near"] < low["far"]
    assert low["far"] >= 0.006


def test_a_place_without_an_answer_has_no_round_trip() -> None:
    dead = Job(key="k", image="127.0.0.1:1/x", place="dead", conf=leading_to("127.0.0.1:1"), probes=2)
    row = _probe(dead)
    assert (row["n"], row["rtt_s"], row["error_kind"]) == (0, None, "connect")


def test_two_campaigns_do_not_write_to_one_journal(bed: Testbed, tmp_path: Path) -> None:
    call = {"images": bed.image("hello"), "places": bed.places, "journal": tmp_path / "j", **QUICK}

    def second(_: Progress) -> None:
        with pytest.raises(rt.RegtoolsError, match="journal-in-use"):
            rt.run_campaign(**call)  # type: ignore[arg-type]

    rt.run_campaign(**call, rounds=1, progress=second)  # type: ignore[arg-type]


def test_another_executor_may_finish_jobs_in_any_order(bed: Testbed, tmp_path: Path) -> None:
    def backwards(
        do: object, jobs: list[Job], go_on: object
    ) -> Iterator[tuple[Job, list[dict[str, object]]]]:
        for job in reversed(jobs):
            yield job, carry_out(job)

    made = plan(bed, rounds=1, **QUICK)
    pulls = conduct(made, str(tmp_path / "j"), Stop(), execute=backwards)  # type: ignore[arg-type]
    assert list(pulls["order"]) == [4, 3, 2, 1]


# -- Ctrl-C; kills are in tests/faults/test_kills.py -------------------------------------------------------

CHILD = """
import sys
import regtools as rt
folder, image, rounds = sys.argv[1:]
places = {name: rt.RegistriesConf.load(f"{folder}/{name}.conf") for name in ("near", "far")}
print("ready", flush=True)
rt.run_campaign(image, places, rounds=int(rounds), journal=f"{folder}/j", pause_s=0, probes=1)
"""
ROUNDS = 12


def start(folder: Path, image: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", CHILD, str(folder), image, str(ROUNDS)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def whole_lines(journal: Path) -> list[dict[str, object]]:
    """The pulls that a reader of the raw file finds finished."""
    found = []
    for line in journal.read_bytes().split(b"\n") if journal.exists() else []:
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if row["row"] == "pull":
            found.append(row)
    return found


def test_ctrl_c_leaves_a_whole_journal(bed: Testbed, tmp_path: Path) -> None:
    for name in ("near", "far"):
        (tmp_path / f"{name}.conf").write_text(bed.place_conf_text(name))
    child = start(tmp_path, bed.image("layers-20"))
    await_true(lambda: len(whole_lines(tmp_path / "j")) >= 2, "two pulls are done")
    child.send_signal(signal.SIGINT)
    _, said = child.communicate(timeout=60)
    assert child.returncode == -signal.SIGINT
    assert "KeyboardInterrupt" in said
    data = (tmp_path / "j").read_bytes()
    assert data.endswith(b"\n")
    pulls, _ = rt.read_journal(tmp_path / "j")
    assert pulls.attrs["skipped"] == []
    assert 2 <= len(pulls) < 2 * ROUNDS


@pytest.mark.needs("podman", "skopeo")
@pytest.mark.parametrize("engine", ["podman", "skopeo"])
def test_the_real_programs_run_campaigns(bed: Testbed, tmp_path: Path, engine: str) -> None:
    pulls = rt.run_campaign(
        bed.image("hello"), bed.places, rounds=1, journal=tmp_path / "j", engine=engine, **QUICK
    )
    assert list(pulls["client"]) == [engine] * 2
    assert pulls["ok"].all()
    served = dict(zip(pulls["place"], pulls["served_by"], strict=True))
    assert served == {name: f"{bed.addresses[name]}/hello:latest" for name in ("near", "far")}
