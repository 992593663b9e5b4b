"""How the cache is run and used: podman commands as a script, Quadlet units, a drop-in for registries.conf.

Sources: podman-run(1), podman-systemd.unit(5) of podman 5, containers-registries.conf(5) and
containers-registries.conf.d(5).
"""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING

from .config import CONFIG_PATH, DATA_PATH, REDIS_PATH

if TYPE_CHECKING:
    from pathlib import Path

    from .settings import Settings

__all__ = ["LABEL", "drop_in", "podman_script", "quadlet"]

LABEL = "regtools.cache"  # whose a container or a volume is: the folder of its cache
OWNED = f'--label "{LABEL}=$folder"'


def drop_in(settings: Settings, *, only: bool = False) -> str:
    """Write the registries.conf drop-in that tries the cache first and the origin last.

    Args:
        only: lead to the cache and nowhere else, to see it fail where it fails.
    """
    here = settings.address
    location = "docker.io" if settings.image_prefix == "docker.io" else settings.upstream_host
    plain = settings.upstream.startswith("http://")
    head = f"[[registry]]\nprefix = {json.dumps(settings.image_prefix)}\n"
    if only:
        return f"{head}location = {json.dumps(here)}\ninsecure = true\n"
    others = (
        f"# On other machines write this machine's address instead of {here}, and mind that\n"
        "# insecure = true trusts the network in between.\n"
        if settings.open_to_others
        else ""
    )
    return f"""\
# Makes podman ask the cache first, and {settings.upstream} where the cache does not help.
# Copy it to /etc/containers/registries.conf.d/, or for yourself to ~/.config/containers/registries.conf.d/.
# It replaces a table with the same prefix in any file that is read before it.
{head}# The origin, tried last: pulls go on while the cache is down.
location = {json.dumps(location)}
{"# It speaks http." + chr(10) + "insecure = true" + chr(10) if plain else ""}
[[registry.mirror]]
# The cache, tried first.
{others}location = {json.dumps(here)}
# It speaks http, which does no harm on loopback; podman would insist on https.
insecure = true
# Tags go through the cache, which asks the upstream what they mean each time. To use it for digests only, say
# pull-from-mirror = "digest-only"
"""


def podman_script(settings: Settings) -> str:
    """Write the commands that start the cache, as `up` runs them and as a person may type them."""
    name = settings.name
    volume = (
        "" if settings.storage else f"podman volume exists {name} || podman volume create {OWNED} {name}\n"
    )
    parts = [
        f"""\
#!/bin/sh
# Starts the cache {name} in containers. `regtools cache up` runs this very file.
# It starts again after a crash, but not after a reboot: for that, use the units in quadlet/.
set -eu
folder=$(cd "$(dirname "$0")" && pwd)

# A network of their own, in which containers find each other by name.
podman network exists {name} || podman network create {name}
{"# A volume, so that the blobs outlive the containers." + chr(10) if volume else ""}{volume}"""
    ]
    if settings.redis:
        parts.append(
            f"""\
# Redis: no port is published, so that only the registry reaches it.
podman run --detach --replace --name {name}-redis {OWNED} \\
    --network {name} \\
    --restart unless-stopped \\
    --security-opt no-new-privileges \\
    --volume "$folder/redis.conf:{REDIS_PATH}:ro,Z" \\
    {settings.redis_image} redis-server {REDIS_PATH}
"""
        )
    store = f"{shlex.quote(settings.storage)}:{DATA_PATH}:Z" if settings.storage else f"{name}:{DATA_PATH}"
    options = [
        f"--network {name}",
        "--restart unless-stopped",
        "--read-only",
        "--cap-drop all",
        "--security-opt no-new-privileges",
        f"--publish {settings.bind}:{settings.port}:5000",
        f"--publish {settings.debug_address}:5001",
        f'--volume "$folder/config.yml:{CONFIG_PATH[settings.registry]}:ro,Z"',
        f"--volume {store}",
        *(f"--env {each}" for each in _environment(settings)),
        *(['--env-file "$folder/secrets.env"'] if settings.private else []),
    ]
    lines = " \\\n    ".join(
        [f"podman run --detach --replace --name {name} {OWNED}", *options, settings.image]
    )
    parts.append(
        f"""\
# The registry: {_reach(settings)}; its counters (5001) on loopback only.
# It needs no capability, and writes nowhere but to its storage.
{lines}
"""
    )
    return "\n".join(parts)


