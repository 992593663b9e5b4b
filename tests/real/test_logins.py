"""Guarded registries, for real: docker-registry asks for logins, and podman beside us gets in the same way.

Both read the same home: auth file, docker-credential-… program, certs.d. What podman is given, we are given;
what it is refused, we are refused.
"""

from __future__ import annotations

import shutil
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet

from regtools.pull.http.transport import Limits
from regtools.pull.records import Pull
from regtools.pull.timing import time_pull
from tests.support import certificates, images, logins
from tests.support.dockerregistry import DockerRegistry
from tests.support.logins import IDENTITY, PAIR, PASSWORD, USER, Home
from tests.support.podman import RELEASES, Engine, engine
from tests.support.rows import check
from tests.support.tokens import TokenService

pytestmark = pytest.mark.needs("docker-registry", "openssl", "podman")

IMAGE = images.image(2000, 100_000, seed=21)
WRONG = b64encode(f"{USER}:wrong".encode()).decode()
# What bcrypt makes of PASSWORD, at its lowest cost.
HASHED = "$2b$05$abcdefghijklmnopqrstuuel.m2B90128I7Y73wVY/ooh6c6o8xd6"


@dataclass
class Pair:
    """Podman and ourselves at one home, with the same configuration."""

    real: Engine
    home: Home

    def pull(self, registry: DockerRegistry, extra: str = "") -> tuple[Pull, bool]:
        """Pull with both; give our row, and whether podman succeeded."""
        conf = self.home.conf(registry.host, insecure=registry.certificate is None, extra=extra)
        name = f"{registry.host}/team/app:1"
        ours = check(time_pull(name, conf, limits=Limits(retries=0)))
        self.real.forget()
        done = self.real.podman("pull", "-q", name, check=False)
        return ours, done.returncode == 0


@pytest.fixture(params=["4.3", pytest.param("5.4", marks=pytest.mark.long), "6.1"])
def both(request: pytest.FixtureRequest) -> Iterator[Pair]:
    with engine(request.param) as real:
        yield Pair(real, Home(real.work))


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("guarded")
    with DockerRegistry(folder) as registry:
        connection = registry.connect()
        images.push(connection, "team/app", "1", IMAGE)
        connection.close()
    return folder


@pytest.fixture(scope="module")
def htpasswd(storage: Path) -> Iterator[DockerRegistry]:
    (storage / "htpasswd").write_text(f"{USER}:{HASHED}\n")
    auth = {"htpasswd": {"realm": "test", "path": str(storage / "htpasswd")}}
    with DockerRegistry(storage, auth=auth) as registry:
        yield registry


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TokenService]:
    folder = tmp_path_factory.mktemp("tokens")
    with TokenService(folder, user=USER, password=PASSWORD, identity_token=IDENTITY) as running:
        yield running


@pytest.fixture(scope="module")
def tokens(storage: Path, service: TokenService) -> Iterator[DockerRegistry]:
    with DockerRegistry(storage, auth=service.auth) as registry:
        yield registry


def turns(oldest: str, newest: str) -> list[ParameterSet]:
    """Give the oldest podman one kind, the newest the other, and each release both in the long run."""
    quick = (("4.3", oldest), ("6.1", newest))
    return [
        pytest.param(release, kind, marks=[] if (release, kind) in quick else [pytest.mark.long])
        for release in RELEASES
        for kind in (oldest, newest)
    ]


# name → entry of the auth file or None, whether it opens htpasswd, whether it opens the token service
LOGINS: dict[str, tuple[dict[str, str] | None, bool, bool]] = {
    "nobody": (None, False, False),
    "a wrong password": ({"auth": WRONG}, False, False),
    "the password": ({"auth": PAIR}, True, True),
    "an identity token": ({"auth": b64encode(b"0:").decode(), "identitytoken": IDENTITY}, False, True),
}


@pytest.mark.parametrize(("both", "kind"), turns("htpasswd", "tokens"), indirect=["both"])
@pytest.mark.parametrize("name", LOGINS)
def test_a_login_opens_what_it_opens_for_podman(
    name: str, kind: str, both: Pair, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    registry: DockerRegistry = request.getfixturevalue(kind)
    entry, *opens = LOGINS[name]
    if entry is not None:
        both.home.auth({registry.host: entry})
    ours, theirs = both.pull(registry)
    assert (ours.ok, theirs) == (opens[kind == "tokens"],) * 2
    assert ours.error_kind == (None if ours.ok else "http-401")
    assert logins.found_in(logins.everything_shown(ours, tmp_path)) == []


def test_the_repository_s_own_entry_counts_for_both(htpasswd: DockerRegistry, both: Pair) -> None:
    both.home.auth({htpasswd.host: {"auth": WRONG}, f"{htpasswd.host}/team/app": {"auth": PAIR}})
    ours, theirs = both.pull(htpasswd)
    assert ours.ok and theirs


@pytest.mark.parametrize(("both", "named_in"), turns("registries.conf", "auth.json"), indirect=["both"])
def test_a_program_is_really_run_by_both(htpasswd: DockerRegistry, both: Pair, named_in: str) -> None:
    asked = both.home.folder / "asked"
    login = f'{{"Username":"{USER}","Secret":"{PASSWORD}"}}'
    both.home.program("test", f"read host; echo $1 $host >> $HOME/asked; echo '{login}'")
    if named_in == "auth.json":
        both.home.auth({}, credHelpers={htpasswd.host: "test"})
        extra = ""
    else:
        extra = 'credential-helpers = ["containers-auth.json", "test"]\n'
    ours, theirs = both.pull(htpasswd, extra=extra)
    assert ours.ok and theirs
    lines = asked.read_text().splitlines()
    assert set(lines) == {f"get {htpasswd.host}"}
    assert len(lines) >= 2


def test_a_token_is_asked_for_once_and_counts_for_all_requests(
    tokens: DockerRegistry, service: TokenService, tmp_path: Path
) -> None:
    home = Home(tmp_path / "home")
    home.login(tokens.host)
    service.asked.clear()
    pulled = check(time_pull(f"{tokens.host}/team/app:1", home.conf(tokens.host)))
    assert pulled.ok
    assert service.asked == [USER]
    assert [each.kind for each in pulled.requests if each.status == 401] == ["ping"]
    assert [each.url_host for each in pulled.requests if each.kind == "token"] == [service.host]


@pytest.mark.parametrize(
    "both", ["4.3", *(pytest.param(each, marks=pytest.mark.long) for each in RELEASES[1:])], indirect=True
)
def test_our_own_authority_in_certs_d_opens_tls_for_both(both: Pair, storage: Path, tmp_path: Path) -> None:
    certificate = certificates.make(tmp_path / "tls")
    auth = {"htpasswd": {"realm": "test", "path": str(storage / "htpasswd")}}
    (storage / "htpasswd").write_text(f"{USER}:{HASHED}\n")
    with DockerRegistry(storage, certificate=certificate, auth=auth) as registry:
        both.home.login(registry.host)
        ours, theirs = both.pull(registry)
        assert (ours.ok, ours.error_kind, theirs) == (False, "certificate", False)
        shutil.copy(certificate.ca, both.home.certs(registry.host) / "own.crt")
        ours, theirs = both.pull(registry)
        assert ours.ok and theirs
        (both.home.certs(registry.host) / "me.key").touch()
        ours, theirs = both.pull(registry)
        assert (ours.ok, ours.error_kind, theirs) == (False, "certificate", False)
