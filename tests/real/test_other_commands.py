"""What a name means to other commands: the table of ``elsewhere`` against real podman and skopeo.

Push, login and search name hosts that must not be contacted, so they run without a network and are followed in
podman's debug log. Everything else leads to one registry on loopback, which remembers what it was asked.
"""

from __future__ import annotations

import json
import re
import socket
import subprocess
import time
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest

from regtools import RegistriesConf
from regtools.registries.elsewhere import TABLE, meanings
from tests.support import images
from tests.support.dockerregistry import DockerRegistry
from tests.support.offline import offline
from tests.support.podman import Engine, engine
from tests.support.scripted import Server

pytestmark = pytest.mark.needs("podman", "skopeo")

IMAGE = images.image(2000, seed=3)
FIRST, HUB = "quay.test/app:latest", "docker.io/library/app:latest"
MOVED = """
unqualified-search-registries = ["quay.test", "docker.io"]
[[registry]]
prefix = "docker.io"
location = "{0}/hub"
insecure = true
[[registry]]
prefix = "quay.test"
location = "{0}/first"
insecure = true
[[registry]]
prefix = "localhost"
location = "{0}/local"
insecure = true
"""
ASKED = re.compile(r'level=debug msg="GET https?://([^/"]+)/v2/')
EMPTY_TAR = bytes(10_240)


@pytest.fixture(scope="module", params=["4.3", pytest.param("5.4", marks=pytest.mark.long), "6.1"])
def real(request: pytest.FixtureRequest) -> Iterator[Engine]:
    with engine(request.param) as made:
        (made.work / "empty.tar").write_bytes(EMPTY_TAR)
        yield made


@pytest.fixture(scope="module")
def alone(real: Engine) -> Iterator[Engine]:
    """The same engine, cut off from all networks."""
    with offline(real, ("docker.io", "registry-1.docker.io", "quay.test")) as alone:
        yield alone


@pytest.fixture(scope="module")
def registry() -> Iterator[Server]:
    with Server() as server:
        for place in ("hub/library/app", "first/app", "local/app"):
            server.script.put(place, "latest", IMAGE)
        yield server


@pytest.fixture
def asked(real: Engine, registry: Server) -> Iterator[Asked]:
    """An engine with nothing in its storage, whose names all lead to the registry."""
    real.configure(MOVED.format(registry.host))
    real.forget()
    yield Asked(registry)
    registry.script.login = None


class Asked:
    """Which repositories were asked for a manifest since the last look."""

    def __init__(self, registry: Server) -> None:
        self.script = registry.script
        self.script.seen.clear()

    def __call__(self) -> list[str]:
        found = [
            path.split("/manifests/")[0].removeprefix("/v2/") for path in self.script.paths("/manifests/")
        ]
        self.script.seen.clear()
        return list(dict.fromkeys(found))


def said(real: Engine, name: str = "app", conf: str = MOVED.format("near.test")) -> dict[str, str]:
    """What we say about a name."""
    res = RegistriesConf.from_toml(conf, podman=real.release).resolve(name)
    return dict(meanings(res.pull, res.how, res.candidates))


def build_here(real: Engine, name: str = "localhost/app") -> None:
    real.podman("import", "--quiet", str(real.inside / "empty.tar"), name)


def names(real: Engine) -> set[str]:
    return set(real.podman("images", "--format", "{{.Repository}}:{{.Tag}}").stdout.split())


# -- without a network -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["app", "docker.io/team/app:1"])
def test_push_goes_to_the_typed_name(real: Engine, alone: Engine, name: str) -> None:
    real.configure(MOVED.format("127.0.0.1:5000"))
    build_here(real, "localhost/app" if name == "app" else name)
    done = alone.podman("push", name, check=False, log_level="debug")
    assert set(ASKED.findall(done.stderr)) == {"registry-1.docker.io"}
    assert said(real, name)["push" if name == "app" else "push, login"].startswith(
        HUB if name == "app" else "registry-1.docker.io"
    )


