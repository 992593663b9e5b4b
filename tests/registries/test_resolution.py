"""What a resolution says beyond its sources: reasons with places, what was not used, and its looks."""

from __future__ import annotations

import html
import pickle
import re

import pytest

from regtools import RegistriesConf, RegtoolsError
from regtools.registries.advice import advice
from regtools.registries.elsewhere import meanings
from regtools.registries.entries import Mirror, Registry
from regtools.registries.resolution import answer
from regtools.registries.writing import document_toml, effective_toml
from regtools.toml.reader import parse

SHA = "sha256:" + "0123456789abcdef" * 4
CONF = """\
unqualified-search-registries = ["docker.io", "quay.io"]
short-name-mode = "permissive"

[[registry]]
location = "docker.io"
blocked = true
[[registry.mirror]]
location = "near.test:5000/hub"
insecure = true
[[registry.mirror]]
location = "digests.test/hub"
pull-from-mirror = "digest-only"

[[registry]]
prefix = "docker.io/library"
location = "official.test"

[[registry]]
prefix = "*.corp.test"

[[registry]]
prefix = "bad.test"
location = "hub"

[[registry]]
location = "port.test:5050"

[aliases]
mongo = "artifacts.test/mongo"
gone = ""
"""


@pytest.fixture(scope="module")
def conf() -> RegistriesConf:
    return RegistriesConf.from_toml(CONF, file="main.conf")


def where(reason: object) -> str:
    return str(getattr(reason, "where", None))


def test_each_source_names_the_line_that_put_it_there(conf: RegistriesConf) -> None:
    res = conf.resolve("team/app")
    assert where(res.why) == "main.conf:1:33"
    near, primary, quay = res.sources
    assert [where(source.why) for source in (near, primary)] == ["main.conf:8:12", "main.conf:5:12"]
    assert quay.why.where is None
    assert [where(source.transport) for source in (near, primary)] == ["main.conf:9:12", "main.conf:6:11"]
    assert (primary.blocked_by, near.blocked_by, near.insecure) == ("docker.io", None, True)
    assert where(conf.resolve("official.test/x").why) == "None"
    assert where(conf.resolve("nginx").sources[0].why) == "main.conf:16:12"
    assert where(conf.resolve("eu.corp.test/x").sources[0].why) == "main.conf:19:10"


def test_what_was_not_used_is_told(conf: RegistriesConf) -> None:
    [digest] = [
        r for r in conf.resolve("docker.io/team/app").candidates[0].unused if "digests.test" in r.text
    ]
    assert "digest-only" in digest.text and "tag" in digest.text and "main.conf:11)" in digest.text
    assert where(digest) == "main.conf:12:20"
    assert not conf.resolve(f"docker.io/team/app@{SHA}").candidates[0].unused
    [loser] = conf.resolve("docker.io/library/nginx").candidates[0].unused
    assert "is longer" in loser.text and where(loser) == "main.conf:5:12"
    alias = conf.resolve("mongo:6")
    assert where(alias.why) == "main.conf:29:9"
    assert any(
        "search list: an alias exists" in r.text and where(r) == "main.conf:1:33" for r in alias.unused
    )
    assert any("erased" in r.text and where(r) == "main.conf:30:8" for r in conf.resolve("gone").unused)
    assert any("no terminal" in r.text and where(r) == "main.conf:2:19" for r in conf.resolve("app").unused)
    [near] = conf.resolve("port.test:15050/x").candidates[0].unused
    assert "same host at another port" in near.text and where(near) == "main.conf:26:12"
    assert any("tag :1 is dropped" in r.text for r in conf.resolve(f"quay.io/a:1@{SHA}").unused)


def test_what_a_later_file_replaces_is_told() -> None:
    again = '[[registry]]\nlocation = "a.test"\n'
    conf = RegistriesConf.from_toml(again * 2, file="main.conf", dropins={"d.conf": again})
    [first] = conf.resolve("a.test/x").candidates[0].unused
    assert "replaced as a whole by that of d.conf" in first.text and where(first) == "main.conf:1:1"
    [second] = RegistriesConf.from_toml(again * 2, file="f").resolve("a.test/x").candidates[0].unused
    assert "first of a file counts" in second.text and where(second) == "f:3:1"


