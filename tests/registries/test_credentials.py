"""Where a login and certificates would be found: files in order, keys, programs; never a secret."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regtools.registries.reading.credentials import Credentials, certificates, credentials
from regtools.registries.reading.host import Surroundings
from tests.conftest import examples
from tests.support.nested import nested

SECRET = "c2VjcmV0LXVzZXI6c2VjcmV0LXBhc3M="
LOGIN = {"auth": SECRET}
HOME = {"HOME": "/home/user"}
AUTH, DOCKER, OLD = (
    "/home/user/.config/containers/auth.json",
    "/home/user/.docker/config.json",
    "/home/user/.dockercfg",
)
PLACE = "reg.example/team/app:1"


def put(root: Path, path: str, content: Any) -> None:
    file = root / path.lstrip("/")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")


def look(root: Path, reference: str = PLACE, environ: dict[str, str] = HOME, **more: Any) -> Credentials:
    around = Surroundings(root, environ, more.pop("uid", 1000))
    return credentials(reference, around, **more)


# environment, uid, directories that exist, release → files in order
ORDERS = {
    "nothing set, root": (HOME, 0, (), "6", ["/run/containers/0/auth.json", AUTH, DOCKER, OLD]),
    "nothing set, user": (HOME, 7, (), "6", ["/run/containers/7/auth.json", AUTH, DOCKER, OLD]),
    "a session's directory": (
        HOME,
        7,
        ("/run/user/7",),
        "6",
        ["/run/user/7/containers/auth.json", AUTH, DOCKER, OLD],
    ),
    "a runtime directory": (
        {**HOME, "XDG_RUNTIME_DIR": "/x"},
        7,
        ("/x",),
        "6",
        ["/x/containers/auth.json", AUTH, DOCKER, OLD],
    ),
    "a runtime directory that is missing": (
        {**HOME, "XDG_RUNTIME_DIR": "/x"},
        7,
        (),
        "6",
        [AUTH, DOCKER, OLD],
    ),
    "another configuration directory": (
        {**HOME, "XDG_CONFIG_HOME": "/c"},
        0,
        (),
        "6",
        ["/run/containers/0/auth.json", "/c/containers/auth.json", DOCKER, OLD],
    ),
    "a named file is alone": ({**HOME, "REGISTRY_AUTH_FILE": "/a.json"}, 0, (), "6", ["/a.json"]),
    "and so in podman 5": ({**HOME, "REGISTRY_AUTH_FILE": "/a.json"}, 0, (), "5", ["/a.json"]),
    "but only first in podman 4": (
        {**HOME, "REGISTRY_AUTH_FILE": "/a.json"},
        0,
        (),
        "4",
        ["/a.json", AUTH, DOCKER, OLD],
    ),
    "docker's directory named": ({**HOME, "DOCKER_CONFIG": "/d"}, 0, (), "6", ["/d/config.json"]),
}


@pytest.mark.parametrize("name", ORDERS)
def test_files_are_asked_in_podmans_order(name: str, tmp_path: Path) -> None:
    environ, uid, directories, podman, files = ORDERS[name]
    for directory in directories:
        (tmp_path / directory.lstrip("/")).mkdir(parents=True)
    found = look(tmp_path, environ=environ, uid=uid, podman=podman)
    assert [step.where for step in found.steps] == files
    assert {step.outcome for step in found.steps} == {"missing"}
    assert found.found is None


# keys of a file, reference → the key that counts
MATCHES = {
    "the repository before its namespace": (
        ["reg.example", "reg.example/team", "reg.example/team/app"],
        PLACE,
        "reg.example/team/app",
    ),
    "the namespace before the host": (["reg.example", "reg.example/team"], PLACE, "reg.example/team"),
    "the host": (["other.example", "reg.example"], PLACE, "reg.example"),
    "no part of a name": (["reg.example/te"], PLACE, None),
    "a port is a part of the host": (["reg.example"], "reg.example:5000/app:1", None),
    "with the port": (["reg.example:5000"], "reg.example:5000/app:1", "reg.example:5000"),
    "an address, as docker writes it": (["https://reg.example/v1/"], PLACE, "https://reg.example/v1/"),
    "Docker Hub's old address": (
        ["https://index.docker.io/v1/"],
        "docker.io/library/nginx:latest",
        "https://index.docker.io/v1/",
    ),
    "Docker Hub's name": (["docker.io"], "docker.io/library/nginx:latest", "docker.io"),
    "by digest": (["reg.example"], "reg.example/app@sha256:" + "0" * 64, "reg.example"),
}


@pytest.mark.parametrize("name", MATCHES)
def test_the_most_specific_key_counts(name: str, tmp_path: Path) -> None:
    keys, reference, wanted = MATCHES[name]
    put(tmp_path, AUTH, {"auths": dict.fromkeys(keys, LOGIN)})
    found = look(tmp_path, reference).found
    assert (found and found.key) == wanted
    assert found is None or (found.where, found.outcome) == (AUTH, "entry")


def test_the_first_file_with_a_login_counts_and_all_are_listed(tmp_path: Path) -> None:
    put(tmp_path, AUTH, {"auths": {"reg.example": {}}})
    put(
        tmp_path,
        DOCKER,
        {"auths": {"reg.example": {**LOGIN, "identitytoken": SECRET}}, "credsStore": "desktop"},
    )
    put(tmp_path, OLD, {"https://reg.example/v1/": LOGIN})
    found = look(tmp_path)
    assert [step.outcome for step in found.steps] == ["missing", "empty-entry", "entry", "entry"]
    assert found.found and found.found.where == DOCKER


def test_old_docker_files_know_hosts_only(tmp_path: Path) -> None:
    put(tmp_path, OLD, {"reg.example/team": LOGIN, "auths": {"reg.example": LOGIN}})
    found = look(tmp_path).found
    assert found and found.key == "reg.example/team"  # read as an address of reg.example


def test_a_program_for_one_registry_comes_before_the_entries_of_its_file(tmp_path: Path) -> None:
    put(tmp_path, AUTH, {"credHelpers": {"reg.example": "pass"}, "auths": {"reg.example": LOGIN}})
    found = look(tmp_path).found
    assert found and (found.outcome, found.helper) == ("helper", "docker-credential-pass")


def test_programs_of_registries_conf_are_asked_in_their_order(tmp_path: Path) -> None:
    found = look(tmp_path, helpers=("first", "containers-auth.json", "last"))
    names = [step.where for step in found.steps]
    assert (names[0], names[-1], len(names)) == ("docker-credential-first", "docker-credential-last", 6)


BROKEN: dict[str, Any] = {
    "no JSON": '{"auths": {"reg.example": {"auth": "' + SECRET,
    "empty": "",
    "a list": ["x"],
    "auths is a text": {"auths": "x"},
    "deep": "[" * 100_000,
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_a_step_with_its_problem(name: str, tmp_path: Path) -> None:
    put(tmp_path, AUTH, BROKEN[name])
    step = look(tmp_path).steps[1]
    assert step.outcome == "unreadable"
    assert step.problem
    assert SECRET not in repr(step)


def test_a_directory_and_a_binary_file_are_problems_too(tmp_path: Path) -> None:
    (tmp_path / AUTH.lstrip("/")).mkdir(parents=True)
    (tmp_path / DOCKER.lstrip("/")).parent.mkdir(parents=True)
    (tmp_path / DOCKER.lstrip("/")).write_bytes(bytes(range(256)))
    assert [step.outcome for step in look(tmp_path).steps] == [
        "missing",
        "unreadable",
        "unreadable",
        "missing",
    ]


def test_links_stay_below_the_root(tmp_path: Path) -> None:
    put(tmp_path, "/secrets/auth.json", {"auths": {"reg.example": LOGIN}})
    link = tmp_path / AUTH.lstrip("/")
    link.parent.mkdir(parents=True)
    link.symlink_to("/secrets/auth.json")
    found = look(tmp_path).found
    assert found and found.where == AUTH


json_values = nested(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    st.sampled_from(["auths", "Auths", "credHelpers", "reg.example", "auth", ""]),
)


@settings(max_examples=examples(long=10_000))
@given(plain=json_values)
def test_no_content_of_a_file_is_an_error(plain: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    root = tmp_path_factory.getbasetemp() / "any"
    put(root, AUTH, plain)
    put(root, OLD, plain)
    assert len(look(root).to_dict()["steps"]) == 4


def test_nothing_secret_is_kept(tmp_path: Path) -> None:
    for path, content in (
        (AUTH, {"auths": {"reg.example": LOGIN}}),
        (DOCKER, {"auths": {"reg.example": {"username": "secret-user", "password": SECRET}}}),
        (OLD, {"reg.example": LOGIN}),
    ):
        put(tmp_path, path, content)
    found = look(tmp_path)
    for text in (repr(found), json.dumps(found.to_dict())):
        assert "secret" not in text
        assert SECRET not in text


# -- certificates ----------------------------------------------------------------------------------------


def test_the_first_directory_that_exists_is_the_only_one(tmp_path: Path) -> None:
    put(tmp_path, "/etc/containers/certs.d/reg.example:5000/ca.crt", "")
    put(tmp_path, "/etc/docker/certs.d/reg.example:5000/other.crt", "")
    found = certificates("reg.example:5000/app:1", Surroundings(tmp_path, HOME, 0))
    assert found.searched == tuple(
        f"{base}/reg.example:5000"
        for base in (
            "/home/user/.config/containers/certs.d",
            "/etc/containers/certs.d",
            "/etc/docker/certs.d",
        )
    )
    assert found.directory == "/etc/containers/certs.d/reg.example:5000"
    assert found.authorities == ("ca.crt",)


def test_a_certificate_needs_its_key(tmp_path: Path) -> None:
    base = "/etc/containers/certs.d/reg.example"
    for name in ("a.cert", "a.key", "b.cert", "c.key", "notes.txt"):
        put(tmp_path, f"{base}/{name}", "")
    found = certificates(PLACE, Surroundings(tmp_path, HOME, 0))
    assert found.clients == ("a.cert",)
    assert len(found.problems) == 2
    assert "b.key" in found.problems[0] and "c.cert" in found.problems[1]
    assert found.to_dict()["directory"] == base


def test_the_port_counts_and_docker_hub_goes_by_its_name(tmp_path: Path) -> None:
    put(tmp_path, "/etc/containers/certs.d/reg.example/ca.crt", "")
    put(tmp_path, "/etc/containers/certs.d/docker.io/hub.crt", "")
    around = Surroundings(tmp_path, HOME, 0)
    assert certificates("reg.example:5000/app:1", around).directory is None
    assert certificates("docker.io/library/nginx:latest", around).authorities == ("hub.crt",)


# -- podman itself ---------------------------------------------------------------------------------------


@pytest.mark.needs("podman")
@pytest.mark.parametrize("named", [False, True])
def test_podman_finds_the_login_that_we_name(named: bool, tmp_path: Path) -> None:
    """`podman login --get-login` reads the same files and contacts nobody."""
    version = subprocess.run(["podman", "--version"], capture_output=True, text=True, check=True).stdout
    release = version.split()[-1].partition(".")[0]
    home = tmp_path / "home"
    environ = {"HOME": str(home), "XDG_RUNTIME_DIR": str(tmp_path), "PATH": os.environ["PATH"]}
    logins = {"reg.example": "dTpw"}  # u:p
    put(home, ".docker/config.json", {"auths": {name: {"auth": auth} for name, auth in logins.items()}})
    if named:
        put(tmp_path, "named.json", {"auths": {}})
        environ["REGISTRY_AUTH_FILE"] = str(tmp_path / "named.json")
    with tempfile.TemporaryDirectory(prefix="rt") as short:  # podman limits the length of its runroot
        storage = ["--root", f"{short}/s", "--runroot", f"{short}/r", "--storage-driver", "vfs"]
        done = subprocess.run(
            ["podman", *storage, "login", "--get-login", "reg.example"],
            env=environ,
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert done.returncode == 0 or "not logged into" in done.stderr
    ours = credentials("reg.example/app:1", Surroundings("/", environ), podman=release).found
    assert (done.stdout.strip() == "u") == (ours is not None)
