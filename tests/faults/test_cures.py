"""Each cure that a failed pull names is carried out as it is written; after it, the pull works."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from regtools.campaigns.survey import bench
from regtools.pull.http.transport import Limits
from regtools.pull.records import Pull
from regtools.pull.timing import time_pull
from regtools.registries.conf import RegistriesConf
from tests.faults.places import ALWAYS, BLOB, IMAGE, TOKENS, page, wrong_byte
from tests.support import certificates, images, scripted, tcp
from tests.support.command import regtools
from tests.support.dockerregistry import DockerRegistry
from tests.support.logins import PAIR, PASSWORD, TOKEN, USER, Home, everything_shown, found_in
from tests.support.podman import engine
from tests.support.rows import check
from tests.support.scripted import Answer, Handler, Server

FAST = Limits(backoff_s=0.001, retries=1)
OTHER = "Ym9iOm90aGVy"  # bob:other


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        running.script.put("team/small", "1", IMAGE)
        yield running


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def pull(name: str, conf: RegistriesConf) -> Pull:
    return check(time_pull(name, conf, limits=FAST, platform="linux/amd64"))


def cure(failed: Pull) -> str:
    """Return the hint of the only failure, after a look at what is printed of it."""
    assert not failed.ok
    [failure] = failed.failures
    assert failure.hint
    shown = " ".join(str(failed).split())
    assert f"cure: {failure.hint}" in shown
    assert all(len(line) <= 80 or " " not in line.strip() for line in str(failed).splitlines())
    return failure.hint


# -- transport -------------------------------------------------------------------------------------------


@pytest.mark.needs("openssl")
def test_the_authority_s_certificate_goes_where_the_hint_says(home: Home, tmp_path: Path) -> None:
    certificate = certificates.make(tmp_path / "certificate")
    with Server(certificate) as server:
        server.script.put("team/small", "1", IMAGE)
        name, conf = f"{server.host}/team/small:1", home.conf(server.host, insecure=False)
        target = Path(re.findall(r"into (\S+/ca\.crt)", cure(pull(name, conf)))[0])
        target.parent.mkdir(parents=True)
        shutil.copy(certificate.ca, target)
        assert pull(name, conf).ok


# The file, and what the hint says; HOST is the registry.
SPOKEN = {
    "no entry": ("", 'add [[registry]], location = "HOST" and insecure = true to FILE'),
    "an entry": ('[[registry]]\nlocation = "HOST"\n', "add insecure = true below FILE:2:12"),
    "another prefix": (
        '[[registry]]\nprefix = "HOST/team"\nlocation = "HOST/team"\nblocked = false\n',
        "add insecure = true below FILE:3:12",
    ),
    "written false": ('[[registry]]\nlocation = "HOST"\ninsecure = false\n', "write insecure = true at FILE:3:12"),
    "a mirror": (
        '[[registry]]\nlocation = "images.example"\nblocked = true\n[[registry.mirror]]\nlocation = "HOST"\n',
        "add insecure = true below FILE:5:12",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", SPOKEN)
def test_the_line_that_allows_http_is_named(server: Server, tmp_path: Path, case: str) -> None:
    file = tmp_path / "registries.conf"
    text, said = (each.replace("HOST", server.host).replace("FILE", str(file)) for each in SPOKEN[case])
    file.write_text(text)
    name = f"{'images.example' if case == 'a mirror' else server.host}/team/small:1"
    failed = pull(name, RegistriesConf.load(file))
    hint = failed.failures[0].hint or ""
    assert said in hint
    lines = text.splitlines()
    if line := re.search(r":(\d+):\d+;", hint):
        at = int(line[1]) - ("write" in hint)
        lines[at : int(line[1])] = ["insecure = true"]
    else:
        lines += ["[[registry]]", f'location = "{server.host}"', "insecure = true"]
    file.write_text("\n".join(lines))
    assert pull(name, RegistriesConf.load(file)).ok


def test_one_call_may_use_http_and_nothing_is_written(server: Server, tmp_path: Path) -> None:
    file = tmp_path / "registries.conf"
    file.write_text(f'[[registry]]\nlocation = "{server.host}"\n')
    words = ("time", f"{server.host}/team/small:1", "--conf", file, "--platform", "linux/amd64", "--json")
    schemes = {}
    for option in ("--tls-verify=false", "--plain-http"):
        done = regtools(*words, option)
        assert done.returncode == 0, done.stderr
        [pulled] = json.loads(done.stdout)["pulls"]
        schemes[option] = [each["scheme"] for each in pulled["requests"] if each["kind"] == "ping"]
    [tried] = json.loads(regtools("bench", *words[1:], "--plain-http").stdout)["images"][0]["sources"]
    assert tried["layers_ok"]
    assert regtools("bench", *words[1:4], "--rounds", "1", "--plain-http").returncode == 2
    assert schemes == {"--tls-verify=false": ["https", "http"], "--plain-http": ["http"]}
    assert file.read_text() == f'[[registry]]\nlocation = "{server.host}"\n'
    conf = RegistriesConf.from_toml(f'[[registry]]\nlocation = "{server.host}"\ninsecure = true\n')
    assert time_pull(words[1], conf, limits=FAST, tls_verify=True).error_kind == "tls"
    assert regtools(*words, "--plain-http", "--tls-verify=false").returncode == 2
    assert regtools(*words, "--plain-http", "--engine", "podman").returncode == 2


@pytest.mark.needs("podman", "skopeo")
@pytest.mark.parametrize("program", ["podman", "skopeo"])
def test_tls_verify_reaches_the_real_programs(server: Server, tmp_path: Path, program: str) -> None:
    conf = RegistriesConf.from_toml(f'[[registry]]\nlocation = "{server.host}"\n')
    name = f"{server.host}/team/small:1"
    assert time_pull(name, conf, engine=program, tls_verify=False, platform="linux/amd64").ok


def test_https_before_http_is_two_attempts_with_two_times(server: Server) -> None:
    conf = RegistriesConf.from_toml(f'[[registry]]\nlocation = "{server.host}"\ninsecure = true\n')
    pulled = pull(f"{server.host}/team/small:1", conf)
    first, second = (each for each in pulled.requests if each.kind == "ping")
    assert (first.scheme, first.error_kind, second.scheme, second.error_kind) == (
        "https",
        "tls",
        "http",
        None,
    )
    assert first.t0_s + first.total_s <= second.t0_s
    told = next(line for line in str(pulled).splitlines() if "https first" in line)
    assert f"{server.host}: " in told and "over HTTPS failed [tls]" in told


def test_podman_waits_longer_for_silent_https_than_a_pull_of_ours(server: Server) -> None:
    def silent_over_tls(sock: socket.socket) -> None:
        if sock.recv(1, socket.MSG_PEEK) == b"\x16":
            while sock.recv(4096):
                pass
        while sock.recv(4096):
            sock.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")

    with tcp.serving(silent_over_tls) as host:
        text = f'[[registry]]\nlocation = "{server.host}"\ninsecure = true\n'
        conf = RegistriesConf.from_toml(f'{text}[[registry.mirror]]\nlocation = "{host}"\ninsecure = true\n')
        limits = Limits(connect_s=0.2, retries=0)
        pulled = check(time_pull(f"{server.host}/team/small:1", conf, limits=limits, platform="linux/amd64"))
    assert pulled.ok
    assert "no connection within 0.2 s" in pulled.failures[0].message
    assert "podman 4.3 waits 20 s for HTTPS" in " ".join(str(pulled).split())


def test_a_page_is_told_with_its_title(server: Server) -> None:
    server.script.fault("/manifests/", page(200))
    conf = RegistriesConf.from_toml(f'[[registry]]\nlocation = "{server.host}"\ninsecure = true\n')
    failed = pull(f"{server.host}/team/small:1", conf)
    assert failed.error_kind == "not-a-registry"
    assert 'a web page ("Sign in' in failed.failures[0].message
    assert "\x1b" not in failed.failures[0].message + str(failed)


def test_bench_knows_that_podman_stops_at_a_page_and_goes_on_after_a_404(server: Server) -> None:
    with Server() as mirror:
        text = f'[[registry]]\nlocation = "{server.host}"\ninsecure = true\n'
        conf = RegistriesConf.from_toml(
            f'{text}[[registry.mirror]]\nlocation = "{mirror.host}"\ninsecure = true\n'
        )
        for answer, chosen in ((page(200), None), (page(404), f"{server.host}/team/small:1")):
            mirror.script.fault("/manifests/", answer)
            found = bench(f"{server.host}/team/small:1", conf)
            assert (found.chosen and found.chosen.source.reference) == chosen
            assert found.ok == (chosen is not None)


# -- logins ----------------------------------------------------------------------------------------------


def commands(hint: str, *words: str) -> list[str]:
    """Return the command with these words that the hint names."""
    found = re.search(rf"{' '.join(words)} \S+(?: --authfile \S+)?", hint)
    assert found, hint
    return shlex.split(found[0])


def carry_out(command: list[str], home: Home, *more: str) -> None:
    environ = {**os.environ, **home.environ, "XDG_RUNTIME_DIR": str(home.folder / "run")}
    done = subprocess.run([*command, *more], env=environ, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


@pytest.mark.needs("podman")
def test_a_missing_login_is_made_as_the_hint_says_and_a_wrong_one_is_replaced(
    server: Server, home: Home
) -> None:
    server.script.login = f"Basic {PAIR}"
    home.put("run/containers/.keep", "")
    home.environ["XDG_RUNTIME_DIR"] = str(home.folder / "run")
    name, conf = f"{server.host}/team/small:1", home.conf(server.host)
    failed = pull(name, conf)
    assert "no login was found" in failed.failures[0].message
    login = commands(cure(failed), "podman", "login")
    how = ("-u", USER, "-p", PASSWORD, "--tls-verify=false")
    carry_out(login, home, *how)
    assert pull(name, conf).ok
    file = home.folder / "run/containers/auth.json"
    file.write_text(json.dumps({"auths": {server.host: {"auth": OTHER}}}))
    refused = pull(name, conf)
    assert f"the login from {file} was refused" in refused.failures[0].message
    carry_out(commands(cure(refused), "podman", "logout"), home)
    assert server.host not in file.read_text()
    carry_out(commands(cure(refused), "podman", "login"), home, *how)
    pulled = pull(name, conf)
    assert pulled.ok
    assert found_in(everything_shown(refused, home.folder) + everything_shown(pulled, home.folder)) == []


def knows_nobody(handler: Handler, answer: Answer) -> None:
    """A token service that gives tokens to everybody, but refuses each login."""
    if handler.headers.get("Authorization"):
        handler.refuse(('Basic realm="tokens"',))
    else:
        handler.reply(answer)


@pytest.mark.needs("podman")
@pytest.mark.parametrize(
    "where", [".config/containers/auth.json", ".docker/config.json", "run/containers/auth.json"]
)
def test_a_stale_login_that_fails_a_public_image_is_recognised(
    server: Server, home: Home, where: str
) -> None:
    server.script.token = TOKEN
    server.script.token_answer = json.dumps({"token": TOKEN}).encode()
    server.script.fault(TOKENS, *[knows_nobody] * ALWAYS)
    home.put("run/containers/.keep", "")
    home.environ["XDG_RUNTIME_DIR"] = str(home.folder / "run")
    home.put(where, {"auths": {server.host: {"auth": OTHER}}})
    name, conf = f"{server.host}/team/small:1", home.conf(server.host)
    failed = pull(name, conf)
    hint = cure(failed)
    assert "the image is public" in hint
    assert {each.kind for each in failed.requests} == {"ping", "token"}  # the look afterwards is in no row
    command = commands(hint, "podman", "logout")
    assert ("--authfile" in command) == (where != "run/containers/auth.json")
    carry_out(command, home)
    assert pull(name, conf).ok


@pytest.mark.needs("podman", "skopeo")
@pytest.mark.parametrize(
    "release", ["4.3", *(pytest.param(each, marks=pytest.mark.long) for each in ("5.4", "6.1"))]
)
def test_podman_and_skopeo_fail_with_a_stale_login_and_pull_without(server: Server, release: str) -> None:
    server.script.token = TOKEN
    server.script.token_answer = json.dumps({"token": TOKEN}).encode()
    server.script.fault(TOKENS, *[knows_nobody] * ALWAYS)
    name = f"{server.host}/team/small:1"
    with engine(release) as real:
        real.configure(f'[[registry]]\nlocation = "{server.host}"\ninsecure = true\n')
        file = real.work / ".config/containers/auth.json"
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps({"auths": {server.host: {"auth": OTHER}}}))
        copy = ("copy", f"docker://{name}", f"dir:{real.inside / 'copy'}")
        stale = [real.podman("pull", name, check=False), real.skopeo(*copy, check=False)]
        file.unlink()
        gone = [real.podman("pull", name, check=False), real.skopeo(*copy, check=False)]
    assert all(done.returncode for done in stale)
    assert not any(done.returncode for done in gone), [done.stderr for done in gone]


def test_a_missing_image_tells_which_login_was_sent(server: Server, home: Home) -> None:
    server.script.login = f"Basic {PAIR}"
    file = home.login(server.host)
    failed = pull(f"{server.host}/team/hidden:1", home.conf(server.host))
    assert failed.failures[0].message.endswith(f"manifest unknown (with the login from {file})")


def test_a_login_that_may_not_pull_is_not_called_refused(server: Server, home: Home) -> None:
    server.script.fault("/manifests/", *[scripted.status(403)] * ALWAYS)
    server.script.login = f"Basic {PAIR}"
    home.login(server.host)
    failed = pull(f"{server.host}/team/small:1", home.conf(server.host))
    assert "was accepted, but may not pull this image" in failed.failures[0].message
    assert "podman login" in cure(failed)


# -- what is delivered -----------------------------------------------------------------------------------


def test_the_limit_of_pulls_names_the_wait_and_the_login(server: Server) -> None:
    server.script.fault("/manifests/", *[scripted.status(429, Retry_After="3600")] * ALWAYS)
    conf = RegistriesConf.from_toml(f'[[registry]]\nlocation = "{server.host}"\ninsecure = true\n')
    failed = pull(f"{server.host}/team/small:1", conf)
    assert "429" in failed.failures[0].message and "wait 3600 s" in failed.failures[0].message
    assert f"podman login {server.host}" in cure(failed)


def test_an_image_that_no_source_has_is_a_wrong_name_and_no_broken_mirror(server: Server) -> None:
    with Server() as mirror:
        text = f'[[registry]]\nlocation = "{server.host}"\ninsecure = true\n'
        text += f'[[registry.mirror]]\nlocation = "{mirror.host}"\ninsecure = true\n'
        told = str(pull(f"{server.host}/team/none:1", RegistriesConf.from_toml(text)))
    assert "no source has this image" in told
    assert "check name and tag" in told
    assert "repair" not in told and "remove" not in told


@pytest.mark.parametrize("kind", ["digest-mismatch", "connect"])
def test_a_broken_mirror_is_taken_out_at_the_line_that_the_hint_names(
    server: Server, tmp_path: Path, kind: str
) -> None:
    file = tmp_path / "registries.conf"
    with Server() as mirror:
        mirror.script.put("team/small", "1", IMAGE)
        mirror.script.fault(BLOB, *[scripted.body(wrong_byte)] * ALWAYS)
        host = mirror.host if kind == "digest-mismatch" else "127.0.0.1:1"
        file.write_text(
            f'[[registry]]\nlocation = "{server.host}"\ninsecure = true\n'
            f'\n[[registry.mirror]]\nlocation = "{host}"\ninsecure = true\n'
        )
        first = pull(f"{server.host}/team/small:1", RegistriesConf.load(file)).failures[0]
    assert first.kind == kind
    line = re.fullmatch(rf"repair this mirror, or delete its table at {file}:(\d+):\d+", first.hint or "")
    assert line
    file.write_text("\n".join(file.read_text().splitlines()[: int(line[1]) - 2]))
    pulled = pull(f"{server.host}/team/small:1", RegistriesConf.load(file))
    assert (pulled.ok, pulled.attempts) == (True, (f"{server.host}/team/small:1",))


def indexed(server: Server) -> str:
    """Put an index with two platforms at the origin; return its digest."""
    arm = images.image(500, seed=9, architecture="arm64")
    server.script.put("team/small", "arm", arm)
    raw = images.index(
        (IMAGE, {"os": "linux", "architecture": "amd64"}), (arm, {"os": "linux", "architecture": "arm64"})
    )
    digest = images.sha256(raw)
    for name in ("1", digest):
        server.script.manifests[f"/v2/team/small/manifests/{name}"] = (raw, images.OCI_INDEX)
    return digest


def test_a_copy_of_one_architecture_is_named_and_digest_only_cures_it(server: Server) -> None:
    digest = indexed(server)
    with Server() as mirror:
        mirror.script.put("team/small", "1", IMAGE)
        text = f'[[registry]]\nlocation = "{server.host}"\ninsecure = true\n'
        text += f'[[registry.mirror]]\nlocation = "{mirror.host}"\ninsecure = true\n'
        conf, name = RegistriesConf.from_toml(text), f"{server.host}/team/small"
        [copy] = bench(f"{name}:1", conf).single_copies
        assert copy.source.reference == f"{mirror.host}/team/small:1"
        told = " ".join(bench(f"{name}:1", conf).agreement())
        assert "copy of one architecture" in told
        assert "skopeo copy --all" in told
        by_tag = pull(f"{name}:1", conf)
        assert (by_tag.digest, by_tag.index_digest) == (IMAGE.digest, None)
        by_digest = pull(f"{name}@{digest}", conf)
        assert (by_digest.asked_digest, by_digest.index_digest, by_digest.digest) == (
            digest,
            digest,
            IMAGE.digest,
        )
        assert "skopeo copy --all" in (by_digest.failures[0].hint or "")
        cured = RegistriesConf.from_toml(f'{text}pull-from-mirror = "digest-only"\n')
        whole = pull(f"{name}:1", cured)
    assert (whole.served_by, whole.index_digest) == (f"{server.host}/team/small:1", digest)


@pytest.mark.needs("docker-registry", "skopeo")
def test_a_copy_of_all_architectures_has_the_digest_of_the_index(server: Server, tmp_path: Path) -> None:
    digest = indexed(server)
    with DockerRegistry(tmp_path / "mirror") as mirror:
        text = f'[[registry]]\nlocation = "{server.host}"\ninsecure = true\n'
        text += f'[[registry.mirror]]\nlocation = "{mirror.host}"\ninsecure = true\n'
        conf, name = RegistriesConf.from_toml(text), f"{server.host}/team/small@{digest}"
        [failure] = pull(name, conf).failures
        command = shlex.split(re.search(r"skopeo copy --all --preserve-digests", failure.hint or "")[0])  # type: ignore[index]
        places = [f"docker://{host}/team/small:1" for host in (server.host, mirror.host)]
        subprocess.run(
            [*command, "--src-tls-verify=false", "--dest-tls-verify=false", *places], check=True, timeout=60
        )
        pulled = pull(name, conf)
    assert (pulled.served_by, pulled.failures) == (f"{mirror.host}/team/small@{digest}", ())
    assert pulled.index_digest == pulled.asked_digest == digest
