"""The real docker-registry on a loopback port, for the life of a ``with`` block."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import time
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path
from types import TracebackType
from typing import Any, Self


class DockerRegistry:
    """``docker-registry serve`` with storage below ``folder``; over TLS with a ``Certificate``.

    ``auth`` is that section of its configuration; to fill the storage, serve it without first.
    ``upstream`` makes it a pull-through cache that remembers nothing but what lies in its storage: who removes
    that, has an empty cache.
    """

    def __init__(
        self,
        folder: Path,
        *,
        certificate: Any = None,
        auth: dict[str, Any] | None = None,
        upstream: str | None = None,
    ) -> None:
        self.folder = folder
        self.certificate = certificate
        self.auth = auth
        self.upstream = upstream
        self.port = free_port()
        self.host = f"127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        for _ in range(5):  # the port was free a moment ago; somebody else may take it meanwhile
            if self._start():
                return self
            self.port = free_port()
            self.host = f"127.0.0.1:{self.port}"
        raise RuntimeError((self.folder / "registry.log").read_text()[-2000:])

    def _start(self) -> bool:
        self.folder.mkdir(parents=True, exist_ok=True)
        config = self.folder / "config.yml"
        config.write_text(json.dumps(self._config()))  # JSON is YAML
        with (self.folder / "registry.log").open("ab") as log:
            self._process = subprocess.Popen(
                ["docker-registry", "serve", str(config)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        give_up = time.monotonic() + 20
        while time.monotonic() < give_up and self._process.poll() is None:
            try:
                connection = self.connect()
                connection.request("GET", "/v2/")
                connection.getresponse().read()
                connection.close()
                return True
            except OSError:
                time.sleep(0.02)
        self.stop()
        return False

    def _config(self) -> dict[str, Any]:
        http: dict[str, Any] = {"addr": self.host, "secret": "only for tests"}
        if self.certificate is not None:
            http["tls"] = {"certificate": str(self.certificate.cert), "key": str(self.certificate.key)}
        return {
            "version": "0.1",
            "log": {"level": "error", "accesslog": {"disabled": True}},
            "storage": {
                "filesystem": {"rootdirectory": str(self.folder / "storage")},
                **({} if self.upstream else {"cache": {"blobdescriptor": "inmemory"}}),
            },
            "http": http,
            **({"proxy": {"remoteurl": self.upstream}} if self.upstream else {}),
            **({"auth": self.auth} if self.auth else {}),
        }

    def connect(self) -> HTTPConnection:
        if self.certificate is None:
            return HTTPConnection(self.host, timeout=60)
        trusted = ssl.create_default_context(cafile=str(self.certificate.ca))
        return HTTPSConnection(self.host, timeout=60, context=trusted)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process = None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
