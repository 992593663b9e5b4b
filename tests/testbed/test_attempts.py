"""The real podman's attempts: the same list as ours, nobody asked outside, nothing left behind."""

from __future__ import annotations

import os
import shlex
import tempfile
from pathlib import Path

import pytest

from regtools import RegistriesConf, RegtoolsError
from regtools.cli.options import installed_release
from regtools.testbed import Practice
from regtools.testbed import watch as module
from regtools.testbed.watch import attempts, choices, watch
from tests.conftest import absent

SEARCH = 'unqualified-search-registries = ["docker.io", "quay.io"]\n'
BLOCK = '[[registry]]\nlocation = "quay.io"\nblocked = true\n'
MIRROR = (
    '[[registry]]\nlocation = "docker.io"\n[[registry.mirror]]\nlocation = "m.example/hub"\ninsecure = true\n'
)
ALIAS = '[aliases]\n"nginx" = "quay.io/team/nginx"\n'
ENFORCING = 'short-name-mode = "enforcing"\n'

pytestmark = pytest.mark.needs("podman")


def ours(image: str, conf: str) -> list[str]:
    release = installed_release()
    assert release is not None
    return [s.reference for s in RegistriesConf.from_toml(conf, podman=release).resolve(image).sources]


@pytest.mark.parametrize("image", ["nginx", "team/app:1", "docker.io/nginx", "quay.io/app", "other.test/app"])
@pytest.mark.parametrize(
    "conf",
    [
        pytest.param(SEARCH, marks=pytest.mark.long),  # the next ones hold what these two do
        pytest.param(SEARCH + BLOCK, marks=pytest.mark.long),
        SEARCH + MIRROR + BLOCK,
        SEARCH + ALIAS,
    ],
)
def test_podman_tries_what_the_resolver_says(image: str, conf: str) -> None:
    assert attempts(image, conf) == ours(image, conf)


def test_what_is_blocked_and_how_each_host_is_asked() -> None:
    seen = watch("nginx", SEARCH + MIRROR + BLOCK)
    assert seen.tried[-1:] == seen.blocked == ("quay.io/nginx:latest",)
    assert seen.contacted == ("https://m.example", "http://m.example", "https://registry-1.docker.io")
    assert seen.error


def test_dropins_home_and_variables_are_read(tmp_path: Path) -> None:
    dropins = {"10-search.conf": 'unqualified-search-registries = ["a.test"]\n'}
    assert attempts("app", SEARCH, dropins=dropins) == ["a.test/app:latest"]
    (tmp_path / ".config/containers").mkdir(parents=True)
    file = tmp_path / ".config/containers/registries.conf"
    file.write_text('unqualified-search-registries = ["b.test"]\n')
    assert attempts("app", home=tmp_path) == ["b.test/app:latest"]
    other = tmp_path / "other.conf"
    other.write_text('unqualified-search-registries = ["c.test"]\n')
    named = {"CONTAINERS_REGISTRIES_CONF": str(other)}
    assert attempts("app", home=tmp_path, environ=named) == ["c.test/app:latest"]
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == ["other.conf", file.name]


def test_a_refusal_is_told_in_podmans_words_and_without_our_folder() -> None:
    with pytest.raises(RegtoolsError, match="cannot prompt without a TTY") as caught:
        attempts("nginx", SEARCH + ENFORCING)
    assert caught.value.kind == "podman-refused"
    with pytest.raises(RegtoolsError, match=r"~/.config/containers/registries.conf") as caught:
        attempts("nginx", "not toml")
    assert tempfile.gettempdir() not in str(caught.value)


@pytest.mark.parametrize("mode", ["enforcing", "permissive"])
def test_at_a_terminal_podman_offers_the_candidates(mode: str) -> None:
    conf = f'short-name-mode = "{mode}"\n{SEARCH}'
    assert choices("nginx", conf) == ["docker.io/library/nginx:latest", "quay.io/nginx:latest"]


