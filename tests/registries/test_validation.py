"""What podman refuses in a file: the right kind, the right place, and words that say what to do."""

from __future__ import annotations

import pytest

from regtools import RegistriesConf, RegtoolsError, TomlError
from regtools.registries.reading.document import Document
from regtools.registries.reading.releases import RELEASES, release
from regtools.registries.reading.validation import Checked, check
from regtools.registries.writing import effective_toml

# text → kind, line, column, and a part of the hint
REFUSED = {
    '[[registry]]\nlocation = "https://a.test/"\n': ("scheme-not-allowed", 2, 12, '"a.test"'),
    '[[registry]]\nlocation = "http://a.test"\n': ("scheme-not-allowed", 2, 12, "insecure = true"),
    '[[registry]]\nprefix = "https://a.test"\nlocation = "a.test"\n': ("scheme-not-allowed", 2, 10, '"a.test"'),
    "x = 1\n[[registry]]\n": ("location-and-prefix-unset", 2, 1, "location ="),
    '[[registry]]\nprefix = "a.test"\n': ("location-unset", 1, 1, 'location = "a.test"'),
    '[[registry]]\nlocation = "a.test"\n[[registry.mirror]]\n': ("mirror-location-unset", 3, 1, "location ="),
    '[[registry]]\nlocation = "a.test"\npull-from-mirror = "all"\n': ("pull-from-mirror-on-registry", 3, 1, "mirror"),
    '[[registry]]\nlocation = "a.test"\n[[registry.mirror]]\nlocation = "m.test"\npull-from-mirror = "Tag-only"\n': (
        "pull-from-mirror-value",
        5,
        20,
        '"tag-only"',
    ),
    '[[registry]]\nlocation = "a.test"\nmirror-by-digest-only = true\n[[registry.mirror]]\nlocation = "m.test"\n'
    'pull-from-mirror = "all"\n': ("pull-from-mirror-conflict", 6, 20, "keep one"),
    '[[registry]]\nlocation = "a.test"\n[[registry]]\nlocation = "a.test"\nblocked = true\n': (
        "conflicting-blocked",
        5,
        11,
        "same value",
    ),
    'unqualified-search-registries = ["a.test", "b.test/x"]\n': ("bad-search-registry", 1, 44, '"b.test"'),
    'unqualified-search-registries = [\n"http://a.test"]\n': ("scheme-not-allowed", 2, 1, '"a.test"'),
    'short-name-mode = "Enforcing"\n': ("bad-short-name-mode", 1, 19, '"enforcing"'),
    '[[registry]]\nlocation = "x.test"\nprefix = "*.a.test:5000"\n': ("bad-wildcard-prefix", 3, 10, '"*.a.test"'),
    '[[registry]]\nlocation = "*.a.test/x"\n': ("bad-wildcard-prefix", 2, 12, '"*.a.test"'),
    '[aliases]\na = "r.test/a"\nb = "team/b"\n': ("bad-alias", 3, 1, "docker.io/team/b"),
    '[aliases]\nb = "r.test/b:1"\n': ("bad-alias", 2, 1, '"r.test/b"'),
    '[aliases]\nmy.app = "r.test/app"\n': ("type-mismatch", 2, 1, '"my.app"'),
    '[aliases]\na = "r.test/a"\nshort-name-mode = true\n': ("type-mismatch", 3, 19, "above the first"),
    '[[registry]]\nlocation = "a.test"\ninsecure = "true"\n': ("type-mismatch", 3, 12, "insecure = true"),
    '[[registry]]\nlocation = "a.test"\nblocked = 1\n': ("type-mismatch", 3, 11, "blocked = true"),
    "[[registry]]\nlocation = 5000\n": ("type-mismatch", 2, 12, '"5000"'),
    'unqualified-search-registries = "a.test"\n': ("type-mismatch", 1, 33, '["a.test"]'),
    'unqualified-search-registries = ["a.test", 5]\n': ("type-mismatch", 1, 44, ""),
    '[registry]\nlocation = "a.test"\n': ("type-mismatch", 1, 1, "[[registry]]"),
    '[[registry]]\nlocation = "a.test"\n[registry.mirror]\nlocation = "m.test"\n': ("type-mismatch", 3, 1, "[[registry.mirror]]"),
    '[[registry]]\nlocation = "a.test"\nmirror = ["m.test"]\n': ("type-mismatch", 3, 10, "[[registry.mirror]]"),
    'registry = ["a.test"]\n': ("type-mismatch", 1, 12, "[[registry]]"),
    'registries = [{search = "x"}]\n': ("type-mismatch", 1, 14, ""),
    "[[registries]]\n": ("type-mismatch", 1, 1, ""),
    '[registries]\nsearch = ["a.test"]\n': ("type-mismatch", 2, 10, "registries = [...]"),
    '[registries.search]\nregistries = "a.test"\n': ("type-mismatch", 2, 14, ""),
    'location = 1\n[registries.block]\nregistries = []\n': ("v1-format", 2, 1, "blocked = true"),
    '[[registry]]\nLocation = "a.test"\nlocation = "b.test"\n': ("ambiguous-key", 3, 1, "location"),
    'Short-Name-Mode = ""\nshort-name-mode = ""\n': ("ambiguous-key", 2, 1, "short-name-mode"),
    '[[Registry]]\nLOCATION = "https://a.test"\n': ("scheme-not-allowed", 2, 12, '"a.test"'),
}  # fmt: skip


