"""How a cache is doing, in one look."""

from __future__ import annotations

import os
import urllib.error
import urllib.request
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from regtools.errors import RegtoolsError

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from .traffic import Counts, Traffic

__all__ = ["RedisUse", "Status", "Stored", "answers", "redis_use", "stored", "upstream_state", "wants_basic"]

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
