"""``regtools check`` as people run it: what it prints, and with which exit status."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from regtools.cli import main

ETC = "etc/containers"
GOOD = 'unqualified-search-registries = ["docker.io"]\n'


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/user")


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    status = main(["check", *words])
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    assert "\x1b" not in out
    return status, out, err


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


ROWS = [
    (GOOD, 0, "0 errors, 0 warnings, 0 notes"),
    ('Short-Name-Mode = "disabled"\n', 0, "0 errors, 0 warnings, 1 note"),
    ("x = 1\n", 1, "0 errors, 1 warning, 0 notes"),
    ("x\n", 1, "1 error, 0 warnings, 0 notes"),
]


@pytest.mark.parametrize(("text", "status", "last"), ROWS)
def test_the_last_line_counts_and_the_status_says_whether_all_is_well(
    text: str, status: int, last: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, {f"{ETC}/registries.conf": text})
    got, out, err = run(capsys, "--root", str(tmp_path), "--uid", "0")
    assert (got, out.splitlines()[-1], err) == (status, last, "")
    assert str(tmp_path) not in out
    assert ("no image at all" in out) == ("1 error" in last)


def test_it_names_the_files_and_their_unread_neighbours(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {
        f"{ETC}/registries.conf": GOOD,
        f"{ETC}/registries.conf.d/x.conf": "",
        f"{ETC}/registries.config": "",
    }
    status, out, _ = run(capsys, "--root", str(write(tmp_path, files)), "--uid", "0")
    assert status == 1
    assert (
        "podman 6 reads it: /etc/containers/registries.conf, /etc/containers/registries.conf.d/x.conf"
        in " ".join(out.split())
    )
    assert "/etc/containers/registries.config: warning" in out


def test_no_file_at_all_is_well(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "--root", str(tmp_path), "--uid", "0")
    assert status == 0
    assert "no file" in out


def test_named_files_are_checked_with_their_drop_ins(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    entry = '[[registry]]\nlocation = "a.example"\n'
    write(
        tmp_path,
        {"a.conf": entry + '[[registry.mirror]]\nlocation = "m.example"\n', "a.conf.d/b.conf": entry},
    )
    status, out, _ = run(capsys, str(tmp_path / "a.conf"), str(tmp_path / "a.conf.d/b.conf"), "--podman", "6")
    assert status == 1
    assert "[mirrors-lost]" in out


def test_two_main_files_are_two_configurations(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    entry = '[[registry]]\nlocation = "a.example"\n'
    write(tmp_path, {"a.conf": entry, "b.conf": entry})
    status, out, _ = run(capsys, str(tmp_path / "a.conf"), str(tmp_path / "b.conf"), "--podman", "6")
    assert status == 0
    assert "replaces" not in out


def test_conf_and_dropins_read_exactly_these(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, {"a.conf": GOOD, "d/b.conf": "x = 1\n"})
    words = ("--conf", str(tmp_path / "a.conf"), "--dropins", str(tmp_path / "d"), "--podman", "6")
    status, out, _ = run(capsys, *words)
    assert status == 1
    assert "b.conf:1:1: warning" in out


def test_data_have_everything_that_the_text_has(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, {f"{ETC}/registries.conf": '[[registry]]\nlocation = "http://a.example"\n'})
    status, out, _ = run(capsys, "--root", str(tmp_path), "--uid", "0", "--json")
    answer = json.loads(out)
    assert status == 1
    assert (answer["format"], answer["podman"], answer["stops"]) == (1, "6", True)
    assert answer["counts"] == {"error": 1, "warning": 0, "note": 0}
    (finding,) = answer["findings"]
    assert (finding["severity"], finding["code"]) == ("error", "scheme-not-allowed")
    assert (finding["file"], finding["line"], finding["column"]) == ("/etc/containers/registries.conf", 2, 12)
    assert finding["fix"] == 'location = "a.example"\ninsecure = true'
    assert finding["effect"] == "after this, a.example/app comes from a.example/app (plain HTTP allowed)"
    assert (len(finding["edits"]), finding["alternatives"]) == (1, [])


@pytest.mark.parametrize("kind", ["missing", "directory", "binary", "utf-16", "huge", "deep", "unreadable"])
def test_bad_input_is_one_clear_error(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.conf"
    content = {
        "binary": bytes(range(256)),
        "utf-16": "a = 1".encode("utf-16"),
        "huge": b"#" * (17 * 2**20),
        "deep": b"a = " + b"[" * 100_000,
    }
    if kind == "directory":
        path.mkdir()
    elif kind == "unreadable":
        path.symlink_to("a.conf")  # a link to itself: not even root can read it
    elif kind != "missing":
        path.write_bytes(content[kind])
    status, out, _ = run(capsys, str(path), "--podman", "6")
    assert status == 1
    assert out.splitlines()[-1] == "1 error, 0 warnings, 0 notes"
    assert str(path) in out


def test_a_code_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "--explain", "shared-mirror")
    assert status == 0
    assert out.startswith("shared-mirror: warning\n")
    assert "namespace-proxy" in out
    status, _, err = run(capsys, "--explain", "shared-mirrors")
    assert status == 2
    assert "shared-mirror" in err


def test_a_name_that_is_no_file_says_nothing_of_podman(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in (tmp_path, tmp_path / "missing.conf"):
        _, out, _ = run(capsys, str(name), "--podman", "6")
        assert str(name) in out
        assert "podman" not in out.replace(str(name), "")


def test_another_machine_is_named_as_one_with_its_release(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, {f"{ETC}/registries.conf": GOOD})
    _, out, _ = run(capsys, "--root", str(tmp_path), "--podman", "5.4")
    assert "these are the files of another machine" in out
    assert "checked as podman 5.4" in out


def test_another_machine_is_checked_for_all_its_accounts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "home/runner/.config/containers/registries.conf"
    write(tmp_path, {name: "[registries.search]\nregistries = ['docker.io']\n"})
    assert f"/{name}:1:1: error" in run(capsys, "--root", str(tmp_path))[1]
    assert name not in run(capsys, "--root", str(tmp_path), "--uid", "7")[1]


def test_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "a.conf", "--conf", "b.conf")[0] == 2
    assert run(capsys, "--podman", "7")[0] == 2
    assert run(capsys, "--root", "/nowhere/at/all")[0] == 1


def piped(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))


@pytest.mark.parametrize("form", ["text", "json", "github", "sarif"])
def test_standard_input_is_checked_like_a_file(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = 'short-name-mode = "off"\n[[registry]]\nlocation = "a.test"\n'
    monkeypatch.chdir(write(tmp_path, {"piped": text}))
    status, told, _ = run(capsys, "piped", "--output-format", form)
    piped(monkeypatch, text.encode())
    assert status == 1
    name = "%3Cstdin%3E" if form == "sarif" else "<stdin>"  # there it is a URI
    same = run(capsys, "-", "--output-format", form)
    assert (same[0], same[1].replace(name, "piped").split()) == (status, told.split())


def test_of_standard_input_the_patch_is_printed_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    piped(monkeypatch, b"unqualified-search-registries = docker.io\n")
    _, patch, _ = run(capsys, "-", "--diff")
    assert '+unqualified-search-registries = ["docker.io"]\n' in patch
    status, _, told = run(capsys, "-", "--fix")
    assert status == 2
    assert "--diff prints the change" in told
    assert list(tmp_path.iterdir()) == []


def test_standard_input_without_end_is_too_large(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    piped(monkeypatch, b" " * (17 << 20))
    status, told, _ = run(capsys, "-")
    assert status == 1
    assert "[too-large]" in told


def test_two_spellings_of_a_key_are_an_error_that_podman_does_not_refuse(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Podman 4.3.1 loads the file, with one of the two locations."""
    twice = '[[registry]]\nLocation = "a.test"\nlocation = "b.test"\n'
    here = write(tmp_path, {"both.conf": twice, "worse.conf": f"{twice}location = 1\n"})
    status, told, _ = run(capsys, str(here / "both.conf"))
    assert status == 1 and "[ambiguous-key]" in told
    assert "no image at all" not in " ".join(told.split())
    assert "no image at all" in " ".join(run(capsys, str(here / "worse.conf"))[1].split())