@pytest.mark.parametrize(
    "words", [("login", "-u", "u", "-p", "p", "docker.io"), ("search", "--list-tags", "docker.io/team/app")]
)
def test_login_and_search_go_to_the_typed_host(real: Engine, alone: Engine, words: tuple[str, ...]) -> None:
    real.configure(MOVED.format("127.0.0.1:5000"))
    done = alone.podman(*words, check=False, log_level="debug")
    assert {host.replace("docker.io", "registry-1.docker.io").replace("registry-1.registry-1", "registry-1")
            for host in ASKED.findall(done.stderr)} == {"registry-1.docker.io"}  # fmt: skip
    assert said(real, "docker.io/team/app")["push, login"].startswith("registry-1.docker.io, as search")


@pytest.mark.needs("docker-registry")
def test_login_without_a_host_is_for_the_first_search_registry(real: Engine, tmp_path: Path) -> None:
    hashed = "$2b$05$abcdefghijklmnopqrstuuel.m2B90128I7Y73wVY/ooh6c6o8xd6"
    (tmp_path / "htpasswd").write_text(f"ann:{hashed}\n")
    with DockerRegistry(
        tmp_path, auth={"htpasswd": {"realm": "t", "path": str(tmp_path / "htpasswd")}}
    ) as guarded:
        conf = f'unqualified-search-registries = ["{guarded.host}", "docker.io"]\n'
        real.configure(conf)
        login = (
            "login",
            "--tls-verify=false",
            "--authfile",
            str(real.inside / "auth.json"),
            "-u",
            "ann",
            "-p",
        )
        assert real.podman(*login, "wrong", check=False).returncode != 0
        real.podman(*login, "s3cr3t-p4ssw0rd")
        assert list(json.loads((real.work / "auth.json").read_text())["auths"]) == [guarded.host]
        assert said(real, "quay.io/x", conf)["login"].startswith(f"without a host it means {guarded.host},")


# -- one registry ------------------------------------------------------------------------------------------


def test_what_is_pulled_is_stored_under_the_full_name(real: Engine, asked: Asked) -> None:
    real.podman("pull", "docker.io/library/app")
    assert asked() == ["hub/library/app"]
    assert names(real) == {HUB}
    assert said(real, "docker.io/library/app")["stored as"].startswith(HUB)


@pytest.mark.parametrize(
    "real",
    ["4.3", *(pytest.param(release, marks=pytest.mark.long) for release in ("5.4", "6.1"))],
    indirect=True,
)
def test_a_local_image_wins_for_run_and_build_and_pull_follows_it(real: Engine, asked: Asked) -> None:
    build_here(real)
    real.podman("create", "app", "true")  # what run does before it starts the container
    folder = real.work / "build"
    folder.mkdir(exist_ok=True)
    (folder / "Containerfile").write_text("FROM app\nLABEL a=b\n")
    real.podman("build", "-t", "mine", str(real.inside / "build"))
    assert asked() == []
    assert "localhost/mine:latest" in names(real)  # what a build here is called
    real.podman("create", "--pull=always", FIRST, "true")
    assert asked() == ["first/app"]
    assert said(real)["run, build"].startswith("a local image wins, localhost/app first")
    real.podman("rmi", "--force", FIRST)
    real.podman("pull", "--platform", "linux/amd64", "app")
    assert asked() == ["first/app"]
    assert said(real)["--platform"].startswith(f"with it, pull starts with {FIRST}")
    real.podman("rmi", "--force", FIRST)
    real.podman("pull", "app")
    assert asked() == ["local/app"]  # the local image decides which registry is meant


def test_a_local_image_of_a_full_name_wins_until_always(real: Engine, asked: Asked) -> None:
    build_here(real, HUB)
    real.podman("create", HUB, "true")
    assert asked() == []
    real.podman("create", "--pull=always", HUB, "true")
    assert asked() == ["hub/library/app"]
    assert said(real, HUB)["run, build"].endswith("--pull=always pulls")


def test_skopeo_takes_a_short_name_for_docker_hub_s(real: Engine, asked: Asked) -> None:
    real.skopeo("inspect", "--no-tags", "docker://app", check=False)
    assert asked()[:1] == ["hub/library/app"]
    assert said(real)["skopeo"] == f"docker://app is {HUB}"


