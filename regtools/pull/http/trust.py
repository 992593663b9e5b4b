"""Find the certificates of a source in certs.d (containers-certs.d(5)): whom a connection trusts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from regtools.errors import RegtoolsError
from regtools.registries.reading.credentials import certificates

from .values import pull_error

if TYPE_CHECKING:
    from regtools.registries.reading.host import Surroundings
    from regtools.registries.settings import Settings


__all__ = ["Trust", "find_trust"]


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
