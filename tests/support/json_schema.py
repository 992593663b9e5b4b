"""The JSON Schema of registries.conf, made from the tables of keys and of findings.

``python -m tests.support.json_schema`` writes it to ``regtools/registries/registries.schema.json``, where editors find
it in the installed package; a test compares. Podman compares keys without regard to case, so keys are patterns.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from regtools.registries.checks import rules
from regtools.registries.reading.schema import ENTRY, LAYER_HELPER, MIRROR, NAMESPACE, OLD_LISTS, TOP
from regtools.registries.reading.validation import MODES, PULL_FROM_MIRROR
from tests.conftest import ROOT

FILE = ROOT / "regtools" / "registries" / "registries.schema.json"
_FOLDED = {"s": "[sS\u017f]", "k": "[kK\u212a]"}  # the long s and the Kelvin sign are folded, too
_LABEL = "[A-Za-z0-9]+(-+[A-Za-z0-9]+)*"
_HOST = rf"^{_LABEL}(\.{_LABEL})*(:[0-9]+)?/*$"
_ADDRESS = {"type": "string", "pattern": "^(?!https?://)"}
_TARGET = {"type": "string", "pattern": "^$|[.:]|^localhost/"}  # it names a registry
_TEXTS = {"type": "array", "items": {"type": "string"}}
_TYPES = {str: "string", bool: "boolean", list: "array", dict: "object"}

# Key → what it means. What may be wrong with it is told by the findings named in the second table.
MEANS = {
    "registry": "One table [[registry]] for each registry or part of it.",
    "unqualified-search-registries": "Hosts that are asked for a short name such as nginx, in order.",
    "short-name-mode": "Whether podman asks which registry a short name means: "
    "enforcing, permissive (only on a terminal) or disabled.",
    "aliases": "Short name = host/path, without tag.",
    "credential-helpers": "Programs docker-credential-NAME that are asked for logins, in order; "
    "containers-auth.json stands for the auth files.",
    LAYER_HELPER: "Program that gives logins to an additional layer store; from podman 5 on.",
    "prefix": "What the names that the entry governs begin with; without it, the location.",
    "location": "HOST[:PORT][/PATH] that the prefix is replaced by.",
    "insecure": "Whether plain HTTP and certificates that cannot be verified are accepted.",
    "blocked": "Whether pulls from the location are refused.",
    "mirror-by-digest-only": "Whether mirrors are used for names with a digest only.",
    "mirror": "One table [[registry.mirror]] for each place that is tried before the location, in order.",
    "pull-from-mirror": "Names that the mirror is used for: all, digest-only or tag-only.",
    NAMESPACE: "Registry that the place is asked for with ?ns=; from podman 6.1 on.",
}
TOLD = {
    "unqualified-search-registries": "bad-search-registry",
    "short-name-mode": "bad-short-name-mode",
    "aliases": "bad-alias",
    "credential-helpers": "helper-missing",
    "prefix": "bad-prefix",
    "location": "scheme-not-allowed",
    "insecure": "insecure-not-inherited",
    "blocked": "block-without-effect",
    "mirror-by-digest-only": "pull-from-mirror-conflict",
    "mirror": "mirror-location-unset",
    "pull-from-mirror": "pull-from-mirror-on-registry",
}


def pattern(key: str) -> str:
    """Return the pattern of a key in any case."""
    return f"^{''.join(_FOLDED.get(c, f'[{c}{c.upper()}]' if c.isalpha() else c) for c in key)}$"


def table(keys: Mapping[str, type], shapes: Mapping[str, Any], *needed: str) -> dict[str, Any]:
    """Return the schema of a table with known keys, at least one of the ``needed``."""
    properties = {}
    for key, kind in keys.items():
        told = rules()[TOLD[key]].fix if key in TOLD else ""
        shape = shapes.get(key, {"type": _TYPES[kind]})
        properties[pattern(key)] = {**shape, "description": f"{MEANS.get(key, '')} {told}".strip()}
    made = {"type": "object", "patternProperties": properties, "additionalProperties": False}
    missing = {"propertyNames": {"not": {"pattern": "|".join(map(pattern, needed))}}}
    return {**made, "not": missing} if needed else made


def schema() -> dict[str, Any]:
    """Return the schema, for the newest podman."""
    pulls = {"enum": [*PULL_FROM_MIRROR, ""]}
    mirror = table(
        MIRROR,
        {"location": {**_ADDRESS, "pattern": "^(?!https?://)/*[^/]"}, "pull-from-mirror": pulls},
        "location",
    )
    own = {"location": _ADDRESS, "prefix": _ADDRESS, "pull-from-mirror": {"enum": [""]}}
    entry = table(ENTRY, {**own, "mirror": {"type": "array", "items": mirror}}, "location", "prefix")
    old = rules()["v1-format"]
    shapes = {
        "registry": {"type": "array", "items": entry},
        "unqualified-search-registries": {"type": "array", "items": {"type": "string", "pattern": _HOST}},
        "short-name-mode": {"enum": [*MODES, ""]},
        "aliases": {"type": "object", "additionalProperties": _TARGET},
        "credential-helpers": _TEXTS,
    }
    refused = {"not": {}, "description": f"{old.what} {old.fix}"}
    list_of_old = table({"registries": list}, {"registries": refused})
    shapes["registries"] = table(OLD_LISTS, dict.fromkeys(OLD_LISTS, list_of_old))
    made = table(TOP, shapes)
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "registries.conf of podman, buildah, skopeo and CRI-O",
        "description": "Made from regtools' tables of keys and findings; `regtools check` finds more.",
        **made,
    }


def text() -> str:
    return json.dumps(schema(), indent=1) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
