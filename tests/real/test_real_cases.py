"""Every example of name resolution, given to the real podman 6.1: it tries and refuses what the table says.

All of them run in one mount namespace, one after the other, without the drop-ins that Debian ships.
``EXPLAINED`` is the table of the differences.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conformance.test_resolution_cases import CASES, LOOKUPS, write
from tests.conftest import LONG
from tests.real.test_differential import places_in, refused_in
from tests.support.offline import offline
from tests.support.podman import Engine, engine

PICKED = list(CASES)[:: 1 if LONG else 20]  # podman takes a tenth of a second for each

# Identifier of a case → what podman 6.1 does instead, and why our answer stays.
EXPLAINED = {
    "dev-name-018": "after docker:// it calls a tag with a digest an invalid format; we name the reason",
    "dev-merge-020": "stops before it asks, since the credential helper of the case is not installed here",
}
ROOTLESS = {
    name: "a rootless podman needs a user namespace, and a chroot gives none"
    for name, case in LOOKUPS.items()
    if case["uid"]
}
# A look-up case has the system's folders to itself: $1 is the case's root, then the command.
SYSTEM = """
set -e
cp /etc/containers/policy.json /tmp
for folder in etc usr/share; do
    mount -t tmpfs tmpfs /$folder/containers
    [ ! -e "$1/$folder/containers" ] || cp -r "$1/$folder/containers/." /$folder/containers
done
cp /tmp/policy.json /etc/containers
shift
exec "$@"
"""


@pytest.fixture(scope="module")
def real() -> Iterator[Engine]:
    candidates = [each for case in CASES.values() for each in case["expect"].get("candidates", ())]
    sources = [source["reference"] for each in candidates for source in each.get("sources", ())]
    hosts = {reference.partition("/")[0].partition(":")[0] for reference in sources}
    with engine("6.1") as made, offline(made, sorted(hosts - {"localhost"})) as real:
        yield real


@pytest.fixture(scope="module")
def said(real: Engine) -> dict[str, str]:
    """Identifier of each case → what podman wrote."""
    lines = [
        "mount -t tmpfs tmpfs /etc/containers/registries.conf.d || exit",
        "answers=/var/cache/containers/short-name-aliases.conf",
        f"cat >/tmp/system <<'END'\n{SYSTEM}\nEND",
    ]
    pull = f"podman --tmpdir {real.inside}/tmp --log-level debug pull --retry 0 --"
    for name in PICKED:
        case, home = CASES[name], real.work / "cases" / name
        home.mkdir(parents=True)
        for file, text in case["files"].items():
            write(home / ".config/containers" / file, text)
        if "short_name_aliases" in case:
            write(home / "aliases.conf", case["short_name_aliases"])
        named = "" if "registries.conf" in case["files"] else " CONTAINERS_REGISTRIES_CONF=$PWD/none"
        lines += [
            f"cd {real.inside}/cases/{name}; rm -f $answers; [ ! -e aliases.conf ] || cp aliases.conf $answers",
            f"env HOME=$PWD{named} {pull} {shlex.quote(case['image'])} 2>said",
        ]
    lines.append("rm -f $answers")
    for name in LOOKUPS.keys() - ROOTLESS:
        case, home = LOOKUPS[name], real.work / "cases" / name
        home.mkdir(parents=True)
        for file, text in case["fs"].items():
            write(home / file.lstrip("/"), text, directory=file.endswith("/"))
        environ = (f"{key}={value and '$PWD'}{value}" for key, value in case["env"].items())
        enter = "unshare --mount sh /tmp/system $PWD"
        lines += [
            f"cd {real.inside}/cases/{name}",
            f"{enter} env {' '.join(environ)} {pull} {shlex.quote(case['image'])} 2>said",
        ]
    real.shell("\n".join([*lines, "true"]))
    return {path.name: (path / "said").read_text() for path in (real.work / "cases").iterdir()}


def agrees(case: dict[str, Any], said: str) -> bool:
    """Return whether podman tried the places of the case, in order, or refused it for its reason."""
    lines = said.splitlines()
    log = "\n".join(line for line in lines if line.startswith("time="))
    refused = refused_in("\n".join(line for line in lines if not line.startswith("time=")))
    want = case["expect"]
    candidates = want.get("candidates", ())
    errors = {each["error"] for each in (want, *candidates) if "error" in each}
    places = tuple(
        (
            source["reference"],
            "blocked" if source.get("blocked") else "https http" if source["insecure"] else "https",
        )
        for each in candidates
        for source in each.get("sources", ())
    )
    return places_in(log) == places and (errors <= refused if errors else not refused)


@pytest.mark.sized
@pytest.mark.parametrize("name", [*PICKED, *LOOKUPS])
def test_the_real_podman_agrees_with_the_case(name: str, said: dict[str, str]) -> None:
    if name in ROOTLESS:
        pytest.skip(ROOTLESS[name])
    case = CASES.get(name) or LOOKUPS[name]
    assert agrees(case, said[name]) is (name not in EXPLAINED), said[name]
