"""Pulls from the real docker-registry; what they keep is read by the real skopeo and podman."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from regtools.errors import RegtoolsError
from regtools.pull.http.transport import Limits
from regtools.pull.timing import time_pull
from tests.support import certificates, images, scripted
from tests.support.confs import leading_to
from tests.support.dockerregistry import DockerRegistry
from tests.support.rows import check
from tests.support.scripted import Server

pytestmark = pytest.mark.needs("docker-registry", "openssl")

OCI = images.image(2000, 300_000, seed=11)
DOCKER = images.image(5000, seed=12, docker=True)
ARM = images.image(700, seed=13, architecture="arm64")
INDEX = images.index(
    (OCI, {"os": "linux", "architecture": "amd64"}), (ARM, {"os": "linux", "architecture": "arm64"})
)


def fill(registry: DockerRegistry) -> None:
    connection = registry.connect()
    images.push(connection, "team/app", "oci", OCI)
    images.push(connection, "team/app", "docker", DOCKER)
    images.push(connection, "team/app", "arm", ARM)
    images.push_manifest(connection, "team/app", "multi", INDEX, images.OCI_INDEX)
    connection.close()


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerRegistry]:
    with DockerRegistry(tmp_path_factory.mktemp("plain")) as registry:
        fill(registry)
        yield registry


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> certificates.Certificate:
    return certificates.make(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def secure(
    tmp_path_factory: pytest.TempPathFactory, certificate: certificates.Certificate
) -> Iterator[DockerRegistry]:
    with DockerRegistry(tmp_path_factory.mktemp("secure"), certificate=certificate) as registry:
        fill(registry)
        yield registry


@pytest.mark.parametrize(
    ("reference", "image"),
    [(":oci", OCI), (":docker", DOCKER), (f"@{OCI.digest}", OCI), (f"@{images.sha256(INDEX)}", OCI)],
    ids=["oci", "docker", "digest", "index digest"],
)
def test_an_image_is_pulled_by_tag_and_by_digest(
    plain: DockerRegistry, reference: str, image: images.Image
) -> None:
    conf = leading_to(plain.host)
    pulled = check(time_pull(f"{plain.host}/team/app{reference}", conf, platform="linux/amd64"))
    assert pulled.ok
    assert (pulled.digest, pulled.bytes_fetched) == (image.digest, image.size)
    assert pulled.n_retries == 0
    assert {each.http_version for each in pulled.requests if each.status} == {"1.1"}
    assert {each.remote_ip for each in pulled.requests} <= {"127.0.0.1"}


def test_an_index_is_followed_to_the_platform(plain: DockerRegistry) -> None:
    conf, name = leading_to(plain.host), f"{plain.host}/team/app:multi"
    assert check(time_pull(name, conf, platform="linux/arm64")).digest == ARM.digest
    assert check(time_pull(name, conf, platform="linux/ppc64le")).error_kind == "no-platform"


def test_over_https_with_our_own_authority(
    secure: DockerRegistry, certificate: certificates.Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"{secure.host}/team/app:oci"
    strict, lax = leading_to(secure.host, insecure=False), leading_to(secure.host)
    refused = check(time_pull(name, strict, limits=Limits(retries=0)))
    assert refused.error_kind == "certificate"
    unverified = check(time_pull(name, lax))
    assert unverified.ok
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.ca))
    verified = check(time_pull(name, strict))
    assert verified.ok
    for row in verified.requests:
        assert row.tls_version == "TLSv1.3"
        assert (row.tls_s is None) is row.reused


def test_what_is_not_there_is_told_in_the_registrys_words(plain: DockerRegistry) -> None:
    pulled = check(time_pull(f"{plain.host}/team/app:none", leading_to(plain.host)))
    assert pulled.error_kind == "http-404"
    assert "manifest unknown" in str(pulled)


def test_the_next_source_serves_when_a_real_mirror_lacks_the_image(
    plain: DockerRegistry, secure: DockerRegistry
) -> None:
    connection = secure.connect()
    images.push(connection, "team/only", "1", DOCKER)
    connection.close()
    conf = leading_to(secure.host, mirrors=[plain.host])
    pulled = check(time_pull(f"{secure.host}/team/only:1", conf))
    assert pulled.ok
    assert pulled.attempts == (f"{plain.host}/team/only:1", f"{secure.host}/team/only:1")
    assert pulled.served_by == pulled.attempts[1]


@pytest.mark.parametrize(("tag", "image"), [("oci", OCI), ("docker", DOCKER)])
@pytest.mark.needs("skopeo")
def test_skopeo_reads_the_layout_that_a_pull_leaves(
    plain: DockerRegistry, tmp_path: Path, tag: str, image: images.Image
) -> None:
    target = tmp_path / "layout"
    pulled = check(time_pull(f"{plain.host}/team/app:{tag}", leading_to(plain.host), into=target))
    assert pulled.ok
    assert sorted(each.name for each in tmp_path.iterdir()) == ["layout"]
    # skopeo 1.9 finds a manifest of Docker's type by its place, not by its name.
    name = f"oci:{target}:{tag}" if image is OCI else f"oci:{target}"
    told = json.loads(_run("skopeo", "inspect", name))
    assert told["Digest"] == pulled.digest == image.digest
    assert told["Layers"] == [images.sha256(each) for each in image.layers]
    _run("skopeo", "copy", "-q", f"oci:{target}", f"dir:{tmp_path / 'copy'}")
    for layer in image.layers:
        assert (tmp_path / "copy" / images.sha256(layer).removeprefix("sha256:")).read_bytes() == layer


@pytest.mark.needs("podman")
def test_podman_reads_the_layout_that_a_pull_leaves(plain: DockerRegistry, tmp_path: Path) -> None:
    target = tmp_path / "layout"
    assert time_pull(f"{plain.host}/team/app:oci", leading_to(plain.host), into=target).ok
    folder = tempfile.mkdtemp(prefix="rt-")  # podman wants a short path here
    try:
        storage = ("--root", f"{folder}/root", "--runroot", f"{folder}/run", "--storage-driver", "vfs")
        identity = _run("podman", *storage, "pull", "-q", f"oci:{target}").strip()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    assert identity == images.sha256(OCI.config).removeprefix("sha256:")


def test_the_layout_takes_an_empty_folder_and_no_other(plain: DockerRegistry, tmp_path: Path) -> None:
    name, conf = f"{plain.host}/team/app:oci", leading_to(plain.host)
    empty, full, file = tmp_path / "empty", tmp_path / "full", tmp_path / "file"
    empty.mkdir()
    full.mkdir()
    (full / "precious").touch()
    file.touch()
    assert time_pull(name, conf, into=empty).ok
    assert (empty / "oci-layout").exists()
    for taken in (empty, full, file):
        with pytest.raises(RegtoolsError, match="into-not-empty"):
            time_pull(name, conf, into=taken)
    assert [each.name for each in full.iterdir()] == ["precious"]
    with pytest.raises(RegtoolsError, match="file-unwritable"):
        time_pull(name, conf, into=tmp_path / "none" / "layout")


def test_a_failed_pull_leaves_nothing_where_the_layout_should_be(tmp_path: Path) -> None:
    with Server() as server:
        server.script.put("team/app", "1", OCI)
        server.script.fault(images.sha256(OCI.layers[1]), scripted.late(0.1, scripted.status(404)))
        pulled = check(
            time_pull(f"{server.host}/team/app:1", leading_to(server.host), into=tmp_path / "layout")
        )
    assert not pulled.ok
    assert list(tmp_path.iterdir()) == []


@pytest.mark.needs("mount")
@pytest.mark.parametrize(
    "tag", ["oci", "docker"]
)  # writing fails midway; at the very end, in the last buffer
def test_a_full_disk_is_told_and_leaves_nothing(plain: DockerRegistry, tmp_path: Path, tag: str) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={'128k' if tag == 'oci' else '8k'}", "tmpfs", str(small)],
        capture_output=True,
        timeout=20,
    )
    if mounted.returncode:
        pytest.skip("only root can mount a small disk")
    try:
        pulled = check(
            time_pull(f"{plain.host}/team/app:{tag}", leading_to(plain.host), into=small / "layout")
        )
        assert (pulled.ok, pulled.error_kind) == (False, "disk")
        assert list(small.iterdir()) == []
    finally:
        subprocess.run(["umount", str(small)], check=True, timeout=20)


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout
