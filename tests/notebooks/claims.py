"""Dated claims: sentences of the chapters that hold for a release, with where each was checked.

``claims.toml`` has a row for each claim: the cell, the releases that it names, its words, and where it was checked.
``python -m tests.notebooks.claims`` writes the table again after a chapter has changed: it keeps what was checked
where cell and releases are the same, and leaves ``checked`` empty for a new claim.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import tomli

from tests.notebooks.chapters import every_chapter

TABLE = Path(__file__).with_name("claims.toml")
PRODUCTS = r"podman|buildah|skopeo|docker-registry|registry|distribution|Redis|Fedora|RHEL|Debian|Ubuntu|CentOS|TOML|crun|runc|Docker"
_VERSION = r"v?\d+(?:\.(?:\d+|x))*\b(?!:|\s*(?:MB|kB|KiB|MiB|s|ms|%|Mbit/s)(?!\w))"
RELEASE = re.compile(
    rf"\b(?P<product>{PRODUCTS})\s+(?P<version>{_VERSION}(?:(?:,? and|,? or|,)\s+{_VERSION})*)"
    r"|\b(?:since|until|up to|as of|before)\s+(?P<when>(?:version\s+)?\d+\.\d+(?:\.\d+)?|20[12]\d)\b"
)


class Claim(NamedTuple):
    """A sentence that may stop being true with the next release."""

    cell: str  # CHAPTER#CELL
    releases: tuple[str, ...]
    words: str
    checked: str = ""

    @property
    def key(self) -> tuple[str, tuple[str, ...]]:
        return self.cell, self.releases


def releases(sentence: str) -> tuple[str, ...]:
    """Return the releases that a sentence names, in order.

    >>> releases("podman 4 and 5 refuse it, since 2023.")
    ('podman 4', 'podman 5', '2023')
    """
    found: list[str] = []
    for match in RELEASE.finditer(sentence):
        if match["when"]:
            found.append(match["when"])
            continue
        versions = re.findall(r"v?\d+(?:\.(?:\d+|x))*", match["version"])
        found += [f"{match['product']} {version}" for version in versions]
    return tuple(dict.fromkeys(found))


def claims() -> Iterator[Claim]:
    """Yield the claims of all chapters, in order; what a cell shows is not a claim, and a table's row is one."""
    for chapter in every_chapter():
        for cell in chapter.cells:
            if cell.cell_type != "markdown":
                continue
            text = re.sub(r"^```.*?^```|<[^>]+>", " ", cell.source, flags=re.DOTALL | re.MULTILINE)
            for sentence in re.split(r"(?<=[.!?:])\s+|\n+(?=[|\-\d#])|\n\n+", text):
                words = " ".join(sentence.split())
                if named := releases(re.sub(r"[`*]", "", words)):
                    yield Claim(f"{chapter.path.stem}#{cell.id}", named, words)


def known() -> list[Claim]:
    """Return the rows of the table."""
    rows = tomli.loads(TABLE.read_text("utf-8"))["claim"]
    return [Claim(row["cell"], tuple(row["releases"]), row["words"], row["checked"]) for row in rows]


def written(rows: list[Claim]) -> str:
    """Return the table as TOML."""
    blocks = [
        "# Written by python -m tests.notebooks.claims; only `checked` is written by hand: the test, the release notes or the\n"
        "# program that shows it, and when.\n"
    ]
    for row in rows:
        lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in row._asdict().items()]
        blocks.append("\n".join(["[[claim]]", *lines, ""]))
    return "\n".join(blocks)


def main() -> None:
    checked = {row.key: row.checked for row in known()} if TABLE.is_file() else {}
    rows = [claim._replace(checked=checked.get(claim.key, "")) for claim in claims()]
    TABLE.write_text(written(rows), "utf-8")
    unchecked = [row for row in rows if not row.checked]
    print(f"{len(rows)} claims, {len(unchecked)} of them not checked yet")


if __name__ == "__main__":
    main()
