"""Which proxy a request goes through: the rules of Go's ``httpproxy``, hence podman's.

``HTTP_PROXY``, ``HTTPS_PROXY`` and ``NO_PROXY`` (or lower case); never for ``localhost`` and loopback
addresses. ``ALL_PROXY`` is curl's, not Go's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping
    from ipaddress import IPv4Address, IPv6Address

__all__ = ["proxy_for"]

_PORTS = {"http": 80, "https": 443}


def proxy_for(scheme: str, host: str, port: int | None, environ: Mapping[str, str]) -> tuple[str, str | None]:
    """Give the proxy's URL for libcurl ("" for none), and its host and port to show: no user, no password.

    >>> proxy_for("https", "quay.io", None, {"HTTPS_PROXY": "http://me:secret@proxy.example:3128"})
    ('http://me:secret@proxy.example:3128', 'proxy.example:3128')
    >>> proxy_for("https", "quay.io", None, {"HTTPS_PROXY": "proxy.example:3128", "NO_PROXY": ".io"})
    ('', None)
    """
    name = f"{scheme}_proxy"
    proxy = environ.get(name.upper()) or environ.get(name) or ""
    if not proxy or _is_local(host) or _excluded(host, port or _PORTS.get(scheme, 0), environ):
        return "", None
    if "://" not in proxy:
        proxy = f"http://{proxy}"
    return proxy, urlsplit(proxy).netloc.rpartition("@")[2]


def _is_local(host: str) -> bool:
    if host == "localhost":
        return True
    address = _address(host)
    return address is not None and address.is_loopback


def _excluded(host: str, port: int, environ: Mapping[str, str]) -> bool:
    rules = environ.get("NO_PROXY") or environ.get("no_proxy") or ""
    return any(
        _matches(rule.strip().lower(), host.lower(), port) for rule in rules.split(",") if rule.strip()
    )


def _matches(rule: str, host: str, port: int) -> bool:
    if rule == "*":
        return True
    if "/" in rule:
        return _in_network(host, rule)
    name, colon, wanted = rule.rpartition(":")
    if colon and wanted.isdecimal() and name.count(":") in (0, 7):
        if int(wanted) != port:
            return False
        rule = name
    rule = rule.removeprefix("*")
    if rule.startswith("."):  # only below the domain
        return host.endswith(rule)
    return host == rule or (host.endswith(f".{rule}") and _address(rule) is None)


def _in_network(host: str, rule: str) -> bool:
    import ipaddress

    address = _address(host)
    try:
        return address is not None and address in ipaddress.ip_network(rule, strict=False)
    except ValueError:
        return False


def _address(host: str) -> IPv4Address | IPv6Address | None:
    if not (host[:1].isdigit() or ":" in host):
        return None
    import ipaddress  # costs 5 ms; most hosts are names

    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
