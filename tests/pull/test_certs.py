"""Certificates are found in certs.d as podman finds them, and count for their own place only."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from regtools.errors import RegtoolsError
from regtools.pull.http.transport import Limits
from regtools.pull.http.trust import Trust, find_trust
from regtools.pull.records import Pull
from regtools.pull.timing import time_pull
from regtools.registries.conf import RegistriesConf
from tests.support import certificates
from tests.support.certificates import Certificate
from tests.support.confs import text_leading_to
from tests.support.logins import Home
from tests.support.registries import SMALL
from tests.support.rows import check
from tests.support.scripted import Server

pytestmark = pytest.mark.needs("openssl")

ONCE = Limits(retries=0)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture(scope="session")
def demanding(certificate: Certificate, tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """A server's certificate; the server wants one of the same authority from its clients."""
    return certificates.issue(certificate.ca, tmp_path_factory.mktemp("demanding"), clients=True)


@pytest.fixture
def demanding_server(demanding: Certificate) -> Iterator[Server]:
    with Server(demanding) as running:
        running.script.put("team/small", "1", SMALL)
        yield running


def pull(server: Server, home: Home, *, insecure: bool = False) -> Pull:
    conf = home.conf(server.host, insecure=insecure)
    return check(time_pull(f"{server.host}/team/small:1", conf, limits=ONCE))


def test_an_authority_in_certs_d_is_believed(
    secure_server: Server, home: Home, certificate: Certificate
) -> None:
    assert pull(secure_server, home).error_kind == "certificate"
    shutil.copy(certificate.ca, home.certs(secure_server.host) / "own.crt")
    pulled = pull(secure_server, home)
    assert pulled.ok
    assert {each.reused for each in pulled.requests} == {False, True}  # connections are kept all the same


def test_it_is_believed_for_its_own_place_only(
    secure_server: Server, home: Home, certificate: Certificate
) -> None:
    for other in ("127.0.0.1", "localhost:1"):
        shutil.copy(certificate.ca, home.certs(other) / "own.crt")
    assert pull(secure_server, home).error_kind == "certificate"


def test_the_system_s_authorities_still_count(
    secure_server: Server, home: Home, certificate: Certificate, tmp_path: Path
) -> None:
    home.environ["SSL_CERT_FILE"] = str(certificate.ca)
    other = certificates.make(tmp_path / "other").ca
    shutil.copy(other, home.certs(secure_server.host) / "other.crt")
    (home.certs(secure_server.host) / "empty.crt").touch()
    assert pull(secure_server, home).ok


def test_another_machine_s_certificates_are_read_below_its_root(
    secure_server: Server, tmp_path: Path, certificate: Certificate
) -> None:
    far = tmp_path / "far"
    folder = far / "etc/containers/certs.d" / secure_server.host
    folder.mkdir(parents=True)
    (far / "etc/containers/registries.conf").write_text(text_leading_to(secure_server.host, insecure=False))
    (far / "authorities").mkdir()
    shutil.copy(certificate.ca, far / "authorities/own.pem")
    (folder / "own.crt").symlink_to("/authorities/own.pem")  # an absolute link stays below the root
    conf = RegistriesConf.load(root=far, environ={"HOME": "/root"}, uid=0)
    assert check(time_pull(f"{secure_server.host}/team/small:1", conf, limits=ONCE)).ok


def test_a_client_s_certificate_is_shown_to_who_asks(
    demanding_server: Server, demanding: Certificate, home: Home, tmp_path: Path
) -> None:
    folder = home.certs(demanding_server.host)
    shutil.copy(demanding.ca, folder / "own.crt")
    refused = pull(demanding_server, home)
    assert refused.error_kind in (
        "certificate",
        "cut",
    )  # the server's word for it may get lost in its hanging up
    assert demanding_server.script.seen == []
    client = certificates.issue(demanding.ca, tmp_path / "client")
    shutil.copy(client.cert, folder / "me.cert")
    shutil.copy(client.key, folder / "me.key")
    assert pull(demanding_server, home).ok
    assert pull(demanding_server, home, insecure=True).ok  # shown also where nothing is verified


