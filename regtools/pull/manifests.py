"""Manifests and indexes read: OCI image specification and Docker's version 2, schema 2.

What a registry says is not believed: every digest, size and type is checked before it is used.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from regtools.errors import RegtoolsError

from .body import DIGEST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["ACCEPT", "Blob", "Image", "Index", "read_manifest"]

_INDEXES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
_IMAGES = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
ACCEPT = ", ".join((*_IMAGES, *_INDEXES))


@dataclass(frozen=True, slots=True)
class Blob:
    """A config or a layer as its manifest declares it; ``layer`` counts from 0, None for the config.

    ``urls`` is not empty for a foreign layer, which registries need not have.
    """

    digest: str
    size: int
    media_type: str
    layer: int | None = None
    urls: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Image:
    """One image's manifest: its bytes, and what they declare."""

    raw: bytes
    media_type: str
    digest: str
    config: Blob
    layers: tuple[Blob, ...]

    @property
    def blobs(self) -> tuple[Blob, ...]:
        """The config and the layers in order, each digest once."""
        found: dict[str, Blob] = {}
        for blob in (self.config, *self.layers):
            found.setdefault(blob.digest, blob)
        return tuple(found.values())


@dataclass(frozen=True, slots=True)
class Index:
    """An index (Docker: manifest list); each member has digest, size and perhaps a platform."""

    members: tuple[dict[str, Any], ...]


def read_manifest(raw: bytes, content_type: str, digest: str) -> Image | Index:
    """Read a manifest or an index.

    Arguments:
        raw: the bytes, already verified.
        content_type: what the registry called them; counts where they do not name their type themselves.
        digest: of the bytes.

    Raises:
        RegtoolsError: kinds ``bad-manifest`` and ``unsupported-manifest``.
    """
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        raise _bad("the manifest is not JSON") from None
    if not isinstance(value, dict):
        raise _bad("the manifest is not a JSON object")
    if value.get("schemaVersion") != 2:
        raise _unsupported(f"manifests of schema {value.get('schemaVersion')!r} are not supported")
    media_type = value.get("mediaType") or content_type.partition(";")[0].strip().lower()
    if media_type not in _INDEXES and media_type not in _IMAGES:
        media_type = _INDEXES[0] if "manifests" in value else _IMAGES[0] if "layers" in value else media_type
    if "manifests" in value and ("layers" in value or "config" in value):
        raise _bad("the manifest is an image and an index at once (see CVE-2021-41190)")
    if media_type in _INDEXES:
        return Index(tuple(_member(each) for each in _list(value, "manifests")))
    if media_type not in _IMAGES:
        raise _unsupported(f"manifests of the type {media_type!r} are not supported")
    layers = tuple(_blob(each, number) for number, each in enumerate(_list(value, "layers")))
    return Image(raw, media_type, digest, _blob(value.get("config"), None), layers)


def _member(value: Any) -> dict[str, Any]:
    _blob(value, None)
    platform = value.get("platform")
    if platform is not None and not isinstance(platform, dict):
        raise _bad("a member of the index has a platform that is no object")
    return dict(value)


def _blob(value: Any, layer: int | None) -> Blob:
    if not isinstance(value, dict):
        raise _bad("the manifest lacks a descriptor")
    digest, size, media_type = value.get("digest"), value.get("size"), value.get("mediaType", "")
    if not isinstance(digest, str) or DIGEST.fullmatch(digest) is None:
        raise _bad(f"the manifest names a blob by {str(digest)[:80]!r}, which is no digest")
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise _bad(f"the manifest declares no usable size for {digest[:19]}…")
    urls = value.get("urls") or []
    if (
        not isinstance(media_type, str)
        or not isinstance(urls, list)
        or not all(isinstance(u, str) for u in urls)
    ):
        raise _bad(f"the manifest's descriptor of {digest[:19]}… has a wrong type in it")
    return Blob(digest, size, media_type, layer, tuple(urls))


def _list(value: dict[str, Any], name: str) -> list[Any]:
    found = value.get(name)
    if not isinstance(found, list):
        raise _bad(f"the manifest has no list of {name}")
    return found


def _bad(message: str) -> RegtoolsError:
    return RegtoolsError(message, kind="bad-manifest", stage="pull")


def _unsupported(message: str) -> RegtoolsError:
    return RegtoolsError(message, kind="unsupported-manifest", stage="pull")
