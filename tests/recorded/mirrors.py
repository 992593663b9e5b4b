"""Six mirrors that are as they are every time: real caches, and what goes wrong, behind links with fixed ports.

::

    client ── link ──▶ docker-registry, a pull-through cache ── UPSTREAM ──▶ the testbed's registry

The ports are chosen once and kept, so that a measurement that was interrupted goes on with the same places.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from regtools.registries.conf import RegistriesConf
from regtools.testbed import Link, Payload, Testbed
from regtools.testbed.bed import registries_conf
from regtools.testbed.process import Helper
from tests.recorded.servers import beside, serve_flaky, serve_status
from tests.support.dockerregistry import DockerRegistry, free_port

MIRRORS = {
    "near": Link(rtt_ms=5, mbit=400),
    "twin": Link(rtt_ms=5, mbit=400),
    "far": Link(rtt_ms=60, mbit=400),
    "thin": Link(rtt_ms=10, mbit=50),
    "flaky": Link(rtt_ms=30, mbit=100),
    "dead": Link(rtt_ms=30, mbit=100),
}
CACHES = ("near", "twin", "far", "thin", "flaky")
UPSTREAM = Link(rtt_ms=20, mbit=200)
IMAGES = {
    "many-small": Payload((50_000,) * 16, seed="many-small"),
    "few-large": Payload((1_000_000,) * 3, seed="few-large"),
    "one-huge": Payload((5_000_000,), seed="one-huge"),
}
FAILING = 0.1  # share of the questions for a manifest that flaky answers with 404
PATIENCE_S = 60.0


@dataclass(frozen=True)
class World:
    """Everything is open: the images' names, the places, and the command that empties a place's cache."""

    bed: Testbed
    work: Path
    places: dict[str, RegistriesConf]

    @property
    def images(self) -> dict[str, str]:
        return {name: self.bed.image(name) for name in IMAGES}

    @property
    def make_cold(self) -> list[str]:
        return ["rm", "-rf", str(self.work / "caches" / "{place}" / "storage" / "docker")]

    def settle(self) -> None:
        """Wait until no cache stores anything: it does so beside answering, and may end after the client."""
        until = time.monotonic() + PATIENCE_S
        while any(self.work.glob("caches/*/storage/docker/registry/v2/repositories/*/_uploads/*")):
            if time.monotonic() > until:
                raise TimeoutError("a cache has been storing for a minute")
            time.sleep(0.01)

    def given_away(self) -> int:
        """Bytes of blobs that the origin has sent, since the last time this was asked."""
        count = self.bed.counters.bytes(kind="blob", method="GET")
        self.bed.reset_counters()
        return count


@contextmanager
def opened(work: Path, seed: int) -> Iterator[World]:
    """Open all of it; the caches are empty."""
    shutil.rmtree(work / "caches", ignore_errors=True)
    with ExitStack() as stack:
        bed = stack.enter_context(Testbed({"upstream": UPSTREAM}, images=IMAGES))
        upstream = f"http://{bed.addresses['upstream']}"
        doors = {
            name: stack.enter_context(DockerRegistry(work / "caches" / name, upstream=upstream)).host
            for name in CACHES
        }
        doors["flaky"] = stack.enter_context(beside(serve_flaky, doors["flaky"], FAILING, seed))
        doors["dead"] = stack.enter_context(beside(serve_status, 404))
        ports = kept_ports(work / "ports.json")
        order = {
            name: {
                "rtt_ms": link.rtt_ms,
                "mbit": link.mbit,
                "target": target(doors[name]),
                "port": ports[name],
            }
            for name, link in MIRRORS.items()
        }
        links = Helper("link", {"links": order})
        stack.callback(links.close)
        places = {
            name: RegistriesConf.from_toml(
                registries_conf(f"127.0.0.1:{ports[name]}", {}), file="registries.conf"
            )
            for name in MIRRORS
        }
        yield World(bed, work, places)


def kept_ports(file: Path) -> dict[str, int]:
    """Give each mirror's port: that of the last time, or a free one."""
    with contextlib.suppress(FileNotFoundError):
        known: dict[str, int] = json.loads(file.read_text())
        return known
    ports: dict[str, int] = {}
    while len(set(ports.values())) < len(MIRRORS):
        ports = {name: free_port() for name in MIRRORS}
    file.write_text(json.dumps(ports))
    return ports


def target(host: str) -> list[Any]:
    name, _, port = host.partition(":")
    return [int(socket.AF_INET), [name, int(port)]]
