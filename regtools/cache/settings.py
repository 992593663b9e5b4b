"""What a cache is made from: a handful of values, checked, and kept as ``cache.toml`` in its folder."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import tomli

from regtools.errors import Place, RegtoolsError
from regtools.files import read_small

FILE = "cache.toml"
DOCKER_HUB = "https://registry-1.docker.io"
NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,60}[a-z0-9])?")  # of containers, networks, units and hosts
IMAGE = re.compile(r"[a-z0-9][\w./:@-]{0,300}")
HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:]+\]")
ADDRESS = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}|\[[0-9A-Fa-f:]+\]")
PREFIX = re.compile(r"[A-Za-z0-9](?:[\w.:/-]*[A-Za-z0-9])?")
DURATION = re.compile(r"0|(?:[0-9]+(?:\.[0-9]+)?(?:h|m|s))+")  # of Go's durations, what makes sense here
REMAKE = "make it again with regtools cache init --force"
DEFAULT_IMAGES = {"3": "docker.io/library/registry:3", "2": "docker.io/library/registry:2"}


@dataclass(frozen=True, slots=True)
class Settings:
    """The values that all files of a cache follow from.

    Args:
        upstream: the registry behind the cache, ``https://host[:port]`` (or ``http://`` on your own network).
        registry: the major version of distribution, ``"3"`` or ``"2"``, which is what Debian has.
        redis: whether Redis remembers the descriptors; else the registry's own memory does.
        port: where the cache answers; the debug server answers at ``port + 1``, a Redis without container at
            ``port + 2``.
        bind: the address of this machine at which it answers.
        storage: an absolute folder for the blobs; empty for a podman volume, or the cache's own folder.
        ttl: how long a blob is kept, as ``"168h"``; only for distribution 3.x.
        prefix: the image names that go through the cache; empty for the upstream's own.
        name: what containers, network, volume and units are called.
        private: whether the upstream wants a login, which then lies in ``secrets.env``.
        registry_image: the image of the registry; empty for Docker's own.
        redis_image: the image of Redis.

    Raises:
        RegtoolsError: ``bad-cache``: a value that cannot be used.
    """

    upstream: str = DOCKER_HUB
    registry: str = "3"
    redis: bool = True
    port: int = 5000
    bind: str = "127.0.0.1"
    storage: str = ""
    ttl: str = ""
    prefix: str = ""
    name: str = "registry-cache"
    private: bool = False
    registry_image: str = ""
    redis_image: str = "docker.io/library/redis:7"

    def __post_init__(self) -> None:
        _check_upstream(self.upstream)
        if self.registry not in DEFAULT_IMAGES:
            raise bad(f"there is no distribution {self.registry!r} to configure", "give --registry 3 or 2")
        if not 1 <= self.port <= 65533:
            message = f"{self.port} cannot be the port of a cache"
            hint = "give one from 1 to 65533: the two after it are the debug server's and Redis's"
            raise bad(message, hint)
        _check_text(self.bind, ADDRESS, "the address to answer at", "give an IP address: 127.0.0.1, or [::1]")
        _check_text(self.name, NAME, "the name of a cache", "use lower-case letters, digits and '-'")
        _check_text(self.redis_image, IMAGE, "an image", "write it in full: docker.io/library/redis:7")
        if self.registry_image:
            _check_text(
                self.registry_image, IMAGE, "an image", "write it in full: docker.io/library/registry:3"
            )
        if self.prefix:
            _check_text(self.prefix, PREFIX, "the beginning of image names", "give e.g. docker.io")
        if self.storage and (not self.storage.startswith("/") or re.search(r'[:\\"\x00-\x1f]', self.storage)):
            message = f"{self.storage!r} cannot be the folder for blobs"
            hint = "give an absolute path without colon, quote or backslash: podman's --volume takes none"
            raise bad(message, hint)
        self._check_ttl()

    def _check_ttl(self) -> None:
        if not self.ttl:
            return
        _check_text(self.ttl, DURATION, "a time to live", "give e.g. 168h, 12h30m, or 0 for no limit")
        if self.registry == "2":
            message = "distribution 2.x keeps everything for 168 hours and cannot be told otherwise"
            hint = "leave --ttl out, or take --registry 3"
            raise bad(message, hint)

    @property
    def address(self) -> str:
        """``host:port`` by which this machine reaches the cache."""
        host = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(self.bind, self.bind)
        return f"{host}:{self.port}"

    @property
    def debug_address(self) -> str:
        """``host:port`` of the debug server, on loopback always."""
        return f"127.0.0.1:{self.port + 1}"

    @property
    def redis_port(self) -> int:
        """The port of a Redis without container, on loopback always."""
        return self.port + 2

    @property
    def upstream_host(self) -> str:
        """``host[:port]`` of the upstream."""
        return urlsplit(self.upstream).netloc

    @property
    def image_prefix(self) -> str:
        """The image names that go through the cache; Docker Hub's are ``docker.io``."""
        return self.prefix or ("docker.io" if self.upstream == DOCKER_HUB else self.upstream_host)

    @property
    def image(self) -> str:
        """The registry's image."""
        return self.registry_image or DEFAULT_IMAGES[self.registry]

    @property
    def open_to_others(self) -> bool:
        """Whether other machines reach the cache."""
        return not (self.bind.startswith("127.") or self.bind == "[::1]")

    def to_dict(self) -> dict[str, Any]:
        """Return the values as plain data for JSON."""
        return asdict(self)

    def to_toml(self) -> str:
        """Return the text of ``cache.toml``, which :func:`load` reads."""
        lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in asdict(self).items()]
        return (
            "# The options of `regtools cache init`. `up`, `status`, `down` and the others read them.\n"
            "# After a change run `regtools cache init` with the same change and --force.\n"
            + "\n".join(lines)
            + "\n"
        )


