"""The JSON Schema of registries.conf: it is up to date, and refuses what `check` reports, and nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest
import tomli
from jsonschema import Draft7Validator

from regtools.registries.checks import check_texts, rules
from regtools.registries.reading.releases import release
from tests.conformance.test_check_cases import CASES
from tests.conftest import ROOT
from tests.registries.test_checks import FIXED, GOOD, NOT_FIXED, ROWS
from tests.support.json_schema import FILE, text

VALIDATOR = Draft7Validator(json.loads(FILE.read_text("utf-8")))
REFUSED = {code for code, rule in rules().items() if rule.schema}
SAMPLES = [
    *GOOD,
    *(row[0] for row in (*ROWS, *FIXED.values(), *NOT_FIXED.values())),
    *(text for case in CASES.values() for text in case["files"].values()),
    *(file.read_text("utf-8") for file in (ROOT / "data/registries").rglob("*.conf")),
]


def data(sample: str) -> dict[str, Any] | None:
    try:
        return tomli.loads(sample.removeprefix("\ufeff"))
    except tomli.TOMLDecodeError:
        return None


def test_the_schema_is_made_from_the_tables() -> None:
    assert FILE.read_text("utf-8") == text(), "run python -m tests.support.json_schema"
    Draft7Validator.check_schema(json.loads(text()))


def test_what_it_refuses_has_a_finding_and_what_has_none_is_valid() -> None:
    refused, differ = 0, []
    for sample in set(SAMPLES):
        if (values := data(sample)) is None:
            continue
        found = {finding.code for finding in check_texts(release("6"), [("a.conf", sample, False)]).findings}
        valid = VALIDATOR.is_valid(values)
        refused += not valid
        if (valid and found & REFUSED) or not (valid or found & {*REFUSED, "bad-alias"}):
            differ.append((sample, valid, found))
    assert differ == []
    assert 40 < refused < len(set(SAMPLES)) / 2


@pytest.mark.parametrize("code", sorted(REFUSED))
def test_the_examples_of_its_rows_are_refused_and_valid(code: str) -> None:
    assert not VALIDATOR.is_valid(data(rules()[code].bad))
    assert VALIDATOR.is_valid(data(rules()[code].good))


def test_keys_are_known_in_any_case() -> None:
    assert VALIDATOR.is_valid({"Short-Name-Mode": "disabled", "REGISTRY": [{"Location": "a.example"}]})
    assert VALIDATOR.is_valid({"short-name-mode".replace("s", "\u017f"): "disabled"})
    assert not VALIDATOR.is_valid({"Short-Name-Mode": "other"})
