"""The cache for real: by podman's containers, and by the machine's programs. The origin's counters are the proof."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import secrets
import socket
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

import pytest

from regtools.cache import Cache, starting
from regtools.errors import RegtoolsError
from regtools.pull.timing import time_pull
from regtools.testbed import Link, Payload, Testbed
from regtools.testbed.layers import executable, greeting
from tests.support.debianimages import REDIS, Box, box, libraries
from tests.support.gate import Gate
from tests.support.podman import Engine, engine
from tests.support.private import Private
from tests.support.processes import await_true

pytestmark = [
    pytest.mark.needs("podman", "docker-registry", "redis-server", "runc"),
    pytest.mark.xdist_group("caches"),  # a worker starts them once for all tests
]

# All podmans of root keep addresses and names of containers by the name of the network, in one folder of the machine.
NAME = f"test-cache-{secrets.token_hex(4)}"
IMAGES = [f"image-{number}" for number in range(20)]


@dataclass
class Running:
    """A cache that runs, the door to its origin, and images that nobody has pulled yet."""

    cache: Cache
    gate: Gate
    bed: Testbed
    box: Box | None
    fresh: list[str] = field(default_factory=lambda: list(IMAGES))

    def image(self) -> str:
        return self.bed.image(self.fresh.pop())

    def fetched(self, image: str) -> int:
        """How many blobs of an image the origin has given away since its counters were reset."""
        name = image.partition("/")[2].partition(":")[0]
        return self.bed.counters.requests(repository=name, kind="blob", method="GET")

    def settled(self, image: str, blobs: int = 3) -> None:
        """Wait until the cache has stored an image: it does so beside answering."""
        await_true(
            lambda: self.fetched(image) == 2 * blobs and not _uploads(self.cache), "the image is stored"
        )


@pytest.fixture(scope="module")
def bed() -> Iterator[Testbed]:
    images = {name: Payload((30_000, 200_000), seed=name) for name in IMAGES}
    with Testbed({}, images=images, origin=Link(rtt_ms=4, mbit=400)) as bed:
        yield bed


@pytest.fixture(scope="module", params=["binaries", "podman"])
def running(
    request: pytest.FixtureRequest, bed: Testbed, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    with contextlib.ExitStack() as stack:
        own = stack.enter_context(box()) if request.param == "podman" else None
        host = own.network(NAME) if own else "127.0.0.1"
        gate = stack.enter_context(Gate(bed.addresses["origin"], host))
        cache = Cache(
            f"http://{gate.address}",
            tmp_path_factory.mktemp("cache") / "hub",
            prefix="origin.test",
            name=NAME,
            port=0,
            registry="2",
            engine=request.param,
            environ=own.environ if own else None,
        )
        stack.enter_context(cache)
        yield Running(cache, gate, bed, own)


# What depends on the registry alone: with podman's containers, which take longer, in the long run.
once = pytest.mark.parametrize(
    "running", ["binaries", pytest.param("podman", marks=pytest.mark.long)], indirect=True
)


@pytest.fixture(autouse=True)
def whole(running: Running) -> None:
    """Every test begins with everything running."""
    running.gate.shut()
    running.gate.open()
    running.cache.up()
    running.bed.reset_counters()


@pytest.fixture
def real(running: Running) -> Iterator[Engine]:
    with engine("4.3") as real:
        real.configure(running.cache.conf_text)
        yield real


def test_podman_pulls_through_the_drop_in_cold_and_warm(running: Running, real: Engine) -> None:
    image = running.image()
    real.podman("pull", image)
    running.settled(image)  # each blob twice: once for podman, once for the storage
    running.bed.reset_counters()
    real.forget()
    real.podman("pull", image)
    assert running.fetched(image) == 0
    assert running.bed.counters.requests(kind="manifest", method="GET") == 0
    assert running.bed.counters.requests(kind="manifest", method="HEAD") == 1  # what the tag means today
    assert running.cache.drop_in.read_text() == running.cache.conf_text


@once
def test_redis_holds_the_descriptors(running: Running) -> None:
    image = running.image()
    pull = time_pull(image, running.cache.place.conf)
    digests = [each.digest for each in pull.requests if each.kind in ("blob", "config") and each.digest]
    running.settled(image)
    assert len(digests) == 3
    for digest in digests:  # a descriptor follows its blob
        await_true(
            lambda key=f"blobs::{digest}": running.cache.redis("EXISTS", key) == "1\n", "it is in Redis"
        )
    layer = next(each for each in pull.requests if each.kind == "blob" and each.bytes == 200_000)
    assert running.cache.redis("HGET", f"blobs::{layer.digest}", "size") == "200000\n"
    kept = running.cache.redis("CONFIG", "GET", "maxmemory*").split()
    settings = dict(zip(kept[::2], kept[1::2], strict=True))
    assert (settings["maxmemory"], settings["maxmemory-policy"]) == (str(512 << 20), "allkeys-lru")


@once
def test_without_redis_pulls_go_on_cold_and_warm(running: Running, real: Engine) -> None:
    known, unknown = running.image(), running.image()
    assert time_pull(known, running.cache.place.conf).ok
    running.settled(known)
    running.cache.stop("redis")
    running.bed.reset_counters()
    for image in (known, unknown):
        real.podman("pull", image)
    assert running.fetched(known) == 0
    assert running.fetched(unknown) >= 3  # by way of the cache, or directly: podman does not mind
    assert time_pull(unknown, running.cache.place.conf).ok
    status = running.cache.status()
    assert (status.answers, status.redis) == (True, None)
    assert "redis is not running" in status.notes
    running.cache.up()
    after = running.cache.status()
    assert after.redis is not None
    assert after.notes == ()


@once
def test_without_the_registry_podman_goes_to_the_origin(running: Running, real: Engine) -> None:
    image = running.image()
    running.cache.stop("registry")
    real.podman("pull", image)
    assert running.fetched(image) == 3  # once each: nobody stores it
    status = running.cache.status()
    assert not status.answers
    assert "registry is not running" in status.notes
    with pytest.raises(RegtoolsError, match="the cache is not running"):
        running.cache.verify(image)


@once
def test_without_the_origin_what_is_stored_is_served_by_tag_and_by_digest(
    running: Running, real: Engine
) -> None:
    known, unknown = running.image(), running.image()
    pull = time_pull(known, running.cache.place.conf)
    running.settled(known)
    running.gate.shut()
    real.podman("pull", known)
    real.forget()
    real.podman("pull", f"{known.rpartition(':')[0]}@{pull.digest}")
    status = running.cache.status()
    assert status.answers
    assert not status.upstream_reachable
    assert "what is stored can be pulled meanwhile; new images cannot" in status.notes
    with pytest.raises(RegtoolsError, match=r"could not be pulled through the cache: .* 404") as failed:
        running.cache.verify(unknown)
    assert failed.value.hint == "does the upstream have it, and answer?"
    if running.box is None:  # podman tries for two seconds; once is enough
        refused = real.podman("pull", unknown, check=False)
        assert refused.returncode != 0
        assert "manifest unknown" in refused.stderr or "connection refused" in refused.stderr
    running.gate.open()
    real.podman("pull", unknown)


@once
def test_what_is_stored_survives_a_restart(running: Running, real: Engine) -> None:
    image = running.image()
    assert time_pull(image, running.cache.place.conf).ok
    running.settled(image)
    before = running.cache.status().stored
    running.cache.down()
    assert running.cache.engine is None
    running.bed.reset_counters()
    running.cache.up()
    real.podman("pull", image)
    assert running.fetched(image) == 0
    assert running.cache.status().stored == before


@once
def test_it_says_why_it_cannot_start_while_the_origin_is_away(running: Running) -> None:
    running.cache.down()
    running.gate.shut()
    with pytest.raises(RegtoolsError, match="distribution asks the upstream once when it starts") as failed:
        running.cache.up()
    assert "what is stored is not lost" in str(failed.value.hint)
    assert running.cache.engine is None
    assert running.cache.logs("registry") if running.box is None else True


@once
def test_verify_says_what_the_origin_counts(running: Running) -> None:
    image = running.image()
    found = running.cache.verify(image)
    assert found.ok, str(found)
    assert found.was_cold
    assert found.podman is True
    assert found.cold.bytes_fetched == running.bed.counters.bytes(kind="blob", method="GET")
    assert found.cold.bytes_served == found.warm.bytes_served
    assert found.warm.bytes_fetched == 0
    if running.box is None:
        again = running.cache.verify(image)
        assert not again.was_cold
        assert again.ok


@once
def test_status_counts_hits_and_misses_rightly(running: Running) -> None:
    running.cache.down()
    running.cache.up()  # its counters begin anew
    image, conf = running.image(), running.cache.place.conf
    for _ in range(3):
        assert time_pull(image, conf).ok
        running.settled(image)
    status = running.cache.status()
    assert status.traffic is not None
    assert (status.traffic.blobs.requests, status.traffic.blobs.hits, status.traffic.blobs.misses) == (
        9,
        6,
        3,
    )
    assert status.traffic.manifests.misses == 1
    assert status.traffic.bytes_fetched == running.bed.counters.bytes(kind="blob", method="GET")
    assert status.redis is not None
    assert status.redis.keys > 0, running.cache.logs()
    assert "9 asked for: 6 from the storage, 3 from the upstream" in str(status)
    assert json.loads(json.dumps(status.to_dict()))["traffic"]["blobs"]["hits"] == 6


def test_another_cache_of_the_same_name_is_left_alone(running: Running, tmp_path: Path) -> None:
    if running.box is None:
        pytest.skip("processes have no names")
    settings = {"name": NAME, "port": 0, "registry": "2", "engine": "podman", "environ": running.box.environ}
    other = Cache(f"http://{running.gate.address}", tmp_path, **settings)  # type: ignore[arg-type]
    with pytest.raises(
        RegtoolsError, match=f"a container {NAME}(-redis)? already, of {running.cache.folder}"
    ):
        other.up()
    other.down(purge=True)
    assert running.cache.status().answers
    assert running.cache.status().stored is not None


def test_a_static_registry_alone_in_its_image_is_run(running: Running, tmp_path: Path) -> None:
    """No registry that could serve is linked so here: this one prints a greeting and ends, which `up` reports."""
    machine = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]
    program = tmp_path / "bin" / "docker-registry"
    program.parent.mkdir()
    program.write_bytes(executable(machine))
    program.chmod(0o755)
    assert libraries(str(program)) == []
    environ = dict(running.box.environ if running.box else os.environ)
    image = "localhost/static:1"
    if running.box:
        archive = tmp_path / "image.tar"
        with tarfile.open(archive, "w") as tar:
            tar.add(program, "registry")
        running.box.podman("import", "--quiet", "--change", 'ENTRYPOINT ["/registry"]', str(archive), image)
    environ["PATH"] = f"{program.parent}:{environ['PATH']}"
    cache = Cache(
        f"http://{running.gate.address}",
        tmp_path / "static",
        name="static",
        port=0,
        redis=False,
        registry_image=image,
        engine="podman" if running.box else "binaries",
        environ=environ,
    )
    with pytest.raises(RegtoolsError, match="the registry has ended") as failed:
        cache.up()
    assert greeting(machine).strip() in str(failed.value.hint)


def test_a_redis_of_another_program_is_refused(running: Running, tmp_path: Path) -> None:
    environ = running.box.environ if running.box else None
    other = Cache(
        f"http://{running.gate.address}",
        tmp_path,
        name="other",
        port=0,
        registry="2",
        engine="podman" if running.box else "binaries",
        environ=environ,
    )
    port = other.settings.redis_port
    if running.box:
        running.box.podman("run", "--detach", "--name", "other-redis", REDIS, "redis-server")
        message = "a container other-redis already, of another program"
    else:
        foreign = subprocess.Popen(
            ["redis-server", "--port", str(port), "--save", ""], stdout=subprocess.DEVNULL
        )
        await_true(lambda: not starting._is_free(port, "127.0.0.1"), "the other Redis answers")
        message = (
            f"another program answers at 127.0.0.1:{port} already, and the registry would use it as its Redis"
        )
    try:
        with pytest.raises(RegtoolsError, match=message):
            other.up()
        assert other.engine is None
    finally:
        if running.box:
            running.box.podman("rm", "--force", "--time", "1", "other-redis")
        else:
            foreign.terminate()
            foreign.wait()


def test_it_listens_on_loopback_only(running: Running) -> None:
    ports = [running.cache.settings.port, running.cache.settings.port + 1]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing: which address would it leave by?
        except OSError:
            pytest.skip("this machine has no address but loopback")
        outside = probe.getsockname()[0]
    for port in ports:
        assert _refused((outside, port))
        assert not _refused(("127.0.0.1", port))
    if running.box is not None:
        assert running.box.podman("port", f"{NAME}-redis") == ""
    else:
        assert _refused((outside, running.cache.settings.redis_port))


@once
def test_a_cache_deletes_nothing_on_request_and_takes_no_push(running: Running) -> None:
    image = running.image()
    pull = time_pull(image, running.cache.place.conf)
    repository = image.partition("/")[2].partition(":")[0]
    assert _ask(running.cache.address, "DELETE", f"/v2/{repository}/manifests/{pull.digest}") == 405
    assert _ask(running.cache.address, "POST", f"/v2/{repository}/blobs/uploads/") == 405
    assert time_pull(image, running.cache.place.conf).ok


# What a shell, YAML and an environment file would each read otherwise.
PASSWORD = "p\"a'ss\\: #w$HOME {}&*!@%ö"


@pytest.mark.parametrize(
    ("running", "password"),
    [
        *product(("binaries", "podman"), (PASSWORD,)),
        *product(("binaries",), ("0123", "null")),
        *(pytest.param("podman", each, marks=pytest.mark.long) for each in ("0123", "null")),
    ],
    indirect=["running"],
)
def test_a_private_upstream_with_a_token_server(running: Running, tmp_path: Path, password: str) -> None:
    image = running.image()
    with _private(running, tmp_path, "token", password, password) as (cache, server):
        with cache:
            assert time_pull(image, cache.place.conf).ok
            assert server.refused == 0
            assert f"repository:{image.partition('/')[2].partition(':')[0]}:pull" in server.scopes
            command = "".join(_command_lines(cache, running))
        secret = cache.folder / "secrets.env"
        assert secret.stat().st_mode & 0o777 == 0o600
        others = "".join(
            each.read_text(errors="replace")
            for each in cache.folder.rglob("*")
            if each.is_file() and each != secret
        )
        for text in (command, others):
            assert "reader" not in text
            assert len(password) < 5 or password not in text


@once
def test_a_wrong_login_is_guessed_at(running: Running, tmp_path: Path) -> None:
    with _private(running, tmp_path, "token", "right", "wrong") as (cache, server), cache:
        with pytest.raises(RegtoolsError, match="404") as failed:
            cache.verify(running.image())
        assert failed.value.hint == "is the login in secrets.env right?"
        assert server.refused > 0


@once
def test_a_private_upstream_with_http_basic_is_beyond_distribution_2(
    running: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with _private(running, tmp_path, "basic", "pass", "pass") as (cache, server):
        if running.box is not None:  # somebody has to be in the network, or this machine has no address there
            running.box.podman("run", "--detach", "--network", cache.settings.name, "--name", "other", REDIS)
        with pytest.raises(RegtoolsError, match=r"distribution 2\.x sends a login to token servers only"):
            cache.up()
        # It is true: without our word it would start, and never send the login.
        monkeypatch.setattr(starting, "check_login", lambda settings: None)
        with cache:
            assert time_pull(running.image(), cache.place.conf).error_kind == "http-404"
        assert server.refused == 0


@contextlib.contextmanager
def _private(
    running: Running, folder: Path, kind: str, right: str, given: str
) -> Iterator[tuple[Cache, Private]]:
    name = f"private-{secrets.token_hex(4)}"
    host = running.box.network(name) if running.box else "127.0.0.1"
    origin = running.bed.addresses["origin"]
    with Private(origin, kind, "reader", right) as server, Gate(server.address, host) as gate:
        server.public = gate.address
        cache = Cache(
            f"http://{gate.address}",
            folder / "private",
            prefix="origin.test",
            name=name,
            port=0,
            registry="2",
            redis=False,
            engine="podman" if running.box else "binaries",
            environ=running.box.environ if running.box else None,
            username="reader",
            password=given,
        )
        try:
            yield cache, server
        finally:
            cache.down()


def _command_lines(cache: Cache, running: Running) -> Iterator[str]:
    for each in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            line = each.read_text(errors="replace")
            if cache.settings.name in line or str(cache.folder) in line:
                yield line


def test_purging_removes_what_is_stored_and_keeps_the_files(running: Running) -> None:
    image = running.image()
    assert time_pull(image, running.cache.place.conf).ok
    running.settled(image)
    running.cache.down(purge=True)
    assert (running.cache.folder / "config.yml").exists()
    if running.box is not None:
        assert NAME not in running.box.podman("volume", "ls", "--quiet").split()
    else:
        assert list((running.cache.folder / "storage").iterdir()) == []


def _refused(address: tuple[str, int]) -> bool:
    try:
        socket.create_connection(address, 5).close()
    except OSError:
        return True
    return False


def _ask(address: str, method: str, path: str) -> int:
    from http.client import HTTPConnection

    connection = HTTPConnection(address, timeout=30)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()


def _uploads(cache: Cache) -> list[Path]:
    engine = cache._engine()
    storage = engine.storage() if engine else None
    return [] if storage is None else list(storage.glob("docker/registry/v2/repositories/*/_uploads/*"))
