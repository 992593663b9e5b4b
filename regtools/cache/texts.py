"""The configuration files of a cache: the templates in ``templates/``, filled from the settings.

A template reads like the file that it becomes. ``@name`` is replaced by a value (``$`` belongs to the shell).
Lines between ``#[flag …]`` and ``#[/]`` are written only if every flag holds, or with ``!`` does not hold.

Sources: distribution's "Configuring a registry" for 2.8 and for 3.x, Redis's own redis.conf, podman-run(1),
podman-systemd.unit(5) of podman 5, containers-registries.conf(5) and containers-registries.conf.d(5). What
the templates claim about 2.8 was seen with 2.8.2.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import asdict
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from regtools.registries.writing import quote

if TYPE_CHECKING:
    from .settings import Settings

__all__ = ["LABEL", "drop_in", "filled", "only_the_cache"]

TEMPLATES = Path(__file__).with_name("templates")
LABEL = "regtools.cache"  # label of containers and volumes; its value is the folder of their cache
CONFIG_PATH = {"2": "/etc/docker/registry/config.yml", "3": "/etc/distribution/config.yml"}
BLOCK = re.compile(r"^#\[([^/\]]+)\]\n(.*?)^#\[/\]\n", re.MULTILINE | re.DOTALL)


class _Template(Template):
    delimiter = "@"


def filled(template: str, settings: Settings, folder: Path, *, in_container: bool = True) -> str:
    """Return the text of a configuration file.

    Args:
        template: name of a file in ``templates/``.
        settings: what the cache is made from.
        folder: the cache's folder, absolute.
        in_container: whether the registry and Redis run in containers, or directly on this machine.
    """
    values = _values(settings, folder, in_container)

    def block(match: re.Match[str]) -> str:
        holds = (bool(values[flag.lstrip("!")]) != flag.startswith("!") for flag in match[1].split())
        return match[2] if all(holds) else ""

    return _Template(BLOCK.sub(block, (TEMPLATES / template).read_text("utf-8"))).substitute(values)


def _values(settings: Settings, folder: Path, in_container: bool) -> dict[str, object]:
    name, hub = settings.name, settings.image_prefix == "docker.io"
    surroundings: dict[str, object] = {
        "listen": f"{settings.bind}:{settings.port}",
        "debug_listen": settings.debug_address,
        "redis_address": f"127.0.0.1:{settings.redis_port}",
        "root": settings.storage or f"{folder}/storage",
    }
    if in_container:  # in the network of the two containers; only published ports answer outside
        surroundings = {
            "listen": ":5000",
            "debug_listen": ":5001",
            "redis_address": f"{name}-redis:6379",
            "root": "/var/lib/registry",
        }
    return {
        **asdict(settings),
        **surroundings,
        "in_container": in_container,
        "release_2": settings.registry == "2",
        "release_3": settings.registry == "3",
        "ttl": settings.ttl or "168h",
        "label": LABEL,
        "config_path": CONFIG_PATH[settings.registry],
        "address": settings.address,
        "debug_address": settings.debug_address,
        "redis_port": settings.redis_port,
        "image": settings.image,
        "image_prefix": settings.image_prefix,
        "location": "docker.io" if hub else settings.upstream_host,
        "plain_http": settings.upstream.startswith("http://"),
        "open_to_others": settings.open_to_others,
        "shell_storage": shlex.quote(settings.storage),
        "unit_folder": str(folder).replace("%", "%%"),  # systemd.unit(5): specifiers
        "unit_storage": settings.storage.replace("%", "%%"),
    }


def drop_in(settings: Settings) -> str:
    """Return the drop-in for registries.conf that tries the cache first and the origin last."""
    return filled("registries.conf", settings, Path())


def only_the_cache(settings: Settings) -> str:
    """Return a registries.conf that leads to the cache and nowhere else, so that its failures show."""
    prefix, location = quote(settings.image_prefix), quote(settings.address)
    return f"[[registry]]\nprefix = {prefix}\nlocation = {location}\ninsecure = true\n"
