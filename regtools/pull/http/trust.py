"""Certificates for one place, read from certs.d as podman reads them (containers-certs.d(5))."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from regtools.errors import Place, RegtoolsError

if TYPE_CHECKING:
    from regtools.registries.reading.host import Surroundings
    from regtools.registries.settings import Settings

__all__ = ["Trust", "find_trust"]


def find_trust(conf: Settings, reference: str, *, insecure: bool = False) -> Trust:
    """Say whom a connection to one place believes, and what it shows of itself.

    The ``*.crt`` files count besides the system's authorities; links to nowhere, and a directory that the
    user may not list, are passed over. Of several client certificates the first by name is shown; podman
    shows the one whose issuer the server names.

    Arguments:
        conf: the machine whose directories are read.
        reference: the image's full name at the place that is contacted.
        insecure: whether any certificate of the server will do; a broken directory is an error all the same.

    Raises:
        RegtoolsError: kind ``certificate``: a client certificate without its key, or the reverse; kind
            ``file-unreadable``.
    """
    from regtools.registries.reading.credentials import certificates

    around = conf.surroundings
    looked = certificates(reference, root=around.root, environ=around.environ, uid=around.uid)
    if looked.directory is None or _forbidden(looked.directory, around):
        return Trust(verify=not insecure)
    if looked.problems:
        raise RegtoolsError(
            looked.problems[0],
            kind="certificate",
            stage="pull",
            where=Place(looked.directory),
            hint="an authority's certificate is called NAME.crt, a client's NAME.cert with NAME.key",
        )
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
    """Whom a TLS connection believes, and what it shows of itself.

    Attributes:
        verify: False believes anybody.
        authorities: certificates in PEM, believed besides the system's.
        certificate, key: files with the client's certificate and its key.
    """

    verify: bool = True
    authorities: bytes = b""
    certificate: str | None = None
    key: str | None = None
