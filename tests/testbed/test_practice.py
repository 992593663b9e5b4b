"""The practice terminal: real podman and its kin, beside the user's own and without a trace."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from socket import create_connection

import pytest

from regtools.errors import RegtoolsError
from regtools.testbed import Practice, Said, Testbed
from regtools.testbed import practice as module
from tests.conftest import ROOT, absent

GREETING = "Hello! This image came from a registry on your own machine (linux/amd64).\n"
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the practice terminal needs Linux")


@pytest.fixture(scope="module")
def practice(bed: Testbed) -> Iterator[Practice]:
    with Practice(bed) as practice:
        yield practice


def test_a_command_runs_at_home_and_home_has_one_name(practice: Practice) -> None:
    assert practice.run("pwd; echo $HOME; echo a > file; ls ~/file") == Said("~\n~\n~/file\n", 0)
    assert (practice.folder / "file").read_text() == "a\n"


def test_a_failure_shows_its_status_and_success_does_not(practice: Practice) -> None:
    said = practice.run("echo out; echo err >&2; exit 3")
    assert (said.text, said.status) == ("out\nerr\n", 3)
    assert str(said) == "out\nerr\nexit status 3\n" == repr(said) + "\n"
    assert str(practice.run("true")) == ""


def test_what_changes_from_run_to_run_is_not_shown(practice: Practice, bed: Testbed) -> None:
    near, far = bed.addresses["near"], bed.addresses["far"]
    said = practice.run(
        f"""echo 'time="2026-01-01T00:00:00Z" level=error msg="http://{near}/v2/, {far}"'; echo {near}9"""
    )
    assert said.text == f'level=error msg="http://127.0.0.1:<near>/v2/, 127.0.0.1:<far>"\n{near}9\n'


def test_an_address_is_a_variable_in_commands_and_a_name_in_what_they_print(bed: Testbed) -> None:
    with Practice(bed) as practice:
        practice.use(bed, corp="127.0.0.1:54321")
        assert practice.run("echo $corp $near").text == "127.0.0.1:<corp> 127.0.0.1:<near>\n"
        assert practice.run('[ "$corp" = 127.0.0.1:$((54000 + 321)) ]').status == 0


def test_the_configuration_is_the_beds_until_another_one_is_used(bed: Testbed) -> None:
    with Practice() as practice:
        show = "cat .config/containers/registries.conf"
        assert practice.run(show).text == module.NOWHERE
        practice.use(bed)
        assert "origin.test" in practice.run(show).text
        practice.use("[aliases]\n")
        assert practice.run(show).text == "[aliases]\n"


def test_variables_of_the_user_do_not_reach_the_commands(
    practice: Practice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONTAINER_HOST", "tcp://elsewhere.test:1")
    monkeypatch.setenv("REGISTRY_AUTH_FILE", "/elsewhere")
    assert practice.run("env | grep -c -e CONTAINER_HOST -e REGISTRY_AUTH").text == "0\n"


def test_a_command_that_hangs_is_ended(practice: Practice) -> None:
    begun = time.monotonic()
    with pytest.raises(RegtoolsError, match=r"did not end within 0\.3 s"):
        practice.run("sleep 61.7 & sleep 62.7", seconds=0.3)
    assert time.monotonic() - begun < 30
    running = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True).stdout
    assert "sleep 61.7" not in running and "sleep 62.7" not in running


def test_a_closed_terminal_says_so_and_nothing_is_left() -> None:
    practice = Practice()
    practice.run("mkdir -p a/b && touch a/b/c")
    practice.close()
    practice.close()
    assert not practice.folder.exists() and not practice.alive
    with pytest.raises(RegtoolsError, match="is closed"):
        practice.run("true")


def test_nothing_is_left_when_the_process_ends_without_closing() -> None:
    script = "from regtools.testbed import Practice; print(Practice().folder)"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() and not Path(done.stdout.strip()).exists()


def test_the_latest_open_terminal_is_the_one_typed_into() -> None:
    with Practice() as first:
        with Practice() as second:
            assert module.latest() is second
        assert module.latest() is first


@pytest.mark.needs("podman", "skopeo", "buildah")
def test_real_programs_follow_the_beds_configuration(practice: Practice) -> None:
    assert practice.run(
        "podman pull --quiet origin.test/hello && podman run --rm origin.test/hello"
    ).text.endswith(GREETING)
    listed = practice.run("podman images --format {{.Repository}}; buildah images --format {{.Name}}").text
    assert listed == "origin.test/hello\n" * 2
    seen = practice.run("skopeo inspect --no-tags --format {{.Architecture}} docker://origin.test/hello")
    assert seen == Said("amd64\n", 0)


@pytest.mark.needs("podman")
def test_offline_no_registry_is_reached_except_a_testbed(bed: Testbed) -> None:
    with Practice(bed, offline=True) as practice:
        assert practice.run("podman pull --quiet origin.test/hello").status == 0
        said = practice.run("podman pull quay.io/team/app")
        assert said.status == 125 and 'Get "https://quay.io/v2/": Not Found' in said.text
        proxy = practice.run("echo $HTTPS_PROXY").text.strip()
        port = int(proxy.rpartition(":")[2])
    with pytest.raises(ConnectionRefusedError):
        create_connection(("127.0.0.1", port), timeout=5)


@pytest.mark.needs("podman")
def test_each_terminal_has_images_of_its_own(practice: Practice) -> None:
    practice.run("podman pull --quiet origin.test/hello")
    with Practice() as other:
        assert other.run("podman images --quiet") == Said("", 0)
        assert (
            other.run("podman info --format {{.Store.GraphRoot}}").text
            == "~/.local/share/containers/storage\n"
        )
    assert practice.run("podman image exists origin.test/hello").status == 0


@pytest.mark.needs("podman", "unshare", "setpriv", "newuidmap")
def test_rootless_is_rootless_for_root_too_and_creates_nobody(bed: Testbed) -> None:
    if os.geteuid() != 0:
        absent("needs root to become an ordinary user")
    before = [Path(f"/etc/{name}").read_bytes() for name in ("passwd", "group", "subuid", "subgid")]
    with Practice(bed, rootless=True) as practice:
        said = practice.run(
            "whoami; podman info --format {{.Host.Security.Rootless}}; podman unshare cat /proc/self/uid_map"
        )
        assert said.text.split() == ["reader", "true", "0", "1000", "1", "1", "100000", "65536"]
        assert practice.run("podman run --rm --quiet origin.test/hello").text == GREETING
        # crun starts nowhere but on version 2 alone
        assert practice.run("podman info --format {{.Host.CgroupsVersion}}").text == "v2\n"
        pause = int((practice.folder / ".run/podman/pause.pid").read_text())
    assert [Path(f"/etc/{name}").read_bytes() for name in ("passwd", "group", "subuid", "subgid")] == before
    assert not practice.folder.exists()
    state = Path(f"/proc/{pause}/stat")
    assert not state.exists() or state.read_text().rpartition(")")[2].split()[0] == "Z"
