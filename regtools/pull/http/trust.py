"""Choose the proxy of a request, and the certificates of a source: whom a connection goes through and trusts.

The proxy follows the rules of Go's ``httpproxy``, which are podman's: ``HTTP_PROXY``, ``HTTPS_PROXY`` and
``NO_PROXY`` (or lower case) count; ``localhost`` and loopback addresses are never proxied. ``ALL_PROXY`` is a
variable of curl, not of Go. Certificates are those of certs.d (containers-certs.d(5)).
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_network
from typing import TYPE_CHECKING

from regtools.errors import RegtoolsError
from regtools.registries.reading.credentials import certificates

from .values import is_local, pull_error, read_ip, read_url, read_whole

if TYPE_CHECKING:
    from collections.abc import Mapping

    from regtools.registries.reading.host import Surroundings
    from regtools.registries.settings import Settings

    from .values import Address

__all__ = ["Trust", "find_trust", "proxy_for"]


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


def find_trust(conf: Settings, reference: str, *, insecure: bool = False) -> Trust:
    """Return which certificates a connection to one source trusts, and which one it presents.

    The ``*.crt`` files are trusted in addition to the system's authorities; broken links, and a directory
    that the user may not list, are ignored. The first of several client certificates by name is presented;
    podman presents the one whose issuer the server asks for.

    Args:
        conf: the configuration of the machine whose directories are read.
        reference: full name of the image at the source.
        insecure: whether to accept any certificate of the server; a broken directory is an error even then.

    Raises:
        RegtoolsError: kind ``certificate``: a client certificate lacks its key, or the reverse; kind
            ``file-unreadable``.
    """
    around = conf.surroundings
    looked = certificates(reference, root=around.root, environ=around.environ, uid=around.uid)
    if looked.directory is None or _forbidden(looked.directory, around):
        return Trust(verify=not insecure)
    if looked.problems:
        hint = "name an authority's certificate NAME.crt, a client's NAME.cert and its key NAME.key"
        raise pull_error("certificate", looked.problems[0], hint, file=looked.directory)
    folder = looked.directory
    present = [
        f"{folder}/{name}" for name in looked.authorities if around.mode(f"{folder}/{name}") is not None
    ]
    authorities = b"\n".join(around.read(path) for path in present)
    if not looked.clients:
        return Trust(verify=not insecure, authorities=authorities)
    client = looked.clients[0].removesuffix(".cert")
    pair = [around.real(f"{folder}/{client}{ending}") for ending in (".cert", ".key")]
    return Trust(verify=not insecure, authorities=authorities, certificate=pair[0], key=pair[1])


def _forbidden(directory: str, around: Surroundings) -> bool:
    try:
        around.names(directory)
    except RegtoolsError as error:
        return isinstance(error.__cause__, PermissionError)
    return False


@dataclass(frozen=True, slots=True)
class Trust:
    """Which certificates a TLS connection trusts, and which one it presents.

    Attributes:
        verify: False trusts every server.
        authorities: certificates in PEM, trusted in addition to the system's.
        certificate, key: files that hold the client's certificate and its key.
    """

    verify: bool = True
    authorities: bytes = b""
    certificate: str | None = None
    key: str | None = None