@pytest.mark.parametrize(
    ("real", "enforced"),
    [
        ("4.3", True),
        pytest.param("4.3", False, marks=pytest.mark.long),
        pytest.param("5.4", True, marks=pytest.mark.long),
        pytest.param("5.4", False, marks=pytest.mark.long),
        pytest.param("6.1", True, marks=pytest.mark.long),
        ("6.1", False),
    ],
    indirect=["real"],
)
def test_the_compatible_api_takes_a_short_name_for_docker_hub_s(
    real: Engine, asked: Asked, enforced: bool
) -> None:
    settings = real.work / "containers.conf"
    before = settings.read_text()
    if not enforced:
        settings.write_text(
            before.replace("[engine]\n", "[engine]\ncompat_api_enforce_docker_hub = false\n", 1)
        )
    try:
        with service(real) as post:
            post("/v1.40/images/create?fromImage=app&tag=latest")
            assert asked() == [place := "hub/library/app" if enforced else "first/app"]
            real.configure(MOVED.format("127.0.0.1:1"))  # a service keeps what it read at its start
            real.podman("rmi", "--all", "--force")
            post("/v1.40/images/create?fromImage=app&tag=latest")
            assert asked() == [place]
    finally:
        settings.write_text(before)
    assert said(real)["API, compose"] == f"{HUB} (compat_api_enforce_docker_hub)"
    assert "service" in said(real)


def test_a_client_s_login_for_the_typed_name_is_not_sent_to_a_mirror(
    real: Engine, asked: Asked, registry: Server
) -> None:
    login = {"username": "U", "password": "P", "serveraddress": "https://index.docker.io/v1/"}
    registry.script.login = "Basic " + b64encode(b"U:P").decode()
    with service(real) as post:
        post(
            "/v1.40/images/create?fromImage=docker.io/library/app&tag=latest",
            {"X-Registry-Auth": urlsafe_b64encode(json.dumps(login).encode()).decode()},
        )
    sent = {seen.headers.get("authorization") for seen in registry.script.seen}
    assert registry.script.login not in sent
    assert asked() in (["hub/library/app"], [])
    assert "docker.io" in said(real, "docker.io/library/app")["API logins"]


def test_an_odd_host_and_a_bare_transport_fail_without_a_request(real: Engine) -> None:
    real.configure('[[registry]]\nprefix = "a.test"\nlocation = "b_b.test"\n')
    done = real.podman("pull", "a.test/x", check=False, log_level="debug")
    assert 'Trying to access \\"b_b.test/x:latest\\"' in done.stderr
    assert "no Host in request URL" in done.stderr
    assert "invalid reference format" in real.podman("pull", "docker://", check=False).stderr


def test_every_row_that_names_this_file_was_tried() -> None:
    tried = {"push", "push, login", "login", "stored as", "run, build", "--platform", "skopeo"}
    tried |= {"API, compose", "API logins", "service"}
    assert {row.who for row in TABLE if row.source == "tests/real/test_other_commands.py"} == tried
    assert all(re.search(r"https://|\(\d\)", row.source) for row in TABLE if row.who not in tried)


class _Socket(HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=60)
        self.path = str(path)

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)  # closed with the connection, also where nobody listens yet
        self.sock.settimeout(60)
        self.sock.connect(self.path)


@contextmanager
def service(real: Engine) -> Iterator[Callable[..., None]]:
    """Run ``podman system service`` on a socket; yield what posts to it."""
    path = real.work / "api.sock"
    command = [
        *real.prefix,
        "podman",
        "--tmpdir",
        str(real.inside / "tmp"),
        "system",
        "service",
        "--time",
        "0",
    ]
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(
        [*command, f"unix://{real.inside / 'api.sock'}"],
        env=real._environ(),
        **quiet,  # type: ignore[call-overload]
    )

    def post(address: str, headers: dict[str, str] | None = None, method: str = "POST") -> None:
        with closing(_Socket(path)) as connection:
            connection.request(method, address, headers=headers or {})
            connection.getresponse().read()

    try:
        for _ in range(600):
            try:
                post("/_ping", method="GET")
                break
            except OSError:
                assert process.poll() is None
                time.sleep(0.05)
        yield post
    finally:
        process.terminate()
        process.wait(30)
        path.unlink(missing_ok=True)
