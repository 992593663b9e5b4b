"""The images of the testbed: made by Python alone, with the same digests on every machine.

`hello` is an index for amd64 and arm64 with a tiny static executable. Payload images have layers of given
sizes whose content nothing compresses. The layers come from :mod:`.layers`; all images follow the OCI image
specification 1.1.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from .layers import ARCHITECTURES, SMALLEST, Layer, executable, file_layer, payload_layer, sha256
from .process import bad

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
CREATED = "2000-01-01T00:00:00Z"  # fixed, or the digests would change from day to day
TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")
LARGEST = 4 << 30


@dataclass(frozen=True, slots=True)
class Hello:
    """An image that prints a greeting: an index for amd64 and arm64, one small layer each."""

    tags: tuple[str, ...] = ("1.0", "latest")

    def __post_init__(self) -> None:
        _check_tags(self.tags)

    def to_dict(self) -> dict[str, Any]:
        """Return the description as plain data for JSON."""
        return {"kind": "hello", "tags": list(self.tags)}


@dataclass(frozen=True, slots=True)
class Payload:
    """An image of incompressible layers, one manifest, for measuring.

    Args:
        layers: bytes of each layer on the wire, exactly.
        seed: what the content depends on; images share the layers in which seed, position and size agree.
        tags: the names that lead to it.

    Raises:
        RegtoolsError: no layer, a layer outside 2,077 bytes … 4 GiB, or a name that is not a tag.
    """

    layers: tuple[int, ...]
    seed: str = "0"
    tags: tuple[str, ...] = ("latest",)

    def __post_init__(self) -> None:
        _check_tags(self.tags)
        if not self.layers:
            raise bad("a payload image needs at least one layer", "give the sizes, e.g. layers=(1_000_000,)")
        for size in self.layers:
            if not SMALLEST <= size <= LARGEST:
                message = f"a layer of {size} bytes cannot be made"
                hint = f"give every layer between {SMALLEST} and {LARGEST} bytes"
                raise bad(message, hint)

    def to_dict(self) -> dict[str, Any]:
        """Return the description as plain data for JSON."""
        return {"kind": "payload", "layers": list(self.layers), "seed": self.seed, "tags": list(self.tags)}


@dataclass(frozen=True, slots=True)
class Content:
    """What a registry holds of one image.

    Attributes:
        digest: of the index or manifest that the tags name.
        tags: the names that lead to it.
        manifests: digest → media type and bytes, of indexes and manifests.
        blobs: digest → bytes, of configs and layers.
    """

    digest: str
    tags: tuple[str, ...]
    manifests: dict[str, tuple[str, bytes]] = field(repr=False)
    blobs: dict[str, bytes | bytearray] = field(repr=False)


def build(image: Hello | Payload) -> Content:
    """Make an image; the same description gives the same digests on every machine and in every release."""
    content = Content("", image.tags, {}, {})
    if isinstance(image, Payload):
        layers = [
            payload_layer(f"layer-{number:02}.bin", f"{image.seed}/{number}", size)
            for number, size in enumerate(image.layers, 1)
        ]
        top = _add_image(content, "amd64", layers, {})
    else:
        top = _add_index(content)
    return Content(top["digest"], content.tags, content.manifests, content.blobs)


def from_dict(data: dict[str, Any]) -> Hello | Payload:
    """Read a description that ``to_dict`` returned."""
    if data["kind"] == "hello":
        return Hello(tuple(data["tags"]))
    return Payload(tuple(data["layers"]), data["seed"], tuple(data["tags"]))


def _add_index(content: Content) -> dict[str, Any]:
    entries = []
    for architecture in ARCHITECTURES:
        layer = file_layer("hello", executable(architecture), mode=0o755)
        entry = _add_image(content, architecture, [layer], {"Cmd": ["/hello"]})
        entries.append({**entry, "platform": {"architecture": architecture, "os": "linux"}})
    return _add_manifest(content, INDEX, {"manifests": entries})


def _add_image(
    content: Content, architecture: str, layers: list[Layer], config: dict[str, Any]
) -> dict[str, Any]:
    for layer in layers:
        content.blobs[layer.digest] = layer.data
    raw = _json(
        {
            "architecture": architecture,
            "config": config,
            "created": CREATED,
            "history": [{"created": CREATED, "created_by": "regtools testbed"} for _ in layers],
            "os": "linux",
            "rootfs": {"diff_ids": [layer.diff_id for layer in layers], "type": "layers"},
        }
    )
    digest = sha256(raw)
    content.blobs[digest] = raw
    body = {
        "config": {"digest": digest, "mediaType": CONFIG, "size": len(raw)},
        "layers": [{"digest": one.digest, "mediaType": LAYER, "size": one.size} for one in layers],
    }
    return _add_manifest(content, MANIFEST, body)


def _add_manifest(content: Content, media_type: str, body: dict[str, Any]) -> dict[str, Any]:
    raw = _json({"mediaType": media_type, "schemaVersion": 2, **body})
    digest = sha256(raw)
    content.manifests[digest] = (media_type, raw)
    return {"digest": digest, "mediaType": media_type, "size": len(raw)}


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode("ascii")


def _check_tags(tags: tuple[str, ...]) -> None:
    for tag in tags:
        if not TAG.fullmatch(tag):
            raise bad(f"{tag!r} is not a tag", "use letters, digits, '_', '.' and '-', at most 128 of them")
    if not tags:
        raise bad("an image needs at least one tag", 'give one, e.g. tags=("latest",)')


# Different sizes with few layers and different layer counts with few bytes: what a fit of
# total = setup + round trips * rtt + bytes / rate needs to tell latency from bandwidth.
DEFAULT_IMAGES: dict[str, Hello | Payload] = {
    "hello": Hello(),
    "small": Payload((1_000_000,), seed="small"),
    "layers-20": Payload((100_000,) * 20, seed="layers-20"),
    "large": Payload((2_000_000,) * 4, seed="large"),
}