@pytest.mark.parametrize(("name", "missing"), [("me.cert", "me.key"), ("me.key", "me.cert")])
@pytest.mark.parametrize("insecure", [False, True])
def test_half_a_pair_ends_the_source_before_its_first_request(
    secure_server: Server, home: Home, name: str, missing: str, insecure: bool
) -> None:
    (home.certs(secure_server.host) / name).touch()
    pulled = pull(secure_server, home, insecure=insecure)
    assert (pulled.error_kind, pulled.n_requests) == ("certificate", 0)
    assert missing in str(pulled)


def test_the_next_source_is_tried_when_one_s_directory_is_broken(server: Server, home: Home) -> None:
    with Server() as mirror:
        (home.certs(mirror.host) / "me.key").touch()
        conf = home.conf(server.host, mirrors=[mirror.host])
        pulled = check(time_pull(f"{server.host}/team/small:1", conf, limits=ONCE))
        assert mirror.script.seen == []
    assert pulled.ok
    assert [each.kind for each in pulled.failures] == ["certificate"]


@pytest.mark.parametrize(
    "content", ["not PEM", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_a_pair_that_is_none_is_told(
    secure_server: Server, home: Home, certificate: Certificate, content: str
) -> None:
    folder = home.certs(secure_server.host)
    shutil.copy(certificate.ca, folder / "own.crt")
    for name in ("me.cert", "me.key"):
        (folder / name).write_text(content)
    assert pull(secure_server, home).error_kind == "certificate"


def test_a_locked_key_is_told_and_nobody_is_asked_for_its_password(
    demanding_server: Server, demanding: Certificate, home: Home, tmp_path: Path
) -> None:
    import subprocess

    folder = home.certs(demanding_server.host)
    client = certificates.issue(demanding.ca, tmp_path / "client")
    shutil.copy(demanding.ca, folder / "own.crt")
    shutil.copy(client.cert, folder / "me.cert")
    locked = ("openssl", "ec", "-aes256", "-passout", "pass:x", "-in", client.key, "-out", folder / "me.key")
    subprocess.run(locked, check=True, capture_output=True, timeout=60)
    assert pull(demanding_server, home).error_kind == "certificate"


def test_docker_hub_goes_by_its_name(home: Home) -> None:
    (home.certs("docker.io") / "hub.crt").write_text("hub")
    (home.certs("registry-1.docker.io") / "other.crt").write_text("other")
    assert find_trust(home.conf("docker.io"), "docker.io/library/nginx:latest").authorities == b"hub"


def test_what_the_user_may_not_list_and_links_to_nowhere_are_passed_over(home: Home) -> None:
    (home.certs("reg.example") / "gone.crt").symlink_to("nowhere")
    assert find_trust(home.conf("reg.example"), "reg.example/app:1") == Trust()
    with tempfile.TemporaryDirectory() as open_to_all:
        Path(open_to_all).chmod(0o755)
        user = Home(Path(open_to_all) / "home")
        conf = user.conf("reg.example")
        closed = user.certs("reg.example")
        (closed / "me.key").touch()
        closed.chmod(0)
        before = os.geteuid()
        if before == 0:
            os.seteuid(65534)  # root may list everything
        try:
            assert find_trust(conf, "reg.example/app:1") == Trust()
        finally:
            os.seteuid(before)
            closed.chmod(0o700)


def test_a_file_that_cannot_be_read_is_told(home: Home) -> None:
    (home.certs("reg.example") / "own.crt").mkdir()
    with pytest.raises(RegtoolsError) as caught:
        find_trust(home.conf("reg.example"), "reg.example/app:1")
    assert caught.value.kind == "file-unreadable"
    assert "own.crt" in str(caught.value)