@pytest.mark.parametrize("text", REFUSED)
def test_refused(text: str) -> None:
    kind, line, column, hint = REFUSED[text]
    with pytest.raises(RegtoolsError) as caught:
        RegistriesConf.from_toml(text, file="registries.conf")
    error = caught.value
    assert (error.kind, error.stage) == (kind, "load")
    assert (error.file, error.line, error.column) == ("registries.conf", line, column)
    assert hint in (error.hint or "")
    assert error.source_line == text.splitlines()[line - 1]


@pytest.mark.parametrize("text", REFUSED)
def test_messages_are_for_people(text: str) -> None:
    with pytest.raises(RegtoolsError) as caught:
        RegistriesConf.from_toml(text)
    shown = str(caught.value)
    for word in ("[]string", "struct", "map[", "bool ", " int ", "unmarshal", "NoneType", "v1 ", "V1", "v2 "):
        assert word not in shown.partition("[v1-format]")[0]
    if "version 1" in shown:
        assert "file format" in shown


ORDER = [
    # each pair: the first is reported, although the second stands above it in the file
    ('x = "\n', "toml-syntax"),
    ("[[registry]]\nlocation = 5\n", "type-mismatch"),
    ('[registries.search]\nregistries = ["a.test"]\n', "v1-format"),
    ('[[registry]]\nlocation = "https://a.test"\n', "scheme-not-allowed"),
    (
        '[[registry]]\nlocation = "c.test"\n[[registry]]\nlocation = "c.test"\ninsecure = true\n',
        "conflicting-insecure",
    ),
    ("", "bad-search-registry"),
]


def test_the_first_check_that_fails_is_reported() -> None:
    """Everything wrong at once, and then one thing less each time."""
    top = 'short-name-mode = "bad"\nunqualified-search-registries = [""]\n'
    last = '[[registry]]\nprefix = "*.a/b"\n[aliases]\nA = "b"\n'
    for index in range(len(ORDER)):
        text = top + last + "".join(part for part, _ in reversed(ORDER[index:]))
        if index < 2:  # types and syntax are looked at before anything else, wherever they stand
            text = top + "".join(part for part, _ in reversed(ORDER[index:])) + last
        with pytest.raises(RegtoolsError) as caught:
            RegistriesConf.from_toml(text)
        assert caught.value.kind == ORDER[index][1]
    for text, kind in (
        (top.replace('[""]', "[]") + last, "bad-short-name-mode"),
        (last, "bad-wildcard-prefix"),
        ('[aliases]\nA = "b"\n', "bad-alias"),
    ):
        with pytest.raises(RegtoolsError) as caught:
            RegistriesConf.from_toml(text)
        assert caught.value.kind == kind


