"""An authority of our own and certificates for loopback, made by ``openssl``."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
LOOPBACK = "IP:127.0.0.1,DNS:localhost"


@dataclass(frozen=True)
class Certificate:
    """Files: the authority's certificate, a certificate that it has signed, and the key of that one.

    With ``clients``, a server that uses it wants a certificate of the same authority from its clients.
    """

    ca: Path
    cert: Path
    key: Path
    clients: bool = False


def make(folder: Path, names: str = LOOPBACK, *, days: int = 2, clients: bool = False) -> Certificate:
    """Make an authority and a certificate for ``names``; ``days=-1`` makes one that has ended."""
    folder.mkdir(parents=True, exist_ok=True)
    ca = folder / "ca.pem"
    _openssl(
        *("req", "-x509", *CURVE, "-days", "2", "-addext", "keyUsage=critical,keyCertSign,cRLSign"),
        *("-subj", "/CN=test authority", "-keyout", str(folder / "ca.key"), "-out", str(ca)),
    )
    return issue(ca, folder, names, days=days, clients=clients)


def issue(
    ca: Path, folder: Path, names: str = LOOPBACK, *, days: int = 2, clients: bool = False
) -> Certificate:
    """Let an authority that :func:`make` made sign one more certificate."""
    folder.mkdir(parents=True, exist_ok=True)
    made = Certificate(ca, folder / "cert.pem", folder / "key.pem", clients)
    request, extensions = str(folder / "request.pem"), folder / "extensions"
    # Python 3.13 checks strictly (RFC 5280): key usage on the authority, key identifiers on both.
    extensions.write_text(
        f"subjectAltName={names}\nbasicConstraints=CA:FALSE\nkeyUsage=digitalSignature\n"
        "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"
    )
    _openssl("req", *CURVE, "-subj", "/CN=test registry", "-keyout", str(made.key), "-out", request)
    _openssl(
        *("x509", "-req", "-in", request, "-CA", str(ca), "-CAkey", str(ca.with_name("ca.key"))),
        *("-CAcreateserial", "-days", str(days), "-extfile", str(extensions), "-out", str(made.cert)),
    )
    return made


def self_signed(folder: Path, names: str = LOOPBACK) -> Certificate:
    """Make a certificate that nobody but itself vouches for."""
    folder.mkdir(parents=True, exist_ok=True)
    cert, key = folder / "cert.pem", folder / "key.pem"
    _openssl(
        *("req", "-x509", *CURVE, "-days", "2", "-addext", f"subjectAltName={names}"),
        *("-subj", "/CN=nobody", "-keyout", str(key), "-out", str(cert)),
    )
    return Certificate(cert, cert, key)


def _openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True, timeout=60)
