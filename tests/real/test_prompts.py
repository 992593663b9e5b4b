"""Short names on a terminal: podman asks what we say it asks, and remembers where we read it.

podman asks when short-name-mode wants it, a name has no alias, and there are several search registries. What is
chosen is tried alone; after a pull that worked, it stands in the file of remembered answers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from regtools import RegistriesConf, RegtoolsError
from regtools.testbed import Hello, Link, Testbed
from tests.support.podman import RELEASES, Engine, engine

pytestmark = pytest.mark.needs("podman", "skopeo")
ANSWERS = "answers/short-name-aliases.conf"
ASKED = "Please select an image"
DOWN, ENTER = "\x1b[B", "\r"
MODES = [
    pytest.param(
        release, mode, marks=[] if (mode == "permissive") == (release == "5.4") else [pytest.mark.long]
    )
    for release in RELEASES
    for mode in ("enforcing", "permissive")
]


@pytest.fixture(scope="module")
def bed() -> Iterator[Testbed]:
    # Debian ships an alias for "hello", and asks nobody about that one.
    with Testbed({"near": Link()}, images={"regtools-hello": Hello()}) as bed:
        yield bed


@pytest.fixture(params=RELEASES)
def real(request: pytest.FixtureRequest) -> Iterator[Engine]:
    with engine(request.param, own_answers=True) as real:
        yield real


def conf_text(bed: Testbed, mode: str) -> str:
    """Two search registries that both lead to the testbed."""
    near = re.findall(r'"(127\.0\.0\.1:\d+)"', bed.conf_text)[1]
    entries = "".join(
        f'[[registry]]\nprefix = "{host}"\nlocation = "{near}"\ninsecure = true\n'
        for host in ("a.test", "b.test")
    )
    return f'unqualified-search-registries = ["a.test", "b.test"]\nshort-name-mode = "{mode}"\n{entries}'


def load(real: Engine) -> RegistriesConf:
    return RegistriesConf.load(
        real.work / "registries.conf", short_name_aliases=real.work / ANSWERS, podman=real.release[0]
    )


@pytest.mark.parametrize(("real", "mode"), MODES, indirect=["real"])
def test_podman_asks_on_a_terminal_and_the_answer_is_remembered(
    real: Engine, bed: Testbed, mode: str
) -> None:
    real.configure(conf_text(bed, mode))
    ours = load(real).resolve("regtools-hello", tty=True)
    assert ours.prompt
    status, said = real.on_terminal("pull", "regtools-hello", when=ASKED, keys=DOWN + ENTER)
    assert status == 0, said
    listed = dict.fromkeys(re.findall(r"[ab]\.test/regtools-hello:latest", said))
    assert list(listed)[:2] == [candidate.name for candidate in ours.candidates]
    assert (
        real.podman("images", "--format", "{{.Repository}}:{{.Tag}}").stdout
        == "b.test/regtools-hello:latest\n"
    )
    assert 'regtools-hello = "b.test/regtools-hello"' in (real.work / ANSWERS).read_text()

    remembered = load(real).resolve("regtools-hello")  # no question any more, with or without a terminal
    assert (remembered.how, [c.name for c in remembered.candidates]) == (
        "remembered",
        ["b.test/regtools-hello:latest"],
    )
    real.podman("rmi", "b.test/regtools-hello:latest")
    assert "b.test/regtools-hello:latest" in real.podman("pull", "regtools-hello").stderr


def test_disabled_never_asks_and_tries_them_in_order(real: Engine, bed: Testbed) -> None:
    real.configure(conf_text(bed, "disabled"))
    ours = load(real).resolve("regtools-hello", tty=True)
    assert not ours.prompt
    status, said = real.on_terminal("pull", "regtools-hello", when=ASKED, keys=DOWN + ENTER)
    assert (status, ASKED in said) == (0, False), said
    assert (
        real.podman("images", "--format", "{{.Repository}}:{{.Tag}}").stdout.strip()
        == ours.candidates[0].name
    )
    assert not (real.work / ANSWERS).exists()


def test_enforcing_without_a_terminal_is_refused(real: Engine, bed: Testbed) -> None:
    real.configure(conf_text(bed, "enforcing"))
    done = real.podman("pull", "regtools-hello", check=False)
    assert done.returncode != 0
    with pytest.raises(RegtoolsError) as caught:
        load(real).resolve("regtools-hello")
    assert caught.value.kind == "enforcing-no-tty"
    assert "TTY" in done.stderr
