"""An authority of our own and a certificate for loopback, made by ``openssl``."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Certificate:
    """Files: the authority's certificate, the server's certificate and key."""

    ca: Path
    cert: Path
    key: Path


def make(folder: Path, names: str = "IP:127.0.0.1,DNS:localhost") -> Certificate:
    folder.mkdir(parents=True, exist_ok=True)
    made = Certificate(folder / "ca.pem", folder / "cert.pem", folder / "key.pem")
    extensions = folder / "extensions"
    # Python 3.13 checks strictly (RFC 5280): key usage on the authority, key identifiers on both.
    extensions.write_text(
        f"subjectAltName={names}\nbasicConstraints=CA:FALSE\nkeyUsage=digitalSignature\n"
        "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"
    )
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    ca_key, request = str(folder / "ca.key"), str(folder / "request.pem")
    _openssl(
        "req",
        "-x509",
        *curve,
        "-days",
        "2",
        "-addext",
        "keyUsage=critical,keyCertSign,cRLSign",
        "-subj",
        "/CN=test authority",
        "-keyout",
        ca_key,
        "-out",
        str(made.ca),
    )
    _openssl("req", *curve, "-subj", "/CN=test registry", "-keyout", str(made.key), "-out", request)
    _openssl(
        *("x509", "-req", "-in", request, "-CA", str(made.ca), "-CAkey", ca_key, "-CAcreateserial"),
        *("-days", "2", "-extfile", str(extensions), "-out", str(made.cert)),
    )
    return made


def _openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True, timeout=60)
