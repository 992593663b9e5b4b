"""How a cache is doing, in one look: its registry's counters, its storage, its Redis, and its upstream.

From 3.0 on distribution stores a missing blob while the client gets it: one fetch feeds both, and its
counters are right (read in its source, `registry/proxy/proxyblobstore.go`; not measured here).

2.8 fetches such a blob twice, and its counters are corrected (measured with 2.8.2). It counts a blob once
for each copy that it makes, calls every copy a hit, and none a miss: after a pull of five blobs that it did
not have, it reports ten requests, ten hits, no miss. But it makes two copies of what it lacks (one for the
client, one for itself) and one of what it has, and its web server counts the requests correctly. So the
copies beyond the requests are the misses, and all their bytes were fetched twice. This does not cover
clients that ask for the same missing blob at the same moment (it is stored once, so that the second client
counts as a hit), and bytes of downloads that were cut.
"""

from __future__ import annotations

import json
import os
import re
import threading
import urllib.error
import urllib.request
from dataclasses import asdict, dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any, NamedTuple

from regtools.display import printable, size, visible

from .settings import failed

PATIENCE_S = 10.0
BLOBS = "docker/registry/v2/blobs"
ANSWERED = re.compile(
    r'^registry_http_requests_total\{code="(?:200|206|304)",handler="blob",.*\} (\S+)$', re.M
)
SENT = re.compile(r'^registry_http_response_size_bytes_sum\{handler="blob"\} (\S+)$', re.M)
_COUNTED = ("Requests", "Hits", "Misses", "BytesPulled", "BytesPushed")
# What reading an answer raises that is something else.
_NO_COUNTERS = (ArithmeticError, HTTPException, LookupError, OSError, RecursionError, TypeError, ValueError)
# For this machine's own ports, whatever proxy the environment names.
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True, slots=True)
class Counts:
    """Requests for manifests or for blobs, and how many of them were answered from the storage."""

    requests: int
    hits: int
    misses: int

    def __str__(self) -> str:
        if not self.requests:
            return "none asked for yet"
        return (
            f"{self.requests} asked for: {self.hits} from the storage, {self.misses} from the upstream "
            f"({self.hits / self.requests:.0%} hits)"
        )


@dataclass(frozen=True, slots=True)
class Traffic:
    """What a cache has served since it started.

    ``bytes_served`` are blobs' bytes to clients, ``bytes_fetched`` blobs' bytes from the upstream.
    """

    blobs: Counts
    manifests: Counts
    bytes_served: int
    bytes_fetched: int

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers as plain data for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Stored:
    """What is in the storage: manifests and blobs, each counted once."""

    path: str
    files: int
    bytes: int

    def __str__(self) -> str:
        return visible(f"{size(self.bytes)} in {self.files} manifests and blobs, {self.path}")


@dataclass(frozen=True, slots=True)
class RedisUse:
    """What Redis holds. ``used`` and ``limit`` are bytes; a limit of 0 is none."""

    keys: int
    used: int
    limit: int
    evicted: int

    def __str__(self) -> str:
        limit = f" of {self.limit / 2**20:.0f} MiB" if self.limit else ""
        return f"{self.keys} keys, {self.used / 2**20:.1f} MiB{limit}, {self.evicted} evicted"


@dataclass(frozen=True, slots=True)
class Status:
    """One look at a cache. What could not be asked is None, and ``notes`` say why."""

    name: str
    upstream: str
    address: str
    engine: str | None
    answers: bool
    traffic: Traffic | None
    stored: Stored | None
    redis: RedisUse | None
    upstream_state: str
    upstream_reachable: bool
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data for JSON."""
        return {"format": 1, **asdict(self)}

    def __str__(self) -> str:
        rows = {
            "registry": f"{'answers' if self.answers else 'does not answer'} at {self.address}",
            "blobs": self.traffic.blobs if self.traffic else "unknown",
            "manifests": self.traffic.manifests if self.traffic else "unknown",
            "stored": self.stored or "nothing yet",
            "redis": self.redis or "not used, or does not answer",
            "upstream": self.upstream_state,
        }
        engine = f"by {self.engine}" if self.engine else "not running"
        lines = [f"cache {self.name} of {self.upstream}, {engine}"]
        lines += [f"  {what:<10} {value}" for what, value in rows.items()]
        return printable("\n".join([*lines, *(f"  note: {note}" for note in self.notes)]))


class _Answer(NamedTuple):
    status: int | None  # None: no answer
    schemes: tuple[str, ...] = ()  # of WWW-Authenticate, in lower case
    error: str = ""


def _ask(url: str, opener: urllib.request.OpenerDirector | None = None) -> _Answer:
    """Return what ``/v2/`` answers; one that sends a byte now and then has no answer."""
    found: list[_Answer] = []
    asking = threading.Thread(target=lambda: found.append(_asked(url, opener)), daemon=True)
    asking.start()
    asking.join(PATIENCE_S)
    return found[0] if found else _Answer(None, error=f"no answer within {PATIENCE_S:g} s")


def _asked(url: str, opener: urllib.request.OpenerDirector | None) -> _Answer:
    try:
        with (opener.open if opener else urllib.request.urlopen)(f"{url}/v2/", timeout=5) as answer:
            return _Answer(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        wanted = error.headers.get_all("WWW-Authenticate", [])
        return _Answer(error.code, tuple(value.split()[0].lower() for value in wanted if value.split()))
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        return _Answer(None, error=str(getattr(reason, "strerror", None) or reason))
    except HTTPException:
        return _Answer(None, error="its answer is not HTTP")


def answers(address: str) -> bool:
    """Return whether a registry answers at ``host:port``: ``GET /v2/`` gives 200 or 401."""
    return _ask(f"http://{address}", DIRECT).status in (200, 401)


def upstream_state(url: str) -> tuple[bool, str]:
    """Return whether this machine reaches the upstream, and what it answers, in words."""
    answer = _ask(url)
    if answer.status is None:
        return False, f"{url} cannot be reached: {answer.error}"
    if answer.status == 401:
        return True, f"{url} answers, and asks for a login or a token"
    if answer.status < 300:
        return True, f"{url} answers"
    return False, f"{url} answers {answer.status} to /v2/"


def wants_basic(url: str) -> bool:
    """Return whether the upstream wants HTTP Basic; not if it wants a token, nothing, or does not answer."""
    answer = _ask(url)
    return answer.status == 401 and "basic" in answer.schemes and "bearer" not in answer.schemes


def stored(folder: Path) -> Stored:
    """Count the files and bytes in a registry's storage."""
    files = total = 0
    for where, _, names in os.walk(folder / BLOBS):
        if "data" in names:
            try:
                total += os.stat(os.path.join(where, "data")).st_size  # noqa: PTH116, PTH118 - many files, no objects
            except FileNotFoundError:  # removed just now
                continue
            files += 1
    return Stored(str(folder), files, total)


