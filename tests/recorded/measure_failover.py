"""Measure what a first mirror that does not deliver costs before a good source does; writes ``data/failover/``.

    .venv/bin/python -m tests.recorded.measure_failover               # ten rounds: under 4 minutes, alone
    .venv/bin/python -m tests.recorded.measure_failover --rounds 2 --into /tmp/trial

One bad mirror stands before a good source, and what it does is the place's name. ``none`` is no mirror at all.
The kinds that cost minutes, ``swallows`` and ``hangs``, are measured by several clients at once: they only wait.
podman has half as many rounds as the built-in client, and is killed after 130 s where it would wait for ever.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import socket
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from regtools.campaigns.campaign import run_campaign
from regtools.campaigns.journal import append
from regtools.pull.engines.home import engine_version
from regtools.pull.timing import time_pull
from regtools.registries.conf import RegistriesConf
from regtools.testbed import Link, Links, Payload, Testbed
from regtools.testbed.bed import registries_conf
from tests.conftest import ROOT
from tests.recorded.measure_cache import machine
from tests.recorded.measure_mirrors import rounded
from tests.recorded.servers import beside, serve_status

GOOD, BAD, SLOW = Link(rtt_ms=5, mbit=400), Link(rtt_ms=30, mbit=100), Link(rtt_ms=30, mbit=4)
IMAGE = Payload((200_000,) * 4, seed="failover")
QUICK = ("none", "refuses", "404", "500", "late", "slow")
SILENT = ("swallows", "hangs")
LATE_S = 2.0
ENDLESS_S = 130.0
SILENT_PULLS = {"builtin": 5, "podman": 3}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--into", type=Path, default=ROOT / "data" / "failover")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    measure(options.into, options.rounds, options.seed)


def measure(into: Path, rounds: int, seed: int) -> None:
    """Measure all of it anew: it takes no longer than to find out what is there."""
    work, begun = ROOT / "build" / "measure-failover", time.monotonic()
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)

    def say(text: str) -> None:
        print(f"{time.monotonic() - begun:4.0f} s: {text}", flush=True)

    with opened() as (bed, places):
        for engine, times in (("builtin", rounds), ("podman", -(-rounds // 2))):
            run_campaign(
                bed.image("failover"),
                {name: places[name] for name in QUICK},
                rounds=times,
                journal=work / f"{engine}.jsonl",
                engine=engine,
                seed=seed,
                probes=0,
                pause_s=0.02,
            )
            say(f"{engine}: {times} rounds done")
        say(f"now the silent ones, all at once: about {ENDLESS_S:.0f} s more")
        silent(bed.image("failover"), places, work)
    into.mkdir(parents=True, exist_ok=True)
    for engine in SILENT_PULLS:
        with (into / f"{engine}.jsonl").open("w") as out:
            out.writelines(recorded(work / f"{engine}.jsonl"))
    told = machine(rounds, seed) | {name: engine_version(name) for name in ("podman",)}
    for name in ("redis-server", "docker-registry"):
        del told[name]
    told["links"] = {"good": str(GOOD), "bad": str(BAD), "slow": str(SLOW)}
    (into / "machine.json").write_text(json.dumps(told, indent=2) + "\n")
    shutil.rmtree(work)
    say("done")


@contextmanager
def opened() -> Iterator[tuple[Testbed, dict[str, RegistriesConf]]]:
    """Open a good source, and before it, in a configuration for each, every bad mirror."""
    with ExitStack() as stack:
        mirrors = {"good": GOOD, "slow": SLOW}
        bed = stack.enter_context(Testbed(mirrors, images={"failover": IMAGE}))
        answering = {
            "404": stack.enter_context(beside(serve_status, 404)),
            "500": stack.enter_context(beside(serve_status, 500)),
            "late": stack.enter_context(beside(serve_status, 404, LATE_S)),
        }
        links = stack.enter_context(Links({name: (BAD, host) for name, host in answering.items()}))
        hosts = {
            **links.addresses,
            "slow": bed.addresses["slow"],
            "refuses": stack.enter_context(refusing()),
            "swallows": stack.enter_context(swallowing()),
            "hangs": stack.enter_context(hanging()),
        }
        good = bed.addresses["good"]
        texts = {name: registries_conf(good, {name: host}) for name, host in hosts.items()}
        texts["none"] = registries_conf(good, {})
        yield (
            bed,
            {name: RegistriesConf.from_toml(text, file="registries.conf") for name, text in texts.items()},
        )


@contextmanager
def refusing() -> Iterator[str]:
    """A port that belongs to somebody who does not listen."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{nobody.getsockname()[1]}"


@contextmanager
def swallowing() -> Iterator[str]:
    """A full queue: the kernel drops every further SYN, as a firewall does."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
        time.sleep(0.2)
        yield f"127.0.0.1:{listener.getsockname()[1]}"


@contextmanager
def hanging() -> Iterator[str]:
    """The kernel takes connections, and nobody says anything."""
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


def silent(image: str, places: dict[str, RegistriesConf], work: Path) -> None:
    """Let all of them wait at the same time."""
    jobs = [
        (engine, name, number)
        for engine, times in SILENT_PULLS.items()
        for name in SILENT
        for number in range(1, times + 1)
    ]

    def one(job: tuple[str, str, int]) -> Any:
        engine, name, number = job
        pull = time_pull(image, places[name], place=name, engine=engine, timeout_s=ENDLESS_S)
        return pull.replace(round=number, order=1)

    with ThreadPoolExecutor(len(jobs)) as pool:
        for (engine, _, _), pull in zip(jobs, pool.map(one, jobs), strict=True):
            append(work / f"{engine}.jsonl", pull)


def recorded(journal: Path) -> Iterator[str]:
    """Give a journal's lines as they are kept: with requests, but without what arrived when within a blob."""
    for line in journal.read_text().splitlines():
        row: dict[str, Any] = json.loads(line)
        row.pop("samples", None)
        yield json.dumps({key: rounded(value) for key, value in row.items()}, separators=(",", ":")) + "\n"


if __name__ == "__main__":
    main()
