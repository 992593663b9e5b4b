"""The ways to run a cache: what every engine can do, and podman's containers."""

from __future__ import annotations

import os
import shutil
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path

from .files import LABEL, SCRIPT
from .settings import Settings, failed

STATE = "run"
QUICK_S = 60.0  # for answers about the cache; a start may take as long as pulling the images


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
        """What runs: the registry, and Redis if the cache has one."""
        return ("registry", "redis") if self.settings.redis else ("registry",)

    @abstractmethod
    def missing(self) -> str | None:
        """Return what this machine lacks for this engine; None if nothing."""

    @abstractmethod
    def start(self) -> None:
        """Start every part that does not run; return before the registry answers."""

    @abstractmethod
    def stop(self) -> None:
        """Stop everything; the blobs stay."""

    @abstractmethod
    def stop_part(self, part: str) -> None:
        """Stop the registry, or Redis, alone."""

    @abstractmethod
    def running(self, part: str) -> bool:
        """Return whether the registry, or Redis, runs."""

    @abstractmethod
    def logs(self, part: str, tail: int | None = None) -> str:
        """Return what the registry, or Redis, has written; the last ``tail`` lines."""

    @abstractmethod
    def storage(self) -> Path | None:
        """Return the folder that holds the blobs; None if there is none yet."""

    @abstractmethod
    def redis_cli(self) -> list[str]:
        """Return the beginning of a command line that reaches Redis."""

    def redis(self, *words: str) -> str:
        """Send one command to Redis and return what ``redis-cli`` prints.

        Raises:
            RegtoolsError: ``cache-failed``: Redis does not answer.
        """
        done = self.run([*self.redis_cli(), *words], QUICK_S)
        if done.returncode:
            raise failed(f"Redis does not answer: {last_line(done.stderr).rpartition(': ')[2]}")
        return done.stdout

    def has_ended(self) -> bool:
        """Return whether the registry, just started, has ended already."""
        return not self.running("registry")

    def purge(self) -> None:
        """Remove what is stored; the configuration stays."""
        if storage := self.storage():
            # Only what a registry makes: the folder may be the user's own, and hold more.
            shutil.rmtree(storage / "docker", ignore_errors=True)
            (storage / "scheduler-state.json").unlink(missing_ok=True)

    def which(self, *names: str) -> str | None:
        """Return the path of the first of these programs that is installed."""
        path = self.environ.get("PATH", os.defpath)
        return next(filter(None, (shutil.which(name, path=path) for name in names)), None)

    def run(self, command: list[str], timeout: float | None) -> subprocess.CompletedProcess[str]:
        """Run a command to its end, in the engine's environment and without input.

        Raises:
            RegtoolsError: it is not installed, or takes longer than ``timeout`` seconds.
        """
        try:
            return subprocess.run(
                [self.which(command[0]) or command[0], *command[1:]],
                env=dict(self.environ),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=timeout,
            )
        except FileNotFoundError as error:
            raise failed(f"{command[0]} is not installed") from error
        except subprocess.TimeoutExpired as error:
            raise failed(f"no answer within {timeout:g} s from: {' '.join(command[:3])}") from error


class Podman(Engine):
    """Two containers, started by the script in the cache's folder."""

    name = "podman"
    means = "podman containers"

    def missing(self) -> str | None:
        """Return that podman is missing, if it is."""
        return None if self.which("podman") else "podman is not installed"

    def start(self) -> None:
        """Run the script, unless another cache has containers of these names.

        Raises:
            RegtoolsError: kind ``cache-failed``: the names are taken, or podman could not start them.
        """
        for name in map(self._name, self.parts):
            owner = self._owner("container", name)
            if owner is not None and owner != str(self.folder):
                message = f"podman has a container {name} already, of {owner or 'another program'}"
                hint = "choose another name for this cache: regtools cache init --name NAME --force"
                raise failed(message, hint)
        script = str(self.folder / SCRIPT)
        done = self.run(["sh", script], None)
        if done.returncode:
            self.stop()  # what has started would be in the way of the next start
            raise failed(f"podman could not start it: {last_line(done.stderr)}", f"try by hand: sh {script}")

    def _owner(self, kind: str, name: str) -> str | None:
        """Return the folder of the cache that owns a container or a volume; None if there is none."""
        labels = ".Config.Labels" if kind == "container" else ".Labels"
        done = self._podman(kind, "inspect", "--format", f'{{{{index {labels} "{LABEL}"}}}}', name)
        return done.stdout.strip().removeprefix("<no value>") if done.returncode == 0 else None

    def stop(self) -> None:
        """Remove the containers."""
        own = [
            name for name in map(self._name, self.parts) if self._owner("container", name) == str(self.folder)
        ]
        if own:
            self._must("remove the containers", "rm", "--force", "--time", "10", *own)

    def stop_part(self, part: str) -> None:
        """Stop the container of the registry, or of Redis."""
        self._must(f"stop {self._name(part)}", "stop", "--time", "10", self._name(part))

    def running(self, part: str) -> bool:
        """Ask podman whether the container runs."""
        return self._inspected("{{.State.Running}}", part) == "true"

    def has_ended(self) -> bool:
        """Ask podman, which starts a container again and again if its program ends."""
        return not self.running("registry") or self._inspected("{{.RestartCount}}", "registry") != "0"

    def logs(self, part: str, tail: int | None = None) -> str:
        """Ask podman for the log of the container."""
        options = [] if tail is None else ["--tail", str(tail)]
        done = self._must(f"read the log of {self._name(part)}", "logs", *options, self._name(part))
        return done.stdout + done.stderr

    def storage(self) -> Path | None:
        """Ask podman for the folder of the volume."""
        if self.settings.storage:
            return Path(self.settings.storage)
        done = self._podman("volume", "inspect", "--format", "{{.Mountpoint}}", self.settings.name)
        return Path(done.stdout.strip()) if done.returncode == 0 else None

    def purge(self) -> None:
        """Remove the network, and the volume, or empty the folder."""
        name = self.settings.name
        if self.settings.storage:
            super().purge()
        elif self._owner("volume", name) == str(self.folder):
            self._must("remove the volume", "volume", "rm", "--force", name)
        self._podman("network", "rm", name)  # podman refuses while other containers use it

    def redis_cli(self) -> list[str]:
        """Return a command line that runs in the container: its port is not published."""
        return ["podman", "exec", self._name("redis"), "redis-cli"]

    def _name(self, part: str) -> str:
        return self.settings.name + ("-redis" if part == "redis" else "")

    def _inspected(self, what: str, part: str) -> str:
        return self._podman("container", "inspect", "--format", what, self._name(part)).stdout.strip()

    def _podman(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.run(["podman", *arguments], QUICK_S)

    def _must(self, what: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        done = self._podman(*arguments)
        if done.returncode:
            raise failed(f"podman could not {what}: {last_line(done.stderr)}")
        return done


def last_line(text: str) -> str:
    """Return the last line in which a program says what is wrong."""
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].removeprefix("Error: ") if lines else "it gives no reason"
