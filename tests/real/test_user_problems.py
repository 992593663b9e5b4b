"""Problems that people really had with files: real podman reads each as `check` says, before and after its fixes.

The fixes of a file, each alone and all together, are applied. Podman loads what they make, and pulls the image that the
person wanted and the names that ``effect`` speaks of: it must try the places that ``effect`` states.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from regtools.registries.checks import Report, check_texts
from regtools.registries.reading.releases import release
from tests.conformance.test_answers_fixes import COMES
from tests.conformance.test_user_problems import PROBLEMS
from tests.real.generate import MAIN, Configuration
from tests.real.test_differential import lay_out, our_answer, podman_answers
from tests.support.loading import refusals
from tests.support.offline import offline
from tests.support.podman import Engine, engine

pytestmark = pytest.mark.needs("podman", "skopeo")

# In the short run the oldest release loads, and the newest pulls.
OLDEST = ["4.3", pytest.param("5.4", marks=pytest.mark.long), pytest.param("6.1", marks=pytest.mark.long)]
NEWEST = [pytest.param("4.3", marks=pytest.mark.long), pytest.param("5.4", marks=pytest.mark.long), "6.1"]
TEXTS = {
    (name, file): text
    for name, problem in PROBLEMS.items()
    for file, text in problem["reproduction"]["files"].items()
    if file.endswith(".conf")
}


def checked(text: str, podman: str) -> Report:
    return check_texts(release(podman), [("registries.conf", text, False)])


def mended(podman: str) -> dict[str, dict[str, dict[str, tuple[str, ...]]]]:
    """Problem → text that a fix, an alternative or all fixes make → name → places that its effect states."""
    made: dict[str, dict[str, dict[str, tuple[str, ...]]]] = {}
    for (name, _), text in TEXTS.items():
        findings = checked(text, podman).findings
        own = [(findings.fixed()["registries.conf"], each.fix) for each in findings if each.fix]
        own += [(fix.apply(text), fix) for each in findings for fix in each.alternatives]
        for new, fix in own:
            places = made.setdefault(name, {}).setdefault(new, {})
            for image, told in COMES.findall(fix.effect or ""):
                places[image] = tuple(told.split(", then "))
    return made


def hosts() -> set[str]:
    """Every host that a problem, its files or an effect names."""
    told = [
        place
        for podman in ("4", "5", "6")
        for texts in mended(podman).values()
        for places in texts.values()
        for image, sources in places.items()
        for place in (image, *sources)
    ]
    images = [problem["reproduction"]["image"] for problem in PROBLEMS.values()]
    named = {place.partition("/")[0].partition(":")[0] for place in (*told, *images) if "/" in place}
    return named | {"docker.io", "registry-1.docker.io"}


@pytest.fixture(scope="module")
def real(request: pytest.FixtureRequest) -> Iterator[Engine]:
    with engine(request.param) as made, offline(made, sorted(hosts())) as real:
        yield real


@pytest.mark.parametrize("real", OLDEST, indirect=True)
def test_podman_refuses_the_files_that_check_refuses_and_loads_every_mended_one(real: Engine) -> None:
    podman = real.release[0]
    new = [text for texts in mended(podman).values() for text in texts]
    texts = [*TEXTS.values(), *new]
    said = refusals(real, texts)
    wrong = [
        (text, no) for text, no in zip(texts, said, strict=True) if checked(text, podman).stops != bool(no)
    ]
    assert wrong == []
    assert not any(said[len(TEXTS) :])
    assert sum(map(bool, said)) == 2  # the value without quotes, and the two formats in one file


@pytest.mark.parametrize("real", NEWEST, indirect=True)
def test_podman_tries_the_places_that_the_effect_of_a_fix_states(real: Engine) -> None:
    podman, compared, differ = real.release[0], 0, []
    made = mended(podman)
    assert len(made) == 4
    for name, texts in made.items():
        image = PROBLEMS[name]["reproduction"]["image"]
        for text, told in texts.items():
            lay_out(real, Configuration({MAIN: text}, ()))
            answers = podman_answers(real, (image, *told))
            ours = our_answer(real, image)
            if answers[0] != ours:
                differ.append((name, image, answers[0], ours))
            for (other, places), answer in zip(told.items(), answers[1:], strict=True):
                compared += 1
                tried = tuple(
                    place.removesuffix(":latest") + (" (plain HTTP allowed)" if how != "https" else "")
                    for place, how in answer.places
                )
                if tried != places:
                    differ.append((name, other, answer, places))
    assert differ == []
    assert compared >= 4
