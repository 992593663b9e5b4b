"""``regtools cache``, from its files to the proof and back."""

from __future__ import annotations

import io
import json
import os
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from regtools.cache import Cache
from regtools.cache.processes import pid
from regtools.cli import main
from regtools.testbed import Link, Testbed
from tests.conftest import ROOT
from tests.support.processes import runs

REAL = pytest.mark.needs("docker-registry", "redis-server")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(scope="module")
def bed() -> Iterator[Testbed]:
    with Testbed({}, origin=Link(rtt_ms=2)) as bed:
        yield bed


@pytest.fixture
def hub(bed: Testbed, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Iterator[str]:
    folder = str(tmp_path / "hub")
    origin = ["--upstream", f"http://{bed.addresses['origin']}", "--prefix", "origin.test"]
    assert main(["cache", "init", folder, *origin, "--registry", "2", "--port", "0"]) == 0  # Debian's
    capfd.readouterr()
    yield folder
    Cache.open(folder).down()


def test_init_writes_the_files_and_says_what_to_do_next(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "hub"
    assert main(["cache", "init", str(folder)]) == 0
    out, err = capfd.readouterr()
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert files == {
        "cache.toml",
        "config.yml",
        "redis.conf",
        "podman-run.sh",
        "binaries/config.yml",
        "binaries/redis.conf",
        "registries.conf.d/50-regtools-cache.conf",
        *(
            f"quadlet/registry-cache{end}"
            for end in (".container", "-redis.container", ".network", ".volume")
        ),
    }
    assert {f"wrote {folder / name}" for name in files} <= set(out.splitlines())
    assert f"regtools cache up {folder}" in out
    assert err == ""
    assert main(["cache", "init", str(folder)]) == 0
    assert "there already" in capfd.readouterr().out
    assert main(["cache", "init", str(folder), "--no-redis", "--registry", "2"]) == 1
    assert "[file-exists]" in capfd.readouterr().err
    assert (
        main(["cache", "init", str(folder), "--no-redis", "--ttl", "1h", "--force"]) == 0
    )  # 3.x is the default
    assert "ttl: 1h" in (folder / "config.yml").read_text()


def test_the_script_that_is_shown_is_one_that_a_shell_can_run(tmp_path: Path) -> None:
    main(["cache", "init", str(tmp_path)])
    script = tmp_path / "podman-run.sh"
    assert os.access(script, os.X_OK)
    assert subprocess.run(["sh", "-n", str(script)], check=False).returncode == 0


def test_an_open_cache_is_warned_of(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["cache", "init", str(tmp_path), "--bind", "0.0.0.0"]) == 0
    assert "warning: everybody who reaches 0.0.0.0:5000 pulls through it" in capfd.readouterr().err


@pytest.mark.parametrize("way", ["stdin", "pipe", "file", "prompt"])
def test_the_password_comes_from_anywhere_but_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], way: str
) -> None:
    (tmp_path / "pw").write_text("s3cr3t\n")
    monkeypatch.setattr(
        sys, "stdin", Terminal("") if way in ("file", "prompt") else io.StringIO("s3cr3t\r\n")
    )
    monkeypatch.setattr("getpass.getpass", lambda _: "s3cr3t")
    options = {"stdin": ["--password-stdin"], "file": ["--password-file", str(tmp_path / "pw")]}.get(way, [])
    assert main(["cache", "init", str(tmp_path / "hub"), "--username", "me", *options]) == 0
    out, err = capfd.readouterr()
    assert "s3cr3t" not in out + err
    secret = tmp_path / "hub" / "secrets.env"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert 'REGISTRY_PROXY_PASSWORD="s3cr3t"' in secret.read_text()