def test_all_problems_can_be_had_at_once() -> None:
    data = {
        "short-name-mode": "x",
        "unqualified-search-registries": ["", "http://a.test"],
        "registry": [{"location": 1}, {"prefix": "b.test"}, {"location": "c.test", "mirror": [{}]}],
        "aliases": {"A": "b", "c": "d"},
    }
    problems = list(check(data, Checked(), RELEASES["6"], dropin=False))
    assert [problem.kind for problem in problems] == [
        "type-mismatch",
        "location-and-prefix-unset",
        "location-unset",
        "mirror-location-unset",
        "bad-search-registry",
        "scheme-not-allowed",
        "bad-short-name-mode",
        "bad-alias",
    ]
    assert "2 bad aliases" in problems[-1].message


ACCEPTED = [
    'aliases = "x"\n',
    "[[aliases]]\na = 1\n",
    'Unknown = 1\n[[registry]]\nlocation = "a.test"\nfoo = 2020-01-01\n[other.table]\nx = [1, {y = 2}]\n',
    "[registries]\nfoo = 1\n[registries.search]\n",
    '[[registry]]\nprefix = "a.*.example"\nlocation = "*example"\n',
    'registry = [{location = "a.test", mirror = [{location = "m.test"}]}]\n',
    '[[registry]]\nprefix = ""\nlocation = "a b [::1]"\n',
    '[aliases]\n"my.name" = "docker.io/x"\n"ns/app" = "localhost/y"\nhost = "h:5/z"\n',
]


@pytest.mark.parametrize("podman", RELEASES)
@pytest.mark.parametrize("text", ACCEPTED)
def test_accepted(text: str, podman: str) -> None:
    RegistriesConf.from_toml(text, podman=podman)


def test_one_conflict_names_the_other_entry() -> None:
    text = '[[registry]]\nprefix = "x.test"\nlocation = "a.test"\ninsecure = true\n[[registry]]\nlocation = "a.test"\n'
    with pytest.raises(RegtoolsError) as caught:
        RegistriesConf.from_toml(text)
    assert [related.line for related in caught.value.related] == [1]


def test_numbers_of_unknown_keys_are_checked_as_podman_does() -> None:
    for text, code in (
        ("x = 99999999999999999999\n", "integer-range"),
        ("[[registry]]\nlocation = 1e400\n", "float-range"),
        ("x = " + "[" * 300 + "]" * 300 + "\n", "too-deep"),
    ):
        with pytest.raises(TomlError) as caught:
            RegistriesConf.from_toml(text)
        assert caught.value.code == code


def test_releases_differ_where_the_table_says() -> None:
    escape = '[[registry]]\nlocation = "a\\x2etest"\n'
    assert RegistriesConf.from_toml(escape, podman="6").registries[0].location == "a.test"
    for podman in ("4", "5"):
        with pytest.raises(TomlError, match=r"TOML 1\.1"):
            RegistriesConf.from_toml(escape, podman=podman)
    with pytest.raises(RegtoolsError) as caught:
        RegistriesConf.from_toml("", podman="7")
    assert caught.value.kind == "unknown-release"
    twice = 'unqualified-search-registries = ["a.test"]\nunqualified-search-registries = ["b.test"]\n'
    with pytest.raises(TomlError) as refused:
        RegistriesConf.from_toml(twice, podman="5")
    assert "podman 5 would silently take the last" in (refused.value.hint or "")


@pytest.mark.parametrize(
    "podman", ["", "7", "six", "6.x", "6.", ".6", "6.0-dev", "٦", "06", "3.4", "10.0", " 6"]
)
def test_a_release_that_is_none_is_refused_with_what_is_accepted(podman: str) -> None:
    with pytest.raises(RegtoolsError) as caught:
        RegistriesConf.from_toml("", podman=podman)
    assert (caught.value.kind, caught.value.stage) == ("unknown-release", "load")
    assert "4, 5, 6 or a full number such as 5.4.2" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("podman", "like", "lacks"),
    [
        ("4.3.1", "4", set()),
        ("4.9", "4", set()),
        ("5.4.2", "5", {"trims_mirrors"}),
        ("5.6", "5", set()),
        ("5.10.1", "5", set()),
        ("6.0", "6", {"blobs_move_on", "knows_namespaces"}),
        ("6.0.9", "6", {"blobs_move_on", "knows_namespaces"}),
        ("6.1.1", "6", set()),
        ("6.10", "6", set()),
    ],
)
def test_a_full_number_has_the_rules_of_that_release(podman: str, like: str, lacks: set[str]) -> None:
    one, bare = release(podman), RELEASES[like]
    assert one == bare._replace(name=podman, version=podman, **dict.fromkeys(lacks, False))
    assert RegistriesConf.from_toml("", podman=podman).podman == podman
    assert (one.name in "456") == (podman in "456")