@pytest.mark.parametrize(
    "conf",
    [
        f'short-name-mode = "disabled"\n{SEARCH}',
        SEARCH + ALIAS,
        'unqualified-search-registries = ["a.test"]\n',
    ],
)
def test_where_there_is_nothing_to_choose_podman_does_not_ask(conf: str) -> None:
    assert choices("nginx", conf) == []


def test_a_variable_of_the_reader_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = ours("nginx", SEARCH)
    for name in (
        "CONTAINERS_REGISTRIES_CONF",
        "XDG_CONFIG_HOME",
        "NO_PROXY",
        "http_proxy",
        "CONTAINERS_CONF",
    ):
        monkeypatch.setenv(name, "*")
    assert attempts("nginx", SEARCH) == expected


def test_nothing_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory(prefix="rt") as folder:
        monkeypatch.setattr(tempfile, "tempdir", folder)
        descriptors = len(list(Path("/proc/self/fd").iterdir()))
        attempts("nginx", SEARCH)
        choices("nginx", SEARCH)
        assert not list(Path(folder).iterdir())
        assert len(list(Path("/proc/self/fd").iterdir())) == descriptors


def test_an_image_of_that_name_built_here_decides_where_podman_pulls_from() -> None:
    own = '[[registry]]\nlocation = "localhost"\nblocked = true\n'  # else it would knock at port 443, again and again
    assert attempts("app", SEARCH + own) == ours("app", SEARCH)
    seen = watch("app", SEARCH + own, local=["localhost/app"])
    assert seen.tried == seen.blocked == ("localhost/app:latest",)
    with pytest.raises(RegtoolsError, match="podman says"):
        watch("app", SEARCH, local=["Not A Name"])


@pytest.mark.needs("unshare", "setpriv", "newuidmap")
def test_an_ordinary_user_hides_the_systems_dropins_with_podmans_own_namespace() -> None:
    if os.geteuid() != 0:
        absent("needs root to become an ordinary user")
    loaded = "podman --log-level=debug pull app 2>&1 | grep --only-matching 'configuration .*.conf'"
    with Practice(SEARCH + ENFORCING, rootless=True) as practice:  # so that podman asks nobody
        file = "~/.config/containers/registries.conf"
        podman = f"export CONTAINERS_REGISTRIES_CONF={file}; podman"
        said = practice.run(f"{podman} unshare sh -c {shlex.quote(module.HIDE)} sh {loaded}")
        assert said.text == f'configuration \\"{file}\n'


def test_a_user_who_may_not_hide_them_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    dropin, stub, named = (
        tmp_path / "d" / "hostile.conf",
        tmp_path / "bin" / "unshare",
        tmp_path / "named.conf",
    )
    for file in (dropin, stub, named):
        file.parent.mkdir(exist_ok=True)
        file.write_text("")
    stub.write_text("#!/bin/sh\nexit 1\n")
    stub.chmod(0o755)
    monkeypatch.setenv("PATH", str(stub.parent), prepend=":")
    monkeypatch.setattr(module, "DROPINS", (str(dropin.parent),))
    monkeypatch.setattr(module.os, "geteuid", lambda: 0)
    monkeypatch.setattr(module, "variable_is_alone", lambda _: False)
    for ask in (watch, choices):
        with pytest.raises(RegtoolsError, match=r"hostile\.conf, and this user may not hide it") as caught:
            ask("nginx", SEARCH, environ={"CONTAINERS_REGISTRIES_CONF": str(named)})
        assert caught.value.kind == "podman-reads-more"


def test_two_sources_of_files_are_one_too_many(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="either"):
        attempts("nginx", SEARCH, home=tmp_path)


def test_without_podman_a_plain_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RegtoolsError, match="not installed") as caught:
        attempts("nginx", SEARCH)
    assert caught.value.kind == "podman-missing"
