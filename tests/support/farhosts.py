"""Hosts with networks of their own, from the kernel's namespaces: where one stands decides what is near.

    python -m tests.support.farhosts JOURNAL    # as root, in a network namespace of its own

Every host has a cable to this one, its own name, and its own idea of where ``east.test`` and ``west.test`` are.
On them run the commands that a user would run: ``dask scheduler`` here, a ``dask worker`` there.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FASTEST = {"tokyo": "east", "oslo": "west", "lima": "west"}
NOWHERE = "nowhere"
"""A host whose cable leads to no mirror."""
PORTS = {"east": 5001, "west": 5002}
HERE, SCHEDULER_PORT = "10.7.0.1", 8786  # nobody else is in this network
ROUNDS = 10

DIES_WITH_ITS_PARENT = ("setpriv", "--pdeathsig", "KILL")
# $1 the host's name, $2 its address, $3 the other end of its cable, $4 a hosts file, $5 a resolv.conf,
# then the command.
ENTER = """
set -e
PATH=$PATH:/usr/sbin:/sbin
echo ready
read plugged
hostname "$1"
mount --bind "$4" /etc/hosts
mount --bind "$5" /etc/resolv.conf
ip link set lo up
ip addr add "$2/30" dev cable
ip link set cable up
ip route add default via "$3"
shift 5
exec "$@"
"""


@dataclass(frozen=True)
class Host:
    """A host by its name; ``number`` makes its addresses."""

    name: str
    number: int

    @property
    def address(self) -> str:
        return f"10.7.{self.number}.2"

    @property
    def gateway(self) -> str:
        """This machine's end of the cable."""
        return f"10.7.{self.number}.1"


def ip(*arguments: str) -> None:
    subprocess.run(["/usr/sbin/ip", *arguments], check=True)


def start(host: Host, folder: Path, closing: ExitStack) -> None:
    """Plug a host in, and start a worker on it; both end with ``closing``, or with this process."""
    hosts = folder / f"{host.name}.hosts"
    names = " ".join(f"{mirror}.test" for mirror in PORTS)
    hosts.write_text(f"127.0.0.1 localhost\n{host.gateway} {names}\n")
    resolver = folder / "resolv.conf"
    resolver.write_text("nameserver 127.0.0.1\n")  # refuses at once; this machine's own would be waited for
    given = (host.name, host.address, host.gateway, str(hosts), str(resolver))
    enter = (*DIES_WITH_ITS_PARENT, "unshare", "--net", "--mount", "--uts", "sh", "-c", ENTER, "sh", *given)
    options = ("--host", host.address, "--nthreads", "1", "--no-nanny", "--no-dashboard")
    worker = (*dask("worker"), f"tcp://{HERE}:{SCHEDULER_PORT}", *options)
    own = ("--resources", f"vantage:{host.name}=1", "--local-directory", str(folder))
    process = begin((*enter, *worker, *own), closing)
    assert process.stdin is not None and process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    near = f"host{host.number}"
    ip("link", "add", near, "type", "veth", "peer", "name", "cable", "netns", str(process.pid))
    ip("addr", "add", f"{host.gateway}/30", "dev", near)
    ip("link", "set", near, "up")
    process.stdin.write("plugged\n")
    process.stdin.flush()


def dask(what: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "dask", what)


def begin(command: tuple[str, ...], closing: ExitStack) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    closing.enter_context(process)
    closing.callback(process.kill)
    return process


def measure(journal: Path) -> dict[str, Any]:
    """Make the hosts, run a campaign from all of them, one more from nowhere; tell what came of them."""
    import regtools as rt
    from regtools.campaigns.hosts.fleet import Fleet
    from regtools.campaigns.hosts.local import connect
    from regtools.testbed import Link, Testbed
    from regtools.testbed.bed import registries_conf
    from tests.support.gate import Gate

    quick: dict[str, Any] = {"pause_s": 0, "probes": 0}
    swift: dict[str, Any] = {"per_minute": None, "at_once": None, "patience_s": 0}
    everybody = [Host(name, number) for number, name in enumerate([*FASTEST, NOWHERE], 1)]
    # The same file for everybody: the network alone decides what is near.
    places = {
        mirror: rt.RegistriesConf.from_toml(registries_conf(f"{mirror}.test:{port}", {}))
        for mirror, port in PORTS.items()
    }
    ip("link", "set", "lo", "up")
    ip("addr", "add", f"{HERE}/32", "dev", "lo")
    with ExitStack() as closing:
        folder = Path(closing.enter_context(tempfile.TemporaryDirectory(prefix="rt-hosts-")))
        links = {"swift": Link(rtt_ms=1), "slow": Link(rtt_ms=30)}
        bed = closing.enter_context(Testbed(links))
        serve = ("--host", HERE, "--port", str(SCHEDULER_PORT), "--no-dashboard")
        begin((*DIES_WITH_ITS_PARENT, *dask("scheduler"), *serve), closing)
        for host in everybody:
            start(host, folder, closing)
            for mirror, port in PORTS.items() if host.name in FASTEST else ():
                link = "swift" if FASTEST[host.name] == mirror else "slow"
                closing.enter_context(Gate(bed.addresses[link], host.gateway, port))
        client = closing.enter_context(connect(f"tcp://{HERE}:{SCHEDULER_PORT}", timeout_s=60))
        client.wait_for_workers(len(everybody), timeout=60)
        pulls = rt.run_campaign(
            bed.image("hello"),
            places,
            rounds=ROUNDS,
            journal=journal,
            client=Fleet(client, vantages=tuple(FASTEST), **swift),
            **quick,
        )
        lost = rt.run_campaign(
            bed.image("hello"),
            {"east": places["east"]},
            rounds=1,
            journal=f"{journal}.nowhere",
            client=Fleet(client, vantages=(NOWHERE,), **swift),
            **quick,
        )
        return {"missing": pulls.attrs["missing"], "nowhere": list(lost["error_kind"])}


if __name__ == "__main__":
    print(json.dumps(measure(Path(sys.argv[1]))))
