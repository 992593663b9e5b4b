"""Properties that hold for any name, any prefix, any file."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from regtools import Reference, RegistriesConf, RegtoolsError
from regtools.registries.entries import best_prefix, matched, matching_prefixes
from regtools.registries.reading.document import Document
from regtools.registries.reading.releases import RELEASES
from regtools.registries.reading.schema import ENTRY, MIRROR, TOP
from tests.conftest import examples
from tests.support.nested import nested

HOSTS = st.sampled_from(["a.io", "x.a.io", "a.io.a.io", "b.io:5000", "localhost", "docker.io"])
PARTS = st.sampled_from(["a", "b", "a.io", "ab", "library"])
NAMES = st.builds(
    lambda host, parts: "/".join([host, *parts]), HOSTS, st.lists(PARTS, min_size=1, max_size=3)
)
PREFIXES = (
    NAMES
    | HOSTS
    | st.builds("*.{}".format, HOSTS | PARTS)
    | st.text("a.io/:*", max_size=8)
    | st.builds(lambda name, end: name[:end], NAMES, st.integers(0, 12))
)


def naive(prefixes: list[str], name: str) -> str | None:
    """Try every prefix: the longest wins, of equally long ones the first in byte order."""
    hits = [prefix for prefix in sorted(prefixes) if matched(prefix, name) >= 0]
    return max(hits, key=len, default=None)


@given(st.lists(PREFIXES, max_size=12), NAMES)
def test_the_index_agrees_with_trying_every_prefix(prefixes: list[str], name: str) -> None:
    # At load, podman refuses wildcards with a port or a path.
    prefixes = [p for p in prefixes if not (p.startswith("*.") and set(p) & set("/:@"))]
    best = naive(prefixes, name)
    assert best_prefix(set(prefixes), name) == best
    hits = {prefix for prefix in prefixes if matched(prefix, name) >= 0}
    assert matching_prefixes(set(prefixes), name) == sorted(hits, key=lambda p: (-len(p), p))


def test_matching_follows_podman() -> None:
    for prefix, name, end in (
        ("a.io", "a.io/x", 4),
        ("a.io", "a.io:5000/x", 4),
        ("a.io/foo", "a.io/foobar", -1),
        ("a.io/foo", "a.io/foo", 8),
        ("*.a.io", "x.y.a.io/z", 8),
        ("*.a.io", "a.io/z", -1),
        ("*.a.io", "x.a.io.a.io/y", -1),
        ("*.a.io", "b.io/x.a.io", -1),
        ("*.a.io", "x.a.io:5000/y", 6),
    ):
        assert matched(prefix, name) == end, (prefix, name)
    assert best_prefix({"*.example.com", "a.example.com"}, "a.example.com/x") == "*.example.com"
    assert best_prefix({"*.io", "a.io"}, "a.io/x") == "*.io"
    assert best_prefix({"*.io", "a.io/x"}, "a.io/x") == "a.io/x"


# -- files -----------------------------------------------------------------------------------------------

WORDS = st.sampled_from(
    ["a.io", "b.io/x", "*.a.io", "m.io/", "docker.io", "hub", "", "https://a.io", "A b", "all", "tag-only"]
)
SCALARS = (
    WORDS
    | st.booleans()
    | st.integers(-3, 3)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5)
)
VALUES = nested(SCALARS, st.text(max_size=4), depth=3)


def mostly(usual: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """The usual, and now and then anything."""
    return st.integers(0, 40).flatmap(lambda number: VALUES if number == 13 else usual)


def tables(known: dict[str, type], **values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Tables that are mostly right: known keys with fitting values, an unknown key, another case."""
    fitting = {str: WORDS, bool: st.booleans(), list: st.lists(HOSTS, max_size=3), dict: st.just({})}
    keys = {key: mostly(values.get(key.replace("-", "_"), fitting[kind])) for key, kind in known.items()}
    rare = st.integers(0, 20).flatmap(lambda n: st.fixed_dictionaries({"Blocked": WORDS} if n == 13 else {}))
    table = st.fixed_dictionaries({}, optional=keys | {"other": VALUES})
    return st.builds(lambda usual, odd: usual | odd, table, rare)


PLACES = (
    st.sampled_from(["a.io", "b.io/x", "*.a.io", "m.io/", "docker.io", "hub", "A b", "b.io:5000"]) | WORDS
)
PULLS = st.sampled_from(["", "", "", "all", "tag-only", "digest-only"])
MIRRORS = st.lists(tables(MIRROR, location=PLACES, pull_from_mirror=PULLS), max_size=2)
ENTRIES = st.lists(
    tables(ENTRY, mirror=MIRRORS, location=PLACES, prefix=PLACES, pull_from_mirror=PULLS), max_size=4
)
ALIASES = st.dictionaries(
    st.sampled_from(["app", "x", "y/z"]), st.sampled_from(["r.io/app", "", "docker.io/x", "bad"]), max_size=3
)
OLD = st.dictionaries(
    st.sampled_from(["search", "block", "Insecure"]),
    st.fixed_dictionaries({}, optional={"registries": st.lists(WORDS, max_size=2)}),
    max_size=2,
)
FILES = tables(
    TOP,
    registry=ENTRIES,
    aliases=ALIASES,
    registries=OLD,
    short_name_mode=st.sampled_from(["", "permissive", "enforcing", "disabled", "bad"]),
)


