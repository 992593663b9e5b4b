"""The testbed as a whole: one registry, a link for each mirror, and the registries.conf that leads there.

Images are called ``origin.test/hello``, never ``localhost:40123/hello``: the name stays the same in every run
while the ports change, so that a notebook can print it, and resolving it is the lesson. The top-level
domain ``test`` is reserved (RFC 6761, section 6.2): no such host can exist, so that a forgotten
registries.conf ends in "no such host" and never at a real registry.

podman and ``skopeo copy`` follow it. ``skopeo inspect`` does so for the image, but asks the host of the
name itself for the list of tags: use ``--no-tags``, or a place's own address
(``docker://127.0.0.1:PORT/hello``).

A link is a TCP link with latency and bandwidth, in front of any port: a slow network of your own. Bytes wait
half the round trip in each direction, and all connections of a link share its bandwidth, each direction for
itself, as on one wire. A link cannot delay TCP's handshake (the kernel accepts the connection to its port at
once), so the time to connect is about 0; it loses no packets; and bandwidth counts the bytes of the
connection, without the headers of TCP and IP.
"""

from __future__ import annotations

import math
import os
import re
import socket
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from regtools.errors import RegtoolsError, unwritable
from regtools.registries.conf import RegistriesConf

from .images import DEFAULT_IMAGES, Hello, Payload
from .process import Closing, Helper, bad
from .store import Count, Counters


@dataclass(frozen=True, slots=True)
class Link:
    """What a link adds.

    Args:
        rtt_ms: milliseconds added to a round trip, half of it each way; 0 to 60,000.
        mbit: bandwidth in Mbit/s (10**6 bits) of each direction, 0.01 to 100,000; None for no limit.

    Raises:
        RegtoolsError: a value outside these bounds.

    >>> Link(rtt_ms=40, mbit=100)
    Link(rtt_ms=40, mbit=100)
    """

    rtt_ms: float = 0
    mbit: float | None = None

    def __post_init__(self) -> None:
        if not _is_number(self.rtt_ms) or not 0 <= self.rtt_ms <= 60_000:
            what = f"rtt_ms={self.rtt_ms!r} is not a round trip"
            raise bad(what, "give milliseconds between 0 and 60000, e.g. 40")
        if self.mbit is not None and (not _is_number(self.mbit) or not 0.01 <= self.mbit <= 100_000):
            what = f"mbit={self.mbit!r} is not a bandwidth"
            raise bad(what, "give Mbit/s between 0.01 and 100000, e.g. 100, or None for no limit")

    def __str__(self) -> str:
        rate = "no limit" if self.mbit is None else f"{self.mbit:g} Mbit/s"
        return f"{self.rtt_ms:g} ms, {rate}"

    def open(self, target: str) -> Links:
        """Open this link in front of ``target`` (``host:port``); it is then the link named ``link``.

        ::

            with Link(rtt_ms=40, mbit=100).open("127.0.0.1:5000") as far:
                far.addresses["link"]          # 127.0.0.1 and a free port
        """
        return Links({"link": (self, target)})


class Links(Helper):
    """Links that are open: one helper process that carries them all, until ``close()``.

    Args:
        routes: name → the link and the ``host:port`` behind it.

    Attributes:
        addresses: name → ``127.0.0.1:port``, where the link begins.

    Raises:
        RegtoolsError: a target that is not ``host:port`` or has no address, or no process or port is free.
    """

    def __init__(self, routes: dict[str, tuple[Link, str]]) -> None:
        order = {
            name: {"rtt_ms": link.rtt_ms, "mbit": link.mbit, "target": _resolve(target), "port": 0}
            for name, (link, target) in routes.items()
        }
        super().__init__("link", {"links": order})
        self.addresses = {name: f"127.0.0.1:{port}" for name, port in self.ready["ports"].items()}