@pytest.mark.parametrize("errors", ["strict", "surrogateescape"])  # by the locale
@pytest.mark.parametrize("way", ["stdin", "file"])
def test_a_password_that_is_not_utf_8_is_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    way: str,
    errors: str,
) -> None:
    raw = b"pl4nted\xff\n"
    (tmp_path / "pw").write_bytes(raw)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(raw), "utf-8", errors))
    options = ["--password-stdin"] if way == "stdin" else ["--password-file", str(tmp_path / "pw")]
    assert main(["cache", "init", str(tmp_path / "hub"), "--username", "me", *options]) == 1
    err = capfd.readouterr().err
    assert "not UTF-8" in " ".join(
        err.split()
    )  # was: a fault of ours, or a secrets.env that `up` cannot read
    assert "pl4nted" not in err
    assert not (tmp_path / "hub").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--password-stdin"], "there is a password, but no username"),
        (["--username", "me", "--password-file", "/nowhere"], "cannot be read from /nowhere"),
        (["--upstream", "https://me:pw@h.example"], "holds a login"),
        (["--registry", "2", "--ttl", "1h"], "distribution 2.x keeps everything for 168 hours"),
        (["--port", "99999"], "99999 cannot be the port"),
    ],
)
def test_what_init_cannot_do_it_says(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert main(["cache", "init", str(tmp_path / "hub"), *arguments]) == 1
    err = capfd.readouterr().err
    assert message in err
    assert "[bad-cache]" in err
    assert not (tmp_path / "hub").exists()


@pytest.mark.parametrize("verb", [["up"], ["status"], ["down"], ["logs"], ["verify", "nginx"]])
def test_a_folder_without_a_cache_says_how_to_make_one(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], verb: list[str]
) -> None:
    assert main(["cache", verb[0], str(tmp_path), *verb[1:]]) == 1
    assert f"regtools cache init {tmp_path}" in capfd.readouterr().err


@REAL
def test_from_up_to_down(hub: str, bed: Testbed, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["cache", "status", hub]) == 1
    assert "not running" in capfd.readouterr().out
    assert main(["cache", "up", hub, "--engine", "binaries"]) == 0
    cache = Cache.open(hub)
    assert f"answers at {cache.address}, by programs of this machine." in capfd.readouterr().out
    bed.reset_counters()
    assert main(["cache", "verify", hub, "small", "--json"]) == 0
    answer = json.loads(capfd.readouterr().out)
    assert answer["ok"]
    assert answer["image"] == bed.image("small")
    assert answer["cold"]["bytes_fetched"] == bed.counters.bytes(kind="blob", method="GET")
    assert answer["warm"]["bytes_fetched"] == 0
    assert main(["cache", "verify", hub, bed.image("small")]) == 0
    assert "first (was there already)" in capfd.readouterr().out
    assert main(["cache", "status", hub, "--json"]) == 0
    status = json.loads(capfd.readouterr().out)
    assert (status["format"], status["traffic"]["blobs"]["misses"], status["answers"]) == (1, 2, True)
    assert main(["cache", "logs", hub, "--tail", "1"]) == 0
    assert len(capfd.readouterr().out.splitlines()) == 1
    assert main(["cache", "logs", hub, "redis"]) == 0
    assert "Ready to accept connections" in capfd.readouterr().out
    assert main(["cache", "down", hub]) == 0
    assert "what it has stored stays" in capfd.readouterr().out
    assert main(["cache", "verify", hub, "small"]) == 1
    assert f"regtools cache up {hub}" in capfd.readouterr().err
    assert main(["cache", "down", hub]) == 0
    assert "It was not running" in capfd.readouterr().out


