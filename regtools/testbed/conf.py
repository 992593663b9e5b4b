"""The names that the testbed uses, and the registries.conf that gives them a meaning.

Images are called ``origin.test/hello``, never ``localhost:40123/hello``: a name that stays the same from
run to run, while the ports change, can stand in a notebook, and resolving it is the lesson. The top-level
domain ``test`` is reserved (RFC 6761, section 6.2): no such host can exist, so that a forgotten
registries.conf ends in "no such host" and never at somebody's registry.

podman and ``skopeo copy`` follow it. ``skopeo inspect`` does so for the image, but asks the host of the
name itself for the list of tags: use ``--no-tags``, or a place's own address
(``docker://127.0.0.1:PORT/hello``).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from regtools.errors import RegtoolsError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["NAME", "ORIGIN", "check_name", "registries_conf"]

NAME = "origin.test"  # the registry in the images' names
ORIGIN = "origin"  # the place that this registry is
COMPONENT = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*")  # OCI distribution specification 1.1


def registries_conf(location: str, mirrors: Mapping[str, str]) -> str:
    """Write a registries.conf for the testbed's images (containers-registries.conf(5), version 2).

    Args:
        location: the ``host:port`` that comes last.
        mirrors: name → ``host:port``, tried first and in this order; the name becomes a comment.

    >>> print(registries_conf("127.0.0.1:5001", {"near": "127.0.0.1:5002"}))
    # Leads origin.test to the testbed of regtools, for as long as it runs.
    unqualified-search-registries = []
    <BLANKLINE>
    [[registry]]
    prefix = "origin.test"
    location = "127.0.0.1:5001"
    insecure = true
    <BLANKLINE>
    [[registry.mirror]]  # near
    location = "127.0.0.1:5002"
    insecure = true
    <BLANKLINE>
    """
    head = (
        f"# Leads {NAME} to the testbed of regtools, for as long as it runs.\n"
        "unqualified-search-registries = []\n\n"
        f'[[registry]]\nprefix = "{NAME}"\nlocation = "{location}"\ninsecure = true\n'
    )
    tables = (
        f'\n[[registry.mirror]]  # {name}\nlocation = "{address}"\ninsecure = true\n'
        for name, address in mirrors.items()
    )
    return head + "".join(tables)


def check_name(name: str, what: str) -> None:
    """Make sure that a mirror's or an image's name is one.

    Raises:
        RegtoolsError: it is no component of a repository's name, or it is the origin's.
    """
    if not COMPONENT.fullmatch(name) or len(name) > 100:
        raise RegtoolsError(
            f"{name!r} cannot be the name of {'an' if what == 'image' else 'a'} {what}",
            kind="bad-testbed",
            stage="load",
            hint="use lower-case letters and digits, with '.', '_' or '-' between them",
        )
    if what == "mirror" and name == ORIGIN:
        raise RegtoolsError(
            f"{ORIGIN!r} cannot be the name of a mirror: it is the registry behind them",
            kind="bad-testbed",
            stage="load",
            hint="call it something else, or give Testbed(origin=Link(...)) to slow the origin down",
        )
