"""How a cache is doing, in one look.

What the registry says it has served, corrected where distribution 2.8 miscounts.

2.8 counts a blob once for each copy that it makes, calls every copy a hit, and none a miss: after a pull of
five blobs that it did not have, it says ten requests, ten hits, no miss. But it makes two copies of what it
lacks (one for the client, one for itself) and one of what it has, and its web server counts the requests
rightly. So the copies beyond the requests are the misses, and all their bytes were fetched twice.

Beyond this are clients that ask for the same missing blob at the same moment (it is stored once, so that the
second client counts as a hit), and bytes of downloads that were cut.
"""

from __future__ import annotations

import json
import os
import re
import urllib.error
import urllib.request
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from regtools.errors import RegtoolsError

from .engines import trouble

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

__all__ = [
    "Counts",
    "RedisUse",
    "Status",
    "Stored",
    "Traffic",
    "answers",
    "read",
    "redis_use",
    "stored",
    "traffic",
    "upstream_state",
    "wants_basic",
]

BLOBS = "docker/registry/v2/blobs"


@dataclass(frozen=True, slots=True)
class Stored:
    """What lies in the storage: manifests and blobs, each counted once."""

    path: str
    files: int
    bytes: int


@dataclass(frozen=True, slots=True)
class RedisUse:
    """What Redis holds. Sizes in bytes; ``limit`` 0 is none."""

    keys: int
    used: int
    limit: int
    evicted: int


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
        """Give it as plain data for JSON."""
        return {"format": 1, **asdict(self)}

    def __str__(self) -> str:
        rows = [
            ("registry", f"{'answers' if self.answers else 'does not answer'} at {self.address}"),
            ("blobs", _shown(self.traffic.blobs if self.traffic else None)),
            ("manifests", _shown(self.traffic.manifests if self.traffic else None)),
            ("stored", _stored(self.stored)),
            ("redis", _redis(self.redis)),
            ("upstream", self.upstream_state),
        ]
        by = f"by {self.engine}" if self.engine else "not running"
        head = f"cache {self.name} of {self.upstream}, {by}"
        lines = [f"  {what:<10} {text}" for what, text in rows]
        return "\n".join([head, *lines, *(f"  note: {note}" for note in self.notes)])


def answers(address: str) -> bool:
    """Say whether a registry answers at ``host:port`` (``GET /v2/`` gives 200 or 401)."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://{address}/v2/", timeout=5):
            return True
    except urllib.error.HTTPError as error:
        error.close()
        return error.code == 401
    except (OSError, ValueError):
        return False


def upstream_state(url: str) -> tuple[bool, str]:
    """Ask the upstream from this machine: whether it can be reached, and in words."""
    try:
        with urllib.request.urlopen(f"{url}/v2/", timeout=5):
            return True, f"{url} answers"
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 401:
            return True, f"{url} answers, and asks for a login or a token"
        return False, f"{url} answers {error.code} to /v2/"
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        return False, f"{url} cannot be reached: {getattr(reason, 'strerror', None) or reason}"


def wants_basic(url: str) -> bool:
    """Say whether the upstream wants HTTP Basic: no where it wants a token, nothing, or cannot be asked."""
    try:
        with urllib.request.urlopen(f"{url}/v2/", timeout=5):
            return False
    except urllib.error.HTTPError as error:
        error.close()
        schemes = [
            value.split()[0].lower() for value in error.headers.get_all("WWW-Authenticate", []) if value
        ]
        return error.code == 401 and "basic" in schemes and "bearer" not in schemes
    except (OSError, ValueError):
        return False


def stored(folder: Path) -> Stored:
    """Count what lies in a registry's storage."""
    files = size = 0
    for where, _, names in os.walk(folder / BLOBS):
        if "data" in names:
            try:
                size += os.stat(os.path.join(where, "data")).st_size  # noqa: PTH116, PTH118 - many files, no objects
            except FileNotFoundError:  # removed just now
                continue
            files += 1
    return Stored(str(folder), files, size)


def redis_use(info: dict[str, str]) -> RedisUse:
    """Read Redis's INFO.

    >>> redis_use({"used_memory": "900", "maxmemory": "1000", "evicted_keys": "0", "db0": "keys=7,expires=0"})
    RedisUse(keys=7, used=900, limit=1000, evicted=0)
    """
    try:
        keys = dict(pair.split("=") for pair in info.get("db0", "keys=0").split(","))["keys"]
        return RedisUse(
            int(keys), int(info["used_memory"]), int(info["maxmemory"]), int(info["evicted_keys"])
        )
    except (KeyError, ValueError) as error:
        raise RegtoolsError(
            f"Redis's INFO is not understood: {error}", kind="redis-error", stage="pull"
        ) from error


