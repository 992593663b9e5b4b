"""The table of all rules: code, severity, what has to be readable, and the releases it holds for.

What podman refuses has further codes: those of the TOML reader and of
:mod:`regtools.registries.reading.validation`. They are errors, and hold for one file.
"""

from __future__ import annotations

from typing import NamedTuple

from .finding import ERROR, NOTE, WARNING

__all__ = ["RULES", "Rule", "rule"]

FILE, WHOLE, MACHINE = "file", "whole", "machine"


class Rule(NamedTuple):
    """One rule.

    Attributes:
        severity: ``error``, ``warning`` or ``note``.
        looks_at: ``file``: what can be read of one file; ``whole``: the merged files, if podman accepts
            them; ``machine``: the files that a release finds.
        since, until: first and last major release of podman.
    """

    severity: str
    looks_at: str = FILE
    since: int = 4
    until: int = 6

    def holds_for(self, podman: str) -> bool:
        """Return whether the rule holds for a release."""
        return self.since <= int(podman.partition(".")[0]) <= self.until


RULES = {
    # keys
    "aliases-no-table": Rule(WARNING),
    "case-variant": Rule(NOTE),
    "docker-key": Rule(WARNING),
    "misplaced-key": Rule(WARNING),
    "namespace-proxy": Rule(NOTE),
    "unknown-key": Rule(WARNING),
    # entries
    "bad-prefix": Rule(WARNING),
    "bad-wildcard": Rule(WARNING),
    "blocked-with-mirrors": Rule(NOTE),
    "duplicate-entry": Rule(WARNING),
    "duplicate-mirror": Rule(WARNING),
    "hub-host-prefix": Rule(WARNING),
    "insecure-not-inherited": Rule(NOTE),
    "insecure-public": Rule(NOTE),
    "library-missing": Rule(WARNING),
    "mirror-is-location": Rule(NOTE),
    "old-format": Rule(NOTE, until=5),
    "prefix-without-host": Rule(WARNING),
    "slip": Rule(WARNING),
    "tag-in-prefix": Rule(WARNING),
    "trailing-slash": Rule(NOTE),
    # search list
    "duplicate-search": Rule(NOTE),
    "search-without-dot": Rule(WARNING),
    # files over one another
    "alias-hides-search": Rule(NOTE),
    "entry-replaced": Rule(NOTE),
    "mirrors-lost": Rule(WARNING),
    "remembered-alias": Rule(NOTE),
    "search-list-replaced": Rule(NOTE),
    "settings-lost": Rule(WARNING),
    # the merged configuration
    "block-without-effect": Rule(WARNING, WHOLE),
    "enforcing-no-terminal": Rule(NOTE, WHOLE),
    "insecure-mirror": Rule(WARNING, WHOLE),
    "location-needs-library": Rule(WARNING, WHOLE),
    "location-unusable": Rule(WARNING, WHOLE),
    "port-goes-along": Rule(NOTE, WHOLE),
    "shadowed": Rule(WARNING, WHOLE),
    "whole-repository": Rule(NOTE, WHOLE),
    # files and releases
    "dangling-link": Rule(WARNING, MACHINE),
    "masked-file": Rule(NOTE, MACHINE),
    "misnamed-file": Rule(WARNING, MACHINE),
    "unread-file": Rule(WARNING, MACHINE),
    "upgrade-changes": Rule(NOTE, MACHINE),
    "upgrade-order": Rule(NOTE, MACHINE, until=5),
    "upgrade-read": Rule(NOTE, MACHINE, until=5),
    "upgrade-refused": Rule(NOTE, MACHINE),
    "upgrade-unread": Rule(NOTE, MACHINE, until=5),
}


def rule(code: str) -> Rule:
    """Return the row of a code; one that is not in the table is a refusal."""
    return RULES.get(code) or Rule(ERROR)
