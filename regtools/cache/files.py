"""The folder of a cache: which files it has, what is in them, and how they are written without harm.

Configuration files are the templates in ``templates/``, filled from the settings. A template reads like the
file that it becomes. ``@name`` is replaced by a value (``$`` belongs to the shell). Lines between
``#[flag …]`` and ``#[/]`` are written only if every flag holds, or with ``!`` does not hold.

Sources: distribution's "Configuring a registry" for 2.8 and for 3.x, Redis's own redis.conf, podman-run(1),
podman-systemd.unit(5) of podman 5, containers-registries.conf(5) and containers-registries.conf.d(5). What
the templates claim about 2.8 was seen with 2.8.2.
"""

from __future__ import annotations

import errno
import json
import re
import shlex
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from string import Template

from regtools.errors import Place, RegtoolsError, unwritable
from regtools.files import read_small, write_file
from regtools.registries.writing import quote

from .settings import FILE, Settings, bad

TEMPLATES = Path(__file__).with_name("templates")
LABEL = "regtools.cache"  # label of containers and volumes; its value is the folder of their cache
CONFIG_PATH = {"2": "/etc/docker/registry/config.yml", "3": "/etc/distribution/config.yml"}
# What templates also name: what follows from the settings.
DERIVED = ("address", "debug_address", "redis_port", "image", "image_prefix", "open_to_others")
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
        **{name: getattr(settings, name) for name in DERIVED},
        "location": "docker.io" if hub else settings.upstream_host,
        "plain_http": settings.upstream.startswith("http://"),
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


DROP_IN = "registries.conf.d/50-regtools-cache.conf"
SCRIPT = "podman-run.sh"
SECRETS = "secrets.env"
BINARIES = "binaries"
STORAGE = "storage"


@dataclass(frozen=True, slots=True)
class File:
    """One file to write: its path below the folder, its text and its mode."""

    path: str
    text: str
    mode: int = 0o644


def plan(settings: Settings, folder: Path) -> tuple[File, ...]:
    """Return all files that follow from the settings, without the secrets.

    Args:
        settings: what the cache is made from.
        folder: the cache's folder, absolute: units and the configuration without containers name it.

    Raises:
        RegtoolsError: ``bad-cache``: podman cannot mount files of such a folder.
    """
    if re.search(r'[:\\"\x00-\x1f]', str(folder)):
        message = f"{str(folder)!r} cannot be a cache's folder"
        hint = "choose a path without colon, quote or backslash, which podman's --volume cannot take"
        raise bad(message, hint)

    def file(path: str, template: str, *, in_container: bool = True, mode: int = 0o644) -> File:
        return File(path, filled(template, settings, folder, in_container=in_container), mode)

    unit, redis, volume = f"quadlet/{settings.name}", settings.redis, not settings.storage
    files = [
        File(FILE, settings.to_toml()),
        file("config.yml", "config.yml"),
        file(f"{BINARIES}/config.yml", "config.yml", in_container=False),
        file(SCRIPT, "podman-run.sh", mode=0o755),
        file(DROP_IN, "registries.conf"),
        file(f"{unit}.network", "quadlet.network"),
        redis and file(f"{unit}-redis.container", "quadlet-redis.container"),
        volume and file(f"{unit}.volume", "quadlet.volume"),
        file(f"{unit}.container", "quadlet.container"),
        redis and file("redis.conf", "redis.conf"),
        redis and file(f"{BINARIES}/redis.conf", "redis.conf", in_container=False),
    ]
    return tuple(each for each in files if each)


def secrets_env(username: str, password: str) -> File:
    """Return the file with the login for the upstream, as environment variables that the registry reads.

    distribution reads such a value as YAML, podman takes it literally: a JSON string is right for both.

    Raises:
        RegtoolsError: ``bad-cache``: a login that one line cannot hold.
    """
    for what, value in (("username", username), ("password", password)):
        if not value or re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]", value):
            message = f"the {what} is empty, is not UTF-8, or has a control character in it"
            raise bad(message, "was it the right file?")
    text = (
        "# The login for the upstream registry. Only its owner may read it; commit it nowhere.\n"
        f"REGISTRY_PROXY_USERNAME={json.dumps(username, ensure_ascii=False)}\n"
        f"REGISTRY_PROXY_PASSWORD={json.dumps(password, ensure_ascii=False)}\n"
    )
    return File(SECRETS, text, 0o600)


def read_secrets(folder: Path) -> dict[str, str]:
    """Return the variables of ``secrets.env``; none if there is no such file."""
    try:
        text = read_secret(folder / SECRETS)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise bad(f"the login cannot be read: {error.strerror}", None, folder / SECRETS) from error
    pairs = (line.partition("=") for line in text.splitlines() if line.strip() and not line.startswith("#"))
    return {name.strip(): value for name, _, value in pairs}


def read_secret(path: Path) -> str:
    """Read a file that holds a secret. An error, and what led to it, holds no part of the text.

    Raises:
        OSError: it cannot be read, or is not UTF-8.
    """
    content = read_small(path)
    with suppress(UnicodeDecodeError):  # which would keep the bytes
        return content.decode()
    del content
    raise OSError(errno.EILSEQ, "it is not UTF-8", str(path))


def write(folder: Path, files: tuple[File, ...], *, force: bool = False) -> list[str]:
    """Write files that are missing, and return the paths of those that were written.

    Unless ``force``, nothing is written if one of them exists with another text.

    Raises:
        RegtoolsError: ``file-exists``, ``file-unwritable``.
    """
    states = {file: _state(folder / file.path, file) for file in files}
    differing = [file.path for file, state in states.items() if state == "differs"]
    if differing and not force:
        message = f"{', '.join(differing)}: there already, with another content"
        hint = "look at the difference, then repeat with --force to overwrite; nothing was written now"
        raise RegtoolsError(message, kind="file-exists", stage="load", where=Place(str(folder)), hint=hint)
    written = [file for file, state in states.items() if state != "same"]
    for file in written:
        path = folder / file.path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if file.path == SECRETS:  # of a command that was killed while it wrote
                for left in folder.glob(f".{SECRETS}.*"):
                    left.unlink()
        except OSError as error:
            raise unwritable(path, error) from error
        write_file(path, file.text, mode=file.mode)
    return [file.path for file in written]


def _state(path: Path, file: File) -> str:
    try:
        if read_small(path).decode() != file.text:
            return "differs"
        return "open" if file.mode == 0o600 != path.stat().st_mode & 0o777 else "same"
    except FileNotFoundError:
        return "missing"
    except UnicodeDecodeError:
        return "differs"
    except OSError as error:
        if error.errno == errno.EFBIG:
            return "differs"
        raise unwritable(path, error) from error
