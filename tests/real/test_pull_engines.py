"""podman and skopeo as measured clients: what they say of themselves agrees with the registry's counters."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from regtools import RegistriesConf, RegtoolsError, time_pull
from regtools.pull.engines.home import EngineHome
from regtools.pull.engines.log import Story, kind_of
from regtools.pull.engines.process import interrupt_later
from regtools.pull.records import PULL_COLUMNS, Pull
from regtools.registries.writing import effective_toml
from regtools.testbed import Link, Testbed
from tests.support import scripted
from tests.support.confs import leading_to
from tests.support.images import image
from tests.support.processes import await_true, runs
from tests.support.scripted import Server
from tests.support.tcp import serving

pytestmark = pytest.mark.needs("podman", "skopeo")
ENGINES = ("podman", "skopeo")
STAGES = ("start_s", "auth_s", "manifest_s", "transfer_s", "wait_s", "store_s")


@pytest.fixture(scope="module")
def bed() -> Iterator[Testbed]:
    with Testbed({"near": Link(rtt_ms=1), "far": Link(rtt_ms=10, mbit=200)}) as bed:
        yield bed


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Temporary files of the engines go here, and nothing may be left of them."""
    short = Path(tempfile.mkdtemp(prefix="t", dir="/tmp"))
    monkeypatch.setattr(tempfile, "tempdir", str(short))
    yield short
    assert list(short.iterdir()) == []
    short.rmdir()


def refusing(status: int, code: str) -> scripted.Fault:
    """Refuse in the words of the distribution specification: podman tells them instead of the status."""
    body = f'{{"errors":[{{"code":"{code}","message":"told to fail"}}]}}'.encode()
    return lambda handler, answer: handler.reply(scripted.Answer(status, {}, body))


def check(pull: Pull) -> Pull:
    assert list(pull.row()) == list(PULL_COLUMNS)
    assert abs(sum(getattr(pull, name) or 0.0 for name in STAGES) - pull.total_s) < 0.001
    assert all((getattr(pull, name) or 0.0) >= 0 for name in STAGES)
    assert pull.ok == (pull.error_kind is None) == (pull.served_by is not None)
    assert pull.cpu_user_s + pull.cpu_sys_s > 0
    assert 5_000 < pull.max_rss_kb < 2_000_000
    return pull


@pytest.mark.parametrize("engine", ENGINES)
def test_the_row_says_what_the_registry_counted(bed: Testbed, engine: str) -> None:
    bed.reset_counters()
    name = bed.image("layers-20")
    pull = check(time_pull(name, bed.conf, engine=engine, place="near"))
    assert pull.ok
    assert pull.client == engine
    assert pull.client_version[0].isdecimal()
    assert (pull.digest, pull.n_layers, pull.reference) == (bed.images["layers-20"], 20, name)
    assert pull.served_by == f"{bed.addresses['near']}/layers-20:latest"
    assert pull.attempts == (pull.served_by,)
    layers = bed.counters.bytes(place="near", repository="layers-20", kind="blob", method="GET")
    config = layers - (pull.bytes_fetched or 0)
    assert 0 < config < 5_000  # the registry counts the config among the blobs, the row does not
    answered = bed.counters.requests(place="near", status=200)
    refused = bed.counters.requests(place="near", kind="refused")
    assert pull.n_requests == answered + refused
    assert (pull.store_s is not None) is (engine == "podman")
    assert (pull.workers, pull.hash_cpu_s, pull.ttfb_s, pull.requests) == (None, None, None, ())


