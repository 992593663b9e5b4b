"""The files of a cache: what they say, with a comment for each setting, and how they are written."""

from __future__ import annotations

import csv
import itertools
import json
import stat
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from regtools import RegistriesConf, RegtoolsError
from regtools.cache import Cache
from regtools.cache.engines import STATE
from regtools.cache.files import (
    BLOCK,
    TEMPLATES,
    File,
    drop_in,
    filled,
    only_the_cache,
    plan,
    read_secrets,
    secrets_env,
    write,
)
from regtools.cache.settings import Settings, load
from regtools.cache.status import copies, traffic
from regtools.cache.verify import Leg, Verification
from regtools.notebook.share import data_path
from regtools.pull.recorder import peak_kb

# The keys below the top that distribution's "Configuring a registry" documents, for what is used here.
COMMON = {
    "version",
    *(f"log.{key}" for key in ("level", "accesslog.disabled", "fields.service")),
    "storage.filesystem.rootdirectory",
    "storage.delete.enabled",
    "storage.cache.blobdescriptor",
    *(f"storage.maintenance.uploadpurging.{key}" for key in ("enabled", "age", "interval", "dryrun")),
    *(f"http.{key}" for key in ("addr", "debug.addr", "debug.prometheus.enabled", "debug.prometheus.path")),
    "http.headers.X-Content-Type-Options",
    *(
        f"notifications.endpoints.{key}"
        for key in ("name", "disabled", "url", "headers", "timeout", "threshold", "backoff")
    ),
    *(f"health.storagedriver.{key}" for key in ("enabled", "interval", "threshold")),
    "proxy.remoteurl",
    *(f"redis.{key}" for key in ("db", "dialtimeout", "readtimeout", "writetimeout")),
}
OWN = {
    "2": {"redis.addr", "redis.pool.maxidle", "redis.pool.maxactive", "redis.pool.idletimeout"},
    "3": {"redis.addrs", "redis.maxidleconns", "redis.poolsize", "redis.connmaxidletime", "proxy.ttl"},
}


HUB = Path("/srv/hub")


def config(settings: Settings, *, in_container: bool = True) -> Any:
    return yaml.safe_load(filled("config.yml", settings, HUB, in_container=in_container))


def keys(value: Any, path: str = "") -> Iterator[str]:
    if isinstance(value, dict) and value:
        for key, below in value.items():
            yield from keys(below, f"{path}.{key}" if path else key)
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        for below in value:
            yield from keys(below, path)
    else:
        yield path


@pytest.mark.parametrize("release", ["2", "3"])
def test_the_configuration_has_the_documented_keys_of_its_release_only(release: str) -> None:
    settings = Settings(registry=release)
    assert set(keys(config(settings))) == COMMON | OWN[release]


@pytest.mark.parametrize("in_container", [True, False])
@pytest.mark.parametrize(
    "settings",
    [
        Settings(registry=release, redis=redis, private=private)
        for release, redis, private in itertools.product("32", (True, False), (True, False))
    ],
    ids=lambda each: f"{each.registry}-{each.redis}-{each.private}",
)
def test_every_setting_stands_under_a_line_that_says_what_it_does(
    settings: Settings, in_container: bool
) -> None:
    text = filled("config.yml", settings, HUB, in_container=in_container)
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if not line.strip() or line.strip().startswith("#") or line.endswith(":"):
            continue
        above = number - 1
        while lines[above].endswith(":") and "#" not in lines[above]:
            above -= 1  # the comment may stand above the table that this is the first key of
        assert lines[above].strip().startswith("# "), line
    assert max(map(len, lines)) <= 115


def test_a_template_has_a_file_that_it_becomes_and_every_flag_is_closed() -> None:
    everything = plan(Settings(), HUB)
    assert len({path.name for path in TEMPLATES.iterdir()}) == 8
    for path in TEMPLATES.iterdir():
        text = path.read_text("utf-8")
        assert text.count("#[") == 2 * len(BLOCK.findall(text))
    for each in everything:
        assert "#[" not in each.text and "@" not in each.text


def test_the_values_of_the_recipe_are_there_corrected_where_they_were_wrong() -> None:
    found = config(Settings())
    assert found["storage"]["delete"] == {"enabled": True}  # or nothing ever expires
    assert found["storage"]["maintenance"]["uploadpurging"]["enabled"] is True  # or parts stay for ever
    assert found["storage"]["cache"] == {"blobdescriptor": "redis"}
    assert found["http"]["headers"] == {"X-Content-Type-Options": ["nosniff"]}
    assert found["notifications"]["endpoints"][0]["disabled"] is True
    assert found["notifications"]["endpoints"][0]["headers"] == {}
    assert found["health"]["storagedriver"]["enabled"] is True
    assert found["proxy"] == {"remoteurl": "https://registry-1.docker.io", "ttl": "168h"}
    assert found["redis"]["addrs"] == ["registry-cache-redis:6379"]
    redis = filled("redis.conf", Settings(), HUB).splitlines()
    assert {"maxmemory 512mb", "maxmemory-policy allkeys-lru", 'save ""', "appendonly no"} <= set(redis)


