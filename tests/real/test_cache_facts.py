"""What the comments in config.yml claim about distribution 2.8, where it differs from the usual recipes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from regtools import RegtoolsError
from regtools.cache import Cache
from regtools.cache.files import filled
from regtools.pull.http.transport import Limits
from regtools.pull.timing import time_pull
from regtools.testbed import Link, Payload, Testbed
from tests.support.processes import await_true

pytestmark = pytest.mark.needs("docker-registry", "redis-server")

ONE = Limits(retries=0)


@pytest.fixture(scope="module")
def bed() -> Iterator[Testbed]:
    images = {"one-layer": Payload((3_000_000,), seed="one")}
    with Testbed({}, images=images, origin=Link(rtt_ms=20, mbit=50)) as bed:
        yield bed


@pytest.fixture
def cache(bed: Testbed, tmp_path: Path) -> Iterator[Cache]:
    bed.reset_counters()
    made = Cache(
        f"http://{bed.addresses['origin']}",
        tmp_path / "hub",
        prefix="origin.test",
        port=0,
        registry="2",
        engine="binaries",
    )
    with made:
        yield made


def stored(cache: Cache) -> int:
    found = cache.status().stored
    return found.bytes if found else 0


def parts(cache: Cache) -> list[Path]:
    return list((cache.folder / "storage").glob("docker/registry/v2/repositories/*/_uploads/*/data"))


def await_stored(cache: Cache, size: int) -> None:
    await_true(lambda: stored(cache) >= size and not parts(cache), f"{size} bytes are stored")


@pytest.mark.long
@pytest.mark.parametrize("delete", [True, False])
def test_without_delete_nothing_expires(cache: Cache, bed: Testbed, delete: bool) -> None:
    cache.down()
    config = cache.folder / "binaries" / "config.yml"
    text = config.read_text()
    assert "  delete:" in text
    head, _, rest = text.partition("  delete:")
    config.write_text(
        head + "  delete:" + rest.replace("enabled: true", f"enabled: {str(delete).lower()}", 1)
    )
    cache.up()
    assert time_pull(bed.image("one-layer"), cache.place.conf).ok
    await_stored(cache, 3_000_000)
    state = cache.folder / "storage" / "scheduler-state.json"
    await_true(
        lambda: state.exists() and len(json.loads(state.read_text() or "{}")) == 3, "the expiry is written"
    )
    cache.stop("registry")
    entries = json.loads(state.read_text())
    for entry in entries.values():
        entry["ExpiryData"] = "2020-01-01T00:00:00Z"  # as if a week had passed
    state.write_text(json.dumps(entries))
    cache.up()
    if delete:
        await_true(lambda: stored(cache) < 3_000_000, "what has expired is removed")
        assert time_pull(bed.image("one-layer"), cache.place.conf).ok
    else:
        await_true(lambda: "operation unsupported" in cache.logs("registry"), "the removal fails")
        assert stored(cache) >= 3_000_000


@pytest.mark.long
def test_an_interrupted_download_stays_on_the_disk_until_it_is_purged(cache: Cache, bed: Testbed) -> None:
    pull = threading.Thread(target=time_pull, args=(bed.image("one-layer"), cache.place.conf))
    pull.start()
    await_true(lambda: bool(parts(cache)), "the download has begun")
    pid = int((cache.folder / "run" / "registry.pid").read_text().split()[0])
    os.kill(pid, signal.SIGKILL)
    pull.join()
    cache.up()
    assert time_pull(bed.image("one-layer"), cache.place.conf).ok
    await_true(lambda: stored(cache) >= 3_000_000, "the image is stored")
    assert parts(cache)  # nobody takes up where it was cut, nobody removes it but the purge


def test_distribution_2_ends_at_a_configuration_for_3(cache: Cache) -> None:
    cache.down()
    settings = replace(cache.settings, registry="3")
    for_3 = filled("config.yml", settings, cache.folder, in_container=False)
    (cache.folder / "binaries" / "config.yml").write_text(for_3)
    with pytest.raises(RegtoolsError, match="the registry has ended") as failed:
        cache.up()
    assert "redis configuration required" in str(failed.value.hint)


def test_a_redis_that_remembers_what_the_storage_lost_breaks_every_pull(cache: Cache, bed: Testbed) -> None:
    image = bed.image("one-layer")
    assert time_pull(image, cache.place.conf).ok
    await_stored(cache, 3_000_000)
    cache.stop("registry")
    shutil.rmtree(cache.folder / "storage" / "docker")
    cache.up()
    broken = time_pull(image, cache.place.conf, limits=ONE)
    assert (broken.ok, broken.error_kind) == (False, "cut")  # a length is promised, and no byte follows
    cache.stop("redis")  # it keeps nothing on disk: …
    cache.up()
    assert time_pull(image, cache.place.conf).ok  # … starting it anew is the cure


@pytest.mark.long
def test_cold_clients_that_come_at_once_fetch_a_copy_each_and_one_more(cache: Cache, bed: Testbed) -> None:
    conf, clients = cache.place.conf, 4
    pulls = [threading.Thread(target=time_pull, args=(bed.image("one-layer"), conf)) for _ in range(clients)]
    for each in pulls:
        each.start()
    for each in pulls:
        each.join()
    await_stored(cache, 3_000_000)
    copies = bed.counters.bytes(repository="one-layer", kind="blob", method="GET") / 3_000_000
    assert 2 <= copies <= clients + 1.1  # the link is slow enough for all of them to find it missing
    bed.reset_counters()
    assert time_pull(bed.image("one-layer"), conf).ok
    assert bed.counters.requests(kind="blob") == 0
