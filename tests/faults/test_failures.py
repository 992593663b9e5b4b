"""The table of failures: every kind has a row, and what a row says of podman is what podman does."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from regtools.pull.engines import log
from regtools.pull.failures import FAILURES, LEAVES, REPEATS, STOPS, cause_of
from regtools.pull.http import transport
from regtools.pull.http.transport import Limits
from regtools.pull.timing import time_pull
from regtools.registries import reasons
from regtools.registries.conf import RegistriesConf
from tests.faults.places import CASES, IMAGE, MANIFEST, Case, World, always
from tests.faults.test_podman import NAME, Row, ready, served
from tests.support import images, scripted
from tests.support.podman import RELEASES, engine

KNOWN = {case.name: case for case in CASES}
FAST = Limits(backoff_s=0.001, retries=1)
ROOT = Path(__file__).parents[2]


def for_another_machine(world: World) -> None:
    entry = images.described(
        IMAGE.manifest, images.OCI_MANIFEST, platform={"os": "linux", "architecture": "s390x"}
    )
    raw = json.dumps({"schemaVersion": 2, "mediaType": images.OCI_INDEX, "manifests": [entry]}).encode()
    world.place.script.manifests["/v2/team/small/manifests/1"] = (raw, images.OCI_INDEX)


# Wrong arguments and missing programs are raised to the caller, and "stopped" becomes what stopped the transfer.
RAISED = {
    *(
        "bad-platform",
        "bad-record",
        "engine",
        "into-not-empty",
        "platform",
        "program-missing",
        "unknown-engine",
    ),
    *("stopped", "usage"),
}


def kinds() -> set[str]:
    """Every kind with which a pull may fail: of the faults, of libcurl, of podman's words, of our own modules.

    An entry of registries.conf that makes no image's name is among them: it was told as a fault of regtools.
    """
    found = {kind for case in CASES for kind in (case.alone, case.row, case.beside) if kind}
    found |= {trouble.kind for trouble in transport._TROUBLES.values()}
    found |= {kind for _, kind in log._KINDS} - {"http"}
    found |= reasons._FAULTS.keys()
    said = re.compile(r'(?:pull_error\(\s*|(?:Trouble\(|return|=) )"([a-z]+(?:-[a-z]+)*)", ')
    for path in (ROOT / "regtools" / "pull").rglob("*.py"):
        found |= set(said.findall(path.read_text("utf-8")))
    return (found - RAISED) | {"engine", "http-502", "http-418"}


@pytest.mark.parametrize("kind", sorted(kinds()))
def test_every_kind_of_failure_has_a_row(kind: str) -> None:
    assert kind == "unforeseen" or cause_of(kind) is not FAILURES["unforeseen"]


@pytest.mark.parametrize("kind", FAILURES)
def test_a_row_is_whole_and_plain(kind: str) -> None:
    row = FAILURES[kind]
    assert all(text and text == text.strip() and not text.endswith(".") for text in row)
    if row.see.endswith(".ipynb"):
        assert (ROOT / "notebooks" / row.see).exists()
    else:
        assert re.fullmatch(r"[a-z.-]+\(\d\)", row.see)


def test_the_table_is_not_loaded_before_something_fails() -> None:
    code = (
        "import sys, regtools.cli.time; from tests.support.scripted import Server; from tests.support import images;"
        "from tests.support.confs import leading_to; from regtools.pull.timing import time_pull\n"
        "with Server() as server:\n"
        "    server.script.put('team/small', '1', images.image(1000, seed=1))\n"
        "    print(time_pull(f'{server.host}/team/small:1', leading_to(server.host)), file=sys.stderr)\n"
        "print('regtools.pull.failures' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert (done.stdout, done.returncode) == ("False\n", 0), done.stderr


# Kind → the fault that podman meets. What the row says first is compared with what podman does.
MET = {
    **{kind: KNOWN[name] for kind, name in (
        ("connect", "refused"), ("dns", "dns"), ("tls", "plain HTTP"), ("plain-http", "plain HTTP that answers"),
        ("certificate", "certificate: self-signed"), ("http-401", "401 with Basic"), ("http-403", "403"),
        ("http-404", "404"), ("http-500", "500"), ("not-a-registry", "a page for a manifest"),
        ("auth", "token service talking nonsense"), ("too-large", "too large"), ("bad-manifest", "not JSON"),
        ("unsupported-manifest", "schema 1"),
    )},
    "http-418": always("418", MANIFEST, scripted.status(418), "http-418"),
    "cut": always("cut", MANIFEST, scripted.cut(10), "cut"),
    "no-platform": Case("no platform", (), "no-platform", set_up=for_another_machine),
    "redirect-loop": always("loop", MANIFEST, scripted.redirect("/v2/team/small/manifests/1"), "redirect-loop"),
}  # fmt: skip
VISIBLE = set(MET) - {
    "connect",
    "dns",
    "tls",
    "plain-http",
    "certificate",
}  # the others send no request that we see
QUICK = ("not-a-registry", "auth")


def met() -> Iterator[object]:
    for kind in MET:
        for release in RELEASES:
            quick = kind in QUICK and release == "6.1"
            yield pytest.param(
                kind, release, marks=[] if quick else [pytest.mark.long], id=f"{kind}-{release}"
            )


@pytest.mark.needs("podman", "openssl")
@pytest.mark.parametrize(("kind", "release"), list(met()))
def test_podman_does_what_the_row_says(kind: str, release: str, tmp_path: Path) -> None:
    row, tools = Row(MET[kind], "", ""), cause_of(kind).tools
    with ready(row, tmp_path, alone=False) as (_, good, text), engine(release) as real:
        real.configure(text)
        by = served(real.podman("pull", "-q", NAME, check=False).returncode == 0, good)
        ours = time_pull(
            NAME, RegistriesConf.from_toml(text, podman=release[0]), limits=FAST, platform="linux/amd64"
        )
    assert by == ("nobody" if tools.startswith(STOPS) else "good")
    assert ours.ok == (by == "good")
    if kind in VISIBLE:
        with ready(row, tmp_path, alone=True) as (world, _, text), engine(release) as real:
            real.configure(text)
            assert real.podman("pull", "-q", NAME, check=False).returncode
            pings = len([each for each in world.place.script.seen if each.path == "/v2/"])
        assert pings == (4 if tools.startswith(REPEATS) else 1)
        assert tools.startswith((LEAVES, STOPS))


@pytest.mark.needs("podman", "openssl", "skopeo")
@pytest.mark.parametrize(("kind", "release"), list(met()))
def test_skopeo_does_what_the_row_says(kind: str, release: str, tmp_path: Path) -> None:
    row, tools = Row(MET[kind], "", ""), cause_of(kind).tools
    with ready(row, tmp_path, alone=False) as (_, good, text), engine(release) as real:
        real.configure(text)
        done = real.skopeo("copy", f"docker://{NAME}", f"dir:{real.inside / 'copy'}", check=False)
        by = served(done.returncode == 0, good)
    assert by == ("nobody" if tools.startswith(STOPS) else "good"), done.stderr
    if kind in VISIBLE:
        with ready(row, tmp_path, alone=True) as (world, _, text), engine(release) as real:
            real.configure(text)
            assert real.skopeo(
                "copy", f"docker://{NAME}", f"dir:{real.inside / 'copy'}", check=False
            ).returncode
            pings = len([each for each in world.place.script.seen if each.path == "/v2/"])
        assert pings == 1  # skopeo repeats nothing
