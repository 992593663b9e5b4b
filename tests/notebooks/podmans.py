"""A pytest plugin beside nbval for another release of podman: cells of the table may differ, and then are skipped.

``REGTOOLS_PODMAN`` in the environment names the release. Every cell runs, so that those after it find what it
makes. Loaded with ``-p tests.notebooks.podmans``; ``test_podmans.py`` does so.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

CGROUP = "it reads the controllers of its own cgroup, which a container may keep from an ordinary user"
HELP = "it describes --rm in other words"
WORDS = "it refuses for the same reason in other words"
ALONE = "the practice terminal names one file, and this release then reads no drop-ins"

# Chapter and cell → the first test release that may differ from what is stored, and in what.
DIFFERENT = {
    ("02-meet-podman", "both-sides"): ("4.3", CGROUP),
    ("02-meet-podman", "no-socket"): ("4.3", CGROUP),
    ("03-first-container", "help"): ("5.4", HELP),
    ("03-first-container", "info"): ("4.3", CGROUP),
    ("07-registries-conf", "empty-real-podman"): ("6.1", WORDS),
    ("07-registries-conf", "underscore-real-podman"): ("6.1", WORDS),
    ("07-registries-conf", "dropins-real-podman"): ("6.1", ALONE),
    ("07-registries-conf", "entries-real-podman"): ("6.1", ALONE),
    ("10-broken-files-clinic", "patient-3-podman"): ("6.1", WORDS),
    ("10-broken-files-clinic", "patient-4-podman"): ("6.1", WORDS),
    ("10-broken-files-clinic", "patient-5-podman"): ("6.1", WORDS),
    # messages.md has the words of each release, and test_messages.py compares them.
    ("14-when-a-pull-fails", "tag-unknown"): ("6.1", WORDS),
    ("14-when-a-pull-fails", "platform-unknown"): ("5.4", WORDS),
    ("14-when-a-pull-fails", "plain-pull"): ("6.1", WORDS),
    ("14-when-a-pull-fails", "unknown-authority"): ("5.4", WORDS),
    ("14-when-a-pull-fails", "certs-d"): ("5.4", WORDS),
    ("14-when-a-pull-fails", "stale-login"): ("6.1", WORDS),
    ("14-when-a-pull-fails", "too-many"): ("6.1", WORDS),
}


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Skip a cell of the table that has failed."""
    outcome = yield
    cell, release = getattr(item, "cell", {}), os.environ["REGTOOLS_PODMAN"]
    since, why = DIFFERENT.get((item.path.stem, cell.get("id")), ("9", ""))
    if outcome.excinfo is not None and release >= since:
        outcome.force_exception(pytest.skip.Exception(f"podman {release}: {why}", _use_item_location=True))