def load(folder: Path) -> Settings:
    """Read ``cache.toml`` of a cache's folder.

    Raises:
        RegtoolsError: ``bad-cache``: there is none, or a value cannot be used.
    """
    file = folder / FILE
    try:
        data = tomli.loads(read_small(file).decode())
    except OSError as error:
        message = f"there is no cache in {str(folder)!r}: {FILE} cannot be read ({error.strerror})"
        hint = f"make one with: regtools cache init {folder}"
        raise bad(message, hint, file) from error
    except (ValueError, RecursionError) as error:
        raise bad(f"it is not TOML: {error}", REMAKE, file) from error
    kinds = {field.name: type(field.default) for field in fields(Settings)}
    for key, value in data.items():
        if type(value) is not kinds.get(key):
            raise bad(f"{key} is not a setting of a cache, or has a value of the wrong type", REMAKE, file)
    return Settings(**data)


def bad(message: str, hint: str | None = None, file: Path | None = None) -> RegtoolsError:
    """Return the error for a setting that cannot be used."""
    where = Place(str(file)) if file else None
    return RegtoolsError(message, kind="bad-cache", stage="load", where=where, hint=hint)


def failed(message: str, hint: str | None = None) -> RegtoolsError:
    """Return the error for a cache that does not run as it should."""
    return RegtoolsError(message, kind="cache-failed", stage="pull", hint=hint)


def _check_upstream(url: str) -> None:
    hint = f"write it as https://host[:port], e.g. {DOCKER_HUB}"
    if "@" in url or "%40" in url:  # however mistyped: the address is not quoted
        message = "the upstream's address holds a login, which would end up in the configuration"
        raise bad(message, "give --username, and the password by --password-file or --password-stdin")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:  # its text may quote a password
        raise bad("the upstream is not an address: its host or its port is malformed", hint) from None
    quoted = re.split(r"[?#\s]", url)[0]  # what follows these may hold a token or a password
    if parts.scheme not in ("http", "https") or not host:
        raise bad(f"{quoted!r} is not an upstream", hint)
    shown = f"[{host}]" if ":" in host else host
    if url.lower() != f"{parts.scheme}://{shown}{f':{port}' if port is not None else ''}":
        raise bad(f"the upstream {quoted!r} has more than a scheme, a host and a port", hint)
    _check_text(shown, HOST, "a host", hint)


def _check_text(value: str, form: re.Pattern[str], what: str, hint: str) -> None:
    if not form.fullmatch(value):
        raise bad(f"{value!r} cannot be {what}", hint)