@pytest.mark.parametrize("engine", ENGINES)
def test_the_next_source_serves_where_the_first_lacks_the_image(bed: Testbed, engine: str) -> None:
    text = bed.conf_text.replace(bed.addresses["near"], f"{bed.addresses['near']}/not/here")
    pull = check(time_pull(bed.image("small"), RegistriesConf.from_toml(text), engine=engine))
    assert pull.served_by == f"{bed.addresses['far']}/small:latest"
    assert pull.attempts == (f"{bed.addresses['near']}/not/here/small:latest", pull.served_by)
    assert [(each.reference, each.kind) for each in pull.failures] == [(pull.attempts[0], "http-404")]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_short_name_goes_through_the_candidates(bed: Testbed, engine: str) -> None:
    far = bed.addresses["far"]
    with Server() as empty:
        text = f'unqualified-search-registries = ["{empty.host}", "{far}"]\n' + "".join(
            f'[[registry]]\nlocation = "{each}"\ninsecure = true\n' for each in (empty.host, far)
        )
        pull = check(time_pull("small", RegistriesConf.from_toml(text), engine=engine))
    assert pull.reference == f"{far}/small:latest"
    assert len(pull.attempts) == 2


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (refusing(404, "MANIFEST_UNKNOWN"), "http-404"),
        (refusing(403, "DENIED"), "http-403"),
        (scripted.body(lambda body: body + b" "), "digest-mismatch"),
    ],
    ids=["404", "403", "wrong digest"],
)
def test_failures_have_the_kinds_of_our_own_client(engine: str, fault: scripted.Fault, kind: str) -> None:
    made = image(1000, seed=3)
    with Server() as server:
        server.script.put("team/app", "1", made)
        server.script.fault("/manifests/", *[fault] * 8)
        conf, name = leading_to(server.host), f"{server.host}/team/app@{made.digest}"
        pull = check(time_pull(name, conf, engine=engine))
    assert (pull.ok, pull.error_kind) == (False, kind)
    assert pull.bytes_fetched is None


