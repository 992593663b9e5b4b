"""regtools.cache.binaries."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from . import processes
from . import processes as resp
from .engines import QUICK_S, STATE, Engine, trouble
from .files import BINARIES, STORAGE, read_secrets

__all__ = ["Binaries"]


class Binaries(Engine):
    """The registry and Redis that are installed here, as processes in the background."""

    name = "binaries"
    means = "programs of this machine"

    def missing(self) -> str | None:
        """Say which program is missing."""
        lacking = []
        if not self._registry():
            lacking.append("docker-registry")
        if self.settings.redis and not self.which("redis-server"):
            lacking.append("redis-server")
        return f"{' and '.join(lacking)} is not installed" if lacking else None

    def start(self) -> None:
        """Start Redis, then the registry."""
        if missing := self.missing():
            raise trouble(missing, "sudo apt install docker-registry redis-server; or let podman run them")
        self._check_release()
        commands = {
            "redis": [self.which("redis-server"), str(self.folder / BINARIES / "redis.conf")],
            "registry": [self._registry(), "serve", str(self.folder / BINARIES / "config.yml")],
        }
        (self.folder / STATE).mkdir(exist_ok=True)
        # distribution takes any variable REGISTRY_… for a setting; podman's REGISTRY_AUTH_FILE would be one.
        clean = {key: value for key, value in self.environ.items() if not key.startswith("REGISTRY_")}
        for part in reversed(self.parts):
            if not self.running(part):
                processes.start(
                    [str(word) for word in commands[part]],
                    log=self._log(part),
                    pid_file=self._pid_file(part),
                    environ=clean | read_secrets(self.folder) if part == "registry" else clean,
                    cwd=self.folder / STATE,
                )

    def stop(self) -> None:
        """End both."""
        for part in self.parts:
            self.stop_part(part)

    def stop_part(self, part: str) -> None:
        """End its process."""
        processes.end(self._pid_file(part))

    def running(self, part: str) -> bool:
        """Look for the process."""
        return processes.alive(self._pid_file(part))

    def logs(self, part: str, tail: int | None = None) -> str:
        """Read the file that they write."""
        try:
            text = self._log(part).read_text("utf-8", "replace")
        except FileNotFoundError:
            raise trouble(f"there is no log of {part}: it has never run here") from None
        return text if tail is None else "".join(text.splitlines(keepends=True)[-tail:] if tail else [])

    def storage(self) -> Path | None:
        """Give the folder that the configuration names."""
        folder = Path(self.settings.storage or self.folder / STORAGE)
        return folder if folder.is_dir() else None

    def redis_info(self) -> dict[str, str]:
        """Ask over its port."""
        return resp.info(str(resp.ask(f"127.0.0.1:{self.settings.redis_port}", "INFO")))

    def _registry(self) -> str | None:
        return self.which("docker-registry", "registry")

    def _check_release(self) -> None:
        # Keys of the other major version are ignored without a word, and what is left may end in a panic.
        told = subprocess.run(
            [str(self._registry()), "--version"], capture_output=True, text=True, check=False, timeout=QUICK_S
        )
        found = re.search(r"(?<![\w.])v?([0-9]+)\.[0-9]+", told.stdout)
        if found and found[1] != self.settings.registry:
            raise trouble(
                f"this machine's registry is {found[0]}, the configuration for {self.settings.registry}.x",
                f"make it for this one: regtools cache init {self.folder} --registry {found[1]} --force",
            )

    def _pid_file(self, part: str) -> Path:
        return self.folder / STATE / f"{part}.pid"

    def _log(self, part: str) -> Path:
        return self.folder / STATE / f"{part}.log"