def toml(value: Any) -> str:
    """Write a value as TOML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{quoted(key)} = {toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    if isinstance(value, float):
        return repr(value) if any(sign in repr(value) for sign in ".en") else f"{value!r}.0"
    return quoted(value) if isinstance(value, str) else json.dumps(value)


def quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def text_of(data: dict[str, Any]) -> str:
    return "".join(f"{quoted(key)} = {toml(value)}\n" for key, value in data.items())


@settings(max_examples=examples(long=10_000))
@given(
    FILES,
    st.sampled_from([*RELEASES, "4.9", "5.4.2", "6.0"]),
    st.sampled_from(["app", "a.io/x", "x.a.io/y:1", "docker.io/app", "x"]),
    st.booleans(),
)
def test_any_toml_loads_and_resolves_or_is_refused_in_words(
    data: dict[str, Any], podman: str, image: str, tty: bool
) -> None:
    try:
        res = RegistriesConf.from_toml(text_of(data), podman=podman, file="f").resolve(image, tty=tty)
    except RegtoolsError as error:
        assert error.message and error.stage in ("load", "resolve")
        assert error.stage == "resolve" or error.file == "f"
        assert str(error)
        return
    json.dumps(res.to_dict())
    assert max(map(len, str(res).splitlines())) <= 100
    assert res._repr_html_()
    for candidate in res.candidates:
        assert (candidate.error is None) is (candidate.failed is None)
        assert candidate.failed or candidate.sources[-1].kind == "primary"
        assert candidate.parsed == Reference.parse(candidate.name)
        for source in candidate.sources:
            assert source.parsed == Reference.parse(source.reference)


@given(st.text() | st.text("aA0./:@_-", max_size=30))
def test_any_text_resolves_or_is_refused(image: str) -> None:
    conf = RegistriesConf.from_toml(
        'unqualified-search-registries = ["a.io"]\n[[registry]]\nlocation = "a.io"\n'
    )
    try:
        assert conf.resolve(image).sources
    except RegtoolsError as error:
        assert error.stage in ("parse", "resolve")


# -- merging ---------------------------------------------------------------------------------------------

GOOD_ENTRY = st.fixed_dictionaries(
    {"prefix": st.sampled_from(["a.io", "b.io", "*.c.io"]), "location": st.sampled_from(["x.io", "y.io"])},
    optional={
        "mirror": st.lists(st.fixed_dictionaries({"location": st.sampled_from(["m.io", "n.io"])}), max_size=2)
    },
)
GOOD_FILE = st.fixed_dictionaries(
    {},
    optional={
        "registry": st.lists(GOOD_ENTRY, max_size=3),
        "unqualified-search-registries": st.lists(st.sampled_from(["a.io", "b.io"]), max_size=2),
        "short-name-mode": st.sampled_from(["", "permissive", "enforcing", "disabled"]),
        "credential-helpers": st.lists(st.sampled_from(["pass", "x"]), max_size=2),
        "aliases": st.dictionaries(
            st.sampled_from(["a", "b"]), st.sampled_from(["", "r.io/a", "q.io/b"]), max_size=2
        ),
    },
)


def by_the_rules(files: list[dict[str, Any]]) -> tuple[dict[str, Any], dict[str, str]]:
    """Merge as the manual says, in the simplest way."""
    entries: dict[str, Any] = {}
    out: dict[str, Any] = {"search": [], "mode": "permissive", "helpers": []}
    aliases: dict[str, str] = {}
    for file in files:
        first = {entry["prefix"]: entry for entry in reversed(file.get("registry", []))}
        entries |= first
        out["search"] = file.get("unqualified-search-registries", out["search"])
        out["mode"] = file.get("short-name-mode", "") or out["mode"]
        out["helpers"] = file.get("credential-helpers", out["helpers"])
        aliases |= file.get("aliases", {})
    return {
        "registries": [
            {
                "prefix": prefix,
                "location": entry["location"],
                "insecure": False,
                "blocked": False,
                "mirror_by_digest_only": False,
                "mirrors": [
                    {"location": mirror["location"], "insecure": False} for mirror in entry.get("mirror", [])
                ],
            }
            for prefix, entry in sorted(entries.items())
        ],
        "unqualified_search_registries": out["search"],
        "short_name_mode": out["mode"],
        "credential_helpers": out["helpers"] or ["containers-auth.json"],
    }, {name: target for name, target in aliases.items() if target}


@given(st.lists(GOOD_FILE, min_size=1, max_size=4))
def test_merging_is_what_the_rules_say(files: list[dict[str, Any]]) -> None:
    dropins = {f"{number}.conf": text_of(file) for number, file in enumerate(files[1:])}
    conf = RegistriesConf.from_toml(text_of(files[0]), file="main.conf", dropins=dropins)
    config, aliases = by_the_rules(files)
    assert conf.to_dict() == config
    assert conf.aliases == aliases


@settings(max_examples=examples(long=10_000))
@given(FILES)
def test_every_entry_of_an_accepted_file_has_a_place(data: dict[str, Any]) -> None:
    try:
        document = Document.read(text_of(data), RELEASES["5"], file="f")
    except RegtoolsError:
        return
    for prefix in document.settings.entries:
        assert document.place(document.entry_path(prefix)).line
