"""Measure what a pull-through cache costs when cold and saves when warm; writes ``data/cache/``.

    .venv/bin/python -m tests.recorded.measure_cache            # ten rounds: about 19 minutes on a quiet machine
    .venv/bin/python -m tests.recorded.measure_cache --rounds 1 --into /tmp/trial

Everything is real but the distance: docker-registry and redis-server as they are installed, the testbed as the
origin, behind links of 40 ms and 20 or 200 Mbit/s, all on this machine. In each round every way is taken once, in
an order drawn anew; a cache is made anew for each cold pull. How many copies the origin gave away is counted there.

What is measured is chosen so that it fits into 20 minutes: 270 MB would take 108 s at 20 Mbit/s, and eight clients
another eight times that. So 22 MB go over both links, 270 MB over the fast one, and eight clients ask for the
22 MB over the fast one. Where a cold pull is long, the one without Redis is left out, and the warm one without
Redis is served from the storage that Redis's one has filled.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import platform
import random
import re
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from regtools import __version__
from regtools.cache import Cache
from regtools.pull.records import Pull
from regtools.pull.timing import time_pull
from regtools.testbed import Link, Payload, Testbed

ROOT = Path(__file__).resolve().parent.parent.parent
RTT_MS = 40
IMAGES = {22: Payload((5_500_000,) * 4, seed="22"), 270: Payload((67_500_000,) * 4, seed="270")}
LINKS = {f"mbit-{mbit}": Link(rtt_ms=RTT_MS, mbit=mbit) for mbit in (20, 200)}
COLUMNS = (
    *("round", "order", "mb", "mbit", "rtt_ms", "clients", "way", "state", "redis", "client"),
    *("total_s", "ttfb_s", "ok", "last_s", "origin_requests", "origin_bytes", "copies"),
)
PATIENCE_S = 300.0


@dataclass(frozen=True)
class Case:
    """An image over a link, asked for by so many clients at once."""

    mb: int
    mbit: int
    clients: int
    cold_without_redis: bool = True


CASES = (Case(22, 20, 1, False), Case(22, 200, 1), Case(22, 200, 8), Case(270, 200, 1, False))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--into", type=Path, default=ROOT / "data" / "cache")
    options = parser.parse_args()
    measure(options.into, options.rounds, options.seed)


def measure(into: Path, rounds: int, seed: int, *, say: Any = print) -> None:
    """Write ``pulls.csv``, one row a client and pull, and ``machine.json``, which says where and when."""
    into.mkdir(parents=True, exist_ok=True)
    (into / "machine.json").write_text(json.dumps(machine(rounds, seed), indent=2) + "\n")
    draw, began = random.Random(seed), time.monotonic()
    images = {f"mb-{mb}": image for mb, image in IMAGES.items()}
    with Testbed(LINKS, images=images) as bed, (into / "pulls.csv").open("w", newline="") as out:
        table = csv.DictWriter(out, COLUMNS)
        table.writeheader()
        for number in range(1, rounds + 1):
            cases = list(CASES)
            draw.shuffle(cases)
            order = 0
            for case in cases:
                for row in one_case(bed, case, draw):
                    order += row["client"] == 1
                    table.writerow({"round": number, "order": order, **row})
                out.flush()
            say(f"round {number} of {rounds}: {time.monotonic() - began:.0f} s", flush=True)


def one_case(bed: Testbed, case: Case, draw: random.Random) -> Iterator[dict[str, Any]]:
    """Direct, and through caches with and without Redis, in an order drawn anew; cold before warm, of course."""
    ways = ["direct", "redis"] + ["no redis"] * case.cold_without_redis
    draw.shuffle(ways)
    for way in ways:
        if way == "direct":
            yield from pulled(
                bed, case, bed.places[f"mbit-{case.mbit}"].conf, way="direct", state="", redis=""
            )
            continue
        with tempfile.TemporaryDirectory(prefix="rt-measure-") as folder:
            yield from through(bed, case, Path(folder), redis=way == "redis")


def through(bed: Testbed, case: Case, folder: Path, *, redis: bool) -> Iterator[dict[str, Any]]:
    """Through a new cache, cold and warm; and warm without Redis, where that has no cold pull of its own."""
    states = {redis: ["cold", "warm"]}
    if redis and not case.cold_without_redis:
        states[False] = ["warm"]
    for with_redis, each in states.items():
        with Cache(
            f"http://{bed.addresses[f'mbit-{case.mbit}']}",
            folder / ("redis" if with_redis else "none"),
            prefix="origin.test",
            storage=str(folder / "storage"),
            redis=with_redis,
            port=0,
            registry="2",
            engine="binaries",
        ) as cache:
            told = "yes" if with_redis else "no"
            for state in each:
                yield from pulled(bed, case, cache.place.conf, way="cache", state=state, redis=told)


def pulled(bed: Testbed, case: Case, conf: Any, **named: str) -> Iterator[dict[str, Any]]:
    """Let all clients pull at once; a row each."""
    image, bed_place = bed.image(f"mb-{case.mb}"), f"mbit-{case.mbit}"
    bed.reset_counters()
    start, pulls = threading.Barrier(case.clients), [None] * case.clients
    ends = [0.0] * case.clients

    def client(number: int) -> None:
        start.wait()
        begun = time.perf_counter()
        pulls[number] = time_pull(image, conf)  # type: ignore[call-overload]
        ends[number] = time.perf_counter() - begun

    threads = [threading.Thread(target=client, args=(number,)) for number in range(case.clients)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    settle(bed)
    layers = bed.counters.bytes(place=bed_place, repository=f"mb-{case.mb}", kind="blob", method="GET")
    asked = bed.counters.requests(place=bed_place, repository=f"mb-{case.mb}", kind="blob", method="GET")
    for number, pull in enumerate(pulls, 1):
        assert isinstance(pull, Pull)
        yield {
            "mb": case.mb,
            "mbit": case.mbit,
            "rtt_ms": RTT_MS,
            "clients": case.clients,
            **named,
            "client": number,
            "total_s": f"{pull.total_s:.3f}",
            "ok": pull.ok,
            "ttfb_s": "" if pull.ttfb_s is None else f"{pull.ttfb_s:.3f}",
            "last_s": f"{max(ends):.3f}",
            "origin_requests": asked,
            "origin_bytes": layers,
            "copies": f"{layers / (case.mb * 1e6):.2f}",
        }


def settle(bed: Testbed) -> None:
    """Wait until the origin sends nothing more: a cache stores beside answering, and may end later."""
    until, last = time.monotonic() + PATIENCE_S, None
    while time.monotonic() < until:
        now = bed.counters.bytes()
        if now == last:
            return
        last = now
        time.sleep(0.5)


def machine(rounds: int, seed: int) -> dict[str, Any]:
    """Say where and when; no name of a machine."""
    cpu = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.M)
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "rounds": rounds,
        "seed": seed,
        "cpu": cpu[1] if cpu else platform.machine(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "regtools": __version__,
        "docker-registry": version("docker-registry"),
        "redis-server": version("redis-server"),
    }


def version(program: str) -> str:
    told = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"\d+\.\d+\.\d+", told)
    return found[0] if found else told.strip()


if __name__ == "__main__":
    main()
