"""What the registry says it has served, corrected where distribution 2.8 miscounts.

2.8 counts a blob once for each copy that it makes, calls every copy a hit, and none a miss: after a pull of
five blobs that it did not have, it says ten requests, ten hits, no miss. But it makes two copies of what it
lacks (one for the client, one for itself) and one of what it has, and its web server counts the requests
rightly. So the copies beyond the requests are the misses, and all their bytes were fetched twice.

Beyond this are clients that ask for the same missing blob at the same moment (it is stored once, so that the
second client counts as a hit), and bytes of downloads that were cut.
"""

from __future__ import annotations

import json
import re
import urllib.request
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from .engines import trouble

if TYPE_CHECKING:
    from typing import Any

__all__ = ["Counts", "Traffic", "read", "traffic"]

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