def _resolve(target: str) -> list[Any]:
    host, _, port = target.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise bad(f"{target!r} is not the target of a link", "write it as host:port, e.g. 127.0.0.1:5000")
    try:
        family, _, _, _, address = socket.getaddrinfo(host, int(port), type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise bad(f"{host!r} has no address: {error.strerror}", "is the name spelt right?") from error
    return [int(family), list(address)]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


ORIGIN = "origin"  # the place that this registry is
STORAGE = "storage"  # the host of the blobs, if they have one of their own
NAME = "origin.test"  # the registry in the images' names
COMPONENT = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*")  # OCI distribution specification 1.1

# Far enough apart that ten pulls tell them apart on any machine: fast, middling, slow.
DEFAULT_MIRRORS: dict[str, Link] = {
    "near": Link(rtt_ms=5, mbit=400),
    "middle": Link(rtt_ms=30, mbit=100),
    "far": Link(rtt_ms=80, mbit=20),
}


@dataclass(frozen=True, slots=True)
class Place:
    """A place to pull from: a name, and the :class:`~regtools.RegistriesConf` that leads there.

    ``conf_text`` is the same configuration as a file's text, for podman and skopeo; empty where unknown.
    """

    name: str
    conf: RegistriesConf = field(repr=False)
    conf_text: str = field(default="", repr=False)


class Testbed(Closing):
    """Registries to practise on, on this machine's loopback, for as long as the ``with`` block lasts.

    ::

        with Testbed(mirrors={"near": Link(rtt_ms=5, mbit=400), "far": Link(rtt_ms=80, mbit=20)}) as bed:
            bed.image("hello")          # origin.test/hello:latest
            bed.places["near"].conf     # a RegistriesConf whose only source for the images is this mirror
            bed.conf                    # near, then far, then the origin
            bed.counters.requests(place="far", kind="blob")

    One process serves the images, another carries all links. Both end with ``close()``, or when the
    process that opened them ends, however it ends.

    Args:
        mirrors: name → link, in the order in which to try them; None for :data:`DEFAULT_MIRRORS`.
        images: name → what to serve besides :data:`~regtools.testbed.images.DEFAULT_IMAGES`; the same name
            replaces one of these.
        origin: the link in front of the origin, which is tried last; None for the registry's own port.
        tokens: whether every place wants a token first, as Docker Hub does; any client gets one without a
            login, and none with a login, since there are no accounts.
        storage: whether blobs come from a host of their own, to which every place redirects, as at Docker Hub
            and quay.io. It is the place ``storage`` in ``addresses`` and ``counters``, has no link, and
            wants no token.

    Raises:
        RegtoolsError: a name that cannot be used, or no process can be started or no port is free.
    """

    __test__ = False  # pytest collects every class whose name begins with Test

    origin_name = ORIGIN

    def __init__(
        self,
        mirrors: Mapping[str, Link] | None = None,
        *,
        images: Mapping[str, Hello | Payload] | None = None,
        origin: Link | None = None,
        tokens: bool = False,
        storage: bool = False,
    ) -> None:
        self.mirrors: dict[str, Link] = dict(DEFAULT_MIRRORS if mirrors is None else mirrors)
        self._images = {**DEFAULT_IMAGES, **(images or {})}
        for name in self.mirrors:
            check_name(name, "mirror")
        if storage and STORAGE in self.mirrors:
            what = f"{STORAGE!r} cannot be the name of a mirror: it is the host of the blobs"
            raise bad(what, "choose another name, or leave out storage=True")
        for name in self._images:
            check_name(name, "image")
        links = self.mirrors if origin is None else {**self.mirrors, ORIGIN: origin}
        order = {
            "places": dict.fromkeys([*self.mirrors, ORIGIN], 0),
            "storage": STORAGE if storage else None,
            "images": {name: image.to_dict() for name, image in self._images.items()},
            "tokens": tokens,
        }
        with ExitStack() as opening:
            self._registry = Helper("registry", order)
            opening.callback(self._registry.close)
            direct = {name: f"127.0.0.1:{port}" for name, port in self._registry.ready["ports"].items()}
            self._links = Links({name: (link, direct[name]) for name, link in links.items()})
            opening.pop_all()
        self.addresses: dict[str, str] = {**direct, **self._links.addresses}

    @property
    def alive(self) -> bool:
        """Whether both processes run."""
        return self._registry.alive and self._links.alive

    @property
    def pids(self) -> tuple[int, int]:
        """The process numbers of the registry and of the links."""
        return self._registry.pid, self._links.pid

    @property
    def images(self) -> dict[str, str]:
        """Short name → digest of every image that is served."""
        return dict(self._registry.ready["digests"])

    def image(self, name: str, *, by_digest: bool = False) -> str:
        """Return the full name of an image, as podman takes it.

        Args:
            name: ``hello``, ``small``, ``layers-20``, ``large``, or one of your own.
            by_digest: name it by its digest; else by its tag, ``latest`` where it has that one.

        Raises:
            RegtoolsError: the testbed has no such image; the hint lists those it has.
        """
        if name not in self._images:
            hint = f"it has {', '.join(self._images)}"
            raise bad(f"the testbed has no image {name!r}", hint, stage="resolve")
        if by_digest:
            return f"{NAME}/{name}@{self.images[name]}"
        tags = self._images[name].tags
        return f"{NAME}/{name}:{'latest' if 'latest' in tags else tags[0]}"

    @property
    def conf_text(self) -> str:
        """The registries.conf with all mirrors in order and the origin last."""
        return registries_conf(self.addresses[ORIGIN], {name: self.addresses[name] for name in self.mirrors})

    @cached_property
    def conf(self) -> RegistriesConf:
        """:attr:`conf_text` as a :class:`~regtools.RegistriesConf`."""
        return RegistriesConf.from_toml(self.conf_text, file="registries.conf")

    @cached_property
    def places(self) -> dict[str, Place]:
        """Mirror's name → the place that leads there and nowhere else, not even to the origin."""
        return {name: self._place(name) for name in self.mirrors}

    @cached_property
    def origin(self) -> Place:
        """The place that leads to the origin only."""
        return self._place(ORIGIN)

    @property
    def counters(self) -> Counters:
        """What the registry was asked since the start or the last reset, as a snapshot."""
        return Counters(tuple(Count(*row) for row in self._registry.ask({"do": "counters"})["rows"]))

    def reset_counters(self) -> None:
        """Start to count from zero."""
        self._registry.ask({"do": "reset"})

    def fail(self, place: str, kind: str, status: int | None) -> None:
        """Let a place answer every request of one kind with a status, as a faulty or closed registry does.

        403 and 429 have the code and the words of Docker Hub: *denied*, and the limit of pulls.

        Args:
            place: a mirror's name, or ``origin``.
            kind: ``ping``, ``manifest`` or ``blob``.
            status: the HTTP status, 400 to 599; None ends it.

        Raises:
            RegtoolsError: there is no such place or kind, or it is not a status of failure.
        """
        if place not in self.addresses or kind not in ("ping", "manifest", "blob"):
            hint = f"places: {', '.join(self.addresses)}; kinds: ping, manifest, blob"
            raise bad(f"the testbed has no {kind!r} at {place!r}", hint)
        if status is not None and status not in range(400, 600):
            raise bad(f"{status!r} is not a status of failure", "give one from 400 to 599, or None")
        self._registry.ask({"do": f"fail {place} {kind} {status or 0}"})

    def write_conf(self, path: str | os.PathLike[str], *, keep: bool = True) -> Path:
        """Write :attr:`conf_text` to a new file, and return its path.

        Args:
            path: where to write; nothing that exists is overwritten.
            keep: False removes the file when the testbed ends, however it ends.

        Raises:
            RegtoolsError: ``file-unwritable``: the file exists, or cannot be written.
        """
        file = Path(path).absolute()
        try:
            with file.open("x", encoding="utf-8") as out:
                if not keep:  # the registry's process outlives this one by a moment, whatever happens
                    found = os.fstat(out.fileno())
                    identity = [found.st_dev, found.st_ino]
                    order = {"path": str(file), "identity": identity, "text": self.conf_text}
                    self._registry.ask({"do": "remove-at-exit", **order})
                out.write(self.conf_text)
        except RegtoolsError:  # nothing would remove it
            file.unlink()
            raise
        except OSError as error:
            problem = unwritable(path, error, what="the configuration")
            if isinstance(error, FileExistsError):
                problem.hint = "name a file that is not there yet"
            raise problem from error
        return file

    def close(self) -> None:
        """End both processes, free their ports; more than once is harmless."""
        self._links.close()
        self._registry.close()

    def place_conf_text(self, name: str) -> str:
        """Return the registries.conf that leads to one mirror, or to ``origin``, and nowhere else."""
        return registries_conf(self.addresses[name], {})

    def _place(self, name: str) -> Place:
        text = self.place_conf_text(name)
        return Place(name, RegistriesConf.from_toml(text, file="registries.conf"), text)


def registries_conf(location: str, mirrors: Mapping[str, str]) -> str:
    """Write a registries.conf for the testbed's images (containers-registries.conf(5), version 2).

    Args:
        location: the ``host:port`` that comes last.
        mirrors: name → ``host:port``, tried first and in this order; the name becomes a comment.

    >>> print(registries_conf("127.0.0.1:5001", {"near": "127.0.0.1:5002"}))
    # Leads origin.test to the testbed of regtools, for as long as it runs.
    unqualified-search-registries = []
    <BLANKLINE>
    [[registry]]
    prefix = "origin.test"
    location = "127.0.0.1:5001"
    insecure = true
    <BLANKLINE>
    [[registry.mirror]]  # near
    location = "127.0.0.1:5002"
    insecure = true
    <BLANKLINE>
    """
    head = (
        f"# Leads {NAME} to the testbed of regtools, for as long as it runs.\n"
        "unqualified-search-registries = []\n\n"
        f'[[registry]]\nprefix = "{NAME}"\nlocation = "{location}"\ninsecure = true\n'
    )
    tables = (
        f'\n[[registry.mirror]]  # {name}\nlocation = "{address}"\ninsecure = true\n'
        for name, address in mirrors.items()
    )
    return head + "".join(tables)


def check_name(name: str, what: str) -> None:
    """Check the name of a mirror or an image.

    Raises:
        RegtoolsError: ``bad-testbed``: it cannot be part of a repository's name, or it is the origin's.
    """
    if not COMPONENT.fullmatch(name) or len(name) > 100:
        message = f"{name!r} cannot be the name of {'an' if what == 'image' else 'a'} {what}"
        hint = "use lower-case letters and digits, with '.', '_' or '-' between them"
        raise bad(message, hint)
    if what == "mirror" and name == ORIGIN:
        message = f"{ORIGIN!r} cannot be the name of a mirror: it is the registry behind them"
        hint = "choose another name, or give Testbed(origin=Link(...)) to slow the origin down"
        raise bad(message, hint)