@REAL
def test_purging_asks_first(
    hub: str, bed: Testbed, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    cache = Cache.open(hub, engine="binaries").up()
    cache.verify("hello")
    blobs = Path(hub) / "storage" / "docker"
    mine = Path(hub) / "storage" / "mine"
    mine.write_text("not the registry's")
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    assert main(["cache", "down", hub, "--purge"]) == 1
    assert "--yes" in capfd.readouterr().err
    for word in ("n\n", "\n", ""):
        monkeypatch.setattr(sys, "stdin", Terminal(word))
        assert main(["cache", "down", hub, "--purge"]) == 1
    assert "Nothing was done." in capfd.readouterr().err
    assert blobs.exists()
    assert cache.status().answers
    monkeypatch.setattr(sys, "stdin", Terminal("y\n"))
    assert main(["cache", "down", hub, "--purge"]) == 0
    assert not blobs.exists()
    assert mine.exists()
    assert (Path(hub) / "config.yml").exists()


@REAL
def test_a_port_that_is_taken_is_said_before_anything_starts(
    hub: str, capfd: pytest.CaptureFixture[str]
) -> None:
    cache = Cache.open(hub)
    with socket.create_server(("127.0.0.1", cache.settings.port)):
        assert main(["cache", "up", hub, "--engine", "binaries"]) == 1
    assert f"another program answers at {cache.address} already" in capfd.readouterr().err
    assert cache.engine is None


@REAL
def test_a_redis_that_is_not_ours_is_refused(hub: str, capfd: pytest.CaptureFixture[str]) -> None:
    cache = Cache.open(hub)
    with socket.create_server(("127.0.0.1", cache.settings.redis_port)):
        assert main(["cache", "up", hub, "--engine", "binaries"]) == 1
    assert f"another program answers at 127.0.0.1:{cache.settings.redis_port}" in capfd.readouterr().err
    assert cache.engine is None
    assert not list(Path(hub, "run").glob("*.pid"))


@REAL
def test_a_registry_that_does_not_take_its_configuration_is_quoted(
    hub: str, capfd: pytest.CaptureFixture[str]
) -> None:
    config = Path(hub) / "binaries" / "config.yml"
    config.write_text(config.read_text().replace("level: info", "level: loud"))
    assert main(["cache", "up", hub, "--engine", "binaries"]) == 1
    err = capfd.readouterr().err
    assert "the registry has ended" in err
    assert "loud" in err


@REAL
def test_a_configuration_for_another_release_is_refused(hub: str, capfd: pytest.CaptureFixture[str]) -> None:
    settings = Cache.open(hub).settings
    (Path(hub) / "cache.toml").write_text(settings.to_toml().replace('registry = "2"', 'registry = "3"'))
    assert main(["cache", "up", hub, "--engine", "binaries"]) == 1
    assert "the configuration is for 3.x" in capfd.readouterr().err


def test_without_programs_it_says_what_to_install(
    hub: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["cache", "up", hub]) == 1
    err = " ".join(capfd.readouterr().err.split())
    assert "podman is not installed" in err
    assert "this machine has no docker-registry and redis-server" in err
    assert "apt install" in err


@REAL
def test_where_podman_cannot_the_machines_programs_do(
    hub: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "podman").write_text("#!/bin/sh\necho 'Error: no user namespaces here' >&2\nexit 125\n")
    (tmp_path / "podman").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert main(["cache", "up", hub]) == 0
    out, err = capfd.readouterr()
    assert "by programs of this machine" in out
    assert "not by podman: podman could not start it: no user namespaces here" in err
    assert main(["cache", "up", hub]) == 0  # it runs already
    assert Cache.open(hub).engine == "binaries"


@REAL
def test_it_goes_on_when_the_command_has_ended_and_another_process_stops_it(hub: str) -> None:
    for verb in (["up", hub, "--engine", "binaries"], ["status", hub], ["down", hub]):
        done = subprocess.run(
            [sys.executable, "-m", "regtools", "cache", *verb],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
    assert not Cache.open(hub).status().answers


@REAL
def test_programs_that_an_up_killed_at_once_left_behind_are_found(hub: str) -> None:
    code = (
        "import os, sys, subprocess; from regtools.cache import Cache\n"
        "run = subprocess.run\n"
        "def killed(*words, **options):\n"
        "    done = run(*words, **options)\n"
        "    if options.get('start_new_session'): os.kill(os.getpid(), 9)\n"
        "    return done\n"
        "subprocess.run = killed\n"
        "Cache.open(sys.argv[1], engine='binaries').up()"
    )
    cache = Cache.open(hub)
    done = subprocess.run([sys.executable, "-c", code, hub], cwd=ROOT, timeout=120)
    assert done.returncode == -9
    assert cache.engine == "binaries"
    redis = Path(hub, "run", "redis.pid")
    found = pid(redis)
    assert found is not None and runs(found)
    assert stat.S_IMODE(redis.stat().st_mode) == 0o600
    cache.down()
    assert not runs(found) and not redis.exists()


@REAL
def test_two_commands_at_once_start_one_program(hub: str) -> None:
    command = [sys.executable, "-m", "regtools", "cache", "up", hub, "--engine", "binaries"]
    both = [
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) for _ in "ab"
    ]
    for each in both:
        each.communicate(timeout=120)
    assert 0 in [each.returncode for each in both]
    assert Cache.open(hub).status().answers


@REAL
def test_a_number_that_somebody_else_has_now_is_not_killed(hub: str) -> None:
    cache = Cache.open(hub, engine="binaries").up()
    cache.down()
    state = Path(hub) / "run"
    with subprocess.Popen(["sleep", "60"]) as stranger:
        (state / "registry.pid").write_text(f"{stranger.pid} 1\n")
        (state / "engine").write_text("binaries\n")
        cache.down()
        assert stranger.poll() is None
        stranger.terminate()


@REAL
def test_the_registrys_environment_holds_no_setting_that_nobody_wrote(
    hub: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # podman's variable for the login file would be read as `auth: {file: …}`, and end the registry.
    monkeypatch.setenv("REGISTRY_AUTH_FILE", "/nowhere/auth.json")
    monkeypatch.setenv("REGISTRY_LOG_LEVEL", "loud")
    assert Cache.open(hub, engine="binaries").up().status().answers
    environ = Path(f"/proc/{pid(Path(hub, 'run', 'registry.pid'))}/environ")
    if environ.exists():
        assert b"OTEL_TRACES_EXPORTER=none" in environ.read_bytes().split(b"\0")