def quadlet(settings: Settings, folder: Path) -> dict[str, str]:
    """Write the Quadlet units: file name → text. The same for rootless and for root systemd."""
    name, at = settings.name, _systemd(str(folder))
    units = {f"{name}.network": _network(name)}
    if settings.redis:
        units[f"{name}-redis.container"] = _redis_container(settings, at)
    if not settings.storage:
        units[f"{name}.volume"] = _volume(name, at)
    units[f"{name}.container"] = _registry_container(settings, at)
    return units


INSTALL = """\
# To install, as yourself (and `loginctl enable-linger`, so that it runs while you are logged out):
#   cp *.container *.network *.volume ~/.config/containers/systemd/
#   systemctl --user daemon-reload
#   systemctl --user start {name}
# As root: /etc/containers/systemd/ instead, and systemctl without --user.
# Needs podman 5; podman 4.4 to 4.9 have Quadlet, but not all of these keys.
"""


def _network(name: str) -> str:
    return f"""\
# The network in which the containers find each other by name.
[Unit]
Description=Network of the cache {name}

[Network]
NetworkName={name}
"""


def _volume(name: str, folder: str) -> str:
    return f"""\
# Where the blobs lie; it outlives the containers, and is the same that the script uses.
[Unit]
Description=Blobs of the cache {name}

[Volume]
VolumeName={name}
Label={LABEL}={folder}
"""


def _redis_container(settings: Settings, folder: str) -> str:
    name = settings.name
    return f"""\
# Redis: no PublishPort, so that only the registry reaches it.
[Unit]
Description=Descriptors of the cache {name}

[Container]
ContainerName={name}-redis
Label={LABEL}={folder}
Image={settings.redis_image}
Exec=redis-server {REDIS_PATH}
Network={name}.network
Volume={folder}/redis.conf:{REDIS_PATH}:ro,Z
NoNewPrivileges=true

[Service]
# After a crash and after a reboot.
Restart=always
# The first start pulls the image.
TimeoutStartSec=900

[Install]
WantedBy=default.target
"""


def _registry_container(settings: Settings, folder: str) -> str:
    name = settings.name
    after = (
        "# Wanted, not required: the cache works without Redis.\n"
        f"Wants={name}-redis.service\nAfter={name}-redis.service\n"
        if settings.redis
        else ""
    )
    store = (
        f"{_systemd(settings.storage)}:{DATA_PATH}:Z" if settings.storage else f"{name}.volume:{DATA_PATH}"
    )
    environment = "".join(f"Environment={each}\n" for each in _environment(settings))
    secrets = (
        "# The login for the upstream; the file has mode 0600, and nothing of it stands here.\n"
        f"EnvironmentFile={folder}/secrets.env\n"
        if settings.private
        else ""
    )
    return f"""\
{INSTALL.format(name=name)}[Unit]
Description=Pull-through cache of {settings.upstream}
# distribution asks the upstream when it starts, and ends if nobody answers: try again until somebody does.
StartLimitIntervalSec=0
{after}
[Container]
ContainerName={name}
Label={LABEL}={folder}
Image={settings.image}
Network={name}.network
# {_reach(settings)[0].upper()}{_reach(settings)[1:]}; the counters (5001) on loopback only.
PublishPort={settings.bind}:{settings.port}:5000
PublishPort={settings.debug_address}:5001
Volume={folder}/config.yml:{CONFIG_PATH[settings.registry]}:ro,Z
Volume={store}
{environment}{secrets}# It needs no capability, and writes nowhere but to its storage.
ReadOnly=true
DropCapability=all
NoNewPrivileges=true

[Service]
# After a crash and after a reboot.
Restart=always
RestartSec=5
# The first start pulls the image.
TimeoutStartSec=900

[Install]
WantedBy=default.target
"""


def _environment(settings: Settings) -> list[str]:
    # 3.x sends traces to localhost:4318 unless told not to.
    return ["OTEL_TRACES_EXPORTER=none"] if settings.registry == "3" else []


def _reach(settings: Settings) -> str:
    if settings.open_to_others:
        return f"everybody who reaches {settings.bind} may pull from it"
    return "this machine alone reaches it"


def _systemd(path: str) -> str:
    return path.replace("%", "%%")  # systemd.unit(5): specifiers
