"""Measure six mirrors, three images, cold and warm, with three clients; writes ``data/mirrors/``.

    .venv/bin/python -m tests.recorded.measure_mirrors                # thirty rounds: under 20 minutes, alone
    .venv/bin/python -m tests.recorded.measure_mirrors --rounds 2 --into /tmp/trial

Everything is real but the distance and two of the mirrors' faults: docker-registry as a pull-through cache behind
each link, podman and skopeo as installed, all on this machine. A cache is emptied before each cold pull by
removing what it has stored; the warm pull comes right after.

Each round is a randomised complete block of ``run_campaign``; the three clients take turns, a round each. The
built-in client pulls all images; podman and skopeo, which take several times as long, pull one of them.

It may be stopped at any time, and goes on where it was when it is started again: what is measured so far lies in
``build/measure-mirrors``. When all rounds are done, it is written to ``data/mirrors`` and that folder is removed.
"""

from __future__ import annotations

import argparse
import csv
import json
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from regtools.campaigns.campaign import Progress, run_campaign
from regtools.pull.engines.home import engine_version
from tests.conftest import ROOT
from tests.recorded.measure_cache import machine
from tests.recorded.mirrors import FAILING, IMAGES, MIRRORS, UPSTREAM, World, opened

STATES = ("cold", "warm")


@dataclass(frozen=True)
class Client:
    """What one of the clients pulls in each round."""

    engine: str
    images: tuple[str, ...]
    probes: int

    @property
    def pulls(self) -> int:
        """How many pulls a round has."""
        return len(self.images) * len(MIRRORS) * len(STATES)


CLIENTS = (
    Client("builtin", tuple(IMAGES), 3),
    Client("podman", ("few-large",), 0),
    Client("skopeo", ("few-large",), 0),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--into", type=Path, default=ROOT / "data" / "mirrors")
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "measure-mirrors")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped; start it again to go on"))
    measure(options.into, options.work, options.rounds, options.seed)


def measure(into: Path, work: Path, rounds: int, seed: int) -> None:
    """Measure what is left to be measured, then write all of it to ``into``."""
    work.mkdir(parents=True, exist_ok=True)
    meter = Meter(work, rounds)
    with opened(work, seed) as world:
        for number in range(1, rounds + 1):
            for client in CLIENTS:
                one_round(world, client, number, seed, meter)
            meter.say(number)
    into.mkdir(parents=True, exist_ok=True)
    for client in CLIENTS:
        with (into / f"{client.engine}.jsonl").open("w") as out:
            out.writelines(recorded(work, client.engine))
    told = machine(rounds, seed) | {name: engine_version(name) for name in ("podman", "skopeo")}
    del told["redis-server"]
    told["links"] = {name: str(link) for name, link in {**MIRRORS, "upstream": UPSTREAM}.items()}
    told["flaky"] = FAILING
    (into / "machine.json").write_text(json.dumps(told, indent=2) + "\n")
    shutil.rmtree(work)


class Meter:
    """Waits for the caches after each pull, notes what the origin gave for it, and says how far it all is."""

    def __init__(self, work: Path, rounds: int) -> None:
        self._work = work
        self._rounds = rounds
        self._begun, self._done, self._failed = time.monotonic(), 0, 0

    def after(self, world: World, client: Client, progress: Progress) -> None:
        """Take note of the pull that has ended."""
        world.settle()
        self._done += 1
        with (self._work / f"{client.engine}-origin.csv").open("a", newline="") as out:
            csv.writer(out).writerow([progress.done, world.given_away()])

    def say(self, number: int) -> None:
        """Tell after each round how long the rest will take."""
        spent = time.monotonic() - self._begun
        if not self._done:
            return  # this round was measured before
        each = spent / self._done
        left = each * (self._rounds - number) * sum(client.pulls for client in CLIENTS)
        told = f"round {number} of {self._rounds}: {self._done} pulls in {_clock(spent)}, {_clock(left)} left"
        print(told, flush=True)


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


def one_round(world: World, client: Client, number: int, seed: int, meter: Meter) -> None:
    """Prolong a client's campaign by a round; nothing happens if it has been measured before."""
    world.given_away()
    run_campaign(
        [world.images[name] for name in client.images],
        world.places,
        rounds=number,
        journal=world.work / f"{client.engine}.jsonl",
        engine=client.engine,
        seed=seed,
        cache_states=STATES,
        make_cold=world.make_cold,
        probes=client.probes,
        pause_s=0.02,
        progress=lambda progress: meter.after(world, client, progress),
    )


def recorded(work: Path, engine: str) -> Iterator[str]:
    """Give the lines of a journal as they are kept: without requests, and with what the origin gave away."""
    with (work / f"{engine}-origin.csv").open(newline="") as file:
        given = {int(done): int(count) for done, count in csv.reader(file)}
    done = 0
    for line in (work / f"{engine}.jsonl").read_text().splitlines():
        row: dict[str, Any] = json.loads(line)
        if row["row"] == "request":
            continue
        if row["row"] == "pull":
            done += 1
            row["origin_bytes"] = given.get(done)  # None where it was killed between the pull and the note
        yield json.dumps({key: rounded(value) for key, value in row.items()}, separators=(",", ":")) + "\n"


def rounded(value: Any) -> Any:
    """Microseconds are enough."""
    return round(value, 6) if isinstance(value, float) else value


if __name__ == "__main__":
    main()
