"""The folder of a cache: which files there are, and how they are written without harm to what is there."""

from __future__ import annotations

import contextlib
import json
import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from regtools.errors import Place, RegtoolsError

from .config import config_yml, in_container, on_host, redis_conf
from .settings import FILE, bad
from .units import drop_in, podman_script, quadlet

if TYPE_CHECKING:
    from .settings import Settings

__all__ = ["BINARIES", "DROP_IN", "SCRIPT", "SECRETS", "File", "plan", "read_secrets", "secrets_env", "write"]

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
    """Give all files that follow from the settings, without the secrets.

    Args:
        folder: the cache's folder, absolute: units and the configuration without containers name it.
    """
    if re.search(r'[:\\"\x00-\x1f]', str(folder)):
        raise bad(
            f"{str(folder)!r} cannot be a cache's folder",
            "choose a path without colon, quote or backslash, which podman's --volume cannot take",
        )
    boxed, direct = in_container(settings), on_host(settings, str(folder / STORAGE))
    files = [
        File(FILE, settings.to_toml()),
        File("config.yml", config_yml(settings, boxed)),
        File(f"{BINARIES}/config.yml", config_yml(settings, direct)),
        File(SCRIPT, podman_script(settings), 0o755),
        File(DROP_IN, drop_in(settings)),
        *(File(f"quadlet/{name}", text) for name, text in quadlet(settings, folder).items()),
    ]
    if settings.redis:
        files += [
            File("redis.conf", redis_conf(settings, boxed)),
            File(f"{BINARIES}/redis.conf", redis_conf(settings, direct)),
        ]
    return tuple(files)


def secrets_env(username: str, password: str) -> File:
    """Write the login for the upstream, as environment variables that the registry reads.

    distribution reads such a value as YAML, podman takes it as it stands: a JSON string is right for both.

    Raises:
        RegtoolsError: a login that one line cannot hold.
    """
    for what, value in (("username", username), ("password", password)):
        if not value or re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", value):
            raise bad(f"the {what} is empty or has a control character in it", "was the right file given?")
    text = (
        "# The login for the upstream registry. Only the owner may read it; it belongs into no repository.\n"
        f"REGISTRY_PROXY_USERNAME={json.dumps(username, ensure_ascii=False)}\n"
        f"REGISTRY_PROXY_PASSWORD={json.dumps(password, ensure_ascii=False)}\n"
    )
    return File(SECRETS, text, 0o600)


def read_secrets(folder: Path) -> dict[str, str]:
    """Give the variables of ``secrets.env``; none where there is no such file."""
    try:
        text = (folder / SECRETS).read_text("utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise bad(f"the login cannot be read: {reason}", None, folder / SECRETS) from error
    pairs = (line.partition("=") for line in text.splitlines() if line.strip() and not line.startswith("#"))
    return {name.strip(): value for name, _, value in pairs}


def write(folder: Path, files: tuple[File, ...], *, force: bool = False) -> list[str]:
    """Write files that are missing; give the paths of those that were written.

    Nothing is written where one of them is there with another text, unless ``force``.

    Raises:
        RegtoolsError: files that differ are there, or one cannot be written.
    """
    states = {file: _state(folder / file.path, file) for file in files}
    differing = [file.path for file, state in states.items() if state == "differs"]
    if differing and not force:
        raise RegtoolsError(
            f"{', '.join(differing)}: there already, with another content",
            kind="file-exists",
            stage="load",
            where=Place(str(folder)),
            hint="look at the difference, then repeat with --force to overwrite; nothing was written now",
        )
    written = []
    for file, state in states.items():
        if state != "same":
            _put(folder / file.path, file)
            written.append(file.path)
    return written


def _state(path: Path, file: File) -> str:
    try:
        if path.read_text("utf-8") != file.text:
            return "differs"
        mode = path.stat().st_mode & 0o777
        return "same" if file.mode != 0o600 or mode == 0o600 else "open"
    except FileNotFoundError:
        return "missing"
    except UnicodeDecodeError:
        return "differs"
    except OSError as error:
        raise _unwritable(path, error) from error


def _put(path: Path, file: File) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, beside = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # made with mode 0600
    except OSError as error:
        raise _unwritable(path, error) from error
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(file.text)
        Path(beside).chmod(file.mode)
        Path(beside).replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            Path(beside).unlink()
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> RegtoolsError:
    return RegtoolsError(
        f"it cannot be written: {error.strerror}",
        kind="file-unwritable",
        stage="load",
        where=Place(str(path)),
        hint="choose a folder of your own",
    )
