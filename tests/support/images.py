"""Images made by Python alone, and their upload to a real registry through plain HTTP."""

from __future__ import annotations

import hashlib
import io
import json
import random
import tarfile
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPSConnection
from typing import Any

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar"


def sha256(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def layer(size: int, seed: int) -> bytes:
    """A tar archive with one incompressible file of ``size`` bytes."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        entry = tarfile.TarInfo(f"payload-{seed}")
        entry.size = size
        tar.addfile(entry, io.BytesIO(random.Random(seed).randbytes(size)))
    return target.getvalue()


@dataclass
class Image:
    """A manifest and the blobs that it names."""

    manifest: bytes
    media_type: str
    config: bytes
    layers: list[bytes]
    blobs: dict[str, bytes] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        return sha256(self.manifest)

    @property
    def size(self) -> int:
        return sum(map(len, self.layers))


def image(*sizes: int, seed: int = 1, architecture: str = "amd64", docker: bool = False) -> Image:
    """An image with one layer per size, the same bytes for the same arguments."""
    layers = [layer(size, seed * 1000 + number) for number, size in enumerate(sizes)]
    config = json.dumps(
        {
            "architecture": architecture,
            "os": "linux",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": [sha256(each) for each in layers]},
        }
    ).encode()
    kind = DOCKER_MANIFEST if docker else OCI_MANIFEST
    manifest = {
        "schemaVersion": 2,
        "mediaType": kind,
        "config": described(config, DOCKER_CONFIG if docker else OCI_CONFIG),
        "layers": [described(each, DOCKER_LAYER if docker else OCI_LAYER) for each in layers],
    }
    blobs = {sha256(each): each for each in (config, *layers)}
    return Image(json.dumps(manifest).encode(), kind, config, layers, blobs)


def described(data: bytes, media_type: str, **more: Any) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": sha256(data), "size": len(data), **more}


def index(*members: tuple[Image, dict[str, str]], docker: bool = False) -> bytes:
    """An index over images, each with its platform."""
    kind = DOCKER_INDEX if docker else OCI_INDEX
    return json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": kind,
            "manifests": [described(i.manifest, i.media_type, platform=p) for i, p in members],
        }
    ).encode()


def push(connection: HTTPConnection | HTTPSConnection, repository: str, tag: str, made: Image) -> None:
    """Upload blobs, then the manifest, as the distribution specification describes (POST, PUT)."""
    for digest, data in made.blobs.items():
        connection.request("POST", f"/v2/{repository}/blobs/uploads/")
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 202, answer.status
        where = answer.headers["Location"]
        where = where[where.index("/v2/") :]
        connection.request(
            "PUT",
            f"{where}{'&' if '?' in where else '?'}digest={digest}",
            data,
            {"Content-Type": "application/octet-stream"},
        )
        answer = connection.getresponse()
        assert answer.status == 201, answer.read()
        answer.read()
    push_manifest(connection, repository, tag, made.manifest, made.media_type)


def push_manifest(
    connection: HTTPConnection | HTTPSConnection, repository: str, tag: str, manifest: bytes, media_type: str
) -> None:
    connection.request("PUT", f"/v2/{repository}/manifests/{tag}", manifest, {"Content-Type": media_type})
    answer = connection.getresponse()
    text = answer.read()
    assert answer.status == 201, text
