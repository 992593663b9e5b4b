"""``regtools convert``: older formats come out in the current one; what is lost is said."""

from __future__ import annotations

import io
import json
import stat
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regtools import RegistriesConf, RegtoolsError
from regtools.cli import main
from regtools.registries.checks import check_texts
from regtools.registries.convert import convert
from regtools.registries.reading.releases import release
from regtools.registries.writing import quote
from regtools.toml.reader import parse
from tests.conftest import LONG, examples
from tests.support.nested import nested

OLD = """\
# our registries
[registries.search]
registries = ["docker.io", # the hub
  # and ours
  "r.example/"]

[registries.insecure]
registries = ["r.example", "b.example"]

[registries.block]
registries = ["b.example"]
"""
DAEMON = {
    "registry-mirrors": ["https://mirror.example/", "http://10.0.0.5:5000", "https://u:secret@x.example"],
    "insecure-registries": ["10.0.0.0/8", "reg.example:5000", "mirror.example"],
    "log-driver": "json-file",
}


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    status = main(["convert", *words])
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    return status, out, err


def alarms(text: str) -> list[str]:
    report = check_texts(release("6"), [("a.conf", text, False)])
    return [str(finding) for finding in report.findings if finding.severity != "note"]


def test_an_old_file_means_the_same_and_keeps_its_comments() -> None:
    result = convert(OLD)
    assert (
        RegistriesConf.from_toml(result.text).to_dict() == RegistriesConf.from_toml(OLD, podman="5").to_dict()
    )
    for comment in ("# our registries", "# the hub", "# and ours"):
        assert comment in result.text
    assert alarms(result.text) == []
    assert result.notes == ()


def test_a_mixed_file_gets_the_entries_of_both() -> None:
    text = (
        'unqualified-search-registries = ["a.example"]\n\n[[registry]]\nlocation = "c.example"\n'
        '[registries.search]\nregistries = ["a.example", "b.example"]\n'
        '[registries.insecure]\nregistries = ["c.example", "d.example"]\n[aliases]\nx = "a.example/x"\n'
    )
    result = convert(text)
    conf = RegistriesConf.from_toml(result.text)
    assert conf.unqualified_search_registries == ("a.example", "b.example")
    assert conf.aliases == {"x": "a.example/x"}
    assert conf.registry("d.example").insecure
    assert not conf.registry("c.example").insecure
    assert any("c.example" in note for note in result.notes)
    assert all(f"# Note: {note}" in result.text for note in result.notes)


def test_what_has_no_counterpart_is_said() -> None:
    text = OLD + "[registries.other]\nx = 1\n[registries.search.more]\ny = 2\n"
    result = convert(text)
    assert any("registries.other" in note for note in result.notes)
    assert all(f"# Note: {note}" in result.text for note in result.notes)


def test_a_daemon_json_becomes_entries(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "daemon.json"
    path.write_text(json.dumps(DAEMON))
    status, out, err = run(capsys, str(path))
    assert status == 0
    conf = RegistriesConf.from_toml(out)
    hub = conf.registry("docker.io")
    assert [(mirror.location, mirror.insecure) for mirror in hub.mirrors] == [
        ("mirror.example", True),
        ("10.0.0.5:5000", True),
    ]
    assert conf.registry("reg.example:5000").insecure
    assert conf.resolve("nginx").sources[-1].reference == "docker.io/library/nginx:latest"
    for lost in ("10.0.0.0/8", "log-driver", "login"):
        assert lost in err
        assert lost in out
    assert "secret" not in out + err
    assert alarms(out) == []


def test_a_current_file_comes_back_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = '[[registry]]\nlocation = "a.example"\n'
    (tmp_path / "a.conf").write_text(text)
    assert run(capsys, str(tmp_path / "a.conf"))[:2] == (0, text)


def test_a_dash_is_standard_input(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(json.dumps(DAEMON).encode())))
    status, out, err = run(capsys, "-")
    assert (status, "mirror.example" in out) == (0, True)
    assert err.startswith("<stdin>: note: ")


