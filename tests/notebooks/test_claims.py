"""Each dated claim is in the table, so that the next edition can check all of them again."""

from __future__ import annotations

import pytest

from tests.notebooks.claims import Claim, claims, known, releases, written

MOST_UNCHECKED = 0  # write into claims.toml where a new claim was checked


def test_the_table_has_every_dated_claim_and_no_other() -> None:
    rows, found = {row.key: row for row in known()}, {claim.key: claim for claim in claims()}
    new = [f"{claim.cell}: {claim.words}" for key, claim in found.items() if key not in rows]
    gone = [f"{row.cell}: {', '.join(row.releases)}" for key, row in rows.items() if key not in found]
    assert not new + gone, "\n".join(
        ["run python -m tests.notebooks.claims, then check what is new:", *new, *gone]
    )


def test_every_claim_says_where_it_was_checked() -> None:
    unchecked = [f"{row.cell}: {row.words}" for row in known() if not row.checked]
    assert len(unchecked) <= MOST_UNCHECKED, "\n".join(unchecked)


@pytest.mark.parametrize(
    "sentence, named",
    [
        ("podman 4, 5 and 6 agree.", ("podman 4", "podman 5", "podman 6")),
        (
            "A cold cache (docker-registry 2.8.2), and registry 3.x.",
            ("docker-registry 2.8.2", "registry 3.x"),
        ),
        (
            "Fedora 41 and RHEL 10 ship it; Debian 12 or 13 does not.",
            ("Fedora 41", "RHEL 10", "Debian 12", "Debian 13"),
        ),
        ("It is so since 4.4, or until 2026.", ("4.4", "2026")),
        ("a registry 60 ms away sends 3 MB", ()),
        ("registry:2 and redis:7 are images", ()),
        ("podman reads 3 files and 10 lines", ()),
        ("TOML 1.0 and 1.1", ("TOML 1.0", "TOML 1.1")),
    ],
)
def test_a_sentence_that_names_a_release_is_a_claim(sentence: str, named: tuple[str, ...]) -> None:
    assert releases(sentence) == named


def test_the_table_is_written_as_it_is_read() -> None:
    import tomli

    rows = [Claim("00-x#y", ("podman 6",), 'says "so" — ü', "tests/real/test_x.py")]
    (row,) = tomli.loads(written(rows))["claim"]
    assert Claim(row["cell"], tuple(row["releases"]), row["words"], row["checked"]) == rows[0]
