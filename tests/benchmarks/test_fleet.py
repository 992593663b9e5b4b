"""What Dask adds to a pull: the same campaign by it and by the plain loop, and empty tasks of Dask, in turn."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

import regtools as rt
from regtools.campaigns.hosts.fleet import Fleet
from regtools.testbed import Link, Testbed

pytestmark = pytest.mark.benchmark

ROUNDS, REPEATS = 100, 7


def test_a_pull_by_dask_takes_little_longer_than_a_pull_and_an_empty_task(tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    from regtools.campaigns.hosts.local import LocalFleet

    with Testbed({"near": Link(rtt_ms=2)}) as bed, LocalFleet(1) as local, local.client() as client:
        fleet = Fleet(client, per_minute=None, at_once=None)
        places = {"near": bed.places["near"].conf}

        def each_s(name: str, used: Fleet | None) -> float:
            begun = time.perf_counter()
            pulls = rt.run_campaign(
                bed.image("hello"),
                places,
                rounds=ROUNDS,
                journal=tmp_path / name,
                client=used,
                pause_s=0,
                probes=0,
            )
            took = time.perf_counter() - begun
            assert pulls["ok"].all() and len(pulls) == ROUNDS
            return took / ROUNDS

        def empty_s() -> float:
            begun = time.perf_counter()
            for number in range(ROUNDS):
                client.submit(int, number, pure=False).result()
            return (time.perf_counter() - begun) / ROUNDS

        times = [
            (each_s(f"plain{repeat}", None), each_s(f"dask{repeat}", fleet), empty_s())
            for repeat in range(REPEATS)
        ]
    plain, dask, empty = map(min, zip(*times, strict=True))
    print(
        f"a pull {1000 * plain:.2f} ms, an empty task {1000 * empty:.2f} ms, a pull by Dask {1000 * dask:.2f} ms: "
        f"{dask / (plain + empty):.2f} x both"
    )
    assert dask <= 1.35 * (plain + empty)
