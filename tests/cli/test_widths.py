"""What people read fits the screen; what they copy stays in one piece.

A line is wider than the screen only where it holds one thing that cannot be broken. What a file says and what a fix
writes are quoted as they are.
"""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest

from regtools.cli import main
from regtools.display import columns, wrapped
from regtools.registries.checks import check_texts, rules
from regtools.registries.reading.releases import release
from tests.registries.slips import SLIPS, VALID

WIDTHS = (80, pytest.param(60, marks=pytest.mark.long))
QUOTED = re.compile(r" +\d* \| ")  # a line of the file, and what stands below it
ONE_THING = re.compile(r"'[^']*'|\"[^\"]*\"|`[^`]*`|\[[^\]]*\]|\{[^}]*\}| \+?= |\(|\)")
COMMANDS = (
    "podman login reg.example",
    "podman --log-level=debug pull quay.io/team/app:1",
    "regtools check --fix /etc/containers/registries.conf",
    "regtools convert /etc/docker/daemon.json -o registries.conf",
    "regtools cache up hub",
    "regtools cache init /var/lib/hub",
    "sudo systemctl restart podman.socket",
    "sudo apt install docker-registry redis-server",
    "chmod 644 /etc/containers/registries.conf",
    "skopeo inspect docker://m.example/x --tls-verify=false",
)
STATEMENTS = (
    'unqualified-search-registries = ["quay.io", "docker.io"]',
    'credHelpers = { "quay.io" = "secretservice" }',
    "insecure = true",
    "prefix = 'a.example'",
)
QUOTES = ("'/srv/my files/registries.conf'", '"a name with blanks"', "`a b c`")


def texts() -> list[tuple[str, str, bytes | str]]:
    """Every example of the table, and every slip in some file, each with its release."""
    found: list[tuple[str, str, bytes | str]] = []
    for code, rule in rules().items():
        if isinstance(rule.bad, str):
            found.append((code, str(rule.until), rule.bad))
    for number, (name, slip) in enumerate(SLIPS.items()):
        bad = next(new for text in VALID.values() if (new := slip(text, number)) != text)
        found.append((name, "456"[number % 3], bad))
    return found


def prose(text: str, quoted: set[str]) -> list[str]:
    return [line for line in text.splitlines() if not QUOTED.match(line) and line not in quoted]


def whole(line: str) -> bool:
    """Whether a line holds one thing that cannot be broken, and perhaps the sign or word before it."""
    rest = ONE_THING.sub(lambda found: found[0].replace(" ", "_"), line.strip())
    return len(rest.split()) <= 1


@pytest.mark.parametrize("width", WIDTHS)
def test_no_line_of_check_is_wider_than_the_screen(
    width: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("HOME", "/home/user")
    monkeypatch.chdir(tmp_path)
    cut = 0
    for name, podman, text in texts():
        Path("a.conf").write_bytes(text.encode() if isinstance(text, str) else text)
        main(["check", "a.conf", "--podman", podman])
        out = capsys.readouterr().out
        findings = check_texts(release(podman), [("a.conf", Path("a.conf").read_bytes(), False)]).findings
        fixes = [fix for each in findings for fix in (each.fix, *each.alternatives) if fix]
        written = {f"    {line}".rstrip() for fix in fixes for line in fix.text.splitlines()}
        wide = [line for line in prose(out, written) if columns(line) > width and not whole(line)]
        assert wide == [], name
        said = " ".join(out.split())
        for each in findings:  # nothing is lost between the lines
            assert " ".join(each.message.split()) in said, name
        cut += any(columns(line) > width for each in findings for line in prose(str(each), written))
    assert cut > len(SLIPS)


@pytest.mark.parametrize(
    "command",
    [["explain", "docker.io/library/nginx", "-v"], ["explain", "app", "-v"], ["convert", "old.conf"]],
)
def test_no_line_of_explain_and_convert_is_wider_than_the_screen(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    Path("old.conf").write_text(
        '[registries.search]\nregistries = ["quay.io", "docker.io"]\n[registries.insecure]\nregistries = ["a.example"]\n'
        '[registries.block]\nregistries = ["all", "docker.io"]\n'
    )
    Path("new.conf").write_text(
        VALID["everything"].replace('"quay.io/team/app"', '"quay.io/team-with-a-long-name/app"')
    )
    main([*command, *(["--conf", "new.conf", "--podman", "5"] if command[0] == "explain" else [])])
    out, err = capsys.readouterr()
    assert out
    lines = prose(err, set()) + (prose(out, set()) if command[0] == "explain" else [])
    assert [line for line in lines if columns(line) > 80 and not whole(line)] == []


@pytest.mark.parametrize("one", (*COMMANDS, *STATEMENTS, *QUOTES))
def test_what_is_copied_is_never_broken(one: str) -> None:
    for before in range(40):
        text = f"{'x' * before} it {'is so ' * 5}: {one}, and then more is told about it"
        for width in (30, 60, 80):
            lines = wrapped(text, "  hint: ", "      ", width=width)
            assert [line for line in lines if one in line], (width, lines)
            assert "\0" not in "".join(lines)
            for line, after in pairwise(lines):  # no line ends before it must
                assert columns(f"{line} {after.split(', ')[0].strip()}") > width or one in after


def test_an_apostrophe_is_no_quote() -> None:
    text = "podman's file and Docker's file are two, and the machine's own file is none of these two files"
    assert all(columns(line) <= 40 for line in wrapped(text, width=40))


def test_a_path_without_room_beside_it_stands_alone() -> None:
    place = f"/{'x' * 70}/registries.conf:1:1: error: "
    lines = wrapped("this is wrong, and it is told in many words that do not fit", place, "    ", width=80)
    assert lines[0] == place.rstrip()
    assert all(columns(line) <= 80 for line in lines[1:])
