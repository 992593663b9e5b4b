"""One testbed for the tests that only ask it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from regtools.testbed import Link, Payload, Testbed


@pytest.fixture(scope="session")
def bed() -> Iterator[Testbed]:
    images = {"many-tags": Payload((3000,), tags=("v1", "v10", "v2", "latest", "Beta"))}
    with Testbed({"near": Link(), "far": Link(rtt_ms=40, mbit=50)}, images=images) as bed:
        yield bed
