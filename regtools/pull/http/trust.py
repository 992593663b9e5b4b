"""Choose the proxy of a request, and the certificates of a source: whom a connection goes through and trusts.

The proxy follows the rules of Go's ``httpproxy``, which are podman's: ``HTTP_PROXY``, ``HTTPS_PROXY`` and
``NO_PROXY`` (or lower case) count; ``localhost`` and loopback addresses are never proxied. ``ALL_PROXY`` is a
variable of curl, not of Go. A proxy's password is in none of the URLs, messages and columns that follow from
these variables. Certificates are those of certs.d (containers-certs.d(5)).
"""

from __future__ import annotations

import re
from binascii import b2a_base64
from collections.abc import Iterator, Mapping
from contextlib import suppress
from ipaddress import ip_network
from urllib.parse import unquote

from regtools.errors import RegtoolsError
from regtools.registries.reading.credentials import certificates
from regtools.registries.reading.host import Surroundings
from regtools.registries.settings import Settings
from regtools.values import NamedTuple

from .values import Address, Secret, is_local, pull_error, read_ip, read_url, read_whole

_NAMES = ("http_proxy", "https_proxy", "all_proxy")
_SCHEMES = ("http", "https", "socks5", "socks5h")
_PARTS = r"(?s)(?:([A-Za-z][A-Za-z0-9+.-]*)://)?(?:(.*)@)?([^@]*)"


class Proxy(NamedTuple):
    """A proxy: its URL without user and password ("" for none), and these two.

    Attributes:
        url: for libcurl.
        shown: host and port for rows; None without a proxy.
        user, password: decoded; None if the variable names none.
    """

    url: str = ""
    shown: str | None = None
    user: Secret | None = None
    password: Secret | None = None


def proxy_for(target: Address, environ: Mapping[str, str]) -> Proxy:
    """Return the proxy for an address.

    >>> quay = read_url("https://quay.io/v2/")
    >>> proxy_for(quay, {"HTTPS_PROXY": "http://me:secret@proxy.example:3128"})
    Proxy(url='http://proxy.example:3128', shown='proxy.example:3128', user=Secret(…), password=Secret(…))
    >>> proxy_for(quay, {"HTTPS_PROXY": "proxy.example:3128", "NO_PROXY": ".io"}).shown

    Raises:
        RegtoolsError: kind ``bad-url``: the variable does not hold a usable address.
    """
    name = f"{target.scheme}_proxy"
    proxy = Secret(environ.get(name.upper()) or environ.get(name) or "")
    rules = (environ.get("NO_PROXY") or environ.get("no_proxy") or "").lower().split(",")
    del environ  # a traceback that prints variables would show the password
    if not proxy or is_local(target.host) or any(_matches(rule.strip(), target) for rule in rules):
        return Proxy()
    return _read(proxy, name.upper())


def proxy_secrets(environ: Mapping[str, str]) -> Iterator[Secret]:
    """Yield users' names and passwords of all proxies, and their parts, in the forms that may be shown.

    A password with an unescaped ``#``, ``/``, ``?`` or ``@`` ends too early for Go and libcurl, whose
    messages then quote a part of it.
    """
    for value in filter(None, (environ.get(each) for name in _NAMES for each in (name.upper(), name))):
        if pair := re.fullmatch(_PARTS, value)[2]:  # type: ignore[index]
            user, _, password = pair.partition(":")
            plain = f"{unquote(user)}:{unquote(password)}".encode("utf-8", "surrogateescape")
            yield Secret(b2a_base64(plain, newline=False).decode())
            yield from map(
                Secret,
                (pair, password, unquote(password), *re.split("[#/?@:]", f"{password}@{unquote(password)}")),
            )


def _read(text: Secret, name: str) -> Proxy:
    """Read a variable; its text is in no message, because any part of it may be the password."""
    scheme, pair, host = (Secret(part or "") for part in re.fullmatch(_PARTS, text.reveal()).groups())  # type: ignore[union-attr]
    problem = "it is not an address of a host and a port"
    if scheme and scheme.reveal().lower() not in _SCHEMES:
        problem = "its scheme is not http, https or socks5"
    elif re.search("[#/?]", pair.reveal()):
        problem = "its user or password contains '#', '/' or '?'; write %23, %2F or %3F"
    else:
        with suppress(RegtoolsError):
            address = read_url(f"{scheme.reveal() or 'http'}://{host.reveal()}")
            user, colon, password = pair.reveal().partition(":")
            named = (Secret(unquote(user)), Secret(unquote(password))) if user or colon else (None, None)
            user = password = ""
            return Proxy(address.url, address.shown, *named)
    raise pull_error("bad-url", f"the proxy in {name} cannot be used: {problem}")


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
    looked = certificates(reference, around)
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


class Trust(NamedTuple):
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
