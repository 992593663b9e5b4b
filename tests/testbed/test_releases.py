"""The practice terminal and the watched podman with each release, beside hostile drop-ins of system and user."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from regtools.pull.engines.home import new_folder, remove_folder, storage_options
from tests.support.hostile import hostile_machine
from tests.support.podman import RELEASES, as_installed

SEARCH = "podman info --format '{{index .Registries \"search\"}}'"
# Each way in which a chapter asks podman: files as text, a home, a variable, a person at a terminal, and commands.
SCRIPT = f"""
from pathlib import Path
from regtools.testbed import Practice
from regtools.testbed.watch import attempts, choices

def search(*hosts):
    return f"unqualified-search-registries = {{list(hosts)}}".replace("'", '"')

home = Path("own")
file = home / ".config/containers/registries.conf"
file.parent.mkdir(parents=True)
file.write_text(search("c.test"))
print(*attempts("app", search("a.test")))
print(*attempts("app", search("a.test"), dropins={{"10-own.conf": search("b.test")}}))
print(*attempts("app", home=home))
print(*attempts("app", "", environ={{"CONTAINERS_REGISTRIES_CONF": str(file)}}))
print(*choices("nginx", search("a.test", "b.test")))
with Practice(search("a.test")) as practice:
    print(practice.run({SEARCH!r}))
"""
ANSWERS = """\
a.test/app:latest
b.test/app:latest
c.test/app:latest
c.test/app:latest
a.test/nginx:latest b.test/nginx:latest
[a.test]

"""
# Commands of the chapters, without a cgroup of their own; a warning of podman would be their only output.
QUIET = """
from regtools.testbed import Practice, Testbed

with Testbed({}) as bed:
    for rootless in (False, True):
        with Practice(bed, rootless=rootless) as practice:
            for command in (
                "pull --quiet origin.test/hello",
                "run --rm --cgroups=disabled origin.test/hello",
                f"login --tls-verify=false --username me --password secret {bed.addresses['origin']}",
                "inspect origin.test/hello",
            ):
                print(practice.run(f"podman {command} > /dev/null"), end="")
"""
releases = pytest.mark.parametrize(
    "release", [*(pytest.param(release, marks=pytest.mark.long) for release in RELEASES[:2]), RELEASES[2]]
)


@releases
def test_nothing_of_the_machines_own_changes_an_answer(release: str, root: Path, tmp_path: Path) -> None:
    start, environ = hostile_machine(release, tmp_path)
    command = [*start, sys.executable, "-c", SCRIPT]
    environ |= {"PYTHONPATH": str(root)}
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=120)
    assert (done.stdout, done.stderr) == (ANSWERS, "")


@pytest.mark.long
@pytest.mark.parametrize("release", RELEASES[1:])
def test_commands_that_succeed_say_nothing_besides(release: str, root: Path, tmp_path: Path) -> None:
    command = [*as_installed(release), sys.executable, "-c", QUIET]
    environ = os.environ | {"PYTHONPATH": str(root)}
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=120)
    assert (done.stdout, done.stderr) == ("", "")


@releases
def test_the_dropins_are_hostile(release: str, tmp_path: Path) -> None:
    start, environ = hostile_machine(release, tmp_path)
    folder = new_folder()
    shell = SEARCH.replace("podman", " ".join(["podman", *storage_options(folder)]))
    try:
        done = subprocess.run(
            [*start, "sh", "-c", shell], env=environ, capture_output=True, text=True, timeout=60
        )
    finally:
        remove_folder(folder)
    assert done.stdout == "[hostile.test docker.io]\n", done.stderr


@pytest.mark.long
@pytest.mark.parametrize("release", RELEASES)
def test_podman_and_the_resolver_agree_on_such_a_machine_too(
    release: str, root: Path, tmp_path: Path
) -> None:
    start, environ = hostile_machine(release, tmp_path)
    tests = ("-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider", "tests/testbed/test_attempts.py")
    command = [*start, sys.executable, *tests]
    done = subprocess.run(command, cwd=root, env=environ, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout
