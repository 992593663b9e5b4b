"""What Dask adds to a pull: the same campaign by it and by the plain loop, in turn."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

import regtools as rt
from regtools.campaigns.hosts.fleet import Fleet
from regtools.testbed import Link, Testbed

pytestmark = pytest.mark.benchmark

ROUNDS, REPEATS = 100, 7


def test_dask_adds_less_than_five_milliseconds_to_a_pull(tmp_path: Path) -> None:
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

        plain, dask = [], []
        for repeat in range(REPEATS):
            plain.append(each_s(f"plain{repeat}", None))
            dask.append(each_s(f"dask{repeat}", fleet))
    added = min(dask) - min(plain)
    print(
        f"a pull {1000 * min(plain):.2f} ms, by Dask {1000 * min(dask):.2f} ms: {1000 * added:.2f} ms added"
    )
    assert added < 0.005
