"""A pull as plain data and back again."""

from __future__ import annotations

import json

import pytest

import regtools as rt
from regtools.pull.records import Pull
from regtools.testbed import Link, Testbed


def test_a_recorded_pull_comes_back_as_it_was() -> None:
    with Testbed(mirrors={"near": Link(rtt_ms=1)}, tokens=True) as bed:
        good = rt.time_pull(bed.image("hello"), bed.conf, platform="linux/amd64")
        bad = rt.time_pull("origin.test/missing:1", bed.conf)
    assert good.ok and not bad.ok and bad.failures
    for pull in (good, bad):
        assert Pull.from_dict(json.loads(json.dumps(pull.to_dict()))) == pull


@pytest.mark.parametrize("spoil", [{"requests": [{"seq": 0}]}, {"failures": [{}]}, {"requests": None}])
def test_what_is_no_pull_is_told(spoil: dict[str, object]) -> None:
    with Testbed(mirrors={}) as bed:
        data = rt.time_pull(bed.image("small"), bed.conf).to_dict()
    with pytest.raises(rt.RegtoolsError, match="not a recorded pull") as caught:
        Pull.from_dict({**data, **spoil})
    assert caught.value.kind == "bad-record"
    with pytest.raises(rt.RegtoolsError):
        Pull.from_dict({name: value for name, value in data.items() if name != "place"})
