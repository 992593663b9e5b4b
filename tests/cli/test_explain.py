"""``regtools explain`` as people run it: what it prints, where, and with which exit status."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from regtools import RegistriesConf, RegtoolsError
from regtools.cli import main, parser
from regtools.cli import options as sources

TABLE = json.loads(
    (Path(__file__).parents[1] / "conformance" / "resolution-cases.json").read_text(encoding="utf-8")
)
SAMPLE = TABLE["cases"][::8]
SECRET = "c2VjcmV0LXVzZXI6c2VjcmV0LXBhc3M="


def machine(root: Path, files: dict[str, str]) -> list[str]:
    for name, text in files.items():
        path = root / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    root.mkdir(exist_ok=True)
    return ["--root", str(root), "--uid", "0"]


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/user")


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    status = main(["explain", *words])
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    return status, out, err


SIMPLE = {
    "/etc/containers/registries.conf": 'unqualified-search-registries = ["docker.io"]\n',
    "/etc/containers/registries.conf.d/10-a.conf": '[[registry]]\nlocation = "quay.io"\n',
    "/etc/containers/registries.conf.bak": "",
}


def flat(text: str) -> str:
    return " ".join(text.split())


def test_the_answer_comes_first_and_v_adds_the_rest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    words = machine(tmp_path, SIMPLE)
    status, out, err = run(capsys, "nginx", *words)
    assert (status, err) == (0, "")
    first, source, *_ = out.splitlines()
    assert first == "podman 6 pulls nginx (docker.io/library/nginx:latest) from 1 source:"
    assert source.split() == ["1.", "registry", "docker.io/library/nginx:latest", "HTTPS", "no", "entry"]
    for wanted in (
        "the only registry of the search list (registries.conf:1); no [[registry]] entry matches.",
        "Files: /etc/containers/registries.conf, /etc/containers/registries.conf.d/10-a.conf (-v shows more)",
        "push docker.io/library/nginx:latest: no alias",
        "run, build a local image wins, localhost/nginx first",
        "Next: regtools time nginx",
    ):
        assert wanted in flat(out)
    assert len(out.splitlines()) <= 20
    whole = run(capsys, "nginx", *words, "-v")[1]
    for wanted in (
        "no [[registry]] entry matches: the name's own registry; HTTPS, certificate verified",
        "not read: /etc/containers/registries.conf.bak",
        "login: none found (podman login HOST adds one)",
        "certificates: the system's authorities only",
        "logins are searched in /run/containers/0/auth.json (not there)",
        "certificates are searched in /home/user/.config/containers/certs.d",
        "podman 4, 5 would give the same answer",
        "--tls-verify",
        "policy.json",
    ):
        assert wanted in flat(whole)
    for text in (out, whole):
        assert str(tmp_path) not in text
        assert max(map(len, text.splitlines())) <= 80
        assert "\x1b" not in text


MIRRORS = "".join(f'[[registry.mirror]]\nlocation = "m{n}.example"\n' for n in range(13))


def test_many_mirrors_are_a_line_each_and_share_what_is_said_of_logins(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    conf = f'[[registry]]\nlocation = "a.example"\n{MIRRORS}'
    words = machine(tmp_path, {"/etc/containers/registries.conf": conf})
    out = run(capsys, "a.example/x", *words)[1]
    assert len(out.splitlines()) <= 30
    assert [line.split()[0] for line in out.splitlines()[1:15]] == [f"{n}." for n in range(1, 15)]
    whole = run(capsys, "a.example/x", *words, "-v")[1]
    assert whole.count("login: ") == 1
    assert len(whole.splitlines()) <= 80
    auth = json.dumps({"auths": {"a.example": {"auth": SECRET}}})
    machine(tmp_path, {"/home/user/.config/containers/auth.json": auth})
    out = run(capsys, "a.example/x", *words)[1]
    assert out.splitlines()[-1] == "Next: podman login m0.example"  # a command is in one line
    assert "none for m0.example, m1.example" in flat(out)


def test_no_source_that_can_be_used_is_a_no(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    conf = '[[registry]]\nlocation = "a.example"\nblocked = true\n'
    words = machine(tmp_path, {"/etc/containers/registries.conf": conf})
    status, out, _ = run(capsys, "a.example/x", *words)
    assert status == 1
    assert out.startswith("podman 6 cannot pull a.example/x:latest:\n")
    assert "every source is blocked, by 'a.example' (registries.conf:3)" in flat(out)


def test_a_missing_main_file_is_looked_for_aloud(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    places = "/home/user/.config/containers/registries.conf (not there), /etc/containers/registries.conf (not there)"
    status, out, _ = run(capsys, "quay.io/x", *machine(tmp_path, {}))
    assert status == 0
    assert f"there is no main file: looked for {places}" in flat(out)
    status, out, err = run(capsys, "nginx", *machine(tmp_path, {}))
    assert status == 1
    assert f"looked in {places}" in flat(out)
    assert err.count("[no-search-registries]") == 1 and "no-search-registries" not in out


def test_several_images_are_answered_in_one_call(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = machine(tmp_path, SIMPLE)
    status, out, err = run(capsys, "nginx", "a b", "quay.io/x", *words)
    assert status == 1
    assert [line for line in out.splitlines() if " pulls " in line and "source" in line] == [
        "podman 6 pulls nginx (docker.io/library/nginx:latest) from 1 source:",
        "podman 6 pulls quay.io/x:latest from 1 source:",
    ]
    assert err.count("error: ") == 1
    answers = json.loads(run(capsys, "nginx", "a b", "quay.io/x", "--json", *words)[1])
    assert [each["image"] for each in answers] == ["nginx", "a b", "quay.io/x"]
    both = json.loads(run(capsys, "nginx", "quay.io/x", "--json", "--podman", "all", *words)[1])
    assert [list(each) for each in both] == [["4", "5", "6"]] * 2


@pytest.mark.parametrize("case", SAMPLE, ids=[case["id"] for case in SAMPLE])
@pytest.mark.parametrize("podman", ["4", "6"])
def test_the_data_are_those_of_the_library(
    case: dict[str, Any], podman: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    machine(tmp_path, case["files"])
    named: dict[str, str] = {
        "dropins": str(tmp_path / "registries.conf.d"),
        "short_name_aliases": str(tmp_path / "aliases.conf"),
    }
    Path(named["short_name_aliases"]).write_text(case.get("short_name_aliases", ""), encoding="utf-8")
    conf = str(tmp_path / "registries.conf")
    words = ["--conf", conf, "--dropins", named["dropins"], "--aliases", named["short_name_aliases"]]
    status, out, err = run(capsys, "--podman", podman, "--json", *words, "--", case["image"])
    answer = json.loads(out)
    head = ("format", "image", "podman", "files_read", "files_ignored", "result", "reasons")
    assert tuple(answer) == head
    assert (answer["format"], answer["image"], answer["podman"]) == (1, case["image"], podman)
    try:
        loaded = RegistriesConf.load(conf, podman=podman, **named)
        wanted = loaded.resolve(case["image"])
    except RegtoolsError as error:
        plain = {"error": error.kind, "stage": error.stage, "file": error.file, "line": error.line}
        plain |= {"message": error.message, "hint": error.hint}
        assert answer["result"] == plain
        assert status == 1
        assert "error:" in err
    else:
        assert answer["result"] == wanted.to_dict()
        assert answer["files_read"] == list(loaded.files_read)
        assert status == (0 if any(source.usable for source in wanted.sources) else 1)
        assert err == ""
    # The same in words; reasons exist for everything that is said to be tried.
    status_of_text, text, err = run(capsys, "--podman", podman, *words, "--", case["image"])
    assert status_of_text == status
    assert text or err


def test_all_releases_are_explained_and_equal_ones_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = machine(
        tmp_path, {"/etc/containers/registries.conf": '[registries.search]\nregistries = ["a.example"]\n'}
    )
    status, out, err = run(capsys, "app", "--podman", "all", *words)
    assert status == 1  # podman 6 refuses the old format
    assert "podman 5: as podman 4" in out
    assert "podman 4 pulls app (a.example/app:latest) from 1 source" in out
    assert err.count("[v1-format]") == 1
    status, out, _ = run(capsys, "app", "--podman", "all", "--json", *words)
    answer = json.loads(out)
    assert list(answer) == ["4", "5", "6"]
    assert answer["6"]["result"] == {
        "error": "v1-format",
        "stage": "load",
        "file": "/etc/containers/registries.conf",
        "line": answer["6"]["result"]["line"],
        "message": answer["6"]["result"]["message"],
        "hint": answer["6"]["result"]["hint"],
    }
    assert answer["6"]["files_read"] == answer["4"]["files_read"] == ["/etc/containers/registries.conf"]
    assert answer["4"]["result"]["candidates"][0]["name"] == "a.example/app:latest"


def test_one_release_tells_where_the_others_differ(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {
        "/usr/share/containers/registries.conf": '[[registry]]\nprefix = "a.example"\nlocation = "b.example"\n'
    }
    _, out, _ = run(capsys, "a.example/x", *machine(tmp_path, files))
    text = " ".join(out.split())
    assert "podman 4, 5 would pull from a.example/x:latest" in text
    assert "podman 4, 5 would not read /usr/share/containers/registries.conf" in text


def test_a_terminal_is_taken_from_the_terminal_unless_told_otherwise(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    conf = 'unqualified-search-registries = ["a.example", "b.example"]\nshort-name-mode = "enforcing"\n'
    words = machine(tmp_path, {"/etc/containers/registries.conf": conf})
    status, out, err = run(capsys, "app", *words)
    assert status == 1
    assert "b.example/app:latest" in out  # what podman would ask with a terminal
    assert "[enforcing-no-tty]" in err
    status, out, _ = run(capsys, "app", "--tty", *words)
    assert status == 0
    assert out.startswith("podman 6 asks what app (one of 2 names) is")
    assert json.loads(run(capsys, "app", "--tty", "--json", *words)[1])["result"]["prompt"] is True
    monkeypatch.setattr(sys, "stdin", Terminal())
    for more, asks in ([], True), (["--no-tty"], False):
        monkeypatch.setattr(sys, "stdout", Terminal())
        assert main(["explain", "app", *words, *more]) == (0 if asks else 1)


def test_a_candidate_that_fails_is_a_no(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    conf = '[[registry]]\nprefix = "a.example/app"\nlocation = "b.example"\n'
    status, out, _ = run(
        capsys, "a.example/app", *machine(tmp_path, {"/etc/containers/registries.conf": conf})
    )
    assert status == 1
    assert "not-canonical" in out


# -- bad input -------------------------------------------------------------------------------------------

BAD: dict[str, tuple[str, bytes | None]] = {
    "missing": ("file-missing", None),
    "a directory": ("file-unreadable", None),
    "binary": ("not-utf8", b"\x7fELF\xff\xfe\xfd"),
    "no TOML": ("unquoted-value", b"a = b.c\n"),
    "URL for a host": ("scheme-not-allowed", b'[[registry]]\nlocation = "https://a.example"\n'),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_an_error_of_its_kind(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kind, content = BAD[name]
    file = tmp_path / "registries.conf"
    if name == "a directory":
        file.mkdir()
    elif content is not None:
        file.write_bytes(content)
    status, _, err = run(capsys, "quay.io/x", "--conf", str(file))
    assert status == 1
    assert f"{file}" in err
    assert f"[{kind}]" in err
    before = sorted(tmp_path.iterdir())
    for word in ("--json", "--podman=all"):
        assert run(capsys, "quay.io/x", "--conf", str(file), word)[0] == 1
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="needs a user to give rights up as")
def test_a_file_without_rights_is_unreadable(tmp_path: Path) -> None:
    file = tmp_path / "registries.conf"
    file.write_text("")
    file.chmod(0)
    # Python's own modules may be out of reach for other users, so everything is used once before.
    code = (
        "import os, sys; from regtools.cli import main; "
        "words = ['explain', 'quay.io/x', '--podman', '6', '--conf']; main([*words, '/none/such']); "
        f"os.setuid(65534); sys.exit(main([*words, {str(file)!r}]))"
    )
    for parent in (tmp_path, *tmp_path.parents[:3]):
        if parent != Path(tempfile.gettempdir()):
            parent.chmod(0o755)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "[file-unreadable]" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("image", "kind"),
    [
        ("", "empty-name"),
        ("UPPER/Case", "uppercase-name"),
        ("oci:dir", "other-transport"),
        ("a b", "invalid-reference"),
        ("https://quay.io/x", "invalid-reference"),
        ("sha256:" + "0" * 64, "local-image-id"),
        ("{}", "invalid-reference"),
        ("\x1b[31m\n", "invalid-reference"),
        ("x" * 5000, "name-too-long"),
    ],
)
def test_a_bad_name_is_an_error_of_its_kind(
    image: str, kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, err = run(capsys, *machine(tmp_path, SIMPLE), "--", image)
    assert status == 1
    assert f"[{kind}]" in err
    assert "\x1b" not in out + err


def test_a_broken_alias_cache_breaks_short_names_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = {**SIMPLE, "/var/cache/containers/short-name-aliases.conf": "[aliases\n"}
    words = machine(tmp_path, broken)
    status, _, err = run(capsys, "nginx", *words)
    assert status == 1
    assert "/var/cache/containers/short-name-aliases.conf:1" in err
    assert run(capsys, "quay.io/x", *words)[0] == 0


@pytest.mark.parametrize(
    "words", [[], ["nginx", "--podman", "7"], ["nginx", "--uid", "me"], ["nginx", "--uid", "-1"]]
)
def test_wrong_usage_is_two(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = run(capsys, *words)
    assert status == 2
    assert out == ""
    assert "usage: regtools explain" in err


def test_a_root_that_is_no_directory_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, _, err = run(capsys, "nginx", "--root", str(tmp_path / "none"))
    assert status == 1
    assert "[file-missing]" in err


# -- logins ----------------------------------------------------------------------------------------------

LOGINS = {
    "good": json.dumps({"auths": {"quay.io": {"auth": SECRET}}}),
    "broken": '{"auths": {"quay.io": {"auth": "' + SECRET + '"}',
    "as key": json.dumps({"auths": {"quay.io": {"auth": SECRET, SECRET: SECRET}}}),
    "odd": json.dumps({"auths": {"quay.io": SECRET}}),
}


@pytest.mark.parametrize(
    "form", [["-v"], ["--json"], ["-v", "--podman", "all"], ["--podman", "all", "--json"]]
)
@pytest.mark.parametrize("name", LOGINS)
def test_a_secret_is_never_printed(
    name: str, form: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = machine(tmp_path, {**SIMPLE, "/home/user/.config/containers/auth.json": LOGINS[name]})
    status, out, err = run(capsys, "quay.io/team/app", *words, *form)
    assert status == 0
    assert "/home/user/.config/containers/auth.json" in out
    for secret in (SECRET, "secret-user", "secret-pass"):
        assert secret not in out + err


def test_logins_and_certificates_are_named_by_file_and_key(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {
        **SIMPLE,
        "/home/user/.docker/config.json": json.dumps({"credHelpers": {"quay.io": "pass"}}),
        "/etc/containers/certs.d/quay.io/ca.crt": "",
    }
    _, out, _ = run(capsys, "quay.io/x", "-v", *machine(tmp_path, files))
    text = " ".join(out.split())
    assert (
        "docker-credential-pass is asked for quay.io (credHelpers in /home/user/.docker/config.json)" in text
    )
    assert "certificates: /etc/containers/certs.d/quay.io: 1 *.crt (ca.crt)" in text


def test_pipes_are_not_waited_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = machine(tmp_path, {**SIMPLE, "/home/user/.config/containers/x": ""})
    os.mkfifo(tmp_path / "etc/containers/registries.conf.old")
    os.mkfifo(tmp_path / "home/user/.config/containers/auth.json")
    status, out, _ = run(capsys, "quay.io/x", "-v", *words)
    assert status == 0
    assert "registries.conf.old" in out
    assert "auth.json cannot be used" in out


# -- surroundings ----------------------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_colour_is_for_terminals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = machine(tmp_path, SIMPLE)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    for setting, coloured in (("", True), ("1", False)):
        monkeypatch.setenv("NO_COLOR", setting)
        monkeypatch.setattr(sys, "stdout", Terminal())
        assert main(["explain", "nginx", *words]) == 0
        assert ("\x1b[1m" in sys.stdout.getvalue()) is coloured  # type: ignore[attr-defined]


PROGRAM = "#!/bin/sh\necho podman version {version}\n"


@pytest.mark.parametrize(
    ("version", "release"),
    [
        ("4.3.1", "4.3.1"),
        ("5.8.2", "5.8.2"),
        ("6.0.0-dev", "6.0.0"),
        ("3.4.4", "4"),
        ("9.1", "6"),
        ("10.0", "6"),
    ],
)
def test_the_installed_release_is_asked_and_nothing_is_remembered_on_disk(
    version: str, release: str, tmp_path: Path
) -> None:
    program = tmp_path / "bin" / "podman"
    program.parent.mkdir()
    environ = {"PATH": str(program.parent), "HOME": str(tmp_path)}
    assert sources.installed_release(environ) is None
    program.write_text(PROGRAM.format(version=version))
    program.chmod(0o755)
    assert sources.installed_release(environ) == release
    program.write_text(PROGRAM.format(version="5.0.0"))
    assert sources.installed_release(environ) == "5.0.0"
    assert [path.name for path in tmp_path.iterdir()] == ["bin"]


def test_podman_is_asked_only_where_the_answer_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    program, log = tmp_path / "bin" / "podman", tmp_path / "log"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\necho asked >> {log}\necho podman version 5.1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent))
    (tmp_path / "r.conf").write_text("")
    conf = ["--conf", str(tmp_path / "r.conf"), "--json"]
    for words in (["--podman", "6"], ["--podman", "all"], ["--root", str(tmp_path)]):
        run(capsys, "quay.io/x", *conf, *words)
    assert not log.exists()
    assert json.loads(run(capsys, "quay.io/x", *conf)[1])["podman"] == "5.1"
    assert log.read_text().split() == ["asked"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("echo no room >&2; exit 125", "fails with status 125: no room"),
        ("exit 1", "fails with status 1 ["),
        ("echo what", "prints no version"),
        ("exec sleep 60", "does not answer within 0.2 s"),
    ],
)
def test_a_podman_that_does_not_tell_its_release_is_an_error_of_auto_alone(
    text: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    program, conf = tmp_path / "podman", tmp_path / "r.conf"
    program.write_text(f"#!/bin/sh\n{text}\n")
    program.chmod(0o755)
    conf.write_text("")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(parser, "_PATIENCE_S", 0.2)
    for command in (["explain", "quay.io/x", "--conf", str(conf)], ["check", str(conf)]):
        assert main(command) == 1
        shown = capsys.readouterr().err
        assert f"podman --version {said}" in shown
        assert "such as --podman 6" in shown
        assert main([*command, "--podman", "6"]) == 0


@pytest.mark.parametrize("release", ["", "9", "six", "3.4"])
@pytest.mark.parametrize("command", [["explain", "nginx"], ["check"]], ids=["explain", "check"])
def test_an_empty_or_unknown_release_is_wrong_usage(
    command: list[str], release: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command, f"--podman={release}"]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert f"no rules for podman {release!r}: write 4, 5, 6 or a full number such as 5.4.2, or auto" in said


def test_a_root_without_podman_is_read_as_the_newest_release_reads_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "etc").mkdir()
    status, out, _ = run(capsys, "quay.io/x", "--root", str(tmp_path))
    assert status == 0
    assert "podman 6 pulls" in out and "Files: none" in out
    status, _, err = run(capsys, "quay.io/x", "--root", str(tmp_path / "none"))
    assert status == 1
    assert f"{tmp_path}/none: error: there is no such directory [file-missing]" in " ".join(err.split())


def test_a_podman_that_cannot_be_started_is_none(tmp_path: Path) -> None:
    program = tmp_path / "podman"
    program.write_text("#!/nonexistent\n")
    program.chmod(0o755)
    assert sources.installed_release({"PATH": str(tmp_path), "HOME": str(tmp_path)}) is None


@pytest.mark.needs("podman")
def test_auto_is_the_podman_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    version = subprocess.run(["podman", "--version"], capture_output=True, text=True, check=True).stdout
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    assert sources.installed_release(environ) == version.split()[-1]