def test_a_namespace_is_text_and_counts_from_6_1_on() -> None:
    text = '[[registry]]\nlocation = "a.test"\nNamespace-Proxy = "x.test"\n[[registry.mirror]]\nlocation = "m.test"\n'
    new = RegistriesConf.from_toml(text + 'namespace-proxy = "y.test"\n')
    assert [source.namespace_proxy for source in new.resolve("a.test/x").sources] == ["y.test", "x.test"]
    assert new.resolve("a.test/x").to_dict() == RegistriesConf.from_toml(text).resolve("a.test/x").to_dict()
    assert RegistriesConf.from_toml(effective_toml(new)).registries == new.registries
    assert "?ns=y.test" in str(new.resolve("a.test/x"))
    for podman in ("4", "5", "6.0"):
        old = RegistriesConf.from_toml(text + 'namespace-proxy = "y.test"\n', podman=podman)
        assert [source.namespace_proxy for source in old.resolve("a.test/x").sources] == ["", ""]
        assert 'namespace-proxy = "y.test"' in effective_toml(old)
        RegistriesConf.from_toml(text + "namespace-proxy = 1\n", podman=podman).resolve("a.test/x")
    for wrong in ("1", "true", '["a"]', "{}", "1979-05-27"):
        with pytest.raises(RegtoolsError) as caught:
            RegistriesConf.from_toml(text + f"namespace-proxy = {wrong}\n")
        error = caught.value
        assert (error.kind, error.line, error.column) == ("type-mismatch", 6, 19)


MIXES = [
    # (new setting, old list) → is it a mixed file for podman 5, for podman 4?
    ('unqualified-search-registries = ["a.test"]', '["b.test"]', True, True),
    ("unqualified-search-registries = []", '["b.test"]', True, False),
    ('unqualified-search-registries = ["a.test"]', "[]", True, False),
    ('short-name-mode = ""', '["b.test"]', False, False),
    ('short-name-mode = "disabled"', '["b.test"]', True, True),
    ("aliases = {}", '["b.test"]', True, False),
    ("unknown = 1", '["b.test"]', False, False),
]


@pytest.mark.parametrize(("new", "old", "five", "four"), MIXES)
def test_files_in_both_formats(new: str, old: str, five: bool, four: bool) -> None:
    text = f"{new}\n[registries.search]\nregistries = {old}\n"
    for podman, mixed in (("5", five), ("4", four)):
        if mixed:
            with pytest.raises(RegtoolsError) as caught:
                RegistriesConf.from_toml(text, podman=podman)
            assert caught.value.kind == "mixed-v1-v2"
            assert "file format" in caught.value.message
        else:
            RegistriesConf.from_toml(text, podman=podman)


def test_positions_of_a_converted_file() -> None:
    text = '[registries.insecure]\nregistries = ["a.test", "b.test/"]\n'
    conf = RegistriesConf.from_toml(text, podman="5", file="f")
    assert str(conf.place("b.test", "insecure")) == "f:2:25"
    assert conf.resolve("b.test/x").sources[0].insecure


def test_positions_are_found_in_any_case_of_the_keys() -> None:
    document = Document.read('[Aliases]\napp = "r.test/a"\nApp = ""\n'.replace("App", '"ap"'), RELEASES["6"])
    assert document.place(("aliases", "app")).line == 2
    assert document.place(("aliases", "ap"), at_key=True).line == 3
    assert document.place(("nowhere",)).line is None