MISSES = {
    "docker.io/nginx": ("nginx", "library"),
    "index.docker.io": ("docker://team/app", "Docker Hub"),
    "Quay.io": ("quay.io/x", "case"),
    "quay.io/x:1": ("quay.io/x:1", "without tag"),
    "*.quay.io": ("quay.io/x", "bare domain"),
}


@pytest.mark.parametrize("prefix", MISSES)
def test_near_misses_are_named(prefix: str) -> None:
    image, words = MISSES[prefix]
    conf = RegistriesConf.from_toml(
        f'unqualified-search-registries = ["docker.io"]\n[[registry]]\nprefix = "{prefix}"\nlocation = "a.test"\n'
    )
    [reason] = conf.resolve(image).candidates[0].unused
    assert words in reason.text and reason.where and reason.where.line == 3


FAILURES = {
    "hub": ("not-canonical", "not a host"),
    "docker.io": ("not-canonical", "docker.io/library"),
    "b.test/Proj": ("uppercase-name", "lower case"),
    "docker://b.test": ("invalid-reference", '"b.test"'),
    "b .test": ("invalid-reference", "without tag, blanks"),
    "b.test/" + "p" * 250: ("name-too-long", ""),
}


@pytest.mark.parametrize("location", FAILURES)
def test_a_candidate_that_fails_says_why_and_the_next_is_tried(location: str) -> None:
    kind, hint = FAILURES[location]
    conf = RegistriesConf.from_toml(
        'unqualified-search-registries = ["a.test", "ok.test"]\n'
        f'[[registry]]\nprefix = "a.test"\nlocation = "{location}"\n',
        file="f",
    )
    bad, good = conf.resolve("app").candidates
    assert bad.error is not None
    assert (bad.error.kind, bad.error.stage, bad.failed) == (kind, "sources", kind)
    assert str(bad.error.where) == "f:4:12" and hint in (bad.error.hint or "")
    assert good.error is None and good.sources[0].reference == "ok.test/app:latest"
    assert kind in str(conf.resolve("app"))


def test_short_names_that_lead_nowhere() -> None:
    with pytest.raises(RegtoolsError) as caught:
        RegistriesConf.from_toml("").resolve("app:1")
    assert caught.value.kind == "no-search-registries" and "docker.io/library/app:1" in (
        caught.value.hint or ""
    )
    old = RegistriesConf.from_toml("unqualified-search-registries = []", file="/etc/r.conf", podman="5")
    with pytest.raises(RegtoolsError, match=re.escape("/etc/r.conf")):
        old.resolve("app")
    text = 'short-name-mode = "enforcing"\nunqualified-search-registries = ["a.test", "b.test"]\n'
    conf = RegistriesConf.from_toml(text, file="f")
    with pytest.raises(RegtoolsError) as caught:
        conf.resolve("app")
    assert (caught.value.kind, caught.value.line) == ("enforcing-no-tty", 1)
    hub = text.replace("a.test", "docker.io")
    with pytest.raises(RegtoolsError) as caught:
        RegistriesConf.from_toml(hub).resolve("app:1")
    assert "docker.io/library/app:1;" in (caught.value.hint or "")
    assert conf.resolve("app", tty=True).prompt
    for entry, kind in (("HUB", "uppercase-name"), ("h" * 250, "name-too-long")):
        with pytest.raises(RegtoolsError) as caught:
            RegistriesConf.from_toml(f'unqualified-search-registries = ["{entry}"]').resolve("app")
        assert (caught.value.kind, caught.value.stage) == (kind, "resolve")
    plain = RegistriesConf.from_toml('unqualified-search-registries = ["123"]')
    assert plain.resolve("app").candidates[0].name == "docker.io/123/app:latest"


