"""Files that are no configuration at all: the right error, never another exception."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from regtools import RegistriesConf, RegtoolsError, TomlError

RELEASES = ("6", "5", "4")

CONTENTS = {
    "binary": (bytes(range(256)) * 8, "utf16"),
    "not utf-8": (b'location = "\xff"', "not-utf8"),
    "gbk": ("# 镜像\n".encode("gbk"), "not-utf8"),
    "utf-16": ('x = "a"'.encode("utf-16"), "utf16"),
    "huge": (b"# " + b"x" * (17 * 1024 * 1024), "too-large"),
    "deep list": (b"x = " + b"[" * 100_000, "too-deep"),
    "deep table": (b"x = " + b"{a=" * 10_000, "too-deep"),
    "long key": (b".".join([b"a"] * 10_000) + b" = 1", "too-deep"),
    "long number": (b"x = " + b"1" * 5000, "integer-range"),
}


@pytest.mark.parametrize("podman", RELEASES)
@pytest.mark.parametrize("name", CONTENTS)
def test_contents(name: str, podman: str, tmp_path: Path) -> None:
    data, code = CONTENTS[name]
    path = tmp_path / "registries.conf"
    path.write_bytes(data)
    with pytest.raises(TomlError) as caught:
        RegistriesConf.load(path, podman=podman)
    error = caught.value
    assert (error.kind, error.stage, error.code, error.file) == ("toml-syntax", "load", code, str(path))
    dropins = tmp_path / "d"
    dropins.mkdir()
    (dropins / "1.conf").write_bytes(data)
    (tmp_path / "good.conf").touch()
    with pytest.raises(TomlError) as caught:
        RegistriesConf.load(tmp_path / "good.conf", dropins=dropins, podman=podman)
    assert caught.value.file == str(dropins / "1.conf")
    conf = RegistriesConf.load(tmp_path / "good.conf", short_name_aliases=path, podman=podman)
    assert conf.resolve("quay.io/app").candidates
    with pytest.raises(TomlError) as caught:
        conf.resolve("app")
    assert (caught.value.stage, caught.value.file) == ("resolve", str(path))


@pytest.mark.parametrize("podman", RELEASES)
def test_what_is_no_file(podman: str, tmp_path: Path) -> None:
    (tmp_path / "f").touch()
    for path, kind in (
        (tmp_path / "none", "file-missing"),
        (tmp_path, "file-unreadable"),
        (tmp_path / "f" / "x", "file-unreadable"),
        ("a\0b", "file-unreadable"),
        (os.fsencode(tmp_path), "file-unreadable"),
        ("x" * 5000, "file-unreadable"),
    ):
        with pytest.raises(RegtoolsError) as caught:
            RegistriesConf.load(path, podman=podman)  # type: ignore[arg-type]
        assert (caught.value.kind, caught.value.stage) == (kind, "load")
        assert caught.value.file == os.fsdecode(path)


def test_a_directory_among_the_drop_ins_is_passed_over_a_link_to_one_is_not(tmp_path: Path) -> None:
    (tmp_path / "f").touch()
    (tmp_path / "d" / "1.conf").mkdir(parents=True)
    RegistriesConf.load(tmp_path / "f", dropins=tmp_path / "d")
    (tmp_path / "d" / "2.conf").symlink_to(tmp_path)
    with pytest.raises(RegtoolsError) as caught:
        RegistriesConf.load(tmp_path / "f", dropins=tmp_path / "d")
    assert (caught.value.kind, caught.value.file) == ("file-unreadable", str(tmp_path / "d" / "2.conf"))


def test_a_file_for_a_drop_in_directory(tmp_path: Path) -> None:
    (tmp_path / "f").touch()
    with pytest.raises(RegtoolsError) as caught:
        RegistriesConf.load(tmp_path / "f", dropins=tmp_path / "f")
    assert caught.value.kind == "file-unreadable"
    RegistriesConf.load(tmp_path / "f", dropins=tmp_path / "f", podman="5")  # which walks over it


def test_an_unreadable_directory_for_the_remembered_answers(tmp_path: Path) -> None:
    (tmp_path / "f").write_text('unqualified-search-registries = ["a.test"]')
    conf = RegistriesConf.load(tmp_path / "f", short_name_aliases=tmp_path)
    assert conf.resolve("quay.io/app").candidates
    with pytest.raises(RegtoolsError) as caught:
        conf.resolve("app")
    assert (caught.value.kind, caught.value.stage) == ("file-unreadable", "resolve")


def test_there_must_be_a_root(tmp_path: Path) -> None:
    with pytest.raises(RegtoolsError) as caught:
        RegistriesConf.load(root=tmp_path / "none")
    assert caught.value.kind == "file-missing"


def test_a_forbidden_file(tmp_path: Path) -> None:
    (tmp_path / "good").touch()
    RegistriesConf.load(tmp_path / "good")
    (tmp_path / "f").touch(mode=0)
    as_root = os.geteuid() == 0
    if as_root:  # who may read everything
        os.seteuid(65534)
    try:
        with pytest.raises(RegtoolsError) as caught:
            RegistriesConf.load(tmp_path / "f")
    finally:
        if as_root:
            os.seteuid(0)
    assert caught.value.kind == "file-unreadable"
    assert "denied" in caught.value.message


@pytest.mark.parametrize("name", [None, 1, b"nginx", ("nginx",), object()])
def test_names_of_wrong_kinds(name: object) -> None:
    with pytest.raises(RegtoolsError) as caught:
        RegistriesConf.from_toml("").resolve(name)  # type: ignore[arg-type]
    assert (caught.value.kind, caught.value.stage) == ("invalid-reference", "parse")


@pytest.mark.parametrize("text", [None, 1, Path("registries.conf")])
def test_text_of_wrong_kinds(text: object) -> None:
    with pytest.raises(TypeError, match="text of a file"):
        RegistriesConf.from_toml(text)  # type: ignore[arg-type]


def test_a_byte_order_mark_stops_podman_4_only() -> None:
    text = '\ufeff[[registry]]\nlocation = "a.test"\n'
    for source in (text, text.encode()):
        assert RegistriesConf.from_toml(source, podman="5").prefixes == {"a.test"}
        with pytest.raises(TomlError) as caught:
            RegistriesConf.from_toml(source, podman="4")
        assert (caught.value.code, caught.value.line) == ("bom", 1)
