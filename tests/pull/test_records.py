"""A pull as plain data and back again."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator

import pytest

import regtools as rt
from regtools.pull.records import Pull
from regtools.testbed import Link, Testbed


@pytest.fixture(scope="module")
def bed() -> Iterator[Testbed]:
    with Testbed(mirrors={"near": Link(rtt_ms=1)}, tokens=True) as bed:
        yield bed


def test_a_recorded_pull_comes_back_as_it_was(bed: Testbed) -> None:
    good = rt.time_pull(bed.image("hello"), bed.conf, platform="linux/amd64")
    bad = rt.time_pull("origin.test/missing:1", bed.conf)
    assert good.ok and not bad.ok and bad.failures
    assert (good.client_cpu or 0) > 0 and bad.client_cpu is None
    for pull in (good, bad):
        assert Pull.from_dict(json.loads(json.dumps(pull.to_dict()))) == pull


def test_a_client_that_was_the_limit_is_marked(bed: Testbed) -> None:
    pull = rt.time_pull(bed.image("small"), bed.conf)
    for share, told in ((0.97, True), (0.9, False), (None, False)):
        text = str(pull.replace(client_cpu=share))
        assert ("its CPU was busy for 97% of the transfer" in text) is told


@pytest.mark.parametrize("spoil", [{"requests": [{"seq": 0}]}, {"failures": [{}]}, {"requests": None}])
def test_what_is_no_pull_is_told(bed: Testbed, spoil: dict[str, object]) -> None:
    data = rt.time_pull(bed.image("small"), bed.conf).to_dict()
    with pytest.raises(rt.RegtoolsError, match="not a recorded pull") as caught:
        Pull.from_dict({**data, **spoil})
    assert caught.value.kind == "bad-record"
    with pytest.raises(rt.RegtoolsError):
        Pull.from_dict({name: value for name, value in data.items() if name != "place"})


def test_a_row_is_a_value_made_from_its_columns(bed: Testbed) -> None:
    pull = rt.time_pull(bed.image("hello"), bed.conf)
    assert pickle.loads(pickle.dumps(pull)) == pull
    assert hash(pickle.loads(pickle.dumps(pull))) == hash(pull)
    other = pull.replace(place="elsewhere")
    assert (other.place, other.run_id) == ("elsewhere", pull.run_id)
    assert other != pull
    assert "place='elsewhere'" in repr(other)
    with pytest.raises(AttributeError):
        pull.place = "elsewhere"
    with pytest.raises(AttributeError):
        del pull.place
    cells = {name: getattr(pull, name) for name in Pull.kinds}
    with pytest.raises(TypeError, match="needs place"):
        Pull(**{name: cell for name, cell in cells.items() if name != "place"})
    with pytest.raises(TypeError, match="has no colour"):
        Pull(**cells, colour="red")
    assert Pull(**{name: cell for name, cell in cells.items() if name != "vantage"}).vantage == ""
