"""Read manifests and indexes (OCI image specification; Docker's version 2, schema 2), and choose a platform.

Nothing that a registry sends is trusted: every digest, size and type is checked before it is used.

The member of an index is chosen as containers/image chooses it, which podman uses: the first entry that fits
the most specific variant. An entry without a variant comes last if a variant is wanted, and first if none
is.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence

from regtools.errors import RegtoolsError
from regtools.reference import is_digest
from regtools.values import TYPE_CHECKING, NamedTuple

from .http.values import clipped, pull_error
from .records import LARGEST

if TYPE_CHECKING:
    from typing import Any

_INDEXES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
_IMAGES = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
ACCEPT = ", ".join((*_IMAGES, *_INDEXES))
# The names that count, by their lower case: Go, and so podman, reads names in any case.
_NAMES = {
    name.casefold(): name
    for name in (
        *("schemaVersion", "mediaType", "config", "layers", "manifests", "digest", "size", "urls"),
        *("platform", "os", "architecture", "variant"),
    )
}


class Blob(NamedTuple):
    """A config or a layer as its manifest declares it.

    Attributes:
        size: in bytes.
        layer: number of the layer, from 0; None for the config.
        urls: addresses of a foreign layer, which the registry need not have.
    """

    digest: str
    size: int
    media_type: str
    layer: int | None = None
    urls: tuple[str, ...] = ()


class Image(NamedTuple):
    """The manifest of one image: its bytes, what they declare, and the digest of the index that led to it."""

    raw: bytes
    media_type: str
    digest: str
    config: Blob
    layers: tuple[Blob, ...]
    index_digest: str | None = None

    @property
    def blobs(self) -> tuple[Blob, ...]:
        """The config and the layers in order, each digest once."""
        found: dict[str, Blob] = {}
        for blob in (self.config, *self.layers):
            found.setdefault(blob.digest, blob)
        return tuple(found.values())

    @property
    def layers_size(self) -> int:
        """Bytes in all layers, each digest counted once."""
        return sum({layer.digest: layer.size for layer in self.layers}.values())


class Index(NamedTuple):
    """An index (Docker: manifest list); each member has a digest, a size and perhaps a platform."""

    digest: str
    members: tuple[dict[str, Any], ...]


def read_manifest(raw: bytes, content_type: str, digest: str) -> Image | Index:
    """Read a manifest or an index as podman reads it: JSON as Go's ``encoding/json`` understands it.

    That is UTF-8 without a byte order mark, broken bytes replaced; names in any case; NaN is not a number.

    Args:
        raw: the bytes, already verified.
        content_type: their type according to the registry; counts if they do not name it themselves.
        digest: digest of the bytes.

    Raises:
        RegtoolsError: kinds ``bad-manifest`` and ``unsupported-manifest``.
    """
    try:
        text = raw.decode("utf-8", "replace")
        value = json.loads(text, object_pairs_hook=_named, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise _bad("the manifest is not JSON") from None
    if not isinstance(value, dict):
        raise _bad("the manifest is not a JSON object")
    schema = value.get("schemaVersion")
    if type(schema) is not int or schema != 2:
        message = f"manifests of schema {clipped(repr(schema), 40)} are not supported"
        raise pull_error("unsupported-manifest", message)
    if not isinstance(value.get("mediaType"), str | None):
        raise _bad("the manifest's mediaType is not text")
    media_type = value.get("mediaType") or content_type.partition(";")[0].strip().lower()
    if media_type not in _INDEXES and media_type not in _IMAGES:
        media_type = _INDEXES[0] if "manifests" in value else _IMAGES[0] if "layers" in value else media_type
    if "manifests" in value and ("layers" in value or "config" in value):
        raise _bad("the manifest is an image and an index at once (see CVE-2021-41190)")
    if media_type in _INDEXES:
        return Index(digest, tuple(_member(each) for each in _list(value, "manifests")))
    if media_type not in _IMAGES:
        raise pull_error("unsupported-manifest", f"manifests of the type {media_type!r} are not supported")
    layers = tuple(_blob(each, number) for number, each in enumerate(_list(value, "layers")))
    image = Image(raw, media_type, digest, _blob(value.get("config"), None), layers)
    if image.layers_size > LARGEST:
        raise _bad(f"the manifest declares layers of {image.layers_size} bytes together")
    return image


def _named(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return {_NAMES.get(name.casefold(), name): value for name, value in pairs}


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is not JSON")


def _member(value: Any) -> dict[str, Any]:
    _blob(value, None)
    platform = value.get("platform")
    if platform is not None and not isinstance(platform, dict):
        raise _bad("a member of the index has a platform that is not an object")
    return dict(value)


def _blob(value: Any, layer: int | None) -> Blob:
    if not isinstance(value, dict):
        raise _bad("the manifest lacks a descriptor")
    digest, size, media_type = value.get("digest"), value.get("size"), value.get("mediaType")
    media_type = "" if media_type is None else media_type
    if not isinstance(digest, str) or not is_digest(digest):
        raise _bad(f"the manifest names a blob by {str(digest)[:80]!r}, which is not a digest")
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= LARGEST:
        raise _bad(f"the manifest declares no possible size for {digest[:19]}…")
    urls = value.get("urls") or []
    if (
        not isinstance(media_type, str)
        or not isinstance(urls, list)
        or not all(isinstance(u, str) for u in urls)
    ):
        raise _bad(f"the manifest's descriptor of {digest[:19]}… contains a wrong type")
    return Blob(digest, size, media_type, layer, tuple(urls))


def _list(value: dict[str, Any], name: str) -> list[Any]:
    found = value.get(name)
    if not isinstance(found, list):
        raise _bad(f"the manifest has no list of {name}")
    return found


def _bad(message: str) -> RegtoolsError:
    return pull_error("bad-manifest", message)


# Variants of an architecture, the most demanding first: a machine runs its own and all that follow.
_VARIANTS = {"arm": ("v8", "v7", "v6", "v5"), "arm64": ("v8",)}

# uname's machine → architecture and variant in Go's words, which images use.
_MACHINES = {
    "x86_64": ("amd64", ""), "amd64": ("amd64", ""), "i386": ("386", ""), "i686": ("386", ""),
    "aarch64": ("arm64", ""), "arm64": ("arm64", ""), "armv7l": ("arm", "v7"), "armv6l": ("arm", "v6"),
    "armv5l": ("arm", "v5"), "mips64": ("mips64le", ""), "loongarch64": ("loong64", ""),
}  # fmt: skip


class Platform(NamedTuple):
    """Operating system, architecture and variant, as in ``linux/arm/v7``."""

    os: str
    architecture: str
    variant: str = ""

    def __str__(self) -> str:
        return "/".join(filter(None, (self.os, self.architecture, self.variant)))


def host_platform() -> Platform:
    """Return the platform of this machine; the system is always Linux, because containers run on Linux."""
    machine = os.uname().machine
    return Platform("linux", *_MACHINES.get(machine, (machine, "")))


def parse_platform(text: str) -> Platform:
    """Read ``os/architecture[/variant]``.

    >>> parse_platform("linux/arm64/v8").variant
    'v8'

    Raises:
        RegtoolsError: kind ``bad-platform``.
    """
    parts = text.split("/")
    if len(parts) not in (2, 3) or not all(re.fullmatch(r"[A-Za-z0-9._-]+", part) for part in parts):
        hint = "write it like linux/arm64 or linux/arm/v7"
        raise pull_error("bad-platform", f"{text!r} is not a platform", hint)
    return Platform(*parts)


def choose(members: Sequence[Mapping[str, Any]], wanted: Platform) -> Mapping[str, Any] | None:
    """Return the member of an index that fits ``wanted``; None if none does."""
    for variant in _variants(wanted):
        for member in members:
            given = member.get("platform") or {}
            found = (given.get("os"), given.get("architecture"), given.get("variant") or "")
            if found == (wanted.os, wanted.architecture, variant):
                return member
    return None


def _variants(wanted: Platform) -> tuple[str, ...]:
    known = _VARIANTS.get(wanted.architecture, ())
    if not wanted.variant:
        return ("", *known)
    if wanted.variant in known:
        return (*known[known.index(wanted.variant) :], "")
    return (wanted.variant, "")
