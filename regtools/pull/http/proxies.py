"""Choose the proxy of a request by the rules of Go's ``httpproxy``, which are podman's.

``HTTP_PROXY``, ``HTTPS_PROXY`` and ``NO_PROXY`` (or lower case) count; ``localhost`` and loopback addresses
are never proxied. ``ALL_PROXY`` is a variable of curl, not of Go.
"""

from __future__ import annotations

from ipaddress import ip_network
from typing import TYPE_CHECKING

from .values import is_local, read_ip, read_url, read_whole

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .values import Address

__all__ = ["proxy_for"]


def proxy_for(target: Address, environ: Mapping[str, str]) -> tuple[str, str | None]:
    """Return the proxy's URL for libcurl ("" for none), and its host and port without user and password.

    >>> quay = read_url("https://quay.io/v2/")
    >>> proxy_for(quay, {"HTTPS_PROXY": "http://me:secret@proxy.example:3128"})
    ('http://me:secret@proxy.example:3128', 'proxy.example:3128')
    >>> proxy_for(quay, {"HTTPS_PROXY": "proxy.example:3128", "NO_PROXY": ".io"})
    ('', None)

    Raises:
        RegtoolsError: kind ``bad-url``: the variable does not hold a usable address.
    """
    name = f"{target.scheme}_proxy"
    proxy = environ.get(name.upper()) or environ.get(name) or ""
    if not proxy or is_local(target.host):
        return "", None
    rules = (environ.get("NO_PROXY") or environ.get("no_proxy") or "").lower().split(",")
    if any(_matches(rule.strip(), target) for rule in rules):
        return "", None
    found = read_url(proxy if "://" in proxy else f"http://{proxy}")
    return found.url, found.shown


def _matches(rule: str, target: Address) -> bool:
    host = target.host
    if rule in ("", "*"):
        return rule == "*"
    if "/" in rule:
        return _in_network(host, rule)
    name, colon, wanted = rule.rpartition(":")
    if colon and wanted.isdecimal() and name.count(":") in (0, 7):
        if read_whole(wanted) != target.port:
            return False
        rule = name
    rule = rule.removeprefix("*")
    if rule.startswith("."):  # only below the domain
        return host.endswith(rule)
    return host == rule or (host.endswith(f".{rule}") and read_ip(rule) is None)


def _in_network(host: str, rule: str) -> bool:
    address = read_ip(host)
    try:
        return address is not None and address in ip_network(rule, strict=False)
    except ValueError:
        return False