def redis_use(info: str) -> RedisUse:
    """Read what Redis's command ``INFO`` prints: one ``key:value`` a line.

    Raises:
        RegtoolsError: ``cache-failed``: it has another form.

    >>> redis_use("# Memory\\nused_memory:900\\nmaxmemory:1000\\nevicted_keys:0\\ndb0:keys=7,expires=0")
    RedisUse(keys=7, used=900, limit=1000, evicted=0)
    """
    told = dict(line.split(":", 1) for line in info.splitlines() if ":" in line)
    try:
        keys = dict(pair.split("=") for pair in told.get("db0", "keys=0").split(","))["keys"]
        numbers = (keys, told["used_memory"], told["maxmemory"], told["evicted_keys"])
        return RedisUse(*(_count(int(number)) for number in numbers))
    except (KeyError, ValueError) as error:
        raise failed(f"Redis's INFO cannot be read: {error}") from error


def read(debug_address: str, release: str) -> Traffic:
    """Ask the debug server at ``host:port`` of a registry of major version ``release``.

    Raises:
        RegtoolsError: ``cache-failed``: it does not answer, or not as a registry's debug server.
    """
    try:
        variables = json.loads(_get(f"http://{debug_address}/debug/vars"))["registry"]["proxy"]
        return traffic(variables, _get(f"http://{debug_address}/metrics"), release)
    except _NO_COUNTERS as error:
        message = f"the registry's counters at {debug_address} cannot be read: {error}"
        hint = "does config.yml still have http.debug, with prometheus enabled?"
        raise failed(message, hint) from error


def traffic(proxy: dict[str, Any], metrics: str, release: str) -> Traffic:
    """Return the counts behind ``registry.proxy`` of ``/debug/vars`` and the text of ``/metrics``.

    >>> cold = {"blobs": {"Requests": 10, "Hits": 10, "Misses": 0, "BytesPulled": 0, "BytesPushed": 200},
    ...         "manifests": {"Requests": 1, "Hits": 1, "Misses": 1, "BytesPulled": 9, "BytesPushed": 9}}
    >>> traffic(cold, 'registry_http_requests_total{code="200",handler="blob",method="get"} 5', "2").blobs
    Counts(requests=5, hits=0, misses=5)
    """
    blobs, manifests = (
        {name: _count(proxy[kind][name]) for name in _COUNTED} for kind in ("blobs", "manifests")
    )
    asked, missed = manifests["Requests"], manifests["Misses"]
    if release != "2":
        return Traffic(
            Counts(blobs["Requests"], blobs["Hits"], blobs["Misses"]),
            Counts(asked, manifests["Hits"], missed),
            blobs["BytesPushed"],
            blobs["BytesPulled"],
        )
    answered = _count(sum(int(float(number)) for number in ANSWERED.findall(metrics)))
    misses = min(answered, max(0, blobs["Requests"] - answered))
    served = _count(sum(int(float(number)) for number in SENT.findall(metrics)))
    return Traffic(
        Counts(answered, answered - misses, misses),
        Counts(asked, max(0, asked - missed), missed),
        served,
        2 * max(0, blobs["BytesPushed"] - served),
    )


def _count(number: object) -> int:
    """Return what a registry or Redis has counted, if it is a number that can be one."""
    if type(number) is not int or not 0 <= number < 2**63:
        raise ValueError("a count is a whole number from 0 below 2**63")
    return number


def copies(release: str, clients: int = 1) -> int:
    """Return how many copies of a blob a cold cache fetches if so many clients ask for it at once.

    No release lets a client wait for another's fetch: each that finds the blob missing fetches a copy. 2.x
    fetches one more for its storage.

    >>> {release: (copies(release), copies(release, 8)) for release in "32"}
    {'3': (1, 8), '2': (2, 9)}
    """
    return clients + (release == "2")


def _get(url: str) -> str:
    with DIRECT.open(url, timeout=5) as answer:
        return str(answer.read(64 << 20), "utf-8", "replace")
