"""A slice of ``make fuzz`` for every run of the tests: the corpus, and mutations that hypothesis makes."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings

from tests.conftest import examples
from tests.fuzz.corpus import FOLDER, MOST_BYTES, mutations, seeds
from tests.fuzz.targets import TARGETS

# Fewer than 100 for targets whose runs cost more than some milliseconds; `make fuzz` has more time.
EXAMPLES = {"arguments": 50, "comparison": 12, "configuration": 60, "journal": 25}


def test_each_target_has_a_corpus_and_it_stays_small() -> None:
    assert {path.name for path in FOLDER.iterdir()} == set(TARGETS)
    sizes = [len(data) for name in TARGETS for data in seeds(name).values()]
    assert max(sizes) <= MOST_BYTES and sum(sizes) < 20_000


@pytest.mark.parametrize(
    ("name", "seed"), [(name, seed) for name in TARGETS for seed in seeds(name)], ids=lambda each: str(each)
)
def test_an_input_of_the_corpus_breaks_no_promise(name: str, seed: str) -> None:
    TARGETS[name].run(seeds(name)[seed])


@pytest.mark.property
@pytest.mark.parametrize("name", TARGETS)
def test_no_mutation_breaks_a_promise(name: str) -> None:
    most = examples(long=200, short=EXAMPLES.get(name, 100))

    @settings(max_examples=most, suppress_health_check=list(HealthCheck))
    @given(mutations(name))
    def check(data: bytes) -> None:
        TARGETS[name].run(data)

    check()
