"""Registries for the tests of pulls and campaigns: the real one, and one that misbehaves as told."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import absent
from tests.support import certificates, images
from tests.support.dockerregistry import DockerRegistry
from tests.support.scripted import Server

SMALL = images.image(1000, 200_000, 3000, seed=1)


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerRegistry]:
    """docker-registry over plain http, holding ``team/small:1``."""
    if shutil.which("docker-registry") is None:
        absent("needs docker-registry, not installed on this machine")
    with DockerRegistry(tmp_path_factory.mktemp("registry")) as running:
        connection = running.connect()
        images.push(connection, "team/small", "1", SMALL)
        connection.close()
        yield running


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> certificates.Certificate:
    if shutil.which("openssl") is None:
        absent("needs openssl, not installed on this machine")
    return certificates.make(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def server() -> Iterator[Server]:
    """A scripted registry over plain http, holding ``team/small:1``."""
    with Server() as running:
        running.script.put("team/small", "1", SMALL)
        yield running


@pytest.fixture
def secure_server(certificate: certificates.Certificate) -> Iterator[Server]:
    """The same over https."""
    with Server(certificate) as running:
        running.script.put("team/small", "1", SMALL)
        yield running


@pytest.fixture
def trusted(certificate: certificates.Certificate, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Our own authority is the system's."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.ca))
    return certificate.ca