def test_questions() -> None:
    text = 'unqualified-search-registries = ["a.test", "b.test"]\nshort-name-mode = "{}"\n'
    for mode, asks in (("permissive", True), ("enforcing", True), ("disabled", False)):
        res = RegistriesConf.from_toml(text.format(mode)).resolve("app", tty=True)
        assert res.prompt is asks
        assert res.to_dict().get("prompt", False) is asks
        assert len(res.to_dict()["candidates"]) == 2
        assert ("podman 6 asks what" in str(res)) is asks
        assert ("podman 6 asks what" in res._repr_html_()) is asks
    one = RegistriesConf.from_toml(
        'unqualified-search-registries = ["a.test"]\nshort-name-mode = "enforcing"'
    )
    assert not one.resolve("app", tty=True).prompt
    assert not one.resolve("app").prompt


def test_remembered_answers_win() -> None:
    text = 'unqualified-search-registries = ["s.test"]\n[aliases]\n"app" = "conf.test/app"\n"off" = "conf.test/off"\n'
    conf = RegistriesConf.from_toml(
        text, file="f", short_name_aliases='[aliases]\n"app" = "cache.test/app"\n"off" = ""\n'
    )
    res = conf.resolve("app")
    assert (res.how, res.candidates[0].name) == ("remembered", "cache.test/app:latest")
    assert where(res.why) == "short-name-aliases.conf:2:9"
    assert any("conf.test/app" in reason.text and where(reason) == "f:3:9" for reason in res.unused)
    off = conf.resolve("off")
    assert off.candidates[0].name == "s.test/off:latest"
    assert any("hidden" in r.text and where(r) == "short-name-aliases.conf:3:9" for r in off.unused)


IMAGES = ["app", "nginx", "mongo", "gone", "bad.test/x", "docker://app", "port.test:1/x", f"docker.io/t/a@{SHA}",
          "docker.io/" + "/".join(["a" * 30] * 7), "r.test/" + "a" * 240]  # fmt: skip


