"""Time grows with the input and not faster, whatever is read: files, names, headers, manifests, journals, waits.

The families of TOML are in ``tests/toml/test_growth.py``. ``make test`` runs every third family, the long run all.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout, suppress
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from regtools import RegistriesConf, RegtoolsError
from regtools.campaigns.journal import JournalWarning, read_journal
from regtools.cli import main
from regtools.display import text_table, visible, wrapped
from regtools.pull.engines.log import Story
from regtools.pull.http.tokens import parse_challenges
from regtools.pull.http.trust import proxy_for, proxy_secrets
from regtools.pull.http.values import Censor, read_date, read_seconds, read_url, read_whole
from regtools.pull.manifests import Image, read_manifest
from regtools.pull.recorder import idle
from regtools.reference import PullName, Reference
from regtools.registries.checks import check_texts
from regtools.registries.convert import convert
from regtools.registries.reading.releases import release
from tests.support.growth import assert_linear

pytestmark = pytest.mark.alone

QUAY = read_url("https://quay.io/v2/")
DIGEST = "sha256:" + "0" * 64
ENTRY = '[[registry]]\nlocation = "r{}.example"\n'


def repeated(piece: str, before: str = "", after: str = "") -> Callable[[int], str]:
    """A text of about n characters: ``piece`` again and again, ``{}`` in it replaced by a counter."""

    def make(n: int) -> str:
        return (
            before
            + "".join(piece.replace("{}", str(each)) for each in range(max(n // len(piece), 1)))
            + after
        )

    return make


def old(n: int) -> str:
    """A file in the old format of about n characters."""
    hosts = ", ".join(f'"r{each}.example"' for each in range(n // 16))
    return f"[registries.search]\nregistries = [{hosts}]\n[registries.insecure]\nregistries = [{hosts}]\n"


def docker(n: int) -> str:
    return json.dumps({"insecure-registries": [f"r{each}.example" for each in range(n // 16)],
                       "registry-mirrors": [f"https://m{each}.example" for each in range(n // 16)]})  # fmt: skip


def check(text: str) -> None:
    findings = check_texts(release("6"), [("a.conf", text, False)]).findings
    str(findings)
    findings.fixed()


def load(text: str) -> None:
    conf = RegistriesConf.from_toml(text)
    conf.resolve("r1.example/a/b/c:1")


def manifest(n: int, **more: Any) -> str:
    layers = [{"mediaType": "x", "digest": f"sha256:{each:064x}", "size": each} for each in range(n // 120)]
    return json.dumps({"schemaVersion": 2, "config": {"digest": DIGEST, "size": 1}, "layers": layers, **more})


def read_image(text: str) -> None:
    found = read_manifest(text.encode(), "", DIGEST)
    if isinstance(found, Image):
        assert found.layers_size >= 0
        assert found.blobs


def spans(n: int) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    return [(each * 2.0, each * 2.0 + 1.5) for each in range(n)], [
        (each * 2 + 1.0, each * 2 + 2.0) for each in range(n)
    ]


def log_lines(text: str) -> None:
    story = Story()
    data = text.encode()
    for at in range(0, len(data), 4096):
        story.hear(data[at : at + 4096], 0.0)
    list(story.told())


def journal(text: str, folder: Path) -> None:
    file = folder / "a.jsonl"
    file.write_text(text)
    with pytest.warns(JournalWarning):
        read_journal(file)


def run(words: list[str]) -> None:
    with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
        main(words)


ROW = json.dumps({"row": "request", "format": 1, "run_id": "x", "seq": 0}) + "\n"
SAID = 'time="x" level=debug msg="'

# name → (what reads it, what makes an input of about n units, the smallest n)
FAMILIES: dict[str, tuple[Callable[[Any], object], Callable[[int], Any], int]] = {
    # convert; 500 kB took 21 s
    "convert lists of hosts": (convert, old, 16_000),
    "convert a daemon.json": (convert, docker, 16_000),
    "convert the current format": (convert, repeated(ENTRY), 8_000),
    "convert comments": (convert, repeated("# x\n", after="[registries.search]\nregistries = ['a.example']\n"), 16_000),
    "convert one long host": (convert, repeated("a", "[registries.search]\nregistries = ['", "']\n"), 16_000),
    "convert JSON that is open": (convert, repeated("[", "{"), 4_000),
    # check; 10,000 entries took 35 times their load
    "check entries": (check, repeated(ENTRY), 4_000),
    "check entries with mirrors": (check, repeated(ENTRY + '[[registry.mirror]]\nlocation = "m{}.example"\n'), 8_000),
    "check wrong types": (check, repeated(ENTRY + 'insecure = "false"\n'), 4_000),
    "check unknown keys": (check, repeated(ENTRY + "unknown = 1\n"), 4_000),
    "check the same entry": (check, repeated('[[registry]]\nlocation = "a.example"\n'), 4_000),
    "check mirrors of one entry": (check, repeated('[[registry.mirror]]\nlocation = "m{}.example"\n', ENTRY), 4_000),
    "check aliases": (check, repeated('"a{}" = "quay.io/a/a{}"\n', "[aliases]\n"), 4_000),
    "check search registries": (check, lambda n: f"unqualified-search-registries = {[f'r{i}.example' for i in range(n // 16)]}", 8_000),
    "check wildcards": (check, repeated('[[registry]]\nprefix = "*.r{}.example"\nlocation = "a.example"\n'), 4_000),
    "check schemes": (check, repeated('[[registry]]\nlocation = "https://r{}.example"\n'), 4_000),
    "check one long location": (check, repeated("a/", "[[registry]]\nlocation = '", "'\n"), 8_000),
    # names
    "load entries and resolve": (load, repeated(ENTRY), 8_000),
    "load nested prefixes": (load, lambda n: "".join(f'[[registry]]\nlocation = "a.example/{"x/" * (i % 50)}y{i}"\n' for i in range(n // 60)), 8_000),
    "a reference of many parts": (Reference.parse, repeated("a/", "r.example/"), 8_000),
    "a reference of dots": (Reference.parse, repeated("a.", "", "a/b"), 8_000),
    "a reference of dashes": (Reference.parse, repeated("-", "r.example/a", "b"), 8_000),
    "a reference of underscores": (Reference.parse, repeated("_", "r.example/a", "!"), 8_000),
    "a reference of colons": (Reference.parse, repeated(":", "a"), 8_000),
    "a reference with a long tag": (Reference.parse, repeated("t", "a:", "!"), 8_000),
    "a reference with a long digest": (Reference.parse, repeated("0", "a@sha256:"), 8_000),
    "a reference of ats": (Reference.parse, repeated("@", "a"), 8_000),
    "a name with a transport": (PullName.parse, repeated("/", "docker:"), 8_000),
    "a name of blanks": (PullName.parse, repeated(" ", "a", "b"), 8_000),
    # headers; 40 kB took 19 s
    "a challenge of blanks": (parse_challenges, repeated(" ", "Bearer a=b", '"'), 16_000),
    "a challenge of commas": (parse_challenges, repeated(",", "Bearer a=b", '"'), 16_000),
    "a challenge of parameters": (parse_challenges, repeated("a{}=b,", "Bearer "), 16_000),
    "a challenge of schemes": (parse_challenges, repeated("Basic "), 16_000),
    "a challenge of backslashes": (parse_challenges, repeated("\\", 'Bearer a="'), 16_000),
    "a challenge of open quotes": (parse_challenges, repeated('a="', "Bearer "), 16_000),
    "a challenge of equals signs": (parse_challenges, repeated("=", "Bearer a"), 16_000),
    "an address of percent signs": (read_url, repeated("%", "https://a.example/"), 16_000),
    "an address of ats": (read_url, repeated("@", "https://"), 16_000),
    "an address of bytes": (read_url, lambda n: b"https://a.example/" + b"\xe9" * n, 16_000),
    "a number": (read_whole, repeated("1"), 16_000),
    "seconds": (read_seconds, repeated("1"), 16_000),
    "a date": (read_date, repeated(" ", "Sun, 06 Nov 1994"), 16_000),
    "no proxy rules": (lambda text: proxy_for(QUAY, {"HTTPS_PROXY": "p:1", "NO_PROXY": text}), repeated(".a{}.example,"), 16_000),
    "a proxy's password": (lambda text: list(proxy_secrets({"http_proxy": text})), repeated("#", "http://me:", "@p"), 16_000),
    "a text without secrets": (Censor(), repeated("x…"), 16_000),
    # manifests
    "a manifest of layers": (read_image, manifest, 16_000),
    "a manifest of one layer again and again": (read_image, lambda n: manifest(0, layers=[{"digest": DIGEST, "size": 1}] * (n // 100)), 16_000),
    "a manifest of addresses": (read_image, lambda n: manifest(0, layers=[{"digest": DIGEST, "size": 1, "urls": ["x"] * n}]), 16_000),
    "a manifest of annotations": (read_image, lambda n: manifest(0, annotations={f"a{i}": "x" for i in range(n // 10)}), 16_000),
    "a manifest of blanks": (read_image, repeated(" ", "{"), 16_000),
    "a manifest of lists": (read_image, repeated("[", '{"a":'), 16_000),
    "an index": (read_image, lambda n: json.dumps({"schemaVersion": 2, "manifests": [{"digest": DIGEST, "size": 1}] * (n // 100)}), 16_000),
    # arguments; argparse looks at all words again for each option: 16,000 of them took 6 s
    "arguments: options": (run, lambda n: ["bench", "a"] + ["--rounds", "1"] * n, 1_000),
    "arguments: unknown options": (run, lambda n: ["bench", "a"] + ["--unknown"] * n, 1_000),
    "arguments: options among words": (run, lambda n: ["bench"] + ["a", "--unknown"] * n, 1_000),
    "arguments: words": (run, lambda n: ["toml2json"] + ["a"] * n, 4_000),
    "arguments: one long option": (run, lambda n: ["time", "--" + "x" * n], 16_000),
    "arguments: a long number": (run, lambda n: ["time", "a", "--rounds", "1" * n], 16_000),
    "arguments: short options": (run, lambda n: ["time", "-" + "x" * n], 16_000),
    "explain one long name": (run, lambda n: ["explain", "quay.io/" + "a/" * n, "--conf", os.devnull], 4_000),
    "explain a name of control characters": (run, lambda n: ["explain", "\x1b" * n, "--conf", os.devnull], 4_000),
    # what programs say, what is shown, what waits
    "a log of lines": (log_lines, repeated(SAID + 'Trying to access \\"r.example/{}\\""\n'), 16_000),
    "a log of one line": (log_lines, repeated("x", SAID, '"\n'), 64_000),  # was: quadratic
    "a log of escapes": (log_lines, repeated('\\"', SAID, '"\n'), 64_000),
    "a log of one line that is open": (log_lines, repeated('\\"', SAID, "\n"), 64_000),
    "a log of failures": (log_lines, repeated(SAID + 'Accessing \\"r{}\\" failed: no such host"\n'), 16_000),
    "control characters": (visible, repeated("\x1b"), 16_000),
    "wrapping words": (wrapped, repeated("it is so "), 16_000),
    "wrapping open lists": (wrapped, repeated('["a '), 16_000),
    "wrapping open tables": (wrapped, repeated("a = { "), 16_000),
    "wrapping quotes": (wrapped, repeated(" '"), 16_000),
    "wrapping one long word": (wrapped, repeated("a.", "it is "), 64_000),
    "wrapping commands": (wrapped, repeated("podman -x --y=z "), 16_000),
    "wrapping one command": (wrapped, repeated(" -x a/b", "sudo podman pull"), 16_000),
    "a table": (text_table, lambda n: [["x" * 9, str(i)] for i in range(n // 10)], 8_000),
    "pauses and work": (lambda both: idle(*both), spans, 1_000),  # was: quadratic, over many repetitions
    "pauses within work": (lambda both: idle(both[0], [(0.0, 1e9)]), spans, 1_000),
    "work within pauses": (lambda both: idle([(0.0, 1e9)], both[1]), spans, 1_000),
}  # fmt: skip
SAMPLE = {
    name: pytest.param(name, marks=pytest.mark.long if number % 3 else pytest.mark.sized)
    for number, name in enumerate(FAMILIES)
}


@pytest.mark.parametrize("name", SAMPLE.values())
def test_time_grows_with_the_input_and_not_faster(name: str) -> None:
    read, make, size = FAMILIES[name]

    def call(value: object) -> None:
        with suppress(RegtoolsError):
            read(value)

    assert_linear(call, make, size=size)


JOURNALS = {
    "rows without a pull": repeated(ROW),
    "rows that are torn": repeated('{"row"\n'),
    "rows of lists": repeated("[[[[\n"),
    "a row of text": repeated("x", '{"row": "', '"}'),
    "empty rows": repeated("{}" + 30 * " " + "\n"),  # more than 100,000 lines that are no rows are refused
}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(each, marks=pytest.mark.sized if each == "rows that are torn" else pytest.mark.long)
        for each in JOURNALS
    ],
)
def test_a_journal_is_read_in_time_that_grows_with_it(name: str, tmp_path: Path) -> None:
    assert_linear(lambda text: journal(text, tmp_path), JOURNALS[name], size=30_000)
