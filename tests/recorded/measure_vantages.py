"""Measure three mirrors from three towns in one campaign; writes ``data/vantages/``.

    .venv/bin/python -m tests.recorded.measure_vantages               # ten rounds: half a minute, alone
    .venv/bin/python -m tests.recorded.measure_vantages --rounds 2 --into /tmp/trial

A town is a Dask worker with a link of its own to each mirror; chapter A5 shows the same links and the same call.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

from regtools.campaigns.campaign import run_campaign
from regtools.campaigns.hosts.fleet import Fleet
from regtools.campaigns.hosts.local import LocalFleet
from regtools.testbed import Link, Testbed
from tests.conftest import ROOT
from tests.recorded.measure_cache import machine

TRIP_MS = {
    "east.test": {"tokyo": 2, "oslo": 28, "lima": 16},
    "middle.test": {"tokyo": 10, "oslo": 10, "lima": 4},
    "west.test": {"tokyo": 28, "oslo": 2, "lima": 28},
}
TOWNS = ["tokyo", "oslo", "lima"]
COLUMNS = [
    "vantage",
    "round",
    "order",
    "place",
    "image",
    "client",
    "cache_state",
    "started_at",
    "total_s",
    "ok",
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--into", type=Path, default=ROOT / "data" / "vantages")
    options = parser.parse_args()
    measure(options.into, options.rounds, options.seed)


def measure(into: Path, rounds: int, seed: int) -> None:
    """Measure all of it again, and keep the columns that the chapter reads."""
    links = {
        f"{town}-{mirror}": Link(rtt_ms=trip) for mirror, row in TRIP_MS.items() for town, trip in row.items()
    }
    with tempfile.TemporaryDirectory() as work, Testbed(links) as bed, LocalFleet(TOWNS) as fleet:
        places = {mirror: {town: bed.places[f"{town}-{mirror}"].conf for town in TOWNS} for mirror in TRIP_MS}
        with fleet.client() as client:
            pulls = run_campaign(
                bed.image("hello"),
                places,
                rounds=rounds,
                journal=Path(work, "pulls.jsonl"),
                client=Fleet(client, per_minute=None),
                seed=seed,
                probes=0,
                pause_s=0,
            )
    into.mkdir(parents=True, exist_ok=True)
    pulls = pulls.sort_values(["vantage", "round", "order"])[COLUMNS]
    pulls["total_s"] = pulls["total_s"].round(5)
    pulls.to_csv(into / "pulls.csv", index=False)
    known = machine(rounds, seed)
    for name in ("redis-server", "docker-registry"):
        del known[name]
    (into / "machine.json").write_text(json.dumps(known, indent=2) + "\n")


if __name__ == "__main__":
    main()
