"""``namespace-proxy``: podman 6.1 and ours ask a recording registry for the same paths and queries.

Without a podman 6.1 among the test releases the comparison is skipped; what it found is held by the table.
"""

from __future__ import annotations

import itertools
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from regtools import RegistriesConf, RegtoolsError, time_pull
from tests.support import images
from tests.support.podman import RELEASES, engine
from tests.support.scripted import Server

if TYPE_CHECKING:
    from collections.abc import Iterator

NEEDED = "6.1"
# namespace of the mirror and of the registry, whether the mirror has the image, whether it wants a token
CASES = [
    ("docker.io", "r.test", True, False),
    ("docker.io", "r.test", True, True),
    ("docker.io", "r.test", False, False),
    ("docker.io", "", False, True),
    ("", "r.test", True, False),
    ("a b&c=é/x?~*'()+%20", "", True, False),
]
QUERIES = [
    "ns=docker.io",
    "ns=docker.io",
    "ns=r.test",
    "",
    "",
    "ns=a+b%26c%3D%C3%A9%2Fx%3F~%2A%27%28%29%2B%2520",
]


@pytest.fixture
def servers() -> Iterator[tuple[Server, Server]]:
    with Server() as mirror, Server() as origin:
        yield mirror, origin


def _conf(mirror: Server, origin: Server, namespaces: tuple[str, str]) -> str:
    return (
        f'[[registry]]\nprefix = "r.test"\nlocation = "{origin.host}"\ninsecure = true\n'
        f'namespace-proxy = "{namespaces[1]}"\n'
        f'[[registry.mirror]]\nlocation = "{mirror.host}"\ninsecure = true\n'
        f'namespace-proxy = "{namespaces[0]}"\n'
    )


def _prepare(mirror: Server, origin: Server, *, mirrored: bool, token: bool) -> None:
    made = images.image(3000, 4000)
    index = images.index((made, {"os": "linux", "architecture": "amd64"})), images.OCI_INDEX
    for server in (mirror, origin):
        server.script.put("team/app", "1", made)
        server.script.manifests["/v2/team/app/manifests/1"] = index
    if not mirrored:
        del mirror.script.manifests["/v2/team/app/manifests/1"]
    mirror.script.token = "secret" if token else None
    mirror.script.token_answer = b'{"token": "secret"}'


def _asked(*servers: Server) -> list[list[str]]:
    """Return what each was asked for, and forget it; blobs come in parallel, so their order does not count."""
    paths = [[seen.path for seen in server.script.seen if "/token" not in seen.path] for server in servers]
    for server in servers:
        server.script.seen.clear()
    return [sorted(dict.fromkeys(each)) for each in paths]


@pytest.mark.parametrize(("case", "query"), [*zip(CASES, QUERIES, strict=True)])
def test_ours_sends_the_namespace_with_manifests_and_blobs_only(
    case: tuple[str, str, bool, bool], query: str, servers: tuple[Server, Server]
) -> None:
    mirror, origin = servers
    _prepare(mirror, origin, mirrored=case[2], token=case[3])
    conf = RegistriesConf.from_toml(_conf(mirror, origin, case[:2]), podman="6.1.1")
    assert time_pull("r.test/team/app:1", conf, platform="linux/amd64").ok
    asked = (mirror if case[2] else origin).script.paths("/v2/team")
    assert {path.partition("?")[2] for path in asked} == {query}
    assert len(asked) == 5
    for path in itertools.chain(mirror.script.paths(), origin.script.paths()):
        assert "/v2/team" in path or "ns=" not in path


def test_older_releases_send_none(servers: tuple[Server, Server]) -> None:
    _prepare(*servers, mirrored=True, token=False)
    conf = RegistriesConf.from_toml(_conf(*servers, ("docker.io", "r.test")), podman="6.0")
    assert time_pull("r.test/team/app:1", conf, platform="linux/amd64").ok
    assert "ns=" not in "".join(servers[0].script.paths())


def test_podman_and_ours_ask_for_the_same(servers: tuple[Server, Server]) -> None:
    if NEEDED not in RELEASES:
        pytest.skip(f"needs podman {NEEDED}, which is not among the test releases")
    mirror, origin = servers
    with ExitStack() as stack:
        real = stack.enter_context(engine(NEEDED))
        for mirror_ns, origin_ns, mirrored, token in CASES:
            _prepare(mirror, origin, mirrored=mirrored, token=token)
            text = _conf(mirror, origin, (mirror_ns, origin_ns))
            real.configure(text)
            real.forget()
            real.podman("pull", "--quiet", "r.test/team/app:1")
            theirs = _asked(mirror, origin)
            assert time_pull("r.test/team/app:1", RegistriesConf.from_toml(text)).ok
            assert _asked(mirror, origin) == theirs, (mirror_ns, origin_ns)
        bad = _conf(mirror, origin, ("", "")).replace('proxy = ""', "proxy = 1", 1)
        real.configure(bad)
        done = real.podman("pull", "--quiet", "r.test/team/app:1", check=False)
    assert done.returncode and "namespace-proxy" in done.stderr
    with pytest.raises(RegtoolsError, match="namespace-proxy") as error:
        RegistriesConf.from_toml(bad)
    assert (error.value.line, error.value.column) == (5, 19)
