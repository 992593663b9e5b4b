"""Vantage points: the hosts of a Dask cluster as places to measure from, and what runs on each of them.

A worker started with a resource ``vantage:NAME`` (``dask worker … --resources "vantage:tokyo=1"``) stands at
the vantage point NAME. If no worker has such a label, every worker takes part, under its host's name. Workers
of one vantage point are alike: each can do what another has left.
"""

from __future__ import annotations

import fcntl
import os
import platform
import socket
import tempfile
import time
import uuid
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from regtools.errors import Place, RegtoolsError
from regtools.pull.recorder import utc
from regtools.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    from ..job import Job, Row

__all__ = [
    "LABEL",
    "Worker",
    "about_this_host",
    "check_versions",
    "in_turn_on_this_host",
    "present",
    "scheduler_gone",
]

LABEL = "vantage:"
_BOOT = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker that takes part.

    Attributes:
        address: as Dask knows it.
        vantage: the name of its vantage point.
        host: as the host calls itself.
        machine: tells one running kernel from another; containers of one host share it.
        about: what stands in the journal of it.
    """

    address: str
    vantage: str
    host: str
    machine: str
    about: Mapping[str, Any]

    def row(self, campaign: str) -> Row:
        """Give the journal's line."""
        about = {name: value for name, value in self.about.items() if name != "machine"}
        return {"row": "vantage", "campaign": campaign, "vantage": self.vantage, **about}


def present(client: Any, known: Mapping[str, Worker]) -> dict[str, Worker]:
    """Look who is there now: address → worker. Those that are known are not asked again.

    Raises:
        RegtoolsError: kind ``scheduler-gone``; ``versions-differ`` for a new worker; ``bad-campaign`` for
            labels that contradict each other.
    """
    with _reaching(client):
        # Without the number, some releases tell of five workers only.
        found = client.scheduler_info(n_workers=-1)["workers"]
        labels = {address: _label(address, each.get("resources") or {}) for address, each in found.items()}
        chosen = [address for address, label in labels.items() if label or not any(labels.values())]
        new = [address for address in chosen if address not in known]
        told = client.run(about_this_host, workers=new, on_error="ignore") if new else {}
    seen_at = utc(time.time())
    there = {address: known[address] for address in chosen if address in known}
    for address, about in told.items():
        _check_newcomer(address, about)
        vantage = labels[address] or about["host"]
        there[address] = Worker(
            address, vantage, about["host"], about["machine"], {**about, "seen_at": seen_at}
        )
    return there


def check_versions(client: Any) -> None:
    """Make sure that client, scheduler and workers can understand each other.

    Raises:
        RegtoolsError: kind ``versions-differ``: Python, Dask or regtools are not the same everywhere.
    """
    with _reaching(client):
        told = client.get_versions()
    sides = {"scheduler": told["scheduler"], **told["workers"]}
    mine = _comparable(told["client"])
    _compare({side: _comparable(each) for side, each in sides.items()}, mine)
    with _reaching(client):  # only now: code travels between equal Pythons only
        versions = client.run(_asks_for_regtools(), on_error="return")
        versions["scheduler"] = client.run_on_scheduler(_asks_for_regtools())
    found = {side: {"regtools": each if isinstance(each, str) else None} for side, each in versions.items()}
    _compare(found, {"regtools": __version__})


def scheduler_gone() -> RegtoolsError:
    """Say that the scheduler does not answer."""
    return RegtoolsError(
        "the Dask scheduler is gone",
        kind="scheduler-gone",
        stage="pull",
        hint="every pull that had come back is in the journal; the same call with a new client goes on",
    )


# -- on the host itself ----------------------------------------------------------------------------------


def about_this_host() -> dict[str, Any]:
    """Tell what the journal keeps of a host, and what tells it from others."""
    host = socket.gethostname()
    try:
        machine = _BOOT.read_text().strip()
    except OSError:
        machine = f"{host}/{uuid.getnode():x}"
    return {
        "host": host,
        "machine": machine,
        "started_at": utc(time.time()),
        "regtools": __version__,
        "python": platform.python_version(),
    }


def in_turn_on_this_host(do: Callable[[Job], list[Row]], job: Job, *, alone: bool) -> list[Row]:
    """Carry a job out on this host, while no other pull of a fleet's runs here if it is to be ``alone``."""
    with _turn() if alone else nullcontext():
        rows = do(job)
    rows[-1]["host"] = socket.gethostname()
    return rows


@contextmanager
def _turn() -> Iterator[None]:
    # Whoever is sent here, by this campaign, by an older one that was cut off, or by another: one by one.
    path = Path(tempfile.gettempdir()) / f"regtools-{os.getuid()}.lock"
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise RegtoolsError(
            f"the lock that keeps pulls apart cannot be made: {error.strerror}",
            kind="file-unwritable",
            stage="pull",
            where=Place(str(path)),
        ) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


# -- versions --------------------------------------------------------------------------------------------


def _asks_for_regtools() -> Callable[[], str]:
    def version() -> str:  # nested, so that it travels as code: regtools may be missing there
        import regtools

        return regtools.__version__

    return version


def _comparable(told: Any) -> dict[str, str | None]:
    packages = dict((told or {}).get("packages") or {})
    python = str(packages.get("python") or "")
    return {
        "Python": ".".join(python.split(".")[:2]) or None,
        "dask": packages.get("dask"),
        "distributed": packages.get("distributed"),
    }


def _compare(sides: Mapping[str, Mapping[str, str | None]], mine: Mapping[str, str | None]) -> None:
    others = [
        f"{side} has {name} {found[name]}" if found[name] else f"{side} has no {name}"
        for name in mine
        for side, found in sides.items()
        if found[name] != mine[name]
    ]
    if others:
        more = f"; and {len(others) - 5} more" if len(others) > 5 else ""
        here = ", ".join(f"{name} {version}" for name, version in mine.items())
        raise RegtoolsError(
            f"versions differ: here is {here}; {'; '.join(others[:5])}{more}",
            kind="versions-differ",
            stage="pull",
            hint="install the same everywhere: 'podman-regtools[fleet]', with one constraints file",
        )


def _check_newcomer(address: str, about: Mapping[str, Any]) -> None:
    _compare({address: {"regtools": about["regtools"]}}, {"regtools": __version__})


def _label(address: str, resources: Mapping[str, Any]) -> str:
    labels = [name.removeprefix(LABEL) for name in resources if name.startswith(LABEL)]
    if len(labels) > 1:
        raise RegtoolsError(
            f"the worker {address} claims to stand at {' and '.join(sorted(labels))}",
            kind="bad-campaign",
            stage="pull",
            hint="start it with one resource vantage:NAME",
        )
    return labels[0] if labels else ""


@contextmanager
def _reaching(client: Any) -> Iterator[None]:
    if client.status != "running":
        raise scheduler_gone()
    try:
        yield
    except (OSError, TimeoutError) as error:  # Dask's own errors of connections are OSErrors
        raise scheduler_gone() from error