def test_without_containers_everything_but_the_registry_is_on_loopback() -> None:
    settings = Settings(bind="0.0.0.0", port=6000)
    found = config(settings, in_container=False)
    assert found["http"]["addr"] == "0.0.0.0:6000"
    assert found["http"]["debug"]["addr"] == "127.0.0.1:6001"
    assert found["redis"]["addrs"] == ["127.0.0.1:6002"]
    assert found["storage"]["filesystem"]["rootdirectory"] == "/srv/hub/storage"
    assert {"bind 127.0.0.1", "port 6002", "protected-mode yes"} <= set(
        filled("redis.conf", settings, HUB, in_container=False).splitlines()
    )


def test_redis_can_be_left_out() -> None:
    settings = Settings(redis=False)
    assert config(settings)["storage"]["cache"] == {"blobdescriptor": "inmemory"}
    assert "redis" not in config(settings)
    files = {each.path for each in plan(settings, HUB)}
    assert not [path for path in files if "redis" in path]
    assert "redis" not in filled("podman-run.sh", settings, HUB).lower()


def test_the_time_to_live_is_for_distribution_3() -> None:
    settings = Settings(registry="3", ttl="72h")
    assert config(settings)["proxy"]["ttl"] == "72h"
    with pytest.raises(RegtoolsError, match="keeps everything for 168 hours"):
        Settings(registry="2", ttl="72h")


@pytest.mark.parametrize(
    ("settings", "names", "sources"),
    [
        (Settings(), "docker.io/library/nginx", ["127.0.0.1:5000/library/nginx", "docker.io/library/nginx"]),
        (Settings("https://quay.io", port=80), "quay.io/a/b", ["127.0.0.1:80/a/b", "quay.io/a/b"]),
        (
            Settings("http://10.0.0.1:5000", prefix="origin.test", bind="0.0.0.0"),
            "origin.test/a",
            ["127.0.0.1:5000/a", "10.0.0.1:5000/a"],
        ),
        (Settings(bind="192.0.2.7"), "docker.io/a/b", ["192.0.2.7:5000/a/b", "docker.io/a/b"]),
    ],
)
@pytest.mark.parametrize("podman", ["4", "5", "6"])
def test_the_drop_in_leads_to_the_cache_first_and_to_the_origin_last(
    settings: Settings, names: str, sources: list[str], podman: str
) -> None:
    conf = RegistriesConf.from_toml(drop_in(settings), podman=podman)
    found = conf.resolve(names).candidates[0].sources
    assert [each.reference for each in found] == [f"{each}:latest" for each in sources]
    assert [each.insecure for each in found] == [True, settings.upstream.startswith("http:")]
    assert [each for each in conf.check() if each.severity != "note"] == []
    only = RegistriesConf.from_toml(only_the_cache(settings), podman=podman)
    assert [each.reference for each in only.resolve(names).candidates[0].sources] == [f"{sources[0]}:latest"]


def test_no_secret_stands_anywhere_but_in_its_own_file(tmp_path: Path) -> None:
    cache = Cache(folder=tmp_path / "hub", username="me-myself", password="s3cr3t-token")
    assert "secrets.env" in cache.written
    for each in (path for path in cache.folder.rglob("*") if path.is_file()):
        mode = stat.S_IMODE(each.stat().st_mode)
        if each.name == "secrets.env":
            assert mode == 0o600
            assert read_secrets(cache.folder) == {
                "REGISTRY_PROXY_USERNAME": '"me-myself"',
                "REGISTRY_PROXY_PASSWORD": '"s3cr3t-token"',
            }
        else:
            assert "me-myself" not in each.read_text()
            assert "s3cr3t-token" not in each.read_text()
    assert '--env-file "$folder/secrets.env"' in (cache.folder / "podman-run.sh").read_text()
    assert "s3cr3t-token" not in repr(cache.settings)


@pytest.mark.parametrize("password", ["", "two\nlines", "nul\0", "del\x7f", "next\x85line", "half\udcff"])
def test_a_password_that_one_line_cannot_hold_is_refused(password: str) -> None:
    with pytest.raises(RegtoolsError, match="control character") as refused:
        secrets_env("me", password)
    assert not password or password not in str(refused.value)