@pytest.mark.parametrize("image", IMAGES)
@pytest.mark.parametrize("width", [40, 80, 200])
def test_the_answer_fits_and_names_every_source(
    conf: RegistriesConf, image: str, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    res = conf.resolve(image)
    lines = str(res).splitlines()
    whole = answer(res, whole=True)
    for line in (*lines, *whole):  # a name is not broken, so that it can be copied
        assert len(line) <= min(width, 100) or max(map(len, line.split())) > min(width, 100) - 20
    for number, source in enumerate(res.sources, 1):
        [at] = [n for n, line in enumerate(lines) if line.split()[0] == f"{number}."]
        row = " ".join(lines[at : at + 2]).split()
        assert row[1:3] == ["registry" if source.kind == "primary" else "mirror", source.reference]
        assert ("blocked" in row) is source.blocked
    if len(res.sources) <= 3 and width >= 80:
        assert len(lines) <= 20
    assert [line for line in lines if line.startswith("Next:")]
    said = " ".join(" ".join(whole).split())
    for note in advice(res.pull, res.how, res.candidates):
        assert str(note) in said or width < 80
    for candidate in res.candidates:
        assert candidate.failed is None or candidate.failed in said


@pytest.mark.parametrize("image", IMAGES)
def test_the_table_reads_without_its_style(conf: RegistriesConf, image: str) -> None:
    res = conf.resolve(image)
    page = res._repr_html_()
    assert "<script" not in page and "class=" not in page and "<style" not in page
    text = html.unescape(re.sub(r"<[^>]+>", " ", page.replace("<wbr>", "")))
    shown, folded = text.split(" More ")
    for source in res.sources:
        assert source.reference in shown
    for reason in (*res.unused, *(reason for candidate in res.candidates for reason in candidate.unused)):
        assert str(reason) in folded
    for who, what in meanings(res.pull, res.how, res.candidates):
        assert who in folded and what in folded
    for candidate in res.candidates:
        assert candidate.name in text
        assert candidate.failed is None or candidate.failed in shown


def test_a_replaced_search_list_is_named_and_how_to_win() -> None:
    folder = "/etc/containers/registries.conf.d"
    lists = {f"{folder}/90-x.conf": 'unqualified-search-registries = ["b.test"]\n'}
    conf = RegistriesConf.from_toml(
        'unqualified-search-registries = ["a.test"]\n', file="/etc/containers/registries.conf", dropins=lists
    )
    said = " ".join(str(conf.resolve("app")).split())
    assert (
        "the search list of registries.conf:1 (a.test) was replaced by that of 90-x.conf:1 (b.test)" in said
    )
    assert f"To win, write yours in {folder}/zz-own.conf" in said
    assert not [reason for reason in conf.resolve("a.test/x").unused if "replaced" in reason.text]
    lists[f"{folder}/zz-own.conf"] = lists[f"{folder}/90-x.conf"]
    won = RegistriesConf.from_toml("", dropins=lists).resolve("app")
    [reason] = [reason for reason in won.unused if "replaced" in reason.text]
    winner = reason.text.rpartition("/")[2]
    assert winner > "zz-own.conf" and winner.endswith(".conf")


def test_a_replaced_alias_is_named() -> None:
    lists = {"/d/1.conf": '[aliases]\napp = "a.test/app"\n', "/d/2.conf": '[aliases]\napp = "b.test/app"\n'}
    res = RegistriesConf.from_toml("", file="/r.conf", dropins=lists).resolve("app")
    said = " ".join(str(res).split())
    assert "alias 'app' = 'a.test/app' is replaced by that of /d/2.conf (1.conf:2)" in said
    assert "alias 'app' (2.conf:2)" in said


@pytest.mark.parametrize(
    ("location", "usable"),
    [
        ("b_b.test", False),
        ("b_b.test/deep", False),
        ("b-b.test", True),
        ("b_b.test:5000", None),
        ("b_b", None),
    ],
)
def test_a_host_with_an_underscore_becomes_a_path_that_no_pull_reaches(
    location: str, usable: bool | None
) -> None:
    """As podman 4.3.1 and 6.1.1 have it: the file loads, and every pull says "no Host in request URL"."""
    conf = RegistriesConf.from_toml(f'[[registry]]\nprefix = "a.test"\nlocation = "{location}"\n')
    [candidate] = conf.resolve("a.test/x").candidates
    if usable is None:
        assert candidate.failed in ("invalid-reference", "not-canonical")
        return
    [source] = candidate.sources
    assert (source.reference, source.usable) == (f"{location}/x:latest", usable)
    assert ("no Host in request URL" in " ".join(str(conf.resolve("a.test/x")).split())) is not usable


def test_nothing_in_a_file_becomes_markup_or_control() -> None:
    nasty = "<u>\\u001b[31m&"
    conf = RegistriesConf.from_toml(
        f'[[registry]]\nprefix = "a.test"\nlocation = "{nasty}"\n', file="<i>\x1b.conf"
    )
    res = conf.resolve("a.test/x")
    assert "<u>" not in res._repr_html_() and "<i>" not in res._repr_html_()
    for text in (str(res), res._repr_html_(), res.candidates[0].error.message):  # type: ignore[union-attr]
        assert "\x1b" not in text


def test_rows(conf: RegistriesConf) -> None:
    frame = conf.resolve("team/app").to_frame()
    assert list(frame["reference"]) == [
        "near.test:5000/hub/team/app:latest",
        "docker.io/team/app:latest",
        "quay.io/team/app:latest",
    ]
    assert list(frame["line"].fillna(0)) == [8, 5, 0]
    assert list(frame["order"]) == [1, 2, 1] and list(frame["candidate"]) == [1, 1, 2]
    failed = conf.resolve("bad.test/x").to_frame()
    assert list(failed["error"]) == ["not-canonical"] and list(failed["line"]) == [23]


def test_many_names_at_once(conf: RegistriesConf) -> None:
    names = ["team/app", "quay.io/x", "", "bad.test/x", None, "App"]
    frame = conf.resolve_many(names)  # type: ignore[arg-type]
    assert list(frame["image"]) == ["team/app"] * 3 + ["quay.io/x", "", "bad.test/x", None, "App"]
    assert list(frame["error"].astype(object).fillna("")) == [
        "", "", "", "", "empty-name", "not-canonical", "invalid-reference", "uppercase-name",
    ]  # fmt: skip
    for image in ("team/app", "quay.io/x"):
        want = conf.resolve(image).to_frame().drop(columns=["why", "file", "line"])
        got = frame[frame["image"] == image].reset_index(drop=True)
        assert (
            got.astype(object).where(got.notna(), None).equals(want.astype(object).where(want.notna(), None))
        )
    assert len(conf.resolve_many([])) == 0


def test_a_configuration_does_not_change(conf: RegistriesConf) -> None:
    with pytest.raises(AttributeError, match="frozen"):
        conf.short_name_mode = "disabled"


def test_resolutions_are_values(conf: RegistriesConf) -> None:
    one, other = conf.resolve("team/app"), conf.resolve("team/app")
    assert one == other and hash(one) == hash(other) and one != conf.resolve("nginx")
    assert one.replace(tty=True).tty and one.replace(tty=True) != one
    with pytest.raises(AttributeError):
        one.extra = 1  # type: ignore[attr-defined]


def test_the_writer_writes_what_was_read(conf: RegistriesConf) -> None:
    again = RegistriesConf.from_toml(effective_toml(conf))
    assert again.to_dict() == conf.to_dict() and again.aliases == conf.aliases
    nasty = Registry("a.test", 'b.test/"\t', blocked=True, mirrors=(Mirror("m\x7f\n", True, "tag-only"),))
    text = document_toml([nasty], search=['"'], mode="disabled", helpers=["h"], aliases={'"': "a.test/x"})
    assert parse(text) == {
        "unqualified-search-registries": ['"'],
        "short-name-mode": "disabled",
        "credential-helpers": ["h"],
        "aliases": {'"': "a.test/x"},
        "registry": [
            {
                "prefix": "a.test",
                "location": 'b.test/"\t',
                "blocked": True,
                "mirror": [{"location": "m\x7f\n", "insecure": True, "pull-from-mirror": "tag-only"}],
            }
        ],
    }


def test_configurations_and_resolutions_travel(conf: RegistriesConf) -> None:
    copy = pickle.loads(pickle.dumps(conf))
    assert copy.to_dict() == conf.to_dict()
    res = pickle.loads(pickle.dumps(conf.resolve("team/app")))
    assert str(res) == str(conf.resolve("team/app"))
    assert res.to_dict() == conf.resolve("team/app").to_dict()
    assert "conf" not in repr(res) and "blocked by docker.io" in repr(res)


def test_the_configuration_shows_itself(conf: RegistriesConf) -> None:
    assert repr(conf) == "<RegistriesConf of podman 6: 5 entries; main.conf>"
    assert conf.aliases == {"mongo": "artifacts.test/mongo"}
    assert [entry.prefix for entry in conf.registries] == sorted(conf.prefixes)
    assert conf.find("docker.io/library/x").prefix == "docker.io/library"  # type: ignore[union-attr]
    with pytest.raises(KeyError):
        conf.registry("none.test")


REPLACED = [
    '[[registry]]\nprefix = "docker.io"\nlocation = "copy.example/hub"\n',
    '[[registry]]\nprefix = "docker.io"\nlocation = "copy.example"\ninsecure = true\n'
    '[[registry.mirror]]\nlocation = "near.example:5000"\ninsecure = true\n'
    '[[registry.mirror]]\nlocation = "far.example"\npull-from-mirror = "tag-only"\n',
    '[[registry]]\nprefix = "docker.io"\nlocation = "copy.example"\nmirror-by-digest-only = true\n'
    '[[registry.mirror]]\nlocation = "near.example"\n',
]


@pytest.mark.parametrize("text", REPLACED)
@pytest.mark.parametrize("name", ["nginx", "team/app@sha256:" + "0" * 64])
def test_the_text_offered_for_a_replaced_registry_only_adds_it_at_the_end(text: str, name: str) -> None:
    found = RegistriesConf.from_toml(text).resolve(f"docker.io/{name}")
    (offer,) = [
        note.toml
        for note in advice(found.pull, found.how, found.candidates)
        if "A mirror has one" in note.text
    ]
    better = RegistriesConf.from_toml(offer).resolve(f"docker.io/{name}")
    before = [(source.reference, source.insecure) for source in found.sources]
    after = [(source.reference, source.insecure) for source in better.sources]
    assert after == [*before, (found.candidates[0].name, False)]