def megabytes(size: int) -> str:
    """Give a size for people, in units of 1000.

    >>> megabytes(22_000_000), megabytes(900)
    ('22.0 MB', '900 B')
    """
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{size} B"


def _shown(counts: Counts | None) -> str:
    if counts is None:
        return "unknown"
    if counts.hit_ratio is None:
        return "none asked for yet"
    return (
        f"{counts.requests} asked for: {counts.hits} from the storage, {counts.misses} from the upstream "
        f"({counts.hit_ratio:.0%} hits)"
    )


def _stored(found: Stored | None) -> str:
    return (
        f"{megabytes(found.bytes)} in {found.files} manifests and blobs, {found.path}"
        if found
        else "nothing yet"
    )


def _redis(use: RedisUse | None) -> str:
    if use is None:
        return "not used, or does not answer"
    limit = f" of {use.limit / 2**20:.0f} MiB" if use.limit else ""
    return f"{use.keys} keys, {use.used / 2**20:.1f} MiB{limit}, {use.evicted} evicted"


SERVED = re.compile(
    r'^registry_http_requests_total\{code="(\d+)",handler="(\w+)",method="(\w+)"\} (\S+)$', re.M
)
GIVEN = {"200", "206", "304"}


@dataclass(frozen=True, slots=True)
class Counts:
    """Requests for manifests or for blobs, and how many of them were answered from the storage."""

    requests: int
    hits: int
    misses: int

    @property
    def hit_ratio(self) -> float | None:
        """The share of hits, 0 to 1; None before the first request."""
        return self.hits / self.requests if self.requests else None


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
        """Give the numbers as plain data for JSON."""
        return asdict(self)


def read(debug_address: str, release: str) -> Traffic:
    """Ask the debug server at ``host:port`` of a registry of major version ``release``.

    Raises:
        RegtoolsError: ``cache-failed``: it does not answer, or not as a registry's debug server.
    """
    try:
        variables = json.loads(_get(f"http://{debug_address}/debug/vars"))["registry"]["proxy"]
        return traffic(variables, _get(f"http://{debug_address}/metrics"), release)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise trouble(
            f"the registry's counters at {debug_address} cannot be read: {error}",
            "does config.yml still have http.debug, with prometheus enabled?",
        ) from error


def traffic(proxy: dict[str, Any], metrics: str, release: str) -> Traffic:
    """Make sense of ``registry.proxy`` of ``/debug/vars``, and of ``/metrics``.

    >>> cold = {"blobs": {"Requests": 10, "Hits": 10, "Misses": 0, "BytesPulled": 0, "BytesPushed": 200},
    ...         "manifests": {"Requests": 1, "Hits": 1, "Misses": 1, "BytesPulled": 9, "BytesPushed": 9}}
    >>> traffic(cold, 'registry_http_requests_total{code="200",handler="blob",method="get"} 5', "2").blobs
    Counts(requests=5, hits=0, misses=5)
    """
    blobs, manifests = proxy["blobs"], proxy["manifests"]
    if release != "2":
        return Traffic(
            Counts(blobs["Requests"], blobs["Hits"], blobs["Misses"]),
            Counts(manifests["Requests"], manifests["Hits"], manifests["Misses"]),
            blobs["BytesPushed"],
            blobs["BytesPulled"],
        )
    asked = sum(
        int(float(number))
        for code, handler, _, number in SERVED.findall(metrics)
        if handler == "blob" and code in GIVEN
    )
    misses = min(asked, max(0, blobs["Requests"] - asked))
    size = re.search(r'^registry_http_response_size_bytes_sum\{handler="blob"\} (\S+)$', metrics, re.M)
    served = int(float(size[1])) if size else 0
    return Traffic(
        Counts(asked, asked - misses, misses),
        Counts(
            manifests["Requests"], max(0, manifests["Requests"] - manifests["Misses"]), manifests["Misses"]
        ),
        served,
        2 * max(0, blobs["BytesPushed"] - served),
    )


def _get(url: str) -> str:
    # Loopback, whatever proxy the environment names.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=5) as answer:
        text: str = answer.read(64 << 20).decode("utf-8", "replace")
    return text