def test_a_login_that_is_no_text_is_in_no_error_and_nothing_that_led_to_it(tmp_path: Path) -> None:
    word = b"pl4nted-w0rd"
    (tmp_path / "secrets.env").write_bytes(b"REGISTRY_PROXY_PASSWORD=" + word + b"\xff\n")
    with pytest.raises(RegtoolsError, match="the login cannot be read: it is not UTF-8") as refused:
        read_secrets(tmp_path)
    error: BaseException | None = refused.value
    while error is not None:  # was: in .object of the UnicodeDecodeError below
        trace = error.__traceback__
        while trace is not None:
            if Path(trace.tb_frame.f_code.co_filename) != Path(__file__):
                assert word.decode() not in repr(trace.tb_frame.f_locals)
            trace = trace.tb_next
        assert word.decode() not in repr(vars(error)) + repr(error) + repr(getattr(error, "object", ""))
        error = error.__cause__ or error.__context__


def test_files_that_differ_are_not_overwritten_without_force(tmp_path: Path) -> None:
    folder = tmp_path / "hub"
    first = Cache(folder=folder)
    assert first.written
    assert Cache(folder=folder).written == []  # the same again changes nothing
    (folder / "config.yml").write_text("mine")
    (folder / "redis.conf").unlink()
    with pytest.raises(
        RegtoolsError, match=r"config\.yml: there already, with another content \[file-exists\]"
    ):
        Cache(folder=folder)
    assert (folder / "config.yml").read_text() == "mine"
    assert not (folder / "redis.conf").exists()  # all or nothing
    assert Cache(folder=folder, force=True).written == ["config.yml", "redis.conf"]
    assert (folder / "config.yml").read_text() != "mine"


def test_a_login_is_kept_when_it_is_not_given_again_and_needs_force_to_change(tmp_path: Path) -> None:
    login = {"username": "me", "password": "one"}
    Cache(folder=tmp_path, **login)  # type: ignore[arg-type]
    with pytest.raises(RegtoolsError, match=r"secrets\.env"):
        Cache(folder=tmp_path, username="me", password="two")
    assert read_secrets(tmp_path)["REGISTRY_PROXY_PASSWORD"] == '"one"'
    Cache(folder=tmp_path, username="me", password="two", force=True)
    assert read_secrets(tmp_path)["REGISTRY_PROXY_PASSWORD"] == '"two"'


def test_a_secret_that_others_could_read_is_closed(tmp_path: Path) -> None:
    file = secrets_env("me", "one")
    (tmp_path / file.path).write_text(file.text)
    (tmp_path / file.path).chmod(0o644)
    assert write(tmp_path, (file,)) == ["secrets.env"]
    assert stat.S_IMODE((tmp_path / file.path).stat().st_mode) == 0o600