@pytest.mark.parametrize("engine", ENGINES)
def test_the_machines_drop_ins_have_no_say(
    bed: Testbed, engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dropins = tmp_path / ".config" / "containers" / "registries.conf.d"
    dropins.mkdir(parents=True)
    (dropins / "block.conf").write_text('[[registry]]\nprefix = "origin.test"\nblocked = true\n')
    monkeypatch.setenv("HOME", str(tmp_path))
    assert check(time_pull(bed.image("hello"), bed.places["near"].conf, engine=engine)).ok


@pytest.mark.parametrize("engine", ENGINES)
def test_a_program_that_hangs_is_killed_and_told(engine: str) -> None:
    with serving(_listen_only) as silent:
        begun = time.perf_counter()
        pull = check(time_pull(f"{silent}/x:1", leading_to(silent), engine=engine, timeout_s=1.0))
        assert time.perf_counter() - begun < 60
    assert (pull.ok, pull.error_kind) == (False, "timeout")
    assert "killed after 1 s" in str(pull)


def test_ctrl_c_ends_the_program_and_leaves_nothing(folders: Path) -> None:
    code = (
        "import sys, tempfile; tempfile.tempdir = sys.argv[2]\n"
        "from regtools import RegistriesConf, time_pull\n"
        "text = f'[[registry]]\\nlocation = \"{sys.argv[1]}\"\\ninsecure = true\\n'\n"
        "time_pull(f'{sys.argv[1]}/x:1', RegistriesConf.from_toml(text), engine='skopeo')\n"
    )
    with serving(_listen_only) as silent:
        process = subprocess.Popen(
            [sys.executable, "-c", code, silent, str(folders)], stderr=subprocess.PIPE, text=True
        )
        await_true(lambda: any(map(_copies, _children(process.pid))), "skopeo copies")
        (child,) = _children(process.pid)
        process.send_signal(2)
        _, said = process.communicate(timeout=60)
    assert "KeyboardInterrupt" in said
    assert not runs(child)


def test_ctrl_c_waits_until_the_program_has_an_owner() -> None:
    begun = []
    with pytest.raises(KeyboardInterrupt), interrupt_later():
        signal.raise_signal(signal.SIGINT)
        begun.append("a program")
    assert begun == ["a program"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("engine", ENGINES)
def test_a_program_that_is_not_there_is_told(
    engine: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from regtools.pull.engines.home import engine_version

    engine_version.cache_clear()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RegtoolsError, match="not installed here") as caught:
        time_pull("quay.io/a/b", RegistriesConf.from_toml(""), engine=engine)
    assert caught.value.kind == "program-missing"
    with pytest.raises(RegtoolsError, match="builtin, podman, skopeo"):
        time_pull("quay.io/a/b", RegistriesConf.from_toml(""), engine="docker")


def test_the_file_that_is_written_means_what_the_configuration_means() -> None:
    text = """
        unqualified-search-registries = ["quay.io", "docker.io"]
        short-name-mode = "disabled"
        credential-helpers = ["containers-auth.json", "secretservice"]
        [[registry]]
        prefix = "*.corp.test"
        [[registry]]
        prefix = "docker.io/team"
        location = "hub.test/team"
        insecure = true
        mirror-by-digest-only = true
        [[registry.mirror]]
        location = "mirror.test"
        insecure = true
        [[registry]]
        location = "odd.test"
        blocked = true
        [[registry.mirror]]
        location = "m.test"
        pull-from-mirror = "tag-only"
        [aliases]
        "a" = "docker.io/team/a"
    """
    for podman in ("4", "5", "6"):
        conf = RegistriesConf.from_toml(text, podman=podman)
        again = RegistriesConf.from_toml(effective_toml(conf), podman=podman)
        assert (again.to_dict(), again.aliases) == (conf.to_dict(), conf.aliases)
    old = '[registries.search]\nregistries = ["quay.io"]\n[registries.insecure]\nregistries = ["lab.test"]\n'
    conf = RegistriesConf.from_toml(old, podman="5")
    assert RegistriesConf.from_toml(effective_toml(conf)).to_dict() == conf.to_dict()


def test_logins_and_certificates_are_links_and_other_files_are_switched_off(tmp_path: Path) -> None:
    secret = tmp_path / ".config" / "containers" / "auth.json"
    secret.parent.mkdir(parents=True)
    secret.write_text("{}")
    around = {"HOME": str(tmp_path), "CONTAINERS_REGISTRIES_CONF": "/x", "STORAGE_DRIVER": "x", "KEPT": "1"}
    for by_variable in (False, True):
        with EngineHome(RegistriesConf.from_toml(""), by_variable=by_variable, environ=around) as home:
            assert (home.path / ".config/containers/auth.json").readlink() == secret
            assert home.environ.get("CONTAINERS_REGISTRIES_CONF") == (str(home.conf) if by_variable else None)
            assert "STORAGE_DRIVER" not in home.environ
            assert home.environ["KEPT"] == "1"
    assert secret.exists()


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ('Get "https://m.test/v2/": dial tcp: lookup m.test: no such host', "dns"),
        ("dial tcp 127.0.0.1:1: connect: connection refused", "connect"),
        ("dial tcp 192.0.2.1:443: i/o timeout", "timeout"),
        ("tls: failed to verify certificate: x509: certificate signed by unknown authority", "certificate"),
        ("http: server gave HTTP response to HTTPS client", "plain-http"),
        ("read: connection reset by peer", "cut"),
        ("reading manifest 1 in x/y: manifest unknown", "http-404"),
        ("reading manifest 1 in x/y: unauthorized: authentication required", "http-401"),
        ("requested access to the resource is denied", "http-403"),
        ("toomanyrequests: You have reached your pull rate limit", "http-429"),
        ("fetching blob: invalid status code from registry 502 (Bad Gateway)", "http-502"),
        ("received unexpected HTTP status: 500 Internal Server Error", "http-500"),
        ("no image found in manifest list for architecture arm, variant v5, OS linux", "no-platform"),
        ("write /x: no space left on device", "disk"),
        ("registry quay.io is blocked in /etc/containers/registries.conf", "blocked"),
        ("something new", "engine"),
    ],
)
def test_a_message_has_a_kind(message: str, kind: str) -> None:
    assert kind_of(message) == kind


def test_a_signed_address_does_not_show_its_key() -> None:
    story = Story()
    line = 'time="x" level=fatal msg="Get \\"https://cdn.test/blob?X-Signature=s3cr3t\\": EOF"\n'
    for half in (line[:30], line[30:]):
        story.hear(half.encode(), 1.0)
    (failure,) = story.told()
    assert "s3cr3t" not in str(failure)
    assert "cdn.test/blob" in str(failure)


def _listen_only(sock: socket.socket) -> None:
    while sock.recv(65536):
        pass


def _copies(pid: int) -> bool:
    return b"copy" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")


def _children(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