def test_the_output_appears_whole_or_not_at_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, target = tmp_path / "old.conf", tmp_path / "new.conf"
    source.write_text(OLD)
    target.write_text("before")
    target.chmod(0o640)
    status, _, err = run(capsys, str(source), "-o", str(target))
    assert (status, target.read_text()) == (1, "before")
    assert "holds something else" in err and "--force" in err
    assert run(capsys, str(source), "-o", str(target), "--force")[0] == 0
    assert run(capsys, str(source), "-o", str(target))[0] == 0  # it holds the same already
    assert "[[registry]]" in target.read_text()
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    source.write_text("[registries.search]\nregistries = [\n")
    target.write_text("before")
    assert run(capsys, str(source), "-o", str(target), "--force")[0] == 1
    assert target.read_text() == "before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new.conf", "old.conf"]


BAD = [
    b"{",
    b'{"registry-mirrors": "https://a.example"}',
    b'{"insecure-registries": {"a": 1}}',
    b"{" * 100_000,
    b'{"a":' * 100_000,
    b"[registries]\nsearch = 1\n",
    b"[[registries]]\nsearch = 1\n",
    b"\xff\xfea\0",
    b"\0",
    b"[registries.search]\nregistries = [1]\n",
    b'[registries.search]\nregistries = ["a.example"]\n[[registry]]\nlocation = "http://b.example"\n',
]


@pytest.mark.parametrize("data", BAD, ids=range(len(BAD)))
def test_bad_input_is_a_clear_error(data: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "x"
    path.write_bytes(data)
    status, out, err = run(capsys, str(path))
    assert (status, out) == (1, "")
    assert str(path) in err
    assert "error" in err


def test_missing_directory_and_unwritable_are_errors(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(capsys, str(tmp_path / "none"))[0] == 1
    assert run(capsys, str(tmp_path))[0] == 1
    (tmp_path / "old.conf").write_text(OLD)
    assert run(capsys, str(tmp_path / "old.conf"), "-o", str(tmp_path / "no" / "where"))[0] == 1


HOSTS = st.sampled_from(
    ["a.example", "b.example:5000", "c.example/x", "localhost", "a.example/", "d.example"]
)
LISTS = st.lists(HOSTS, max_size=4)
SEARCH = st.lists(st.sampled_from(["a.example", "b.example:5000", "localhost/"]), max_size=3)


@settings(max_examples=examples(long=10_000))
@given(SEARCH | st.none(), LISTS | st.none(), LISTS | st.none())
def test_every_old_file_means_the_same(
    search: list[str] | None, insecure: list[str] | None, block: list[str] | None
) -> None:
    lists = {"insecure": insecure, "search": search, "block": block}
    text = "".join(
        f"[registries.{name}]\nregistries = {json.dumps(values)}\n"
        for name, values in lists.items()
        if values is not None
    )
    before = RegistriesConf.from_toml(text, podman="5").to_dict()
    result = convert(text)
    assert RegistriesConf.from_toml(result.text, podman="5").to_dict() == before
    assert RegistriesConf.from_toml(result.text, podman="6").to_dict() == before


JSON = nested(
    st.none() | st.booleans() | st.integers() | st.text(), st.text(), most=5, depth=7 if LONG else 4
)


@settings(max_examples=examples(long=10_000))
@given(
    st.dictionaries(st.sampled_from(["registry-mirrors", "insecure-registries", "x"]), st.lists(JSON) | JSON)
)
def test_any_daemon_json_gives_a_loadable_file_or_an_error(data: dict[str, object]) -> None:
    try:
        text = convert(json.dumps(data)).text
    except RegtoolsError:
        return
    assert RegistriesConf.from_toml(text)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_quoted_text_reads_back(text: str) -> None:
    assert parse(f"a = {quote(text)}") == {"a": text}
