"""Which member of an index fits a machine: the choice that podman makes.

Follows containers/image: the first entry of the index that fits the most wanted variant; an entry without a
variant comes last if a variant was asked for, and first if none was.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from regtools.errors import RegtoolsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

__all__ = ["Platform", "choose", "host_platform", "parse_platform"]

# Variants of an architecture from the most to the least demanding: a machine runs its own and all after it.
_VARIANTS = {"arm": ("v8", "v7", "v6", "v5"), "arm64": ("v8",)}

# uname's machine → architecture and variant in Go's words, which images use.
_MACHINES = {
    "x86_64": ("amd64", ""), "amd64": ("amd64", ""), "i386": ("386", ""), "i686": ("386", ""),
    "aarch64": ("arm64", ""), "arm64": ("arm64", ""), "armv7l": ("arm", "v7"), "armv6l": ("arm", "v6"),
    "armv5l": ("arm", "v5"), "mips64": ("mips64le", ""), "loongarch64": ("loong64", ""),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Platform:
    """Operating system, architecture and variant, as in ``linux/arm/v7``."""

    os: str
    architecture: str
    variant: str = ""

    def __str__(self) -> str:
        return "/".join(filter(None, (self.os, self.architecture, self.variant)))


def host_platform() -> Platform:
    """Give the platform of this machine; the system is Linux everywhere, since containers run in a Linux."""
    machine = os.uname().machine
    return Platform("linux", *_MACHINES.get(machine, (machine, "")))


def parse_platform(text: str) -> Platform:
    """Read ``os/architecture[/variant]``.

    >>> parse_platform("linux/arm64/v8").variant
    'v8'

    Raises:
        RegtoolsError: kind ``bad-platform``.
    """
    parts = text.split("/")
    if len(parts) not in (2, 3) or not all(re.fullmatch(r"[A-Za-z0-9._-]+", part) for part in parts):
        raise RegtoolsError(
            f"{text!r} is no platform",
            kind="bad-platform",
            stage="pull",
            hint="write it like linux/arm64 or linux/arm/v7",
        )
    return Platform(*parts)


def choose(members: Sequence[Mapping[str, Any]], wanted: Platform) -> Mapping[str, Any] | None:
    """Give the member of an index that fits ``wanted``; None if none does."""
    for variant in _variants(wanted):
        for member in members:
            given = member.get("platform") or {}
            found = (given.get("os"), given.get("architecture"), given.get("variant") or "")
            if found == (wanted.os, wanted.architecture, variant):
                return member
    return None


def _variants(wanted: Platform) -> tuple[str, ...]:
    known = _VARIANTS.get(wanted.architecture, ())
    if not wanted.variant:
        return ("", *known)
    if wanted.variant in known:
        return (*known[known.index(wanted.variant) :], "")
    return (wanted.variant, "")
