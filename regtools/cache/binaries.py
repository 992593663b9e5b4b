"""A cache that runs directly on this machine: the installed registry and Redis, as background processes."""

from __future__ import annotations

import re
from collections import deque
from pathlib import Path

from . import processes
from .engines import QUICK_S, STATE, Engine
from .files import BINARIES, STORAGE, read_secrets
from .settings import failed
from .starting import check_port


class Binaries(Engine):
    """The registry and Redis that are installed here, as processes in the background."""

    name = "binaries"
    means = "programs of this machine"

    def missing(self) -> str | None:
        """Return which programs are not installed."""
        needed = {"docker-registry": self._registry()}
        if self.settings.redis:
            needed |= {"redis-server": self.which("redis-server")}
            needed |= {"redis-cli": self.which("redis-cli")} if needed["redis-server"] else {}
        lacking = " and ".join(name for name, found in needed.items() if not found)
        return f"this machine has no {lacking}" if lacking else None

    def start(self) -> None:
        """Start Redis, then the registry.

        Raises:
            RegtoolsError: kind ``cache-failed``: a program is missing or does not start.
        """
        if missing := self.missing():
            raise failed(missing, "sudo apt install docker-registry redis-server; or let podman run them")
        self._check_release()
        # distribution reads every variable REGISTRY_… as a setting, podman's REGISTRY_AUTH_FILE among them.
        environ = {key: value for key, value in self.environ.items() if not key.startswith("REGISTRY_")}
        environ["OTEL_TRACES_EXPORTER"] = "none"  # by default 3.x sends traces to localhost:4318
        if "redis" in self.parts and not self.running("redis"):
            check_port(
                f"127.0.0.1:{self.settings.redis_port}", ", and the registry would use it as its Redis"
            )
            self._start("redis", [str(self.which("redis-server")), self._conf("redis.conf")], environ)
        if not self.running("registry"):
            command = [str(self._registry()), "serve", self._conf("config.yml")]
            self._start("registry", command, environ | read_secrets(self.folder))

    def _start(self, part: str, command: list[str], environ: dict[str, str]) -> None:
        state = self.folder / STATE
        state.mkdir(exist_ok=True)
        log = state / f"{part}.log"
        processes.start(command, log=log, pid_file=self._pid_file(part), environ=environ, cwd=state)

    def stop(self) -> None:
        """End both processes."""
        for part in self.parts:
            self.stop_part(part)

    def stop_part(self, part: str) -> None:
        """End the process of the registry, or of Redis."""
        processes.end(self._pid_file(part))

    def running(self, part: str) -> bool:
        """Look for the process."""
        return processes.pid(self._pid_file(part)) is not None

    def logs(self, part: str, tail: int | None = None) -> str:
        """Return the log of a part, or its last ``tail`` lines.

        Raises:
            RegtoolsError: kind ``cache-failed``: the part has never run here.
        """
        try:
            with (self.folder / STATE / f"{part}.log").open(encoding="utf-8", errors="replace") as lines:
                return "".join(deque(lines, tail))  # a log of years is not read into memory for its end
        except FileNotFoundError:
            raise failed(f"there is no log of {part}: it has never run here") from None

    def storage(self) -> Path | None:
        """Return the folder that the configuration names."""
        folder = Path(self.settings.storage or self.folder / STORAGE)
        return folder if folder.is_dir() else None

    def redis_cli(self) -> list[str]:
        """Return the command line with Redis's address."""
        return ["redis-cli", "-h", "127.0.0.1", "-p", str(self.settings.redis_port)]

    def _registry(self) -> str | None:
        return self.which("docker-registry", "registry")

    def _check_release(self) -> None:
        # A registry ignores the keys of the other major version, and may then panic over what is left.
        done = self.run([str(self._registry()), "--version"], QUICK_S)
        found = re.search(r"(?<![\w.])v?([0-9]+)\.[0-9]+", done.stdout)
        if found and found[1] != self.settings.registry:
            wanted = f"the configuration is for {self.settings.registry}.x"
            hint = f"make it for this one: regtools cache init {self.folder} --registry {found[1]} --force"
            raise failed(f"this machine's registry is {found[0]}, {wanted}", hint)

    def _conf(self, name: str) -> str:
        return str(self.folder / BINARIES / name)

    def _pid_file(self, part: str) -> Path:
        return self.folder / STATE / f"{part}.pid"
