"""Odd manifests: what podman does with them is what ``tests/pull/test_manifests.py`` says of it."""

from __future__ import annotations

import pytest

from tests.pull.test_manifests import MADE, ODD
from tests.support.podman import engine
from tests.support.scripted import Server

pytestmark = pytest.mark.needs("podman")


def test_podman_takes_and_refuses_what_the_table_says() -> None:
    with Server() as server, engine("4.3") as real:
        real.configure(f'[[registry]]\nlocation = "{server.host}"\ninsecure = true\n')
        server.script.put("team/odd", "right", MADE)
        found = {}
        for number, (name, (raw, _)) in enumerate(ODD.items()):
            server.script.manifests[f"/v2/team/odd/manifests/t{number}"] = (raw, MADE.media_type)
            done = real.podman("pull", "--quiet", f"{server.host}/team/odd:t{number}", check=False)
            # The layers are no archives: a manifest that podman takes fails only when it unpacks them.
            refused = "initializing image from source" in done.stderr
            found[name] = not refused
    assert found == {name: taken for name, (_, taken) in ODD.items()}
