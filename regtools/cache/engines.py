"""The two ways to run a cache: in containers by podman, or directly by the programs of this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING

from regtools.errors import RegtoolsError

from . import processes as resp
from .files import SCRIPT
from .units import LABEL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .settings import Settings

__all__ = ["Engine", "Podman", "trouble"]

STATE = "run"
PARTS = ("registry", "redis")
QUICK_S = 60.0  # for podman's answers about itself; starting may take as long as pulling the images does


class Engine(ABC):
    """A way to run a cache.

    Args:
        folder: the cache's folder.
        settings: what it was made from.
        environ: the environment of the programs that it starts.
    """

    name: str
    means: str

    def __init__(self, folder: Path, settings: Settings, environ: Mapping[str, str]) -> None:
        self.folder = folder
        self.settings = settings
        self.environ = environ

    @property
    def parts(self) -> tuple[str, ...]:
        """What runs: the registry, and Redis where it was asked for."""
        return PARTS if self.settings.redis else PARTS[:1]

    @abstractmethod
    def missing(self) -> str | None:
        """Say what this machine lacks for it; None where it has all."""

    @abstractmethod
    def start(self) -> None:
        """Start what does not run yet; return before it answers."""

    @abstractmethod
    def stop(self) -> None:
        """Stop everything; the blobs stay."""

    @abstractmethod
    def stop_part(self, part: str) -> None:
        """Stop the registry, or Redis, alone."""

    @abstractmethod
    def running(self, part: str) -> bool:
        """Say whether the registry, or Redis, runs."""

    @abstractmethod
    def logs(self, part: str, tail: int | None = None) -> str:
        """Give what the registry, or Redis, has written; the last ``tail`` lines."""

    @abstractmethod
    def storage(self) -> Path | None:
        """Give the folder in which the blobs lie; None where there is none yet."""

    @abstractmethod
    def redis_info(self) -> dict[str, str]:
        """Ask Redis about itself (its command INFO).

        Raises:
            OSError, RegtoolsError: it does not answer.
        """

    def has_ended(self) -> bool:
        """Say whether the registry, just started, has ended already."""
        return not self.running("registry")

    def purge(self) -> None:
        """Remove what is stored; the configuration stays."""
        storage = self.storage()
        if storage is not None:
            # Only what a registry makes: the folder may be the user's own, and hold more.
            shutil.rmtree(storage / "docker", ignore_errors=True)
            (storage / "scheduler-state.json").unlink(missing_ok=True)

    def which(self, *names: str) -> str | None:
        """Give the path of the first of these programs that is there."""
        path = self.environ.get("PATH", os.defpath)
        return next(filter(None, (shutil.which(name, path=path) for name in names)), None)


class Podman(Engine):
    """Two containers, started by the script that the reader can read."""

    name = "podman"
    means = "podman containers"

    def missing(self) -> str | None:
        """Say that podman is missing, where it is."""
        return None if self.which("podman") else "podman is not installed"

    def start(self) -> None:
        """Run the script, unless its names are another cache's."""
        self._check_names()
        done = self._run(["sh", str(self.folder / SCRIPT)], timeout=None)
        if done.returncode:
            self.stop()  # a half would be in the way later
            raise trouble(
                f"podman could not start it: {_last(done.stderr)}",
                f"try by hand: sh {self.folder / SCRIPT}",
            )

    def _check_names(self) -> None:
        for name in self._names():
            owner = self._owner("container", name)
            if owner is not None and owner != str(self.folder):
                raise trouble(
                    f"podman has a container {name} already, of {owner or 'somebody else'}",
                    "give this cache another name: regtools cache init --name NAME --force",
                )

    def _owner(self, kind: str, name: str) -> str | None:
        """Give the folder of the cache whose container or volume it is; None where there is none."""
        labels = ".Config.Labels" if kind == "container" else ".Labels"
        done = self._podman(kind, "inspect", "--format", f'{{{{index {labels} "{LABEL}"}}}}', name)
        return done.stdout.strip().removeprefix("<no value>") if done.returncode == 0 else None

    def stop(self) -> None:
        """Remove the containers."""
        own = [name for name in self._names() if self._owner("container", name) == str(self.folder)]
        done = self._podman("rm", "--force", "--time", "10", *own) if own else None
        if done and done.returncode:
            raise trouble(f"podman could not remove the containers: {_last(done.stderr)}")

    def stop_part(self, part: str) -> None:
        """Stop its container."""
        done = self._podman("stop", "--time", "10", self._name(part))
        if done.returncode:
            raise trouble(f"podman could not stop {self._name(part)}: {_last(done.stderr)}")

    def running(self, part: str) -> bool:
        """Ask podman."""
        done = self._podman("container", "inspect", "--format", "{{.State.Running}}", self._name(part))
        return done.returncode == 0 and done.stdout.strip() == "true"

    def has_ended(self) -> bool:
        """Ask podman, which starts it again and again."""
        done = self._podman("container", "inspect", "--format", "{{.RestartCount}}", self._name("registry"))
        return not self.running("registry") or done.stdout.strip() != "0"

    def logs(self, part: str, tail: int | None = None) -> str:
        """Ask podman."""
        options = [] if tail is None else ["--tail", str(tail)]
        done = self._podman("logs", *options, self._name(part))
        if done.returncode:
            raise trouble(f"podman has no log of {self._name(part)}: {_last(done.stderr)}")
        return done.stdout + done.stderr

    def storage(self) -> Path | None:
        """Ask podman where the volume lies."""
        if self.settings.storage:
            return Path(self.settings.storage)
        done = self._podman("volume", "inspect", "--format", "{{.Mountpoint}}", self.settings.name)
        return Path(done.stdout.strip()) if done.returncode == 0 else None

    def purge(self) -> None:
        """Remove the network, and the volume, or empty the folder."""
        if self.settings.storage:
            super().purge()
        elif self._owner("volume", self.settings.name) == str(self.folder):
            self._remove_volume()
        self._podman("network", "rm", self.settings.name)  # says no where others are in it

    def _remove_volume(self) -> None:
        done = self._podman("volume", "rm", "--force", self.settings.name)
        if done.returncode and "no such volume" not in done.stderr:
            raise trouble(f"podman could not remove the volume: {_last(done.stderr)}")

    def redis_info(self) -> dict[str, str]:
        """Ask through the container: its port is not published."""
        done = self._podman("exec", self._name("redis"), "redis-cli", "INFO")
        if done.returncode:
            raise trouble(f"Redis does not answer: {_last(done.stderr)}")
        return resp.info(done.stdout)

    def _name(self, part: str) -> str:
        return self.settings.name + ("-redis" if part == "redis" else "")

    def _names(self) -> list[str]:
        return [self._name(part) for part in self.parts]

    def _podman(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self._run([self.which("podman") or "podman", *arguments], timeout=QUICK_S)

    def _run(self, command: list[str], timeout: float | None) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(
                command,
                env=dict(self.environ),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=timeout,
            )
        except FileNotFoundError as error:
            raise trouble("podman is not installed") from error
        except subprocess.TimeoutExpired as error:
            raise trouble(f"podman did not answer within {QUICK_S:g} s: {' '.join(command[:3])}") from error


def trouble(message: str, hint: str | None = None) -> RegtoolsError:
    """Make the error for a cache that does not run as it should."""
    return RegtoolsError(message, kind="cache-failed", stage="pull", hint=hint)


def _last(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].removeprefix("Error: ") if lines else "it says nothing"