def test_what_cannot_be_written_says_where(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RegtoolsError, match="file-unwritable"):
        write(tmp_path / "file" / "below", (File("a", ""),))
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    "settings", [Settings(), Settings("http://h.test:1", "3", False, 9, "[::1]", "/s", "1h", "p")]
)
def test_settings_come_back_from_their_file(tmp_path: Path, settings: Settings) -> None:
    (tmp_path / "cache.toml").write_text(settings.to_toml())
    assert load(tmp_path) == settings


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "there is no cache in"),
        ("port = ", "it is not TOML"),
        ("port = true", "port is not a setting of a cache, or has a value of the wrong type"),
        ("colour = 1", "colour is not a setting"),
        ("password = 'hunter2'", "^(?!.*hunter2)"),
        ("port = 70000", "70000 cannot be the port"),
    ],
)
def test_a_folder_that_holds_no_cache_says_so(tmp_path: Path, text: str | None, message: str) -> None:
    if text is not None:
        (tmp_path / "cache.toml").write_text(text)
    with pytest.raises(RegtoolsError, match=message):
        Cache.open(tmp_path)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"upstream": "registry-1.docker.io"}, "is not an upstream"),
        ({"upstream": "ftp://h"}, "is not an upstream"),
        ({"upstream": "https://me:secret@h"}, "holds a login"),
        ({"upstream": "https//me:secret@h"}, "holds a login"),  # was: quoted, as all of these
        ({"upstream": "https:/me:sec/ret@h"}, "holds a login"),
        ({"upstream": "me:secret@h"}, "holds a login"),
        ({"upstream": "https://me:secret%40h"}, "holds a login"),
        ({"upstream": "https://me:secret@h:port"}, "holds a login"),
        ({"upstream": "https://me:secret"}, "host or its port"),
        ({"upstream": "https://h/path"}, "has more than"),
        ({"upstream": "https://h?x"}, "has more than"),
        ({"upstream": "https://h/?token=secret"}, "'https://h/' has more than"),  # was: quoted, as these
        ({"upstream": "https://h/#secret"}, "'https://h/' has more than"),
        ({"upstream": "h?password=secret"}, "'h' is not an upstream"),
        ({"upstream": "h --password secret"}, "'h' is not an upstream"),
        ({"upstream": "https://h:99999"}, "is not an address"),
        ({"upstream": 'https://h"'}, "cannot be a host"),
        ({"registry": "4"}, "no distribution"),
        ({"port": 65534}, "cannot be the port"),
        ({"bind": "localhost"}, "cannot be the address"),
        ({"name": "A cache"}, "cannot be the name"),
        ({"storage": "relative"}, "cannot be the folder"),
        ({"storage": "/a:b"}, "cannot be the folder"),
        ({"prefix": 'a"b'}, "cannot be the beginning"),
        ({"redis_image": "a b"}, "cannot be an image"),
        ({"registry": "3", "ttl": "a week"}, "cannot be a time to live"),
    ],
)
def test_a_setting_that_cannot_be_is_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(RegtoolsError, match=message) as refused:
        Settings(**wrong)
    assert refused.value.hint
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("name", ["a:b", 'a"b', "a\\b", "a\nb"])
def test_a_folder_that_podman_cannot_mount_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(RegtoolsError, match="cannot be a cache's folder"):
        Cache(folder=tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_an_open_cache_and_a_storage_of_ones_own_are_named_in_units_and_script() -> None:
    settings = Settings(bind="0.0.0.0", storage="/srv/100% blobs")
    files = {each.path: each.text for each in plan(settings, HUB)}
    script = files["podman-run.sh"]
    units = {path.partition("/")[2]: text for path, text in files.items() if path.startswith("quadlet/")}
    assert "--volume '/srv/100% blobs':/var/lib/registry:Z" in script
    assert "volume create" not in script
    assert sorted(units) == [
        "registry-cache-redis.container",
        "registry-cache.container",
        "registry-cache.network",
    ]
    assert "Volume=/srv/100%% blobs:/var/lib/registry:Z" in units["registry-cache.container"]
    for text in (script, units["registry-cache.container"]):
        assert "verybody who reaches 0.0.0.0 may pull from it" in text
        assert "127.0.0.1:5001:5001" in text  # the counters stay at home


@pytest.mark.parametrize(("fetched", "told"), [(60, True), (30, False), (0, False)])
def test_verify_says_when_the_upstream_was_asked_twice(fetched: int, told: bool) -> None:
    cold, warm = (Leg(1.0, "sha256:0", 30, bytes_fetched) for bytes_fetched in (fetched, 0))
    text = str(Verification("origin.test/a:1", cold, warm, None, "podman is not installed here"))
    assert ("2.x fetches a missing blob twice, 3.x once" in text) is told


def test_the_recorded_cold_pulls_cost_as_many_copies_as_their_release_makes() -> None:
    machine = json.loads(data_path("cache/machine.json").read_text())
    release = machine["docker-registry"].split(".")[0]
    with data_path("cache/pulls.csv").open(newline="") as file:
        cold = [row for row in csv.DictReader(file) if row["state"] == "cold" and row["ok"] == "True"]
    for clients in (1, 8):
        found = [float(row["copies"]) for row in cold if row["clients"] == str(clients)]
        assert statistics.median(found) == pytest.approx(copies(release, clients), abs=0.01)


def test_distribution_3_counts_rightly_and_is_believed() -> None:
    told = {"Requests": 7, "Hits": 4, "Misses": 3, "BytesPulled": 30, "BytesPushed": 70}
    found = traffic({"blobs": told, "manifests": told}, "", "3")
    assert (found.blobs.hits, found.blobs.misses, found.bytes_fetched, found.bytes_served) == (4, 3, 30, 70)


def test_the_end_of_a_log_is_read_without_the_whole(tmp_path: Path) -> None:
    cache = Cache(folder=tmp_path)
    with pytest.raises(RegtoolsError, match="it has never run here"):
        cache.logs()
    (tmp_path / STATE).mkdir()
    with (tmp_path / STATE / "registry.log").open("wb") as log:
        log.write(b"first\n")
        log.writelines([b"x" * 999 + b"\n"] * 50_000)
        log.write(b"second \xff\nlast\n")
    before = peak_kb() or 0
    assert cache.logs(tail=2) == "second \ufffd\nlast\n"
    assert (peak_kb() or 0) - before < 20_000  # kB; the log has 50 MB
    assert (cache.logs(tail=0), cache.logs()[:6]) == ("", "first\n")
