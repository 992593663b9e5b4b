"""The script of podman commands as an ordinary user runs it, who may open no port and change no network."""

from __future__ import annotations

import os
import shlex
import stat
from pathlib import Path

import pytest

from regtools.cache import Cache
from regtools.pull.timing import time_pull
from regtools.testbed import Practice, Testbed, practice
from tests.conftest import absent
from tests.support.debianimages import add_images
from tests.support.processes import await_true

pytestmark = pytest.mark.needs(
    "podman", "docker-registry", "redis-server", "redis-cli", "slirp4netns", "unshare"
)

HOST = "10.0.2.2"  # slirp4netns(1): this machine's loopback, where it is allowed


@pytest.mark.long
def test_rootless_containers_cache_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _open_tun(monkeypatch, tmp_path)
    with Testbed({}) as bed, Practice(rootless=True) as reader:
        conf = reader.folder / ".config" / "containers" / "containers.conf"
        allowed = '[engine]\nnetwork_cmd_options = ["allow_host_loopback=true"]'
        conf.write_text(conf.read_text().replace("[engine]", allowed))

        def podman(*arguments: str) -> str:
            said = reader.run(f"podman {shlex.join(arguments)}")
            assert said.status == 0, said
            return said.text

        add_images(podman, reader.folder)
        port = bed.addresses["origin"].partition(":")[2]
        cache = Cache(
            f"http://{HOST}:{port}",
            reader.folder / "hub",
            prefix="origin.test",
            port=0,
            registry="2",
            name="hub",
        )
        for each in (cache.folder, *cache.folder.rglob("*")):
            os.chown(each, 1000, 1000)  # as if he had made it himself
        started = reader.run("sh hub/podman-run.sh")
        assert started.status == 0, started
        await_true(lambda: time_pull(bed.image("hello"), cache.place.conf).ok, "the cache answers")
        bed.reset_counters()
        image = bed.image("small")
        assert time_pull(image, cache.place.conf).ok
        cache.settle()
        assert bed.counters.requests(kind="blob", method="GET") == 4
        bed.reset_counters()
        assert time_pull(image, cache.place.conf).ok
        assert bed.counters.requests(kind="blob") == 0
        assert int(podman("exec", "hub-redis", "redis-cli", "DBSIZE")) > 0
        assert podman("port", "hub-redis") == ""


def _open_tun(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """slirp4netns needs /dev/net/tun, which containers often keep for root: open it in his mounts alone."""
    if os.geteuid() != 0:
        absent("needs root, to become another user")
    tun = folder / "tun"
    try:
        os.mknod(tun, stat.S_IFCHR | 0o666, Path("/dev/net/tun").stat().st_rdev)
        tun.chmod(0o666)
        tun.open("rb").close()
    except OSError as error:
        absent(f"needs /dev/net/tun: {error}")
    begin = "mount --make-rshared / || exit"
    assert begin in practice.ENTER
    own = f"{begin}\nmount --bind {shlex.quote(str(tun))} /dev/net/tun || exit"
    monkeypatch.setattr(practice, "ENTER", practice.ENTER.replace(begin, own))
